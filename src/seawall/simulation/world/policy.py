"""Policies that change rules while the world runs: margin as a multiple of realised volatility.

The rule looks at a book's volatility and writes another rulebook; the engine takes it as the event
that any steward would send. Knows brackets, and no account.
"""

from __future__ import annotations

from math import isqrt

import msgspec

from seawall.engine.effect import Refused
from seawall.engine.event import RulesChanged
from seawall.engine.rules.rulebook import Rulebook
from seawall.margin.tiered import Bracket, Tiered
from seawall.money import RATIO_ONE, format_ratio
from seawall.simulation.world.door import Door
from seawall.simulation.world.rules import parts
from seawall.simulation.world.scenario import DynamicMarginChoice

GRAIN = RATIO_ONE // 1000  # Maintenance moves in tenths of a percent.


class DynamicMargin:
    """One rule on one coin's brackets."""

    def __init__(self, choice: DynamicMarginChoice, door: Door) -> None:
        self.choice, self.door = choice, door
        method = door.rulebook.margin[choice.method]
        assert isinstance(method, Tiered), "only brackets can be scaled"
        self.static = method.brackets[choice.coin]
        self.book = door.choice.books[choice.coin]
        self.variance = 0
        self.rate = 0  # Maintenance of the first bracket now, parts per billion.
        self.rates: list[int] = []  # [step]
        self.changes = 0

    def look(self, step: int, gain: int, time_ms: int) -> None:
        """Weigh a step's return (parts per billion) in, and change the rules where it is due."""
        decay = parts(self.choice.decay)
        self.variance = (self.variance * decay + gain * gain * (RATIO_ONE - decay)) // RATIO_ONE
        if step % self.choice.every_steps == 0:
            wanted = self.wanted()
            if wanted != self.rate:
                self._change(wanted, step, time_ms)
        self.rates.append(self.rate or parts(self.static[0].maintenance))

    def wanted(self) -> int:
        """max(the first bracket's, multiple · volatility, floor), at most `most`, on the grain."""
        scaled = isqrt(self.variance) * parts(self.choice.multiple) // RATIO_ONE
        least = max(parts(self.static[0].maintenance), parts(self.choice.floor))
        rate = min(max(scaled, least), max(parts(self.choice.most), least))
        return -(-rate // GRAIN) * GRAIN

    def _change(self, rate: int, step: int, time_ms: int) -> None:
        rules = self.door.engine.rulebook
        method = rules.margin[self.choice.method]
        assert isinstance(method, Tiered), "only brackets can be scaled"
        brackets = {**method.brackets, self.choice.coin: scaled_brackets(self.static, rate)}
        changed: Rulebook = msgspec.structs.replace(
            rules,
            version=f"{self.door.rulebook.version} step {step}",
            margin={
                **rules.margin,
                self.choice.method: msgspec.structs.replace(method, brackets=brackets),
            },
        )
        effects = self.door.send(RulesChanged(time_ms=time_ms, rulebook=changed.canonical()))
        assert not (effects and isinstance(effects[0], Refused)), "a scaled rulebook fits"
        self.rate, self.changes = rate, self.changes + 1


def scaled_brackets(static: tuple[Bracket, ...], rate: int) -> tuple[Bracket, ...]:
    """Brackets of which none asks less maintenance than a rate; initial keeps its ratio to it.

    >>> from decimal import Decimal
    >>> one = Bracket(Decimal(0), Decimal("0.02"), Decimal("0.01"))
    >>> scaled_brackets((one,), 30_000_000)[0].initial
    Decimal('0.06')
    """
    from decimal import Decimal

    found = []
    for one in static:
        maintenance = max(parts(one.maintenance), rate)
        initial = parts(one.initial) * maintenance // max(1, parts(one.maintenance))
        found.append(
            Bracket(
                one.above,
                Decimal(format_ratio(min(RATIO_ONE, max(initial, maintenance)))),
                Decimal(format_ratio(maintenance)),
            )
        )
    return tuple(found)
