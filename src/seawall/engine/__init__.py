"""The state machine: one event in, effects out, journalled and replayable."""

from seawall.engine.effect import State
from seawall.engine.engine import Engine
from seawall.engine.explain import AccountExplanation

__all__ = ["AccountExplanation", "Engine", "State"]
