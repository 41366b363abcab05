"""The float screen of Derive's portfolio margin: see `derive_portfolio` for the rule and its error.

Scenarios are added expiry by expiry, because an expiry's sum is discounted by its own sign before
it may net with another. With t the change, M the mark and T = t + M of an expiry, the discounted
value less the mark is t · long + min(t, −M) · (short − long) + M · (short − 1), for either sign of
T: no branch, and the last term is the same in every scenario. Tilts, which are not plain sums,
stand in the first eight columns, basis moves in the first two.

Three flat loops: rows add to a line of scenarios for each expiry, expiries to a line for each
market, markets to the account. What is linear adds to its market's line at once. The lines are a
workspace that stays in the first cache and that each account leaves as it was, zero.

No kernel here counts references (`_nrt=False`): that would cost more than the arithmetic.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int64, prange, uint64

from seawall._jit import kernel, lane, least, least_lane, load, multiply_add, splat, store
from seawall.margin._kernels import ULP, _seal, zeros_by_line

EXACT = 2.0**51  # A quarter of 2^53: a shocked value is up to twice gross, its fold twice that.
PERPETUAL, BASE, OPTION = 1, 2, 3
MAINTENANCE_FACTOR, INITIAL_FACTOR = range(2)
DAMPENING, TURN = range(2)
GROSS, MAINTENANCE, INITIAL, OWED = range(2, 6)  # Of a side, after what it is worth.
# What a code packs: slot, market, pair, whether an expiry.
OWNER_BIT, PAIR_BIT, FOLDS_BIT = uint64(16), uint64(28), uint64(51)
SLOT_MASK, OWNER_MASK, PAIR_MASK = uint64(2**16 - 1), uint64(2**12 - 1), uint64(2**23 - 1)
LONG, MORE, FIXED, BASIS, OWNED_BY = range(5)  # Of a slot's line.
CONSTANT, FEARED = range(2)  # Of a market's sums.
FIRST = uint64(24)  # Columns that are written out; loops take what is beyond.
CHUNKS = 64


@kernel(forceinline=True, _nrt=False)
def _add(profits, slot, column, change, number, quantity):  # type: ignore[no-untyped-def]
    """Add eight scenarios of a row to its slot."""
    here = multiply_add(load(profits, slot, column), quantity, load(change, number, column))
    store(profits, slot, column, here)


@kernel(forceinline=True, _nrt=False)
def _gather(  # type: ignore[no-untyped-def]
    first, last, asset, lots, change, sides, codes, profits, seen, folding, owners
):
    """Sum worth and charges of rows, and changes by slot; list rows to fold and markets.

    Free of branches that a row could turn at random: counts grow by the truth of a comparison, and
    what is written beyond them is written again.
    """
    sums, width = splat(0.0), uint64(profits.shape[1])
    rows_held, owners_held = uint64(0), uint64(0)
    for row in range(first, last):
        number, amount = uint64(asset[row]), lots[row]
        side, quantity = uint64(2) * number + uint64(amount < 0.0), splat(amount)
        sums = multiply_add(sums, quantity, load(sides, side, 0))
        code = codes[number]
        slot, owner = code & SLOT_MASK, code >> OWNER_BIT & OWNER_MASK
        _add(profits, slot, uint64(0), change, number, quantity)
        _add(profits, slot, uint64(8), change, number, quantity)
        _add(profits, slot, uint64(16), change, number, quantity)
        for column in range(FIRST, width, uint64(8)):
            _add(profits, slot, column, change, number, quantity)
        folding[rows_held] = row
        rows_held += code >> FOLDS_BIT & uint64(1)
        owners[owners_held] = owner
        owners_held += uint64(seen[owner] == 0)
        seen[owner] = 1
    return sums, rows_held, owners_held


@kernel(forceinline=True, _nrt=False)
def _options(  # type: ignore[no-untyped-def]
    rows_held, folding, asset, lots, sides, codes, bare, known, slots
):
    """Sum what is owed for options by strike; list slots."""
    slots_held, charged = uint64(0), 0.0
    for place in range(rows_held):
        row = folding[place]
        number, amount = uint64(asset[row]), lots[row]
        code, owed = codes[number], sides[uint64(2) * number, OWED]
        slot, pair = code & SLOT_MASK, code >> PAIR_BIT & PAIR_MASK
        bare[pair] -= amount * owed
        charged += abs(amount) * owed
        folding[place] = pair
        slots[slots_held] = slot
        slots_held += uint64(known[slot] == 0)
        known[slot] = 1
    return slots_held, charged


@kernel(forceinline=True, _nrt=False)
def _uncovered(rows_held, pairs, bare, rates):  # type: ignore[no-untyped-def]
    """Charge options sold that none of the same expiry and strike covers, each strike once."""
    maintenance, initial = 0.0, 0.0
    for place in range(rows_held):
        pair = pairs[place]
        size = max(bare[pair], 0.0)
        bare[pair] = 0.0
        maintenance += size * rates[pair, MAINTENANCE_FACTOR]
        initial += size * rates[pair, INITIAL_FACTOR]
    return maintenance, initial


@kernel(forceinline=True, _nrt=False)
def _folded(profit, change, fold):  # type: ignore[no-untyped-def]
    """Add one expiry's discounted change, but for what is the same in every scenario."""
    long, mark, more = fold
    profit = multiply_add(profit, change, long)
    return multiply_add(profit, least(change, mark), more)


@kernel(forceinline=True, _nrt=False)
def _move(profits, slot, owner, column, fold):  # type: ignore[no-untyped-def]
    """Add eight scenarios of an expiry to its market."""
    moved = load(profits, slot, column)
    store(profits, owner, column, _folded(load(profits, owner, column), moved, fold))
    store(profits, slot, column, splat(0.0))


@kernel(forceinline=True, _nrt=False)
def _tilt(slots_held, slots, profits, lines, cells):  # type: ignore[no-untyped-def]
    """Take twice the gain of each expiry from its market where `TURN` is −2 and not 0.

    So that, once it is folded, what it gained is lost.
    """
    none, last = splat(0.0), uint64(profits.shape[1]) - uint64(8)
    for place in range(slots_held):
        slot = slots[place]
        owner, held = uint64(lines[slot, OWNED_BY]), lane(load(profits, slot, last), 7)
        fold = splat(lines[slot, LONG]), splat(-held), splat(lines[slot, MORE])
        gain = _folded(none, load(profits, slot, 0), fold)
        gain = multiply_add(gain, splat(held), splat(lines[slot, FIXED]))
        turned = least(multiply_add(none, gain, load(cells, TURN, 0)), none)
        store(profits, owner, 0, multiply_add(load(profits, owner, 0), turned, splat(1.0)))


@kernel(forceinline=True, _nrt=False)
def _fold(slots_held, slots, profits, known, lines, sums, up, down):  # type: ignore[no-untyped-def]
    """Add each expiry to its market."""
    width = uint64(profits.shape[1])
    for place in range(slots_held):
        slot = slots[place]
        owner = uint64(lines[slot, OWNED_BY])
        held = lane(load(profits, slot, width - uint64(8)), 7)  # The last column is the mark.
        fold = splat(lines[slot, LONG]), splat(-held), splat(lines[slot, MORE])
        change = load(profits, slot, 0)
        feared = min(lane(change, 0) * up, lane(change, 1) * down, 0.0)
        sums[owner, CONSTANT] += held * lines[slot, FIXED]
        sums[owner, FEARED] += feared * lines[slot, BASIS]
        _move(profits, slot, owner, uint64(0), fold)
        _move(profits, slot, owner, uint64(8), fold)
        _move(profits, slot, owner, uint64(16), fold)
        for column in range(FIRST, width, uint64(8)):
            _move(profits, slot, owner, column, fold)
        known[slot] = 0


@kernel(forceinline=True, _nrt=False)
def _counted(profits, owner, cells, column, added):  # type: ignore[no-untyped-def]
    """Return eight scenarios of a market, dampened, and forget them; the padding counts nothing."""
    whole = multiply_add(load(profits, owner, column), added, splat(1.0))
    store(profits, owner, column, splat(0.0))
    return multiply_add(splat(0.0), whole, load(cells, DAMPENING, column))


@kernel(forceinline=True, _nrt=False)
def _worst(owner, profits, cells, sums):  # type: ignore[no-untyped-def]
    """Return the least of 0, basis and scenarios of one market, and forget it."""
    constant = sums[owner, CONSTANT]
    added = splat(constant)
    lowest = _counted(profits, owner, cells, uint64(0), added)
    lowest = least(_counted(profits, owner, cells, uint64(8), added), lowest)
    lowest = least(_counted(profits, owner, cells, uint64(16), added), lowest)
    for column in range(FIRST, uint64(profits.shape[1]), uint64(8)):
        lowest = least(_counted(profits, owner, cells, column, added), lowest)
    worst = min(least_lane(lowest), sums[owner, FEARED], 0.0)
    store(sums, owner, 0, splat(0.0))
    return worst


@kernel(forceinline=True, _nrt=False)
def _doubted(first, last, asset, lots, group, market, parts, merged):  # type: ignore[no-untyped-def]
    """Charge the size of what rests on feeds in doubt; `merged` adds base to perpetuals."""
    role, held, owed, doubt = parts
    total = 0.0
    if not merged:
        for row in range(first, last):
            number = asset[row]
            if role[number] == BASE:
                unit = held[number] if lots[row] > 0.0 else owed[number]
                total += abs(lots[row]) * unit * doubt[number]
    groups = int64(market.size)
    net, owner, linear = groups, int64(-1), 0.0
    for row in range(first, last):
        net = min(net, int64(group[asset[row]]))
    while net < groups:
        if market[net] != owner:
            owner, linear = int64(market[net]), 0.0
        following = groups
        size, most, seen = 0.0, linear, 0.0
        for row in range(first, last):
            number = asset[row]
            own = int64(group[number])
            if own > net:
                following = min(following, own)
            if own != net:
                continue
            what = role[number]
            if what not in (OPTION, PERPETUAL) and not (merged and what == BASE):
                continue
            size += abs(lots[row]) * (held[number] if lots[row] > 0.0 else owed[number])
            most = max(most, doubt[number])
            seen = max(seen, doubt[number] if what == PERPETUAL else 0.0)
        total += size * most
        linear = max(linear, seen)
        net = following
    return total


@kernel(forceinline=True, _nrt=False)
def _screen(account, holdings, table, parts, markets, cells, rule, rates, scratch, out):  # type: ignore[no-untyped-def]
    """Screen one account."""
    start, count, asset, lots = holdings
    change, group, sides, codes = table
    lines, market, factor = markets
    up, down, tilted, doubtful, merged, scale, weight = rule
    profits, bare, seen, known, folding, slots, owners, by_market = scratch
    first = uint64(start[account])
    last = first + uint64(count[account])
    sums, rows_held, owners_held = _gather(
        first, last, asset, lots, change, sides, codes, profits, seen, folding, owners
    )
    slots_held, charged = _options(
        rows_held, folding, asset, lots, sides, codes, bare, known, slots
    )
    maintenance, initial = _uncovered(rows_held, folding, bare, rates)
    _tilt(slots_held if tilted else uint64(0), slots, profits, lines, cells)
    _fold(slots_held, slots, profits, known, lines, by_market, up, down)
    maintenance += lane(sums, MAINTENANCE)
    initial += lane(sums, INITIAL)
    if doubtful:
        initial += _doubted(first, last, asset, lots, group, market, parts, merged)
    moved = (owners_held > 0) | (initial != 0.0)
    for place in range(owners_held):
        owner = owners[place]
        worst = _worst(owner, profits, cells, by_market)
        seen[owner] = 0
        maintenance -= worst * factor[owner, MAINTENANCE_FACTOR]
        initial -= worst * factor[owner, INITIAL_FACTOR]
    gross = lane(sums, GROSS)
    clean = abs(initial) + abs(maintenance) + abs(charged) < math.inf
    initial = max(initial, maintenance)
    rows = float(count[account])
    error = 0.0 if gross < EXACT else rows * ULP * gross
    if moved:
        error += (2.0 * rows + 24.0) * ULP * (scale * gross + weight * charged + initial) + 1.0
    owed = (initial, maintenance, error)
    _seal(account, gross, lane(sums, 0), lane(sums, 1), owed, clean, out)


@kernel(forceinline=True)
def _scratch(lines, cells, factor, rates, rows):  # type: ignore[no-untyped-def]
    """What one thread remembers of the account at hand; `_screen` leaves it as it was.

    Slots: the markets, expiries, and the last for what moves in no scenario. The last market is
    none, is never listed, and has that slot's rows.
    """
    slots, markets = lines.shape[0], factor.shape[0]
    seen = np.zeros(markets, np.int8)
    seen[markets - 1] = 1
    return (
        zeros_by_line(slots, cells.shape[1]),
        np.zeros(rates.shape[0]),
        seen,
        np.zeros(slots, np.int8),
        np.zeros(rows + 1, np.uint64),
        np.zeros(rows + 1, np.uint64),
        np.zeros(markets + 1, np.uint64),
        zeros_by_line(markets, 8),
    )


@kernel(_nrt=False)
def _some(begin, end, holdings, table, parts, markets, cells, rule, rates, scratch, out):  # type: ignore[no-untyped-def]
    """Screen the accounts from `begin` to before `end`."""
    for account in range(uint64(begin), uint64(end)):
        _screen(account, holdings, table, parts, markets, cells, rule, rates, scratch, out)


@kernel
def derive_serial(
    holdings: Any, table: Any, parts: Any, markets: Any, cells: Any, rule: Any, rates: Any,
    rows: Any, out: Any,
) -> None:  # fmt: skip
    scratch = _scratch(markets[0], cells, markets[2], rates, rows)
    _some(0, out.shape[1], holdings, table, parts, markets, cells, rule, rates, scratch, out)


@kernel(parallel=True)
def derive_parallel(
    holdings: Any, table: Any, parts: Any, markets: Any, cells: Any, rule: Any, rates: Any,
    rows: Any, out: Any,
) -> None:  # fmt: skip
    for chunk in prange(CHUNKS):
        scratch = _scratch(markets[0], cells, markets[2], rates, rows)
        first, last = chunk * out.shape[1] // CHUNKS, (chunk + 1) * out.shape[1] // CHUNKS
        _some(first, last, holdings, table, parts, markets, cells, rule, rates, scratch, out)
