"""Laws that every law of impact obeys, whatever its formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.systemic.impact import (
    LAWS,
    BookProfile,
    ConstantProduct,
    Exponential,
    Linear,
    SquareRoot,
)

EVERY: list[LAWS] = [
    Linear(0.003),
    Exponential(9_000.0),
    Exponential(4_000.0, floor=20.0),
    SquareRoot(0.7, 0.04, 1_000.0),
    ConstantProduct(8_000.0),
    ConstantProduct(8_000.0, fee=0.003),
    BookProfile((0.01, 0.05, 0.2), (500.0, 1_500.0, 4_000.0)),
]
laws = st.sampled_from(EVERY)
sizes = st.floats(1.0, 3_000.0)
signs = st.sampled_from([-1.0, 1.0])
prices = st.floats(50.0, 200.0)


@given(laws, prices, sizes, signs)
def test_price_before_undoes_price_after(law: LAWS, price: float, size: float, sign: float) -> None:
    after = law.price_after(price, sign * size)
    assert float(law.price_before(after, sign * size)) == pytest.approx(price, rel=1e-9)


@given(laws, prices, st.lists(sizes, min_size=1, max_size=5), signs)
def test_the_columns_are_the_kernel(
    law: LAWS, price: float, several: list[float], sign: float
) -> None:
    units = sign * np.array(several)
    column = law.prices_after(price, units)
    alone = [law.price_after(price, one) for one in units.tolist()]
    assert column == pytest.approx(alone, rel=1e-12)


@given(laws, prices, sizes, sizes)
def test_who_sells_more_moves_the_price_further(
    law: LAWS, price: float, first: float, second: float
) -> None:
    low, high = sorted((first, second))
    assert law.price_after(price, high) <= law.price_after(price, low) < price
    assert law.price_after(price, -high) >= law.price_after(price, -low) > price


@given(laws, prices, sizes, signs)
def test_the_slope_is_the_derivative(law: LAWS, price: float, size: float, sign: float) -> None:
    units, step = sign * size, 1e-4 * size
    if isinstance(law, BookProfile):  # Straight in between; a level's edge has two slopes.
        edges = np.array(law.depth)
        if (np.abs(edges - size) < 2.0 * step).any():
            return
    up, down = law.price_after(price, units + step), law.price_after(price, units - step)
    slope = float(law.slope(law.price_after(price, units), units))
    assert slope == pytest.approx((down - up) / (2.0 * step), rel=1e-5)


@given(laws, prices, sizes, signs)
def test_the_average_price_is_the_integral(
    law: LAWS, price: float, size: float, sign: float
) -> None:
    if isinstance(law, ConstantProduct) and law.fee:
        return  # The fee is taken from the seller and is no part of the pool's price.
    middles = size * (np.arange(20_000) + 0.5) / 20_000
    mean = float(law.prices_after(price, sign * middles).mean())
    assert law.average_price(price, sign * size) == pytest.approx(mean, rel=1e-5)


@given(laws, prices, sizes, st.floats(0.05, 1.0))
def test_less_depth_never_holds_the_price_better(
    law: LAWS, price: float, size: float, share: float
) -> None:
    assert law.shrunk(share).price_after(price, size) <= law.price_after(price, size) + 1e-9


def test_nobody_can_buy_a_whole_pool() -> None:
    law = ConstantProduct(100.0)
    assert law.price_after(10.0, -100.0) == np.inf
    assert law.price_after(10.0, -50.0) == 40.0  # (100 ÷ 50)² · 10.


def test_a_flat_book_is_linear_and_a_slanted_one_a_square_root() -> None:
    """100 units for each 1 %, from 100: 1 a hundredth of which is 0.01 for each unit."""
    flat = BookProfile((0.1, 0.2), (1_000.0, 2_000.0))
    assert flat.price_after(100.0, 1_500.0) == pytest.approx(Linear(0.01).price_after(100.0, 1_500))
    away = np.linspace(0.001, 0.2, 400)  # Depth away²: away = √depth.
    slanted = BookProfile(tuple(away), tuple(away**2))
    assert 1.0 - slanted.price_after(1.0, 0.01) == pytest.approx(0.1, rel=1e-3)
    assert 1.0 - slanted.price_after(1.0, 0.04) == pytest.approx(0.2, rel=1e-3)
