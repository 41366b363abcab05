"""Derive's portfolio margin keeps every law of a margin method, on tables at every scale."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import DerivePortfolioMargin, DerivePortfolioMarginTwo, check_margin_method
from seawall.margin.derive import PRESETS, CollateralTerms, DeriveScenario
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import Quotes

COINS = ("USDC", "BTC", "ETH", "SOL")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.INVERSE, Kind.OPTION, Kind.OPTION)
FIRST = PRESETS["derive_portfolio"]
SECOND = msgspec.structs.replace(
    PRESETS["derive_portfolio_two"],
    collaterals={
        "ETH": CollateralTerms(Decimal("0.1"), Decimal("0.05"), risk_cancelling=True),
        "SOL": CollateralTerms(Decimal("0.3"), Decimal("0.2")),
    },
)
WIDE = tuple(
    DeriveScenario(1 + Decimal(n) / 100, shock)
    for n in range(-18, 19, 3)
    for shock in ("Up", "None", "Down")
)  # 38 columns, two blocks; the basis moves are not among them and add one each.
METHODS = {
    "first": DerivePortfolioMargin(terms=FIRST, coins=("BTC", "ETH")),
    "first_by_coin": DerivePortfolioMargin(
        terms=FIRST,
        coins=("ETH", "BTC"),
        by_coin={"BTC": msgspec.structs.replace(FIRST, option_static=Decimal("0.05"))},
    ),
    "first_wide": DerivePortfolioMargin(
        terms=msgspec.structs.replace(FIRST, scenarios=WIDE), coins=("BTC", "ETH", "SOL")
    ),
    "second": DerivePortfolioMarginTwo(terms=SECOND, coins=("BTC", "ETH")),
    "second_wrapped": DerivePortfolioMarginTwo(
        terms=msgspec.structs.replace(
            SECOND,
            collaterals={"SOL": CollateralTerms(Decimal("0.3"), Decimal("0.2"), True)},
            basis_up=Decimal("1.07"),
        ),
        coins=("ETH",),
        moves_with={"SOL": "ETH"},
    ),
}


def table_of(rng: np.random.Generator, assets: int, top: float, scenarios: int) -> RiskTable:
    """A table by hand, padded as pricing pads it; few expiries and strikes, so that they meet."""
    magnitude = np.floor(10.0 ** rng.uniform(0, np.log10(top), assets))
    kind = np.array([*[Kind.CURRENCY] * len(COINS), *rng.choice(KINDS, assets)], np.int8)
    coin = np.array([*range(len(COINS)), *rng.integers(0, len(COINS), assets)], np.int32)
    magnitude = np.concatenate([np.floor(10.0 ** rng.uniform(0, 4, len(COINS))), magnitude])
    assets = len(kind)
    value = np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -magnitude, magnitude)
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    loud = 10.0 ** rng.uniform(-1, 4, (assets, 1))
    change = np.floor(magnitude[:, None] * loud * rng.normal(0, 1, (assets, scenarios)))
    change[change == 0] = 0.0
    change[(kind == Kind.QUOTE) & (rng.random(assets) < 0.7)] = 0.0
    width = -(-scenarios // 32) * 32
    padded = np.repeat(change[:, :1], width, axis=1)
    padded[:, :scenarios] = change
    bound = np.maximum(np.maximum(np.abs(value), np.abs(collateral)), np.abs(padded).max(axis=1))
    option = kind == Kind.OPTION
    expiry = rng.integers(0, 3, assets)
    confidence = np.round(rng.choice([1.0, 1.0, 0.55, 0.5499, 0.2], assets), 4)
    return RiskTable(
        value=value,
        collateral=collateral,
        change=padded,
        bound=bound,
        notional=magnitude,
        delta=np.zeros(assets),
        coin=coin,
        kind=kind,
        expires_ms=np.where(option, 1 + expiry, 0).astype(np.int64),
        strike=np.where(option, rng.integers(1, 3, assets) * 1e13, 0.0),
        is_call=(rng.random(assets) < 0.5).astype(np.int8),
        scenarios=scenarios,
        coins=COINS,
        quotes=Quotes(
            size=10.0 ** rng.uniform(-6, 0, assets),
            forward=np.full(assets, 1e13),
            years=np.where(option, expiry / 3.0, 0.0),
            volatility=np.where(option, 0.7, 0.0),
            discount=np.where(option, 1.0 - 0.02 * expiry, 1.0),
            confidence=confidence if rng.random() < 0.5 else np.ones(assets),
            price=np.array([rng.choice([1e10, 0.97e10]), 6e14, 15e12, 1e12]),
            settles=coin,
        ),
    )


@st.composite
def books(draw: st.DrawFn, scenarios: int) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale: exact, just above 2^53, and far above."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 14))
    table = table_of(rng, assets, 10.0 ** draw(st.sampled_from([1, 4, 7, 11, 14])), scenarios)
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    places = st.integers(0, assets + len(COINS) - 1)
    accounts = draw(st.lists(st.dictionaries(places, amount, max_size=10), max_size=5))
    return table, [sorted(rows.items()) for rows in accounts]


@pytest.mark.parametrize("name", METHODS)
def test_derive_portfolio_margin_keeps_the_laws(name: str) -> None:
    method = METHODS[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books(len(method.grid().scenarios)))
    def laws(book) -> None:
        table, accounts = book
        check_margin_method(method, table, accounts)

    laws()
