"""Where rows lie: each account owns one region of two columns that kernels read in place.

Knows accounts, asset numbers and balances; does not know transfers or what may be posted. Rows of
a region are sorted by asset and never zero. A region that outgrows its cap moves to the end; when
the buffers are full they are replaced by larger ones in which regions follow account order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seawall.ledger.sums import Ints

_Number = TypeVar("_Number", np.int32, np.int64)

_FIRST_CAP = 8  # Rows of a new region.
_FIRST_ROWS = 64
_FIRST_ACCOUNTS = 16


@dataclass(frozen=True, slots=True)
class Columns:
    """The ledger's own memory, read-only: account a owns rows start[a] to start[a] + count[a].

    Rows outside every region hold leftovers and mean nothing. Views stay readable for ever, but
    `asset` and `balance` show the ledger only while `generation` is the ledger's, and `start` and
    `count` only until accounts are opened: read `columns()` again, which costs next to nothing.
    """

    start: Ints  # [account]
    count: Ints  # [account]
    asset: NDArray[np.int32]  # [row]
    balance: Ints  # [row] atoms, or lots; within ±(2^63 − 1).
    generation: int


class Regions:
    """Regions of rows with in-place reads, single writes and bulk writes."""

    __slots__ = (
        "_columns",
        "accounts",
        "asset",
        "asset_view",
        "balance",
        "balance_view",
        "cap",
        "cap_view",
        "end",
        "generation",
        "start",
        "start_view",
        "used",
        "used_view",
    )

    def __init__(self) -> None:
        self.accounts = 0
        self.end = 0  # First row after every region.
        self.generation = 0
        self._columns: Columns | None = None
        self._hold_accounts(_FIRST_ACCOUNTS)
        self._hold_rows(_FIRST_ROWS)

    def open(self, count: int) -> int:
        """Add empty accounts and return the first one's number."""
        first = self.accounts
        if first + count > len(self.start):
            before = self.start_view, self.used_view, self.cap_view
            self._hold_accounts(max(first + count, 2 * len(self.start)))
            self.start_view[:first] = before[0][:first]
            self.used_view[:first] = before[1][:first]
            self.cap_view[:first] = before[2][:first]
        self.accounts = first + count
        self._columns = None
        return first

    def columns(self) -> Columns:
        """The same memory as read-only int64 and int32 columns."""
        if self._columns is None or self._columns.generation != self.generation:
            self._columns = Columns(
                _read_only(self.start, np.int64)[: self.accounts],
                _read_only(self.used, np.int64)[: self.accounts],
                _read_only(self.asset, np.int32),
                _read_only(self.balance, np.int64),
                self.generation,
            )
        return self._columns

    def get(self, account: int, asset: int) -> int:
        """Return the balance of one row, 0 where there is none."""
        first = self.start[account]
        stop = first + self.used[account]
        row = bisect_left(self.asset, asset, first, stop)
        return self.balance[row] if row < stop and self.asset[row] == asset else 0

    def put(self, account: int, asset: int, balance: int) -> None:
        """Write one balance: change the row, insert it in its place, or close the gap at zero."""
        first = self.start[account]
        stop = first + self.used[account]
        row = bisect_left(self.asset, asset, first, stop)
        if row < stop and self.asset[row] == asset:
            if balance:
                self.balance[row] = balance
                return
            self._copy_rows(row + 1, row, stop - row - 1)
            self.used[account] -= 1
        elif balance:
            if stop - first == self.cap[account]:
                self._move(account)
                row += self.start[account] - first
                stop += self.start[account] - first
            self.asset[row : stop + 1] = array("i", (asset,)) + self.asset[row:stop]
            self.balance[row : stop + 1] = array("q", (balance,)) + self.balance[row:stop]
            self.used[account] += 1

    def place(self, account: Ints, count: Ints, asset: NDArray[np.integer], balance: Ints) -> None:
        """Write the whole regions of distinct ascending accounts.

        `asset` and `balance` are their rows one account after the other, count[i] of account[i].
        """
        grown = count > self.cap_view[account]
        if grown.any():
            moved, rows = account[grown], count[grown]
            self.used_view[moved] = 0
            self.cap_view[moved] = 0
            room = rows + (rows >> 3) + 2
            need = int(room.sum())
            if self.end + need > len(self.asset):
                self._repack(need)
            self.start_view[moved] = self.end + np.cumsum(room) - room
            self.cap_view[moved] = room
            self.end += need
        self.used_view[account] = count
        rows = positions(self.start_view[account], count)
        self.asset_view[rows] = asset
        self.balance_view[rows] = balance

    def holders(self, asset: int) -> tuple[Ints, Ints]:
        """Accounts that have an asset, ascending, and their balances."""
        hits = np.flatnonzero(self.asset_view[: self.end] == asset)
        start = self.start_view[: self.accounts]
        held = np.flatnonzero(self.cap_view[: self.accounts])
        held = held[np.argsort(start[held], kind="stable")]
        account = held[np.searchsorted(start[held], hits, "right") - 1]
        live = hits < start[account] + self.used_view[account]
        account, hits = account[live], hits[live]
        order = np.argsort(account, kind="stable")
        return account[order], self.balance_view[hits[order]]

    def gather(self) -> tuple[Ints, NDArray[np.int32], Ints]:
        """Copy of all rows in canonical order: count[account], asset[row], balance[row]."""
        count = self.used_view[: self.accounts].copy()
        rows = positions(self.start_view[: self.accounts], count)
        return count, self.asset_view[rows], self.balance_view[rows]

    def fault(self) -> str | None:
        """Say what is wrong with the regions, or None; [vectorised over all accounts]."""
        start = self.start_view[: self.accounts]
        used, cap = self.used_view[: self.accounts], self.cap_view[: self.accounts]
        outside = (used < 0) | (used > cap) | (start < 0) | (start + cap > self.end)
        if outside.any():
            return f"account {int(outside.argmax())} has a region outside the rows in use"
        if self.end > len(self.asset) or len(self.asset) != len(self.balance):
            return f"{self.end} rows are in use of {len(self.asset)} and {len(self.balance)}"
        held = np.flatnonzero(cap)
        held = held[np.argsort(start[held], kind="stable")]
        overlap = start[held][:-1] + cap[held][:-1] > start[held][1:]
        if overlap.any():
            which = int(overlap.argmax())
            return f"accounts {held[which]} and {held[which + 1]} overlap"
        _, asset, balance = self.gather()
        owner = np.repeat(np.arange(self.accounts), used)
        if not balance.all():
            return f"account {owner[int((balance == 0).argmax())]} has a row of zero"
        unsorted = (asset[1:] <= asset[:-1]) & (owner[1:] == owner[:-1])
        if unsorted.any():
            return f"account {owner[int(unsorted.argmax())]} has rows that are not sorted by asset"
        return None

    def _move(self, account: int) -> None:
        """Give a full region twice its cap at the end."""
        cap = max(_FIRST_CAP, 2 * self.cap[account])
        if self.end + cap > len(self.asset):
            self._repack(cap)
        first, used = self.start[account], self.used[account]
        self._copy_rows(first, self.end, used)
        self.start[account] = self.end
        self.cap[account] = cap
        self.end += cap

    def _copy_rows(self, source: int, target: int, rows: int) -> None:
        if rows:  # An exported array refuses even an empty assignment.
            self.asset[target : target + rows] = self.asset[source : source + rows]
            self.balance[target : target + rows] = self.balance[source : source + rows]

    def _repack(self, extra: int) -> None:
        """Copy all regions, in account order and without holes, to buffers with room to spare."""
        start = self.start_view[: self.accounts]
        used, cap = self.used_view[: self.accounts], self.cap_view[: self.accounts]
        rows = positions(start, used)
        asset, balance = self.asset_view, self.balance_view
        start[:] = np.cumsum(cap) - cap
        self.end = int(cap.sum())
        self._hold_rows((self.end + extra) * 3 // 2)
        fresh = positions(start, used)
        self.asset_view[fresh] = asset[rows]
        self.balance_view[fresh] = balance[rows]
        self.generation += 1

    def _hold_accounts(self, capacity: int) -> None:
        self.start, self.used, self.cap = (array("q", (0,)) * capacity for _ in range(3))
        self.start_view = np.frombuffer(self.start, np.int64)
        self.used_view = np.frombuffer(self.used, np.int64)
        self.cap_view = np.frombuffer(self.cap, np.int64)

    def _hold_rows(self, capacity: int) -> None:
        self.asset = array("i", (0,)) * capacity
        self.balance = array("q", (0,)) * capacity
        self.asset_view = np.frombuffer(self.asset, np.int32)
        self.balance_view = np.frombuffer(self.balance, np.int64)


def positions(start: Ints, count: Ints) -> Ints:
    """Row numbers of several regions, one after the other.

    >>> positions(np.array([10, 40]), np.array([3, 2])).tolist()
    [10, 11, 12, 40, 41]
    """
    rows = np.repeat(start - (np.cumsum(count) - count), count)
    rows += np.arange(len(rows))
    return rows


def _read_only(column: array[int], number: type[_Number]) -> NDArray[_Number]:
    """A view that cannot be made writeable again."""
    return np.frombuffer(memoryview(column).toreadonly(), number)
