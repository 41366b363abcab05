"""Derive's portfolio margin over a risk table is the venue's rule over a market, said twice."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from seawall.engine.rules.presets import preset
from seawall.margin import (
    DerivePortfolioMargin,
    DerivePortfolioMarginTwo,
    ExactTable,
    check_margin_method,
    holdings_of,
)
from seawall.margin.derive import (
    AS_OF,
    PRESETS,
    Collateral,
    CollateralTerms,
    Expiry,
    Market,
    Option,
    Portfolio,
    PortfolioMargin,
    Position,
    portfolio_margin,
    portfolio_two_margin,
    screen,
)
from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import RiskTable, risk_table

ONE = 10**9
DOLLAR = 10**10
NOW = 1_722_816_000_000
DAY_MS = 86_400_000
DAYS = (3, 30, 120)
STRIKES = (1800, 2000, 2300)
SPOT = 2_000 * DOLLAR
PERPETUAL = 2_003 * DOLLAR
COINS = (Asset("USDC", 6), Asset("ETH", 8), Asset("BTC", 8))
FIRST = PRESETS["derive_portfolio"]
SECOND = msgspec.structs.replace(
    PRESETS["derive_portfolio_two"],
    collaterals={
        "ETH": CollateralTerms(Decimal("0.1"), Decimal("0.05"), risk_cancelling=True),
        "BTC": CollateralTerms(Decimal("0.2"), Decimal("0.1")),
    },
)


def listed() -> Catalogue:
    common = {"base": "ETH", "quote": "USDC", "settle": "USDC", "lot": 10**6, "tick": 1}
    options = [
        Instrument(
            id=f"ETH-{days}-{strike}-{right}",
            type="option",
            premium="paid",
            expires_ms=NOW + days * DAY_MS,
            strike=strike * DOLLAR,
            right=right,
            **common,
        )
        for days in DAYS
        for strike in STRIKES
        for right in ("call", "put")
    ]
    perpetual = Instrument(id="ETH-PERP", type="perpetual", **common)
    return Catalogue.empty(Asset("USD", 10), COINS).listed([perpetual, *options])


CATALOGUE = listed()
NAMES = list(CATALOGUE.names)
OPTIONS = [name for name in NAMES if name.startswith("ETH-") and name[-1] in "lt"]


def seen(discounted: bool, confidence: tuple[int, ...] = ()) -> Snapshot:
    """A smile of each expiry; forwards above spot, discounts of about 4 % a year."""
    slices = tuple(
        VolatilitySlice(
            1,
            NOW + days * DAY_MS,
            ONE + days * 60_000,
            ONE - days * 100_000 if discounted else ONE,
            4_000_000 + days * 1_000_000,
            20_000_000,
            -200_000_000,
            10_000_000,
            300_000_000,
        )
        for days in DAYS
    )
    marks = [0] * len(CATALOGUE.instruments)
    marks[CATALOGUE.instrument("ETH-PERP")] = PERPETUAL
    price = (DOLLAR, SPOT, 60_000 * DOLLAR)
    return Snapshot(1, NOW, price, tuple(marks), slices, confidence=confidence)


def said_as_market(table: RiskTable, confidence: float = 1.0) -> Market:
    """The same market in the words of `margin.derive`: its forwards, volatilities and rates."""
    quotes = table.quotes
    first = {days: NAMES.index(f"ETH-{days}-{STRIKES[0]}-call") for days in DAYS}
    sure = Decimal(str(confidence))
    return Market(
        name="ETH",
        spot=SPOT / DOLLAR,
        spot_confidence=sure,
        perpetual=PERPETUAL / DOLLAR,
        perpetual_confidence=sure,
        expiries=tuple(
            Expiry(
                seconds=days * 86_400,
                forward_variable=float(quotes.forward[first[days]]) / DOLLAR,
                rate=-float(np.log(quotes.discount[first[days]])) / (days / 365),
            )
            for days in DAYS
        ),
        options=tuple(
            Option(
                DAYS.index(int(name.split("-")[1])),
                float(name.split("-")[2]),
                name.endswith("call"),
                float(quotes.volatility[NAMES.index(name)]),
            )
            for name in OPTIONS
        ),
        collaterals=(Collateral("ETH", SPOT / DOLLAR, sure), Collateral("BTC", 60_000.0)),
    )


def drawn(dice: np.random.Generator) -> dict[str, int]:
    """Lots of a hundredth of a coin; cash and coins in atoms."""
    names = dice.choice(OPTIONS, dice.integers(0, 7), replace=False)
    held = {str(name): int(dice.integers(-500, 500)) for name in names}
    held |= {"ETH-PERP": int(dice.integers(-300, 300)), "ETH": int(dice.integers(0, 3)) * 10**8}
    held |= {"USDC": int(dice.integers(-5000, 5000)) * 10**6}
    return held


def rows_of(held: dict[str, int]) -> list[tuple[int, int]]:
    return sorted((NAMES.index(name), lots) for name, lots in held.items() if lots)


def portfolio_of(held: dict[str, int], **changes: object) -> Portfolio:
    return Portfolio(
        cash=held.get("USDC", 0) / 1e6,
        perpetual=held.get("ETH-PERP", 0) / 100,
        perpetual_cash=held.get("ETH-PERP", 0) / 100 * PERPETUAL / DOLLAR,
        positions=tuple(
            Position(OPTIONS.index(name), lots / 100)
            for name, lots in held.items()
            if name in OPTIONS
        ),
        **changes,
    )


def agree(
    method: DerivePortfolioMargin | DerivePortfolioMarginTwo,
    table: RiskTable,
    held: dict[str, int],
    found: PortfolioMargin,
) -> None:
    """Within 1e-9 of what is held at spot: ratios of expiries are rounded to a part per billion."""
    exact = method.requirement_exact(rows_of(held), ExactTable(table))
    lots = sum(abs(lots) for name, lots in held.items() if name.startswith("ETH-"))
    near = 1e-9 * (lots / 100 * SPOT / DOLLAR + abs(found.mark_value) + abs(found.cash) + 1)
    for margin, owed in ((found.maintenance, exact.maintenance), (found.initial, exact.initial)):
        assert (exact.margin_equity - owed) / DOLLAR == pytest.approx(margin, rel=0, abs=near)


@pytest.mark.parametrize("confidence", [1.0, 0.5])
def test_first_generation_is_the_venues_rule(confidence: float) -> None:
    method = DerivePortfolioMargin(terms=FIRST, coins=("ETH",))
    snapshot = seen(discounted=False, confidence=(ONE, round(confidence * ONE), ONE))
    table = risk_table(CATALOGUE, snapshot, method.grid(), (0, 0, 0))
    market, dice = said_as_market(table, confidence), np.random.default_rng(1)
    for _ in range(60):
        held = drawn(dice)
        stated = portfolio_of(held, base=held["ETH"] / 1e8)
        agree(method, table, held, portfolio_margin(FIRST, market, stated))


@pytest.mark.parametrize("confidence", [1.0, 0.5])
def test_second_generation_is_the_venues_rule(confidence: float) -> None:
    method = DerivePortfolioMarginTwo(terms=SECOND, coins=("ETH",))
    snapshot = seen(discounted=True, confidence=(ONE, round(confidence * ONE), ONE))
    table = risk_table(CATALOGUE, snapshot, method.grid(), (0, 0, 0))
    market, dice = said_as_market(table, confidence), np.random.default_rng(2)
    for _ in range(60):
        held = drawn(dice) | {"BTC": int(dice.integers(0, 2)) * 10**7}
        posted = (held["ETH"] / 1e8, held["BTC"] / 1e8)
        stated = portfolio_of(held, collaterals=posted)
        agree(method, table, held, portfolio_two_margin(SECOND, market, stated))


def test_a_batch_on_all_cores_has_the_bits_of_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    method = DerivePortfolioMarginTwo(terms=SECOND, coins=("ETH",))
    snapshot = seen(discounted=True, confidence=(ONE, ONE // 2, ONE))
    table = risk_table(CATALOGUE, snapshot, method.grid(), (0, 0, 0))
    dice = np.random.default_rng(3)
    accounts = holdings_of([rows_of(drawn(dice)) for _ in range(200)])
    serial = method.requirement(accounts, table)
    monkeypatch.setattr(screen, "PARALLEL_FROM", 0)
    parallel = method.requirement(accounts, table)
    assert [column.tobytes() for column in serial] == [column.tobytes() for column in parallel]


def test_collateral_in_doubt_is_bounded_though_nothing_else_is_charged() -> None:
    free = {"BTC": CollateralTerms(Decimal(0), Decimal(0))}
    terms = msgspec.structs.replace(SECOND, collaterals=free)
    method = DerivePortfolioMarginTwo(terms=terms, coins=("ETH",))
    snapshot = seen(discounted=True, confidence=(ONE, ONE, 333_333_333))
    table = risk_table(CATALOGUE, snapshot, method.grid(), (0, 0, 0))
    check_margin_method(method, table, [[(2, lots)] for lots in (1, 7, 99)])
    # (1 − 0.333333333) · 1 of 7 atoms of 6,000,000 each = 28,000,000.014, rounded up.
    exact = method.requirement_exact([(2, 7)], ExactTable(table))
    assert exact.maintenance == 0
    assert exact.initial == 28_000_001


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("derive_pm", "derive_portfolio"), ("derive_pm_two", "derive_portfolio_two")],
)
def test_a_preset_file_holds_the_parameters_of_the_package(name: str, parameters: str) -> None:
    found = preset(name)
    assert found.as_of == AS_OF
    assert found.method.terms == PRESETS[parameters]
    # Unmoved prices need no column, and both basis moves are among the scenarios.
    assert len(found.method.grid().scenarios) == len(PRESETS[parameters].scenarios) - 1


def test_markets_of_one_account_add_up() -> None:
    method = DerivePortfolioMargin(terms=FIRST, coins=("BTC", "ETH"))
    table = ExactTable(risk_table(CATALOGUE, seen(False), method.grid(), (0, 0, 0)))
    dice = np.random.default_rng(4)
    for _ in range(20):
        ether, bitcoin = rows_of(drawn(dice)), [(2, int(dice.integers(1, 10**8)))]
        parts = [method.requirement_exact(rows, table) for rows in (ether, bitcoin)]
        both = method.requirement_exact(sorted(ether + bitcoin), table)
        for name in ("initial", "maintenance"):
            apart = sum(getattr(part, name) for part in parts)
            assert apart - 1 <= getattr(both, name) <= apart
