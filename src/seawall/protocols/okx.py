"""OKX and Gate: the isolated liquidation price of a linear contract.

Pure fractions. Source: OKX and Gate help on isolated margin, as freqtrade@c9ae5e1e models them.
"""

from __future__ import annotations

from fractions import Fraction


def isolated_liquidation_price(
    long: bool,
    size: Fraction,
    entry: Fraction,
    margin: Fraction,
    rate: Fraction,
    taker_fee_rate: Fraction,
) -> Fraction:
    """LP = (entry ∓ margin ÷ size) ÷ (1 ∓ (rate + fee)); zero where that is below zero.

    >>> float(isolated_liquidation_price(
    ...     False, Fraction(1), Fraction(10), Fraction(2), Fraction("0.01"), Fraction(0)))
    11.881188118811881
    """
    sign = 1 if long else -1
    price = (entry - sign * margin / size) / (1 - sign * (rate + taker_fee_rate))
    return max(price, Fraction(0))
