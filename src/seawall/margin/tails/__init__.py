"""Tail measures over a history of moves: expected shortfall and value at risk."""

from seawall.margin.tails.filtered import Concentration, FilteredHistorical
from seawall.margin.tails.peaks import PeaksOverThreshold

__all__ = ["Concentration", "FilteredHistorical", "PeaksOverThreshold"]
