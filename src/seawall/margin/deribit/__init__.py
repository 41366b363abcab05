"""Deribit's segregated portfolio margin: cell table, offsets, add-ons."""

from seawall.margin.deribit.cells import EXTENDED_MOVES, Cells, Position, cells_of
from seawall.margin.deribit.columns import PairRates, SettlementRates
from seawall.margin.deribit.parameters import (
    CurrencyParameters,
    GeneralParameters,
    ModelParameters,
    PairParameters,
    load_model_params,
)
from seawall.margin.deribit.segregated import (
    SegregatedMargin,
    SegregatedPortfolio,
    WorstCell,
    net_short_options_contingency,
    scaled_shock,
)

__all__ = [
    "EXTENDED_MOVES",
    "Cells",
    "CurrencyParameters",
    "GeneralParameters",
    "ModelParameters",
    "PairParameters",
    "PairRates",
    "Position",
    "SegregatedMargin",
    "SegregatedPortfolio",
    "SettlementRates",
    "WorstCell",
    "cells_of",
    "load_model_params",
    "net_short_options_contingency",
    "scaled_shock",
]
