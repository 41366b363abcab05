"""The journal: every event in order, durable before anybody is told of it.

One transaction holds one batch; `append` returns when the batch would survive a loss of power
(durability "full") or a killed process ("normal"). History is never edited. The journal knows
bytes and sequence numbers; what an event means is for the engine, who replays it (`replay.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update
from sqlalchemy.engine import Row

from seawall.engine.codec import GENESIS
from seawall.engine.history import _commands, _store
from seawall.engine.history._commands import Command, FencedError
from seawall.engine.history._rows import Checkpoint, Entry, checkpoint_checksum, event_checksum
from seawall.engine.history._store import DamagedError, Durability, JournalError

__all__ = ["Checkpoint", "DamagedError", "Entry", "Journal", "JournalError"]

FORMAT = "1"
_FORMAT_KEY = "seawall.format"
Within = Callable[[Connection], None]
_PAGE_BYTES = 4_000_000  # What a page of a streamed read may weigh, by the page before it.
_PAGE_ROWS = 4096
_EVENT = _store.EVENT.c
_CHECKPOINT = _store.CHECKPOINT.c
_HEAD = _store.HEAD.c
_MOVE_HEAD = update(_store.HEAD).where(
    _HEAD.sequence == bindparam("before"), _HEAD.state_hash.is_(None)
)


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
        self._cached: _Head | None = None
        self._epoch = 0
        self._keeps_commands = False  # Known to have room for them; asked once.
        try:
            self._meta = self._check_opened()
        except BaseException:
            store.close()
            raise

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
            _commands.begin(connection)

        store = _store.Store(where, writing=True, durability=durability)
        store.create(fill, overwrite=overwrite)
        return cls(store)

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        read_only: bool = False,
        durability: Durability = "full",
        seize: bool = False,
    ) -> Self:
        """Open a journal to continue it, or only to read it while another process may write.

        `seize` passes by the lock of a writer that hangs; `claim` then shuts that writer out.
        """
        writing = not read_only
        store = _store.Store(where, writing=writing, durability=durability, seize=seize)
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

    def claim(self) -> int:
        """Take the journal over: from here on every earlier writer gets a `FencedError`."""
        self._cached = None
        with self._store.transaction("it was not taken over", write=True) as connection:
            epoch = _commands.claim(connection)
        self._epoch = epoch
        return epoch

    def command(self, key: str) -> Command | None:
        """What became of the command of a key; None where it was never answered."""
        with self._store.transaction("cannot be read") as connection:
            return _commands.find(connection, key) if self._has_commands(connection) else None

    def commands(
        self, first: int = 1, last: int | None = None, *, most: int = 1000
    ) -> list[Command]:
        """Commands that became events first … last, in order; the first `most` of them."""
        with self._store.transaction("cannot be read") as connection:
            if not self._has_commands(connection):
                return []
            return _commands.run(connection, first, last, most)

    def append(
        self,
        entries: Sequence[Entry],
        commands: Sequence[Command] = (),
        beside: Within | None = None,
    ) -> None:
        """Keep a batch and its commands, all of it or nothing; return when it is durable.

        `beside` writes tables of its own in the same transaction. A `JournalError` means that
        nothing of the batch was acknowledged: `last_sequence` says what the journal holds, and the
        same batch can be tried again.
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
            checksum = event_checksum(entry)
            rows.append((expected, entry.time_ms, entry.event, entry.chain, checksum))
        last = entries[-1]
        self._cached = None  # Known again only when the batch is in, or has been read anew.
        with self._writing("the batch was not kept") as connection:
            self._store.insert_events(connection, rows)
            if commands:
                _commands.keep(connection, commands, make=not self._keeps_commands)
            if beside is not None:
                beside(connection)
            self._move_head(connection, head, _Head(last.sequence, last.chain, None))
        self._cached = _Head(last.sequence, last.chain, None)
        self._keeps_commands = self._keeps_commands or bool(commands)

    def entries(self, first: int = 1, last: int | None = None) -> Iterator[Entry]:
        """Stream events first … last in order; a gap or a damaged row is a `DamagedError`."""
        head = self._head().sequence
        end = head if last is None else min(last, head)
        expected, rows = max(first, 1), 64
        while expected <= end:
            wanted = min(rows, end - expected + 1)
            page = self._page(expected, wanted)
            if page is None:  # Something in it cannot be read: go on by one, to find which.
                rows = 1
                continue
            weight = 0
            for row in page:
                if row.sequence != expected:
                    break
                entry = Entry(row.sequence, row.time_ms, row.event, row.chain)
                if row.checksum != event_checksum(entry):
                    raise self._damaged(expected, "is damaged: its checksum does not match")
                yield entry
                expected += 1
                weight += len(entry.event) + 100
            else:
                if len(page) == wanted:
                    rows = max(1, min(_PAGE_ROWS, 4 * rows, _PAGE_BYTES * wanted // weight))
                    continue
            raise self._damaged(expected, "is missing")

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
                msgspec.structs.asdict(checkpoint) | {"checksum": checkpoint_checksum(checkpoint)},
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
        if head.state_hash == state_hash:
            return
        if head.state_hash is not None:
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

    @contextmanager
    def _writing(self, failure: str) -> Iterator[Connection]:
        if not self._store.writing:
            raise JournalError(f"{self.name}: opened only to be read")
        with self._store.transaction(failure, write=True) as connection:
            if _commands.epoch(connection, holding=True) != self._epoch:
                raise FencedError(f"{self.name}: another process has taken it over")
            yield connection

    def _has_commands(self, connection: Connection) -> bool:
        self._keeps_commands = self._keeps_commands or _commands.are_kept(connection)
        return self._keeps_commands

    def _head(self) -> _Head:
        """Where the journal ends; a writer remembers it, a reader looks each time."""
        if self._cached is not None and self._store.is_open:
            return self._cached
        with self._store.transaction("cannot be read") as connection:
            row = connection.execute(select(_store.HEAD)).one_or_none()
        if row is None:
            raise DamagedError(f"{self.name}: the row that says where the journal ends is missing")
        head = _Head(row.sequence, row.chain, row.state_hash)
        if self._store.writing:
            self._cached = head
        return head

    def _move_head(self, connection: Connection, before: _Head, after: _Head) -> None:
        moved = connection.execute(
            _MOVE_HEAD,
            {"before": before.sequence, **msgspec.structs.asdict(after)},
        )
        if moved.rowcount != 1:
            raise JournalError(f"{self.name}: another process has written since it was opened")

    def _check_opened(self) -> dict[str, str]:
        """Refuse what is not a journal of this format, or has lost its tail; return its meta."""
        if self._store.tables() != set(_store.TABLES.tables):
            raise JournalError(f"{self.name}: a database, but not a Seawall journal")
        with self._store.transaction("cannot be read") as connection:
            meta = {row.key: row.value for row in connection.execute(select(_store.META))}
            self._epoch = _commands.epoch(connection)
            query = select(_EVENT.sequence, _EVENT.chain)
            last = connection.execute(query.order_by(_EVENT.sequence.desc()).limit(1)).first()
        found = meta.pop(_FORMAT_KEY, "unknown")
        if found != FORMAT:
            raise JournalError(
                f"{self.name}: a journal of format {found}; this version reads format {FORMAT}"
            )
        head = self._head()
        sequence, chain = (last.sequence, last.chain) if last else (0, GENESIS)
        if self._store.writing and (sequence, chain) != (head.sequence, head.chain):
            raise DamagedError(
                f"{self.name}: it should end at event {head.sequence}, but ends at {sequence}",
                sequence=min(sequence, head.sequence) + 1,
            )
        return {key: value for key, value in meta.items() if not key.startswith("seawall.")}

    def _page(self, first: int, rows: int) -> Sequence[Row[Any]] | None:
        """Read a run of rows at once; None where it must be read in smaller pieces."""
        query = (
            select(_store.EVENT)
            .where(_EVENT.sequence >= first, _EVENT.sequence < first + rows)
            .order_by(_EVENT.sequence)
        )
        try:
            with self._store.transaction("cannot be read") as connection:
                return connection.execute(query).all()
        except (DamagedError, TypeError, ValueError, MemoryError) as error:
            if isinstance(error, JournalError) and not isinstance(error, DamagedError):
                raise
            if rows > 1:
                return None
            raise self._damaged(first, f"cannot be read: {error}") from error

    def _checkpoint(self, condition: ColumnElement[bool]) -> Checkpoint | None:
        query = select(_store.CHECKPOINT).where(condition)
        query = query.order_by(_CHECKPOINT.sequence.desc()).limit(1)
        with self._store.transaction("the checkpoint cannot be read") as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        checkpoint = Checkpoint(row.sequence, row.chain, row.state_hash, row.blob)
        if row.checksum != checkpoint_checksum(checkpoint):
            raise DamagedError(
                f"{self.name}: the checkpoint after event {row.sequence} is damaged",
                sequence=row.sequence,
            )
        return checkpoint

    def _damaged(self, sequence: int, what: str) -> DamagedError:
        return DamagedError(f"{self.name}: event {sequence} {what}", sequence=sequence)


class _Head(msgspec.Struct, frozen=True):
    sequence: int
    chain: bytes
    state_hash: str | None
