"""The writer's thread by itself: groups, back-pressure, and what happens when the journal fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from seawall.engine import Engine
from seawall.engine.event import Deposited, Elapsed, Event, Opened, Priced, RulesChanged, Started
from seawall.engine.history.journal import Journal, JournalError
from seawall.engine.history.standby import Answer, Primary
from seawall.engine.rules.rulebook import read
from seawall.service.words.problem import Problem
from seawall.service.writer import Writer

RULES = """
format = 1
name = "writer"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }]
margin.cross = { method = "tiered", brackets.USDC = [
  { above = 0, initial = 0.1, maintenance = 0.05 },
] }
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
NOW = 1_767_225_600_000
ALICE = 6
BIRTH: tuple[Event, ...] = (
    Started(time_ms=NOW, rulebook=read(RULES).canonical()),
    Opened(time_ms=NOW, names=("alice",), methods=("cross",)),
    Priced(time_ms=NOW, price=((0, 10**10),)),
)


class Watched(Primary):
    """A primary that remembers its groups, and fails when told."""

    groups: list[list[str | None]]
    failing = False

    def submit_all(self, commands: Sequence[tuple[str | None, Event]]) -> list[Answer]:
        if type(self).failing:
            type(self).failing = False
            raise JournalError("the disk is full")
        self.groups.append([key for key, _ in commands])
        return super().submit_all(commands)


class Room:
    def __init__(self, where: Path) -> None:
        self.where = where
        self.groups: list[list[str | None]] = []
        Watched.failing = False
        Journal.create(where).close()
        with Primary.open(where) as primary:
            for event in BIRTH:
                primary.submit(event)
        self.writer = Writer(self.open, queue_most=4, now_ms=lambda engine: NOW)
        self.writer.start()
        self.ready()

    def open(self) -> Primary:
        primary = Watched.open(self.where, durability="normal")
        primary.groups = self.groups
        return primary

    def ready(self) -> None:
        until = time.monotonic() + 20
        while self.writer.state != "ready":
            assert time.monotonic() < until, self.writer.failure
            time.sleep(0.005)

    def held(self) -> Callable[[], None]:
        """Keep the writer busy until the answer is called."""
        begun, freed = threading.Event(), threading.Event()

        def wait(engine: Engine) -> None:
            begun.set()
            assert freed.wait(20)

        self.writer.read(wait)
        assert begun.wait(20)
        return freed.set


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path / "venue.db")
    yield room
    room.writer.stop()


def deposit(atoms: int = 5) -> Callable[[Engine, int], Event]:
    return lambda engine, time_ms: Deposited(time_ms=time_ms, account=ALICE, coin=0, atoms=atoms)


def balance(room: Room) -> int:
    return room.writer.read(lambda engine: engine.ledger.balance(ALICE, 0)).result(20)


def problem(future: Any) -> str:
    with pytest.raises(Problem) as caught:
        future.result(20)
    return caught.value.code


def test_what_waits_together_is_kept_together(room: Room) -> None:
    free = room.held()
    futures = [room.writer.submit(deposit(), f"k{n}") for n in range(3)]
    free()
    assert [one.result(20).sequence for one in futures] == [4, 5, 6]
    assert room.groups == [["k0", "k1", "k2"]]


def test_a_full_queue_says_so_and_loses_nothing(room: Room) -> None:
    free = room.held()
    futures = [room.writer.submit(deposit(), f"k{n}") for n in range(4)]
    with pytest.raises(Problem) as caught:
        room.writer.submit(deposit(), "k4")
    assert (caught.value.code, caught.value.status, caught.value.retry_after_s) == ("busy", 503, 1)
    with pytest.raises(Problem, match="full"):
        room.writer.read(lambda engine: engine.sequence)
    free()
    assert [one.result(20).repeated for one in futures] == [False] * 4
    assert balance(room) == 20


def test_one_key_twice_in_a_group_is_done_once(room: Room) -> None:
    free = room.held()
    futures = [room.writer.submit(deposit(), "same") for _ in range(2)]
    futures.append(room.writer.submit(deposit(6), "same"))
    futures.append(room.writer.submit(deposit(1), "other"))
    free()
    assert [one.result(20).repeated for one in futures[:2]] == [False, True]
    assert problem(futures[2]) == "key_reused"
    assert futures[3].result(20).sequence == 5
    assert balance(room) == 6
    assert len(room.groups) == 4  # A known key goes alone, so that a wrong one spoils nobody.


def test_a_read_between_two_commands_sees_the_first_only(room: Room) -> None:
    free = room.held()
    room.writer.submit(deposit(1), "a")
    seen = room.writer.read(lambda engine: engine.ledger.balance(ALICE, 0))
    room.writer.submit(deposit(2), "b")
    free()
    assert seen.result(20) == 1
    assert balance(room) == 3


def test_a_request_that_cannot_be_built_is_no_event(room: Room) -> None:
    def wrong(engine: Engine, time_ms: int) -> Event:
        raise Problem(404, "unknown_account", "no account bob")

    free = room.held()
    futures = [room.writer.submit(one, key) for one, key in ((deposit(), "a"), (wrong, "b"))]
    futures.append(room.writer.submit(deposit(), "c"))
    free()
    assert problem(futures[1]) == "unknown_account"
    assert [futures[n].result(20).sequence for n in (0, 2)] == [4, 5]


def test_rules_that_no_engine_reads_spoil_nobody(room: Room) -> None:
    free = room.held()
    first = room.writer.submit(deposit(), "a")
    bad = room.writer.submit(
        lambda engine, time_ms: RulesChanged(time_ms=time_ms, rulebook="{}"), "b", alone=True
    )
    last = room.writer.submit(deposit(), "c")
    free()
    assert problem(bad) == "bad_rulebook"
    assert (first.result(20).sequence, last.result(20).sequence) == (4, 5)


def test_after_a_failure_of_the_journal_the_same_command_under_its_key_is_done_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seawall.service.writer.REOPEN_S", 0.05)
    assert room.writer.submit(deposit(), "a").result(20).sequence == 4
    free = room.held()
    Watched.failing = True
    lost = [room.writer.submit(deposit(), key) for key in ("b", "c")]
    read = room.writer.read(lambda engine: engine.sequence)
    free()
    assert [problem(one) for one in lost] == ["not_durable", "not_durable"]
    assert problem(read) == "failed"  # It waited behind them.
    room.ready()
    answers = [room.writer.submit(deposit(), key).result(20) for key in ("a", "b", "c")]
    assert [(one.sequence, one.repeated) for one in answers] == [(4, True), (5, False), (6, False)]
    assert balance(room) == 15


def test_a_stopped_writer_takes_nothing_and_lets_go_of_the_journal(room: Room) -> None:
    room.writer.stop()
    with pytest.raises(Problem) as caught:
        room.writer.submit(deposit(), "late")
    assert (caught.value.status, caught.value.code) == (503, "stopped")
    Primary.open(room.where).close()


def test_a_deadline_that_is_over_is_told_to_the_engine(tmp_path: Path) -> None:
    rules = RULES.replace('"writer"', '"grace"') + "call = { grace_ms = { cross = 1_000 } }\n"
    rules = rules.replace("USDC = [", "BTC = [").replace(
        'coins = [{ id = "USDC", decimals = 6 }]',
        'coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]',
    )
    where = tmp_path / "grace.db"
    Journal.create(where).close()
    clock = [NOW]
    writer = Writer(lambda: Primary.open(where), now_ms=lambda engine: clock[0])
    writer.start()
    until = time.monotonic() + 20
    while writer.state != "ready":
        assert time.monotonic() < until
        time.sleep(0.005)

    def send(event: Event) -> None:
        assert writer.submit(lambda engine, time_ms: event, None).result(20).refusal is None

    from seawall.engine.event import Listed, Traded
    from seawall.market import Instrument

    one = 10**10
    perpetual = Instrument(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
        tick=one // 10,
    )  # fmt: skip
    send(Started(time_ms=NOW, rulebook=read(rules).canonical()))
    send(Listed(time_ms=NOW, instruments=(perpetual,)))
    send(Opened(time_ms=NOW, names=("alice", "bob"), methods=("cross", "cross")))
    for account, dollars in ((ALICE, 1_000), (ALICE + 1, 100_000)):
        send(Deposited(time_ms=NOW, account=account, coin=0, atoms=dollars * 10**6))
    send(Priced(time_ms=NOW, price=((0, one), (1, 60_000 * one)), mark=((0, 60_000 * one),)))
    send(Traded(time_ms=NOW, instrument=0, buyer=6, seller=7, lots=100, price=60_000 * one))
    send(Priced(time_ms=NOW, price=((1, 52_000 * one),), mark=((0, 52_000 * one),)))
    status = writer.read(lambda engine: int(engine.venue.status[ALICE]))
    assert status.result(20) == 2  # Called.
    sequence = writer.read(lambda engine: engine.sequence).result(20)
    clock[0] = NOW + 1_000
    until = time.monotonic() + 20
    while writer.read(lambda engine: int(engine.venue.status[ALICE])).result(20) == 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    writer.stop()
    with Journal.open(where, read_only=True) as journal:
        from seawall.engine.codec import decode_event

        told = [decode_event(entry.event) for entry in journal.entries(sequence + 1)]
    assert told == [Elapsed(time_ms=NOW + 1_000)]
