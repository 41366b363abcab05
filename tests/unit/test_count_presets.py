"""Presets whose rates depend on the coins held: what the announcement and the script give."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from seawall.engine.rules.presets import preset
from seawall.margin import (
    ExactTable,
    TieredByCount,
    TieredBySize,
    TierError,
    check_margin_method,
    count_tiers_from_ccxt,
)
from seawall.margin.tiered_by_count import CountTier
from seawall.market import Kind
from seawall.pricing.table import NO_QUOTES, RiskTable

DOLLAR = 10**10
CONTRACT = {"BTC": "0.01", "AAVE": "0.1", "ADA": "100", "ALGO": "10"}
OKX, DRIFT = preset("okx_swap").method, preset("drift").method
assert isinstance(OKX, TieredByCount)
assert isinstance(DRIFT, TieredBySize)


def table(coin: str, coins_per_lot: float, dollars_per_lot: int) -> RiskTable:
    worth, nothing = np.array([float(dollars_per_lot * DOLLAR)]), np.zeros(1)
    return RiskTable(
        value=worth,
        collateral=worth,
        change=np.zeros((1, 32)),
        bound=worth,
        notional=worth,
        delta=nothing,
        coin=np.zeros(1, np.int32),
        kind=np.full(1, int(Kind.LINEAR), np.int8),
        expires_ms=np.zeros(1, np.int64),
        strike=nothing,
        is_call=np.zeros(1, np.int8),
        scenarios=0,
        coins=(coin,),
        quotes=NO_QUOTES._replace(size=np.array([coins_per_lot])),
    )


@pytest.mark.parametrize("coin", OKX.tiers)
def test_okx_keeps_the_laws_on_either_side_of_its_borders(coin: str) -> None:
    size = Decimal(CONTRACT[coin])
    borders = [int(tier.above / size) for tier in OKX.tiers[coin]]
    accounts = [[(0, lots + more)] for lots in borders[1:] for more in (-1, 0, 1)]
    check_margin_method(OKX, table(coin, float(size), 7), [[], *accounts, [(0, -(10**9))]])


@pytest.mark.parametrize(
    ("coin", "contracts", "initial", "maintenance"),
    [
        # Contracts of 100 dollars, so that a percent of one is a dollar. "Max. amount" is inside.
        ("AAVE", 3500, "2", "0.65"),
        ("AAVE", 3501, "2.5", "1"),
        ("AAVE", 15_000, "5", "1.5"),
        ("AAVE", 15_001, "5.5", "2"),  # The fourth: 15,000 contracts and half a percent more.
        ("AAVE", 30_001, "6", "2.5"),
        ("ADA", 1500, "2", "0.5"),
        ("ADA", 3001, "3", "1"),
        ("ADA", 12_001, "4", "2"),
        ("ALGO", 6000, "2.5", "1"),
        ("ALGO", 30_001, "5.5", "2"),
        ("AAVE", 10**7, "50", "46.5"),  # Where the ladder ends: 90 steps above 5 %.
        # The API's reply: up to 10 coins 100 times, to 50 66.66, to 200 50, to 400 40 times; the
        # fiftieth row is up to 9,600 coins at 24.25 %, the last up to 19,400 at 48.75 %.
        ("BTC", 1000, "1", "0.4"),
        ("BTC", 1001, "1.5", "0.5"),
        ("BTC", 20_000, "2", "0.75"),
        ("BTC", 40_000, "2.5", "1.25"),
        ("BTC", 960_000, "25.5", "24.25"),
        ("BTC", 1_940_000, "50", "48.75"),
    ],
)
def test_okx_asks_what_its_announcement_prints(coin, contracts, initial, maintenance) -> None:
    risk = table(coin, float(CONTRACT[coin]), 100)
    exact = OKX.requirement_exact([(0, contracts)], ExactTable(risk))
    assert exact.initial == Fraction(initial) * contracts * DOLLAR
    assert exact.maintenance == Fraction(maintenance) * contracts * DOLLAR


@pytest.mark.parametrize(
    ("coin", "coins", "initial", "maintenance"),
    [
        # 400 coins, root 20: 0.8 · 5 % + 0.0019 · 20 = 7.8 %; 0.8 · 2 % + 3.8 % = 5.4 %.
        ("BTC", 400, "0.078", "0.054"),
        # 25 coins: 0.04 + 0.0019 · 5 = 4.95 %, below 5 %; 0.016 + 0.0095 = 2.55 %.
        ("BTC", 25, "0.05", "0.0255"),
        # 10,000 coins: 0.04 + 0.00005 · 100 = 4.5 %, below 5 %; 0.024 + 0.005 = 2.9 %, below 3 %.
        ("SOL", 10_000, "0.05", "0.03"),
        ("SOL", 1_000_000, "0.09", "0.074"),
        ("ETH", 10_000, "0.065", "0.049"),
        ("HYPE", 1_000_000, "0.18", "0.14"),
        ("ZEC", 10_000, "0.1442", "0.1042"),
    ],
)
def test_drift_asks_what_its_formula_gives(coin, coins, initial, maintenance) -> None:
    exact = DRIFT.requirement_exact([(0, -coins)], ExactTable(table(coin, 1.0, 1)))
    assert exact.initial == Fraction(initial) * coins * DOLLAR
    assert exact.maintenance == Fraction(maintenance) * coins * DOLLAR


def okx_tier(first: object, last: object, maintenance: float, leverage: float, **info) -> dict:
    """As ccxt hands it on: minNotional and maxNotional are OKX's minSz and maxSz."""
    return {
        "minNotional": first,
        "maxNotional": last,
        "maintenanceMarginRate": maintenance,
        "maxLeverage": leverage,
        "info": {"minSz": str(first), "maxSz": str(last), "mmr": str(maintenance)} | info,
    }


def test_tiers_of_contracts_become_tiers_of_coins() -> None:
    # The borders are the ends of the tiers before: 1,000 · 0.01 = 10 and 5,000 · 0.01 = 50 coins.
    read = count_tiers_from_ccxt(
        [
            okx_tier(0, 1000.0, 0.004, 100, imr="0.01"),
            okx_tier(1000.01, 5000.0, 0.005, 66.66, imr="0.015"),
            okx_tier(5001, 20_000, 0.0075, 3),
        ],
        Decimal("0.01"),
    )
    assert read == (
        CountTier(Decimal(0), Decimal("0.01"), Decimal("0.004")),
        CountTier(Decimal(10), Decimal("0.015"), Decimal("0.005")),
        CountTier(Decimal(50), Decimal("0.333333334"), Decimal("0.0075")),  # 1 ÷ 3, owed: up.
    )
    assert read[:2] == OKX.tiers["BTC"][:2]
    TieredByCount(tiers={"BTC": read})


GOOD = okx_tier(0, 1000, 0.01, 50)


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ([], "tiers: at least one"),
        ("BTC", "tiers: a list of tiers"),
        ([3], r"tiers\[0\]: a table is needed, not int"),
        ([GOOD | {"info": {"cum": "0"}}], r"tiers\[0\].info.maxSz: missing; a table of dollars"),
        ([GOOD | {"info": None}], r"tiers\[0\].info.maxSz: missing"),
        ([okx_tier(1, 2, 0.01, 50)], r"tiers\[0\].minNotional: 1 does not follow on 0"),
        ([GOOD, okx_tier(1002, 2000, 0.01, 50)], r"tiers\[1\].minNotional: 1002 does not follow"),
        ([GOOD, okx_tier(999, 2000, 0.01, 50)], r"tiers\[1\].minNotional: 999 does not follow"),
        ([GOOD, okx_tier(1000, 1000, 0.01, 50)], r"tiers\[1\].maxNotional: 1000 is not above"),
        ([GOOD | {"maxNotional": None}], r"tiers\[0\].maxNotional: missing"),
        ([GOOD, okx_tier(1000, 2000, 0.009, 50)], r"tiers\[1\]: a larger position"),
        ([GOOD, okx_tier(1000, 2000, 0.01, 60)], r"tiers\[1\]: a larger position"),
        ([okx_tier(0, 1000, 0.03, 50)], r"tiers\[0\]: maintenance <= initial <= 1"),
        ([okx_tier(0, 1000, 0.01, 50, imr="2")], r"tiers\[0\]: maintenance <= initial <= 1"),
        ([okx_tier(0, 1000, 0.01, 50, imr="x")], r"tiers\[0\].info.imr: 'x' is not a number"),
        ([okx_tier(0, 1000, 0.01, 0.5)], r"tiers\[0\].maxLeverage: 1/2 is below 1"),
    ],
)
def test_a_wrong_table_is_refused_by_the_key(tiers, message: str) -> None:
    with pytest.raises(TierError, match=message):
        count_tiers_from_ccxt(tiers, Decimal("0.1"))


@pytest.mark.parametrize("size", ["0", "-1", "NaN", "Infinity"])
def test_a_contract_is_some_coins(size: str) -> None:
    with pytest.raises(TierError, match="contract_size: "):
        count_tiers_from_ccxt([GOOD], Decimal(size))
