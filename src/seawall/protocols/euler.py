"""Euler v2 vaults: the largest liquidation, at a discount equal to the distance under water.

Amounts in atoms, prices in wads (10⁻¹⁸) of the unit of account per atom, shares of value in wads.
Source: euler-xyz/euler-vault-kit, commit 5b98b420.
"""

from __future__ import annotations

from typing import NamedTuple

WAD = 10**18
BASIS_POINTS = 10**4


class Position(NamedTuple):
    """A violator's debt and the collateral that the liquidator asks for."""

    collateral: int  # Atoms.
    collateral_price: int  # Wad.
    loan_to_value: int  # Liquidation loan-to-value, basis points.
    debt: int  # Atoms.
    debt_price: int  # Wad.
    other_adjusted_value: int = 0  # Other collateral, after its own loan-to-value.


class Liquidation(NamedTuple):
    """The most that a liquidator may repay and take; zeros where the account is healthy."""

    health: int | None  # Wad, adjusted collateral ÷ debt; none without a debt's worth.
    max_repay: int  # Debt atoms.
    max_yield: int  # Collateral atoms.
    discount_factor: int | None  # Wad; none where nobody repays.
    residual_debt_value: int  # Unit of account, what stays owed after `max_repay`.


def discount_factor(health: int, max_discount: int) -> int:
    """What one unit of collateral costs, max(health, 1 − max_discount), wad.

    >>> discount_factor(857_142_857_142_857_142, 1100)
    890000000000000000
    """
    return max(health, WAD - WAD * max_discount // BASIS_POINTS)


def liquidate(position: Position, max_discount: int) -> Liquidation:
    """Repay R = debt for R / f of collateral; if it is worth less (C), take all for R = C · f.

    Liquidatable when adjusted collateral ≤ debt, equality included. No close factor. Worthless
    collateral goes for nothing. `max_discount` in basis points.
    """
    worth = position.collateral * position.collateral_price // WAD
    adjusted = worth * position.loan_to_value // BASIS_POINTS + position.other_adjusted_value
    owed = position.debt * position.debt_price // WAD
    if owed == 0:
        return Liquidation(None, 0, 0, None, 0)
    health = adjusted * WAD // owed
    if adjusted > owed:
        return Liquidation(health, 0, 0, None, owed)
    if worth == 0:
        return Liquidation(health, 0, position.collateral, None, owed)
    factor = discount_factor(health, max_discount)
    if factor == 0:  # A discount of everything: all collateral for nothing.
        return Liquidation(health, 0, position.collateral, factor, owed)
    repaid, seized = owed, owed * WAD // factor
    if worth < seized:
        repaid, seized = worth * factor // WAD, worth
    return Liquidation(
        health=health,
        max_repay=repaid * position.debt // owed,
        max_yield=seized * position.collateral // worth,
        discount_factor=factor,
        residual_debt_value=owed - repaid,
    )
