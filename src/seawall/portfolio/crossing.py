"""Where a line is crossed first: outward over given points, then by halving on exact verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

FINE, COARSE = 1, 5  # Steps of the scan in per cent: up to half as much again, and beyond.


def first_crossing(start: int, points: Iterable[int], side: Callable[[int], bool]) -> int | None:
    """Return the first point that lies on the other side of a line than `start`; None if none does.

    Between two points of the scan the crossing is found to 1: the neighbour of the result towards
    `start` lies on the side of `start`. Two crossings between two points are not seen.

    >>> first_crossing(100, outward(100, 10_000), lambda price: price < 123)
    123
    >>> first_crossing(100, outward(100, 1), lambda price: price < 123)
    """
    today, near = side(start), start
    for far in points:
        if side(far) != today:
            return _halved(near, far, lambda point: side(point) == today)
        near = far
    return None


def _halved(near: int, far: int, is_near: Callable[[int], bool]) -> int:
    while abs(far - near) > 1:
        middle = (near + far) // 2
        near, far = (middle, far) if is_near(middle) else (near, middle)
    return far


def outward(start: int, end: int) -> Iterator[int]:
    """Yield a log grid from `start` (exclusive) to `end` (inclusive), up or down.

    >>> list(outward(100, 104)), list(outward(3, 1))
    ([101, 102, 103, 104], [2, 1])
    """
    point = start
    while point != end:
        per_cent = FINE if 2 * start < 3 * point and 2 * point < 3 * start else COARSE
        if end > start:
            point = min(max(point * (100 + per_cent) // 100, point + 1), end)
        else:
            point = max(min(point * 100 // (100 + per_cent), point - 1), end)
        yield point
