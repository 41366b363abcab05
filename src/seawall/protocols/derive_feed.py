"""Derive v2: signed prices, how old they may be, and the forward that becomes the settlement price.

Prices, ratios and amounts are ints with 18 decimals (`WAD` is one), truncated towards zero; times
are seconds. Source: derivexyz/v2-core, commit 7736900d39.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

WAD = 10**18
SETTLEMENT_SECONDS = 1_800  # The settlement price is an average over this last half hour.


class Refusal(enum.IntEnum):
    """Why the venue takes no such update, or gives no price."""

    DEADLINE_PASSED = 1
    FROM_THE_FUTURE = 2
    CONFIDENCE_ABOVE_ONE = 3
    DATA_TOO_OLD = 4
    NEGATIVE_FORWARD = 5
    AGGREGATES_OUT_OF_ORDER = 6
    ASK_BELOW_BID = 7


class RefusedError(ValueError):
    """An update or a reading that the venue refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Update(NamedTuple):
    """A signed price."""

    price: int
    timestamp: int  # When the price was observed.
    confidence: int = WAD


class Forward(NamedTuple):
    """A forward price in the part that is already averaged and the part that still moves."""

    fixed: int
    variable: int

    @property
    def total(self) -> int:
        """The forward price, fixed + variable."""
        return self.fixed + self.variable


class Aggregates(NamedTuple):
    """Price · seconds, summed from one fixed moment to the window's start and to the update."""

    start: int
    current: int


def quotient(numerator: int, denominator: int) -> int:
    """The integer numerator / denominator, truncated towards zero.

    >>> quotient(-7, 2)
    -3
    """
    magnitude = abs(numerator) // abs(denominator)
    return magnitude if (numerator < 0) == (denominator < 0) else -magnitude


def product(left: int, right: int) -> int:
    """Two numbers with 18 decimals multiplied, left · right / 10¹⁸, truncated towards zero."""
    return quotient(left * right, WAD)


def ratio(left: int, right: int) -> int:
    """Two numbers with 18 decimals divided, left · 10¹⁸ / right, truncated towards zero."""
    return quotient(left * WAD, right)


def accepted(stored: Update | None, update: Update, now: int, deadline: int) -> Update | None:
    """What is stored after an update: the newer of the two; a later one never loses to an older.

    Raises `RefusedError` if deadline < now, timestamp > now or confidence > 1.
    """
    if deadline < now:
        raise RefusedError(Refusal.DEADLINE_PASSED)
    if update.timestamp > now:
        raise RefusedError(Refusal.FROM_THE_FUTURE)
    if update.confidence > WAD:
        raise RefusedError(Refusal.CONFIDENCE_ABOVE_ONE)
    return stored if stored is not None and update.timestamp <= stored.timestamp else update


def check_age(timestamp: int, heartbeat: int, now: int) -> None:
    """Raise `RefusedError` if timestamp + heartbeat < now, in seconds."""
    if timestamp + heartbeat < now:
        raise RefusedError(Refusal.DATA_TOO_OLD)


def capped_price(spot: int, difference: int, cap: int) -> int:
    """Price of a feed that is stated as a difference: spot + clamp(difference, ±cap · spot).

    >>> capped_price(990 * WAD, 1_000 * WAD, WAD // 10) // WAD
    1089
    """
    bound = product(spot, cap)
    return spot + max(-bound, min(bound, difference))


def forward(
    spot: int, difference: int, seconds_to_expiry: int, aggregates: Aggregates | None = None
) -> Forward:
    """Forward price as of an update that was stamped `seconds_to_expiry` before expiry.

    Before the last half hour: fixed 0, variable spot + difference. Within it fixed =
    (current − start) / 1800 and variable = (spot + difference) · seconds_to_expiry / 1800.
    Raises `RefusedError` for a negative spot + difference and for start ≥ current.
    """
    price = spot + difference
    if price < 0:
        raise RefusedError(Refusal.NEGATIVE_FORWARD)
    if seconds_to_expiry >= SETTLEMENT_SECONDS:
        return Forward(0, price)
    return Forward(
        settlement_price(aggregates), quotient(price * seconds_to_expiry, SETTLEMENT_SECONDS)
    )


def settlement_price(aggregates: Aggregates | None) -> int:
    """Average of the last half hour, (current − start) / 1800, once stamped at expiry final."""
    if aggregates is None or aggregates.start >= aggregates.current:
        raise RefusedError(Refusal.AGGREGATES_OUT_OF_ORDER)
    return quotient(aggregates.current - aggregates.start, SETTLEMENT_SECONDS)
