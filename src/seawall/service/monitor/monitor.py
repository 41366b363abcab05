"""The systemic reading that follows a running venue, in a thread of its own.

Every few seconds the writer's thread hands over a copy of its columns; all else happens here, with
margin methods asked in short turns under the writer's lock. A failure ends a reading, never the
service. Whoever looks gets the last whole reading and the sequence that it is of.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol, TypeVar

from seawall.engine import Engine
from seawall.portfolio.account import Turn
from seawall.service.monitor import shown
from seawall.service.monitor.assumptions import Assumptions
from seawall.service.monitor.ladders import Ladders
from seawall.service.monitor.lines import Lines
from seawall.service.monitor.markets import Markets
from seawall.service.monitor.moment import Moment, moment_of
from seawall.service.monitor.reading import (
    SideReading,
    SystemReading,
    depth_of,
    side_of,
    system_of,
)
from seawall.service.turns import Turns
from seawall.service.words.problem import Problem

T = TypeVar("T")
EVERY_S = 2.0
WAIT_S = 60.0  # For the writer to hand over its columns.
REST = 4.0  # Times what a reading took, it rests before the next one.
REST_MOST_S = 0.05
log = logging.getLogger("seawall.service")


class _StoppedError(Exception):
    """The monitor was told to stop in the middle of a reading."""


class Source(Protocol):
    """Where moments come from: the writer."""

    turns: Turns

    def read(self, ask: Callable[[Engine], T]) -> Future[T]: ...


class Readings(NamedTuple):
    """Everything that is known of one moment."""

    moment: Moment
    asked: int  # Accounts that were scanned anew.
    sides: dict[int, tuple[SideReading, SideReading]]  # By coin: fall, rise.
    system: tuple[SystemReading, SystemReading]


class Follower:
    """Lines and ladders from one moment to the next; no thread, no clock."""

    def __init__(self, assumptions: Assumptions, turn: Turn = nullcontext) -> None:
        """Margin methods are asked in a `turn`, so that others can go on between two."""
        self.lines, self.ladders = Lines(assumptions), Ladders()
        self._turn, self._by = turn, assumptions

    def follow(self, moment: Moment) -> Readings:
        """Bring everything to a moment and read it."""
        asked = self.refresh(moment)
        by, lines = self._by, self.lines
        sides: dict[int, tuple[SideReading, SideReading]] = {}
        for coin in lines.coins:
            price = float(moment.price[coin])
            fall, rise = (
                side_of(
                    self.ladders.of[coin, side],
                    price,
                    depth_of(moment, coin, side, by),
                    moment.fund,
                    by,
                )
                for side in ("long", "short")
            )
            sides[coin] = (fall, rise)
        falls, rises = ([pair[n].depth for pair in sides.values()] for n in (0, 1))
        system = (
            system_of(moment, lines, self.ladders.sold, falls, "long", by),
            system_of(moment, lines, self.ladders.sold, rises, "short", by),
        )
        return Readings(moment, asked, sides, system)

    def refresh(self, moment: Moment) -> int:
        """Bring lines and ladders to a moment; how many accounts were asked anew."""
        markets = Markets(moment, self._turn)
        stale = self.lines.follow(markets)
        self.ladders.follow(self.lines, markets, stale)
        return moment.live.size if stale is None else stale.size


class Monitor:
    """Follows a writer while it runs."""

    def __init__(
        self, source: Source, assumptions: Assumptions | None = None, every_s: float = EVERY_S
    ) -> None:
        """It rests at least `every_s` between two readings, longer where they take long."""
        self.assumptions = assumptions or Assumptions()
        self.readings = 0
        self.coins: tuple[str, ...] = ()
        self._source, self._every_s = source, every_s
        self.longest_turn_s = 0.0  # For which others waited.
        self._follower = Follower(self.assumptions, self._turn)
        self._before: Moment | None = None
        self._systemic: dict[str, Any] = self._nothing("waiting")
        self._headline: dict[str, Any] = shown.headline(self._systemic)
        self._maps: dict[str, dict[str, Any]] = {}
        self._listening: list[Callable[[], None]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seawall-monitor", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; a reading that is under way is given up."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def listen(self, callback: Callable[[], None]) -> None:
        """Call after each new reading, on the monitor's thread."""
        self._listening.append(callback)

    def systemic_shown(self) -> dict[str, Any]:
        """The last reading of the whole venue."""
        return self._systemic

    def headline_shown(self) -> dict[str, Any]:
        """What fits on an overview: R0 and distances, with the names of the whole reading."""
        return self._headline

    def ladder_shown(self, coin: str) -> dict[str, Any] | None:
        """The last liquidation map of a coin; None of one without contracts."""
        return self._maps.get(coin)

    def look(self) -> bool:
        """Read once, where anything happened since; whether there is a new reading."""
        began = time.perf_counter()
        before = self._before
        moment = self._source.read(lambda engine: _taken(engine, before)).result(WAIT_S)
        if moment is None:
            return False
        self._before = None  # Taken whole again, if this reading fails.
        self._publish(self._follower.follow(moment), 1e3 * (time.perf_counter() - began))
        self._before = moment
        for callback in self._listening:
            callback()
        return True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A short turn, and a rest as long: nobody hurries for a picture."""
        if self._stopping.is_set():
            raise _StoppedError
        with self._source.turns.other():
            began = time.perf_counter()
            yield
            took_s = time.perf_counter() - began
        self.longest_turn_s = max(self.longest_turn_s, took_s)
        time.sleep(min(took_s, REST_MOST_S))

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self.look()
            except _StoppedError:
                return
            except Problem:  # The writer is busy or not ready; its own state says so.
                pass
            except Exception as error:
                log.error("the systemic monitor failed", exc_info=error)
                self._follower = Follower(self.assumptions, self._turn)
                self._systemic = {
                    **self._systemic,
                    "state": "failed",
                    "failure": f"{type(error).__name__}: {error}",
                }
                self._headline = shown.headline(self._systemic)
            self._stopping.wait(max(self._every_s, REST * (time.monotonic() - began)))

    def _publish(self, found: Readings, took_ms: float) -> None:
        moment, by = found.moment, self.assumptions
        names = moment.venue.catalogue.coins
        coins = []
        for coin, (fall, rise) in found.sides.items():
            price = float(moment.price[coin])
            coins.append(
                {
                    "coin": names[coin].id,
                    "price": shown.price_text(moment, coin),
                    "fall": shown.side_shown(moment, fall, price, by),
                    "rise": shown.side_shown(moment, rise, price, by),
                }
            )
        places = tuple(found.sides)
        self._maps = {
            names[coin].id: shown.ladder_shown(moment, coin, fall, rise)
            for coin, (fall, rise) in found.sides.items()
        }
        self._systemic = {
            **self._nothing("live"),
            "sequence": moment.sequence,
            "time_ms": moment.time_ms,
            "accounts": int(moment.live.size),
            "refreshed": found.asked,
            "took_ms": round(took_ms, 3),
            "fund": shown.number(moment.fund),
            "system": {
                "fall": shown.system_shown(moment, places, found.system[0], by),
                "rise": shown.system_shown(moment, places, found.system[1], by),
            },
            "coins": coins,
            "left_out": self._follower.ladders.left_out(self._follower.lines),
        }
        self._headline = shown.headline(self._systemic)
        self.coins = tuple(self._maps)
        self.readings += 1

    def _nothing(self, state: str) -> dict[str, Any]:
        return {
            "sequence": 0,
            "time_ms": 0,
            "state": state,
            "modelled": True,
            "failure": "",
            "law": self.assumptions.law,
            "accounts": 0,
            "refreshed": 0,
            "took_ms": 0.0,
            "fund": None,
            "assumptions": shown.assumptions_shown(self.assumptions),
            "left_out": 0,
            "system": None,
            "coins": [],
        }


def _taken(engine: Engine, before: Moment | None) -> Moment | None:
    if before is not None and engine.sequence == before.sequence:
        return None
    return moment_of(engine, before)
