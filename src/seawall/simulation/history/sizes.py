"""How large forced sales are, how unevenly they fall, and how they cluster.

Knows columns of dollars by minute. Clustering never comes without its warning.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.systemic import hill, top_share
from seawall.systemic.hawkes import Clustering, autoregression, clustering

LAGS = 20
WINDOWS_MIN = (5, 15, 60, 240, 1440)
MINUTES_LEAST = 40  # Fewer say nothing of a distribution.
_FAR = 0.999


class Sizes(NamedTuple):
    """Minutes with forced sales of one side."""

    minutes: int  # In which there were any.
    share: float  # Of all minutes.
    dollars: float
    log_mean: float  # Of their logarithm: the lognormal law that fits best.
    log_deviation: float
    tail: float  # Hill's index by the largest twentieth.
    far: float  # Dollars that one such minute in a thousand exceeds.
    far_lognormal: float  # The same by the lognormal law.
    top_hundredth: float  # Share of all dollars in the largest hundredth of all minutes.
    top_thousandth: float


class Clusters(NamedTuple):
    """Branching ratios as estimators see them."""

    by_window: tuple[Clustering, ...]  # Of minutes with forced sales, added up.
    autoregressive: Clustering  # Of dollars by minute, over 20 minutes.


def sizes(dollars: Floats) -> Sizes:
    """What is known of one side's minutes; nothing of their law where there are hardly any."""
    some = dollars[dollars > 0.0]
    if some.size < MINUTES_LEAST:
        unknown = math.nan
        return Sizes(
            minutes=int(some.size),
            share=some.size / dollars.size,
            dollars=float(some.sum()),
            log_mean=unknown,
            log_deviation=unknown,
            tail=unknown,
            far=unknown,
            far_lognormal=unknown,
            top_hundredth=unknown,
            top_thousandth=unknown,
        )
    logs = np.log(some)
    mean, deviation = float(logs.mean()), float(logs.std())
    return Sizes(
        minutes=int(some.size),
        share=some.size / dollars.size,
        dollars=float(some.sum()),
        log_mean=mean,
        log_deviation=deviation,
        tail=hill(some, max(1, some.size // 20)),
        far=float(np.quantile(some, _FAR)),
        far_lognormal=math.exp(mean + 3.090232306 * deviation),  # Φ⁻¹(0.999).
        top_hundredth=top_share(dollars, round(dollars.size * 0.01)),
        top_thousandth=top_share(dollars, round(dollars.size * 0.001)),
    )


def clusters(dollars: Floats) -> Clusters:
    """How clustered one side's minutes are."""
    counts = (dollars > 0.0).astype(np.float64)
    return Clusters(
        tuple(clustering(counts, window) for window in WINDOWS_MIN), autoregression(dollars, LAGS)
    )
