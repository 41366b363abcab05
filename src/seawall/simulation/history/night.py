"""A replayed crash again, with the impact of its own forced sales on top: off, and under a law.

The replay follows measured bars, so nothing that its venue sells moves them. Here each tick of a
coin stands lower by what the venue has sold of it by force and has not faded: the same engine,
accounts and book, once with impact off and once on. The bars hold the impact of that day's real
liquidations too; the venue of the replay is an invented one beside them. Knows the replay's door.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seawall.engine import Engine
from seawall.engine.effect import Deleveraged, Effects, Liquidated
from seawall.engine.event import Event
from seawall.engine.history.journal import Journal
from seawall.pricing import Floats
from seawall.simulation.history.impact import MILLION
from seawall.simulation.history.rerun import Law
from seawall.simulation.path import Tick
from seawall.simulation.replay import Replay, Stage

_ONE = 10**10


class Night(NamedTuple):
    """One way through a replayed crash."""

    forced: Mapping[str, float]  # By coin, dollars sold or bought by force on the book.
    deleveraged: float  # Dollars.
    lowest: Mapping[str, float]  # By coin, dollars.
    deepest: Mapping[str, float]  # By coin, greatest share by which its sales held a tick lower.
    liquidated: int  # Accounts.

    @property
    def whole(self) -> float:
        """Dollars of every coin."""
        return math.fsum(self.forced.values())


class _Displaced(Replay):
    """A replay whose ticks know what was sold before them."""

    def __init__(self, file: Path, laws: Mapping[str, Law], accounts: int | None) -> None:
        super().__init__(file, None, accounts=accounts, listener=self._hear)
        self.names: Sequence[str] = self.scenario.path.coins
        self.laws = [laws.get(name, Law("no impact", 0.0)) for name in self.names]
        self.pressure: Floats = np.zeros(len(self.names))
        self.sold: Floats = np.zeros(len(self.names))  # Since the last tick, net.
        self.forced: Floats = np.zeros(len(self.names))
        self.deepest: Floats = np.zeros(len(self.names))
        self.lowest: Floats = np.full(len(self.names), np.inf)
        self.deleveraged, self.last_ms = 0.0, 0
        self.accounts: set[int] = set()

    def _hear(self, event: Event, effects: Sequence[Effects], engine: Engine) -> None:
        for effect in effects:
            if isinstance(effect, Deleveraged):
                self.deleveraged += effect.notional / _ONE
            elif isinstance(effect, Liquidated):
                base = engine.catalogue.instruments[effect.instrument].base
                dollars = effect.notional / _ONE
                place = self.names.index(base)
                self.sold[place] += -math.copysign(dollars, effect.lots)
                self.forced[place] += dollars
                self.accounts.add(effect.account)

    def _step(self, stage: Stage, tick: Tick, number: int) -> None:
        minutes = (tick.time_ms - self.last_ms) / 60_000.0 if self.last_ms else 0.0
        self.last_ms = tick.time_ms
        kept = np.array([0.5 ** (minutes / law.half_life_min) for law in self.laws])
        self.pressure = self.pressure * kept + self.sold
        self.sold = np.zeros(len(self.names))
        pairs = zip(self.laws, self.pressure.tolist(), strict=True)
        falls = np.array([1.0 - math.exp(-law.fall(dollars)) for law, dollars in pairs])
        price = tuple(
            max(1, round(one * (1.0 - fall)))
            for one, fall in zip(tick.price, falls.tolist(), strict=True)
        )
        self.deepest = np.maximum(self.deepest, falls)
        self.lowest = np.minimum(self.lowest, np.array(price) / _ONE)
        super()._step(stage, tick._replace(price=price), number)


def night(
    file: Path,
    laws: Mapping[str, Law],
    journal: Journal,
    accounts: int | None = None,
    last_tick: int | None = None,
) -> Night:
    """Run a scenario of the replay under a law for each coin; a coin without one is not moved."""
    driver = _Displaced(file, laws, accounts)
    driver.journal = journal
    driver.run(last_tick=last_tick)

    def by_coin(column: Floats) -> dict[str, float]:
        return dict(zip(driver.names, column.tolist(), strict=True))

    return Night(
        by_coin(driver.forced),
        driver.deleveraged,
        by_coin(driver.lowest),
        by_coin(driver.deepest),
        len(driver.accounts),
    )


def through(name: str, dollars: float, drop: float, half_life_min: float) -> Law:
    """The square root through one measured point: so many dollars make the price drop by so much.

    >>> round(through("root", 4e6, 0.02, 7.0).fall(1e6), 6)
    0.010101
    """
    fall = -math.log1p(-drop)
    return Law(name, fall / math.sqrt(dollars / MILLION), 0.5, half_life_min)
