"""Averages over time, in integers: a mean over a window, an exponential one, and a mark price.

Prices are signed, so that a basis can be averaged too; times are milliseconds and never run back.
Each state is immutable and holds all that the next step needs. Knows no source.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from seawall.market.oracle.reducers import median
from seawall.money import Rounding, divide

AVERAGE_ONE = 10**9  # An exponential average keeps nine digits more than a price.


class TimeError(ValueError):
    """An observation before the last one."""


class Mean(NamedTuple):
    """A time-weighted mean over a window; a price holds until the next one."""

    window_ms: int
    points: tuple[tuple[int, int, int], ...] = ()  # (time, Σ price · ms until then, price)

    def observed(self, price: int, now_ms: int) -> Mean:
        """The mean after a price that holds from now on; of two in one moment the later stands."""
        if not self.points:
            return self._replace(points=((now_ms, 0, price),))
        if now_ms < self.points[-1][0]:
            raise TimeError(f"{now_ms} lies before the last price at {self.points[-1][0]}")
        total = self._total(now_ms)
        kept = [point for point in self.points if point[0] < now_ms]
        start = now_ms - self.window_ms
        while len(kept) > 1 and kept[1][0] <= start:
            del kept[0]
        return self._replace(points=(*kept, (now_ms, total, price)))

    def price(self, now_ms: int, rounding: Rounding = Rounding.NEAREST) -> int | None:
        """Σ price · time ÷ window over the window that ends now; None until a whole one is known.

        A shorter history is no mean: a window that fell back to the last price was how 15 million
        dollars were borrowed on 2 April 2022 against a coin that had risen fiftyfold.

        >>> mean = Mean(1_000).observed(100, 0).observed(200, 900)
        >>> mean.price(999), mean.price(1_000), mean.price(1_900)
        (None, 110, 200)
        """
        start = now_ms - self.window_ms
        if not self.points or start < self.points[0][0]:
            return None
        if now_ms < self.points[-1][0]:
            raise TimeError(f"{now_ms} lies before the last price at {self.points[-1][0]}")
        return divide(self._total(now_ms) - self._total(start), self.window_ms, rounding)

    def _total(self, time_ms: int) -> int:
        for moment, total, price in reversed(self.points):
            if moment <= time_ms:
                return total + price * (time_ms - moment)
        raise AssertionError("the first point is not later")


class Exponential(NamedTuple):
    """An average that forgets: the weight of what came before falls with the time since."""

    span_ms: int  # After so long a new price weighs half.
    value: int = 0  # AVERAGE_ONE times the average.
    time_ms: int | None = None  # Of the last observation; None: none.

    def observed(self, price: int, now_ms: int) -> Exponential:
        """Move to value + (price − value) · t ÷ (t + span), with t since the last observation.

        One implicit Euler step of an exponential average: a rational weight in 0 … 1 for any t, so
        the average never leaves the range of what was seen, and no exponential is needed. Many
        observations forget faster than one: after span in n equal steps an old price weighs
        (1 + 1/n)^−n, between 1/2 and 1/e.

        >>> Exponential(1_000).observed(100, 0).observed(200, 1_000).price()
        150
        """
        if self.time_ms is None:
            return self._replace(value=price * AVERAGE_ONE, time_ms=now_ms)
        passed = now_ms - self.time_ms
        if passed < 0:
            raise TimeError(f"{now_ms} lies before the last observation at {self.time_ms}")
        step = (price * AVERAGE_ONE - self.value) * passed
        change = divide(step, passed + self.span_ms, Rounding.NEAREST)
        return self._replace(value=self.value + change, time_ms=now_ms)

    def price(self, rounding: Rounding = Rounding.NEAREST) -> int | None:
        """The average in whole price atoms; None before the first observation."""
        return None if self.time_ms is None else divide(self.value, AVERAGE_ONE, rounding)


def impact_price(levels: Sequence[tuple[int, int]], notional: int) -> int | None:
    """Mean price of taking a notional from a side of the book, best level first; None: too thin.

    A level is (price, size), the notional in price · size. The last level is taken in part; the
    mean is notional ÷ size, rounded to the nearest atom.

    >>> impact_price([(100, 5), (110, 100)], 1_050)
    105
    """
    spent, taken = 0, Fraction(0)
    for price, size in levels:
        take = min(size * price, notional - spent)
        spent += take
        taken += Fraction(take, price)
        if spent == notional:
            mean = notional / taken
            return divide(mean.numerator, mean.denominator, Rounding.NEAREST)
    return None


def mark_price(index: int, basis: int, book: int | None, last: int | None) -> int:
    """The median of index + average basis, the book's mid or impact mid, and the last trade.

    No single one of the three moves it beyond the other two. If book or last is missing, index and
    basis alone decide: of two prices the mean, one would have half a say.

    >>> mark_price(100, 2, 103, 250), mark_price(100, 2, None, 250)
    (103, 102)
    """
    if book is None or last is None:
        return index + basis
    return median((index + basis, book, last))


def impact_mid(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], notional: int
) -> int | None:
    """The mean of the impact prices of both sides; None if either side is too thin."""
    bid, ask = impact_price(bids, notional), impact_price(asks, notional)
    return None if bid is None or ask is None else divide(bid + ask, 2, Rounding.NEAREST)
