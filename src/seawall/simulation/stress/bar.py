"""How many steps a stress test takes, told one by one.

Knows how often each part asks the methods; asks nothing itself.
"""

from __future__ import annotations

import math

from seawall.simulation.stress.book import StressBook
from seawall.simulation.stress.closing import Line, Told, moves
from seawall.simulation.stress.judging import margin_points

RUNS_AT_ONCE = 250  # Between two steps of the bar.


def moving_coins(book: StressBook) -> list[str]:
    """Coins that have contracts."""
    catalogue = book.venue.catalogue
    based = {terms.base for terms in catalogue.instruments}
    return [coin.id for coin in catalogue.coins if coin.id in based]


class Bar:
    """Counts steps of everything that takes long."""

    def __init__(self, told: Told, book: StressBook, line: Line, runs: int) -> None:
        self.told, self.done = told, 0
        parts = len(book.parts)
        scans = len(moves(line.side)) + margin_points(line)
        coarse = 2 * len(moving_coins(book)) * 20
        self.total = parts * (scans + coarse) + 2 * math.ceil(runs / RUNS_AT_ONCE)

    def step(self, done: int = 0, total: int = 0) -> None:
        """One more is done."""
        self.done += 1
        self.told(self.done, self.total)
