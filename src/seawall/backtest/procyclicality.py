"""How much a margin moves when markets do, and the tools that tame it.

Knows a margin series [bar] in any unit. Measures: Murphy, Vasios and Vause, Bank of England
Financial Stability Paper 29 (2014) and Staff Working Paper 597 (2016). Tools: EMIR, Regulation (EU)
153/2013, Article 28(1): (a) a buffer of at least 25 %, (b) at least 25 % weight on stressed
observations, (c) a floor at the margin of a ten-year look-back.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BUFFER = 0.25
STRESS_WEIGHT = 0.25
FLOOR_YEARS = 10


def peak_to_trough(margin: Array) -> float:
    """Highest over lowest margin of the series.

    >>> peak_to_trough(np.array([0.25, 0.75, 0.5]))
    3.0
    """
    lowest = float(np.min(margin))
    return float(np.max(margin)) / lowest if lowest > 0 else math.inf


def largest_rise(margin: Array, bars: int) -> float:
    """Largest margin(t + n) / margin(t), with n in bars; 1 where the series is too short.

    >>> largest_rise(np.array([0.25, 0.5, 0.75, 0.25]), 2)
    3.0
    """
    if bars < 1:
        raise ValueError(f"bars: {bars} is not positive")
    if margin.size <= bars:
        return 1.0
    before, after = margin[:-bars], margin[bars:]
    if np.any(before <= 0):
        return math.inf
    return float(np.max(after / before))


def buffered(margin: float, buffer: float = BUFFER) -> float:
    """Article 28(1)(a): what is collected while the buffer is full, margin (1 + buffer)."""
    return margin * (1 + buffer)


def with_stress(margin: float, stressed: float, weight: float = STRESS_WEIGHT) -> float:
    """Article 28(1)(b): (1 - weight) margin + weight stressed.

    >>> with_stress(80, 200)
    110.0
    """
    return (1 - weight) * margin + weight * stressed


def with_floor(margin: float, long_margin: float) -> float:
    """Article 28(1)(c): never below the margin of the ten-year look-back."""
    return max(margin, long_margin)


def drained(margin: Array, buffer: float = BUFFER, refill: float = 0.01) -> Array:
    """Collect a buffer on top, use it up when the margin rises, and fill it again slowly.

    collected(t) = collected(t - 1) (1 + refill), kept within margin(t) and margin(t) (1 + buffer);
    it starts full. `refill` is a share for each bar.
    """
    collected = np.empty_like(margin)
    held = math.inf
    for bar, needed in enumerate(margin.tolist()):
        held = min(max(held * (1 + refill), needed), needed * (1 + buffer))
        collected[bar] = held
    return collected


def step_response(decay: float, jump: float, bars: float) -> float:
    """Multiple of a margin proportional to the EWMA volatility, n bars after volatility jumped.

    sqrt(decay^n + jump^2 (1 - decay^n)).

    >>> round(step_response(0.94, 2, 5), 9)
    1.341002585
    """
    kept = math.exp(bars * math.log(decay))
    return math.sqrt(kept + jump * jump * (1 - kept))


def bars_to_half(decay: float, jump: float) -> float:
    """Bars until a margin proportional to the EWMA volatility has made half of its way.

    >>> round(bars_to_half(0.94, 2), 6)
    8.710998
    """
    half = (1 + jump) / 2
    return math.log((jump * jump - half * half) / (jump * jump - 1)) / math.log(decay)
