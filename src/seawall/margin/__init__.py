"""What each account must hold. Pure functions over columns; no state, no clock."""

from seawall.margin.brackets import TierError, brackets_from_ccxt
from seawall.margin.conformance import ConformanceError, check_margin_method
from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    MarginMethod,
    Requirement,
    Rows,
    Term,
    holdings_of,
    worth,
)
from seawall.margin.health import suspects
from seawall.margin.lending import CorrelatedClass, Lending, Lent
from seawall.margin.scan import Extreme, Scan
from seawall.margin.standard import Standard
from seawall.margin.tails import Concentration, FilteredHistorical
from seawall.margin.tiered import Bracket, Tiered
from seawall.margin.tiered_by_size import OpenInterest, TieredBySize

# msgspec decodes a rulebook's method by its tag.
METHODS = Tiered | TieredBySize | Standard | Scan | FilteredHistorical | Lending

__all__ = [
    "METHODS",
    "Bracket",
    "Concentration",
    "ConformanceError",
    "CorrelatedClass",
    "ExactRequirement",
    "ExactTable",
    "Explanation",
    "Extreme",
    "FilteredHistorical",
    "Holdings",
    "Lending",
    "Lent",
    "MarginMethod",
    "OpenInterest",
    "Requirement",
    "Rows",
    "Scan",
    "Standard",
    "Term",
    "TierError",
    "Tiered",
    "TieredBySize",
    "brackets_from_ccxt",
    "check_margin_method",
    "holdings_of",
    "suspects",
    "worth",
]
