"""Derive's auction of an account by shares: solvent at a growing discount, then for a payment.

The account at the start is 10¹⁸ parts, which stand where other exits have lots. Amounts are in
numeraire atoms and may be negative: in the second phase the bidder is paid. The formulas are those
of `protocols.derive_auction`; here stand the phases and what they pass on. Knows no clock.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from seawall.liquidation.exits.contract import ExitFill, Refusal, RefusedError
from seawall.liquidation.exits.rules import TwoPhaseExit, parts
from seawall.money import Rounding, divide
from seawall.protocols import derive_auction
from seawall.protocols.derive_auction import Account, Terms
from seawall.protocols.derive_feed import WAD

WHOLE = WAD  # Parts of the account at the start.


class Phase(enum.IntEnum):
    """Who pays whom."""

    SOLVENT = 1  # A bidder pays for a share.
    INSOLVENT = 2  # A bidder is paid to take one.
    ENDED = 3


class TwoPhaseAuction(NamedTuple):
    """The phase, since when, what of the account is left, and what is reserved."""

    phase: Phase
    started_ms: int  # Of this phase.
    left: int  # Parts that the account still has.
    reserved: int = 0  # Numeraire atoms paid by earlier bidders, which stay with the account.


class AccountNow(NamedTuple):
    """What the account has at this moment. [numeraire atoms]"""

    margin: int  # Margin equity − maintenance.
    value: int  # Equity at mark, with what earlier bidders paid.


def terms_of(rule: TwoPhaseExit) -> Terms:
    """A rulebook's auction in Derive's scale."""
    return Terms(
        start=parts(rule.start_ratio, WAD),
        cutoff=parts(rule.cutoff_ratio, WAD),
        fast_seconds=rule.fast_seconds,
        slow_seconds=rule.slow_seconds,
        insolvent_seconds=rule.insolvent_seconds,
        fee=parts(rule.fee_ratio, WAD),
        buffer=parts(rule.buffer_ratio, WAD),
    )


def open_two_phase(account: AccountNow, terms: Terms, now_ms: int) -> tuple[TwoPhaseAuction, int]:
    """The auction of an account below maintenance, and its fee to the insurance fund.

    Solvent if the account is worth something, else insolvent, without a fee.
    """
    if account.margin >= 0:
        raise RefusedError(Refusal.HEALTHY)
    phase = Phase.SOLVENT if account.value > 0 else Phase.INSOLVENT
    fee = derive_auction.start_fee(_account(account, 0), terms)
    return TwoPhaseAuction(phase, now_ms, WHOLE), fee


def price(auction: TwoPhaseAuction, account: AccountNow, terms: Terms, now_ms: int) -> int:
    """What all that is left of the account costs, without what is reserved; negative: it pays."""
    now = _account(account, auction.reserved)
    elapsed = _elapsed_seconds(auction, now_ms)
    if auction.phase is Phase.SOLVENT:
        return derive_auction.solvent_price(now, terms, elapsed)
    return derive_auction.insolvent_price(now, terms, elapsed)


def bid(
    auction: TwoPhaseAuction,
    account: AccountNow,
    terms: Terms,
    now_ms: int,
    bidder: int,
    share: int,
    limit: int | None = None,
) -> tuple[TwoPhaseAuction, ExitFill]:
    """Take a share (10¹⁸ = all) of what is left, at most what restores the buffer margin.

    `limit` bounds the payment, and is negative where the bidder wants to be paid. The parts that a
    share comes to are rounded down, but a whole share takes all. The fill's price is for a whole
    account.
    """
    if not 0 < share <= WAD:
        raise RefusedError(Refusal.NOTHING_ASKED)
    if auction.phase is Phase.ENDED:
        raise RefusedError(Refusal.OVER)
    now = _account(account, auction.reserved)
    elapsed = _elapsed_seconds(auction, now_ms)
    try:
        if auction.phase is Phase.SOLVENT:
            bought = derive_auction.bid(now, terms, elapsed, share, limit)
            taken, payment, ends = bought.share, bought.payment, bought.ends_auction
        else:
            if account.margin >= 0:
                raise RefusedError(Refusal.HEALTHY)
            taken, ends = share, share == WAD
            payment = derive_auction.insolvent_payment(now, terms, elapsed, share, limit)
    except derive_auction.RefusedError as error:
        raise RefusedError(_REFUSALS[error.reason]) from None
    sold = auction.left * taken // WAD
    if not sold:
        raise RefusedError(Refusal.NOTHING_ASKED)
    paid_in = payment if auction.phase is Phase.SOLVENT else 0
    after = auction._replace(
        phase=Phase.ENDED if ends else auction.phase,
        left=auction.left - sold,
        reserved=auction.reserved + paid_in,
    )
    return after, ExitFill(bidder, sold, divide(payment * WHOLE, sold, Rounding.UP), payment)


def step(
    auction: TwoPhaseAuction, account: AccountNow, terms: Terms, now_ms: int
) -> TwoPhaseAuction:
    """What time and the market make of an auction: recovered, insolvent from now on, or the same.

    A solvent auction ends when its reason is gone, and turns insolvent when its window is over and
    the margin is still negative: then the clock starts again and nothing is reserved any more.
    Where all that is left is reserved it ends too, and an account that is still short starts anew.
    """
    if auction.phase is Phase.ENDED:
        return auction
    now = _account(account, auction.reserved)
    elapsed = _elapsed_seconds(auction, now_ms)
    if auction.phase is Phase.INSOLVENT:
        return auction._replace(phase=Phase.ENDED) if account.margin >= 0 else auction
    if account.margin < 0 and account.value < 0:
        return TwoPhaseAuction(Phase.INSOLVENT, now_ms, auction.left)
    if derive_auction.can_terminate(now, terms, elapsed):
        return auction._replace(phase=Phase.ENDED)
    if elapsed >= terms.fast_seconds + terms.slow_seconds:
        return TwoPhaseAuction(Phase.INSOLVENT, now_ms, auction.left)
    return auction


_REFUSALS = {
    derive_auction.Refusal.WINDOW_OVER: Refusal.OVER,
    derive_auction.Refusal.SHOULD_BE_TERMINATED: Refusal.HEALTHY,
    derive_auction.Refusal.PRICE_LIMIT_EXCEEDED: Refusal.BEYOND_LIMIT,
}


def _account(account: AccountNow, reserved: int) -> Account:
    return Account(account.margin, account.value, reserved)


def _elapsed_seconds(auction: TwoPhaseAuction, now_ms: int) -> int:
    if now_ms < auction.started_ms:
        raise RefusedError(Refusal.NOT_STARTED)
    return (now_ms - auction.started_ms) // 1000
