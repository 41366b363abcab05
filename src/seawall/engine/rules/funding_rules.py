"""Funding as a rulebook writes it, and what an interval has gathered so far.

Knows the form of the section `funding`, its faults, and how what was gathered becomes a rate. The
rates themselves are `market.funding`'s. Knows no state and no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from seawall.market.funding import (
    HOUR_MS,
    PlusDefault,
    TowardsInterest,
    Velocity,
    adapt,
    mean_premium,
    sampled_rate,
)

NEVER_MS = 2**63 - 1


class AgainstMakers(Velocity, frozen=True, tag_field="rule", tag="velocity", kw_only=True):
    """The rate moves with the lots that users hold, net, against the street and named makers."""

    makers: tuple[str, ...] = ()  # Accounts whose lots are the other side.


FundingRule = TowardsInterest | PlusDefault | AgainstMakers


class Gathered(NamedTuple):
    """What was seen of one perpetual since its last payment."""

    since_ms: int  # The last interval's end, or when the rule began.
    total: int = 0  # Σ premiums, parts per billion.
    samples: int = 0
    daily_rate: int = 0  # Under a velocity: at `skew_ms`, parts per billion.
    skew: int = 0  # Lots, since `skew_ms`.
    skew_ms: int = 0
    accrued: int = 0  # From `since_ms` to `skew_ms`, parts per billion.


class Due(NamedTuple):
    """What an interval comes to. [parts per billion]"""

    rate: int  # Of the notional, for the time since the last payment.
    premium: int  # The mean; 0 under a velocity.
    after: Gathered  # What the next interval begins with.


def ends_ms(rule: FundingRule, gathered: Gathered) -> int:
    """The end of the open interval: a whole number of intervals since 1970, UTC.

    >>> ends_ms(TowardsInterest(), Gathered(0)), ends_ms(TowardsInterest(), Gathered(1))
    (28800000, 28800000)
    """
    interval_ms = rule.interval_hours * HOUR_MS
    return (gathered.since_ms // interval_ms + 1) * interval_ms


def due(rule: FundingRule, gathered: Gathered, until_ms: int) -> Due:
    """Close what was gathered at a moment."""
    if isinstance(rule, AgainstMakers):
        moved = accrued(rule, gathered, until_ms)
        after = moved._replace(since_ms=until_ms, accrued=0)
        return Due(moved.accrued, 0, after)
    rate = sampled_rate(rule, gathered.total, gathered.samples, until_ms - gathered.since_ms)
    mean = mean_premium(rule, gathered.total, gathered.samples)
    return Due(rate, mean, Gathered(until_ms))


def accrued(rule: Velocity, gathered: Gathered, now_ms: int) -> Gathered:
    """Let the rate move until now under the skew that stood."""
    moved = adapt(rule, gathered.daily_rate, gathered.skew, now_ms - gathered.skew_ms)
    return gathered._replace(
        daily_rate=moved.rate, skew_ms=now_ms, accrued=gathered.accrued + moved.paid
    )


@dataclass(slots=True)
class Intervals:
    """The open interval of each perpetual whose coin has a rule."""

    open: dict[int, Gathered] = field(default_factory=dict)  # By instrument.
    soonest_ms: int = NEVER_MS  # None of them ends before.


# (instrument, since, Σ premiums, samples, rate of a day, skew, its time, accrued)
IntervalRow = tuple[int, int, str, int, str, str, int, str]


def remembered(intervals: Intervals) -> list[IntervalRow]:
    """Rows in canonical order; what may pass 64 bits as text."""
    return [
        (
            instrument,
            one.since_ms,
            str(one.total),
            one.samples,
            str(one.daily_rate),
            str(one.skew),
            one.skew_ms,
            str(one.accrued),
        )
        for instrument, one in sorted(intervals.open.items())
    ]


def recalled(rows: Sequence[IntervalRow]) -> Intervals:
    """The state that was remembered; its soonest end is asked anew."""
    return Intervals(
        {
            instrument: Gathered(
                since_ms, int(total), samples, int(rate), int(skew), skew_ms, int(paid)
            )
            for instrument, since_ms, total, samples, rate, skew, skew_ms, paid in rows
        },
        soonest_ms=0 if rows else NEVER_MS,
    )


def funding_faults(
    coins: Sequence[str], funding: Mapping[str, FundingRule]
) -> Iterator[tuple[str, str]]:
    """What types cannot say: (fault, key path)."""
    for coin, rule in funding.items():
        if coin not in coins:
            yield f"coin {coin} is not listed", f"$.funding.{coin}"
        makers = rule.makers if isinstance(rule, AgainstMakers) else ()
        for number, name in enumerate(makers):
            path = f"$.funding.{coin}.makers[{number}]"
            if not name.strip():
                yield "a maker needs a name", path
            if name in makers[:number]:
                yield f"{name} is named twice", path
