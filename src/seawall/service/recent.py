"""What stood lately: points of the overview and columns of each map, since the service was started.

One sample for each reading of the monitor. A ring that is full keeps every second sample and takes
half as many from then on, so it always reaches back to the start. Nothing of it is journalled.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from seawall.engine import Engine
from seawall.engine.effect import State
from seawall.service.live.overview import cents, measured
from seawall.service.monitor import Monitor
from seawall.service.words.problem import Problem
from seawall.service.writer import Writer

POINTS_MOST, COLUMNS_MOST = 1000, 160
COINS_MOST = 16
NEAR_BANDS = 4  # Below the line, and up to 1, 2 and 5 % of notional away from it.
WAIT_S = 5.0
S = TypeVar("S")
Told = dict[str, Any]


class Ring(Generic[S]):
    """Samples from the first to the last, thinner where there are many.

    >>> ring = Ring[int](4)
    >>> for n in range(9):
    ...     ring.add(n)
    >>> ring.kept
    [0, 4, 8]
    """

    def __init__(self, most: int) -> None:
        self.most, self.kept = most, list[S]()
        self._every, self._seen = 1, 0

    def add(self, sample: S) -> None:
        """Take a sample, if it is its turn."""
        if self._seen % self._every == 0:
            if len(self.kept) == self.most:
                self.kept = self.kept[::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self.kept.append(sample)
        self._seen += 1


class Recent:
    """Follows a monitor. Written on its thread, read on any."""

    def __init__(self, monitor: Monitor, writer: Writer) -> None:
        self._monitor, self._writer = monitor, writer
        self._lock = threading.Lock()
        self._points: Ring[Told] = Ring(POINTS_MOST)
        self._maps: dict[str, Ring[Told]] = {}

    def took(self) -> None:
        """A reading is there: remember what it said, and how the venue stood."""
        try:
            point = self._writer.read(_point).result(WAIT_S)
        except (Problem, TimeoutError):
            point = None  # The service stops, or its journal is opened again: no sample.
        coins = self._monitor.coins[:COINS_MOST]
        maps = [(coin, self._monitor.ladder_shown(coin)) for coin in coins]
        with self._lock:
            if point is not None:
                self._points.add(point)
            for coin, shown in maps:
                if shown is not None and shown["price"] is not None:
                    self._maps.setdefault(coin, Ring(COLUMNS_MOST)).add(_column(shown))

    def points(self) -> list[Told]:
        """The overview lately, the oldest first."""
        with self._lock:
            return list(self._points.kept)

    def columns(self, coin: str) -> list[Told]:
        """The liquidation map of a coin lately, the oldest first."""
        with self._lock:
            ring = self._maps.get(coin)
            return [] if ring is None else list(ring.kept)


def _point(engine: Engine) -> Told | None:
    if not engine.sequence or not engine.venue.tables.ready:
        return None
    venue, sums = engine.venue, measured(engine)
    decimals = venue.catalogue.numeraire.decimals
    return {
        "time_ms": engine.time_ms,
        "near": cents(float(sums.notional[:NEAR_BANDS].sum()), decimals),
        "calls": len(venue.deadline),
        "liquidating": int((venue.status == State.LIQUIDATING).sum()),
    }


def _column(shown: Told) -> Told:
    """A map without its empty steps: [from, to, notional], prices as far as a pixel needs them."""
    here = float(shown["price"])
    return {
        "time_ms": shown["time_ms"],
        "price": shown["price"],
        "down": _steps(here, shown["down"]),
        "up": _steps(here, shown["up"]),
    }


def _steps(near: float, buckets: Iterable[Told]) -> list[list[float]]:
    told = []
    for bucket in buckets:
        far = float(bucket["price"])
        if bucket["notional"]:
            told.append([_short(near), _short(far), round(bucket["notional"], 2)])
        near = far
    return told


def _short(price: float) -> float:
    return float(f"{price:.7g}")
