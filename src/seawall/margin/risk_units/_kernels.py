"""The float screens of scans with add-ons: see `sixteen_scan` and `okx_portfolio` for the rules."""

from __future__ import annotations

import math
from typing import Any

from numba import prange, uint64

from seawall._jit import finite, kernel, least, least_lane, load, multiply_add, splat
from seawall.margin._kernels import EXACT, LINEAR, OPTION, ULP, _seal

DOLLAR = 1e10  # Price atoms, and deltas of one coin.
CURRENCY = 0
NO_COIN = 2**62
PAIRED, SCENARIOS = 14, 16
CALENDAR, SHORT, PARTNER, DELTAS, DELTAS_PARTNER, CREDIT = range(6)
BASIS, LEAST = range(2)
UNSURE = 0.25  # Relative error of a delta from which a credit is not trusted at all.


@kernel(forceinline=True)
def _profit(rows, holdings, columns, change, net, scenario, options):  # type: ignore[no-untyped-def]
    """Profit of one coin's rows in a scenario."""
    asset, lots = holdings[2], holdings[3]
    kind, coin = columns[4], columns[5]
    total = 0.0
    for row in range(rows[0], rows[1]):
        number = asset[row]
        if coin[number] == net and (options or kind[number] != OPTION):
            total += lots[row] * change[number, scenario]
    return total


@kernel(forceinline=True)
def _lowest(first, last, asset, lots, coin, change, net):  # type: ignore[no-untyped-def]
    """Return the lowest of one coin's sixteen profits, and infinity where one is not finite."""
    one, two = splat(0.0), splat(0.0)
    for row in range(first, last):
        number = uint64(asset[row])
        if coin[number] == net:
            quantity = splat(lots[row])
            one = multiply_add(one, quantity, load(change, number, 0))
            two = multiply_add(two, quantity, load(change, number, 8))
    return least_lane(least(one, two)), 0.0 if finite(one, two, one, two) else math.inf


@kernel(forceinline=True)
def _worth(rows, holdings, columns):  # type: ignore[no-untyped-def]
    """Return (equity, margin equity, gross) of all rows."""
    asset, lots = holdings[2], holdings[3]
    value, collateral, bound = columns[0], columns[1], columns[2]
    equity, margin_equity, gross = 0.0, 0.0, 0.0
    for row in range(rows[0], rows[1]):
        number, quantity = asset[row], lots[row]
        worth = quantity * value[number]
        equity += worth
        margin_equity += quantity * collateral[number] if quantity > 0.0 else worth
        gross += abs(quantity) * bound[number]
    return equity, margin_equity, gross


@kernel(forceinline=True)
def _following(rows, holdings, columns, net):  # type: ignore[no-untyped-def]
    """The next coin number among the rows."""
    asset, coin = holdings[2], columns[5]
    following = NO_COIN
    for row in range(rows[0], rows[1]):
        owner = coin[asset[row]]
        if owner > net and owner < following:
            following = owner
    return following


@kernel(forceinline=True)
def _delta(rows, holdings, columns, delta, net):  # type: ignore[no-untyped-def]
    """Return (net delta, sum of its parts' sizes) of one coin's contracts."""
    asset, lots = holdings[2], holdings[3]
    kind, coin = columns[4], columns[5]
    total, size = 0.0, 0.0
    for row in range(rows[0], rows[1]):
        number = asset[row]
        if coin[number] == net and kind[number] >= LINEAR:
            part = lots[row] * delta[number]
            total += part
            size += abs(part)
    return total, size


@kernel(forceinline=True)
def _formed(rows, holdings, columns, delta, expires, net):  # type: ignore[no-untyped-def]
    """Deltas of one coin that offset each other across expiries."""
    asset, lots = holdings[2], holdings[3]
    kind, coin = columns[4], columns[5]
    bought, sold = 0.0, 0.0
    for row in range(rows[0], rows[1]):
        leader = asset[row]
        leads = coin[leader] == net and kind[leader] >= LINEAR
        for earlier in range(rows[0], row):
            number = asset[earlier]
            alike = coin[number] == net and kind[number] >= LINEAR
            leads = leads and not (alike and expires[number] == expires[leader])
        if not leads:
            continue
        total = 0.0
        for member in range(row, rows[1]):
            number = asset[member]
            alike = coin[number] == net and kind[number] >= LINEAR
            if alike and expires[number] == expires[leader]:
                total += lots[member] * delta[number]
        bought += max(total, 0.0)
        sold += max(0.0 - total, 0.0)
    return min(bought, sold)


@kernel(forceinline=True)
def _sold(rows, holdings, columns, net):  # type: ignore[no-untyped-def]
    """Notional of one coin's options sold."""
    asset, lots = holdings[2], holdings[3]
    notional, kind, coin = columns[3], columns[4], columns[5]
    total = 0.0
    for row in range(rows[0], rows[1]):
        number = asset[row]
        if coin[number] == net and kind[number] == OPTION and lots[row] < 0.0:
            total += (0.0 - lots[row]) * notional[number]
    return total


@kernel(forceinline=True)
def _price_risk(rows, holdings, columns, change, net, lowest, near):  # type: ignore[no-untyped-def]
    """Return (price risk at the binding scenario, its spread over scenarios that may bind)."""
    unmoved = 0.5 * (
        _profit(rows, holdings, columns, change, net, 0, True)
        + _profit(rows, holdings, columns, change, net, 1, True)
    )
    chosen, low, high = -1.0, math.inf, 0.0
    first, second = 0.0, 0.0
    for scenario in range(SCENARIOS):
        pair = scenario - scenario % 2
        if scenario == pair or scenario >= PAIRED:
            first = _profit(rows, holdings, columns, change, net, scenario, True)
            second = first
            if scenario < PAIRED:
                second = _profit(rows, holdings, columns, change, net, scenario + 1, True)
        here = first if scenario == pair else second
        if here <= lowest + near:
            risk = max(unmoved - 0.5 * (first + second), 0.0)
            low, high = min(low, risk), max(high, risk)
            if here == lowest and chosen < 0.0:
                chosen = risk
    return chosen, high - low if near > 0.0 else 0.0


@kernel(forceinline=True)
def _share(own, own_size, other, other_size, rows, terms):  # type: ignore[no-untyped-def]
    """Return (share of a coin's delta that its partner offsets, relative error; 1: not known)."""
    known = True
    error = 8.0 * ULP
    if own_size >= EXACT:
        error += 2.0 * rows * ULP * own_size / max(abs(own), 1.0)
    if other_size >= EXACT:
        error += 2.0 * rows * ULP * other_size / max(abs(other), 1.0)
    known = error < UNSURE
    if not own * other < 0.0:
        return 0.0, 0.0 if known else 1.0
    offset = abs(other) / terms[DELTAS_PARTNER] * terms[DELTAS] / abs(own)
    return min(offset, 1.0), error if known else 1.0


@kernel(forceinline=True)
def _commodity(net, rows, gross, holdings, columns, change, more, terms):  # type: ignore[no-untyped-def]
    """Return (charge, error, whether anything but the scan is in it, what was seen) of one coin."""
    delta, expires, price = more
    count = float(rows[1] - rows[0])
    slack = 0.0 if gross < EXACT else count * ULP * gross
    lowest, seen = _lowest(rows[0], rows[1], holdings[2], holdings[3], columns[5], change, net)
    charge, error, added = max(0.0 - lowest, 0.0), slack, False
    short = 0.0
    rule = terms[net]
    if rule[SHORT] > 0.0:
        short = _sold(rows, holdings, columns, net) * rule[SHORT]
        seen += short
        error += (count + 4.0) * ULP * short
    own, size = 0.0, 0.0
    if rule[CALENDAR] > 0.0 or rule[PARTNER] >= 0.0:
        own, size = _delta(rows, holdings, columns, delta, net)
        seen += size
    if rule[CALENDAR] > 0.0 and size > 0.0:
        dear = price[net] / DOLLAR * rule[CALENDAR]
        charge += _formed(rows, holdings, columns, delta, expires, net) * dear
        error += (count + 6.0) * ULP * size * dear
        seen += size * dear
        added = True
    if rule[PARTNER] >= 0.0 and size > 0.0:
        partner = int(rule[PARTNER])
        other, other_size = _delta(rows, holdings, columns, delta, partner)
        seen += other_size
        share, doubt = _share(own, size, other, other_size, count, rule)
        if share > 0.0 or doubt > 0.0:
            risk, spread = _price_risk(rows, holdings, columns, change, net, lowest, 4.0 * slack)
            share *= rule[CREDIT]
            error += rule[CREDIT] * (2.0 * spread + 4.0 * slack + doubt * (risk + spread))
            error += 4.0 * ULP * (charge + risk * share)
            charge -= risk * share
            added = True
    return max(charge, short), error, added or short > 0.0, seen


@kernel(forceinline=True)
def _sixteen(account, holdings, columns, change, more, terms, factor, out):  # type: ignore[no-untyped-def]
    """Screen one account under the sixteen scenarios."""
    first = holdings[0][account]
    rows = (first, first + holdings[1][account])
    equity, margin_equity, gross = _worth(rows, holdings, columns)
    net = _following(rows, holdings, columns, -1)
    count = float(rows[1] - rows[0])
    maintenance, error, seen, rounded = 0.0, 0.0, 0.0, False
    while net < NO_COIN:
        charge, wrong, added, looked = _commodity(
            net, rows, gross, holdings, columns, change, more, terms
        )
        maintenance += charge
        error += wrong
        seen += looked
        rounded = rounded or added
        net = _following(rows, holdings, columns, net)
    if rounded or gross >= EXACT:
        error += (count + 1.0) * 2.0 * ULP * maintenance
    if rounded:
        error += count
    initial = maintenance * factor
    error = error * factor + (0.0 if factor == 1.0 else 2.0 * ULP * initial + 1.0)
    clean = abs(seen) < math.inf
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def sixteen_serial(
    holdings: Any, columns: Any, change: Any, more: Any, terms: Any, factor: Any, out: Any
) -> None:
    for account in range(out.shape[1]):
        _sixteen(account, holdings, columns, change, more, terms, factor, out)


@kernel(parallel=True)
def sixteen_parallel(
    holdings: Any, columns: Any, change: Any, more: Any, terms: Any, factor: Any, out: Any
) -> None:
    for account in prange(out.shape[1]):
        _sixteen(account, holdings, columns, change, more, terms, factor, out)


@kernel(forceinline=True)
def _unit(net, rows, holdings, columns, change, scenarios, edge, rule):  # type: ignore[no-untyped-def]
    """Return (charge, what was seen) of one coin's contracts but options."""
    lowest, seen, far = 0.0, 0.0, 0.0
    for scenario in range(scenarios):
        profit = _profit(rows, holdings, columns, change, net, scenario, False)
        lowest = min(lowest, profit)
        seen += abs(profit)
        far = abs(profit) if scenario == edge else far
    return max(far * rule[BASIS] - lowest, far * rule[LEAST]), seen


@kernel(forceinline=True)
def _okx(account, holdings, columns, change, grid, terms, rates, out):  # type: ignore[no-untyped-def]
    """Screen one account: risk units, options in full, and what is borrowed."""
    asset, lots = holdings[2], holdings[3]
    value, collateral, _, notional, kind, _ = columns
    first = holdings[0][account]
    rows = (first, first + holdings[1][account])
    equity, _, gross = _worth(rows, holdings, columns)
    net = _following(rows, holdings, columns, -1)
    count = float(rows[1] - rows[0])
    margin_equity, units, debt, seen, most = 0.0, 0.0, 0.0, 0.0, 1.0
    for row in range(rows[0], rows[1]):
        number, quantity = asset[row], lots[row]
        worth = quantity * value[number]
        if kind[number] == OPTION:
            for scenario in range(grid[0]):
                seen += abs(quantity * change[number, scenario])
        if quantity > 0.0:
            margin_equity += 0.0 if kind[number] == OPTION else quantity * collateral[number]
            continue
        margin_equity += worth
        if kind[number] == OPTION:
            units += abs(quantity) * notional[number] + abs(worth)
        elif kind[number] == CURRENCY:
            debt += abs(worth)
    while net < NO_COIN:
        charge, looked = _unit(net, rows, holdings, columns, change, grid[0], grid[1], terms[net])
        units += charge
        seen += looked
        most = max(most, 1.0 + terms[net, BASIS] + terms[net, LEAST])
        net = _following(rows, holdings, columns, net)
    factor, kept, asked = rates
    maintenance = units + kept * debt
    initial = max(units * factor + asked * debt, maintenance)
    error = 0.0 if gross < EXACT else (count + 1.0) * ULP * gross * most
    if maintenance != 0.0:
        error += (count + 8.0) * 2.0 * ULP * (units + debt) + count + 2.0
    error = error * factor + 2.0 * ULP * initial
    clean = abs(seen) < math.inf and abs(units) + abs(debt) < math.inf
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def okx_serial(
    holdings: Any, columns: Any, change: Any, grid: Any, terms: Any, rates: Any, out: Any
) -> None:
    for account in range(out.shape[1]):
        _okx(account, holdings, columns, change, grid, terms, rates, out)


@kernel(parallel=True)
def okx_parallel(
    holdings: Any, columns: Any, change: Any, grid: Any, terms: Any, rates: Any, out: Any
) -> None:
    for account in prange(out.shape[1]):
        _okx(account, holdings, columns, change, grid, terms, rates, out)
