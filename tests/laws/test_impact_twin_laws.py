"""The integer laws of the worlds are the float laws of the systemic monitor.

A book at price 1 whose depth is D dollars feels a pressure q from q · D units. The two constants of
each law are then those of the formulas that both files name:

    linear             drop of 1 ÷ D for each unit
    constant product   a reserve of D units: (D ÷ (D + q·D))² = 1 ÷ (1 + q)²
    exponential        depth D: e^(−q·D ÷ D)
    square root        the float law takes e^(−z) where the world takes 1 − z, z = factor · √q

A float of 53 bits against parts of 10¹²: what is asked is two parts of 10¹².
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.simulation.world import impact as whole
from seawall.systemic import impact as real

UNIT, DEPTH = whole.UNIT, 1_000.0
PAIRS: dict[str, tuple[whole.LAWS, real.LAWS]] = {
    "linear": (whole.Linear(), real.Linear(1.0 / DEPTH)),
    "exponential": (whole.Exponential(), real.Exponential(DEPTH)),
    "constant_product": (whole.ConstantProduct(), real.ConstantProduct(DEPTH)),
}
ATOMS = 2
pressures = st.integers(-(2 * UNIT), 2 * UNIT)


def fall_of(law: real.LAWS, pressure: int) -> float:
    """How far the float law's price stands below 1, parts of UNIT; odd, as the world's laws are."""
    size = 1.0 - law.price_after(1.0, abs(pressure) / UNIT * DEPTH)
    return math.copysign(min(size * UNIT, float(whole.FALL_MOST)), pressure)


@pytest.mark.parametrize("name", sorted(PAIRS))
@given(pressure=pressures)
def test_a_fall_is_the_float_laws_fall(name: str, pressure: int) -> None:
    ours, theirs = PAIRS[name]
    assert abs(ours.fall(pressure) - fall_of(theirs, pressure)) <= ATOMS


@given(pressure=pressures, parts=st.integers(1, 1_000))
def test_the_square_root_is_the_float_laws_exponent(pressure: int, parts: int) -> None:
    """The float law: e^(−z); so −ln of its price is the world's fall, while that is below 0.95."""
    factor = Decimal(parts) / 1000
    law = real.SquareRoot(float(factor), 1.0, DEPTH)
    depth = -math.log(law.price_after(1.0, abs(pressure) / UNIT * DEPTH)) * UNIT
    expected = math.copysign(min(depth, float(whole.FALL_MOST)), pressure)
    assert abs(whole.SquareRoot(factor).fall(pressure) - expected) <= ATOMS


@pytest.mark.parametrize("name", sorted(PAIRS))
@given(pressure=st.integers(UNIT // 1_000, 9 * UNIT // 10))
def test_the_mean_of_a_walk_is_the_float_laws_average_price(name: str, pressure: int) -> None:
    """Of the integral ÷ the pressure: an atom of the integral is 10³ of a mean over UNIT ÷ 10³."""
    ours, theirs = PAIRS[name]
    expected = (1.0 - theirs.average_price(1.0, pressure / UNIT * DEPTH)) * UNIT
    allowed = ATOMS * (UNIT // pressure + 1)
    assert abs(ours.average(0, pressure) - expected) <= allowed


def test_canary_a_law_of_another_depth_is_noticed() -> None:
    other = real.Exponential(DEPTH * (1.0 + 1e-9))
    assert abs(whole.Exponential().fall(UNIT // 2) - fall_of(other, UNIT // 2)) > ATOMS
