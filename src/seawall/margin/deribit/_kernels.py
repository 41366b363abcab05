"""The float screen of Deribit's portfolio margin: see `DeribitPortfolio` for rule and error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange, uint64

from seawall._jit import kernel, least, least_lane, load, multiply_add, splat
from seawall.margin._kernels import EXACT, ULP, _seal

# Columns of a line, one for each asset: see `columns.Columns`.
VALUE, COLLATERAL, BOUND, HEAVY, FULL, DOLLARS, OWNER, EXPIRY = range(8)
UNCOUNTED = -2.0
CHUNKS = 64
NOBODY = np.uint64(2**63)  # Ends a chain of rows.


@kernel(forceinline=True)
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


@kernel(forceinline=True)
def _delta_shock(total, bought, shock, net):  # type: ignore[no-untyped-def]
    """|D| · min(slope · max(|D| − threshold, 0), most); options bought never turn D around."""
    rest = total - bought
    size = -min(max(total, rest), 0.0) if rest < 0.0 else max(min(total, rest), 0.0)
    return size * min(shock[net, 1] * max(size - shock[net, 0], 0.0), shock[net, 2])


@kernel(forceinline=True)
def _gather(first, last, asset, lots, lines, scratch):  # type: ignore[no-untyped-def]
    """Sum what the rows are worth, chain those of each netting set, add deltas by expiry.

    Free of branches that a row could turn at random: the counts of sets and expiries grow by the
    truth of a comparison, and what is written beyond them is written again.
    """
    head, following, nets, bought, _, seen, groups, delta = scratch
    equity, margin_equity, gross, weight, charged = 0.0, 0.0, 0.0, 0.0, 0.0
    nets_held, groups_held = uint64(0), uint64(0)
    for row in range(first, last):
        number, held = uint64(asset[row]), lots[row]
        worth, size, owner = held * lines[number, VALUE], abs(held), lines[number, OWNER]
        equity += worth
        gross += size * lines[number, BOUND]
        weight += size * lines[number, HEAVY]
        if owner == UNCOUNTED and held > 0.0:
            continue
        margin_equity += held * lines[number, COLLATERAL] if held > 0.0 else worth
        charged += size * lines[number, FULL]
        if owner < 0.0:
            continue
        code = uint64(lines[number, EXPIRY])
        net, expiry = uint64(owner), code >> uint64(1)
        nets[nets_held] = net
        nets_held += uint64(head[net] == NOBODY)
        following[row - first] = head[net]
        head[net] = row
        groups[groups_held] = expiry
        groups_held += uint64(seen[expiry] == 0)
        seen[expiry] = 1
        dollars = held * lines[number, DOLLARS]
        delta[expiry] += dollars
        bought[net] += dollars if (code & uint64(1)) != 0 and held > 0.0 else 0.0
    return equity, margin_equity, gross, weight, charged, nets_held, groups_held


@kernel(forceinline=True)
def _account(account, holdings, change, lines, rules, factor, scratch, out):  # type: ignore[no-untyped-def]
    """Screen one account: chain its rows into netting sets, then sweep each set."""
    start, count, asset, lots = holdings
    shock, rate, owner = rules[2], rules[3], rules[4]
    head, following, nets, bought, deltas, seen, groups, delta = scratch
    first = uint64(start[account])
    last = first + uint64(count[account])
    equity, margin_equity, gross, weight, charged, nets_held, groups_held = _gather(
        first, last, asset, lots, lines, scratch
    )
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
    _seal(account, gross, equity, margin_equity, owed, weight < math.inf, out)


@kernel(forceinline=True)
def _scratch(sets, expiries, rows):  # type: ignore[no-untyped-def]
    """What one thread remembers of the account at hand; `_account` leaves it as it was."""
    return (
        np.full(sets, NOBODY, np.uint64),
        np.zeros(rows, np.uint64),
        np.zeros(sets + 1, np.uint64),
        np.zeros(sets),
        np.zeros(sets),
        np.zeros(expiries, np.int8),
        np.zeros(expiries + 1, np.uint64),
        np.zeros(expiries),
    )


@kernel
def deribit_serial(
    holdings: Any, change: Any, lines: Any, rules: Any, factor: Any, rows: Any, out: Any
) -> None:
    scratch = _scratch(rules[0].shape[0], rules[3].size, rows)
    for account in range(out.shape[1]):
        _account(account, holdings, change, lines, rules, factor, scratch, out)


@kernel(parallel=True)
def deribit_parallel(
    holdings: Any, change: Any, lines: Any, rules: Any, factor: Any, rows: Any, out: Any
) -> None:
    for chunk in prange(CHUNKS):
        scratch = _scratch(rules[0].shape[0], rules[3].size, rows)
        first = chunk * out.shape[1] // CHUNKS
        for account in range(first, (chunk + 1) * out.shape[1] // CHUNKS):
            _account(account, holdings, change, lines, rules, factor, scratch, out)
