"""Notices: from a tick to a delivered webhook, a burst of calls, and what a look at lines costs.

    python benches/bench_notices.py

The service, its SQLite journal (each event synced to disk) and the receiver share this machine.
Latency runs from before the tick is sent over HTTP until the receiver has read the whole webhook.
The last part runs no service: what rules over 100,000 accounts add to the transaction of a tick.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from seawall.engine import Engine
from seawall.engine.event import Deposited, Event, Listed, Loaded, Opened, Priced, Started
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument
from seawall.service.client import Client, requests
from seawall.service.notices import wanted
from seawall.service.notices.notices import Notices
from seawall.service.notices.wire import RatioBelow, RuleAsked, SigmasBelow, TargetAsked
from seawall.service.words.wire import ContractTold

RULES = """
format = 1
name = "notices"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
call = { grace_ms = { patient = 600_000 } }

[margin.patient]
method = "tiered"
[margin.patient.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
CALLS = 300
BURST = 1_000
BOOK = 100_000
NOW = 1_767_225_600_000
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
    lot=100_000, tick=1,
)  # fmt: skip


class Receiver:
    """Keeps when each webhook had come."""

    def __init__(self) -> None:
        came: list[float] = []

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                came.append(time.time())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # The service was ended at the other side.

        self.came = came
        self._server = Server(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait(self, count: int, seconds: float = 15.0) -> list[float]:
        until = time.monotonic() + seconds
        while len(self.came) < count:
            assert time.monotonic() < until, f"{len(self.came)} of {count} came"
            time.sleep(0.0005)
        return self.came

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        over_http(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        a_look(Path(folder))


def over_http(folder: Path) -> None:
    (folder / "rules.toml").write_text(RULES)
    command = [sys.executable, "-m", "seawall.cli", "serve", "--port", "0", "--rules", "rules.toml"]
    ran = subprocess.Popen(
        [*command, "--store", "venue.db"], stdout=subprocess.PIPE, text=True, cwd=folder
    )
    receiver = Receiver()
    try:
        assert ran.stdout is not None
        url = next(line.split()[-1] for line in ran.stdout if "serves http" in line)
        with Client(url, timeout_s=60.0, retries=20) as client:
            birth(client)
            asked = TargetAsked(name="bench", kind="webhook", url=receiver.url)
            target = client.send(wanted.add_target(asked)).id
            client.send(wanted.add_rule(RuleAsked(account="one", on=("call",), targets=(target,))))
            calls(client, receiver)
            client.send(wanted.add_rule(RuleAsked(on=("call",), targets=(target,))))
            burst(client, receiver)
    finally:
        ran.kill()
        ran.wait()
        receiver.close()


def birth(client: Client) -> None:
    names = ["maker", "one", *(f"b{number}" for number in range(BURST))]
    for first in range(0, len(names), 1000):
        part = names[first : first + 1000]
        client.send(requests.open_accounts(dict.fromkeys(part, "patient")))
    contract = ContractTold(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
        lot="0.001", tick="0.1",
    )  # fmt: skip
    client.send(requests.list_instruments([contract]))
    tick(client, "60000", {"USDC": "1"})
    client.send(requests.deposit("maker", "USDC", "1000000000"))
    # One stands 1,000 dollars deep, the others 1,500: only a deeper fall calls these.
    for name in names[1:]:
        client.send(requests.deposit(name, "USDC", "1000" if name == "one" else "1500"))
        client.send(requests.trade("BTC/USDC:USDC", name, "maker", "0.1", "60000"))


def tick(client: Client, price: str, more: dict[str, str] | None = None) -> None:
    prices = {"BTC": price} | (more or {})
    client.send(requests.tell_prices(prices, {"BTC/USDC:USDC": price}))


def calls(client: Client, receiver: Receiver) -> None:
    """One call after another; between two the market comes back."""
    took, durable = [], []
    for number in range(CALLS + 20):
        began, clock = time.time(), time.perf_counter()
        tick(client, "52500")
        durable.append(time.perf_counter() - clock)
        took.append(receiver.wait(number + 1)[number] - began)
        tick(client, "60000")
    told("tick to delivered webhook", took[20:])
    told("tick to durable answer, of which", durable[20:])


def burst(client: Client, receiver: Receiver) -> None:
    """One tick calls everybody."""
    before = len(receiver.came)
    began = time.time()
    tick(client, "46000")
    receiver.wait(before + BURST, 60)
    came = [at - began for at in receiver.came[before:]]
    told(f"one tick, {BURST:,} calls, each delivered after", came)
    print(f"{BURST / max(came):>58,.0f} webhooks a second")


def a_look(folder: Path) -> None:
    """What rules add to a tick over many accounts, in the engine's own process."""
    file = folder / "venue.db"
    Journal.create(file).close()
    notices = Notices(f"sqlite:///{file}", clock="told")
    with Primary.open(file) as primary:
        for event in book():
            primary.submit(event)
        target = notices.add_target(TargetAsked(name="log", kind="log"), "bench", "t").id
        ratio = RatioBelow(below="1.5")
        sigmas = SigmasBelow(below="2", volatilities={"BTC": "0.6"})
        for name, rules in (
            ("no rule", []),
            ("health of every account", [{"ratio": ratio}]),
            ("and two sigmas of every account", [{"sigmas": sigmas}]),
        ):
            for rule in rules:
                notices.add_rule(RuleAsked(**rule, targets=(target,)), "bench", name)
            primary.beside = notices.begin(primary.engine)
            told(f"tick, {BOOK:,} accounts, {name}", ticks(primary))
    notices.stop()


def book() -> list[Event]:
    names = ("maker", *(f"a{number}" for number in range(BOOK)))
    rng = np.random.default_rng(7)
    accounts = np.arange(7, 7 + BOOK)
    cash = (rng.uniform(1_500, 20_000, BOOK) * 1e6).astype(np.int64)
    engine = Engine()
    begin: list[Event] = [
        Started(time_ms=NOW, rulebook=read(RULES).canonical()),
        Opened(time_ms=NOW, names=names, methods=("patient",) * len(names)),
        Listed(time_ms=NOW, instruments=(PERPETUAL,)),
        priced(60_000),
        Deposited(time_ms=NOW, account=6, coin=0, atoms=10**16),
    ]
    for event in begin:
        engine.apply(event)
    catalogue = engine.catalogue
    lot, quote = catalogue.lot_asset[0], catalogue.cash_asset[0]
    paid = np.full(BOOK, -100 * 60 * 10**6)
    rows = [(accounts, 0, cash), (accounts, lot, np.full(BOOK, 100)), (accounts, quote, paid)]
    rows += [(np.array([6]), lot, np.array([-100 * BOOK]))]
    rows += [(np.array([6]), quote, np.array([100 * 60 * 10**6 * BOOK]))]
    packed: dict[str, Any] = {
        "account": np.concatenate([a for a, _, _ in rows]).astype("<i4").tobytes(),
        "asset": np.concatenate([np.full(len(a), s) for a, s, _ in rows]).astype("<i4").tobytes(),
        "quantity": np.concatenate([q for _, _, q in rows]).astype("<i8").tobytes(),
    }
    return [*begin, Loaded(time_ms=NOW, **packed)]


def priced(dollars: float) -> Priced:
    atoms = int(dollars * 10**10)
    return Priced(time_ms=NOW, price=((0, 10**10), (1, atoms)), mark=((0, atoms),))


def ticks(primary: Primary) -> list[float]:
    took = []
    rng = np.random.default_rng(11)
    for number in range(60):
        event = priced(59_000 + float(rng.uniform(-300, 300)))
        clock = time.perf_counter()
        primary.submit(event)
        if number >= 10:
            took.append(time.perf_counter() - clock)
    return took


def told(what: str, seconds: list[float]) -> None:
    ms = np.array(seconds) * 1000
    p50, p99 = np.percentile(ms, [50, 99])
    print(f"{what:<58} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms   {len(ms):,} times")


if __name__ == "__main__":
    main()
