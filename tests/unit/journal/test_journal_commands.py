"""Runs of commands by the events that they became, on both databases."""

from __future__ import annotations

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url

from seawall.engine.history._commands import Command
from seawall.engine.history.journal import Entry, Journal


def entries(first: int, last: int) -> list[Entry]:
    return [Entry(n, 1_000 + n, b"event %d" % n, n.to_bytes(32, "big")) for n in range(first, last)]


def command(sequence: int) -> Command:
    return Command(f"key/{100 - sequence}", sequence, b"answer")


def alter(where: str, statement: str) -> None:
    url = where if "://" in where else f"sqlite:///{where}"
    engine = create_engine(make_url(url))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_commands_come_in_the_order_of_their_events_so_many_at_most(where: str) -> None:
    with Journal.create(where) as journal:
        assert journal.commands() == []
        # Every third event was a command; keys run the other way.
        journal.append(entries(1, 31), [command(n) for n in range(3, 31, 3)])
        assert [one.sequence for one in journal.commands()] == list(range(3, 31, 3))
        assert [one.sequence for one in journal.commands(4, 12)] == [6, 9, 12]
        assert [one.sequence for one in journal.commands(4, most=2)] == [6, 9]
        assert journal.commands(31) == []
        assert journal.commands(6, 6) == [command(6)]
        assert journal.command("key/94") == command(6)
    with Journal.open(where, read_only=True) as reader:
        assert len(reader.commands()) == 10


def test_a_journal_without_room_for_commands_gets_it_with_the_first(where: str) -> None:
    Journal.create(where).close()
    alter(where, "DROP TABLE journal_command")
    with Journal.open(where) as journal, Journal.open(where, read_only=True) as reader:
        assert journal.commands() == []
        assert reader.command("key/99") is None
        journal.append(entries(1, 2))
        assert journal.command("key/99") is None
        journal.append(entries(2, 3), [command(2)])
        # A reader that saw none before looks again.
        assert reader.command("key/98") == command(2)
        assert reader.commands() == journal.commands() == [command(2)]


def test_who_takes_a_journal_over_finds_its_commands_by_event(where: str) -> None:
    Journal.create(where).close()
    alter(where, "DROP INDEX journal_command_sequence")
    with Journal.open(where) as journal:
        journal.claim()
        journal.append(entries(1, 3), [command(1), command(2)])
    url = where if "://" in where else f"sqlite:///{where}"
    engine = create_engine(make_url(url))
    names = {index["name"] for index in inspect(engine).get_indexes("journal_command")}
    engine.dispose()
    assert names == {"journal_command_sequence"}
