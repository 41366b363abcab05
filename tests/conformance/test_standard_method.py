"""Standard margin keeps the laws of every method, on tables with strikes and quotes."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, check_margin_method, holdings_of
from seawall.margin.listed.rates import FutureRates, OptionRates, OptionTerms
from seawall.margin.listed.venues import VENUES
from seawall.margin.standard import Standard
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import Quotes

COINS = ("USDC", "BTC", "ETH", "DOGE")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.INVERSE, Kind.OPTION, Kind.OPTION)
RATES = OptionRates(
    underlying=Decimal("0.123456789"),
    least=Decimal("0.1"),
    put_least_of_premium=Decimal("0.3"),
    premium_least=Decimal("0.5"),
    put_cap=Decimal("0.7"),
    fee=Decimal("0.000000001"),
    long_premium=Decimal("0.9"),
    long_underlying=Decimal("0.2"),
)
LESS = OptionRates(underlying=Decimal("0.05"), least=Decimal("0.4"), put_cap=Decimal(0))
ODD = Standard(
    options={"BTC": OptionTerms(initial=RATES, maintenance=LESS)},
    futures={
        "ETH": FutureRates(initial=Decimal("0.02"), maintenance=Decimal("0.01"), slope=Decimal(1))
    },
    premium="in_equity",
    long_options_count=True,
)
METHODS = {name: venue.method for name, venue in VENUES.items()} | {"odd": ODD}


def table_of(value, collateral, notional, coin, kind, strike, is_call, quotes) -> RiskTable:
    change = np.zeros((len(value), 32))
    return RiskTable(
        value=value,
        collateral=collateral,
        change=change,
        bound=np.maximum(np.abs(value), np.abs(collateral)),
        notional=notional,
        delta=np.zeros(len(value)),
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.zeros(len(value), np.int64),
        strike=strike,
        is_call=np.asarray(is_call, np.int8),
        scenarios=0,
        coins=COINS,
        quotes=quotes,
    )


def quotes_of(size, forward, price) -> Quotes:
    nothing = np.zeros(len(size))
    return Quotes(size, forward, nothing, nothing, nothing + 1, nothing + 1, price)


@st.composite
def books(draw: st.DrawFn) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale; some prices, sizes and forwards are missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 12))
    top = 10.0 ** draw(st.sampled_from([1, 4, 9, 14]))
    magnitude = np.floor(10.0 ** rng.uniform(0, np.log10(top), assets))
    kind = rng.choice(KINDS, assets)
    sign = np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    value = magnitude * sign
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    price = np.floor(10.0 ** rng.uniform(4, 16, len(COINS))) * (rng.random(len(COINS)) > 0.1)
    coin = rng.integers(0, len(COINS), assets)
    near = np.floor(price[coin] * rng.uniform(0.1, 3, assets))
    strike = np.floor(near * rng.uniform(0.5, 1.5, assets)) + 1
    size = rng.choice([0.0, 1e-9, 0.001, 0.01, 1.0, 1000.0, 0.123456789], assets)
    quotes = quotes_of(size, near, price)
    notional = np.floor(10.0 ** rng.uniform(0, 14, assets))
    table = table_of(
        value, collateral, notional, coin, kind, strike, rng.integers(0, 2, assets), quotes
    )
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    accounts = draw(
        st.lists(st.dictionaries(st.integers(0, assets - 1), amount, max_size=10), max_size=5)
    )
    return table, [sorted(rows.items()) for rows in accounts]


@pytest.mark.parametrize("name", METHODS)
def test_standard_margin_keeps_the_laws(name: str) -> None:
    method = METHODS[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books())
    def laws(book) -> None:
        table, accounts = book
        check_margin_method(method, table, accounts)

    laws()


def test_a_parallel_batch_has_the_bits_of_the_serial_one(monkeypatch) -> None:
    method = METHODS["deribit"]
    table = table_of(
        np.array([1.0, 300e10, -1e10, 60_000e10]),
        np.array([1.0, 300e10, -1e10, 60_000e10]),
        np.array([0.0, 60_000e10, 1e10, 60_000e10]),
        [0, 1, 1, 1],
        [0, Kind.OPTION, Kind.INVERSE, Kind.LINEAR],
        np.array([0, 65_000e10, 0, 0]),
        [0, 1, 0, 0],
        quotes_of(np.array([0, 1.0, 0, 0.1]), np.array([0, 6.1e14, 6e14, 6e14]), np.full(4, 6e14)),
    )
    accounts = [[(0, 5), (1, -3)], [(2, 7)], [(1, 2), (3, -9_999_999)]]
    few = method.requirement(holdings_of(accounts), table)
    monkeypatch.setattr("seawall.margin.standard.PARALLEL_FROM", 0)
    many = method.requirement(holdings_of(accounts * 50), table)
    for one, all_of_them in zip(few, many, strict=True):
        assert np.tile(one, 50).tobytes() == all_of_them.tobytes()


def test_what_has_no_rates_is_refused_and_charged_in_full() -> None:
    table = table_of(
        np.array([5.0, 7.0]),
        np.array([5.0, 7.0]),
        np.array([100.0, 100.0]),
        [3, 3],
        [Kind.OPTION, Kind.LINEAR],
        np.array([10.0, 0]),
        [1, 0],
        quotes_of(np.ones(2), np.full(2, 10.0), np.full(4, 10.0)),
    )
    exact = ExactTable(table)
    rows = [(0, -2), (1, -3)]
    assert ODD.refuses(rows, exact) == (0, 1)
    found = ODD.requirement_exact(rows, exact)
    assert found.maintenance == found.initial == 2 * 100 + 2 * 5 + 3 * 100
    assert found.margin_equity == -2 * 5 - 3 * 7
