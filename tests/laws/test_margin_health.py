"""A screen may only vouch for who is above the line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from seawall.margin import Requirement, suspects
from seawall.money import RATIO_ONE, parse_ratio

AMOUNT = st.integers(-(10**22), 10**22)


def screen(margin_equity: float, maintenance: float, bound: float) -> Requirement:
    column = np.array([margin_equity])
    return Requirement(
        column, column, np.array([maintenance]), np.array([maintenance]), np.array([bound])
    )


@given(AMOUNT, st.integers(0, 10**22), st.floats(0, 1e6), st.floats(-1, 1), st.floats(-1, 1))
@example(10**17 + 1, 8 * 10**16, 0.0, 0.0, 0.0)
def test_nobody_below_the_warning_is_vouched_for(
    margin_equity: int, maintenance: int, bound: float, left: float, right: float
) -> None:
    level = parse_ratio(Decimal("1.25"))
    told = float(margin_equity) + left * bound / 2, max(0.0, maintenance + right * bound / 2)
    gaps = abs(Fraction(told[0]) - margin_equity), abs(Fraction(told[1]) - maintenance)
    bound = float(2 * max(gaps)) * (1 + 1e-15)  # The promise of error_bound, at its least.
    if RATIO_ONE * margin_equity <= level * maintenance:
        assert suspects(screen(*told, bound), level)[0]
    if margin_equity <= maintenance:
        assert suspects(screen(*told, bound + 1e-15 * (abs(told[0]) + told[1])))[0]


def test_far_above_is_vouched_for() -> None:
    assert not suspects(screen(200.0, 100.0, 0.0))[0]
    assert not suspects(screen(126.0, 100.0, 0.1), parse_ratio("1.25"))[0]
    assert suspects(screen(125.0, 100.0, 0.0), parse_ratio("1.25"))[0]
    assert suspects(screen(100.0, 100.0, 0.0))[0]


def test_what_is_not_finite_is_a_suspect() -> None:
    nan, inf = float("nan"), float("inf")
    for one in ((nan, 1.0, 0.0), (9.0, nan, 0.0), (9.0, 1.0, nan), (9.0, 1.0, inf), (inf, inf, 0)):
        assert suspects(screen(*one))[0]
        assert suspects(screen(*one), parse_ratio("1.25"))[0]
