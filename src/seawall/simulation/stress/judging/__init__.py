"""A book as columns that a compiled fall can judge at any prices, and the rules that it follows."""

from seawall.simulation.stress.judging.columns import Columns, columns_of, margin_points, steepness
from seawall.simulation.stress.judging.grouping import grouped
from seawall.simulation.stress.judging.rules import FULL, LEAST, Rules, followed, rules_of

__all__ = [
    "FULL",
    "LEAST",
    "Columns",
    "Rules",
    "columns_of",
    "followed",
    "grouped",
    "margin_points",
    "rules_of",
    "steepness",
]
