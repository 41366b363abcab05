"""Vega: margin levels, the margin of orders in isolated mode, and the liquidation price.

Prices and sizes are exact fractions; margin levels are whole atoms of the settlement asset.
Knows no book and no account. Source: vegaprotocol/vega, commit a50750cc10, and its specification
0019-MCAL at vegaprotocol/specs, commit 5fea1f3e3d.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Refusal(enum.IntEnum):
    """Why there is no number."""

    LIQUIDATION_PRICE_UNDEFINED = 1  # The margin falls as fast as the position's value.


class RefusedError(ValueError):
    """A question without an answer; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Market(NamedTuple):
    """A market's slippage, risk factors and multiples of the maintenance level."""

    risk_long: Fraction  # Share of notional.
    risk_short: Fraction  # Share of notional.
    slippage: Fraction = Fraction(0)  # Share of notional.
    slippage_quadratic: Fraction = Fraction(0)  # Share of notional, per unit of size.
    search: Fraction = Fraction(11, 10)
    initial: Fraction = Fraction(12, 10)
    release: Fraction = Fraction(14, 10)
    funding_share: Fraction = Fraction(1)  # Of the accrued funding that margin must cover.


class Exposure(NamedTuple):
    """A position, negative if short, and the open orders around it, in contracts."""

    position: Fraction
    buys: Fraction = Fraction(0)
    sells: Fraction = Fraction(0)


class Levels(NamedTuple):
    """Margin levels of an account in one market, atoms."""

    maintenance: int  # Below it: distressed.
    search: int  # Below it: topped up from the general account.
    initial: int  # Topped up to it; needed for a new order.
    release: int  # Above it: the excess goes back.


class Order(NamedTuple):
    """An open limit order."""

    is_buy: bool
    price: Fraction
    remaining: Fraction  # Contracts, positive.


def maintenance_exact(
    market: Market,
    exposure: Exposure,
    mark: Fraction,
    funding: Fraction = Fraction(0),
    slippage_on_orders: bool = False,
) -> Fraction:
    """Maintenance margin before it is rounded up, atoms.

    The larger of long and short side, each mark · (size · slippage + size² · slippage_quadratic +
    volume · risk factor), plus funding_share · max(0, position · funding). `size` is the open
    position on that side and `volume` adds the orders. The written specification takes slippage
    on volume too (`slippage_on_orders`); the venue's code does not.
    """

    def side(size: Fraction, orders: Fraction, factor: Fraction) -> Fraction:
        volume = size + orders
        slipping = volume if slippage_on_orders else size
        curve = market.slippage + slipping * market.slippage_quadratic
        return mark * (slipping * curve + volume * factor)

    long = side(max(exposure.position, Fraction(0)), exposure.buys, market.risk_long)
    short = side(max(-exposure.position, Fraction(0)), exposure.sells, market.risk_short)
    accrued = max(Fraction(0), exposure.position * funding)
    return max(long, short) + market.funding_share * accrued


def cross_levels(
    market: Market, exposure: Exposure, mark: Fraction, funding: Fraction = Fraction(0)
) -> Levels:
    """Levels in cross mode: maintenance rounded up, the others ⌊maintenance · multiple⌋.

    >>> tenth = Fraction(1, 10)
    >>> cross_levels(Market(tenth, tenth, Fraction(1, 4)), Exposure(Fraction(-10)), Fraction(15900))
    Levels(maintenance=55650, search=61215, initial=66780, release=77910)
    """
    maintenance = math.ceil(maintenance_exact(market, exposure, mark, funding))
    return Levels(
        maintenance=maintenance,
        search=math.floor(maintenance * market.search),
        initial=math.floor(maintenance * market.initial),
        release=math.floor(maintenance * market.release),
    )


def isolated_levels(
    market: Market, position: Fraction, mark: Fraction, funding: Fraction = Fraction(0)
) -> Levels:
    """Levels in isolated mode: of the position alone, with nothing searched for or released."""
    return cross_levels(market, Exposure(position), mark, funding)._replace(search=0, release=0)


def isolated_position_margin(entry: Fraction, position: Fraction, factor: Fraction) -> int:
    """Margin that a position is given in isolated mode, ⌊factor · entry · |position|⌋, atoms."""
    return math.floor(factor * entry * abs(position))


def isolated_order_margin(orders: Sequence[Order], position: Fraction, factor: Fraction) -> int:
    """Margin of the orders in isolated mode: the larger side's ⌊factor · Σ price · size⌋, atoms.

    Orders that would reduce the position, best price first, need none.

    >>> sells = [Order(False, Fraction(20), Fraction(1)), Order(False, Fraction(40), Fraction(2))]
    >>> isolated_order_margin(sells, Fraction(2), Fraction(1, 2))
    20
    """
    sides = []
    for is_buy in (True, False):
        covered = max(Fraction(0), -position if is_buy else position)
        total = Fraction(0)
        for order in sorted(orders, key=lambda one: one.price, reverse=is_buy):
            if order.is_buy is is_buy:
                offset = min(covered, order.remaining)
                covered -= offset
                total += order.price * (order.remaining - offset)
        sides.append(math.floor(factor * total))
    return max(sides)


def liquidation_price(
    market: Market,
    position: Fraction,
    collateral: Fraction,
    mark: Fraction,
    funding: Fraction = Fraction(0),
) -> Fraction:
    """The mark at which what is left of the collateral equals the maintenance margin; no orders.

    (collateral − position · mark − funding_share · max(0, position · funding)) ÷
    (|position| · (slippage + |position| · slippage_quadratic + risk factor) − position).
    A price below zero means that no price liquidates.
    """
    size = abs(position)
    factor = market.risk_long if position > 0 else market.risk_short
    slope = size * (market.slippage + size * market.slippage_quadratic + factor) - position
    if slope == 0:
        raise RefusedError(Refusal.LIQUIDATION_PRICE_UNDEFINED)
    accrued = market.funding_share * max(Fraction(0), position * funding)
    return (collateral - position * mark - accrued) / slope
