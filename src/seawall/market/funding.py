"""From premiums to a funding rate: what the crowded side of a perpetual pays to stay in it.

Rates and premiums are parts per billion; positive is paid by longs. A rate is told for a period and
paid for the time that passed, truncated towards zero. Knows samples and rules; not who holds what:
`funding_payments` turns a rate into cash. A venue whose rulebook names a rule has it from the
engine; for the others a driver sends the rate as `Funded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from seawall.money import RATIO_ONE, parse_ratio

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    bound: Decimal | None = None  # Largest absolute rate of a period.
    period_hours: int = 8  # For which a rate is told.
    interval_hours: int = 8  # At whose end it is paid.

    def __post_init__(self) -> None:
        for key in ("period_hours", "interval_hours"):
            if getattr(self, key) <= 0:
                raise ValueError(f"{key}: must be positive, not {getattr(self, key)}")
        if self.bound is not None and self.bound < 0:
            raise ValueError(f"bound: must not be negative, not {self.bound}")


class TowardsInterest(_Rule, frozen=True, tag_field="rule", tag="towards_interest", kw_only=True):
    """rate = P + clamp(interest − P, ±clamp), P the mean premium.

    Near par the interest alone is paid; beyond the clamp the premium less the clamp.
    Source: Binance, "Introduction to Funding Rates" (±0.05 %, 0.01 % for 8 hours); Hyperliquid has
    the same for 8 hours, pays an eighth each hour and bounds it by 4 % an hour.
    """

    interest: Decimal = Decimal("0.0001")
    clamp: Decimal = Decimal("0.0005")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clamp < 0:
            raise ValueError(f"clamp: must not be negative, not {self.clamp}")


class PlusDefault(_Rule, frozen=True, tag_field="rule", tag="plus_default", kw_only=True):
    """rate = Σ premiums ÷ max(count, count_min) + default; a missing sample counts as zero.

    Source: dYdX v4, 60 samples an hour, rates for 8 hours, bound 6 · (initial − maintenance)
    (v4-chain, commit 84d4664bae). Drift: default 1 ÷ 5000 for a day, bound 3 %, 5 % or 10 %.
    """

    default: Decimal = Decimal(0)
    count_min: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count_min <= 0:
            raise ValueError(f"count_min: must be positive, not {self.count_min}")


class Velocity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rate of a day moves by clamp(skew ÷ scale, ±1) · velocity_max each day.

    So it finds the rate at which the skew ends, however large that is. Source: Synthetix v3,
    commit 23585f73c7, markets/perps-market.
    """

    skew_scale: int  # Lots.
    velocity_max: Decimal  # Change of the rate of a day in a day.
    interval_hours: int = 1  # At whose end what has accrued is paid.

    def __post_init__(self) -> None:
        if self.interval_hours <= 0:
            raise ValueError(f"interval_hours: must be positive, not {self.interval_hours}")
        if self.skew_scale <= 0:
            raise ValueError(f"skew_scale: must be positive, not {self.skew_scale}")
        if self.velocity_max < 0:
            raise ValueError(f"velocity_max: must not be negative, not {self.velocity_max}")


FUNDING = TowardsInterest | PlusDefault


def premium(bid: int, ask: int, index: int) -> int:
    """(max(0, bid − index) − max(0, index − ask)) ÷ index, of impact prices. [parts per billion]

    >>> premium(1_010, 1_020, 1_000), premium(980, 990, 1_000), premium(990, 1_010, 1_000)
    (10000000, -10000000, 0)
    """
    if index <= 0:
        raise ValueError(f"index: must be positive, not {index}")
    return _truncated((max(0, bid - index) - max(0, index - ask)) * RATIO_ONE, index)


def funding_rate(rule: FUNDING, premiums: Sequence[int], elapsed_ms: int) -> int:
    """What longs pay for the time that passed, of the notional. [parts per billion]

    The rate of the rule's period, bounded, · elapsed ÷ period. Without a premium the mean is zero.

    >>> funding_rate(TowardsInterest(), [800_000], 8 * HOUR_MS)  # 0.08 % − 0.05 %.
    300000
    """
    return sampled_rate(rule, sum(premiums), len(premiums), elapsed_ms)


def mean_premium(rule: FUNDING, total: int, count: int) -> int:
    """The mean of so many premiums, as the rule counts missing ones. [parts per billion]"""
    least = rule.count_min if isinstance(rule, PlusDefault) else 1
    return _truncated(total, max(count, least))


def sampled_rate(rule: FUNDING, total: int, count: int, elapsed_ms: int) -> int:
    """The same of premiums that were added up. [parts per billion]"""
    assert elapsed_ms >= 0, "time does not run backwards"
    mean = mean_premium(rule, total, count)
    if isinstance(rule, PlusDefault):
        rate = mean + parse_ratio(rule.default)
    else:
        rate = mean + _clamped(parse_ratio(rule.interest) - mean, parse_ratio(rule.clamp))
    if rule.bound is not None:
        rate = _clamped(rate, parse_ratio(rule.bound))
    return _truncated(rate * elapsed_ms, rule.period_hours * HOUR_MS)


class Adapted(NamedTuple):
    """A rate that moved on. [parts per billion]"""

    rate: int  # Of a day, from now on.
    paid: int  # For the time that passed: the mean of old and new rate.


def adapt(rule: Velocity, rate: int, skew: int, elapsed_ms: int) -> Adapted:
    """Let the rate of a day move under a skew of lots, long less short, that stood all the time.

    >>> adapt(Velocity(skew_scale=100, velocity_max=Decimal("0.02")), 0, 50, DAY_MS)
    Adapted(rate=10000000, paid=5000000)
    """
    assert elapsed_ms >= 0, "time does not run backwards"
    pull = _clamped(skew, rule.skew_scale) * parse_ratio(rule.velocity_max)
    after = rate + _truncated(pull * elapsed_ms, rule.skew_scale * DAY_MS)
    return Adapted(after, _truncated((rate + after) * elapsed_ms, 2 * DAY_MS))


def _clamped(number: int, bound: int) -> int:
    return max(-bound, min(bound, number))


def _truncated(numerator: int, denominator: int) -> int:
    whole = abs(numerator) // denominator
    return whole if numerator >= 0 else -whole
