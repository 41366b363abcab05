"""What selling does to a price: laws of impact, each the price after a quantity was sold.

Whether a book of accounts has a tipping point is decided by the law, not by the book: a linear law
has one, a square root always ignites and always stops. So a report names its law and shows others.
Knows one price and one quantity. Does not know who sells, or why.
"""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats

LINEAR, EXPONENTIAL, SQUARE_ROOT, PRODUCT, PROFILE = range(5)
_NOTHING = np.zeros(1)


class Compiled(NamedTuple):
    """A law as the kernel reads it: a code, three numbers and a profile."""

    code: int
    first: float
    second: float
    third: float
    distance: Floats  # [level] relative distance from the price before the sale, ascending.
    depth: Floats  # [level] units that are sold when the price is there, ascending.


class _Law(msgspec.Struct, frozen=True, tag_field="law", forbid_unknown_fields=True):
    """A law; its tag is its name on the command line. A purchase is a sale below zero."""

    CODE: ClassVar[int]

    def compiled(self) -> Compiled:
        """The law as numbers."""
        numbers = [float(getattr(self, key)) for key in self.__struct_fields__]
        first, second, third = (*numbers, 0.0, 0.0, 0.0)[:3]
        return Compiled(self.CODE, first, second, third, _NOTHING, _NOTHING)

    def price_after(self, price: float, sold: float) -> float:
        """Price once `sold` units were sold into a market at `price`."""
        from seawall.systemic import _kernels

        return float(_kernels.price_after(self.compiled(), price, sold))

    def price_before(self, price: ArrayLike, sold: ArrayLike) -> Floats:
        """The price from which selling `sold` units leads to `price`: `price_after` undone."""
        here, units = np.broadcast_arrays(
            np.asarray(price, np.float64), np.asarray(sold, np.float64)
        )
        with np.errstate(divide="ignore", over="ignore"):
            found: Floats = here / self._kept(units)
        return found

    def prices_after(self, price: ArrayLike, sold: ArrayLike) -> Floats:
        """Columns of `price_after`, equal to it within rounding."""
        start, units = np.broadcast_arrays(
            np.asarray(price, np.float64), np.asarray(sold, np.float64)
        )
        with np.errstate(divide="ignore", over="ignore"):
            found: Floats = start * self._kept(units)
        return found

    def average_price(self, price: float, sold: float) -> float:
        """What a unit fetched on average while the price walked from `price` along the law."""
        raise NotImplementedError

    def slope(self, here: ArrayLike, sold: ArrayLike) -> Floats:
        """−dprice ÷ dsold where `sold` units have brought the price to `here`, price per unit."""
        raise NotImplementedError

    def _kept(self, sold: Floats) -> Floats:
        """Price after ÷ price before, for laws that multiply."""
        raise NotImplementedError


class Linear(_Law, frozen=True, tag="linear"):
    """price − per_unit · sold: permanent impact as in Kyle (1985).

    The one form without dynamic arbitrage where impact is permanent and instantaneous. It knows no
    bottom: enough sales bring the price below 0, where another law is the better one.

    >>> Linear(0.01).price_after(95.0, 500.0)
    90.0
    """

    CODE = LINEAR
    per_unit: float  # Price for each unit.

    def __post_init__(self) -> None:
        _positive("per_unit", self.per_unit, allow_zero=True)

    def prices_after(self, price: ArrayLike, sold: ArrayLike) -> Floats:
        """`price − per_unit · sold`."""
        found: Floats = np.asarray(price, np.float64) - self.per_unit * np.asarray(sold)
        return found

    def price_before(self, price: ArrayLike, sold: ArrayLike) -> Floats:
        """`price + per_unit · sold`."""
        found: Floats = np.asarray(price, np.float64) + self.per_unit * np.asarray(sold)
        return found

    def average_price(self, price: float, sold: float) -> float:
        """`price − per_unit · sold ÷ 2`."""
        return price - 0.5 * self.per_unit * sold

    def slope(self, here: ArrayLike, sold: ArrayLike) -> Floats:
        """per_unit, everywhere."""
        return np.full(np.broadcast_shapes(np.shape(here), np.shape(sold)), self.per_unit)

    def shrunk(self, share: float) -> Linear:
        """The law with a share of its depth, as makers withdraw when volatility rises."""
        return Linear(self.per_unit / _share(share))


class Exponential(_Law, frozen=True, tag="exponential"):
    """floor + (price − floor) · e^(−sold ÷ depth), as Cifuentes, Ferrucci and Shin (2005).

    With a floor as Cont and Schaanning (2017): somebody buys there whatever is sold.
    """

    CODE = EXPONENTIAL
    depth: float  # Units that move the log price by 1.
    floor: float = 0.0

    def __post_init__(self) -> None:
        _positive("depth", self.depth)
        _positive("floor", self.floor, allow_zero=True)

    def prices_after(self, price: ArrayLike, sold: ArrayLike) -> Floats:
        """`floor + (price − floor) · e^(−sold ÷ depth)`."""
        above = np.asarray(price, np.float64) - self.floor
        with np.errstate(over="ignore"):
            found: Floats = self.floor + above * np.exp(-np.asarray(sold) / self.depth)
        return found

    def price_before(self, price: ArrayLike, sold: ArrayLike) -> Floats:
        """`floor + (price − floor) · e^(sold ÷ depth)`."""
        above = np.asarray(price, np.float64) - self.floor
        with np.errstate(over="ignore"):
            found: Floats = self.floor + above * np.exp(np.asarray(sold) / self.depth)
        return found

    def average_price(self, price: float, sold: float) -> float:
        """`floor + (price − floor) · (1 − e^(−z)) ÷ z` with z = sold ÷ depth."""
        share = -math.expm1(-sold / self.depth) * self.depth / sold if sold else 1.0
        return self.floor + (price - self.floor) * share

    def slope(self, here: ArrayLike, sold: ArrayLike) -> Floats:
        """(here − floor) ÷ depth."""
        here, _ = np.broadcast_arrays(np.asarray(here, np.float64), np.asarray(sold))
        found: Floats = (here - self.floor) / self.depth
        return found

    def shrunk(self, share: float) -> Exponential:
        """The law with a share of its depth."""
        return Exponential(self.depth * _share(share), self.floor)


class SquareRoot(_Law, frozen=True, tag="sqrt"):
    """price · e^(−factor · volatility · √(sold ÷ volume)).

    Factor 0.5 to 1 with daily volatility and volume. Source: Sato and Kanazawa (2024) on Tokyo,
    exponent 0.489; Donier and Bonart (2015) on Bitcoin, over four decades of size.
    """

    CODE = SQUARE_ROOT
    factor: float
    volatility: float  # Of a day, as a ratio.
    volume: float  # Units traded in a day.

    def __post_init__(self) -> None:
        _positive("factor", self.factor, allow_zero=True)
        _positive("volatility", self.volatility, allow_zero=True)
        _positive("volume", self.volume)

    def average_price(self, price: float, sold: float) -> float:
        """`price · 2 · (1 − e^(−z) · (1 + z)) ÷ z²` with z the logarithm of the whole fall."""
        z = math.copysign(self._pace * math.sqrt(abs(sold)), sold)
        if abs(z) < 1e-4:
            return price * (1.0 - 2.0 * z / 3.0 + z * z / 4.0)
        return price * 2.0 * (1.0 - math.exp(-z) * (1.0 + z)) / (z * z)

    def slope(self, here: ArrayLike, sold: ArrayLike) -> Floats:
        """`here · factor · volatility ÷ (2 · √(sold · volume))`; no end at the first unit."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.asarray(here) * (0.5 * self._pace / np.sqrt(np.abs(sold)))
        return found if self._pace else np.zeros_like(found)

    def shrunk(self, share: float) -> SquareRoot:
        """The law with a share of its depth: volume is what stands for depth here."""
        return SquareRoot(self.factor, self.volatility, self.volume * _share(share))

    @property
    def _pace(self) -> float:
        return self.factor * self.volatility / math.sqrt(self.volume)

    def _kept(self, sold: Floats) -> Floats:
        kept: Floats = np.exp(-self._pace * np.sqrt(np.abs(sold)) * np.sign(sold))
        return kept


class ConstantProduct(_Law, frozen=True, tag="constant_product"):
    """price · (x ÷ (x + q)) · (x ÷ (x + q·(1 − fee))): a pool of x units whose fee stays in it.

    Without a fee price · (x ÷ (x + q))². The price is the pool's spot after the sale. Nobody can
    buy all that is in it: the price of that has no end.
    """

    CODE = PRODUCT
    reserve: float  # Units in the pool before the sale, at the price before it.
    fee: float = 0.0

    def __post_init__(self) -> None:
        _positive("reserve", self.reserve)
        if not 0.0 <= self.fee < 1.0:
            raise ValueError(f"fee: must lie in [0, 1), not {self.fee}")

    def average_price(self, price: float, sold: float) -> float:
        """`price · (1 − fee) · x ÷ (x + q·(1 − fee))`."""
        kept = 1.0 - self.fee
        return price * kept * (self.reserve / (self.reserve + sold * kept))

    def slope(self, here: ArrayLike, sold: ArrayLike) -> Floats:
        """`here · (1 ÷ (x + q) + (1 − fee) ÷ (x + q·(1 − fee)))`."""
        units, kept = np.asarray(sold, np.float64), 1.0 - self.fee
        both = 1.0 / (self.reserve + units) + kept / (self.reserve + units * kept)
        found: Floats = np.asarray(here) * both
        return found

    def shrunk(self, share: float) -> ConstantProduct:
        """The pool with a share of its liquidity."""
        return ConstantProduct(self.reserve * _share(share), self.fee)

    def sale_for_drop(self, drop: float) -> float:
        """Units whose sale moves the price by a relative `drop`, without a fee.

        x · ((1 − drop)^(−½) − 1).

        >>> round(ConstantProduct(1.0).sale_for_drop(0.1), 7)
        0.0540926
        """
        return self.reserve * (1.0 / math.sqrt(1.0 - drop) - 1.0)

    def _kept(self, sold: Floats) -> Floats:
        x = self.reserve
        inside = np.maximum(x + sold, 0.0) * np.maximum(x + sold * (1.0 - self.fee), 0.0)
        return x * x / inside


class BookProfile(_Law, frozen=True, tag="book"):
    """The price of the level at which a book's cumulative depth is used up, straight in between.

    `distance` is relative to the price before the sale, `depth` the units down to there; beyond the
    last level the last slope goes on. A flat book gives linear impact, a linear one a square root.
    """

    CODE = PROFILE
    distance: tuple[float, ...]  # Ascending from above 0.
    depth: tuple[float, ...]  # Ascending, cumulative.

    def __post_init__(self) -> None:
        if not self.distance or len(self.distance) != len(self.depth):
            raise ValueError("distance: one for each depth is needed, at least one")
        for key in ("distance", "depth"):
            column = (0.0, *getattr(self, key))
            if any(not low < high for low, high in itertools.pairwise(column)):
                raise ValueError(f"{key}: must ascend from above 0")

    def compiled(self) -> Compiled:
        """The law as numbers."""
        distance, depth = (np.array((0.0, *column)) for column in (self.distance, self.depth))
        return Compiled(self.CODE, 0.0, 0.0, 0.0, distance, depth)

    def average_price(self, price: float, sold: float) -> float:
        """The mean over the levels that were walked: trapezoids between them."""
        size = abs(sold)
        if not size:
            return price
        depth = self.compiled().depth
        ends = np.append(depth[depth < size], size)
        away = self._away(ends)
        walked = float(np.sum(np.diff(ends) * (away[1:] + away[:-1])) * 0.5)
        return price * (1.0 - math.copysign(walked / size, sold))

    def slope(self, here: ArrayLike, sold: ArrayLike) -> Floats:
        """`here · the level's slope ÷ (1 − distance walked)`."""
        units = np.asarray(sold, np.float64)
        found: Floats = np.asarray(here) * self._steepness(units) / self._kept(units)
        return found

    def shrunk(self, share: float) -> BookProfile:
        """The same book with a share of its depth, as makers withdraw when volatility rises."""
        part = _share(share)
        return BookProfile(self.distance, tuple(units * part for units in self.depth))

    def _kept(self, sold: Floats) -> Floats:
        kept: Floats = 1.0 - self._away(np.abs(sold)) * np.sign(sold)
        return kept

    def _away(self, size: Floats) -> Floats:
        """The same steps as the kernel, so that both walk one line."""
        _, _, _, _, distance, depth = self.compiled()
        level = np.clip(np.searchsorted(depth, size), 1, depth.size - 1)
        share = (size - depth[level - 1]) / (depth[level] - depth[level - 1])
        away: Floats = distance[level - 1] + share * (distance[level] - distance[level - 1])
        return away

    def _steepness(self, sold: Floats) -> Floats:
        _, _, _, _, distance, depth = self.compiled()
        level = np.clip(np.searchsorted(depth, np.abs(sold), "right"), 1, depth.size - 1)
        steep: Floats = (distance[level] - distance[level - 1]) / (depth[level] - depth[level - 1])
        return steep


LAWS = Linear | Exponential | SquareRoot | ConstantProduct | BookProfile


def concentrated(ranges: tuple[tuple[float, float, float], ...], price: float) -> BookProfile:
    """Profile of a pool of concentrated liquidity: (lower, upper, liquidity) of each range.

    Between two prices of one range, liquidity L takes L · (1 ÷ √lower − 1 ÷ √upper) units. Each
    range is cut in sixteen, so that the profile follows the curve within a thousandth of a step.
    Source: Uniswap v3 whitepaper, 6.2.
    """
    edges = sorted({edge for low, high, _ in ranges for edge in (low, high) if edge < price})
    distance: list[float] = []
    depth: list[float] = []
    above, taken = price, 0.0
    for below in reversed(edges):
        inside = sum(units for low, high, units in ranges if low <= below and high >= above)
        ratio = (below / above) ** (1 / 16)
        for _ in range(16):
            nearer = above * ratio
            units = inside * (1.0 / math.sqrt(nearer) - 1.0 / math.sqrt(above))
            above = nearer
            if units > 0.0:
                taken += units
                distance.append(1.0 - above / price)
                depth.append(taken)
        above = below
    return BookProfile(tuple(distance), tuple(depth))


def concentrated_swap(liquidity: float, price: float, after: float) -> tuple[float, float]:
    """Units sold and quote received while a range of one liquidity moves between two prices.

    L · (1 ÷ √after − 1 ÷ √price) and L · (√price − √after). Source: Uniswap v3 whitepaper, 6.2.

    >>> sold, received = concentrated_swap(900.0, 100.0, 81.0)
    >>> round(sold, 9), received
    (10.0, 900.0)
    """
    root, next_root = math.sqrt(price), math.sqrt(after)
    return liquidity * (1.0 / next_root - 1.0 / root), liquidity * (root - next_root)


def venues_together(slopes: tuple[float, ...]) -> float:
    """Slope of several venues that arbitrage keeps at one price: 1 ÷ Σ 1 ÷ slope.

    >>> round(venues_together((1e-9, 3e-9, 6e-9)) * 1e10, 6)
    6.666667
    """
    return 1.0 / sum(1.0 / slope for slope in slopes)


def _share(share: float) -> float:
    _positive("share", share)
    return share


def _positive(key: str, number: float, allow_zero: bool = False) -> None:
    inside = number >= 0.0 if allow_zero else number > 0.0
    if not (inside and math.isfinite(number)):
        least = "at least" if allow_zero else "above"
        raise ValueError(f"{key}: must be finite and {least} 0, not {number}")
