"""A loan that is repaid in the step that took it, or the whole step never happened.

It lets somebody without capital liquidate: borrow, pay for the lots, sell them on, repay, keep the
rest. Knows balances and moves of assets between accounts by number; not what they are for.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from seawall.money import Rounding, multiply_ratio

Balances = Mapping[tuple[int, int], int]  # (account, asset) → atoms; what is not there is 0.


class Move(NamedTuple):
    """Atoms of one asset from one account to another."""

    asset: int
    source: int
    target: int
    atoms: int


class FlashLoan(NamedTuple):
    """What is lent for one step, and what that costs."""

    lender: int
    borrower: int
    asset: int
    atoms: int
    fee_ratio: int  # Parts per billion of the loan; the fee is rounded up.

    @property
    def fee(self) -> int:
        """What the lender earns by a step that succeeds."""
        return multiply_ratio(self.atoms, self.fee_ratio, Rounding.UP)


class Reversal(enum.IntEnum):
    """Why nothing of a step happened."""

    NOTHING_ASKED = 1  # No loan, or a move of nothing or to oneself.
    LENDER_SHORT = 2  # The lender does not have what is asked for.
    OVERDRAWN = 3  # A move takes more than its source has at that point.
    NOT_REPAID = 4  # The borrower ends with less than loan and fee.
    TOO_LITTLE_LEFT = 5  # It could repay, but would be worse off than it accepts.


class FlashResult(NamedTuple):
    """Balances after the step: all of it, or untouched with the reason."""

    balances: dict[tuple[int, int], int]
    reversal: Reversal | None = None
    failed_move: int = -1  # Which move was overdrawn, from 0.


def flash(
    balances: Balances, loan: FlashLoan, moves: Iterable[Move], least_gain: int = 0
) -> FlashResult:
    """Lend, move, take back: every move in order, then loan and fee at once, or nothing at all.

    Nobody is ever below zero in between, so what is lent is really there. The borrower ends with at
    least `least_gain` more of the asset than it began with, or the step is reversed. Source of the
    form: ERC-3156, flash loans; Aave v3 charges 0.05 %.

    >>> loan = FlashLoan(lender=1, borrower=2, asset=0, atoms=100, fee_ratio=10_000_000)
    >>> trade = (Move(0, 2, 3, 100), Move(9, 3, 2, 1), Move(9, 2, 4, 1), Move(0, 4, 2, 105))
    >>> before = {(1, 0): 100, (3, 9): 1, (4, 0): 200}
    >>> after = flash(before, loan, trade)
    >>> after.balances[1, 0], after.balances[2, 0], after.reversal
    (101, 4, None)
    """
    untouched = dict(balances)
    if loan.atoms <= 0 or loan.lender == loan.borrower:
        return FlashResult(untouched, Reversal.NOTHING_ASKED)
    after = dict(balances)
    if not _moved(after, Move(loan.asset, loan.lender, loan.borrower, loan.atoms)):
        return FlashResult(untouched, Reversal.LENDER_SHORT)
    for number, move in enumerate(moves):
        if move.atoms <= 0 or move.source == move.target:
            return FlashResult(untouched, Reversal.NOTHING_ASKED, number)
        if not _moved(after, move):
            return FlashResult(untouched, Reversal.OVERDRAWN, number)
    due = loan.atoms + loan.fee
    if not _moved(after, Move(loan.asset, loan.borrower, loan.lender, due)):
        return FlashResult(untouched, Reversal.NOT_REPAID)
    own = (loan.borrower, loan.asset)
    if after[own] - untouched.get(own, 0) < least_gain:
        return FlashResult(untouched, Reversal.TOO_LITTLE_LEFT)
    return FlashResult(after)


def _moved(balances: dict[tuple[int, int], int], move: Move) -> bool:
    """Do one move, unless its source has too little."""
    source, target = (move.source, move.asset), (move.target, move.asset)
    if balances.get(source, 0) < move.atoms:
        return False
    balances[source] = balances[source] - move.atoms
    balances[target] = balances.get(target, 0) + move.atoms
    return True
