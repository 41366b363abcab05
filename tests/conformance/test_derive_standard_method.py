"""Derive's standard rule as a method: the laws of every method, and the float reference."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, check_margin_method, holdings_of
from seawall.margin.derive import PRESETS, StandardTerms, standard_margin
from seawall.margin.derive.market import Expiry, Market, Option, Portfolio, Position, columns
from seawall.margin.derive.standard import option_marks
from seawall.margin.derive_standard import DeriveStandardMargin
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import Quotes

DOLLAR = 10**10
COINS = ("USDC", "BTC", "ETH", "DOGE")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.INVERSE, *[Kind.OPTION] * 5)
EXPIRIES = np.array([1_800_000_000_000, 1_830_000_000_000])


def method_of(name: str) -> DeriveStandardMargin:
    reference = PRESETS[name]
    return DeriveStandardMargin(
        terms=reference.terms,
        by_market=reference.by_market,
        depeg_threshold=reference.depeg_threshold,
        depeg_factor=reference.depeg_factor,
    )


ODD = DeriveStandardMargin(
    terms=StandardTerms(
        perpetual_initial=Decimal("0.123456789"),
        perpetual_maintenance=Decimal("0.1"),
        spot_maximum=Decimal("1.2"),
        spot_minimum=Decimal(0),
        call_maintenance=Decimal(1),
        put_maintenance=Decimal("0.000000001"),
        put_mark_maintenance=Decimal(1),
        unpaired_initial=Decimal(1),
        unpaired_maintenance=Decimal(3),
        put_offset=Decimal(3),
        base_factor=Decimal("0.000000001"),
        base_initial_scale=Decimal("0.000000001"),
        perpetual_threshold=Decimal(1),
        option_threshold=Decimal("0.999999999"),
        base_threshold=Decimal(1),
        confidence_factor=Decimal(1),
    ),
    depeg_threshold=Decimal(1),
    depeg_factor=Decimal(3),
)
METHODS = {
    "mainnet": method_of("derive_standard"),
    "test": method_of("derive_standard_test"),
    "odd": ODD,
}


def table_of(value, collateral, notional, coin, kind, expires_ms, strike, is_call, quotes):
    value = np.asarray(value, np.float64)
    return RiskTable(
        value=value,
        collateral=np.asarray(collateral, np.float64),
        change=np.zeros((len(value), 32)),
        bound=np.maximum(np.abs(value), np.abs(collateral)),
        notional=np.asarray(notional, np.float64),
        delta=np.zeros(len(value)),
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.asarray(expires_ms, np.int64),
        strike=np.asarray(strike, np.float64),
        is_call=np.asarray(is_call, np.int8),
        scenarios=0,
        coins=COINS,
        quotes=quotes,
    )


def quotes_of(size, forward, confidence, price) -> Quotes:
    size, forward, confidence, price = (
        np.asarray(column, np.float64) for column in (size, forward, confidence, price)
    )
    nothing = np.zeros(len(size))
    return Quotes(size, forward, nothing, nothing, nothing + 1, confidence, price)


@st.composite
def books(draw: st.DrawFn) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale; some prices, sizes and forwards are missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 14))
    top = 10.0 ** draw(st.sampled_from([1, 4, 9, 14]))
    magnitude = np.floor(10.0 ** rng.uniform(0, np.log10(top), assets))
    kind = rng.choice(KINDS, assets)
    value = magnitude * np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    price = np.floor(10.0 ** rng.uniform(4, 16, len(COINS))) * (rng.random(len(COINS)) > 0.1)
    price[0] = rng.integers(9 * 10**9, 11 * 10**9)
    coin = rng.integers(0, 3, assets)
    near = np.floor(price[coin] * rng.uniform(0.1, 3, assets))
    strike = np.floor(near * rng.uniform(0.5, 1.5, assets)) + 1
    size = rng.choice([0.0, 1e-9, 0.001, 0.01, 1.0, 1000.0, 0.123456789], assets)
    confidence = np.where(rng.random(assets) > 0.5, 1.0, rng.random(assets))
    table = table_of(
        value,
        collateral,
        np.floor(10.0 ** rng.uniform(0, 14, assets)),
        coin,
        kind,
        rng.choice(EXPIRIES, assets),
        strike,
        rng.integers(0, 2, assets),
        quotes_of(size, near, confidence, price),
    )
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    accounts = draw(
        st.lists(st.dictionaries(st.integers(0, assets - 1), amount, max_size=12), max_size=5)
    )
    return table, [sorted(rows.items()) for rows in accounts]


@pytest.mark.parametrize("name", METHODS)
def test_the_standard_rule_keeps_the_laws(name: str) -> None:
    method = METHODS[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books())
    def laws(book) -> None:
        table, accounts = book
        check_margin_method(method, table, accounts)

    laws()


@st.composite
def markets(draw: st.DrawFn):
    """A market of the float reference, a portfolio in it, and the same as a table and rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spot, perpetual = (float(round(p, 2)) for p in 60_000 * rng.uniform(0.9, 1.1, 2))
    spot_sure, perpetual_sure = (Decimal(str(round(c, 3))) for c in rng.uniform(0.3, 1.1, 2))
    spot_sure, perpetual_sure = min(spot_sure, Decimal(1)), min(perpetual_sure, Decimal(1))
    stable = Decimal(str(round(rng.uniform(0.95, 1.01), 4)))
    expiries = tuple(
        Expiry(
            seconds=int(rng.integers(0, 10**7)),
            forward_variable=float(round(spot * rng.uniform(0.95, 1.05), 2)),
            volatility_confidence=min(Decimal(1), Decimal(str(round(rng.uniform(0.3, 1.2), 3)))),
        )
        for _ in EXPIRIES
    )
    count = draw(st.integers(0, 8))
    options = tuple(
        Option(
            expiry=int(rng.integers(0, 2)),
            strike=float(round(spot * rng.uniform(0.5, 1.5), -2)),
            is_call=bool(rng.integers(0, 2)),
            volatility=float(rng.uniform(0.2, 1.5)),
        )
        for _ in range(count)
    )
    market = Market(
        name="BTC",
        spot=spot,
        spot_confidence=spot_sure,
        perpetual=perpetual,
        perpetual_confidence=perpetual_sure,
        stable=stable,
        expiries=expiries,
        options=options,
    )
    lots = draw(st.lists(st.integers(-500, 500), min_size=count + 2, max_size=count + 2))
    lots[1] = abs(lots[1])
    marks = option_marks(columns(market))
    dollars = np.array([perpetual * 0.01, spot * 0.01, *(marks * 0.01)])
    value = np.rint(dollars * DOLLAR)
    doubts = [min(spot_sure, expiry.volatility_confidence) for expiry in expiries]
    sure = [min(spot_sure, perpetual_sure), spot_sure, *(doubts[o.expiry] for o in options)]
    forward = [perpetual, 0.0, *(expiries[option.expiry].forward for option in options)]
    table = table_of(
        value,
        value,
        [np.rint(perpetual * 0.01 * DOLLAR), 0.0, *[np.rint(spot * 0.01 * DOLLAR)] * count],
        [1] * (count + 2),
        [Kind.LINEAR, Kind.CURRENCY, *[Kind.OPTION] * count],
        [0, 0, *(EXPIRIES[option.expiry] for option in options)],
        [0.0, 0.0, *(option.strike * DOLLAR for option in options)],
        [0, 0, *(option.is_call for option in options)],
        quotes_of(
            [0.01, 0.0, *[0.01] * count],
            np.array(forward) * DOLLAR,
            [float(confidence) for confidence in sure],
            [float(stable * DOLLAR), spot * DOLLAR, 1.0, 1.0],
        ),
    )
    portfolio = Portfolio(
        perpetual=lots[0] / 100,
        base=lots[1] / 100,
        positions=tuple(Position(place, lot / 100) for place, lot in enumerate(lots[2:])),
    )
    return market, portfolio, table, [(place, lot) for place, lot in enumerate(lots) if lot]


@pytest.mark.parametrize("name", ["derive_standard", "derive_standard_test"])
def test_the_method_asks_what_the_float_reference_asks(name: str) -> None:
    method = method_of(name)

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(markets())
    def agree(book) -> None:
        market, portfolio, table, rows = book
        told = standard_margin(method, [(market, portfolio)])
        base = portfolio.base * market.spot
        exact = method.requirement_exact(rows, ExactTable(table))
        kept, asked = (base - side for side in (told.maintenance, told.initial))
        assert exact.maintenance / DOLLAR == pytest.approx(kept, rel=1e-9, abs=1e-7)
        assert exact.initial / DOLLAR == pytest.approx(max(asked, kept), rel=1e-9, abs=1e-7)
        check_margin_method(method, table, [rows])

    agree()


def test_a_parallel_batch_has_the_bits_of_the_serial_one(monkeypatch) -> None:
    table, accounts = spread_book()
    few = METHODS["mainnet"].requirement(holdings_of(accounts), table)
    monkeypatch.setattr("seawall.margin.derive_standard.PARALLEL_FROM", 0)
    many = METHODS["mainnet"].requirement(holdings_of(accounts * 50), table)
    for one, all_of_them in zip(few, many, strict=True):
        assert np.tile(one, 50).tobytes() == all_of_them.tobytes()


def spread_book():
    """Ether at 1,500: a perpetual, a coin of collateral, calls of 1,500 and 1,600, a put, cash."""
    strikes = [0, 0, 1500, 1600, 1400, 0, 0]
    marks = [1500, 1500, 80, 40, 30, 1, -100]
    table = table_of(
        np.array(marks) * 1e10,
        np.array(marks) * 1e10,
        np.array([1500, 0, 1500, 1500, 1500, 0, 100]) * 1e10,
        [2, 2, 2, 2, 2, 0, 2],
        [2, 0, 4, 4, 4, 0, 3],
        [0, 0, *[EXPIRIES[0]] * 3, 0, 0],
        np.array(strikes) * 1e10,
        [0, 0, 1, 1, 0, 0, 0],
        quotes_of([1, 0, 1, 1, 1, 0, 0], [1.5e13] * 7, [1.0] * 7, [1e10, 1e10, 1.5e13, 1.0]),
    )
    accounts = [
        [(2, -1), (3, 1)],
        [(2, -1)],
        [(4, -1)],
        [(0, -2), (1, 3), (5, 10)],
        [(6, -1)],
    ]
    return table, accounts


def test_worked_by_hand() -> None:
    """Mainnet's ether: 9 % and 13 … 15 % of spot for an option sold, 10 % and 6.5 % a perpetual."""
    table, accounts = spread_book()
    method, exact = METHODS["mainnet"], ExactTable(table)
    found = [method.requirement_exact(rows, exact) for rows in accounts]
    dollars = [(each.maintenance / DOLLAR, each.initial / DOLLAR) for each in found]
    assert dollars == [
        (100, 100),  # A call of 1,500 sold, one of 1,600 held: at most 100 are lost.
        (80 + 0.09 * 1500, 80 + 0.15 * 1500),  # Below 1.1 and 1.2 forwards.
        (30 + 135, 30 + 0.13 * 1500),  # 100 out of the money: 15 % less 6.7 %, so the minimum.
        (2 * 97.5 + 3 * 300, 2 * 150 + 3 * 375),  # The coin counts 80 %, then 75 %.
        (100, 100),
    ]
    assert found[0].margin_equity == 0
    assert method.refuses([(0, 1), (6, 1)], exact) == (6,)
    said = method.explain(accounts[0], exact, [f"asset {n}" for n in range(7)])
    assert said.binding == "ETH options of 2027-01-15: largest loss at expiry"


def test_doubt_and_a_lost_peg_are_asked_for_initial_only() -> None:
    """Half sure: 50 % of spot; cash at 0.96: 0.03 · 2 = 6 % of spot, each for two coins."""
    table, _ = spread_book()
    doubted = quotes_of([1, 0, 1, 1, 1, 0, 0], [1.5e13] * 7, [0.5] * 7, [96e8, 1e10, 1.5e13, 1])
    exact = ExactTable(table._replace(quotes=doubted))
    found = METHODS["mainnet"].requirement_exact([(0, -2)], exact)
    assert found.maintenance == 195 * DOLLAR
    assert found.initial == (300 + 1500 + 180) * DOLLAR


@pytest.mark.parametrize("column", ["size", "forward", "price", "confidence", "strike"])
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_quote_that_is_not_finite_is_never_healthy(column: str, poison: float) -> None:
    table, _ = spread_book()
    holdings = holdings_of([[(2, -1), (3, 1)], [(5, 10)]])
    place = 2  # The call of 1,500, and ether's spot price.
    if column == "strike":
        ill = table._replace(strike=table.strike.copy())
        ill.strike[place] = poison
    else:
        told = getattr(table.quotes, column).copy()
        told[place] = poison
        ill = table._replace(quotes=table.quotes._replace(**{column: told}))
    found = METHODS["mainnet"].requirement(holdings, ill)
    healthy = column == "confidence" and poison == float("inf")  # More than certain.
    assert np.isfinite(found.error_bound).tolist() == [healthy, True]
