"""The float screen of lending: one account in, its five numbers out. See `lending.Lending`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int64, prange, uint64

from seawall._jit import kernel, lane, load, multiply_add, splat
from seawall.margin._kernels import EXACT, LANES, ULP, _seal, assets_held

CURRENCY = 0
LINEAR = 2
NO_DEBT = -2
MIXED = -1
NO_CLASS = 2**62
# What a side adds up; 0 is equity. The second half of a side counts inside the class of the debts.
COUNTED, GROSS, SIZE, INITIAL, MAINTENANCE = range(1, 6)


@kernel
def _sides(columns, rules, assets):  # type: ignore[no-untyped-def]
    """[2 × asset + sold] what a lot adds to each sum, outside and inside; and the debt's class.

    A lot sold carries the other sign where the sum takes |lots|.
    """
    value, collateral, bound, notional, kind, coin = columns
    group, factor, threshold, class_factor, class_threshold = rules
    sides = np.empty((2 * value.size, 2 * LANES))
    debt = np.empty(2 * value.size, np.int64)
    for number in assets:
        sides[2 * number : 2 * number + 2] = 0.0
        place, worth, posted = coin[number], value[number], collateral[number]
        currency = kind[number] == CURRENCY
        debt[2 * number] = NO_CLASS if currency else MIXED
        debt[2 * number + 1] = group[place] if currency else MIXED
        for half in range(2):
            bought = sides[2 * number, half * LANES : (half + 1) * LANES]
            sold = sides[2 * number + 1, half * LANES : (half + 1) * LANES]
            bought[0] = sold[0] = sold[COUNTED] = worth
            bought[COUNTED], bought[GROSS], sold[GROSS] = posted, bound[number], -bound[number]
            if kind[number] >= LINEAR:
                full = notional[number] + abs(worth)
                bought[SIZE] = bought[INITIAL] = bought[MAINTENANCE] = full
                sold[SIZE] = sold[INITIAL] = sold[MAINTENANCE] = -full
            elif currency:
                counts = class_threshold[place] if half else threshold[place]
                opens = class_factor[place] if half else factor[place]
                bought[SIZE] = bound[number]
                bought[MAINTENANCE] = max(posted - worth * counts, 0.0)
                bought[INITIAL] = max(posted - worth * opens, bought[MAINTENANCE])
    return sides, debt


@kernel(forceinline=True)
def _class_of_debts(first, last, asset, lots, debt):  # type: ignore[no-untyped-def]
    """Return the class that every debt falls in, MIXED, or NO_DEBT."""
    lowest, highest = NO_CLASS, NO_DEBT
    for row in range(first, last):
        here = debt[2 * uint64(asset[row]) + uint64(lots[row] < 0.0)]
        lowest = min(lowest, here)
        highest = max(highest, here if here < NO_CLASS else NO_DEBT)
    owing = highest if lowest == highest else MIXED
    return owing if lowest < NO_CLASS else NO_DEBT


@kernel(forceinline=True)
def _lending(account, holdings, coin, group, sides, out):  # type: ignore[no-untyped-def]
    """Screen one account."""
    start, count, asset, lots = holdings
    rates, debt = sides
    first = uint64(start[account])
    last = first + uint64(count[account])
    rows = float(count[account])
    owing = _class_of_debts(first, last, asset, lots, debt)
    sums = splat(0.0)
    for row in range(first, last):
        number, held = uint64(asset[row]), lots[row]
        side = 2 * number + uint64(held < 0.0)
        inside = int64(owing >= 0) & int64(group[uint64(coin[number])] == owing)
        sums = multiply_add(sums, splat(held), load(rates, side, LANES * inside))
    gross, size = lane(sums, GROSS), lane(sums, SIZE)
    initial, maintenance = lane(sums, INITIAL), lane(sums, MAINTENANCE)
    clean = abs(size) < math.inf
    if owing == NO_DEBT:
        size, initial, maintenance = 0.0, 0.0, 0.0
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 8.0) * ULP * size + rows
    total = (initial, maintenance, error)
    _seal(account, gross, lane(sums, 0), lane(sums, COUNTED), total, clean, out)


@kernel
def lending_serial(holdings: Any, columns: Any, rules: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    sides = _sides(columns, rules, assets)
    for account in range(out.shape[1]):
        _lending(account, holdings, columns[5], rules[0], sides, out)


@kernel(parallel=True)
def lending_parallel(holdings: Any, columns: Any, rules: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    sides = _sides(columns, rules, assets)
    for account in prange(out.shape[1]):
        _lending(account, holdings, columns[5], rules[0], sides, out)
