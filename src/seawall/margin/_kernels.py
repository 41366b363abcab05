"""The float screens of the margin methods: one account in, its five numbers out.

Each method has one body for one account and two loops over it: a serial one for ticks and a
parallel one for batches. Both run the same operations in the same order, so the bits are the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int64, prange, uint64

from seawall._jit import (
    finite,
    kernel,
    lane,
    least,
    least_lane,
    load,
    multiply_add,
    splat,
    store,
)

EXACT = 2.0**53  # Below it every sum of whole numbers is exact.
ULP = 2.0**-52
LANES = 8
BLOCK = 32  # Scenarios in four vectors of eight.
PART = 4096  # Accounts that share a workspace.
LINEAR = 2
INVERSE = 3
OPTION = 4
NO_COIN = 2**62
EQUITY, MARGIN_EQUITY, INITIAL, MAINTENANCE, ERROR_BOUND = range(5)
LEAST, CONTINGENCY, BOUGHT, SOLD = range(3, 7)  # Charges of a side, after what it is worth.


@kernel(forceinline=True)
def _seal(account, gross, equity, margin_equity, owed, clean, out):  # type: ignore[no-untyped-def]
    """Write one account; widen the bound to cover differences; never let NaN look healthy.

    owed = (initial, maintenance, error of any single number).
    """
    initial, maintenance, error = owed
    if error > 0.0:
        error = 2.0 * error + 2.0 * ULP * (gross + initial)
    seen = abs(gross) + abs(equity) + abs(margin_equity) + initial + maintenance + error
    if not (clean and seen < math.inf):
        error = math.inf
    out[EQUITY, account] = equity
    out[MARGIN_EQUITY, account] = margin_equity
    out[INITIAL, account] = initial
    out[MAINTENANCE, account] = maintenance
    out[ERROR_BOUND, account] = error


@kernel(forceinline=True)
def _block(first, last, asset, lots, change, column):  # type: ignore[no-untyped-def]
    """Return the least of 0 and 32 scenario sums of all rows, and whether they were finite."""
    one, two, three, four = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for row in range(first, last):
        number = uint64(asset[row])
        quantity = splat(lots[row])
        one = multiply_add(one, quantity, load(change, number, column))
        two = multiply_add(two, quantity, load(change, number, column + 8))
        three = multiply_add(three, quantity, load(change, number, column + 16))
        four = multiply_add(four, quantity, load(change, number, column + 24))
    lowest = least(least(least(one, two), least(three, four)), splat(0.0))
    return least_lane(lowest), finite(one, two, three, four)


@kernel(forceinline=True)
def _joint(first, last, asset, lots, columns, change):  # type: ignore[no-untyped-def]
    """Net all rows in each scenario; the sums of value ride along with the first block."""
    value, collateral, bound = columns[:3]
    equity, margin_equity, gross = 0.0, 0.0, 0.0
    one, two, three, four = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for row in range(first, last):
        number = uint64(asset[row])
        held = lots[row]
        worth = value[number]
        posted = collateral[number]
        equity += held * worth
        margin_equity += held * (posted if held > 0.0 else worth)
        gross += abs(held) * bound[number]
        quantity = splat(held)
        one = multiply_add(one, quantity, load(change, number, 0))
        two = multiply_add(two, quantity, load(change, number, 8))
        three = multiply_add(three, quantity, load(change, number, 16))
        four = multiply_add(four, quantity, load(change, number, 24))
    clean = finite(one, two, three, four)
    lowest = least_lane(least(least(least(one, two), least(three, four)), splat(0.0)))
    for column in range(BLOCK, change.shape[1], BLOCK):
        lower, fine = _block(first, last, asset, lots, change, column)
        lowest = min(lowest, lower)
        clean = clean and fine
    return equity, margin_equity, gross, 0.0 - lowest, clean


@kernel(forceinline=True)
def _sums(first, last, asset, lots, columns):  # type: ignore[no-untyped-def]
    """Sum what the rows are worth, and find the lowest coin number among them."""
    value, collateral, bound, _, _, coin = columns
    equity, margin_equity, gross = 0.0, 0.0, 0.0
    lowest = NO_COIN
    for row in range(first, last):
        number = uint64(asset[row])
        held = lots[row]
        worth = value[number]
        posted = collateral[number]
        equity += held * worth
        margin_equity += held * (posted if held > 0.0 else worth)
        gross += abs(held) * bound[number]
        lowest = min(lowest, int64(coin[number]))
    return equity, margin_equity, gross, lowest


@kernel(forceinline=True)
def _owed(rows, sums, worst, rule):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance, error of any single number); see `Scan` for the proof."""
    factor = rule[6]
    gross, added = lane(sums, 2), lane(sums, CONTINGENCY)
    delta = lane(sums, BOUGHT) + lane(sums, SOLD)
    charged = lane(sums, LEAST) + added + delta
    maintenance = worst + added
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if not (gross < EXACT and charged == 0.0):
        error += (rows + 2.0) * 2.0 * ULP * maintenance
    if charged != 0.0:
        error += (rows + 4.0) * 2.0 * ULP * delta * (rule[4] + rule[5]) + rows + 1.0
    error += abs(charged) if not abs(charged) < math.inf else 0.0  # Infinite or NaN: see `_seal`.
    initial = maintenance * factor
    error = error * factor + (0.0 if factor == 1.0 else 2.0 * ULP * initial + 1.0)
    return initial, maintenance, error


@kernel(forceinline=True)
def _scan_joint(account, holdings, columns, change, rule, out):  # type: ignore[no-untyped-def]
    """Screen one account, all coins in one netting set, without charges."""
    start, count, asset, lots = holdings
    first = uint64(start[account])
    last = first + uint64(count[account])
    equity, margin_equity, gross, maintenance, clean = _joint(
        first, last, asset, lots, columns, change
    )
    rows, factor = float(count[account]), rule[6]
    error = 0.0
    if not gross < EXACT:
        error = rows * ULP * gross + (rows + 1.0) * 2.0 * ULP * maintenance
    initial = maintenance * factor
    error = error * factor + (0.0 if factor == 1.0 else 2.0 * ULP * initial + 1.0)
    owed = (initial, maintenance, error)
    _seal(account, gross, equity, margin_equity, owed, clean, out)


@kernel(forceinline=True)
def _charge_joint(account, holdings, sides, rule, out):  # type: ignore[no-untyped-def]
    """Raise what `_scan_joint` wrote to the charges of contracts.

    A loop of its own: beside the scenarios it would cost them their registers.
    """
    start, count, asset, lots = holdings
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums = splat(0.0)
    for row in range(first, last):
        side = 2 * uint64(asset[row]) + uint64(lots[row] < 0.0)
        sums = multiply_add(sums, splat(lots[row]), load(sides, side, 0))
    worst = max(out[MAINTENANCE, account], lane(sums, LEAST))
    owed = _owed(float(count[account]), sums, worst, rule)
    clean = out[ERROR_BOUND, account] < math.inf
    equity, margin_equity = out[EQUITY, account], out[MARGIN_EQUITY, account]
    _seal(account, lane(sums, 2), equity, margin_equity, owed, clean, out)


@kernel
def assets_held(holdings, assets):  # type: ignore[no-untyped-def]
    """Return the assets whose sides will be read: all, or those of the rows where rows are few."""
    start, count, asset, _ = holdings
    rows = int64(0)
    for account in range(count.size):
        rows += count[account]
        if rows >= assets:
            return np.arange(assets)
    held = np.empty(rows, np.int64)
    place = 0
    for account in range(count.size):
        for row in range(start[account], start[account] + count[account]):
            held[place] = asset[row]
            place += 1
    return held


@kernel
def zeros_by_line(rows, columns):  # type: ignore[no-untyped-def]
    """Zeros whose vectors never cross a cache line; columns are a multiple of eight."""
    room = np.zeros(rows * columns + LANES)
    skipped = (-room.ctypes.data % 64) // 8
    return room[skipped : skipped + rows * columns].reshape((rows, columns))


@kernel
def _sides(columns, rule, assets):  # type: ignore[no-untyped-def]
    """[2 × asset + sold] what each lot adds to equity, margin equity, gross, and the charges.

    The charges: the least of contracts, contingency, delta bought, delta sold. A lot sold carries
    the other sign where a sum takes |lots|.
    """
    value, collateral, bound, notional, kind, _, exposure = columns
    option_rate, future_rate, each, contingency, net_rate, hedged_rate, _ = rule
    sides = np.empty((2 * value.size, LANES))
    for number in assets:
        sides[2 * number : 2 * number + 2] = 0.0
        bought, sold = sides[2 * number], sides[2 * number + 1]
        bought[0] = sold[0] = sold[1] = value[number]
        bought[1], bought[2], sold[2] = collateral[number], bound[number], -bound[number]
        if kind[number] >= LINEAR:
            bought[LEAST], sold[LEAST] = each, -each
        if kind[number] == OPTION and option_rate > 0.0:
            sold[LEAST] -= notional[number] * option_rate
        if kind[number] == LINEAR or kind[number] == INVERSE:
            share = notional[number] * future_rate if future_rate > 0.0 else 0.0
            bought[LEAST] += share
            sold[LEAST] -= share
            share = notional[number] * contingency if contingency > 0.0 else 0.0
            bought[CONTINGENCY], sold[CONTINGENCY] = share, -share
        if net_rate + hedged_rate > 0.0:
            delta = exposure[number]
            bought[BOUGHT], bought[SOLD] = max(delta, 0.0), max(0.0 - delta, 0.0)
            sold[BOUGHT], sold[SOLD] = min(delta, 0.0), min(0.0 - delta, 0.0)
            if not abs(delta) < math.inf:
                bought[BOUGHT] = sold[BOUGHT] = delta
    return sides


@kernel
def _workspace(coin, width, assets):  # type: ignore[no-untyped-def]
    """Profits by coin and scenario, charges by coin, who wrote last, and a list of coins."""
    coins = 1
    for number in assets:
        coins = max(coins, int64(coin[number]) + 1)
    present = np.zeros(coins + 1, np.int64)
    profits, charges = zeros_by_line(coins, width), zeros_by_line(coins, LANES)
    return profits, charges, np.full(coins, -1, np.int64), present


@kernel(forceinline=True)
def _coin_worst(profits, net):  # type: ignore[no-untyped-def]
    """Return the least of 0 and a coin's sums and whether all were finite; leave zeros behind."""
    zero = splat(0.0)
    lowest, clean = zero, True
    for column in range(0, profits.shape[1], BLOCK):
        one, two = load(profits, net, column), load(profits, net, column + 8)
        three, four = load(profits, net, column + 16), load(profits, net, column + 24)
        lowest = least(least(least(one, two), least(three, four)), lowest)
        clean = clean and finite(one, two, three, four)
        store(profits, net, column, zero)
        store(profits, net, column + 8, zero)
        store(profits, net, column + 16, zero)
        store(profits, net, column + 24, zero)
    return least_lane(lowest), clean


@kernel(forceinline=True)
def _scan_coins(account, holdings, coin, sides, change, rule, space, out):  # type: ignore[no-untyped-def]
    """Screen one account, each coin a netting set of its own: all rows in one pass."""
    start, count, asset, lots = holdings
    net_rate, hedged_rate = rule[4], rule[5]
    profits, charges, wrote, present = space
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums = splat(0.0)
    coins = 0
    for row in range(first, last):
        number, held = uint64(asset[row]), lots[row]
        net = uint64(coin[number])
        side = 2 * number + uint64(held < 0.0)
        quantity = splat(held)
        sums = multiply_add(sums, quantity, load(sides, side, 0))
        charges[net, LEAST] += held * sides[side, LEAST]
        if net_rate + hedged_rate > 0.0:
            charges[net, BOUGHT] += held * sides[side, BOUGHT]
            charges[net, SOLD] += held * sides[side, SOLD]
        present[coins] = net
        coins += int64(wrote[net] != account)
        wrote[net] = account
        for column in range(0, change.shape[1], BLOCK):
            for part in range(column, column + BLOCK, LANES):
                here = load(profits, net, part)
                store(profits, net, part, multiply_add(here, quantity, load(change, number, part)))
    maintenance, clean = 0.0, True
    for place in range(coins):
        net = uint64(present[place])
        lowest, fine = _coin_worst(profits, net)
        clean = clean and fine
        bought, sold = charges[net, BOUGHT], charges[net, SOLD]
        delta = abs(bought - sold) * net_rate + min(bought, sold) * hedged_rate
        maintenance += max(0.0 - lowest, charges[net, LEAST], delta)
        store(charges, net, 0, splat(0.0))
    owed = _owed(float(count[account]), sums, maintenance, rule)
    _seal(account, lane(sums, 2), lane(sums, 0), lane(sums, 1), owed, clean, out)


@kernel
def scan_joint_serial(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _scan_joint(account, holdings, columns, change, rule, out)
    if rule[0] + rule[1] + rule[2] + rule[3] > 0.0:
        sides = _sides(columns, rule, assets_held(holdings, columns[0].size))
        for account in range(out.shape[1]):
            _charge_joint(account, holdings, sides, rule, out)


@kernel(parallel=True)
def scan_joint_parallel(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _scan_joint(account, holdings, columns, change, rule, out)
    if rule[0] + rule[1] + rule[2] + rule[3] > 0.0:
        sides = _sides(columns, rule, assets_held(holdings, columns[0].size))
        for account in prange(out.shape[1]):
            _charge_joint(account, holdings, sides, rule, out)


@kernel
def scan_coins_serial(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    coin, sides = columns[5], _sides(columns, rule, assets)
    space = _workspace(coin, change.shape[1], assets)
    for account in range(out.shape[1]):
        _scan_coins(account, holdings, coin, sides, change, rule, space, out)


@kernel(parallel=True)
def scan_coins_parallel(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    assets = assets_held(holdings, columns[0].size)
    coin, sides = columns[5], _sides(columns, rule, assets)
    for part in prange((out.shape[1] + PART - 1) // PART):
        space = _workspace(coin, change.shape[1], assets)
        for account in range(part * PART, min((part + 1) * PART, out.shape[1])):
            _scan_coins(account, holdings, coin, sides, change, rule, space, out)
