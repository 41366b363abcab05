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
    if limit <= 0 or excess(0) >= 0:
        return 0
    stride = min(stride, limit)
    if excess(limit) >= 0 or excess(limit) > excess(limit - stride):
        top = limit
    elif excess(stride) <= excess(0):
        return 0
    else:
        top = _summit(excess, limit, stride)
    if excess(top) >= 0:
        return _crossing(excess, top, rounding)
    return top if excess(top) > excess(0) else 0


def _summit(excess: Callable[[int], int], limit: int, stride: int) -> int:
    """Where a concave excess is greatest, to a stride, or the first point found where it is ≥ 0.

    The lines through both ends with the slopes there meet above the summit: that point is tried,
    and every third time the middle. Where the excess is made of few straight pieces, this needs a
    few trials, and halving bounds the rest.
    """
    low, high = 0, limit
    rise = excess(stride) - excess(0)
    fall = excess(limit) - excess(limit - stride)
    trial = 0
    while high - low > stride:
        n = (low + high) // 2
        if trial % 3 < 2 and rise > fall:
            gap = (excess(high) - excess(low)) * stride - fall * (high - low)
            n = min(max(low + gap // (rise - fall), low + 1), high - 1)
        ahead = min(n + stride, limit)
        if excess(n) >= 0:
            return n
        slope = excess(ahead) - excess(n)
        if slope > 0:
            low, rise = n, slope
        else:
            high, fall = n, slope
            if n == low + 1 and stride == 1:
                break
        trial += 1
    return max((low, min(low + stride, limit), high), key=lambda n: (excess(n), -n))


def _crossing(excess: Callable[[int], int], end: int, rounding: int) -> int:
    """Least n with excess(n) ≥ 0, given excess(0) < 0 ≤ excess(end): two chords, one halving.

    Where the excess is a straight line, the first chord hits it and the second confirms that one
    lot less is not enough. Halving bounds the rest at three trials for each bit.
    """
    below, short, above, over = 0, excess(0), end, excess(end)
    final = over
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
    slope = (final - short - rounding) // (
        end - below
    )  # At least this steep up to here, if concave.
    window = SCAN_MOST if slope <= 0 else min(rounding // slope, SCAN_MOST)
    return next((n for n in range(max(0, below - window), below) if excess(n) >= 0), above)
