"""What one unit of each asset is worth now and in each scenario. float64 begins here."""

from seawall.pricing.black import Greeks, black_greeks, black_price, implied_volatility
from seawall.pricing.elementary import (
    DomainError,
    exponential,
    logarithm,
    normal_cumulative,
    power,
)
from seawall.pricing.layout import PricingError, TooLargeError
from seawall.pricing.risk_table import risk_table
from seawall.pricing.svi import (
    YEAR_MS,
    Flaw,
    SmileError,
    SurfaceReport,
    blend,
    butterfly,
    inspect_surface,
    volatility,
)
from seawall.pricing.table import Floats, Grid, Ints, RiskTable, Scenario, Tilt, aligned

__all__ = [
    "YEAR_MS",
    "DomainError",
    "Flaw",
    "Floats",
    "Greeks",
    "Grid",
    "Ints",
    "PricingError",
    "RiskTable",
    "Scenario",
    "SmileError",
    "SurfaceReport",
    "Tilt",
    "TooLargeError",
    "aligned",
    "black_greeks",
    "black_price",
    "blend",
    "butterfly",
    "exponential",
    "implied_volatility",
    "inspect_surface",
    "logarithm",
    "normal_cumulative",
    "power",
    "risk_table",
    "volatility",
]
