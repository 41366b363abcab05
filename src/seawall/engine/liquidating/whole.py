"""Selling shares of whole accounts: first to who pays, then to who is paid to take them.

The rulebook's `auctions.account` sells an account in liquidation by shares of all that it has, in
place of lots of one market. A bidder gets the share of every row; what whole lots cannot express is
paid in cash at the mark. While the account is worth something the bidder pays it; afterwards the
insurance funds, and then those who share losses, pay the bidder. Phases and prices are those of
`liquidation.exits.two_phase`.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.engine.effect import (
    AuctionEnded,
    AuctionEnding,
    AuctionStarted,
    AuctionTurned,
    Reason,
    ShareSold,
    State,
)
from seawall.engine.event import ShareTaken, Traded
from seawall.engine.posting.funds import draw_funds, pay_fee
from seawall.engine.posting.trading import is_margined
from seawall.engine.state import CLEARING, Venue
from seawall.engine.state.offers import WholeSale
from seawall.engine.watching import gate
from seawall.ledger import Cause
from seawall.liquidation.exits import ExitFill, Refusal, RefusedError, TwoPhaseExit, two_phase
from seawall.liquidation.exits.two_phase import WHOLE, AccountNow, Phase, TwoPhaseAuction
from seawall.margin import ExactRequirement
from seawall.market import Kind
from seawall.money import ATOMS_MAX, Rounding, divide

ALL_MARKETS = -1  # In place of an instrument.
_TOLD = {
    Refusal.NOTHING_ASKED: Reason.AMOUNT_NOT_POSITIVE,
    Refusal.OVER: Reason.TOO_LATE,
    Refusal.HEALTHY: Reason.ABOVE_MAINTENANCE,
    Refusal.BEYOND_LIMIT: Reason.BEYOND_LIMIT,
}


class Part(NamedTuple):
    """What a bidder gets of an account."""

    rows: tuple[tuple[int, int], ...]  # (asset, quantity), signed as the account holds it.
    cash: int  # Atoms of cash beside them: what whole units could not express.


def offer_account(venue: Venue, account: int) -> bool:
    """Open the auction of an account where the rules have one; False where they do not.

    So it is, too, where it was tried as often as the rules want, and for an account that is above
    maintenance again: its markets' own ways out bring it to the initial margin.
    """
    rule = venue.rulebook.auctions.account
    tried = venue.offers.count(account, ALL_MARKETS)
    if rule is None or tried > venue.rulebook.auctions.restarts:
        return False
    now = _now(venue.judge(account))
    try:
        auction, fee = two_phase.open_two_phase(now, two_phase.terms_of(rule), venue.time_ms)
    except RefusedError:
        return False
    number = venue.offers.next_number
    venue.offers.next_number += 1
    sale = WholeSale(number, account, rule, auction, _end(venue, rule, auction))
    venue.offers.add_whole(sale)
    atoms = _cash_atoms(venue, min(fee, max(0, now.value)), Rounding.DOWN)
    pay_fee(venue, account, _largest(venue, account), _cash(venue), atoms)
    venue.effects.append(
        AuctionStarted(
            auction=number,
            account=account,
            exit="two_phase",
            instrument=ALL_MARKETS,
            lots=-WHOLE,
            price=_price(venue, sale),
            ends_ms=sale.ends_ms,
            restarts=tried,
        )
    )
    return True


def _largest(venue: Venue, account: int) -> int:
    """The account's contract with the most notional: its market's funds get the fee."""
    notional = venue.tables.exact(0).notional
    return max(venue.sides(account), key=lambda side: side.lots * notional[side.asset]).instrument


def goes_on(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    """Let the market and time move the auction of an account; False where it is over."""
    sale = venue.offers.selling[venue.offers.whole[account]]
    if verdict.margin_equity >= verdict.initial:
        _ended(venue, sale, AuctionEnding.RESTORED)
        return False
    terms = two_phase.terms_of(sale.rule)
    after = two_phase.step(sale.auction, _now(verdict), terms, venue.time_ms)
    if after.phase is Phase.ENDED:
        _ended(venue, sale, AuctionEnding.RESTORED)
        return False
    if after.phase is not sale.auction.phase:
        venue.offers.change_whole(sale, after, _end(venue, sale.rule, after), 0)
        venue.effects.append(
            AuctionTurned(
                auction=sale.number,
                account=account,
                price=_price(venue, sale),
                ends_ms=sale.ends_ms,
            )
        )
    elif venue.time_ms >= sale.ends_ms:
        venue.offers.try_again(account, ALL_MARKETS)
        _ended(venue, sale, AuctionEnding.TIME)
        return False
    return True


def take_share(venue: Venue, event: ShareTaken) -> Reason | int:
    """Sell a share to a bidder who can carry it; the account whose share it is, or why not."""
    sale = _asked(venue, event)
    if isinstance(sale, Reason):
        return sale
    now = _now(venue.judge(sale.account))
    terms = two_phase.terms_of(sale.rule)
    try:
        after, fill = two_phase.bid(
            sale.auction, now, terms, venue.time_ms, event.account, event.share, event.limit
        )
    except RefusedError as error:
        return _TOLD[error.reason]
    part = _part(venue, sale, fill.lots)
    payment = _cash_atoms(venue, fill.paid, Rounding.UP)
    refusal = _carry_refusal(venue, event, sale, part, payment)
    if refusal is not None:
        return refusal
    _tell(venue, event.account, sale, fill, part)
    _hand_over(venue, event.account, sale, part, payment)
    reserved = sale.reserved_atoms + (payment if sale.auction.phase is Phase.SOLVENT else 0)
    venue.offers.change_whole(sale, after, sale.ends_ms, reserved)
    if after.phase is Phase.ENDED or not after.left:
        _finish(venue, sale, payment < 0)
    return sale.account


def check(venue: Venue) -> None:
    """Assert that no auction of an account outlived its end, and that each can still sell."""
    for number, sale in venue.offers.selling.items():
        assert venue.offers.whole[sale.account] == number
        assert venue.status[sale.account] == State.LIQUIDATING
        assert sale.auction.left > 0, "an auction of nothing"
        assert sale.ends_ms > venue.time_ms, "an auction outlived its end"


def _finish(venue: Venue, sale: WholeSale, others_paid: bool) -> None:
    """All that may be sold is sold. An empty account that others paid for is done."""
    sold_out = not sale.auction.left
    _ended(venue, sale, AuctionEnding.SOLD if sold_out else AuctionEnding.RESTORED)
    if sold_out and others_paid and not venue.ledger.rows(sale.account):
        venue.change_state(sale.account, State.BANKRUPT, venue.judge(sale.account))


def _ended(venue: Venue, sale: WholeSale, ending: AuctionEnding) -> None:
    venue.offers.remove_whole(sale)
    venue.effects.append(
        AuctionEnded(
            auction=sale.number,
            account=sale.account,
            instrument=ALL_MARKETS,
            remainder=-sale.auction.left,
            ending=ending,
        )
    )


def _tell(venue: Venue, taker: int, sale: WholeSale, fill: ExitFill, part: Part) -> None:
    venue.shaken.add(taker)
    assets, notional = venue.catalogue.assets, venue.tables.exact(0).notional
    venue.effects.append(
        ShareSold(
            auction=sale.number,
            account=sale.account,
            taker=taker,
            share=fill.lots,
            payment=fill.paid,
            closed=tuple(
                (assets[asset].instrument, abs(moved) * notional[asset])
                for asset, moved in part.rows
                if venue.catalogue.is_contract[asset]
            ),
        )
    )


def _asked(venue: Venue, event: ShareTaken) -> WholeSale | Reason:
    """The auction that a bid is for, or the first thing that is wrong with it."""
    if not is_margined(venue, event.account):
        return Reason.UNKNOWN_ACCOUNT
    sale = venue.offers.selling.get(event.auction)
    if sale is None:
        return Reason.UNKNOWN_AUCTION
    if event.account == sale.account:
        return Reason.UNKNOWN_ACCOUNT
    if venue.status[event.account] > State.WARNED:
        return Reason.ACCOUNT_NOT_OPEN
    if venue.time_ms >= sale.ends_ms:
        return Reason.TOO_LATE
    return sale


def _part(venue: Venue, sale: WholeSale, sold: int) -> Part:
    """The share of every row, rounded towards zero; the value of the rest in cash, down.

    What earlier bidders paid stays with the account.
    """
    value = venue.tables.exact(int(venue.method[sale.account])).value
    cash = _cash(venue)
    rows: list[tuple[int, int]] = []
    rest = 0  # Numeraire atoms × `left`.
    for asset, held in venue.ledger.rows(sale.account):
        own = held - (sale.reserved_atoms if asset == cash else 0)
        moved = abs(own) * sold // sale.auction.left * (1 if own > 0 else -1)
        rest += (own * sold - moved * sale.auction.left) * value[asset]
        if moved:
            rows.append((asset, moved))
    return Part(tuple(rows), rest // (sale.auction.left * value[cash]))


def _carry_refusal(
    venue: Venue, event: ShareTaken, sale: WholeSale, part: Part, payment: int
) -> Reason | None:
    if not gate.may_liquidate(venue, sale.account):
        return Reason.HALTED
    held = dict(venue.ledger.rows(event.account))
    for asset, moved in (*part.rows, (_cash(venue), part.cash - payment)):
        held[asset] = held.get(asset, 0) + moved
        if abs(held[asset]) > ATOMS_MAX:
            return Reason.BALANCE_OVERFLOW
    for asset, moved in part.rows:
        row = venue.catalogue.assets[asset]
        if row.kind >= Kind.LINEAR:
            sides = (event.account, sale.account)
            buyer, seller = sides if moved > 0 else sides[::-1]
            traded = Traded(
                time_ms=venue.time_ms,
                instrument=row.instrument,
                buyer=buyer,
                seller=seller,
                lots=abs(moved),
                price=1,
            )
            shut = gate.trade_refusal(venue, traded, abs(moved), handed_over=True)
            if shut is not None:
                return shut
    rows = [(asset, held[asset]) for asset in sorted(held) if held[asset]]
    number = int(venue.method[event.account])
    table = venue.tables.exact(number)
    if venue.methods[number].refuses(rows, table):
        return Reason.NOT_MARGINABLE
    after = venue.methods[number].requirement_exact(rows, table)
    return Reason.INSUFFICIENT_MARGIN if gate.is_short(venue, held, after) else None


def _hand_over(venue: Venue, taker: int, sale: WholeSale, part: Part, payment: int) -> None:
    """Rows to the bidder; its payment to the account, or the funds' to it through the account."""
    account, cash = sale.account, _cash(venue)
    for asset, moved in part.rows:
        venue.move(asset, account, taker, moved, Cause.LIQUIDATION)
    venue.move(cash, account, taker, part.cash, Cause.LIQUIDATION)
    if payment < 0:
        if venue.rulebook.tells_waterfall:
            venue.falls.see(venue.effects, venue.catalogue)
            venue.falls.owes(account, venue.worth(cash, -payment))
        left = draw_funds(venue, account, cash, -payment)
        if left:
            venue.move(cash, CLEARING, account, left, Cause.SHARED_LOSS)
            venue.unshared.append((account, cash, left))
    venue.move(cash, taker, account, payment, Cause.LIQUIDATION)


def _now(verdict: ExactRequirement) -> AccountNow:
    return AccountNow(verdict.margin_equity - verdict.maintenance, verdict.equity)


def _price(venue: Venue, sale: WholeSale) -> int:
    """What all that is left costs now, numeraire atoms."""
    now = _now(venue.judge(sale.account))
    return two_phase.price(sale.auction, now, two_phase.terms_of(sale.rule), venue.time_ms)


def _end(venue: Venue, rule: TwoPhaseExit, auction: TwoPhaseAuction) -> int:
    """The solvent window; after it as long as the payment grows, and then the rules' patience."""
    if auction.phase is Phase.SOLVENT:
        return auction.started_ms + (rule.fast_seconds + rule.slow_seconds) * 1000
    patience = venue.rulebook.auctions.patience_seconds
    return auction.started_ms + (rule.insolvent_seconds + patience) * 1000


def _cash(venue: Venue) -> int:
    return venue.catalogue.coin(venue.rulebook.cash)


def _cash_atoms(venue: Venue, amount: int, rounding: Rounding) -> int:
    """Atoms of cash that a numeraire amount comes to."""
    cash = _cash(venue)
    return divide(amount * venue.catalogue.coins[cash].one, venue.snapshot.price[cash], rounding)
