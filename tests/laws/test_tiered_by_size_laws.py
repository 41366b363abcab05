"""Tiers by size keep the laws of every method, and are plain tiers where nothing is added."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import Bracket, ExactTable, Tiered, check_margin_method, holdings_of
from seawall.margin.tiered_by_size import OpenInterest, TieredBySize
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import NO_QUOTES

COINS = ("USDC", "BTC", "ETH", "SOL")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.LINEAR, Kind.INVERSE, Kind.OPTION)
DOLLAR = 10**10


def brackets(*lines: tuple[str, str, str]) -> tuple[Bracket, ...]:
    return tuple(Bracket(*map(Decimal, line)) for line in lines)


BRACKETS = {
    "BTC": brackets(("0", "0.008", "0.004"), ("50000", "0.01", "0.005"), ("250000", "1", "1")),
    "ETH": brackets(("0", "0.1", "0.05")),
}
FULL = TieredBySize(
    brackets=BRACKETS,
    close_fee=Decimal("0.0006"),
    size_root={"BTC": Decimal("0.0003"), "ETH": Decimal("0.000017")},
    open_interest={"ETH": OpenInterest(Decimal(10), Decimal(40), Decimal(20))},
)
METHODS = {
    "full": FULL,
    "root": TieredBySize(brackets=BRACKETS, size_root={"BTC": Decimal("0.1")}),
    "share": TieredBySize(
        brackets=BRACKETS, size_root={"ETH": Decimal("0.01")}, size_share=Decimal(0)
    ),
    "fee": TieredBySize(brackets=BRACKETS, close_fee=Decimal("0.000000001")),
    "interest": TieredBySize(
        brackets=BRACKETS,
        open_interest={
            "BTC": OpenInterest(Decimal(0), Decimal(3), Decimal(1)),
            "ETH": OpenInterest(Decimal(0), Decimal(3), Decimal(5)),
        },
    ),
}


def table_of(value, collateral, notional, coin, kind, size=None) -> RiskTable:
    assets = len(value)
    nothing = np.zeros(assets)
    return RiskTable(
        value=np.asarray(value, np.float64),
        collateral=np.asarray(collateral, np.float64),
        change=np.zeros((assets, 32)),
        bound=np.maximum(np.abs(value), np.abs(collateral)).astype(np.float64),
        notional=np.asarray(notional, np.float64),
        delta=nothing,
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.zeros(assets, np.int64),
        strike=nothing,
        is_call=np.zeros(assets, np.int8),
        scenarios=0,
        coins=COINS,
        quotes=NO_QUOTES if size is None else NO_QUOTES._replace(size=np.asarray(size, float)),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale, exact and far above 2^53."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 10))
    top = draw(st.sampled_from([1, 4, 7, 11, 14]))
    magnitude = np.floor(10.0 ** rng.uniform(0, top, assets))
    kind = rng.choice(KINDS, assets)
    value = magnitude * np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    lot = rng.choice([0.001, 0.01, 1 / 3, 1.0, 1000.0], assets)
    size = np.where(kind == Kind.LINEAR, lot, 0.0)
    coin = rng.integers(0, len(COINS), assets)
    table = table_of(value, collateral, magnitude, coin, kind, size)
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    rows = st.dictionaries(st.integers(0, assets - 1), amount, max_size=8)
    return table, [sorted(held.items()) for held in draw(st.lists(rows, max_size=5))]


@pytest.mark.parametrize("name", METHODS)
def test_it_keeps_the_laws(name: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books())
    def laws(book) -> None:
        check_margin_method(METHODS[name], *book)

    laws()


@settings(max_examples=40, deadline=None)
@given(books())
def test_with_nothing_added_it_is_tiered_to_the_bit(book) -> None:
    risk, accounts = book
    plain, sized = Tiered(brackets=BRACKETS), TieredBySize(brackets=BRACKETS)
    holdings, table = holdings_of(accounts), ExactTable(risk)
    one, other = plain.requirement(holdings, risk), sized.requirement(holdings, risk)
    for name in ("equity", "margin_equity", "initial", "maintenance"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    for rows in accounts:
        assert plain.requirement_exact(rows, table) == sized.requirement_exact(rows, table)
        assert plain.refuses(rows, table) == sized.refuses(rows, table)


@settings(max_examples=40, deadline=None)
@given(books(), st.integers(0, 60), st.integers(0, 60))
def test_open_interest_raises_initial_and_never_maintenance(book, before, after) -> None:
    risk, accounts = book
    readings = sorted((before, after))
    low, high = (FULL.at_open_interest({"ETH": Decimal(read)}) for read in readings)
    table = ExactTable(risk)
    for rows in accounts:
        first, second = low.requirement_exact(rows, table), high.requirement_exact(rows, table)
        assert first.maintenance == second.maintenance
        assert first.initial <= second.initial


def one_position(lot: float = 1.0) -> ExactTable:
    """An ETH contract whose lot is worth 100 dollars."""
    lines = [100 * DOLLAR], [100 * DOLLAR], [100 * DOLLAR], [2], [Kind.LINEAR]
    return ExactTable(table_of(*lines, [lot]))


def dollars(exact) -> tuple[Fraction, Fraction]:
    return Fraction(exact.initial, DOLLAR), Fraction(exact.maintenance, DOLLAR)


def test_premium_for_size_by_arithmetic() -> None:
    # 400 coins at 100: N = 40,000; root 0.001 · √400 = 0.02. Initial 0.8 · 0.1 + 0.02 = 0.1: a tie
    # with 0.1. Maintenance 0.8 · 0.05 + 0.02 = 0.06 > 0.05. At 100 coins: 0.8 · 0.05 + 0.01 = 0.05.
    method = TieredBySize(brackets=BRACKETS, size_root={"ETH": Decimal("0.001")})
    assert dollars(method.requirement_exact([(0, 400)], one_position())) == (4000, 2400)
    assert dollars(method.requirement_exact([(0, -100)], one_position())) == (1000, 500)
    # Lots of a quarter coin: 1,600 of them are the same 400 coins, at 100 dollars a lot.
    assert dollars(method.requirement_exact([(0, 1600)], one_position(0.25)))[1] == 9600


def test_drift_ratio() -> None:
    # Drift's own test get_margin_ratio::new_hlm_imf_size, maintenance 0.5 %, factor 0.00005,
    # 300,000 coins: 0.004 + 0.00005 · 547.72 = 0.03138…, which it prints as 0.0313.
    eth = {"ETH": brackets(("0", "0.01", "0.005"))}
    method = TieredBySize(brackets=eth, size_root={"ETH": Decimal("0.00005")})
    _, maintenance = dollars(method.requirement_exact([(0, 300_000)], one_position()))
    assert int(maintenance / 300_000 / 100 * 10_000) == 313


def test_open_interest_and_fee_by_arithmetic() -> None:
    # Base 20 %, open interest half way between 1 and 2: 20 % + 0.5 · 80 % = 60 %, as dYdX's test.
    eth = {"ETH": brackets(("0", "0.2", "0.1"))}
    bounds = {"ETH": OpenInterest(Decimal(1), Decimal(2), Decimal("1.5"))}
    method = TieredBySize(brackets=eth, open_interest=bounds, close_fee=Decimal("0.001"))
    # 10 lots at 100, fee 1 on both.
    assert dollars(method.requirement_exact([(0, 10)], one_position())) == (601, 101)
    for read, initial in (("0", 201), ("1", 201), ("2", 1001), ("9", 1001)):
        now = method.at_open_interest({"ETH": Decimal(read)})
        assert dollars(now.requirement_exact([(0, 10)], one_position())) == (initial, 101)


def test_explanation_names_what_is_added() -> None:
    said = FULL.explain([(0, 400)], one_position(), ["ETH-PERP"])
    assert said.binding == (
        "ETH-PERP: tier 1, 5 % above 0 dollars, or its share with a premium for size if that is"
        " more, 0.06 % to close"
    )


def test_a_table_without_quotes_is_our_own_mistake() -> None:
    bare = one_position().risk._replace(quotes=NO_QUOTES)
    with pytest.raises(AssertionError, match="carries no quotes"):
        FULL.requirement(holdings_of([[(0, 1)]]), bare)
    with pytest.raises(AssertionError, match="carries no quotes"):
        FULL.requirement_exact([(0, 1)], ExactTable(bare))
    assert METHODS["fee"].requirement(holdings_of([[(0, 1)]]), bare).initial[0] > 0


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("close_fee", "1.5", "close_fee: 1.5 is not between 0 and 1"),
        ("size_share", "-1", "size_share: -1 is not between 0 and 1"),
        ("size_root", {"ETH": "-1"}, "size_root.ETH: -1 is negative"),
        ("size_root", {"SOL": "1"}, "size_root.SOL: the coin has no brackets"),
        ("open_interest", {"ETH": {"lower": "2", "upper": "2"}}, "open_interest.ETH: 0 <= lower"),
        (
            "open_interest",
            {"ETH": {"lower": "0", "upper": "2", "current": "-1"}},
            "open_interest.ETH.current: -1 is negative",
        ),
        ("brackets", {"ETH": []}, "brackets.ETH: at least one bracket"),
    ],
)
def test_a_wrong_parameter_is_named(key: str, entry: object, message: str) -> None:
    tree = msgspec.to_builtins(TieredBySize(brackets=BRACKETS)) | {key: entry}
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(tree, TieredBySize)
    assert msgspec.convert(msgspec.to_builtins(FULL), TieredBySize) == FULL
