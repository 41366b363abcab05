"""Tier tables as ccxt gives them, read or refused by the key."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.margin import Bracket, Tiered
from seawall.margin.brackets import TierError, brackets_from_ccxt

# Binance SUSHIUSDT's shape: floats, `info` as the venue sent it. 5 = 0 + 1,000 · (0.015 − 0.01).
CCXT = [
    {
        "tier": 1.0,
        "symbol": "SUSHI/USDT:USDT",
        "currency": "USDT",
        "minNotional": 0.0,
        "maxNotional": 1000.0,
        "maintenanceMarginRate": 0.01,
        "maxLeverage": 50.0,
        "info": {"bracket": "1", "cum": "0.0"},
    },
    {
        "tier": 2.0,
        "symbol": "SUSHI/USDT:USDT",
        "currency": "USDT",
        "minNotional": 1000.0,
        "maxNotional": 25000.0,
        "maintenanceMarginRate": 0.015,
        "maxLeverage": 3.0,
        "info": {"bracket": "2", "cum": "5.0"},
    },
]
COMPACT = [
    {
        "tier": 1,
        "min_notional": "0",
        "max_notional": "1000",
        "maintenance_margin_rate": "0.01",
        "max_leverage": "50",
        "maintenance_amount": "0",
    },
    {
        "tier": 2,
        "min_notional": "1000",
        "max_notional": None,
        "maintenance_margin_rate": "0.015",
        "max_leverage": "3",
        "maintenance_amount": "5",
    },
]


def test_both_spellings_give_the_same_brackets() -> None:
    expected = (
        Bracket(Decimal(0), Decimal("0.02"), Decimal("0.01")),
        Bracket(Decimal(1000), Decimal("0.333333334"), Decimal("0.015")),  # 1 ÷ 3, owed: up.
    )
    assert brackets_from_ccxt(CCXT) == expected
    assert brackets_from_ccxt(COMPACT) == expected
    Tiered(brackets={"SUSHI": expected})


def test_a_source_without_amounts_is_taken_at_its_rates() -> None:
    bare = [{k: v for k, v in tier.items() if k != "info"} for tier in CCXT]
    assert brackets_from_ccxt(bare) == brackets_from_ccxt(CCXT)


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        (1, {"info": {"cum": "6"}}, "tiers[1].info.cum: 6 given, 5 follows from the rates"),
        (1, {"minNotional": 999.0}, "tiers[1].minNotional: 999 does not follow on 1000"),
        (0, {"minNotional": 1}, "tiers[0].minNotional: 1 does not follow on 0"),
        (0, {"maxNotional": None}, "tiers[0].maxNotional: missing"),
        (0, {"maxNotional": 0}, "tiers[0].maxNotional: 0 is not above 0"),
        (1, {"maxLeverage": None}, "tiers[1].maxLeverage: missing"),
        (1, {"maxLeverage": 0.5}, "tiers[1].maxLeverage: 1/2 is below 1"),
        (1, {"maxLeverage": "many"}, "tiers[1].maxLeverage: 'many' is not a number"),
        (1, {"maxLeverage": float("nan")}, "tiers[1].maxLeverage: nan is not a number"),
        (1, {"maxLeverage": 51}, "tiers[1].maxLeverage: too high"),
        (0, {"maxLeverage": 101}, "tiers[0].maxLeverage: too high"),
        (0, {"maintenanceMarginRate": True}, "tiers[0].maintenanceMarginRate: True is not"),
        (1, {"maintenanceMarginRate": -0.1}, "tiers[1].maintenanceMarginRate: -0.1 is not"),
        (
            1,
            {"maintenanceMarginRate": 0.005, "info": None},
            "tiers[1].maintenanceMarginRate: a larger position cannot pay a lower rate",
        ),
        (
            0,
            {"maintenanceMarginRate": "0.0100000001", "maxLeverage": 2},
            "tiers[0].maintenanceMarginRate: 0.0100000001 has more than 9 decimals",
        ),
    ],
)
def test_a_wrong_tier_is_named_by_its_key(number: int, change: dict, message: str) -> None:
    tiers = [dict(tier) for tier in CCXT]
    tiers[number] |= change
    with pytest.raises(TierError) as caught:
        brackets_from_ccxt(tiers)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ([], "tiers: at least one tier"),
        ("BTC", "tiers: a list"),
        ({"BTC/USDT:USDT": CCXT}, "tiers: a list of tiers of one symbol"),
        ([CCXT], "tiers[0]: a table is needed, not list"),
    ],
)
def test_what_is_no_list_of_tiers_is_said(tiers, message: str) -> None:
    with pytest.raises(TierError) as caught:
        brackets_from_ccxt(tiers)
    assert str(caught.value).startswith(message)


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=8, unique=True),
    st.lists(st.integers(0, 500), min_size=9, max_size=9),
    st.lists(st.integers(1, 2), min_size=9, max_size=9),
)
def test_amounts_that_are_continuous_are_accepted_and_others_are_not(floors, rates, leverage):
    """The amount from its definition, MM(floor) the same on both sides, not from the loader."""
    edges, rates, tiers = [0, *sorted(floors)], sorted(rates), []
    owed = Decimal(0)  # Maintenance at the floor.
    for number, floor in enumerate(edges):
        rate = Decimal(rates[number]) / 1000
        if number:
            owed += (floor - edges[number - 1]) * Decimal(rates[number - 1]) / 1000
        end = edges[number + 1] if number + 1 < len(edges) else None
        tiers.append(
            {
                "min_notional": str(floor),
                "max_notional": end,
                "maintenance_margin_rate": str(rate),
                "max_leverage": sorted(leverage)[-1 - number],
                "maintenance_amount": str(floor * rate - owed),
            }
        )
    assert [int(bracket.above) for bracket in brackets_from_ccxt(tiers)] == edges
    tiers[-1]["maintenance_amount"] = str(Decimal(tiers[-1]["maintenance_amount"]) + 1)
    with pytest.raises(TierError, match="maintenance_amount"):
        brackets_from_ccxt(tiers)
