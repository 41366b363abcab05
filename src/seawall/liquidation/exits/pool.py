"""A pool with x · y = k: what it pays for lots, what it asks for them, and where it stands then.

A pool holds lots and cash in price atoms × lots. Whatever is not whole stays with the pool. Knows
no liquidity provider: what is traded here is only the reserves. See `ranges` for the concentrated
kind.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.liquidation.exits.contract import ExitFill, ExitResult, Side, conserved, must_ask
from seawall.liquidation.exits.rules import PoolExit
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio, square_root


class Pool(NamedTuple):
    """Reserves, both positive."""

    account: int  # Who the counterparty is.
    lots: int
    cash: int  # Price atoms × lots.
    fee: int  # Of what goes in, parts per billion; it stays in the reserves.


class PoolTrade(NamedTuple):
    """What a trade against a pool comes to."""

    result: ExitResult
    price_before: int  # Marginal, without fee; price atoms, rounded down.
    price_after: int


def limit_of(rule: PoolExit, mark: int, side: Side) -> int:
    """The limit that a rulebook sets: the mark at its greatest slippage, rounded to the mark."""
    slippage = parse_ratio(rule.slippage_max_ratio)
    rounding = Rounding.UP if side is Side.SELL else Rounding.DOWN
    return divide(mark * (RATIO_ONE + side * slippage), RATIO_ONE, rounding)


def proceeds(pool: Pool, lots: int) -> int:
    """What the pool pays for lots, rounded down.

    cash · lots · g ÷ (reserve + lots · g) with g = 1 − fee.

    >>> proceeds(Pool(1, 1_000, 1_000_000, 0), 1_000)
    500000
    """
    kept = lots * (RATIO_ONE - pool.fee)
    return pool.cash * kept // (pool.lots * RATIO_ONE + kept)


def cost(pool: Pool, lots: int) -> int:
    """What the pool asks for fewer lots than it has, rounded up.

    cash · lots ÷ ((reserve − lots) · g) with g = 1 − fee.

    >>> cost(Pool(1, 1_000, 1_000_000, 0), 500)
    1000000
    """
    rest = (pool.lots - lots) * (RATIO_ONE - pool.fee)
    return divide(pool.cash * lots * RATIO_ONE, rest, Rounding.UP)


def most_within(pool: Pool, side: Side, limit: int) -> int:
    """Most lots of which none, at its own marginal price and fee, is worse than the limit.

    Selling, cash · reserve · g ÷ (reserve + n · g)² ≥ limit; buying, cash · reserve ÷ (g · (reserve
    − n)²) ≤ limit. Each is solved for n by a square root, rounded to the limit's side.
    """
    kept = RATIO_ONE - pool.fee
    depth = pool.cash * pool.lots
    if side is Side.SELL:
        reach = square_root(depth * kept * RATIO_ONE // limit, Rounding.DOWN)
        return max(0, (reach - pool.lots * RATIO_ONE) // kept)
    rest = square_root(divide(depth * RATIO_ONE, kept * limit, Rounding.UP), Rounding.UP)
    return max(0, pool.lots - max(rest, 1))


def trade(pool: Pool, side: Side, lots: int, limit: int) -> tuple[Pool, PoolTrade]:
    """Sell lots to a pool, or buy them from it, as far as the last one is within the limit.

    What the limit leaves over is exact: other exits may do better with it than the pool's worst
    price. lots · cash of the reserves never falls.
    """
    must_ask(lots, limit)
    before = pool.cash // pool.lots
    filled = min(lots, most_within(pool, side, limit))
    if filled <= 0:
        return pool, PoolTrade(conserved(lots, (), lots), before, before)
    paid = proceeds(pool, filled) if side is Side.SELL else cost(pool, filled)
    after = pool._replace(lots=pool.lots - side * filled, cash=pool.cash + side * paid)
    assert after.lots * after.cash >= pool.lots * pool.cash, "a pool lost by a trade"
    result = conserved(lots, (average(pool.account, side, filled, paid),), lots - filled)
    return after, PoolTrade(result, before, after.cash // after.lots)


def average(account: int, side: Side, lots: int, paid: int) -> ExitFill:
    """A fill whose lots differ in price, named by their average, rounded against the trader."""
    rounding = Rounding.DOWN if side is Side.SELL else Rounding.UP
    return ExitFill(account, lots, divide(paid, lots, rounding), paid)
