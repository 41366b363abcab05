"""The float screen of lending: one account in, its five numbers out. See `lending.Lending`."""

from __future__ import annotations

import math
from typing import Any

from numba import prange

from seawall._jit import kernel
from seawall.margin._kernels import EXACT, ULP, _seal

CURRENCY = 0
LINEAR = 2
NO_DEBT = -2
MIXED = -1


@kernel(forceinline=True)
def _class_of_debts(first, last, asset, lots, kind, coin, group):  # type: ignore[no-untyped-def]
    """Return the class that every debt falls in, MIXED, or NO_DEBT."""
    found = NO_DEBT
    for row in range(first, last):
        number = asset[row]
        if kind[number] == CURRENCY and lots[row] > 0.0:
            continue
        here = group[coin[number]] if kind[number] == CURRENCY else MIXED
        if found == NO_DEBT:
            found = here
        elif found != here:
            found = MIXED
    return found


@kernel(forceinline=True)
def _lending(account, holdings, columns, rules, out):  # type: ignore[no-untyped-def]
    """Screen one account."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind, coin = columns
    group, factor, threshold, class_factor, class_threshold = rules
    first = start[account]
    last = first + count[account]
    rows = float(last - first)
    owing = _class_of_debts(first, last, asset, lots, kind, coin, group)
    equity, margin_equity, gross, size = 0.0, 0.0, 0.0, 0.0
    initial, maintenance = 0.0, 0.0
    for row in range(first, last):
        number = asset[row]
        quantity = lots[row]
        worth = quantity * value[number]
        equity += worth
        gross += abs(quantity) * bound[number]
        margin_equity += quantity * collateral[number] if quantity > 0.0 else worth
        if kind[number] >= LINEAR:
            charge = abs(quantity) * notional[number] + abs(worth)
            size += charge
            initial += charge
            maintenance += charge
        elif kind[number] == CURRENCY and quantity > 0.0 and owing != NO_DEBT:
            place = coin[number]
            inside = owing >= 0 and group[place] == owing
            counts = class_threshold[place] if inside else threshold[place]
            opens = class_factor[place] if inside else factor[place]
            posted = quantity * collateral[number]
            owed = max(posted - worth * counts, 0.0)
            size += abs(quantity) * bound[number]
            maintenance += owed
            initial += max(posted - worth * opens, owed)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 8.0) * ULP * size + rows
    clean = abs(size) < math.inf
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def lending_serial(holdings: Any, columns: Any, rules: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _lending(account, holdings, columns, rules, out)


@kernel(parallel=True)
def lending_parallel(holdings: Any, columns: Any, rules: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _lending(account, holdings, columns, rules, out)
