"""How clustered events are, and why that says nothing about contagion.

A branching ratio near 1 is what a crash looks like with feedback and without: a common shock
clusters liquidations as well as a cascade does. So nothing here calls clustering contagion; whether
a fall feeds itself is told by the local gain of the ladder and by a replay with impact switched
off. Knows counts; does not know what caused them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats

WARNING = (
    "Clustering, not contagion: the same ratio comes out of a common shock with no feedback at all."
    " Feedback is told by the local gain and by a replay without impact."
)


class Clustering(NamedTuple):
    """A branching ratio as an estimator sees it, never without its warning."""

    ratio: float  # 0: as even as chance; towards 1: ever larger clusters.
    window: int  # Counts that were added up before.
    windows: int
    warning: str = WARNING


def clustering(counts: ArrayLike, window: int = 1) -> Clustering:
    """1 − √(mean ÷ variance) of counts in windows; at least 0, NaN where nothing happened.

    Source: Hardiman and Bouchaud (2014). Variance is the population's.

    >>> clustering([0, 4, 0, 4]).ratio
    0.2928932188134524
    """
    column = np.asarray(counts, np.float64)
    whole = column.size // window
    summed = column[: whole * window].reshape(whole, window).sum(axis=1)
    mean, variance = float(summed.mean()) if whole else 0.0, float(summed.var()) if whole else 0.0
    if not mean:
        return Clustering(math.nan, window, whole)
    ratio = max(0.0, 1.0 - math.sqrt(mean / variance)) if variance else 0.0
    return Clustering(ratio, window, whole)


def cluster_share(ratio: float, size: int) -> float:
    """Share of clusters of `size` events where each has Poisson(ratio) offspring: Borel's law.

    e^(−n·k) · (n·k)^(k − 1) ÷ k!.

    >>> round(cluster_share(0.5, 2), 9)
    0.183939721
    """
    if not ratio:
        return 1.0 if size == 1 else 0.0
    grown = ratio * size
    return math.exp(-grown + (size - 1) * math.log(grown) - math.lgamma(size + 1))


def cluster_tail(ratio: float, size: int) -> float:
    """Share of clusters larger than `size`."""
    return 1.0 - math.fsum(cluster_share(ratio, each) for each in range(1, size + 1))


def cluster_mean(ratio: float) -> float:
    """Events of a cluster on average: 1 ÷ (1 − n)."""
    return 1.0 / (1.0 - ratio)


def cluster_variance(ratio: float) -> float:
    """Variance of a cluster's events: n ÷ (1 − n)³."""
    return float(ratio / (1.0 - ratio) ** 3)


def fano(ratio: float) -> float:
    """Variance ÷ mean of counts in long windows: 1 ÷ (1 − n)²."""
    return float(1.0 / (1.0 - ratio) ** 2)


def autoregression(counts: ArrayLike, lags: int) -> Clustering:
    """Sum of the coefficients of counts regressed on their own last `lags` values.

    INAR(p) by least squares, a branching ratio again. Source: Kirchner (2016).
    """
    column = np.asarray(counts, np.float64)
    if column.size <= lags + 1:
        raise ValueError(f"counts: more than {lags + 1} of them are needed for {lags} lags")
    rows: Floats = np.stack([column[lags - k - 1 : column.size - k - 1] for k in range(lags)], 1)
    design = np.concatenate([np.ones((rows.shape[0], 1)), rows], axis=1)
    found = np.linalg.lstsq(design, column[lags:], rcond=None)[0]
    return Clustering(float(found[1:].sum()), 1, column.size)
