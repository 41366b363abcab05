"""Which parameter moves what: main effects of a finished sweep.

The mean of a measure at each level of a parameter, all others as they come. Interactions are what
the main effects do not explain. Knows rows; knows no objective.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from seawall.simulation.sweep.design import Point
from seawall.simulation.sweep.judged import Row, mean
from seawall.simulation.sweep.spec import Value

MEASURES = ("average_margin", "collateral_utilisation", "forced_notional", "expected_shortfall")
LEVELS_MOST = 8  # More values of a parameter than this are put into
GROUPS = 5  # so many groups of equal size.


class Level(NamedTuple):
    """One value of a parameter, or a group of neighbouring ones."""

    name: str
    points: int
    means: tuple[float, ...]  # [measure]


class Effect(NamedTuple):
    """What one parameter does to the measures."""

    parameter: str
    levels: tuple[Level, ...]
    explained: tuple[float, ...]  # [measure] share of the variance between points, 0 to 1.


def effects(found: Sequence[Row]) -> list[Effect]:
    """Main effects of each parameter, in the order of the file.

    explained = 1 − (Σ within levels ÷ (n − levels)) ÷ (Σ total ÷ (n − 1)), not below 0: ε², which
    does not reward a parameter for having many levels. Source: Kelley (1935).
    """
    columns = [[float(getattr(row, name)) for row in found] for name in MEASURES]
    return [_effect(path, found, columns) for path in found[0].point]


def _effect(path: str, found: Sequence[Row], columns: list[list[float]]) -> Effect:
    groups = _groups([row.point for row in found], path)
    levels = tuple(
        Level(name, len(places), tuple(mean([one[place] for place in places]) for one in columns))
        for name, places in groups
    )
    split = [places for _, places in groups]
    return Effect(path, levels, tuple(_explained(one, split) for one in columns))


def _groups(found: Sequence[Point], path: str) -> list[tuple[str, list[int]]]:
    values = [one[path] for one in found]
    distinct = list(dict.fromkeys(values))
    numbers = all(isinstance(one, int | Decimal) for one in distinct)
    if len(distinct) <= LEVELS_MOST or not numbers:
        if numbers:
            distinct.sort(key=_number)
        return [
            (said(one), [place for place, value in enumerate(values) if value == one])
            for one in distinct
        ]
    order = sorted(range(len(values)), key=lambda place: (_number(values[place]), place))
    edges = [len(order) * one // GROUPS for one in range(GROUPS + 1)]
    parts = [order[a:b] for a, b in itertools.pairwise(edges)]
    return [(f"{said(values[one[0]])} … {said(values[one[-1]])}", one) for one in parts]


def said(value: Value) -> str:
    """A value as a person writes it.

    >>> said(Decimal("0.0123456789")), said(Decimal("5180123.4")), said(True)
    ('0.01235', '5,180,123', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{float(value):.4g}" if value.as_tuple().digits[4:] else f"{value:f}"
    return str(value)


def _number(value: Value) -> Decimal:
    assert not isinstance(value, str)
    return Decimal(value)


def _explained(column: list[float], groups: Sequence[list[int]]) -> float:
    total = _squares(column)
    if total == 0.0:
        return 0.0
    within = sum(_squares([column[place] for place in one]) for one in groups)
    free = len(column) - len(groups)
    if not free:
        return 1.0
    return max(0.0, 1.0 - (within / free) / (total / (len(column) - 1)))


def _squares(column: list[float]) -> float:
    middle = mean(column)
    return len(column) * mean([(one - middle) ** 2 for one in column])
