"""A world: seeded courses, books that bear what is sold, and real engines behind their own doors.

Each step: coins move by themselves, books tell their prices, venues hear them and liquidate into
the books, keepers take, people act, arbitrageurs pull. What was sold is in the next step's prices;
with impact off the same world runs on the same draws and its prices are the courses.
Everything is a function of scenario and seed; integers, and floats only where a draw is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from seawall.engine.losses.waterfall import waterfall_report
from seawall.money import RATIO_ONE
from seawall.simulation.bars import ScenarioError
from seawall.simulation.world.arbitrage import Arbitrageur
from seawall.simulation.world.book import Book, opened
from seawall.simulation.world.chain import Chain
from seawall.simulation.world.course import courses
from seawall.simulation.world.crowd import Born, Crowd, born_borrowers, born_traders
from seawall.simulation.world.door import Door, Entrant
from seawall.simulation.world.feeds import Feed, attack_cost
from seawall.simulation.world.policy import DynamicMargin
from seawall.simulation.world.report import Comparison, VenueReport, WorldReport
from seawall.simulation.world.scenario import (
    BorrowerChoice,
    FeedChoice,
    TraderChoice,
    VenueChoice,
    WorldScenario,
)

START_MS = 1_760_054_400_000  # 10 October 2025, 00:00 UTC.


class World:
    """One world at one moment; `run` takes it to its end."""

    def __init__(
        self, seed: int | None = None, scenario: WorldScenario | None = None, *, impact: bool = True
    ) -> None:
        if scenario is None:
            from seawall.simulation.world.small import small_scenario

            scenario = small_scenario()
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.has_impact = impact
        self.step_ms = scenario.step_s * 1000
        self.step_number = 0
        self.checks = 0
        self.courses = courses(scenario, self.seed)
        self.books: dict[str, Book] = {
            one.id: opened(one, self.courses[one.coin][0], self.step_ms, has_impact=impact)
            for one in scenario.books
        }
        self.prices = {name: [book.price] for name, book in self.books.items()}
        self.volatility = {name: [0] for name in self.books}
        self.depth = {name: [book.depth] for name, book in self.books.items()}
        self.coin_of = {one.id: one.coin for one in scenario.books}
        self.doors = {one.name: self._door(one) for one in scenario.venues}
        self.crowds = self._people()
        self.arbitrageurs = [Arbitrageur(one, self.doors) for one in scenario.arbitrageurs]
        self.chains = [
            Chain(door, [one for one in scenario.keepers if one.venue == name], self.seed)
            for name, door in self.doors.items()
        ]
        self.policies = [
            DynamicMargin(one, self.doors[one.venue]) for one in scenario.dynamic_margin
        ]
        self._tell()
        for place, (name, door) in enumerate(self.doors.items()):
            if not door.engine.venue.tables.ready:
                silent = [
                    coin.id
                    for number, coin in enumerate(door.rulebook.coins)
                    if not door.engine.snapshot.price[number]
                ]
                said = f"{name} has no price of {', '.join(silent)} at the start"
                raise ScenarioError(f"{scenario.name}: $.venues[{place}]: {said}")
        self._close()

    # -- one way forward -----------------------------------------------------------------------

    def step(self) -> None:
        """One step of everything."""
        self.step_number += 1
        number = self.step_number
        for name, book in self.books.items():
            self.books[name] = book.step(number, self.courses[self.coin_of[name]][number])
            self.prices[name].append(self.books[name].price)
            self.volatility[name].append(self.books[name].volatility)
            self.depth[name].append(self.books[name].depth)
        for policy in self.policies:
            policy.look(number, self._gain(policy.book, 1), self._time_ms())
        self._tell()
        for chain in self.chains:
            chain.act(number)
        for crowd in self.crowds:
            followed = crowd.door.choice.books[crowd.door.instruments[crowd.instrument].base]
            crowd.act(number, self._gain(followed, crowd.choice.window_steps))
        for arbitrageur in self.arbitrageurs:
            arbitrageur.act(number, self.prices)
        self._close()

    def run(self, progress: Callable[[int, int], None] | None = None) -> WorldReport:
        """Go to the end, and tell."""
        while self.step_number < self.scenario.steps:
            self.step()
            if progress is not None:
                progress(self.step_number, self.scenario.steps)
        self.check()
        return self.report()

    def check(self) -> None:
        """Assert that no engine created or lost anything."""
        for door in self.doors.values():
            door.engine.check()
        self.checks += 1

    # -- what is left --------------------------------------------------------------------------

    def state_hash(self) -> str:
        """A hash of every engine, every book and everybody's memory."""
        memory: list[object] = [self.seed, self.step_number, self.has_impact]
        memory += [(name, tuple(book)[1:]) for name, book in sorted(self.books.items())]
        memory += [crowd.memory() for crowd in self.crowds]
        memory += [one.memory() for one in self.arbitrageurs]
        memory += [one.memory() for one in self.chains]
        memory += [(one.variance, one.rate) for one in self.policies]
        digest = hashlib.sha256(repr(memory).encode())
        for door in self.doors.values():
            digest.update(door.engine.state_hash().encode())
        return digest.hexdigest()

    def report(self) -> WorldReport:
        """What the run has been so far."""
        scenario, last = self.scenario, self.step_number + 1
        return WorldReport(
            scenario.name,
            self.seed,
            self.has_impact,
            scenario.step_s,
            self.step_number,
            {name: tuple(path) for name, path in self.prices.items()},
            {name: self.courses[self.coin_of[name]][:last] for name in self.books},
            {name: tuple(path) for name, path in self.volatility.items()},
            {name: tuple(path) for name, path in self.depth.items()},
            {name: self._venue_report(name) for name in self.doors},
            {crowd.choice.name: dict(crowd.acts) for crowd in self.crowds},
            {one.choice.name: (one.trades, one.cut_off) for one in self.arbitrageurs},
            {
                chain.door.choice.name: (chain.taken, chain.peak_fee, dict(chain.failures))
                for chain in self.chains
                if chain.keepers
            },
            {
                one.name: f"{attack_cost(one, self.courses[one.coin][one.step]):.2f}"
                for one in scenario.attackers
            },
            self.checks,
            self.state_hash(),
        )

    def _venue_report(self, name: str) -> VenueReport:
        door = self.doors[name]
        fall = waterfall_report(door.settled)
        rates = [one.rates for one in self.policies if one.door is door]
        uncovered = sum(door.engine.venue.worth(coin, atoms) for coin, atoms in fall.uncovered)
        return VenueReport(
            name,
            tuple(door.forced[:-1]),
            tuple(door.absorbed[:-1]),
            tuple(door.fund),
            tuple(rates[0]) if rates else (),
            fall,
            sum(atoms for _, atoms in fall.funds) + fall.shared + uncovered,
            door.counts["deleveraged"],
            door.counts["called"],
            len(door.liquidated),
            len(door.bankrupt),
            door.counts["breaker_changed"],
            dict(sorted(door.counts.items())),
            dict(sorted(door.refused.items())),
            door.engine.state_hash(),
        )

    # -- inside --------------------------------------------------------------------------------

    def _time_ms(self) -> int:
        return START_MS + self.step_number * self.step_ms

    def _gain(self, book: str, steps: int) -> int:
        """Return of a book over the last steps, parts per billion."""
        path = self.prices[book]
        before = path[max(0, len(path) - 1 - steps)]
        return (path[-1] - before) * RATIO_ONE // before

    def _tell(self) -> None:
        seen = {name: book.price for name, book in self.books.items()}
        seen |= {course_of(coin): path[self.step_number] for coin, path in self.courses.items()}
        for door in self.doors.values():
            for feed in door.feeds.values():
                feed.look(self.step_number, seen)
            door.tell(self._time_ms(), self.step_number, self.step_ms)

    def _close(self) -> None:
        for door in self.doors.values():
            door.close_step(self.step_number)
        every = self.scenario.check_every
        if every and self.step_number % every == 0:
            self.check()

    def _door(self, choice: VenueChoice) -> Door:
        attackers = [one for one in self.scenario.attackers if one.venue == choice.name]
        at_start = {coin: path[0] for coin, path in self.courses.items()}
        door = Door(choice, self.books, {}, at_start)
        door.feeds = {
            coin.id: Feed(
                choice.feeds.get(coin.id, FeedChoice()),
                choice.books.get(coin.id, course_of(coin.id)),
                [one for one in attackers if one.coin == coin.id],
            )
            for coin in door.rulebook.coins
        }
        return door

    def _people(self) -> list[Crowd]:
        """Everybody is drawn, every venue opens, and groups are handed their accounts."""
        scenario = self.scenario
        groups: tuple[TraderChoice | BorrowerChoice, ...]
        groups = (*scenario.traders, *scenario.borrowers)
        born: list[Born] = []
        for number, group in enumerate(groups):
            door = self.doors[group.venue]
            make = (
                born_traders(group, door, self.seed, number)
                if isinstance(group, TraderChoice)
                else born_borrowers(group, door, self.seed, number)
            )
            born.append(make)
        for name, door in self.doors.items():
            mine = [one for one, group in zip(born, groups, strict=True) if group.venue == name]
            entrants = [*self._street(door, mine), *(one for b in mine for one in b.entrants)]
            rates = {
                one.id: int(one.rate * RATIO_ONE)
                for one in scenario.coins
                if one.rate and one.id in {coin.id for coin in door.rulebook.coins}
            }
            door.open(START_MS, entrants, rates)
            door.makers = [door.engine.account(one) for one in self._maker_names(door)]
        crowds = [
            Crowd(group, self.doors[group.venue], one, self.seed, number)
            for number, (group, one) in enumerate(zip(groups, born, strict=True))
        ]
        named = {crowd.choice.name: crowd for crowd in crowds}
        for crowd in crowds:
            backed = getattr(crowd.choice, "backed_by", "")
            crowd.backing = named[backed] if backed else None
        return crowds

    def _maker_names(self, door: Door) -> list[str]:
        served = set(door.choice.books.values())
        makers = [
            one.name for book in self.scenario.books if book.id in served for one in book.makers
        ]
        return list(dict.fromkeys(makers))

    def _street(self, door: Door, born: list[Born]) -> list[Entrant]:
        """Makers, who hold the other side of everybody, then arbitrageurs and keepers."""
        against: dict[int, int] = {}
        for one in born:
            for asset, quantity in one.against.items():
                against[asset] = against.get(asset, 0) + quantity
        cash = door.catalogue.coin(door.rulebook.cash)
        unit = door.catalogue.coins[cash].one
        names = self._maker_names(door)
        capital = {
            maker.name: maker.capital for book in self.scenario.books for maker in book.makers
        }
        found = []
        for place, name in enumerate(names):
            rows = {
                asset: -(quantity * (place + 1) // len(names) - quantity * place // len(names))
                for asset, quantity in against.items()
            }
            rows[cash] = rows.get(cash, 0) + int(capital[name] * unit)
            found.append(Entrant(name, door.choice.maker_method, rows))
        for arbitrageur in self.scenario.arbitrageurs:
            for leg, method in zip(arbitrageur.legs, arbitrageur.methods, strict=True):
                if leg.venue == door.choice.name:
                    rows = {cash: int(arbitrageur.capital * unit)}
                    found.append(Entrant(arbitrageur.name, method, rows))
        for keeper in self.scenario.keepers:
            if keeper.venue == door.choice.name:
                rows = {cash: int(keeper.capital * unit)}
                found.append(Entrant(keeper.name, keeper.method, rows))
        return found


def compared(scenario: WorldScenario, seed: int | None = None) -> Comparison:
    """One world with and without impact, on the same draws."""
    return Comparison(World(seed, scenario).run(), World(seed, scenario, impact=False).run())


def course_of(coin: str) -> str:
    """The name under which a source looks at a coin that has no book."""
    return f"course of {coin}"
