"""Deribit's portfolio margin keeps the laws of every method, on hand-made and unkind tables."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, check_margin_method, holdings_of
from seawall.margin.deribit import PairRates, SettlementRates
from seawall.margin.deribit_cross import CrossRates, DeribitCross
from seawall.margin.deribit_portfolio import DeribitPortfolio
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import Quotes

COINS = ("USDC", "BTC", "ETH", "SOL")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.INVERSE, Kind.OPTION)
DAY_MS = 86_400_000
BTC = PairRates(
    price_range=Decimal("0.16"),
    volatility_range_up=Decimal("0.5"),
    volatility_range_down=Decimal("0.25"),
    delta_total_liq_shock_threshold=Decimal("0.001"),  # So that most deltas lie above it.
    m_inc=Decimal("0.00005"),
)
ETH = PairRates(
    price_range=Decimal("0.7"),  # Beyond an extended move: scaled up, not dampened.
    volatility_range_up=Decimal("0.4"),
    volatility_range_down=Decimal("0.25"),
    extended_table_factor=Decimal("1.5"),
    m_inc=Decimal("0.000000000004"),
    max_delta_shock=Decimal("0.02"),
)
METHOD = DeribitPortfolio(
    pairs={"BTC": BTC, "ETH": ETH},
    currencies={
        "BTC": SettlementRates(Decimal("0.075"), Decimal("0.01")),
        "ETH": SettlementRates(Decimal("0.05"), Decimal("0.005"), Decimal("0.0001")),
        "USDC": SettlementRates(Decimal("0.1"), Decimal("0.01"), Decimal(25_000)),
    },
)
# 17 cells in 32 columns, 35 in 64, 59 in 64 and 65 in 96.
BUCKETS = {count: msgspec.structs.replace(METHOD, buckets_count=count) for count in (1, 4, 8, 9)}
# Each coin's two netting sets are one correlation set, and both coins together are another.
CROSS = {
    together: DeribitCross(
        pairs=METHOD.pairs,
        currencies={
            name: CrossRates(
                **msgspec.structs.asdict(rates),
                correlation_set=of,
                pnl_offset=Decimal("0.6"),
                max_offsetable_pnl=Decimal("0.001") if name == "BTC" else Decimal(20_000_000),
            )
            for (name, rates), of in zip(METHOD.currencies.items(), together, strict=True)
        },
    )
    for together in (("one", "one", ""), ("one", "two", ""), ("", "", ""))
}


def table_of(rng: np.random.Generator, assets: int, top: float, scenarios: int = 35) -> RiskTable:
    """Whole numbers that no market would be so unkind to make."""
    magnitude = np.floor(10.0 ** rng.uniform(0, np.log10(top), assets))
    kind = rng.choice(KINDS, assets).astype(np.int8)
    value = magnitude * np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    loud = 10.0 ** rng.uniform(-1, 4, (assets, 1))
    cells = np.floor(magnitude[:, None] * loud * rng.normal(0, 1, (assets, scenarios)))
    cells[kind < Kind.LINEAR] = 0.0  # In its own measure, cash does not change.
    change = np.repeat(cells[:, :1], -(-scenarios // 32) * 32, axis=1)
    change[:, :scenarios] = cells
    coin = rng.integers(0, len(COINS), assets).astype(np.int32)
    settles = np.where(rng.random(assets) < 0.5, coin, 0).astype(np.int32)
    days = rng.choice([0, 1, 7, 30, 200], assets)
    price = np.array([1e10, 606_398_100_000_000.0, 30_000_000_000_000.0, 1.5e12])
    sized = (kind == Kind.LINEAR) | (kind == Kind.OPTION)
    return RiskTable(
        value=value,
        collateral=collateral,
        change=change,
        bound=np.maximum(np.maximum(np.abs(value), np.abs(collateral)), np.abs(change).max(axis=1)),
        notional=magnitude,
        delta=np.zeros(assets),
        coin=coin,
        kind=kind,
        expires_ms=np.where(days > 0, days * DAY_MS, 0),
        strike=np.where(kind == Kind.OPTION, price[coin] * rng.uniform(0.5, 2, assets), 0.0),
        is_call=rng.integers(0, 2, assets).astype(np.int8),
        scenarios=scenarios,
        coins=COINS,
        quotes=Quotes(
            size=np.where(sized, rng.choice([0.001, 0.01, 1.0], assets), 0.0),
            forward=np.where(kind >= Kind.LINEAR, price[coin] * rng.uniform(0.9, 1.1, assets), 0.0),
            years=days / 365,
            volatility=np.where(kind == Kind.OPTION, rng.uniform(0, 2, assets), 0.0),
            discount=np.ones(assets),
            confidence=np.ones(assets),
            price=price,
            settles=settles,
        ),
    )


@st.composite
def books(draw: st.DrawFn, scenarios: int = 35) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 14))
    top = 10.0 ** draw(st.sampled_from([1, 4, 7, 11, 14]))
    table = table_of(rng, assets, top, scenarios)
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    held = st.dictionaries(st.integers(0, assets - 1), amount, max_size=10)
    return table, [sorted(rows.items()) for rows in draw(st.lists(held, max_size=5))]


@pytest.mark.parametrize("count", BUCKETS)
def test_it_keeps_the_laws(count: int) -> None:
    method = BUCKETS[count]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books(len(method.grid().scenarios)))
    def laws(book) -> None:
        check_margin_method(method, *book)

    laws()


@pytest.mark.parametrize("together", CROSS)
def test_the_cross_margin_keeps_the_laws(together: tuple[str, ...]) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books())
    def laws(book) -> None:
        check_margin_method(CROSS[together], *book)

    laws()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(books())
def test_without_correlation_sets_the_cross_margin_is_the_segregated_one(book) -> None:
    risk, accounts = book
    table = ExactTable(risk)
    for rows in accounts:
        apart = METHOD.requirement_exact(rows, table)
        assert CROSS[("", "", "")].requirement_exact(rows, table) == apart
        joint = CROSS[("one", "one", "")].requirement_exact(rows, table)
        assert joint.initial <= apart.initial  # Moving together is never dearer.


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(books())
def test_who_is_not_margined_is_refused_and_charged_in_full(book) -> None:
    risk, accounts = book
    table = ExactTable(risk)
    named = [COINS[coin] in METHOD.pairs for coin in risk.coin.tolist()]
    settled = [COINS[coin] in METHOD.currencies for coin in risk.quotes.settles.tolist()]
    for rows in accounts:
        refused = METHOD.refuses(rows, table)
        assert refused == tuple(
            asset
            for asset, _ in rows
            if risk.kind[asset] >= Kind.LINEAR and not (named[asset] and settled[asset])
        )
        alone = METHOD.requirement_exact([row for row in rows if row[0] in refused], table)
        full = sum(
            abs(lots)
            * (table.notional[a] + (abs(table.value[a]) if table.kind[a] == Kind.OPTION else 0))
            for a, lots in rows
            if a in refused and not (table.kind[a] == Kind.OPTION and lots > 0)
        )
        assert alone.initial == alone.maintenance == full


@pytest.mark.parametrize("method", [METHOD, *CROSS.values()][:2])
def test_a_parallel_batch_has_the_bits_of_the_serial_one(method) -> None:
    rng = np.random.default_rng(5)
    risk = table_of(rng, 40, 1e9)
    accounts = [
        sorted({int(a): int(rng.integers(1, 10**6)) for a in rng.integers(0, 40, 9)}.items())
        for _ in range(400)
    ]
    few, many = holdings_of(accounts), holdings_of(accounts * 501)
    assert len(many.start) >= 200_000
    for one, batch in zip(
        method.requirement(few, risk), method.requirement(many, risk), strict=True
    ):
        assert np.tile(one, 501).tobytes() == batch.tobytes()
