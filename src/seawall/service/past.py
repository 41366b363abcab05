"""The venue as it was: an engine rebuilt from the last checkpoint before an event.

It runs beside the writer on a journal of its own that only reads. It takes turns with the writer,
a few events at a time, because the kernels of two engines must not run at once, and it goes back no
farther than a limit from a checkpoint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from seawall.engine import Engine
from seawall.engine.codec import decode_event
from seawall.engine.effect import Effect
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import replayed
from seawall.service.turns import Turns
from seawall.service.words.problem import Problem, unavailable

T = TypeVar("T")
SLICE = 16  # Events that are replayed before the writer may go on.
WAITING_MOST = 4
ENTRIES_MOST = 500
BYTES_MOST = 4_000_000


class Past:
    """Answers questions about earlier moments, one at a time."""

    def __init__(self, where: str, turns: Turns, events_most: int = 20_000) -> None:
        """`turns` are the writer's; `events_most` are replayed for one answer."""
        self._where, self._turns, self._most = where, turns, events_most
        self._one = threading.Lock()
        self._kept: Engine | None = None  # Of the last answer: the next one may go on from it.
        self._seats = threading.Semaphore(WAITING_MOST)

    def ask(self, at: int, question: Callable[[Engine], T]) -> T:
        """Ask an engine that stands just after an event. Blocks; not for the event loop."""
        if not self._seats.acquire(blocking=False):
            raise unavailable("busy", "too many questions about the past wait already")
        try:
            with self._one, Journal.open(self._where, read_only=True) as journal:
                engine = self._rebuilt(journal, at)
                with self._turns.other():
                    return question(engine)
        finally:
            self._seats.release()

    def take(self, at: int) -> Engine:
        """An engine of the caller's own that stands just after an event; used in turns. Blocks."""
        if not self._seats.acquire(blocking=False):
            raise unavailable("busy", "too many questions about the past wait already")
        try:
            with self._one, self.journal() as journal:
                engine = self._rebuilt(journal, at)
                self._kept = None
                return engine
        finally:
            self._seats.release()

    def journal(self) -> Journal:
        """The journal, only to read it; whoever opens it closes it."""
        return Journal.open(self._where, read_only=True)

    def effects(self, sequence: int, tell: Callable[[Engine, Sequence[Effect]], T]) -> T:
        """Do one event again on the venue as it was before, and tell what it did. Blocks."""
        if not self._seats.acquire(blocking=False):
            raise unavailable("busy", "too many questions about the past wait already")
        try:
            with self._one, Journal.open(self._where, read_only=True) as journal:
                if sequence > journal.last_sequence():
                    raise Problem(404, "unknown_sequence", f"no event {sequence}")
                engine = self._rebuilt(journal, sequence - 1) if sequence > 1 else Engine()
                entry = next(iter(journal.entries(sequence, sequence)))
                self._kept = None  # Kept again only if all goes well.
                with self._turns.other():
                    told = tell(engine, engine.apply(decode_event(entry.event)))
                self._kept = engine
                return told
        finally:
            self._seats.release()

    def entries(self, first: int, limit: int) -> dict[str, Any]:
        """A run of the journal, as it is kept: integers in full, hashes in hexadecimal."""
        with Journal.open(self._where, read_only=True) as journal:
            last = journal.last_sequence()
            told: list[dict[str, Any]] = []
            weight = 0
            for entry in journal.entries(first, min(last, first + limit - 1)):
                weight += len(entry.event)
                if told and weight > BYTES_MOST:
                    break
                event = _without_wide(msgspec.to_builtins(decode_event(entry.event)))
                told.append(
                    {
                        "sequence": entry.sequence,
                        "time_ms": entry.time_ms,
                        "chain": entry.chain.hex(),
                        "event": event,
                    }
                )
        following = told[-1]["sequence"] + 1 if told else first
        return {"last": last, "entries": told, "next": following if following <= last else None}

    def commands(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Who sent which event, under which key of theirs."""
        with Journal.open(self._where, read_only=True) as journal:
            found = journal.commands(after + 1, most=limit)
        told = ((one.sequence, *one.key.partition("/")) for one in found)
        return [{"sequence": n, "actor": actor, "key": key} for n, actor, _, key in told]

    def _rebuilt(self, journal: Journal, at: int) -> Engine:
        last = journal.last_sequence()
        if not 1 <= at <= last:
            raise Problem(404, "unknown_sequence", f"no event {at}; the last is {last}")
        kept, self._kept = self._kept, None  # Left where it is only if all goes well.
        checkpoint = journal.latest_checkpoint(at)
        first = checkpoint.sequence if checkpoint is not None else 0
        if kept is not None and first <= kept.sequence <= at:
            first = kept.sequence
        else:
            kept = None
        if at - first > self._most:
            said = f"event {at} is {at - first} events after the last checkpoint before it"
            raise Problem(422, "too_far", f"{said}; at most {self._most} are replayed")
        with self._turns.other():
            if kept is not None:
                engine = kept
            else:
                engine = Engine() if checkpoint is None else Engine.restore(checkpoint.blob)
        for until in [*range(first + SLICE, at, SLICE), at]:
            with self._turns.other():
                replayed(journal, engine, until)
        self._kept = engine
        return engine


def _without_wide(tree: Any) -> Any:
    """Write integers as text where a reader of JSON would lose digits.

    >>> _without_wide({"a": [1, 2**60]})
    {'a': [1, '1152921504606846976']}
    """
    if isinstance(tree, dict):
        return {key: _without_wide(entry) for key, entry in tree.items()}
    if isinstance(tree, list | tuple):
        return [_without_wide(entry) for entry in tree]
    return str(tree) if type(tree) is int and abs(tree) >= 2**53 else tree
