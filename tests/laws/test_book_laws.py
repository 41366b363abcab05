"""A book read as columns is the book read row by row, to the atom."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.money import AmountError, parse_atoms
from seawall.portfolio import Account, Holding, PortfolioError, load, margin_frame
from seawall.portfolio.book import book_of
from seawall.portfolio.decimal_column import scaled_integers
from seawall.portfolio.read import legs

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
COINS, CONTRACTS = ("USDC", "ETH", "BTC"), ("BTC/USDC:USDC", "ETH/USDC:USDC")
INVERSE = "BTC/USD:BTC"
PERPETUAL = """
[[contracts]]
id = "BTC/USD:BTC"
face = 10
tick = 0.5
mark = 52_481.5
"""


def desk() -> Account:
    """The example, in a market that lists an inverse perpetual too."""
    with tempfile.TemporaryDirectory() as folder:
        market = Path(folder) / "market.toml"
        market.write_text((EXAMPLE / "market.toml").read_text() + PERPETUAL)
        return load(EXAMPLE / "portfolio.toml", market=market)


DESK = desk()

numbers = st.one_of(
    st.integers(-(10**22), 10**22).map(str),
    st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=7).map(str),
    st.from_regex(r"\A[+-]?[0-9]{0,12}\.?[0-9]{0,12}\Z"),
    st.sampled_from(["1e3", "1_000", " 5", "--1", "+-2", "NaN", "Infinity", "", ".", "-.5", "٣"]),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(numbers, st.integers(0, 10)), min_size=1, max_size=20))
def test_what_is_read_is_what_one_number_is(rows: list[tuple[str, int]]) -> None:
    texts = pl.Series([text for text, _ in rows], dtype=pl.String)
    read, known = scaled_integers(texts, np.array([decimals for _, decimals in rows]))
    for (text, decimals), atoms, is_known in zip(rows, read.tolist(), known.tolist(), strict=True):
        if is_known:
            assert atoms == parse_atoms(text, decimals)
        elif text.isascii() and text.isdigit() and len(text) + decimals <= 18:
            raise AssertionError(f"{text} is plain and was not read")


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=9), st.integers(0, 10))
def test_a_column_of_integers_is_read_too(whole: list[int], decimals: int) -> None:
    read, known = scaled_integers(pl.Series(whole, dtype=pl.Int64), np.full(len(whole), decimals))
    for number, atoms, is_known in zip(whole, read.tolist(), known.tolist(), strict=True):
        if is_known:
            assert atoms == number * 10**decimals
        else:
            assert abs(number) >= 10 ** (18 - decimals)


lots = st.integers(-(10**6), 10**6)
cents = st.integers(1, 10**9)
holdings = st.one_of(
    st.tuples(st.sampled_from(COINS), lots.map(lambda n: f"{n / 100:.2f}"), st.none()),
    st.tuples(
        st.just(INVERSE),
        lots.map(lambda n: str(10 * n)),
        st.one_of(st.none(), cents.map(lambda n: str(100 + Decimal(n) / 10**5))),
    ),
    st.tuples(
        st.sampled_from(CONTRACTS),
        lots.map(lambda n: str(Decimal(n) / 100)),
        st.one_of(st.none(), cents.map(lambda n: str(Decimal(n) / 10**5))),
    ),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from("abcd"), holdings), min_size=1, max_size=25))
def test_columns_are_the_rows(book: list[tuple[str, tuple[str, str, str | None]]]) -> None:
    frame = pl.DataFrame(
        [(account, *row) for account, row in book],
        schema=dict.fromkeys(("account", "asset", "quantity", "price"), pl.String),
        orient="row",
    )
    found = book_of(frame, DESK.venue)
    expected: dict[str, dict[int, int]] = {}
    for account, (asset, quantity, price) in book:
        held = expected.setdefault(account, {})
        opened = None if price is None else Decimal(price)
        for leg, amount in legs(
            DESK.venue, Holding(id=asset, quantity=Decimal(quantity), price=opened)
        ):
            held[leg] = held.get(leg, 0) + amount
    assert found.names == list(expected)
    for number, held in enumerate(expected.values()):
        assert found.rows(number) == sorted((a, q) for a, q in held.items() if q)


def test_a_float_column_and_an_odd_number_are_read_as_text_says() -> None:
    book = {"account": ["a", "a"], "asset": ["USDC", "BTC"], "quantity": [0.1, 1e-7]}
    assert book_of(pl.DataFrame(book), DESK.venue).rows(0) == [(0, 100_000), (1, 10)]
    with pytest.raises(AmountError):
        parse_atoms("1e-9", 8)
    with pytest.raises(PortfolioError, match="column quantity, row 1: 1E-9 has more than 8"):
        margin_frame(pl.DataFrame({**book, "quantity": [0.1, 1e-9]}), DESK.venue, "cross")


def test_more_than_a_screen_can_hold_is_refused() -> None:
    book = {"account": ["a", "b"], "asset": ["USDC", "USDC"], "quantity": ["1", "9007199254.8"]}
    with pytest.raises(PortfolioError, match=r"account b holds more than 2\^53 atoms"):
        margin_frame(pl.DataFrame(book), DESK.venue, "cross")


def test_a_price_at_which_coins_do_not_fit_is_refused() -> None:
    book = {"account": ["a"], "asset": [INVERSE], "quantity": ["10000000"], "price": ["0.00001"]}
    with pytest.raises(PortfolioError, match=r"row 0: .* do not fit"):
        margin_frame(pl.DataFrame(book), DESK.venue, "cross")


def test_a_book_that_comes_to_nothing() -> None:
    book = {"account": ["a", "a"], "asset": ["USDC", "USDC"], "quantity": ["1", "-1"]}
    assert margin_frame(pl.DataFrame(book), DESK.venue, "cross").rows()[0][:2] == ("a", 0.0)
    empty = pl.DataFrame(book).clear()
    assert margin_frame(empty, DESK.venue, "cross").height == 0
