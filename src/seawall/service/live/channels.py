"""Channels: what is published, as what, and how often; each is computed once for all readers.

Runs on the writer's thread, which alone sees the engine. A keyed channel tells the rows that
changed, a whole one its state, and the events channel each event. Knows no socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec

from seawall.engine import Engine
from seawall.engine.effect import Effect
from seawall.engine.history.standby import Kept
from seawall.service.live.tape import Tape
from seawall.service.words.telling import one_told

EVENTS_SHOWN = 50  # In a snapshot.
EVENTS_HELD, EFFECTS_HELD = 8192, 131_072
CAUGHT_UP, EFFECTS_CAUGHT_UP = 1024, 8192  # Of what happened while nobody read.
encode = msgspec.json.encode
Raws = dict[str, msgspec.Raw]


class Rows(NamedTuple):
    """The rows of a keyed channel, and how many there would be without a limit."""

    rows: Mapping[str, Any]
    total: int


class Happened(NamedTuple):
    """What is remembered of an event; never the event, which may hold a whole book."""

    sequence: int
    time_ms: int
    event: str
    account: int | None
    effects: Sequence[Effect]


class Channel(Protocol):
    """One thing that can be subscribed to."""

    name: str
    pace_s: float  # No two updates are nearer to each other.
    beside: bool  # It may change without an event, for it is computed elsewhere.
    tape: Tape

    def refresh(self, engine: Engine) -> None:
        """Write what changed to the tape."""

    def snapshot(self, engine: Engine) -> str:
        """Everything, as of the last message of the tape."""


class Keyed:
    """Rows by key; an update has those that are new or changed, and the keys that left."""

    def __init__(self, name: str, pace_s: float, view: Callable[[Engine], Rows]) -> None:
        self.name, self.pace_s, self.beside = name, pace_s, False
        self.tape = Tape()
        self._view = view
        self._rows: dict[str, bytes] = {}
        self._total = 0
        self._time_ms = 0
        self._begun = False
        self._snapshot: str | None = None

    def refresh(self, engine: Engine) -> None:
        """Look at every row again; without a difference nothing is said."""
        shown = self._view(engine)
        rows = {key: encode(row) for key, row in shown.rows.items()}
        before = self._rows
        changed = {key: msgspec.Raw(row) for key, row in rows.items() if before.get(key) != row}
        removed = [key for key in before if key not in rows]
        if self._begun and not changed and not removed and shown.total == self._total:
            return
        self._rows, self._total, self._time_ms = rows, shown.total, engine.time_ms
        self._snapshot = None
        if not self._begun:
            self._begun = True
            self.tape.clear(engine.sequence)
            return
        parts = {"total": shown.total, "set": changed, "removed": removed}
        head = update_head(self, engine.sequence, engine.time_ms)
        self.tape.add(engine.sequence, encode(head | parts).decode())

    def snapshot(self, engine: Engine) -> str:
        """All rows."""
        if self._snapshot is None:
            rows = {key: msgspec.Raw(row) for key, row in self._rows.items()}
            parts = {"total": self._total, "state": rows}
            self._snapshot = encode(snapshot_head(self, self._time_ms) | parts).decode()
        return self._snapshot


class Whole:
    """One state that is told anew where it changed; its own stamp is no change."""

    def __init__(
        self,
        name: str,
        pace_s: float,
        view: Callable[[Engine], Any],
        *,
        beside: bool = False,
        messages_most: int = 64,
        bytes_most: int = 1 << 20,
    ) -> None:
        """`view` gives a dictionary; `sequence` and `time_ms` in it are its stamp.

        Who gives the same object again says that nothing changed.
        """
        self.name, self.pace_s, self.beside = name, pace_s, beside
        self.tape = Tape(messages_most=messages_most, bytes_most=bytes_most)
        self._view = view
        self._seen: Any = ...
        self._compared: bytes | None = None
        self._state = b"null"
        self._time_ms = 0
        self._snapshot: str | None = None

    def refresh(self, engine: Engine) -> None:
        """Look again; without a difference nothing is said."""
        state = self._view(engine)
        if state is self._seen:
            return
        self._seen = state
        compared = encode(_unstamped(state))
        if compared == self._compared:
            return
        is_first, self._compared = self._compared is None, compared
        self._state, self._time_ms = encode(state), engine.time_ms
        self._snapshot = None
        if is_first:
            self.tape.clear(engine.sequence)
            return
        head = update_head(self, engine.sequence, engine.time_ms)
        self.tape.add(engine.sequence, encode(head | {"state": msgspec.Raw(self._state)}).decode())

    def snapshot(self, engine: Engine) -> str:
        """The state as it was last told."""
        if self._snapshot is None:
            state = {"state": msgspec.Raw(self._state)}
            self._snapshot = encode(snapshot_head(self, self._time_ms) | state).decode()
        return self._snapshot


def _unstamped(state: Any) -> Any:
    tree = msgspec.to_builtins(state)
    if isinstance(tree, dict):
        return {key: entry for key, entry in tree.items() if key not in ("sequence", "time_ms")}
    return tree


class Events:
    """Every event with its effects; written out only once somebody reads."""

    name = "events"
    pace_s = 0.0
    beside = False

    def __init__(self) -> None:
        self.tape = Tape(messages_most=EVENTS_HELD, bytes_most=32 << 20)
        self.is_read = False  # Then nothing is left out.
        self._held: deque[Happened] = deque()
        self._effects = 0
        self._missed = False
        self._time_ms = 0

    def happened(self, kept: Sequence[Kept]) -> None:
        """Remember events, and no more of them than fit."""
        for one in kept:
            if self._held and one.sequence != self._held[-1].sequence + 1:
                self._held.clear()  # A journal that failed was opened again in between.
                self._effects = 0
            event, account = one.event, getattr(one.event, "account", None)
            named = account if type(account) is int else None  # Of a book, it is a column.
            tag = str(event.__struct_config__.tag)
            self._held.append(Happened(one.sequence, event.time_ms, tag, named, one.effects))
            self._effects += len(one.effects)
            while len(self._held) > EVENTS_HELD or self._effects > EFFECTS_HELD:
                self._effects -= len(self._held.popleft().effects)

    def refresh(self, engine: Engine) -> None:
        """Write out what is new since the last look; a hole in it begins the tape anew."""
        held, tape = self._held, self.tape
        self._time_ms = engine.time_ms
        if not held:
            if tape.sequence < engine.sequence:
                tape.clear(engine.sequence)
            return
        new = self._new()
        if new and new[0].sequence > tape.sequence + 1:
            tape.clear(new[0].sequence - 1)
        for one in new:
            head = update_head(self, one.sequence, one.time_ms)
            tape.add(one.sequence, encode(head | {"event": event_told(engine, one)}).decode())

    def _new(self) -> list[Happened]:
        """What is not on the tape yet; where nobody read, the last of it, for that takes time."""
        found: list[Happened] = []
        effects = 0
        for one in reversed(self._held):
            effects += len(one.effects)
            is_much = len(found) >= CAUGHT_UP or effects > EFFECTS_CAUGHT_UP
            if one.sequence <= self.tape.sequence or (found and is_much and not self.is_read):
                break
            found.append(one)
        return found[::-1]

    def snapshot(self, engine: Engine) -> str:
        """The last events, up to the last message."""
        last = islice(self._held, max(0, len(self._held) - EVENTS_SHOWN), None)
        state = {"events": [event_told(engine, one) for one in last]}
        return encode(snapshot_head(self, self._time_ms) | {"state": state}).decode()


def event_told(engine: Engine, one: Happened) -> dict[str, Any]:
    """One event as a client reads it."""
    venue, account = engine.venue if engine.sequence else None, one.account
    names = [] if venue is None else venue.names
    is_known = account is not None and 0 <= account < len(names)
    return {
        "sequence": one.sequence,
        "time_ms": one.time_ms,
        "event": one.event,
        "account": names[account] if account is not None and is_known else None,
        "effects": [one_told(venue, effect) for effect in one.effects],
    }


def update_head(channel: Channel, sequence: int, time_ms: int) -> dict[str, Any]:
    """What every update begins with; asked for before it is written to the tape."""
    return {
        "type": "update",
        "channel": channel.name,
        "sequence": sequence,
        "previous": channel.tape.sequence,
        "time_ms": time_ms,
    }


def snapshot_head(channel: Channel, time_ms: int) -> dict[str, Any]:
    """What every snapshot begins with."""
    return {
        "type": "snapshot",
        "channel": channel.name,
        "sequence": channel.tape.sequence,
        "time_ms": time_ms,
    }
