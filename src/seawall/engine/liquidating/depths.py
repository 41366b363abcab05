"""Pools as a rulebook names them and as their positions leave them: x · y = k, or ranges of price.

A pool has no state of its own. What its account holds is what it took, so that counts as used.
"""

from __future__ import annotations

from seawall.engine.rules.exit_rules import PoolRange
from seawall.engine.state import Venue
from seawall.liquidation.exits import ExitFill, Side, pool, ranges
from seawall.liquidation.exits.pool import Pool
from seawall.liquidation.exits.ranges import ROOT_ONE, Concentrated
from seawall.money import Rounding, multiply_ratio, parse_ratio

LEAST, MOST = 1, 2**62  # Limits that bound nothing; price atoms.


def pool_of(venue: Venue, account: int, instrument: int, fee: int) -> Pool | Concentrated | None:
    """The pool for a contract as its position leaves it: lots · cash = depth² · mark.

    None where there is none, where it is the account itself, or where it has nothing left.
    """
    depth = venue.rulebook.pools.get(venue.catalogue.instruments[instrument].base)
    number = -1 if depth is None else venue.number.get(depth.account, -1)
    if depth is None or number in (-1, account):
        return None
    mark, asset = venue.mark(instrument), venue.catalogue.lot_asset[instrument]
    position = venue.ledger.balance(number, asset)
    if depth.ranges:
        return _in_ranges(number, mark, depth.ranges, position, fee) if mark > 0 else None
    lots = depth.lots + position
    cash = depth.lots**2 * mark // lots if lots > 0 else 0
    return Pool(number, lots, cash, fee) if cash > 0 else None


def fills_of(found: Pool | Concentrated, side: Side, lots: int, limit: int) -> tuple[ExitFill, ...]:
    """What a pool takes of the lots, as far as the last one is within the limit; one fill or none.

    What lies in ranges takes no more than fits without a fee, for the fee's lots fill them, too.
    """
    if isinstance(found, Pool):
        return pool.trade(found, side, lots, limit)[1].result.fills
    most = _fitting(found, side, lots)
    return ranges.trade_ranges(found, side, most, limit)[1].result.fills if most else ()


def most_within(found: Pool | Concentrated, side: Side, lots: int, limit: int) -> int:
    """How many of the lots a pool would take within the limit."""
    if isinstance(found, Pool):
        return min(lots, max(0, pool.most_within(found, side, limit)))
    return sum(fill.lots for fill in fills_of(found, side, lots, limit))


def _in_ranges(
    account: int, mark: int, told: tuple[PoolRange, ...], position: int, fee: int
) -> Concentrated | None:
    """Ranges around the mark, and the price walked to where the position leaves it.

    Liquidity = lots · √mark, so that one range from nothing to anything is x · y = k. None where
    the ranges cannot hold the position, or the mark is too small to tell them apart.
    """
    root = ranges.root_of(mark)
    built = []
    for one in told:
        low, high = (
            multiply_ratio(mark, parse_ratio(ratio), Rounding.NEAREST)
            for ratio in (one.low_ratio, one.high_ratio)
        )
        liquidity = one.lots * root // ROOT_ONE
        if not 0 < low < high or liquidity <= 0:
            return None
        built.append((low, high, liquidity))
    start = ranges.concentrated(account, mark, built, 0)
    if position:
        side = Side.SELL if position > 0 else Side.BUY
        if _fitting(start, side, abs(position)) < abs(position) - 1:  # One is the mark's rounding.
            return None
        start, _ = ranges.trade_ranges(start, side, abs(position), _bound(side))
    return start._replace(fee=fee)


def _fitting(found: Concentrated, side: Side, lots: int) -> int:
    """How many of the lots the ranges hold at any price, without a fee."""
    free = found._replace(fee=0)
    return lots - ranges.trade_ranges(free, side, lots, _bound(side))[1].result.left


def _bound(side: Side) -> int:
    return LEAST if side is Side.SELL else MOST
