"""Taking: from the plan to the last resort, every amount exact and nobody made worse than needed.

A liquidating account is planned against the depth that stands now; the orders that follow are
effects, and their answers come back as `Filled` events through the same door. When nothing is left
to sell, what is still owed goes down the waterfall: insurance fund, then shared loss. Positions
that the fund could not afford to wind down are deleveraged before.
"""

from __future__ import annotations

from collections.abc import Mapping

from seawall.engine.effect import (
    ExitFilled,
    Liquidated,
    Reason,
    State,
)
from seawall.engine.event import Filled
from seawall.engine.liquidating import auctions, taking, ways, whole
from seawall.engine.losses.backstop import take_over
from seawall.engine.losses.deleverage import deleverage_account
from seawall.engine.losses.waterfall import wind_up
from seawall.engine.posting.convert import convert
from seawall.engine.posting.funds import ready_for
from seawall.engine.posting.orders import answered, depth_left, slipped, want
from seawall.engine.posting.trading import exchange, fold
from seawall.engine.state import MARKET, OpenOrder, Venue
from seawall.engine.watching import gate
from seawall.ledger import Cause
from seawall.liquidation import (
    AtOracle,
    Exit,
    Fillable,
    bankruptcy_price,
    fillable_price,
)
from seawall.liquidation.exits import Side as Way
from seawall.margin import ExactRequirement, Rows
from seawall.market import Kind
from seawall.money import Rounding, multiply_ratio


def liquidate(venue: Venue, account: int) -> None:
    """Take the next steps for an account in liquidation, until it waits for an answer.

    A step sells no more than restores the initial margin, and no more than the book's depth takes
    near the mark. An account with nothing left to sell is wound up.
    """
    while _takes_a_step(venue, account):
        pass  # What was taken at once changed the account, so there may be a next step.


def _takes_a_step(venue: Venue, account: int) -> bool:
    """Take one step; False where there is no next one now."""
    if venue.waiting.get(account) or not gate.may_liquidate(venue, account):
        return False
    verdict = venue.judge(account)
    contracts = venue.open_contracts(account)
    if account in venue.offers.of:
        if verdict.margin_equity < verdict.initial:
            return False
        auctions.withdraw(venue, account)
    if account in venue.offers.whole and whole.goes_on(venue, account, verdict):
        return False
    if contracts and verdict.margin_equity >= verdict.initial:
        venue.change_state(account, State.HEALTHY, verdict)
        return False
    if contracts and whole.offer_account(venue, account):
        return False
    if contracts and take_over(venue, account, verdict):
        return True
    if contracts:
        out_of_reach = verdict.equity < 0 and not _fund_can_carry(venue, account, verdict)
        if out_of_reach and deleverage_account(venue, account):
            return True
        return _order(venue, account, verdict)
    _close(venue, account)
    return False


def can_move(venue: Venue, account: int, equity: float) -> bool:
    """Whether an account in liquidation could do anything now; `equity` is the screen's least.

    It cannot where the book has nothing for its contracts and its wind-down is the fund's to carry.
    Only a filter: what is then taken is decided by exact verdicts.
    """
    if account in venue.offers.of:
        return False
    if venue.rulebook.auctions.account is not None:
        return True
    if venue.rulebook.backstop is not None:
        return True
    sides = venue.sides(account)
    for side in sides if taking.room(venue) > 0 else ():
        if depth_left(venue, side.instrument, side.buys) > 0:
            return True
        if ways.way_out(venue, account, side.instrument, side.buys):
            return True
    return not sides or equity - 1.0 < _wind_down_cost(venue, account) - ready_for(venue, account)


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
    lacked = taking.missing(venue, order.account)
    buyer, seller = (order.account, MARKET) if order.lots > 0 else (MARKET, order.account)
    cash = exchange(
        venue, order.instrument, buyer, seller, event.lots, event.price, Cause.LIQUIDATION
    )
    catalogue = venue.catalogue
    settle = catalogue.coin(catalogue.instruments[order.instrument].settle)
    notional = venue.worth(settle, abs(cash))
    cost = taking.book(venue, order.account, order.instrument, notional, MARKET, lacked)
    left = venue.ledger.balance(order.account, catalogue.lot_asset[order.instrument])
    venue.effects.append(
        Liquidated(
            account=order.account,
            order=event.order,
            instrument=order.instrument,
            lots=event.lots if order.lots > 0 else -event.lots,
            price=event.price,
            notional=notional,
            fee=cost.fee,
            reward=cost.reward,
            full=left == 0,
        )
    )


def _order(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    """Offer what the next step closes; True where some of it was taken at once."""
    exits = _exits(venue, account, venue.rows(account))
    if not exits:
        return False
    before = len(venue.effects)
    for close in taking.closes(venue, account, verdict, exits):
        instrument, lots = venue.catalogue.assets[close.asset].instrument, close.lots
        _send(venue, account, instrument, lots, _limit(venue, account, instrument, lots, verdict))
    return any(isinstance(told, ExitFilled) for told in venue.effects[before:])


def _send(venue: Venue, account: int, instrument: int, lots: int, limit: int) -> None:
    """Let the market's way out have the lots, and the book what that leaves."""
    side = Way.BUY if lots > 0 else Way.SELL
    if auctions.offer(venue, account, instrument, side, abs(lots), limit):
        return
    left = ways.ask_at_once(venue, account, instrument, side, abs(lots), limit)
    left = min(left, depth_left(venue, instrument, lots > 0))
    if left > 0:
        want(venue, account, instrument, left * side, limit)


def _exits(venue: Venue, account: int, rows: Rows) -> Mapping[int, Exit]:
    """Where each row could be closed: what receives the cash, how much the book takes, the cost."""
    cost_ratio = venue.rates.away + venue.rates.fee
    table = venue.tables.exact(0)
    exits: dict[int, Exit] = {}
    for asset, held in rows:
        row = venue.catalogue.assets[asset]
        if row.kind < Kind.LINEAR or (account, row.instrument) in venue.unmet:
            continue
        left = ways.room(venue, account, row.instrument, held)
        if left > 0:
            cash = venue.catalogue.cash_asset[row.instrument]
            exits[asset] = Exit(cash=cash, lots=left, cost=table.notional[asset] * cost_ratio)
    return exits


def _limit(
    venue: Venue, account: int, instrument: int, lots: int, verdict: ExactRequirement
) -> int:
    """The worst acceptable average price of an order.

    Never beyond the greatest slippage of the rules. Under `bankruptcy` a solvent account's first
    order is not beyond its bankruptcy price: what the book costs beyond that is the fund's. Under
    `fillable` it is not beyond the fillable price, and not beyond the bankruptcy price either where
    the fund could not carry it. If nobody takes it there, the account is as good as bankrupt, and
    waiting only makes the fund's part larger: so the next order may go on. An oracle's price is the
    same for everybody and gives way to nothing.
    """
    buys = lots > 0
    limit = slipped(venue, instrument, buys, venue.rates.away)
    rule = venue.rulebook.liquidation.price
    if isinstance(rule, AtOracle):
        return limit
    if account in venue.missed and _fund_can_carry(venue, account, verdict):
        return limit
    number = int(venue.method[account])
    rows, table = venue.rows(account), venue.tables.exact(number)
    asset = venue.catalogue.lot_asset[instrument]
    bounds = [limit]
    if isinstance(rule, Fillable):
        terms = (rows, table, venue.methods[number], asset, venue.catalogue, verdict)
        bounds.append(fillable_price(rule, *terms))
    if verdict.equity >= 0 and not (
        isinstance(rule, Fillable) and _fund_can_carry(venue, account, verdict)
    ):
        bounds.append(bankruptcy_price(rows, table, asset, venue.catalogue))
    return min(bounds) if buys else max(bounds)


def fold_quotes(venue: Venue, account: int) -> None:
    """Once a contract is closed, its quote is realised: turn it into cash."""
    for asset, atoms in venue.ledger.rows(account):
        row = venue.catalogue.assets[asset]
        if row.kind is Kind.QUOTE:
            fold(venue, account, asset, row.currency, atoms)


def _fund_can_carry(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    """Whether the funds could pay what winding the account down on the book would leave."""
    return ready_for(venue, account) >= _wind_down_cost(venue, account) - verdict.equity


def _wind_down_cost(venue: Venue, account: int) -> int:
    """Closing every contract at the greatest slippage, numeraire atoms."""
    notional = venue.tables.exact(0).notional
    turnover = 0
    for side in venue.sides(account):
        turnover += side.lots * notional[side.asset]
    return multiply_ratio(turnover, venue.rates.slippage, Rounding.UP)
