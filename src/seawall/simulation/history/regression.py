"""Least squares with errors that forgive what minutes do to each other.

Columns in, estimates out. Knows nothing of markets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.pricing import Floats


class Fitted(NamedTuple):
    """Estimates and how sure they are."""

    slope: Floats  # [regressor]
    covariance: Floats  # [regressor, regressor]
    explained: float  # 1 − variance of the rest ÷ variance of the outcome.

    def error(self, weights: Floats) -> float:
        """Standard error of Σ weights · slope."""
        return float(np.sqrt(weights @ self.covariance @ weights))


def fitted(design: Floats, outcome: Floats, lags: int) -> Fitted:
    """Ordinary least squares; errors stand heteroskedasticity and autocorrelation over `lags`.

    V = (X'X)⁻¹ · Σ |k| ≤ lags (1 − |k| ÷ (lags + 1)) Γₖ · (X'X)⁻¹, Γₖ = Σ eₜ eₜ₋ₖ xₜ x'ₜ₋ₖ.
    Source: Newey and West (1987).

    >>> fitted(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 3.0, 5.0]), 0).slope
    array([1., 2.])
    """
    gram = np.linalg.inv(design.T @ design)
    slope = gram @ (design.T @ outcome)
    rest = outcome - design @ slope
    scored = design * rest[:, None]
    middle = scored.T @ scored
    for lag in range(1, min(lags, outcome.size - 1) + 1):
        crossed = scored[lag:].T @ scored[:-lag]
        middle += (1.0 - lag / (lags + 1)) * (crossed + crossed.T)
    variance = float(outcome.var())
    explained = 1.0 - float(rest.var()) / variance if variance else 1.0
    return Fitted(slope.round(15) if variance == 0.0 else slope, gram @ middle @ gram, explained)


def lagged(column: Floats, lags: Sequence[int], rows: NDArray[np.int64]) -> Floats:
    """The column some rows earlier, one for each lag. [row, lag]

    >>> lagged(np.array([1.0, 2.0, 3.0, 4.0]), [0, 1], np.array([2, 3]))
    array([[3., 2.],
           [4., 3.]])
    """
    found: Floats = np.stack([column[rows - lag] for lag in lags], axis=1)
    return found
