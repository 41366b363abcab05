"""Published cases of dYdX v4, Bybit and BitMEX: bankruptcy prices and deleveraging.

Cases are read from $SEAWALL_DATA/vectors/perps. dYdX divides equity by maintenance share and we by
notional; all its cases have one rate for all markets, so both must agree.
"""

import json
import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from seawall.liquidation import (
    SCORE_ONE,
    Candidate,
    bankruptcy_price,
    bankruptcy_value,
    deleverage,
    score,
)
from seawall.margin import ExactTable
from seawall.market import Catalogue, Instrument, Kind
from seawall.money import Asset, parse_atoms, parse_ratio
from seawall.pricing import RiskTable

DOLLAR = 10**10


def cases(venue: str, kind: str) -> list[dict]:
    folder = os.environ.get("SEAWALL_DATA")
    path = Path(folder or ".") / "vectors" / "perps" / f"{venue}.json"
    if not folder or not path.exists():
        return []
    found = [case for case in json.loads(path.read_text())["cases"] if case["kind"] == kind]
    assert found, f"{path} has no case of kind {kind}"
    return found


def each(venue: str, kind: str):
    found = cases(venue, kind)
    if not found:
        reason = f"NOT CHECKED: {venue} {kind}: SEAWALL_DATA names no vectors/perps/{venue}.json"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id=f"{venue}-missing")]
    return [pytest.param(case, id=case["id"]) for case in found]


def table_of(values, kinds):
    size = len(values)
    notional = [abs(v) if k >= Kind.LINEAR else 0 for v, k in zip(values, kinds, strict=True)]
    return ExactTable(
        RiskTable(
            value=np.array(values, float),
            collateral=np.array(values, float),
            change=np.zeros((size, 1)),
            bound=np.zeros(size),
            notional=np.array(notional, float),
            delta=np.zeros(size),
            coin=np.zeros(size, np.int32),
            kind=np.array(kinds, np.int8),
            expires_ms=np.zeros(size, np.int64),
            strike=np.zeros(size),
            is_call=np.zeros(size, np.int8),
            scenarios=1,
            coins=(),
        )
    )


def dydx_account(case):
    """Rows and table in 10⁻¹⁶ dollars, one lot for each base quantum of a market."""
    markets = {m["perpetual_id"]: m for m in case["inputs"]["markets"]}
    unit = 10**16
    assets = {number: place for place, number in enumerate(sorted(markets), 1)}
    lot_value = {
        n: int(Decimal(m["oracle_price"]) * Decimal(m["size_quantum"]) * unit)
        for n, m in markets.items()
    }
    values = [unit // 10**6] + [lot_value[n] for n in sorted(markets)]
    kinds = [Kind.CURRENCY] + [Kind.LINEAR] * len(markets)
    rows = [(0, parse_atoms(case["inputs"]["usdc_balance"], 6))]
    for position in case["inputs"]["positions"]:
        quantum = Decimal(markets[position["perpetual_id"]]["size_quantum"])
        rows.append((assets[position["perpetual_id"]], int(Decimal(position["size"]) / quantum)))
    target = case["inputs"]["perpetual_id"]
    lots = int(Decimal(case["inputs"]["delta_size"]) / Decimal(markets[target]["size_quantum"]))
    return [row for row in rows if row[1]], table_of(values, kinds), assets[target], lots, unit


@pytest.mark.parametrize("case", each("dydx_v4", "bankruptcy_price"))
def test_dydx_bankruptcy_quote(case):
    rows, table, asset, lots, unit = dydx_account(case)
    held = dict(rows)[asset]
    if "error" in case["expected"]:
        # Its refusal is of the order, not of the price: an order must reduce the position.
        assert lots == 0 or lots * held > 0
        return
    rates = {m["maintenance_margin_fraction"] for m in case["inputs"]["markets"]}
    assert len(rates) == 1, "one rate, so maintenance share is notional share"
    quote = -lots * bankruptcy_value(rows, table, asset)  # What the account receives.
    expected = parse_atoms(case["expected"]["quote_delta_at_bankruptcy"], 6)
    # Theirs rounds up once to 10⁻⁶ dollars; ours for the account in each lot, by below 10⁻¹⁶.
    assert expected == -(-(quote - abs(lots)) * 10**6 // unit)


@pytest.mark.parametrize("case", each("bybit", "cross_liquidation_price"))
def test_bybit_inverse_cross_bankruptcy(case):
    inputs = case["inputs"]
    assert (inputs["contract"], inputs["side"]) == ("inverse", "long")
    catalogue = Catalogue.empty(Asset("USD", 10), (Asset("BTC", 8),)).listed(
        [
            Instrument(
                id="BTC/USD:BTC",
                type="perpetual",
                base="BTC",
                quote="USD",
                settle="BTC",
                inverse=True,
                lot=DOLLAR,
                tick=5 * 10**9,
            )
        ]
    )
    entry = parse_atoms(inputs["entry_price"], 10)
    lots = int(inputs["quantity_usd"])
    kinds = [asset.kind for asset in catalogue.assets]
    table = table_of([entry // 10**8, -DOLLAR, entry // 10**8], kinds)
    bought = lots * DOLLAR * 10**8 // entry
    rows = [(0, parse_atoms(inputs["account_balance_btc"], 8)), (1, lots), (2, bought)]
    price = bankruptcy_price(rows, table, 1, catalogue, parse_ratio(inputs["taker_fee_rate"]))
    assert round(Decimal(price) / DOLLAR, 2) == Decimal(case["expected"]["bankruptcy_price"])


@pytest.mark.parametrize("case", each("bitmex", "adl_rank"))
def test_bitmex_rank(case):
    inputs = case["inputs"]
    assert inputs["contract"] == "linear"
    entry, mark, broke = (
        parse_atoms(inputs[key], 10) for key in ("entry_price", "mark_price", "bankruptcy_price")
    )
    side = 1 if inputs["side"] == "long" else -1
    found = score(Candidate(6, side, side * (mark - entry), mark, abs(mark - broke)))
    expected = Fraction(case["expected"]["score"])
    assert abs(Fraction(found, SCORE_ONE) - expected) < Fraction(1, 10**12)


@pytest.mark.parametrize("case", each("dydx_v4", "deleverage_offset"))
def test_dydx_offset_at_the_bankruptcy_price(case):
    """Whom dYdX picks is its own; given its picks, lots and final balances must be its."""
    inputs = case["inputs"]
    accounts = inputs["accounts"]
    broken = accounts[inputs["liquidated_index"]]
    one = 10**10
    price = parse_atoms(inputs["markets"][0]["oracle_price"], 10)
    table = table_of([one // 10**6, price // 10**8], [Kind.CURRENCY, Kind.LINEAR])
    lots = parse_atoms(broken["positions"][0]["size"], 8)
    rows = [(0, parse_atoms(broken["usdc_balance"], 6)), (1, lots)]
    value = bankruptcy_value(rows, table, 1)
    picks = [fill["offsetting_index"] for fill in case["expected"]["fills"]]
    queue = [
        Candidate(n, parse_atoms(accounts[n]["positions"][0]["size"], 8), 1, 1, 1) for n in picks
    ]
    total = parse_atoms(inputs["delta_size_total"], 8)
    result = deleverage(total if lots > 0 else -total, queue)
    fills = [parse_atoms(fill["size"], 8) for fill in case["expected"]["fills"]]
    assert [abs(take.lots) for take in result.takes] == fills
    assert abs(result.remainder) == parse_atoms(case["expected"]["size_remaining"], 8)
    for take in result.takes:
        before = parse_atoms(accounts[take.account]["usdc_balance"], 6)
        paid = take.lots * value * 10**6 // one
        after = parse_atoms(case["expected"]["accounts"][take.account]["usdc_balance"], 6)
        assert before - paid == after
