"""Derive's portfolio margin over a risk table by hand: the arithmetic stands beside each number."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from seawall.margin import (
    DerivePortfolioMargin,
    DerivePortfolioMarginTwo,
    ExactTable,
    Explanation,
    check_margin_method,
)
from seawall.margin.derive import PRESETS, CollateralTerms, DeriveScenario, ParameterError
from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import risk_table

ONE = 10**9
DOLLAR = 10**10
NOW = 1_722_816_000_000
YEAR_MS = 365 * 86_400_000
COINS = (Asset("USDC", 6), Asset("ETH", 8), Asset("TOKEN", 2))
FIRST = DerivePortfolioMargin(terms=PRESETS["derive_portfolio_test"], coins=("ETH",))
SECOND = DerivePortfolioMarginTwo(
    terms=msgspec.structs.replace(
        PRESETS["derive_portfolio_two"],
        collaterals={"TOKEN": CollateralTerms(Decimal("0.1"), Decimal("0.05"))},
    ),
    coins=("ETH",),
)
Method = DerivePortfolioMargin | DerivePortfolioMarginTwo


def option(strike: int, right: str, days: int = 0) -> Instrument:
    return Instrument(
        id=f"{strike}-{right}-{days}", type="option", base="ETH", quote="USDC", settle="USDC",
        lot=10**6, tick=1, premium="paid", expires_ms=NOW + days * 86_400_000,
        strike=strike * DOLLAR, right=right,
    )  # fmt: skip


OPTIONS = [option(strike, right) for strike in (1000, 1500, 1600) for right in ("call", "put")] + [
    option(1000, "call", 365)
]
LINEAR = {"quote": "USDC", "settle": "USDC", "tick": 1}
CATALOGUE = Catalogue.empty(Asset("USD", 10), COINS).listed(
    [
        Instrument(id="PERP", type="perpetual", base="ETH", lot=10**6, **LINEAR),
        Instrument(id="OTHER", type="perpetual", base="TOKEN", lot=10**2, **LINEAR),
        *OPTIONS,
    ]
)
NAMES = list(CATALOGUE.names)


def table(method: Method, stable: int = DOLLAR, sure: int = ONE, volatility: int = 0) -> ExactTable:
    """Spot and perpetual at 1500, a token at 100; options at their expiry and one year from it."""
    marks = [0] * len(CATALOGUE.instruments)
    marks[CATALOGUE.instrument("PERP")] = 1500 * DOLLAR
    variance = max(volatility**2 // ONE, 1)
    smile = VolatilitySlice(1, NOW + YEAR_MS, ONE, ONE, variance, 0, 0, 0, 1)
    price = (stable, 1500 * DOLLAR, 100 * DOLLAR)
    snapshot = Snapshot(1, NOW, price, tuple(marks), (smile,), confidence=(ONE, sure, ONE))
    return ExactTable(risk_table(CATALOGUE, snapshot, method.grid(), (0, 0, 0)))


def rows(**held: int) -> list[tuple[int, int]]:
    """Lots of a hundredth of an ether, by name; two words are joined."""
    return sorted((NAMES.index(name), lots) for name, lots in held.items())


def margins(
    method: Method, held: list[tuple[int, int]], **market: int
) -> tuple[float, float, float]:
    """Margin equity, maintenance and initial, dollars; every law is kept on the way."""
    here = table(method, **market)
    check_margin_method(method, here.risk, [held, [(a, -2 * n) for a, n in held], []])
    exact = method.requirement_exact(held, here)
    return exact.margin_equity / DOLLAR, exact.maintenance / DOLLAR, exact.initial / DOLLAR


def explained(method: Method, held: list[tuple[int, int]], **market: int) -> Explanation:
    return method.explain(held, table(method, **market), NAMES)


def test_one_perpetual_in_the_first_generation() -> None:
    long = rows(PERP=100)
    # −15 % of 1500 = −225 and 2 % of spot = 30; maintenance 255, initial × 1.3.
    assert margins(FIRST, long)[1:] == (255.0, 331.5)
    # At 0.9 the contract is worth 1350 dollars: 202.5 and still 2 % of 1500. Peg (0.98 − 0.9) · 2.
    assert margins(FIRST, long, stable=9 * 10**9)[1:] == (232.5, 339.45)
    # (1 − 0.5) · 0.5 of 1500 is initial only.
    assert margins(FIRST, long, sure=ONE // 2)[1:] == (255.0, 331.5 + 375.0)
    why = explained(FIRST, long)
    assert why.method == "derive_pm"
    assert why.binding == "ETH: price −15 %, volatility up"
    assert [(term.label, term.maintenance / DOLLAR) for term in why.terms] == [
        ("PERP", 225.0),
        ("size contingency, PERP", 30.0),
    ]


def test_a_call_bought_is_discounted_when_it_is_shocked() -> None:
    bought = rows(**{"1000-call-0": 100})
    # At 0.85: (1275 − 1000) · 0.95 − 500 = −238.75; initial × 1.3.
    assert margins(FIRST, bought) == (500.0, 238.75, 310.375)
    why = explained(FIRST, bought)
    assert [(term.label, term.maintenance / DOLLAR) for term in why.terms] == [
        ("1000-call-0", 225.0),
        ("discount, expiry of 1000-call-0", 13.75),
    ]
    # Nothing moves: 500 · 0.05.
    still = msgspec.structs.replace(FIRST.terms, scenarios=(DeriveScenario(Decimal(1)),))
    alone = msgspec.structs.replace(FIRST, terms=still)
    assert margins(alone, bought) == (500.0, 25.0, 32.5)
    assert explained(alone, bought).binding == "ETH: nothing moves, expiries discounted"


@pytest.mark.parametrize(
    ("call", "put", "far", "uncovered"),
    [(-1, -2, 0, 3), (-3, 2, 0, 1), (-1, 0, 1, 1), (1, 2, 0, 0)],
)
def test_only_the_same_strike_covers_an_option_sold(
    call: int, put: int, far: int, uncovered: int
) -> None:
    held = {"1500-call-0": 100 * call, "1500-put-0": 100 * put, "1600-call-0": 100 * far}
    why = explained(FIRST, rows(**{name: lots for name, lots in held.items() if lots}))
    charged = [t.maintenance / DOLLAR for t in why.terms if t.label.startswith("options sold")]
    # 1 % of 1500 = 15 for each option that nothing covers.
    assert sum(charged) == 15.0 * uncovered


def test_base_moves_with_its_market_and_is_charged() -> None:
    # 1 ether: −15 % = 225 and 2 % = 30; against a perpetual sold only the charges remain.
    assert margins(FIRST, [(1, 10**8)]) == (1500.0, 255.0, 331.5)
    hedged = sorted([(1, 10**8), *rows(PERP=-100)])
    assert margins(FIRST, hedged)[1:] == (60.0, 78.0)


def test_a_put_sold_and_collateral_in_the_second_generation() -> None:
    held = sorted([(2, 200), *rows(**{"1600-put-0": -100})])
    # Mark −100. At 0.82 it is worth 370, short discount min(1, 0.95): −351.5 + 100 = −251.5.
    # Naked 0.003 · 1500 = 4.5 and 0.002 · 1500 = 3; two tokens of 100, haircuts 20 and 10.
    # 0.8 · 251.5 + 24.5 and 251.5 + 24.5 + 13.
    assert margins(SECOND, held) == (100.0, 225.7, 289.0)
    why = explained(SECOND, held)
    assert why.binding == "ETH: price −18 %, volatility up"
    assert [(term.label, round(term.maintenance / DOLLAR, 9)) for term in why.terms] == [
        ("TOKEN", 0.0),
        ("1600-put-0", 0.8 * 270.0),
        ("discount, expiry of 1600-put-0", 0.8 * -18.5),
        ("collateral contingency, TOKEN", 20.0),
        ("options sold without cover, ETH", 4.5),
    ]


def test_collateral_that_cancels_risk_moves_with_the_market_it_follows() -> None:
    terms = {"TOKEN": CollateralTerms(Decimal(0), Decimal(0), risk_cancelling=True)}
    method = msgspec.structs.replace(
        SECOND,
        terms=msgspec.structs.replace(SECOND.terms, collaterals=terms),
        moves_with={"TOKEN": "ETH"},
    )
    # 15 tokens are 1500 dollars: 0.8 · 18 %; a perpetual sold cancels it and owes 3 % of spot.
    assert margins(method, [(2, 1500)])[1] == pytest.approx(0.8 * 270.0, rel=1e-12)
    hedged = sorted([(2, 1500), *rows(PERP=-100)])
    assert margins(method, hedged)[1:] == (45.0, 60.0)


def test_the_basis_contingency_of_a_year() -> None:
    terms = msgspec.structs.replace(
        FIRST.terms,
        scenarios=(DeriveScenario(Decimal(1)),),
        static_discount=Decimal(1),
        rate_add=Decimal(0),
        basis_add=Decimal("0.5"),
        basis_multiply=Decimal(2),
    )
    method = msgspec.structs.replace(FIRST, terms=terms)
    # Deep in the money: 5 % up it owes 75 a coin, × (0.5 + 2 · 1 year), and 15 naked.
    held = rows(**{"1000-call-365": -100})
    assert margins(method, held)[1] == 202.5
    assert explained(method, held).binding == "ETH: basis contingency"


def test_what_has_no_market_is_named_and_charged_in_full() -> None:
    held = sorted([(1, 10**8), (2, 200), *rows(OTHER=-3)])
    here = table(SECOND)
    # No terms for ether; the token is a collateral but has no market.
    assert SECOND.refuses(held, here) == (1, NAMES.index("OTHER"))
    exact = SECOND.requirement_exact(held, here)
    # Ether counts for nothing, haircut 20, the contract 3 tokens of 100.
    assert exact.maintenance == (1500 + 20 + 300) * DOLLAR
    labels = [term.label for term in SECOND.explain(held, here, NAMES).terms]
    assert "charged in full, OTHER" in labels


def test_wrong_input_is_named() -> None:
    first, second = FIRST.terms, SECOND.terms
    for match, build in (
        ("coins", lambda: DerivePortfolioMargin(terms=first, coins=())),
        (
            r"by_coin\.BTC: not among",
            lambda: DerivePortfolioMargin(terms=first, coins=("ETH",), by_coin={"BTC": first}),
        ),
        (
            r"by_coin\.ETH\.volatility_up",
            lambda: DerivePortfolioMargin(
                terms=first,
                coins=("ETH",),
                by_coin={"ETH": msgspec.structs.replace(first, volatility_up=Decimal("0.7"))},
            ),
        ),
        (
            r"terms\.initial_factor",
            lambda: DerivePortfolioMarginTwo(
                terms=msgspec.structs.replace(second, maintenance_factor=Decimal(2)),
                coins=("ETH",),
            ),
        ),
        (
            r"moves_with\.WBTC",
            lambda: DerivePortfolioMarginTwo(
                terms=second, coins=("ETH",), moves_with={"WBTC": "ETH"}
            ),
        ),
        (
            r"scenarios\[0\]\.spot",
            lambda: DerivePortfolioMargin(
                terms=msgspec.structs.replace(first, scenarios=(DeriveScenario(Decimal(0)),)),
                coins=("ETH",),
            ),
        ),
    ):
        with pytest.raises(ParameterError, match=match):
            build()
    lost = msgspec.structs.replace(FIRST, stable="DAI")
    with pytest.raises(ValueError, match="stable: the table has no coin DAI"):
        lost.requirement_exact(rows(PERP=1), table(FIRST))
