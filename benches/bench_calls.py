"""From the tick to the call: how long until whoever is called can be told, p50 and p99.

    python benches/bench_calls.py

100,000 accounts with a bitcoin perpetual each, half of them with an hour of grace and half with
none, in a fall of 5 % over 60 ticks. The clock runs from the begin of `apply(Priced)` until the
`Called` effects are in the driver's hands; then also until the tick is durable in a journal on disk
(SQLite, FULL), before which nobody may be told. Orders are answered between the ticks, off the
clock. Only ticks that called somebody count.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from seawall.engine import Engine
from seawall.engine.effect import Called, OrderWanted
from seawall.engine.event import Event, Filled, Listed, Loaded, Opened, Priced, Started
from seawall.engine.history.journal import Entry, Journal
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.market import Instrument

ACCOUNTS = 100_000
TICKS = 60
ONE = 10**10
NOW = 1_767_225_600_000
START, LOW = 60_000, 57_000  # Dollars.
RULES = """
format = 1
name = "calls"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8, haircut = 0.05 }]
call.grace_ms = { desk = 3_600_000 }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.05, maintenance = 0.025 }]

[margin.desk]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.05, maintenance = 0.025 }]
"""
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
    lot=10**5, tick=ONE // 10,
)  # fmt: skip


def opening() -> list[Event]:
    """The venue and its book: the prices at which accounts are called are spread evenly."""
    names = tuple(f"account-{number}" for number in range(ACCOUNTS))
    methods = tuple("desk" if number % 2 else "cross" for number in range(ACCOUNTS))
    account = np.arange(FIRST_ACCOUNT, FIRST_ACCOUNT + ACCOUNTS)
    lots = 1 + account * 7_919 % 5_000
    # Called at 30,000 to 59,899 dollars, where equity is 2.5 % of the notional.
    called_at = 30_000 + account * 104_729 % 29_900
    quote = -(lots * called_at * 975 // 1_000) * 1_000  # Atoms of USDC: a lot is a thousandth.
    rows = Loaded(
        time_ms=NOW,
        account=np.concatenate([account, account]).astype("<i4").tobytes(),
        asset=np.repeat([2, 3], ACCOUNTS).astype("<i4").tobytes(),
        quantity=np.concatenate([lots, quote]).astype("<i8").tobytes(),
    )
    return [
        Started(time_ms=NOW, rulebook=read(RULES).canonical()),
        Listed(time_ms=NOW, instruments=(PERPETUAL,)),
        Opened(time_ms=NOW, names=names, methods=methods),
        rows,
        tick(0),
    ]


def tick(number: int) -> Priced:
    """A fall with steps back: every third tick gives back half of what one tick falls."""
    fallen = (START - LOW) * ONE * number // TICKS
    price = START * ONE - fallen + (START - LOW) * ONE // TICKS // 2 * (number % 3 == 2)
    return Priced(
        time_ms=NOW + number * 1_000,
        price=((0, ONE), (1, price)),
        mark=((0, price),),
        depth=((0, 10**9, 10**9),),
    )


def measure(journal: Journal | None, ticks: int = TICKS) -> tuple[list[float], int]:
    """Milliseconds of each tick that called somebody, and how many were called."""
    engine = Engine()
    for event in opening():
        engine.apply(event)
        keep(engine, journal, event.time_ms)
    lot_asset, quote = engine.catalogue.lot_asset[0], engine.catalogue.cash_asset[0]
    assert (lot_asset, quote) == (2, 3), "the book was written for these assets"
    waited, calls = [], 0
    for number in range(1, ticks + 1):
        event = tick(number)
        begin = time.perf_counter()
        effects = engine.apply(event)
        keep(engine, journal, event.time_ms)
        seconds = time.perf_counter() - begin
        called = sum(isinstance(effect, Called) for effect in effects)
        if called:
            waited.append(seconds * 1_000)
        calls += called
        orders = [effect for effect in effects if isinstance(effect, OrderWanted)]
        while orders:
            order = orders.pop()
            answer = Filled(
                time_ms=event.time_ms, order=order.order, lots=abs(order.lots), price=order.limit
            )
            orders += [one for one in engine.apply(answer) if isinstance(one, OrderWanted)]
            keep(engine, journal, event.time_ms)
    return waited, calls


def keep(engine: Engine, journal: Journal | None, time_ms: int) -> None:
    if journal is not None:
        journal.append([Entry(engine.sequence, time_ms, engine.last_event, engine.chain)])


def run() -> dict[str, Any]:
    measured: dict[str, Any] = {"accounts": ACCOUNTS, "ticks": TICKS}
    with tempfile.TemporaryDirectory() as folder:
        measure(None, ticks=6)  # Kernels are compiled before the clock runs.
        for label in ("in memory", "with the journal on disk"):
            if label == "in memory":
                waited, calls = measure(None)
            else:
                with Journal.create(Path(folder, "calls.db")) as journal:
                    waited, calls = measure(journal)
            measured["calls"] = calls
            measured["calls per tick"] = round(calls / len(waited), 1)
            for share in (50, 99):
                measured[f"tick to call, {label}, p{share} [ms]"] = round(
                    float(np.percentile(waited, share)), 2
                )
    return measured


def main() -> None:
    for key, value in run().items():
        print(f"{key:<50} {value}")


if __name__ == "__main__":
    main()
