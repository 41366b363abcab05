"""A scenario as the feed of a service: its ticks at a chosen speed, and a book that answers.

The book is modelled. After a restart it stands as the last tick told it: what was taken since is
back in it. The journal does not depend on that, for fills are events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from seawall.engine.codec import decode_event
from seawall.engine.effect import OrderWanted, Refused
from seawall.engine.event import Event, Filled, Priced, Started
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Answer, Primary
from seawall.engine.rules.waterfall_rules import accounts_named
from seawall.engine.state import FIRST_ACCOUNT
from seawall.simulation.path import Tick, opening, ticks
from seawall.simulation.population import generate
from seawall.simulation.replay import Replay, Stage

LOOK_BACK = 4096  # Events among which the last tick is looked for, then as many more.


class ReplayFeed:
    """Plays a scenario into a primary; after its last tick it is silent."""

    def __init__(self, file: Path, speed: float, *, accounts: int | None = None) -> None:
        """`speed` is seconds of the scenario for each second."""
        self._replay = Replay(file, None, accounts=accounts)
        self._speed = speed
        self._ticks: Iterator[Tick] = iter(())
        self._next: Tick | None = None
        self._stage: Stage | None = None
        self._due = 0.0

    @property
    def name(self) -> str:
        """Of the scenario."""
        return self._replay.scenario.name

    def begin(self, primary: Primary) -> None:
        """Open the venue, or go on after the last tick that the journal holds."""
        replay = self._replay
        stage = Stage(primary.engine, replay.course, replay.book, None)
        self._stage = stage
        if not primary.engine.sequence:
            self._open(primary, stage)
        elif (last := _last_tick(primary.journal)) is not None:
            marks = dict(last.mark)
            stage.book = stage.book.observe(marks, stage.thinness(last.time_ms), last.depth)
        self._answer_all(primary, stage)
        path = ticks(replay.bars, replay.scenario.path.order, replay.scenario.path.offsets_s)
        now = primary.engine.time_ms
        self._ticks = (tick for tick in path if tick.time_ms > now)
        self._next = next(self._ticks, None)
        self._due = time.monotonic() + self._gap_s(now)

    def wait_s(self) -> float:
        """Seconds until the next tick."""
        return 3600.0 if self._next is None else self._due - time.monotonic()

    def step(self, primary: Primary) -> None:
        """One tick, what falls on it, and the answers until nothing more is wanted."""
        tick, stage = self._next, self._stage
        assert tick is not None, "the scenario is over"
        assert stage is not None, "the feed has begun"
        course = self._replay.course
        thinness = stage.thinness(tick.time_ms)
        standing = stage.book.step(course.marks(tick), thinness).standing()
        priced = course.priced(tick, standing)
        stage.book = stage.book.observe(dict(priced.mark), thinness, priced.depth)
        self._submit(primary, stage, [priced, *course.after_price(tick)])
        self._answer_all(primary, stage)
        self._next = next(self._ticks, None)
        self._due = max(self._due, time.monotonic() - 1.0) + self._gap_s(tick.time_ms)

    def _gap_s(self, now_ms: int) -> float:
        return 0.0 if self._next is None else (self._next.time_ms - now_ms) / 1000 / self._speed

    def _open(self, primary: Primary, stage: Stage) -> None:
        replay = self._replay
        first, rules = opening(replay.bars), replay.rulebook
        price = tuple(price for _, price in replay.course.prices(first))
        users = FIRST_ACCOUNT + len(accounts_named(rules.funds, rules.loss_sharing))
        people = generate(replay.scenario, replay.catalogue, price, rules.haircuts, users)
        thinness = stage.thinness(first.time_ms)
        book = stage.book.step(replay.course.marks(first), thinness)
        priced = replay.course.priced(first, book.standing(with_options=True))
        stage.book = stage.book.observe(dict(priced.mark), thinness, priced.depth)
        events: list[Event] = [Started(time_ms=first.time_ms, rulebook=rules.canonical())]
        events += replay.course.opening_events(people, priced)
        self._submit(primary, stage, events)

    def _submit(self, primary: Primary, stage: Stage, events: list[Event]) -> list[Answer]:
        answers = primary.submit_all([(None, event) for event in events])
        for event, answer in zip(events, answers, strict=True):
            for effect in answer.effects:
                refused = isinstance(effect, Refused) and not isinstance(event, Filled)
                assert not refused, f"the venue refused the scenario's {type(event).__name__}"
        return answers

    def _answer_all(self, primary: Primary, stage: Stage) -> None:
        """Answer every order that waits, also those of commands between two ticks."""
        while orders := primary.engine.venue.orders:
            number, order = next(iter(sorted(orders.items())))
            wanted = OrderWanted(
                order=number,
                account=order.account,
                instrument=order.instrument,
                lots=order.lots,
                limit=order.limit,
            )
            fill = stage.answer(wanted)
            assert stage.answered is not None
            self._submit(primary, stage, [fill])
            stage.book = stage.answered[1]


def _last_tick(journal: Journal) -> Priced | None:
    """The last prices that were told, found from the end."""
    end = journal.last_sequence()
    while end > 0:
        first, found = max(1, end - LOOK_BACK), None
        for entry in journal.entries(first, end):
            event = decode_event(entry.event)
            if isinstance(event, Priced):
                found = event
        if found is not None:
            return found
        end = first - 1
    return None
