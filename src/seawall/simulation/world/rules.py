"""How people answer to their own account: add money, leave, or add to what went well.

Each rule is a small frozen struct and a pure function of what its owner sees: the ratio of margin
equity to maintenance, and the return of the past few steps seen from the position. Knows no engine
and no dice: `chance` is compared with a draw that somebody else makes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from seawall.money import RATIO_ONE


class Seen(NamedTuple):
    """What one person sees."""

    margin_equity: int  # Numeraire atoms, as the next.
    maintenance: int
    gain: int  # Past return in favour of the position, parts per billion.

    def is_below(self, ratio: Decimal) -> bool:
        """Whether margin equity < maintenance · ratio."""
        return self.margin_equity * RATIO_ONE < self.maintenance * parts(ratio)


class _Rule(
    msgspec.Struct, frozen=True, tag_field="rule", forbid_unknown_fields=True, kw_only=True
):
    """A rule; its tag is its name in a scenario."""

    chance: Decimal = Decimal(1)  # That it is thought of in a step.


class TopUp(_Rule, frozen=True, kw_only=True, tag="top_up"):
    """Below a ratio, bring money until another one is reached, while the reserve lasts."""

    below: Decimal
    to: Decimal

    def wanted(self, seen: Seen) -> int:
        """Numeraire atoms to bring; 0: none.

        >>> TopUp(below=Decimal("1.5"), to=Decimal(2)).wanted(Seen(120, 100, 0))
        80
        """
        if not seen.is_below(self.below):
            return 0
        return max(0, -(-seen.maintenance * parts(self.to) // RATIO_ONE) - seen.margin_equity)


class Panic(_Rule, frozen=True, kw_only=True, tag="panic"):
    """Below a ratio, or after a loss, leave with a share of the position."""

    below: Decimal = Decimal(0)
    loss: Decimal = Decimal(1)  # Past return against the position.
    share: Decimal = Decimal(1)

    def wanted(self, seen: Seen) -> int:
        """Share of the position to close, parts per billion; 0: none.

        >>> Panic(loss=Decimal("0.05")).wanted(Seen(500, 100, -50_000_001))
        1000000000
        """
        afraid = seen.is_below(self.below) or -seen.gain > parts(self.loss)
        return parts(self.share) if afraid else 0


class Chase(_Rule, frozen=True, kw_only=True, tag="chase"):
    """After a gain, add a share of the position, while margin equity is above a ratio."""

    gain: Decimal
    share: Decimal
    above: Decimal = Decimal(2)

    def wanted(self, seen: Seen) -> int:
        """Share of the position to add, parts per billion; 0: none."""
        good = seen.gain > parts(self.gain) and not seen.is_below(self.above)
        return parts(self.share) if good else 0


RULES = TopUp | Panic | Chase


def parts(ratio: Decimal) -> int:
    """Parts per billion, rounded towards zero."""
    return int(ratio * RATIO_ONE)
