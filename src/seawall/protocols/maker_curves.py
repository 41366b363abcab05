"""Maker: how the price of a Dutch auction falls with time.

A price is in rays (10⁻²⁷), time in whole seconds. Knows no auction. Source: makerdao/dss abaci.sol,
commit fa4f6630.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

RAY = 10**27


class Linear(NamedTuple):
    """From the top to zero in a straight line."""

    duration_seconds: int


class Stair(NamedTuple):
    """A constant factor at each step."""

    step_seconds: int
    factor: int  # Ray; what a step leaves of the price.


class Exponential(NamedTuple):
    """A constant factor each second."""

    factor: int  # Ray; what a second leaves of the price.


Curve: TypeAlias = Linear | Stair | Exponential


def ray_multiply(left: int, right: int) -> int:
    """⌊left · right / 10²⁷⌋, of the scale of left if right is a ray."""
    return left * right // RAY


def ray_power(base: int, exponent: int) -> int:
    """base^exponent in rays, by squaring; each product is rounded half up.

    Neither a float nor an exact power gives the contract's last digits.

    >>> ray_power(RAY * 99 // 100, 2) == RAY * 9801 // 10_000
    True
    """
    power = base if exponent % 2 else RAY
    exponent //= 2
    while exponent:
        base = (base * base + RAY // 2) // RAY
        if exponent % 2:
            power = (power * base + RAY // 2) // RAY
        exponent //= 2
    return power


def auction_price(curve: Curve, top: int, elapsed_seconds: int) -> int:
    """Price after some seconds, ray: never above `top`, and not rising by more than rounding.

    Linear: top · (1 − elapsed / duration), 0 from the end. Stair: top · factor^⌊elapsed /
    step⌋. Exponential: top · factor^elapsed. Quotient and last product are rounded down.

    >>> auction_price(Linear(3600), 1000 * RAY, 360) == 900 * RAY
    True
    """
    if isinstance(curve, Linear):
        left = curve.duration_seconds - elapsed_seconds
        return ray_multiply(top, left * RAY // curve.duration_seconds) if left > 0 else 0
    if isinstance(curve, Stair):
        return ray_multiply(top, ray_power(curve.factor, elapsed_seconds // curve.step_seconds))
    return ray_multiply(top, ray_power(curve.factor, elapsed_seconds))
