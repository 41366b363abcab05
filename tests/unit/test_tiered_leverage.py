"""A leverage that traders chose raises initial margin and leaves maintenance alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine.rules.rulebook import read
from seawall.margin import Bracket, ExactTable, Tiered, check_margin_method, holdings_of
from seawall.market import Catalogue, Instrument, Snapshot
from seawall.money import Asset
from seawall.pricing import risk_table

DOLLAR = 10**10
BRACKETS = {
    "BTC": (
        Bracket(Decimal(0), Decimal("0.02"), Decimal("0.01")),
        Bracket(Decimal(100_000), Decimal("0.1"), Decimal("0.05")),
    )
}


def owed(leverage: dict[str, Decimal], lots: int) -> tuple[int, int]:
    """Initial and maintenance of so many BTC at 50,000 dollars, and the screen agrees."""
    catalogue = Catalogue.empty(Asset("USD", 10), (Asset("USDC", 6), Asset("BTC", 8))).listed(
        [
            Instrument(
                id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
                lot=10**8, tick=DOLLAR,
            )
        ]
    )  # fmt: skip
    snapshot, _ = Snapshot.empty(catalogue).priced(
        catalogue, 1, 1, price=[(0, DOLLAR), (1, 50_000 * DOLLAR)]
    )
    method = Tiered(BRACKETS, leverage=leverage)
    table = risk_table(catalogue, snapshot, method.grid(), {})
    rows = [(catalogue.lot_asset[0], lots)]
    verdict = method.requirement_exact(rows, ExactTable(table))
    screen = method.requirement(holdings_of([rows]), table)
    assert abs(screen.initial[0] - verdict.initial) <= screen.error_bound[0]
    check_margin_method(method, table, [rows, [(rows[0][0], -lots)], []])
    return verdict.initial // DOLLAR, verdict.maintenance // DOLLAR


@pytest.mark.parametrize(
    ("leverage", "lots", "initial", "maintenance"),
    [
        ({}, 4, 12_000, 6_000),  # 0.02 · 100,000 + 0.1 · 100,000; half of it.
        ({"BTC": Decimal(20)}, 4, 15_000, 6_000),  # 0.05 · 100,000 + 0.1 · 100,000.
        ({"BTC": Decimal(5)}, 4, 40_000, 6_000),  # 0.2 of everything: 200,000 ÷ 5.
        ({"BTC": Decimal(100)}, 4, 12_000, 6_000),  # More than the brackets allow: no effect.
        ({"BTC": Decimal(1)}, 1, 50_000, 500),
    ],
)
def test_initial_margin_from_leverage(
    leverage: dict[str, Decimal], lots: int, initial: int, maintenance: int
) -> None:
    assert owed(leverage, lots) == (initial, maintenance)


def test_a_leverage_is_checked_by_its_key() -> None:
    with pytest.raises(ValueError, match=r"leverage\.ETH: the coin has no brackets"):
        Tiered(BRACKETS, leverage={"ETH": Decimal(5)})
    with pytest.raises(ValueError, match=r"leverage\.BTC: must be at least 1, not 0"):
        Tiered(BRACKETS, leverage={"BTC": Decimal(0)})


def test_rulebooks_without_it_keep_their_fingerprint() -> None:
    text = """
format = 1
name = "test"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
liquidation = { order = "listed", slippage_ratio = 0.02, fee_ratio = 0.005 }
margin.cross.method = "tiered"
margin.cross.brackets.BTC = [{ above = 0, initial = 0.02, maintenance = 0.01 }]
"""
    assert '"leverage":' not in read(text).canonical()
    chosen = read(
        text + 'margin.slow.method = "tiered"\nmargin.slow.leverage.BTC = 3\n'
        "margin.slow.brackets.BTC = [{ above = 0, initial = 0.02, maintenance = 0.01 }]\n"
    )
    assert '"leverage":{"BTC":"3"}' in chosen.canonical()
