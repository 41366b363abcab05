"""Laws of Derive's margins, over portfolios of options, perpetuals and base."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.margin.derive import (
    PRESETS,
    Expiry,
    Market,
    Option,
    Portfolio,
    PortfolioMargin,
    Position,
    option_price,
    portfolio_margin,
    portfolio_two_margin,
    standard_margin,
    value_portfolio,
    value_portfolio_two,
)

STANDARD = PRESETS["derive_standard"]
FIRST = PRESETS["derive_portfolio"]
SECOND = PRESETS["derive_portfolio_two"]
DAY = 86_400
MARKET = Market(
    name="ETH",
    spot=1500.0,
    perpetual=1503.0,
    expiries=tuple(
        Expiry(seconds=days * DAY, forward_variable=1500.0 + days, rate=0.04) for days in (0, 7, 90)
    ),
    options=tuple(
        Option(expiry, strike, is_call, 0.7)
        for expiry in range(3)
        for strike in (1000.0, 1500.0, 2000.0)
        for is_call in (True, False)
    ),
)
TABLES = value_portfolio(FIRST, MARKET), value_portfolio_two(SECOND, MARKET)
AMOUNTS = st.integers(-40, 40).map(lambda lots: lots / 4)


@st.composite
def portfolios(draw: st.DrawFn, base: bool = True) -> Portfolio:
    places = draw(st.lists(st.integers(0, len(MARKET.options) - 1), max_size=6))
    return Portfolio(
        cash=draw(st.integers(-5000, 5000)) / 2,
        perpetual=draw(AMOUNTS),
        base=draw(st.integers(0, 8)) / 4 if base else 0.0,
        positions=tuple(Position(place, draw(AMOUNTS)) for place in places),
    )


def margins(market: Market, held: Portfolio) -> list[tuple[float, float, float]]:
    """Initial, maintenance and mark value with cash under each rule; the last without base."""
    bare = msgspec.structs.replace(held, base=0.0)
    standard = standard_margin(STANDARD, [(market, held)])
    return [
        (standard.initial, standard.maintenance, standard.mark_value),
        *(
            (found.initial, found.maintenance, found.mark_value + found.cash)
            for found in (
                portfolio_margin(FIRST, market, held),
                portfolio_two_margin(SECOND, market, bare),
            )
        ),
    ]


def bits(found: PortfolioMargin) -> bytes:
    return b"".join(np.asarray(part).tobytes() for part in found)


def test_nothing_held_nothing_owed() -> None:
    assert np.abs(margins(MARKET, Portfolio())).max() == 0.0


@given(portfolios())
@settings(max_examples=40, deadline=None)
def test_a_shared_table_gives_the_bits_of_the_account_alone(held: Portfolio) -> None:
    first = portfolio_margin(FIRST, MARKET, held, TABLES[0])
    assert bits(first) == bits(portfolio_margin(FIRST, MARKET, held))
    bare = msgspec.structs.replace(held, base=0.0)
    second = portfolio_two_margin(SECOND, MARKET, bare, TABLES[1])
    assert bits(second) == bits(portfolio_two_margin(SECOND, MARKET, bare))


@given(portfolios())
@settings(max_examples=40, deadline=None)
def test_twice_the_portfolio_is_twice_the_margin(held: Portfolio) -> None:
    twice = Portfolio(
        cash=2 * held.cash,
        perpetual=2 * held.perpetual,
        base=2 * held.base,
        positions=tuple(Position(each.option, 2 * each.amount) for each in held.positions),
    )
    assert (np.array(margins(MARKET, twice)) == 2 * np.array(margins(MARKET, held))).all()


@given(portfolios(), st.decimals("0.01", "0.54", places=2), st.decimals("0.9", "0.98", places=2))
@settings(max_examples=40, deadline=None)
def test_doubt_and_a_cheap_stablecoin_touch_initial_margin_alone(
    held: Portfolio, confidence: Decimal, stable: Decimal
) -> None:
    held = msgspec.structs.replace(held, base=0.0)  # Its mark is divided by the stable price.
    doubtful = msgspec.structs.replace(MARKET, spot_confidence=confidence, stable=stable)
    for calm, now in zip(margins(MARKET, held), margins(doubtful, held), strict=True):
        assert now[1:] == calm[1:]
        assert now[0] <= calm[0]


@given(portfolios())
@settings(max_examples=40, deadline=None)
def test_initial_margin_is_the_stricter_one(held: Portfolio) -> None:
    for initial, maintenance, mark in margins(MARKET, held):
        assert initial <= maintenance + 1e-9
        assert maintenance <= mark + 1e-9


@given(portfolios(), st.integers(0, len(MARKET.options) - 1), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_an_option_bought_never_lowers_the_standard_margin(
    held: Portfolio, option: int, lots: int
) -> None:
    sold = [each for each in held.positions if each.option == option and each.amount < 0]
    if sold:
        return
    more = msgspec.structs.replace(held, positions=(*held.positions, Position(option, lots / 4)))
    before = standard_margin(STANDARD, [(MARKET, held)])
    after = standard_margin(STANDARD, [(MARKET, more)])
    assert after.initial >= before.initial - 1e-9
    assert after.maintenance >= before.maintenance - 1e-9


@given(portfolios())
@settings(max_examples=40, deadline=None)
def test_the_parts_add_up(held: Portfolio) -> None:
    found = portfolio_margin(FIRST, MARKET, held)
    worst = found.worst - found.static_scaled
    factor = found.initial_factor + found.depeg
    initial = worst * factor - found.static - found.static_initial - found.confidence
    assert found.initial == pytest.approx(initial + found.mark_value + held.cash, abs=1e-6)
    assert found.worst == min(found.basis, *found.profit) <= 0.0
    lowest = min(found.maintenance_under(place) for place in range(len(found.profit)))
    assert lowest == pytest.approx(found.maintenance, abs=1e-6)


@given(
    st.floats(0.0, 1e5),
    st.floats(0.0, 1e5),
    st.floats(0.0, 30.0),
    st.floats(0.0, 3.0),
    st.floats(0.5, 1.0),
)
def test_put_call_parity_holds_to_the_edges(
    forward: float, strike: float, volatility: float, years: float, discount: float
) -> None:
    call, put = option_price(forward, strike, volatility, years, discount, [True, False])
    assert call - put == pytest.approx((forward - strike) * discount, abs=1e-9)
