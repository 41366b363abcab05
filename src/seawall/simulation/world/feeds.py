"""How prices reach a venue: sources that look late or at averages, and who makes them see wrongly.

A source sees the mean of its books, times what an attacker makes of it. What it tells is its mean
over some steps, some steps ago. A feed speaks when the price moved enough or its heartbeat is due;
what the venue believes of it is the rulebook's oracle, if it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from seawall.engine.event import Observed
from seawall.market.oracle import Pool, Report, cost_to_move
from seawall.money import RATIO_ONE
from seawall.simulation.world.book import ONE
from seawall.simulation.world.scenario import AttackerChoice, FeedChoice


class Feed:
    """One coin's feed at one venue, and what its sources have seen."""

    def __init__(
        self, choice: FeedChoice, own_book: str, attackers: Sequence[AttackerChoice]
    ) -> None:
        self.choice = choice
        self.books = [source.books or (own_book,) for source in choice.sources]
        self.attackers = attackers
        self.seen: list[list[int]] = [[] for _ in choice.sources]
        self.told_price = 0
        self.told_step = 0

    def look(self, step: int, prices: Mapping[str, int]) -> None:
        """Every source sees a price, by the names of what it looks at."""
        for place, source in enumerate(self.choice.sources):
            mean = sum(prices[name] for name in self.books[place]) // len(self.books[place])
            for attacker in self.attackers:
                lasts = attacker.step <= step < attacker.step + attacker.steps
                if lasts and attacker.source == source.id:
                    mean = mean * int(attacker.factor * RATIO_ONE) // RATIO_ONE
            self.seen[place].append(max(1, mean))

    def tells(self) -> list[int]:
        """What each source says now: its mean some steps ago."""
        found = []
        for source, seen in zip(self.choice.sources, self.seen, strict=True):
            end = max(1, len(seen) - source.lag_steps)
            window = seen[max(0, end - source.average_steps) : end]
            found.append(sum(window) // len(window))
        return found

    def speaks(self, step: int) -> int:
        """The middle price if it is due now, else 0."""
        told = sorted(self.tells())
        price = (told[(len(told) - 1) // 2] + told[len(told) // 2]) // 2
        trigger = int(self.choice.trigger * RATIO_ONE)
        moved = abs(price - self.told_price) * RATIO_ONE >= trigger * self.told_price
        due = step - self.told_step >= self.choice.heartbeat_steps
        if self.told_price and not due and not (trigger and moved):
            return 0
        self.told_price, self.told_step = price, step
        return price

    def reports(self, coin: int, time_ms: int, step_ms: int) -> Observed:
        """What every source says, for an oracle; each with the time of what it saw."""
        rows = []
        for source, price in zip(self.choice.sources, self.tells(), strict=True):
            stamp = time_ms - source.lag_steps * step_ms
            rows.append(Report(source.id, price, 0, stamp))
        return Observed(time_ms=time_ms, coin=coin, reports=tuple(rows))


def attack_cost(attacker: AttackerChoice, price: int) -> Decimal:
    """What an attacker loses who moves a pool and holds it there, in dollars.

    The loss of one move for each step, because others trade the price back.
    """
    if not attacker.pool:
        return Decimal(0)
    base = attacker.pool / (Decimal(price) / ONE)
    return cost_to_move(Pool(base, attacker.pool), attacker.factor).loss * attacker.steps
