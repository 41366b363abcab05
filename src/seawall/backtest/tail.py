"""What lies beyond the losses that were seen: a generalised Pareto law over a high threshold.

Knows excesses over a threshold. A normal or lognormal tail is assumed nowhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EXCESSES_MIN = 10
ROUNDING = 1e-12  # A shape or a distance in logarithms that is smaller is zero.


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """P(X > x) = n_u / n (1 + shape (x - threshold) / scale)^(-1 / shape) for x > threshold.

    A shape of zero is the exponential law, a negative one has an end. Source: Pickands, Annals of
    Statistics 3 (1975); formulas as in McNeil, Frey and Embrechts, Quantitative Risk Management.
    """

    observations: int
    excesses: int
    threshold: float
    scale: float
    shape: float

    def chance_beyond(self, loss: float) -> float:
        """Chance of a loss above `loss`, which must not lie below the threshold."""
        if loss < self.threshold:
            raise ValueError(f"loss: {loss} lies below the threshold {self.threshold}")
        share, over = self.excesses / self.observations, (loss - self.threshold) / self.scale
        if abs(self.shape) < ROUNDING:
            return share * math.exp(-over)
        if 1 + self.shape * over <= 0:
            return 0.0
        return share * math.exp(-math.log1p(self.shape * over) / self.shape)

    def value_at_risk(self, confidence: float) -> float:
        """Loss that is exceeded with probability 1 - confidence.

        VaR = u + scale / shape ((n / n_u (1 - c))^-shape - 1), at most n_u / n beyond it.
        """
        rarity = math.log(self.excesses / (self.observations * (1 - confidence)))
        if rarity < -ROUNDING:
            raise ValueError(f"confidence: {confidence} lies below the threshold's own")
        rarity = max(0.0, rarity)
        if abs(self.shape) < ROUNDING:
            return self.threshold + self.scale * rarity
        return self.threshold + self.scale * math.expm1(self.shape * rarity) / self.shape

    def expected_shortfall(self, confidence: float) -> float:
        """Mean of the losses beyond the value at risk.

        ES = (VaR + scale - shape u) / (1 - shape); without end, and refused, from a shape of 1.
        """
        if self.shape >= 1:
            raise ValueError(f"shape: {self.shape} has no expected shortfall")
        var = self.value_at_risk(confidence)
        return (var + self.scale - self.shape * self.threshold) / (1 - self.shape)


def fit_pareto_tail(losses: Array, tail_share: float = 0.1) -> ParetoTail:
    """Fit the largest losses of a sample; the threshold is the loss next below them.

    Needs at least ten excesses. The estimate is Zhang and Stephens' (Technometrics 51, 2009): an
    average over the profile likelihood, about as sharp as maximum likelihood and never stuck.
    """
    count = int(losses.size * tail_share)
    if count < EXCESSES_MIN or count >= losses.size:
        raise ValueError(f"losses: {losses.size} leave {count} excesses, {EXCESSES_MIN} are needed")
    highest = np.sort(np.partition(losses, losses.size - count - 1)[losses.size - count - 1 :])
    threshold = float(highest[0])
    excesses = highest[1:] - threshold
    if not excesses[0] > 0:
        excesses = excesses[excesses > 0]
        if excesses.size < EXCESSES_MIN:
            raise ValueError("losses: too many are equal to the threshold")
    scale, shape = fit_generalised_pareto(excesses)
    return ParetoTail(losses.size, int(excesses.size), threshold, scale, shape)


def fit_generalised_pareto(excesses: Array) -> tuple[float, float]:
    """Scale and shape of positive excesses sorted upwards [excess].

    With t = shape / scale negated: shape(t) = mean ln(1 - t x), likelihood(t) = n (ln(-t / shape)
    - shape - 1); t is averaged over a grid with the likelihood as weight.
    """
    count = excesses.size
    points = 30 + math.isqrt(count)
    grid = 1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))
    grid = grid / (3 * excesses[int(count / 4 + 0.5) - 1]) + 1 / excesses[-1]
    shapes = np.mean(np.log1p(-grid[:, None] * excesses), axis=1)
    fit = count * (np.log(-grid / shapes) - shapes - 1)
    weights = np.exp(fit - fit.max())
    best = float(np.sum(grid * weights) / np.sum(weights))
    shape = float(np.mean(np.log1p(-best * excesses)))
    return -shape / best, shape
