"""Fire sales of balance sheets with several assets: banks that sell when a limit is broken.

Partial sales, so order and monotonicity are not what they are for full closes: a larger shock may
end better, because it makes a bank sell earlier. Knows balance sheets and limits on leverage.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats

_DUST = 1e-9  # Units below which an order is not worth sending.


class Sheets(NamedTuple):
    """Banks' balance sheets, in one currency at a price of 1."""

    cash: Floats  # [bank]
    tradable: Floats  # [bank, asset] units.
    other: Floats  # [bank] assets that cannot be sold.
    loan: Floats  # [bank] debt that can be paid back.
    owed: Floats  # [bank] debt that cannot.


class Limits(NamedTuple):
    """Equity ÷ assets at which a bank fails, acts, and to which it goes back."""

    failure: float = 0.03
    action: float = 0.04  # 1: it always acts, which is leverage targeting.
    target: float = 0.05


class FireSale(NamedTuple):
    """What became of the banks."""

    failed: tuple[int, ...]  # Banks that failed in each round; the first entry is before any.
    sold_share: float  # Units sold ÷ units held at the start, all assets.
    price: Floats  # [asset]

    @property
    def failures(self) -> int:
        """Banks that failed in all rounds."""
        return sum(self.failed)


def fire_sale(
    sheets: Sheets,
    price: ArrayLike,
    fall_for_share: float,
    limits: Limits | None = None,
    *,
    share: float = 0.05,
    rounds: int = 6,
) -> FireSale:
    """Banks pay back debt with cash, then sell pro rata; a failed bank sells all it has.

    `fall_for_share`: selling `share` of an asset moves its price by that: price · e^(−β · sold ÷
    all) with β = −ln(1 − fall_for_share) ÷ share. Orders of a round meet in the next at the mean of
    the prices before and after. `price` [asset] is after the shock. Source: the rule of INET
    Oxford's fire-sale stress test (2020), which follows Cont and Schaanning (2017).
    """
    limits = limits or Limits()
    cash, units, loan = sheets.cash.copy(), sheets.tradable.copy(), sheets.loan.copy()
    here = np.array(price, np.float64)
    whole = units.sum(axis=0)
    steepness = -math.log1p(-fall_for_share) / share
    alive = np.ones(cash.size, np.bool_)
    orders = np.zeros_like(units)
    sold, failed = np.zeros_like(here), [0]
    for _ in range(rounds):
        amount = orders.sum(axis=0)
        after = here * np.exp(-steepness * amount / np.where(whole > 0.0, whole, 1.0))
        settled = np.minimum(orders, units)
        units = units - settled
        cash = cash + settled @ (0.5 * (here + after))
        sold, here = sold + amount, after
        wealth = cash + units @ here + sheets.other
        equity = wealth - loan - sheets.owed
        ratio = equity / wealth
        fails = alive & (ratio < limits.failure)
        alive &= ~fails
        failed.append(int(fails.sum()))
        acts = alive & (ratio < limits.action)
        surplus = np.where(acts, np.maximum(0.0, wealth - equity / limits.target), 0.0)
        paid = np.minimum(np.minimum(surplus, cash), loan)
        cash, loan = cash - paid, loan - paid
        raised = np.maximum(0.0, surplus - paid - cash)
        worth = units * here
        most = worth.sum(axis=1)
        part = np.minimum(1.0, raised / np.where(most > 0.0, most, 1.0))
        orders = units * np.where(fails, 1.0, part)[:, None]
        orders[orders <= _DUST] = 0.0
    return FireSale(tuple(failed), float(sold.sum() / whole.sum()), here)


class Deleveraged(NamedTuple):
    """What became of banks with one asset and a one-sided limit on leverage."""

    price: float  # As a share of the price after the shock.
    rounds: int  # In which somebody sold.
    equity: Floats  # [bank]
    sold: tuple[float, ...]  # [round] value at the prices of that round.


def threshold_sale(
    assets: ArrayLike,
    equity: ArrayLike,
    shock: float,
    depth: float,
    *,
    most: float = 33.0,
    target: float = 31.35,
    rounds_most: int = 1000,
) -> Deleveraged:
    """Nobody sells until assets ÷ equity > `most`; then what brings it to `target`, or everything.

    A round's sales of value q move the price by the factor e^(−q ÷ depth), on what is sold as well
    as on what is kept. A bank without equity sells all. Source: Cont and Schaanning (2017), where
    target = 0.95 · most.
    """
    held, own = np.array(assets, np.float64), np.array(equity, np.float64)
    own = own - held * shock
    held = held * (1.0 - shock)
    price, sales = 1.0, []
    for _ in range(rounds_most):
        part = np.where(held > most * own, 1.0 - target * own / np.where(held, held, 1.0), 0.0)
        part = np.where((own <= 0.0) & (held > 0.0), 1.0, part)
        amount = float(part @ held)
        if not amount > 0.0:
            break
        factor = math.exp(-amount / depth)
        own = own - held * (1.0 - factor)
        held = held * (1.0 - part) * factor
        price *= factor
        sales.append(amount)
    return Deleveraged(price, len(sales), own, tuple(sales))
