"""A ledger as bytes: the canonical state that is hashed, and the dump that a snapshot keeps.

All numbers are little-endian. Equal balances give equal state bytes, however they came about: no
start, cap or hole is in them. The dump adds which transfer ids are posted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seawall.ledger.sums import INT64_MIN, Ints

_MAGIC = b"seawall ledger 1"
_IDS = struct.Struct("<16s2q")  # Magic, last id, skipped ids.
_STATE = struct.Struct("<3q")  # Accounts, assets, rows.


class DumpError(ValueError):
    """Bytes that are not a dump of a ledger; the message says where."""


@dataclass(frozen=True, slots=True)
class Dump:
    """What a dump holds, as columns."""

    assets: int
    last_id: int
    skipped: list[int]  # Ids below the last one that may still be posted, ascending.
    count: Ints  # [account] rows
    asset: NDArray[np.int32]  # [row]
    balance: Ints  # [row]


def state_bytes(assets: int, count: Ints, asset: NDArray[np.int32], balance: Ints) -> bytes:
    """Canonical bytes of rows in the order (account, asset); `count` is [account]."""
    return b"".join(
        (
            _STATE.pack(len(count), assets, len(asset)),
            count.astype("<i4").tobytes(),
            asset.astype("<i4", copy=False).tobytes(),
            balance.astype("<i8", copy=False).tobytes(),
        )
    )


def packed(state: bytes, last_id: int, skipped: list[int]) -> bytes:
    """Put the posted ids before the state."""
    ids = np.array(skipped, "<i8").tobytes()
    return b"".join((_IDS.pack(_MAGIC, last_id, len(skipped)), ids, state))


def unpacked(payload: bytes) -> Dump:
    """Read a dump; refuse bytes that are cut, that go on, or that no ledger can have written."""
    if len(payload) < _IDS.size + _STATE.size or not payload.startswith(_MAGIC):
        raise DumpError("at $.magic: these bytes are not a ledger dump of version 1")
    _, last_id, skips = _IDS.unpack_from(payload)
    at = _IDS.size + 8 * skips
    if skips < 0 or at + _STATE.size > len(payload):
        raise DumpError(f"at $.skipped: {skips} ids do not fit in {len(payload)} bytes")
    skipped = np.frombuffer(payload, "<i8", skips, _IDS.size).tolist()
    accounts, assets, rows = _STATE.unpack_from(payload, at)
    at += _STATE.size
    if min(accounts, assets, rows) < 0 or at + 4 * accounts + 12 * rows != len(payload):
        raise DumpError(f"at $.rows: {accounts} accounts, {rows} rows, {len(payload)} bytes")
    count = np.frombuffer(payload, "<i4", accounts, at).astype(np.int64)
    at += 4 * accounts
    asset = np.frombuffer(payload, "<i4", rows, at).astype(np.int32, copy=False)
    balance = np.frombuffer(payload, "<i8", rows, at + 4 * rows).astype(np.int64, copy=False)
    if int(count.sum()) != rows or bool((count < 0).any()):
        raise DumpError(f"at $.count: accounts have {int(count.sum())} rows, the dump {rows}")
    if rows and not 0 <= int(asset.min()) <= int(asset.max()) < assets:
        raise DumpError(f"at $.asset: numbers must lie below {assets}")
    if bool((balance == INT64_MIN).any()):
        raise DumpError("at $.balance: -2^63 is not a balance")
    if skipped != sorted(set(skipped)) or (skipped and not 0 < skipped[0] <= skipped[-1] < last_id):
        raise DumpError("at $.skipped: ids must ascend between 1 and the last id")
    if last_id < 0:
        raise DumpError(f"at $.last_id: {last_id} is negative")
    return Dump(assets, last_id, skipped, count, asset, balance)
