"""How a loss that no fund covers is shared otherwise than by gains: four rules, exact to the atom.

Knows claims and positions; not why there is a loss. `loss_sharing.share_pro_rata` is the fifth rule
and what these rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seawall.liquidation.loss_sharing import SharedLoss, share_pro_rata
from seawall.money import RATIO_ONE


class Holding(NamedTuple):
    """An account and what it holds of the thing that bears the loss."""

    account: int
    amount: int  # Atoms of a balance, or lots of a position; a sign says its side.


def withdrawal_haircut(shortfall: int, held: int) -> int:
    """Share of a withdrawal that is withheld while a pool is short. [parts per billion]

    haircut = shortfall ÷ (held + shortfall), rounded up: of what the pool owes, held + shortfall,
    it pays at most what it holds. Nobody's balance is touched; whoever waits until the pool is
    filled again loses nothing. Source of the form: Paradex, socialised loss on withdrawals.

    >>> withdrawal_haircut(25, 75)
    250000000
    """
    assert min(shortfall, held) >= 0, "neither has a sign"
    if not shortfall:
        return 0
    return -(-shortfall * RATIO_ONE // (held + shortfall))


def per_contract(loss: int, held: Sequence[Holding]) -> SharedLoss:
    """Charge every contract the same, long and short: loss × |lots| ÷ Σ |lots|.

    The market as a whole lost the counterparty, so each open contract pays for the promise that it
    still has. It takes from those who lost as well as from those who gained, and needs no profit to
    be known. Source: Drift, `socialize_loss` per unit of open interest.

    >>> per_contract(9, [Holding(1, 2), Holding(2, -1)]).shares
    ((1, 6), (2, 3))
    """
    sizes = [(account, abs(amount), loss) for account, amount in held if amount]
    return share_pro_rata(loss, sizes)


def per_deposit(loss: int, held: Sequence[Holding]) -> SharedLoss:
    """Charge lenders of a coin in proportion to their deposits, nobody more than the deposit.

    A lending market's bad debt is its lenders': nobody else promised to pay.
    """
    return share_pro_rata(loss, [(account, atoms, atoms) for account, atoms in held if atoms > 0])


class Redistributed(NamedTuple):
    """What one account receives of a closed one."""

    account: int
    debt: int
    collateral: int


def redistribute(
    debt: int, collateral: int, held: Sequence[Holding]
) -> tuple[tuple[Redistributed, ...], int, int]:
    """Hand a closed account's debt and collateral to the others by stake; (parts, debt, rest).

    Both are spread by the same weights, so every receiver takes over the closed account's ratio.
    Without a receiver both stay. Source: Liquity, redistribution when the stability pool is empty.

    >>> redistribute(100, 150, [Holding(1, 3), Holding(2, 1)])[0]
    (Redistributed(account=1, debt=75, collateral=112), Redistributed(account=2, debt=25, \
collateral=38))
    """
    stakes = [(account, amount, max(debt, collateral)) for account, amount in held if amount > 0]
    owed = dict(share_pro_rata(debt, stakes).shares)
    given = dict(share_pro_rata(collateral, stakes).shares)
    parts = tuple(
        Redistributed(account, owed.get(account, 0), given.get(account, 0))
        for account, _, _ in stakes
    )
    return (
        parts,
        debt - sum(part.debt for part in parts),
        collateral - sum(part.collateral for part in parts),
    )
