"""The order book and the quotes against the slowest thing that can be right."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product, starmap

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.liquidation.exits import Refusal, Side, quote_request
from seawall.liquidation.exits.book import (
    Book,
    BookOutcome,
    Life,
    Order,
    SelfMatch,
    cancel,
    depth,
    submit,
    submit_all,
)
from seawall.liquidation.exits.contract import within
from seawall.liquidation.exits.quote_request import Quote, Step, quoted_price

ORDERS = st.lists(
    st.builds(
        Order,
        trader=st.integers(1, 4),
        side=st.sampled_from(Side),
        lots=st.integers(1, 9),
        limit=st.integers(1, 7),
        life=st.sampled_from(Life),
        self_match=st.sampled_from(SelfMatch),
    ),
    max_size=25,
)


@dataclass
class Slow:
    """A book as one list, searched from end to end for each trade."""

    resting: list[list[int]] = field(default_factory=list)  # number, trader, side, price, lots
    number: int = 1

    def best(self, order: Order) -> list[int] | None:
        met = [
            one
            for one in self.resting
            if one[2] == -order.side and within(one[3], order.limit, order.side)
        ]
        return min(met, key=lambda one: (one[3] * order.side, one[0])) if met else None

    def submit(self, order: Order) -> tuple[list[tuple[int, int, int]], int, bool]:
        """Fills, lots that did not trade, and whether the order was refused."""
        before = [list(one) for one in self.resting]
        left, fills = order.lots, []
        while left and (one := self.best(order)) is not None:
            if one[1] == order.trader:
                if order.self_match is SelfMatch.REFUSE_NEWER:
                    self.resting = before
                    return [], order.lots, True
                self.resting.remove(one)
                continue
            taken = min(left, one[4])
            fills.append((one[1], taken, one[3]))
            left -= taken
            one[4] -= taken
            if not one[4]:
                self.resting.remove(one)
        if left and order.life is Life.GOOD_TILL_CANCELLED:
            self.resting.append([self.number, order.trader, order.side, order.limit, left])
            self.number += 1
        return fills, left, False


def rows(book: Book) -> list[list[int]]:
    listed = []
    for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
        for level in levels:
            listed += [[n, t, side, level.price, lots] for n, t, lots in level.orders]
    return sorted(listed)


def agree(order: Order, outcome: BookOutcome, slow: Slow) -> None:
    fills, left, refused = slow.submit(order)
    assert [fill[:3] for fill in outcome.result.fills] == fills
    assert outcome.result.left == left
    assert (outcome.refused is Refusal.SELF_MATCH) == refused
    assert outcome.result.lots + left == order.lots
    for _, lots, price, paid in outcome.result.fills:
        assert paid == lots * price
        assert within(price, order.limit, order.side)


@given(ORDERS)
def test_trades_are_those_of_price_time_priority(orders: list[Order]) -> None:
    book, slow = Book(), Slow()
    for order in orders:
        book, outcome = submit(book, order)
        agree(order, outcome, slow)
        assert rows(book) == sorted(slow.resting)
    together, outcomes = submit_all(Book(), orders)
    assert together == book
    slow = Slow()
    for order, outcome in zip(orders, outcomes, strict=True):
        agree(order, outcome, slow)


@given(ORDERS)
def test_a_book_is_sorted_never_crossed_and_holds_no_empty_level(orders: list[Order]) -> None:
    book, _ = submit_all(Book(), orders)
    bids = [level.price for level in book.bids]
    asks = [level.price for level in book.asks][::-1]
    assert bids == sorted(set(bids))
    assert asks == sorted(set(asks))
    if bids and asks:
        own = {o.trader for o in book.bids[-1].orders} | {o.trader for o in book.asks[-1].orders}
        assert bids[-1] < asks[0] or len(own) == 1
    for level in (*book.bids, *book.asks):
        numbers = [order.number for order in level.orders]
        assert numbers == sorted(set(numbers))
        assert numbers
        assert all(order.lots > 0 for order in level.orders)


@given(ORDERS, st.data())
def test_a_cancel_takes_out_one_order_and_nothing_else(
    orders: list[Order], data: st.DataObject
) -> None:
    book, outcomes = submit_all(Book(), orders)
    places = [outcome.rests for outcome in outcomes if outcome.rests is not None]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    after, lots = cancel(book, place)
    if lots is Refusal.UNKNOWN_ORDER:
        assert after == book
        assert all(row[0] != place.number for row in rows(book))
        return
    gone = [row for row in rows(book) if row not in rows(after)]
    assert len(gone) == 1
    assert gone[0][0] == place.number
    assert gone[0][4] == lots
    assert cancel(after, place) == (after, Refusal.UNKNOWN_ORDER)


@given(ORDERS, st.sampled_from(Side), st.integers(1, 7), st.integers(1, 40))
def test_depth_says_what_an_order_of_a_stranger_gets(
    orders: list[Order], side: Side, limit: int, lots: int
) -> None:
    book, _ = submit_all(Book(), orders)
    shown = sum(at for _, at in depth(book, side, limit))
    _, outcome = submit(book, Order(99, side, lots, limit))
    assert outcome.result.lots == min(lots, shown)


STEPS = st.lists(
    st.builds(Step, st.integers(1, 3), st.integers(0, 4).map(lambda n: n * 10**7)), max_size=3
).map(lambda steps: tuple(sorted(steps, key=lambda step: step.spread)))


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=3), st.integers(1, 12), st.sampled_from(Side))
def test_quotes_are_taken_at_the_least_cost_that_any_division_has(
    steps: list[tuple[Step, ...]], lots: int, side: Side
) -> None:
    mark = 100 * 10**10
    quotes = [Quote(10 + n, one, 5) for n, one in enumerate(steps)]
    got = quote_request.request(side, lots, mark, 1 if side is Side.SELL else 2 * mark, quotes, 5)
    capacity = sum(quote.capacity for quote in quotes)
    assert got.left == max(0, lots - capacity)
    assert got.lots + got.left == lots

    def paid(quote: Quote, wanted: int) -> int:
        units = [s.spread for s in quote.steps for _ in range(s.lots)]
        return sum(quoted_price(mark, spread, side) for spread in units[:wanted])

    divisions = product(*(range(quote.capacity + 1) for quote in quotes))
    totals = [
        sum(starmap(paid, zip(quotes, division, strict=True)))
        for division in divisions
        if sum(division) == got.lots
    ]
    assert got.paid == (max(totals) if side is Side.SELL else min(totals))


@given(st.lists(STEPS, max_size=3), st.integers(1, 12), st.integers(95, 101))
def test_a_quote_beyond_the_limit_or_its_time_is_left(
    steps: list[tuple[Step, ...]], lots: int, limit: int
) -> None:
    quotes = [Quote(10 + n, one, 5) for n, one in enumerate(steps)]
    got = quote_request.request(Side.SELL, lots, 100, limit, quotes, 5)
    assert all(fill.price >= limit for fill in got.fills)
    good = sum(
        s.lots for one in steps for s in one if quoted_price(100, s.spread, Side.SELL) >= limit
    )
    assert got.lots == min(lots, good)
    assert quote_request.request(Side.SELL, lots, 100, limit, quotes, 6).fills == ()
