"""Rolling margins of one linear position, from the returns before each bar only.

Knows simple returns over the horizon and the volatility before them. A loss is a share of the
notional, so a scenario of a linear position is exactly a scaled return. Nothing looks ahead.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.backtest.tail import fit_pareto_tail

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = Callable[[int], None]

PARTITION_BARS = 64
REFITS_A_WINDOW = 250


class TailEstimate(NamedTuple):
    """Value at risk and expected shortfall, each [judged], shares of the notional."""

    value_at_risk: Array
    expected_shortfall: Array


def ewma_volatility(returns: Array, decay: float, seed_bars: int) -> Array:
    """Volatility forecast before each bar and after the last one: [bar + 1].

    sigma(t)^2 = decay sigma(t - 1)^2 + (1 - decay) r(t - 1)^2; it starts at the mean square of the
    first `seed_bars` returns, which a window of as many bars keeps out of every judged bar.
    """
    if not 0 < decay < 1:
        raise ValueError(f"decay: {decay} is not between 0 and 1")
    variance = np.empty(returns.size + 1)
    held = float(np.mean(np.square(returns[:seed_bars])))
    variance[0] = held
    for bar, square in enumerate(np.square(returns).tolist(), start=1):
        held = decay * held + (1 - decay) * square
        variance[bar] = held
    return np.sqrt(variance)


def tail_count(observations: int, confidence: float) -> int:
    """How many of n scenarios lie in the tail: floor((n + 1) (1 - confidence)), at least one.

    The k-th worst of n is exceeded by the next one with probability k / (n + 1) if all n + 1 come
    in any order alike, so this k keeps the promise and is the largest that does.

    >>> tail_count(500, 0.99), tail_count(20, 0.99)
    (5, 1)
    """
    return max(1, math.floor((observations + 1) * (1 - confidence) + 1e-9))


def rolling_tail(
    losses: Array, ends: Ints, window: int, confidence: float, step: Step
) -> TailEstimate:
    """k-th worst and mean of the k worst among `losses[end - window : end]` for each end, rising.

    One sorted list slides along: a bar costs one insertion and one removal, whatever the window.
    """
    values = losses.tolist()
    first = 0
    filled = 0
    ordered: list[float] = []
    var, shortfall = np.empty(ends.size), np.empty(ends.size)
    for place, end in enumerate(ends.tolist()):
        while filled < end:
            bisect.insort(ordered, values[filled])
            filled += 1
        while first < end - window:
            del ordered[bisect.bisect_left(ordered, values[first])]
            first += 1
        worst = ordered[-tail_count(len(ordered), confidence) :]
        var[place], shortfall[place] = worst[0], sum(worst) / len(worst)
        step(place)
    return TailEstimate(np.maximum(var, 0.0), np.maximum(shortfall, 0.0))


def half_filtered_tail(
    losses: Array, before: Array, now: Array, ends: Ints, window: int, confidence: float, step: Step
) -> TailEstimate:
    """The same with scenarios loss (now + before) / (2 before): half of the way to today's level.

    `before` is the volatility before each past return [bar], `now` that before each judged bar.
    """
    count = tail_count(window, confidence)
    var, shortfall = np.empty(ends.size), np.empty(ends.size)
    filtered = losses / before
    by_window = np.lib.stride_tricks.sliding_window_view
    plain_rows, filtered_rows = by_window(losses, window), by_window(filtered, window)
    for start in range(0, ends.size, PARTITION_BARS):
        part = slice(start, start + PARTITION_BARS)
        rows = ends[part] - window
        scenario = 0.5 * (filtered_rows[rows] * now[part, None] + plain_rows[rows])
        worst = np.partition(scenario, window - count, axis=1)[:, window - count :]
        var[part], shortfall[part] = worst.min(axis=1), worst.mean(axis=1)
        step(min(start + PARTITION_BARS, ends.size) - 1)
    return TailEstimate(np.maximum(var, 0.0), np.maximum(shortfall, 0.0))


def rolling_pareto_tail(
    losses: Array, ends: Ints, window: int, confidence: float, step: Step
) -> TailEstimate:
    """Peaks over the 90 % threshold of each window; refitted some 250 times in each window.

    Source: McNeil and Frey, Journal of Empirical Finance 7 (2000), on filtered losses. A shape is
    capped at 0.9: beyond it the mean of the tail says nothing.
    """
    every = max(1, window // REFITS_A_WINDOW)
    var, shortfall = np.empty(ends.size), np.empty(ends.size)
    fitted, values = -every, (0.0, 0.0)
    for place, end in enumerate(ends.tolist()):
        if end - fitted >= every:
            tail = fit_pareto_tail(losses[end - window : end])
            at_risk = tail.value_at_risk(confidence)
            shape = min(tail.shape, 0.9)
            beyond = (tail.scale + shape * (at_risk - tail.threshold)) / (1 - shape)
            fitted, values = end, (at_risk, at_risk + beyond)
        var[place], shortfall[place] = values
        step(place)
    return TailEstimate(np.maximum(var, 0.0), np.maximum(shortfall, 0.0))
