"""The float screen of tiers by size: one account in, its five numbers out."""

from __future__ import annotations

import math
from typing import Any

from numba import prange

from seawall._jit import kernel
from seawall.margin._kernels import EXACT, LINEAR, OPTION, ULP, _seal


@kernel(forceinline=True)
def _position(exposure, coins, tier, end, brackets, rule):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance, size for the bound) of one position that has brackets."""
    _, above, initial_rate, initial_amount, rate, amount = brackets
    share, fee, root, scale = rule
    while tier + 1 < end and exposure > above[tier + 1]:
        tier += 1
    premium = exposure * root * math.sqrt(coins)
    owed = max(exposure * rate[tier] - amount[tier], 0.0)
    first = max(exposure * initial_rate[tier] - initial_amount[tier], owed)
    if root > 0.0:
        owed = max(owed, share * owed + premium)
        first = max(first, share * first + premium)
    first += max(exposure - first, 0.0) * scale
    closing = exposure * fee
    return first + closing, owed + closing, exposure + premium + closing


@kernel(forceinline=True)
def _account(account, holdings, columns, brackets, rules, out):  # type: ignore[no-untyped-def]
    """Screen one account: see `tiered_by_size.TieredBySize`."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind, coin, coins_per_lot = columns
    share, fee, roots, scales = rules
    span = brackets[0]
    first = start[account]
    last = first + count[account]
    rows = float(last - first)
    equity, margin_equity, gross = 0.0, 0.0, 0.0
    initial, maintenance, size = 0.0, 0.0, 0.0
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
        own = coin[number]
        tier, end = span[own], span[own + 1]
        if kind[number] == OPTION or tier == end:
            charge = exposure + (abs(worth) if kind[number] == OPTION else 0.0)
            size += charge
            initial += charge
            maintenance += charge
            continue
        coins = abs(quantity) * coins_per_lot[number]
        rule = (share, fee, roots[own], scales[own])
        owed = _position(exposure, coins, tier, end, brackets, rule)
        initial += owed[0]
        maintenance += owed[1]
        size += owed[2]
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if size != 0.0:
        error += (rows + 16.0) * ULP * size + rows
    clean = abs(size) < math.inf
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def serial(holdings: Any, columns: Any, brackets: Any, rules: Any, out: Any) -> None:
    for account in range(out.shape[1]):
        _account(account, holdings, columns, brackets, rules, out)


@kernel(parallel=True)
def parallel(holdings: Any, columns: Any, brackets: Any, rules: Any, out: Any) -> None:
    for account in prange(out.shape[1]):
        _account(account, holdings, columns, brackets, rules, out)
