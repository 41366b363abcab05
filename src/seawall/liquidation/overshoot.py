"""What a stage took beside what was needed. Pure arithmetic on amounts in one unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Overshoot(NamedTuple):
    """taken − needed = overshoot − residual; at most one of the two is above zero."""

    needed: int
    taken: int

    @property
    def overshoot(self) -> int:
        """What was taken beyond what was needed."""
        return max(0, self.taken - self.needed)

    @property
    def residual(self) -> int:
        """What was needed and not taken."""
        return max(0, self.needed - self.taken)


def total(waves: Iterable[Overshoot]) -> Overshoot:
    """Sum needed and taken; a later wave's surplus pays for an earlier one's lack.

    Summing the waves' own overshoots instead counts each wave for itself: both numbers are
    published for 10 October 2025, and they differ.

    >>> both = [Overshoot(10, 4), Overshoot(10, 20)]
    >>> total(both).overshoot, sum(wave.overshoot for wave in both)
    (4, 10)
    """
    needed = taken = 0
    for wave in waves:
        needed += wave.needed
        taken += wave.taken
    return Overshoot(needed, taken)
