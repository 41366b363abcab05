"""The float screen of standard margin: see `standard.Standard` for the rule and its error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange, uint64

from seawall._jit import kernel, lane, load, multiply_add, splat
from seawall.margin._kernels import EXACT, INVERSE, LANES, LINEAR, OPTION, ULP, _seal, assets_held

BILLION = 1e9  # Sizes are billionths of a coin.
COUNTED, GROSS, INITIAL, MAINTENANCE, WEIGHT = range(1, 6)  # What a side adds up; 0 is equity.


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


@kernel
def _full(side, full):  # type: ignore[no-untyped-def]
    """Charge what cannot be margined in full."""
    side[INITIAL] = side[MAINTENANCE] = side[WEIGHT] = full


@kernel
def _option(bought, sold, quote, rates, rule):  # type: ignore[no-untyped-def]
    """Write what one lot of an option owes: every charge of an option is in proportion to lots."""
    size, price, strike, premium, is_call = quote
    charged, long_counts = rule
    coins = size / BILLION
    underlying, due = coins * price, premium if charged else 0.0
    for place in range(2):
        bought[INITIAL + place] = min(rates[place, 6] * premium, rates[place, 7] * underlying)
        sold[INITIAL + place] = _sold(
            rates[place], underlying, coins * strike, premium, is_call, due
        )
    for side in (bought, sold):
        side[INITIAL] = max(side[INITIAL], side[MAINTENANCE])
        side[WEIGHT] = 4.0 * (coins * (price + strike) + premium)
    if not long_counts:
        bought[COUNTED] = 0.0
    if charged:
        sold[COUNTED] = 0.0


@kernel
def _future(side, notional, coins, rates):  # type: ignore[no-untyped-def]
    """Write what one lot of a future owes, and in the second half what grows with its square."""
    slope = notional * (rates[2] * coins)
    side[INITIAL], side[MAINTENANCE] = notional * rates[0], notional * rates[1]
    side[WEIGHT] = notional + side[INITIAL]
    side[LANES + INITIAL] = side[LANES + MAINTENANCE] = side[LANES + WEIGHT] = slope


@kernel
def _sides(columns, quotes, rates, rule, assets):  # type: ignore[no-untyped-def]
    """[2 × asset + sold] what a lot adds to each sum; beyond, what |lots| times a lot adds.

    A lot sold carries the other sign where the sum takes |lots|.
    """
    value, collateral, bound, notional, kind, coin = columns
    size, underlying, spot, strike, is_call = quotes
    has_option, option_rates, has_future, future_rates = rates
    sides = np.empty((2 * value.size, 2 * LANES))
    for number in assets:
        sides[2 * number : 2 * number + 2] = 0.0
        bought, sold = sides[2 * number], sides[2 * number + 1]
        owner, sort, mark = coin[number], kind[number], value[number]
        bought[0] = sold[0] = sold[COUNTED] = mark
        bought[COUNTED] = collateral[number]
        bought[GROSS] = sold[GROSS] = bound[number]
        price = underlying[number]
        if sort == OPTION and has_option[owner] and price > 0.0 and size[number] > 0.0:
            quote = (size[number], price, strike[number], abs(mark), is_call[number])
            _option(bought, sold, quote, option_rates[owner], rule)
        elif sort == OPTION:
            bought[COUNTED] = 0.0
            _full(sold, notional[number] + abs(mark))
        elif sort >= LINEAR:
            inverse = sort == INVERSE
            for side in (bought, sold):
                if has_future[owner] and (not inverse or spot[owner] > 0.0):
                    coins = notional[number] / spot[owner] if inverse else size[number] / BILLION
                    _future(side, notional[number], coins, future_rates[owner])
                else:
                    _full(side, notional[number])
        for place in range(GROSS, 2 * LANES):
            sold[place] = -sold[place]
    return sides


@kernel(forceinline=True)
def _standard(account, holdings, sides, out):  # type: ignore[no-untyped-def]
    """Screen one account: Σ lots · (what a lot adds + |lots| · what grows with it)."""
    start, count, asset, lots = holdings
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums = splat(0.0)
    for row in range(first, last):
        held = lots[row]
        side = 2 * uint64(asset[row]) + uint64(held < 0.0)
        lot = multiply_add(load(sides, side, 0), splat(abs(held)), load(sides, side, LANES))
        sums = multiply_add(sums, splat(held), lot)
    rows = float(count[account])
    gross, weight = lane(sums, GROSS), lane(sums, WEIGHT)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if weight != 0.0:
        error += (rows + 16.0) * ULP * weight + rows
    total = (lane(sums, INITIAL), lane(sums, MAINTENANCE), error)
    clean = abs(weight) < math.inf
    _seal(account, gross, lane(sums, 0), lane(sums, COUNTED), total, clean, out)


@kernel
def standard_serial(
    holdings: Any, columns: Any, quotes: Any, rates: Any, rule: Any, out: Any
) -> None:
    assets = assets_held(holdings, columns[0].size)
    sides = _sides(columns, quotes, rates, rule, assets)
    for account in range(out.shape[1]):
        _standard(account, holdings, sides, out)


@kernel(parallel=True)
def standard_parallel(
    holdings: Any, columns: Any, quotes: Any, rates: Any, rule: Any, out: Any
) -> None:
    assets = assets_held(holdings, columns[0].size)
    sides = _sides(columns, quotes, rates, rule, assets)
    for account in prange(out.shape[1]):
        _standard(account, holdings, sides, out)
