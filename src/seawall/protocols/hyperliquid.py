"""Hyperliquid: maintenance by margin tier, liquidation price, index of auto-deleveraging.

Pure fractions. Source: hyperliquid.gitbook.io, pages margin tiers, liquidations and
auto-deleveraging (undated; read 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Tier(NamedTuple):
    """One line of the venue's table, completed."""

    floor: Fraction  # Dollars of notional from which it holds.
    rate: Fraction  # Half the initial rate at the tier's maximum leverage.
    deduction: Fraction  # Keeps maintenance continuous, dollars.


def tiers_of(lines: Sequence[tuple[Fraction, Fraction]]) -> tuple[Tier, ...]:
    """Complete (floor, maximum leverage) lines: rate = 1 ÷ (2 · leverage).

    deduction_n = deduction_{n−1} + floor_n · (rate_n − rate_{n−1})
    """
    tiers: list[Tier] = []
    for floor, leverage in lines:
        rate = 1 / (2 * leverage)
        before = tiers[-1] if tiers else Tier(Fraction(0), rate, Fraction(0))
        tiers.append(Tier(floor, rate, before.deduction + floor * (rate - before.rate)))
    return tuple(tiers)


def tier_of(tiers: Sequence[Tier], notional: Fraction) -> Tier:
    """The tier that holds a notional."""
    return [tier for tier in tiers if notional >= tier.floor][-1]


def maintenance_margin(tiers: Sequence[Tier], notional: Fraction) -> Fraction:
    """MM = N · rate − deduction."""
    tier = tier_of(tiers, notional)
    return notional * tier.rate - tier.deduction


def liquidation_price(
    long: bool, size: Fraction, price: Fraction, margin_available: Fraction, rate: Fraction
) -> Fraction | None:
    """LP = P − s · margin available ÷ size ÷ (1 − l · s), with l the maintenance rate, s = ±1.

    Margin available is equity less maintenance: of the account in cross, of the position's own
    margin in isolated. None where the solution is not a price.
    """
    sign = 1 if long else -1
    found = price - sign * margin_available / size / (1 - rate * sign)
    return found if found > 0 else None


def deleveraging_index(
    long: bool, mark: Fraction, entry: Fraction, notional: Fraction, account_value: Fraction
) -> Fraction:
    """Highest first: how far the price has gone in its favour × notional ÷ account value.

    The page prints mark ÷ entry, which is a long's; a short's is taken as entry ÷ mark.
    """
    gone = mark / entry if long else entry / mark
    return gone * notional / account_value


def liquidated_size(size: Fraction, notional: Fraction, cooled_down: bool) -> Fraction:
    """What the first order takes: a fifth above 100,000 dollars, else all; all after 30 seconds."""
    return size / 5 if notional > 100_000 and not cooled_down else size


def goes_to_backstop(equity: Fraction, maintenance: Fraction) -> bool:
    """Whether the liquidator vault takes over: equity below two thirds of maintenance."""
    return 3 * equity < 2 * maintenance
