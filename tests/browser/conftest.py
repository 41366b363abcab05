"""Real pages in a real browser against a real process: nothing here is a stand-in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
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
name = "harbour"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 },
  { id = "BTC", decimals = 8 },
  { id = "ETH", decimals = 8 },
]
operators = ["ann", "ben"]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
call = { grace_ms = { patient = 600_000 } }

[margin.cross]
method = "tiered"
[margin.cross.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[margin.patient]
method = "tiered"
[margin.patient.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[exits.ETH]
exit = "dutch_linear"
start_ratio = 1.02
duration_seconds = 3_600
zero_after_seconds = 7_200
"""
COINS = ("BTC", "ETH")
CRASH = Path(__file__).parents[2] / "examples" / "crash-2024-08-05"
CRASH_ENDS_MS = 1_722_819_900_000  # The close of the bar of 01:00 on 5 August 2024.


class Harbour:
    """One `seawall serve` that keeps its port when it is started again."""

    def __init__(self, folder: Path, *arguments: str, rules: str | None = RULES) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said: list[str] = []
        self.arguments = arguments
        if rules is not None:
            (folder / "rules.toml").write_text(rules)
            self.arguments = ("--rules", str(folder / "rules.toml"), *arguments)
        self.start()

    def start(self) -> Harbour:
        """Start it, and wait until commands are taken."""
        command = [sys.executable, "-m", "seawall.cli", "serve", "--port", str(self.port)]
        command += ["--store", str(self.folder / "venue.db"), *self.arguments]
        with (self.folder / "errors").open("a") as errors:
            self.ran = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=self.folder
            )
        assert self.ran.stdout is not None
        self.said = []
        while not any("serves http" in line for line in self.said):
            line = self.ran.stdout.readline()
            assert line, (self.folder / "errors").read_text()
            self.said.append(line.strip())
        until = time.monotonic() + 60
        while httpx.get(f"{self.url}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < until, (self.folder / "errors").read_text()
            time.sleep(0.05)
        return self

    def client(self, key: str | None = None) -> Client:
        return Client(self.url, key)

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        if self.ran.poll() is None:
            os.kill(self.ran.pid, number)
        self.ran.wait(30)
        if self.ran.stdout is not None:
            self.ran.stdout.close()


class Seen:
    """What a tab said on its console, and where it went."""

    def __init__(self, page: Any) -> None:
        self.wrong: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))

    def _told(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def check(self, url: str) -> None:
        """Nothing went wrong, and nothing was asked of anybody else."""
        mine = (f"{url}/", f"ws{url.removeprefix('http')}/", "data:", "blob:")
        outside = [one for one in self.asked if not one.startswith(mine)]
        assert not outside
        assert not self.wrong


Open = Callable[..., Any]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the system's Chromium is; without it or Playwright the tests are skipped and say so."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("SEAWALL_NEEDS_CHROMIUM"):  # `make test-browser` is for it.
            pytest.fail("no chromium on this machine")
        pytest.skip("no chromium on this machine")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """The system's Chromium, without a window.

    For a module: while Playwright lives its loop runs in this thread, where others start theirs.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Harbour]]:
    """Start services; all of them end with the module."""
    running: list[Harbour] = []

    def begin(*arguments: str, rules: str | None = RULES) -> Harbour:
        running.append(Harbour(tmp_path_factory.mktemp("harbour"), *arguments, rules=rules))
        return running[-1]

    yield begin
    for one in running:
        one.end()


@pytest.fixture(scope="session")
def crash(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    """Half an hour of the fall of 5 August 2024 for 10,000 accounts, in six seconds or more."""
    folder = tmp_path_factory.mktemp("crash")
    head, *bars = (CRASH / "bars.csv").read_text().splitlines()
    bars = [one for one in bars if "2024-08-05T00:30Z" <= one < "2024-08-05T01:05Z"]
    (folder / "bars.csv").write_text("\n".join([head, *bars]) + "\n")
    for name in ("svi.csv", "depth.csv"):
        shutil.copy(CRASH / name, folder)
    rules = str((CRASH / "../../rules/example.toml").resolve())
    scenario = (CRASH / "scenario.toml").read_text().replace("../../rules/example.toml", rules)
    (folder / "scenario.toml").write_text(scenario)
    played = ("--replay", str(folder / "scenario.toml"), "--speed", "300x", "--accounts", "10000")
    served = Harbour(folder, *played, rules=None)
    yield served
    served.end()


@pytest.fixture(scope="session")
def silent(crash: Harbour) -> Harbour:
    """The same after its last tick: nothing moves any more, and everything can be compared."""
    until = time.monotonic() + 90
    with crash.client() as client:
        while client.send(requests.view("venue"))["time_ms"] < CRASH_ENDS_MS:
            assert time.monotonic() < until, "the replay does not end"
            time.sleep(0.2)
    return crash


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Open a way of a service in a tab of its own: `visit(url, "map/BTC", width=360)`."""
    contexts = []

    def go(
        url: str,
        way: str,
        *,
        width: int = 1280,
        height: int = 900,
        live: bool = True,
        theme: str = "light",
    ) -> Any:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.seen = Seen(page)
        page.goto(f"{url}/#/{way}")
        if live:
            page.wait_for_selector('html[data-feed="live"]', timeout=10_000)
        return page

    yield go
    for context in contexts:
        context.close()


def birth(client: Client) -> None:
    """Two markets at 60,000; alice, pat and eve are long 0.1 with 1,000 dollars each."""
    names = dict.fromkeys(("alice", "bob", "carol", "eve"), "cross") | {"pat": "patient"}
    client.send(requests.open_accounts(names))
    client.send(requests.list_instruments([contract(coin) for coin in COINS]))
    prices = {"USDC": "1"} | dict.fromkeys(COINS, "60000")
    client.send(requests.tell_prices(prices, {f"{coin}/USDC:USDC": "60000" for coin in COINS}))
    money = {"alice": "1000", "pat": "1000", "eve": "1000", "bob": "1000000", "carol": "20000"}
    for name, amount in money.items():
        client.send(requests.deposit(name, "USDC", amount))
    for name, coin in (("alice", "BTC"), ("pat", "BTC"), ("eve", "ETH")):
        client.send(requests.trade(f"{coin}/USDC:USDC", name, "bob", "0.1", "60000"))


def tell(client: Client, coin: str, price: str) -> None:
    client.send(requests.tell_prices({coin: price}, {f"{coin}/USDC:USDC": price}))


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


@pytest.fixture(scope="session")
def harbour(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    """A venue of five accounts whose numbers fit on a napkin."""
    one = Harbour(tmp_path_factory.mktemp("harbour"))
    with one.client() as client:
        birth(client)
    yield one
    one.end()


@pytest.fixture(scope="session")
def priced() -> Callable[[Client, str, str], None]:
    return tell


@pytest.fixture(scope="session")
def born() -> Callable[[Client], None]:
    return birth
