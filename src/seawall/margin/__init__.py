"""What each account must hold. Pure functions over columns; no state, no clock."""

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    MarginMethod,
    Requirement,
    Rows,
    Term,
)

__all__ = [
    "ExactRequirement",
    "ExactTable",
    "Explanation",
    "Holdings",
    "MarginMethod",
    "Requirement",
    "Rows",
    "Term",
]
