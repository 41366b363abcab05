"""Laws of the backtest: what must hold for any losses, counts and margins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.backtest import Prices, Setting, backtest
from seawall.backtest.coverage import (
    basel_zone,
    binomial_at_most,
    clopper_pearson,
    independence,
    kupiec,
    not_rejected,
    transitions,
)
from seawall.backtest.filtered import rolling_pareto_tail, rolling_tail, tail_count
from seawall.backtest.procyclicality import drained, largest_rise, peak_to_trough
from seawall.backtest.tail import ParetoTail

DAY_MS = 86_400_000
positive = st.floats(0.001, 10.0)
chances = st.floats(0.001, 0.2)
series = st.lists(positive, min_size=2, max_size=60).map(np.array)


def walk(seed: int, bars: int = 260) -> Prices:
    """A made market with quiet and wild stretches."""
    dice = np.random.default_rng(seed)
    wild = np.exp(np.cumsum(dice.normal(0, 0.1, bars - 1)) * 0.5)
    close = 100 * np.exp(np.cumsum(dice.standard_t(4, bars - 1) * 0.01 * np.clip(wild, 0.2, 4)))
    return Prices(np.arange(bars) * DAY_MS, np.concatenate([[100.0], close]), DAY_MS, 0)


@given(st.integers(2, 2000), chances, st.data())
def test_kupiec_is_least_at_the_promised_share(total: int, chance: float, data: st.DataObject):
    count = data.draw(st.integers(0, total))
    ratio = kupiec(total, count, chance)
    assert ratio.statistic >= 0
    assert 0 <= ratio.p_value <= 1
    step = 1 if count > total * chance else -1
    if 0 <= count + step <= total:
        assert kupiec(total, count + step, chance).statistic >= ratio.statistic


@given(st.lists(st.booleans(), min_size=2, max_size=200))
def test_transitions_count_every_step_and_time_may_run_backwards(flags: list[bool]) -> None:
    forward, backward = transitions(np.array(flags)), transitions(np.array(flags[::-1]))
    assert sum(forward) == len(flags) - 1
    assert forward.calm_exceeded == backward.exceeded_calm
    assert independence(forward).statistic == pytest.approx(
        independence(backward).statistic, abs=1e-9
    )


@given(st.integers(20, 400), chances)
@settings(max_examples=30)
def test_accepted_counts_are_one_interval(total: int, chance: float) -> None:
    low, high = not_rejected(total, chance)
    assert all(kupiec(total, count, chance).p_value > 0.05 for count in range(low, high + 1))
    assert high == total or kupiec(total, high + 1, chance).p_value <= 0.05


@given(st.integers(1, 1000), chances, st.data())
def test_exact_tails_agree_with_the_sum_of_chances(total: int, chance: float, data: st.DataObject):
    count = data.draw(st.integers(0, min(total, 30)))
    summed = math.fsum(
        math.comb(total, k) * chance**k * (1 - chance) ** (total - k) for k in range(count + 1)
    )
    assert binomial_at_most(total, count, chance) == pytest.approx(summed, rel=1e-9, abs=1e-300)
    low, high = clopper_pearson(total, count, 0.95)
    assert low <= count / total <= high
    zones = ["green", "yellow", "red"]
    if count < total:
        later = zones.index(basel_zone(total, count + 1, chance))
        assert zones.index(basel_zone(total, count, chance)) <= later


@given(st.floats(0.001, 1.0), st.floats(0.001, 1.0), st.floats(-0.4, 0.9), st.floats(0.95, 0.9999))
def test_a_tail_gives_back_its_own_chance(
    threshold: float, scale: float, shape: float, confidence: float
) -> None:
    tail = ParetoTail(1000, 50, threshold, scale, shape)
    at_risk = tail.value_at_risk(confidence)
    assert tail.chance_beyond(at_risk) == pytest.approx(1 - confidence, rel=1e-6)
    assert tail.expected_shortfall(confidence) >= at_risk


@given(st.lists(st.floats(-1, 1), min_size=30, max_size=80), st.floats(0.6, 0.99))
def test_a_sliding_tail_is_the_tail_of_each_window(values: list[float], confidence: float) -> None:
    losses, window = np.array(values), 20
    ends = np.arange(window, losses.size + 1)
    tail = rolling_tail(losses, ends, window, confidence, lambda place: None)
    count = tail_count(window, confidence)
    for place, end in enumerate(ends):
        worst = np.sort(losses[end - window : end])[-count:]
        assert tail.value_at_risk[place] == max(0.0, worst[0])
        assert tail.expected_shortfall[place] == pytest.approx(max(0.0, worst.mean()), abs=1e-12)


@given(st.integers(0, 50))
@settings(max_examples=8)
def test_a_pareto_tail_scales_with_its_losses(seed: int) -> None:
    losses = np.abs(np.random.default_rng(seed).standard_t(4, 400))
    ends = np.array([300, 350, 400])
    small = rolling_pareto_tail(losses, ends, 300, 0.99, lambda place: None)
    large = rolling_pareto_tail(losses * 8, ends, 300, 0.99, lambda place: None)
    assert large.value_at_risk == pytest.approx(small.value_at_risk * 8, rel=1e-9)
    assert large.expected_shortfall == pytest.approx(small.expected_shortfall * 8, rel=1e-9)
    assert np.all(small.expected_shortfall >= small.value_at_risk)


@given(series, st.floats(0.0, 0.5), st.floats(0.0, 0.2))
def test_a_buffer_never_collects_less_nor_swings_more(
    margin: np.ndarray, buffer: float, refill: float
) -> None:
    held = drained(margin, buffer, refill)
    assert np.all(held >= margin)
    assert np.all(held <= margin * (1 + buffer) * (1 + 1e-12))
    assert peak_to_trough(held) <= peak_to_trough(margin) * (1 + buffer) * (1 + 1e-12)
    assert largest_rise(held, 1) <= max(1 + refill, largest_rise(margin, 1)) * (1 + 1e-12)


@given(st.integers(0, 1000), st.sampled_from(["long", "short"]), st.integers(1, 3))
@settings(max_examples=15)
def test_nothing_looks_ahead(seed: int, side: str, horizon: int) -> None:
    """Another future after a bar leaves every margin up to that bar as it was."""
    prices = walk(seed)
    methods = ["fhs_es", "fhs_es+half+stress", "historical_es+floor", "evt_es", "ewma+buffer"]
    setting = Setting(side=side, horizon=horizon, window=100, stressed_months=("1970-05",))
    close = prices.close.copy()
    close[201:] *= np.linspace(1.5, 0.2, close.size - 201)
    other = Prices(prices.time_ms, close, DAY_MS, 0)
    before, after = backtest(prices, methods, setting), backtest(other, methods, setting)
    known = before.time_ms <= 200 * DAY_MS
    assert 0 < known.sum() < known.size
    for one, two in zip(before.judgements, after.judgements, strict=True):
        assert np.array_equal(one.margin[known], two.margin[known])


@given(st.integers(0, 1000), st.floats(0.001, 1000))
@settings(max_examples=10)
def test_the_unit_of_the_price_says_nothing(seed: int, unit: float) -> None:
    prices = walk(seed)
    other = Prices(prices.time_ms, prices.close * unit, DAY_MS, 0)
    setting = Setting(window=100)
    for one, two in zip(
        backtest(prices, ["fhs_es", "evt_var"], setting).judgements,
        backtest(other, ["fhs_es", "evt_var"], setting).judgements,
        strict=True,
    ):
        assert one.margin == pytest.approx(two.margin, rel=1e-6)


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_each_tool_only_adds(seed: int) -> None:
    prices, setting = walk(seed), Setting(window=100, stressed_months=())
    plain, floored, buffered = backtest(
        prices, ["fhs_es", "fhs_es+floor", "fhs_es+buffer"], setting
    ).judgements
    assert np.all(floored.margin >= plain.margin)
    assert np.all(buffered.margin >= plain.margin)
    assert plain.average_margin >= float(np.mean(plain.value_at_risk))
