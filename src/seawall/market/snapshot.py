"""What was last seen: prices, marks, volatility slices and funding, immutable.

Everything is an integer. The snapshot says nothing about who saw it or what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class VolatilitySlice(msgspec.Struct, frozen=True, array_like=True):
    """A fitted smile of one expiry, rounded to parts per billion, as it was journalled.

    Total variance w(k) = a + b·(rho·(k − m) + √((k − m)² + sigma²)), k = ln(strike ÷ forward).
    """

    coin: int
    expires_ms: int
    forward_ratio: int  # Forward ÷ index price, parts per billion.
    discount: int  # Discount factor to expiry, parts per billion.
    a: int
    b: int
    rho: int
    m: int
    sigma: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The market as the engine sees it at one sequence number."""

    sequence: int
    time_ms: int
    price: tuple[int, ...]  # [coin] price atoms per whole coin, in the numeraire.
    mark: tuple[int, ...]  # [instrument] price atoms in the quote currency; 0: from the surface.
    slices: tuple[VolatilitySlice, ...] = ()  # Sorted by (coin, expires_ms).
    funding: tuple[int, ...] = ()  # [instrument] last funding rate, parts per billion.
    depth: tuple[tuple[int, int], ...] = ()  # [instrument] lots on the bid and the ask side.
