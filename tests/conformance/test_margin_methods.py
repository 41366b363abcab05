"""Every margin method keeps the laws, on tables that no market would be so unkind to make."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import (
    Bracket,
    Concentration,
    ConformanceError,
    ExactTable,
    Extreme,
    FilteredHistorical,
    PeaksOverThreshold,
    Scan,
    Term,
    Tiered,
    check_margin_method,
    holdings_of,
)
from seawall.market import Kind
from seawall.pricing import RiskTable

COINS = ("USDC", "BTC", "ETH", "SOL")
KINDS = (Kind.CURRENCY, Kind.QUOTE, Kind.LINEAR, Kind.INVERSE, Kind.OPTION)


def brackets(*lines: tuple[str, str, str]) -> tuple[Bracket, ...]:
    return tuple(Bracket(*map(Decimal, line)) for line in lines)


TIERED = Tiered(
    brackets={
        "BTC": brackets(("0", "0.008", "0.004"), ("50000", "0.01", "0.005"), ("250000", "1", "1")),
        "ETH": brackets(("0", "0", "0"), ("0.0000000001", "0.123456789", "0.1")),
    }
)
GRID = {
    "moves": (Decimal("-0.15"), Decimal("0.15"), Decimal("0.05")),
    "volatilities": (Decimal("0.5"), Decimal("0"), Decimal("-0.25")),
    "extremes": (Extreme(Decimal("-0.6"), Decimal("0.33")), Extreme(Decimal("3"), Decimal("0.1"))),
}
WIDE = GRID | {"moves": tuple(Decimal(n) / 100 for n in range(-16, 17, 2))}  # 53 cells, two blocks.
ADD_ONS = {"short_option_minimum": Decimal("0.03"), "initial_factor": Decimal("1.3")}
HISTORY = {
    "moves": {
        "BTC": tuple(Decimal(n * 37 % 41 - 20) / 100 for n in range(40)),
        "ETH": tuple(Decimal(n * 29 % 41 - 20) / 80 for n in range(40)),
    },
    "confidence": Decimal("0.9"),
}
STORMS = HISTORY | {
    "stressed": {
        "BTC": (Decimal("-0.4"), Decimal("0.3")),
        "ETH": (Decimal("-0.5"), Decimal("0.4")),
    },
    "floor": {"BTC": (Decimal("-0.2"), Decimal("0.1"), Decimal("0.15"))},
    "stressed_weight": Decimal("0.25"),
    "buffer": Decimal("0.25"),
    "offset_max": Decimal("0.8"),
    "initial_factor": Decimal("1.2"),
    "concentration": {"BTC": (Concentration(Decimal("0.001"), Decimal("0.05")),)},
}
METHODS = {
    "fhs_es": FilteredHistorical(**HISTORY),
    "fhs_var": FilteredHistorical(**HISTORY, measure="value_at_risk"),
    "fhs_es_add_ons": FilteredHistorical(**STORMS),
    "fhs_peaks": FilteredHistorical(**STORMS, tail=PeaksOverThreshold(Decimal("0.6"))),
    "fhs_var_peaks": FilteredHistorical(
        **HISTORY, measure="value_at_risk", tail=PeaksOverThreshold(Decimal("0.5"), Decimal(0))
    ),
    "tiered": TIERED,
    "scan_coin": Scan(**GRID),
    "scan_coin_add_ons": Scan(**GRID, **ADD_ONS),
    "scan_coin_wide": Scan(**WIDE, **ADD_ONS),
    "scan_all": Scan(**GRID, netting="all"),
    "scan_all_add_ons": Scan(**WIDE, **ADD_ONS, netting="all"),
    "scan_odd_factor": Scan(**GRID, initial_factor=Decimal("1.000000001")),
}


def table_of(value, collateral, change, notional, coin, kind, scenarios) -> RiskTable:
    """A table by hand, padded as pricing pads it."""
    assets = len(value)
    width = -(-max(scenarios, 1) // 32) * 32
    padded = np.repeat(change[:, :1], width, axis=1)
    padded[:, :scenarios] = change[:, :scenarios]
    bound = np.maximum(np.maximum(np.abs(value), np.abs(collateral)), np.abs(padded).max(axis=1))
    nothing = np.zeros(assets)
    return RiskTable(
        value=value,
        collateral=collateral,
        change=padded,
        bound=bound,
        notional=notional,
        delta=nothing,
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.zeros(assets, np.int64),
        strike=nothing,
        is_call=np.zeros(assets, np.int8),
        scenarios=scenarios,
        coins=COINS,
    )


@st.composite
def books(draw: st.DrawFn, scenarios: int) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale: exact, just above 2^53, and far above."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 12))
    top = 10.0 ** draw(st.sampled_from([1, 4, 7, 11, 14]))
    magnitude = np.floor(10.0 ** rng.uniform(0, np.log10(top), assets))
    kind = rng.choice(KINDS, assets)
    sign = np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    value = magnitude * sign
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    loud = 10.0 ** rng.uniform(-1, 4, (assets, 1))  # Value 1 may lose 10,000.
    change = np.floor(magnitude[:, None] * loud * rng.normal(0, 1, (assets, max(scenarios, 1))))
    change[change == 0] = 0.0
    table = table_of(
        value,
        collateral,
        change,
        np.abs(magnitude),
        rng.integers(0, len(COINS), assets),
        kind,
        scenarios,
    )
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    accounts = draw(
        st.lists(st.dictionaries(st.integers(0, assets - 1), amount, max_size=10), max_size=5)
    )
    return table, [sorted(rows.items()) for rows in accounts]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_keeps_the_laws(name: str) -> None:
    method = METHODS[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books(len(method.grid().scenarios)))
    def laws(book) -> None:
        table, accounts = book
        check_margin_method(method, table, accounts)

    laws()


def adversarial(scenarios: int) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """Value 1 with a loss of 1e11; huge lots; rows that cancel all but one atom."""
    change = np.full((6, max(scenarios, 1)), -1e11)
    change[1] = 1e11
    change[2, ::2] = 99_999_999_999.0
    change[3] = 0.0
    value = np.array([1.0, 1.0, 1.0, 7.0, 1.0, 3.0])
    coin, kind = [1, 1, 1, 0, 1, 2], [2, 2, 4, 0, 4, 3]
    table = table_of(value, value.copy(), change, np.full(6, 1e9), coin, kind, scenarios)
    large = 2**53 - 1
    accounts = [
        [(0, large), (1, large - 1), (3, 5)],
        [(0, -large), (1, -large), (2, large)],
        [(0, 90_071), (3, 9)],  # Just below 2^53.
        [(0, 90_072), (3, 9)],  # Just above it.
        [(0, 90_073), (1, 90_072), (3, 10**11)],
        [(2, -3), (4, -1), (5, 12_345_678_901)],
        [(3, large)],
        [],
    ]
    return table, accounts


@pytest.mark.parametrize("name", METHODS)
def test_a_method_keeps_the_laws_on_an_unkind_table(name: str) -> None:
    method = METHODS[name]
    check_margin_method(method, *adversarial(len(method.grid().scenarios)))


@pytest.mark.parametrize("name", METHODS)
def test_a_parallel_batch_has_the_bits_of_the_serial_one(name: str) -> None:
    method = METHODS[name]
    table, accounts = adversarial(len(method.grid().scenarios))
    few = method.requirement(holdings_of(accounts), table)
    many = method.requirement(holdings_of(accounts * 300), table)
    for one, all_of_them in zip(few, many, strict=True):
        assert np.tile(one, 300).tobytes() == all_of_them.tobytes()


class Cheat:
    """A method that is honest but for what a test replaces."""

    def __init__(self, honest, **lies) -> None:
        self.honest, self.lies = honest, lies

    def grid(self):
        return self.honest.grid()

    def refuses(self, rows, table):
        return self.honest.refuses(rows, table)

    def requirement(self, holdings, risk):
        told = self.honest.requirement(holdings, risk)
        return self.lies.get("requirement", lambda _, told: told)(holdings, told)

    def requirement_exact(self, rows, table):
        told = self.honest.requirement_exact(rows, table)
        return self.lies.get("exact", lambda _, told: told)(rows, told)

    def explain(self, rows, table, names):
        told = self.honest.explain(rows, table, names)
        return self.lies.get("explain", lambda told: told)(told)


CHEATS = {
    "bits of the account alone": {
        "requirement": lambda h, r: r._replace(equity=r.equity + 1e-3 * (len(h.start) > 3))
    },
    "any order": {
        "requirement": lambda h, r: (
            r._replace(maintenance=r.maintenance * 1.0001) if (np.diff(h.start) < 0).any() else r
        )
    },
    "maintenance must agree with its exact twin": {
        "requirement": lambda h, r: r._replace(maintenance=r.maintenance / 2)
    },
    "within error_bound": {"requirement": lambda h, r: r._replace(error_bound=0 * r.error_bound)},
    "must be a suspect": {
        "requirement": lambda h, r: r._replace(
            error_bound=np.where(np.isinf(r.error_bound), 0, r.error_bound),
            margin_equity=np.nan_to_num(r.margin_equity),
            maintenance=np.nan_to_num(r.maintenance, posinf=0.0),
        )
    },
    "nothing held, nothing owed": {
        "requirement": lambda h, r: r._replace(
            maintenance=r.maintenance + 1, initial=r.initial + 1, error_bound=r.error_bound + 9
        ),
        "exact": lambda rows, e: e._replace(maintenance=e.maintenance + 1, initial=e.initial + 1),
    },
    "doubling the size": {
        "requirement": lambda h, r: r._replace(error_bound=r.error_bound + 1e40),
        "exact": lambda rows, e: e._replace(maintenance=min(e.maintenance, 10**9)),
    },
    "initial is never below maintenance": {
        "exact": lambda rows, e: e._replace(initial=e.maintenance * 9 // 10)
    },
    "must be a Python int": {"exact": lambda rows, e: e._replace(equity=float(e.equity))},
    "must add up to maintenance": {
        "explain": lambda told: type(told)(
            told.method,
            (*told.terms, Term("a rounding", 0, 0, 0, 1)),
            told.binding,
            told.requirement,
        )
    },
}


@pytest.mark.parametrize("law", CHEATS)
@pytest.mark.parametrize("name", ["tiered", "scan_coin_add_ons"])
def test_a_cheat_is_caught(law: str, name: str) -> None:
    cheat = Cheat(METHODS[name], **CHEATS[law])
    with pytest.raises(ConformanceError, match=law):
        check_margin_method(cheat, *adversarial(len(cheat.grid().scenarios)))


def test_a_table_whose_bound_is_too_small_is_not_judged() -> None:
    method = METHODS["scan_coin"]
    table, accounts = adversarial(len(method.grid().scenarios))
    with pytest.raises(ConformanceError, match="bound must cover change"):
        check_margin_method(method, table._replace(bound=np.abs(table.value)), accounts)


def test_exact_tables_read_what_kernels_read() -> None:
    table, _ = adversarial(4)
    assert ExactTable(table).change(2) == [99_999_999_999, -(10**11)] * 2
