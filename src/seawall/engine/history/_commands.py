"""Who may write a journal now, and which commands it has answered; both as rows beside the events.

An epoch counts take-overs: a writer that took the journal in an earlier epoch is refused. A command
carries its client's key; a key that is already kept is never done again, and gets its first answer.
Journals from before this file lack both; they are counted as epoch 0 without commands.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)

from seawall.engine.history._store import META, JournalError

LATER = MetaData()  # Apart from the tables that every journal has.
COMMAND = Table(
    "journal_command",
    LATER,
    Column("key", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
)
_BY_SEQUENCE = Index("journal_command_sequence", COMMAND.c.sequence)
_EPOCH = META.c.key == "seawall.epoch"


class FencedError(JournalError):
    """Another writer has taken the journal over; this one must not answer anybody any more."""


class Command(msgspec.Struct, frozen=True):
    """A client's command that became an event, under the key that the client gave it."""

    key: str
    sequence: int
    answer: bytes  # The event's effects, as they were chained.


def begin(connection: Connection) -> None:
    """Let a new journal have no commands, whatever stood at its place before."""
    LATER.drop_all(connection)
    LATER.create_all(connection)


def epoch(connection: Connection, *, holding: bool = False) -> int:
    """How often the journal was taken over; `holding` keeps it so until the transaction ends."""
    query = select(META.c.value).where(_EPOCH)
    return int(connection.execute(query.with_for_update() if holding else query).scalar() or 0)


def claim(connection: Connection) -> int:
    """Begin a new epoch and return it; every earlier writer is shut out."""
    before = epoch(connection, holding=True)
    LATER.create_all(connection)
    _BY_SEQUENCE.create(connection, checkfirst=True)  # Journals from before it lack it.
    if before:
        connection.execute(update(META).where(_EPOCH).values(value=str(before + 1)))
    else:
        connection.execute(insert(META).values(key="seawall.epoch", value="1"))
    return before + 1


def are_kept(connection: Connection) -> bool:
    """Whether the journal has room for commands."""
    return inspect(connection).has_table(COMMAND.name)


def keep(connection: Connection, commands: Sequence[Command], *, make: bool) -> None:
    """Keep commands in the transaction that keeps their events; `make` room if there is none."""
    if make:
        LATER.create_all(connection)
    connection.execute(insert(COMMAND), [msgspec.structs.asdict(one) for one in commands])


def find(connection: Connection, key: str) -> Command | None:
    """The command of a key, if it was ever answered."""
    row = connection.execute(select(COMMAND).where(COMMAND.c.key == key)).one_or_none()
    return None if row is None else Command(row.key, row.sequence, row.answer)


def run(connection: Connection, first: int, last: int | None, most: int) -> list[Command]:
    """Commands of events first … last in order, so many at most."""
    query = select(COMMAND).where(COMMAND.c.sequence >= first)
    if last is not None:
        query = query.where(COMMAND.c.sequence <= last)
    rows = connection.execute(query.order_by(COMMAND.c.sequence).limit(most))
    return [Command(row.key, row.sequence, row.answer) for row in rows]
