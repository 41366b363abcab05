"""The border down: the ledger's integer rows as float64 columns, converted once.

The screen reads these columns; they share the ledger's layout, so `start` and `count` are the
ledger's own. From 2^53 on a float no longer holds every integer: such a row becomes NaN, and a NaN
makes its account a suspect that only the exact twin may judge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seawall.ledger import Ledger
from seawall.margin import Holdings

EXACT_MAX = 2**53


class Columns:
    """A float64 mirror of a ledger, brought up to date account by account."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._generation = -1
        self._lots = np.zeros(0)

    def refresh(self) -> None:
        """Convert what changed since the last call; everything where the ledger grew."""
        source = self._ledger.columns()
        touched = self._ledger.drain_touched()
        if self._ledger.generation != self._generation or len(touched) * 8 > len(source.start):
            self._generation = self._ledger.generation
            self._lots = _converted(source.balance)
            return
        for account in touched:
            first = source.start[account]
            last = first + source.count[account]
            self._lots[first:last] = _converted(source.balance[first:last])

    def holdings(self, accounts: NDArray[np.int64]) -> Holdings:
        """The rows of some accounts, ready for a margin method. Call `refresh` first."""
        source = self._ledger.columns()
        return Holdings(source.start[accounts], source.count[accounts], source.asset, self._lots)


def _converted(balance: NDArray[np.int64]) -> NDArray[np.float64]:
    """Floats that hold the same integers; NaN where no float does."""
    lots = balance.astype(np.float64)
    lots[(lots >= EXACT_MAX) | (lots <= -EXACT_MAX)] = np.nan
    return lots
