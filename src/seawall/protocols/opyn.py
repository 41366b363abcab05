"""Opyn Gamma: what a vault of options must hold, and what its debt costs in liquidation.

Amounts are fractions of whole units: a put is margined in the strike asset, a call in the
underlying. The contracts carry 27 decimals and so agree with these fractions to 10^-27 for each
step; amounts of a token are rounded by whoever pays them out.

Source: opynfinance/GammaProtocol, commit 841f81d9, MarginCalculator.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, NamedTuple

Right = Literal["call", "put"]
AUCTION_S = 3600


class Vault(NamedTuple):
    """A fully collateralised vault: one short option, perhaps one long, and what was posted."""

    right: Right
    short_amount: Fraction  # Options.
    short_strike: Fraction
    long_amount: Fraction = Fraction(0)
    long_strike: Fraction = Fraction(0)  # 0 where there is no long.
    collateral: Fraction = Fraction(0)


def spread_margin(vault: Vault) -> Fraction:
    """The most that a spread can lose at expiry.

    put: max(short_strike · short − long_strike · min(short, long), 0) in the strike asset
    call: max((long_strike − short_strike) ÷ long_strike · short, short − long, 0) in the underlying
    """
    short, long = vault.short_amount, vault.long_amount
    if vault.right == "put":
        return max(vault.short_strike * short - vault.long_strike * min(short, long), Fraction(0))
    uncovered = max(short - long, Fraction(0))
    if not vault.long_strike:
        return uncovered
    return max((vault.long_strike - vault.short_strike) * short / vault.long_strike, uncovered)


def excess_collateral(vault: Vault) -> Fraction:
    """Collateral less the margin of the spread; negative is what is missing."""
    return vault.collateral - spread_margin(vault)


def naked_margin(
    right: Right,
    amount: Fraction,
    strike: Fraction,
    spot: Fraction,
    upper_bound: Fraction,
    spot_shock: Fraction,
) -> Fraction:
    """Margin of a short option without a long one.

    put: (upper_bound · min(strike, s · spot) + max(strike − s · spot, 0)) · amount
    call: (upper_bound · min(1, strike · s ÷ spot) + max(1 − strike · s ÷ spot, 0)) · amount

    with s = spot_shock; upper_bound is the venue's table by time to expiry: the most that an option
    at the money may be worth, as a share of the spot.
    """
    if right == "put":
        shocked, top = spot_shock * spot, strike
    else:
        shocked, top = strike * spot_shock / spot, Fraction(1)
    return (upper_bound * min(top, shocked) + max(top - shocked, Fraction(0))) * amount


def auction_price(
    right: Right,
    strike: Fraction,
    spot: Fraction,
    collateral: Fraction,
    debt: Fraction,
    deviation: Fraction,
    elapsed_s: int,
    auction_s: int = AUCTION_S,
) -> Fraction:
    """Collateral paid for one option of debt that a liquidator brings back.

    It rises in a straight line from max(cash value − deviation · spot, 0), for a call divided by
    spot, to collateral ÷ debt, and never passes that.
    """
    most = collateral / debt
    if elapsed_s >= auction_s:
        return most
    cash = max(strike - spot if right == "put" else spot - strike, Fraction(0))
    first = max(cash - deviation * spot, Fraction(0))
    if right == "call":
        first /= spot
    return min(first + (most - first) * Fraction(max(elapsed_s, 0), auction_s), most)
