"""Real service processes on free loopback ports, and a venue with numbers that fit on a napkin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from seawall.service.client import Client, requests
from seawall.service.words.wire import ContractTold

RULES = """
format = 1
name = "service"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 },
  { id = "BTC", decimals = 8 },
  { id = "ETH", decimals = 8 },
  { id = "SOL", decimals = 8 },
  { id = "XRP", decimals = 6 },
  { id = "LINK", decimals = 8 },
]
operators = ["ann", "ben"]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
call = { grace_ms = { patient = 600_000 } }

[margin.cross]
method = "tiered"
[margin.cross.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
SOL = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
XRP = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
LINK = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[margin.patient]
method = "tiered"
[margin.patient.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[exits.ETH]
exit = "dutch_linear"
start_ratio = 1.02
duration_seconds = 3_600
zero_after_seconds = 7_200

[exits.SOL]
exit = "english"
duration_seconds = 3_600
bid_life_seconds = 1_800

[oracle.LINK]
sources_min = 2
age_max_ms = 60_000
future_tolerance_ms = 60_000
outlier_ratio = 0.05
confidence_ratio_max = 0.01
liquidation_age_max_ms = 3_600_000
withdrawal_age_max_ms = 3_600_000
"""
MARKETS = ("BTC", "ETH", "SOL", "XRP")


class Served:
    """One `seawall serve` and how to reach it."""

    def __init__(
        self, folder: Path, *arguments: str, store: str | None = None, program: str = ""
    ) -> None:
        """`program` is Python that runs before the command line does."""
        self.folder = folder
        self.store = store or str(folder / "venue.db")
        self.arguments = arguments
        self.port = "0"  # A free one; one that is known where clients shall find it again.
        self.program = [sys.executable, "-m", "seawall.cli"]
        if program:
            last = "from seawall.cli import main\nraise SystemExit(main())"
            self.program = [sys.executable, "-c", f"{program}\n{last}"]
        self.errors = folder / "errors"
        self.said: list[str] = []
        self._ran: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [*self.program, "serve", "--port", self.port]
        command += ["--store", self.store, "--log", *self.arguments]
        with self.errors.open("a") as errors:
            self._ran = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=self.folder
            )
        assert self._ran.stdout is not None
        self.said = []
        while not any("serves http" in line for line in self.said):
            line = self._ran.stdout.readline()
            assert line, f"it did not start: {self.errors.read_text()}"
            self.said.append(line.strip())
        self.url = next(line.split()[-1] for line in self.said if "serves http" in line)

    def ready(self, seconds: float = 60.0) -> Served:
        """Wait until commands are taken."""
        until = time.monotonic() + seconds
        while httpx.get(f"{self.url}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < until, self.errors.read_text()
            time.sleep(0.02)
        return self

    def client(self, key: str | None = None, **more: Any) -> Client:
        return Client(self.url, key, **more)

    @property
    def pid(self) -> int:
        assert self._ran is not None
        return self._ran.pid

    def signal(self, number: int) -> int:
        """Send a signal and wait for the end."""
        assert self._ran is not None
        if self._ran.poll() is None:
            os.kill(self._ran.pid, number)
        self._ran.wait(30)
        if self._ran.stdout is not None:
            self._ran.stdout.close()
        return self._ran.returncode

    def ended(self) -> int:
        """Wait for it to end by itself."""
        assert self._ran is not None
        return self._ran.wait(30)

    def stop(self) -> int:
        return self.signal(signal.SIGTERM)

    def kill(self) -> int:
        return self.signal(signal.SIGKILL)


Start = Callable[..., Served]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start services; all of them end with the module."""
    running: list[Served] = []

    def begin(
        *arguments: str, rules: str | None = RULES, store: str | None = None, program: str = ""
    ) -> Served:
        folder = tmp_path_factory.mktemp("service")
        if rules is not None:
            (folder / "rules.toml").write_text(rules)
            arguments = ("--rules", str(folder / "rules.toml"), *arguments)
        running.append(Served(folder, *arguments, store=store, program=program))
        return running[-1]

    yield begin
    for one in running:
        one.kill()


def contract(coin: str) -> ContractTold:
    return ContractTold(
        id=f"{coin}/USDC:USDC",
        type="perpetual",
        base=coin,
        quote="USDC",
        settle="USDC",
        lot="0.001",
        tick="0.1",
    )


def birth(client: Client) -> None:
    """Four markets at 60,000; alice is long 0.1 of BTC against bob, and has 1,000 dollars."""
    names = dict.fromkeys(("alice", "bob", "carol", "dave"), "cross") | {"pat": "patient"}
    client.send(requests.open_accounts(names))
    client.send(requests.list_instruments([contract(coin) for coin in MARKETS]))
    prices = {"USDC": "1"} | dict.fromkeys(MARKETS, "60000")
    marks = {f"{coin}/USDC:USDC": "60000" for coin in MARKETS}
    client.send(requests.tell_prices(prices, marks))
    now = time.time_ns() // 1_000_000
    reports = [
        requests.SourceReport(source=source, price="20", published_ms=now) for source in "abc"
    ]
    client.send(requests.tell_reports("LINK", reports))
    for name, amount in (("alice", "1000"), ("bob", "1000000"), ("carol", "20000")):
        client.send(requests.deposit(name, "USDC", amount))
    client.send(requests.trade("BTC/USDC:USDC", "alice", "bob", "0.1", "60000"))


@pytest.fixture(scope="module")
def born() -> Callable[[Client], None]:
    return birth


@pytest.fixture(scope="session")
def rules() -> str:
    return RULES
