"""Laws of an oracle: what a liar can move, what order cannot, and what time takes away."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from seawall.market.oracle import (
    Exponential,
    Feed,
    FreezeLiquidations,
    GrowthCap,
    LastGood,
    Mean,
    NotDue,
    OracleRefusal,
    Policy,
    Pool,
    Published,
    ReduceOnly,
    Refusal,
    Report,
    Status,
    Trading,
    capped_rate,
    cost_to_move,
    cost_to_move_median,
    cost_to_move_twap,
    effect_of_refusal,
    mark_price,
    median,
    observe,
    publish,
    vote,
    weighted_mean,
    weighted_median,
)
from seawall.money import Rounding

NOW = 10**6
PRICES = st.integers(-(10**15), 10**15)
SIDES = st.sampled_from(Rounding)
RATIOS = st.integers(0, 1_000).map(lambda n: Decimal(n) / 1_000)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    liquidation = draw(st.integers(0, 200_000))
    withdrawal = draw(st.integers(0, liquidation))
    rule = draw(
        st.sampled_from((FreezeLiquidations(), ReduceOnly()))
        | st.builds(LastGood, within_ms=st.integers(0, 200_000), widening_ratio=RATIOS)
    )
    return Policy(
        sources_min=draw(st.integers(1, 4)),
        reducer=draw(st.sampled_from(("median", "weighted_median", "weighted_mean", "vote"))),
        age_max_ms=draw(st.integers(0, 2_000)),
        future_tolerance_ms=draw(st.integers(0, 1_000)),
        outlier_ratio=draw(RATIOS),
        confidence_ratio_max=draw(RATIOS),
        deviation_ratio_max=draw(RATIOS),
        deviation_window_ms=draw(st.integers(0, 3_000)),
        heartbeat_ms=draw(st.integers(0, withdrawal)),
        trigger_ratio=draw(RATIOS),
        liquidation_age_max_ms=liquidation,
        withdrawal_age_max_ms=withdrawal,
        on_refusal=rule,
    )


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    centre = draw(st.integers(1, 10**12))
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=7))
    return [
        Report(
            name,
            draw(st.integers(centre - centre // 50, centre + centre // 50) | PRICES),
            draw(st.integers(0, centre // 50)),
            NOW + draw(st.integers(-3_000, 1_500)),
            draw(st.sampled_from((Status.TRADING, Status.TRADING, Status.HALTED))),
        )
        for name in names
    ]


LAST = st.none() | st.builds(
    Published,
    st.integers(1, 10**12),
    st.just(0),
    st.integers(NOW - 5_000, NOW),
    st.integers(NOW - 5_000, NOW),
    st.just(("a",)),
)


@given(policies(), reports(), LAST, st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(policy, told, last, dice) -> None:
    shuffled = list(told)
    dice.shuffle(shuffled)
    assert publish(policy, told, last, NOW) == publish(policy, shuffled, last, NOW)
    both = told + [msgspec.structs.replace(r, price=1, published_ms=NOW - 9_000) for r in told]
    feed = Feed(tuple(sorted(told[::2], key=lambda report: report.source)), last)
    fed = observe(policy, feed, both, NOW)
    dice.shuffle(both)
    assert observe(policy, feed, both, NOW) == fed


@given(policies(), reports(), LAST)
def test_a_price_lies_within_what_was_used_and_all_are_accounted_for(policy, told, last) -> None:
    outcome = publish(policy, told, last, NOW)
    rejected = {source for source, _ in outcome.rejected}
    if isinstance(outcome, Refusal):
        # A refusal by the sources leaves fewer than are asked for, by the reasons up to it.
        if outcome.price is None:
            early = sum(why <= outcome.reason for _, why in outcome.rejected)
            before = sum(why < outcome.reason for _, why in outcome.rejected)
            assert len(told) - early < policy.sources_min
            assert outcome.reason is OracleRefusal.TOO_FEW or (
                len(told) - before >= policy.sources_min
            )
        return
    used = [report for report in told if report.source not in rejected]
    assert len(used) >= policy.sources_min
    low = min(report.price - report.confidence for report in used)
    high = max(report.price + report.confidence for report in used)
    if policy.reducer != "vote":
        low, high = min(r.price for r in used), max(r.price for r in used)
    assert low <= outcome.price <= high
    assert outcome.confidence <= Fraction(policy.confidence_ratio_max) * outcome.price
    if isinstance(outcome, Published):
        assert set(outcome.used) | rejected == {report.source for report in told}
        assert not set(outcome.used) & rejected
        if last is not None:
            assert outcome.observed_ms >= last.observed_ms
    else:
        assert isinstance(outcome, NotDue)


@given(policies(), reports(), LAST, st.integers(0, 10))
def test_a_feed_never_runs_back_and_says_what_publish_says(policy, told, last, later) -> None:
    fed = observe(policy, Feed(last=last), told, NOW)
    standing = publish(policy, told, last, NOW, confirmed_ms=0)
    assert fed.outcome == standing
    again = observe(policy, fed.feed, told, NOW + later)
    if fed.feed.last is not None and again.feed.last is not None:
        assert again.feed.last.observed_ms >= fed.feed.last.observed_ms
        assert again.feed.last.published_ms >= fed.feed.last.published_ms
    assert not again.dropped


@given(st.lists(PRICES, min_size=1, max_size=9), SIDES)
def test_a_median_lies_within_its_values_and_is_signed(values, side) -> None:
    found = median(values, side)
    assert min(values) <= found <= max(values)
    below, above = sum(v <= found for v in values), sum(v >= found for v in values)
    assert 2 * below >= len(values) - 1
    assert 2 * above >= len(values) - 1
    mirrored = {Rounding.DOWN: Rounding.UP, Rounding.UP: Rounding.DOWN}.get(side, side)
    assert median([-v for v in values], mirrored) == -found


@given(st.lists(PRICES, min_size=2, max_size=8), PRICES, st.integers(1, 5), SIDES)
def test_liars_who_are_fewer_do_not_move_a_median_beyond_the_honest(
    honest, lie, liars, side
) -> None:
    assume(liars < len(honest))
    found = median([*honest, *([lie] * liars)], side)
    assert min(honest) <= found <= max(honest)


@given(st.lists(PRICES, min_size=2, max_size=8), PRICES, st.integers(0, 10**6))
def test_one_liar_does_not_move_a_vote_beyond_the_honest(honest, lie, confidence) -> None:
    found = vote([*((price, 5) for price in honest), (lie, confidence)])
    assert min(honest) - 5 <= found.price <= max(honest) + 5


@given(PRICES, PRICES, PRICES, PRICES)
def test_nobody_alone_moves_a_mark(index, basis, book, last) -> None:
    mark = mark_price(index, basis, book, last)
    for others in combinations((index + basis, book, last), 2):
        assert min(others) <= mark <= max(others)


@given(st.lists(st.tuples(PRICES, st.integers(1, 9)), min_size=1, max_size=7), SIDES)
def test_weights_are_repetitions(pairs, side) -> None:
    values, weights = [value for value, _ in pairs], [weight for _, weight in pairs]
    repeated = [value for value, weight in pairs for _ in range(weight)]
    assert weighted_median(values, weights, side) == median(repeated, side)
    mean = weighted_mean(values, weights, side)
    assert abs(Fraction(sum(repeated), len(repeated)) - mean) < 1
    assert min(values) <= mean <= max(values)


STEPS = st.lists(st.tuples(PRICES, st.integers(0, 5_000)), min_size=1, max_size=20)


@given(STEPS, st.integers(1, 10**6))
def test_an_exponential_average_stays_within_what_was_seen(steps, span_ms) -> None:
    average, time_ms = Exponential(span_ms), 0
    for price, passed in steps:
        time_ms += passed
        average = average.observed(price, time_ms)
    seen = [price for price, _ in steps]
    found = average.price()
    assert found is not None
    assert min(seen) <= found <= max(seen)


@given(STEPS, st.integers(1, 10_000), st.integers(0, 5_000))
def test_a_mean_is_the_mean_of_every_millisecond(steps, window_ms, after) -> None:
    mean, time_ms, timeline = Mean(window_ms), 0, {}
    for price, passed in steps:
        time_ms += passed
        mean = mean.observed(price, time_ms)
        timeline[time_ms] = price
    now = time_ms + after
    begin = min(timeline)
    found = mean.price(now, Rounding.DOWN)
    if now - window_ms < begin:
        assert found is None
        return
    total, edges = 0, [*sorted(timeline), now]
    for start, end in pairwise(edges):
        total += timeline[start] * max(0, end - max(start, now - window_ms))
    assert found == total // window_ms


@given(policies(), st.integers(0, 300_000), st.integers(0, 300_000))
def test_permissions_only_shrink_with_age(policy, age, older) -> None:
    young, old = effect_of_refusal(policy, age), effect_of_refusal(policy, age + older)
    assert young.liquidate >= old.liquidate
    assert young.withdraw >= old.withdraw
    assert young.trade >= old.trade
    assert young.initial_ratio <= old.initial_ratio
    if age > policy.liquidation_age_max_ms:
        assert not young.liquidate
    if age > policy.withdrawal_age_max_ms:
        assert not young.withdraw
    nothing = effect_of_refusal(policy, None)
    assert nothing == (False, False, Trading.HALTED, 10**9)


RATES = st.integers(1, 5_000).map(lambda n: Fraction(n, 1_000))


@given(RATES, RATES, st.integers(0, 10**8), st.integers(0, 5_000), RATES)
def test_a_capped_rate_is_never_far_from_the_live_one(live, snapshot, now_s, bps, share) -> None:
    tolerance = share / 10
    found = capped_rate(GrowthCap(snapshot, 0, bps, tolerance), live, now_s)
    assert (found.rate is None) == (found.refusal is OracleRefusal.CAP_BINDING)
    if found.rate is None:
        assert found.excess > tolerance
    else:
        assert live * (1 - tolerance) <= found.rate <= live


POOLS = st.builds(
    Pool,
    st.integers(1, 10**6).map(Decimal),
    st.integers(1, 10**6).map(Decimal),
    st.integers(0, 50).map(lambda n: Decimal(n) / 1_000),
)
FACTORS = st.integers(101, 400).map(lambda n: Decimal(n) / 100)


@given(st.lists(POOLS, min_size=1, max_size=6), FACTORS)
def test_a_median_costs_the_cheapest_majority(pools, factor) -> None:
    found = cost_to_move_median(pools, factor)
    assert found.moved == len(pools) // 2 + 1
    each = [cost_to_move(pool, factor).loss for pool in pools]
    cheapest = min(sum(chosen) for chosen in combinations(each, found.moved))
    assert abs(found.loss - cheapest) <= Decimal("1e-20") * max(1, cheapest)
    assert found.loss >= cost_to_move_median(pools, (factor + 1) / 2).loss


@given(POOLS, st.integers(1, 100).map(lambda n: Decimal(n) / 100), st.integers(2, 60))
def test_a_longer_hold_needs_a_smaller_move(pool, shift, held) -> None:
    shorter = cost_to_move_twap(pool, shift, 150, held - 1)
    longer = cost_to_move_twap(pool, shift, 150, held)
    assert longer.spot_factor < shorter.spot_factor
    assert cost_to_move_twap(pool, shift, 75, held).loss < longer.loss
