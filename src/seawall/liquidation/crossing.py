"""The least number of lots after which an account has enough: an exact search in few trials.

Knows a function of whole numbers and nothing of accounts. The excess of margin equity over the
initial margin is concave in the lots closed wherever the initial margin is convex in positions:
brackets whose rates rise with size, the worst of several scenarios, and sums of them. The search
is exact there. A method that is not convex still gets an answer that was verified, but perhaps not
the least one.
"""

from __future__ import annotations

from collections.abc import Callable

SCAN_MOST = 64  # Most lots below the crossing that are tried one by one.


def least_or_best(
    excess: Callable[[int], int], limit: int, stride: int = 1, rounding: int = 0
) -> int:
    """Return the least n in 0..limit with excess(n) ≥ 0, else an n where the excess is greatest.

    `stride` is the step over which a slope is measured; `rounding` is by how much rounding can
    lower the excess at one n and not at another. Where n = 0 is as good as any, it is 0.

    >>> least_or_best(lambda n: 3 * n - 100, 50)
    34
    >>> least_or_best(lambda n: -1 - abs(n - 12), 50)
    12
    """
    start = excess(0)
    if start >= 0 or limit <= 0:
        return 0
    end = excess(limit)
    if end >= 0:
        return _crossing(excess, (0, start), (limit, end), (limit, end), rounding)
    stride = min(stride, limit)
    if end > excess(limit - stride):
        return limit
    if excess(stride) <= start and start >= end:
        return 0
    low, high = 0, limit
    while high - low > stride:
        middle = (low + high) // 2
        here, ahead = excess(middle), excess(middle + stride)
        for n, found in ((middle, here), (middle + stride, ahead)):
            if found >= 0:
                return _crossing(excess, (low, excess(low)), (n, found), (n, found), rounding)
        low, high = (middle, high) if ahead > here else (low, middle)
    best = max((low, high), key=lambda n: (excess(n), -n))
    if excess(best) >= 0:
        return _crossing(excess, (0, start), (best, excess(best)), (best, excess(best)), rounding)
    return best if excess(best) > start else 0


def _crossing(
    excess: Callable[[int], int],
    low: tuple[int, int],
    high: tuple[int, int],
    end: tuple[int, int],
    rounding: int,
) -> int:
    """Least n with excess(n) ≥ 0, given excess(low) < 0 ≤ excess(high): two chords, one halving.

    Where the excess is a straight line, the first chord hits it and the second confirms that one
    lot less is not enough. Halving bounds the rest at three trials for each bit.
    """
    (below, short), (above, over) = low, high
    first = below
    trial = 0
    while above - below > 1:
        if trial % 3 == 2:
            n = (below + above) // 2
        else:
            n = below - (short * (above - below)) // (over - short)
            n = min(max(n, below + 1), above - 1)
        found = excess(n)
        if found >= 0:
            above, over = n, found
        else:
            below, short = n, found
        trial += 1
    slope = (end[1] - short) // (end[0] - below)  # At least this steep up to here, if concave.
    window = SCAN_MOST if slope <= 0 else min(rounding // slope, SCAN_MOST)
    return next((n for n in range(max(first, below - window), below) if excess(n) >= 0), above)
