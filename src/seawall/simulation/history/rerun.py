"""Minutes run again from what was fitted on others: prices and forced sales answer each other.

Taken from the price: what the observed forced sales did to it, under one law and its half-life.
What is left is the market's own way. Along that way the fitted standing closes people, the law
moves the price, and a lower price closes more, round after round, until a minute is at rest. What
is compared is the forced notional and the price that come out. Knows a tape and fitted numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.history.flow import DAY_MIN, Lows, Standing
from seawall.simulation.history.impact import MILLION
from seawall.simulation.history.tape import Tape

ROUNDS_MOST = 200
DISPLACED_MOST = 1.0  # Logarithmic: a price pushed so far from its own way has run away.
_STILL = 1.0  # Dollars.


class Law(NamedTuple):
    """fall = size · (millions of dollars not yet faded)^power."""

    name: str
    size: float
    power: float = 1.0
    half_life_min: float = math.inf

    def fall(self, dollars: float) -> float:
        """Logarithmic fall at a net pressure, odd.

        >>> Law("sqrt", 0.01, 0.5).fall(-4e6)
        -0.02
        """
        millions = abs(dollars) / MILLION
        return math.copysign(self.size * millions**self.power if millions else 0.0, dollars)

    def kept(self) -> float:
        """Share of a pressure that is left after a minute."""
        return float(0.5 ** (1.0 / self.half_life_min))


class Rerun(NamedTuple):
    """One law's minutes."""

    law: Law
    log_price: Floats  # [minute]
    sold: Floats  # [minute] dollars.
    bought: Floats  # [minute] dollars.
    rounds_most: int  # Of one minute.
    ran_away: bool  # A minute came to no rest: the law is too strong for what stands.

    @property
    def forced(self) -> float:
        """Dollars of both sides."""
        return float(self.sold.sum() + self.bought.sum())


def own_way(tape: Tape, law: Law) -> Floats:
    """The tape's logarithmic price without what its forced sales did. [minute]"""
    kept, pressure = law.kept(), 0.0
    way = tape.log_price.copy()
    for minute, dollars in enumerate(tape.net.tolist()):
        pressure = pressure * kept + dollars
        way[minute] += law.fall(pressure)
    return way


def rerun(way: Floats, before: Tape, stands: Standing, law: Law) -> Rerun:
    """Run a way again: the day before it says where its first lows are."""
    falls, rises = Lows(), Lows()
    ahead = before.log_price[-DAY_MIN:]
    for minute, number in enumerate(ahead.tolist()):
        falls.add(minute, number)
        rises.add(minute, -number)
    kept, pressure, first = law.kept(), 0.0, ahead.size
    price, sold, bought = (np.zeros(way.size) for _ in range(3))
    most, ran_away = 0, False
    for minute, own in enumerate(way.tolist()):
        low, high = falls.lowest(first + minute), rises.lowest(first + minute)
        pressure *= kept
        here, longs, shorts, rounds = own - law.fall(pressure), 0.0, 0.0, 0
        for rounds in range(1, ROUNDS_MOST + 1):  # noqa: B007 (how many it took is told)
            more_longs = float(np.maximum(low - here, 0.0) @ stands.longs)
            more_shorts = float(np.maximum(high + here, 0.0) @ stands.shorts)
            moved = abs(more_longs - longs) + abs(more_shorts - shorts)
            longs, shorts = more_longs, more_shorts
            displaced = law.fall(pressure + longs - shorts)
            here = own - displaced
            if moved < _STILL or abs(displaced) > DISPLACED_MOST:
                break
        if rounds == ROUNDS_MOST or abs(displaced) > DISPLACED_MOST:
            ran_away = True
            break
        pressure += longs - shorts
        most = max(most, rounds)
        price[minute], sold[minute], bought[minute] = here, longs, shorts
        falls.add(first + minute, here)
        rises.add(first + minute, -here)
    return Rerun(law, price, sold, bought, most, ran_away)
