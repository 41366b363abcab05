"""What a person asks of a portfolio: its margin, liquidation prices, what a trade would do."""

from seawall.portfolio.account import Account, Trials, load, with_prices, with_volatility
from seawall.portfolio.frame import margin_frame
from seawall.portfolio.liquidation_price import Crossing, LiquidationPrices, liquidation_price
from seawall.portfolio.margin import Cell, MarginReport, compare, margin, state_of
from seawall.portfolio.read import (
    Holding,
    Market,
    Portfolio,
    PortfolioError,
    Smile,
    read,
    rows_of,
    venue_at,
)
from seawall.portfolio.venues import Imported, from_ccxt, from_deribit
from seawall.portfolio.what_if import (
    Change,
    LargestTrade,
    Trade,
    WhatIf,
    largest_trade,
    read_change,
    what_if,
)

__all__ = [
    "Account",
    "Cell",
    "Change",
    "Crossing",
    "Holding",
    "Imported",
    "LargestTrade",
    "LiquidationPrices",
    "MarginReport",
    "Market",
    "Portfolio",
    "PortfolioError",
    "Smile",
    "Trade",
    "Trials",
    "WhatIf",
    "compare",
    "from_ccxt",
    "from_deribit",
    "largest_trade",
    "liquidation_price",
    "load",
    "margin",
    "margin_frame",
    "read",
    "read_change",
    "rows_of",
    "state_of",
    "venue_at",
    "what_if",
    "with_prices",
    "with_volatility",
]
