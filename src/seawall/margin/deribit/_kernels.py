"""The float screen of Deribit's portfolio margin: see `DeribitPortfolio` for rule and error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange, uint64

from seawall._jit import kernel, lane, least, least_lane, load, multiply_add, splat
from seawall.margin._kernels import EXACT, ULP, _seal

# Columns of a line, one for each asset and side, after what it is worth: see `columns.Columns`.
GROSS, HEAVY, FULL, DOLLARS, BOUGHT = range(2, 7)
NET_MASK, EXPIRY_BIT = uint64(2**32 - 1), uint64(32)  # Of a code.
CHUNKS = 64
NOBODY = np.uint64(2**63)  # Ends a chain of rows.


@kernel(forceinline=True, _nrt=False)
def _worst(head, first, following, asset, lots, change, rules, net):  # type: ignore[no-untyped-def]
    """Loss of the set's rows in their worst cell, after the extended scale and the dampener.

    Forty cells at once: the venue has 35, and five vectors stay in registers. Vectors beyond the
    last column read that one again.
    """
    scale, step, cells = rules[0], rules[1], rules[5]
    end = uint64(change.shape[1] - 8)
    lowest = splat(0.0)
    for column in range(uint64(0), uint64(cells), uint64(40)):
        at_one, at_two = min(column, end), min(column + uint64(8), end)
        at_three, at_four = min(column + uint64(16), end), min(column + uint64(24), end)
        at_five = min(column + uint64(32), end)
        one, two, three, four, five = splat(0.0), splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        row = uint64(head)
        while row != NOBODY:
            number = uint64(asset[row])
            quantity = splat(lots[row])
            one = multiply_add(one, quantity, load(change, number, at_one))
            two = multiply_add(two, quantity, load(change, number, at_two))
            three = multiply_add(three, quantity, load(change, number, at_three))
            four = multiply_add(four, quantity, load(change, number, at_four))
            five = multiply_add(five, quantity, load(change, number, at_five))
            row = following[row - first]
        one = multiply_add(load(step, net, at_one), one, load(scale, net, at_one))
        two = multiply_add(load(step, net, at_two), two, load(scale, net, at_two))
        three = multiply_add(load(step, net, at_three), three, load(scale, net, at_three))
        four = multiply_add(load(step, net, at_four), four, load(scale, net, at_four))
        five = multiply_add(load(step, net, at_five), five, load(scale, net, at_five))
        lowest = least(lowest, least(least(least(one, two), least(three, four)), five))
    return 0.0 - least_lane(lowest)


@kernel(forceinline=True, _nrt=False)
def _delta_shock(total, bought, shock, net):  # type: ignore[no-untyped-def]
    """|D| · min(slope · max(|D| − threshold, 0), most); options bought never turn D around."""
    rest = total - bought
    size = -min(max(total, rest), 0.0) if rest < 0.0 else max(min(total, rest), 0.0)
    return size * min(shock[net, 1] * max(size - shock[net, 0], 0.0), shock[net, 2])


@kernel(forceinline=True, _nrt=False)
def _gather(first, last, asset, lots, lines, codes, scratch):  # type: ignore[no-untyped-def]
    """Sum what the rows are worth, chain those of each netting set, add deltas by expiry.

    Free of branches that a row could turn at random: the counts of sets and expiries grow by the
    truth of a comparison, and what is written beyond them is written again. The last set and the
    last expiry are none, and never listed.
    """
    head, following, nets, bought, _, seen, groups, delta = scratch
    sums, nets_held, groups_held = splat(0.0), uint64(0), uint64(0)
    for row in range(first, last):
        number, held = uint64(asset[row]), lots[row]
        side, code = uint64(2) * number + uint64(held < 0.0), codes[number]
        sums = multiply_add(sums, splat(held), load(lines, side, 0))
        net, expiry = code & NET_MASK, code >> EXPIRY_BIT
        nets[nets_held] = net
        nets_held += uint64(head[net] == NOBODY)
        following[row - first] = head[net]
        head[net] = row
        groups[groups_held] = expiry
        groups_held += uint64(seen[expiry] == 0)
        seen[expiry] = 1
        delta[expiry] += held * lines[side, DOLLARS]
        bought[net] += held * lines[side, BOUGHT]
    return sums, nets_held, groups_held


@kernel(forceinline=True, _nrt=False)
def _account(account, holdings, change, table, rules, factor, scratch, out):  # type: ignore[no-untyped-def]
    """Screen one account: chain its rows into netting sets, then sweep each set."""
    start, count, asset, lots = holdings
    lines, codes = table
    shock, rate, owner = rules[2], rules[3], rules[4]
    head, following, nets, bought, deltas, seen, groups, delta = scratch
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums, nets_held, groups_held = _gather(first, last, asset, lots, lines, codes, scratch)
    gross, weight, charged = lane(sums, GROSS), lane(sums, HEAVY), lane(sums, FULL)
    total = 0.0
    for place in range(groups_held):
        expiry = groups[place]
        total += abs(delta[expiry]) * rate[expiry]
        deltas[uint64(owner[expiry])] += delta[expiry]
        delta[expiry] = 0.0
        seen[expiry] = 0
    for place in range(nets_held):
        net = nets[place]
        total += _worst(head[net], first, following, asset, lots, change, rules, net)
        total += _delta_shock(deltas[net], bought[net], shock, net)
        bought[net], deltas[net] = 0.0, 0.0
        head[net] = NOBODY
    rows = float(count[account])
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if weight != 0.0:
        error += (2.0 * rows + 8.0) * ULP * weight + 1.0
    owed = (total + charged, total * factor + charged, error)
    _seal(account, gross, lane(sums, 0), lane(sums, 1), owed, weight < math.inf, out)


@kernel(forceinline=True)
def _scratch(sets, expiries, rows):  # type: ignore[no-untyped-def]
    """What one thread remembers of the account at hand; `_account` leaves it as it was."""
    head, seen = np.full(sets + 1, NOBODY, np.uint64), np.zeros(expiries + 1, np.int8)
    head[sets], seen[expiries] = 0, 1
    return (
        head,
        np.zeros(rows, np.uint64),
        np.zeros(sets + 2, np.uint64),
        np.zeros(sets + 1),
        np.zeros(sets + 1),
        seen,
        np.zeros(expiries + 2, np.uint64),
        np.zeros(expiries + 1),
    )


@kernel(_nrt=False)
def _some(begin, end, holdings, change, table, rules, factor, scratch, out):  # type: ignore[no-untyped-def]
    """Screen the accounts from `begin` to before `end`."""
    for account in range(uint64(begin), uint64(end)):
        _account(account, holdings, change, table, rules, factor, scratch, out)


@kernel
def deribit_serial(
    holdings: Any, change: Any, table: Any, rules: Any, factor: Any, rows: Any, out: Any
) -> None:
    scratch = _scratch(rules[0].shape[0], rules[3].size, rows)
    _some(0, out.shape[1], holdings, change, table, rules, factor, scratch, out)


@kernel(parallel=True)
def deribit_parallel(
    holdings: Any, change: Any, table: Any, rules: Any, factor: Any, rows: Any, out: Any
) -> None:
    for chunk in prange(CHUNKS):
        scratch = _scratch(rules[0].shape[0], rules[3].size, rows)
        first, last = chunk * out.shape[1] // CHUNKS, (chunk + 1) * out.shape[1] // CHUNKS
        _some(first, last, holdings, change, table, rules, factor, scratch, out)


@kernel(forceinline=True, _nrt=False)
def _cell(gain, scale, step):  # type: ignore[no-untyped-def]
    """Scale eight cells; the step lowers losses alone."""
    none = splat(0.0)
    scaled = multiply_add(none, gain, scale)
    less = multiply_add(none, scaled, splat(-1.0))
    kept = multiply_add(none, least(less, none), splat(-1.0))
    return least(multiply_add(step, scaled, splat(1.0)), kept)


@kernel(forceinline=True, _nrt=False)
def _directions(head, first, following, asset, lots, change, rules, barred, net):  # type: ignore[no-untyped-def]
    """Return the least gain of the set's rows in cells that fall, do not move, and rise."""
    scale, step = rules[0], rules[1]
    down, still, up = splat(math.inf), splat(math.inf), splat(math.inf)
    for column in range(uint64(0), uint64(change.shape[1]), uint64(8)):
        gain = splat(0.0)
        row = uint64(head)
        while row != NOBODY:
            gain = multiply_add(gain, splat(lots[row]), load(change, uint64(asset[row]), column))
            row = following[row - first]
        cell = _cell(gain, load(scale, net, column), load(step, net, column))
        down = least(multiply_add(cell, load(barred, 0, column), splat(1.0)), down)
        still = least(multiply_add(cell, load(barred, 1, column), splat(1.0)), still)
        up = least(multiply_add(cell, load(barred, 2, column), splat(1.0)), up)
    return least_lane(down), least_lane(still), least_lane(up)


@kernel(forceinline=True, _nrt=False)
def _cross_account(account, holdings, change, table, rules, families, factor, scratch, out):  # type: ignore[no-untyped-def]
    """Screen one account: sets by direction, then correlation sets."""
    start, count, asset, lots = holdings
    lines, codes = table
    family, offset, barred = families
    shock, rate, owner = rules[2], rules[3], rules[4]
    apart, losses = scratch
    head, following, nets, bought, deltas, seen, groups, delta = apart
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums, nets_held, groups_held = _gather(first, last, asset, lots, lines, codes, apart)
    gross, weight, charged = lane(sums, GROSS), lane(sums, HEAVY), lane(sums, FULL)
    total = 0.0
    for place in range(groups_held):
        expiry = groups[place]
        total += abs(delta[expiry]) * rate[expiry]
        deltas[uint64(owner[expiry])] += delta[expiry]
        delta[expiry] = 0.0
        seen[expiry] = 0
    for place in range(nets_held):
        net = nets[place]
        gains = _directions(head[net], first, following, asset, lots, change, rules, barred, net)
        for direction in range(3):
            gain = gains[direction]
            pays = min(offset[net, 0] * max(gain, 0.0), offset[net, 1])
            losses[uint64(family[net]), direction] += max(-gain, 0.0) - pays
        total += _delta_shock(deltas[net], bought[net], shock, net)
        bought[net], deltas[net] = 0.0, 0.0
        head[net] = NOBODY
    for place in range(nets_held):
        owned = uint64(family[nets[place]])
        total += max(losses[owned, 0], losses[owned, 1], losses[owned, 2], 0.0)
        losses[owned, 0], losses[owned, 1], losses[owned, 2] = 0.0, 0.0, 0.0
    rows = float(count[account])
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if weight != 0.0:
        error += (4.0 * rows + 16.0) * ULP * weight + 1.0
    owed = (total + charged, total * factor + charged, error)
    _seal(account, gross, lane(sums, 0), lane(sums, 1), owed, weight < math.inf, out)


@kernel(_nrt=False)
def _cross_some(begin, end, holdings, change, table, rules, families, factor, scratch, out):  # type: ignore[no-untyped-def]
    """Screen the accounts from `begin` to before `end`."""
    for account in range(uint64(begin), uint64(end)):
        _cross_account(account, holdings, change, table, rules, families, factor, scratch, out)


@kernel
def cross_serial(
    holdings: Any, change: Any, table: Any, rules: Any, families: Any, factor: Any, rows: Any,
    out: Any,
) -> None:  # fmt: skip
    sets = rules[0].shape[0]
    scratch = _scratch(sets, rules[3].size, rows), np.zeros((sets + 1, 3))
    _cross_some(0, out.shape[1], holdings, change, table, rules, families, factor, scratch, out)


@kernel(parallel=True)
def cross_parallel(
    holdings: Any, change: Any, table: Any, rules: Any, families: Any, factor: Any, rows: Any,
    out: Any,
) -> None:  # fmt: skip
    for chunk in prange(CHUNKS):
        sets = rules[0].shape[0]
        scratch = _scratch(sets, rules[3].size, rows), np.zeros((sets + 1, 3))
        first, last = chunk * out.shape[1] // CHUNKS, (chunk + 1) * out.shape[1] // CHUNKS
        _cross_some(first, last, holdings, change, table, rules, families, factor, scratch, out)
