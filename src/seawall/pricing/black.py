"""Black-76 on a forward: price, Greeks and implied volatility, for arrays and scalars.

    price = discount · (forward · Φ(d1) − strike · Φ(d2))        of a call
    price = discount · (strike · Φ(−d2) − forward · Φ(−d1))      of a put
    d1 = ln(forward ÷ strike) ÷ (σ√T) + σ√T ÷ 2,   d2 = d1 − σ√T

Arguments broadcast against each other. Forward, strike and discount are positive; volatility (a
year) and years may be zero, where the price is the discounted intrinsic value. Anything else, NaN
first of all, is a `DomainError` and never a price. The same inputs give the same bits on every
machine, alone or in any batch. Source: Black (1976); Φ by Hart 5666 as in West (2005).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.pricing.elementary import GREATEST, LEAST, require
from seawall.pricing.table import Floats

_Flags = NDArray[np.bool_]


class Greeks(NamedTuple):
    """Sensitivities of the discounted price of one option."""

    delta: Floats  # Per 1 of forward.
    gamma: Floats  # Of delta, per 1 of forward.
    vega: Floats  # Per 1.00 of volatility.
    theta: Floats  # Per year that passes, forward and interest rate unchanged.


def black_price(
    forward: ArrayLike,
    strike: ArrayLike,
    volatility: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike = 1.0,
    is_call: ArrayLike = True,
) -> Floats:
    """Discounted Black-76 price; error below 1e-14 of the larger of forward and strike.

    It lies between the discounted intrinsic value and the discounted forward (call) or strike
    (put).

    >>> round(float(black_price(60_000, 60_000, 0.6, 30 / 365)), 6)
    4112.364431
    """
    from seawall.pricing import _kernels

    columns, flags, shape = _columns(forward, strike, volatility, years, discount, is_call=is_call)
    _check_terms(*columns)
    out = np.empty(flags.size)
    _kernels.black_price(*columns, flags, out)
    return out.reshape(shape)[()]


def black_greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    volatility: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike = 1.0,
    is_call: ArrayLike = True,
) -> Greeks:
    """Greeks of the discounted price, with discount = e^(−rT) and r constant.

        delta = ± discount · Φ(±d1)               gamma = discount · φ(d1) ÷ (forward · σ√T)
        vega  = discount · forward · φ(d1) · √T   theta = r · price − vega · σ ÷ (2T)

    Volatility and years must be positive.

    >>> round(float(black_greeks(60_000, 60_000, 0.6, 30 / 365).delta), 12)
    0.534269703591
    """
    from seawall.pricing import _kernels

    columns, flags, shape = _columns(forward, strike, volatility, years, discount, is_call=is_call)
    _check_terms(*columns, least=1e-9)
    out = np.empty((4, flags.size))
    _kernels.black_greeks(*columns, flags, out)
    delta, gamma, vega, theta = (row.reshape(shape)[()] for row in out)
    return Greeks(delta, gamma, vega, theta)


def implied_volatility(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike = 1.0,
    is_call: ArrayLike = True,
) -> Floats:
    """Volatility at which Black-76 gives `price`; NaN where no positive finite one does.

    A price has one exactly where it is above the discounted intrinsic value and below the
    discounted forward (call) or strike (put). A price outside is a value, NaN, so that one stale
    quote does not end a batch; a NaN or infinite input is a `DomainError`. The answer is as exact
    as the price allows: an error of the price of e moves it by e ÷ vega.

    >>> round(float(implied_volatility(4112.364430952128, 60_000, 60_000, 30 / 365)), 12)
    0.6
    """
    from seawall.pricing.implied import _kernels

    columns, flags, shape = _columns(price, forward, strike, years, discount, is_call=is_call)
    require("price", columns[0], -GREATEST, GREATEST)
    for name, given in zip(
        ("forward", "strike", "discount"), columns[1:3] + columns[4:], strict=True
    ):
        require(name, given, LEAST, GREATEST)
    require("years", columns[3], 1e-12, 1e6)
    out = np.empty(flags.size)
    _kernels.implied_volatility(*columns, flags, out)
    return out.reshape(shape)[()]


def _columns(
    *numbers: ArrayLike, is_call: ArrayLike
) -> tuple[list[Floats], _Flags, tuple[int, ...]]:
    given = [np.asarray(each, np.float64) for each in numbers]
    flags = np.asarray(is_call, np.bool_)
    shape = np.broadcast_shapes(*(each.shape for each in given), flags.shape)
    flat = [np.ascontiguousarray(_spread(each, shape), np.float64).reshape(-1) for each in given]
    return flat, np.ascontiguousarray(_spread(flags, shape), np.bool_).reshape(-1), shape


def _spread(column: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Copy a column to the full shape; a broadcast view would be read-only."""
    return column if column.shape == shape else np.array(np.broadcast_to(column, shape))


def _check_terms(
    forward: Floats,
    strike: Floats,
    volatility: Floats,
    years: Floats,
    discount: Floats,
    *,
    least: float = 0.0,
) -> None:
    for name, given in (("forward", forward), ("strike", strike), ("discount", discount)):
        require(name, given, LEAST, GREATEST)
    require("volatility", volatility, least, 1e6)
    require("years", years, least, 1e6)
