"""Portfolio margin of the second generation (PMRM_2): collaterals, tails, skews, discounting.

    maintenance = worst · maintenance_factor − static + mark value + cash
    initial = worst · (initial_factor + depeg) − static − static_initial − confidence
              + mark value + cash

Source: derivexyz/v2-core at 7736900 (2026-01-21), PMRM_2 and its library, restated.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.margin.derive.market import Market, MarketError, Portfolio, amounts, naked
from seawall.margin.derive.parameters import DerivePortfolioTwo
from seawall.margin.derive.portfolio import depeg, doubt, option_doubt
from seawall.margin.derive.reduction import (
    Charges,
    PortfolioMargin,
    basis_contingency,
    column_profits,
    compose,
    expiry_marks,
)
from seawall.margin.derive.valuation import ValueTable, value_portfolio_two


def portfolio_two_margin(
    method: DerivePortfolioTwo,
    market: Market,
    portfolio: Portfolio,
    table: ValueTable | None = None,
) -> PortfolioMargin:
    """Margin of one account; give the `value_portfolio_two` table to margin many on one market."""
    table = table or value_portfolio_two(method, market)
    held = amounts(market, portfolio)
    posted = _posted(method, market, portfolio)
    notional = market.spot * abs(portfolio.perpetual)
    uncovered = market.spot * naked(table.columns, held)
    option_mark = float(expiry_marks(table, held).sum())
    feeds = [market.spot_confidence]
    if portfolio.perpetual != 0.0:
        feeds.append(market.perpetual_confidence)
    return compose(
        column_profits(table, held, portfolio.perpetual * market.perpetual + posted.cancelling),
        basis_contingency(table, held, float(method.basis_add), float(method.basis_multiply)),
        (portfolio.cash, option_mark, posted.value, portfolio.perpetual_cash),
        Charges(
            static_scaled=0.0,
            static=notional * float(method.perpetual_maintenance)
            + uncovered * float(method.option_maintenance)
            + posted.maintenance_haircut,
            static_initial=notional * float(method.perpetual_initial)
            + uncovered * float(method.option_initial)
            + posted.initial_haircut,
            confidence=notional * doubt(method, min(feeds))
            + option_doubt(method, table, portfolio, held)
            + posted.confidence,
            initial_factor=float(method.initial_factor),
            maintenance_factor=float(method.maintenance_factor),
            depeg=depeg(method, market),
        ),
    )


class _Posted(NamedTuple):
    """Sums over an account's collaterals, dollars."""

    value: float
    cancelling: float  # The part that moves with the market's price.
    maintenance_haircut: float
    initial_haircut: float
    confidence: float


def _posted(method: DerivePortfolioTwo, market: Market, portfolio: Portfolio) -> _Posted:
    """Values and haircuts; the confidence is the lesser of the collateral's and the market's."""
    if len(portfolio.collaterals) > len(market.collaterals):
        raise MarketError(f"portfolio.collaterals: the market lists {len(market.collaterals)}")
    if portfolio.base:
        raise MarketError("portfolio.base: this rule takes the base asset as a collateral")
    parts = []
    for collateral, amount in zip(market.collaterals, portfolio.collaterals, strict=False):
        terms = method.collaterals.get(collateral.name)
        if terms is None:
            raise MarketError(f"collaterals.{collateral.name}: the method has no terms for it")
        value = amount * collateral.price / float(market.stable)
        parts.append(
            _Posted(
                value=value,
                cancelling=value if terms.risk_cancelling else 0.0,
                maintenance_haircut=value * float(terms.maintenance_haircut),
                initial_haircut=value * float(terms.initial_haircut),
                confidence=value
                * doubt(method, min(collateral.confidence, market.spot_confidence)),
            )
        )
    return (
        _Posted(*map(sum, zip(*parts, strict=True))) if parts else _Posted(0.0, 0.0, 0.0, 0.0, 0.0)
    )
