"""Either client behind a wire that is cut: what was sent is done once, and its answer is found.

The wire is a relay on loopback in front of a real service. It cuts a connection before a request
goes on, after the service has answered and before the client hears it, or in the middle of the
answer; then the next attempt comes over another one.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from seawall.service.client import AsyncClient, Client, requests
from seawall.service.words.wire import Answer

COMMANDS = 60
FATES = {"passed": 3, "before": 1, "after": 1, "half": 1}  # And their weights.
RESET = struct.pack("ii", 1, 0)  # Closing tells the other side at once, and nothing more is sent.


class Wire:
    """Relays one request at a time on each connection, and cuts by chance."""

    def __init__(self, url: str, seed: int) -> None:
        place = urlsplit(url)
        self._place = (place.hostname or "", place.port or 0)
        self._dice = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.fates: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        threads = []
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threads.append(threading.Thread(target=self._relay, args=(connection,)))
                threads[-1].start()
        for one in threads:
            one.join()

    def _relay(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._place) as far:
            near.settimeout(20)
            while asked := read_message(near):
                (fate,) = self._dice.choices([*FATES], [*FATES.values()])
                self.fates[fate] += 1
                if fate != "before":
                    far.sendall(asked)
                    answer = read_message(far)
                    if fate == "passed":
                        near.sendall(answer)
                        continue
                    if fate == "half":
                        near.sendall(answer[: len(answer) // 2])
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                return


def read_message(connection: socket.socket) -> bytes:
    """One request or answer with its body; nothing where the other side has gone."""
    told = b""
    while b"\r\n\r\n" not in told:
        try:
            chunk = connection.recv(65_536)
        except (ConnectionError, TimeoutError):
            return b""
        if not chunk:
            return b""
        told += chunk
    head, _, body = told.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    length = int(lines.get(b"content-length", b"0"))
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def send_all(url: str, wanted: list[requests.Wanted[Answer]]) -> list[Answer]:
    with Client(url, retries=20) as client:
        return [client.send(one) for one in wanted]


def send_all_at_once(url: str, wanted: list[requests.Wanted[Answer]]) -> list[Answer]:
    async def run() -> list[Answer]:
        async with AsyncClient(url, retries=20) as client:
            return await asyncio.gather(*(client.send(one) for one in wanted))

    return asyncio.run(run())


@pytest.fixture(scope="module")
def served(start: Callable[..., Any], born: Callable[[Client], None]) -> Any:
    served = start("--monitor", "off").ready()
    with served.client() as client:
        born(client)
    return served


@pytest.mark.parametrize("send", [send_all, send_all_at_once])
def test_a_command_over_a_wire_that_is_cut_is_done_once(
    served: Any, send: Callable[..., list[Answer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """21 attempts that fail with a chance of 1/2: one command in two million would give up."""
    monkeypatch.setattr("seawall.service.client.client.PAUSE_MOST_S", 0.005)
    wire = Wire(served.url, seed=7)
    with served.client() as client:
        before = cash(client)
        wanted = [
            requests.deposit("bob", "USDC", f"0.{number + 1:06d}") for number in range(COMMANDS)
        ]
        try:
            answers = send(wire.url, wanted)
        finally:
            wire.close()
        assert cash(client) - before == sum(range(1, COMMANDS + 1))
        assert len({one.sequence for one in answers}) == COMMANDS
        assert min(wire.fates[fate] for fate in FATES) > 5
        # What was done before its answer was lost is found under its key.
        assert sum(one.repeated for one in answers) > 10
        last = client.send(requests.view("venue"))["sequence"]
        told = client.send(requests.audit("commands", last - COMMANDS, COMMANDS))["commands"]
        assert sorted(one["key"] for one in told) == sorted(str(one.key) for one in wanted)


def cash(client: Client) -> int:
    rows = {row.asset: row.quantity for row in client.send(requests.account("bob")).rows}
    return int(Decimal(rows["USDC"]) * 10**6)
