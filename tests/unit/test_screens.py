"""Both loops of every screen, and the vectors that they are made of."""

from __future__ import annotations

import importlib
from decimal import Decimal

import numba
import numpy as np
import pytest

import seawall._jit as jit
from seawall.margin import (
    Bracket,
    CountTier,
    Lending,
    Lent,
    Scan,
    Tiered,
    TieredByCount,
    TieredBySize,
    holdings_of,
)
from seawall.margin.listed.venues import VENUES
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import Quotes

COINS = ("BTC", "ETH", "SOL")
LINES = tuple(
    Bracket(Decimal(above), Decimal(rate) / 100, Decimal(rate) / 200)
    for above, rate in ((0, 1), (50, 2), (250, 5), (1_000, 10), (2_000, 20), (2_500, 25),
                        (3_000, 30), (4_000, 40), (5_000, 50), (6_000, 60), (7_000, 70))
)  # fmt: skip
BRACKETS = {"BTC": LINES, "ETH": LINES[:1]}
MOVES = tuple(Decimal(n) / 100 for n in range(-10, 10))
METHODS = {
    "tiered": Tiered(brackets=BRACKETS),
    "tiered_by_size": TieredBySize(
        brackets=BRACKETS, close_fee=Decimal("0.0005"), size_root={"BTC": Decimal("0.001")}
    ),
    "tiered_by_count": TieredByCount(
        tiers={"BTC": tuple(CountTier(b.above / 1000, b.initial, b.maintenance) for b in LINES)}
    ),
    "standard": VENUES["deribit"].method,
    "scan": Scan(moves=MOVES, short_option_minimum=Decimal("0.01"),
                 delta_minimum_net=Decimal("0.02"), initial_factor=Decimal("1.3")),
    "lending": Lending(coins={coin: Lent(Decimal("0.75"), Decimal("0.8")) for coin in COINS}),
}  # fmt: skip


def market(assets: int) -> RiskTable:
    rng = np.random.default_rng(4)
    value = rng.integers(1, 10**10, assets).astype(np.float64)
    change = np.floor(value[:, None] * rng.normal(0, 0.1, (assets, 32)))
    ones = np.ones(assets)
    price = np.full(3, 6e14)
    return RiskTable(
        value, np.floor(0.9 * value), change, np.maximum(value, np.abs(change).max(axis=1)),
        value, np.floor(0.5 * value), rng.integers(0, 3, assets).astype(np.int32),
        rng.integers(0, 5, assets).astype(np.int8), np.zeros(assets, np.int64), 6e14 * ones,
        np.zeros(assets, np.int8), len(MOVES), COINS,
        Quotes(0.001 * ones, 6e14 * ones, ones, ones, ones, ones, price),
    )  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_two_threads_give_the_bits_of_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts of many sizes, more of them than share a workspace; the threads meet on each."""
    method, risk = METHODS[name], market(40)
    rng = np.random.default_rng(9)
    accounts = []
    for rows in rng.integers(0, 12, 5_000):
        assets = np.sort(rng.choice(40, rows, replace=False))
        lots = rng.integers(1, 1_000, rows) * rng.choice([-1, 1], rows)
        accounts.append(list(zip(assets.tolist(), lots.tolist(), strict=True)))
    holdings = holdings_of(accounts)
    serial = method.requirement(holdings, risk)
    monkeypatch.setattr(importlib.import_module(type(method).__module__), "PARALLEL_FROM", 0)
    parallel = method.requirement(holdings, risk)
    for column, same in zip(serial, parallel, strict=True):
        assert column.tobytes() == same.tobytes()
        assert np.isfinite(column).all()
    assert (serial.maintenance > 0).mean() > 0.5


def test_a_tier_is_found_on_every_side_of_every_border() -> None:
    """Eleven brackets are more than one vector of borders; N at a border pays the lower rate."""
    dollar = 10.0**10
    method, risk = METHODS["tiered"], market(1)
    one = np.full(1, dollar)
    risk = risk._replace(
        value=one, collateral=one, bound=one, notional=one, kind=np.full(1, Kind.LINEAR, np.int8),
        coin=np.zeros(1, np.int32),
    )  # fmt: skip
    sizes = sorted({int(line.above) + step for line in LINES for step in (-1, 0, 1)} - {-1, 0})
    found = method.requirement(holdings_of([[(0, size)] for size in sizes]), risk).maintenance
    slices = zip(LINES, (*LINES[1:], None), strict=True)
    spans = [(int(a.above), int(b.above) if b else 10**9, float(a.maintenance)) for a, b in slices]
    for size, charge in zip(sizes, found, strict=True):
        paid = sum(max(min(size, end) - start, 0) * rate for start, end, rate in spans)
        assert charge == pytest.approx(paid * dollar, rel=1e-14)


PLAIN = numba.njit(error_model="numpy")


@PLAIN
def _lanes(table, out):
    one, two = jit.load(table, 0, 0), jit.load(table, 1, 0)
    jit.store(out, 1, 8, jit.multiply_add(one, jit.splat(2.0), two))
    out[0, 0] = jit.lane(one, 3)
    return jit.lanes_above(one, two)


def test_vectors_are_stored_read_and_compared() -> None:
    rng = np.random.default_rng(2)
    table, out = rng.normal(0, 1, (2, 8)), np.zeros((2, 16))
    table[0, 5] = np.nan
    assert _lanes(table, out) == (table[0] > table[1]).sum()
    assert out[0, 0] == table[0, 3]
    np.testing.assert_array_equal(out[1, 8:], table[0] + 2.0 * table[1])
    assert not out[0, 1:].any()
    assert not out[1, :8].any()


def test_a_vector_is_stored_in_a_contiguous_table_alone() -> None:
    with pytest.raises(numba.TypingError, match="C-contiguous"):
        _lanes(np.ones((2, 8)), np.zeros((2, 32))[:, ::2])
