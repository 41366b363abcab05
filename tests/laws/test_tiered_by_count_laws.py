"""Tiers by count keep the laws of every method, and screen and twin never disagree on a tier."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.liquidation import Exit, outcome, plan
from seawall.margin import METHODS, ExactTable, check_margin_method, holdings_of
from seawall.margin.tiered_by_count import CountTier, TieredByCount
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import NO_QUOTES

COINS = ("USDC", "BTC", "ETH", "SOL")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.LINEAR, Kind.INVERSE, Kind.OPTION)
DOLLAR = 10**10


def tiers(*lines: tuple[str, str, str]) -> tuple[CountTier, ...]:
    return tuple(CountTier(*map(Decimal, line)) for line in lines)


LADDER = [(str(10**n), f"{(n + 2) * 0.02:.2f}", f"{(n + 2) * 0.01:.2f}") for n in range(12)]
TIERS = {
    "BTC": tiers(("0", "0.008", "0.004"), ("0.3", "0.01", "0.005"), ("700", "1", "1")),
    "ETH": tiers(("0", "0.02", "0.01"), *LADDER),  # Thirteen tiers: two vectors of borders.
}
SETS = {
    "plain": TieredByCount(tiers=TIERS),
    "fee": TieredByCount(tiers=TIERS, close_fee=Decimal("0.0005")),
    "dear": TieredByCount(tiers=TIERS, close_fee=Decimal(1)),
}


def table_of(value, notional, coin, kind, size=None) -> RiskTable:
    assets, nothing = len(value), np.zeros(len(value))
    value = np.asarray(value, np.float64)
    return RiskTable(
        value=value,
        collateral=np.where(value > 0, np.floor(0.9 * value), value),
        change=np.zeros((assets, 32)),
        bound=np.abs(value),
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
    lot = rng.choice([0.001, 0.01, 1 / 3, 1.0, 1000.0], assets)
    size = np.where(kind == Kind.LINEAR, lot, 0.0)
    table = table_of(value, magnitude, rng.integers(0, len(COINS), assets), kind, size)
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    rows = st.dictionaries(st.integers(0, assets - 1), amount, max_size=8)
    return table, [sorted(held.items()) for held in draw(st.lists(rows, max_size=5))]


@pytest.mark.parametrize("name", SETS)
def test_it_keeps_the_laws(name: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books())
    def laws(book) -> None:
        check_margin_method(SETS[name], *book)

    laws()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["0.1", "0.001", "0.00000001", "3", "0.07", "1000"]),
    st.integers(1, 10**9),
    st.integers(-2, 2),
)
def test_the_tier_is_that_of_the_decimals_on_either_side_of_a_border(size, lots, beside) -> None:
    """A border on a whole number of lots, in decimals that no float holds."""
    border, held = Decimal(size) * lots, max(lots + beside, 1)
    method = TieredByCount(tiers={"ETH": tiers(("0", "0.1", "0.1"), (str(border), "1", "1"))})
    risk = table_of([DOLLAR], [DOLLAR], [2], [Kind.LINEAR], [float(size)])
    owed = held * DOLLAR if Decimal(size) * held > border else held * DOLLAR // 10
    for sign in (1, -1):
        exact = method.requirement_exact([(0, sign * held)], ExactTable(risk))
        screen = method.requirement(holdings_of([[(0, sign * held)]]), risk)
        assert exact.maintenance == owed
        assert abs(Fraction(screen.maintenance[0]) - owed) <= Fraction(screen.error_bound[0])
        assert screen.error_bound[0] < 10 + owed * 1e-13  # A jump would be nine tenths of it.


@settings(max_examples=40, deadline=None)
@given(books(), st.integers(1, 1000))
def test_a_move_of_the_price_never_changes_the_tier(book, factor) -> None:
    """Margin of linear positions is proportional to the price, but for rounding up."""
    risk, accounts = book
    moved = risk._replace(
        value=risk.value * factor, bound=risk.bound * factor, notional=risk.notional * factor
    )
    if moved.value.size and np.abs(moved.value).max() >= 2.0**53:
        return
    for rows in accounts:
        linear = [row for row in rows if risk.kind[row[0]] == Kind.LINEAR]
        before = SETS["plain"].requirement_exact(linear, ExactTable(risk))
        after = SETS["plain"].requirement_exact(linear, ExactTable(moved))
        for name in ("initial", "maintenance"):
            gap = factor * getattr(before, name) - getattr(after, name)
            assert 0 <= gap <= factor * len(linear)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-3000, 3000).filter(bool), min_size=2, max_size=2),
    st.integers(0, 200_000),
    st.sampled_from([0, 3 * 10**6, 3 * 10**8]),
)
def test_a_plan_over_the_jumps_is_verified(lots, dollars_held, cost) -> None:
    """Initial margin is not convex here: a plan may not be the least, but is never wrong."""
    dollar = 10**4  # A contract is a coin of 100 dollars; cash is in dollars of 10,000 atoms.
    worth = [dollar, 100 * dollar, 100 * dollar]
    kinds = [Kind.CURRENCY, Kind.LINEAR, Kind.LINEAR]
    risk = table_of(worth, worth, [0, 1, 2], kinds, [0.0, 1.0, 1.0])
    debt = -sum(lots) * 100  # What the contracts are worth beside the cash was paid for them.
    rows = [(0, dollars_held + debt), (1, lots[0]), (2, lots[1])]
    rows = [row for row in rows if row[1]]
    table, method = ExactTable(risk), TieredByCount(tiers=TIERS)
    exits = {asset: Exit(0, 10**4, cost * 100 * dollar) for asset in (1, 2)}
    found = plan(rows, table, method, exits)
    assert found.after == outcome(rows, table, method, exits, found.closes)
    assert found.restores == (found.after.margin_equity >= found.after.initial)
    before = method.requirement_exact(rows, table)
    assert not found.closes or before.margin_equity < before.initial
    if not cost:  # Every close then frees margin: what all of them restore, the plan restores.
        assert found.restores


def one(kind: Kind = Kind.LINEAR, size: float = 0.1) -> ExactTable:
    """Contracts of 0.1 coins at 100 dollars a coin: 10 dollars a lot."""
    return ExactTable(table_of([10 * DOLLAR], [10 * DOLLAR], [2], [kind], [size]))


def dollars(exact) -> tuple[Fraction, Fraction]:
    return Fraction(exact.initial, DOLLAR), Fraction(exact.maintenance, DOLLAR)


def test_the_rate_holds_for_the_whole_position_by_arithmetic() -> None:
    # 1,000 contracts are 100 coins and 10,000 dollars: still the first tier, 2 % and 0.65 %. One
    # contract more is in the second: 10,010 · 2.5 % = 250.25 and 10,010 · 1 % = 100.10 dollars.
    eth = {"ETH": tiers(("0", "0.02", "0.0065"), ("100", "0.025", "0.01"))}
    method = TieredByCount(tiers=eth)
    assert dollars(method.requirement_exact([(0, 1000)], one())) == (200, 65)
    more = (Fraction("250.25"), Fraction("100.1"))
    assert dollars(method.requirement_exact([(0, 1001)], one())) == more
    assert dollars(method.requirement_exact([(0, -1001)], one())) == more
    # With 5 basis points to close, on the whole too: 5 dollars of 10,000.
    fee = TieredByCount(tiers=eth, close_fee=Decimal("0.0005"))
    assert dollars(fee.requirement_exact([(0, 1000)], one())) == (205, 70)
    assert method.explain([(0, 1001)], one(), ["ETH-PERP"]).binding == (
        "ETH-PERP: tier 2, 1 % of the whole above 100 coins"
    )
    assert fee.explain([(0, 1000)], one(), ["ETH-PERP"]).binding == (
        "ETH-PERP: tier 1, 0.65 % of the whole above 0 coins, 0.05 % to close"
    )


def test_what_has_no_coins_is_refused_and_charged_in_full() -> None:
    method = SETS["fee"]
    for kind in (Kind.INVERSE, Kind.OPTION):
        assert method.refuses([(0, -5)], one(kind, 0.0)) == (0,)
    assert dollars(method.requirement_exact([(0, -5)], one(Kind.INVERSE, 0.0))) == (50, 50)
    assert dollars(method.requirement_exact([(0, -5)], one(Kind.OPTION, 0.0))) == (100, 100)
    assert dollars(method.requirement_exact([(0, 5)], one(Kind.OPTION, 0.0))) == (0, 0)
    said = method.explain([(0, -5)], one(Kind.INVERSE, 0.0), ["X"]).binding
    assert said == "X: not marginable, charged in full"


def test_isolated_names_every_contract_but_one() -> None:
    two = [DOLLAR, DOLLAR]
    risk = table_of(two, two, [1, 2], [Kind.LINEAR] * 2, [1.0, 1.0])
    held = [(0, 1), (1, 1)]
    assert TieredByCount(tiers=TIERS, isolated=True).refuses(held, ExactTable(risk)) == (1,)
    assert SETS["plain"].refuses(held, ExactTable(risk)) == ()


def test_a_new_layout_is_compiled_anew() -> None:
    """One method, two catalogues: one ETH pays 1 %, a lot of 1,000 pays 4 %."""
    for size, owed in ((1.0, 1), (1000.0, 4), (1.0, 1)):
        risk = table_of([100.0], [100.0], [2], [Kind.LINEAR], [size])
        screen = SETS["plain"].requirement(holdings_of([[(0, 1)]]), risk)
        assert screen.maintenance[0] == owed
        assert SETS["plain"].requirement_exact([(0, 1)], ExactTable(risk)).maintenance == owed


def test_a_table_without_quotes_is_our_own_mistake() -> None:
    bare = one().risk._replace(quotes=NO_QUOTES)
    with pytest.raises(AssertionError, match="carries no quotes"):
        SETS["plain"].requirement(holdings_of([[(0, 1)]]), bare)
    with pytest.raises(AssertionError, match="carries no quotes"):
        SETS["plain"].requirement_exact([(0, 1)], ExactTable(bare))


def test_it_is_read_by_its_tag() -> None:
    tree = msgspec.to_builtins(SETS["fee"])
    assert tree["method"] == "tiered_by_count"
    assert msgspec.convert(tree, METHODS) == SETS["fee"]


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("close_fee", "1.5", "close_fee: 1.5 is not between 0 and 1"),
        ("tiers", {"ETH": []}, "tiers.ETH: at least one tier"),
        ("tiers", {"ETH": [("1", "0.1", "0.1")]}, r"tiers.ETH\[0\].above: the first tier"),
        ("tiers", {"ETH": [("0", "0.1", "0.2")]}, r"tiers.ETH\[0\]: 0 <= maintenance <="),
        ("tiers", {"ETH": [("0", "0.1", "0.1")] * 2}, r"tiers.ETH\[1\].above: tiers must ascend"),
        (
            "tiers",
            {"ETH": [("0", "0.2", "0.1"), ("1", "0.1", "0.1")]},
            r"tiers.ETH\[1\]: a larger position cannot pay a lower rate",
        ),
    ],
)
def test_a_wrong_parameter_is_named(key: str, entry: object, message: str) -> None:
    if isinstance(entry, dict):
        names = ("above", "initial", "maintenance")
        entry = {
            coin: [dict(zip(names, line, strict=True)) for line in lines]
            for coin, lines in entry.items()
        }
    tree = msgspec.to_builtins(SETS["plain"]) | {key: entry}
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(tree, TieredByCount)
