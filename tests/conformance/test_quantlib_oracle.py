"""QuantLib as an outside oracle: prices, Greeks and implied volatility, wings and last hours."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from seawall.pricing import black_greeks, black_price, implied_volatility

ql = pytest.importorskip("QuantLib")

FORWARD = 60_000.0
CASES = list(
    itertools.product(
        (0.2, 0.5, 0.8, 0.95, 1.0, 1.05, 1.25, 2.0, 5.0),  # Strike ÷ forward.
        (0.05, 0.3, 0.65, 1.2, 3.0),  # Volatility.
        (1 / 8760, 1 / 365, 30 / 365, 1.0, 2.0),  # Years, from the last hour on.
        (1.0, 0.93),  # Discount.
        (True, False),
    )
)


def calculator(case: tuple[float, float, float, float, bool]) -> object:
    moneyness, volatility, years, discount, is_call = case
    payoff = ql.PlainVanillaPayoff(
        ql.Option.Call if is_call else ql.Option.Put, moneyness * FORWARD
    )
    return ql.BlackCalculator(payoff, FORWARD, volatility * math.sqrt(years), discount)


def columns() -> tuple[np.ndarray, ...]:
    moneyness, volatility, years, discount, is_call = (
        np.array(c) for c in zip(*CASES, strict=True)
    )
    return moneyness * FORWARD, volatility, years, discount, is_call


def test_prices_and_greeks_are_quantlibs() -> None:
    strike, volatility, years, discount, is_call = columns()
    price = black_price(FORWARD, strike, volatility, years, discount, is_call)
    greeks = black_greeks(FORWARD, strike, volatility, years, discount, is_call)
    for number, case in enumerate(CASES):
        oracle = calculator(case)
        assert price[number] == pytest.approx(oracle.value(), rel=1e-9, abs=1e-9 * FORWARD)
        assert greeks.delta[number] == pytest.approx(oracle.deltaForward(), rel=1e-9, abs=1e-12)
        assert greeks.gamma[number] == pytest.approx(oracle.gammaForward(), rel=1e-8, abs=1e-15)
        vega = oracle.vega(years[number])
        assert greeks.vega[number] == pytest.approx(vega, rel=1e-8, abs=1e-9)


def test_implied_volatility_comes_back_from_quantlibs_price() -> None:
    strike, volatility, years, discount, is_call = columns()
    price = np.array([calculator(case).value() for case in CASES])
    found = implied_volatility(price, FORWARD, strike, years, discount, is_call)
    vega = black_greeks(FORWARD, strike, volatility, years, discount, is_call).vega
    # Where a volatility point is worth less than the price's last digits, none can be told.
    told = vega * volatility > 1e-4 * FORWARD * volatility
    assert told.sum() > 150
    assert found[told] == pytest.approx(volatility[told], rel=1e-8)
