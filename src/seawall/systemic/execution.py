"""How a large position is sold well: the schedules of Almgren-Chriss and Obizhaeva-Wang.

A liquidation engine that cannot wait sells badly; these say by how much. Knows one position and the
parameters of its market.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Market(NamedTuple):
    """Parameters of Almgren and Chriss (2000)."""

    volatility: float  # Price per √time.
    permanent: float  # γ, price per unit.
    temporary: float  # η, price per (unit per time).
    half_spread: float = 0.0  # ε, price per unit.


class Schedule(NamedTuple):
    """What is still held at the end of each slice, and what selling like this costs."""

    urgency: float  # κ per time; 0 for a straight line.
    held: tuple[float, ...]  # [slice + 1]
    expected_cost: float
    deviation: float  # Standard deviation of the cost.

    @property
    def half_life(self) -> float:
        """Time in which a patient seller with no deadline would sell all but 1 ÷ e: 1 ÷ κ."""
        return 1.0 / self.urgency if self.urgency else math.inf


def almgren_chriss(
    market: Market, units: float, time: float, slices: int, aversion: float
) -> Schedule:
    """The least of expected cost + aversion · variance: x(t) = X · sinh(κ(T − t)) ÷ sinh(κT).

    cosh(κτ) = κ̃²τ² ÷ 2 + 1 with κ̃² = aversion · σ² ÷ η̃ and η̃ = η − γτ ÷ 2. Source: Almgren and
    Chriss (2000), equations 14 to 20.
    """
    step = time / slices
    effective = market.temporary - 0.5 * market.permanent * step
    if not effective > 0.0:
        raise ValueError(f"temporary: must be above permanent · slice ÷ 2, not {market.temporary}")
    rate = aversion * market.volatility**2 / effective
    urgency = math.acosh(0.5 * rate * step * step + 1.0) / step
    if urgency:
        whole = math.sinh(urgency * time)
        held = [units * math.sinh(urgency * (time - j * step)) / whole for j in range(slices + 1)]
    else:
        held = [units * (1.0 - j / slices) for j in range(slices + 1)]
    sold = [held[j] - held[j + 1] for j in range(slices)]
    cost = (
        0.5 * market.permanent * units * units
        + market.half_spread * sum(map(abs, sold))
        + effective / step * sum(each * each for each in sold)
    )
    variance = market.volatility**2 * step * sum(each * each for each in held[1:])
    return Schedule(urgency, tuple(held), cost, math.sqrt(variance))


class Blocks(NamedTuple):
    """Obizhaeva and Wang's schedule: a block, an even rate, a block."""

    block: float  # Units, first and last.
    between: float  # Units sold evenly between them.
    cost: float  # Transient impact only.


def obizhaeva_wang(units: float, time: float, resilience: float, per_unit: float = 1.0) -> Blocks:
    """Blocks of X ÷ (ρT + 2) and a constant rate between; cost per_unit · X² ÷ (ρT + 2).

    Source: Obizhaeva and Wang (2013), with linear transient impact that decays as e^(−ρt).

    >>> obizhaeva_wang(100_000.0, 1.0, 20.0).between
    90909.0909090909
    """
    block = units / (resilience * time + 2.0)
    return Blocks(block, block * resilience * time, per_unit * units * block)
