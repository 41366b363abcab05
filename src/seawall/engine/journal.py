"""The journal: every event in order, durable before anybody is told of it.

One transaction holds one batch; `append` returns when the batch would survive a loss of power
(durability "full") or a killed process ("normal"). History is never edited. The journal knows
bytes and sequence numbers; what an event means is for the engine, who replays it (`replay.py`).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.engine import Row

from seawall.engine import _store
from seawall.engine._store import DamagedError, Durability, JournalError
from seawall.engine.codec import GENESIS, CodecError, decode_event, event_json

__all__ = ["Checkpoint", "DamagedError", "Entry", "Journal", "JournalError", "export"]

FORMAT = "1"
_FORMAT_KEY = "seawall.format"
_PAGE_BYTES = 4_000_000  # What a page of a streamed read may weigh, by the page before it.
_PAGE_ROWS = 4096
_EVENT = _store.EVENT.c
_CHECKPOINT = _store.CHECKPOINT.c
_HEAD = _store.HEAD.c
_INSERT_EVENT = insert(_store.EVENT)


class Entry(msgspec.Struct, frozen=True):
    """One event as it is kept."""

    sequence: int  # From 1, without gaps.
    time_ms: int
    event: bytes
    chain: bytes  # After this event. [32 bytes]


class Checkpoint(msgspec.Struct, frozen=True):
    """The engine's whole state after one event, so that recovery need not start from nothing."""

    sequence: int
    chain: bytes
    state_hash: str
    blob: bytes


class Journal:
    """One journal in a SQLite file or a PostgreSQL schema; one writer, any number of readers.

    For one thread. Readers in other threads or processes open their own, with `read_only`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Journal.create(f"{folder}/venue.db", {"venue": "paper"}) as journal:
    ...         journal.append([Entry(1, 1_700_000_000_000, b"event", bytes(32))])
    ...         journal.last_sequence(), journal.meta
    (1, {'venue': 'paper'})
    """

    def __init__(self, store: _store.Store) -> None:
        """Take an open store; use `create` or `open`."""
        self._store = store
        self.name = store.name  # Where it is kept, without a password.
        self._read_meta()

    @classmethod
    def create(
        cls,
        where: str | Path,
        meta: Mapping[str, str] | None = None,
        *,
        overwrite: bool = False,
        durability: Durability = "full",
    ) -> Self:
        """Begin a journal in a file or at a URL where none is yet.

        `overwrite` replaces an earlier journal, and never anything that is not a journal.
        """
        rows = [{"key": _FORMAT_KEY, "value": FORMAT}]
        for key, value in (meta or {}).items():
            if key.startswith("seawall."):
                raise JournalError(f"meta key {key!r}: names that begin with seawall. are reserved")
            rows.append({"key": key, "value": value})

        def fill(connection: Connection) -> None:
            connection.execute(insert(_store.META), rows)
            connection.execute(insert(_store.HEAD), {"id": 1, "sequence": 0, "chain": GENESIS})

        store = _store.Store(where, writing=True, durability=durability)
        store.create(fill, overwrite=overwrite)
        return cls(store)

    @classmethod
    def open(
        cls, where: str | Path, *, read_only: bool = False, durability: Durability = "full"
    ) -> Self:
        """Open a journal to continue it, or only to read it while another process may write."""
        store = _store.Store(where, writing=not read_only, durability=durability)
        store.connect()
        return cls(store)

    @property
    def meta(self) -> dict[str, str]:
        """What `create` was told about this journal."""
        return dict(self._meta)

    def last_sequence(self) -> int:
        """Sequence number of the last durable event; 0 where there is none."""
        return self._head().sequence

    def last_chain(self) -> bytes:
        """Chain after the last durable event."""
        return self._head().chain

    def final_hash(self) -> str | None:
        """State hash at the end, once the journal is finished."""
        return self._head().state_hash

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep a batch, all of it or nothing; return when it is durable.

        A `JournalError` means that nothing of the batch was acknowledged. The journal stays whole:
        `last_sequence` says what it holds, and the same batch can be tried again.
        """
        if not entries:
            return
        head = self._head()
        if head.state_hash is not None:
            raise JournalError(f"{self.name}: finished at event {head.sequence}; begin another one")
        rows = []
        for expected, entry in enumerate(entries, head.sequence + 1):
            if entry.sequence != expected:
                raise JournalError(
                    f"{self.name}: event {entry.sequence} cannot follow event {expected - 1}",
                    sequence=expected,
                )
            assert len(entry.chain) == 32, "a chain hash has 32 bytes"
            if not -(2**63) <= entry.time_ms < 2**63:
                raise JournalError(
                    f"{self.name}: the time of event {expected} does not fit in 64 bits",
                    sequence=expected,
                )
            rows.append(
                {
                    "sequence": entry.sequence,
                    "time_ms": entry.time_ms,
                    "event": entry.event,
                    "chain": entry.chain,
                    "checksum": _event_checksum(entry),
                }
            )
        last = entries[-1]
        self._cached = None  # Known again only when the batch is in, or has been read anew.
        with self._writing("the batch was not kept") as connection:
            connection.execute(_INSERT_EVENT, rows)
            self._move_head(connection, head, _Head(last.sequence, last.chain, None))
        self._cached = _Head(last.sequence, last.chain, None)

    def entries(self, first: int = 1, last: int | None = None) -> Iterator[Entry]:
        """Stream events first … last in order; a gap or a damaged row is a `DamagedError`."""
        head = self._head()
        end = head.sequence if last is None else min(last, head.sequence)
        expected, rows = max(first, 1), 64
        while expected <= end:
            page = self._page(expected, min(end, expected + rows - 1))
            if page is None and rows > 1:  # Find the row that cannot be read.
                rows = 1
                continue
            weight = 0
            for entry in page or ():
                yield entry
                weight += len(entry.event) + 100
            expected += rows
            rows = max(1, min(_PAGE_ROWS, 4 * rows, _PAGE_BYTES * rows // max(weight, 1)))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep the engine's state after an event that the journal already holds."""
        chain = self.chain_at(checkpoint.sequence)
        if chain != checkpoint.chain:
            raise JournalError(
                f"{self.name}: the checkpoint's chain is not the journal's",
                sequence=checkpoint.sequence,
            )
        with self._writing("the checkpoint was not kept") as connection:
            connection.execute(
                delete(_store.CHECKPOINT).where(_CHECKPOINT.sequence == checkpoint.sequence)
            )
            connection.execute(
                insert(_store.CHECKPOINT),
                msgspec.structs.asdict(checkpoint) | {"checksum": _checkpoint_checksum(checkpoint)},
            )

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Every checkpoint in order, one at a time."""
        for sequence in sorted(self.state_hashes()):
            checkpoint = self._checkpoint(_CHECKPOINT.sequence == sequence)
            if checkpoint is not None:
                yield checkpoint

    def latest_checkpoint(self, at_or_before: int | None = None) -> Checkpoint | None:
        """The last checkpoint whose sequence is not beyond the one given."""
        limit = self.last_sequence() if at_or_before is None else at_or_before
        return self._checkpoint(_CHECKPOINT.sequence <= limit)

    def state_hashes(self) -> dict[int, str]:
        """State hash at each checkpoint, by sequence."""
        with self._store.transaction("cannot be read") as connection:
            rows = connection.execute(select(_CHECKPOINT.sequence, _CHECKPOINT.state_hash)).all()
        return {row.sequence: row.state_hash for row in rows}

    def chain_at(self, sequence: int) -> bytes:
        """Chain after one event; the genesis chain before the first."""
        if sequence == 0:
            return GENESIS
        for entry in self.entries(sequence, sequence):
            return entry.chain
        raise JournalError(f"{self.name}: there is no event {sequence}", sequence=sequence)

    def finish(self, state_hash: str) -> None:
        """Seal the journal with the hash of the final state; nothing can be appended after."""
        head = self._head()
        if head.state_hash not in (None, state_hash):
            raise JournalError(f"{self.name}: already finished with another state hash")
        finished = _Head(head.sequence, head.chain, state_hash)
        self._cached = None
        with self._writing("the end was not kept") as connection:
            self._move_head(connection, head, finished)
        self._cached = finished

    def integrity(self) -> str | None:
        """What the database itself finds wrong with its file, if anything."""
        return self._store.integrity()

    def close(self) -> None:
        """Let go of the database and of the lock; closing twice is allowed."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    def _writing(self, failure: str):
        if not self._store.writing:
            raise JournalError(f"{self.name}: opened only to be read")
        return self._store.transaction(failure, write=True)

