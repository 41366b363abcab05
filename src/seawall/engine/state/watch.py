"""What breakers remember: sums and extremes within a window, and what stands shut until when.

Exact integers in queues; each entry goes in once and out once. Knows no rule and no venue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from seawall.engine.rules.breaker_rules import Mode, Scope

NEVER_MS = 2**63 - 1  # Until two operators open it.
Place = tuple[Scope, int]  # A scope and its subject: an account, a coin, or -1.
BandKey = tuple[str, int, int, int]  # (breaker, subject, what is watched, its number)
SumKey = tuple[int, int]  # (subject, number of what is counted)


class Trip(NamedTuple):
    """One breaker that stands shut in one place."""

    mode: Mode
    until_ms: int


@dataclass(slots=True)
class Sum:
    """Σ amounts of the last `window_ms`; an amount as old as the window is out of it."""

    entries: deque[tuple[int, int]] = field(default_factory=deque)  # (time, amount)
    total: int = 0

    def add(self, amount: int, now_ms: int, window_ms: int) -> int:
        """Take in an amount and return the sum.

        >>> window = Sum()
        >>> [window.add(amount, time, 10) for amount, time in [(5, 0), (7, 9), (1, 10)]]
        [5, 12, 8]
        """
        entries = self.entries
        while entries and entries[0][0] <= now_ms - window_ms:
            self.total -= entries.popleft()[1]
        if entries and entries[-1][0] == now_ms:
            amount_before = entries.pop()[1]
            entries.append((now_ms, amount_before + amount))
        else:
            entries.append((now_ms, amount))
        self.total += amount
        return self.total

    def at(self, now_ms: int, window_ms: int) -> int:
        """The sum at a moment that is not before the last one."""
        while self.entries and self.entries[0][0] <= now_ms - window_ms:
            self.total -= self.entries.popleft()[1]
        return self.total


@dataclass(slots=True)
class Band:
    """The highest and the lowest price that stood within a window, beside the last one.

    A price stands until the next one, so the last one counts however long ago it was told.
    """

    last: int = 0  # 0: nothing was seen yet.
    highs: deque[tuple[int, int]] = field(default_factory=deque)  # (stood until, price), falling.
    lows: deque[tuple[int, int]] = field(default_factory=deque)  # (stood until, price), rising.

    def seen(self, price: int, now_ms: int, window_ms: int) -> tuple[int, int]:
        """Take in a price and return how far it moved, as a ratio: (distance, from).

        >>> band = Band()
        >>> [band.seen(price, time, 10) for price, time in [(100, 0), (110, 5), (99, 9), (99, 30)]]
        [(0, 100), (10, 100), (11, 110), (0, 99)]
        """
        if not self.last:
            self.last = price
            return 0, price
        for queue, sign in ((self.highs, 1), (self.lows, -1)):
            while queue and sign * queue[-1][1] <= sign * self.last:
                queue.pop()
            queue.append((now_ms, self.last))
            while queue[0][0] <= now_ms - window_ms:
                queue.popleft()
        self.last = price
        high, low = self.highs[0][1], self.lows[0][1]
        fall, rise = (abs(price - high), high), (abs(price - low), low)
        return fall if fall[0] * low > rise[0] * high else rise


@dataclass(slots=True)
class Watch:
    """The state of all breakers of a venue."""

    standing: dict[Place, dict[str, Trip]] = field(default_factory=dict)  # By breaker's name.
    soonest_ms: int = NEVER_MS  # Nothing of it ends before.
    sums: dict[str, dict[SumKey, Sum]] = field(default_factory=dict)  # The last added to last.
    bands: dict[BandKey, Band] = field(default_factory=dict)
    read: int = 0  # Effects of this event that were read.

    def mode(self, scope: Scope, subject: int, now_ms: int) -> Mode:
        """What holds in one place now: the strictest of what stands shut there."""
        trips = self.standing.get((scope, subject))
        if not trips:
            return Mode.OPEN
        return max((t.mode for t in trips.values() if now_ms < t.until_ms), default=Mode.OPEN)

    def add(self, breaker: str, key: SumKey, amount: int, now_ms: int, window_ms: int) -> int:
        """Add to one of a breaker's sums and return it; those that ran empty are forgotten."""
        sums = self.sums.setdefault(breaker, {})
        window = sums.pop(key, None) or Sum()
        total = window.add(amount, now_ms, window_ms)
        sums[key] = window
        while sums[oldest := next(iter(sums))].entries[-1][0] <= now_ms - window_ms:
            del sums[oldest]
        return total

    def shut(self, place: Place, breaker: str, trip: Trip) -> bool:
        """Let a trip stand; False where the breaker stood shut there before."""
        trips = self.standing.setdefault(place, {})
        is_new = breaker not in trips
        trips[breaker] = trip
        self.soonest_ms = min(self.soonest_ms, trip.until_ms)
        return is_new

    def over(self, now_ms: int) -> list[tuple[Place, str]]:
        """What stands shut no longer than until now, in the order of places."""
        if now_ms < self.soonest_ms:
            return []
        ends = [
            (trip.until_ms, place, name)
            for place, trips in self.standing.items()
            for name, trip in trips.items()
        ]
        later = (until_ms for until_ms, *_ in ends if until_ms > now_ms)
        self.soonest_ms = min(later, default=NEVER_MS)
        return sorted((place, name) for until_ms, place, name in ends if until_ms <= now_ms)

    def restart(self, breaker: str, subject: int | None = None) -> None:
        """Forget a breaker's windows, of one place or of all."""
        sums = self.sums.pop(breaker, {})
        kept = {k: window for k, window in sums.items() if subject not in (None, k[0])}
        if kept:
            self.sums[breaker] = kept
        gone = [key for key in self.bands if key[0] == breaker and subject in (None, key[1])]
        for band in gone:
            del self.bands[band]


StandingRow = tuple[int, int, str, int, int]
SumRow = tuple[str, SumKey, list[tuple[int, str]]]
BandRow = tuple[BandKey, int, list[tuple[int, int]], list[tuple[int, int]]]


def remembered(watch: Watch) -> tuple[list[StandingRow], list[SumRow], list[BandRow]]:
    """The state as rows in canonical order; amounts as text, for they may pass 64 bits."""
    standing = [
        (int(scope), subject, name, int(trip.mode), trip.until_ms)
        for (scope, subject), trips in sorted(watch.standing.items())
        for name, trip in sorted(trips.items())
    ]
    sums = [
        (name, key, [(time_ms, str(amount)) for time_ms, amount in window.entries])
        for name, group in sorted(watch.sums.items())
        for key, window in sorted(group.items())
    ]
    bands = [
        (key, band.last, list(band.highs), list(band.lows))
        for key, band in sorted(watch.bands.items())
    ]
    return standing, sums, bands


def recalled(standing: list[StandingRow], sums: list[SumRow], bands: list[BandRow]) -> Watch:
    """The state that was remembered."""
    watch = Watch()
    for scope, subject, name, mode, until_ms in standing:
        watch.shut((Scope(scope), subject), name, Trip(Mode(mode), until_ms))
    for name, key, rows in sorted(sums, key=lambda row: row[2][-1][0]):
        entries = deque((time_ms, int(amount)) for time_ms, amount in rows)
        watch.sums.setdefault(name, {})[key] = Sum(entries, sum(amount for _, amount in entries))
    for band, last, highs, lows in bands:
        watch.bands[band] = Band(last, deque(highs), deque(lows))
    return watch
