"""Draws as a function of (seed, stream, index): the same on every machine, in any order.

SplitMix64 on unsigned 64-bit integers, then only + − × ÷ √. No generator with a state, and no
logarithm of a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from seawall.pricing import Floats, Ints

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_FRACTION_BITS = 40  # Of an exponent, when a power is built from square roots.


def scrambled(seed: int, stream: int, index: Ints) -> NDArray[np.uint64]:
    """64 well-mixed bits for each index.

    Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.

    >>> [hex(int(x)) for x in scrambled(0, 0, np.arange(1))]
    ['0x48218226ff3cd4bf']
    """
    start = _mixed_integer((seed * _GOLDEN + stream * 0xD1B54A32D192ED03 + _GOLDEN) & _MASK)
    x = index.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(start)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed


def uniform(seed: int, stream: int, index: Ints) -> Floats:
    """Numbers strictly between 0 and 1, one for each index; 53 bits."""
    whole = (scrambled(seed, stream, index) >> np.uint64(12)).astype(np.float64)
    share: Floats = (whole + 0.5) * 2.0**-52
    return share


def chosen(share: Floats, weights: Sequence[Decimal]) -> Ints:
    """Which of the weighted choices each uniform number falls on; weights sum to 1."""
    edges = np.array([float(sum(weights[: i + 1])) for i in range(len(weights) - 1)])
    return np.searchsorted(edges, share, side="right").astype(np.int64)


def root_power(base: Floats, exponent: float) -> Floats:
    """base^exponent for a positive base and exponent, from products of repeated square roots.

    The fraction of the exponent is taken to 40 binary digits.

    >>> float(root_power(np.array([2.0]), 1.5).round(9)[0])
    2.828427125
    """
    whole, fraction = divmod(exponent, 1.0)
    result, root = np.ones_like(base), base
    for _ in range(int(whole)):
        result = result * base
    for _ in range(_FRACTION_BITS):
        root = np.sqrt(root)
        fraction *= 2.0
        if fraction >= 1.0:
            fraction -= 1.0
            result = result * root
    return result


def pareto(share: Floats, smallest: float, largest: float, tail: float) -> Floats:
    """Sizes with P(size > x) ∝ x^(−tail), cut at `largest`, from uniform numbers.

    size = smallest · u^(−1 ÷ tail) with u from (smallest ÷ largest)^tail to 1.
    """
    least = float(root_power(np.array([smallest / largest]), tail)[0])
    return smallest / root_power(least + share * (1.0 - least), 1.0 / tail)


def _mixed_integer(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)
