"""A Dutch auction: the price moves with time until somebody takes, one buyer is enough.

Sold lots get cheaper with time; for lots that must be bought back, the offer rises by what a sale's
price would have fallen. The curves are Maker's. Knows no bidder before one takes, and no clock.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.liquidation.exits.contract import (
    ExitFill,
    Refusal,
    RefusedError,
    Side,
    fill_at,
    within,
)
from seawall.liquidation.exits.rules import (
    DutchExponentialExit,
    DutchLinearExit,
    DutchStairExit,
    parts,
)
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.protocols.maker_curves import (
    RAY,
    Curve,
    Exponential,
    Linear,
    Stair,
    auction_price,
)

PRICE_ONE = 10**10  # Price atoms in one unit of the quote currency.


class DutchTerms(NamedTuple):
    """How the price moves, and what may be left."""

    curve: Curve
    duration_seconds: int  # Beyond it the auction is over.
    price_least: int  # Parts per billion of the start; over, too, once a sale's price is below.
    least_notional: int  # Price atoms × lots, at the start price; no leftover is worth less.


class DutchAuction(NamedTuple):
    """What is for sale, or wanted, since when."""

    side: Side
    lots: int
    start: int  # Price atoms.
    started_ms: int


def terms_of(
    rule: DutchLinearExit | DutchStairExit | DutchExponentialExit, lot: int, coin_one: int
) -> DutchTerms:
    """A rulebook's auction in integers.

    least_notional · 10¹⁰ · coin_one ÷ lot is the least notional in price atoms × lots, rounded up,
    with `lot` and `coin_one` the atoms of the base coin in one lot and in one coin.
    """
    curve: Curve
    if isinstance(rule, DutchLinearExit):
        curve = Linear(rule.zero_after_seconds)
    elif isinstance(rule, DutchStairExit):
        curve = Stair(rule.step_seconds, parts(rule.factor, RAY))
    else:
        curve = Exponential(parts(rule.factor, RAY))
    dollars = parse_ratio(rule.least_notional)
    least = divide(dollars * PRICE_ONE * coin_one, RATIO_ONE * lot, Rounding.UP)
    return DutchTerms(curve, rule.duration_seconds, parse_ratio(rule.price_least_ratio), least)


def open_dutch(
    rule: DutchLinearExit | DutchStairExit | DutchExponentialExit,
    side: Side,
    lots: int,
    mark: int,
    now_ms: int,
) -> DutchAuction:
    """An auction that starts at mark · start_ratio for a sale, mark · (2 − start_ratio) for a buy.

    Rounded for the account, whose price moves against it from there.
    """
    ratio = parse_ratio(rule.start_ratio)
    if side is Side.SELL:
        return DutchAuction(side, lots, divide(mark * ratio, RATIO_ONE, Rounding.UP), now_ms)
    first = divide(mark * (2 * RATIO_ONE - ratio), RATIO_ONE, Rounding.DOWN)
    return DutchAuction(side, lots, max(first, 1), now_ms)


def price(auction: DutchAuction, terms: DutchTerms, now_ms: int) -> int:
    """What one lot costs now: never rising for a sale, never falling for a buy.

    >>> sale = DutchAuction(Side.SELL, 10, 1000, 0)
    >>> price(sale, DutchTerms(Linear(100), 100, 0, 0), 30_000)
    700
    """
    elapsed = (now_ms - auction.started_ms) // 1000
    fallen = auction.start - auction_price(terms.curve, auction.start, elapsed)
    return auction.start + auction.side * fallen


def is_over(auction: DutchAuction, terms: DutchTerms, now_ms: int) -> bool:
    """Whether it has lasted too long or moved too far; equality is live, as in Maker's Clip."""
    if now_ms - auction.started_ms > terms.duration_seconds * 1000:
        return True
    moved = abs(price(auction, terms, now_ms) - auction.start)
    return (auction.start - moved) * RATIO_ONE < auction.start * terms.price_least


def take(
    auction: DutchAuction, terms: DutchTerms, now_ms: int, taker: int, lots: int, limit: int
) -> tuple[DutchAuction, ExitFill]:
    """Take up to `lots` at the price of now if it is within the taker's limit.

    What stays is nothing, or worth at least `least_notional` at the start price: a take that would
    leave less is cut, and refused where even that is impossible, so that no leftover is too small
    for anybody to close. Source of the rule: makerdao/dss clip.sol, take, commit fa4f6630.
    """
    if lots <= 0:
        raise RefusedError(Refusal.NOTHING_ASKED)
    if now_ms < auction.started_ms:
        raise RefusedError(Refusal.NOT_STARTED)
    if not auction.lots or is_over(auction, terms, now_ms):
        raise RefusedError(Refusal.OVER)
    now_price = price(auction, terms, now_ms)
    if not within(now_price, limit, auction.side.other):
        raise RefusedError(Refusal.BEYOND_LIMIT)
    taken = min(lots, auction.lots)
    least = divide(terms.least_notional, auction.start, Rounding.UP)  # Lots.
    if 0 < auction.lots - taken < least:
        taken = auction.lots - least
        if taken <= 0:
            raise RefusedError(Refusal.WOULD_LEAVE_DUST)
    left = auction.lots - taken
    return auction._replace(lots=left), fill_at(taker, taken, now_price)
