"""Cascades of accounts that hold several assets: one account's loss in one asset sells another.

Linear positions under a maintenance rate for each asset; accounts of other methods come in by their
liquidation price through `ladder`. Knows positions, prices and rates as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats, Ints
from seawall.systemic.impact import LAWS
from seawall.systemic.ladder import Bools, LadderError


class Portfolios(NamedTuple):
    """Accounts that margin all they hold together."""

    cash: Floats  # [account] what it has beside its positions.
    units: Floats  # [account, asset] signed.
    rate: Floats  # [asset] maintenance as a share of notional.

    def equity(self, price: Floats) -> Floats:
        """Cash + Σ units · price. [account]."""
        found: Floats = self.cash + self.units @ price
        return found

    def headroom(self, price: Floats) -> Floats:
        """Equity − Σ rate · |units| · price; below 0 an account is closed. [account]."""
        found: Floats = self.equity(price) - np.abs(self.units) @ (self.rate * price)
        return found


def liquidation_prices(
    held: Portfolios, price: ArrayLike, asset: int, beta: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """[account] price of one asset at which each account is closed, from below and from above.

    Others stay where they are, or move by `beta` [asset] times the asset's relative move. With
    y that move, headroom is a straight line in y while no price passes 0: headroom + y · Σ β · p ·
    (units − rate · |units|). NaN where no move of that side closes it; the price itself where it is
    below maintenance already.
    """
    here = np.asarray(price, np.float64)
    moves = np.zeros(here.size) if beta is None else np.array(beta, np.float64)
    moves[asset] = 1.0
    room = held.headroom(here)
    slope = (held.units - held.rate * np.abs(held.units)) @ (moves * here)
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.where(room < 0.0, 0.0, -room / slope)
    reached = here[asset] * (1.0 + move)
    below = np.where(
        (move <= 0.0) & (move > -1.0) & ((slope > 0.0) | (room < 0.0)), reached, np.nan
    )
    above = np.where(
        (move >= 0.0) & np.isfinite(move) & ((slope < 0.0) | (room < 0.0)), reached, np.nan
    )
    return below, above


def first_breaches(
    headroom: Callable[[float], Floats], price: float, moves: Sequence[float]
) -> Floats:
    """[account] first price at which any margin method finds headroom below 0; NaN where none.

    `headroom(p)` is the method's excess of every account with the asset at p and the others where
    the caller wants them; options and portfolios are in it as the method has them. `moves` are
    relative and go away from 0 on one side. Inside the cell that it crosses, headroom is taken as
    straight, so a price is right to less than the cell; an account that recovers further on is
    closed at its first crossing.
    """
    before = headroom(price)
    found = np.where(before < 0.0, price, np.nan)
    here = price
    for move in moves:
        there = price * (1.0 + move)
        after = headroom(there)
        crossed = np.isnan(found) & (after < 0.0)
        share = before[crossed] / (before[crossed] - after[crossed])
        found[crossed] = here + share * (there - here)
        before, here = after, there
    return found


class Spread(NamedTuple):
    """Where a shock of several assets ends."""

    price: Floats  # [asset]
    shocked: Floats  # [asset]
    closed: Bools  # [account]
    round_of: Ints  # [account] in which it was closed, from 1; 0 where it was not.
    sold: Floats  # [asset] units, signed; below zero they were bought.
    bad_debt: float  # Σ of what closed accounts lack, at the final prices.
    rounds: int


def spread(
    held: Portfolios,
    laws: Sequence[LAWS],
    price: ArrayLike,
    shock: ArrayLike,
    *,
    book_share: float = 1.0,
) -> Spread:
    """Close in full whoever is below maintenance, move every price, and look again until nobody is.

    An account is closed once and stays closed, so it ends after as many rounds as accounts at the
    most. Where all sell the outcome is the least fixed point and no order changes it; where some
    hold shorts as well, closing them lifts prices and the rounds matter.
    """
    before, relative = np.asarray(price, np.float64), np.asarray(shock, np.float64)
    if before.shape != held.rate.shape or relative.shape != before.shape:
        raise LadderError("shock: one for each asset is needed")
    if len(laws) != before.size:
        raise LadderError("laws: one for each asset is needed")
    start = before * (1.0 + relative)
    here = start.copy()
    round_of = np.zeros(held.cash.size, np.int64)
    sold = np.zeros(before.size)
    rounds = 0
    while True:
        breached = (round_of == 0) & (held.headroom(here) < 0.0)
        if not breached.any():
            break
        rounds += 1
        round_of[breached] = rounds
        sold = sold + held.units[breached].sum(axis=0)
        here = np.array(
            [
                law.price_after(float(p), float(q) * book_share)
                for law, p, q in zip(laws, start, sold, strict=True)
            ]
        )
    closed = round_of > 0
    lacking = np.minimum(0.0, held.equity(here)[closed])
    return Spread(here, start, closed, round_of, sold, -float(lacking.sum()), rounds)
