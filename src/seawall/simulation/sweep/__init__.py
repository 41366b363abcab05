"""Sweeps over parameters: points, seeds, workers here or on a cluster, and what is recommended."""

from seawall.simulation.sweep.design import latin_hypercube, points, seed_of
from seawall.simulation.sweep.judged import Recommendation, Row, pareto, recommended
from seawall.simulation.sweep.model import Outcome
from seawall.simulation.sweep.run import Swept, sweep, write_table
from seawall.simulation.sweep.spec import Objective, Range, Spec, SweepError, read

__all__ = [
    "Objective",
    "Outcome",
    "Range",
    "Recommendation",
    "Row",
    "Spec",
    "SweepError",
    "Swept",
    "latin_hypercube",
    "pareto",
    "points",
    "read",
    "recommended",
    "seed_of",
    "sweep",
    "write_table",
]
