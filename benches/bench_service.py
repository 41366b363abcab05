"""How many what-ifs a service answers each second, and how late: server and client on these cores.

    python benches/bench_service.py [--seconds 5] [--rate 2000]

The server is a real `seawall serve` with its journal on disk. The client is one process of raw
keep-alive connections, so that it costs little beside the server. A closed loop (each connection
asks again when it is answered) says how many; a fixed rate says how late, counted from when a
request was due and not from when it could be sent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import numpy as np

from seawall.engine.event import Deposited, Opened, Started
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import read
from seawall.service.client import Client, requests
from seawall.service.serve import CHECKPOINT_EVENTS
from seawall.service.words.wire import ContractTold, OneSupposed, Supposed, SupposedTrade

RULES = """
format = 1
name = "bench"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 },
  { id = "BTC", decimals = 8 },
  { id = "ETH", decimals = 8 },
]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
[margin.cross.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
ACCOUNTS = 1000
CONNECTIONS = 16
SMALL = Supposed(trades=(SupposedTrade(instrument="BTC/USDC:USDC", quantity="0.1"),))
MOVED = Supposed(moves={"BTC": "-10%"})
BULK = 200


class Wire(asyncio.Protocol):
    """One keep-alive connection: bytes out, one answer back."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._left = -1
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; its status is set when the whole answer is here."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = buffer.lower().find(b"content-length:", 0, head)
        length = int(buffer[at + 15 : buffer.find(b"\r", at)])
        if len(buffer) < head + 4 + length:
            return
        self._buffer = b""
        assert self._answer is not None
        self._answer.set_result(int(buffer[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed"))


def request_of(host: str, path: str, body: Any) -> bytes:
    content = msgspec.json.encode(body)
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


async def connected(url: str, count: int) -> list[Wire]:
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    made = [loop.create_connection(Wire, place.hostname, place.port) for _ in range(count)]
    return [protocol for _, protocol in await asyncio.gather(*made)]


async def closed_loop(url: str, asked: list[bytes], seconds: float) -> list[float]:
    """Every connection asks again when it is answered; the latencies in seconds."""
    wires = await connected(url, CONNECTIONS)
    ends = time.perf_counter() + seconds
    taken: list[float] = []

    async def keep(wire: Wire, first: int) -> None:
        number = first
        while (begun := time.perf_counter()) < ends:
            status = await wire.ask(asked[number % len(asked)])
            taken.append(time.perf_counter() - begun)
            assert status == 200, status
            number += CONNECTIONS

    await asyncio.gather(*(keep(wire, n) for n, wire in enumerate(wires)))
    for wire in wires:
        wire.transport.close()  # type: ignore[union-attr]
    return taken


async def fixed_rate(url: str, asked: list[bytes], seconds: float, rate: float) -> list[float]:
    """Requests are due at a steady rate, whoever is late; latencies from when each was due."""
    wires = await connected(url, 4 * CONNECTIONS)
    idle: asyncio.Queue[Wire] = asyncio.Queue()
    for wire in wires:
        idle.put_nowait(wire)
    taken: list[float] = []
    begun = time.perf_counter()

    async def one(wire: Wire, due: float, number: int) -> None:
        status = await wire.ask(asked[number % len(asked)])
        taken.append(time.perf_counter() - due)
        assert status == 200, status
        idle.put_nowait(wire)

    tasks = set()
    for number in range(int(seconds * rate)):
        due = begun + number / rate
        if (wait := due - time.perf_counter()) > 0.001:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(await idle.get(), due, number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for wire in wires:
        wire.transport.close()  # type: ignore[union-attr]
    return taken


@contextlib.contextmanager
def served(folder: str | None = None) -> Iterator[tuple[str, int]]:
    """A service in a folder, or in one of its own; its address and process."""
    with tempfile.TemporaryDirectory() as own:
        folder = folder or own
        Path(folder, "rules.toml").write_text(RULES)
        command = [sys.executable, "-m", "seawall.cli", "serve", "--port", "0"]
        command += ["--store", "venue.db", "--rules", "rules.toml"]
        ran = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
        try:
            assert ran.stdout is not None
            url = next(line.split()[-1] for line in ran.stdout if "serves http" in line)
            yield url, ran.pid
        finally:
            ran.send_signal(signal.SIGTERM)
            ran.wait(30)


def birth(client: Client) -> None:
    """A thousand accounts; each is long or short 0.1 of BTC and of ETH."""
    names = [f"a{n:04d}" for n in range(ACCOUNTS)]
    client.send(requests.open_accounts(dict.fromkeys(names, "cross")))
    contracts = [
        ContractTold(
            id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC", settle="USDC",
            lot="0.001", tick="0.1",
        )
        for coin in ("BTC", "ETH")
    ]  # fmt: skip
    client.send(requests.list_instruments(contracts))
    prices = {"USDC": "1", "BTC": "60000", "ETH": "3000"}
    client.send(requests.tell_prices(prices, {f"{c}/USDC:USDC": prices[c] for c in ("BTC", "ETH")}))
    for name in names[:64]:
        client.send(requests.deposit(name, "USDC", "10000"))
    for buyer, seller in zip(names[0:64:2], names[1:64:2], strict=True):
        client.send(requests.trade("BTC/USDC:USDC", buyer, seller, "0.1", "60000"))
        client.send(requests.trade("ETH/USDC:USDC", buyer, seller, "0.1", "3000"))


def filled(where: Path, events: int) -> None:
    """A journal of deposits, with the checkpoints that a service keeps."""
    Journal.create(where).close()
    with Primary.open(where, durability="normal", checkpoint_events=CHECKPOINT_EVENTS) as primary:
        primary.submit(Started(time_ms=1, rulebook=read(RULES).canonical()))
        names = tuple(f"a{n:04d}" for n in range(ACCOUNTS))
        primary.submit(Opened(time_ms=1, names=names, methods=("cross",) * ACCOUNTS))
        first = primary.engine.account(names[0])
        for start in range(0, events - 2, 1000):
            primary.submit_all(
                [
                    (f"k/{n}", Deposited(time_ms=n, account=first + n % ACCOUNTS, coin=0, atoms=1))
                    for n in range(start + 1, min(start + 1000, events - 2) + 1)
                ]
            )


def restart(events: int = 100_000) -> dict[str, Any]:
    """From the start of the process until it takes commands."""
    with tempfile.TemporaryDirectory() as folder:
        filled(Path(folder, "venue.db"), events)
        begun = time.perf_counter()
        with served(folder=folder) as (url, pid), httpx.Client(base_url=url) as http:
            listens = time.perf_counter() - begun
            while http.get("/readyz").status_code != 200:
                time.sleep(0.005)
            ready, busy = time.perf_counter() - begun, cpu_s(pid)
            sequence = http.get("/readyz").json()["sequence"]
    return {"events": sequence, "listens_s": listens, "ready_s": ready, "ready_cpu_s": busy}


def passing(url: str, seconds: float) -> dict[str, Any]:
    """How long a deposit takes while somebody asks for liquidation prices without a pause."""
    ended = threading.Event()
    asked: list[float] = []

    def ask() -> None:
        with Client(url) as client:
            while not ended.is_set():
                begun = time.perf_counter()
                client.send(requests.liquidation_prices("a0000"))
                asked.append(time.perf_counter() - begun)

    taken: list[float] = []
    asking = threading.Thread(target=ask)
    asking.start()
    with Client(url) as client:
        ends = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < ends:
            client.send(requests.deposit("a0001", "USDC", "1"))
            taken.append(time.perf_counter() - begun)
        ended.set()
        asking.join()
    return {
        "liquidation_prices_p50_ms": float(np.median(asked)) * 1000,
        "deposit_p50_ms": float(np.median(taken)) * 1000,
        "deposit_p99_ms": float(np.percentile(taken, 99)) * 1000,
    }


def cpu_s(pid: int) -> float:
    """Processor time of a process; Linux only."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return float("nan")


def told(taken: list[float], seconds: float) -> dict[str, Any]:
    found = np.array(taken) * 1000
    return {
        "per_second": round(len(taken) / seconds),
        "p50_ms": float(np.percentile(found, 50)),
        "p99_ms": float(np.percentile(found, 99)),
    }


def run(seconds: float = 5.0, rate: float = 2000.0) -> dict[str, Any]:
    """Measure."""
    with served() as (url, pid):
        with Client(url) as client:
            while httpx.get(f"{url}/readyz").status_code != 200:
                time.sleep(0.02)
            birth(client)
        host = urlsplit(url).netloc
        some = [f"a{n:04d}" for n in range(64)]

        def each(change: Supposed) -> list[bytes]:
            return [request_of(host, f"/v1/accounts/{name}/what-if", change) for name in some]

        async def measure() -> dict[str, Any]:
            found: dict[str, Any] = {}
            await closed_loop(url, each(SMALL), 1.0)  # Warm.
            for name, change in (("trade", SMALL), ("move", MOVED)):
                busy, begun = cpu_s(pid), time.perf_counter()
                own = time.process_time()
                taken = await closed_loop(url, each(change), seconds)
                spent = time.perf_counter() - begun
                found[f"what_if_{name}"] = told(taken, spent) | {
                    "server_cpu_us": (cpu_s(pid) - busy) / len(taken) * 1e6,
                    "client_cpu_us": (time.process_time() - own) / len(taken) * 1e6,
                }
            taken = await fixed_rate(url, each(SMALL), seconds, rate)
            found[f"what_if_at_{rate:.0f}_per_second"] = told(taken, seconds)
            many = [OneSupposed(account=some[n % 64], change=SMALL) for n in range(BULK)]
            body = {"suppositions": many}
            taken = await closed_loop(url, [request_of(host, "/v1/what-if", body)], seconds)
            found["bulk_what_if_per_second"] = round(len(taken) * BULK / seconds)
            return found

        found = asyncio.run(measure())
        found["beside_long_questions"] = passing(url, seconds)
    return found | {"restart": restart()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=2000.0)
    chosen = parser.parse_args()
    print(msgspec.json.format(msgspec.json.encode(run(chosen.seconds, chosen.rate))).decode())


if __name__ == "__main__":
    main()
