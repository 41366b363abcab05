"""Uniswap v3: the time-weighted mean tick; what it takes to move it is in `market.oracle.cost`.

A tick is a factor of 1.0001 in the price. Exact where integers are read from a pool. Knows no
positions. Source: Uniswap v3 core, `OracleLibrary.consult`.
"""

from __future__ import annotations

from seawall.market.oracle.cost import (
    TICK_BASE,
    PoolMove,
    TwapShift,
    full_range_move,
    spot_move_needed,
)

__all__ = [
    "TICK_BASE",
    "PoolMove",
    "TwapShift",
    "full_range_move",
    "mean_tick",
    "spot_move_needed",
]


def mean_tick(cumulative_before: int, cumulative_after: int, seconds: int) -> int:
    """Mean tick of an interval, rounded toward minus infinity.

    >>> mean_tick(0, -10, 4)
    -3
    """
    return (cumulative_after - cumulative_before) // seconds
