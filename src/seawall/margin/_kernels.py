"""The float screens of the margin methods: one account in, its five numbers out.

Each method has one body for one account and two loops over it: a serial one for ticks and a
parallel one for batches. Both run the same operations in the same order, so the bits are the same.
"""

from __future__ import annotations

import math
from typing import Any

from numba import prange

from seawall._jit import finite, kernel, least, least_lane, load, multiply_add, splat

EXACT = 2.0**53  # Below it every sum of whole numbers is exact.
ULP = 2.0**-52
RATIO = 1e9
BLOCK = 32  # Scenarios in four vectors of eight.
LINEAR = 2
INVERSE = 3
OPTION = 4
EQUITY, MARGIN_EQUITY, INITIAL, MAINTENANCE, ERROR_BOUND = range(5)


@kernel(forceinline=True)
def _seal(account, gross, equity, margin_equity, owed, clean, out):  # type: ignore[no-untyped-def]
    """Write one account; widen the bound to cover differences; never let NaN look healthy.

    owed = (initial, maintenance, error of any single number).
    """
    initial, maintenance, error = owed
    if error > 0.0:
        error = 2.0 * error + 2.0 * ULP * (gross + initial)
    seen = abs(equity) + abs(margin_equity) + initial + maintenance + error
    if not (clean and seen < math.inf):
        error = math.inf
    out[EQUITY, account] = equity
    out[MARGIN_EQUITY, account] = margin_equity
    out[INITIAL, account] = initial
    out[MAINTENANCE, account] = maintenance
    out[ERROR_BOUND, account] = error


@kernel(forceinline=True)
def _worst(first, last, asset, lots, table, net, among):  # type: ignore[no-untyped-def]
    """Return the largest loss over the scenarios of one netting set, and whether all was finite."""
    change, coin = table
    lowest = splat(0.0)
    clean = True
    for column in range(0, change.shape[1], BLOCK):
        one = splat(0.0)
        two = splat(0.0)
        three = splat(0.0)
        four = splat(0.0)
        for row in range(first, last):
            number = asset[row]
            if among and coin[number] != net:
                continue
            quantity = splat(lots[row])
            one = multiply_add(one, quantity, load(change, number, column))
            two = multiply_add(two, quantity, load(change, number, column + 8))
            three = multiply_add(three, quantity, load(change, number, column + 16))
            four = multiply_add(four, quantity, load(change, number, column + 24))
        clean = clean and finite(one, two, three, four)
        lowest = least(least(least(one, two), least(three, four)), lowest)
    return 0.0 - least_lane(lowest), clean


@kernel(forceinline=True)
def _scan(account, holdings, columns, table, rule, out):  # type: ignore[no-untyped-def]
    """Screen one account: see `scan.Scan`."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind = columns
    joint, rate_parts, factor_parts = rule
    coin = table[1]
    first = start[account]
    last = first + count[account]
    rows = float(last - first)
    equity = 0.0
    margin_equity = 0.0
    gross = 0.0
    for row in range(first, last):
        number = asset[row]
        quantity = lots[row]
        worth = value[number]
        equity += quantity * worth
        margin_equity += quantity * (collateral[number] if quantity > 0.0 else worth)
        gross += abs(quantity) * bound[number]
    maintenance = 0.0
    short_gross = 0.0
    clean = True
    if joint and rate_parts == 0.0:
        maintenance, clean = _worst(first, last, asset, lots, table, 0, False)
    else:
        net = -1
        while True:
            following = net
            short = 0.0
            for row in range(first, last):
                number = asset[row]
                owner = coin[number]
                if owner > net and (following == net or owner < following):
                    following = owner
            if following == net:
                break
            net = following
            for row in range(first, last):
                number = asset[row]
                if kind[number] == OPTION and lots[row] < 0.0 and (joint or coin[number] == net):
                    short -= lots[row] * notional[number]
            loss, fine = _worst(first, last, asset, lots, table, net, not joint)
            least_charge = short * rate_parts / RATIO
            maintenance += least_charge if least_charge > loss else loss
            short_gross += short
            clean = clean and fine
            if joint:
                break
    initial = maintenance
    error = 0.0 if gross < EXACT else rows * ULP * gross
    charged = rate_parts > 0.0 and not short_gross == 0.0
    if charged or not gross < EXACT:
        error += (rows + 1.0) * 2.0 * ULP * maintenance
    if charged:
        error += rows
        clean = clean and short_gross < math.inf
    if factor_parts != RATIO:
        initial = maintenance * factor_parts / RATIO
        error = error * (factor_parts / RATIO) + 2.0 * ULP * initial + 1.0
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def scan_serial(holdings: Any, columns: Any, table: Any, rule: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _scan(account, holdings, columns, table, rule, out)


@kernel(parallel=True)
def scan_parallel(holdings: Any, columns: Any, table: Any, rule: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _scan(account, holdings, columns, table, rule, out)


@kernel(forceinline=True)
def _tiered(account, holdings, columns, coin, brackets, out):  # type: ignore[no-untyped-def]
    """Screen one account: see `tiered.Tiered`."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind = columns
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
    if not size == 0.0:
        error += (rows + 8.0) * ULP * size + rows
    clean = size < math.inf
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def tiered_serial(holdings: Any, columns: Any, coin: Any, brackets: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _tiered(account, holdings, columns, coin, brackets, out)


@kernel(parallel=True)
def tiered_parallel(holdings: Any, columns: Any, coin: Any, brackets: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _tiered(account, holdings, columns, coin, brackets, out)
