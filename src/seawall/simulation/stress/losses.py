"""Who bears what a fall costs: the accounts, the fund of each coin, the winners, everybody.

The loss of the accounts that something was taken from is told twice, once by its cause (the price,
their own selling, fees) and once by who bears it; both add up to the same number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.stress.fall import Fallen, Ground, Traced
from seawall.simulation.stress.judging import Columns


class Losses(NamedTuple):
    """Numeraire. By cause: price + book + fees. By bearer: all others together."""

    price: float  # What they would have lost at prices without sales.
    book: float  # What selling together costs, in trades and in what they still hold.
    fees: float
    accounts: float  # Borne by those accounts themselves.
    fund: float
    deleveraged: float  # Taken from winners, at most what they have won in contracts of that coin.
    shared: float  # By the rulebook's rule, if that reaches others than winners.
    uncovered: float  # Left in sight.

    @property
    def total(self) -> float:
        """What they lost since today."""
        return self.price + self.book + self.fees


class Share(NamedTuple):
    """Who pays what is owed in one coin. Numeraire at the final prices."""

    coin: str
    owed: float
    fund: float  # What it has, fees of this fall included.
    paid: float
    deleveraged: float
    left: float


def funds_left(fallen: Fallen, funds: Floats, cash: int, kept: float) -> Floats:
    """[run, coin] fund less what is owed in its coin, below zero where it lacks; numeraire.

    `funds` [coin] are whole coins; the share `kept` of the fees comes in cash.
    """
    left = funds * fallen.ends - fallen.owed
    left[:, cash] += kept * fallen.fees
    return left


def losses(
    traced: Traced, ground: Ground, funds: Floats, sharing: str, names: list[str]
) -> tuple[Losses, list[Share]]:
    """Split the loss of one fall down the waterfall, coin by coin.

    owed = fund + deleveraged + shared + uncovered. Deleveraging and a loss shared by gains take
    from winners alone, never more than they won; what another rule shares out has no such bound.
    """
    fallen, columns, rules = traced.fallen, ground.columns, ground.rules
    won = gains(traced, columns)
    left = funds_left(fallen, funds, rules.cash, rules.kept)[0]
    shares = []
    for coin, name in enumerate(names):
        owed = float(fallen.owed[0, coin])
        fund = max(0.0, float(left[coin]) + owed)
        paid = min(owed, fund)
        taken = min(owed - paid, float(won[coin]))
        if owed or fund:
            shares.append(Share(name, owed, fund, paid, taken, owed - paid - taken))
    lost, owed = float(fallen.lost[0]), float(fallen.bad_debt[0])
    rest = sum(share.left for share in shares)
    by_winners = sharing == "pro_rata"
    told = Losses(
        price=lost - float(fallen.slipped[0]) - float(fallen.fees[0]),
        book=float(fallen.slipped[0]),
        fees=float(fallen.fees[0]),
        accounts=lost - owed,
        fund=sum(share.paid for share in shares),
        deleveraged=sum(share.deleveraged for share in shares),
        shared=0.0 if by_winners else rest,
        uncovered=rest if by_winners else 0.0,
    )
    return told, shares


def gains(traced: Traced, columns: Columns) -> Floats:
    """[coin] what those from whom nothing was taken have won since today, by settlement coin."""
    share = traced.fallen.ends[0] / columns.price
    assets = np.unique(columns.asset)
    value = np.zeros(len(columns.value))
    for asset in assets.tolist():
        coin = int(columns.base[columns.asset == asset][0])
        then, now = np.interp([share[coin], 1.0], columns.fine, columns.value[asset])
        value[asset] = then - now
    found = np.zeros((columns.equity.size, columns.price.size))
    owner = np.repeat(np.arange(columns.equity.size), columns.count)
    np.add.at(found, (owner, columns.settle), columns.lots * value[columns.asset])
    moved = columns.quotes * (traced.fallen.ends[0] - columns.price)
    found = np.maximum(found + moved, 0.0)
    found[traced.trades.account] = 0.0
    total: Floats = found.sum(axis=0)
    return total
