"""The same world under other laws of impact: one point in common, and what they disagree about."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from seawall.simulation.world import compared, load
from seawall.simulation.world.impact import (
    LAWS,
    UNIT,
    ConstantProduct,
    Exponential,
    Linear,
    SquareRoot,
)
from seawall.simulation.world.laws import (
    AS_IT_IS,
    NO_IMPACT,
    POINT,
    pressure_at,
    sensitivity,
    through_the_point,
    under_other_laws,
)
from seawall.simulation.world.scenario import BookChoice, MakerChoice

EXAMPLES = Path(__file__).parents[2] / "examples/world"


@pytest.mark.parametrize(
    ("law", "pressure"),
    [
        (Linear(), 0.01),
        (SquareRoot(Decimal("0.1")), 0.01),  # (0.01 ÷ 0.1)²
        (SquareRoot(Decimal("0.02")), 0.25),
        (Exponential(), 0.010050335853501),  # −ln 0.99
        (ConstantProduct(), 0.005037815259212),  # 1 ÷ √0.99 − 1
    ],
)
def test_the_pressure_of_one_percent(law: LAWS, pressure: float) -> None:
    found = pressure_at(law, POINT)
    assert found / UNIT == pytest.approx(pressure, abs=1e-11)
    assert law.fall(found - 1) < POINT <= law.fall(found)


def test_another_law_takes_as_many_dollars_to_one_percent_and_in_a_step() -> None:
    """√ with 0.02 and 8 million falls by 1 % at 0.25 · 8 = 2 million dollars, so linear depth is
    2 ÷ 0.01 = 200 million; a step bears 0.05 · 8 = 0.4 million, 0.002 of 200."""
    maker = MakerChoice(name="one", depth=Decimal(8_000_000))
    law = SquareRoot(Decimal("0.02"))
    book = BookChoice(id="main", coin="BTC", makers=(maker,), law=law, reach=Decimal("0.05"))
    other = through_the_point(book, Linear())
    assert other.makers[0].depth == 200_000_000
    assert other.reach == Decimal("0.002")
    back = through_the_point(other, law)
    assert back.makers[0].depth == 8_000_000
    assert back.reach == Decimal("0.05")
    assert through_the_point(book, SquareRoot(Decimal("0.1"))) is book  # Its own kind.


def test_a_world_is_told_under_every_law_and_without_impact() -> None:
    scenario = load(EXAMPLES / "cascade.toml")  # Its book is linear.
    both = compared(scenario, seed=1)
    told = sensitivity(scenario, 1, both)
    assert list(told) == [NO_IMPACT, AS_IT_IS, "exponential", "sqrt", "constant_product"]
    assert told[NO_IMPACT].amplification == 1.0
    assert told[NO_IMPACT].state_hash == both.still.state_hash
    assert told[AS_IT_IS].amplification == both.amplification()
    assert len({one.state_hash for one in told.values()}) == len(told)
    # Beyond its point √ is shallower than a straight line; this crash sells far beyond it.
    assert told["sqrt"].low["main"] > told[AS_IT_IS].low["main"]


def test_books_of_several_laws_are_brought_under_each() -> None:
    scenario = load(EXAMPLES / "two_venues.toml")
    laws = {type(book.law) for book in scenario.books}
    assert laws == {Linear, SquareRoot}
    others = under_other_laws(scenario)
    assert list(others) == ["linear", "exponential", "sqrt", "constant_product"]
    for other in others.values():
        assert len({type(book.law) for book in other.books}) == 1
