"""The charges of `scan` beside its scenarios: the laws on unkind tables, and sums by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, Scan, check_margin_method, holdings_of
from seawall.margin.grids import GRIDS
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import Quotes

CELLS = {"moves": (Decimal("-0.15"), Decimal("0.15"), Decimal("0.05"))}
FLAT = {
    "futures_minimum": Decimal("0.005"),
    "contract_minimum": Decimal("0.375"),
    "futures_contingency": Decimal("0.006"),
}
DELTA = {"delta_minimum_net": Decimal("0.01"), "delta_minimum_hedged": Decimal("0.005")}
ALL = FLAT | DELTA | {"short_option_minimum": Decimal("0.01"), "initial_factor": Decimal("1.3")}
METHODS = {
    "delta": Scan(**CELLS, **DELTA),
    "flat": Scan(**CELLS, **FLAT),
    "every_charge": Scan(**CELLS, **ALL),
    "one_set": Scan(**CELLS, **FLAT, netting="all", initial_factor=Decimal(2)),
}
COINS = ("USDC", "BTC", "ETH")
DOLLAR = 10**10


def table_of(value, notional, delta, coin, kind, change) -> RiskTable:
    """A table by hand: BTC at 60,000 dollars, ETH at 3,000.5, three scenarios."""
    assets = len(value)
    padded = np.repeat(change[:, :1], 32, axis=1)
    padded[:, :3] = change
    nothing, ones = np.zeros(assets), np.ones(assets)
    price = np.array([1.0, 60_000.0, 3_000.5]) * DOLLAR
    return RiskTable(
        value=value,
        collateral=value,
        change=padded,
        bound=np.maximum(np.abs(value), np.abs(padded).max(axis=1)),
        notional=notional,
        delta=delta,
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.zeros(assets, np.int64),
        strike=nothing,
        is_call=np.zeros(assets, np.int8),
        scenarios=3,
        coins=COINS,
        quotes=Quotes(nothing, nothing, nothing, nothing, ones, ones, price),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 10))
    top = draw(st.sampled_from([2.0, 6.0, 10.0, 14.0]))
    value, notional = np.floor(10.0 ** rng.uniform(0, top, (2, assets)))
    kind = rng.integers(0, 5, assets)
    value[kind == Kind.INVERSE] *= -1.0
    delta = np.floor(rng.normal(0, 10.0 ** rng.uniform(0, 11), assets)) + 0.0
    change = np.floor(value[:, None] * rng.normal(0, 0.2, (assets, 3))) + 0.0
    table = table_of(value, notional, delta, rng.integers(0, 3, assets), kind, change)
    most = 10 ** draw(st.sampled_from([1, 4, 9]))
    amount = st.integers(-most, most).filter(bool)
    accounts = draw(
        st.lists(st.dictionaries(st.integers(0, assets - 1), amount, max_size=9), max_size=5)
    )
    return table, [sorted(rows.items()) for rows in accounts]


@pytest.mark.parametrize("name", METHODS)
def test_charges_keep_the_laws(name: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(books())
    def laws(book: tuple[RiskTable, list[list[tuple[int, int]]]]) -> None:
        check_margin_method(METHODS[name], *book)

    laws()


def hedged_book() -> tuple[RiskTable, list[tuple[int, int]]]:
    """10 BTC long in futures, 8 calls of delta 0.5 sold, 2 inverse lots of 100 dollars; still."""
    dollars = np.array([60_000.0, 4_000.0, -100.0])
    notional = np.array([60_000.0, 60_000.0, 100.0])
    delta = np.array([1.0, 0.5, 0.0]) * DOLLAR
    kind = (Kind.LINEAR, Kind.OPTION, Kind.INVERSE)
    change = np.zeros((3, 3))
    table = table_of(dollars * DOLLAR, notional * DOLLAR, delta, (1, 1, 1), kind, change)
    return table, [(0, 10), (1, -8), (2, 2)]


def asked(table: RiskTable, rows: list[tuple[int, int]], **charges: Decimal) -> tuple[float, str]:
    """Maintenance in dollars, equal in screen and verdict, and what binds."""
    method = Scan(**CELLS, **charges)
    exact = method.requirement_exact(rows, ExactTable(table))
    screen = method.requirement(holdings_of([rows]), table)
    assert abs(screen.maintenance[0] - exact.maintenance) <= screen.error_bound[0]
    explained = method.explain(rows, ExactTable(table), ("future", "call", "inverse"))
    assert sum(term.maintenance for term in explained.terms) == exact.maintenance
    return exact.maintenance / DOLLAR, explained.binding


def test_a_delta_minimum_charges_the_net_and_what_offsets_itself() -> None:
    """Bought 10 · 60,000 + 200 = 600,200; sold 8 · 0.5 · 60,000 = 240,000.

    1 % of 360,200 net and 0.5 % of 240,000 hedged are 3,602 + 1,200.
    """
    assert asked(*hedged_book(), **DELTA) == (4_802.0, "BTC: delta minimum")


def test_contracts_have_a_minimum_and_futures_a_contingency() -> None:
    """0.5 % of 600,200 is 3,001; 20 lots at 0.375 are 7.50; 1 % of 8 · 60,000 sold is 4,800.

    0.6 % of 600,200 is 3,601.20 and comes on top.
    """
    table, rows = hedged_book()
    sold = {"short_option_minimum": Decimal("0.01")}
    least = {"futures_minimum": Decimal("0.005"), "contract_minimum": Decimal("0.375")}
    assert asked(table, rows, **sold) == (4_800.0, "BTC: short option minimum")
    assert asked(table, rows, **sold, **least) == (7_808.5, "BTC: contract minimum")
    contingency = {"futures_contingency": Decimal("0.006")}
    assert asked(table, rows, **contingency) == (3_601.2, "no loss in any scenario")
    assert asked(table, rows, **DELTA, **contingency)[0] == pytest.approx(8_403.2, abs=1e-10)


def test_the_larger_of_loss_and_minimum_counts() -> None:
    """The future loses 1,000 a lot in one scenario: 10,000 is more than 4,802."""
    table, rows = hedged_book()
    table.change[0, 1] = -1_000.0 * DOLLAR
    assert asked(table, rows, **DELTA)[0] == 10_000.0
    assert asked(table, rows, delta_minimum_net=Decimal("0.05"))[0] == 18_010.0


def test_paradex_asks_two_per_cent_of_the_net_delta_for_initial() -> None:
    method = GRIDS["paradex_pm"].method
    table, rows = hedged_book()
    change = np.zeros((3, 32))
    exact = method.requirement_exact(rows, ExactTable(table._replace(change=change, scenarios=24)))
    assert exact.initial / DOLLAR == 2 * 4_802.0


def test_a_charge_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="delta_minimum_net: a charge cannot be negative"):
        Scan(**CELLS, delta_minimum_net=Decimal("-0.01"))
    with pytest.raises(ValueError, match="deltas of coins that are one set"):
        Scan(**CELLS, **DELTA, netting="all")
    table, rows = hedged_book()
    bare = table._replace(quotes=table.quotes._replace(price=np.zeros(0)))
    with pytest.raises(AssertionError, match="needs the table's quotes"):
        Scan(**CELLS, **DELTA).requirement(holdings_of([rows]), bare)


def test_rules_without_the_later_charges_keep_their_spelling() -> None:
    from seawall.engine.rules.rulebook_tree import canonical_tree

    plain = canonical_tree(Scan(**CELLS))
    assert not Scan.LATER & set(plain)
    assert canonical_tree(Scan(**CELLS, **DELTA)) == plain | {
        "delta_minimum_net": "0.01", "delta_minimum_hedged": "0.005",
    }  # fmt: skip
