"""Taking: from the plan to the last resort, every amount exact and nobody made worse than needed.

A liquidating account is planned against the depth that stands now; the orders that follow are
effects, and their answers come back as `Filled` events through the same door. When nothing is left
to sell, what is still owed goes down the waterfall: insurance fund, then shared loss. Positions
that the fund could not afford to wind down are deleveraged before.
"""

from __future__ import annotations

from collections.abc import Mapping

from seawall.engine.convert import convert
from seawall.engine.deleverage import deleverage_account, unrealised_gains
from seawall.engine.effect import (
    FundPaid,
    Liquidated,
    LossShared,
    Reason,
    State,
    Uncovered,
)
from seawall.engine.event import Filled
from seawall.engine.orders import answered, depth_left, slipped, want
from seawall.engine.state import CLEARING, INSURANCE_FUND, MARKET, OpenOrder, Venue
from seawall.engine.trading import exchange, fold
from seawall.ledger import Cause
from seawall.liquidation import (
    Close,
    Exit,
    Order,
    bankruptcy_price,
    cover,
    liquidation_fee,
    plan,
    share_pro_rata,
)
from seawall.margin import ExactRequirement
from seawall.market import Kind
from seawall.money import Rounding, multiply_ratio


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


def can_move(venue: Venue, account: int, equity: float) -> bool:
    """Whether an account in liquidation could do anything now; `equity` is the screen's.

    It cannot where the book has nothing for its contracts and its wind-down is the fund's to carry.
    Only a filter: what is then taken is decided by exact verdicts.
    """
    sides = venue.sides(account)
    for side in sides:
        if depth_left(venue, side.instrument, side.buys) > 0:
            return True
    return not sides or equity - 1.0 < _wind_down_cost(venue, account) - venue.fund_worth()


def _close(venue: Venue, account: int) -> None:
    """No contract is left: realise the quotes, then repay what is owed."""
    fold_quotes(venue, account)
    verdict = venue.judge(account)
    if all(atoms >= 0 for _, atoms in venue.ledger.rows(account)):
        venue.change_state(account, State.CLOSED, verdict)
    elif verdict.margin_equity >= verdict.initial:
        # A debt that its collateral covers after haircuts: an ordinary borrower again.
        venue.change_state(account, State.HEALTHY, verdict)
    elif not convert(venue, account):
        wind_up(venue, account)


def fill(venue: Venue, event: Filled) -> Reason | None:
    """The answer to an order: lots and cash change hands with the street, the fee is taken.

    The fee pays the fund that stands behind everybody. It is capped at what the account still has,
    so that a fee never makes an account bankrupt.
    """
    wanted = venue.orders.get(event.order)
    if wanted is None:
        return Reason.UNKNOWN_ORDER
    if not 0 <= event.lots <= abs(wanted.lots):
        return Reason.AMOUNT_NOT_POSITIVE
    if event.lots and event.price <= 0:
        return Reason.PRICE_NOT_POSITIVE
    order = answered(venue, event.order, event.lots)
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
    closes = made.closes
    if not made.restores:
        # Nothing that can be sold now restores the account, so its risk goes as far as it can.
        closes = tuple(
            Close(
                asset, -min(held, exits[asset].lots) if held > 0 else min(-held, exits[asset].lots)
            )
            for asset, held in rows
            if asset in exits
        )
    for close in closes:
        instrument, lots = venue.catalogue.assets[close.asset].instrument, close.lots
        want(venue, account, instrument, lots, _limit(venue, account, instrument, lots, verdict))


def _exits(venue: Venue, account: int, rows: list[tuple[int, int]]) -> Mapping[int, Exit]:
    """Where each row could be closed: what receives the cash, how much the book takes, the cost."""
    cost_ratio = venue.rates.slippage + venue.rates.fee
    table = venue.tables.exact(0)
    exits: dict[int, Exit] = {}
    for asset, held in rows:
        row = venue.catalogue.assets[asset]
        if row.kind < Kind.LINEAR or (account, row.instrument) in venue.unmet:
            continue
        left = depth_left(venue, row.instrument, held < 0)
        if left > 0:
            cash = venue.catalogue.cash_asset[row.instrument]
            exits[asset] = Exit(cash=cash, lots=left, cost=table.notional[asset] * cost_ratio)
    return exits


def _limit(
    venue: Venue, account: int, instrument: int, lots: int, verdict: ExactRequirement
) -> int:
    """The worst acceptable average price of an order.

    The greatest slippage of the rules, and for a solvent account first not beyond its bankruptcy
    price: what the book costs beyond that is the fund's. If nobody takes it there, the account is
    as good as bankrupt, and waiting only makes the fund's part larger: so the next order may go on.
    """
    buys = lots > 0
    limit = slipped(venue, instrument, buys)
    if verdict.equity > 0 and not (
        account in venue.missed and _fund_can_carry(venue, account, verdict)
    ):
        asset = venue.catalogue.lot_asset[instrument]
        table = venue.tables.exact(int(venue.method[account]))
        worst = bankruptcy_price(venue.ledger.rows(account), table, asset, venue.catalogue)
        limit = min(limit, worst) if buys else max(limit, worst)
    return limit


def fold_quotes(venue: Venue, account: int) -> None:
    """Once a contract is closed, its quote is realised: turn it into cash."""
    for asset, atoms in venue.ledger.rows(account):
        row = venue.catalogue.assets[asset]
        if row.kind is Kind.QUOTE:
            fold(venue, account, asset, row.currency, atoms)


def wind_up(venue: Venue, account: int) -> None:
    """Nothing is left to sell: the insurance fund pays what is still owed, from the same coin.

    The fund was paid in for this, so it goes first. What it cannot pay is carried by the clearing
    account until the orders of the moment are answered, and shared then: see `share_losses`.
    """
    owed = [(coin, -atoms) for coin, atoms in venue.ledger.rows(account) if atoms < 0]
    verdict = venue.judge(account)
    for coin, deficit in owed:
        paid, _, left = cover(deficit, venue.ledger.balance(INSURANCE_FUND, coin))
        venue.move(coin, INSURANCE_FUND, account, paid, Cause.INSURANCE)
        if paid:
            venue.effects.append(FundPaid(account=account, atoms=venue.worth(coin, paid)))
        if left:
            venue.move(coin, CLEARING, account, left, Cause.SHARED_LOSS)
            venue.unshared.append((account, coin, left))
    venue.change_state(account, State.BANKRUPT if owed else State.CLOSED, verdict)


def share_losses(venue: Venue) -> None:
    """The last resort: those who gained from the other side bear what nobody else could pay.

    In proportion to their gains and never beyond them: their profit was the bankrupt accounts'
    loss, and it was not there to be paid. All losses of a moment are shared at once, so that nobody
    bears more for being first in the list. What even the gains cannot bear goes back to the
    accounts that owe it, latest first, and stays there in sight.
    """
    losses, venue.unshared = venue.unshared, []
    for coin in sorted({coin for _, coin, _ in losses}):
        mine = [(account, atoms) for account, owed_in, atoms in losses if owed_in == coin]
        gains = [(bearer, gain, gain) for bearer, gain in unrealised_gains(venue, coin)]
        shared, left = share_pro_rata(sum(atoms for _, atoms in mine), gains)
        for bearer, atoms in shared:
            venue.move(coin, bearer, CLEARING, atoms, Cause.SHARED_LOSS)
            venue.shaken.add(bearer)
        for account, atoms in reversed(mine):
            back = min(left, atoms)
            left -= back
            venue.move(coin, account, CLEARING, back, Cause.SHARED_LOSS)
            worth = venue.worth(coin, atoms - back)
            if atoms > back:
                venue.effects.append(LossShared(account=account, atoms=worth, bearers=len(shared)))
            if back:
                venue.effects.append(Uncovered(account=account, coin=coin, atoms=back))


def _fund_can_carry(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    """Whether the fund could pay what winding the account down on the book would leave."""
    return venue.fund_worth() >= _wind_down_cost(venue, account) - verdict.equity


def _wind_down_cost(venue: Venue, account: int) -> int:
    """Closing every contract at the greatest slippage, numeraire atoms."""
    notional = venue.tables.exact(0).notional
    turnover = 0
    for side in venue.sides(account):
        turnover += side.lots * notional[side.asset]
    return multiply_ratio(turnover, venue.rates.slippage, Rounding.UP)
