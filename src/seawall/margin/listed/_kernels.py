"""The float screen of standard margin: see `standard.Standard` for the rule and its error."""

from __future__ import annotations

import math
from typing import Any

from numba import prange

from seawall._jit import kernel
from seawall.margin._kernels import EXACT, INVERSE, LINEAR, OPTION, ULP, _seal

BILLION = 1e9  # Sizes are billionths of a coin.


@kernel(forceinline=True)
def _sold(rates, underlying, strike, premium, is_call, charged):  # type: ignore[no-untyped-def]
    """Charge one option sold: the operations of `listed.sold_charge` in floats."""
    away = max(strike - underlying if is_call else underlying - strike, 0.0)
    floor = rates[1] * underlying
    if not is_call:
        floor += rates[2] * premium
    floor = max(floor, rates[3] * premium)
    charge = max(rates[0] * underlying - away, floor)
    if not is_call and rates[4] < 1.0:
        charge = min(charge, rates[4] * strike)
    return charge + charged + rates[5] * underlying


@kernel(forceinline=True)
def _option(quantity, quote, rates, charged):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance) of one row of options; quote = (size, price, strike, ...)."""
    size, price, strike, premium, is_call = quote
    coins = abs(quantity) * size / BILLION
    underlying = coins * price
    paid = abs(quantity) * premium
    if quantity > 0.0:
        initial = min(rates[0, 6] * paid, rates[0, 7] * underlying)
        maintenance = min(rates[1, 6] * paid, rates[1, 7] * underlying)
    else:
        due = paid if charged else 0.0
        initial = _sold(rates[0], underlying, coins * strike, paid, is_call, due)
        maintenance = _sold(rates[1], underlying, coins * strike, paid, is_call, due)
    return max(initial, maintenance), maintenance


@kernel(forceinline=True)
def _future(exposure, coins, rates):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance) of one row of futures."""
    added = rates[2] * coins
    return exposure * (rates[0] + added), exposure * (rates[1] + added)


@kernel(forceinline=True)
def _standard(account, holdings, columns, quotes, rates, rule, out):  # type: ignore[no-untyped-def]
    """Screen one account."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind, coin = columns
    size, underlying, spot, strike, is_call = quotes
    has_option, option_rates, has_future, future_rates = rates
    charged, long_counts = rule
    first = start[account]
    last = first + count[account]
    equity, margin_equity, gross, initial, maintenance, weight = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(first, last):
        number, quantity = asset[row], lots[row]
        sort, owner, worth = kind[number], coin[number], quantity * value[number]
        equity += worth
        gross += abs(quantity) * bound[number]
        counted = quantity * collateral[number] if quantity > 0.0 else worth
        if sort == OPTION:
            price = underlying[number]
            if has_option[owner] and price > 0.0 and size[number] > 0.0:
                margin_equity += (
                    counted if (long_counts if quantity > 0.0 else not charged) else 0.0
                )
                terms = (size[number], price, strike[number], abs(value[number]), is_call[number])
                owed, kept = _option(quantity, terms, option_rates[owner], charged)
                initial += owed
                maintenance += kept
                coins = abs(quantity) * size[number] / BILLION
                weight += 4.0 * (coins * (price + strike[number]) + abs(worth))
            elif not quantity > 0.0:
                margin_equity += worth
                full = abs(quantity) * notional[number] + abs(worth)
                initial += full
                maintenance += full
                weight += full
            continue
        margin_equity += counted
        if sort < LINEAR:
            continue
        exposure = abs(quantity) * notional[number]
        owed, kept = exposure, exposure
        if has_future[owner] and (sort != INVERSE or spot[owner] > 0.0):
            coins = abs(quantity) * size[number] / BILLION
            if sort == INVERSE:
                coins = exposure / spot[owner]
            owed, kept = _future(exposure, coins, future_rates[owner])
        initial += owed
        maintenance += kept
        weight += exposure + owed
    rows = float(last - first)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if weight != 0.0:
        error += (rows + 16.0) * ULP * weight + rows
    total = (initial, maintenance, error)
    _seal(account, gross, equity, margin_equity, total, abs(weight) < math.inf, out)


@kernel
def standard_serial(
    holdings: Any, columns: Any, quotes: Any, rates: Any, rule: Any, out: Any
) -> None:
    for account in range(out.shape[1]):
        _standard(account, holdings, columns, quotes, rates, rule, out)


@kernel(parallel=True)
def standard_parallel(
    holdings: Any, columns: Any, quotes: Any, rates: Any, rule: Any, out: Any
) -> None:
    for account in prange(out.shape[1]):
        _standard(account, holdings, columns, quotes, rates, rule, out)
