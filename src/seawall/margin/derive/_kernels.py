"""The float screen of Derive's portfolio margin: see `derive_portfolio` for the rule and its error.

Scenarios are added expiry by expiry, because an expiry's sum is discounted by its own sign before
it may net with another. With t the change, M the mark and T = t + M of an expiry, the discounted
value less the mark is t · long + min(t, −M) · (short − long) + M · (short − 1), for either sign of
T: no branch, and the last term is the same in every scenario. Basis moves and tilts, which are not
plain sums, stand in the first eight columns, which are folded in full.
"""

from __future__ import annotations

import math
from typing import Any

from numba import int64, prange, uint64

from seawall._jit import finite, kernel, least, least_lane, load, multiply_add, splat
from seawall.margin._kernels import BLOCK, ULP, _seal

EXACT = 2.0**51  # A quarter of 2^53: a shocked value is up to twice gross, its fold twice that.
NO_GROUP = 2**30
PERPETUAL, BASE = 1, 2
MAINTENANCE_FACTOR, INITIAL_FACTOR = range(2)
DAMPENING, FLIP, FEARED = range(3)
GROUP, PAIR = range(2)
VALUE, COLLATERAL, BOUND, MARK, KEPT_HELD, KEPT_OWED, START_HELD, START_OWED = range(8)
LONG, SHORT, BASIS = range(3)


@kernel(forceinline=True)
def _added(profit, change, fold):  # type: ignore[no-untyped-def]
    """Add one expiry's discounted change, but for what is the same in every scenario."""
    long, mark, more = fold
    profit = multiply_add(profit, change, long)
    return multiply_add(profit, least(change, mark), more)


@kernel(forceinline=True)
def _whole(profit, change, fold, fixed, flip):  # type: ignore[no-untyped-def]
    """Add one expiry's discounted change, turned into a loss where `flip` is −1 and not 1."""
    none = splat(0.0)
    gain = multiply_add(_added(none, change, fold), fixed, splat(1.0))
    return multiply_add(profit, least(gain, multiply_add(none, gain, flip)), splat(1.0))


@kernel(forceinline=True)
def _counted(profit, constant, cells, column):  # type: ignore[no-untyped-def]
    """Dampen eight scenarios; the padding counts nothing."""
    whole = multiply_add(profit, splat(constant), splat(1.0))
    return multiply_add(splat(0.0), whole, load(cells, DAMPENING, uint64(column)))


@kernel(forceinline=True)
def _market(  # type: ignore[no-untyped-def]
    first, last, asset, lots, change, places, units, market, ratios, cells, unmoved, begin, origin,
    ordered,
):  # fmt: skip
    """Return the least of 0, basis and scenarios of one market, if it is finite, and what follows.

    `begin` is its first group, `origin` a row of it; `ordered` says whether groups ascend with the
    rows. The next market's group and row are returned.
    """
    owner, worst, clean = market[begin], 0.0, True
    following, row_after = int64(NO_GROUP), last
    for column in range(0, change.shape[1], BLOCK):
        p1, p2, p3, p4 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        net, here, constant, basis, still = int64(begin), origin, 0.0, 0.0, 0.0
        while net < NO_GROUP:
            t1, t2, t3, t4 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            held, following, row_after = 0.0, int64(NO_GROUP), last
            for row in range(here if ordered else first, last):
                number = uint64(asset[row])
                own = int64(places[number, GROUP])
                if own == net:
                    held += lots[row] * units[number, MARK]
                    quantity = splat(lots[row])
                    t1 = multiply_add(t1, quantity, load(change, number, column))
                    t2 = multiply_add(t2, quantity, load(change, number, column + 8))
                    t3 = multiply_add(t3, quantity, load(change, number, column + 16))
                    t4 = multiply_add(t4, quantity, load(change, number, column + 24))
                elif net < own < following:
                    following, row_after = own, row
                    if ordered:
                        break
            long, short = ratios[LONG, net], ratios[SHORT, net]
            fold = splat(long), splat(-held), splat(short - long)
            fixed, at = held * (short - 1.0), uint64(column)
            p1 = _whole(p1, t1, fold, splat(fixed), load(cells, FLIP, at))
            p2, p3, p4 = _added(p2, t2, fold), _added(p3, t3, fold), _added(p4, t4, fold)
            feared = least(multiply_add(splat(0.0), t1, load(cells, FEARED, at)), splat(0.0))
            basis += least_lane(feared) * ratios[BASIS, net]
            constant += fixed
            still += fixed if held < 0.0 else held * (long - 1.0)
            net, here = following, row_after
            if net < NO_GROUP and market[net] != owner:
                break
        p1, p2 = _counted(p1, 0.0, cells, column), _counted(p2, constant, cells, column + 8)
        p3 = _counted(p3, constant, cells, column + 16)
        p4 = _counted(p4, constant, cells, column + 24)
        clean = clean and finite(p1, p2, p3, p4)
        lowest = least_lane(least(least(least(p1, p2), least(p3, p4)), splat(0.0)))
        worst = min(worst, lowest, basis, still * unmoved)
    return worst, clean, following, row_after


@kernel(forceinline=True)
def _uncovered(first, last, asset, lots, places, charge, owed, kept, start):  # type: ignore[no-untyped-def]
    """Charge options sold that no option of the same expiry and strike covers."""
    maintenance, initial, gross = 0.0, 0.0, 0.0
    for row in range(first, last):
        number = asset[row]
        strike = places[number, PAIR]
        if strike < 0:
            continue
        gross += abs(lots[row]) * owed[number]
        if not lots[row] < 0.0:
            continue
        net, counted = 0.0, False
        for other in range(first, last):
            if places[asset[other], PAIR] == strike:
                counted = counted or (other < row and lots[other] < 0.0)
                net -= lots[other] * owed[asset[other]]
        if not counted:
            bare = max(net, 0.0)
            maintenance += bare * kept[charge[number]]
            initial += bare * start[charge[number]]
    return maintenance, initial, gross


@kernel(forceinline=True)
def _doubted(  # type: ignore[no-untyped-def]
    first, last, asset, lots, places, market, begin, role, held, owed, doubt, merged
):
    """Charge the size of what rests on feeds in doubt; `merged` adds base to perpetuals."""
    total = 0.0
    if not merged:
        for row in range(first, last):
            number = asset[row]
            if role[number] == BASE:
                unit = held[number] if lots[row] > 0.0 else owed[number]
                total += abs(lots[row]) * unit * doubt[number]
    net, owner, linear = int64(begin), int64(-1), 0.0
    while net < NO_GROUP:
        if market[net] != owner:
            owner, linear = int64(market[net]), 0.0
        following = int64(NO_GROUP)
        size, most, seen = 0.0, linear, 0.0
        for row in range(first, last):
            number = asset[row]
            own = int64(places[number, GROUP])
            if own > net:
                following = min(following, own)
            if own != net:
                continue
            what = role[number]
            if places[number, PAIR] < 0 and what != PERPETUAL and not (merged and what == BASE):
                continue
            size += abs(lots[row]) * (held[number] if lots[row] > 0.0 else owed[number])
            most = max(most, doubt[number])
            seen = max(seen, doubt[number] if what == PERPETUAL else 0.0)
        total += size * most
        linear = max(linear, seen)
        net = following
    return total


@kernel(forceinline=True)
def _sums(first, last, asset, lots, places, units):  # type: ignore[no-untyped-def]
    """Sum worth and charges of rows; say whether options were sold and where groups begin."""
    equity, margin_equity, gross, maintenance, initial = 0.0, 0.0, 0.0, 0.0, 0.0
    net, sold, ordered, highest, origin = int64(NO_GROUP), False, True, int64(-1), first
    for row in range(first, last):
        number = uint64(asset[row])
        amount = lots[row]
        held = amount if amount > 0.0 else 0.0
        owed = amount - held  # Not finite where the lots are not.
        equity += amount * units[number, VALUE]
        margin_equity += held * units[number, COLLATERAL] + owed * units[number, VALUE]
        gross += (held - owed) * units[number, BOUND]
        maintenance += held * units[number, KEPT_HELD] - owed * units[number, KEPT_OWED]
        initial += held * units[number, START_HELD] - owed * units[number, START_OWED]
        sold |= (owed < 0.0) & (places[number, PAIR] >= 0)
        own = int64(places[number, GROUP])
        ordered &= own >= highest
        highest = own if own < NO_GROUP else highest
        origin = row if own < net else origin
        net = min(net, own)
    return equity, margin_equity, gross, maintenance, initial, sold, net, origin, ordered


@kernel(forceinline=True)
def _screen(  # type: ignore[no-untyped-def]
    account, start, count, asset, lots, change, places, units, role, charge, held, owed, doubt,
    ratios, market, factor, cells, rule, kept, began, out,
):  # fmt: skip
    """Screen one account. Arrays come one by one: a tuple of them would be counted on each use."""
    unmoved, doubtful, merged, scale, weight = rule
    first = uint64(start[account])
    last = first + uint64(count[account])
    equity, margin_equity, gross, maintenance, initial, sold, net, origin, ordered = _sums(
        first, last, asset, lots, places, units
    )
    # No rows where there is nothing to add: a branch around the call would cost a count of each
    # array that it reads, for every account.
    bare, bare_initial, charged = _uncovered(
        first, last if sold else first, asset, lots, places, charge, owed, kept, began
    )
    maintenance += bare
    initial += bare_initial
    initial += _doubted(
        first, last if doubtful else first, asset, lots, places, market,
        net if doubtful else int64(NO_GROUP), role, held, owed, doubt, merged,
    )  # fmt: skip
    moved, clean = net < NO_GROUP or initial != 0.0, True
    while net < NO_GROUP:
        owner = market[net]
        worst, fine, net, origin = _market(
            first, last, asset, lots, change, places, units, market, ratios, cells, unmoved, net,
            origin, ordered,
        )  # fmt: skip
        clean = clean and fine
        maintenance -= worst * factor[owner, MAINTENANCE_FACTOR]
        initial -= worst * factor[owner, INITIAL_FACTOR]
    clean = clean and abs(initial) + abs(maintenance) + abs(charged) < math.inf
    initial = max(initial, maintenance)
    rows = float(count[account])
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if moved:
        error += (rows + 16.0) * ULP * (scale * gross + weight * charged + initial) + 1.0
    _seal(account, gross, equity, margin_equity, (initial, maintenance, error), clean, out)


@kernel
def derive_serial(
    holdings: Any, table: Any, parts: Any, groups: Any, cells: Any, rule: Any, rates: Any, out: Any
) -> None:
    start, count, asset, lots = holdings
    change, places, units = table
    role, charge, held, owed, doubt = parts
    ratios, market, factor = groups
    kept, began = rates
    for account in range(out.shape[1]):
        _screen(
            account, start, count, asset, lots, change, places, units, role, charge, held, owed,
            doubt, ratios, market, factor, cells, rule, kept, began, out,
        )  # fmt: skip


@kernel(parallel=True)
def derive_parallel(
    holdings: Any, table: Any, parts: Any, groups: Any, cells: Any, rule: Any, rates: Any, out: Any
) -> None:
    start, count, asset, lots = holdings
    change, places, units = table
    role, charge, held, owed, doubt = parts
    ratios, market, factor = groups
    kept, began = rates
    for account in prange(out.shape[1]):
        _screen(
            account, start, count, asset, lots, change, places, units, role, charge, held, owed,
            doubt, ratios, market, factor, cells, rule, kept, began, out,
        )  # fmt: skip
