"""Margin by hand: the arithmetic stands beside each number."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from seawall.margin import METHODS, Bracket, ExactTable, Extreme, Scan, Tiered, holdings_of
from seawall.market import Kind
from seawall.pricing import RiskTable

DOLLAR = 10**10
NAMES = ["USDC", "BTC perpetual", "BTC call", "ETH perpetual"]


def table(**columns: list) -> RiskTable:
    """USDC (1 dollar = 10^6 atoms), a BTC perpetual of 0.001, a BTC call of 0.01, an ETH one."""
    value = np.array(columns.get("value", [10**4, 100 * DOLLAR, 20 * DOLLAR, 25 * DOLLAR]), float)
    collateral = np.array(columns.get("collateral", value), float)
    change = np.zeros((4, 32))
    for asset, row in enumerate(columns.get("change", [])):
        change[asset] = row[0]
        change[asset, : len(row)] = row
    return RiskTable(
        value=value,
        collateral=collateral,
        change=change,
        bound=np.maximum(np.abs(value), np.abs(change).max(axis=1)),
        notional=np.array([10**4, 100 * DOLLAR, 1000 * DOLLAR, 25 * DOLLAR], float),
        delta=np.zeros(4),
        coin=np.array([0, 1, 1, 2], np.int32),
        kind=np.array([Kind.CURRENCY, Kind.LINEAR, Kind.OPTION, Kind.LINEAR], np.int8),
        expires_ms=np.zeros(4, np.int64),
        strike=np.zeros(4),
        is_call=np.array([0, 0, 1, 0], np.int8),
        scenarios=len(columns["change"][0]) if "change" in columns else 0,
        coins=("USDC", "BTC", "ETH"),
    )


BINANCE = msgspec.convert(
    {
        "method": "tiered",
        "brackets": {
            "BTC": [  # BTCUSDT's first two, as the venue published them; its `cum` is 0 and 50.
                {"above": 0, "initial": "0.008", "maintenance": "0.004"},
                {"above": 50_000, "initial": "0.01", "maintenance": "0.005"},
            ]
        },
    },
    METHODS,
)


@pytest.mark.parametrize(
    ("lots", "maintenance", "initial"),
    [
        (250, 100, 200),  # 25,000 × 0.4 %; × 0.8 %
        (500, 200, 400),  # 50,000 × 0.4 %
        (1000, 450, 900),  # 100,000 × 0.5 % − 50; × 1 % − 50,000 × 0.2 % = 900
        (-2500, 1200, 2400),  # 250,000 × 0.5 % − 50; × 1 % − 100
    ],
)
def test_brackets_deduct_as_binance_publishes(lots: int, maintenance: int, initial: int) -> None:
    rows = [(0, 20_000 * 10**6), (1, lots)]
    risk = table()
    exact = BINANCE.requirement_exact(rows, ExactTable(risk))
    assert exact.maintenance == maintenance * DOLLAR
    assert exact.initial == initial * DOLLAR
    assert exact.equity == (20_000 + 100 * lots) * DOLLAR
    screened = BINANCE.requirement(holdings_of([rows]), risk)
    assert screened.maintenance[0] == pytest.approx(maintenance * DOLLAR, rel=1e-15)


def test_a_position_says_its_tier() -> None:
    said = BINANCE.explain([(1, 1000)], ExactTable(table()), NAMES)
    assert said.binding == "BTC perpetual: tier 2, 0.5 % above 50000 dollars"


def test_what_brackets_do_not_cover_is_refused_and_charged_in_full() -> None:
    exact = ExactTable(table())
    assert BINANCE.refuses([(0, 5), (1, 1), (2, 1), (3, -2)], exact) == (2, 3)
    # A long call of 20 dollars counts nothing; two short ones are charged 2 × (1,000 + 20).
    assert BINANCE.requirement_exact([(2, 1)], exact) == (20 * DOLLAR, 0, 0, 0)
    owed = 2040 * DOLLAR
    assert BINANCE.requirement_exact([(2, -2)], exact) == (-40 * DOLLAR, -40 * DOLLAR, owed, owed)
    assert BINANCE.requirement_exact([(3, -2)], exact).maintenance == 50 * DOLLAR
    alone = Tiered(BINANCE.brackets | {"ETH": BINANCE.brackets["BTC"]}, isolated=True)
    assert alone.refuses([(0, 5), (1, 1), (3, -2)], exact) == (3,)


def test_collateral_counts_after_its_haircut_and_debt_in_full() -> None:
    risk = table(collateral=[9_500, 100 * DOLLAR, 20 * DOLLAR, 25 * DOLLAR])
    exact = ExactTable(risk)
    # 1,000 dollars at 95 %; minus 1,000 dollars at 100 %.
    assert BINANCE.requirement_exact([(0, 10**9)], exact)[:2] == (1000 * DOLLAR, 950 * DOLLAR)
    assert BINANCE.requirement_exact([(0, -(10**9))], exact)[:2] == (-1000 * DOLLAR, -1000 * DOLLAR)


SCAN = Scan(
    moves=(Decimal("-0.16"), Decimal("0.16")),
    volatilities=(Decimal("0.5"), Decimal(0)),
    extremes=(Extreme(Decimal("-0.6"), Decimal("0.33")),),
)
# Dollars per lot: −16 % with volatility +50 %, −16 %, +16 % with +50 %, +16 %, −60 % at 33 %.
CHANGE = [
    [0, 0, 0, 0, 0],
    [-16, -16, 16, 16, -19.8],
    [-6, -15, 95, 80, -6.6],
    [-4, -4, 4, 4, -4.95],
]
CHANGE = [[round(cell * DOLLAR) for cell in row] for row in CHANGE]


def test_a_hedged_book_owes_its_worst_scenario() -> None:
    exact = ExactTable(table(change=CHANGE))
    rows = [(1, 10), (2, -2)]
    # 10 perpetuals and 2 calls sold: −160+12, −160+30, 160−190, 160−160, −198+13.2 = −184.8.
    assert SCAN.requirement_exact(rows, exact).maintenance == 1848 * DOLLAR // 10
    said = SCAN.explain(rows, exact, NAMES)
    assert said.binding == "BTC: price −60 %, volatility 0 %, weight 0.33"
    assert [term.maintenance for term in said.terms] == [198 * DOLLAR, -132 * DOLLAR // 10]
    # 5 perpetuals and 2 calls sold: 80 − 190 = −110 when the price rises and volatility too.
    said = SCAN.explain([(1, 5), (2, -2)], exact, NAMES)
    assert said.requirement.maintenance == 110 * DOLLAR
    assert said.binding == "BTC: price +16 %, volatility +50 %"


def test_coins_add_and_netting_all_lets_them_offset() -> None:
    exact = ExactTable(table(change=CHANGE))
    rows = [(1, 10), (3, -40)]
    # BTC loses 198 at −60 %; ETH, sold, loses 160 at +16 %. Together: +16 % is 160 − 160, and
    # −60 % is −198 + 198 = 0, so a book that moves as one owes nothing.
    assert SCAN.requirement_exact(rows, exact).maintenance == 358 * DOLLAR
    joint = msgspec.structs.replace(SCAN, netting="all")
    assert joint.requirement_exact(rows, exact).maintenance == 0


def test_options_sold_owe_a_minimum_and_initial_is_a_multiple() -> None:
    method = msgspec.structs.replace(
        SCAN, short_option_minimum=Decimal("0.03"), initial_factor=Decimal("1.3")
    )
    risk = table(change=CHANGE)
    rows = [(1, 6), (2, -1)]
    # Cells: −96+6, −96+15, 96−95, 96−80, −118.8+6.6 = −112.2; the minimum 0.03 × 1,000 is less.
    assert method.requirement_exact(rows, ExactTable(risk)).maintenance == 1122 * DOLLAR // 10
    flat = table(change=[[0] * 5, [0] * 5, [-1] * 5, [0] * 5])
    sold = method.requirement_exact([(2, -3)], ExactTable(flat))
    assert sold.maintenance == 90 * DOLLAR  # 3 × 1,000 × 3 %, though no scenario loses.
    assert sold.initial == 117 * DOLLAR  # × 1.3
    said = method.explain([(2, -3)], ExactTable(flat), NAMES)
    assert said.binding == "BTC: short option minimum"
    assert said.terms[-1].label == "short option minimum, BTC"


def test_a_grid_is_every_move_with_every_shock() -> None:
    grid = Scan(
        moves=(Decimal("-1"), Decimal("1")),
        volatilities=(Decimal("0.5"), Decimal("-0.25")),
        scale={"ETH": Decimal("0.18"), "BTC": Decimal("0.16")},
        extremes=(Extreme(Decimal("4"), Decimal("0.25"), Decimal("0.5")),),
    )
    million = 10**6
    cells = [
        tuple(part // million for part in (c.move, c.volatility, c.weight))
        for c in grid.grid().scenarios
    ]
    assert cells == [
        (-1000, 500, 1000),
        (-1000, -250, 1000),
        (1000, 500, 1000),
        (1000, -250, 1000),
        (4000, 500, 250),
    ]
    assert grid.grid().scale == (("BTC", 160 * million), ("ETH", 180 * million))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"moves": ()}, "moves: at least one"),
        ({"initial_factor": Decimal("0.9")}, "initial_factor"),
        ({"short_option_minimum": Decimal("-1")}, "short_option_minimum"),
        ({"weight": Decimal(0)}, "weight"),
        ({"moves": (Decimal("0.1"), Decimal(-1))}, r"moves\[1\]"),
        ({"moves": (Decimal("0.0000000001"),)}, "more than 9 decimals"),
    ],
)
def test_a_scan_that_cannot_be_meant_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(SCAN, **change).__post_init__()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "at least one bracket"),
        ([("5", "0.1", "0.1")], "begins at 0"),
        ([("0", "0.1", "0.2")], "maintenance <= initial"),
        ([("0", "0.2", "0.1"), ("0", "0.2", "0.1")], r"\[1\].above: brackets must ascend"),
        ([("0", "0.2", "0.1"), ("9", "0.2", "0.05")], "cannot pay a lower rate"),
    ],
)
def test_brackets_that_cannot_be_meant_are_refused(lines: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tiered({"BTC": tuple(Bracket(*map(Decimal, line)) for line in lines)})


def test_a_wrong_key_names_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"initial_facto"):
        msgspec.convert({"method": "scan", "moves": ["0.1"], "initial_facto": "1"}, METHODS)
