"""Shares of liquidated notional, and the tail of its sizes, against sums done by hand."""

import math

import pytest

from seawall.simulation.concentration import hill, measured
from seawall.simulation.recording import LiquidationPoint


def point(time_ms: int, account: str, notional: int, side: str = "long") -> LiquidationPoint:
    return LiquidationPoint(time_ms, account, "BTC/USDC:USDC", side, notional, 1, notional, True)


def test_shares_of_a_small_day() -> None:
    # Twelve accounts take 10 each, one of them in two fills of 40 more: 12 × 10 + 80 = 200.
    points = [point(0, f"account-{i}", 10, "short" if i == 3 else "long") for i in range(12)]
    points += [point(59_999, "account-0", 40), point(60_000, "account-0", 40)]
    found = measured(points)
    assert found["liquidated_accounts"] == 12
    assert found["top_ten_share"] == 0.9  # (90 + 9 × 10) ÷ 200.
    assert found["long_share"] == 0.95
    assert found["peak_minute_share"] == 0.8  # All but the fill that falls on the next minute.


def test_nothing_liquidated() -> None:
    found = measured([])
    assert found == dict.fromkeys(found, 0)


@pytest.mark.parametrize("tail", [0.75, 0.86, 1.5])
def test_the_hill_index_of_exact_pareto_sizes(tail: float) -> None:
    # Sizes (n ÷ rank)^(1 ÷ tail); Σ ln over the first k is (k ln(k + 1) − ln k!) ÷ tail.
    sizes = [round(10**12 * (5000 / rank) ** (1 / tail)) for rank in range(1, 5001)]
    k = 500
    exact = k * tail / (k * math.log(k + 1) - math.lgamma(k + 1))
    assert hill(sizes, k) == pytest.approx(exact, abs=1e-4)
    assert hill(sizes, 0) == hill(sizes, 5000) == 0.0
