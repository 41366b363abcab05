"""Cascades that have a formula, to hold the ladder against: total fall as a function of a shock.

Every function takes a continuous book; a ladder of N accounts comes to it as 1 ÷ N. Falls are
positive numbers here. Source: derived; the exponential one is the final size of an epidemic.
"""

from __future__ import annotations

import math


def uniform_linear(gain: float, shock: float, band: float = math.inf) -> float:
    """Total fall inside a band of constant density under linear impact: shock ÷ (1 − R0).

    `gain` is R0 = slope × density and `shock` the fall beyond the band's first price. Where
    R0 ≥ 1, or the fall leaves the band, all of it is sold: shock + R0 · band.

    >>> uniform_linear(0.8, 1.0)
    5.000000000000001
    """
    if shock <= 0.0:
        return shock
    total = shock / (1.0 - gain) if gain < 1.0 else math.inf
    return total if total <= band else shock + gain * band


def uniform_linear_after(gain: float, shock: float, rounds: int) -> float:
    """Fall after k rounds of sales: shock · (1 − R0^(k + 1)) ÷ (1 − R0).

    >>> uniform_linear_after(0.5, 1.0, 2)
    1.75
    """
    if gain == 1.0:
        return shock * (rounds + 1)
    return float(shock * (1.0 - gain ** (rounds + 1)) / (1.0 - gain))


def exponential_linear(gain: float, shock: float, *, from_above: bool = False) -> float:
    """Fall k·y of an exponential density k: k·s + R0 + W₀(−R0 · e^(−(k·s + R0))).

    `shock` is k · s, in log prices; the root of x = k·s + R0 · (1 − e^(−x)). At k·s = 0 nothing
    starts, so the answer is 0; `from_above` gives the limit of ever smaller shocks, which is above
    0 where R0 > 1. Near R0 = 1 and small shocks k·y ≈ √(2 · k·s).

    >>> round(exponential_linear(1.25, 0.0, from_above=True), 4)
    0.4642
    """
    from scipy.special import lambertw

    if shock == 0.0 and (not from_above or gain <= 1.0):
        return 0.0
    found = shock + gain + float(lambertw(-gain * math.exp(-(shock + gain))).real)
    # Lambert W loses half of its digits at the branch point; Newton gives them back.
    for _ in range(4):
        left = math.exp(-found)
        steepness = 1.0 - gain * left
        if steepness <= 0.0:
            break
        found -= (found - shock - gain * -math.expm1(-found)) / steepness
    return found


def uniform_square_root(gain: float, shock: float) -> float:
    """Total log fall of a uniform density g under y = s + c · √(g · y); `gain` is c² · g.

    √y = (c·√g + √(c²·g + 4·s)) ÷ 2. It ignites always: an infinitesimal shock falls by c²·g. And
    stops always: see `uniform_square_root_gain`.

    >>> round(uniform_square_root(0.04, 0.0), 12)
    0.04
    """
    root = 0.5 * (math.sqrt(gain) + math.sqrt(gain + 4.0 * shock))
    return root * root


def uniform_square_root_gain(gain: float, fallen: float) -> float:
    """R0 of that book where the price has fallen by y: ½ · √(c²·g ÷ y), so ½ at y = c²·g."""
    return 0.5 * math.sqrt(gain / fallen) if fallen else (math.inf if gain else 0.0)


def critical_shock(leverage: float, most: float) -> float:
    """Fall at which leverage (assets ÷ equity) reaches its limit: (most − l) ÷ (l · (most − 1)).

    Source: Cont and Schaanning (2017). With most = 1 ÷ maintenance rate it is the liquidation
    distance of an isolated long, 1 − (1 − 1 ÷ l) ÷ (1 − rate).

    >>> critical_shock(20.0, 33.0)
    0.0203125
    """
    return (most - leverage) / (leverage * (most - 1.0))


def critical_rise(leverage: float, most: float) -> float:
    """Rise at which an isolated short is liquidated: (1 + 1 ÷ l) ÷ (1 + 1 ÷ most) − 1."""
    return (1.0 + 1.0 / leverage) / (1.0 + 1.0 / most) - 1.0
