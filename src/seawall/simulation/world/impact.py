"""What sold lots do to the price of a book: laws of impact in whole numbers.

A law maps the pressure on a book (what was sold net, as a share of its depth) to how far its price
stands below where it began. Knows no book, no venue and nobody who sells. Everything is an integer
in parts of `UNIT`, because these prices reach a hash.
"""

from __future__ import annotations

from decimal import Decimal
from math import isqrt

import msgspec

UNIT = 10**12
FALL_MOST = UNIT * 95 // 100  # No law lets the price fall further: somebody buys at a twentieth.
_BITS = 64


class _Law(msgspec.Struct, frozen=True, tag_field="law", forbid_unknown_fields=True):
    """A law; its tag is its name in a scenario. Purchases are sales below zero, mirrored."""

    def fall(self, pressure: int) -> int:
        """How far the price stands below its start, parts of `UNIT`; odd in the pressure."""
        size = min(FALL_MOST, self._fall(abs(pressure)))
        return size if pressure >= 0 else -size

    def walked(self, pressure: int) -> int:
        """The integral of `fall` from 0, parts of `UNIT`; even in the pressure."""
        size = abs(pressure)
        end = self._reach()
        if end is None or size <= end:
            return self._walked(size)
        return self._walked(end) + FALL_MOST * (size - end) // UNIT

    def average(self, first: int, last: int) -> int:
        """The mean of `fall` between two pressures, parts of `UNIT`."""
        if first == last:
            return self.fall(first)
        return (self.walked(last) - self.walked(first)) * UNIT // (last - first)

    def _fall(self, size: int) -> int:
        raise NotImplementedError

    def _walked(self, size: int) -> int:
        raise NotImplementedError

    def _reach(self) -> int | None:
        """The pressure at which the greatest fall is reached; None: it never is."""
        raise NotImplementedError


class Linear(_Law, frozen=True, tag="linear"):
    """fall = pressure: depth is what moves the price by all of itself. Kyle (1985).

    >>> Linear().fall(UNIT // 10) == UNIT // 10
    True
    """

    def _fall(self, size: int) -> int:
        return size

    def _walked(self, size: int) -> int:
        return size * size // (2 * UNIT)

    def _reach(self) -> int | None:
        return FALL_MOST


class SquareRoot(_Law, frozen=True, tag="sqrt"):
    """fall = factor · √pressure: no first lot is cheap to sell, no last one is dear.

    With depth as the volume of a day, factor is the volatility of a day times 0.5 to 1.
    Source: Sato and Kanazawa (2024); Donier and Bonart (2015) on Bitcoin.

    >>> SquareRoot(Decimal("0.04")).fall(UNIT // 100) == UNIT * 4 // 1000
    True
    """

    factor: Decimal = Decimal("0.1")

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise ValueError(f"factor: must lie in (0, 1], not {self.factor}")

    def _fall(self, size: int) -> int:
        return self._parts() * isqrt(size * UNIT) // UNIT

    def _walked(self, size: int) -> int:
        return 2 * self._parts() * size // UNIT * isqrt(size * UNIT) // (3 * UNIT)

    def _reach(self) -> int | None:
        return (FALL_MOST * UNIT // self._parts()) ** 2 // UNIT

    def _parts(self) -> int:
        return int(self.factor * UNIT)


class Exponential(_Law, frozen=True, tag="exponential"):
    """fall = 1 − e^(−pressure). Source: Cifuentes, Ferrucci and Shin (2005)."""

    def _fall(self, size: int) -> int:
        return UNIT - decayed(size)

    def _walked(self, size: int) -> int:
        return size - (UNIT - decayed(size))

    def _reach(self) -> int | None:
        return 2_995_732_273_553  # ln 20 · UNIT.


class ConstantProduct(_Law, frozen=True, tag="constant_product"):
    """fall = 1 − 1 ÷ (1 + pressure)²: a pool whose reserve of the coin is the depth."""

    def _fall(self, size: int) -> int:
        return UNIT - UNIT**3 // (UNIT + size) ** 2

    def _walked(self, size: int) -> int:
        return size * size // (UNIT + size)

    def _reach(self) -> int | None:
        return isqrt(20 * UNIT * UNIT) - UNIT


LAWS = Linear | SquareRoot | Exponential | ConstantProduct


def decayed(size: int) -> int:
    """UNIT · e^(−size ÷ UNIT) for size ≥ 0, rounded down: a series, then squares, in integers.

    >>> decayed(0) == UNIT, decayed(UNIT)
    (True, 367879441171)
    """
    one = 1 << _BITS
    x = (size << _BITS) // UNIT
    halvings = max(0, x.bit_length() - (_BITS - 4))
    x >>= halvings
    term = total = one
    for number in range(1, 14):
        term = -(term * x >> _BITS) // number
        total += term
    for _ in range(halvings):
        total = total * total >> _BITS
    return total * UNIT >> _BITS
