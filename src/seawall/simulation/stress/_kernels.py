"""Compiled falls: one cascade for each run, with depth and resilience of its own.

These prices steer no account and enter no hash, so libm's exp and sqrt may be used.
"""

from __future__ import annotations

import math

import numpy as np

from seawall._jit import kernel
from seawall.systemic._kernels import price_after, reached

_LINEAR, _EXPONENTIAL, _SQUARE_ROOT, _PRODUCT = 0, 1, 2, 3


@kernel
def walked(law, price, sold):  # type: ignore[no-untyped-def]
    """What `sold` units fetch while the price walks from `price` along the law: its integral."""
    code, first, second, third, distance, depth = law
    if sold == 0.0:
        return 0.0
    if code == _LINEAR:
        return price * sold - 0.5 * first * sold * sold
    if code == _EXPONENTIAL:
        return second * sold - (price - second) * first * math.expm1(-sold / first)
    if code == _SQUARE_ROOT:
        z = first * second * math.sqrt(abs(sold) / third) * np.sign(sold)
        if abs(z) < 1e-4:
            return sold * price * (1.0 - 2.0 * z / 3.0 + z * z / 4.0)
        return sold * price * 2.0 * (1.0 - math.exp(-z) * (1.0 + z)) / (z * z)
    if code == _PRODUCT:
        kept = 1.0 - second
        if first + sold * kept <= 0.0:
            return -np.inf
        return price * kept * first * sold / (first + sold * kept)
    size = abs(sold)
    area = 0.0
    level = 1
    while level < depth.size - 1 and depth[level] < size:
        area += (depth[level] - depth[level - 1]) * (distance[level] + distance[level - 1]) * 0.5
        level += 1
    part = size - depth[level - 1]
    slope = (distance[level] - distance[level - 1]) / (depth[level] - depth[level - 1])
    area += part * (distance[level - 1] + 0.5 * slope * part)
    return price * (sold - area)


@kernel
def fall(steps, law, price, asked, side, path, traded):  # type: ignore[no-untyped-def]
    """One shock in ticks: (accounts, final, worst, average price, rounds, owed, lost to the book).

    `steps` are, by step: side × closing price, descending; prefix sums of side × units; side ×
    price of failing, −inf where never; what is lost for each unit of price beyond it, and near the
    close. `asked`: (shock, units of the law for a forced unit, resilience, ticks). At each tick the
    price without sales goes on by the same ratio and rounds follow until nobody more is reached;
    who is closed in a round is sold at its average. `path` takes the price after each tick, or of
    one tick after each round; `traded` [2, step] the price of each and its tick or round.
    """
    trigger, forced, failing, beyond, near = steps
    shock, scale, resilience, ticks = asked
    count = rounds = 0
    here = worst = price
    moved = sold = 0.0  # Units that displace the price, and all of them.
    fetched = owed = slipped = 0.0
    ratio = (1.0 + shock) ** (1.0 / ticks)
    start = price
    path[0] = price * (1.0 + shock) if ticks == 1 else price
    for tick in range(ticks):
        start = price * (1.0 + shock) if tick == ticks - 1 else start * ratio
        moved *= 1.0 - resilience
        here = price_after(law, start, moved) if moved != 0.0 else start
        worst = min(worst, here) if side > 0 else max(worst, here)
        while True:
            more = reached(trigger, side * here, count)
            if more == count:
                break
            before = moved * (1.0 - resilience)
            added = side * (forced[more] - forced[count]) * scale
            moved = side * forced[more] * scale if resilience == 0.0 else before + added
            paid = walked(law, start, moved) - walked(law, start, before)
            low = price_after(law, start, before) if before != 0.0 else start
            here = price_after(law, start, moved) if moved != 0.0 else start
            average = here
            if added != 0.0:
                average = min(max(paid / added, min(low, here)), max(low, here))
            rounds += 1
            for i in range(count, more):
                owed += beyond[i] * max(0.0, failing[i] - side * average)
                slipped += near[i] * side * (start - average)
                if traded.size:
                    traded[0, i] = average
                    traded[1, i] = rounds if ticks == 1 else tick + 1
            fetched += paid
            sold += added
            count = more
            worst = min(worst, here) if side > 0 else max(worst, here)
            if ticks == 1 and rounds < path.size:
                path[rounds] = here
        if ticks > 1:
            path[tick + 1] = here
    if ticks == 1:
        for i in range(rounds + 1, path.size):
            path[i] = here
    average = fetched / sold if abs(sold) > 1e-300 else here
    low, high = min(start, worst, here), max(price, worst, here)
    return count, here, worst, min(max(average, low), high), rounds, owed, slipped


@kernel
def falls(steps, law, price, shocks, scales, backs, ticks, side, out, paths, traded):  # type: ignore[no-untyped-def]
    """One run for each shock; rows of `out` as `fall` returns them."""
    for i in range(shocks.size):
        asked = (shocks[i], scales[i], backs[i], ticks)
        path = paths[i]
        count, final, worst, average, rounds, owed, slipped = fall(
            steps, law, price, asked, side, path, traded
        )
        out[0, i], out[1, i], out[2, i], out[3, i] = count, final, worst, average
        out[4, i], out[5, i], out[6, i] = rounds, owed, slipped
