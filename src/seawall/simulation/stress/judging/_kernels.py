"""Compiled verdicts and plans: one account at the prices of a view, and what its next step closes.

A view says of each coin its price and where that lies on the two grids of a book. These prices
steer no account and enter no hash. `_nrt=False` spares counting who holds the some fifty
arrays of a book, which took more time than the falls; so nothing here but `worths` may allocate.
"""

from __future__ import annotations

import math

import numpy as np

from seawall._jit import kernel

_LEAST, _FULL, _FACTOR = 0, 1, 2


@kernel(_nrt=False, forceinline=True)
def look(book, price, view):  # type: ignore[no-untyped-def]
    """Write where each coin's price lies on both grids; return how far all of them have moved."""
    at, fine, fine_share, rough, rough_share = view
    far = 0.0
    for coin in range(price.size):
        share = price[coin] / book.price[coin]
        far += abs(share - at[coin] / book.price[coin])
        at[coin] = price[coin]
        place = min(max(np.searchsorted(book.fine, share) - 1, 0), book.fine.size - 2)
        width = book.fine[place + 1] - book.fine[place]
        fine[coin], fine_share[coin] = place, (share - book.fine[place]) / width
        place = min(max(np.searchsorted(book.rough, share) - 1, 0), book.rough.size - 2)
        width = book.rough[place + 1] - book.rough[place]
        rough[coin], rough_share[coin] = place, (share - book.rough[place]) / width
    return far


@kernel(_nrt=False, forceinline=True)
def between(table, row, place, share):  # type: ignore[no-untyped-def]
    """A row of a table at a place of its grid, on a straight line."""
    low = table[row, place]
    return low + share * (table[row, place + 1] - low)


@kernel(_nrt=False, forceinline=True)
def of_size(shape, row, which, share):  # type: ignore[no-untyped-def]
    """Margin of a part of a row ÷ margin of all of it; `shape` is known at quarters."""
    place = min(int(share * 4.0), 3)
    low = shape[row, which, place]
    return low + (share * 4.0 - place) * (shape[row, which, place + 1] - low)


@kernel(_nrt=False, forceinline=True)
def judged(book, state, view, account):  # type: ignore[no-untyped-def]
    """(equity, margin equity, initial, maintenance) of one account at the prices of a view."""
    lots, coins, quotes = state
    price, fine, fine_share, rough, rough_share = view
    equity, counted = 0.0, book.extra[account]
    posted = 0.0
    for coin in range(price.size):
        held, quote = coins[account, coin] * price[coin], quotes[account, coin] * price[coin]
        equity += held + quote
        counted += quote + (held * book.counts[coin] if held > 0.0 else held)
        posted += max(0.0, held)
    initial = maintenance = 0.0
    first = book.start[account]
    for row in range(first, first + book.count[account]):
        size = lots[row]
        if size == 0.0:
            continue
        coin = book.base[row]
        value = size * between(book.value, book.asset[row], fine[coin], fine_share[coin])
        equity += value
        counted += value * book.valued[row]
        share = size / book.lots[row]
        place, part = rough[coin], rough_share[coin]
        both = between(book.initial, row, place, part), between(book.maintenance, row, place, part)
        if share != 1.0:
            initial += both[0] * of_size(book.shape, row, 0, share)
            maintenance += both[1] * of_size(book.shape, row, 1, share)
        else:
            initial += both[0]
            maintenance += both[1]
    together, lent = book.together[account], book.lent[account]
    place, part = rough[book.driver], rough_share[book.driver]
    if together >= 0:
        initial *= between(book.ratio[together], 0, place, part)
        maintenance *= between(book.ratio[together], 1, place, part)
    if lent >= 0:  # In proportion to what is still posted.
        before = 0.0
        for coin in range(price.size):
            before += max(0.0, book.held[account, coin]) * price[coin]
        share = posted / max(before, 1e-300)
        initial += between(book.lending[lent], 0, place, part) * share
        maintenance += between(book.lending[lent], 1, place, part) * share
    return equity, counted, initial, maintenance


@kernel(_nrt=False, forceinline=True)
def bounded(book, steep, state, view, account, room, ways):  # type: ignore[no-untyped-def]
    """Write how fast an account's room can change with each coin's price, as it stands now.

    The room is a sum of pieces that are straight in one coin's price each, so between two markets
    it changes by no less than Σ low · rise or Σ high · fall, however prices went.
    """
    left, at, low, high = ways
    left[account] = -np.inf
    if book.together[account] >= 0 or not math.isfinite(book.slope[account]):
        return
    lots, coins, quotes = state
    size = abs(room)
    for coin in range(book.price.size):
        held, quote = coins[account, coin], quotes[account, coin]
        each = quote + (held * book.counts[coin] if held > 0.0 else held)
        low[account, coin] = high[account, coin] = each
        at[account, coin] = view[0][coin]
        size += (abs(held) + abs(quote)) * view[0][coin]
    first = book.start[account]
    for row in range(first, first + book.count[account]):
        if lots[row] == 0.0:
            continue
        asset, coin = book.asset[row], book.base[row]
        each = lots[row] * book.valued[row] / book.price[coin]
        one, other = steep.value[asset, 0] * each, steep.value[asset, 1] * each
        part = of_size(book.shape, row, 1, lots[row] / book.lots[row])
        part *= book.line[account] / book.price[coin]
        less, more = steep.maintenance[row, 0] * part, steep.maintenance[row, 1] * part
        low[account, coin] += min(one, other) - max(less, more)
        high[account, coin] += max(one, other) - min(less, more)
        size += steep.size[row]
    left[account] = room - 1e-9 * size  # Floats: what is surely there.


@kernel(_nrt=False, forceinline=True)
def surely(ways, price, account):  # type: ignore[no-untyped-def]
    """Whether prices cannot have reached this account, by the bounds of its last look."""
    left, at, low, high = ways
    room = left[account]
    for coin in range(price.size):
        moved = price[coin] - at[account, coin]
        if moved != 0.0:
            room += moved * (low[account, coin] if moved > 0.0 else high[account, coin])
    return room > 0.0


@kernel(_nrt=False, forceinline=True)
def recalled(ways, today, account):  # type: ignore[no-untyped-def]
    """Bound an account by what it is today."""
    ways[0][account] = today[0][account]
    for coin in range(ways[1].shape[1]):
        ways[1][account, coin] = today[1][account, coin]
        ways[2][account, coin] = today[2][account, coin]
        ways[3][account, coin] = today[3][account, coin]


@kernel(_nrt=False)
def standing(book, steep, state, view, today):  # type: ignore[no-untyped-def]
    """Bound every account as it is today; who has cash legs without contracts is always judged."""
    look(book, book.price, view)
    for account in book.order:
        if book.count[account] == 0:
            today[0][account] = -np.inf
            continue
        verdict = judged(book, state, view, account)
        room = verdict[1] - verdict[3] * book.line[account]
        bounded(book, steep, state, view, account, room, today)


@kernel(_nrt=False, forceinline=True)
def freed(book, rules, state, view, row, lots, kept):  # type: ignore[no-untyped-def]
    """What closing some lots of a row does to margin equity less initial margin, costs paid."""
    _, fine, fine_share, rough, rough_share = view
    size = state[0][row]
    asset, coin = book.asset[row], book.base[row]
    gain = between(book.value, asset, fine[coin], fine_share[coin])
    gain *= (1.0 - book.valued[row]) * np.sign(size)
    cost = between(book.notional, asset, fine[coin], fine_share[coin]) * rules.cost
    full = abs(book.lots[row])
    less = of_size(book.shape, row, 0, abs(size) / full)
    less -= of_size(book.shape, row, 0, (abs(size) - lots) / full)
    less *= between(book.initial, row, rough[coin], rough_share[coin]) * kept
    return lots * (gain - cost) + less


@kernel(_nrt=False, forceinline=True)
def least_of(book, rules, state, view, row, missing, kept):  # type: ignore[no-untyped-def]
    """Least lots of a row that free what is missing; all where they do not, 0 where it harms."""
    size, full = abs(state[0][row]), abs(book.lots[row])
    before, gained = 0.0, 0.0
    for quarter in range(3, -1, -1):
        lots = size - full * quarter / 4.0
        if lots <= 0.0:
            continue
        more = freed(book, rules, state, view, row, lots, kept)
        if more >= missing:
            lots = before + (lots - before) * (missing - gained) / (more - gained)
            return min(size, math.ceil(lots - 1e-9))
        before, gained = lots, more
    return size if gained > 0.0 else 0.0


@kernel(_nrt=False, forceinline=True)
def planned(book, rules, state, view, account, verdict, wanted):  # type: ignore[no-untyped-def]
    """Write how many lots of each row the next step closes, by the rule of size."""
    first = book.start[account]
    together, kept = book.together[account], 1.0
    if together >= 0:
        kept = between(book.ratio[together], 0, view[3][book.driver], view[4][book.driver])
    is_factor = rules.size == _FACTOR and verdict[1] >= verdict[3] * rules.full_below
    if is_factor or rules.size > _FACTOR:
        if by_share(book, rules, state, view, account, verdict, wanted, is_factor, kept):
            return
    elif rules.size == _LEAST and by_need(book, rules, state, view, account, verdict, wanted, kept):
        return
    if is_factor and by_need(book, rules, state, view, account, verdict, wanted, kept):
        return
    for row in range(first, first + book.count[account]):
        wanted[row - first] = abs(state[0][row])


@kernel(_nrt=False, forceinline=True)
def by_share(book, rules, state, view, account, verdict, wanted, is_factor, kept):  # type: ignore[no-untyped-def]
    """Close one share of every row, or the least multiple of it; False where that harms."""
    first = book.start[account]
    excess, share = verdict[1] - verdict[2], rules.share
    while True:
        found = excess
        for row in range(first, first + book.count[account]):
            size = abs(state[0][row])
            lots = math.ceil(min(1.0, share) * size - 1e-9)
            if is_factor and (size - lots) * unit(book, view, row) < rules.dust:
                lots = size
            wanted[row - first] = lots
            found += freed(book, rules, state, view, row, lots, kept)
        share += rules.share
        if is_factor or found >= 0.0 or share >= 1.0 + rules.share:
            return found >= excess


@kernel(_nrt=False, forceinline=True)
def by_need(book, rules, state, view, account, verdict, wanted, kept):  # type: ignore[no-untyped-def]
    """Close row after row until the initial margin is met; False where all of it is not enough."""
    first, count = book.start[account], book.count[account]
    excess = verdict[1] - verdict[2]
    for row in range(first, first + count):
        wanted[row - first] = -1.0  # Not looked at yet.
    for _ in range(count):
        best, most = -1, -1.0
        for row in range(first, first + count):
            if wanted[row - first] < 0.0:
                rank = abs(state[0][row]) * unit(book, view, row) if rules.by_notional else 0.0
                if rank > most:
                    best, most = row, rank
        lots = least_of(book, rules, state, view, best, -excess, kept) if excess < 0.0 else 0.0
        if lots > 0.0:
            excess += freed(book, rules, state, view, best, lots, kept)
            if (abs(state[0][best]) - lots) * unit(book, view, best) < rules.rest:
                lots = abs(state[0][best])
        wanted[best - first] = lots
    return excess >= -1e-9 * verdict[2]


@kernel(_nrt=False, forceinline=True)
def unit(book, view, row):  # type: ignore[no-untyped-def]
    """Notional of a lot."""
    coin = book.base[row]
    return between(book.notional, book.asset[row], view[1][coin], view[2][coin])


@kernel(_nrt=False, forceinline=True)
def to_sell(book, rules, state, view, account, verdict):  # type: ignore[no-untyped-def]
    """(coin, units) that an account without contracts sells, or buys below zero; units 0: nothing.

    Who had contracts pays all debts; who only borrows, what restores the initial margin.
    """
    coins, quotes, price = state[1], state[2], view[0]
    owed = posted = 0.0
    for coin in range(price.size):
        worth = (coins[account, coin] + quotes[account, coin]) * price[coin]
        owed -= min(0.0, worth)
        posted += max(0.0, worth)
    if owed <= 1e-9:
        return 0, 0.0
    cash = max(0.0, (coins[account, rules.cash] + quotes[account, rules.cash]) * price[rules.cash])
    for coin in range(price.size):
        held = coins[account, coin] + quotes[account, coin]
        lot = book.spot[coin]
        if lot == 0.0 or coin == rules.cash or held == 0.0:
            continue
        if held < 0.0:
            if cash > 0.0:
                most = math.floor(cash / (price[coin] * (1.0 + rules.cost)) / lot)
                return coin, -min(math.ceil(-held / lot - 1e-9), most) * lot
            continue
        net = price[coin] * (1.0 - rules.cost)
        units = owed / net
        if book.count[account] == 0 and book.lent[account] >= 0:
            each = net - (book.counts[coin] - verdict[2] / posted) * price[coin]
            if each > 0.0:
                units = min(units, (verdict[2] - verdict[1]) / each)
        return coin, min(math.ceil(units / lot - 1e-9), math.floor(held / lot + 1e-9)) * lot
    return 0, 0.0


@kernel
def worths(book, state, price, out):  # type: ignore[no-untyped-def]
    """[account] equity at some prices."""
    coins = price.size
    view = (
        book.price.copy(), np.zeros(coins, np.int64), np.zeros(coins), np.zeros(coins, np.int64),
        np.zeros(coins),
    )  # fmt: skip
    look(book, price, view)
    for account in range(out.size):
        out[account] = judged(book, state, view, account)[0]
