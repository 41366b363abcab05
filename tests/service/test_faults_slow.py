"""Who sends a request a byte at a time, or reads no answer, does not keep its connection.

The service runs with shorter times, set before it starts; everything else is the real process.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from seawall.service.client import Client, requests

HURRIED = """
from seawall.service.guarding import http_protocol
http_protocol.HEAD_S, http_protocol.BODY_S, http_protocol.ABORT_S = 0.6, 0.9, 0.5
"""
HEAD = b"POST /v1/accounts/bob/deposits HTTP/1.1\r\nhost: localhost\r\n"
JSON = HEAD + b"content-type: application/json\r\nidempotency-key: slow\r\n"


@pytest.fixture(scope="module")
def served(start: Callable[..., Any], born: Callable[[Client], None]) -> Any:
    served = start("--monitor", "off", program=HURRIED).ready()
    with served.client() as client:
        born(client)
    return served


@pytest.fixture
def place(served: Any) -> Iterator[tuple[str, int]]:
    found = urlsplit(served.url)
    yield found.hostname, found.port
    errors = served.errors.read_text()
    assert "a fault of the service" not in errors
    assert "Traceback" not in errors
    with served.client() as client:
        assert client.send(requests.view("venue"))["started"]


def trickle(place: tuple[str, int], at_once: bytes, rest: bytes) -> tuple[bytes, float]:
    """Send a part at once and the rest a byte each tenth of a second; the answer, and when."""
    began = time.monotonic()
    told = b""
    with socket.create_connection(place, timeout=0.1) as connection:
        connection.sendall(at_once)
        sent = 0
        while time.monotonic() - began < 8:
            try:
                chunk = connection.recv(65_536)
                if not chunk:
                    break
                told += chunk
            except TimeoutError:
                pass
            except ConnectionError:
                break
            try:
                connection.sendall(rest[sent : sent + 1])
                sent += 1
            except OSError:
                pass
        else:
            raise AssertionError(f"it is still open: {told!r}")
    return told, time.monotonic() - began


def test_a_slow_head_a_slow_body_and_silence_end(place: tuple[str, int]) -> None:
    """0.6 s for a head and 0.9 s for a body; all of them at once, as an attacker would."""
    late = b"HTTP/1.1 408 Request Timeout"
    body = JSON + b"content-length: 1000\r\n\r\n{"
    large = JSON + b"content-length: 5000000\r\n\r\n"
    health = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    cases: list[tuple[bytes, bytes, bytes, float]] = [
        (b"", b"", b"", 0.6),  # Who only connects is told nothing.
        (b"G", b"", late, 0.6),
        (HEAD, b"x-more: " + b"y" * 200, late, 0.6),
        (body, b" " * 200, late, 0.9),
        (large, b" " * 200, b"HTTP/1.1 413", 0.9),  # Answered, and its body goes on.
        (health, b"\r\n" * 100, b"HTTP/1.1 200", 0.6),  # Between requests, nothing of one.
        (health, b"GET /healthz HT" + b"P" * 200, b"HTTP/1.1 200", 0.6),
    ]
    with ThreadPoolExecutor(len(cases)) as threads:
        found = [threads.submit(trickle, place, *case[:2]) for case in cases]
        for case, one in zip(cases, found, strict=True):
            told, took_s = one.result()
            assert told.startswith(case[2]), (case[0], told)
            assert bool(told) == bool(case[2])
            assert case[3] - 0.05 <= took_s < case[3] + 4, (case[0], took_s)


def test_a_slow_request_that_is_in_time_is_served(served: Any, place: tuple[str, int]) -> None:
    body = b'{"coin": "USDC", "amount": "1"}'
    whole = JSON + b"content-length: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_connection(place, timeout=5) as connection:
        for number in range(0, len(whole), 60):
            connection.sendall(whole[number : number + 60])
            time.sleep(0.1)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201")
        # The connection is kept, and the times begin anew.
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")
        time.sleep(0.3)
        connection.sendall(b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    with served.client() as client:
        again = client.send(requests.deposit("bob", "USDC", "1", "slow"))
        assert again.repeated


def test_who_reads_no_answer_is_cut_off(place: tuple[str, int]) -> None:
    """Sixty answers are asked for at once, more than any buffer holds, and none is read."""
    asked = b"GET /schema/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with httpx.Client(base_url=f"http://{place[0]}:{place[1]}", trust_env=False) as http:
        length = len(http.get("/schema/openapi.json").content)
    assert 60 * length > 8_000_000
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(place)
        connection.sendall(60 * asked)
        time.sleep(2.0)
        connection.settimeout(10)
        told = 0
        try:
            while chunk := connection.recv(1 << 20):
                told += len(chunk)
        except ConnectionError:
            pass
    assert 0 < told < 60 * length


def test_a_stream_is_not_ended_by_the_time_of_a_request(served: Any) -> None:
    from websockets.sync.client import connect

    from seawall.service.client.stream import stream_url

    with connect(stream_url(served.url), proxy=None) as connection:
        began = time.monotonic()
        while time.monotonic() - began < 2:
            connection.recv(5)
    assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200
