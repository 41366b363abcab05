"""The cascade in Mesa: agents that look for themselves, and AgentSet operations."""

from __future__ import annotations

from typing import Any

import mesa
from one_run import Draws, Steps, measure


class Account(mesa.Agent):  # type: ignore[misc]
    """Closed once the price is at its liquidation price or below."""

    def __init__(self, model: Any, liquidation_price: float, units: float) -> None:
        super().__init__(model)
        self.liquidation_price = liquidation_price
        self.units = units
        self.closed = False

    def step(self) -> None:
        """Look, and sell everything."""
        if not self.closed and self.liquidation_price >= self.model.price:
            self.closed = True
            self.model.sold += self.units


class Market(mesa.Model):  # type: ignore[misc]
    """Each agent looks at each step."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self.draws, self.price, self.sold, self.time = draws, draws.price, 0.0, 0
        Account.create_agents(self, len(draws.units), draws.liquidation_price, draws.units)

    def step(self) -> None:
        """A shock, everybody looks, what was sold moves the price."""
        self.price += self.draws.shocks[self.steps - 1]
        self.sold = 0.0
        self.agents.do("step")
        self.price -= self.draws.impact * self.sold

    def run(self) -> tuple[float, int]:
        """All steps."""
        for _ in self.draws.shocks:
            self.step()
        return self.price, len(self.agents.select(lambda agent: agent.closed))


class Selecting(Market):
    """The AgentSet picks whoever is reached; who is closed leaves the model."""

    def step(self) -> None:
        """A shock; those who are reached sell and go."""
        self.price += self.draws.shocks[self.steps - 1]
        price = self.price
        reached = self.agents.select(lambda agent: agent.liquidation_price >= price)
        if len(reached):
            self.price -= self.draws.impact * reached.agg("units", sum)
            reached.do("remove")

    def run(self) -> tuple[float, int]:
        """All steps."""
        for _ in self.draws.shocks:
            self.step()
        return self.price, len(self.draws.units) - len(self.agents)


def _agents(draws: Draws) -> Steps:
    return Market(draws).run


def _selecting(draws: Draws) -> Steps:
    return Selecting(draws).run


measure(
    f"Mesa {mesa.__version__}",
    {"agents step (AgentSet.do)": _agents, "AgentSet.select, the closed leave": _selecting},
)
