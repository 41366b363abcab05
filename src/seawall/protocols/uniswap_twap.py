"""Uniswap v3: the time-weighted mean tick, and what it takes to move it.

A tick is a factor of 1.0001 in the price. Pools are constant-product over the whole range. Exact
where integers are read from a pool; decimals of 50 digits where a cost is estimated. Knows no
positions. Source: Uniswap v3 core, `OracleLibrary.consult`; the costs are our own arithmetic.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import NamedTuple

TICK_BASE = Decimal("1.0001")
DIGITS = Context(prec=50)


class TwapShift(NamedTuple):
    """How far the mean shall move, and how far spot must for it."""

    mean_ticks: Decimal
    spot_ticks: Decimal
    spot_factor: Decimal  # Spot price after ÷ before.


class PoolMove(NamedTuple):
    """What moving a pool's price costs."""

    quote_in: Decimal
    base_out: Decimal
    loss: Decimal  # Quote; if others trade the price back at once.


def mean_tick(cumulative_before: int, cumulative_after: int, seconds: int) -> int:
    """Mean tick of an interval, rounded toward minus infinity.

    >>> mean_tick(0, -10, 4)
    -3
    """
    return (cumulative_after - cumulative_before) // seconds


def spot_move_needed(mean_shift: Decimal, window_blocks: int, held_blocks: int) -> TwapShift:
    """Move of spot that, held for some blocks, shifts a window's mean price by a share.

    mean_ticks = ln(1 + mean_shift) / ln(1.0001), spot_ticks = mean_ticks · window / held, and the
    spot price moves by the factor (1 + mean_shift)^(window / held).
    """
    ratio = DIGITS.divide(Decimal(window_blocks), Decimal(held_blocks))
    logarithm = DIGITS.ln(DIGITS.add(Decimal(1), mean_shift))
    mean = DIGITS.divide(logarithm, DIGITS.ln(TICK_BASE))
    factor = DIGITS.exp(DIGITS.multiply(logarithm, ratio))
    return TwapShift(mean, DIGITS.multiply(mean, ratio), factor)


def full_range_move(
    base: Decimal, quote: Decimal, price_factor: Decimal, fee: Decimal = Decimal(0)
) -> PoolMove:
    """What a trade pays and gets that moves the price of a pool by a factor.

    quote_in = quote · (√factor − 1) / (1 − fee), base_out = base · (1 − 1/√factor), and the loss
    is quote_in − base_out at the price before.
    """
    one = Decimal(1)
    root = DIGITS.sqrt(price_factor)
    quote_in = DIGITS.divide(
        DIGITS.multiply(quote, DIGITS.subtract(root, one)), DIGITS.subtract(one, fee)
    )
    base_out = DIGITS.multiply(base, DIGITS.subtract(one, DIGITS.divide(one, root)))
    worth = DIGITS.multiply(base_out, DIGITS.divide(quote, base))
    return PoolMove(quote_in, base_out, DIGITS.subtract(quote_in, worth))
