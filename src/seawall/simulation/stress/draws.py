"""What a run is given: shock, depth and resilience, each around the named one.

Deviations are two-sided Lomax numbers with exponent 3: half of them are within 0.26 of zero, and
beyond x lies (1 + x)^(−3) of them, as with daily and intraday returns. Nothing is lognormal, and no
tail is thin. Each number is a function of (seed, stream, run): runs may be drawn in any order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.draws import root_power, uniform
from seawall.simulation.stress.depth import Spread
from seawall.simulation.stress.fall import Fall

SHOCK, DEPTH, RESILIENCE = range(101, 104)  # Streams.
DEPTH_LEAST, DEPTH_MOST = 0.05, 2.0
RESILIENCE_MOST = 0.95
_LEAST_PRICE, _MOST_PRICE = 0.02, 50.0


class Draws(NamedTuple):
    """[run] each."""

    shock: Floats
    depth: Floats
    resilience: Floats


def deviations(seed: int, stream: int, runs: int, tail: float) -> Floats:
    """Two-sided Lomax: ±((2·min(u, 1 − u))^(−1 ÷ tail) − 1), median 0. [run]

    >>> found = np.abs(deviations(7, SHOCK, 100_000, 3.0))
    >>> round(float((found > 1.0).mean()), 2), 2.0**-3
    (0.12, 0.125)
    """
    share = uniform(seed, stream, np.arange(runs))
    outside = 2.0 * np.minimum(share, 1.0 - share)
    size = 1.0 / root_power(outside, 1.0 / tail) - 1.0
    found: Floats = np.where(share < 0.5, -size, size)
    return found


def drawn(seed: int, runs: int, named: Fall, spread: Spread) -> Draws:
    """Draw every run.

    shock        (1 + named)^s − 1 with s = max(0, 1 + spread · X): a fall stays a fall
    depth        named · (1 + spread · X) in [0.05, 2] · min(1, s^(−withdrawal))
    resilience   named + spread · X in [0, 0.95]
    """
    far = deviations(seed, SHOCK, runs, spread.tail)
    times = np.maximum(0.0, 1.0 + spread.shock * far)
    moved = np.exp(np.log1p(named.shock) * times)
    moved = np.clip(moved, _LEAST_PRICE, _MOST_PRICE)
    thin = 1.0 + spread.depth * deviations(seed, DEPTH, runs, spread.tail)
    left = np.minimum(1.0, np.maximum(times, 1e-9) ** -spread.withdrawal)
    back = named.resilience + spread.resilience * deviations(seed, RESILIENCE, runs, spread.tail)
    return Draws(
        shock=moved - 1.0,
        depth=named.depth
        * np.clip(np.clip(thin, DEPTH_LEAST, DEPTH_MOST) * left, DEPTH_LEAST, None),
        resilience=np.clip(back, 0.0, RESILIENCE_MOST),
    )
