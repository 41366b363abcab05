"""The same fall through the real engine, round by round: what the fast path is held to.

A venue of these rules, with an order book behind it and a fund that never ends, is given the book
and the shocked price. In a round every order that it wants is filled whole at its mark; then the
laws move the price of each coin by all that was sold of it so far, and the venue sees the new
prices. For small books.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from seawall.engine import Engine
from seawall.engine.effect import Effects, Liquidated, OrderWanted, Refused
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Filled,
    Listed,
    Loaded,
    Opened,
    Priced,
    Started,
)
from seawall.engine.rules.rulebook import Rulebook
from seawall.engine.state import INSURANCE_FUND
from seawall.market import Catalogue
from seawall.portfolio.account import with_prices
from seawall.simulation.stress.book import StressBook
from seawall.simulation.stress.closing import Line
from seawall.systemic import LAWS

_DEEP = 10**15  # Lots; nobody's order is larger.
_FUND = 10**17  # Atoms of each coin.
_ROUNDS_MOST = 5_000


class Exact(NamedTuple):
    """Where the engine's fall ends."""

    closed: frozenset[str]  # Accounts that something was taken from.
    units: Mapping[str, float]  # Coins that were sold, less those that were bought.
    final: Mapping[str, float]  # Prices, numeraire.
    orders: int
    rounds: int
    bad_debt: float  # What the fund paid, numeraire at the end's prices.


def exact_fall(
    book: StressBook, line: Line, laws: Mapping[str, LAWS], shock: float, book_share: float = 1.0
) -> Exact:
    """Run one shock through the engine; every asset's zero sum is checked after every event."""
    return _World(book, line, laws, book_share).run(shock)


class _World:
    def __init__(
        self, book: StressBook, line: Line, laws: Mapping[str, LAWS], book_share: float
    ) -> None:
        self.book, self.line, self.laws, self.book_share = book, line, laws, book_share
        self.venue = book.venue
        self.catalogue: Catalogue = book.venue.catalogue
        self.engine = Engine()
        self.time_ms = self.venue.snapshot.time_ms
        self.orders: list[OrderWanted] = []
        self.closed: set[int] = set()
        self.today = {coin.id: book.price(coin.id) for coin in self.catalogue.coins}
        self.here, self.sold = dict(self.today), dict.fromkeys(self.today, 0.0)
        rules = _on_the_book(book.venue.rulebook)
        send = self._send
        send(Started(time_ms=self.time_ms, rulebook=rules.canonical()))
        for listing in self.venue.listings:
            send(Listed(time_ms=self.time_ms, instruments=listing))
        assert self.engine.catalogue.names == self.catalogue.names
        methods = [p.account.method for p in book.parts for _ in p.held.names]
        send(Opened(time_ms=self.time_ms, names=tuple(book.names), methods=tuple(methods)))
        for coin in range(len(self.catalogue.coins)):
            terms = {"account": INSURANCE_FUND, "coin": coin, "atoms": _FUND}
            send(Deposited(time_ms=self.time_ms, **terms))

    def run(self, shock: float) -> Exact:
        """Shock, then one round after another until no order is wanted."""
        start = self.today[self.line.coin] * (1.0 + shock)
        before = self._fund()
        answered = rounds = 0
        self._reprice(start)
        self._show()
        self._send(
            self._loaded()
        )  # Nobody is seen before the shock: an order of today is not asked.
        self._send(Elapsed(time_ms=self.time_ms))
        while self.orders:
            rounds += 1
            assert rounds < _ROUNDS_MOST, "a fall that does not end"
            wanted, self.orders = self.orders, []
            for order in wanted:
                mark = self.engine.venue.mark(order.instrument)
                lots = abs(order.lots)
                self._send(Filled(time_ms=self.time_ms, order=order.order, lots=lots, price=mark))
                self.closed.add(order.account)
                terms = self.catalogue.instruments[order.instrument]
                self.sold[terms.base] += self._coins(order)
            answered += len(wanted)
            self._reprice(start)
            self._show()
        names = self.engine.venue.names
        paid = sum((before[coin] - left) * self.here[coin] for coin, left in self._fund().items())
        closed = frozenset(names[number] for number in self.closed)
        return Exact(closed, self.sold, self.here, answered, rounds, paid)

    def _fund(self) -> dict[str, float]:
        """What the fund holds of each coin."""
        return {
            coin.id: self.engine.ledger.balance(INSURANCE_FUND, number) / coin.one
            for number, coin in enumerate(self.catalogue.coins)
        }

    def _reprice(self, start: float) -> None:
        """Every coin where the line and all sales so far have it; the driver first."""
        driver = self.line.coin
        ordered = [driver, *(coin for coin in self.today if coin != driver)]
        for coin in ordered:
            if coin != driver:
                share = self.line.share(coin, self.here[driver] / self.today[driver] - 1.0)
                start = self.today[coin] * share
            law, sold = self.laws.get(coin), self.sold[coin] * self.book_share
            self.here[coin] = start if law is None else law.price_after(start, sold)

    def _coins(self, order: OrderWanted) -> float:
        """Coins that an order sells."""
        terms = self.catalogue.instruments[order.instrument]
        one = self.catalogue.coins[self.catalogue.coin(terms.base)].one
        if terms.inverse:
            face = terms.lot / self.catalogue.numeraire.one
            return -order.lots * face / self.here[terms.base]
        return -order.lots * terms.lot / one

    def _show(self) -> None:
        """Show the venue the prices of now, with a book that is deep enough."""
        snapshot = self.venue.snapshot
        prices = {
            number: max(1, round(snapshot.price[number] * self.here[coin.id] / self.today[coin.id]))
            for number, coin in enumerate(self.catalogue.coins)
        }
        shown = with_prices(self.catalogue, snapshot, prices)
        marked = [(number, mark) for number, mark in enumerate(shown.mark) if mark]
        self._send(
            Priced(
                time_ms=self.time_ms,
                price=tuple(enumerate(shown.price)),
                mark=tuple(marked),
                # Of every contract: one without a mark of its own follows the index and sells too.
                depth=tuple((number, _DEEP, _DEEP) for number in range(len(shown.mark))),
            )
        )
        self._send(Elapsed(time_ms=self.time_ms))  # A call comes first, its close-out after it.

    def _loaded(self) -> Loaded:
        account, asset, quantity = [], [], []
        for part in self.book.parts:
            for place, name in enumerate(part.held.names):
                number = self.engine.account(name)
                for row, held in part.held.rows(place):
                    account.append(number)
                    asset.append(row)
                    quantity.append(held)
        return Loaded(
            time_ms=self.time_ms,
            account=np.array(account, "<i4").tobytes(),
            asset=np.array(asset, "<i4").tobytes(),
            quantity=np.array(quantity, "<i8").tobytes(),
        )

    def _send(self, event: Events) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.engine.check()
        for effect in effects:
            assert not isinstance(effect, Refused), effect
            if isinstance(effect, OrderWanted):
                self.orders.append(effect)
            elif isinstance(effect, Liquidated):
                self.closed.add(effect.account)
        return effects


def _on_the_book(rules: Rulebook) -> Rulebook:
    """The same margins, sizes and fees, with nothing but the book to sell to."""
    liquidation = msgspec.structs.replace(
        rules.liquidation, depth_share=Decimal(1), window_ms=0, window_notional=Decimal(0),
        spares_harmful=False,
    )  # fmt: skip
    return msgspec.structs.replace(rules, liquidation=liquidation, exits={}, backstop=None)
