"""The ladder of forced trades against price, and how far a shock climbs down it.

Sort the accounts once by the price at which each is closed; then every cascade is a walk over
prefix sums. Knows liquidation prices, bankruptcy prices and sizes of one asset and one side. Does
not know margin rules: who computes a liquidation price has used the account's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from seawall.pricing import Floats, Ints
from seawall.systemic.impact import LAWS

Side = Literal["long", "short"]


Bools = npt.NDArray[np.bool_]


class LadderError(ValueError):
    """Accounts that make no ladder; the message begins with the column."""


class Column(NamedTuple):
    """Accounts in the order in which a move passes a price of theirs."""

    account: Ints  # [step] place in the columns that were given.
    key: Floats  # [step] sign × price, descending.
    units: Floats  # [step] without sign.
    total: Floats  # [step + 1] prefix sums of units,
    value: Floats  # [step + 1] and of units × key.

    def passed(self, key: Floats, strictly: bool = False) -> Ints:
        """How many accounts' keys are at least each number, or strictly above it."""
        at = np.atleast_1d(key)
        count = np.empty(at.shape, np.int64)
        compiled().passed(self.key, at.ravel(), strictly, count.reshape(-1))
        return count.reshape(np.shape(key))


class Ladder(NamedTuple):
    """Forced trades of one asset and side, in the order in which a move reaches them."""

    side: Side
    closing: Column  # By liquidation price.
    failing: Column  # By bankruptcy price; accounts without one are not in it.

    @property
    def sign(self) -> int:
        """1 where a fall forces sales, −1 where a rise forces purchases."""
        return 1 if self.side == "long" else -1

    @property
    def price(self) -> Floats:
        """Liquidation prices: descending for longs, ascending for shorts. [step]"""
        found: Floats = self.closing.key * self.sign
        return found

    @property
    def forced(self) -> Floats:
        """Units closed before each step; the last is all of them. [step + 1]"""
        return self.closing.total

    def forced_at(self, price: ArrayLike) -> Floats:
        """Units that are closed once the price has been at `price`."""
        found: Floats = self.forced[self.closing.passed(self.sign * np.asarray(price, np.float64))]
        return found

    def bad_debt_at(self, price: ArrayLike) -> Floats:
        """Σ size · (bankruptcy price − price) of those whose bankruptcy price is passed.

        What the accounts owe that were closed at `price` and were worth nothing above it.
        """
        here = self.sign * np.asarray(price, np.float64)
        count = self.failing.passed(here, strictly=True)
        owed: Floats = self.failing.value[count] - here * self.failing.total[count]
        return owed


class Cascade(NamedTuple):
    """Where a shock ends."""

    price: float  # Before the shock.
    shocked: float  # After it, before anybody is closed.
    final: float  # Once nobody more is reached.
    average: float  # What a forced unit was traded at.
    accounts: int  # Closed.
    forced: float  # Units closed.
    rounds: int
    bad_debt: float  # If all were closed at the average price. [price × units]
    bad_debt_at_final: float  # If all were closed at the final price: no order can do worse.
    fund_left: float  # Fund less bad debt; below zero is what the fund lacks.
    path: tuple[float, ...]  # Price after each round, the shocked one first.

    @property
    def amplification(self) -> float:
        """Whole move ÷ shock; 1 where nobody is closed, and without a shock."""
        if self.shocked == self.price:
            return 1.0
        return (self.price - self.final) / (self.price - self.shocked)


def ladder(
    liquidation_price: ArrayLike,
    size: ArrayLike,
    bankruptcy_price: ArrayLike | None = None,
    side: Side = "long",
) -> Ladder:
    """Sort accounts into a ladder; sizes are units without sign, NaN prices are never reached.

    Without bankruptcy prices nobody owes anything, however far the price goes.
    """
    account, key, units, broke = _checked(liquidation_price, size, bankruptcy_price, side)
    fails = np.isfinite(broke)
    return Ladder(
        side, _sorted(account, key, units), _sorted(account[fails], broke[fails], units[fails])
    )


def refreshed(
    steps: Ladder,
    account: ArrayLike,
    liquidation_price: ArrayLike,
    size: ArrayLike,
    bankruptcy_price: ArrayLike | None = None,
) -> Ladder:
    """The ladder after some accounts changed, without a new sort of the others.

    An account whose price is NaN or whose size is 0 leaves it; a new one comes in. The outcome has
    the bits of a ladder that was sorted anew.
    """
    changed = np.asarray(account, np.int64)
    if changed.size and (changed.min() < 0 or np.unique(changed).size != changed.size):
        raise LadderError("account: each of them once, at least 0")
    place, key, units, broke = _checked(liquidation_price, size, bankruptcy_price, steps.side)
    came, fails = changed[place], np.isfinite(broke)
    most = max(int(steps.closing.account.max(initial=-1)), int(changed.max(initial=-1))) + 1
    replaced = np.zeros(most, np.bool_)
    replaced[changed] = True
    return Ladder(
        steps.side,
        _merged(steps.closing, replaced, came, key, units),
        _merged(steps.failing, replaced, came[fails], broke[fails], units[fails]),
    )


def cascade(
    steps: Ladder,
    law: LAWS,
    price: float,
    shock: float,
    *,
    fund: float = 0.0,
    book_share: float = 1.0,
    rounds_kept: int = 64,
) -> Cascade:
    """Find the least fixed point of a relative shock: nobody is closed who was not reached.

    final = impact(price · (1 + shock), forced(final) · book_share), from above for a fall. Every
    order of closing ends there, because a closed account only lowers the price for the others.
    `book_share` is what of the forced units reaches the market: what is deleveraged or taken over
    by a backstop does not move a price.
    """
    start = float(_started(price, shock))
    path = np.empty(rounds_kept)
    count, final, rounds = compiled().cascade(
        steps.closing.key, steps.forced, law.compiled(), start, book_share, steps.sign, path
    )
    units = float(steps.forced[count])
    average = float(law.average_price(start, steps.sign * units * book_share))
    owed = float(steps.bad_debt_at(average)) if count else 0.0
    return Cascade(
        price=price,
        shocked=start,
        final=final,
        average=average,
        accounts=int(count),
        forced=units,
        rounds=int(rounds),
        bad_debt=owed,
        bad_debt_at_final=float(steps.bad_debt_at(final)) if count else 0.0,
        fund_left=fund - owed,
        path=tuple(path[: min(rounds + 1, rounds_kept)].tolist()),
    )


def final_prices(
    steps: Ladder, law: LAWS, price: float, shocks: ArrayLike, *, book_share: float = 1.0
) -> tuple[Ints, Floats, Ints]:
    """[shock] accounts closed, final price and rounds of many shocks on one ladder."""
    starts = np.atleast_1d(_started(price, shocks))
    out = np.empty((3, starts.size))
    compiled().cascades(
        steps.closing.key, steps.forced, law.compiled(), starts, book_share, steps.sign, out
    )
    return out[0].astype(np.int64), out[1], out[2].astype(np.int64)


def _started(price: float, shock: ArrayLike) -> Floats:
    relative = np.asarray(shock, np.float64)
    if not (relative > -1.0).all():
        raise LadderError(f"shock: a price cannot fall by all it is worth, not {relative.min()}")
    started: Floats = price * (1.0 + relative)
    return started


def _checked(
    liquidation_price: ArrayLike, size: ArrayLike, bankruptcy_price: ArrayLike | None, side: Side
) -> tuple[Ints, Floats, Floats, Floats]:
    """Places, keys, sizes and bankruptcy keys of those that can be reached."""
    price, units = np.asarray(liquidation_price, np.float64), np.asarray(size, np.float64)
    if price.shape != units.shape or price.ndim != 1:
        raise LadderError("size: one for each liquidation price is needed")
    if not (units >= 0.0).all() or not np.isfinite(units).all():
        raise LadderError("size: must be finite and at least 0; the side says which way")
    sign = 1.0 if side == "long" else -1.0
    inside = np.flatnonzero(np.isfinite(price) & (units > 0.0))
    key, owed = sign * price[inside], np.full(inside.size, -np.inf)
    if bankruptcy_price is not None:
        broke = np.asarray(bankruptcy_price, np.float64)
        if broke.shape != price.shape:
            raise LadderError("bankruptcy_price: one for each liquidation price is needed")
        owed = sign * broke[inside]
        owed[np.isnan(owed)] = -np.inf
        if (owed > key).any():
            raise LadderError("bankruptcy_price: an account is liquidated before it is bankrupt")
    return inside, key, units[inside], owed


def _sorted(account: Ints, key: Floats, units: Floats) -> Column:
    order = np.argsort(-key, kind="stable")
    nobody = Column(np.zeros(0, np.int64), *(np.zeros(0) for _ in range(4)))
    found = (account[order], key[order], units[order])
    return Column(*compiled().merged(*nobody[:3], np.zeros(0, np.bool_), *found))


def _merged(column: Column, replaced: Bools, account: Ints, key: Floats, units: Floats) -> Column:
    order = np.lexsort((account, -key))
    found = (account[order], key[order], units[order])
    return Column(*compiled().merged(*column[:3], replaced, *found))


class Compiled(NamedTuple):
    """The kernels, imported on first call."""

    cascade: Callable[..., Any]
    cascades: Callable[..., Any]
    merged: Callable[..., Any]
    looked_up: Callable[..., Any]
    next_forced: Callable[..., Any]
    passed: Callable[..., Any]


@functools.cache
def compiled() -> Compiled:
    """Import the kernels when one is needed."""
    from seawall.systemic import _kernels

    return Compiled(
        _kernels.cascade,
        _kernels.cascades,
        _kernels.merged,
        _kernels.looked_up,
        _kernels.next_forced,
        _kernels.passed,
    )
