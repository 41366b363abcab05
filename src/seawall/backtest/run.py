"""One backtest: several margin methods over the same bars, each judged on the same days.

Knows prices, methods and tests. A margin at a bar uses what was known at its close; the loss it is
held against is that of the `horizon` bars that follow. With a horizon of several bars only every
horizon-th bar is judged, so that no two losses overlap and the tests hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from seawall.backtest import coverage, filtered, procyclicality
from seawall.backtest.coverage import LikelihoodRatio, Zone
from seawall.backtest.filtered import Array, Ints, TailEstimate
from seawall.backtest.method import BacktestError, Method, parse_method
from seawall.backtest.prices import Prices
from seawall.backtest.shortfall import ShortfallTest, acerbi_szekely

Progress = Callable[[int, int], None]

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
BUFFER_REFILL_A_DAY = 0.01
JUDGED_MIN = 20
# Months in which crypto markets fell hardest; an Article 28(1)(b) weight falls on their returns.
STRESSED_MONTHS = ("2020-03", "2021-05", "2022-11", "2025-10")


@dataclass(frozen=True, slots=True)
class Setting:
    """What all methods of one backtest share."""

    side: Literal["long", "short"] = "long"
    horizon: int = 1  # bars
    confidence: float = 0.99
    window: int = 500  # bars of history for each margin
    decay: float = 0.97  # of the EWMA variance, for each bar
    volatility_floor: float = 0.0  # a year
    rise_days: int = 5
    stressed_months: tuple[str, ...] = STRESSED_MONTHS


@dataclass(frozen=True, slots=True)
class Judgement:
    """One method's margins and what the tests say of them."""

    method: str
    margin: Array  # [judged] share of the notional
    value_at_risk: Array  # [judged] share of the notional; what the coverage tests judge
    exceedances: int  # losses beyond the value at risk
    kupiec: LikelihoodRatio
    independence: LikelihoodRatio
    conditional: LikelihoodRatio
    durations: LikelihoodRatio | None
    exact_p: float
    true_share: tuple[float, float]  # Clopper-Pearson, 95 %
    zone: Zone
    shortfall: ShortfallTest | None  # only where a positive tail is forecast
    beyond_margin: int
    largest_shortfall: float  # share of the notional
    average_margin: float
    peak_to_trough: float
    largest_rise: float  # over rise_days


@dataclass(frozen=True, slots=True)
class Backtest:
    """The judged bars, the losses on them, and one judgement for each method."""

    setting: Setting
    time_ms: Ints  # [judged] when the margin was set
    loss: Array  # [judged] share of the notional, over the horizon; negative is a gain
    expected: float  # exceedances
    gaps: int
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class _History:
    """Losses of every start, the volatility before each, and which bars are judged."""

    losses: Array  # [start]
    volatility: Array  # [start] for one bar, before it
    floored: Array  # [judged]
    judged: Ints  # [judged] start
    ends: Ints  # [judged] losses before this place were known
    prices: Prices
    setting: Setting


def backtest(
    prices: Prices,
    methods: Sequence[str],
    setting: Setting | None = None,
    progress: Progress = lambda done, total: None,
) -> Backtest:
    """Judge each method on the same bars; refused with `BacktestError` where history is short."""
    setting = setting or Setting()
    _check(setting, methods)
    parsed = [parse_method(name) for name in methods]
    history = _history(prices, setting)
    loss, total = history.losses[history.judged], history.judged.size * len(parsed)
    judgements = []
    for number, method in enumerate(parsed):
        offset = number * history.judged.size

        def step(place: int, offset: int = offset) -> None:
            if place % 256 == 255:
                progress(offset + place + 1, total)

        judgements.append(_judge(method, history, loss, step))
        progress(offset + history.judged.size, total)
    expected = loss.size * (1 - setting.confidence)
    times = prices.time_ms[history.judged]
    return Backtest(setting, times, loss, expected, prices.gaps, tuple(judgements))


def _check(setting: Setting, methods: Sequence[str]) -> None:
    if not methods:
        raise BacktestError("METHOD: name at least one")
    if len(set(methods)) < len(methods):
        raise BacktestError("METHOD: a method is named twice")
    if setting.side not in {"long", "short"}:
        raise BacktestError(f"side: {setting.side} is neither long nor short")
    for name, low in (("horizon", 1), ("window", 20), ("rise_days", 1)):
        if getattr(setting, name) < low:
            raise BacktestError(f"{name}: {getattr(setting, name)} is below {low}")
    if not 0.5 < setting.confidence < 1:
        raise BacktestError(f"confidence: {setting.confidence} is not between 0.5 and 1")
    if not 0 < setting.decay < 1:
        raise BacktestError(f"decay: {setting.decay} is not between 0 and 1")
    if not 0 <= setting.volatility_floor < math.inf:
        raise BacktestError(f"volatility_floor: {setting.volatility_floor} is negative")
    if any(name.startswith("evt") for name in methods) and (
        setting.window < 100 or setting.confidence < 0.95
    ):
        raise BacktestError("window, confidence: a Pareto tail needs 100 bars and 0.95")


def _history(prices: Prices, setting: Setting) -> _History:
    close, ahead = prices.close, setting.horizon
    first = setting.window + ahead - 1
    judged = np.arange(first, close.size - ahead, ahead, dtype=np.int64)
    if judged.size < JUDGED_MIN:
        raise BacktestError(
            f"window: {close.size} bars leave {judged.size} to judge after a window of "
            f"{setting.window} and a horizon of {ahead}; {JUDGED_MIN} are needed"
        )
    moves = close[ahead:] / close[:-ahead] - 1
    losses = -moves if setting.side == "long" else moves
    returns = close[1:] / close[:-1] - 1
    volatility = filtered.ewma_volatility(returns, setting.decay, setting.window)[: losses.size]
    if not np.all(volatility > 0):
        raise BacktestError("close: the prices of a whole window do not move")
    floor = setting.volatility_floor * math.sqrt(prices.step_ms / YEAR_MS)
    floored = np.maximum(volatility[judged], floor)
    return _History(losses, volatility, floored, judged, judged - ahead + 1, prices, setting)


def _tail(method: Method, history: _History, step: filtered.Step) -> TailEstimate:
    """Value at risk and expected shortfall before any tool but half filtering."""
    setting, ends = history.setting, history.ends
    scale = history.floored
    if method.tail in {"fixed", "ewma"}:
        unit = scale * math.sqrt(setting.horizon) if method.tail == "ewma" else np.ones(ends.size)
        return TailEstimate(method.number * unit, method.number * unit)
    window, confidence = setting.window, setting.confidence
    if method.tail.startswith("historical"):
        return filtered.rolling_tail(history.losses, ends, window, confidence, step)
    if "half" in method.tools:
        return filtered.half_filtered_tail(
            history.losses, history.volatility, scale, ends, window, confidence, step
        )
    rolling = (
        filtered.rolling_pareto_tail if method.tail.startswith("evt") else filtered.rolling_tail
    )
    # Filtered losses are in units of the volatility before them; the horizon's root cancels.
    try:
        unit_tail = rolling(history.losses / history.volatility, ends, window, confidence, step)
    except ValueError as error:
        raise BacktestError(f"{method.name}: {error}") from None
    return TailEstimate(unit_tail.value_at_risk * scale, unit_tail.expected_shortfall * scale)


def _with_tools(method: Method, estimate: TailEstimate, history: _History) -> TailEstimate:
    if "stress" in method.tools:
        estimate = _stressed(estimate, history)
    if "floor" in method.tools:
        bars = procyclicality.FLOOR_YEARS * YEAR_MS // history.prices.step_ms
        longest = filtered.rolling_tail(
            history.losses, history.ends, bars, history.setting.confidence, _silent
        )
        estimate = TailEstimate(*map(np.maximum, estimate, longest))
    if history.setting.side == "long":  # A price cannot fall by more than all of it.
        estimate = TailEstimate(*(np.minimum(part, 1.0) for part in estimate))
    return estimate


def _stressed(estimate: TailEstimate, history: _History) -> TailEstimate:
    """Weigh in the stressed months that were known at the time; before the first, nothing."""
    months = np.array(history.setting.stressed_months, dtype="datetime64[M]")
    starts = history.prices.time_ms[: history.losses.size].astype("datetime64[ms]")
    places = np.flatnonzero(np.isin(starts.astype("datetime64[M]"), months))
    known = np.searchsorted(places, history.ends)
    told = known > 0
    if not np.any(told):
        return estimate
    losses, confidence = history.losses[places], history.setting.confidence
    worst = filtered.rolling_tail(losses, known[told], losses.size, confidence, _silent)
    parts = []
    for part, stressed in zip(estimate, worst, strict=True):
        weighted = part.copy()
        weight = procyclicality.STRESS_WEIGHT
        weighted[told] = (1 - weight) * part[told] + weight * stressed
        parts.append(weighted)
    return TailEstimate(*parts)


def _silent(place: int) -> None:
    """Count nothing."""


def _judge(method: Method, history: _History, loss: Array, step: filtered.Step) -> Judgement:
    setting, step_ms = history.setting, history.prices.step_ms
    estimate = _with_tools(method, _tail(method, history, step), history)
    var = estimate.value_at_risk
    margin = estimate.expected_shortfall if method.charges_shortfall else var
    judged_ms = step_ms * setting.horizon
    if "buffer" in method.tools:
        refill = BUFFER_REFILL_A_DAY * judged_ms / DAY_MS
        margin = procyclicality.drained(margin, procyclicality.BUFFER, refill)
    exceeded, chance, total = loss > var, 1 - setting.confidence, loss.size
    count = int(np.sum(exceeded))
    share = coverage.kupiec(total, count, chance)
    order = coverage.independence(coverage.transitions(exceeded))
    size = None
    if method.forecasts_tail and np.all(estimate.expected_shortfall > 0):
        size = acerbi_szekely(loss, var, estimate.expected_shortfall, chance)
    rise_bars = max(1, round(setting.rise_days * DAY_MS / judged_ms))
    return Judgement(
        method=method.name,
        margin=margin,
        value_at_risk=var,
        exceedances=count,
        kupiec=share,
        independence=order,
        conditional=coverage.conditional_coverage(share, order),
        durations=coverage.durations(exceeded),
        exact_p=coverage.exact_binomial(total, count, chance),
        true_share=coverage.clopper_pearson(total, count, 0.95),
        zone=coverage.basel_zone(total, count, chance),
        shortfall=size,
        beyond_margin=int(np.sum(loss > margin)),
        largest_shortfall=max(0.0, float(np.max(loss - margin))),
        average_margin=float(np.mean(margin)),
        peak_to_trough=procyclicality.peak_to_trough(margin),
        largest_rise=procyclicality.largest_rise(margin, rise_bars),
    )


def day(time_ms: int) -> str:
    """Say a day in UTC.

    >>> day(1722816000000)
    '2024-08-05'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
