"""A live engine that loses nothing when it dies, and others that live beside it.

`Primary` answers a command only once its event is durable, and answers a repeated one as the first
time. `Shadow` follows the journal while it grows and compares every chain link and the state at
every checkpoint; it may take over, which shuts the old writer out before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self

import msgspec
from sqlalchemy import Connection

from seawall.engine.codec import decode_effects, decode_event, encode_effects, encode_event
from seawall.engine.effect import Effect
from seawall.engine.engine import Engine
from seawall.engine.event import Event
from seawall.engine.history._commands import Command, FencedError
from seawall.engine.history._store import Durability
from seawall.engine.history.journal import Checkpoint, DamagedError, Entry, Journal, JournalError
from seawall.engine.history.replay import Fault, ReplayError, recover, replayed
from seawall.engine.rules.rulebook import RulebookError
from seawall.engine.state.memory import first_difference

__all__ = ["Answer", "Divergence", "FencedError", "Kept", "KeyReusedError", "Primary", "Shadow"]


class Beside(Protocol):
    """Who writes tables of its own in the transaction of events."""

    def __call__(self, connection: Connection, happened: Sequence[Kept]) -> None: ...


class KeyReusedError(JournalError):
    """A key comes back with another command than the one that it was first given for."""


class Answer(NamedTuple):
    """What a command did; only given when it is durable."""

    sequence: int
    effects: Sequence[Effect]
    repeated: bool  # It was done before; this is its first answer again.


class Kept(NamedTuple):
    """One event that happened, and what it did."""

    sequence: int
    event: Event
    effects: Sequence[Effect]


class Primary:
    """The one engine that writes a journal. After any failure it is spent: open another one.

    Who must not miss an event writes `beside` it, in its transaction; who only follows is called
    `after` it is durable. Both see each event once, in order, and run on the caller's thread.
    """

    def __init__(self, journal: Journal, engine: Engine, checkpoint_events: int = 0) -> None:
        """Take a journal opened for writing and the engine that stands at its end."""
        self.journal = journal
        self.engine = engine
        self._checkpoint_events = checkpoint_events  # 0: it writes no checkpoints.
        self._spent = False
        self.beside: Beside | None = None
        self.after: Callable[[Sequence[Kept]], None] | None = None

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        seize: bool = False,
        durability: Durability = "full",
        checkpoint_events: int = 0,
    ) -> Self:
        """Take a journal over and bring an engine to its end; earlier writers are shut out."""
        journal = Journal.open(where, durability=durability, seize=seize)
        try:
            journal.claim()
            return cls(journal, recover(journal, Engine.restore, Engine), checkpoint_events)
        except BaseException:
            journal.close()
            raise

    def submit(self, event: Event, key: str | None = None) -> Answer:
        """Do one command, keep it, and answer; under a known key, give its first answer."""
        return self.submit_all([(key, event)])[0]

    def submit_all(self, commands: Sequence[tuple[str | None, Event]]) -> list[Answer]:
        """Do commands in order and keep them in one transaction, all of them or none."""
        if self._spent:
            raise JournalError(f"{self.journal.name}: this writer has failed; open another one")
        answers: list[Answer] = []
        entries: list[Entry] = []
        happened: list[Kept] = []
        kept: dict[str, tuple[Command, Event]] = {}
        self._spent = True
        try:
            for key, event in commands:
                known = self._known(key, event, kept)
                if known is None:
                    known = self._do(key, event, entries, kept)
                    happened.append(Kept(known.sequence, event, known.effects))
                answers.append(known)
            self._keep(entries, [command for command, _ in kept.values()], happened)
        except (RulebookError, KeyReusedError):
            self._spent = bool(entries)  # The engine is ahead of its journal, if it did anything.
            raise
        self._spent = False
        self._keep_state(len(entries))
        if self.after is not None and happened:
            self.after(happened)
        return answers

    def close(self) -> None:
        """Let go of the journal."""
        self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    def _do(
        self,
        key: str | None,
        event: Event,
        entries: list[Entry],
        kept: dict[str, tuple[Command, Event]],
    ) -> Answer:
        engine = self.engine
        effects = engine.apply(event)
        entries.append(Entry(engine.sequence, event.time_ms, engine.last_event, engine.chain))
        if key is not None:
            kept[key] = Command(key, engine.sequence, encode_effects(effects)), event
        return Answer(engine.sequence, effects, False)

    def _keep(
        self, entries: Sequence[Entry], commands: Sequence[Command], happened: Sequence[Kept]
    ) -> None:
        beside = None if self.beside is None else partial(self.beside, happened=happened)
        self.journal.append(entries, commands, beside)

    def _known(
        self, key: str | None, event: Event, kept: dict[str, tuple[Command, Event]]
    ) -> Answer | None:
        if key is None:
            return None
        if key in kept:
            command, first = kept[key]
        else:
            found = self.journal.command(key)
            if found is None:
                return None
            command = found
            first = decode_event(next(self.journal.entries(found.sequence)).event)
        # A client that asks again may ask later.
        if encode_event(msgspec.structs.replace(event, time_ms=first.time_ms)) != encode_event(
            first
        ):
            raise KeyReusedError(
                f"{self.journal.name}: the key {key!r} was given for another command",
                sequence=command.sequence,
            )
        return Answer(command.sequence, decode_effects(command.answer), True)

    def _keep_state(self, events: int) -> None:
        every, engine = self._checkpoint_events, self.engine
        if every and engine.sequence // every > (engine.sequence - events) // every:
            checkpoint = Checkpoint(
                engine.sequence, engine.chain, engine.state_hash(), engine.dump()
            )
            with suppress(JournalError):  # The commands are durable; only recovery is slower.
                self.journal.checkpoint(checkpoint)


class Divergence(NamedTuple):
    """The first point at which the shadow and the live engine differ."""

    sequence: int
    component: str  # "journal", "effects", or the part of the state.
    message: str


class Shadow:
    """An engine that follows a journal which another process writes."""

    def __init__(self, where: str | Path) -> None:
        """Open the journal to read it, and catch up from its last checkpoint."""
        self._where = where
        self.journal = Journal.open(where, read_only=True)
        self.divergence: Divergence | None = None
        self.compared = 0  # States that were found equal.
        try:
            self.engine = recover(self.journal, Engine.restore, Engine)
        except BaseException:
            self.journal.close()
            raise
        self._compared_until = self.engine.sequence
        self._base = self.engine.dump()

    def poll(self) -> int:
        """Follow what was written since the last call; how many events. Stops at a difference."""
        if self.divergence is not None:
            return 0
        before = self.engine.sequence
        try:
            hashes = self.journal.state_hashes()
            for sequence in sorted(s for s in hashes if s > self._compared_until):
                self._compare(sequence, hashes[sequence])
            if self.divergence is None:
                replayed(self.journal, self.engine)
                self._compare_the_end()
        except ReplayError as error:
            component = "effects" if error.fault is Fault.CHAIN else "state"
            self.divergence = Divergence(error.sequence or 0, component, str(error))
        except DamagedError as error:
            sequence = error.sequence or self.engine.sequence + 1
            self.divergence = Divergence(sequence, "journal", str(error))
        return self.engine.sequence - before

    def take_over(
        self, *, seize: bool = False, durability: Durability = "full", checkpoint_events: int = 0
    ) -> Primary:
        """Become the primary: shut the old one out, follow what it still wrote, and go on.

        A `JournalError` where the old one lives and holds its lock; `seize` passes that by, for one
        that hangs. The shadow is used up.
        """
        if self.divergence is not None:
            raise JournalError(f"{self.journal.name}: not taken over: {self.divergence.message}")
        journal = Journal.open(self._where, durability=durability, seize=seize)
        try:
            journal.claim()
            primary = Primary(journal, replayed(journal, self.engine), checkpoint_events)
        except BaseException:
            journal.close()
            raise
        self.journal.close()
        return primary

    @property
    def is_finished(self) -> bool:
        """Whether the live engine has sealed its journal."""
        return self.journal.final_hash() is not None

    def close(self) -> None:
        """Let go of the journal."""
        self.journal.close()

    def _compare_the_end(self) -> None:
        final = self.journal.final_hash()
        at_end = self.engine.sequence == self.journal.last_sequence()
        if final is not None and at_end and self.engine.state_hash() != final:
            message = f"{self.journal.name}: the state at its end differs"
            self.divergence = Divergence(self.engine.sequence, "state", message)

    def _compare(self, sequence: int, expected: str) -> None:
        """Hold the state after one event against the live engine's, and name what differs."""
        if self.divergence is not None:
            return
        engine = self.engine
        if engine.sequence > sequence:  # The checkpoint was written after its event was followed.
            engine = Engine.restore(self._base)
        replayed(self.journal, engine, sequence)
        if engine.state_hash() == expected:
            self._compared_until, self._base = sequence, engine.dump()
            self.compared += 1
            return
        checkpoint = self.journal.latest_checkpoint(sequence)
        part = checkpoint and first_difference(engine.dump(), checkpoint.blob)
        component = part or "state"
        message = f"{self.journal.name}: the {component} after event {sequence} differs"
        self.divergence = Divergence(sequence, component, message)
