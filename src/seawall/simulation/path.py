"""The path: a scenario as events in time, apart from what the book of orders adds to them.

Each bar becomes three ticks: one extreme, the other, the close. At funding hours `Funded` follows
the price, at an expiry `Settled`. Everything here is a function of the scenario and its files.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from seawall.engine.event import Deposited, Events, Funded, Listed, Loaded, Opened, Priced, Settled
from seawall.market import Catalogue, Instrument, VolatilitySlice
from seawall.money import AmountError, parse_atoms, parse_ratio
from seawall.simulation.bars import Bar, Bars, ScenarioError, milliseconds
from seawall.simulation.population import Population
from seawall.simulation.scenario import Order, Scenario
from seawall.simulation.surface import Fit, Surface, blended, read_surface, years_between

INSURANCE_FUND = 3  # Its account in the ledger.
HOUR_MS = 3_600_000


class Tick(NamedTuple):
    """A moment and the price of each coin of the bars."""

    time_ms: int
    price: tuple[int, ...]  # [coin of the bars] price atoms.


def opening(bars: Bars) -> Tick:
    """The first moment: the middle of the first bar, because a bar does not say where it opened."""
    return Tick(bars.start_ms[0], tuple((bar.low + bar.high) // 2 for bar in bars.bar[0]))


def ticks(bars: Bars, order: Order, offsets_s: Sequence[int]) -> Iterator[Tick]:
    """Three ticks for each bar. All coins visit the same-named extreme together.

    `nearest_first` goes first to the extreme that is nearer to the first coin's last close.
    """
    close = opening(bars).price[0]
    for start, row in zip(bars.start_ms, bars.bar, strict=True):
        low, high = tuple(bar.low for bar in row), tuple(bar.high for bar in row)
        extremes = (low, high) if _low_comes_first(order, row[0], close) else (high, low)
        for offset, price in zip(
            offsets_s, (*extremes, tuple(bar.close for bar in row)), strict=True
        ):
            yield Tick(start + offset * 1000, price)
        close = row[0].close


def _low_comes_first(order: Order, bar: Bar, close: int) -> bool:
    if order == "nearest_first":
        return abs(bar.low - close) <= abs(bar.high - close)
    return order == "low_first"


@dataclass(frozen=True, slots=True)
class Steps:
    """A number that is stated at some times."""

    time_ms: tuple[int, ...]
    number: tuple[int, ...]  # Parts per billion.

    @classmethod
    def read(cls, rows: Sequence[tuple[datetime, Decimal]], key: str) -> Steps:
        """Read (time, ratio) rows exactly."""
        try:
            numbers = tuple(parse_ratio(number) for _, number in rows)
        except AmountError as error:
            raise ScenarioError(f"{key}: {error}") from None
        return cls(tuple(milliseconds(moment) for moment, _ in rows), numbers)

    def linear(self, time_ms: int) -> int:
        """Linear between the stated times, flat beyond them; rounded down."""
        place = bisect_right(self.time_ms, time_ms)
        if place == 0 or place == len(self.time_ms):
            return self.number[max(0, place - 1)]
        left, right = self.time_ms[place - 1], self.time_ms[place]
        rise = self.number[place] - self.number[place - 1]
        return self.number[place - 1] + rise * (time_ms - left) // (right - left)

    def since(self, time_ms: int) -> int:
        """The number that was stated last; the first one before that."""
        return self.number[max(0, bisect_right(self.time_ms, time_ms) - 1)]


class Course:
    """The events of a scenario over a catalogue, tick by tick."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        catalogue: Catalogue,
        listing: tuple[Instrument, ...],
    ) -> None:
        self.scenario = scenario
        self.catalogue = catalogue
        self.listing = listing
        self.coins = tuple(catalogue.coin(name) for name in scenario.path.coins)
        self.stress = Steps.read(scenario.surface.stress, "$.surface.stress")
        self.rates = Steps.read(scenario.funding.rates, "$.funding.rates")
        chosen, file = scenario.surface, folder / scenario.surface.file
        days: dict[int, tuple[Surface, Surface]] = {}
        for coin in sorted({catalogue.coin(chain.base) for chain in scenario.chains}):
            name = catalogue.coins[coin].id
            days[coin] = (
                read_surface(file, name, chosen.calm),
                read_surface(file, name, chosen.stressed),
            )
        lasting, perpetuals = [], []
        self.expiring: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, one in enumerate(catalogue.instruments):
            if one.type != "option":
                lasting.append((number, catalogue.coin(one.base)))
            if one.type == "perpetual":
                perpetuals.append(number)
            if one.expires_ms is not None:
                self.expiring[one.expires_ms].append((number, catalogue.coin(one.base)))
        self.lasting, self.perpetuals = tuple(lasting), tuple(perpetuals)
        expiries = sorted(
            {
                (catalogue.coin(one.base), one.expires_ms, one.listed_ms)
                for one in catalogue.instruments
                if one.expires_ms is not None
            }
        )
        self.fits: list[tuple[int, int, Fit, Fit]] = []  # (coin, expiry, calm, stressed)
        for coin, expires_ms, listed_ms in expiries:
            years = years_between(listed_ms, expires_ms)
            calm, stressed = (day.nearest(years) for day in days[coin])
            self.fits.append((coin, expires_ms, calm, stressed))

    def prices(self, tick: Tick) -> tuple[tuple[int, int], ...]:
        """(coin, price atoms) of every coin; one that has no bars is worth one numeraire."""
        seen = dict(zip(self.coins, tick.price, strict=True))
        one = self.catalogue.numeraire.one
        return tuple((coin, seen.get(coin, one)) for coin in range(len(self.catalogue.coins)))

    def marks(self, tick: Tick) -> dict[int, int]:
        """Marks of contracts that do not expire: the index of their coin."""
        price = dict(self.prices(tick))
        return {number: price[coin] for number, coin in self.lasting}

    def slices(self, time_ms: int) -> tuple[VolatilitySlice, ...]:
        """The smile of each expiry that is not past, blended by stress."""
        weight = self.stress.linear(time_ms)
        return tuple(
            blended(calm, stressed, weight, coin, expires_ms)
            for coin, expires_ms, calm, stressed in self.fits
            if expires_ms >= time_ms
        )

    def priced(self, tick: Tick, depth: tuple[tuple[int, int, int], ...]) -> Priced:
        """The price event of a tick, with the depth that the driver's book has."""
        return Priced(
            time_ms=tick.time_ms,
            price=self.prices(tick),
            mark=tuple(self.marks(tick).items()),
            slices=self.slices(tick.time_ms),
            depth=depth,
        )

    def opening_events(self, population: Population, first: Priced) -> Iterator[Events]:
        """What follows `Started`: listing, accounts, the first price, the fund, the book."""
        time_ms = first.time_ms
        yield Listed(time_ms=time_ms, instruments=self.listing)
        yield Opened(time_ms=time_ms, names=population.names, methods=population.methods)
        yield first
        for coin, amount in self.scenario.insurance_fund.items():
            number = self.catalogue.coin(coin)
            atoms = parse_atoms(amount, self.catalogue.coins[number].decimals)
            if atoms:
                yield Deposited(time_ms=time_ms, account=INSURANCE_FUND, coin=number, atoms=atoms)
        account, asset, quantity = population.columns()
        yield Loaded(time_ms=time_ms, account=account, asset=asset, quantity=quantity)

    def after_price(self, tick: Tick) -> Iterator[Events]:
        """Funding and expiries that fall on this tick."""
        hour, rest = divmod(tick.time_ms, HOUR_MS)
        if not rest and hour % 24 in self.scenario.funding.hours_utc:
            rate = self.rates.since(tick.time_ms)
            for number in self.perpetuals:
                yield Funded(time_ms=tick.time_ms, instrument=number, rate=rate)
        price = dict(self.prices(tick))
        for number, coin in self.expiring.get(tick.time_ms, ()):
            yield Settled(time_ms=tick.time_ms, instrument=number, price=price[coin])
