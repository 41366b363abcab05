"""The float screen of Derive's standard rule: see `derive_standard` for the rule and its error."""

from __future__ import annotations

import math
from typing import Any

from numba import prange

from seawall._jit import kernel
from seawall.margin._kernels import EXACT, INVERSE, LINEAR, OPTION, ULP, _seal

BILLION = 1e9  # Confidences are billionths.
CURRENCY, CASH = 0, 0
(
    PERPETUAL_INITIAL,
    PERPETUAL_MAINTENANCE,
    SPOT_MAXIMUM,
    SPOT_MINIMUM,
    CALL,
    PUT,
    PUT_MARK,
    UNPAIRED_INITIAL,
    UNPAIRED_MAINTENANCE,
    PUT_OFFSET,
    BASE_CUT,  # 1 − base_factor
    BASE_CUT_INITIAL,  # 1 − base_factor · base_initial_scale
    PERPETUAL_THRESHOLD,
    OPTION_THRESHOLD,
    BASE_THRESHOLD,
    CONFIDENCE_FACTOR,
) = range(16)


@kernel(forceinline=True)
def _doubt(confidence, threshold, factor):  # type: ignore[no-untyped-def]
    """Charge what is not surely at the threshold, so that NaN is charged too."""
    return 0.0 if confidence >= threshold else (BILLION - confidence) / BILLION * factor


@kernel(forceinline=True)
def _sold(coins, spot, strike, mark, is_call, terms):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance) of one option sold by itself."""
    base = coins * spot
    away = coins * max(strike - spot if is_call else spot - strike, 0.0)
    initial = mark + max(terms[SPOT_MAXIMUM] * base - away, terms[SPOT_MINIMUM] * base)
    if is_call:
        return initial, mark + terms[CALL] * base
    maintenance = mark + max(terms[PUT] * base, terms[PUT_MARK] * mark)
    return max(initial, terms[PUT_OFFSET] * maintenance), maintenance


@kernel(forceinline=True)
def _payoff(price, first, last, expiry, asset, lots, key, size, strike, is_call):  # type: ignore[no-untyped-def]
    """What the options of one expiry pay at a price."""
    total = 0.0
    for row in range(first, last):
        number = asset[row]
        if key[number] == expiry:
            inside = price - strike[number] if is_call[number] else strike[number] - price
            total += lots[row] * size[number] * max(inside, 0.0)
    return total


@kernel(forceinline=True)
def _expiry(first, last, expiry, spot, holdings, value, quotes, terms, below):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance, weight) of the options of one expiry."""
    asset, lots = holdings[2], holdings[3]
    size, forward, _, strike, is_call, key, confidence = quotes
    isolated, kept, calls, doubt = 0.0, 0.0, 0.0, 0.0
    highest, farthest, held, seen = 0.0, 0.0, 0.0, 0.0
    lowest = _payoff(0.0, first, last, expiry, asset, lots, key, size, strike, is_call)
    for row in range(first, last):
        number, quantity = asset[row], lots[row]
        if key[number] != expiry:
            continue
        coins = abs(quantity) * size[number]
        mark = abs(quantity) * abs(value[number])
        price = strike[number]
        reach = spot + price + forward[number]
        highest = max(highest, forward[number])
        farthest = max(farthest, reach)
        held += coins
        seen += coins * reach + mark
        calls += quantity * size[number] if is_call[number] else 0.0
        if quantity < 0.0:
            owed = _sold(coins, spot, price, mark, is_call[number], terms)
            isolated += owed[0]
            kept += owed[1]
            charged = _doubt(confidence[number], terms[OPTION_THRESHOLD], terms[CONFIDENCE_FACTOR])
            doubt += (charged + below) * coins * spot
        paid = _payoff(price, first, last, expiry, asset, lots, key, size, strike, is_call)
        lowest = min(lowest, paid)
    uncovered = max(0.0 - calls, 0.0) * highest
    loss = max(0.0 - lowest, 0.0)
    initial = min(isolated, terms[UNPAIRED_INITIAL] * uncovered + loss)
    maintenance = min(kept, terms[UNPAIRED_MAINTENANCE] * uncovered + loss)
    weight = 8.0 * (held * farthest + seen) + doubt
    return initial + doubt, maintenance, weight


@kernel(forceinline=True)
def _leads(row, first, asset, key):  # type: ignore[no-untyped-def]
    """Whether no earlier row of the account is an option of the same expiry."""
    expiry, leads = key[asset[row]], True
    for earlier in range(first, row):
        leads = leads and key[asset[earlier]] != expiry
    return leads


@kernel(forceinline=True)
def _base(posted, confidence, terms):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance) of a coin held: the share of its value that does not count."""
    doubt = _doubt(confidence, terms[BASE_THRESHOLD], terms[CONFIDENCE_FACTOR])
    return posted * (terms[BASE_CUT_INITIAL] + doubt), posted * terms[BASE_CUT]


@kernel(forceinline=True)
def _perpetual(exposure, underlying, confidence, terms, below):  # type: ignore[no-untyped-def]
    """Return (initial, maintenance) of one contract."""
    doubt = _doubt(confidence, terms[PERPETUAL_THRESHOLD], terms[CONFIDENCE_FACTOR])
    initial = exposure * terms[PERPETUAL_INITIAL] + (doubt + below) * underlying
    return initial, exposure * terms[PERPETUAL_MAINTENANCE]


@kernel(forceinline=True)
def _account(account, holdings, columns, quotes, terms, below, out):  # type: ignore[no-untyped-def]
    """Screen one account."""
    start, count, asset, lots = holdings
    value, collateral, bound, notional, kind, coin = columns
    size, forward, spots, _, _, key, confidence = quotes
    first = start[account]
    last = first + count[account]
    equity, margin_equity, gross, initial, maintenance, weight = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(first, last):
        number, quantity = asset[row], lots[row]
        sort, owner, worth = kind[number], coin[number], quantity * value[number]
        equity += worth
        gross += abs(quantity) * bound[number]
        counted = quantity * collateral[number] if quantity > 0.0 else worth
        owed, kept, heavy = 0.0, 0.0, 0.0
        if key[number] >= 0:
            if _leads(row, first, asset, key):
                spot = spots[owner]
                owed, kept, heavy = _expiry(
                    row, last, key[number], spot, holdings, value, quotes, terms[owner], below
                )
            counted = 0.0
        elif sort == OPTION:
            if not quantity > 0.0:
                owed = kept = heavy = abs(quantity) * notional[number] + abs(worth)
            else:
                counted = 0.0
            heavy += 0.0 * (size[number] + forward[number] + spots[owner])
        elif sort >= LINEAR:
            exposure = abs(quantity) * notional[number]
            owed, kept, heavy = exposure, exposure, exposure
            if sort != INVERSE:
                underlying = abs(quantity) * size[number] * spots[owner]
                owed, kept = _perpetual(
                    exposure, underlying, confidence[number], terms[owner], below
                )
                heavy = exposure + owed + underlying
        elif sort == CURRENCY and owner != CASH and quantity > 0.0:
            owed, kept = _base(counted, confidence[number], terms[owner])
            heavy = abs(counted) + owed
        margin_equity += counted
        initial += owed
        maintenance += kept
        weight += heavy
    rows = float(last - first)
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if weight != 0.0:
        error += (rows + 16.0) * ULP * weight + rows
    total = (max(initial, maintenance), maintenance, error)
    clean = abs(weight) < math.inf and abs(initial) < math.inf
    _seal(account, gross, equity, margin_equity, total, clean, out)


@kernel
def expiries_serial(
    holdings: Any, columns: Any, quotes: Any, terms: Any, below: Any, out: Any
) -> None:
    for account in range(out.shape[1]):
        _account(account, holdings, columns, quotes, terms, below, out)


@kernel(parallel=True)
def expiries_parallel(
    holdings: Any, columns: Any, quotes: Any, terms: Any, below: Any, out: Any
) -> None:
    for account in prange(out.shape[1]):
        _account(account, holdings, columns, quotes, terms, below, out)
