"""The border down: the ledger's integer rows as float64 columns, converted once.

The screen reads these columns; they share the ledger's layout, so `start` and `count` are the
ledger's own. Beyond 2^53 a float no longer holds every integer, and the border refuses to pass.
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
            self._lots = _exact(source.balance)
            return
        for account in touched:
            first = source.start[account]
            last = first + source.count[account]
            self._lots[first:last] = _exact(source.balance[first:last])

    def holdings(self, accounts: NDArray[np.int64]) -> Holdings:
        """The rows of some accounts, ready for a margin method. Call `refresh` first."""
        source = self._ledger.columns()
        return Holdings(
            source.start[accounts], source.count[accounts], source.asset, self._lots
        )

    def holders(self, asset: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Accounts with a balance of an asset, ascending, and their integer balances."""
        source = self._ledger.columns()
        count = source.count
        owner = np.repeat(np.arange(len(count)), count)
        row = np.arange(len(owner)) + np.repeat(source.start - (np.cumsum(count) - count), count)
        held = (source.asset[row] == asset) & (source.balance[row] != 0)
        return owner[held], source.balance[row[held]]


def _exact(balance: NDArray[np.int64]) -> NDArray[np.float64]:
    assert not len(balance) or (
        -EXACT_MAX < int(balance.min()) and int(balance.max()) < EXACT_MAX
    ), "a balance is too large for the float columns"
    return balance.astype(np.float64)
