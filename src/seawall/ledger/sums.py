"""Sums of int64 columns that cannot wrap.

A column is added as two halves, q = high · 2³² + low with 0 ≤ low < 2³². Each half of up to 2³¹
rows adds up inside 63 bits, and the halves meet again as Python integers or under a range check.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

ROWS_MAX = 2**31  # Rows whose halves can be added without a wrap.
_LOW = 0xFFFF_FFFF
_HALF = 2**31
INT64_MIN = -(2**63)  # Never a balance: it has no negative.


def sums_by_run(quantity: Ints, heads: NDArray[np.intp]) -> tuple[Ints, bool]:
    """Add each run of rows that begins at `heads`; also say whether every sum fits a balance.

    >>> sums_by_run(np.array([5, -7, 2**63 - 1, 1]), np.array([0, 2]))[1]
    False
    """
    assert len(quantity) <= ROWS_MAX, len(quantity)
    high = np.add.reduceat(quantity >> 32, heads)
    low = np.add.reduceat(quantity & _LOW, heads)
    high += low >> 32
    fits = bool(((high >= -_HALF) & (high < _HALF)).all())
    total = (high << 32) | (low & _LOW)
    return total, fits and not bool((total == INT64_MIN).any())


def sums_by_asset(asset: NDArray[np.integer], quantity: Ints, assets: int) -> dict[int, int]:
    """Add each asset's rows as Python integers; assets that cancel are left out.

    >>> sums_by_asset(np.array([1, 1, 3]), np.array([2**63 - 1, 2**63 - 1, 4]), 5)
    {1: 18446744073709551614, 3: 4}
    """
    assert len(quantity) <= ROWS_MAX, len(quantity)
    place = asset.astype(np.intp, copy=False)
    high = np.zeros(assets, np.int64)
    low = np.zeros(assets, np.int64)
    np.add.at(high, place, quantity >> 32)
    np.add.at(low, place, quantity & _LOW)
    named = np.flatnonzero(high | low)
    totals = zip(named.tolist(), high[named].tolist(), low[named].tolist(), strict=True)
    return {number: total for number, h, w in totals if (total := (h << 32) + w)}
