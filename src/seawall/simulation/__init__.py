"""Drivers: scenarios, generated accounts, a finite book, replay and report."""

from seawall.simulation.bars import ScenarioError
from seawall.simulation.recording import Recording, Summary
from seawall.simulation.scenario import Scenario
from seawall.simulation.scenario_check import load

__all__ = ["Recording", "Scenario", "ScenarioError", "Summary", "load"]
