"""Taking: from the plan to the last resort, every amount exact and nobody made worse than needed.

A liquidating account is planned against the depth that stands now; the orders that follow are
effects, and their answers come back as `Filled` events through the same door. When nothing is left
to sell, what is still owed goes down the waterfall: insurance fund, then shared loss. Positions
that the fund could not afford to wind down are deleveraged before.
"""

from __future__ import annotations

from collections.abc import Mapping

from seawall.engine.deleverage import deleverage_account, unrealised_gains
from seawall.engine.effect import FundPaid, Liquidated, LossShared, OrderWanted, Reason, State, Uncovered
from seawall.engine.event import Filled
from seawall.engine.state import INSURANCE_FUND, MARKET, OpenOrder, Venue
from seawall.engine.trading import exchange, fold
from seawall.ledger import Cause
from seawall.liquidation import Exit, Order, bankruptcy_price, cover, liquidation_fee, plan
from seawall.margin import ExactRequirement
from seawall.market import Kind
from seawall.money import RATIO_ONE, Rounding, divide, multiply_ratio


def liquidate(venue: Venue, account: int) -> None:
    """Take the next step for an account in liquidation, unless it waits for an answer.

    The step sells no more than restores the initial margin, and no more than the book's depth
    takes near the mark. An account with nothing left to sell is wound up.
    """
    if venue.waiting.get(account):
        return
    verdict = venue.judge(account)
    contracts = venue.open_contracts(account)
    if contracts and verdict.margin_equity >= verdict.initial:
        venue.change_state(account, State.HEALTHY, verdict)
    elif contracts:
        out_of_reach = verdict.equity < 0 and not _fund_can_carry(venue, account, verdict)
        if out_of_reach and deleverage_account(venue, account):
            liquidate(venue, account)
        else:
            _order(venue, account, verdict)
    else:
        _close(venue, account)


def _close(venue: Venue, account: int) -> None:
    """No contract is left: realise the quotes, then repay what is owed, by selling coins if need be."""
    fold_quotes(venue, account)
    verdict = venue.judge(account)
    if all(atoms >= 0 for _, atoms in venue.ledger.rows(account)):
        venue.change_state(account, State.CLOSED, verdict)
    elif verdict.margin_equity >= verdict.initial:
        # A debt that its collateral covers after haircuts: an ordinary borrower again.
        venue.change_state(account, State.HEALTHY, verdict)
    elif _has_coin_to_sell(venue, account):
        _order(venue, account, verdict)
    else:
        wind_up(venue, account)


def fill(venue: Venue, event: Filled) -> Reason | None:
    """The answer to an order: lots and cash change hands with the street, the fee is taken.

    The fee pays the fund that stands behind everybody. It is capped at what the account still has,
    so that a fee never makes an account bankrupt.
    """
    order = venue.orders.get(event.order)
    if order is None:
        return Reason.UNKNOWN_ORDER
    if not 0 <= event.lots <= abs(order.lots):
        return Reason.AMOUNT_NOT_POSITIVE
    if event.lots and event.price <= 0:
        return Reason.PRICE_NOT_POSITIVE
    del venue.orders[event.order]
    _count_waiting(venue, order.account, -1)
    missed = abs(order.lots) - event.lots
    if missed:
        # The book has nothing at this account's limit now; it is asked again at the next price.
        venue.used_depth[order.instrument, order.lots > 0] -= missed
        venue.unmet.add((order.account, order.instrument))
    if event.lots:
        _book_fill(venue, order, event)
    if not venue.waiting.get(order.account):
        liquidate(venue, order.account)
    return None


def _book_fill(venue: Venue, order: OpenOrder, event: Filled) -> None:
    buyer, seller = (order.account, MARKET) if order.lots > 0 else (MARKET, order.account)
    cash = exchange(
        venue, order.instrument, buyer, seller, event.lots, event.price, Cause.LIQUIDATION
    )
    catalogue = venue.catalogue
    settle = catalogue.coin(catalogue.instruments[order.instrument].settle)
    notional = venue.worth(settle, abs(cash))
    fee = liquidation_fee(notional, venue.rates.fee, venue.judge(order.account).equity)
    price = venue.snapshot.price[settle]
    fee_atoms = fee * catalogue.coins[settle].one // price
    venue.move(settle, order.account, INSURANCE_FUND, fee_atoms, Cause.FEE)
    left = venue.ledger.balance(order.account, catalogue.lot_asset[order.instrument])
    venue.effects.append(
        Liquidated(
            account=order.account,
            order=event.order,
            instrument=order.instrument,
            lots=event.lots if order.lots > 0 else -event.lots,
            price=event.price,
            notional=notional,
            fee=venue.worth(settle, fee_atoms),
            full=left == 0,
        )
    )


def _order(venue: Venue, account: int, verdict: ExactRequirement) -> None:
    number = int(venue.method[account])
    rows = venue.ledger.rows(account)
    exits = _exits(venue, account, rows)
    if not exits:
        return
    order = Order(venue.rulebook.liquidation.order)
    made = plan(rows, venue.tables.exact(number), venue.methods[number], exits, order)
    for close in made.closes:
        instrument, lots = _instrument_to_close(venue, account, close.asset, close.lots)
        if lots == 0:
            continue
        limit = _limit(venue, rows, number, instrument, lots, verdict)
        used = venue.used_depth
        used[instrument, lots > 0] = used.get((instrument, lots > 0), 0) + abs(lots)
        venue.orders[venue.next_order] = OpenOrder(account, instrument, lots, limit)
        _count_waiting(venue, account, 1)
        venue.effects.append(
            OrderWanted(
                order=venue.next_order,
                account=account,
                instrument=instrument,
                lots=lots,
                limit=limit,
            )
        )
        venue.next_order += 1


def _exits(venue: Venue, account: int, rows: list[tuple[int, int]]) -> Mapping[int, Exit]:
    """Where each row could be closed: what receives the cash, how much the book takes, the cost."""
    cost_ratio = venue.rates.slippage + venue.rates.fee
    table = venue.tables.exact(0)
    exits: dict[int, Exit] = {}
    for asset, held in rows:
        row = venue.catalogue.assets[asset]
        if row.kind is Kind.QUOTE:
            continue
        if row.kind is Kind.CURRENCY:
            instrument = venue.spot.get(asset, -1)
            if instrument < 0:
                continue
            lot, turnover = venue.catalogue.instruments[instrument].lot, table.value[asset]
        else:
            instrument, lot, turnover = row.instrument, 1, table.notional[asset]
        if (account, instrument) in venue.unmet:
            continue
        left = _depth_left(venue, instrument, held < 0)
        if left > 0:
            cash = venue.catalogue.cash_asset[instrument]
            exits[asset] = Exit(cash=cash, lots=left * lot, cost=turnover * cost_ratio)
    return exits


def _depth_left(venue: Venue, instrument: int, buys: bool) -> int:
    if instrument >= len(venue.snapshot.depth):
        return 0
    bid, ask = venue.snapshot.depth[instrument]
    shown = multiply_ratio(ask if buys else bid, venue.rates.depth_share, Rounding.DOWN)
    return shown - venue.used_depth.get((instrument, buys), 0)


def _instrument_to_close(venue: Venue, account: int, asset: int, lots: int) -> tuple[int, int]:
    """The instrument and signed lots of a close; a coin's atoms become whole spot lots.

    A sale rounds up to cover what is owed, but never beyond what the account holds.
    """
    row = venue.catalogue.assets[asset]
    if row.kind is not Kind.CURRENCY:
        return row.instrument, lots
    instrument = venue.spot[asset]
    lot = venue.catalogue.instruments[instrument].lot
    whole = divide(abs(lots), lot, Rounding.UP)
    if lots > 0:
        return instrument, whole
    return instrument, -min(whole, venue.ledger.balance(account, asset) // lot)


def _limit(
    venue: Venue,
    rows: list[tuple[int, int]],
    method: int,
    instrument: int,
    lots: int,
    verdict: ExactRequirement,
) -> int:
    """The worst acceptable average price of an order.

    The greatest slippage of the rules, and for a solvent account not beyond its bankruptcy price:
    what the book would cost beyond that is the fund's, and the fund enters only when equity is gone.
    """
    buys = lots > 0
    mark = venue.mark(instrument)
    slippage = venue.rates.slippage
    tick = venue.catalogue.instruments[instrument].tick
    factor = RATIO_ONE + slippage if buys else RATIO_ONE - slippage
    limit = multiply_ratio(mark, factor, Rounding.UP if buys else Rounding.DOWN)
    asset = venue.catalogue.lot_asset[instrument]
    if verdict.equity > 0 and venue.catalogue.assets[asset].kind is not Kind.CURRENCY:
        worst = bankruptcy_price(rows, venue.tables.exact(method), asset, venue.catalogue)
        limit = min(limit, worst) if buys else max(limit, worst)
    if buys:
        return max(tick, limit // tick * tick)
    return max(tick, -(-limit // tick) * tick)


def fold_quotes(venue: Venue, account: int) -> None:
    """Once a contract is closed, its quote is realised: turn it into cash."""
    for asset, atoms in venue.ledger.rows(account):
        row = venue.catalogue.assets[asset]
        if row.kind is Kind.QUOTE:
            fold(venue, account, asset, row.currency, atoms)


def wind_up(venue: Venue, account: int) -> None:
    """Nothing is left to sell: what is still owed goes down the waterfall, in kind.

    The insurance fund pays from the same coin. What it cannot pay is shared by those who gained
    from the other side, in proportion to their gains and never beyond them: their profit was the
    account's loss, and it was not there to be paid.
    """
    owed = [(coin, -atoms) for coin, atoms in venue.ledger.rows(account) if atoms < 0]
    verdict = venue.judge(account)
    for coin, deficit in owed:
        gains = []
        if deficit > venue.ledger.balance(INSURANCE_FUND, coin):
            gains = [(bearer, gain, gain) for bearer, gain in unrealised_gains(venue, coin)]
        covered = cover(deficit, max(0, venue.ledger.balance(INSURANCE_FUND, coin)), gains)
        venue.move(coin, INSURANCE_FUND, account, covered.fund_pays, Cause.INSURANCE)
        if covered.fund_pays:
            venue.effects.append(
                FundPaid(account=account, atoms=venue.worth(coin, covered.fund_pays))
            )
        shared = 0
        for bearer, atoms in covered.shared:
            venue.move(coin, bearer, account, atoms, Cause.SHARED_LOSS)
            venue.shaken.add(bearer)
            shared += atoms
        if shared:
            venue.effects.append(
                LossShared(
                    account=account, atoms=venue.worth(coin, shared), bearers=len(covered.shared)
                )
            )
        if covered.uncovered:
            venue.effects.append(
                Uncovered(account=account, coin=coin, atoms=covered.uncovered)
            )
    venue.change_state(account, State.BANKRUPT if owed else State.CLOSED, verdict)


def _fund_can_carry(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    """Whether the fund could pay what winding the account down on the book would leave."""
    table = venue.tables.exact(int(venue.method[account]))
    turnover = sum(abs(lots) * table.notional[a] for a, lots in venue.open_contracts(account))
    cost = multiply_ratio(turnover, venue.rates.slippage, Rounding.UP)
    return venue.fund_worth() >= cost - verdict.equity


def _has_coin_to_sell(venue: Venue, account: int) -> bool:
    rows = venue.ledger.rows(account)
    negative = [asset for asset, atoms in rows if atoms < 0]
    if not negative:
        return False
    for asset, atoms in rows:
        if atoms > 0 and asset in venue.spot:
            if atoms >= venue.catalogue.instruments[venue.spot[asset]].lot:
                return True
        elif atoms > 0 and any(other in venue.spot for other in negative):
            return True
    return False


def _count_waiting(venue: Venue, account: int, step: int) -> None:
    count = venue.waiting.get(account, 0) + step
    if count:
        venue.waiting[account] = count
    else:
        venue.waiting.pop(account, None)

