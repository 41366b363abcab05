"""Balances that only transfers can change, and that always sum to zero.

Knows accounts and assets as dense numbers; does not know what an asset is worth, who may go into
debt or why. Posted transfers are kept by the journal; the ledger keeps only which ids are used.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from seawall.ledger.bulk import credit, whole_numbers
from seawall.ledger.dump import DumpError, packed, state_bytes, unpacked
from seawall.ledger.regions import Columns, Regions
from seawall.ledger.sums import INT64_MIN, Ints, sums_by_asset
from seawall.ledger.transfer import Cause, Refusal, Transfer
from seawall.money import ATOMS_MAX

REORDER_WINDOW = 1024  # How far behind the newest id a transfer may still arrive.
_SHOWN = 20  # Accounts in the text of a failed check.


class Ledger:
    """Double entry over numbered accounts and assets.

    >>> ledger = Ledger(assets=1)
    >>> ledger.open(2)
    0
    >>> ledger.post(Transfer(1, 0, 0, 1, 500, Cause.DEPOSIT))
    >>> ledger.post(Transfer(1, 0, 0, 1, 500, Cause.DEPOSIT))
    <Refusal.ALREADY_POSTED: 'already_posted'>
    >>> ledger.rows(0), ledger.rows(1)
    ([(0, -500)], [(0, 500)])
    """

    __slots__ = ("_assets", "_last_id", "_regions", "_skipped", "_touched")

    def __init__(self, assets: int = 0) -> None:
        self._assets = 0
        self._regions = Regions()
        self._last_id = 0
        self._skipped: set[int] = set()
        self._touched: set[int] = set()
        self.admit(assets)

    @classmethod
    def restore(cls, payload: bytes) -> Ledger:
        """Read a dump; nothing is touched yet. Raises `DumpError`."""
        dump = unpacked(payload)
        ledger = cls(dump.assets)
        ledger._last_id = dump.last_id
        ledger._skipped = set(dump.skipped)
        ledger.open(len(dump.count))
        held = np.flatnonzero(dump.count)
        ledger._regions.place(held, dump.count[held], dump.asset, dump.balance)
        if fault := ledger._fault():
            raise DumpError(f"at $.rows: {fault}")
        return ledger

    @property
    def accounts(self) -> int:
        """How many accounts are open."""
        return self._regions.accounts

    @property
    def assets(self) -> int:
        """How many assets are admitted."""
        return self._assets

    @property
    def next_id(self) -> int:
        """The id that continues the sequence of transfers."""
        return self._last_id + 1

    @property
    def generation(self) -> int:
        """Moves when `columns()` must be read again: after `open` or when buffers were replaced."""
        return self._regions.generation

    def admit(self, count: int) -> int:
        """Make the next `count` asset numbers known and return the first."""
        if count < 0 or self._assets + count >= 2**31:
            raise ValueError(f"cannot admit {count} assets after {self._assets}")
        first = self._assets
        self._assets += count
        return first

    def open(self, count: int) -> int:
        """Open `count` empty accounts and return the first one's number."""
        if count < 0 or self.accounts + count >= 2**31:
            raise ValueError(f"cannot open {count} accounts after {self.accounts}")
        return self._regions.open(count)

    def post(self, transfer: Transfer) -> Refusal | None:
        """Move atoms from one account to another, or say why not; then nothing has changed."""
        return self._post_next(transfer) if self._continues(transfer) else self._post_any(transfer)

    def balance(self, account: int, asset: int) -> int:
        """Atoms, or lots, of one asset; 0 where the account has none."""
        self._known(account)
        return self._regions.get(account, asset)

    def rows(self, account: int) -> list[tuple[int, int]]:
        """(asset, balance) of one account, sorted by asset, without zeros."""
        self._known(account)
        regions = self._regions
        first = regions.start[account]
        stop = first + regions.used[account]
        return list(zip(regions.asset[first:stop], regions.balance[first:stop], strict=True))
