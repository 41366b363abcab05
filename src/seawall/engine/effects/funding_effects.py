"""What comes out of funding."""

from __future__ import annotations

import enum

from seawall.engine.effects.effect_base import Effect


class FundingPaid(Effect, frozen=True, tag="funding_paid"):
    """Longs paid shorts, if the rate is positive; by a rule of the rulebook if `ended_ms` says so.

    The rate is told and not paid where nobody holds the contract.
    """

    instrument: int
    rate: int  # Of the notional for one interval, parts per billion.
    accounts: int
    notional: int  # What receivers got, numeraire atoms.
    ended_ms: int = 0  # Of the interval; of the last one where there are several.
    intervals: int = 1  # Paid at this rate, each by itself.
    elapsed_ms: int = 0  # Since the payment before, for each.
    premium: int = 0  # The mean, parts per billion.
    samples: int = 0
    daily_rate: int = 0  # At the end, under a velocity; parts per billion.
    skew: int = 0  # At the end, under a velocity; lots.


class Hindrance(enum.Enum):
    """Why nothing was paid for an interval that is over."""

    NO_MARK = "no_mark"  # None was seen yet.
    BALANCE_OVERFLOW = "balance_overflow"  # A payment or a balance would pass 63 bits.


class FundingUnpaid(Effect, frozen=True, tag="funding_unpaid"):
    """An interval is over and nobody pays for it, now or later."""

    instrument: int
    rate: int
    reason: Hindrance
    ended_ms: int
    intervals: int = 1
