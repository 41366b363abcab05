"""Books as tables: each account as it stands alone, before and after, and at its lines."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from seawall.portfolio import (
    Account,
    PortfolioError,
    liquidation_price,
    liquidation_price_frame,
    load,
    margin_frame,
    rows_of,
    what_if,
    what_if_frame,
)
from seawall.portfolio.read import Holding, Portfolio
from seawall.portfolio.what_if import read_change

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
DOLLAR = 10**10
BOOKS: dict[str, list[tuple[str, str, str | None]]] = {
    "hedged": [
        ("USDC", "40000", None), ("ETH", "5.25", None), ("BTC/USDC:USDC", "3.5", "58200"),
        ("ETH/USDC:USDC", "-20", "2610.5"),
    ],
    "long": [("USDC", "10000", None), ("BTC/USDC:USDC", "1", None)],
    "short": [("BTC", "0.4", None), ("BTC/USDC:USDC", "-1.5", "50000")],
    "coins": [("BTC", "0.25", None)],
    "called": [("USDC", "100", None), ("BTC/USDC:USDC", "0.5", "53000")],
}  # fmt: skip


@pytest.fixture(scope="module")
def desk() -> Account:
    return load(EXAMPLE / "portfolio.toml")


def book() -> pl.DataFrame:
    rows = [(name, *row) for name, held in BOOKS.items() for row in held]
    schema = dict.fromkeys(("account", "asset", "quantity", "price"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def alone(desk: Account, name: str, method: str) -> Account:
    held = tuple(Holding(id=i, quantity=q, price=p) for i, q, p in BOOKS[name])
    rows = tuple(rows_of(desk.venue, Portfolio(name=name, holdings=held)))
    return Account(name, desk.venue, rows, method)


@pytest.mark.parametrize("method", ["cross", "portfolio"])
def test_prices_of_a_book_are_those_of_each_account(desk: Account, method: str) -> None:
    for coin in ("BTC", "ETH"):
        told = liquidation_price_frame(book(), desk.venue, method, coin, halvings=60)
        assert told["account"].to_list() == list(BOOKS)
        assert told["state"].equals(margin_frame(book(), desk.venue, method)["state"])
        for row in told.iter_rows(named=True):
            each = liquidation_price(alone(desk, row["account"], method))
            if not any(c.of == coin for c in each.crossings):
                assert all(row[key] is None for key in told.columns[2:])
                continue
            for line in ("initial", "called", "liquidated"):
                for direction in ("down", "up"):
                    at = each.find("price", line, direction, coin).at
                    found = row[f"{line}_{direction}"]
                    assert found == (None if at is None else at / DOLLAR)


def test_fewer_halvings_are_nearer_than_their_step(desk: Account) -> None:
    exact = liquidation_price_frame(book(), desk.venue, "cross", "BTC", halvings=60)
    quick = liquidation_price_frame(book(), desk.venue, "cross", "BTC")
    far, near = (frame["called_down"].drop_nulls() for frame in (quick, exact))
    assert far.len() == near.len() > 0
    # Seven halvings of 1 % to 5 % of the price; beyond the line, so not above it.
    for found, at in zip(far, near, strict=True):
        assert at * (1 - 0.05 / 2**7) <= found <= at


def test_what_if_of_a_book_is_that_of_each_account(desk: Account) -> None:
    asked = {
        "trades": ["BTC/USDC:USDC=-0.5"],
        "deposits": ["USDC=250"],
        "moves": ["BTC=-10%", "ETH=+3%"],
    }
    told = what_if_frame(book(), desk.venue, "portfolio", **asked)
    before = margin_frame(book(), desk.venue, "portfolio")
    assert told.select(before.columns).equals(before)
    for row in told.iter_rows(named=True):
        account = alone(desk, row["account"], "portfolio")
        need = what_if(account, read_change(account, **asked)).after.requirement
        for key in ("equity", "margin_equity", "initial", "maintenance"):
            assert row[f"{key}_after"] == pytest.approx(getattr(need, key) / DOLLAR, rel=1e-12)


def test_presets_judge_books_and_what_is_wrong_is_named(desk: Account) -> None:
    told = margin_frame(book(), desk.venue, "hyperliquid")
    assert told.row(1, named=True)["maintenance"] == 656.0  # 1.25 % of 52,480.
    with pytest.raises(PortfolioError, match="method mtgox is not in the rulebook and no preset"):
        margin_frame(book(), desk.venue, "mtgox")
    with pytest.raises(PortfolioError, match="coin DOGE is not listed"):
        liquidation_price_frame(book(), desk.venue, "cross", "DOGE")
    with pytest.raises(PortfolioError, match="coin DOGE is not listed"):
        what_if_frame(book(), desk.venue, "cross", moves=["DOGE=-1%"])
