"""Derive v2's margin rules: standard and both generations of portfolio margin."""

from seawall.margin.derive.contract_pricing import (
    Smile,
    SmileDomainError,
    call_delta,
    contract_exponential,
    option_price,
    smile_money,
    smile_volatility,
)
from seawall.margin.derive.market import (
    Collateral,
    Expiry,
    Market,
    MarketError,
    Option,
    Portfolio,
    Position,
)
from seawall.margin.derive.open_interest import open_interest, open_interest_fee, payoff
from seawall.margin.derive.parameters import (
    CollateralTerms,
    DerivePortfolio,
    DerivePortfolioTwo,
    DeriveScenario,
    DeriveStandard,
    ParameterError,
    StandardTerms,
)
from seawall.margin.derive.portfolio import portfolio_margin
from seawall.margin.derive.portfolio_two import portfolio_two_margin
from seawall.margin.derive.presets import AS_OF, PRESETS, SOURCE
from seawall.margin.derive.reduction import PortfolioMargin
from seawall.margin.derive.standard import (
    ExpiryMargin,
    MarketMargin,
    Side,
    StandardMargin,
    standard_margin,
)
from seawall.margin.derive.valuation import ValueTable, value_portfolio, value_portfolio_two

__all__ = [
    "AS_OF",
    "PRESETS",
    "SOURCE",
    "Collateral",
    "CollateralTerms",
    "DerivePortfolio",
    "DerivePortfolioTwo",
    "DeriveScenario",
    "DeriveStandard",
    "Expiry",
    "ExpiryMargin",
    "Market",
    "MarketError",
    "MarketMargin",
    "Option",
    "ParameterError",
    "Portfolio",
    "PortfolioMargin",
    "Position",
    "Side",
    "Smile",
    "SmileDomainError",
    "StandardMargin",
    "StandardTerms",
    "ValueTable",
    "call_delta",
    "contract_exponential",
    "open_interest",
    "open_interest_fee",
    "option_price",
    "payoff",
    "portfolio_margin",
    "portfolio_two_margin",
    "smile_money",
    "smile_volatility",
    "standard_margin",
    "value_portfolio",
    "value_portfolio_two",
]
