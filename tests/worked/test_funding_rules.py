"""Funding rates by hand, against the chains that have them, and the laws of the rules."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.market.funding import (
    DAY_MS,
    FUNDING,
    HOUR_MS,
    PlusDefault,
    TowardsInterest,
    Velocity,
    adapt,
    funding_rate,
    premium,
)
from seawall.protocols.dydx_funding import rate_bound, tick_rate
from seawall.protocols.synthetix import Funding, next_funding

EIGHT_HOURS = 8 * HOUR_MS


@pytest.mark.parametrize(
    ("mean", "rate"),
    [
        (0, 100_000),  # Par: 0.01 % interest.
        (200_000, 100_000),  # 0.02 %: within 0.05 % of the interest, so the interest.
        (800_000, 300_000),  # 0.08 % − 0.05 %.
        (-900_000, -400_000),  # −0.09 % + 0.05 %.
    ],
)
def test_between_premium_and_interest_lies_a_clamp(mean: int, rate: int) -> None:
    assert funding_rate(TowardsInterest(), [mean - 7, mean + 7], EIGHT_HOURS) == rate
    assert funding_rate(TowardsInterest(), [mean], HOUR_MS) == rate // 8  # Eighths are whole.


def test_a_bound_holds_for_the_period() -> None:
    """Hyperliquid bounds the hour by 4 %, so eight hours by 32 %."""
    rule = TowardsInterest(bound=Decimal("0.32"))
    assert funding_rate(rule, [10**9], EIGHT_HOURS) == 320_000_000
    assert funding_rate(rule, [-(10**9)], HOUR_MS) == -40_000_000


def test_missing_samples_count_as_zero() -> None:
    """30 samples of 0.12 % where 60 were due are 0.06 %; the default adds 0.01 %."""
    rule = PlusDefault(default=Decimal("0.0001"), count_min=60)
    assert funding_rate(rule, [1_200_000] * 30, EIGHT_HOURS) == 700_000
    assert funding_rate(rule, [], HOUR_MS) == 12_500  # 0.01 % ÷ 8.


def test_the_same_rate_as_the_chain_that_counts_in_parts_per_million() -> None:
    """Sums that 60 divides leave nothing to truncate; the bound is 6 · (10 % − 5 %) = 30 %."""
    bound = rate_bound(6_000_000, 100_000, 500_000)
    assert bound == 300_000
    rule = PlusDefault(default=Decimal("0.0001"), count_min=60, bound=Decimal(bound) / 10**6)
    for total in (6_000, -12_000, 60_000_000, -60_000_000):
        samples = [total * 1_000 // 60] * 60
        expected = tick_rate(total, 60, 60, 100, bound)
        assert funding_rate(rule, samples, EIGHT_HOURS) == expected * 1_000


def test_a_day_by_averages_is_paid_hour_by_hour() -> None:
    """Drift: (1 % + 0.02 %) ÷ 24, and 3 % ÷ 24 where the tier's bound is met."""
    rule = PlusDefault(default=Decimal("0.0002"), bound=Decimal("0.03"), period_hours=24)
    assert funding_rate(rule, [10**7], HOUR_MS) == 10_200_000 // 24
    assert funding_rate(rule, [10**8], HOUR_MS) == 30_000_000 // 24


@given(
    rate=st.integers(-(10**8), 10**8),
    skew=st.integers(-300, 300),
    hours=st.integers(0, 48),
)
def test_a_velocity_is_that_of_the_chain_but_for_what_is_truncated(
    rate: int, skew: int, hours: int
) -> None:
    rule = Velocity(skew_scale=100, velocity_max=Decimal("0.02"))
    moved = adapt(rule, rate, skew, hours * HOUR_MS)
    pull = max(Fraction(-1), min(Fraction(1), Fraction(skew, 100))) * Fraction(2, 100)
    before = Funding(Fraction(skew), pull, Fraction(rate, 10**9), Fraction(0))
    after = next_funding(
        before, Fraction(hours, 24), Fraction(0), Fraction(100), Fraction(2, 100), Fraction(1)
    )
    assert abs(moved.rate - after.rate * 10**9) < 1
    assert abs(moved.paid - after.accrued * 10**9) < 1 + Fraction(hours, 24)


def test_a_skew_that_is_gone_leaves_the_rate_where_it_is() -> None:
    rule = Velocity(skew_scale=100, velocity_max=Decimal("0.02"))
    assert adapt(rule, 5_000_000, 0, DAY_MS) == (5_000_000, 5_000_000)
    assert adapt(rule, 0, 1_000, DAY_MS).rate == 20_000_000  # No faster than the largest.


rules = st.one_of(
    st.builds(
        TowardsInterest,
        interest=st.sampled_from([Decimal(0), Decimal("0.0001")]),
        clamp=st.sampled_from([Decimal(0), Decimal("0.0005")]),
        bound=st.sampled_from([None, Decimal("0.001")]),
    ),
    st.builds(
        PlusDefault,
        default=st.sampled_from([Decimal(0), Decimal("0.0001")]),
        count_min=st.integers(1, 9),
        bound=st.sampled_from([None, Decimal("0.001")]),
    ),
)
samples = st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=8)


@given(rule=rules, seen=samples, more=st.integers(0, 10**8), elapsed_ms=st.integers(0, DAY_MS))
def test_a_higher_premium_never_lowers_what_longs_pay(
    rule: FUNDING, seen: list[int], more: int, elapsed_ms: int
) -> None:
    rate = funding_rate(rule, seen, elapsed_ms)
    assert rate <= funding_rate(rule, [seen[0] + more, *seen[1:]], elapsed_ms)
    if rule.bound is not None:
        assert abs(rate) <= rule.bound * 10**9 * elapsed_ms / EIGHT_HOURS


@given(seen=samples, elapsed_ms=st.integers(0, DAY_MS))
def test_without_interest_the_two_sides_change_places(seen: list[int], elapsed_ms: int) -> None:
    for rule in (TowardsInterest(interest=Decimal(0)), PlusDefault()):
        turned = funding_rate(rule, [-one for one in seen], elapsed_ms)
        assert turned == -funding_rate(rule, seen, elapsed_ms)


def test_a_premium_is_what_lies_outside_the_spread() -> None:
    assert premium(60_300, 60_310, 60_000) == 5_000_000  # 0.5 %.
    assert premium(59_000, 59_400, 60_000) == -10_000_000
    with pytest.raises(ValueError, match="index"):
        premium(1, 2, 0)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: TowardsInterest(clamp=Decimal(-1)), "clamp"),
        (lambda: TowardsInterest(period_hours=0), "period_hours"),
        (lambda: PlusDefault(count_min=0), "count_min"),
        (lambda: PlusDefault(bound=Decimal(-1)), "bound"),
        (lambda: Velocity(skew_scale=0, velocity_max=Decimal(1)), "skew_scale"),
        (lambda: Velocity(skew_scale=1, velocity_max=Decimal(-1)), "velocity_max"),
    ],
)
def test_a_wrong_rule_is_refused_by_the_name_of_its_key(make: object, key: str) -> None:
    with pytest.raises(ValueError, match=key):
        make()  # type: ignore[operator]
