"""A call auction: orders are collected, and all that trade do so at one price.

Within a batch nobody gains by being first. Knows no account other than by number, and does not
keep a trader's orders from meeting each other: at one price, nobody is harmed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seawall.liquidation.exits.contract import (
    ExitFill,
    Side,
    fill_at,
    must_ask,
    within,
)
from seawall.money import split


class BatchOrder(NamedTuple):
    """What somebody would trade, at no worse than a limit."""

    trader: int
    side: Side
    lots: int
    limit: int  # Price atoms.


class BatchFill(NamedTuple):
    """What became of one order, in the order in which they were given."""

    fill: ExitFill | None  # `taker` is the order's own trader.
    left: int


class BatchResult(NamedTuple):
    """The price, None where nothing trades, and an answer to each order."""

    price: int | None
    volume: int
    answers: tuple[BatchFill, ...]


def clear(orders: Sequence[BatchOrder], reference: int) -> BatchResult:
    """Find the price at which most lots trade, and who trades there.

    At the price, orders with a better limit go first; those of one limit that cannot all be filled
    share pro rata, lots left over going to the largest remainders and then to whoever came first.

    >>> a, b = BatchOrder(1, Side.SELL, 10, 90), BatchOrder(2, Side.BUY, 6, 110)
    >>> clear((a, b), 100)[:2]
    (90, 6)
    """
    for order in orders:
        must_ask(order.lots, order.limit)
    price, volume = clearing_price(orders, reference)
    if not volume:
        return BatchResult(None, 0, tuple(BatchFill(None, order.lots) for order in orders))
    filled = [0] * len(orders)
    for side in Side:
        _fill_side(orders, side, price, volume, filled)
    answers = tuple(
        BatchFill(fill_at(order.trader, lots, price) if lots else None, order.lots - lots)
        for order, lots in zip(orders, filled, strict=True)
    )
    return BatchResult(price, volume, answers)


def clearing_price(orders: Sequence[BatchOrder], reference: int) -> tuple[int, int]:
    """(price, lots that trade). Candidates are the limits and the reference; first that tells wins.

    1. Most lots trade. 2. Fewest lots are left over at the price. 3. Where buyers are left over at
    all that remain, the highest; where sellers are, the lowest. 4. Nearest to the reference.
    5. The lower. Source of the order of rules: Deutsche Börse, Xetra market model, auction price
    determination.
    """
    bids = _cumulated(orders, Side.BUY)
    asks = _cumulated(orders, Side.SELL)
    best: list[tuple[int, int]] = []  # (price, surplus of buyers)
    rank = (0, 0)
    candidates = sorted({order.limit for order in orders} | {reference})
    demand = sum(lots for _, lots in bids)
    supply = bid_at = ask_at = 0
    for price in candidates:
        while ask_at < len(asks) and asks[ask_at][0] <= price:
            supply += asks[ask_at][1]
            ask_at += 1
        while bid_at < len(bids) and bids[bid_at][0] < price:
            demand -= bids[bid_at][1]
            bid_at += 1
        here = (min(demand, supply), -abs(demand - supply))
        if not best or here > rank:
            best, rank = [], here
        if here == rank:
            best.append((price, demand - supply))
    if all(surplus > 0 for _, surplus in best):
        return best[-1][0], rank[0]
    if all(surplus < 0 for _, surplus in best):
        return best[0][0], rank[0]
    return min((abs(price - reference), price) for price, _ in best)[1], rank[0]


def _cumulated(orders: Sequence[BatchOrder], side: Side) -> list[tuple[int, int]]:
    """Lots at each limit of one side, the lowest first."""
    levels: dict[int, int] = {}
    for order in orders:
        if order.side is side:
            levels[order.limit] = levels.get(order.limit, 0) + order.lots
    return sorted(levels.items())


def _fill_side(
    orders: Sequence[BatchOrder], side: Side, price: int, volume: int, filled: list[int]
) -> None:
    """Give a side its volume, the best limits first, pro rata within one limit."""
    levels: dict[int, list[int]] = {}
    for place, order in enumerate(orders):
        if order.side is side and within(price, order.limit, side):
            levels.setdefault(order.limit, []).append(place)
    left = volume
    for limit in sorted(levels, reverse=side is Side.BUY):
        places = levels[limit]
        wanted = [orders[place].lots for place in places]
        given = min(left, sum(wanted))
        for place, lots in zip(places, split(given, wanted), strict=True):
            filled[place] = lots
        left -= given
    assert not left, "a batch promised more than one side has"
