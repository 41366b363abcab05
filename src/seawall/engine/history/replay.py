"""Replay: the engine rebuilt from its journal, and the proof that both agree.

Works on anything that steps like the engine. Does not know what an event means, nor how a state
is written as bytes: the caller hands over what loads a checkpoint and what makes a new engine.
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from seawall.engine.codec import CodecError, decode_event
from seawall.engine.effect import Effect
from seawall.engine.event import Event
from seawall.engine.history.journal import Checkpoint, DamagedError, Entry, Journal, JournalError

PROGRESS_EVERY = 1000  # Events between two reports of progress.


class Machine(Protocol):
    """What the engine is to its journal: events go in, the chain grows, the state has a hash."""

    @property
    def sequence(self) -> int: ...

    @property
    def chain(self) -> bytes: ...

    def apply(self, event: Event, /) -> Sequence[Effect]: ...

    def state_hash(self) -> str: ...


M = TypeVar("M", bound=Machine)


class Fault(enum.Enum):
    """How a journal and its replay can differ."""

    UNREADABLE = "unreadable"  # A row is missing, damaged or not an event.
    CHAIN = "chain"  # The event, or what it did, is not what was journalled.
    STATE = "state"  # The chain agrees, the state after a checkpoint does not.
    FINAL = "final"  # The chain agrees, the state at the end does not.


@dataclass(frozen=True, slots=True)
class Difference:
    """The first point at which a journal and its replay differ."""

    sequence: int
    fault: Fault
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a replay from nothing has shown."""

    events: int  # Replayed and found equal.
    checkpoints: int  # Whose state hash was found equal.
    finished: bool  # Whether the journal says how it ends.
    state_hash: str  # Of the engine where the replay stopped.
    difference: Difference | None = None

    @property
    def ok(self) -> bool:
        return self.difference is None


class ReplayError(JournalError):
    """The engine does not come to where the journal says it was."""

    def __init__(self, message: str, *, sequence: int, fault: Fault) -> None:
        super().__init__(message, sequence=sequence)
        self.fault = fault


def replayed(journal: Journal, engine: M, last: int | None = None) -> M:
    """Apply the journal's events after those the engine has seen; return the same engine.

    Every chain hash is compared; the first that differs is a `ReplayError` with its sequence.
    """
    if engine.chain != journal.chain_at(engine.sequence):
        raise ReplayError(
            f"{journal.name}: the engine did not come from this journal: its chain differs at "
            f"event {engine.sequence}",
            sequence=engine.sequence,
            fault=Fault.CHAIN,
        )
    for entry in journal.entries(engine.sequence + 1, last):
        _step(journal, engine, entry)
    return engine


def recover(
    journal: Journal, load_checkpoint: Callable[[bytes], M], new_engine: Callable[[], M]
) -> M:
    """Bring an engine to the end of the journal: the latest sound checkpoint, then the tail.

    A checkpoint that cannot be loaded, or does not load to the state that it names, costs only
    time: it is warned of and the one before it is taken, at last none at all.
    """
    limit = journal.last_sequence()
    for sequence in sorted(journal.state_hashes(), reverse=True):
        if sequence > limit:
            continue
        try:
            checkpoint = journal.latest_checkpoint(sequence)
            if checkpoint is None or checkpoint.sequence != sequence:
                raise DamagedError("it is missing")
            engine = load_checkpoint(checkpoint.blob)
            _check_loaded(engine, checkpoint, journal)
        except Exception as error:  # A load may fail in any way: another version wrote the blob.
            warnings.warn(
                f"{journal.name}: the checkpoint after event {sequence} was passed over: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            continue
        return replayed(journal, engine)
    return replayed(journal, new_engine())


def verify(
    journal: Journal,
    new_engine: Callable[[], Machine],
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Replay the whole journal from nothing and compare every hash that it holds.

    `progress` is told the number of events done and of all. The first difference ends the replay.
    """
    engine = new_engine()
    events = checkpoints = 0
    finished, difference = False, None
    try:
        total, final = journal.last_sequence(), journal.final_hash()
        finished = final is not None
        complaint, hashes = journal.integrity(), journal.state_hashes()
        for entry in journal.entries():
            _step(journal, engine, entry)
            if entry.sequence in hashes:
                _compare_state(journal, engine, hashes.pop(entry.sequence), Fault.STATE)
                checkpoints += 1
            events += 1
            if progress is not None and (events % PROGRESS_EVERY == 0 or events == total):
                progress(events, total)
        if final is not None:
            _compare_state(journal, engine, final, Fault.FINAL)
        _check_rest(journal, hashes, complaint, total)
    except (DamagedError, ReplayError) as error:
        sequence = events + 1 if error.sequence is None else error.sequence
        fault = error.fault if isinstance(error, ReplayError) else Fault.UNREADABLE
        difference = Difference(sequence, fault, str(error))
    return Verification(events, checkpoints, finished, engine.state_hash(), difference)


def _step(journal: Journal, engine: Machine, entry: Entry) -> None:
    try:
        event = decode_event(entry.event)
    except CodecError as error:
        raise DamagedError(
            f"{journal.name}: event {entry.sequence}: {error}", sequence=entry.sequence
        ) from None
    if event.time_ms != entry.time_ms:
        raise DamagedError(
            f"{journal.name}: event {entry.sequence} is filed under another time than its own",
            sequence=entry.sequence,
        )
    try:
        engine.apply(event)
    except Exception as error:
        error.add_note(f"while event {entry.sequence} of {journal.name} was replayed")
        raise
    if (engine.sequence, engine.chain) != (entry.sequence, entry.chain):
        raise ReplayError(
            f"{journal.name}: event {entry.sequence} does not do what it did when it was "
            f"journalled: chain {engine.chain.hex()[:16]}, journal {entry.chain.hex()[:16]}",
            sequence=entry.sequence,
            fault=Fault.CHAIN,
        )


def _compare_state(journal: Journal, engine: Machine, expected: str, fault: Fault) -> None:
    found = engine.state_hash()
    if found != expected:
        place = "end" if fault is Fault.FINAL else "checkpoint"
        raise ReplayError(
            f"{journal.name}: the state after event {engine.sequence} is not that of the {place}: "
            f"{found[:16]}, journal {expected[:16]}",
            sequence=engine.sequence,
            fault=fault,
        )


def _check_loaded(engine: Machine, checkpoint: Checkpoint, journal: Journal) -> None:
    if (engine.sequence, engine.chain) != (checkpoint.sequence, checkpoint.chain):
        raise ReplayError(
            f"it loads to event {engine.sequence} with another chain",
            sequence=checkpoint.sequence,
            fault=Fault.STATE,
        )
    _compare_state(journal, engine, checkpoint.state_hash, Fault.STATE)


def _check_rest(journal: Journal, hashes: dict[int, str], complaint: str | None, end: int) -> None:
    """What no event has shown: checkpoints of no event, and a file that is unsound elsewhere."""
    if hashes:
        raise DamagedError(
            f"{journal.name}: the checkpoint after event {min(hashes)} belongs to no event",
            sequence=min(hashes),
        )
    for _ in journal.checkpoints():
        pass  # Reading each compares its checksum.
    if complaint is not None:
        raise DamagedError(f"{journal.name}: {complaint}", sequence=end)
