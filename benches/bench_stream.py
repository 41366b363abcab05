"""The live stream: what the overview costs, and how late 200 readers hear of a tick.

    python benches/bench_stream.py

`overview`: 100,000 accounts of the crash of August 2024, the view alone as the writer's thread
computes it. `readers`: a real server and, in one other process, 200 connections that follow
overview, prices and calls of a market with 10 ticks a second; a delay runs from the time that the
writer gave the tick until the message is read, so it holds the engine, the commit, the view and the
way. `large`: a real server that plays the crash with 100,000 accounts as fast as it can, 20
readers, and somebody who asks /healthz and accounts meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
from websockets.asyncio.client import connect

from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.service.client import Client, requests
from seawall.service.client.stream import stream_url
from seawall.service.live.overview import measured, overview_shown
from seawall.service.replay_feed import ReplayFeed
from seawall.service.words.wire import ContractTold

HERE = Path(__file__).parents[1]
CRASH = HERE / "examples" / "crash-2024-08-05" / "scenario.toml"
RULES = """
format = 1
name = "stream"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
call.grace_ms = { cross = 3_600_000 }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.02, maintenance = 0.01 }]
"""
CHANNELS = ("overview", "prices", "calls")
READERS, TICKS_A_SECOND, MARKET_S = 200, 10, 12
LARGE_READERS, LARGE_S = 20, 12
PEOPLE = 500


class Heard(msgspec.Struct):
    """What is read of a message."""

    type: str
    channel: str = ""
    sequence: int = 0
    previous: int | None = None
    time_ms: int = 0


# -- the readers' process --------------------------------------------------------------------------


async def follow(url: str, ends: float, delays: dict[str, list[float]], lost: list[str]) -> None:
    """One reader."""
    last: dict[str, int] = {}
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        for channel in CHANNELS:
            await socket.send(json.dumps({"op": "subscribe", "channel": channel}))
        while time.time() < ends:
            try:
                text = await asyncio.wait_for(socket.recv(), max(0.1, ends - time.time()))
            except TimeoutError:
                return
            except Exception as error:
                lost.append(repr(error))
                return
            now = time.time() * 1000
            message = msgspec.json.decode(text, type=Heard)
            if message.type == "update":
                if last.get(message.channel) != message.previous:
                    lost.append(f"gap in {message.channel}")
                delays[message.channel].append(now - message.time_ms)
            last[message.channel] = message.sequence


async def follow_all(url: str, readers: int, seconds: float) -> dict[str, Any]:
    """Many readers in one process."""
    delays: dict[str, list[float]] = {channel: [] for channel in CHANNELS}
    lost: list[str] = []
    ends = time.time() + seconds
    await asyncio.gather(*(follow(url, ends, delays, lost) for _ in range(readers)))
    told: dict[str, Any] = {"lost": len(lost), "why": sorted(set(lost))[:3]}
    for channel, each in delays.items():
        told[channel] = {"messages": len(each)}
        if each:
            told[channel] |= {
                "p50_ms": float(np.percentile(each, 50)),
                "p99_ms": float(np.percentile(each, 99)),
                "worst_ms": max(each),
            }
    return told


# -- the server's process --------------------------------------------------------------------------


class Server:
    """`seawall serve` on a free port."""

    def __init__(self, folder: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "seawall.cli", "serve", "--port", "0"]
        command += ["--store", f"{folder}/venue.db", *arguments]
        self._ran = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
        assert self._ran.stdout is not None
        for line in self._ran.stdout:
            if "serves http" in line:
                self.url = line.split()[-1]
                break
        until = time.monotonic() + 120
        while httpx.get(f"{self.url}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < until, "it does not become ready"
            time.sleep(0.05)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._ran.kill()
        self._ran.wait()
        assert self._ran.stdout is not None
        self._ran.stdout.close()

    def readers(self, number: int, seconds: float) -> subprocess.Popen[str]:
        """Start the other process."""
        command = [sys.executable, __file__, "--readers", stream_url(self.url), str(number)]
        return subprocess.Popen([*command, str(seconds)], stdout=subprocess.PIPE, text=True)

    def cpu_s(self) -> float:
        """Seconds that the process worked so far; 0 where the system does not say."""
        stat = Path(f"/proc/{self._ran.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        return next(float(one.split()[-1]) for one in text.splitlines() if one.startswith(name))


def overview() -> dict[str, Any]:
    """The view alone."""
    with tempfile.TemporaryDirectory() as folder:
        Journal.create(f"{folder}/venue.db").close()
        with Primary.open(f"{folder}/venue.db", durability="normal") as primary:
            feed = ReplayFeed(CRASH, 1e9)
            feed.begin(primary)
            took: dict[str, list[float]] = {"bands": [], "whole": []}
            busy: dict[str, list[float]] = {"bands": [], "whole": []}
            for _ in range(30):
                feed.step(primary)
                for name, view in (("bands", measured), ("whole", overview_shown)):
                    began, worked = time.perf_counter(), time.thread_time()
                    view(primary.engine)
                    took[name].append(1e3 * (time.perf_counter() - began))
                    busy[name].append(1e3 * (time.thread_time() - worked))
            accounts = int(np.count_nonzero(primary.engine.venue.method >= 0))
            calls = len(primary.engine.venue.deadline)
    return {
        "accounts": accounts,
        "calls": calls,
        "bands_ms": float(np.median(took["bands"])),
        "bands_cpu_ms": float(np.median(busy["bands"])),
        "whole_ms": float(np.median(took["whole"])),
        "whole_cpu_ms": float(np.median(busy["whole"])),
        "whole_worst_cpu_ms": max(busy["whole"][1:]),
    }


def a_market(client: Client) -> None:
    """500 people who are long a tenth of a bitcoin; a fall of 800 dollars calls about 20."""
    people = {f"p{n}": "cross" for n in range(PEOPLE)} | {"house": "cross"}
    client.send(requests.open_accounts(people))
    client.send(requests.list_instruments([contract()]))
    client.send(requests.tell_prices({"USDC": "1", "BTC": "60000"}, {"BTC/USDC:USDC": "60000"}))
    client.send(requests.deposit("house", "USDC", "10000000"))
    for n in range(PEOPLE):
        client.send(requests.deposit(f"p{n}", "USDC", str(121 + n)))
        client.send(requests.trade("BTC/USDC:USDC", f"p{n}", "house", "0.1", "60000"))


def contract() -> ContractTold:
    return ContractTold(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
        lot="0.001", tick="0.1",
    )  # fmt: skip


def readers() -> dict[str, Any]:
    """200 readers of ten ticks a second."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.toml"
        rules.write_text(RULES)
        return followed(Server(folder, "--rules", str(rules)))


def followed(started: Server) -> dict[str, Any]:
    """Tick, and have the others read."""
    with started as server:
        with Client(server.url) as client:
            a_market(client)
            other = server.readers(READERS, MARKET_S)
            worked, began = server.cpu_s(), time.monotonic()
            ends, ticks, late = time.monotonic() + MARKET_S + 1, 0, 0
            due = time.monotonic()
            while time.monotonic() < ends:
                price = f"{60_000 - 10 * abs((ticks + 80) % 160 - 80)}"  # Down and up again.
                client.send(requests.tell_prices({"BTC": price}, {"BTC/USDC:USDC": price}))
                ticks += 1
                due += 1 / TICKS_A_SECOND
                late += time.monotonic() > due
                time.sleep(max(0.0, due - time.monotonic()))
            share = (server.cpu_s() - worked) / (time.monotonic() - began)
            heard = json.loads(other.communicate()[0])
        dropped = server.metric('seawall_stream_ended_total{reason="slow_reader"}')
    return {
        "readers": READERS,
        "ticks": ticks,
        "late_ticks": late,
        "dropped": dropped,
        "server_cores": share,
        **heard,
    }


def large() -> dict[str, Any]:
    """100,000 accounts, ticks as fast as they go, and an API that is asked."""
    arguments = ("--replay", str(CRASH), "--speed", "1000000x")
    with tempfile.TemporaryDirectory() as folder, Server(folder, *arguments) as server:
        other = server.readers(LARGE_READERS, LARGE_S)
        asked: dict[str, list[float]] = {"healthz": [], "account": []}
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            listed = client.get("/v1/accounts", params={"limit": 100}).json()
            names = [one["name"] for one in listed["accounts"]]
            first, began = client.get("/v1/venue").json(), time.monotonic()
            while time.monotonic() < began + LARGE_S:
                for name in names:
                    for kind, path in (
                        ("healthz", "/healthz"),
                        ("account", f"/v1/accounts/{name}"),
                    ):
                        at = time.perf_counter()
                        assert client.get(path).status_code == 200
                        asked[kind].append(1e3 * (time.perf_counter() - at))
                    if time.monotonic() >= began + LARGE_S:
                        break
            last, seconds = client.get("/v1/venue").json(), time.monotonic() - began
        heard = json.loads(other.communicate()[0])
        dropped = server.metric('seawall_stream_ended_total{reason="slow_reader"}')
    step_ms = 100_000  # Between two ticks of the scenario.
    return {
        "accounts": last["accounts"],
        "ticks_a_second": (last["time_ms"] - first["time_ms"]) / step_ms / seconds,
        "events_a_second": (last["sequence"] - first["sequence"]) / seconds,
        "readers": LARGE_READERS,
        "dropped": dropped,
        "lost": heard["lost"],
        "messages": sum(heard[channel]["messages"] for channel in CHANNELS),
        **{
            f"{kind}_{name}_ms": float(np.percentile(each, part))
            for kind, each in asked.items()
            for name, part in (("p50", 50), ("p99", 99))
        },
        "asked": sum(map(len, asked.values())),
    }


def run() -> dict[str, Any]:
    return {"overview": overview(), "readers": readers(), "large": large()}


def main() -> None:
    if sys.argv[1:2] == ["--readers"]:
        url, number, seconds = sys.argv[2:5]
        print(json.dumps(asyncio.run(follow_all(url, int(number), float(seconds)))))
        return
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
