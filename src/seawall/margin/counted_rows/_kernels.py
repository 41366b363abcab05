"""The float screen of collateral rules that read the account. See `counted.Counted`."""

from __future__ import annotations

import math
from typing import Any

from numba import prange

from seawall._jit import kernel
from seawall.margin._kernels import ULP

CURRENCY = 0
KEEP, SLICES, CAP, WRONG_WAY = range(4)


@kernel(forceinline=True)
def _long(first, last, asset, lots, columns, member):  # type: ignore[no-untyped-def]
    """Return the net long exposure to a group of coins, and the gross that bounds its error."""
    _, kind, coin, unit = columns
    net, gross = 0.0, 0.0
    for row in range(first, last):
        number = asset[row]
        held = lots[row]
        if (kind[number] == CURRENCY and held > 0.0) or not member[coin[number]]:
            continue
        part = held * unit[number]
        net += part
        gross += abs(part)
    return max(net, 0.0), gross


@kernel(forceinline=True)
def _counts(first, last, row, holdings, columns, rules):  # type: ignore[no-untyped-def]
    """Return what one posted balance is before and after the rules, and the error of both."""
    _, _, asset, lots = holdings
    span, operation, amount, tiers, above, step, member = rules
    number = asset[row]
    posted = lots[row] * columns[0][number]
    place = columns[2][number]
    counted = posted
    error = ULP * posted
    for rule in range(span[place], span[place + 1]):
        before = counted
        if operation[rule] == KEEP:
            counted = before * amount[rule]
            error += 2.0 * ULP * before + 1.0
        elif operation[rule] == SLICES:
            for tier in range(tiers[rule], tiers[rule + 1]):
                counted -= max(before - above[tier], 0.0) * step[tier]
            error += (float(tiers[rule + 1] - tiers[rule]) + 4.0) * ULP * before + 1.0
        elif operation[rule] == CAP:
            counted = min(before, amount[rule])
            error += ULP * before
        else:
            net, gross = _long(first, last, asset, lots, columns, member[rule])
            counted = before - min(before, net) * amount[rule]
            error += 3.0 * ULP * before + (float(last - first) + 1.0) * ULP * gross + 1.0
    return posted, counted, error


@kernel(forceinline=True)
def _counted(account, holdings, columns, rules, inner, out):  # type: ignore[no-untyped-def]
    """Lower one account's margin equity, and widen its bound; neither moves without a rule."""
    start, count, asset, lots = holdings
    margin_equity, initial, error_bound = inner
    span = rules[0]
    first = start[account]
    last = first + count[account]
    taken, size, error, balances = 0.0, 0.0, 0.0, 0.0
    for row in range(first, last):
        number = asset[row]
        place = columns[2][number]
        if columns[1][number] != CURRENCY or span[place] == span[place + 1]:
            continue
        if lots[row] > 0.0:
            posted, counted, unsure = _counts(first, last, row, holdings, columns, rules)
            taken += posted - counted
            size += posted
            error += unsure + ULP * posted
            balances += 1.0
    out[0, account] = margin_equity[account]
    out[1, account] = error_bound[account]
    if balances > 0.0:
        out[0, account] = margin_equity[account] - taken
        seen = abs(margin_equity[account]) + size + initial[account]
        error += (balances + 2.0) * ULP * seen
        bound = (error_bound[account] + error) * (1.0 + 4.0 * ULP)
        out[1, account] = bound if bound < math.inf and abs(taken) < math.inf else math.inf


@kernel
def counted_serial(holdings: Any, columns: Any, rules: Any, inner: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _counted(account, holdings, columns, rules, inner, out)


@kernel(parallel=True)
def counted_parallel(holdings: Any, columns: Any, rules: Any, inner: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _counted(account, holdings, columns, rules, inner, out)
