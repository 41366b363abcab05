"""What the dashboard's questions cost a venue of 100,000 accounts, and how long its writer waits.

    python benches/bench_pages.py [--accounts 100000]

The book is the generated one of the crash of August 2024 after its first ticks. What runs on the
writer's thread is timed alone; what runs beside it says also the longest turn in which it keeps the
writer waiting. The best of five.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from seawall.engine import Engine
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import read
from seawall.service.replay_feed import ReplayFeed
from seawall.service.shown import account_list, account_pages, effect_of_rules, losses_views
from seawall.service.turns import Turns
from seawall.service.words.wire import CurvesAsked, PictureAsked, Supposed

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "examples" / "crash-2024-08-05" / "scenario.toml"
TICKS, ROUNDS = 20, 5
Ask = Callable[[], Any]


class Timed(Turns):
    """Turns that remember their longest."""

    def __init__(self) -> None:
        super().__init__()
        self.longest_s = 0.0

    @contextmanager
    def other(self) -> Iterator[None]:
        with super().other():
            began = time.perf_counter()
            yield
            self.longest_s = max(self.longest_s, time.perf_counter() - began)


def main() -> None:
    """Build the book and time each question."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--accounts", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        primary = _book(Path(folder) / "venue.db", asked.parse_args().accounts)
        with primary:
            _time(primary.engine)


def _book(where: Path, accounts: int) -> Primary:
    Journal.create(where, {}).close()
    feed = ReplayFeed(SCENARIO, 1e9, accounts=accounts)
    primary = Primary.open(where)
    feed.begin(primary)
    for _ in range(TICKS):
        feed.step(primary)
    return primary


def _time(engine: Engine) -> None:
    venue = engine.venue
    print(f"{len(venue.names)} accounts, {int(venue.ledger.columns().count.sum())} rows")
    orders: tuple[account_list.Order, ...] = ("distance", "health", "number")
    for order in orders:
        page = functools.partial(account_list.page, engine, order)
        _tell(f"100 accounts by {order}, on the writer", page)
    _tell(
        "100 accounts by distance with 99 in the name, on the writer",
        lambda: account_list.page(engine, "distance", search="99"),
    )
    _tell(
        "a deleveraging queue of both sides, 25 each, on the writer",
        lambda: losses_views.queue_shown(engine, "BTC/USDC:USDC", 25),
    )
    stricter = _stricter(engine)
    _tell("copy for the effect of rules, on the writer", lambda: effect_of_rules.copied(engine))
    copy = effect_of_rules.copied(engine)
    told = effect_of_rules.effect_of(copy, stricter, Turns())
    moved = f"{told['changed']} change state, {told['liquidated']} of them liquidated"
    _beside(f"effect of rules ({moved})", lambda t: effect_of_rules.effect_of(copy, stricter, t))
    desk = next(n for n in venue.names if n.startswith("desk"))
    change = Supposed(moves={"BTC": "-10%"}, volatility="20%")
    seen = account_pages.see(engine, desk, engine.time_ms)
    _tell("look at an account, on the writer", lambda: account_pages.see(engine, desk, 0))
    wanted = PictureAsked(change=change, after_s=86_400)
    _beside(
        "picture of options, before and after", lambda t: account_pages.picture(seen, wanted, t)
    )
    drawn = CurvesAsked(change=change, after_s=86_400, points=41)
    _beside(
        "its curves: four lines of 41 prices",
        lambda t: account_pages.Curves(seen, drawn).told(t.other),
    )


def _stricter(engine: Engine) -> Any:
    """The rules of the scenario with twice the first bracket of its tiers."""
    rules = (ROOT / "rules" / "example.toml").read_text()
    return read(
        rules.replace("initial = 0.02, maintenance = 0.01", "initial = 0.04, maintenance = 0.02")
    )


def _tell(what: str, ask: Ask) -> None:
    best = min(_seconds(ask) for _ in range(ROUNDS))
    print(f"{what}: {best * 1000:.1f} ms, {len(msgspec.json.encode(_sized(ask()))) / 1000:.0f} kB")


def _beside(what: str, ask: Callable[[Timed], Any]) -> None:
    found = []
    for _ in range(ROUNDS):
        turns = Timed()
        found.append((_seconds(functools.partial(ask, turns)), turns.longest_s))
    whole, longest = min(found)
    print(f"{what}: {whole * 1000:.0f} ms beside the writer, longest turn {longest * 1000:.1f} ms")


def _sized(told: Any) -> Any:
    return None if isinstance(told, effect_of_rules.Copied | account_pages.Seen) else told


def _seconds(ask: Ask) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
