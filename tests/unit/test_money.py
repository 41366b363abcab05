"""What money accepts and refuses; numbers are small enough to check by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from seawall.money import (
    ATOMS_MAX,
    AmountError,
    Asset,
    Money,
    Rounding,
    divide,
    fit,
    format_atoms,
    format_ratio,
    multiply_ratio,
    parse_atoms,
    parse_ratio,
    split,
    square_root,
)

USDC = Asset("USDC", 6)
BTC = Asset("BTC", 8)


@pytest.mark.parametrize(
    ("numerator", "denominator", "down", "nearest", "up"),
    [
        (7, 2, 3, 4, 4),  # 3.5: half goes to the even 4.
        (5, 2, 2, 2, 3),  # 2.5: half goes to the even 2.
        (-7, 2, -4, -4, -3),
        (-5, 2, -3, -2, -2),
        (8, 3, 2, 3, 3),  # 2.67
        (7, 3, 2, 2, 3),  # 2.33
        (6, 3, 2, 2, 2),
        (0, 9, 0, 0, 0),
    ],
)
def test_division_goes_to_the_named_side(
    numerator: int, denominator: int, down: int, nearest: int, up: int
) -> None:
    assert divide(numerator, denominator, Rounding.DOWN) == down
    assert divide(numerator, denominator, Rounding.NEAREST) == nearest
    assert divide(numerator, denominator, Rounding.UP) == up


@pytest.mark.parametrize("wrong", [1.0, True, np.int64(7), Decimal(7)])
def test_division_takes_nothing_but_int(wrong: object) -> None:
    with pytest.raises(TypeError, match="divide needs int"):
        divide(wrong, 2, Rounding.DOWN)  # type: ignore[arg-type]


def test_division_by_nothing_is_our_own_bug() -> None:
    with pytest.raises(AssertionError, match="positive denominator"):
        divide(1, 0, Rounding.DOWN)


def test_half_a_percent_of_a_dollar_and_an_atom_is_owed_up_and_owned_down() -> None:
    # 1,000,001 × 0.005 = 5,000.005 atoms.
    assert multiply_ratio(1_000_001, parse_ratio("0.005"), Rounding.UP) == 5_001
    assert multiply_ratio(1_000_001, parse_ratio("0.005"), Rounding.DOWN) == 5_000
    assert Money(1_000_001, USDC).ratio(5_000_000, Rounding.UP) == Money(5_001, USDC)


@pytest.mark.parametrize(
    ("text", "decimals", "atoms"),
    [
        ("0.25", 6, 250_000),
        ("-0.000001", 6, -1),
        ("1e3", 2, 100_000),
        ("12.5000000000", 6, 12_500_000),  # Zeros beyond the decimals lose nothing.
        ("-0", 6, 0),
        ("0e999999", 6, 0),
        ("0E-999999", 6, 0),
        (Decimal("60639.81"), 10, 606_398_100_000_000),
        (7, 9, 7_000_000_000),
    ],
)
def test_text_is_read_exactly(text: str | int | Decimal, decimals: int, atoms: int) -> None:
    assert parse_atoms(text, decimals) == atoms


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0.0000001", "more than 6 decimals"),
        ("1e-999999", "more than 6 decimals"),
        ("ten", "not a number"),
        ("", "not a number"),
        ("nan", "not a finite number"),
        ("-inf", "not a finite number"),
        ("1e999999", "too large"),
        ("9" * 5_000, "too large"),  # Python itself refuses to read more than 4,300 digits.
    ],
)
def test_text_that_is_no_amount_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(AmountError, match=complaint) as caught:
        parse_atoms(text, 6)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("wrong", [0.1, True])
def test_floats_and_booleans_are_no_amounts(wrong: float) -> None:
    with pytest.raises(TypeError, match="write the amount as text"):
        parse_atoms(wrong, 6)  # type: ignore[arg-type]


def test_the_largest_amount_fits_and_the_next_does_not() -> None:
    assert fit(ATOMS_MAX) == 2**63 - 1
    assert fit(-ATOMS_MAX) == -(2**63) + 1
    for atoms in (ATOMS_MAX + 1, -ATOMS_MAX - 1):
        with pytest.raises(AmountError, match="63 bits"):
            fit(atoms)


def test_a_sum_that_does_not_fit_is_an_error_and_no_wrap() -> None:
    full = Money(ATOMS_MAX, USDC)
    with pytest.raises(AmountError):
        full + Money(1, USDC)
    with pytest.raises(AmountError):
        -full - Money(1, USDC)
    with pytest.raises(AmountError):
        full * 2
    assert (-full).atoms == -ATOMS_MAX


@pytest.mark.parametrize("other", [1, 1.0, "1", None, Decimal(1), Money(1, BTC)])
def test_money_combines_only_with_the_same_money(other: object) -> None:
    one = Money(1, USDC)
    for combine in (
        lambda: one + other,
        lambda: one - other,
        lambda: one < other,
        lambda: one <= other,
        lambda: one > other,
        lambda: one >= other,
    ):
        with pytest.raises(TypeError):
            combine()
    assert one != other


def test_a_float_cannot_come_in_from_the_left_or_by_multiplication() -> None:
    one = Money(1, USDC)
    for combine in (
        lambda: 1.0 + one,  # type: ignore[operator]
        lambda: one * 1.5,
        lambda: 1.5 * one,
        lambda: one * True,
        lambda: sum([one, one]),  # type: ignore[list-item]
    ):
        with pytest.raises(TypeError):
            combine()
    for atoms in (1.0, True, np.int64(1)):
        with pytest.raises(TypeError, match="must be int"):
            Money(atoms, USDC)  # type: ignore[arg-type]


def test_amounts_of_one_asset_have_an_order() -> None:
    low, high = Money.parse("-1", USDC), Money.parse("0.5", USDC)
    assert low < high
    assert high > low
    assert low <= low
    assert high >= low
    assert max(low, high) == high
    assert abs(low) == 2 * high
    assert str(low) == "-1 USDC"


@pytest.mark.parametrize("decimals", [-1, 19])
def test_an_asset_has_a_sane_number_of_decimals(decimals: int) -> None:
    with pytest.raises(AmountError, match="decimals"):
        Asset("X", decimals)


def test_decimals_of_an_asset_are_whole() -> None:
    with pytest.raises(TypeError, match="must be int"):
        Asset("X", 6.0)  # type: ignore[arg-type]
    assert Asset("X", 0).one == 1
    assert BTC.one == 100_000_000


def test_amounts_are_written_without_needless_zeros() -> None:
    assert format_atoms(-1_250_000, 6) == "-1.25"
    assert format_atoms(-1, 8) == "-0.00000001"
    assert format_atoms(5, 0) == "5"
    assert format_ratio(1_000_000_000) == "1"


def test_a_square_root_goes_to_the_named_side() -> None:
    # √6 = 2.449, √7 = 2.646, √12 = 3.464, √13 = 3.606; (k + ½)² is never whole.
    assert [square_root(n, Rounding.NEAREST) for n in (6, 7, 9, 12, 13)] == [2, 3, 3, 3, 4]
    assert [square_root(n, Rounding.DOWN) for n in (6, 7, 9)] == [2, 2, 3]
    assert [square_root(n, Rounding.UP) for n in (6, 7, 9)] == [3, 3, 3]
    assert square_root(0, Rounding.UP) == 0
    with pytest.raises(AmountError, match="no square root"):
        square_root(-1, Rounding.DOWN)


def test_a_loss_is_shared_by_largest_remainders() -> None:
    # 100 over weights 1, 2, 4: 14.29, 28.57, 57.14; the one atom left goes to 0.57.
    assert split(100, [1, 2, 4]) == [14, 29, 57]
    assert split(-100, [1, 2, 4]) == [-14, -29, -57]
    assert split(2, [1, 1, 1]) == [1, 1, 0]  # Equal remainders: first come.
    assert split(5, [0, 3]) == [0, 5]
    for weights in ([], [0], [2, -1]):
        with pytest.raises(AmountError, match="weight"):
            split(1, weights)
