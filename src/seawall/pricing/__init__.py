"""What one unit of each asset is worth now and in each scenario. float64 begins here."""

from seawall.pricing.risk_table import Floats, Grid, Ints, RiskTable, Scenario

__all__ = ["Floats", "Grid", "Ints", "RiskTable", "Scenario"]
