"""Parts of the stream one by one: gaps that a client sees, places that a reader keeps, the pace."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seawall.engine import Engine
from seawall.engine.event import Deposited, Opened, Started
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Kept, Primary
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.service.client.stream import Failure, Following, Snapshot, State, Update
from seawall.service.guarding.keys import Keys
from seawall.service.guarding.store import Store
from seawall.service.live import Live, Readers
from seawall.service.live import reader as reading
from seawall.service.live.channels import CAUGHT_UP, EVENTS_HELD, Events
from seawall.service.live.reader import BEHIND_MESSAGES, Reader
from seawall.service.writer import Writer

NOW = 1_767_225_600_000


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def writer(tmp_path: Path, rules: str, live: Live) -> Iterator[Writer]:
    where = tmp_path / "venue.db"
    Journal.create(where).close()
    writer = Writer(lambda: Primary.open(where), now_ms=lambda engine: NOW)
    writer.publish_to(live)
    writer.start()
    while writer.state != "ready":
        time.sleep(0.01)
    started = Started(time_ms=NOW, rulebook=read(rules).canonical())
    opened = Opened(time_ms=NOW, names=("ann",), methods=("cross",))
    for event in (started, opened):
        writer.submit(lambda engine, time_ms, event=event: event, None).result(30)
    yield writer
    writer.stop()


def pay(writer: Writer, atoms: int = 1) -> int:
    event = Deposited(time_ms=NOW, account=FIRST_ACCOUNT, coin=0, atoms=atoms)
    return writer.submit(lambda engine, time_ms: event, None).result(30).sequence


def update(channel: str, sequence: int, previous: int) -> str:
    told = {"type": "update", "channel": channel, "sequence": sequence, "previous": previous}
    return json.dumps({**told, "time_ms": 0, "state": {}})


def snapshot(channel: str, sequence: int) -> str:
    told = {"type": "snapshot", "channel": channel, "sequence": sequence, "time_ms": 0}
    return json.dumps({**told, "state": {}})


def test_a_client_asks_once_for_what_is_missing_and_passes_on_nothing_out_of_order() -> None:
    following = Following({"calls": None, "funds": 40}, "sw_key")
    assert [json.loads(text) for text in following.opening()] == [
        {"op": "authenticate", "key": "sw_key"},
        {"op": "subscribe", "channel": "calls"},
        {"op": "subscribe", "channel": "funds", "from": 40},
    ]
    assert following.read(update("calls", 8, 7)) == (None, None)  # Before its snapshot.
    heard = [following.read(one) for one in (snapshot("calls", 10), update("calls", 12, 10))]
    assert [(type(message), said) for message, said in heard] == [(Snapshot, None), (Update, None)]
    message, said = following.read(update("calls", 15, 14))  # 14 did not come.
    assert (message, json.loads(said or "")) == (
        None, {"op": "subscribe", "channel": "calls", "from": 12},
    )  # fmt: skip
    assert following.read(update("calls", 16, 15)) == (None, None)  # Asked already.
    assert following.gaps == 1
    for sequence, previous in ((14, 12), (15, 14), (16, 15)):
        message, said = following.read(update("calls", sequence, previous))
        assert isinstance(message, Update)
        assert (message.sequence, said) == (sequence, None)
    assert following.read(update("calls", 20, 19))[1] is not None
    assert isinstance(following.read(snapshot("calls", 20))[0], Snapshot)
    assert following.last == {"calls": 20, "funds": 40}


def test_a_client_asks_again_where_the_service_could_not_answer_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    following = Following({"calls": None}, None)
    failure = {"type": "error", "code": "replaying", "detail": "…", "channel": "calls"}
    assert following.read(json.dumps(failure)) == (None, None)
    assert following.due() == []
    clock[0] += 0.6
    assert [json.loads(text)["op"] for text in following.due()] == ["subscribe"]
    assert following.due() == []
    told, _ = following.read(json.dumps(failure | {"code": "unknown_channel"}))
    assert isinstance(told, Failure)


def test_a_state_that_misses_a_message_says_so() -> None:
    state = State()
    state.apply(Snapshot("calls", 5, 0, {"ann": 1}, 1))
    with pytest.raises(AssertionError, match="a message is missing"):
        state.apply(Update("calls", 9, 8, 0, total=0, removed=["ann"]))


def test_what_nobody_reads_is_not_computed_and_what_is_read_keeps_its_pace(
    writer: Writer, live: Live
) -> None:
    """One account comes at most four times a second, however often somebody pays."""
    tapes = {
        name: writer.read(lambda engine, name=name: live.open(name, None, engine)).result(30).tape
        for name in ("accounts/ann", "overview", "events")
    }
    live.count("accounts/ann", 1)
    live.count("events", 1)
    began, before = time.monotonic(), tapes["events"].end
    paid = 0
    while time.monotonic() < began + 1.0:
        pay(writer)
        paid += 1
    last = pay(writer)
    until = time.monotonic() + 5
    while tapes["accounts/ann"].sequence < last or tapes["events"].sequence < last:
        assert time.monotonic() < until
        time.sleep(0.01)
    seconds = time.monotonic() - began
    assert 2 <= tapes["accounts/ann"].end <= 2 + seconds / 0.25
    assert tapes["events"].end == before + paid + 1
    assert tapes["overview"].end == 0


def test_the_last_change_comes_though_nothing_follows_it(writer: Writer, live: Live) -> None:
    opening = writer.read(lambda engine: live.open("accounts/ann", None, engine)).result(30)
    live.count("accounts/ann", 1)
    last = [pay(writer) for _ in range(3)][-1]
    until = time.monotonic() + 5
    while opening.tape.sequence < last:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_events_that_do_not_fit_are_a_gap_and_never_a_wrong_chain(writer: Writer) -> None:
    """A channel that nobody read for long begins anew; its readers are told by `previous`."""
    events = Events()
    writer.read(events.refresh).result(30)
    event = Deposited(time_ms=NOW, account=FIRST_ACCOUNT, coin=0, atoms=1)
    first = writer.sequence
    events.happened([Kept(first + n, event, ()) for n in range(1, 11)])
    writer.read(events.refresh).result(30)
    assert events.tape.place_after(first + 4) is not None
    events.happened([Kept(first + n, event, ()) for n in range(11, EVENTS_HELD + 1000)])
    writer.read(events.refresh).result(30)
    messages = events.tape.since(events.tape.end - CAUGHT_UP)
    assert messages is not None
    assert all(one.previous == one.sequence - 1 for one in messages)
    assert events.tape.place_after(first + 4) is None
    assert events.tape.sequence == first + EVENTS_HELD + 999
    events.happened([Kept(first + 2 * EVENTS_HELD, event, ())])  # The journal was opened anew.
    writer.read(events.refresh).result(30)
    (message,) = events.tape.since(events.tape.end - 1) or ()
    assert message.previous == message.sequence - 1 > first + EVENTS_HELD + 999


def test_a_reader_is_slow_by_what_was_published_since_it_came(writer: Writer, live: Live) -> None:
    """What it asked for itself, from the past, makes nobody slow; nor does a stuck heartbeat."""

    async def run() -> None:
        gate, sent = asyncio.Event(), []

        async def send(text: str) -> None:
            await gate.wait()
            sent.append(json.loads(text))

        reader = Reader(live, writer, send)
        first = writer.sequence
        await reader.hear('{"op":"subscribe","channel":"events"}')
        for _ in range(100):
            reader.beat("1")
        pays = [asyncio.to_thread(pay, writer) for _ in range(16)]
        for _ in range(32):
            await asyncio.gather(*pays)
            pays = [asyncio.to_thread(pay, writer) for _ in range(16)]
        await asyncio.gather(*pays)
        await asyncio.wrap_future(writer.read(live.publish))
        assert not reader.is_slow()  # 528 of 8,192.
        await reader.hear(json.dumps({"op": "subscribe", "channel": "events", "from": first}))
        sending = asyncio.create_task(reader.send_all())
        gate.set()
        while sum(one.get("type") == "update" for one in sent if isinstance(one, dict)) < 528:
            await asyncio.sleep(0.01)
        sending.cancel()
        updates = [one for one in sent if isinstance(one, dict) and one["type"] == "update"]
        assert [one["sequence"] for one in updates] == list(range(first + 1, first + 529))
        assert sent.count(1) == 1  # Of a hundred heartbeats that nobody took, the last.
        tape = live.open("events", None, writer.read(lambda engine: engine).result()).tape
        for n in range(1, BEHIND_MESSAGES + 2):
            tape.add(tape.sequence + 1, "x")
            assert reader.is_slow() == (n > BEHIND_MESSAGES)

    asyncio.run(run())


def test_a_reader_that_takes_nothing_is_slow_though_little_waits(
    writer: Writer, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "STUCK_S", 0.2)

    async def run() -> None:
        async def send(text: str) -> None:
            if json.loads(text)["type"] == "update":
                await asyncio.Event().wait()  # Nobody takes it.

        reader = Reader(live, writer, send)
        sending = asyncio.create_task(reader.send_all())
        await reader.hear('{"op":"subscribe","channel":"events"}')
        await asyncio.sleep(0.3)
        assert not reader.is_slow()  # There is nothing to take.
        await asyncio.to_thread(pay, writer)
        await asyncio.wrap_future(writer.read(live.publish))
        reader.wake()
        await asyncio.sleep(0.05)
        assert not reader.is_slow()
        await asyncio.sleep(0.3)
        assert reader.is_slow()
        sending.cancel()

    asyncio.run(run())


def test_there_is_room_for_so_many_connections(tmp_path: Path) -> None:
    Journal.create(tmp_path / "venue.db").close()
    store = Store(f"sqlite:///{tmp_path / 'venue.db'}")
    readers = Readers(Live(), Keys(store), most=2)
    assert [readers.admit() for _ in range(3)] == [True, True, False]
    assert readers.ended == {"busy": 1}
    readers.connecting -= 1
    assert readers.admit()
    store.close()


def test_a_view_that_fails_is_not_everybodys_fault(
    writer: Writer, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    class Broken:
        def systemic_shown(self) -> Any:
            calls.append(1)
            raise RuntimeError("not my day")

        def headline_shown(self) -> Any:
            return None

        def ladder_shown(self, coin: str) -> Any:
            return None

    def look(engine: Engine, name: str) -> Any:
        return live.open(name, None, engine)

    events = writer.read(lambda engine: look(engine, "events")).result(30)
    writer.read(lambda engine: look(engine, "systemic")).result(30)
    monkeypatch.setattr(live, "_monitor", Broken)
    for name in ("systemic", "events"):
        live.count(name, 1)
    last = pay(writer)
    until = time.monotonic() + 5
    while events.tape.sequence < last or not calls:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert writer.state == "ready"
