"""Standard margin of single options and futures: the rule, and the parameters of venues."""

from seawall.margin.listed.rates import (
    FutureRates,
    OptionParts,
    OptionRates,
    OptionTerms,
    bought_charge,
    future_charge,
    parts_of,
    sold_charge,
)
from seawall.margin.listed.spreads import Leg, most_lost_at_expiry

__all__ = [
    "FutureRates",
    "Leg",
    "OptionParts",
    "OptionRates",
    "OptionTerms",
    "bought_charge",
    "future_charge",
    "most_lost_at_expiry",
    "parts_of",
    "sold_charge",
]
