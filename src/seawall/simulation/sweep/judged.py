"""What the runs of a point add up to, which points nobody beats, and which one is recommended.

Sums are rounded once, so the order in which runs came in leaves no trace. Knows outcomes and an
objective; knows no model and no picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from seawall.simulation.sweep.design import Point
from seawall.simulation.sweep.kept import Results
from seawall.simulation.sweep.model import Outcome
from seawall.simulation.sweep.spec import Objective, Spec

LARGEST_IS_BEST = frozenset({"collateral_utilisation"})


class Row(NamedTuple):
    """One point over all its runs; money in dollars."""

    place: int
    point: Point
    average_margin: float  # Means over runs, as the next three.
    collateral_utilisation: float
    forced_notional: float
    fund_left: float
    mean_loss: float  # Of the loss of the objective, as all below.
    value_at_risk: float
    expected_shortfall: float
    shortfall_error: float  # Its standard error.
    largest_loss: float
    fund_emptied: float  # Share of runs.

    def cost(self, objective: Objective) -> float:
        """What the objective wants least of, whichever way its measure points."""
        measure: float = getattr(self, objective.cost)
        return -measure if objective.cost in LARGEST_IS_BEST else measure


def rows(spec: Spec, found: Sequence[Point], results: Results) -> list[Row]:
    """One row for each point, in the order of the design; every run must be there."""
    return [
        _row(spec, place, point, [results[place, run] for run in range(spec.runs)])
        for place, point in enumerate(found)
    ]


def row_beyond(spec: Spec, point: Point, place: int, results: Results) -> Row:
    """A row of runs that are kept beyond the design, such as a point under another law."""
    return _row(spec, place, point, [results[place, run] for run in range(spec.runs)])


def _row(spec: Spec, place: int, point: Point, outcomes: Sequence[Outcome]) -> Row:
    losses = [float(getattr(one, spec.objective.loss)) for one in outcomes]
    tail = tail_of(losses, spec.objective.confidence)
    return Row(
        place=place,
        point=point,
        average_margin=mean([one.average_margin for one in outcomes]),
        collateral_utilisation=mean([one.collateral_utilisation for one in outcomes]),
        forced_notional=mean([one.forced_notional for one in outcomes]),
        fund_left=mean([one.fund_left for one in outcomes]),
        mean_loss=mean(losses),
        value_at_risk=tail.value,
        expected_shortfall=tail.shortfall,
        shortfall_error=tail.error,
        largest_loss=max(losses),
        fund_emptied=sum(one.uncovered > 0 for one in outcomes) / len(outcomes),
    )


def mean(numbers: Sequence[float]) -> float:
    """Σ ÷ n, the sum rounded once."""
    return math.fsum(numbers) / len(numbers)


class Tail(NamedTuple):
    """The worst of a sample."""

    value: float  # Value at risk.
    shortfall: float  # Expected shortfall.
    error: float  # Standard error of the shortfall.


def tail_of(losses: Sequence[float], confidence: Decimal) -> Tail:
    """The mean of the worst (1 − confidence) of a sample, the last of them in part.

    In fractions, rounded once, so that a loss at the limit is within it.

    ES = (Σ worst k + (w − k) · next) ÷ w with w = n · (1 − confidence), k = ⌊w⌋; the value at risk
    is the last loss in it. Error² = (variance of the tail + confidence · (ES − VaR)²) ÷ w, and
    without end where w is below 2: one loss says nothing of the next.
    Sources: Acerbi and Tasche (2002); Manistre and Hancock (2005).

    >>> tail_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], Decimal("0.75")).shortfall
    9.2
    """
    weight = len(losses) * (1 - Fraction(confidence))
    whole = int(weight)
    shares = [Fraction(1)] * whole + [weight - whole] * (weight > whole)
    taken = [Fraction(one) for one in sorted(losses, reverse=True)[: len(shares)]]
    exact = sum(a * b for a, b in zip(shares, taken, strict=True)) / weight
    spread = sum(a * (b - exact) ** 2 for a, b in zip(shares, taken, strict=True)) / weight
    value, shortfall = float(taken[-1]), float(exact)
    if weight < 2:
        return Tail(value, shortfall, math.inf)
    beyond = Fraction(confidence) * (exact - taken[-1]) ** 2
    return Tail(value, shortfall, math.sqrt((spread + beyond) / weight))


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of (cost, loss) pairs that no other pair beats in one and equals in the other.

    >>> pareto([(1.0, 5.0), (2.0, 5.0), (2.0, 3.0), (3.0, 4.0), (1.0, 5.0)])
    [0, 2, 4]
    """
    order = sorted(range(len(points)), key=points.__getitem__)
    kept: list[int] = []
    least = math.inf
    for place in order:
        loss = points[place][1]
        if loss < least or (kept and points[place] == points[kept[-1]]):
            kept.append(place)
            least = loss
    return sorted(kept)


class Recommendation(NamedTuple):
    """The set of parameters to take, and why."""

    chosen: Row | None  # None where no point is within the limit.
    ties: tuple[Row, ...]  # Others with the very same cost that are within the limit too.
    next_best: Row | None  # The cheapest within the limit among those that cost more.
    refused: Row | None  # The cheapest that would cost less, if its losses were allowed.
    nearest: Row  # The least expected shortfall of all.
    is_sure: bool  # The limit is two standard errors away from the chosen one's shortfall.


def recommended(found: Sequence[Row], objective: Objective) -> Recommendation:
    """The least cost among points whose expected shortfall is within the limit.

    Among ties the one with the smaller shortfall is taken, then the one that stands first.
    """
    limit = float(objective.limit)

    def order(row: Row) -> tuple[float, float, int]:
        return row.cost(objective), row.expected_shortfall, row.place

    inside = sorted((one for one in found if one.expected_shortfall <= limit), key=order)
    nearest = min(found, key=lambda one: (one.expected_shortfall, *order(one)))
    if not inside:
        return Recommendation(None, (), None, min(found, key=order), nearest, False)
    chosen, cost = inside[0], inside[0].cost(objective)
    cheaper = [one for one in found if one.cost(objective) < cost]
    return Recommendation(
        chosen=chosen,
        ties=tuple(one for one in inside[1:] if one.cost(objective) == cost),
        next_best=next((one for one in inside if one.cost(objective) > cost), None),
        refused=min(cheaper, key=lambda one: (one.expected_shortfall, *order(one)), default=None),
        nearest=nearest,
        is_sure=chosen.expected_shortfall + 2 * chosen.shortfall_error <= limit,
    )
