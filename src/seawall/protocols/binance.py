"""Binance futures: maintenance by bracket, liquidation price, and the rank in deleveraging.

Pure fractions. Source: Binance FAQ, "How to Calculate Liquidation Price of USD-M Futures
Contracts" and of COIN-M ones, "Leverage and Margin of USD-M Futures", "What is ADL" (read 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Tier(NamedTuple):
    """One line of the venue's table."""

    floor: Fraction  # Notional from which it holds, inclusive; settlement currency.
    rate: Fraction  # Maintenance margin rate.
    amount: Fraction  # What the rate overcharges below the floor: the `cum` column.


class Leg(NamedTuple):
    """One position of a cross wallet under the bracket that it is in."""

    size: Fraction  # Coins; negative is short.
    entry: Fraction  # Price.
    mark: Fraction
    rate: Fraction  # Maintenance margin rate of its bracket.
    amount: Fraction  # Maintenance amount of its bracket.


def tiers_of(lines: Sequence[tuple[Fraction, Fraction]]) -> tuple[Tier, ...]:
    """Complete (floor, rate) lines with the amount that makes maintenance continuous.

    amount_n = amount_{n−1} + floor_n · (rate_n − rate_{n−1})

    >>> [int(tier.amount) for tier in tiers_of([(Fraction(0), Fraction("0.004")),
    ...                                         (Fraction(50000), Fraction("0.005"))])]
    [0, 50]
    """
    tiers: list[Tier] = []
    for floor, rate in lines:
        before = tiers[-1] if tiers else Tier(Fraction(0), rate, Fraction(0))
        tiers.append(Tier(floor, rate, before.amount + floor * (rate - before.rate)))
    return tuple(tiers)


def tier_at(tiers: Sequence[Tier], notional: Fraction) -> int:
    """The index of the bracket that holds a notional; a floor belongs to the bracket above it."""
    reached = [index for index, tier in enumerate(tiers) if notional >= tier.floor]
    return reached[-1] if reached else 0


def maintenance_margin(tiers: Sequence[Tier], notional: Fraction) -> Fraction:
    """MM = N · rate_n − amount_n in the bracket n that holds the notional N."""
    tier = tiers[tier_at(tiers, notional)]
    return notional * tier.rate - tier.amount


def liquidation_price(
    wallet_balance: Fraction, legs: Sequence[Leg], others: Sequence[Leg] = ()
) -> Fraction | None:
    """The price of one symbol at which equity equals maintenance; None where no price does.

    LP = (WB − MM_others + UPNL_others + Σ (amount − size · entry)) ÷ Σ (|size| · rate − size) over
    the legs of the symbol: one in one-way mode, both in hedge mode. Without others it is the
    isolated price. The other positions stay at their marks.
    """
    numerator, denominator = wallet_balance, Fraction(0)
    for leg in others:
        numerator += leg.size * (leg.mark - leg.entry)
        numerator -= abs(leg.size) * leg.mark * leg.rate - leg.amount
    for leg in legs:
        numerator += leg.amount - leg.size * leg.entry
        denominator += abs(leg.size) * leg.rate - leg.size
    if not denominator or numerator / denominator <= 0:
        return None
    return numerator / denominator


def inverse_liquidation_price(wallet_balance: Fraction, leg: Leg) -> Fraction | None:
    """The same for a coin-margined contract; size is the face in dollars, the wallet in coins.

    LP = (|F| · rate + F) ÷ (WB + amount + F ÷ entry), from WB + F · (1 ÷ entry − 1 ÷ LP) = MM.
    """
    numerator = abs(leg.size) * leg.rate + leg.size
    denominator = wallet_balance + leg.amount + leg.size / leg.entry
    if not denominator or numerator / denominator <= 0:
        return None
    return numerator / denominator


def liquidation_price_in_tiers(
    wallet_balance: Fraction, size: Fraction, entry: Fraction, tiers: Sequence[Tier]
) -> Fraction | None:
    """The isolated price under the bracket that holds |size| · LP, not the one at the mark.

    Maintenance is continuous, so at most one bracket holds its own solution, save that two that
    meet there give the same.
    """
    for index, tier in enumerate(tiers):
        leg = Leg(size, entry, entry, tier.rate, tier.amount)
        price = liquidation_price(wallet_balance, [leg])
        if price is not None and tier_at(tiers, abs(size) * price) == index:
            return price
    return None


def deleveraging_score(
    unrealized_pnl: Fraction, collateral: Fraction, margin_ratio: Fraction
) -> Fraction:
    """The rank in auto-deleveraging, highest first: PnL ÷ collateral × margin ratio."""
    return unrealized_pnl / collateral * margin_ratio
