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

    __slots__ = ("_assets", "_last_id", "_outside_order", "_regions", "_skipped", "_touched")

    def __init__(self, assets: int = 0) -> None:
        self._assets = 0
        self._regions = Regions()
        self._last_id = 0
        self._outside_order = 0  # Loads and late transfers, which leave the last id where it was.
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
    def changes(self) -> int:
        """Grows whenever a balance changed; who remembers rows need not read them again till then.

        Counts for this object only; a restored ledger begins anew.
        """
        return self._last_id + self._outside_order

    @property
    def generation(self) -> int:
        """Moves when the row buffers were replaced: mirrors of whole columns are stale then."""
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
        refused = self.post_many((transfer,))
        return refused[0][1] if refused else None

    def post_many(self, transfers: Iterable[Transfer]) -> list[tuple[Transfer, Refusal]]:
        """Post in order; return those that were refused, each with its refusal."""
        batch = tuple(transfers)  # Read out first: a generator might post or load, too.
        refused: list[tuple[Transfer, Refusal]] = []
        regions, touched = self._regions, self._touched
        start, used, assets, balances = regions.start, regions.used, regions.asset, regions.balance
        accounts, last_id = regions.accounts, self._last_id
        for transfer in batch:
            asset, source, target = transfer.asset, transfer.source, transfer.target
            atoms = transfer.atoms
            if (
                transfer.id == last_id + 1
                and type(atoms) is int
                and 0 < atoms <= ATOMS_MAX
                and 0 <= source < accounts
                and 0 <= target < accounts
                and source != target
                and transfer.corrects is None
                and transfer.reason is not Cause.CORRECTION
            ):
                first = start[source]
                stop = first + used[source]
                paid = bisect_left(assets, asset, first, stop)
                if paid < stop and assets[paid] == asset:
                    first = start[target]
                    stop = first + used[target]
                    got = bisect_left(assets, asset, first, stop)
                    if got < stop and assets[got] == asset:
                        left = balances[paid] - atoms
                        right = balances[got] + atoms
                        if left and right and left >= -ATOMS_MAX and right <= ATOMS_MAX:
                            balances[paid] = left
                            balances[got] = right
                            last_id += 1
                            self._last_id = last_id
                            touched.add(source)
                            touched.add(target)
                            continue
            refusal = self._post_carefully(transfer)
            if refusal is not None:
                refused.append((transfer, refusal))
            assets, balances, last_id = regions.asset, regions.balance, self._last_id
        return refused

    def load(
        self,
        account: ArrayLike,
        asset: ArrayLike,
        quantity: ArrayLike,
        contra: int,
        cause: Cause = Cause.LOAD,
    ) -> Refusal | None:
        """Credit a whole book of rows, all or nothing; `contra` gives each asset's sum.

        Columns are [row] integers; `quantity` is signed. A row of `contra` itself changes nothing.
        """
        if cause is Cause.CORRECTION:
            raise ValueError("a correction names one transfer; post it")
        accounts = whole_numbers("account", account)
        assets = whole_numbers("asset", asset)
        quantities = whole_numbers("quantity", quantity)
        if not len(accounts) == len(assets) == len(quantities):
            lengths = f"{len(accounts)}, {len(assets)} and {len(quantities)}"
            raise ValueError(f"account, asset and quantity have {lengths} rows")
        written = credit(self._regions, self._assets, accounts, assets, quantities, contra)
        if isinstance(written, Refusal):
            return written
        self._touched.update(written.tolist())
        self._outside_order += 1
        return None

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

    def holders(self, asset: int) -> tuple[Ints, Ints]:
        """Accounts that have an asset, ascending, and their balances."""
        return self._regions.holders(asset)

    def columns(self) -> Columns:
        """Every row as read-only columns of the ledger's own memory."""
        return self._regions.columns()

    def drain_touched(self) -> list[int]:
        """Accounts whose rows changed since the last call, ascending."""
        touched = sorted(self._touched)
        self._touched.clear()
        return touched

    def check(self) -> None:
        """Assert that nothing was created or lost and that rows lie where they must."""
        if fault := self._fault():
            raise AssertionError(f"{fault}\n{self._shown()}")

    def state_bytes(self) -> bytes:
        """Accounts, assets and nonzero rows in canonical order, whatever the history."""
        return state_bytes(self._assets, *self._regions.gather())

    def state_hash(self) -> str:
        """sha256 of `state_bytes`, in hexadecimal."""
        return hashlib.sha256(self.state_bytes()).hexdigest()

    def dump(self) -> bytes:
        """The state and the posted ids, for a snapshot; `restore` reads it."""
        return packed(self.state_bytes(), self._last_id, self._open_ids())

    def __repr__(self) -> str:
        return (
            f"Ledger({self.accounts} accounts, {self._assets} assets, "
            f"last id {self._last_id}, generation {self.generation})"
        )

    def _post_carefully(self, transfer: Transfer) -> Refusal | None:
        """Judge a transfer in the order of precedence; then post it wherever its rows belong."""
        asset, source, target = transfer.asset, transfer.source, transfer.target
        for number in (transfer.id, asset, source, target, transfer.atoms):
            if type(number) is not int:
                raise TypeError(f"{transfer} must hold int, not {type(number).__name__}")
        if transfer.id > ATOMS_MAX:
            raise ValueError(f"transfer id {transfer.id} does not fit in 63 bits")
        refusal = self._refusal(transfer)
        if refusal is not None:
            return refusal
        left = self._regions.get(source, asset) - transfer.atoms
        right = self._regions.get(target, asset) + transfer.atoms
        if left < -ATOMS_MAX or right > ATOMS_MAX or transfer.atoms > ATOMS_MAX:
            return Refusal.BALANCE_OVERFLOW
        self._regions.put(source, asset, left)
        self._regions.put(target, asset, right)
        self._note(transfer.id)
        self._outside_order += 1
        self._touched.add(source)
        self._touched.add(target)
        return None

    def _refusal(self, transfer: Transfer) -> Refusal | None:
        """The first refusal that applies before balances are looked at."""
        source, target, corrects = transfer.source, transfer.target, transfer.corrects
        refusal = None
        if transfer.atoms <= 0:
            refusal = Refusal.AMOUNT_NOT_POSITIVE
        elif not 0 <= transfer.asset < self._assets:
            refusal = Refusal.UNKNOWN_ASSET
        elif not (0 <= source < self.accounts and 0 <= target < self.accounts):
            refusal = Refusal.UNKNOWN_ACCOUNT
        elif source == target:
            refusal = Refusal.SAME_ACCOUNT
        elif self._posted(transfer.id):
            refusal = Refusal.ALREADY_POSTED
        elif (transfer.reason is Cause.CORRECTION) != (corrects is not None) or (
            corrects is not None and not (corrects > 0 and self._posted(corrects))
        ):
            refusal = Refusal.CORRECTS_NOTHING
        return refusal

    def _posted(self, number: int) -> bool:
        """Whether an id is used up: posted, or too far behind the newest to tell."""
        if number > self._last_id:
            return False
        return number <= self._last_id - REORDER_WINDOW or number not in self._skipped

    def _note(self, number: int) -> None:
        """Remember an id: below the watermark it fills a gap, above it may leave one."""
        if number <= self._last_id:
            self._skipped.remove(number)
            return
        oldest = max(self._last_id, number - REORDER_WINDOW)
        self._skipped.update(range(oldest + 1, number))
        self._last_id = number
        if len(self._skipped) > 2 * REORDER_WINDOW:
            self._skipped = set(self._open_ids())

    def _open_ids(self) -> list[int]:
        oldest = self._last_id - REORDER_WINDOW
        return sorted(number for number in self._skipped if number > oldest)

    def _known(self, account: int) -> None:
        if not 0 <= account < self.accounts:
            raise ValueError(f"account {account} is not among {self.accounts} open accounts")

    def _fault(self) -> str | None:
        """Say what is wrong with the whole ledger, or None."""
        if fault := self._regions.fault():
            return fault
        _, asset, balance = self._regions.gather()
        if len(asset) and not 0 <= int(asset.min()) <= int(asset.max()) < self._assets:
            return f"rows name assets outside 0 to {self._assets - 1}"
        if (balance == INT64_MIN).any():
            return "a balance is -2^63"
        if sums := sums_by_asset(asset, balance, self._assets):
            number, total = min(sums.items())
            return f"asset {number} sums to {total}, not to zero"
        if any(number >= self._last_id for number in self._skipped):
            return f"skipped ids reach beyond the last id {self._last_id}"
        return None

    def _shown(self) -> str:
        """The ledger and its first accounts, for a person."""
        lines = [repr(self)]
        lines += [f"  {a}: {self.rows(a)[:_SHOWN]}" for a in range(min(self.accounts, _SHOWN))]
        if self.accounts > _SHOWN:
            lines.append(f"  and {self.accounts - _SHOWN} more accounts")
        return "\n".join(lines)
