"""Did losses exceed a forecast as often, and as independently, as it promised?

Knows counts and sequences of exceedances. Everything is a sum of logarithms: a product of 20,000
probabilities is zero in a float, its logarithm is not.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Zone = Literal["green", "yellow", "red"]

YELLOW_FROM, RED_FROM = 0.95, 0.9999
BASEL_OBSERVATIONS, BASEL_PROBABILITY = 250, 0.01
# Plus factors of the 1996 framework for 250 days at 99 %, by exceedances from 5 to 10 and more.
BASEL_PLUS = {5: 0.4, 6: 0.5, 7: 0.65, 8: 0.75, 9: 0.85}


class LikelihoodRatio(NamedTuple):
    """A likelihood ratio and the chance of one as large if the forecast is right."""

    statistic: float
    p_value: float


class Transitions(NamedTuple):
    """How often a calm (0) or exceeded (1) bar was followed by a calm or exceeded one."""

    calm_calm: int
    calm_exceeded: int
    exceeded_calm: int
    exceeded_exceeded: int


def transitions(exceeded: NDArray[np.bool_]) -> Transitions:
    """Count the T - 1 steps of a sequence [bar].

    >>> transitions(np.array([False, True, True, False]))
    Transitions(calm_calm=0, calm_exceeded=1, exceeded_calm=1, exceeded_exceeded=1)
    """
    before, after = exceeded[:-1], exceeded[1:]
    both = int(np.sum(before & after))
    left, reached = int(np.sum(before)) - both, int(np.sum(after)) - both
    return Transitions(before.size - both - left - reached, reached, left, both)


def kupiec(observations: int, exceedances: int, probability: float) -> LikelihoodRatio:
    """Proportion of failures: is x of T the promised share p?

    LR = 2 [x ln(x / (T p)) + (T - x) ln((T - x) / (T (1 - p)))], chi-squared with one degree.
    Source: Kupiec, Journal of Derivatives 3 (1995).

    >>> round(kupiec(250, 3, 0.01).statistic, 4)
    0.0949
    """
    _check(observations, exceedances, probability)
    calm = observations - exceedances
    ratio = _times_log(exceedances, exceedances / (observations * probability))
    ratio += _times_log(calm, calm / (observations * (1 - probability)))
    return _one_degree(2 * ratio)


def independence(counts: Transitions) -> LikelihoodRatio:
    """Is an exceedance as likely after an exceedance as after a calm bar?

    LR = 2 [sum n_ij ln pi_ij - sum n_ij ln pi_j] over the T - 1 steps, chi-squared with one degree,
    where pi_ij = n_ij / (n_i0 + n_i1) and pi_j is the share of steps into j.
    Source: Christoffersen, International Economic Review 39 (1998).
    """
    n00, n01, n10, n11 = counts
    steps, calm, exceeded = sum(counts), n00 + n01, n10 + n11
    ratio = 0.0
    for count, origin, target in (
        (n00, calm, n00 + n10),
        (n01, calm, n01 + n11),
        (n10, exceeded, n00 + n10),
        (n11, exceeded, n01 + n11),
    ):
        if count:
            ratio += count * math.log(count * steps / (origin * target))
    return _one_degree(2 * ratio)


def conditional_coverage(share: LikelihoodRatio, order: LikelihoodRatio) -> LikelihoodRatio:
    """Right share and independence at once: the sum of both, chi-squared with two degrees."""
    statistic = share.statistic + order.statistic
    return LikelihoodRatio(statistic, math.exp(-statistic / 2))


def durations(exceeded: NDArray[np.bool_]) -> LikelihoodRatio | None:
    """Do exceedances come in clusters? Weibull against exponential waiting times.

    LR = 2 [ln L(b) - ln L(1)], chi-squared with one degree; b < 1 says that they cluster. The wait
    before the first and after the last exceedance is censored. None below two exceedances.
    Source: Christoffersen and Pelletier, Journal of Financial Econometrics 2 (2004).
    """
    places = np.flatnonzero(exceeded)
    if places.size < 2:
        return None
    whole = np.diff(places).astype(np.float64)
    ends = np.array([places[0] + 1.0, exceeded.size - 1.0 - places[-1]])
    waits = np.concatenate([whole, ends[ends > 0]])
    logs, count, total = np.log(waits), whole.size, float(np.sum(np.log(whole)))

    def slope(shape: float) -> float:
        powers = np.exp(shape * (logs - logs.max()))
        mean = float(np.sum(powers * logs) / np.sum(powers))
        return count / shape + total - count * mean

    def likelihood(shape: float) -> float:
        top = float(logs.max())
        log_sum = shape * top + math.log(float(np.sum(np.exp(shape * (logs - top)))))
        return count * (math.log(shape) + math.log(count) - log_sum) + (shape - 1) * total - count

    low, high = 1e-3, 1e3
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return _one_degree(max(0.0, 2 * (likelihood(low) - likelihood(1.0))))


def binomial_at_most(observations: int, exceedances: int, probability: float) -> float:
    """P(X <= x) for X binomial (T, p), by the incomplete beta function.

    >>> round(binomial_at_most(250, 4, 0.01), 4)
    0.8922
    """
    from scipy.special import betainc

    _check(observations, exceedances, probability)
    if exceedances == observations:
        return 1.0
    return float(betainc(observations - exceedances, exceedances + 1, 1 - probability))


def exact_binomial(observations: int, exceedances: int, probability: float) -> float:
    """Exact p-value of x in T, two-sided: twice the smaller tail, at most one."""
    below = binomial_at_most(observations, exceedances, probability)
    above = 1.0
    if exceedances:
        from scipy.special import betainc

        above = float(betainc(exceedances, observations - exceedances + 1, probability))
    return min(1.0, 2 * min(below, above))


def clopper_pearson(
    observations: int, exceedances: int, confidence: float, two_sided: bool = True
) -> tuple[float, float]:
    """Exact interval of the true share; one-sided, each bound holds alone at the confidence.

    >>> round(clopper_pearson(60, 0, 0.95, two_sided=False)[1], 3)
    0.049
    """
    from scipy.special import betaincinv

    _check(observations, exceedances, confidence)
    miss = (1 - confidence) / (2 if two_sided else 1)
    calm = observations - exceedances
    low = float(betaincinv(exceedances, calm + 1, miss)) if exceedances else 0.0
    high = float(betaincinv(exceedances + 1, calm, 1 - miss)) if calm else 1.0
    return low, high


def basel_zone(observations: int, exceedances: int, probability: float) -> Zone:
    """Traffic light: yellow from P(X <= x) of 95 %, red from 99.99 %.

    Source: Basel Committee, Supervisory framework for backtesting (January 1996).

    >>> [basel_zone(250, x, 0.01) for x in (4, 5, 9, 10)]
    ['green', 'yellow', 'yellow', 'red']
    """
    share = binomial_at_most(observations, exceedances, probability)
    return "red" if share >= RED_FROM else "yellow" if share >= YELLOW_FROM else "green"


def basel_multiplier(exceedances: int) -> float:
    """Capital multiplier of the 1996 framework for 250 days at 99 %.

    >>> [basel_multiplier(x) for x in (4, 5, 12)]
    [3.0, 3.4, 4.0]
    """
    return 3.0 + (0.0 if exceedances < 5 else BASEL_PLUS.get(exceedances, 1.0))


def not_rejected(observations: int, probability: float, level: float = 0.05) -> tuple[int, int]:
    """Fewest and most exceedances that the Kupiec test accepts at a test level.

    >>> not_rejected(250, 0.01)
    (1, 6)
    """
    accepted = [
        count
        for count in range(observations + 1)
        if kupiec(observations, count, probability).p_value > level
    ]
    return accepted[0], accepted[-1]


def power(
    observations: int, probability: float, true_probability: float, level: float = 0.05
) -> float:
    """Chance that the Kupiec test rejects p where the true share is another."""
    low, high = not_rejected(observations, probability, level)
    accepted = binomial_at_most(observations, high, true_probability)
    if low:
        accepted -= binomial_at_most(observations, low - 1, true_probability)
    return 1.0 - accepted


def _check(observations: int, exceedances: int, probability: float) -> None:
    if not 0 <= exceedances <= observations or observations < 1:
        raise ValueError(f"exceedances: {exceedances} of {observations} observations cannot be")
    if not 0 < probability < 1:
        raise ValueError(f"probability: {probability} is not between 0 and 1")


def _times_log(count: int, value: float) -> float:
    return count * math.log(value) if count else 0.0


def _one_degree(statistic: float) -> LikelihoodRatio:
    """The upper tail of chi-squared with one degree is erfc(sqrt(LR / 2))."""
    statistic = max(0.0, statistic)
    return LikelihoodRatio(statistic, math.erfc(math.sqrt(statistic / 2)))
