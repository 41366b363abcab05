"""The float screens of `tiered` and `tiered_by_size`: one account in, its five numbers out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange, uint64

from seawall._jit import kernel, lane, lanes_above, load, multiply_add, splat
from seawall.margin._kernels import EXACT, LANES, LINEAR, OPTION, ULP, _seal, assets_held

COINS, ROOT, SCALE, FEE = range(4, 8)  # Columns of a side beyond those that add up.


@kernel
def _position_sides(columns, brackets, assets):  # type: ignore[no-untyped-def]
    """[2 × asset + sold] what each lot adds to equity, margin equity, gross and size; and its rule.

    What is not margined pays size at a rate of 1: its rule is the last of `brackets.steps`.
    """
    value, collateral, bound, notional, kind, coin = columns
    span, steps = brackets.span, brackets.steps
    sides = np.empty((2 * value.size, LANES))
    rules = np.empty(2 * value.size, np.int64)
    for number in assets:
        sides[2 * number : 2 * number + 2] = 0.0
        bought, sold = 2 * number, 2 * number + 1
        option = kind[number] == OPTION
        full = option or span[coin[number]] == span[coin[number] + 1]
        exposure = notional[number] if kind[number] >= LINEAR else 0.0
        sides[bought, 0] = value[number]
        sides[bought, 1] = 0.0 if option else collateral[number]
        sides[bought, 2] = bound[number]
        sides[bought, 3] = 0.0 if option else exposure
        sides[sold, 0] = value[number]
        sides[sold, 1] = value[number]
        sides[sold, 2] = -bound[number]
        sides[sold, 3] = -exposure - (abs(value[number]) if option else 0.0)
        rules[bought] = rules[sold] = steps.shape[0] - 1 if full else coin[number]
    return sides, rules


@kernel(forceinline=True)
def _tier(size, rule, steps):  # type: ignore[no-untyped-def]
    """Return the line of a position: how many borders of its coin's brackets lie below it."""
    tier = rule * (steps.shape[1] + 1)
    reach = splat(size)
    for column in range(0, steps.shape[1], LANES):
        tier += lanes_above(reach, load(steps, rule, column))
    return tier


@kernel(forceinline=True)
def _tiered(account, holdings, positions, steps, lines, out):  # type: ignore[no-untyped-def]
    """Screen one account, free of branches: see `tiered.Tiered`."""
    start, count, asset, lots = holdings
    sides, rules = positions
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums = splat(0.0)
    initial, maintenance = 0.0, 0.0
    for row in range(first, last):
        held = lots[row]
        side = 2 * uint64(asset[row]) + uint64(held < 0.0)
        sums = multiply_add(sums, splat(held), load(sides, side, 0))
        size = held * sides[side, 3]
        tier = uint64(_tier(size, rules[side], steps))
        owed = max(size * lines[tier, 2] - lines[tier, 3], 0.0)
        maintenance += owed
        initial += max(size * lines[tier, 0] - lines[tier, 1], owed)
    rows = float(count[account])
    gross, size = lane(sums, 2), lane(sums, 3)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 8.0) * ULP * size + rows
    clean = abs(size) < math.inf
    total = (initial, maintenance, error)
    _seal(account, gross, lane(sums, 0), lane(sums, 1), total, clean, out)


@kernel
def tiered_serial(holdings: Any, columns: Any, brackets: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    positions = _position_sides(columns, brackets, assets)
    for account in range(out.shape[1]):
        _tiered(account, holdings, positions, brackets.steps, brackets.lines, out)


@kernel(parallel=True)
def tiered_parallel(holdings: Any, columns: Any, brackets: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    positions = _position_sides(columns, brackets, assets)
    for account in prange(out.shape[1]):
        _tiered(account, holdings, positions, brackets.steps, brackets.lines, out)


@kernel
def _sides(columns, brackets, rules, assets):  # type: ignore[no-untyped-def]
    """`_position_sides` with coins for each lot and what is added; nothing to what pays in full."""
    coins_per_lot = columns[6]
    _, fee, roots, scales = rules
    sides, rule = _position_sides(columns[:6], brackets, assets)
    for number in assets:
        coin, coins = rule[2 * number], coins_per_lot[number]
        if coin < roots.size:
            bought, sold = sides[2 * number], sides[2 * number + 1]
            bought[COINS], sold[COINS] = coins, -coins
            bought[ROOT] = sold[ROOT] = roots[coin]
            bought[SCALE] = sold[SCALE] = scales[coin]
            bought[FEE] = sold[FEE] = fee
    return sides, rule


@kernel(forceinline=True)
def _account(account, holdings, positions, brackets, share, out):  # type: ignore[no-untyped-def]
    """Screen one account, free of branches: see `tiered_by_size.TieredBySize`.

    Without a premium the share of a charge is less than the charge, so `max` needs no question.
    """
    start, count, asset, lots = holdings
    sides, rules = positions
    steps, lines = brackets
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums = splat(0.0)
    initial, maintenance, size = 0.0, 0.0, 0.0
    for row in range(first, last):
        held = lots[row]
        side = 2 * uint64(asset[row]) + uint64(held < 0.0)
        sums = multiply_add(sums, splat(held), load(sides, side, 0))
        exposure = held * sides[side, 3]
        tier = uint64(_tier(exposure, rules[side], steps))
        premium = exposure * sides[side, ROOT] * math.sqrt(held * sides[side, COINS])
        owed = max(exposure * lines[tier, 2] - lines[tier, 3], 0.0)
        opens = max(exposure * lines[tier, 0] - lines[tier, 1], owed)
        owed = max(owed, share * owed + premium)
        opens = max(opens, share * opens + premium)
        opens += max(exposure - opens, 0.0) * sides[side, SCALE]
        closing = exposure * sides[side, FEE]
        initial += opens + closing
        maintenance += owed + closing
        size += exposure + premium + closing
    rows = float(count[account])
    gross = lane(sums, 2)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 16.0) * ULP * size + rows
    clean = abs(size) < math.inf
    total = (initial, maintenance, error)
    _seal(account, gross, lane(sums, 0), lane(sums, 1), total, clean, out)


@kernel
def serial(holdings: Any, columns: Any, brackets: Any, rules: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    positions = _sides(columns, brackets, rules, assets)
    lines = (brackets.steps, brackets.lines)
    for account in range(out.shape[1]):
        _account(account, holdings, positions, lines, rules[0], out)


@kernel(parallel=True)
def parallel(holdings: Any, columns: Any, brackets: Any, rules: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    positions = _sides(columns, brackets, rules, assets)
    lines = (brackets.steps, brackets.lines)
    for account in prange(out.shape[1]):
        _account(account, holdings, positions, lines, rules[0], out)
