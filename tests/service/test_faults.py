"""Faults of what lies below and around a service: a clear answer to each, and nothing is lost.

A full disk is one of three megabytes where one may be mounted, and a limit on the size of a file. A
clock that jumps is the process's own `time.time_ns`, shifted by a file. All else is real.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.service.shifted import PROGRAM, Clock

from seawall.engine import Engine
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import recover, verify
from seawall.service.client import Client, Problem, UnknownOutcomeError, requests
from seawall.service.client.requests import SourceReport
from seawall.service.words.wire import Answer

BTC = "BTC/USDC:USDC"
BREAKER = """
[breakers.jump]
rule = "price_band"
scope = "market"
move_max = 0.5
window_ms = 60_000
cool_down_ms = 600_000
"""


def whole(served: Any) -> Engine:
    """Stop a service; its journal replays to the state that it left, and sums to zero."""
    assert served.stop() == 0
    with Journal.open(served.store, read_only=True) as journal:
        found = verify(journal, Engine)
        assert found.ok, found.difference
        engine = recover(journal, Engine.restore, Engine)
        assert engine.state_hash() == found.state_hash
    engine.check()
    return engine


def balance(client: Client, name: str, asset: str = "USDC") -> Decimal:
    rows = {row.asset: row.quantity for row in client.send(requests.account(name)).rows}
    return Decimal(rows.get(asset, "0"))


def settle(client: Client, sent: dict[str, Answer | None]) -> int:
    """Send everything again under its own key; how many had been done without an answer."""
    found = 0
    for key, first in sent.items():
        again = client.send(requests.deposit("bob", "USDC", "1", key))
        if first is None:
            found += again.repeated
        else:
            assert (again.repeated, again.sequence) == (True, first.sequence)
    return found


# -- the disk ----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of a process need Linux")
def test_a_file_that_may_not_grow_is_told_and_nothing_acknowledged_is_lost(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
    sizes = [os.path.getsize(served.store + side) for side in ("", "-wal")]
    least, most = resource.prlimit(served.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.pid, resource.RLIMIT_FSIZE, (max(sizes) + 400_000, most))
    fill_up(served, lambda: resource.prlimit(served.pid, resource.RLIMIT_FSIZE, (least, most)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes; whoever may not mount one has the test above."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "seawall", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here; only a file's size was limited")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(
    start: Callable[..., Any], born: Callable[[Client], None], small_disk: Path
) -> None:
    served = start(store=str(small_disk / "venue.db")).ready()
    with served.client() as client:
        born(client)
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free - 400_000))
    fill_up(served, (small_disk / "other").unlink)


def fill_up(served: Any, make_room: Callable[[], object]) -> None:
    """Send deposits until nothing more can be kept; with room again it goes on by itself."""
    with served.client(retries=0) as client:
        sent: dict[str, Answer | None] = {}
        codes = set()
        for number in range(2000):
            key = f"full-{number}"
            sent[key] = None
            try:
                sent[key] = client.send(requests.deposit("bob", "USDC", "1", key))
            except Problem as problem:
                codes.add((problem.status, problem.code))
                if len(codes) == 2:
                    break
        assert codes == {(503, "not_durable"), (503, "failed")}
        acknowledged = sum(answer is not None for answer in sent.values())
        assert acknowledged > 5
        unready = httpx.get(f"{served.url}/readyz", trust_env=False)
        assert (unready.status_code, unready.json()["code"]) == (503, "failed")
        assert re.search("the disk (failed or )?is full", unready.json()["detail"])
        assert unready.headers["retry-after"] == "1"
        assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200
        make_room()
        served.ready()
        settle(client, sent)  # The same keys say what became of each command.
        assert balance(client, "bob") == 1_000_000 + len(sent)
    assert whole(served).sequence == 9 + len(sent)


# -- the clock ---------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_stands_still_and_calls_keep_their_deadline(
    start: Callable[..., Any],
    born: Callable[[Client], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(tmp_path, monkeypatch)
    served = start(program=PROGRAM).ready()

    def venue_ms() -> int:
        return int(client.send(requests.view("venue"))["time_ms"])

    def status() -> str:
        return client.send(requests.account("pat")).account.status

    with served.client() as client:
        born(client)
        client.send(requests.deposit("pat", "USDC", "1000"))
        client.send(requests.trade(BTC, "pat", "bob", "0.1", "60000"))
        # pat has 1,000 − 0.1 · 8,000 = 200 and must hold 5 % of 5,200: called for 600 seconds.
        client.send(requests.tell_prices({"BTC": "52000"}, {BTC: "52000"}))
        deadline_ms = client.send(requests.account("pat")).deadline_ms
        called_ms = venue_ms()
        assert deadline_ms == called_ms + 600_000
        clock.shift(-3_600_000)
        first = client.send(requests.deposit("bob", "USDC", "1"))
        for _ in range(5):
            client.send(requests.deposit("bob", "USDC", "1"))
        stood_ms = venue_ms()
        assert called_ms <= stood_ms < called_ms + 60_000
        time.sleep(1.0)  # Four looks at the deadlines.
        assert (status(), client.send(requests.account("pat")).deadline_ms) == (
            "called", deadline_ms,
        )  # fmt: skip
        assert venue_ms() == stood_ms
        clock.shift(601_000)
        until = time.monotonic() + 20
        while status() == "called" and time.monotonic() < until:
            time.sleep(0.05)
        assert status() == "liquidating"
        entries = client.send(requests.journal(1, 500))["entries"]
        times = [entry["time_ms"] for entry in entries]
        assert times == sorted(times)
        during = [e["time_ms"] for e in entries if first.sequence <= e["sequence"]][:6]
        assert len(set(during)) == 1
    whole(served)


# -- the feed ----------------------------------------------------------------------------------


def code_of(client: Client, wanted: requests.Wanted[Any]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        client.send(wanted)
    return caught.value.status, caught.value.code


def test_a_poisoned_feed_is_refused_with_a_reason_or_trips_its_breaker(
    start: Callable[..., Any], born: Callable[[Client], None], rules: str
) -> None:
    served = start(rules=rules + BREAKER).ready()
    with served.client() as client:
        born(client)

        def seen() -> Any:
            return client.send(requests.view("prices"))

        before, sequence = seen(), client.send(requests.view("venue"))["sequence"]
        for price in ("NaN", "nan", "Infinity", "1e30", "", "--1", "0x1", "1" * 31):
            status, code = code_of(client, requests.tell_prices({"BTC": price}))
            assert (status, code) in ((400, "bad_amount"), (400, "bad_request")), price
            status, code = code_of(client, requests.tell_prices({}, {BTC: price}))
            assert (status, code) in ((400, "bad_amount"), (400, "bad_request")), price
        assert client.send(requests.view("venue"))["sequence"] == sequence  # No event of it.
        for price, code in (
            ("0", "price_not_positive"),
            ("-60000", "price_not_positive"),
            ("922337203", "bad_tick"),  # A lot of 0.001 is 9.22·10^15 atoms: more than 2^53.
        ):
            both = requests.tell_prices({"BTC": price}, {BTC: price})
            assert code_of(client, both) == (422, code), price
        assert seen()["coins"] == before["coins"]

        # One source of three lies: it is an outlier, and the median of all is the price.
        def report(*prices: str) -> list[dict[str, Any]]:
            now = time.time_ns() // 1_000_000  # An older stamp would not be heard.
            told = [
                SourceReport(source=source, price=price, published_ms=now)
                for source, price in zip("abc", prices, strict=True)
            ]
            return client.send(requests.tell_reports("LINK", told)).effects

        for lie in ("0.0001", "200", "900000000"):
            published = report("20", lie, "20.2")
            assert published[0]["effect"] == "price_published"
            assert Decimal(published[0]["price"]) < Decimal("20.3")
        assert report("20", "2", "200")[0]["effect"] == "price_refused"
        for price in ("NaN", "1e30"):
            wrong = [SourceReport(source="a", price=price, published_ms=1)]
            assert code_of(client, requests.tell_reports("LINK", wrong)) == (400, "bad_amount")
        # Ten times the price is a price; the breaker shuts its market before anybody is judged.
        health = client.send(requests.account("alice")).account.status
        told = client.send(requests.tell_prices({"BTC": "600000"}, {BTC: "600000"})).effects
        assert told[0]["effect"] == "breaker_changed"
        standing = client.send(requests.view("breakers"))["standing"]
        assert [(one["scope"], one["subject"], one["mode"]) for one in standing] == [
            ("market", "BTC", "halted")
        ]
        assert not [one for one in told if one["effect"] == "order_wanted"]
        assert client.send(requests.account("alice")).account.status == health
        trade = requests.trade(BTC, "carol", "bob", "0.001", "600000")
        assert code_of(client, trade) == (422, "halted")
        client.send(requests.tell_prices({"BTC": "60000"}, {BTC: "60000"}))
    whole(served)


# -- what arrives ------------------------------------------------------------------------------

RAW = [
    b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 4096,
    b"GET / HTTP/9.9\r\n\r\n", b"GET /healthz HTTP/1.1\r\nhost\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 5_000_000 + b"\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 800_000 + b"\r\n",
    b"POST /v1/trades HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: 99999999999999999999\r\n\r\n{}",
    b"POST /v1/trades HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: -1\r\n\r\n{}",
    b"POST /v1/trades HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/trades HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
    b"POST /v1/trades HTTP/1.1\r\nhost: evil.example\r\ncontent-type: application/json\r\n"
    b"content-length: 2\r\n\r\n{}",
    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
]  # fmt: skip


def test_what_is_no_request_is_turned_away_and_the_service_goes_on(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start().ready()
    place = urlsplit(served.url)
    with served.client() as client:
        born(client)
        sequence = client.send(requests.view("venue"))["sequence"]
        for raw in RAW:
            with socket.create_connection((place.hostname, place.port), timeout=2) as connection:
                told = b""
                try:
                    connection.sendall(raw)
                    connection.shutdown(socket.SHUT_WR)
                    while chunk := connection.recv(65_536):
                        told += chunk
                except OSError:  # Cut off, or too late to say that there is no more.
                    pass
            served_all_the_same = b"upgrade" in raw  # To what is not spoken here: it stays HTTP.
            expected = b"HTTP/1.1 200" if served_all_the_same else b"HTTP/1.1 4"
            assert not told or told.startswith(expected), (raw[:80], told)
            assert client.send(requests.view("venue"))["sequence"] == sequence
        large = {"coin": "USDC", "amount": "1" * 1_100_000}
        answer = httpx.post(
            f"{served.url}/v1/accounts/bob/deposits", json=large,
            headers={"idempotency-key": "large"}, trust_env=False,
        )  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert client.send(requests.view("venue"))["sequence"] == sequence
    whole(served)


# -- the database ------------------------------------------------------------------------------


def test_a_database_that_restarts_under_load_loses_and_doubles_nothing(
    start: Callable[..., Any], born: Callable[[Client], None], postgresql_cluster: Any
) -> None:
    served = start(store=postgresql_cluster.url).ready()
    sent: dict[str, Answer | None] = {}
    codes: set[tuple[int, str]] = set()
    ended = threading.Event()

    def write(number: int) -> None:
        with served.client(retries=0) as client:
            count = 0
            while not ended.is_set():
                key = f"w{number}-{count}"
                count += 1
                sent[key] = None
                try:
                    sent[key] = client.send(requests.deposit("bob", "USDC", "1", key))
                except Problem as problem:
                    codes.add((problem.status, problem.code))
                    time.sleep(0.05)
                except UnknownOutcomeError as error:
                    codes.add((0, type(error).__name__))

    with served.client() as client:
        born(client)
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for one in writers:
            one.start()
        try:
            for _ in range(2):
                time.sleep(0.5)
                postgresql_cluster.stop()
                time.sleep(0.3)
                unready = httpx.get(f"{served.url}/readyz", trust_env=False)
                assert (unready.status_code, unready.json()["code"]) == (503, "failed")
                counted = httpx.get(f"{served.url}/metrics", trust_env=False)
                assert "\nseawall_ready 0\n" in counted.text
                postgresql_cluster.start()
                served.ready()
        finally:
            ended.set()
            for one in writers:
                one.join()
        assert codes
        assert codes <= {(503, "not_durable"), (503, "failed")}
        assert sum(answer is not None for answer in sent.values()) > 20
        settle(client, sent)
        assert balance(client, "bob") == 1_000_000 + len(sent)
        # The tables beside the journal are reached again as well.
        assert client.send(requests.audit("acts"))["acts"]
    assert whole(served).sequence == 9 + len(sent)
