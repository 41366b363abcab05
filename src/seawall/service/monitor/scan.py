"""One coin's line outward from its price: who is closed where, who is worth nothing where.

The line's points are levels of a fixed geometric ladder, the same at every moment; between two
points everything is taken as straight, so a price is right to less than a cell and exact where an
account is linear.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seawall.pricing import Floats, Ints
from seawall.service.monitor.assumptions import Assumptions
from seawall.service.monitor.markets import Markets
from seawall.systemic.ladder import Side


@dataclass(slots=True)
class Line:
    """One coin and side. [account] each; prices are the coin's, in the numeraire."""

    closes: Floats  # Where it is closed; NaN where not within reach.
    fails: Floats  # Where it is worth nothing; NaN where not within reach.
    units: Floats  # Coins that closing sells there; below zero it buys.
    near: Floats  # What it loses above its margin for each unit of price, where it is closed.
    slope: Floats  # The same at the present price; below zero it gains.
    least: Floats  # Least of what is left above its margin, where it is never closed.

    @classmethod
    def blank(cls, accounts: int) -> Line:
        """Nobody is closed anywhere."""
        return cls(
            closes=np.full(accounts, np.nan),
            fails=np.full(accounts, np.nan),
            units=np.zeros(accounts),
            near=np.zeros(accounts),
            slope=np.zeros(accounts),
            least=np.full(accounts, np.inf),
        )

    def take(self, accounts: Ints, found: Line) -> None:
        """Write what was found of some accounts."""
        for name in self.__slots__:
            getattr(self, name)[accounts] = getattr(found, name)

    def grown(self, more: int) -> Line:
        """With room for accounts that were opened."""
        new = Line.blank(more)
        joined = (
            np.concatenate([getattr(self, name), getattr(new, name)]) for name in self.__slots__
        )
        return Line(*joined)


def levels(atoms: int, side: Side, step: float) -> Iterator[int]:
    """Prices (1 + step)^k beyond a price, from the nearest outward, price atoms.

    >>> from itertools import islice
    >>> list(islice(levels(1000, "long", 0.1), 3)), list(islice(levels(1000, "short", 0.1), 2))
    ([956, 869, 790], [1051, 1156])
    """
    ratio = 1.0 + step
    away = -1 if side == "long" else 1
    power = math.floor(math.log(atoms) / math.log(ratio)) - away
    last = atoms
    while last > 1:
        level = round(ratio**power)
        power += away
        if (level - last) * away > 0:
            last = max(level, 1)
            yield last


@functools.lru_cache(65_536)
def edge(atoms: int, side: Side, step: float) -> int:
    """The nearest level beyond a price; the price itself where there is none."""
    return next(levels(atoms, side, step), atoms)


def scan(
    markets: Markets,
    coin: int,
    side: Side,
    accounts: Ints,
    here: tuple[Floats, Floats],
    by: Assumptions,
) -> Line:
    """Walk the line with some accounts; `here` is what they have above their margin, and equity."""
    walk = _Walk(markets, coin, side, accounts, here)
    atoms = markets.venue.snapshot.price[coin]
    if side == "long":
        limit = atoms * (1.0 - by.fall_most)
    else:
        limit = atoms * min(1.0 + by.rise_most, markets.highest(coin))
    for level in levels(atoms, side, by.step):
        if (level < limit) if side == "long" else (level > limit):
            break
        walk.on(level)
        if not walk.active.size:
            break
    return walk.line


class _Walk:
    """Accounts that are still looked for, point by point."""

    def __init__(
        self, markets: Markets, coin: int, side: Side, accounts: Ints, here: tuple[Floats, Floats]
    ) -> None:
        self.markets, self.coin, self.accounts = markets, coin, accounts
        self.sign = 1.0 if side == "long" else -1.0
        self.start = self.last = markets.venue.snapshot.price[coin]
        self.today, self.points = here[0], 0
        self.room, self.worth = here[0].copy(), here[1].copy()
        self.line = line = Line.blank(accounts.size)
        self.active = np.arange(accounts.size)
        price = self.start / markets.one
        self.once = np.flatnonzero(self.room < 0.0)  # Below its line already.
        line.closes[self.once] = price
        line.units[self.once] = markets.sold(accounts[self.once], coin, price)
        line.fails[self.worth < 0.0] = price

    def on(self, level: int) -> None:
        """Go on to a level."""
        line, active, one = self.line, self.active, self.markets.one
        room, worth = self.markets.at(self.accounts[active], self.coin, level)
        here, there = self.last / one, level / one
        before, owned = self.room[active], self.worth[active]
        lost = (before - room) / abs(there - here)
        closing = np.isnan(line.closes[active]) & (room < 0.0)
        closed = active[closing]
        line.closes[closed] = _crossing(before[closing], room[closing], here, there)
        line.near[closed] = lost[closing]
        line.units[closed] = self.markets.sold(self.accounts[closed], self.coin, there)
        failing = np.isnan(line.fails[active]) & (worth < 0.0)
        gone, sign = active[failing], self.sign
        fails = _crossing(owned[failing], worth[failing], here, there)
        limit = np.where(np.isnan(line.closes[gone]), fails, line.closes[gone])
        line.fails[gone] = sign * np.minimum(sign * fails, sign * limit)
        waiting = active[np.isnan(line.closes[active])]
        self.room[active], self.worth[active], self.last = room, worth, level
        line.least[waiting] = np.fmin(line.least[waiting], self.room[waiting])
        if self.points == 0:
            line.near[self.once] = lost[self.once]
        if self.points <= 1:  # The first level may be next to the price: whole numbers blur it.
            line.slope[active] = (self.today[active] - room) / abs(there - self.start / one)
        self.points += 1
        if self.points > 1:
            done = np.isfinite(line.closes[active]) & np.isfinite(line.fails[active])
            self.active = active[~done]


def _crossing(before: Floats, after: Floats, here: float, there: float) -> Floats:
    """Where a straight line between two points passes zero."""
    found: Floats = here + before / (before - after) * (there - here)
    return found
