"""The float screen of `fhs_es`: all scenario sums of an account, then their worst ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from seawall._jit import kernel

EXACT = 2.0**53
ULP = 2.0**-52
LINEAR = 2
ALL = -1


@kernel(forceinline=True)
def _tail(profit, first, last, worst, mean, beyond):  # type: ignore[no-untyped-def]
    """Mean of so many worst losses of a span, or the last of them; never negative.

    With `beyond` from 0 on, the loss that comes next and so many times the mean excess over it.
    """
    if first == last:
        return 0.0
    deepest = worst if beyond >= 0.0 else worst - 1
    least = np.partition(profit[first:last], deepest)
    total = 0.0
    for place in range(worst):
        total += least[place]
    loss = -total / worst if mean else -least[worst - 1]
    if beyond >= 0.0:
        threshold = -least[worst]
        loss = threshold + beyond * (-total / worst - threshold)
    return max(loss, 0.0)


@kernel(forceinline=True)
def _profits(first, last, holdings, columns, change, net, profit):  # type: ignore[no-untyped-def]
    """Sum each scenario over the rows of one coin, or of all; return the next coin among them."""
    _, _, asset, lots = holdings
    coin = columns[5]
    following = 2**62
    profit[:] = 0.0
    for row in range(first, last):
        number = asset[row]
        owner = coin[number]
        if owner > net:
            following = min(following, owner)
        if net < 0 or owner == net:
            held = lots[row]
            for cell in range(profit.size):
                profit[cell] += held * change[number, cell]
    return following


@kernel(forceinline=True)
def _spans(profit, span, worst, mean, beyond, out):  # type: ignore[no-untyped-def]
    """Tails of the usual, the stressed and the floor scenarios; and whether all were finite."""
    for part in range(3):
        out[part] = _tail(profit, span[part], span[part + 1], worst[part], mean, beyond[part])
    total = 0.0
    for cell in range(profit.size):
        total += abs(profit[cell])
    return total < math.inf


@kernel(forceinline=True)
def _concentrated(first, last, holdings, columns, net, charges):  # type: ignore[no-untyped-def]
    """Charge for the size held in one coin: each step of rate on what lies above it."""
    _, _, asset, lots = holdings
    notional, kind, coin = columns[3], columns[4], columns[5]
    span, above, step = charges
    size = 0.0
    for row in range(first, last):
        number = asset[row]
        if coin[number] == net and kind[number] >= LINEAR:
            size += abs(lots[row]) * notional[number]
    charge = 0.0
    for place in range(span[net], span[net + 1]):
        charge += max(size - above[place], 0.0) * step[place]
    return size, charge


@kernel(forceinline=True)
def _screen(account, holdings, columns, change, rule, charges, out):  # type: ignore[no-untyped-def]
    """Screen one account: see `FilteredHistorical` for the rule and the bound."""
    start, count, asset, lots = holdings
    value, collateral, bound = columns[0], columns[1], columns[2]
    span, worst, mean, beyond, offset, stressed_weight, buffer, factor = rule
    first = start[account]
    last = first + count[account]
    equity, margin_equity, gross, lowest = 0.0, 0.0, 0.0, 2**62
    for row in range(first, last):
        number = asset[row]
        held = lots[row]
        equity += held * value[number]
        margin_equity += held * (collateral[number] if held > 0.0 else value[number])
        gross += abs(held) * bound[number]
        lowest = min(lowest, columns[5][number])
    profit, joint, alone, part = (
        np.zeros(span[3]),
        np.zeros(3),
        np.zeros(3),
        np.zeros(3),
    )
    _profits(first, last, holdings, columns, change, ALL, profit)
    clean = _spans(profit, span, worst, mean, beyond, joint)
    size, added, coins, net = 0.0, 0.0, 0.0, lowest
    while net < 2**62:
        following = _profits(first, last, holdings, columns, change, net, profit)
        clean = _spans(profit, span, worst, mean, beyond, part) and clean
        alone += part
        held, charge = _concentrated(first, last, holdings, columns, net, charges)
        size += held
        added += charge
        coins += 1.0
        net = following
    for place in range(3):
        joint[place] = max(joint[place], joint[place] * offset + alone[place] * (1.0 - offset))
    mixed = joint[0] * (1.0 - stressed_weight) + joint[1] * stressed_weight
    maintenance = max(mixed, joint[2]) * (1.0 + buffer) + added
    initial = maintenance * factor
    rows = float(count[account])
    deep = float(worst[0] + worst[1] + worst[2])
    steep = 1.0 + 4.0 * max(beyond[0], beyond[1], beyond[2], 0.0)
    error = (coins + 2.0) * ((rows + deep + 8.0) * ULP * gross * steep + 2.0) * (1.0 + buffer)
    error += (rows + 2.0 * charges[1].size + 8.0) * ULP * (size + added) + 2.0 * coins + 4.0
    error = 2.0 * (error * factor + 4.0 * ULP * (initial + gross) + 2.0)
    if rows == 0.0:
        error = 0.0
    seen = abs(gross) + abs(equity) + abs(margin_equity) + abs(initial) + abs(size) + abs(error)
    if not (clean and seen < math.inf):
        error = math.inf
    out[0, account] = equity
    out[1, account] = margin_equity
    out[2, account] = initial
    out[3, account] = maintenance
    out[4, account] = error


@kernel
def serial(holdings: Any, columns: Any, change: Any, rule: Any, charges: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _screen(account, holdings, columns, change, rule, charges, out)


@kernel(parallel=True)
def parallel(holdings: Any, columns: Any, change: Any, rule: Any, charges: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _screen(account, holdings, columns, change, rule, charges, out)
