"""Repairs that one operator proposed and another may sign: rows beside the journal.

Knows SQL, and neither HTTP nor the engine; what is proposed is JSON to it.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Table,
    Text,
    insert,
    select,
    update,
)

from seawall.service.guarding.store import AUDIT, TABLES

_number = BigInteger().with_variant(Integer(), "sqlite")
REPAIR = Table(
    "service_repair",
    TABLES,
    Column("number", _number, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # correction or reconciliation.
    Column("time_ms", BigInteger, nullable=False),
    Column("first", Text, nullable=False),  # Operator.
    Column("asked", Text, nullable=False, unique=True),  # Key id and the client's own key.
    Column("request", Text, nullable=False),  # JSON, as it was asked for.
    Column("body", Text, nullable=False),  # JSON: the event, and what was told of it.
    Column("second", Text, nullable=False),  # Operator, or empty.
    Column("sequence", BigInteger),  # Of the event, once it was signed twice.
)


class RepairRow(NamedTuple):
    """What one operator signed and another one may."""

    number: int
    kind: str
    time_ms: int
    first: str
    asked: str
    request: str
    body: str
    second: str
    sequence: int | None


def asked_before(connection: Connection, asked: str) -> RepairRow | None:
    """What was proposed under a client's key."""
    row = connection.execute(select(REPAIR).where(REPAIR.c.asked == asked)).one_or_none()
    return None if row is None else RepairRow(*row)


def propose(connection: Connection, row: RepairRow) -> RepairRow:
    """Keep what one operator signed, whatever its number; what was asked before is there."""
    known = asked_before(connection, row.asked)
    if known is None:
        values = row._asdict()
        del values["number"]
        connection.execute(insert(REPAIR), values)
        known = asked_before(connection, row.asked)
        assert known is not None, "a proposal that was just kept is gone"
        actor = row.asked.partition("/")[0]
        _note(connection, row.time_ms, actor, f"{row.kind} proposed by {row.first}", known.number)
    return known


def proposal(connection: Connection, number: int) -> RepairRow | None:
    """One proposal."""
    row = connection.execute(select(REPAIR).where(REPAIR.c.number == number)).one_or_none()
    return None if row is None else RepairRow(*row)


def proposals(connection: Connection, after: int, limit: int) -> list[RepairRow]:
    """Proposals in order, without what they hold."""
    c = REPAIR.c
    query = (
        select(c.number, c.kind, c.time_ms, c.first, c.asked, c.second, c.sequence)
        .where(c.number > after)
        .order_by(c.number)
        .limit(limit)
    )
    return [
        RepairRow(n, kind, at, first, asked, "", "", second, sequence)
        for n, kind, at, first, asked, second, sequence in connection.execute(query)
    ]


def sign(connection: Connection, row: RepairRow, second: str, key: str, time_ms: int) -> bool:
    """Let a second operator sign, once; False where another one has."""
    free = (REPAIR.c.number == row.number) & REPAIR.c.second.in_(["", second])
    if connection.execute(update(REPAIR).where(free).values(second=second)).rowcount != 1:
        return False
    if not row.second:
        _note(connection, time_ms, key, f"{row.kind} signed by {second}", row.number)
    return True


def signed(connection: Connection, number: int, sequence: int) -> None:
    """Remember which event it became."""
    chosen = REPAIR.c.number == number
    connection.execute(update(REPAIR).where(chosen).values(sequence=sequence))


def _note(connection: Connection, time_ms: int, actor: str, action: str, number: int) -> None:
    row = {"time_ms": time_ms, "actor": actor, "action": action, "subject": str(number)}
    connection.execute(insert(AUDIT), row)
