"""What is published: the writer's thread refreshes channels, the event loop wakes their readers.

A channel is computed only while somebody reads it, never oftener than its pace, and all of them
together take at most a quarter of the writer's thread: the busier it is, the slower they become.
Only events wait for nothing, because each of them is told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from seawall.engine import Engine
from seawall.engine.history.standby import Kept
from seawall.service.live import rows
from seawall.service.live.channels import Channel, Events, Keyed, Whole
from seawall.service.live.overview import overview_shown
from seawall.service.live.tape import Tape
from seawall.service.shown import losses_views, views
from seawall.service.words.amounts import account_number, coin_number, instrument_number, started
from seawall.service.words.problem import Problem, unavailable

ROUND_S = 0.02  # Of views, before the writer looks at its queue again.
REST = 3.0  # Times what a round took, the writer does other things first.
FAULT_S = 5.0
IDLE_S = 60.0  # So long a channel of one account is kept without a reader.
NAMED_MOST = 1024  # Channels of accounts, maps and queues.
KEYED_S, PRICES_S, WHOLE_S, MAP_S, SYSTEMIC_S = 0.25, 0.05, 0.25, 1.0, 2.0
RULES_S, QUEUE_S = 1.0, 2.0
QUEUE_MOST = 10  # Places shown of each side of a deleveraging queue.
log = logging.getLogger("seawall.service")


class Monitor(Protocol):
    """Who computes how far a fall would spread; it answers at once with what it found last.

    A new answer is another object.
    """

    def systemic_shown(self) -> Any: ...

    def headline_shown(self) -> Any: ...

    def ladder_shown(self, coin: str) -> Any: ...


class Opening(NamedTuple):
    """Where a reader begins: a snapshot if it needs one, then the tape from a place on."""

    tape: Tape
    place: int
    snapshot: str | None


class Entry:
    """A channel with what decides when it is looked at again."""

    __slots__ = ("asked_s", "channel", "due_s", "readers", "seen")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.readers = 0  # Written on the event loop, read by the writer.
        self.due_s = 0.0
        self.asked_s = 0.0
        self.seen = -1  # Sequence at the last look.


class Live:
    """All channels of one service."""

    def __init__(self, monitor: Callable[[], Monitor | None] = lambda: None) -> None:
        self._monitor = monitor
        self._events = Events()
        self._entries: dict[str, Entry] = {}
        for channel in self._fixed():
            self._entries[channel.name] = Entry(channel)
        self._not_before_s = 0.0
        self._sequence = self._time_ms = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: Callable[[], None] = lambda: None
        self._is_woken = False

    def _fixed(self) -> list[Channel]:
        keyed = (rows.calls, rows.liquidations, rows.orders, rows.auctions, rows.breakers)
        return [
            self._events,
            Keyed("prices", PRICES_S, rows.prices),
            *(Keyed(view.__name__, KEYED_S, view) for view in (*keyed, rows.funds)),
            Whole("overview", WHOLE_S, partial(overview_shown, systemic=self._headline)),
            Whole("systemic", SYSTEMIC_S, self._systemic, beside=True),
            Whole("rulebook", RULES_S, rows.rulebook),
        ]

    # -- on the writer's thread ----------------------------------------------------------------

    def happened(self, engine: Engine, kept: Sequence[Kept]) -> None:
        """Events are durable."""
        self._events.happened(kept)

    def publish(self, engine: Engine) -> None:
        """Tell what happened, then refresh what is due, the longest due first, for one round."""
        self._sequence, self._time_ms = engine.sequence, engine.time_ms
        events = self._entries[self._events.name]
        self._events.is_read = events.readers > 0
        told = self._events.is_read and self._look(events, engine)
        if time.monotonic() >= self._not_before_s:
            told |= self._round(engine)
        if told:
            self._tell()

    def _round(self, engine: Engine) -> bool:
        began, worked_s = time.monotonic(), time.thread_time()
        ended, told = began, False
        for entry in sorted(self._waiting(), key=lambda one: one.due_s):
            if entry.due_s > ended or ended > began + ROUND_S:
                break
            told |= self._look(entry, engine)
            ended = time.monotonic()
        self._not_before_s = ended + REST * (time.thread_time() - worked_s)
        return told

    def _look(self, entry: Entry, engine: Engine) -> bool:
        """Whether something was written; one view's fault is not everybody's."""
        pause_s, told = entry.channel.pace_s, False
        try:
            told = self._refresh(entry, engine)
        except Exception as error:
            log.error("channel %s cannot be shown", entry.channel.name, exc_info=error)
            pause_s = FAULT_S
        entry.due_s = time.monotonic() + pause_s
        return told

    def wait_s(self) -> float:
        """Seconds until something is due; a long time where nothing waits."""
        due = min((entry.due_s for entry in self._waiting()), default=None)
        if due is None:
            return 3600.0
        return max(0.0, max(due, self._not_before_s) - time.monotonic())

    def open(self, name: str, since: int | None, engine: Engine) -> Opening:
        """Say where a reader of a channel begins; a `Problem` if there is no such channel."""
        entry = self._entries.get(name) or self._named(name, engine)
        entry.asked_s = time.monotonic()
        # One that is read is looked at in its turn; a crowd that comes at once costs one look.
        if not entry.readers and (entry.seen != engine.sequence or entry.channel.beside):
            self._refresh(entry, engine)
        channel = entry.channel
        place = None if since is None else channel.tape.place_after(since)
        if place is not None:
            return Opening(channel.tape, place, None)
        return Opening(channel.tape, channel.tape.end, channel.snapshot(engine))

    def _waiting(self) -> list[Entry]:
        return [
            entry
            for entry in list(self._entries.values())
            if entry.readers
            and entry.channel is not self._events
            and (entry.seen != self._sequence or entry.channel.beside)
        ]

    def _refresh(self, entry: Entry, engine: Engine) -> bool:
        """Whether something was written."""
        end = entry.channel.tape.end
        entry.channel.refresh(engine)
        entry.seen = engine.sequence
        return entry.channel.tape.end != end

    def _named(self, name: str, engine: Engine) -> Entry:
        kind, _, subject = name.partition("/")
        view: Callable[[Engine], Any]
        if kind == "accounts" and subject:
            account_number(started(engine), subject)
            view = partial(views.shown, name=subject)
            channel = Whole(name, WHOLE_S, view, bytes_most=1 << 18)
        elif kind == "map" and subject:
            coin_number(started(engine).catalogue, subject)
            view = partial(self._ladder, coin=subject)
            channel = Whole(name, MAP_S, view, beside=True)
        elif kind == "deleveraging" and subject:
            instrument_number(started(engine).catalogue, subject)
            view = partial(losses_views.queue_shown, instrument=subject, limit=QUEUE_MOST)
            channel = Whole(name, QUEUE_S, view)
        else:
            raise Problem(404, "unknown_channel", f"no channel {name[:80]}")
        self._forget_idle()
        if len(self._entries) >= NAMED_MOST:
            raise unavailable("busy", "too many accounts are followed")
        entry = self._entries[name] = Entry(channel)
        return entry

    def _forget_idle(self) -> None:
        before_s = time.monotonic() - IDLE_S
        for name, entry in list(self._entries.items()):
            if "/" in name and not entry.readers and entry.asked_s < before_s:
                del self._entries[name]

    def _systemic(self, engine: Engine) -> Any:
        monitor = self._monitor()
        return None if monitor is None else monitor.systemic_shown()

    def _headline(self, engine: Engine) -> Any:
        monitor = self._monitor()
        return None if monitor is None else monitor.headline_shown()

    def _ladder(self, engine: Engine, coin: str) -> Any:
        monitor = self._monitor()
        return None if monitor is None else monitor.ladder_shown(coin)

    def _tell(self) -> None:
        loop = self._loop
        if loop is None or self._is_woken:
            return
        self._is_woken = True
        try:
            loop.call_soon_threadsafe(self._wake_now)
        except RuntimeError:  # The loop is closed: nobody reads any more.
            self._loop = None

    # -- on the event loop ---------------------------------------------------------------------

    def bind(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """From now on wake readers on this loop."""
        self._loop, self._wake = loop, wake

    def _wake_now(self) -> None:
        self._is_woken = False  # Before readers look: what comes now wakes them again.
        self._wake()

    def count(self, name: str, readers: int) -> None:
        """Readers came to a channel or left it."""
        entry = self._entries.get(name)
        if entry is not None:
            entry.readers += readers
            entry.asked_s = time.monotonic()

    def position(self) -> tuple[int, int]:
        """The last durable sequence and the venue's time."""
        return self._sequence, self._time_ms
