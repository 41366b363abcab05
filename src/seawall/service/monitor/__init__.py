"""How far a fall would spread, read from the running venue every few seconds."""

from seawall.service.monitor.assumptions import AssumptionError, Assumptions, read_assumptions
from seawall.service.monitor.moment import Moment, moment_of
from seawall.service.monitor.monitor import Follower, Monitor

__all__ = [
    "AssumptionError",
    "Assumptions",
    "Follower",
    "Moment",
    "Monitor",
    "moment_of",
    "read_assumptions",
]
