"""Every listed option valued once in every scenario; portfolios then only multiply and add.

Knows prices, volatilities and scenarios; does not know who holds what, nor any contingency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from seawall.margin.derive.contract_pricing import option_price
from seawall.margin.derive.market import Columns, Market, columns
from seawall.margin.derive.parameters import (
    ONE,
    SKEWS,
    DerivePortfolio,
    DerivePortfolioTwo,
    DeriveScenario,
)
from seawall.pricing import Floats, exponential, logarithm, power
from seawall.pricing.table import Flags

MONTH_SECONDS = 30 * 86_400
NEAR = ("unshocked", "basis up", "basis down")  # Columns that follow the method's scenarios.
BASIS_UP, BASIS_DOWN = -2, -1


class ValueTable(NamedTuple):
    """One market under one method; columns are its scenarios, then those of `NEAR`."""

    market: Market
    columns: Columns
    mark: Floats  # [option] dollars a contract.
    shocked: Floats  # [option, column] dollars a contract.
    long_discount: Floats  # [expiry] on an expiry's shocked value where it is positive.
    short_discount: Floats  # [expiry] and where it is negative.
    move: Floats  # [column] spot ratio − 1.
    dampening: Floats  # [column]
    skewed: Flags  # [column] where any change of value counts as a loss.


def shocked_columns(method: DerivePortfolio | DerivePortfolioTwo) -> tuple[DeriveScenario, ...]:
    """The method's scenarios and the three plain price moves that follow them."""
    near = (ONE, method.basis_up, method.basis_down)
    return (*method.scenarios, *map(DeriveScenario, near))


def value_portfolio(method: DerivePortfolio, market: Market) -> ValueTable:
    """First generation: undiscounted Black-76; a static discount on what is long.

    long = static_discount · e^(−years · (max(rate, 0) · rate_multiply + rate_add)), short = 1
    """
    cols = columns(market)
    exponent = cols.rate * float(method.rate_multiply) + float(method.rate_add)
    up, down = volatility_multipliers(method, cols.seconds)
    ones = np.ones_like(cols.years)
    return _table(
        method,
        (market, cols, ones),
        (cols.volatility * up[cols.expiry], cols.volatility * down[cols.expiry]),
        (float(method.static_discount) * exponential(-cols.years * exponent), ones),
    )


def value_portfolio_two(method: DerivePortfolioTwo, market: Market) -> ValueTable:
    """Second generation: discounted Black-76, a floor under volatility shocked up, two discounts.

    long = long_discount · e^(−years · (rate · long_rate_multiply + long_rate_add))
    short = min(1 ÷ discount, short_discount · e^(+years · (rate · … + short_rate_add)))
    so that a short expiry counts at worst undiscounted.
    """
    cols = columns(market)
    up, down = volatility_multipliers(method, cols.seconds)
    long_rate = cols.rate * float(method.long_rate_multiply) + float(method.long_rate_add)
    short_rate = cols.rate * float(method.short_rate_multiply) + float(method.short_rate_add)
    long = float(method.long_discount) * exponential(-cols.years * long_rate)
    short = float(method.short_discount) * exponential(cols.years * short_rate)
    floor = float(method.volatility_up_floor)
    return _table(
        method,
        (market, cols, cols.discount),
        (
            np.maximum(cols.volatility * up[cols.expiry], floor),
            cols.volatility * down[cols.expiry],
        ),
        (long, np.minimum(1.0 / cols.discount, short)),
    )


def volatility_multipliers(
    method: DerivePortfolio | DerivePortfolioTwo, seconds: Floats
) -> tuple[Floats, Floats]:
    """[expiry] up = 1 + volatility_up · τ^p and down = max(0, 1 − volatility_down · τ^p).

    τ = 30 days ÷ max(seconds, seconds_floor); p is `power_short` up to 30 days, then `power_long`.
    """
    tau = MONTH_SECONDS / np.maximum(seconds, float(method.seconds_floor))
    exponent = np.where(
        seconds <= MONTH_SECONDS, float(method.power_short), float(method.power_long)
    )
    raised = power(tau, exponent)
    up = 1.0 + float(method.volatility_up) * raised
    down = np.maximum(0.0, 1.0 - float(method.volatility_down) * raised)
    return up, down


def skew_multipliers(method: DerivePortfolioTwo, cols: Columns, *, absolute: bool) -> Floats:
    """[option] by what a tilt of the smile multiplies each volatility.

    cap = cap₀ + cap_time · √years, and with k = ln(strike ÷ forward), or |k| where `absolute`:
    full = max(skew_width_floor, √years · skew_width · (skew_volatility + skew_volatility_time ·
    √years)); multiplier = max(0, 1 + k · cap ÷ full), the tilt held to +cap where k ≥ 0 and to −cap
    where k < 0.
    """
    chosen = (
        ("absolute_cap", "absolute_cap_time") if absolute else ("linear_cap", "linear_cap_time")
    )
    cap_start, cap_time = (float(getattr(method, name)) for name in chosen)
    root = np.sqrt(cols.years)[cols.expiry]
    cap = cap_start + cap_time * root
    wide = float(method.skew_volatility) + root * float(method.skew_volatility_time)
    full = np.maximum(float(method.skew_width_floor), root * float(method.skew_width) * wide)
    forward = (cols.variable + cols.fixed)[cols.expiry]
    k = logarithm(cols.strike) - logarithm(forward)
    k = np.abs(k) if absolute else k
    tilt = k * cap / full
    tilt = np.where(k >= 0.0, np.minimum(tilt, cap), np.maximum(tilt, -cap))
    return np.maximum(0.0, 1.0 + tilt)


def _table(
    method: DerivePortfolio | DerivePortfolioTwo,
    given: tuple[Market, Columns, Floats],
    shocked: tuple[Floats, Floats],
    discounts: tuple[Floats, Floats],
) -> ValueTable:
    market, cols, discount = given
    cells = shocked_columns(method)
    by_shock = {"None": cols.volatility, "Up": shocked[0], "Down": shocked[1]}
    if isinstance(method, DerivePortfolioTwo):
        for cell in cells:
            if cell.volatility in SKEWS:
                tilt = skew_multipliers(method, cols, absolute=cell.volatility == "Abs")
                by_shock[cell.volatility] = cols.volatility * tilt
    spots = np.array([float(cell.spot) for cell in cells])
    volatilities = [by_shock[cell.volatility] for cell in cells]
    one = np.ones(1)
    return ValueTable(
        market=market,
        columns=cols,
        mark=_values(cols, one, cols.volatility[:, None], discount)[:, 0],
        shocked=_values(cols, spots, np.stack(volatilities, axis=1), discount),
        long_discount=discounts[0],
        short_discount=discounts[1],
        move=np.array([float(cell.spot - Decimal(1)) for cell in cells]),
        dampening=np.array([float(cell.dampening) for cell in cells]),
        skewed=np.array([cell.volatility in SKEWS for cell in cells], np.bool_),
    )


def _values(cols: Columns, spots: Floats, volatility: Floats, discount: Floats) -> Floats:
    """[option, column] Black-76 with forward = variable · spot ratio + fixed."""
    if not len(cols.expiry):
        return np.zeros((0, len(spots)))
    forward = cols.variable[:, None] * spots + cols.fixed[:, None]
    return option_price(
        forward[cols.expiry],
        cols.strike[:, None],
        volatility,
        cols.years[cols.expiry][:, None],
        discount[cols.expiry][:, None],
        cols.is_call[:, None],
    )
