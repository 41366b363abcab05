"""Compound III: a base debt against many collaterals, their absorption and their later sale.

Prices in 10⁻⁸, factors in wads (10⁻¹⁸), amounts in atoms; a scale is the atoms of a whole token.
Debt is a negative base balance. Knows no interest. Source: compound-finance/comet, commit d5a30b0a.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

WAD = 10**18


class Refusal(enum.IntEnum):
    """Why an absorption does not happen."""

    NOT_LIQUIDATABLE = 1


class RefusedError(ValueError):
    """An absorption that the protocol refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Base(NamedTuple):
    """The token that is lent."""

    price: int  # 10⁻⁸ per whole token.
    scale: int  # Atoms per whole token.


class Collateral(NamedTuple):
    """What an account holds of one asset, and how the protocol counts it."""

    balance: int  # Atoms.
    price: int  # 10⁻⁸ per whole token.
    scale: int  # Atoms per whole token.
    threshold: int = 0  # Wad; the share that still covers a debt.
    liquidation_factor: int = 0  # Wad; the share that an absorption credits.


class Absorption(NamedTuple):
    """What an account is left with, and what its rescue costs the reserves."""

    balance: int  # Base atoms; the collateral is gone.
    base_paid_out: int  # Base atoms.
    reserves_change: int  # Base atoms.


def _toward_zero(numerator: int, denominator: int) -> int:
    """The quotient without its fraction, as the contract divides signed numbers."""
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


def _counted(asset: Collateral, factor: int) -> int:
    """⌊⌊balance · price / scale⌋ · factor⌋, 10⁻⁸."""
    return asset.balance * asset.price // asset.scale * factor // WAD


def is_liquidatable(balance: int, base: Base, assets: Iterable[Collateral]) -> bool:
    """The debt's worth is above Σ worth · threshold; an exactly covered debt stays."""
    if balance >= 0:
        return False
    liquidity = _toward_zero(balance * base.price, base.scale)
    return liquidity + sum(_counted(asset, asset.threshold) for asset in assets) < 0


def absorb(balance: int, base: Base, assets: Iterable[Collateral]) -> Absorption:
    """Take all collateral at worth · liquidation factor, and clip what is still owed.

    balance + ⌊Σ worth · factor / base price⌋, at least 0. The reserves pay the difference and own
    the collateral; whoever calls gets nothing, and a positive rest belongs to the borrower.
    """
    assets = tuple(assets)
    if not is_liquidatable(balance, base, assets):
        raise RefusedError(Refusal.NOT_LIQUIDATABLE)
    credited = sum(_counted(asset, asset.liquidation_factor) for asset in assets)
    after = max(0, balance + credited * base.scale // base.price)
    return Absorption(after, after - balance, balance - after)


def quote_collateral(
    base_amount: int, base: Base, asset: Collateral, store_front_factor: int
) -> int:
    """Collateral that the reserves sell for an amount of the base, atoms, rounded down.

    base_amount / (price · (1 − store_front_factor · (1 − liquidation_factor))). A factor of one
    half hands half of the penalty to buyers, who compete for it.

    >>> ether = Collateral(0, 200 * 10**8, 10**18, liquidation_factor=6 * 10**17)
    >>> quote_collateral(200_000_000, Base(10**8, 10**6), ether, 5 * 10**17)
    1250000000000000000
    """
    discount = store_front_factor * (WAD - asset.liquidation_factor) // WAD
    discounted = asset.price * (WAD - discount) // WAD
    return base.price * base_amount * asset.scale // discounted // base.scale
