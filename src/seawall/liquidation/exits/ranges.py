"""A pool whose liquidity lies in ranges of price: x and y of each range, and the walk through them.

Inside a range with liquidity L, between square roots of price r and s, lie L · (1/r − 1/s) lots and
L · (s − r) cash. Roots are integers in units of 2⁻⁹⁶, lots are walked in 2⁻³² of a lot; all that is
not whole stays with the pool. Source of the form: Uniswap v3 white paper, 6.2 to 6.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from seawall.liquidation.exits.contract import Side, conserved, must_ask
from seawall.liquidation.exits.pool import PoolTrade, average
from seawall.money import RATIO_ONE, Rounding, divide, square_root

ROOT_ONE = 2**96
PART_ONE = 2**32  # Parts of a lot.


class Range(NamedTuple):
    """Liquidity between two roots of price."""

    low: int  # 2⁻⁹⁶.
    high: int
    liquidity: int  # Of the real formula, in √(price atoms) × lots.


class Concentrated(NamedTuple):
    """Ranges from the lowest to the highest, and where the price stands."""

    account: int  # Who the counterparty is.
    ranges: tuple[Range, ...]
    root: int  # Of the price, 2⁻⁹⁶; between ranges it may stand anywhere.
    fee: int  # Of what goes in, parts per billion; it is kept apart from the liquidity.


class RangeError(ValueError):
    """Ranges that cannot be used; the message names its key path."""


def root_of(price: int) -> int:
    """The square root of a price, to the nearest 2⁻⁹⁶.

    >>> root_of(49) == 7 * ROOT_ONE
    True
    """
    return square_root(price * ROOT_ONE**2, Rounding.NEAREST)


def concentrated(
    account: int, price: int, ranges: Iterable[tuple[int, int, int]], fee: int
) -> Concentrated:
    """A pool from (low price, high price, liquidity) of each range, which must not overlap.

    Liquidity is at most 2⁹⁶, so that the least step of the root is at most one of cash.
    """
    built = tuple(Range(root_of(low), root_of(high), liquidity) for low, high, liquidity in ranges)
    for number, one in enumerate(built):
        if not 0 < one.low < one.high or one.liquidity <= 0:
            raise RangeError(f"at $.ranges[{number}]: empty, or without liquidity")
        if one.liquidity > ROOT_ONE:
            raise RangeError(f"at $.ranges[{number}]: more liquidity than the roots can tell")
    for number, (one, following) in enumerate(pairwise(built)):
        if following.low < one.high:
            raise RangeError(f"at $.ranges[{number + 1}]: begins below the end of the one before")
    return Concentrated(account, built, root_of(price), fee)


def trade_ranges(
    pool: Concentrated, side: Side, lots: int, limit: int
) -> tuple[Concentrated, PoolTrade]:
    """Sell lots through the ranges downwards, or buy them upwards, until a limit of price.

    The limit is on the marginal price after the fee, so every lot keeps it. Where rounding would
    put the average of very few lots beyond it, fewer are traded.
    """
    must_ask(lots, limit)
    before = price_of(pool.root)
    bound = _limit_root(pool, side, limit)
    walk = _sell if side is Side.SELL else _buy
    _, _, parts = walk(pool, lots * PART_ONE, bound)
    filled, paid, root = parts // PART_ONE, 0, pool.root
    while filled:
        root, paid, _ = walk(pool, filled * PART_ONE, bound)
        if side * paid <= side * limit * filled:
            break
        filled //= 2
    if not filled:
        return pool, PoolTrade(conserved(lots, (), lots), before, before)
    result = conserved(lots, (average(pool.account, side, filled, paid),), lots - filled)
    return pool._replace(root=root), PoolTrade(result, before, price_of(root))


def price_of(root: int) -> int:
    """The price at a root, price atoms, rounded down."""
    return root * root // ROOT_ONE**2


def _limit_root(pool: Concentrated, side: Side, limit: int) -> int:
    """Root at which the marginal price after the fee is the limit, rounded to where it holds."""
    kept = RATIO_ONE - pool.fee
    if side is Side.SELL:
        square = divide(limit * RATIO_ONE * ROOT_ONE**2, kept, Rounding.UP)
        return square_root(square, Rounding.UP)
    return square_root(limit * kept * ROOT_ONE**2 // RATIO_ONE, Rounding.DOWN)


def _sell(pool: Concentrated, parts: int, bound: int) -> tuple[int, int, int]:
    """(root after, cash out, parts taken) for parts of a lot that go in, down to the bound."""
    kept = RATIO_ONE - pool.fee
    root, cash, left = pool.root, 0, parts
    for low, high, liquidity in reversed(pool.ranges):
        top, floor = min(root, high), max(low, bound)
        if floor >= top or not left:
            continue
        mass = liquidity * ROOT_ONE * PART_ONE
        whole = divide(mass * (top - floor), top * floor, Rounding.UP)  # Parts to cross it.
        gross = divide(whole * RATIO_ONE, kept, Rounding.UP)
        if left >= gross:
            root, left = floor, left - gross
        else:
            scaled = mass * RATIO_ONE
            root = max(floor, divide(scaled * top, scaled + left * kept * top, Rounding.UP))
            left = 0
        cash += liquidity * (top - root)
    return root, cash // ROOT_ONE, parts - left


def _buy(pool: Concentrated, parts: int, bound: int) -> tuple[int, int, int]:
    """(root after, cash in, parts given) for parts of a lot that go out, up to the bound."""
    root, cash, left = pool.root, 0, parts
    for low, high, liquidity in pool.ranges:
        start, ceiling = max(root, low), min(high, bound)
        if start >= ceiling or not left:
            continue
        mass = liquidity * ROOT_ONE * PART_ONE
        whole = mass * (ceiling - start) // (start * ceiling)
        if left >= whole:
            root, left = ceiling, left - whole
        else:
            root = divide(mass * start, mass - left * start, Rounding.UP)
            left = 0
        cash += liquidity * (root - start)
    return (
        root,
        divide(cash * RATIO_ONE, ROOT_ONE * (RATIO_ONE - pool.fee), Rounding.UP),
        parts - left,
    )
