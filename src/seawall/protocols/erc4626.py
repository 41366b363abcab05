"""Shares of a vault: what one is worth, and what a donation can do to that.

A share of an ERC-4626 vault is a claim on total_assets ÷ total_supply. Whoever sends assets to the
vault without taking shares lifts that ratio at once, so a lender who believes the spot ratio can be
fooled. Virtual shares make the lift expensive, the lower of spot and a smoothed ratio makes it
useless.

Sources: EIP-4626, rounding against the caller; OpenZeppelin Contracts 5, ERC4626, virtual offset;
the Cream incident of 27 October 2021, in which a donation doubled the price of a share.
"""

from __future__ import annotations

from fractions import Fraction

from seawall.money import Rounding, divide


def believed_ratio(spot: Fraction, smoothed: Fraction) -> Fraction:
    """The share price that a lender uses: the lower of spot and smoothed.

    >>> believed_ratio(Fraction("1.10"), Fraction("1.05"))
    Fraction(21, 20)
    """
    return min(spot, smoothed)


def shares_for(
    assets: int,
    total_assets: int,
    total_supply: int,
    offset: int = 0,
    side: Rounding = Rounding.DOWN,
) -> int:
    """Shares for an amount of assets: assets · (total_supply + 10^offset) ÷ (total_assets + 1).

    `offset` is the decimals that shares have beyond those of the asset. A deposit rounds down, a
    withdrawal up, both in the vault's favour.

    >>> shares_for(100, 1000, 500)
    50
    """
    return divide(assets * (total_supply + 10**offset), total_assets + 1, side)


def assets_for(
    shares: int,
    total_assets: int,
    total_supply: int,
    offset: int = 0,
    side: Rounding = Rounding.DOWN,
) -> int:
    """Assets for an amount of shares: shares · (total_assets + 1) ÷ (total_supply + 10^offset).

    A redemption rounds down, a mint up.

    >>> assets_for(50, 1000, 500)
    99
    """
    return divide(shares * (total_assets + 1), total_supply + 10**offset, side)


def donation_loss(deposit: int, donation: int, victim: int, offset: int = 0) -> int:
    """What an attacker loses who opens an empty vault, donates, and waits for a victim. [atoms]

    The attacker deposits, donates, the victim deposits, the attacker redeems everything. Negative
    is a gain, and the victim's loss.

    >>> donation_loss(1, 10_000, 10_000), donation_loss(1, 10_000, 10_000, offset=6)
    (3334, 5000)
    """
    shares = shares_for(deposit, 0, 0, offset)
    assets = deposit + donation
    bought = shares_for(victim, assets, shares, offset)
    back = assets_for(shares, assets + victim, shares + bought, offset)
    return deposit + donation - back
