"""Seeded worlds around the real engine: people, books and venues that answer each other."""

from seawall.simulation.world.report import Comparison, VenueReport, WorldReport, told
from seawall.simulation.world.scenario import WorldScenario, load, read
from seawall.simulation.world.small import (
    Closed,
    SmallColumns,
    closes,
    columns,
    small_scenario,
    small_world,
)
from seawall.simulation.world.world import World, compared

__all__ = [
    "Closed",
    "Comparison",
    "SmallColumns",
    "VenueReport",
    "World",
    "WorldReport",
    "WorldScenario",
    "closes",
    "columns",
    "compared",
    "load",
    "read",
    "small_scenario",
    "small_world",
    "told",
]
