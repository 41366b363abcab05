"""The float screens of the margin methods: one account in, its five numbers out.

Each method has one body for one account and two loops over it: a serial one for ticks and a
parallel one for batches. Both run the same operations in the same order, so the bits are the same.
"""

from __future__ import annotations

import math
from typing import Any

from numba import int64, prange, uint64

from seawall._jit import finite, kernel, least, least_lane, load, multiply_add, splat

EXACT = 2.0**53  # Below it every sum of whole numbers is exact.
ULP = 2.0**-52
BLOCK = 32  # Scenarios in four vectors of eight.
LINEAR = 2
INVERSE = 3
OPTION = 4
NO_COIN = 2**62
EQUITY, MARGIN_EQUITY, INITIAL, MAINTENANCE, ERROR_BOUND = range(5)


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
    value, collateral, bound, _, _, _ = columns
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
def _coin_block(first, last, asset, lots, columns, change, net, column):  # type: ignore[no-untyped-def]
    """The block of one coin: rows of other coins count zero lots, which costs no branch."""
    coin = columns[5]
    one, two, three, four = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    following = NO_COIN
    for row in range(first, last):
        number = uint64(asset[row])
        owner = int64(coin[number])
        following = min(following, owner if owner > net else NO_COIN)
        quantity = splat(lots[row] if owner == net else 0.0)
        one = multiply_add(one, quantity, load(change, number, column))
        two = multiply_add(two, quantity, load(change, number, column + 8))
        three = multiply_add(three, quantity, load(change, number, column + 16))
        four = multiply_add(four, quantity, load(change, number, column + 24))
    lowest = least(least(least(one, two), least(three, four)), splat(0.0))
    return least_lane(lowest), finite(one, two, three, four), following


@kernel(forceinline=True)
def _short(first, last, asset, lots, columns, net, joint):  # type: ignore[no-untyped-def]
    """Sum the notional of the options sold on one coin, or on all."""
    notional, kind, coin = columns[3], columns[4], columns[5]
    total = 0.0
    for row in range(first, last):
        number = uint64(asset[row])
        sold = kind[number] == OPTION and lots[row] < 0.0
        total += -lots[row] * notional[number] if sold and (joint or coin[number] == net) else 0.0
    return total


@kernel(forceinline=True)
def _owed(rows, gross, maintenance, short, factor):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance, error of any single number); see `Scan` for the proof."""
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if not (gross < EXACT and short == 0.0):
        error += (rows + 1.0) * 2.0 * ULP * maintenance
    if short != 0.0:
        error += rows
    initial = maintenance * factor
    error = error * factor + (0.0 if factor == 1.0 else 2.0 * ULP * initial + 1.0)
    return initial, maintenance, error


@kernel(forceinline=True)
def _scan_joint(account, holdings, columns, change, factor, out):  # type: ignore[no-untyped-def]
    """Screen one account, all coins in one netting set, without a charge for options sold."""
    start, count, asset, lots = holdings
    first = uint64(start[account])
    last = first + uint64(count[account])
    equity, margin_equity, gross, maintenance, clean = _joint(
        first, last, asset, lots, columns, change
    )
    owed = _owed(float(count[account]), gross, maintenance, 0.0, factor)
    _seal(account, gross, equity, margin_equity, owed, clean, out)


@kernel(forceinline=True)
def _charge_joint(account, holdings, columns, rule, out):  # type: ignore[no-untyped-def]
    """Raise what `_scan_joint` wrote to the charge for options sold.

    A loop of its own: beside the scenarios it would cost them their registers.
    """
    start, count, asset, lots = holdings
    rate, factor = rule
    first = uint64(start[account])
    last = first + uint64(count[account])
    gross = _sums(first, last, asset, lots, columns)[2]
    short = _short(first, last, asset, lots, columns, 0, True)
    maintenance = max(out[MAINTENANCE, account], short * rate)
    owed = _owed(float(count[account]), gross, maintenance, short, factor)
    clean = out[ERROR_BOUND, account] < math.inf and abs(short) < math.inf
    _seal(account, gross, out[EQUITY, account], out[MARGIN_EQUITY, account], owed, clean, out)


@kernel(forceinline=True)
def _scan_coins(account, holdings, columns, change, rule, out):  # type: ignore[no-untyped-def]
    """Screen one account, each coin a netting set of its own."""
    start, count, asset, lots = holdings
    rate, factor = rule
    first = uint64(start[account])
    last = first + uint64(count[account])
    maintenance, short, clean = 0.0, 0.0, True
    equity, margin_equity, gross, net = _sums(first, last, asset, lots, columns)
    while net < NO_COIN:
        lowest, following = 0.0, NO_COIN
        for column in range(0, change.shape[1], BLOCK):
            lower, fine, following = _coin_block(
                first, last, asset, lots, columns, change, net, column
            )
            lowest = min(lowest, lower)
            clean = clean and fine
        charge = 0.0
        if rate > 0.0:
            charge = _short(first, last, asset, lots, columns, net, False)
            short += charge
        maintenance += max(0.0 - lowest, charge * rate)
        net = following
    owed = _owed(float(count[account]), gross, maintenance, short, factor)
    _seal(account, gross, equity, margin_equity, owed, clean and abs(short) < math.inf, out)


@kernel
def scan_joint_serial(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _scan_joint(account, holdings, columns, change, rule[1], out)
    if rule[0] > 0.0:
        for account in range(out.shape[1]):
            _charge_joint(account, holdings, columns, rule, out)


@kernel(parallel=True)
def scan_joint_parallel(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _scan_joint(account, holdings, columns, change, rule[1], out)
    if rule[0] > 0.0:
        for account in prange(out.shape[1]):
            _charge_joint(account, holdings, columns, rule, out)


@kernel
def scan_coins_serial(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _scan_coins(account, holdings, columns, change, rule, out)


@kernel(parallel=True)
def scan_coins_parallel(holdings: Any, columns: Any, change: Any, rule: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _scan_coins(account, holdings, columns, change, rule, out)


@kernel(forceinline=True)
def _tiered(account, holdings, columns, brackets, out):  # type: ignore[no-untyped-def]
    """Screen one account: see `tiered.Tiered`."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind, coin = columns
    span, above, initial_rate, initial_amount, rate, amount = brackets
    first = start[account]
    last = first + count[account]
    rows = float(last - first)
    equity = 0.0
    margin_equity = 0.0
    gross = 0.0
    initial = 0.0
    maintenance = 0.0
    size = 0.0
    for row in range(first, last):
        number = asset[row]
        quantity = lots[row]
        worth = quantity * value[number]
        equity += worth
        gross += abs(quantity) * bound[number]
        if kind[number] == OPTION and quantity > 0.0:
            continue
        margin_equity += quantity * collateral[number] if quantity > 0.0 else worth
        if kind[number] < LINEAR:
            continue
        exposure = abs(quantity) * notional[number]
        tier = span[coin[number]]
        end = span[coin[number] + 1]
        if kind[number] == OPTION or tier == end:
            charge = exposure + (abs(worth) if kind[number] == OPTION else 0.0)
            size += charge
            initial += charge
            maintenance += charge
            continue
        size += exposure
        while tier + 1 < end and exposure > above[tier + 1]:
            tier += 1
        owed = max(exposure * rate[tier] - amount[tier], 0.0)
        maintenance += owed
        initial += max(exposure * initial_rate[tier] - initial_amount[tier], owed)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 8.0) * ULP * size + rows
    clean = abs(size) < math.inf
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def tiered_serial(holdings: Any, columns: Any, brackets: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _tiered(account, holdings, columns, brackets, out)


@kernel(parallel=True)
def tiered_parallel(holdings: Any, columns: Any, brackets: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _tiered(account, holdings, columns, brackets, out)
