"""Derive v2's Dutch auction of an account: a discount that grows, a share that is enough.

Money, ratios and shares are ints with 18 decimals, truncated towards zero; times are seconds
since the auction's start. Source: derivexyz/v2-core, commit 7736900d39.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from seawall.protocols.derive_feed import WAD, product, quotient, ratio


class Refusal(enum.IntEnum):
    """Why the venue does not do what was asked."""

    ABOVE_MAINTENANCE_MARGIN = 1
    RESERVED_ABOVE_VALUE = 2
    WINDOW_OPEN = 3
    WINDOW_OVER = 4
    SHOULD_BE_TERMINATED = 5
    PRICE_LIMIT_EXCEEDED = 6


class RefusedError(ValueError):
    """A request that the venue refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Terms(NamedTuple):
    """An auction's pace and charges; the defaults are the main network's."""

    start: int = 95 * WAD // 100  # Share of the value that is asked at first.
    cutoff: int = 70 * WAD // 100  # Share that is asked when the slow part begins.
    fast_seconds: int = 900
    slow_seconds: int = 43_200
    insolvent_seconds: int = 3_600
    fee: int = WAD // 10
    buffer: int = 15 * WAD // 100
    value_cutoff: int = 0  # An account worth less is sold whole.


class Account(NamedTuple):
    """What is auctioned: value and net maintenance margin, and the cash of earlier bidders."""

    margin: int  # Cash included, negative if the account is to be liquidated.
    value: int  # Mark to market, cash included.
    reserved: int = 0  # Paid by earlier bidders; stays with the account and is not sold again.


class Bid(NamedTuple):
    """What a bid for a part of a solvent account comes to."""

    share: int  # Of the account as it stands.
    payment: int
    ends_auction: bool


def discount(terms: Terms, elapsed: int) -> int:
    """Share of the value that is asked: start → cutoff → 0, linear in the fast and slow parts.

    >>> discount(Terms(start=WAD), 450) * 100 // WAD
    85
    """
    if elapsed < terms.fast_seconds:
        fallen = quotient((terms.start - terms.cutoff) * elapsed, terms.fast_seconds)
        return terms.start - fallen
    slow = elapsed - terms.fast_seconds
    if slow >= terms.slow_seconds:
        return 0
    return terms.cutoff - quotient(terms.cutoff * slow, terms.slow_seconds)


def buffer_margin(account: Account, terms: Terms) -> int:
    """Margin that a bid may restore, margin + (margin − value) · buffer."""
    return account.margin + product(account.margin - account.value, terms.buffer)


def solvent_price(account: Account, terms: Terms, elapsed: int) -> int:
    """Price of all that is not reserved, (value − reserved) · discount."""
    return product(account.value - account.reserved, discount(terms, elapsed))


def largest_share(account: Account, terms: Terms, asked: int) -> int:
    """Share whose sale at discount `asked` brings the buffer margin to exactly 0.

    b / (b − value · asked − reserved · (1 − asked)) with b = min(buffer margin, 0); 1 if
    value < value_cutoff.
    """
    if account.value < terms.value_cutoff:
        return WAD
    short = min(0, buffer_margin(account, terms))
    paid = product(account.value, asked) + product(account.reserved, WAD - asked)
    return ratio(short, short - paid) if short else 0


def start_fee(account: Account, terms: Terms) -> int:
    """Cash moved to the insurance fund at the start, largest share · value · fee; 0 if insolvent.

    The share is the one without a discount, nothing being reserved.
    """
    if account.value <= 0:
        return 0
    share = largest_share(account._replace(reserved=0), terms, WAD)
    return product(product(share, account.value), terms.fee)


def can_terminate(account: Account, terms: Terms, elapsed: int) -> bool:
    """Whether a solvent auction has lost its reason.

    Buffer margin ≥ 0, reserved ≥ value, or after the window margin ≥ 0.
    """
    if buffer_margin(account, terms) >= 0 or account.reserved >= account.value:
        return True
    return _is_over(terms, elapsed) and account.margin >= 0


def insolvent_price(account: Account, terms: Terms, elapsed: int) -> int:
    """Price of an insolvent account, min(value, 0) → margin, linear; negative: the bidder is paid.

    0 for an account whose margin is no longer negative.
    """
    if account.margin >= 0:
        return 0
    if elapsed >= terms.insolvent_seconds:
        return account.margin
    first = min(account.value, 0)
    return first + quotient((account.margin - first) * elapsed, terms.insolvent_seconds)


def bid(account: Account, terms: Terms, elapsed: int, wanted: int, limit: int | None = None) -> Bid:
    """Buy `wanted` of a solvent account, at most its largest share, which ends the auction."""
    if _is_over(terms, elapsed):
        raise RefusedError(Refusal.WINDOW_OVER)
    if can_terminate(account, terms, elapsed):
        raise RefusedError(Refusal.SHOULD_BE_TERMINATED)
    most = largest_share(account, terms, discount(terms, elapsed))
    share = min(wanted, most)
    payment = product(solvent_price(account, terms, elapsed), share)
    check_limit(payment, limit)
    return Bid(share, payment, wanted >= most)


def insolvent_payment(
    account: Account, terms: Terms, elapsed: int, wanted: int, limit: int | None = None
) -> int:
    """What a bidder pays for `wanted` of an insolvent account; negative: the bidder is paid."""
    payment = product(insolvent_price(account, terms, elapsed), wanted)
    check_limit(payment, limit)
    return payment


def bidder_cash(account: Account, terms: Terms, bought: Bid) -> int:
    """Cash that a bidder must hold, payment + |buffer margin − reserved| · share."""
    burden = abs(buffer_margin(account, terms) - account.reserved)
    return bought.payment + product(burden, bought.share)


def check_limit(payment: int, limit: int | None) -> None:
    """Raise `RefusedError` if the bidder would pay more than the bidder's limit, both signed."""
    if limit is not None and payment > limit:
        raise RefusedError(Refusal.PRICE_LIMIT_EXCEEDED)


def converted(account: Account, terms: Terms, elapsed: int) -> Account:
    """The account when its solvent auction becomes an insolvent one: nothing reserved any more."""
    if account.reserved > account.value:
        raise RefusedError(Refusal.RESERVED_ABOVE_VALUE)
    if account.margin >= 0:
        raise RefusedError(Refusal.ABOVE_MAINTENANCE_MARGIN)
    if not _is_over(terms, elapsed):
        raise RefusedError(Refusal.WINDOW_OPEN)
    return account._replace(reserved=0)


def _is_over(terms: Terms, elapsed: int) -> bool:
    return elapsed >= terms.fast_seconds + terms.slow_seconds
