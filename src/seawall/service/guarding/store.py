"""What the service keeps beside the journal, in the same database: keys, who did what, proposals.

Who sent a command is kept with it: the journal's own key of a command begins with the id of the API
key, in the transaction of its event. Everything that is no event is a row of the audit here, in the
transaction of what it tells. Knows SQL, and neither HTTP nor the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    StaticPool,
    Table,
    Text,
    create_engine,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url

from seawall.engine.history._store import BUSY_SECONDS
from seawall.service.guarding.limits import Rates

T = TypeVar("T")
_number = BigInteger().with_variant(Integer(), "sqlite")
TABLES = MetaData()
KEY = Table(
    "service_key",
    TABLES,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False),  # argon2id; the secret itself is nowhere.
    Column("scopes", Text, nullable=False),  # Separated by spaces.
    Column("operator", Text, nullable=False),  # Of the rulebook, whose hand this key is; or empty.
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Column("used_ms", BigInteger),
)
LIMIT = Table(  # Beside the keys, because tables that stand do not grow columns.
    "service_limit",
    TABLES,
    Column("id", Text, primary_key=True),  # Of the key.
    Column("reads", BigInteger),  # A second, as the next; none: as every key.
    Column("commands", BigInteger),
)
AUDIT = Table(
    "service_audit",
    TABLES,
    Column("number", _number, primary_key=True, autoincrement=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),  # Id of a key, "local", or "start".
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
)
PROPOSAL = Table(
    "service_proposal",
    TABLES,
    Column("number", _number, primary_key=True, autoincrement=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("first", Text, nullable=False),  # Operator.
    Column("asked", Text, nullable=False, unique=True),  # Key id and the client's own key.
    Column("body", Text, nullable=False),  # JSON.
    Column("second", Text, nullable=False),  # Operator, or empty.
    Column("sequence", BigInteger),  # Of the event, once it was signed twice.
)


class KeyRow(NamedTuple):
    """One API key, without its secret."""

    id: str
    name: str
    prefix: str
    hash: str
    scopes: str
    operator: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None


class ProposalRow(NamedTuple):
    """What one operator signed and another one may."""

    number: int
    time_ms: int
    first: str
    asked: str
    body: str
    second: str
    sequence: int | None


class AuditRow(NamedTuple):
    """One act that is no event."""

    number: int
    time_ms: int
    actor: str
    action: str
    subject: str


class Store:
    """The tables of the service. One connection, one caller at a time."""

    def __init__(self, url: str) -> None:
        """Open them, and make them where they are not yet; the journal must be there."""
        place = make_url(url)
        connect: dict[str, Any] = {}
        if place.get_backend_name() == "sqlite":
            connect = {"check_same_thread": False, "timeout": BUSY_SECONDS}
        else:
            place = place.set(drivername="postgresql+psycopg")
        self._engine = create_engine(place, poolclass=StaticPool, connect_args=connect)
        self._lock = threading.Lock()
        with self._transaction() as connection:
            TABLES.create_all(connection)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Ask the tables of another file that lie beside these."""
        with self._transaction() as connection:
            return question(connection)

    # -- keys ----------------------------------------------------------------------------------

    def all_keys(self) -> list[KeyRow]:
        """Every key that was ever made, the oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(select(KEY).order_by(KEY.c.created_ms, KEY.c.id)).all()
        return [KeyRow(*row) for row in rows]

    def key_of(self, prefix: str) -> KeyRow | None:
        """The key that begins so."""
        with self._transaction() as connection:
            row = connection.execute(select(KEY).where(KEY.c.prefix == prefix)).one_or_none()
        return None if row is None else KeyRow(*row)

    def has_keys(self) -> bool:
        """Whether there ever was a key; from then on nobody comes in without one."""
        with self._transaction() as connection:
            return bool(connection.execute(select(func.count()).select_from(KEY)).scalar())

    def rates(self) -> dict[str, Rates]:
        """Limits of keys that have some of their own, by id."""
        with self._transaction() as connection:
            return {
                row.id: Rates(row.reads, row.commands) for row in connection.execute(select(LIMIT))
            }

    def add_key(self, row: KeyRow, actor: str, rates: Rates, *, first: bool = False) -> bool:
        """Keep a new key; with `first`, only where none is yet."""
        with self._transaction() as connection:
            counted = select(func.count()).select_from(KEY)
            if first and connection.execute(counted).scalar():
                return False
            connection.execute(insert(KEY), row._asdict())
            connection.execute(insert(LIMIT), {"id": row.id, **rates._asdict()})
            said = f"{row.id} {row.prefix} {row.name}: {row.scopes}"
            _note(connection, row.created_ms, actor, "key made", said)
        return True

    def change_key(self, id: str, values: dict[str, Any], note: tuple[int, str, str]) -> bool:
        """Rotate or revoke a key; False where there is none, or it is revoked."""
        time_ms, actor, action = note
        with self._transaction() as connection:
            alive = (KEY.c.id == id) & KEY.c.revoked_ms.is_(None)
            if connection.execute(update(KEY).where(alive).values(**values)).rowcount != 1:
                return False
            _note(connection, time_ms, actor, action, id)
        return True

    def limit_key(self, id: str, rates: Rates, note: tuple[int, str, str]) -> bool:
        """Change what limits a key; False where there is none, or it is revoked."""
        time_ms, actor, action = note
        with self._transaction() as connection:
            alive = (KEY.c.id == id) & KEY.c.revoked_ms.is_(None)
            if connection.execute(select(KEY.c.id).where(alive)).one_or_none() is None:
                return False
            connection.execute(delete(LIMIT).where(LIMIT.c.id == id))
            connection.execute(insert(LIMIT), {"id": id, **rates._asdict()})
            _note(connection, time_ms, actor, action, id)
        return True

    def touch(self, used: dict[str, int]) -> None:
        """Remember when keys were last used."""
        with self._transaction() as connection:
            for id, time_ms in used.items():
                connection.execute(update(KEY).where(KEY.c.id == id).values(used_ms=time_ms))

    # -- audit ---------------------------------------------------------------------------------

    def note(self, time_ms: int, actor: str, action: str, subject: str) -> None:
        """Keep one act."""
        with self._transaction() as connection:
            _note(connection, time_ms, actor, action, subject)

    def acts(self, after: int, limit: int) -> list[AuditRow]:
        """Acts that are no events, in order."""
        query = select(AUDIT).where(AUDIT.c.number > after).order_by(AUDIT.c.number).limit(limit)
        with self._transaction() as connection:
            return [AuditRow(*row) for row in connection.execute(query).all()]

    # -- proposals -----------------------------------------------------------------------------

    def propose(self, time_ms: int, first: str, asked: str, body: str) -> ProposalRow:
        """Keep what one operator signed; what was asked before is there already."""
        with self._transaction() as connection:
            known = select(PROPOSAL).where(PROPOSAL.c.asked == asked)
            if (row := connection.execute(known).one_or_none()) is not None:
                return ProposalRow(*row)
            values = {"time_ms": time_ms, "first": first, "asked": asked, "body": body}
            connection.execute(insert(PROPOSAL), values | {"second": ""})
            made = ProposalRow(*connection.execute(known).one())
            actor = asked.partition("/")[0]
            _note(connection, time_ms, actor, f"override proposed by {first}", str(made.number))
        return made

    def proposal(self, number: int) -> ProposalRow | None:
        """One proposal."""
        with self._transaction() as connection:
            query = select(PROPOSAL).where(PROPOSAL.c.number == number)
            row = connection.execute(query).one_or_none()
        return None if row is None else ProposalRow(*row)

    def proposals(self, after: int, limit: int) -> list[ProposalRow]:
        """Proposals in order."""
        query = select(PROPOSAL).where(PROPOSAL.c.number > after)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(PROPOSAL.c.number).limit(limit)).all()
        return [ProposalRow(*row) for row in rows]

    def sign(self, number: int, second: str, key: str, time_ms: int) -> bool:
        """Let a second operator sign, once; False where another one has."""
        with self._transaction() as connection:
            free = (PROPOSAL.c.number == number) & PROPOSAL.c.second.in_(["", second])
            values = {"second": second}
            if connection.execute(update(PROPOSAL).where(free).values(**values)).rowcount != 1:
                return False
            _note(connection, time_ms, key, f"override signed by {second}", str(number))
        return True

    def signed(self, number: int, sequence: int) -> None:
        """Remember which event it became."""
        with self._transaction() as connection:
            chosen = PROPOSAL.c.number == number
            connection.execute(update(PROPOSAL).where(chosen).values(sequence=sequence))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._lock, self._engine.begin() as connection:
            yield connection


def _note(connection: Connection, time_ms: int, actor: str, action: str, subject: str) -> None:
    connection.execute(
        insert(AUDIT),
        {"time_ms": time_ms, "actor": actor, "action": action, "subject": subject[:500]},
    )
