"""A limit order book: who trades with whom, at which price, in price-time priority.

A book is an immutable value: orders go in, the next book and the fills come out. Knows no account
other than by number, and not why somebody trades.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from seawall.liquidation.exits.contract import (
    ExitFill,
    ExitResult,
    Refusal,
    Side,
    fill_at,
    within,
)
from seawall.liquidation.exits.rules import OrderBookExit


class Life(enum.IntEnum):
    """What becomes of lots that do not trade at once."""

    IMMEDIATE_OR_CANCEL = 0
    GOOD_TILL_CANCELLED = 1


class SelfMatch(enum.IntEnum):
    """What happens where an order would trade with another of the same trader."""

    REFUSE_NEWER = 0  # The incoming order is refused whole, before anything trades.
    CANCEL_OLDER = 1  # The resting order leaves, and the incoming one goes on.


class Order(NamedTuple):
    """What somebody wants to trade; a limit that everybody meets makes it a market order."""

    trader: int
    side: Side
    lots: int
    limit: int  # Price atoms.
    life: Life = Life.IMMEDIATE_OR_CANCEL
    self_match: SelfMatch = SelfMatch.REFUSE_NEWER


class Resting(NamedTuple):
    """An order in the book; a lower number came earlier."""

    number: int
    trader: int
    lots: int


class Level(NamedTuple):
    """All orders at one price, the earliest first."""

    price: int
    orders: tuple[Resting, ...]


class Book(NamedTuple):
    """Levels of both sides, the best price last: bids rise, asks fall."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    next_number: int = 1


class Place(NamedTuple):
    """Where an order rests; all that `cancel` needs."""

    side: Side
    price: int
    number: int


class BookOutcome(NamedTuple):
    """Fills + resting + cancelled = asked; a refused order changes nothing."""

    result: ExitResult  # `taker` is the resting order's trader; `left` did not trade.
    rests: Place | None = None  # Where what did not trade waits.
    removed: tuple[Place, ...] = ()  # The trader's own older orders that left.
    refused: Refusal | None = None


def order_of(rule: OrderBookExit, trader: int, side: Side, lots: int, limit: int) -> Order:
    """A liquidation order as the rulebook says."""
    return Order(trader, side, lots, limit, Life[rule.life.upper()], _SELF[rule.self_match])


def submit(book: Book, order: Order) -> tuple[Book, BookOutcome]:
    """Match one order; see `submit_all`.

    >>> book, _ = submit(Book(), Order(1, Side.BUY, 5, 100, Life.GOOD_TILL_CANCELLED))
    >>> book, outcome = submit(book, Order(2, Side.SELL, 8, 99))
    >>> outcome.result
    ExitResult(fills=(ExitFill(taker=1, lots=5, price=100, paid=500),), left=3)
    """
    book, (outcome,) = submit_all(book, (order,))
    return book, outcome


def submit_all(book: Book, orders: Iterable[Order]) -> tuple[Book, tuple[BookOutcome, ...]]:
    """Match orders one after another: the best price first, at one price the earliest first.

    A trade is at the resting order's price, so nobody pays worse than their limit. An order that
    waits takes the next number. Copies the list of levels once, and each level that is touched
    once, however many orders there are.
    """
    desk = _Desk(book)
    outcomes = tuple(desk.submit(order) for order in orders)
    return desk.book(), outcomes


def cancel(book: Book, place: Place) -> tuple[Book, int | Refusal]:
    """Take a resting order out; its lots, or why not.

    A number that has traded away, or never was, is refused.
    """
    levels = book.bids if place.side is Side.BUY else book.asks
    at = _place(levels, place.side, place.price)
    if at == len(levels) or levels[at].price != place.price:
        return book, Refusal.UNKNOWN_ORDER
    orders = levels[at].orders
    found = bisect_left(orders, place.number, key=_number)
    if found == len(orders) or orders[found].number != place.number:
        return book, Refusal.UNKNOWN_ORDER
    rest = orders[:found] + orders[found + 1 :]
    kept = (Level(place.price, rest),) if rest else ()
    changed = levels[:at] + kept + levels[at + 1 :]
    if place.side is Side.BUY:
        return book._replace(bids=changed), orders[found].lots
    return book._replace(asks=changed), orders[found].lots


def depth(book: Book, side: Side, limit: int | None = None) -> tuple[tuple[int, int], ...]:
    """What an order of `side` meets up to its limit: (price, lots), the best first."""
    levels = book.bids if side is Side.SELL else book.asks
    return tuple(
        (level.price, sum(order.lots for order in level.orders))
        for level in reversed(levels)
        if limit is None or within(level.price, limit, side)
    )


_SELF = {"refuse_newer": SelfMatch.REFUSE_NEWER, "cancel_older": SelfMatch.CANCEL_OLDER}


def _place(levels: Sequence[Level | _OpenLevel], side: Side, price: int) -> int:
    """Where a price stands, or would, among levels of which the best is last."""
    return bisect_left(levels, side * price, key=lambda level: side * level.price)


def _number(order: Resting) -> int:
    return order.number


class _OpenLevel:
    """A level while orders are matched; those before `first` have traded."""

    __slots__ = ("first", "orders", "price")

    def __init__(self, price: int, orders: Sequence[Resting]) -> None:
        self.price = price
        self.orders = list(orders)
        self.first = 0


class _Half:
    """One side while orders are matched; levels from `low` on may differ from the source's."""

    __slots__ = ("levels", "low", "source")

    def __init__(self, source: tuple[Level, ...]) -> None:
        self.source = source
        self.levels: list[Level | _OpenLevel] = list(source)
        self.low = len(source)

    def open(self, at: int) -> _OpenLevel:
        level = self.levels[at]
        if isinstance(level, Level):
            level = self.levels[at] = _OpenLevel(level.price, level.orders)
            self.low = min(self.low, at)
        return level

    def insert(self, at: int, price: int) -> None:
        self.levels.insert(at, _OpenLevel(price, ()))
        self.low = min(self.low, at)

    def closed(self) -> tuple[Level, ...]:
        if self.low == len(self.source) == len(self.levels):
            return self.source
        return self.source[: self.low] + tuple(map(_closed, self.levels[self.low :]))


class _Desk:
    """A book while orders are matched; levels are opened when they are touched."""

    def __init__(self, book: Book) -> None:
        self.bids, self.asks = _Half(book.bids), _Half(book.asks)
        self.next_number = book.next_number

    def book(self) -> Book:
        """The matched book as a value."""
        return Book(self.bids.closed(), self.asks.closed(), self.next_number)

    def half(self, side: Side) -> _Half:
        return self.bids if side is Side.BUY else self.asks

    def submit(self, order: Order) -> BookOutcome:
        nothing = ExitResult((), order.lots)
        if order.lots <= 0 or order.limit <= 0:
            return BookOutcome(nothing, refused=Refusal.NOTHING_ASKED)
        if order.self_match is SelfMatch.REFUSE_NEWER and self.meets_itself(order):
            return BookOutcome(nothing, refused=Refusal.SELF_MATCH)
        fills: list[ExitFill] = []
        removed: list[Place] = []
        left = self.match(order, fills, removed)
        rests = None
        if left and order.life is Life.GOOD_TILL_CANCELLED:
            rests = self.rest(order, left)
        result = ExitResult(tuple(fills), left)
        assert result.lots + left == order.lots, "the book lost a lot"
        return BookOutcome(result, rests, tuple(removed))

    def match(self, order: Order, fills: list[ExitFill], removed: list[Place]) -> int:
        half, left = self.half(order.side.other), order.lots
        levels = half.levels
        while left and levels and within(levels[-1].price, order.limit, order.side):
            level = half.open(len(levels) - 1)
            while left and level.first < len(level.orders):
                number, trader, lots = level.orders[level.first]
                if trader == order.trader:
                    removed.append(Place(order.side.other, level.price, number))
                    level.first += 1
                    continue
                taken = min(left, lots)
                fills.append(fill_at(trader, taken, level.price))
                left -= taken
                if taken == lots:
                    level.first += 1
                else:
                    level.orders[level.first] = Resting(number, trader, lots - taken)
            if level.first == len(level.orders):
                levels.pop()
        return left

    def meets_itself(self, order: Order) -> bool:
        """Whether the lots that the order can trade reach one of the trader's own orders."""
        left = order.lots
        for level in reversed(self.half(order.side.other).levels):
            if left <= 0 or not within(level.price, order.limit, order.side):
                return False
            first = level.first if isinstance(level, _OpenLevel) else 0
            for number in range(first, len(level.orders)):
                if left <= 0:
                    return False
                _, trader, lots = level.orders[number]
                if trader == order.trader:
                    return True
                left -= lots
        return False

    def rest(self, order: Order, lots: int) -> Place:
        half = self.half(order.side)
        at = _place(half.levels, order.side, order.limit)
        if at == len(half.levels) or half.levels[at].price != order.limit:
            half.insert(at, order.limit)
        half.open(at).orders.append(Resting(self.next_number, order.trader, lots))
        self.next_number += 1
        return Place(order.side, order.limit, self.next_number - 1)


def _closed(level: Level | _OpenLevel) -> Level:
    if isinstance(level, Level):
        return level
    return Level(level.price, tuple(level.orders[level.first :]))
