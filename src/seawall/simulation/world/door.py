"""A venue of a world: its engine behind its one door, its books, and a count of what came out.

Everything goes in as an event. An order that the engine wants is answered at once by the book of
its coin, at what the book gives within the limit, and the book remembers. Knows no person's rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Deleveraged,
    Effects,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    OrderWanted,
    Refused,
    StateChanged,
    TakenOver,
    Uncovered,
)
from seawall.engine.event import (
    CollateralObserved,
    Deposited,
    Event,
    Filled,
    Listed,
    Loaded,
    Opened,
    Priced,
    Started,
    Traded,
)
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import read as read_rulebook
from seawall.margin import Requirement
from seawall.market import Instrument
from seawall.money import Rounding, divide
from seawall.simulation.world.book import ONE, Book
from seawall.simulation.world.feeds import Feed
from seawall.simulation.world.scenario import VenueChoice

ORDERS_MOST = 100_000  # For one event; more means that engine and book never come to an end.
_SETTLED = FundPaid | LossShared | Uncovered | Deleveraged | TakenOver | Liquidated | ExitFilled


class Entrant(NamedTuple):
    """An account before it is open: what it holds by asset."""

    name: str
    method: str
    rows: dict[int, int]


class Door:
    """One venue of a world."""

    def __init__(
        self,
        choice: VenueChoice,
        books: dict[str, Book],
        feeds: Mapping[str, Feed],
        at_start: Mapping[str, int],
    ) -> None:
        self.choice, self.books, self.feeds = choice, books, feeds
        self.at_start = at_start  # Price atoms by coin, before the engine knows any.
        self.engine = Engine()
        self.rulebook = read_rulebook(choice.rules, choice.name)
        self.coins = self.rulebook.catalogue()
        self.instruments = tuple(
            Instrument(
                id=one.id, type=one.type, base=one.base, quote=one.quote, settle=one.quote,
                lot=int(one.lot * self.coins.coins[self.coins.coin(one.base)].one),
                tick=int(one.tick * ONE),
            )
            for one in choice.contracts
        )  # fmt: skip
        self.catalogue = self.coins.listed(self.instruments)
        self.number = {one.id: place for place, one in enumerate(self.instruments)}
        self.makers: list[int] = []
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.settled: list[Effects] = []
        self.forced: list[int] = [0]  # [step] notional sold or bought by force, numeraire atoms.
        self.absorbed: list[int] = [0]  # [step] the same off the book.
        self.fund: list[int] = []  # [step] numeraire atoms.
        self.liquidated: set[int] = set()
        self.bankrupt: set[int] = set()
        self._screen: Requirement | None = None

    # -- events --------------------------------------------------------------------------------

    def send(self, event: Event) -> tuple[Effects, ...]:
        """One event, and the answers to whatever it wants; the effects of the event itself."""
        effects = self._apply(event)
        waiting = [one for one in effects if isinstance(one, OrderWanted)]
        for _ in range(ORDERS_MOST):
            if not waiting:
                break
            order = waiting.pop(0)
            answered = self._apply(self._answer(order))
            waiting += [one for one in answered if isinstance(one, OrderWanted)]
        else:
            raise AssertionError(f"more than {ORDERS_MOST} orders for one event")
        return effects

    def open(self, time_ms: int, entrants: Sequence[Entrant], rates: Mapping[str, int]) -> None:
        """The opening: rules, contracts, accounts, fund, prices, and the book of accounts."""
        at = {"time_ms": time_ms}
        self.send(Started(**at, rulebook=self.rulebook.canonical()))
        self.send(Listed(**at, instruments=self.instruments))
        for coin, rate in rates.items():
            self.send(CollateralObserved(**at, coin=self.coins.coin(coin), rate=rate))
        names = tuple(one.name for one in entrants)
        self.send(Opened(**at, names=names, methods=tuple(one.method for one in entrants)))
        for coin, amount in self.choice.fund.items():
            number = self.coins.coin(coin)
            atoms = int(amount * self.coins.coins[number].one)
            if atoms:
                account = self.engine.venue.funds[0]
                self.send(Deposited(**at, account=account, coin=number, atoms=atoms))
        rows = [
            (self.engine.account(one.name), asset, quantity)
            for one in entrants
            for asset, quantity in sorted(one.rows.items())
            if quantity
        ]
        columns = np.array(rows, np.int64).reshape(-1, 3)
        self.send(
            Loaded(
                **at,
                account=columns[:, 0].astype("<i4").tobytes(),
                asset=columns[:, 1].astype("<i4").tobytes(),
                quantity=columns[:, 2].astype("<i8").tobytes(),
            )
        )
        assert not self.refused, f"the opening was refused: {dict(self.refused)}"

    def tell(self, time_ms: int, step: int, step_ms: int) -> None:
        """What the venue hears in this step: reports, prices, marks and the depth of its books."""
        price: list[tuple[int, int]] = []
        for coin, feed in self.feeds.items():
            number = self.coins.coin(coin)
            told = feed.speaks(step)
            if told and coin in self.engine.rulebook.oracle:
                self.send(feed.reports(number, time_ms, step_ms))
            elif told:
                price.append((number, told))
        marks = tuple(
            (number, self.mark(number))
            for number, one in enumerate(self.instruments)
            if one.type == "perpetual" and self.choice.marks == "traded"
        )
        depth = tuple(
            (number, self._lots(number, buys=False), self._lots(number, buys=True))
            for number in range(len(self.instruments))
        )
        self.send(Priced(time_ms=time_ms, price=tuple(price), mark=marks, depth=depth))

    def trade(self, account: int, instrument: int, lots: int, step: int) -> bool:
        """A person's trade with a maker through the book: signed lots, positive buys."""
        book, buys = self.book(instrument), lots > 0
        worth = self.lot_worth(instrument)
        count = min(abs(lots), book.room(buys=buys) // max(1, worth))
        if count <= 0:
            return False
        notional = -count * worth if buys else count * worth
        price = self._on_tick(instrument, book.average(notional), buys=buys)
        maker = self.makers[(account + step) % len(self.makers)]
        buyer, seller = (account, maker) if buys else (maker, account)
        effects = self.send(
            Traded(
                time_ms=self.engine.time_ms, instrument=instrument, buyer=buyer, seller=seller,
                lots=count, price=price,
            )
        )  # fmt: skip
        if effects and isinstance(effects[0], Refused):
            return False
        name = self._book_name(instrument)
        self.books[name] = self.books[name].sold(notional)
        return True

    def close_step(self, step: int) -> None:
        """Remember what the step was; the next one begins at nothing."""
        self.fund.append(self.engine.insurance_fund())
        self.forced.append(0)
        self.absorbed.append(0)

    # -- what others read ----------------------------------------------------------------------

    def screen(self) -> Requirement:
        """The float screen of everybody from `FIRST_ACCOUNT` on, as of the last prices.

        It is not taken again while people trade, so whoever acts on it asks for a verdict too.
        """
        if self._screen is None:
            self._screen = self.engine.requirement()[1]
        return self._screen

    def book(self, instrument: int) -> Book:
        """The book of an instrument's coin, now."""
        return self.books[self._book_name(instrument)]

    def lot_worth(self, instrument: int) -> int:
        """Numeraire atoms of one lot at the price of its book."""
        terms = self.instruments[instrument]
        one = self.coins.coins[self.coins.coin(terms.base)].one
        return terms.lot * self.book(instrument).price // one

    def mark(self, instrument: int) -> int:
        """The book's price in the quote currency, on a tick."""
        terms = self.instruments[instrument]
        price = self.book(instrument).price * ONE // self._quote(instrument)
        return max(terms.tick, divide(price, terms.tick, Rounding.NEAREST) * terms.tick)

    def is_open(self, coin: str) -> bool:
        """Whether neither the venue nor the coin's market is halted or on reduce-only."""
        watch, now = self.engine.venue.watch, self.engine.time_ms
        places = ((Scope.ALL, -1), (Scope.VENUE, -1), (Scope.MARKET, self.coins.coin(coin)))
        return all(watch.mode(scope, subject, now) is Mode.OPEN for scope, subject in places)

    def state(self, account: int) -> State:
        """Where an account stands."""
        return State(int(self.engine.venue.status[account]))

    # -- inside --------------------------------------------------------------------------------

    def _apply(self, event: Event) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        if isinstance(event, Priced):
            self._screen = None
        for effect in effects:
            self._count(effect)
        return effects

    def _answer(self, order: OrderWanted) -> Filled:
        """What the book gives; it is taken from the book at once."""
        number, buys = order.instrument, order.lots > 0
        name, worth = self._book_name(number), self.lot_worth(number)
        book = self.books[name]
        limit = order.limit * self._quote(number) // ONE
        lots = book.most(abs(order.lots), worth, limit, buys=buys)
        price = self.engine.venue.mark(number)
        if lots:
            notional = -lots * worth if buys else lots * worth
            price = self._on_tick(number, book.average(notional), buys=buys)
            price = min(price, order.limit) if buys else max(price, order.limit)
            self.books[name] = book.sold(notional)
        return Filled(time_ms=self.engine.time_ms, order=order.order, lots=lots, price=price)

    def _count(self, effect: Effects) -> None:
        self.counts[str(effect.__struct_config__.tag)] += 1
        if isinstance(effect, _SETTLED):
            self.settled.append(effect)
        match effect:
            case Refused():
                self.refused[effect.reason.value] += 1
            case Liquidated() | ExitFilled():
                self.forced[-1] += effect.notional
            case Deleveraged() | TakenOver():
                self.absorbed[-1] += effect.notional
            case StateChanged(after=State.LIQUIDATING):
                self.liquidated.add(effect.account)
            case StateChanged(after=State.BANKRUPT):
                self.bankrupt.add(effect.account)

    def _lots(self, instrument: int, *, buys: bool) -> int:
        return self.book(instrument).room(buys=buys) // max(1, self.lot_worth(instrument))

    def _book_name(self, instrument: int) -> str:
        return self.choice.books[self.instruments[instrument].base]

    def _quote(self, instrument: int) -> int:
        """Price of the quote currency, price atoms."""
        quote = self.instruments[instrument].quote
        told = self.engine.sequence and self.engine.snapshot.price[self.coins.coin(quote)]
        return told or self.at_start[quote]

    def _on_tick(self, instrument: int, price: int, *, buys: bool) -> int:
        """A dollar price in the quote currency, on a tick to the disadvantage of the taker."""
        tick = self.instruments[instrument].tick
        said = price * ONE // self._quote(instrument)
        return max(tick, divide(said, tick, Rounding.UP if buys else Rounding.DOWN) * tick)
