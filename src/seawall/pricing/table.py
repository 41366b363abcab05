"""The shape of a risk table and of the grid of scenarios that it answers."""

from __future__ import annotations

import math
from typing import Generic, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
T = TypeVar("T")

WIDTH = 32  # Scenario columns come in multiples of this, so that kernels need no remainder.
_LINE = 64  # Bytes of a cache line, and of the widest register.


class Scenario(msgspec.Struct, frozen=True, array_like=True):
    """One cell of a grid, in parts per billion."""

    move: int  # Relative move of the price, before the coin's scale.
    volatility: int  # Shock of the implied volatility; the grid's rule says how it is meant.
    weight: int  # Share of the loss that counts; 1 for an ordinary cell.
    tilt: int = 0  # How the smile turns: UNTILTED, LINEAR or ABSOLUTE; the grid's `Tilt` says far.


UNTILTED, LINEAR, ABSOLUTE = range(3)


class Tilt(msgspec.Struct, frozen=True):
    """How far a tilted scenario turns a smile. Parts per billion.

    With k = ln(strike ÷ forward), or |k| where absolute, and t the years to expiry: cap = cap +
    cap_time · √t; full = max(width_floor, √t · width · (volatility + volatility_time · √t)); every
    volatility is multiplied by max(0, 1 + tilt), tilt = k · cap ÷ full, held to +cap where k ≥ 0
    and to −cap where k < 0. Source: derivexyz/v2-core at 7736900, PMRM 2.
    """

    width_floor: int
    width: int
    volatility: int
    volatility_time: int
    linear_cap: int
    linear_cap_time: int
    absolute_cap: int
    absolute_cap_time: int


class Grid(msgspec.Struct, frozen=True):
    """The scenarios that a margin method asks for. Equal grids share one table."""

    scenarios: tuple[Scenario, ...] = ()
    scale: tuple[tuple[str, int], ...] = ()  # (coin, parts per billion) multiplies each move.
    volatility_rule: Literal["relative", "additive"] = "relative"
    power_short: int = 300_000_000  # Exponent of (30 ÷ days) below 30 days, parts per billion.
    power_long: int = 130_000_000  # From 30 days on.
    days_floor: int = 1_000_000_000  # Fewest days to expiry in that ratio, parts per billion.
    volatility_floor: int = 0  # Least shocked volatility, parts per billion.
    floor_stops_falls: bool = True  # Whether that floor stops a fall too, or lifts rises only.
    coins_inside: bool = False  # Whether coins held as collateral move in the scenarios too.
    # (coin, its relative move in each scenario, parts per billion), in place of move × scale.
    history: tuple[tuple[str, tuple[int, ...]], ...] = ()
    # (coin, its volatility shock in each scenario, parts per billion), in place of `volatility`.
    volatility_history: tuple[tuple[str, tuple[int, ...]], ...] = ()
    # What a change is said in: dollars, or units of the asset's settlement currency at their price
    # of now. A coin, and cash settled in it, do not change in their own measure.
    measure: Literal["numeraire", "settlement"] = "numeraire"
    tilt: Tilt | None = None


_NO_COINS = np.zeros(0, np.int32)


class Quotes(NamedTuple):
    """What stands behind the values of a table; methods that read a contract's terms need it."""

    size: Floats  # [asset] coins of the underlying per lot; 0 of a currency or inverse lot.
    forward: Floats  # [asset] price atoms: an option's forward, a contract's mark, else 0.
    years: Floats  # [asset] to expiry; 0 where there is none.
    volatility: Floats  # [asset] implied, annual; 0 where there is none.
    discount: Floats  # [asset] 1 where there is none.
    confidence: Floats  # [asset] the least of the feeds that its value rests on; 1 is certain.
    price: Floats  # [coin] price atoms of a whole coin.
    settles: NDArray[np.int32] = _NO_COINS  # [asset] coin of settlement; of a currency: itself.


_NONE = np.zeros(0)
NO_QUOTES = Quotes(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE)


class RiskTable(NamedTuple):
    """One row for each ledger asset. The unit of an asset is one lot, or one atom of a currency."""

    value: Floats  # [asset] numeraire atoms per unit.
    collateral: Floats  # [asset] what a positive balance counts for after its haircut.
    change: Floats  # [asset, scenario] weighted change of value, numeraire atoms per unit.
    bound: Floats  # [asset] max(|value|, |collateral|, |change| over scenarios): for gross.
    notional: Floats  # [asset] |exposure| per lot of a contract or option (option: of its coin).
    delta: (
        Floats  # [asset] change of value per 1 numeraire of coin price × lots; Greeks of reports.
    )
    coin: NDArray[np.int32]  # [asset] underlying coin.
    kind: NDArray[np.int8]  # [asset] market.Kind.
    expires_ms: Ints  # [asset] 0 where it never expires.
    strike: Floats  # [asset] price atoms; 0 where there is none.
    is_call: NDArray[np.int8]  # [asset]
    scenarios: int  # Scenarios before padding; columns beyond repeat the first.
    coins: tuple[str, ...]  # [coin] names, so that a method's parameters can be keyed by coin.
    quotes: Quotes = NO_QUOTES


def aligned(*shape: int) -> Floats:
    """Zeros on a 64-byte boundary.

    >>> aligned(3, 32).ctypes.data % 64
    0
    """
    size = math.prod(shape) * 8
    room = np.zeros(size + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + size].view(np.float64).reshape(shape)


class Same(Generic[T]):
    """A value as a key: equal only to itself, and alive as long as the cache keeps it."""

    __slots__ = ("itself",)

    def __init__(self, itself: T) -> None:
        self.itself = itself

    def __hash__(self) -> int:
        return id(self.itself)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.itself is self.itself
