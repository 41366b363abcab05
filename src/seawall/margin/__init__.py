"""What each account must hold. Pure functions over columns; no state, no clock."""

from seawall.margin.brackets import TierError, brackets_from_ccxt, count_tiers_from_ccxt
from seawall.margin.conformance import ConformanceError, check_margin_method
from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    MarginMethod,
    Requirement,
    RowByRow,
    Rows,
    Term,
    holdings_of,
    worth,
)
from seawall.margin.deribit_block import deribit_portfolio
from seawall.margin.deribit_cross import CrossRates, DeribitCross, deribit_cross
from seawall.margin.deribit_portfolio import DeribitPortfolio
from seawall.margin.derive_portfolio import DerivePortfolioMargin, DerivePortfolioMarginTwo
from seawall.margin.derive_standard import DeriveStandardMargin
from seawall.margin.health import suspects
from seawall.margin.lending import CorrelatedClass, Lending, Lent
from seawall.margin.okx_portfolio import OkxPortfolio, RiskUnitTerms
from seawall.margin.scan import Extreme, Scan
from seawall.margin.sixteen_scan import Commodity, InterCommodity, SixteenScan
from seawall.margin.standard import Standard
from seawall.margin.tails import Concentration, FilteredHistorical, PeaksOverThreshold
from seawall.margin.tiered import Bracket, Tiered
from seawall.margin.tiered_by_count import CountTier, TieredByCount
from seawall.margin.tiered_by_size import OpenInterest, TieredBySize

# msgspec decodes a rulebook's method by its tag.
METHODS = (
    Tiered
    | TieredBySize
    | TieredByCount
    | Standard
    | Scan
    | FilteredHistorical
    | Lending
    | DeribitPortfolio
    | DeribitCross
    | DerivePortfolioMargin
    | DerivePortfolioMarginTwo
    | DeriveStandardMargin
    | SixteenScan
    | OkxPortfolio
)

__all__ = [
    "METHODS",
    "Bracket",
    "Commodity",
    "Concentration",
    "ConformanceError",
    "CorrelatedClass",
    "CountTier",
    "CrossRates",
    "DeribitCross",
    "DeribitPortfolio",
    "DerivePortfolioMargin",
    "DerivePortfolioMarginTwo",
    "DeriveStandardMargin",
    "ExactRequirement",
    "ExactTable",
    "Explanation",
    "Extreme",
    "FilteredHistorical",
    "Holdings",
    "InterCommodity",
    "Lending",
    "Lent",
    "MarginMethod",
    "OkxPortfolio",
    "OpenInterest",
    "PeaksOverThreshold",
    "Requirement",
    "RiskUnitTerms",
    "RowByRow",
    "Rows",
    "Scan",
    "SixteenScan",
    "Standard",
    "Term",
    "TierError",
    "Tiered",
    "TieredByCount",
    "TieredBySize",
    "brackets_from_ccxt",
    "check_margin_method",
    "count_tiers_from_ccxt",
    "deribit_cross",
    "deribit_portfolio",
    "holdings_of",
    "suspects",
    "worth",
]
