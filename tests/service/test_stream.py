"""The live stream against real processes: who may read, what is sent, and who is dropped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from seawall.service.client import Client, Problem, requests
from seawall.service.client.stream import (
    AsyncStream,
    Failure,
    Snapshot,
    State,
    Stream,
    Update,
    stream_url,
)

BTC = "BTC/USDC:USDC"
Start = Callable[..., Any]


@pytest.fixture(scope="module")
def served(start: Start, born: Callable[[Client], None]) -> Any:
    """One whose patience with a reader is three seconds instead of ten."""
    hurried = "from seawall.service.live import reader\nreader.STUCK_S = 3.0"
    served = start(program=hurried).ready()
    with served.client() as client:
        born(client)
    return served


@pytest.fixture
def client(served: Any) -> Iterator[Client]:
    with served.client() as client:
        yield client


def opened(url: str, **more: Any) -> ClientConnection:
    return connect(stream_url(url), proxy=None, compression=None, **more)


def hear(connection: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """The next message of a kind; any but a heartbeat without one."""
    while True:
        message: dict[str, Any] = json.loads(connection.recv(10))
        if message["type"] == kind or (kind is None and message["type"] != "heartbeat"):
            return message


def say(connection: ClientConnection, op: str, **more: Any) -> None:
    connection.send(json.dumps({"op": op, **more}))


def end_of(connection: ClientConnection) -> tuple[int, str]:
    """How the service closes a connection."""
    with pytest.raises(ConnectionClosed) as caught:
        hear(connection, "nothing of this kind")
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def metric(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    found = re.search(rf"^{re.escape(name)} (.+)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def test_a_channel_begins_with_a_snapshot_and_goes_on_with_updates(
    served: Any, client: Client
) -> None:
    with opened(served.url) as connection:
        assert hear(connection)["type"] == "welcome"
        say(connection, "subscribe", channel="prices")
        snapshot = hear(connection)
        assert (snapshot["type"], snapshot["channel"]) == ("snapshot", "prices")
        shown = client.send(requests.view("prices"))
        rows = {row["coin"]: row for row in shown["coins"]}
        rows |= {row["instrument"]: row for row in shown["marks"]}
        assert (snapshot["state"], snapshot["total"]) == (rows, len(rows))
        told = client.send(requests.tell_prices({"SOL": "60010"}, {"SOL/USDC:USDC": "60011"}))
        update = hear(connection)
        assert (update["previous"], update["sequence"]) == (snapshot["sequence"], told.sequence)
        assert (update["set"]["SOL"]["price"], update["removed"]) == ("60010", [])
        assert update["set"]["SOL/USDC:USDC"]["mark"] == "60011"
        assert "BTC" not in update["set"]  # It did not change.
        beat = hear(connection, "heartbeat")
        assert beat["sequence"] == told.sequence


def test_a_call_comes_with_its_deadline_and_goes_when_it_is_met(
    served: Any, client: Client
) -> None:
    """1,000 dollars, long 0.1 at 60,000: at 52,500 equity is 250 and maintenance 262.5."""
    client.send(requests.open_accounts({"ina": "patient"}))
    client.send(requests.deposit("ina", "USDC", "1000"))
    client.send(requests.trade(BTC, "ina", "bob", "0.1", "60000"))
    with Stream(served.url, ["calls", "overview", "accounts/ina"]) as stream:
        states = {name: State() for name in stream.following.last}
        messages = iter(stream)

        def follow(until: Callable[[], bool]) -> None:
            ends = time.monotonic() + 5
            while not until():
                assert time.monotonic() < ends, states["calls"].now
                message = next(messages)
                assert not isinstance(message, Failure)
                states[message.channel].apply(message)

        follow(lambda: all(state.now is not None for state in states.values()))
        assert (states["calls"].now, states["overview"].now["calls"]) == ({}, [])
        told = time.monotonic()
        client.send(requests.tell_prices({"BTC": "52500"}, {BTC: "52500"}))
        follow(lambda: "ina" in states["calls"].now)
        assert time.monotonic() - told < 1.0
        call = states["calls"].now["ina"]
        assert (call["amount"], call["account"]["verdict"]["headroom"]) == ("275", "-12.5")
        asked = client.send(requests.view("calls"))["calls"]
        assert [call] == [{k: v for k, v in row.items() if k != "left_ms"} for row in asked]
        follow(lambda: len(states["overview"].now["calls"]) == 1)
        overview = states["overview"].now
        assert overview["by_status"]["called"] == overview["calls_total"] == 1
        bands = {row["band"]: row["accounts"] for row in overview["by_distance"]}
        assert bands["<0"] >= 1  # −12.5 ÷ 5,250.
        follow(lambda: states["accounts/ina"].now["account"]["status"] == "called")
        client.send(requests.tell_prices({"BTC": "60000"}, {BTC: "60000"}))
        follow(lambda: not states["calls"].now and not states["overview"].now["calls"])
        follow(lambda: states["accounts/ina"].now["account"]["verdict"]["equity"] == "1000")


def test_events_come_one_by_one_and_as_commands_tell_them(served: Any, client: Client) -> None:
    with opened(served.url) as connection:
        hear(connection, "welcome")
        say(connection, "subscribe", channel="events")
        snapshot = hear(connection)
        last = snapshot["state"]["events"][-1]
        assert last["sequence"] == snapshot["sequence"]
        done = [client.send(requests.deposit("dave", "USDC", str(n))) for n in range(1, 6)]
        previous = snapshot["sequence"]
        for answer in done:
            update = hear(connection)
            assert update["previous"] == previous
            event = update["event"]
            assert (event["sequence"], event["event"]) == (answer.sequence, "deposited")
            assert (event["account"], event["effects"]) == ("dave", answer.effects)
            previous = update["sequence"]


def test_who_comes_back_gets_exactly_what_was_missed(served: Any, client: Client) -> None:
    with opened(served.url) as beside, opened(served.url) as connection:
        for one in (beside, connection):
            hear(one, "welcome")
            say(one, "subscribe", channel="events")
            hear(one, "snapshot")
        client.send(requests.deposit("dave", "USDC", "1"))
        seen = hear(connection)["sequence"]
        connection.close()
        missed = [client.send(requests.deposit("dave", "USDC", "2")).sequence for _ in range(30)]
        for _ in range(1 + len(missed)):
            hear(beside)
        with opened(served.url) as again:
            hear(again, "welcome")
            say(again, "subscribe", channel="events", **{"from": seen})
            updates = [hear(again) for _ in missed]
            assert {update["type"] for update in updates} == {"update"}
            assert [update["sequence"] for update in updates] == missed
            assert [update["previous"] for update in updates] == [seen, *missed[:-1]]
            for channel in ("events", "prices"):  # From a moment that nobody holds.
                say(
                    again, "subscribe", channel=channel, **{"from": 1 if channel == "prices" else 0}
                )
                assert hear(again)["type"] == "snapshot"


def test_a_channel_that_nobody_read_is_told_as_one_update(served: Any, client: Client) -> None:
    """Also without readers nothing is lost: what happened meanwhile is one change."""
    with opened(served.url) as connection:
        hear(connection, "welcome")
        say(connection, "subscribe", channel="prices")
        seen = hear(connection)["sequence"]
    time.sleep(0.2)
    for price in ("60001", "60002", "60003"):
        last = client.send(requests.tell_prices({"XRP": price}, {})).sequence
    with opened(served.url) as again:
        hear(again, "welcome")
        say(again, "subscribe", channel="prices", **{"from": seen})
        update = hear(again)
        assert (update["type"], update["previous"], update["sequence"]) == ("update", seen, last)
        assert update["set"]["XRP"]["price"] == "60003"


def test_what_a_client_gets_wrong_it_is_told_and_stays(served: Any, client: Client) -> None:
    with opened(served.url) as connection:
        hear(connection, "welcome")
        for text, code in (
            ("{", "bad_request"),
            ("[]", "bad_request"),
            ('{"op":"dance"}', "bad_request"),
            ('{"op":"subscribe"}', "bad_request"),
            ('{"op":"subscribe","channel":"calls","from":"x"}', "bad_request"),
            ('{"op":"subscribe","channel":"nothing"}', "unknown_channel"),
            ('{"op":"subscribe","channel":"accounts/"}', "unknown_channel"),
            ('{"op":"subscribe","channel":"accounts/nobody"}', "unknown_account"),
            ('{"op":"subscribe","channel":"map/DOGE"}', "unknown_coin"),
        ):
            connection.send(text)
            told = hear(connection)
            assert (told["type"], told["code"]) == ("error", code), text
        say(connection, "ping", id=[1, "a"])
        assert hear(connection) == {"type": "pong", "id": [1, "a"]}
        names = [f"many{n}" for n in range(65)]
        client.send(requests.open_accounts(dict.fromkeys(names, "cross")))
        for name in names:
            say(connection, "subscribe", channel=f"accounts/{name}")
            told = hear(connection)
        assert told["code"] == "too_many_subscriptions"
        say(connection, "unsubscribe", channel="accounts/many0")
        say(connection, "subscribe", channel="accounts/many64")
        assert hear(connection)["state"]["account"]["name"] == "many64"
        client.send(requests.deposit("many0", "USDC", "1"))  # Nobody follows it any more.
        client.send(requests.deposit("many64", "USDC", "1"))
        assert hear(connection)["channel"] == "accounts/many64"
        connection.send("x" * 20_000)  # Larger than anything that can be asked for.
        assert end_of(connection)[0] == 1009


def test_a_page_of_another_origin_does_not_read(served: Any) -> None:
    host = served.url.removeprefix("http://")
    for headers in (
        {"Origin": "https://example.com"},
        {"Origin": f"http://{host}.example.com"},
        {"Origin": "null"},
    ):
        with pytest.raises(InvalidStatus, match="403"):
            opened(served.url, additional_headers=headers)
    port = host.rpartition(":")[2]
    with (
        pytest.raises(InvalidStatus, match="403"),
        socket.create_connection(("127.0.0.1", int(port))) as plain,
    ):
        connect(f"ws://rebound.example.com:{port}/v1/stream", sock=plain, proxy=None)
    with opened(served.url, additional_headers={"Origin": f"http://{host}"}) as connection:
        assert hear(connection)["type"] == "welcome"


def masked(text: str) -> bytes:
    """A frame of a client, as it goes over the wire."""
    body, mask = text.encode(), b"\x01\x02\x03\x04"
    assert len(body) < 126
    return (
        b"\x81" + bytes([0x80 | len(body)]) + mask
        + bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))
    )  # fmt: skip


def test_a_reader_that_does_not_read_is_dropped_and_nobody_else(
    served: Any, client: Client
) -> None:
    """60 accounts move with each tick; one client reads nothing of them behind a small buffer."""
    name = 'seawall_stream_ended_total{reason="slow_reader"}'
    dropped = metric(served.url, name)
    people = [f"slow{n}" for n in range(60)]
    client.send(requests.open_accounts(dict.fromkeys(people, "cross")))
    for one in people:
        client.send(requests.deposit(one, "USDC", "1000"))
        client.send(requests.trade("SOL/USDC:USDC", one, "bob", "0.01", "60000"))
    host, port = served.url.removeprefix("http://").split(":")
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect((host, int(port)))
    asked = f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
    asked += "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    plain.sendall(f"{asked}Sec-WebSocket-Version: 13\r\n\r\n".encode())
    assert b" 101 " in plain.recv(1024)
    channels = [f"accounts/{one}" for one in people]
    for channel in channels:
        plain.sendall(masked(json.dumps({"op": "subscribe", "channel": channel})))
    with Stream(served.url, [*channels, "events"]) as fast:
        seen: list[int] = []
        told: list[int] = []
        stopping = threading.Event()

        def read() -> None:
            for message in fast:
                if message.channel == "events" and isinstance(message, Update):
                    seen.append(message.sequence)
                if stopping.is_set() and seen[-1] >= told[-1]:
                    return

        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(read)
            until = time.monotonic() + 60
            while metric(served.url, name) == dropped or len(told) < 10:
                assert time.monotonic() < until
                price = str(60_000 + len(told) % 7)
                tick = requests.tell_prices({"SOL": price}, {"SOL/USDC:USDC": price})
                told.append(client.send(tick).sequence)
                time.sleep(0.05)
            last = rest_of(plain)
            stopping.set()
            client.send(requests.tell_prices({"SOL": "59999"}, {}))  # One more, to be seen after.
            reading.result(30)
        assert metric(served.url, name) == dropped + 1
        assert seen == list(range(seen[0], seen[-1] + 1))
        assert set(told[5:]) <= set(seen)  # The first ones may be part of its snapshot.
        assert (fast.connections, fast.following.gaps) == (1, 0)
    plain.close()
    assert last.endswith((4008).to_bytes(2) + b"slow_reader")  # In the frame that closes.


def rest_of(connection: socket.socket) -> bytes:
    """What was on the way, to the end of the connection."""
    connection.settimeout(20)
    told = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            told = (told + chunk)[-1000:]
    return told


def test_a_restart_is_one_snapshot_and_the_sequence_goes_on(
    start: Start, born: Callable[[Client], None]
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
    served.port = served.url.rpartition(":")[2]
    with Stream(served.url, ["funds", "accounts/alice"], silent_s=2) as stream:
        messages = iter(stream)
        first = {}
        while len(first) < 2:
            message = next(messages)
            assert isinstance(message, Snapshot)
            first[message.channel] = message
        served.kill()
        served.start()
        served.ready()
        with served.client() as client:
            done = client.send(requests.deposit("alice", "USDC", "5"))
        seen = []
        ends = time.monotonic() + 20
        while not seen or seen[-1].sequence < done.sequence:
            assert time.monotonic() < ends
            message = next(messages)
            if getattr(message, "channel", None) == "accounts/alice":
                seen.append(message)
        assert isinstance(seen[0], Snapshot)
        assert seen[0].sequence >= first["accounts/alice"].sequence
        assert seen[-1].state["account"]["verdict"]["equity"] == "1005"
        assert stream.connections == 2


def test_other_rules_come_as_one_update_and_a_queue_has_its_sides(
    served: Any, client: Client, rules: str
) -> None:
    shown = client.send(requests.view("rulebook"))
    contract = client.send(requests.view("instruments"))["instruments"][0]["id"]
    with Stream(served.url, ["rulebook", f"deleveraging/{contract}"]) as stream:
        heard = iter(stream)
        first = {message.channel: message for message in (next(heard), next(heard))}
        assert first["rulebook"].state["rules"] == shown["rules"]
        sides = [queue["side"] for queue in first[f"deleveraging/{contract}"].state["queues"]]
        assert sides in ([], ["long"], ["short"], ["long", "short"])
        client.send(requests.activate(rules.replace("2026-01-01.1", "2026-01-01.2")))
        update = next(one for one in heard if one.channel == "rulebook")
    assert isinstance(update, Update)
    assert update.previous == first["rulebook"].sequence
    assert (shown["version"], update.state["version"]) == ("2026-01-01.1", "2026-01-01.2")
    assert update.state["fingerprint"] != shown["fingerprint"]


def test_the_async_client_reads_the_same(served: Any, client: Client) -> None:
    async def read() -> list[Any]:
        async with AsyncStream(served.url, ["events", "nothing"]) as stream:
            heard = []
            async for message in stream:
                heard.append(message)
                if isinstance(message, Failure):
                    client.send(requests.deposit("dave", "USDC", "3"))
                if isinstance(message, Update):
                    return heard
        raise AssertionError("a stream does not end")

    heard = asyncio.run(asyncio.wait_for(read(), 20))
    assert [type(one) for one in heard] == [Snapshot, Failure, Update]
    assert (heard[1].code, heard[2].previous) == ("unknown_channel", heard[0].sequence)


def test_one_connection_too_many_is_told_busy(tmp_path: Path) -> None:
    program = "import sys\nfrom seawall.service.serve import Settings, serve\n"
    program += "serve(Settings(store=sys.argv[1], port=0, monitor=None, readers_most=1), print)"
    command = [sys.executable, "-u", "-c", program, f"sqlite:///{tmp_path}/venue.db"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ran:
        assert ran.stdout is not None
        url = next(line.split()[-1] for line in ran.stdout if "serves http" in line)
        with opened(url) as connection:
            assert hear(connection)["type"] == "welcome"
            assert closed_with(url, None) == (1013, "busy")
            say(connection, "ping", id=1)
            assert hear(connection)["id"] == 1
        until = time.monotonic() + 10
        while metric(url, "seawall_stream_readers"):
            assert time.monotonic() < until
        with opened(url) as connection:
            assert hear(connection)["type"] == "welcome"
        ran.kill()


def closed_with(url: str, first: dict[str, Any] | None, **more: Any) -> tuple[int, str]:
    with opened(url, **more) as connection:
        if first is not None:
            connection.send(json.dumps(first))
        return end_of(connection)


def test_with_keys_only_who_may_read_reads(start: Start) -> None:
    served = start("--bootstrap").ready()
    admin = next(line.split()[-1] for line in served.said if "admin key" in line)
    with served.client(admin) as client, ThreadPoolExecutor(1) as beside:
        silent = beside.submit(closed_with, served.url, None)  # It says nothing for five seconds.
        reader = client.send(requests.make_key("reader", ["read"]))
        trader = client.send(requests.make_key("trader", ["trade"]))
        for first, reason in (
            ({"op": "subscribe", "channel": "calls"}, "unauthenticated"),
            ({"op": "authenticate"}, "unauthenticated"),
            ({"op": "authenticate", "key": "sw_000000000000_" + "x" * 43}, "unauthenticated"),
            ({"op": "authenticate", "key": trader.secret}, "scope_missing"),
        ):
            assert closed_with(served.url, first) == (4401, reason)
        with Stream(served.url, ["calls"], "sw_wrong") as wrong, pytest.raises(Problem) as caught:
            next(iter(wrong))
        assert caught.value.status == 401
        header = {"Authorization": f"Bearer {reader.secret}"}
        with opened(served.url, additional_headers=header) as connection:
            assert hear(connection)["type"] == "welcome"
        with Stream(served.url, ["calls"], reader.secret) as stream:
            messages = iter(stream)
            assert isinstance(next(messages), Snapshot)
            client.send(requests.revoke_key(reader.id))
            with pytest.raises(Problem):  # Within some seconds the key ends for the stream too.
                next(messages)
        header = {"Authorization": f"Bearer {admin}"}
        with opened(served.url, additional_headers=header) as connection:
            hear(connection)
            assert silent.result(10) == (4401, "unauthenticated")
            served.stop()
            assert end_of(connection)[0] == 1012
    told = served.errors.read_text()
    assert '"status":' in told  # Requests are in the log; what they and the stream sent is not.
    for secret in (admin, reader.secret, trader.secret, "x" * 43):
        assert secret.split("_", 2)[-1] not in told
