"""Which points a sweep visits, and the seed of every run: functions of the spec alone.

Nothing here has a state, so a point and its draws are the same on every machine, in any order.
"""

from __future__ import annotations

import hashlib
import itertools
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.draws import root_power, scrambled, uniform
from seawall.simulation.sweep.spec import Range, Spec, Value, Values, canonical

Point = dict[str, Value]  # By path, in the order of the file.
_STREAM = 900  # Of the seed: two for each parameter from here on.
_NINTH = Decimal("1e-9")  # Rulebooks hold parts per billion.


def points(spec: Spec) -> list[Point]:
    """Every point, in the order in which results are told.

    A grid runs through the last parameter first. A Latin hypercube of n points cuts each range into
    n equal parts and visits each part once; a list is cut likewise, so its values come up equally
    often.
    """
    if spec.design == "grid":
        columns = [_levels(one) for one in spec.parameters.values()]
        rows = list(itertools.product(*columns))
    else:
        hypercube = latin_hypercube(spec.seed, spec.points, len(spec.parameters))
        columns = [_spread(one, hypercube[:, n]) for n, one in enumerate(spec.parameters.values())]
        rows = list(zip(*columns, strict=True))
    return [dict(zip(spec.parameters, row, strict=True)) for row in rows]


def latin_hypercube(seed: int, count: int, width: int) -> Floats:
    """[point, parameter] numbers between 0 and 1, one in each n-th of every column.

    share = (permutation + u) ÷ n. Source: McKay, Beckman and Conover (1979).
    """
    index = np.arange(count, dtype=np.int64)
    shares = np.empty((count, width))
    for column in range(width):
        stream = _STREAM + 2 * column
        place = np.argsort(scrambled(seed, stream, index), kind="stable")
        shares[:, column] = (place + uniform(seed, stream + 1, index)) / count
    return shares


def seed_of(spec: Spec, point: Point, run: int) -> int:
    """The seed of one run, 63 bits of SHA-256 over (seed, point, run), or without the point.

    It hangs on the values of the point and not on its place, so a point keeps its draws when others
    come in beside it.
    """
    told = [spec.seed, point if spec.draws == "own" else None, run]
    digest = hashlib.sha256(b"seawall sweep\0" + canonical(told)).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _levels(values: Values | Range) -> list[Value]:
    if not isinstance(values, Range):
        return list(values)
    shares = np.arange(values.steps) / (values.steps - 1)
    found = _spread(values, shares)
    found[0], found[-1] = values.low, values.high
    return list(dict.fromkeys(found))  # Whole numbers close together round to one.


def _spread(values: Values | Range, shares: Floats) -> list[Value]:
    if not isinstance(values, Range):
        return [values[int(share * len(values))] for share in shares.tolist()]
    low, high = float(values.low), float(values.high)
    found = low * _powers(high / low, shares) if values.log else low + shares * (high - low)
    if values.is_whole:
        return [round(one) for one in found.tolist()]
    return [Decimal(one).quantize(_NINTH, ROUND_HALF_EVEN).normalize() for one in found.tolist()]


def _powers(base: float, shares: Floats) -> Floats:
    """base^share without a library's logarithm."""
    one = np.array([base])
    return np.array([float(root_power(one, share)[0]) for share in shares.tolist()])
