"""Rows of notices beside the journal: rules, targets, who stands below which line, the outbox.

A notice is written in the transaction of its event by the journal's own connection, and everything
after that through `NoticeStore`. Knows SQL, and neither HTTP nor the engine.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    StaticPool,
    Table,
    Text,
    and_,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Row, make_url

from seawall.engine.history._store import BUSY_SECONDS
from seawall.service.guarding.store import AUDIT
from seawall.service.notices.kinds import RESOLVABLE

_number = BigInteger().with_variant(Integer(), "sqlite")
TABLES = MetaData()
TARGET = Table(
    "service_notice_target",
    TABLES,
    Column("id", Text, primary_key=True),
    Column("asked", Text, nullable=False, unique=True),  # Key id and the client's own key.
    Column("body", Text, nullable=False),  # JSON, as it was asked for.
    Column("secret", Text, nullable=False),  # Whoever signs must have it in clear.
    Column("previous", Text, nullable=False),
    Column("previous_until_ms", BigInteger, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
)
RULE = Table(
    "service_notice_rule",
    TABLES,
    Column("id", Text, primary_key=True),
    Column("asked", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
)
STANDING = Table(
    "service_notice_standing",
    TABLES,
    Column("rule", Text, primary_key=True),  # Empty: of an oracle.
    Column("condition", Text, primary_key=True),
    Column("subject", Text, primary_key=True),  # As `standing_of` says it; a coin of an oracle.
)
NOTICE = Table(
    "service_notice",
    TABLES,
    Column("number", _number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("occasion", Text, nullable=False),  # One occasion may go to several targets.
    Column("sequence", BigInteger, nullable=False),
    Column("time_ms", BigInteger, nullable=False),  # Of the event, as the two that follow.
    Column("held_until_ms", BigInteger),
    Column("escalates_ms", BigInteger),
    Column("escalates_to", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),  # Empty: the venue.
    Column("subject", Text, nullable=False),  # Of a breaker or an oracle.
    Column("rule", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON, the same bytes at each attempt.
    Column("state", Text, nullable=False),  # pending, silenced, sent or dead.
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),  # By the wall clock, as those that follow.
    Column("sent_ms", BigInteger),
    Column("error", Text),
    Column("acknowledged_ms", BigInteger),
    Column("acknowledged_by", Text),
    Index("service_notice_next", "target", "state", "account", "number"),
    Index("service_notice_account", "account", "number"),
    Index("service_notice_occasion", "occasion"),
    Index("service_notice_held", "state", "held_until_ms"),
    Index("service_notice_escalates", "escalates_ms"),
)
_N = NOTICE.c


class Outcome(NamedTuple):
    """What became of one attempt."""

    number: int
    state: str  # sent, pending (again, at `due_ms`) or dead.
    due_ms: int
    sent_ms: int | None
    error: str | None


class NoticeStore:
    """The tables of notices. One connection, one caller at a time."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """Open them, and make them where they are not yet; the journal must be there.

        Without `durable` a loss of power may forget what was written last, as after a delivery,
        which then happens again.
        """
        self._engine = _engine(url, durable=durable)
        self._lock = threading.Lock()
        with self.writing() as connection:
            TABLES.create_all(connection)
            AUDIT.create(connection, checkfirst=True)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run statements that hold all together or not at all."""
        with self._lock, self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run questions."""
        with self._lock, self._engine.begin() as connection:
            yield connection

    # -- rules and targets ---------------------------------------------------------------------

    def alive(self, table: Table) -> list[Row[Any]]:
        """Rules or targets that have not ended, in the order in which they were made."""
        query = select(table).where(table.c.ended_ms.is_(None))
        with self.reading() as connection:
            return list(connection.execute(query.order_by(table.c.made_ms, table.c.id)).all())

    def add(self, table: Table, row: dict[str, Any], actor: str) -> Row[Any]:
        """Keep a rule or a target, once for each client's key; the row that is there now."""
        with self.writing() as connection:
            known = select(table).where(table.c.asked == row["asked"])
            found = connection.execute(known).one_or_none()
            if found is not None:
                return found
            connection.execute(insert(table), row)
            audit(connection, row["made_ms"], actor, f"{_called(table)} made", row["id"])
            return connection.execute(known).one()

    def change(
        self, table: Table, id: str, values: dict[str, Any], actor: str, act: str, time_ms: int
    ) -> bool:
        """Change a rule or target that has not ended; False where there is none."""
        with self.writing() as connection:
            chosen = update(table).where(table.c.id == id, table.c.ended_ms.is_(None))
            if connection.execute(chosen.values(**values)).rowcount != 1:
                return False
            audit(connection, time_ms, actor, f"{_called(table)} {act}", id)
        return True

    def has(self, table: Table, id: str) -> bool:
        """Whether there is or was a rule or target of this id."""
        with self.reading() as connection:
            return (
                connection.execute(select(table.c.id).where(table.c.id == id)).first() is not None
            )

    # -- notices -------------------------------------------------------------------------------

    def notices(
        self,
        after: int,
        limit: int,
        *,
        state: str | None = None,
        account: str | None = None,
        kind: str | None = None,
        target: str | None = None,
    ) -> list[Row[Any]]:
        """Notices in order."""
        asked = {"state": state, "account": account, "kind": kind, "target": target}
        chosen = [_N[name] == text for name, text in asked.items() if text is not None]
        query = select(NOTICE).where(_N.number > after, *chosen).order_by(_N.number).limit(limit)
        with self.reading() as connection:
            return list(connection.execute(query).all())

    def counts(self) -> dict[str, int]:
        """How many notices stand in which state."""
        query = select(_N.state, func.count()).group_by(_N.state)
        with self.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def notice(self, id: str) -> Row[Any] | None:
        """One notice."""
        with self.reading() as connection:
            return connection.execute(select(NOTICE).where(_N.id == id)).one_or_none()

    def acknowledge(self, id: str, actor: str, time_ms: int) -> bool:
        """Say that somebody has seen it, for every target of its occasion; the first one stays."""
        with self.writing() as connection:
            occasion = connection.scalar(select(_N.occasion).where(_N.id == id))
            if occasion is None:
                return False
            mine = (_N.occasion == occasion) & _N.acknowledged_ms.is_(None)
            values = {"acknowledged_ms": time_ms, "acknowledged_by": actor, "escalates_ms": None}
            if connection.execute(update(NOTICE).where(mine).values(**values)).rowcount:
                audit(connection, time_ms, actor, "notice acknowledged", id)
        return True

    def replay(self, id: str, actor: str, time_ms: int) -> bool:
        """Let a dead or sent notice go out again, under the same id; False where it is neither."""
        with self.writing() as connection:
            mine = (_N.id == id) & _N.state.in_(("dead", "sent"))
            values = {"state": "pending", "attempts": 0, "due_ms": time_ms, "error": None}
            if connection.execute(update(NOTICE).where(mine).values(**values)).rowcount != 1:
                return False
            audit(connection, time_ms, actor, "notice replayed", id)
        return True

    # -- delivery ------------------------------------------------------------------------------

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what became of attempts."""
        mine = update(NOTICE).where(_N.number == bindparam("of_number"))
        values: dict[str, Any] = {
            name: bindparam(f"to_{name}") for name in ("state", "due_ms", "sent_ms", "error")
        }
        rows = [
            {"of_number": one.number, **{f"to_{k}": getattr(one, k) for k in values}}
            for one in sorted(outcomes)
        ]
        with self.writing() as connection:
            connection.execute(mine.values(attempts=_N.attempts + 1, **values), rows)

    def is_due(self, time_ms: int) -> bool:
        """Whether silence is over for a notice, or nobody acknowledged one in time."""
        held = (_N.state == "silenced") & (_N.held_until_ms <= time_ms)
        with self.reading() as connection:
            return any(
                connection.execute(select(_N.number).where(chosen).limit(1)).first()
                for chosen in (held, _N.escalates_ms <= time_ms)
            )

    def release(self, time_ms: int) -> None:
        """Let go what silence held back until now."""
        over = (_N.state == "silenced") & (_N.held_until_ms <= time_ms)
        with self.writing() as connection:
            connection.execute(update(NOTICE).where(over).values(state="pending"))

    def forget(self, before_ms: int, most: int) -> int:
        """Take out the oldest delivered and dead notices of events before a moment; how many.

        The newest of all stays, so that no number is given twice.
        """
        over = _N.state.in_(("sent", "dead")) & _N.escalates_ms.is_(None)
        is_old = (_N.time_ms < before_ms) & (
            _N.number < select(func.max(_N.number)).scalar_subquery()
        )
        old = select(_N.number).where(over, is_old).order_by(_N.number).limit(most)
        with self.reading() as connection:  # Nobody else waits while nothing is found.
            numbers = list(connection.execute(old).scalars())
        if numbers:
            with self.writing() as connection:
                connection.execute(delete(NOTICE).where(over, _N.number.in_(numbers)))
        return len(numbers)

    def unanswered(self, time_ms: int) -> list[Row[Any]]:
        """Notices that nobody acknowledged in time."""
        query = select(NOTICE).where(_N.escalates_ms <= time_ms).order_by(_N.number).limit(1000)
        with self.reading() as connection:
            return list(connection.execute(query).all())

    def escalate(self, rows: Sequence[Row[Any]], further: Sequence[dict[str, Any]]) -> None:
        """Write further notices for ones that nobody acknowledged and that are not over."""
        written = dict(zip((row.number for row in rows), further, strict=True))
        mine = _N.number.in_(written) & _N.escalates_ms.is_not(None)
        with self.writing() as connection:
            found = connection.execute(select(NOTICE).where(mine)).all()
            chosen = [written[row.number] for row in found if not _is_over(connection, row)]
            if chosen:
                connection.execute(insert(NOTICE), chosen)
            connection.execute(update(NOTICE).where(mine).values(escalates_ms=None))

    def heads(self, target: str, now_ms: int, most: int) -> tuple[list[Row[Any]], int | None]:
        """The first open notice of each account at one target, those that are due; and what next.

        So the notices of an account arrive in order: a later one waits until the one before it was
        delivered or is dead.
        """
        mine = (_N.target == target) & (_N.state == "pending")
        first = select(func.min(_N.number).label("number")).where(mine).group_by(_N.account)
        head = first.subquery()
        query = select(NOTICE).join(head, _N.number == head.c.number)
        due = query.where(_N.due_ms <= now_ms).order_by(_N.number).limit(most)
        later = select(func.min(_N.due_ms)).join(head, _N.number == head.c.number)
        with self.reading() as connection:
            rows = list(connection.execute(due).all())
            next_ms = connection.scalar(later.where(_N.due_ms > now_ms))
        return rows, next_ms

    def open_targets(self) -> list[str]:
        """Targets for which something is pending."""
        query = select(_N.target).where(_N.state == "pending").distinct()
        with self.reading() as connection:
            return list(connection.execute(query).scalars())


def keep(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write notices in the transaction of their event."""
    connection.execute(insert(NOTICE), rows)


def standing_of(kind: str, account: str, subject: str) -> tuple[str, str]:
    """Condition and subject under which it stands that something was told and is not over."""
    condition = kind if kind in ("ratio", "sigmas", "amount") else f"open/{kind}"
    return condition, f"{account}/{subject}" if subject else account


def _is_over(connection: Connection, row: Row[Any]) -> bool:
    if row.kind not in RESOLVABLE:
        return False
    condition, subject = standing_of(row.kind, row.account, row.subject)
    columns = STANDING.c
    mine = and_(
        columns.rule == row.rule, columns.condition == condition, columns.subject == subject
    )
    return connection.execute(select(columns.rule).where(mine)).first() is None


def audit(connection: Connection, time_ms: int, actor: str, action: str, subject: str) -> None:
    """Write who did what, in the transaction of what it tells."""
    row = {"time_ms": time_ms, "actor": actor, "action": action, "subject": subject[:500]}
    connection.execute(insert(AUDIT), row)


def _called(table: Table) -> str:
    return "notice target" if table is TARGET else "notice rule"


def _engine(url: str, *, durable: bool) -> Engine:
    place = make_url(url)
    if place.get_backend_name() == "sqlite":

        def connect() -> sqlite3.Connection:
            # isolation_level=None: a transaction that writes says so when it begins.
            raw = sqlite3.connect(
                place.database or "",
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            raw.execute(f"PRAGMA synchronous={'full' if durable else 'normal'}")
            return raw

        return create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    engine = create_engine(place.set(drivername="postgresql+psycopg"), poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _set(raw: Any, _record: Any) -> None:
        with raw.cursor() as cursor:
            cursor.execute(f"SET synchronous_commit = {'on' if durable else 'off'}")
        raw.commit()

    return engine
