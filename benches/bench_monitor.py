"""The live systemic reading of 100,000 accounts: what it costs the writer, and how old it is.

    python benches/bench_monitor.py

The crash of August 2024 tick by tick: isolated, cross and portfolio accounts, 500 options. After
each tick the monitor copies columns (the writer waits for that), asks the margin methods about
whoever may have moved, refreshes four ladders, and reads them under four laws. `longest_turn_ms` is
the longest that the writer could have waited for a margin kernel; half of the time it rests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from seawall.engine import Engine
from seawall.engine.event import Event
from seawall.engine.history.standby import Answer
from seawall.service.monitor import Assumptions, Follower, Moment, moment_of
from seawall.service.replay_feed import ReplayFeed

SCENARIO = Path(__file__).parents[1] / "examples" / "crash-2024-08-05" / "scenario.toml"
ACCOUNTS = 100_000
TICKS = 12


class Unkept:
    """A primary without a journal: the engine's own pace."""

    def __init__(self) -> None:
        self.engine = Engine()

    def submit_all(self, commands: list[tuple[str | None, Event]]) -> list[Answer]:
        """Do events in order."""
        done = []
        for _, event in commands:
            effects = self.engine.apply(event)
            done.append(Answer(self.engine.sequence, effects, False))
        return done


class Turns:
    """Turns that nobody else wants, timed; with the rest that a running service takes."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One slice of work."""
        began = time.perf_counter()
        yield
        self.taken.append(time.perf_counter() - began)
        time.sleep(min(self.taken[-1], 0.05))


def run(accounts: int = ACCOUNTS) -> dict[str, Any]:
    """Follow some ticks; times are medians but for the longest."""
    primary: Any = Unkept()
    feed = ReplayFeed(SCENARIO, 1e9, accounts=accounts)
    feed.begin(primary)
    turns, by = Turns(), Assumptions()
    Follower(by, turns.turn).follow(_moment(primary.engine, None))  # Kernels are compiled here.
    turns.taken.clear()
    follower = Follower(by, turns.turn)
    before, copied_s = _copied(primary.engine, None)
    began = time.perf_counter()
    follower.follow(before)
    whole_s = time.perf_counter() - began
    copies, refreshes, readings, asked = [], [], [], []
    for _ in range(TICKS):
        feed.step(primary)
        moment, copy_s = _copied(primary.engine, before)
        began = time.perf_counter()
        asked.append(follower.refresh(moment))
        refreshes.append(time.perf_counter() - began)
        feed.step(primary)
        before = _moment(primary.engine, moment)
        began = time.perf_counter()
        follower.follow(before)
        readings.append(time.perf_counter() - began)
        copies.append(copy_s)
    return {
        "accounts": accounts,
        "copy_of_all_rows_ms": 1e3 * copied_s,
        "copy_after_a_tick_ms": 1e3 * median(copies),
        "first_reading_ms": 1e3 * whole_s,
        "asked_after_a_tick_median": median(asked),
        "refresh_of_ladders_ms": 1e3 * median(refreshes),
        "refresh_and_reading_ms": 1e3 * median(readings),
        "longest_turn_ms": 1e3 * max(turns.taken),
        "median_turn_ms": 1e3 * median(turns.taken),
    }


def _moment(engine: Engine, before: Moment | None) -> Moment:
    moment = moment_of(engine, before)
    assert moment is not None, "it is priced"
    return moment


def _copied(engine: Engine, before: Moment | None) -> tuple[Moment, float]:
    began = time.perf_counter()
    moment = _moment(engine, before)
    return moment, time.perf_counter() - began


def main() -> None:
    """Print the numbers alone."""
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
