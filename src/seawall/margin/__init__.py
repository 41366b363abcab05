"""What each account must hold. Pure functions over columns; no state, no clock."""

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
from seawall.margin.scan import Extreme, Scan
from seawall.margin.tails import Concentration, FilteredHistorical
from seawall.margin.tiered import Bracket, Tiered

METHODS = Tiered | Scan | FilteredHistorical  # msgspec decodes a rulebook's method by its tag.

__all__ = [
    "METHODS",
    "Bracket",
    "Concentration",
    "ConformanceError",
    "ExactRequirement",
    "ExactTable",
    "Explanation",
    "Extreme",
    "FilteredHistorical",
    "Holdings",
    "MarginMethod",
    "Requirement",
    "Rows",
    "Scan",
    "Term",
    "Tiered",
    "check_margin_method",
    "holdings_of",
    "suspects",
    "worth",
]
