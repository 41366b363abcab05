"""Bybit: bankruptcy and liquidation prices of linear and inverse contracts.

Pure fractions. Source: Bybit help, "Liquidation Price (USDT Contract)", "How to calculate
Liquidation Price (Inverse Contract)", "Bankruptcy Price" (read 2026).
"""

from __future__ import annotations

from fractions import Fraction

ZERO = Fraction(0)


def linear_bankruptcy_price(long: bool, entry: Fraction, leverage: Fraction) -> Fraction:
    """The price at which the position's initial margin is gone: entry · (1 ∓ 1 ÷ leverage)."""
    return entry * (1 - 1 / leverage if long else 1 + 1 / leverage)


def inverse_bankruptcy_price(long: bool, entry: Fraction, leverage: Fraction) -> Fraction | None:
    """The same, inverse: entry · leverage ÷ (leverage ± 1); None for a short at 1×."""
    if not long and leverage <= 1:
        return None
    return entry * leverage / (leverage + 1 if long else leverage - 1)


def linear_liquidation_price(
    long: bool,
    size: Fraction,
    entry: Fraction,
    leverage: Fraction,
    rate: Fraction,
    deduction: Fraction = ZERO,
    extra_margin: Fraction = ZERO,
    close_fee_rate: Fraction = ZERO,
) -> Fraction:
    """Isolated: LP = entry ∓ (IM − MM + extra margin) ÷ size.

    IM = V ÷ leverage and MM = V · rate − deduction + fee at the bankruptcy price, where V = size ·
    entry. Nothing below zero is a price: then zero.
    """
    value = size * entry
    fee = size * linear_bankruptcy_price(long, entry, leverage) * close_fee_rate
    room = (value / leverage - (value * rate - deduction + fee) + extra_margin) / size
    return max(entry - room if long else entry + room, ZERO)


def inverse_cross_prices(
    long: bool,
    face: Fraction,
    entry: Fraction,
    available: Fraction,
    rate: Fraction,
    taker_fee_rate: Fraction = ZERO,
) -> tuple[Fraction | None, Fraction | None]:
    """Bankruptcy and liquidation price of `face` dollars with `available` coins behind them.

    Long: 1 ÷ BP = (available + face ÷ entry) ÷ (face · (1 + fee)), and
    1 ÷ LP = (available + face ÷ entry · (1 − rate) − face ÷ BP · fee) ÷ face. A short has its signs
    turned. None where no price is low or high enough.
    """
    sign = 1 if long else -1
    coins = face / entry
    inverse = (coins + sign * available) / (face * (1 + sign * taker_fee_rate))
    if inverse <= 0:
        return None, None
    fee = face * inverse * taker_fee_rate
    inverse_liquidation = (coins + sign * (available - coins * rate - fee)) / face
    liquidation = 1 / inverse_liquidation if inverse_liquidation > 0 else None
    return 1 / inverse, liquidation


def on_tick(long: bool, price: Fraction, tick: Fraction) -> Fraction:
    """The printed liquidation price: a long's on the next tick up, a short's on the next down."""
    steps = price / tick
    whole = (
        -(-steps.numerator // steps.denominator) if long else steps.numerator // steps.denominator
    )
    return whole * tick
