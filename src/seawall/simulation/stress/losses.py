"""Who bears what a fall costs: the accounts, the fund, the winners, everybody.

The loss of the closed accounts is told twice, once by its cause (the price, their own selling) and
once by who bears it; both add up to the same number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.stress.closing import Closings
from seawall.simulation.stress.fall import Fallen, Steps


class Losses(NamedTuple):
    """Numeraire. By cause: price + book. By bearer: accounts + fund + deleveraged + shared."""

    price: float  # Lost by closed accounts on the way to the price without sales at their close.
    book: float  # Lost from there to the price of their trades: what selling together costs.
    accounts: float  # Borne by the closed accounts themselves.
    fund: float
    deleveraged: float  # Taken from the gains of accounts that win.
    shared: float  # Left, and borne by everybody.

    @property
    def total(self) -> float:
        """What closed accounts lost from today's price to the price of their trades."""
        return self.price + self.book


def losses(found: Closings, steps: Steps, fallen: Fallen, traded: Floats, fund: float) -> Losses:
    """Split the loss of one fall; `traded` [2, step] is the price at which each step was sold.

    bad debt = fund + deleveraged + shared, each stage taking what it can; winners give no more
    than what they have gained since today at the final price.
    """
    count = int(fallen.accounts[0])
    closed = steps.ladder.closing.account[:count]
    if not count:
        return Losses(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    past = steps.ladder.sign * (found.closes[closed] - traded[0, :count])
    worth = found.left[closed] - found.near[closed] * past
    lost = float((found.equity[closed] - worth).sum())
    owed, book = float(fallen.bad_debt[0]), float(fallen.slipped[0])
    paid = min(owed, fund)
    order = np.argsort(found.points)
    final = float(fallen.final[0])
    won = float(np.interp(final, found.points[order], found.gains[order]))
    taken = min(owed - paid, won)
    return Losses(lost - book, book, lost - owed, paid, taken, owed - paid - taken)


def margin_consumed(found: Closings, steps: Steps) -> Floats:
    """[step + 1] equity today of the accounts closed before each step; debts count nothing."""
    equity = np.maximum(found.equity, 0.0)[steps.ladder.closing.account]
    return np.concatenate(([0.0], np.cumsum(equity)))
