"""The venue as it was: an engine rebuilt from the last checkpoint before an event.

It runs beside the writer on a journal of its own that only reads. It shares the writer's lock for a
few events at a time, because the kernels of two engines must not run at once, and it goes back no
farther than a limit from a checkpoint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from seawall.engine import Engine
from seawall.engine.codec import decode_event
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import replayed
from seawall.service.problem import Problem, unavailable

T = TypeVar("T")
SLICE = 16  # Events that are replayed before the writer may go on.
WAITING_MOST = 4
ENTRIES_MOST = 500
BYTES_MOST = 4_000_000


class Past:
    """Answers questions about earlier moments, one at a time."""

    def __init__(self, where: str, lock: threading.Lock, events_most: int = 20_000) -> None:
        """`lock` is the writer's; `events_most` are replayed for one answer."""
        self._where, self._lock, self._most = where, lock, events_most
        self._turn = threading.Lock()
        self._kept: Engine | None = None  # Of the last answer: the next one may go on from it.
        self._seats = threading.Semaphore(WAITING_MOST)

    def ask(self, at: int, question: Callable[[Engine], T]) -> T:
        """Ask an engine that stands just after an event. Blocks; not for the event loop."""
        if not self._seats.acquire(blocking=False):
            raise unavailable("busy", "too many questions about the past wait already")
        try:
            with self._turn, Journal.open(self._where, read_only=True) as journal:
                engine = self._rebuilt(journal, at)
                with self._lock:
                    return question(engine)
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
        with self._lock:
            if kept is not None:
                engine = kept
            else:
                engine = Engine() if checkpoint is None else Engine.restore(checkpoint.blob)
        for until in [*range(first + SLICE, at, SLICE), at]:
            with self._lock:
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
