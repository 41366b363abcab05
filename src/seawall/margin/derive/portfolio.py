"""Portfolio margin of the first generation (PMRM): the worst of a grid, scaled, less contingencies.

    maintenance = worst − static + mark value + cash
    initial = (worst − static) · (initial_factor + depeg) − confidence + mark value + cash

Source: derivexyz/v2-core at 7736900 (2026-01-21), PMRM and its library, restated.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from seawall.margin.derive.market import (
    Market,
    Portfolio,
    amounts,
    by_expiry,
    least_confidence,
    naked,
)
from seawall.margin.derive.parameters import DerivePortfolio, DerivePortfolioTwo
from seawall.margin.derive.reduction import (
    Charges,
    PortfolioMargin,
    basis_contingency,
    column_profits,
    compose,
    expiry_marks,
)
from seawall.margin.derive.valuation import ValueTable, value_portfolio
from seawall.pricing import Floats


def portfolio_margin(
    method: DerivePortfolio, market: Market, portfolio: Portfolio, table: ValueTable | None = None
) -> PortfolioMargin:
    """Margin of one account; give the `value_portfolio` table to margin many on one market."""
    table = table or value_portfolio(method, market)
    held = amounts(market, portfolio)
    base_value = portfolio.base * market.spot / float(market.stable)
    linear = base_value + portfolio.perpetual * market.perpetual
    option_mark = float(expiry_marks(table, held).sum())
    static = market.spot * (
        abs(portfolio.perpetual) * float(method.perpetual_static)
        + portfolio.base * float(method.base_static)
        + naked(table.columns, held) * float(method.option_static)
    )
    return compose(
        column_profits(table, held, linear),
        basis_contingency(table, held, float(method.basis_add), float(method.basis_multiply)),
        (portfolio.cash, option_mark, base_value, portfolio.perpetual_cash),
        Charges(
            static_scaled=static,
            static=0.0,
            static_initial=0.0,
            confidence=_confidence(method, table, portfolio, held),
            initial_factor=float(method.initial_factor),
            maintenance_factor=1.0,
            depeg=depeg(method, market),
        ),
    )


def depeg(method: DerivePortfolio | DerivePortfolioTwo, market: Market) -> float:
    """(peg_threshold − stable) · peg_factor below the threshold, else 0."""
    below = max(method.peg_threshold - market.stable, Decimal(0))
    return float(below * method.peg_factor)


def doubt(method: DerivePortfolio | DerivePortfolioTwo, confidence: Decimal) -> float:
    """(1 − confidence) · confidence_factor below the threshold, else 0: a cliff."""
    if not confidence < method.confidence_threshold:
        return 0.0
    return float((1 - confidence) * method.confidence_factor)


def option_doubt(
    method: DerivePortfolio | DerivePortfolioTwo,
    table: ValueTable,
    portfolio: Portfolio,
    held: Floats,
) -> float:
    """Σ over expiries of doubt · Σ|amount| · spot, dollars; options bought count too."""
    sizes = by_expiry(table.columns, np.abs(held))
    perpetual = portfolio.perpetual != 0.0
    return sum(
        doubt(method, least_confidence(table.market, expiry, perpetual=perpetual))
        * float(size)
        * table.market.spot
        for expiry, size in zip(table.market.expiries, sizes, strict=True)
    )


def _confidence(
    method: DerivePortfolio, table: ValueTable, portfolio: Portfolio, held: Floats
) -> float:
    """The charge of perpetual and base together, and of each expiry, dollars."""
    market = table.market
    feeds = [market.spot_confidence]
    if portfolio.perpetual != 0.0:
        feeds.append(market.perpetual_confidence)
    size = abs(portfolio.perpetual) + portfolio.base
    linear = doubt(method, min(feeds)) * size * market.spot
    return linear + option_doubt(method, table, portfolio, held)
