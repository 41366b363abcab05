"""Liquity: a pool funded beforehand takes the debt, what it lacks falls on all other borrowers.

Amounts in atoms of 18 decimals, prices and shares in wads (10⁻¹⁸). Knows no interest. Sources:
liquity/dev, commit 39f1f7f8 (v1, with the pool's floor of April 2025); liquity/bold, commit
405f9122 (v2).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

WAD = 10**18
SCALE_FACTOR = 10**9
POOL_FLOOR = WAD  # What always stays in the pool, so that its product never reaches zero.
GAS_COMPENSATION_DIVISOR = 200
GAS_COMPENSATION_MAX = 2 * WAD  # v2 only.


class Refusal(enum.IntEnum):
    """Why a withdrawal or a liquidation does not happen."""

    POOL_FLOOR = 1
    LAST_TROVE = 2  # Nobody is left to take it.


class RefusedError(ValueError):
    """What the protocol refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Split(NamedTuple):
    """Where a v2 trove's debt and collateral go; atoms."""

    debt_offset: int
    collateral_to_pool: int
    gas_compensation: int
    debt_redistributed: int
    collateral_redistributed: int
    surplus: int  # Goes back to the borrower.


def _capped(collateral: int, debt: int, penalty: int, price: int) -> tuple[int, int]:
    """(min(collateral, debt · (1 + penalty) / price), the rest)."""
    seized = min(collateral, debt * (WAD + penalty) // price)
    return seized, collateral - seized


def split(
    debt: int, collateral: int, available: int, price: int, pool_penalty: int, other_penalty: int
) -> Split:
    """Offset against the pool first, then redistribute, then give back the surplus (v2).

    `available` is the pool's deposits less its floor. The liquidator gets 0.5 % of the offset
    collateral, at most 2.
    """
    offset = min(debt, available)
    portion = collateral * offset // debt
    compensation = min(portion // GAS_COMPENSATION_DIVISOR, GAS_COMPENSATION_MAX)
    to_pool, surplus = _capped(portion - compensation, offset, pool_penalty, price)
    redistributed = 0
    if debt > offset and collateral > portion:
        redistributed, surplus = _capped(
            collateral - portion + surplus, debt - offset, other_penalty, price
        )
    return Split(offset, to_pool, compensation, debt - offset, redistributed, surplus)


class Deposit(NamedTuple):
    """A depositor's amount and the pool's product, sum and scale when it was made."""

    amount: int
    product: int
    gain_sum: int
    scale: int


class StabilityPool:
    """The v1 pool: no offset visits a depositor.

    Each offset: P ← P · (1 − loss), S ← S + gain · P. Deposit now = d₀ · P / P₀, gain =
    d₀ · (S − S₀) / P₀. When P < 10⁹ it is multiplied by 10⁹ and the scale goes up by one.
    """

    def __init__(self) -> None:
        self.deposits: dict[str, Deposit] = {}
        self.total = 0
        self.product = WAD
        self.scale = 0
        self._gain_sums: dict[int, int] = {}
        self._gain_error = 0
        self._loss_error = 0

    def compounded(self, who: str) -> int:
        """What is left of a deposit; nothing once it is under a 10⁻⁹ of itself."""
        one = self.deposits.get(who)
        if one is None or self.scale - one.scale > 1:
            return 0
        left = one.amount * self.product // one.product
        if self.scale > one.scale:
            left //= SCALE_FACTOR
        return left if left >= one.amount // SCALE_FACTOR else 0

    def gain(self, who: str) -> int:
        """Collateral that a deposit has earned, from its own scale and the one after it."""
        one = self.deposits.get(who)
        if one is None:
            return 0
        first = self._gain_sums.get(one.scale, 0) - one.gain_sum
        second = self._gain_sums.get(one.scale + 1, 0) // SCALE_FACTOR
        return one.amount * (first + second) // one.product // WAD

    def _put(self, who: str, amount: int) -> None:
        gained = self._gain_sums.get(self.scale, 0)
        self.deposits[who] = Deposit(amount, self.product, gained, self.scale)
        if amount == 0:
            del self.deposits[who]

    def deposit(self, who: str, amount: int) -> int:
        """Add to a deposit and pay its collateral gain, which is returned."""
        gained = self.gain(who)
        self._put(who, self.compounded(who) + amount)
        self.total += amount
        return gained

    def withdraw(self, who: str, most: int) -> tuple[int, int]:
        """(paid, collateral gain): min(most, what is left); refused if it breaks the floor."""
        left, gained = self.compounded(who), self.gain(who)
        paid = min(most, left)
        if paid and self.total - paid < POOL_FLOOR:
            raise RefusedError(Refusal.POOL_FLOOR)
        self._put(who, left - paid)
        self.total -= paid
        return paid, gained

    def liquidate(self, debt: int, collateral: int) -> tuple[int, int]:
        """Offset what the pool can of a trove; gives (debt, collateral) left to redistribute.

        0.5 % of the collateral goes to the liquidator first.
        """
        collateral -= collateral // GAS_COMPENSATION_DIVISOR
        offset = min(debt, max(0, self.total - POOL_FLOOR))
        if offset == 0:
            return debt, collateral
        added = collateral * offset // debt
        self._offset(offset, added)
        return debt - offset, collateral - added

    def _offset(self, debt: int, collateral: int) -> None:
        """Spread loss (rounded up) and gain (down), each rounding error put into the next call.

        The next call gives back the overcharge to deposits that it also shrinks, so that depositors
        may be owed up to deposits · 10⁻¹⁸ more than the pool holds for each offset.
        """
        gain_numerator = collateral * WAD + self._gain_error
        gain, self._gain_error = divmod(gain_numerator, self.total)
        loss_numerator = debt * WAD - self._loss_error
        # An offset smaller than what depositors were overcharged before costs them nothing.
        loss = loss_numerator // self.total + 1 if loss_numerator >= 0 else 0
        self._loss_error = loss * self.total - loss_numerator
        self._gain_sums[self.scale] = self._gain_sums.get(self.scale, 0) + gain * self.product
        unscaled = self.product * (WAD - loss)
        self.product = unscaled // WAD
        for _ in range(2):
            if self.product < SCALE_FACTOR:
                unscaled *= SCALE_FACTOR
                self.product = unscaled // WAD
                self.scale += 1
        self.total -= debt


class Trove(NamedTuple):
    """A borrower's position, and the sums per stake when it was last touched."""

    collateral: int
    debt: int
    stake: int
    collateral_sum: int
    debt_sum: int


class Troves:
    """v1 redistribution: a dead trove's collateral and debt go to the others by stake.

    L ← L + amount / stakes; a trove's share is stake · (L − L₀). A late stake is collateral ·
    stakes / collateral of the last liquidation, so that it does not pay for earlier ones.
    """

    def __init__(self) -> None:
        self.troves: dict[str, Trove] = {}
        self.stakes = 0
        self.collateral = 0  # Of all troves, pending shares included.
        self._stakes_snapshot = 0
        self._collateral_snapshot = 0
        self._sums = [0, 0]  # Collateral and debt per stake, wad.
        self._errors = [0, 0]

    def open(self, who: str, collateral: int, debt: int = 0) -> None:
        """A new trove, or more in one that stands, which takes its pending shares first."""
        held, owed = self.holding(who) if who in self.troves else (0, 0)
        if who in self.troves:
            self.stakes -= self.troves[who].stake
        stake = held + collateral
        if self._collateral_snapshot:
            stake = stake * self._stakes_snapshot // self._collateral_snapshot
        self.troves[who] = Trove(held + collateral, owed + debt, stake, *self._sums)
        self.stakes += stake
        self.collateral += collateral

    def holding(self, who: str) -> tuple[int, int]:
        """(collateral, debt) of a trove with its shares of what died."""
        one = self.troves[who]
        return (
            one.collateral + one.stake * (self._sums[0] - one.collateral_sum) // WAD,
            one.debt + one.stake * (self._sums[1] - one.debt_sum) // WAD,
        )

    def liquidate(self, who: str) -> int:
        """Redistribute a whole trove; gives the 0.5 % of collateral that the liquidator gets."""
        if len(self.troves) == 1:
            raise RefusedError(Refusal.LAST_TROVE)
        collateral, debt = self.holding(who)
        compensation = collateral // GAS_COMPENSATION_DIVISOR
        self.stakes -= self.troves.pop(who).stake
        for side, amount in enumerate((collateral - compensation, debt)):
            numerator = amount * WAD + self._errors[side]
            each, self._errors[side] = divmod(numerator, self.stakes)
            self._sums[side] += each
        self.collateral -= compensation
        self._stakes_snapshot = self.stakes
        self._collateral_snapshot = self.collateral
        return compensation
