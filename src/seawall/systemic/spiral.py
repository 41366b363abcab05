"""Spirals beside the price cascade: margins that rise, stablecoins that are bought back, lending.

Each has a closed form and a point beyond which there is no way back. Knows one market at a time.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class MarginSpiral(NamedTuple):
    """What a unit of speculators' capital does to the price."""

    response: float  # dprice ÷ dcapital.
    without_spirals: float  # The same with no position to lose and margins that stand still.
    bracket: float  # m ÷ k + x · m′ − x₀; at 0 or below nothing holds the price.

    @property
    def stable(self) -> bool:
        """Whether a small loss has an end."""
        return self.bracket > 0.0

    @property
    def multiplier(self) -> float:
        """How much worse than without spirals; below zero it means nothing."""
        return self.response / self.without_spirals


def margin_spiral(
    *, margin: float, margin_slope: float, demand_slope: float, held: float, affordable: float
) -> MarginSpiral:
    """dp/dW = 1 ÷ (m ÷ k + x · m′ − x₀): loss spiral −x₀, margin spiral x · m′ where m′ < 0.

    Speculators hold x = W ÷ m(p) against outside demand of slope k; x₀ is what they held before.
    Source: Brunnermeier and Pedersen (2009), their structure.

    >>> said = {"margin": 10, "demand_slope": 1, "held": 4, "affordable": 10}
    >>> margin_spiral(margin_slope=-0.5, **said).multiplier
    10.0
    """
    bracket = margin / demand_slope + affordable * margin_slope - held
    response = 1.0 / bracket if bracket else math.inf
    return MarginSpiral(response, demand_slope / margin, bracket)


class BuyBack(NamedTuple):
    """What must be bought back of a stablecoin, and at which price."""

    units: float
    price: float  # The market clears here once they are bought.
    price_taking: float  # Units that a buyer would plan who thinks that the price stays at 1.


def buy_back(
    collateral: float, debt: float, demand: float, ratio: float
) -> tuple[BuyBack | None, float]:
    """Deleveraging in a stablecoin of unit-elastic demand; None where nothing is enough.

    Supply y has the price D ÷ y, and ratio · y ≤ collateral + (y − L) · D ÷ y must hold, so
    ratio · y² − (collateral + D) · y + D · L ≤ 0. Feasible iff (collateral + D)² ≥ 4·ratio·D·L;
    the second answer is the discriminant. Source: set-up of Klages-Mundt and Minca (2019).

    >>> plan, _ = buy_back(145.0, 100.0, 100.0, 1.5)
    >>> round(plan.units, 9), round(plan.price, 9), plan.price_taking
    (16.666666667, 1.2, 10.0)
    """
    discriminant = (collateral + demand) ** 2 - 4.0 * ratio * demand * debt
    taking = max(0.0, (ratio * debt - collateral) / (ratio - 1.0))
    if ratio * debt <= collateral:
        return BuyBack(0.0, demand / debt, taking), discriminant
    if discriminant < 0.0:
        return None, discriminant
    supply = (collateral + demand + math.sqrt(discriminant)) / (2.0 * ratio)
    units = max(0.0, debt - supply)
    return BuyBack(units, demand / min(supply, debt), taking), discriminant


def critical_collateral(debt: float, demand: float, ratio: float) -> float:
    """Collateral below which no buy-back is enough: 2 · √(ratio · D · L) − D.

    >>> round(critical_collateral(100.0, 100.0, 1.5), 3)
    144.949
    """
    return 2.0 * math.sqrt(ratio * demand * debt) - demand


def toxic_ratio(bonus: float) -> float:
    """Loan-to-value above which each liquidation makes the loan worse: 1 ÷ (1 + bonus).

    Repaying r and seizing (1 + b) · r raises health iff it is below. Above it, liquidating creates
    the bad debt. Source: Warmuz, Chaudhary and Pinna (2022).
    """
    return 1.0 / (1.0 + bonus)


def repay_to_target(
    collateral: float, price: float, debt: float, threshold: float, bonus: float, target: float
) -> float:
    """Repayment after which health is `target`: (h·B − C·p·LT) ÷ (h − (1 + b)·LT).

    Below zero where the loan is healthier already; no end where the target lies on the frontier.

    >>> round(repay_to_target(1.0, 100.0, 84.0, 0.825, 0.05, 1.0), 9)
    11.214953271
    """
    below = target - (1.0 + bonus) * threshold
    return (target * debt - collateral * price * threshold) / below if below else math.inf


class Loan(NamedTuple):
    """A loan after a liquidation."""

    collateral: float  # Units.
    debt: float
    health: float  # Collateral value × threshold ÷ debt.


def liquidations(
    collateral: float,
    price: float,
    debt: float,
    threshold: float,
    bonus: float,
    close_factor: float,
    steps: int,
    *,
    until_healthy: bool = False,
) -> list[Loan]:
    """The loan after each of several liquidations at one price, each of a share of the debt.

    A liquidation seizes no more than there is: the last one repays what the collateral is worth
    less the bonus, and what is left of the debt is bad.
    """
    found: list[Loan] = []
    for _ in range(steps):
        if until_healthy and collateral * price * threshold >= debt:
            break
        if collateral <= 0.0 or debt <= 0.0:
            break
        repaid = min(close_factor * debt, collateral * price / (1.0 + bonus))
        whole = repaid < close_factor * debt
        collateral = 0.0 if whole else collateral - repaid * (1.0 + bonus) / price
        debt -= repaid
        health = collateral * price * threshold / debt if debt else math.inf
        found.append(Loan(collateral, debt, health))
    return found


def price_jump_frontier(health: float, threshold: float, bonus: float) -> float:
    """Jump of the price that a lender cannot survive: max(1 − 1/HF, 1 − (1 + b)·LT/HF).

    Source: Gatto (2026), read through second-hand notes only.
    """
    return max(1.0 - 1.0 / health, 1.0 - (1.0 + bonus) * threshold / health)
