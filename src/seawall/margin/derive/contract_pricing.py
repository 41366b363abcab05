"""Black-76 and SVI as Derive's contracts compute them: the house's formulas within their guards.

The contracts count in 18 decimals and truncate; float64 agrees with them to about 1e-13 of a
margin. Source: lyra-finance/lyra-utils at 759e962 (2024-05-29), restated.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import (
    Floats,
    black_price,
    exponential,
    logarithm,
    normal_cumulative,
    power,
)
from seawall.pricing.elementary import GREATEST, LEAST, require

LARGEST_DEVIATION = 24.0  # σ√T from which a call is worth the forward.
SMALLEST_DEVIATION = 1e-18  # What a σ√T of 0 counts as: the option is worth its intrinsic value.
LARGEST_VARIANCE = 144.0
UNDERFLOW = -42.13967885445277  # ln(0.5e-18): up to here e^x rounds to 0 in 18 decimals.
OVERFLOW = 135.30599936889323  # ln(2^255 · 1e-18): from here e^x leaves a signed 256-bit integer.


class SmileDomainError(ValueError):
    """A smile that the contracts refuse to read."""


class Smile(msgspec.Struct, frozen=True):
    """SVI parameters with the forward and the years to expiry that were frozen at the fit."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float
    forward: float
    years: float


def option_price(
    forward: ArrayLike,
    strike: ArrayLike,
    volatility: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike = 1.0,
    is_call: ArrayLike = True,
) -> Floats:
    """Black-76 for every input that the contracts take, zeros included.

    A strike of 0 makes a call worth forward · discount; a forward of 0 makes a put worth strike ·
    discount; from σ√T = 24 a call is worth forward · discount and a put strike · discount.

    >>> option_price([100.0, 0.0], [0.0, 80.0], 0.5, 1.0, 0.9, [True, False]).tolist()
    [90.0, 72.0]
    """
    f, k, v, t, d, call = (
        each.copy()
        for each in np.broadcast_arrays(
            *(np.asarray(e, np.float64) for e in (forward, strike, volatility, years, discount)),
            np.asarray(is_call, np.bool_),
        )
    )
    for name, given in (("forward", f), ("strike", k), ("volatility", v), ("years", t)):
        require(name, np.ascontiguousarray(given), 0.0, GREATEST)
    wide = v * np.sqrt(t) >= LARGEST_DEVIATION
    price = black_price(
        np.where(f < LEAST, 1.0, f),
        np.where(k < LEAST, 1.0, k),
        np.where(wide, 0.0, v),
        t,
        d,
        call,
    )
    limit = np.where(call, f, k) * d
    price = np.where(wide, limit, price)
    price = np.where((k < LEAST) | (f < LEAST), np.where(call, (k < LEAST) * f, k) * d, price)
    return np.clip(price, 0.0, limit)


def call_delta(
    forward: ArrayLike,
    strike: ArrayLike,
    volatility: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike = 1.0,
) -> Floats:
    """Black-76 delta, discount · Φ(d1), of a call; a put's is discount · (Φ(d1) − 1).

    >>> float(call_delta(100.0, 100.0, 0.0, 1.0))
    0.5
    """
    f, k, v, t, d = (
        each.copy()
        for each in np.broadcast_arrays(
            *(np.asarray(e, np.float64) for e in (forward, strike, volatility, years, discount))
        )
    )
    for name, given in (("forward", f), ("strike", k), ("volatility", v), ("years", t)):
        require(name, np.ascontiguousarray(given), 0.0, GREATEST)
    deviation = np.maximum(v * np.sqrt(t), SMALLEST_DEVIATION)
    money = logarithm(np.where(k < LEAST, 1.0, k)) - logarithm(np.where(f < LEAST, 1.0, f))
    probability = normal_cumulative(deviation / 2.0 - money / deviation)
    probability = np.where(f < LEAST, 0.0, np.where(k < LEAST, 1.0, probability))
    delta: Floats = np.where(deviation >= LARGEST_DEVIATION, 1.0, probability) * d
    return delta


def smile_money(smile: Smile, strike: ArrayLike) -> Floats:
    """ln(strike ÷ forward of the fit), held within ±4 · √(a + b · sigma)."""
    given = np.asarray(strike, np.float64)
    level = smile.a + smile.b * smile.sigma
    if not level >= 0.0:
        raise SmileDomainError(f"smile: a + b · sigma must be at least 0, not {level}")
    if not smile.forward > 0.0:
        raise SmileDomainError(f"smile.forward: must be positive, not {smile.forward}")
    bound = 4.0 * np.sqrt(level)
    k = logarithm(given) - logarithm(smile.forward)
    return np.clip(k, -bound, bound)


def smile_volatility(smile: Smile, strike: ArrayLike) -> Floats:
    """√(w ÷ years), w = a + b · (rho · (k − m) + √((k − m)² + sigma²)) of at most 144.

    `k` is `smile_money`; a strike of 0 has volatility 0; years are those of the fit, so an option
    keeps its volatility until the next fit.

    >>> flat = Smile(0.25, 0.0, 0.0, 0.0, 1.0, 100.0, 1.0)
    >>> smile_volatility(flat, [80.0, 0.0]).tolist()
    [0.5, 0.0]
    """
    given = np.asarray(strike, np.float64)
    if not smile.years > 0.0:
        raise SmileDomainError(f"smile.years: must be positive, not {smile.years}")
    k = smile_money(smile, np.where(given == 0.0, smile.forward or 1.0, given))
    off = k - smile.m
    w = smile.a + smile.b * (smile.rho * off + np.sqrt(off * off + smile.sigma * smile.sigma))
    if not np.all(w >= 0.0):
        raise SmileDomainError(f"smile: total variance {float(np.min(w))} is below 0")
    return np.where(given == 0.0, 0.0, np.sqrt(np.minimum(w, LARGEST_VARIANCE) / smile.years))


def contract_exponential(x: float) -> float:
    """e^x as the contracts know it: 0 where 18 decimals hold nothing, refused in overflow.

    >>> contract_exponential(-50.0)
    0.0
    """
    if not x < OVERFLOW:
        raise OverflowError(f"e^{x} is more than the contracts can hold")
    return 0.0 if x <= UNDERFLOW else float(exponential(x))


def contract_power(base: float, exponent: float) -> float:
    """base^exponent for a base above 0.

    >>> round(contract_power(30.0, 0.3), 12)
    2.774191114672
    """
    return float(power(base, exponent))
