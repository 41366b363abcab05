"""Compiled cascades over one asset: the least fixed point of a shock, in rounds of prefix sums.

The price paths here steer no account and enter no hash, so libm's exp and sqrt may be used.
"""

from __future__ import annotations

import math

import numpy as np

from seawall._jit import kernel

_LINEAR, _EXPONENTIAL, _SQUARE_ROOT, _PRODUCT = 0, 1, 2, 3


@kernel
def price_after(law, price, sold):  # type: ignore[no-untyped-def]
    """The codes are those of `impact`."""
    code, first, second, third, distance, depth = law
    if code == _LINEAR:
        return price - first * sold
    if code == _EXPONENTIAL:
        return second + (price - second) * math.exp(-sold / first)
    if code == _SQUARE_ROOT:
        return price * math.exp(-first * second * math.sqrt(abs(sold) / third) * np.sign(sold))
    if code == _PRODUCT:
        if first + sold <= 0.0:
            return np.inf
        return price * (first / (first + sold)) * (first / (first + sold * (1.0 - second)))
    size = abs(sold)
    level = np.searchsorted(depth, size)
    level = min(max(level, 1), depth.size - 1)
    share = (size - depth[level - 1]) / (depth[level] - depth[level - 1])
    away = distance[level - 1] + share * (distance[level] - distance[level - 1])
    return price * (1.0 - away * np.sign(sold))


@kernel
def reached(trigger, price, known):  # type: ignore[no-untyped-def]
    """How many triggers, in the order in which they are reached, lie at `price` or beyond it.

    `known` of them are reached already; a galloping search looks from there, because a round of a
    cascade rarely goes far.
    """
    step = 1
    low = known
    high = known + 1
    while high <= trigger.size and trigger[high - 1] >= price:
        low = high
        step *= 2
        high = low + step
    high = min(high, trigger.size + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if trigger[middle - 1] >= price:
            low = middle
        else:
            high = middle
    return low


@kernel
def cascade(trigger, forced, law, price, book_share, side, path):  # type: ignore[no-untyped-def]
    """Rounds until nobody more is reached: (accounts, price, rounds); `path` takes first prices.

    `trigger` is side × liquidation price in descending order and `forced` the units before each;
    `side` is 1 where a fall forces sales, −1 where a rise forces purchases.
    """
    count = 0
    rounds = 0
    here = price
    if path.size:
        path[0] = here
    while True:
        more = reached(trigger, side * here, count)
        if more == count:
            return count, here, rounds
        count = more
        rounds += 1
        here = price_after(law, price, side * forced[count] * book_share)
        if rounds < path.size:
            path[rounds] = here


@kernel
def cascades(trigger, forced, law, prices, book_share, side, out):  # type: ignore[no-untyped-def]
    """Many shocks on one ladder; rows of `out`: accounts, final price, rounds."""
    nothing = np.zeros(0)
    for i in range(prices.size):
        count, here, rounds = cascade(trigger, forced, law, prices[i], book_share, side, nothing)
        out[0, i] = count
        out[1, i] = here
        out[2, i] = rounds


@kernel
def merged(account, key, units, replaced, came, came_key, came_units):  # type: ignore[no-untyped-def]
    """A sorted column without the replaced accounts, merged with sorted new ones, in one pass.

    Sorted by descending key, equal keys by account, as a stable sort of all accounts would; with
    the prefix sums of units and of units × key, added from the first to the last.
    """
    rows = came.size
    for i in range(account.size):
        if not replaced[account[i]]:
            rows += 1
    out, out_key, out_units = np.empty(rows, np.int64), np.empty(rows), np.empty(rows)
    total, value = np.empty(rows + 1), np.empty(rows + 1)
    total[0] = value[0] = 0.0
    i = j = 0
    for row in range(rows):
        while i < account.size and replaced[account[i]]:
            i += 1
        old = i < account.size
        if old and j < came.size:
            old = key[i] > came_key[j] or (key[i] == came_key[j] and account[i] < came[j])
        if old:
            out[row], out_key[row], out_units[row] = account[i], key[i], units[i]
            i += 1
        else:
            out[row], out_key[row], out_units[row] = came[j], came_key[j], came_units[j]
            j += 1
        total[row + 1] = total[row] + out_units[row]
        value[row + 1] = value[row] + out_units[row] * out_key[row]
    return out, out_key, out_units, total, value


@kernel
def looked_up(needed, starts, side, out):  # type: ignore[no-untyped-def]
    """[shock] how many steps a start price sets off; `needed` descends, both times `side`."""
    for i in range(starts.size):
        out[i] = reached(needed, side * starts[i], 0)


@kernel
def next_forced(key, forced, ratio, here, further):  # type: ignore[no-untyped-def]
    """[step] units forced once a step's price is reached, and once the price is `ratio` times it.

    Two hands that only go down, because keys descend and so do they times a ratio.
    """
    near = 0
    far = 0
    for i in range(key.size):
        near = max(near, i + 1)
        while near < key.size and key[near] >= key[i]:
            near += 1
        while far < key.size and key[far] >= key[i] * ratio:
            far += 1
        here[i] = forced[near]
        further[i] = forced[far]


@kernel
def passed(key, at, strictly, out):  # type: ignore[no-untyped-def]
    """[place] how many of the descending keys are at least, or strictly above, each number."""
    for i in range(at.size):
        low = 0
        high = key.size
        while low < high:
            middle = (low + high) // 2
            if key[middle] > at[i] or (key[middle] == at[i] and not strictly):
                low = middle + 1
            else:
                high = middle
        out[i] = low
