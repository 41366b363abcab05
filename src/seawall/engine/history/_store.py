"""Where a journal's rows lie: tables, connections, locks, and one sentence for each failure.

Knows SQLite and PostgreSQL. Does not know events, chains or the order of a journal.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    StaticPool,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

Durability = Literal["full", "normal"]
BUSY_SECONDS = 5.0  # How long a statement waits for another program's lock on the file.
LOCK_SECONDS = 2.0  # How long a writer waits for PostgreSQL to notice that the last one died.
_SIDES = ("-wal", "-shm", "-journal")  # What SQLite keeps beside a database that is in use.

_number = BigInteger().with_variant(Integer(), "sqlite")
TABLES = MetaData()
META = Table(
    "journal_meta",
    TABLES,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
EVENT = Table(
    "journal_event",
    TABLES,
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False),  # CRC-32 of the row.
)
CHECKPOINT = Table(
    "journal_checkpoint",
    TABLES,
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("chain", LargeBinary, nullable=False),
    Column("state_hash", Text, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False),
)
EventRow = tuple[int, int, bytes, bytes, int]  # In the order of EVENT's columns.
HEAD = Table(  # One row, moved on by every batch: it shows a missing tail and a second writer.
    "journal_head",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("state_hash", Text),  # Set once, when the journal is finished.
)


class JournalError(ValueError):
    """The journal cannot be read or written; one sentence says which, where and why."""

    def __init__(self, message: str, *, sequence: int | None = None) -> None:
        super().__init__(message)
        self.sequence = sequence  # The event at which it was noticed, where one can be named.


class DamagedError(JournalError):
    """What was read is not what was written."""


class Store:
    """One connection to one journal's tables, and the lock that keeps other writers out."""

    def __init__(
        self, where: str | Path, *, writing: bool, durability: Durability, seize: bool = False
    ) -> None:
        self.writing = writing
        self._locks = writing and not seize
        self._durability = durability
        self._lock: sqlite3.Connection | None = None
        self._connection: Connection | None = None
        self.path, self._url = _place(where)
        plain = self._url.set(drivername="postgresql")
        self.name = str(self.path) if self.path else plain.render_as_string(hide_password=True)

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            raise JournalError(f"{self.name}: the journal is closed")
        return self._connection

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def connect(self) -> None:
        """Open what is there; a store that writes takes the lock first."""
        with self._opening():
            if self.path is None:
                self._connect_postgresql()
            else:
                if not self.path.is_file():
                    raise JournalError(f"{self.name}: no such journal")
                if self._locks:
                    self._take_lock(self.path)
                self._connect_sqlite(self.path)

    def create(self, fill: Callable[[Connection], None], *, overwrite: bool) -> None:
        """Make the tables and their first rows, all or nothing, and open them for writing."""
        with self._opening():
            if self.path is None:
                self._connect_postgresql()
                self._create_tables(self.connection, fill, overwrite=overwrite)
            else:
                self._take_lock(self.path)
                self._create_file(self.path, fill, overwrite=overwrite)
                self._connect_sqlite(self.path)

    def tables(self) -> set[str]:
        """Names of the journal's tables that exist."""
        with self.transaction("cannot be read") as connection:
            return set(inspect(connection).get_table_names()) & set(TABLES.tables)

    @contextmanager
    def transaction(self, failure: str, *, write: bool = False) -> Iterator[Connection]:
        """Run statements that hold all together or not at all; failures become one sentence."""
        connection = self.connection
        committing = False
        try:
            if write and self.path is not None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            committing = write
            connection.commit()
        except SQLAlchemyError as error:
            self._undo(connection)
            if committing and not self.is_open:  # A server may have kept what it did not confirm.
                failure = "lost while it committed; open it again to see whether that was kept"
            self.fail(error, failure)
        except BaseException:
            self._undo(connection)
            raise

    def insert_events(self, connection: Connection, rows: list[EventRow]) -> None:
        """Add events in the driver's own form, which is twice as fast as by parameter names."""
        mark = "%s" if self.path is None else "?"
        marks = ", ".join([mark] * len(EVENT.c))
        connection.exec_driver_sql(f"INSERT INTO {EVENT.name} VALUES ({marks})", rows)

    def integrity(self) -> str | None:
        """Ask SQLite to check the file's structure; the first complaint, or nothing."""
        if self.path is None:
            return None
        with self.transaction("cannot be checked") as connection:
            answer = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
        return None if answer == "ok" else answer

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
                connection.engine.dispose()
            except (SQLAlchemyError, sqlite3.Error):
                connection.invalidate()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def fail(self, error: Exception, failure: str) -> NoReturn:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        kind = DamagedError if _damage(cause) else JournalError
        raise kind(f"{self.name}: {failure}: {_sentence(cause)}") from error

    def _undo(self, connection: Connection) -> None:
        """Leave the transaction; a connection that cannot even do that is given up."""
        try:
            connection.rollback()
            lost = connection.invalidated
        except (SQLAlchemyError, sqlite3.Error):
            lost = True
        if lost:
            self.close()

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            self.close()
            self.fail(error, "cannot be opened")
        except BaseException:
            self.close()
            raise

    def _create_file(
        self, path: Path, fill: Callable[[Connection], None], *, overwrite: bool
    ) -> None:
        """Build the file under another name and put it in place whole."""
        if path.exists() and not overwrite:
            raise JournalError(f"{self.name}: a file is there already")
        if path.exists() and not _is_journal(path):
            raise JournalError(f"{self.name}: not a Seawall journal, so it is not overwritten")
        partial = path.with_name(f".{path.name}.partial")
        _unlink(partial)
        try:
            connection = self._open_sqlite(f"{partial.absolute().as_uri()}?mode=rwc")
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                self._create_tables(connection, fill, overwrite=False)
            finally:
                connection.close()
                connection.engine.dispose()
            _unlink(path)
            partial.replace(path)
        finally:
            _unlink(partial)
        sync_folder(path.absolute().parent)

    def _create_tables(
        self, connection: Connection, fill: Callable[[Connection], None], *, overwrite: bool
    ) -> None:
        if set(inspect(connection).get_table_names()) & set(TABLES.tables):
            if not overwrite:
                raise JournalError(f"{self.name}: a journal is there already")
            TABLES.drop_all(connection)
        TABLES.create_all(connection)
        fill(connection)
        connection.commit()

    def _connect_sqlite(self, path: Path) -> None:
        modes = ["mode=rw" if self.writing else "mode=ro"]
        # A reader of a closed file on a read-only disk cannot make the shared memory of the WAL.
        if not self.writing and not _size(Path(f"{path}-wal")):
            modes.append("mode=ro&immutable=1")
        for mode in modes:
            try:
                self._connection = self._open_sqlite(f"{path.absolute().as_uri()}?{mode}")
                self._connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
                break
            except SQLAlchemyError:
                if mode == modes[-1]:
                    raise
        if self.writing:
            found = self.connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
            if found != "wal":
                raise JournalError(f"{self.name}: this disk cannot hold a write-ahead log")
        self.connection.rollback()

    def _open_sqlite(self, uri: str) -> Connection:
        def connect() -> sqlite3.Connection:
            # isolation_level=None: transactions begin where `transaction` says so.
            raw = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            raw.execute(f"PRAGMA synchronous={self._durability}")
            if self._durability == "full":  # Only macOS knows the difference to fsync.
                raw.execute("PRAGMA fullfsync=1")
                raw.execute("PRAGMA checkpoint_fullfsync=1")
            return raw

        engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
        return engine.connect()

    def _take_lock(self, path: Path) -> None:
        """Hold an exclusive transaction on an empty database beside the journal, while open.

        The operating system drops it with the process, however that ends; readers are not kept
        out, as they would be by a lock on the journal itself.
        """
        self._lock = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise JournalError(
                    f"{self.name}: another process is writing this journal"
                ) from None
            raise

    def _connect_postgresql(self) -> None:
        try:
            engine = create_engine(self._url, poolclass=StaticPool)
        except ModuleNotFoundError:
            raise JournalError(
                f"{self.name}: PostgreSQL needs psycopg: install seawall[postgresql]"
            ) from None
        commit = "on" if self._durability == "full" else "off"

        @event.listens_for(engine, "connect")
        def _set(raw: Any, _record: Any) -> None:
            with raw.cursor() as cursor:
                cursor.execute(f"SET synchronous_commit = {commit}")
                if not self.writing:
                    cursor.execute("SET default_transaction_read_only = on")
            raw.commit()

        self._connection = engine.connect()
        if self._locks:
            self._take_advisory_lock(self._connection)
        self._connection.commit()

    def _take_advisory_lock(self, connection: Connection) -> None:
        """Lock the schema for this session; a killed writer's session may take a moment to end."""
        key = "hashtextextended('seawall journal ' || current_schema(), 0)"
        patience = time.monotonic() + LOCK_SECONDS
        while not connection.scalar(text(f"SELECT pg_try_advisory_lock({key})")):
            if time.monotonic() > patience:
                raise JournalError(f"{self.name}: another process is writing this journal")
            time.sleep(0.02)


def sync_folder(folder: Path) -> None:
    """Make a name that was just created or replaced in a folder survive a loss of power."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(where: str | Path) -> tuple[Path | None, URL]:
    """Tell a path from a URL; a path becomes a SQLite URL."""
    if isinstance(where, Path) or "://" not in where:
        path = Path(where)
        return path, URL.create("sqlite", database=str(path))
    try:
        url = make_url(where)
    except ArgumentError:
        raise JournalError("the journal's address is not a URL") from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        return None, url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database:
        return Path(url.database), url
    raise JournalError(f"a journal is kept in a SQLite file or in PostgreSQL, not in {backend}")


def _unlink(path: Path) -> None:
    for side in ("", *_SIDES):
        Path(f"{path}{side}").unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_journal(path: Path) -> bool:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            query = "SELECT count(*) FROM sqlite_master WHERE name = ?"
            return bool(connection.execute(query, (META.name,)).fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:
        return False


def _damage(cause: BaseException) -> bool:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _sentence(cause: BaseException) -> str:
    """Say in plain words what the database said; its own words follow."""
    code = getattr(cause, "sqlite_errorcode", 0)
    plain = {
        sqlite3.SQLITE_FULL: "the disk is full",
        sqlite3.SQLITE_READONLY: "it is read-only",
        sqlite3.SQLITE_BUSY: "another program holds a lock on it",
        sqlite3.SQLITE_CANTOPEN: "no such folder, or no permission",
        sqlite3.SQLITE_NOTADB: "not a database",
        sqlite3.SQLITE_CORRUPT: "the file is damaged",
        sqlite3.SQLITE_IOERR: "the disk failed or is full",
        sqlite3.SQLITE_TOOBIG: "an event or checkpoint is too large",
    }.get(code & 0xFF if code > 0 else 0)
    words = " ".join(str(cause).split())
    return f"{plain} ({words})" if plain else words
