"""Who pulls two venues together, some steps late, and cannot while one of them is shut.

It sells where the book was dear and buys where it was cheap, as it saw them some steps ago; the
trades press on both books. When the gap is gone it closes what it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seawall.money import RATIO_ONE
from seawall.simulation.world.book import ONE
from seawall.simulation.world.door import Door
from seawall.simulation.world.rules import parts
from seawall.simulation.world.scenario import ArbitrageurChoice


class Arbitrageur:
    """One arbitrageur with an account at each of two venues."""

    def __init__(self, choice: ArbitrageurChoice, doors: Mapping[str, Door]) -> None:
        self.choice = choice
        self.doors = tuple(doors[leg.venue] for leg in choice.legs)
        self.instruments = tuple(
            door.number[leg.contract] for door, leg in zip(self.doors, choice.legs, strict=True)
        )
        self.bases = tuple(
            door.instruments[number].base
            for door, number in zip(self.doors, self.instruments, strict=True)
        )
        self.books = tuple(
            door.choice.books[base] for door, base in zip(self.doors, self.bases, strict=True)
        )
        self.accounts = tuple(door.engine.account(choice.name) for door in self.doors)
        self.trades = 0
        self.cut_off = 0  # Steps in which a halt kept it from a gap that was worth it.

    def act(self, step: int, prices: Mapping[str, Sequence[int]]) -> None:
        """Look at the gap as it was, and trade towards it; `prices` are those of books by step."""
        seen = max(0, step - self.choice.delay_steps)
        first, second = (prices[book][seen] for book in self.books)
        gap = (first - second) * RATIO_ONE // ((first + second) // 2)
        threshold = parts(self.choice.threshold)
        if abs(gap) <= threshold // 2:
            self._unwind(step)
            return
        if abs(gap) <= threshold:
            return
        if not all(door.is_open(base) for door, base in zip(self.doors, self.bases, strict=True)):
            self.cut_off += 1
            return
        depth = min(
            door.book(number).depth
            for door, number in zip(self.doors, self.instruments, strict=True)
        )
        notional = depth * (abs(gap) // 2) // RATIO_ONE * parts(self.choice.share) // RATIO_ONE
        side = -1 if gap > 0 else 1  # Of the first leg: sells where it is dear.
        for place in (0, 1):
            held = self._held(place)
            worth = self.doors[place].lot_worth(self.instruments[place])
            leg = side if place == 0 else -side
            room = int(self.choice.position_max * ONE) - leg * held * worth
            notional = min(notional, max(0, room))
        self._trade(step, side, notional)

    def memory(self) -> list[int]:
        """What it has become beside its accounts, for a hash."""
        return [self.trades, self.cut_off]

    def _trade(self, step: int, side: int, notional: int) -> None:
        for place, leg in ((0, side), (1, -side)):
            door, number = self.doors[place], self.instruments[place]
            lots = notional // max(1, door.lot_worth(number))
            if not lots or not door.trade(self.accounts[place], number, leg * lots, step):
                return
            self.trades += 1

    def _unwind(self, step: int) -> None:
        """Close a share of both legs, as far as they stand against each other."""
        held = (self._held(0), self._held(1))
        if held[0] * held[1] >= 0:
            return
        worth = [
            abs(lots) * door.lot_worth(number)
            for lots, door, number in zip(held, self.doors, self.instruments, strict=True)
        ]
        notional = min(worth) * parts(self.choice.share) // RATIO_ONE
        self._trade(step, -1 if held[0] > 0 else 1, notional)

    def _held(self, place: int) -> int:
        door, number = self.doors[place], self.instruments[place]
        asset = door.catalogue.lot_asset[number]
        held = door.engine.ledger.balance(self.accounts[place], asset)
        terms = door.instruments[number]
        return held // terms.lot if terms.type == "spot" else held
