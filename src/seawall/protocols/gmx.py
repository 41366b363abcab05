"""GMX v2: price impact, adaptive funding, and when a position is liquidated.

Pure fractions; a power with a fraction in its exponent is a decimal of 60 digits.
Source: gmx-io/gmx-synthetics@a5c0c88351, contracts/pricing, market and position (rules only).
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

ZERO, ONE = Fraction(0), Fraction(1)
SMALLEST = Fraction(1, 10**30)  # Of a rate.
_DIGITS = decimal.Context(prec=60)


class FundingRule(NamedTuple):
    """How a rate follows the imbalance of open interest; rates are for a second."""

    stable: Fraction  # Share of imbalance above which the rate grows.
    decrease: Fraction  # Share below which it falls.
    increase_factor: Fraction
    decrease_factor: Fraction
    rate_min: Fraction
    rate_max: Fraction


class Position(NamedTuple):
    """An isolated position, dollars."""

    size: Fraction
    collateral: Fraction
    pnl: Fraction  # Capped by the pool's profit factor.
    price_impact: Fraction
    fees: Fraction


def impact(imbalance: Fraction, exponent: Fraction, factor: Fraction) -> Fraction:
    """Factor · imbalance^exponent; below one dollar of imbalance nothing.

    >>> impact(Fraction(10_000), Fraction(2), Fraction(1, 10**8))
    Fraction(1, 1)
    """
    if imbalance < 1:
        return ZERO
    if exponent.denominator == 1:
        return factor * Fraction(imbalance**exponent.numerator)
    return factor * Fraction(_DIGITS.power(_decimal(imbalance), _decimal(exponent)))


def next_funding_rate(
    long_interest: Fraction,
    short_interest: Fraction,
    rate: Fraction,
    seconds: int,
    rule: FundingRule,
) -> Fraction:
    """Rate for a second, positive if longs pay, after some seconds at an imbalance.

    With imbalance d = |long − short| / (long + short): while the rate points against the heavier
    side it grows by d · increase · seconds if d > stable and falls by decrease · seconds if
    d < decrease; while it points the other way, it turns by d · increase · seconds.
    """
    both = long_interest + short_interest
    if both == 0 or long_interest == short_interest:
        return ZERO
    share = abs(long_interest - short_interest) / both
    sign = 1 if long_interest > short_interest else -1
    if rate * sign <= 0 or share > rule.stable:
        rate += sign * share * rule.increase_factor * seconds
    elif share < rule.decrease:
        rate = sign * max(SMALLEST, abs(rate) - rule.decrease_factor * seconds)
    size = min(max(abs(rate), rule.rate_min), rule.rate_max)
    return size if rate > 0 else -size


def is_liquidatable(
    position: Position, collateral_factor: Fraction, collateral_min: Fraction = ONE
) -> bool:
    """Collateral + pnl + min(0, impact) − fees is below one dollar or below size · factor."""
    remaining = position.collateral + position.pnl + min(ZERO, position.price_impact)
    remaining -= position.fees
    return (
        remaining <= 0
        or remaining < collateral_min
        or remaining < position.size * collateral_factor
    )


def _decimal(number: Fraction) -> Decimal:
    return _DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))
