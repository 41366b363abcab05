"""The float screen of `tiered_by_count`: one account in, its five numbers out."""

from __future__ import annotations

import math
from typing import Any

from numba import prange, uint64

from seawall._jit import kernel, lane, lanes_above, load, multiply_add, splat
from seawall.margin._kernels import EXACT, LANES, ULP, _seal, assets_held
from seawall.margin.by_size._kernels import _position_sides


@kernel(forceinline=True)
def _line(lots, number, steps, rule):  # type: ignore[no-untyped-def]
    """Return the line of a position's rates: how many of its asset's borders lie below its lots."""
    line = rule[number] * (steps.shape[1] + 1)
    reach = splat(lots)
    for column in range(0, steps.shape[1], LANES):
        line += lanes_above(reach, load(steps, number, column))
    return line


@kernel(forceinline=True)
def _account(account, holdings, sides, columns, out):  # type: ignore[no-untyped-def]
    """Screen one account, free of branches: see `tiered_by_count.TieredByCount`."""
    start, count, asset, lots = holdings
    steps, rule, rates = columns
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums = splat(0.0)
    initial, maintenance = 0.0, 0.0
    for row in range(first, last):
        held = lots[row]
        number = uint64(asset[row])
        side = 2 * number + uint64(held < 0.0)
        sums = multiply_add(sums, splat(held), load(sides, side, 0))
        size = held * sides[side, 3]
        line = uint64(_line(abs(held), number, steps, rule))
        initial += size * rates[line, 0]
        maintenance += size * rates[line, 1]
    rows = float(count[account])
    gross, size = lane(sums, 2), lane(sums, 3)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 8.0) * ULP * size + rows
    clean = abs(size) < math.inf
    total = (initial, maintenance, error)
    _seal(account, gross, lane(sums, 0), lane(sums, 1), total, clean, out)


@kernel
def serial(holdings: Any, columns: Any, tiers: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    sides, _ = _position_sides(columns, tiers, assets)
    own = (tiers.steps, tiers.rule, tiers.rates)
    for account in range(out.shape[1]):
        _account(account, holdings, sides, own, out)


@kernel(parallel=True)
def parallel(holdings: Any, columns: Any, tiers: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    sides, _ = _position_sides(columns, tiers, assets)
    own = (tiers.steps, tiers.rule, tiers.rates)
    for account in prange(out.shape[1]):
        _account(account, holdings, sides, own, out)
