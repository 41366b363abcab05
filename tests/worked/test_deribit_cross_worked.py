"""The cross portfolio margin by hand: one coin bought and another sold, together and apart.

Index and mark of BTC 60,000 and of ETH 2,000 dollars; ranges 16 % and 18 %; 1,000 lots of a
thousandth each. One BTC loses at most 9,600 where prices fall and gains at least 60,000 · 4 % =
2,400 where they rise. Twenty ETH sold lose at most 7,200 where prices rise and gain at least
40,000 · 4.5 % = 1,800 where they fall. Roll: 1 % of 60,000 and of 40,000, so 1,000 in all.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from seawall.margin import METHODS, DeribitCross, ExactTable, deribit_cross, holdings_of
from seawall.market import Catalogue, Instrument, Snapshot
from seawall.money import Asset
from seawall.pricing import risk_table

DOLLAR, NOW = 10**10, 1_722_816_000_000
INDEX = {"BTC": 60_000 * DOLLAR, "ETH": 2_000 * DOLLAR}


def block(together: object = True, most: float = 1_000_000) -> dict[str, object]:
    """As the venue's API returns it; the offset of dollars is that of the reply of 2026."""
    coin = {"annualised_move_risk": 0.05, "min_annualised_move": 0.005, "pnl_offset": 0.6}
    dollars = {"annualised_move_risk": 0.1, "min_annualised_move": 0.01, "pnl_offset": 0.4}
    vega = {"volatility_range_up": 0.5, "volatility_range_down": 0.25}
    coins = coin | {"correlation_set": together}
    return {
        "currency": {
            "btc": coins,
            "eth": coins,
            "usd": dollars | {"max_offsetable_pnl": most, "extended_dampener": 25_000},
        },
        "currency_pair": {
            "btc_usd": {"price_range": 0.16, "m_inc": 5e-05} | vega,
            "eth_usd": {"price_range": 0.18, "m_inc": 4e-06} | vega,
        },
    }


METHOD = deribit_cross(block())
TERMS = {"quote": "USDC", "settle": "USDC", "lot": 10**5, "tick": 1, "type": "perpetual"}
CATALOGUE = Catalogue.empty(
    Asset("USD", 10), (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
).listed([Instrument(id=f"{coin} perpetual", base=coin, **TERMS) for coin in INDEX])
SNAPSHOT = Snapshot(
    1,
    NOW,
    (DOLLAR, *INDEX.values()),
    tuple(INDEX[terms.base] for terms in CATALOGUE.instruments),
    (),
)
RISK = risk_table(CATALOGUE, SNAPSHOT, METHOD.grid(), {})
TABLE, NAMES = ExactTable(RISK), CATALOGUE.names
BTC, ETH = (NAMES.index(f"{coin} perpetual") for coin in INDEX)
HEDGED, BOTH = ((BTC, 1000), (ETH, -20_000)), ((BTC, 1000), (ETH, 20_000))


@pytest.mark.parametrize(
    ("method", "rows", "dollars"),
    [
        # Prices fall: 9,600 − 0.4 · 1,800; they rise: 7,200 − 0.4 · 2,400. The first is worse.
        (METHOD, HEDGED, 9_600 - 720 + 1_000),
        # The gain pays 500 dollars at most.
        (deribit_cross(block(most=500)), HEDGED, 9_600 - 500 + 1_000),
        # In no correlation set each takes its own worst cell and pays nobody.
        (deribit_cross(block(together=False)), HEDGED, 9_600 + 7_200 + 1_000),
        # One alone.
        (METHOD, ((BTC, 1000),), 9_600 + 600),
        # Two bought lose in the same direction.
        (METHOD, BOTH, 9_600 + 7_200 + 1_000),
    ],
)
def test_by_hand(method: DeribitCross, rows: tuple[tuple[int, int], ...], dollars: int) -> None:
    found = method.requirement_exact(rows, TABLE)
    assert found.initial == dollars * DOLLAR
    assert found.maintenance == found.initial * 8 // 10
    screened = method.requirement(holdings_of([rows]), RISK)
    assert abs(screened.initial[0] - found.initial) <= screened.error_bound[0]


def test_the_explanation_names_the_direction_and_what_pays() -> None:
    explained = METHOD.explain(HEDGED, TABLE, NAMES)
    assert explained.binding == "correlation set True: down"
    terms = {term.label: term.maintenance * 10 // 8 for term in explained.terms}
    assert terms == {
        NAMES[BTC]: 9_600 * DOLLAR,
        NAMES[ETH]: -1_800 * DOLLAR,
        "gain that pays nobody, ETH settled in USDC": 1_080 * DOLLAR,
        "roll shock, BTC settled in USDC": 600 * DOLLAR,
        "roll shock, ETH settled in USDC": 400 * DOLLAR,
    }


def test_a_rulebook_holds_it() -> None:
    text = msgspec.json.encode(METHOD)
    assert msgspec.json.decode(text, type=METHODS) == METHOD


@pytest.mark.parametrize("name", ["pnl_offset", "max_offsetable_pnl"])
def test_what_no_share_can_be_is_refused(name: str) -> None:
    wrong = msgspec.structs.replace(METHOD.currencies["USDC"], **{name: Decimal(-1)})
    with pytest.raises(ValueError, match=rf"currencies\.USDC\.{name}"):
        msgspec.structs.replace(METHOD, currencies=METHOD.currencies | {"USDC": wrong})
