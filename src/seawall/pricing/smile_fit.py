"""Fit one raw SVI slice to the implied volatilities of one expiry.

A fit is a model's opinion: it is rounded to parts per billion and journalled like a mark, so that
no verdict rests on the bits of an optimiser.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.money import RATIO_ONE
from seawall.pricing.elementary import require
from seawall.pricing.table import Floats

_SPREADS = (0.02, 0.1, 0.4)  # Where the search for sigma begins.
_SEARCH: Any = {"xatol": 1e-7, "fatol": 1e-14, "maxiter": 400}
_LEAST_SIGMA = 1e-4
_WING = 2.0  # Lee: total variance cannot grow faster than 2·|k|.


class SmileFit(NamedTuple):
    """A fitted slice, parts per billion, and how far it lies from what it was fitted to."""

    a: int
    b: int
    rho: int
    m: int
    sigma: int
    median_error: float  # Of the volatility; 0.005 is half a point.


def fit_smile(
    k: ArrayLike, volatility: ArrayLike, years: float, weight: ArrayLike = 1.0
) -> SmileFit:
    """Raw SVI through the points (k, volatility), k = ln(strike ÷ forward), of one expiry.

    For given m and sigma, w = a + u·(√(1 + y²) + y) + v·(√(1 + y²) − y), y = (k − m) ÷ sigma, is
    linear in a, u, v ≥ 0, so the search is over two numbers only. What comes out has a ≥ 0,
    |rho| ≤ 1 and positive variance; butterflies are not excluded but reported by
    `inspect_surface`. At least five points are needed. Source: Zeliade Systems, "Quasi-explicit
    calibration of Gatheral's SVI model", 2009.

    >>> k = np.linspace(-0.3, 0.3, 9)
    >>> w = 0.02 + 0.1 * (-0.3 * (k - 0.05) + np.sqrt((k - 0.05) ** 2 + 0.04))
    >>> fit = fit_smile(k, np.sqrt(w / 0.25), 0.25)
    >>> [round(part / 1e9, 4) for part in fit[:5]]
    [0.02, 0.1, -0.3, 0.05, 0.2]
    """
    from scipy.optimize import minimize

    points, weights = _points(k, volatility, weight)
    require("years", np.array([years]), 1e-9, 100.0)
    variance = points[1] ** 2 * years
    # Least squares in volatility: an error of w is one of 2·σ·T times the volatility's.
    scale = weights / (2.0 * points[1] * years)

    def miss(at: Floats) -> float:
        return _solve(points[0], variance, scale, at)[1]

    best, least = (0.0, 0.0), np.inf
    for spread in _SPREADS:
        start = np.array([points[0][int(np.argmin(variance))], np.log(spread)])
        found = minimize(miss, start, method="Nelder-Mead", options=_SEARCH)
        if found.fun < least:
            best, least = (float(found.x[0]), float(found.x[1])), float(found.fun)
    (a, u, v), _ = _solve(points[0], variance, scale, np.array(best))
    m, sigma = best[0], max(float(np.exp(best[1])), _LEAST_SIGMA)
    b, rho = (u + v) / sigma, (u - v) / (u + v) if u + v > 0.0 else 0.0
    fitted = a + b * (rho * (points[0] - m) + np.hypot(points[0] - m, sigma))
    error = np.abs(np.sqrt(np.maximum(fitted, 0.0) / years) - points[1])
    parts = [round(part * RATIO_ONE) for part in (a, b, rho, m, sigma)]
    return SmileFit(parts[0], parts[1], parts[2], parts[3], parts[4], float(np.median(error)))


def _points(
    k: ArrayLike, volatility: ArrayLike, weight: ArrayLike
) -> tuple[tuple[Floats, Floats], Floats]:
    given = np.broadcast_arrays(
        np.asarray(k, np.float64), np.asarray(volatility, np.float64), np.asarray(weight, float)
    )
    moneyness, sigma, weights = (np.ascontiguousarray(each).reshape(-1) for each in given)
    require("k", moneyness, -20.0, 20.0)
    require("volatility", sigma, 1e-6, 100.0)
    require("weight", weights, 0.0, 1e12)
    if np.unique(moneyness[weights > 0.0]).size < 5:
        raise ValueError("a smile needs at least five strikes with a weight")
    return (moneyness, sigma), np.sqrt(weights)


def _solve(
    k: Floats, variance: Floats, scale: Floats, at: Floats
) -> tuple[tuple[float, float, float], float]:
    """(a, u, v) that fit best at one m and ln sigma, and the weighted square error."""
    from scipy.optimize import nnls

    sigma = max(float(np.exp(min(at[1], 5.0))), _LEAST_SIGMA)
    y = (k - at[0]) / sigma
    root = np.sqrt(1.0 + y * y)
    columns = np.stack([np.ones_like(y), 0.5 * (root + y), 0.5 * (root - y)], axis=1)
    (a, u, v), residual = nnls(columns * scale[:, None], variance * scale)
    steep = max(0.0, u / sigma - _WING) + max(0.0, v / sigma - _WING)
    return (float(a), 0.5 * float(u), 0.5 * float(v)), float(residual) ** 2 + steep
