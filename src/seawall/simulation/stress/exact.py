"""The same fall through the real engine, order by order: what the fast path is held to.

A venue of these rules, with full closes and a fund that never ends, is given the book and the
shocked price. Each order that it wants is filled whole at its mark; then the law moves the price by
all that was sold so far, and the venue sees the new price. For small books.
"""

from __future__ import annotations

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
from seawall.liquidation import Full
from seawall.portfolio.account import with_prices
from seawall.simulation.stress.book import StressBook
from seawall.simulation.stress.closing import Line
from seawall.systemic import LAWS

_DEEP = 10**15  # Lots; nobody's order is larger.
_FUND = 10**17  # Atoms of the venue's cash.


class Exact(NamedTuple):
    """Where the engine's fall ends."""

    closed: frozenset[str]  # Accounts that lost a position.
    units: float  # Coins of the driver that were sold, less those that were bought.
    final: float  # Price of the driver, numeraire.
    orders: int


def exact_fall(
    book: StressBook, line: Line, law: LAWS, shock: float, book_share: float = 1.0
) -> Exact:
    """Run one shock through the engine; every asset's zero sum is checked after every event."""
    return _World(book, line).run(law, shock, book_share)


class _World:
    def __init__(self, book: StressBook, line: Line) -> None:
        self.book, self.line = book, line
        self.venue = book.venue
        self.engine = Engine()
        self.time_ms = self.venue.snapshot.time_ms
        self.orders: list[OrderWanted] = []
        self.closed: set[int] = set()
        rules = _full_closes(book.venue.rulebook)
        send = self._send
        send(Started(time_ms=self.time_ms, rulebook=rules.canonical()))
        for listing in self.venue.listings:
            send(Listed(time_ms=self.time_ms, instruments=listing))
        assert self.engine.catalogue.names == self.venue.catalogue.names
        methods = [p.account.method for p in book.parts for _ in p.held.names]
        send(Opened(time_ms=self.time_ms, names=tuple(book.names), methods=tuple(methods)))
        cash = self.venue.catalogue.coin(rules.cash)
        send(Deposited(time_ms=self.time_ms, account=INSURANCE_FUND, coin=cash, atoms=_FUND))
        self._price(0.0)
        send(self._loaded())

    def run(self, law: LAWS, shock: float, book_share: float) -> Exact:
        """Shock, then one order after another until none is wanted."""
        price = self.book.price(self.line.coin)
        start = here = price * (1.0 + shock)
        sold, answered = 0.0, 0
        self._price(here / price - 1.0)
        while self.orders:
            order = self.orders.pop(0)
            mark = self.engine.venue.mark(order.instrument)
            lots = abs(order.lots)
            self._send(Filled(time_ms=self.time_ms, order=order.order, lots=lots, price=mark))
            self.closed.add(order.account)
            answered += 1
            terms = self.venue.catalogue.instruments[order.instrument]
            if terms.base == self.line.coin:
                sold += self._coins(order, here)
                here = law.price_after(start, sold * book_share)
                self._price(here / price - 1.0)
        names = self.engine.venue.names
        return Exact(frozenset(names[number] for number in self.closed), sold, here, answered)

    def _coins(self, order: OrderWanted, price: float) -> float:
        """Coins that an order sells."""
        terms = self.venue.catalogue.instruments[order.instrument]
        one = self.venue.catalogue.coins[self.venue.catalogue.coin(terms.base)].one
        if terms.inverse:
            return -order.lots * terms.lot / self.venue.catalogue.numeraire.one / price
        return -order.lots * terms.lot / one

    def _price(self, move: float) -> None:
        """Show the market of the line at a move, with a book that is deep enough."""
        catalogue, snapshot = self.venue.catalogue, self.venue.snapshot
        prices = {
            number: max(1, round(snapshot.price[number] * self.line.share(coin.id, move)))
            for number, coin in enumerate(catalogue.coins)
        }
        shown = with_prices(catalogue, snapshot, prices)
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


def _full_closes(rules: Rulebook) -> Rulebook:
    """The same margin, with nothing but full closes on the book behind it."""
    liquidation = msgspec.structs.replace(
        rules.liquidation, size=Full(), depth_share=Decimal(1), least_notional=Decimal(0),
        window_ms=0, window_notional=Decimal(0), spares_harmful=False, fee_ratio=Decimal(0),
    )  # fmt: skip
    return msgspec.structs.replace(rules, liquidation=liquidation, exits={}, backstop=None)
