"""Laws of exact amounts, against fractions and decimals."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.money import (
    ATOMS_MAX,
    AmountError,
    Asset,
    Money,
    Rounding,
    divide,
    format_atoms,
    multiply_ratio,
    parse_atoms,
    split,
    square_root,
)

numbers = st.integers(-(10**30), 10**30)
atoms = st.integers(-ATOMS_MAX, ATOMS_MAX)
decimals = st.integers(0, 18)


@given(numbers, st.integers(1, 10**20))
def test_sides_of_rounding_enclose_the_fraction(numerator: int, denominator: int) -> None:
    true = Fraction(numerator, denominator)
    assert divide(numerator, denominator, Rounding.DOWN) == math.floor(true)
    assert divide(numerator, denominator, Rounding.UP) == math.ceil(true)
    assert divide(numerator, denominator, Rounding.NEAREST) == round(true)  # Half to even, too.


@given(numbers, st.integers(1, 10**20))
def test_what_one_owes_up_another_owns_down(numerator: int, denominator: int) -> None:
    up = divide(numerator, denominator, Rounding.UP)
    assert up == -divide(-numerator, denominator, Rounding.DOWN)


@given(st.integers(-50, 50), st.integers(1, 12))
def test_halves_go_to_the_even_neighbour(whole: int, half: int) -> None:
    rounded = divide((2 * whole + 1) * half, 2 * half, Rounding.NEAREST)
    assert rounded % 2 == 0
    assert abs(2 * rounded - (2 * whole + 1)) == 1


@given(atoms, decimals)
def test_what_is_written_is_read_back(amount: int, places: int) -> None:
    assert parse_atoms(format_atoms(amount, places), places) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9), st.integers(9, 18))
def test_text_keeps_its_value(number: object, places: int) -> None:
    read = parse_atoms(str(number), places)
    assert Fraction(read, 10**places) == Fraction(str(number))


@given(atoms, atoms)
def test_addition_is_exact_or_an_error(a: int, b: int) -> None:
    asset = Asset("USDC", 6)
    if abs(a + b) <= ATOMS_MAX:
        total = Money(a, asset) + Money(b, asset)
        assert total.atoms == a + b
        assert total - Money(b, asset) == Money(a, asset)
    else:
        with pytest.raises(AmountError, match="63 bits"):
            Money(a, asset) + Money(b, asset)


@given(atoms, atoms)
def test_order_of_amounts_is_the_order_of_atoms(a: int, b: int) -> None:
    x, y = Money(a, Asset("USDC", 6)), Money(b, Asset("USDC", 6))
    assert (x < y, x <= y, x > y, x >= y, x == y) == (a < b, a <= b, a > b, a >= b, a == b)


@given(atoms, st.integers(0, 10**9))
def test_a_ratio_below_one_never_grows_an_amount(amount: int, parts: int) -> None:
    for side in Rounding:
        assert abs(multiply_ratio(amount, parts, side)) <= abs(amount)


@given(st.integers(0, 10**40))
def test_a_square_root_is_the_nearest_on_its_side(number: int) -> None:
    down = square_root(number, Rounding.DOWN)
    up = square_root(number, Rounding.UP)
    near = square_root(number, Rounding.NEAREST)
    assert down * down <= number <= up * up
    assert up - down == (down * down != number)
    assert (2 * near - 1) ** 2 <= 4 * number <= (2 * near + 1) ** 2 or number == 0


@given(atoms, st.lists(st.integers(0, 10**18), min_size=1, max_size=20).filter(any))
def test_sharing_loses_no_atom_and_is_fair_to_one(amount: int, weights: list[int]) -> None:
    shares = split(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(amount * weight, sum(weights))) < 1
        assert weight or not share
