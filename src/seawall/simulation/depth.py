"""A finite order book around the mark: who answers a liquidation order, and at which price.

Immutable integers stepped by pure functions. A side of a contract's book is a ladder of cumulative
lots at growing distance from the mark, linear between its rungs; beyond the last rung it ends.
What was taken comes back by a stated share each tick. Options have a flat price beyond a stated
spread, and a stated number of lots for each contract and tick.

The whole book is what the last `Priced` event says stands near the mark, less what was filled
since: so a driver that lost its memory reads the same book back from the journal.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt
from typing import NamedTuple

from seawall.market import Instrument
from seawall.money import RATIO_ONE, Rounding, divide, multiply_ratio

Row = tuple[int, int]  # (distance from the mark in parts per billion, cumulative numeraire atoms)


class Side(NamedTuple):
    """One side of one book: rungs at rising distance, and what is gone from its front."""

    distance: tuple[int, ...]  # [rung] from the mark, parts per billion; starts at 0.
    lots: tuple[int, ...]  # [rung] cumulative; starts at 0.
    taken: int = 0  # Lots that are gone since, from the front.

    @property
    def left(self) -> int:
        """Lots that stand in the whole side."""
        return self.lots[-1] - self.taken

    def within(self, distance: int) -> int:
        """Lots that stand no farther than `distance` from the mark; rounded down."""
        return max(0, _lots_within(self, distance) - self.taken)

    def away(self, lots: int, gone: tuple[int, int] | None = None) -> tuple[int, int]:
        """Average distance of the next `lots`, as an exact fraction (parts per billion, divisor).

        `gone` is A(taken), where the caller has it already.

        The distance at depth x is linear between rungs, so its integral is quadratic:
        average = (A(taken + lots) − A(taken)) ÷ lots.
        """
        upper, upper_width = _integral(self, self.taken + lots)
        lower, lower_width = gone or _integral(self, self.taken)
        return upper * lower_width - lower * upper_width, upper_width * lower_width * lots


class Fill(NamedTuple):
    """What an order got: unsigned lots and their average price in price atoms."""

    lots: int
    price: int


class Profile(NamedTuple):
    """A measured book: cumulative numeraire atoms at each distance from the mid."""

    bid: tuple[Row, ...]
    ask: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class OptionBook:
    """How options trade: a half spread of mark and underlying, and lots for each contract."""

    spread_mark: int  # Parts per billion of the option's mark.
    spread_underlying: int  # Parts per billion of the underlying's price.
    lots: int  # On each side of each option, new at each tick.


@dataclass(frozen=True, slots=True)
class Depth:
    """The book of every contract at one moment."""

    instruments: tuple[Instrument, ...]
    base_one: tuple[int, ...]  # [instrument] atoms in one whole base coin.
    profiles: Mapping[int, Profile]  # By instrument number; the venue's share is already in.
    option_book: OptionBook
    recovery: int  # Share of what was taken that comes back in one tick, parts per billion.
    bids: Mapping[int, Side]  # By instrument number: what a seller meets.
    asks: Mapping[int, Side]
    options_taken: Mapping[tuple[int, bool], int]  # (instrument, buys) lots gone in this tick.

    def step(self, marks: Mapping[int, int], thinness: int) -> Depth:
        """The book at the next tick.

        `marks` are price atoms by instrument; `thinness` is the share of the profile that is left
        in stress, parts per billion. Taken lots recover, and the ladder is drawn at the new mark.
        """
        bids, asks = dict(self.bids), dict(self.asks)
        for number, profile in self.profiles.items():
            if number not in marks:
                continue
            size = self._notional(number, marks[number])
            bids[number] = self._recovered(_ladder(profile.bid, size, thinness), bids.get(number))
            asks[number] = self._recovered(_ladder(profile.ask, size, thinness), asks.get(number))
        return replace(self, bids=bids, asks=asks, options_taken={})

    def observe(
        self,
        marks: Mapping[int, int],
        thinness: int,
        standing: tuple[tuple[int, int, int], ...],
    ) -> Depth:
        """The book at a tick that is already journalled: `standing` is its `Priced.depth`."""
        book = replace(self, bids={}, asks={}).step(marks, thinness)
        bids, asks = dict(book.bids), dict(book.asks)
        for number, bid, ask in standing:
            if number in bids:
                bids[number] = bids[number]._replace(taken=bids[number].lots[-1] - bid)
                asks[number] = asks[number]._replace(taken=asks[number].lots[-1] - ask)
        return replace(book, bids=bids, asks=asks)

    def standing(self, *, with_options: bool = False) -> tuple[tuple[int, int, int], ...]:
        """(instrument, lots bid, lots ask) of the whole book, for `Priced.depth`."""
        rows = [(number, side.left, self.asks[number].left) for number, side in self.bids.items()]
        if with_options:
            lots = self.option_book.lots
            options = (n for n, one in enumerate(self.instruments) if one.type == "option")
            rows.extend((number, lots, lots) for number in options)
        return tuple(sorted(rows))

    def available(self, instrument: int, *, buys: bool, within: int) -> int:
        """Lots that an order could meet no farther than `within` (parts per billion)."""
        if self.instruments[instrument].type == "option":
            return self.option_book.lots - self.options_taken.get((instrument, buys), 0)
        side = (self.asks if buys else self.bids).get(instrument)
        return 0 if side is None else side.within(within)

    def fill(
        self, instrument: int, lots: int, limit: int, mark: int, underlying: int
    ) -> tuple[Fill, Depth]:
        """Answer an order: positive lots buy, negative sell, at an average no worse than `limit`.

        `mark` is the contract's own mark and `underlying` its coin's price, in price atoms. The
        average is rounded to the tick against the taker, and is never better than the mark.
        """
        buys, wanted = lots > 0, abs(lots)
        if self.instruments[instrument].type == "option":
            return self._fill_option(instrument, buys, wanted, limit, mark, underlying)
        sides = self.asks if buys else self.bids
        side = sides.get(instrument)
        if side is None:
            return Fill(0, mark), self
        tick = self.instruments[instrument].tick
        gone = _integral(side, side.taken)

        def price(count: int) -> int:
            away, width = side.away(count, gone)
            return _against(mark, away, width * RATIO_ONE, tick, buys=buys)

        def good(count: int) -> bool:
            return price(count) <= limit if buys else price(count) >= max(limit, tick)

        most = min(wanted, side.left)
        if most > 0 and not good(most):
            most = bisect_left(range(1, most), True, key=lambda count: not good(count))
        if most <= 0:
            return Fill(0, mark), self
        after = {**sides, instrument: side._replace(taken=side.taken + most)}
        book = replace(self, asks=after) if buys else replace(self, bids=after)
        return Fill(most, price(most)), book

    def take(self, instrument: int, lots: int, filled: int) -> Depth:
        """The book after a fill that is already journalled; `lots` are signed as wanted."""
        buys = lots > 0
        if self.instruments[instrument].type == "option":
            gone = self.options_taken.get((instrument, buys), 0) + filled
            return replace(self, options_taken={**self.options_taken, (instrument, buys): gone})
        sides = self.asks if buys else self.bids
        if instrument not in sides:
            return self
        side = sides[instrument]
        after = {**sides, instrument: side._replace(taken=side.taken + filled)}
        return replace(self, asks=after) if buys else replace(self, bids=after)

    def _fill_option(
        self, instrument: int, buys: bool, wanted: int, limit: int, mark: int, underlying: int
    ) -> tuple[Fill, Depth]:
        book = self.option_book
        half = multiply_ratio(mark, book.spread_mark, Rounding.UP)
        half += multiply_ratio(underlying, book.spread_underlying, Rounding.UP)
        tick = self.instruments[instrument].tick
        side = Rounding.UP if buys else Rounding.DOWN
        price = divide(mark + half if buys else mark - half, tick, side) * tick
        filled = min(wanted, self.available(instrument, buys=buys, within=0))
        if filled <= 0 or price < tick or (price > limit if buys else price < limit):
            return Fill(0, mark), self
        return Fill(filled, price), self.take(instrument, filled if buys else -filled, filled)

    def _recovered(self, side: Side, before: Side | None) -> Side:
        if before is None:
            return side
        kept = multiply_ratio(before.taken, RATIO_ONE - self.recovery, Rounding.DOWN)
        return side._replace(taken=min(kept, side.lots[-1]))

    def _notional(self, number: int, mark: int) -> tuple[int, int]:
        """Numeraire atoms of one lot at `mark`, as a fraction."""
        one = self.instruments[number]
        return (one.lot, 1) if one.inverse else (one.lot * mark, self.base_one[number])


def recovery_in_step(half_life_ms: int, step_ms: int) -> int:
    """Share that recovers in one step: 1 − 2^(−step ÷ half-life), parts per billion.

    The power of two is built from square roots of one half, bit by bit, in integers of 64 bits of
    fraction, so it is the same everywhere.

    >>> recovery_in_step(300_000, 300_000)
    500000000
    """
    whole, rest = divmod(step_ms, half_life_ms)
    one = 1 << 64
    kept, root = one >> whole if whole < 64 else 0, one >> 1
    for _ in range(64):
        root = isqrt(root * one)
        rest *= 2
        if rest >= half_life_ms:
            rest -= half_life_ms
            kept = kept * root // one
    return RATIO_ONE - divide(kept * RATIO_ONE, one, Rounding.NEAREST)


def scaled(rows: tuple[Row, ...], share: int) -> tuple[Row, ...]:
    """The same ladder with a share (parts per billion) of its depth."""
    return tuple((away, multiply_ratio(size, share, Rounding.DOWN)) for away, size in rows)


def _ladder(rows: tuple[Row, ...], notional: tuple[int, int], thinness: int) -> Side:
    """Rungs in lots; a rung that adds no whole lot is left out."""
    distance, lots = [0], [0]
    size, divisor = notional
    for away, depth in rows:
        count = depth * thinness * divisor // (size * RATIO_ONE)
        if count > lots[-1]:
            distance.append(away)
            lots.append(count)
    return Side(tuple(distance), tuple(lots))


def _integral(side: Side, lots: int) -> tuple[int, int]:
    """Sum of distance over the first `lots`, as an exact fraction."""
    total, rung = 0, 1
    if len(side.lots) == 1:
        return 0, 1
    while rung < len(side.lots) - 1 and side.lots[rung] < lots:
        width = side.lots[rung] - side.lots[rung - 1]
        total += (side.distance[rung] + side.distance[rung - 1]) * width
        rung += 1
    width = side.lots[rung] - side.lots[rung - 1]
    inside = lots - side.lots[rung - 1]
    slope = side.distance[rung] - side.distance[rung - 1]
    # Twice the area below, then a rectangle and a triangle of the rung that is partly used.
    twice = total * width + 2 * side.distance[rung - 1] * inside * width + slope * inside * inside
    return twice, 2 * width


def _lots_within(side: Side, distance: int) -> int:
    if distance >= side.distance[-1]:
        return side.lots[-1]
    rung = bisect_left(side.distance, distance)
    if rung == 0:
        return 0
    width = side.lots[rung] - side.lots[rung - 1]
    run = side.distance[rung] - side.distance[rung - 1]
    return side.lots[rung - 1] + width * (distance - side.distance[rung - 1]) // run


def _against(mark: int, away: int, divisor: int, tick: int, *, buys: bool) -> int:
    """The mark × (1 ± away ÷ divisor), rounded to a whole tick to the disadvantage of the taker."""
    signed = divisor + away if buys else divisor - away
    side = Rounding.UP if buys else Rounding.DOWN
    return divide(mark * signed, divisor * tick, side) * tick
