"""Many numbers into one, exactly: medians, a weighted mean, and Pyth's vote.

Signed integers of any size. Where two middle values leave no whole number between them, the
rounding is an argument. Knows no source and no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from seawall.money import Rounding, divide


class Interval(NamedTuple):
    """A price and how far it may be off."""

    price: int
    confidence: int


def median(values: Iterable[int], rounding: Rounding = Rounding.NEAREST) -> int:
    """The middle value; of two middle values their mean, rounded to the named side.

    >>> median([1, -2, 9, 4], Rounding.DOWN)
    2
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a median needs a value")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return divide(ordered[middle - 1] + ordered[middle], 2, rounding)


def weighted_median(
    values: Sequence[int], weights: Sequence[int], rounding: Rounding = Rounding.NEAREST
) -> int:
    """The value at which half of the weight is reached; at exactly half, the mean with the next.

    With equal weights it is the median.

    >>> weighted_median([10, 20, 30], [1, 1, 5])
    30
    """
    pairs = sorted(zip(values, weights, strict=True))
    whole = _whole(weights)
    below = 0
    for index, (value, weight) in enumerate(pairs):
        below += weight
        if 2 * below > whole:
            return value
        if 2 * below == whole:
            return divide(value + pairs[index + 1][0], 2, rounding)
    raise AssertionError("half of a positive weight is reached")


def weighted_mean(
    values: Sequence[int], weights: Sequence[int], rounding: Rounding = Rounding.NEAREST
) -> int:
    """Σ value · weight ÷ Σ weight, rounded to the named side.

    >>> weighted_mean([100, 200], [3, 1])
    125
    """
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    return divide(total, _whole(weights), rounding)


def vote(quotes: Iterable[tuple[int, int]], rounding: Rounding = Rounding.DOWN) -> Interval:
    """The median of three votes a source, and its larger distance to their quartiles.

    A quote (price, confidence) votes price − confidence, price, price + confidence. With n votes in
    order from 0 the quartiles are votes ⌊n/4⌋ and n − 1 − ⌊n/4⌋. So a source that is unsure pulls
    less, and sources that disagree make the result unsure. Source: pyth-network/pyth-client,
    commit 25dd347, which rounds two middle votes down.

    >>> vote([(10_000, 1_000), (11_000, 1_000), (10_500, 1_000)])
    Interval(price=10500, confidence=500)
    """
    votes: list[int] = []
    for price, confidence in quotes:
        votes += [price - confidence, price, price + confidence]
    votes.sort()
    quarter = len(votes) // 4
    price = median(votes, rounding)
    return Interval(price, max(price - votes[quarter], votes[len(votes) - 1 - quarter] - price))


def spread(values: Sequence[int], confidences: Sequence[int], centre: int) -> int:
    """Half-width of a reduced price: how unsure the sources are, or how far they are apart.

    The larger of the upper median of their confidences and the distance from the centre to the
    farther quartile of their prices (quartiles as in `vote`).

    >>> spread([99, 100, 100, 103, 140], [1, 1, 2, 2, 2], 100)
    3
    """
    prices = sorted(values)
    quarter = len(prices) // 4
    apart = max(centre - prices[quarter], prices[len(prices) - 1 - quarter] - centre)
    return max(apart, sorted(confidences)[len(confidences) // 2])


def _whole(weights: Sequence[int]) -> int:
    if any(weight <= 0 for weight in weights):
        raise ValueError("a weight must be positive")
    if not weights:
        raise ValueError("a weighted value needs a weight")
    return sum(weights)
