"""Who writes beside an event is kept or lost with it; who follows is called when it is durable."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, insert, select

from seawall.engine import Engine
from seawall.engine.event import Elapsed, Event
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Kept, Primary

NOTE = Table("note", MetaData(), Column("sequence", Integer, primary_key=True))


def _primary(where: Path) -> Primary:
    engine = create_engine(f"sqlite:///{where}")
    Journal.create(where).close()
    with engine.begin() as connection:
        NOTE.create(connection)
    engine.dispose()
    return Primary(Journal.open(where), Engine())


def _notes(where: Path) -> list[int]:
    engine = create_engine(f"sqlite:///{where}")
    with engine.begin() as connection:
        found = [row.sequence for row in connection.execute(select(NOTE))]
    engine.dispose()
    return found


def test_both_see_each_event_once_and_in_order(tmp_path: Path) -> None:
    where = tmp_path / "venue.db"
    seen: list[int] = []
    events: list[Event] = [Elapsed(time_ms=1), Elapsed(time_ms=2)]

    def beside(connection: Connection, happened: Sequence[Kept]) -> None:
        assert not seen, "it is not durable yet"
        connection.execute(insert(NOTE), [{"sequence": one.sequence} for one in happened])

    with _primary(where) as primary:
        primary.beside = beside
        primary.after = lambda happened: seen.extend(one.sequence for one in happened)
        first = primary.submit_all([("a", events[0]), ("b", events[1])])
        primary.beside = None
        again = primary.submit(events[0], "a")
    assert [answer.sequence for answer in first] == seen == [1, 2] == _notes(where)
    assert again.repeated, "a repeated command happens to nobody"


def test_what_fails_beside_an_event_fails_the_event(tmp_path: Path) -> None:
    where = tmp_path / "venue.db"
    seen: list[int] = []

    def beside(connection: Connection, happened: Sequence[Kept]) -> None:
        connection.execute(insert(NOTE), {"sequence": happened[0].sequence})
        raise RuntimeError("no room for the notice")

    with _primary(where) as primary:
        primary.beside = beside
        primary.after = lambda happened: seen.extend(one.sequence for one in happened)
        with pytest.raises(RuntimeError, match="no room"):
            primary.submit(Elapsed(time_ms=1), "a")
    assert not seen
    assert not _notes(where)
    with Journal.open(where, read_only=True) as journal:
        assert journal.last_sequence() == 0
        assert journal.command("a") is None
