"""What one source says, why it may not count, and why no price is published at all.

Knows no rule: which reasons hold is judged by `publish`. Prices are price atoms, and so is the
half-width of a confidence interval; times are milliseconds UTC.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

from seawall.money import ATOMS_MAX


class ReportError(ValueError):
    """A report that no source can mean; the message begins with the key."""


class Status(enum.IntEnum):
    """Whether a source stands by its price."""

    TRADING = 0
    HALTED = 1  # It says itself that nothing trades.


class OracleRefusal(enum.IntEnum):
    """Why no price is published; the first that holds, in this order.

    The order is that of the tests. It is first asked who speaks at all, then whether what was said
    is of now, then whether the sources agree, then what the result is worth beside the last one:
    each question makes sense only of what passed those before it. A halted source goes early,
    because its price and its stamp mean nothing and must not stand in the median that finds the
    outliers.
    """

    TOO_FEW = 1  # Fewer sources spoke than the policy asks for.
    HALTED = 2  # Fewer of them trade.
    STALE = 3  # Fewer of those are recent.
    FUTURE_DATED = 4  # Fewer of those carry a time that has come.
    OUTLIER = 5  # Fewer of those agree with their median.
    TOO_WIDE = 6  # Fewer of those are sure of themselves, or the result is not.
    DEVIATING = 7  # The result is too far from the last price for the time between them.
    NON_MONOTONE = 8  # The result was observed before the last price, or the clock ran back.
    CAP_BINDING = 9  # A ceiling on a rate lies under the rate: one of the two is wrong.


class Rejection(enum.IntEnum):
    """Why one source does not count; the first that holds, numbered as `OracleRefusal`."""

    UNLISTED = 1  # The policy does not name it.
    HALTED = 2
    STALE = 3
    FUTURE_DATED = 4
    OUTLIER = 5
    TOO_WIDE = 6
    NON_MONOTONE = 8  # Older than what the source said before, or two prices with one stamp.


class Report(msgspec.Struct, frozen=True, array_like=True):
    """One source's price; a stamp is the source's own."""

    source: str
    price: int  # Price atoms; signed, so that nonsense can be told and then rejected.
    confidence: int  # Half-width, price atoms.
    published_ms: int
    status: Status = Status.TRADING

    def __post_init__(self) -> None:
        if abs(self.price) > ATOMS_MAX:
            raise ReportError(f"price of {self.source} does not fit in 63 bits: {self.price}")
        if not 0 <= self.confidence <= ATOMS_MAX:
            raise ReportError(
                f"confidence of {self.source} must lie in 0 … 2^63 - 1, not {self.confidence}"
            )


class Published(NamedTuple):
    """The price that counts, and whose it is."""

    price: int  # Price atoms, positive.
    confidence: int  # Half-width, price atoms.
    observed_ms: int  # Lower median of the used stamps, or now: age counts from here.
    published_ms: int  # When it was made.
    used: tuple[str, ...]  # Sources in alphabetical order.
    rejected: tuple[tuple[str, Rejection], ...] = ()

    @property
    def owned_price(self) -> int:
        """What an owned thing counts at: price − confidence, and never below zero."""
        return max(0, self.price - self.confidence)

    @property
    def owed_price(self) -> int:
        """What an owed thing counts at: price + confidence."""
        return self.price + self.confidence


class NotDue(NamedTuple):
    """A sound price, too near to the last one and too soon after it to be published."""

    price: int
    confidence: int
    rejected: tuple[tuple[str, Rejection], ...] = ()


class Refusal(NamedTuple):
    """No price, and why."""

    reason: OracleRefusal
    rejected: tuple[tuple[str, Rejection], ...] = ()
    price: int | None = None  # What would have been published, where it came so far.


Outcome = Published | NotDue | Refusal
