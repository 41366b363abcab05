"""The same world under other laws of impact, all through one point of its own: what moves 1 %.

A law decides whether a world tips, and nobody measures much more than one point of it. So what
laws disagree about is not known. Knows scenarios and laws; runs no world but those it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from seawall.simulation.world.book import ONE
from seawall.simulation.world.impact import (
    LAWS,
    UNIT,
    ConstantProduct,
    Exponential,
    Linear,
    SquareRoot,
)
from seawall.simulation.world.report import Comparison, WorldReport
from seawall.simulation.world.scenario import BookChoice, WorldScenario
from seawall.simulation.world.world import World

POINT = UNIT // 100  # The fall through which all laws go.
OTHERS: dict[str, LAWS] = {
    "linear": Linear(),
    "exponential": Exponential(),
    "sqrt": SquareRoot(),
    "constant_product": ConstantProduct(),
}
AS_IT_IS, NO_IMPACT = "as it is", "no impact"
_CENT, _SMALL = Decimal("0.01"), Decimal("1e-12")


class UnderLaw(NamedTuple):
    """What one seed comes to under one law; dollars."""

    forced: float
    amplification: float | None  # Forced ÷ without impact; None where none was forced without.
    bad_debt: float
    low: dict[str, float]  # By book.
    state_hash: str


def under_other_laws(scenario: WorldScenario) -> dict[str, WorldScenario]:
    """The scenario with every book under each law that not all of its books are under already."""
    found = {}
    for name, law in OTHERS.items():
        if any(_name(book.law) != name for book in scenario.books):
            books = tuple(through_the_point(book, law) for book in scenario.books)
            found[name] = msgspec.structs.replace(scenario, books=books)
    return found


def through_the_point(book: BookChoice, law: LAWS) -> BookChoice:
    """A book under a law of another kind: as many dollars as before move it by 1 %.

    depth' = depth · p ÷ p' and reach' = reach · p' ÷ p, p and p' the pressures at which the old and
    the new law fall by 1 %; so what a step bears is as many dollars as before, too.
    """
    if _name(book.law) == _name(law):
        return book
    share = Decimal(pressure_at(book.law, POINT)) / pressure_at(law, POINT)
    makers = tuple(
        msgspec.structs.replace(maker, depth=(maker.depth * share).quantize(_CENT))
        for maker in book.makers
    )
    reach = (book.reach / share).quantize(_SMALL)
    return msgspec.structs.replace(book, law=law, makers=makers, reach=reach)


def pressure_at(law: LAWS, fall: int) -> int:
    """The least pressure, parts of `UNIT`, at which a law falls so far.

    >>> pressure_at(Linear(), UNIT // 100) == UNIT // 100
    True
    """
    low, high = 0, 1
    while law.fall(high) < fall:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if law.fall(middle) < fall else (low, middle)
    return high


def sensitivity(scenario: WorldScenario, seed: int | None, both: Comparison) -> dict[str, UnderLaw]:
    """One seed without impact, as it is and under other laws."""
    others = under_other_laws(scenario)
    runs: Mapping[str, WorldReport] = {
        NO_IMPACT: both.still,
        AS_IT_IS: both.live,
        **{name: World(seed, other).run() for name, other in others.items()},
    }
    return {name: _told(report, both.still) for name, report in runs.items()}


def _told(report: WorldReport, still: WorldReport) -> UnderLaw:
    return UnderLaw(
        forced=report.forced / ONE,
        amplification=Comparison(report, still).amplification(),
        bad_debt=report.bad_debt / ONE,
        low={name: min(path) / ONE for name, path in report.prices.items()},
        state_hash=report.state_hash,
    )


def _name(law: LAWS) -> str:
    return str(law.__struct_config__.tag)
