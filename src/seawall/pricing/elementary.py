"""Elementary functions with the same bits on every machine.

The functions of libm and NumPy differ in the last bit between processors, so nothing that reaches
a mark, a generated book or a hash may call them. These use only + − × ÷ √ in a fixed order. They
take arrays or scalars and refuse what is not finite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing.table import Floats

LEAST = 1e-150  # Positive inputs of the pricing kernels lie between these two.
GREATEST = 1e150


class DomainError(ValueError):
    """A number outside the range in which a pricing function is defined; NaN always is."""


def require(name: str, numbers: Floats, low: float, high: float) -> None:
    """Raise `DomainError` unless low ≤ numbers ≤ high everywhere."""
    from seawall.pricing import _kernels

    flat = numbers.reshape(-1)
    if not _kernels.all_within(flat, low, high):
        first = int(np.flatnonzero(~((flat >= low) & (flat <= high)))[0])
        place = f"at index {first} " if flat.size > 1 else ""
        raise DomainError(f"{name} {place}is {flat[first]}, not between {low:g} and {high:g}")


def column(numbers: ArrayLike) -> Floats:
    """The numbers as contiguous float64, shape kept."""
    return np.require(numbers, np.float64, "C")


def exponential(x: ArrayLike) -> Floats:
    """e^x for |x| ≤ 700; relative error below 3e-16.

    >>> round(float(exponential(1.0)), 14)
    2.71828182845905
    """
    from seawall.pricing import _kernels

    given = column(x)
    require("x", given, -700.0, 700.0)
    out = np.empty(given.shape)
    _kernels.elementwise_exponential(given.reshape(-1), out.reshape(-1))
    return out[()]


def logarithm(x: ArrayLike) -> Floats:
    """Natural logarithm of x from 1e-300 to 1e300; error below 1 ulp.

    >>> float(logarithm(10.0))
    2.302585092994046
    """
    from seawall.pricing import _kernels

    given = column(x)
    require("x", given, 1e-300, 1e300)
    out = np.empty(given.shape)
    _kernels.elementwise_logarithm(given.reshape(-1), out.reshape(-1))
    return out[()]


def power(base: ArrayLike, exponent: ArrayLike) -> Floats:
    """base^exponent = e^(exponent · ln base) for a positive base and a result in range.

    >>> round(float(power(2.0, 0.5)), 12)
    1.414213562373
    """
    from seawall.pricing import _kernels

    first, second = np.broadcast_arrays(column(base), column(exponent))
    below, above = column(first), column(second)
    require("base", below, 1e-300, 1e300)
    require("exponent", above, -1e300, 1e300)
    require("exponent · ln base", column(above * logarithm(below)), -700.0, 700.0)
    out = np.empty(below.shape)
    _kernels.elementwise_power(below.reshape(-1), above.reshape(-1), out.reshape(-1))
    return out[()]


def normal_cumulative(x: ArrayLike) -> Floats:
    """Probability that a standard normal number is at most x; absolute error below 1e-15.

    >>> float(normal_cumulative(0.0))
    0.5
    """
    from seawall.pricing import _kernels

    given = column(x)
    require("x", given, -1e300, 1e300)
    out = np.empty(given.shape)
    _kernels.elementwise_normal_cumulative(given.reshape(-1), out.reshape(-1))
    return out[()]
