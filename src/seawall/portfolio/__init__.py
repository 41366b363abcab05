"""What a person asks of a portfolio: its margin, liquidation prices, what a trade would do."""

from seawall.portfolio.account import (
    Account,
    Trials,
    elsewhere,
    load,
    method_names,
    with_prices,
    with_volatility,
)
from seawall.portfolio.frame import margin_frame, what_if_frame
from seawall.portfolio.frame_prices import liquidation_price_frame
from seawall.portfolio.freshness import Doubt, Watch, doubts, watch_of
from seawall.portfolio.liquidation_price import Crossing, LiquidationPrices, liquidation_price
from seawall.portfolio.margin import Cell, MarginReport, compare, margin, state_of
from seawall.portfolio.read import (
    Holding,
    Market,
    Portfolio,
    PortfolioError,
    Seen,
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
from seawall.portfolio.write import portfolio_toml

__all__ = [
    "Account",
    "Cell",
    "Change",
    "Crossing",
    "Doubt",
    "Holding",
    "Imported",
    "LargestTrade",
    "LiquidationPrices",
    "MarginReport",
    "Market",
    "Portfolio",
    "PortfolioError",
    "Seen",
    "Smile",
    "Trade",
    "Trials",
    "Watch",
    "WhatIf",
    "compare",
    "doubts",
    "elsewhere",
    "from_ccxt",
    "from_deribit",
    "largest_trade",
    "liquidation_price",
    "liquidation_price_frame",
    "load",
    "margin",
    "margin_frame",
    "method_names",
    "portfolio_toml",
    "read",
    "read_change",
    "rows_of",
    "state_of",
    "venue_at",
    "watch_of",
    "what_if",
    "what_if_frame",
    "with_prices",
    "with_volatility",
]
