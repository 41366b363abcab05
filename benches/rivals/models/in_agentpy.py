"""The cascade in agentpy: agents that look for themselves, and selection on an AgentList."""

from __future__ import annotations

from typing import Any

import agentpy
from one_run import Draws, Steps, measure


class Account(agentpy.Agent):  # type: ignore[misc]
    """Closed once the price is at its liquidation price or below."""

    def setup(self) -> None:
        """Open."""
        self.closed = False

    def look(self) -> None:
        """Look, and sell everything."""
        if not self.closed and self.liquidation_price >= self.model.price:
            self.closed = True
            self.model.sold += self.units


class Market(agentpy.Model):  # type: ignore[misc]
    """Each agent looks at each step."""

    def setup(self) -> None:
        """Accounts as drawn."""
        draws: Draws = self.p.draws
        self.draws, self.price, self.sold = draws, draws.price, 0.0
        self.accounts = agentpy.AgentList(self, len(draws.units), Account)
        self.accounts.liquidation_price = agentpy.AttrIter(draws.liquidation_price)
        self.accounts.units = agentpy.AttrIter(draws.units)

    def step(self) -> None:
        """A shock, everybody looks, what was sold moves the price."""
        self.price += self.draws.shocks[self.t - 1]
        self.sold = 0.0
        self.accounts.look()
        self.price -= self.draws.impact * self.sold

    def closed(self) -> int:
        """How many accounts were closed."""
        return sum(self.accounts.closed)


class Selecting(Market):
    """The list picks whoever is reached; the others stay in it."""

    def step(self) -> None:
        """A shock; those who are reached sell and go."""
        self.price += self.draws.shocks[self.t - 1]
        price = self.price
        reached = self.accounts.select(self.accounts.liquidation_price >= price)
        if len(reached):
            self.accounts = self.accounts.select(self.accounts.liquidation_price < price)
            self.price -= self.draws.impact * sum(reached.units)

    def closed(self) -> int:
        """How many accounts were closed."""
        return len(self.draws.units) - len(self.accounts)


def _of(kind: Any) -> Any:
    def build(draws: Draws) -> Steps:
        model = kind({"draws": draws})
        model.sim_setup(steps=len(draws.shocks))

        def run() -> tuple[float, int]:
            while model.running:
                model.sim_step()
            return model.price, model.closed()

        return run

    return build


measure(
    f"agentpy {agentpy.__version__}",
    {
        "agents look (AgentList call)": _of(Market),
        "AgentList.select, the closed leave": _of(Selecting),
    },
)
