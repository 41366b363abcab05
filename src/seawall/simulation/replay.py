"""The driver: a scenario through the live engine, tick by tick, into a journal.

It owns the path, the accounts and the book that answers liquidation orders. One tick is one batch
and one transaction: the price, what falls on it, and the answers until nothing more is wanted. The
driver keeps nothing that cannot be read back: a run that was killed goes on to the same hashes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import msgspec

from seawall.engine import Engine
from seawall.engine.codec import encode_event
from seawall.engine.effect import Effects, OrderWanted, Refused
from seawall.engine.event import Event, Events, Filled, Priced, Started
from seawall.engine.history.journal import Checkpoint, Entry, Journal
from seawall.engine.history.replay import recover, replayed
from seawall.engine.rules.rulebook import Rulebook
from seawall.engine.rules.rulebook import load as load_rulebook
from seawall.engine.rules.waterfall_rules import accounts_named
from seawall.engine.state import FIRST_ACCOUNT
from seawall.money import RATIO_ONE, parse_ratio
from seawall.simulation.bars import ScenarioError, read_bars
from seawall.simulation.depth import Depth
from seawall.simulation.depth_file import read_depth
from seawall.simulation.listing import instruments
from seawall.simulation.path import Course, Tick, opening, ticks
from seawall.simulation.population import generate
from seawall.simulation.recorder import Listener, Recorder
from seawall.simulation.recording import Recording
from seawall.simulation.scenario import Scenario
from seawall.simulation.scenario_check import load

ORDERS_MOST = 1_000_000  # In one tick; more means that engine and book never come to an end.


class Stage:
    """The engine, the book that it trades with, and who listens: everything that events move.

    A stage steps like an engine, so a journal can be replayed through it; after that its book is
    where the last event left it, because each `Priced` says what stands.
    """

    def __init__(self, engine: Engine, course: Course, book: Depth, recorder: Recorder | None):
        self.engine = engine
        self.course = course
        self.book = book
        self.recorder = recorder
        self.orders: dict[int, OrderWanted] = {}
        self.answered: tuple[Filled, Depth] | None = None  # The last answer and its book.
        self.ticks = 0

    @property
    def sequence(self) -> int:
        return self.engine.sequence

    @property
    def chain(self) -> bytes:
        return self.engine.chain

    def state_hash(self) -> str:
        return self.engine.state_hash()

    def apply(self, event: Event) -> tuple[Effects, ...]:
        """Let an event happen to the engine and to the book."""
        if isinstance(event, Priced):
            if self.ticks and self.recorder:
                self.recorder.close_tick(self.engine, self.ticks - 1)
            self.ticks += 1
            marks = dict(event.mark)
            self.book = self.book.observe(marks, self.thinness(event.time_ms), event.depth)
        elif isinstance(event, Filled) and event.order in self.orders:
            order = self.orders.pop(event.order)
            if self.answered is not None and self.answered[0] is event:
                self.book = self.answered[1]
            else:  # The answer was read from a journal.
                self.book = self.book.take(order.instrument, order.lots, event.lots)
        effects = self.engine.apply(cast(Events, event))
        for effect in effects:
            if type(effect) is OrderWanted:
                self.orders[effect.order] = effect
        if self.recorder:
            self.recorder.observe(event, effects, self.engine)
        return effects

    def thinness(self, time_ms: int) -> int:
        """Share of the book that is left at a time, by the scenario's stress."""
        left = parse_ratio(self.course.scenario.depth.left_in_stress)
        stress = self.course.stress.linear(time_ms)
        return RATIO_ONE - stress * (RATIO_ONE - left) // RATIO_ONE

    def answer(self, order: OrderWanted) -> Filled:
        """What the book gives for an order, now."""
        catalogue = self.engine.catalogue
        terms = catalogue.instruments[order.instrument]
        fill, after = self.book.fill(
            order.instrument,
            order.lots,
            order.limit,
            self.engine.venue.mark(order.instrument),
            self.engine.snapshot.price[catalogue.coin(terms.base)],
        )
        answer = Filled(
            time_ms=self.engine.time_ms, order=order.order, lots=fill.lots, price=fill.price
        )
        self.answered = (answer, after)
        return answer


class Replay:
    """A scenario file and the journal that its run is written to."""

    def __init__(
        self,
        file: Path,
        journal: Journal | None,
        *,
        seed: int | None = None,
        accounts: int | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.scenario: Scenario = changed(load(file), seed, accounts)
        if journal is not None:  # Otherwise it is set before `run`: first read, then write.
            self.journal = journal
        self.listener = listener
        folder = file.parent
        path = self.scenario.path
        self.bars = read_bars(folder / path.file, path.coins, path.step_s)
        self.rulebook: Rulebook = load_rulebook(folder / self.scenario.rulebook)
        coins = self.rulebook.catalogue()
        decimals = {coin.id: coin.decimals for coin in coins.coins}
        listing = instruments(self.scenario, decimals, self.bars.start_ms[0])
        self.catalogue = coins.listed(listing)
        for coin in self.scenario.insurance_fund:
            if coin not in decimals:
                reason = f"the rulebook has no coin {coin}"
                raise ScenarioError(f"{file.name}: $.insurance_fund.{coin}: {reason}")
        self.course = Course(self.scenario, folder, self.catalogue, listing)
        step_ms = path.step_s * 1000 // len(path.offsets_s)
        self.book = read_depth(self.scenario, folder, self.catalogue, step_ms)
        unknown = set(self._methods()) - set(self.rulebook.method_names)
        if unknown:
            raise ScenarioError(f"{file.name}: $.population: no margin method {min(unknown)}")

    def run(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        recorded: bool = True,
        last_tick: int | None = None,
    ) -> Recording | None:
        """Go on from where the journal ends, to the end of the path; seal the journal.

        With `recorded` a journal that has begun is replayed whole, so that the recording is too;
        without, only from its last checkpoint. `last_tick` stops early and seals nothing.
        """
        began = time.perf_counter()
        stage = self._stage(recorded)
        if not stage.sequence:
            self._append(stage, self._opening_events(stage))
        path = list(ticks(self.bars, self.scenario.path.order, self.scenario.path.offsets_s))
        for number, tick in enumerate(path, start=1):
            if tick.time_ms <= stage.engine.time_ms:
                continue
            if last_tick is not None and number > last_tick:
                return None
            self._step(stage, tick, number)
            if progress is not None:
                progress(number, len(path))
        if stage.recorder:
            stage.recorder.close_tick(stage.engine, stage.ticks - 1)
        self.journal.finish(stage.state_hash())
        if stage.recorder is None:
            return None
        return stage.recorder.recording(stage.engine, time.perf_counter() - began)

    def _stage(self, recorded: bool) -> Stage:
        recorder = Recorder(self.scenario, self.listener) if recorded else None

        def fresh() -> Stage:
            return Stage(Engine(), self.course, self.book, recorder)

        def restored(blob: bytes) -> Stage:
            return Stage(Engine.restore(blob), self.course, self.book, None)

        if recorded:
            return replayed(self.journal, fresh())
        return recover(self.journal, restored, fresh)

    def _opening_events(self, stage: Stage) -> Iterable[Events]:
        first = opening(self.bars)
        price = tuple(price for _, price in self.course.prices(first))
        rules = self.rulebook
        users = FIRST_ACCOUNT + len(accounts_named(rules.funds, rules.loss_sharing))
        population = generate(self.scenario, self.catalogue, price, self.rulebook.haircuts, users)
        yield Started(time_ms=first.time_ms, rulebook=self.rulebook.canonical())
        book = stage.book.step(self.course.marks(first), stage.thinness(first.time_ms))
        priced = self.course.priced(first, book.standing(with_options=True))
        yield from self.course.opening_events(population, priced)

    def _step(self, stage: Stage, tick: Tick, number: int) -> None:
        """One tick; its checkpoint is of the state before it, so that a tail holds a whole tick."""
        due = number % self.scenario.record.checkpoint_ticks == 0
        before = (
            (stage.sequence, stage.chain, stage.state_hash(), stage.engine.dump()) if due else None
        )
        book = stage.book.step(self.course.marks(tick), stage.thinness(tick.time_ms))
        priced = self.course.priced(tick, book.standing())
        self._append(stage, (priced, *self.course.after_price(tick)))
        if before is not None:
            self.journal.checkpoint(Checkpoint(*before))

    def _append(self, stage: Stage, events: Iterable[Events]) -> None:
        """Apply a batch with the answers that it asks for, then make it durable."""
        entries: list[Entry] = []
        for event in events:
            self._apply(stage, event, entries)
            for _ in range(ORDERS_MOST):
                if not stage.orders:
                    break
                order = next(iter(stage.orders.values()))
                self._apply(stage, stage.answer(order), entries)
            else:
                raise AssertionError(f"more than {ORDERS_MOST} orders in one tick")
        self.journal.append(entries)

    def _apply(self, stage: Stage, event: Events, entries: list[Entry]) -> None:
        effects = stage.apply(event)
        refused = [one for one in effects if isinstance(one, Refused)]
        assert not refused, f"the engine refused {type(event).__name__}: {refused[0].reason.value}"
        entries.append(Entry(stage.sequence, event.time_ms, encode_event(event), stage.chain))

    def _methods(self) -> tuple[str, ...]:
        people = self.scenario.population
        return (
            people.isolated.method,
            people.cross.method,
            people.desks.method,
            people.makers.method,
        )


def changed(scenario: Scenario, seed: int | None, accounts: int | None) -> Scenario:
    """Put another seed or another number of accounts into a scenario."""
    population = scenario.population
    if accounts is not None:
        population = msgspec.structs.replace(population, accounts=accounts)
    seed = scenario.seed if seed is None else seed
    return msgspec.structs.replace(scenario, seed=seed, population=population)
