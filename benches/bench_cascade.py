"""A cascade over a million accounts of one asset: sorted once, then any shock, then a tick.

A shock is the whole least fixed point over all accounts under an exponential law. The mean is over
1,000 shocks from nothing to −30 %, which is less and more than the book can bear. A refresh is what
a tick costs that changed one account in a hundred: the same bits as sorting anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from seawall.systemic import (
    Exponential,
    Ladder,
    avalanches,
    cascade,
    final_prices,
    ladder,
    laws_through,
    local_gain,
    refreshed,
    sensitivity,
    thresholds,
)

ROUNDS = 7
SHOCKS = 1_000


def book(accounts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longs opened at 100 with leverage 2 to 50 and Pareto sizes, maintenance 0.5 %."""
    dice = np.random.default_rng(20251010)
    leverage = np.exp(dice.uniform(np.log(2.0), np.log(50.0), accounts))
    opened = 100.0 * np.exp(dice.normal(0.0, 0.05, accounts))
    broke = opened * (1.0 - 1.0 / leverage)
    price = broke / 0.995
    alive = price < 99.5
    return price[alive], dice.pareto(1.5, accounts)[alive] + 0.01, broke[alive]


def best(action: Callable[[], Any]) -> float:
    """Best of several, in seconds; the first call warms up and is not counted."""
    action()
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return min(found)


def run(accounts: int = 1_000_000) -> dict[str, Any]:
    """Time the sort, the shocks, the thresholds and the refresh."""
    columns = book(round(accounts * 1.6))
    price, size, broke = (column[:accounts] for column in columns)
    assert price.size == accounts
    law = Exponential(float(size.sum()) * 2.5)
    shocks = -np.linspace(0.0, 0.3, SHOCKS)
    begun = time.perf_counter()
    steps: Ladder = ladder(price, size, broke)
    first = time.perf_counter() - begun
    counts, final, rounds = final_prices(steps, law, 100.0, shocks)
    column = thresholds(steps, law)
    assert (column.accounts(100.0, shocks) == counts).mean() > 0.999
    chosen = np.random.default_rng(1).choice(accounts, accounts // 100, replace=False)
    moved = price[chosen] * 0.999
    fresh = (moved, size[chosen], moved * 0.995)
    return {
        "accounts": accounts,
        "sort_ms": 1e3 * first,
        "cascade_us": 1e6 * best(lambda: final_prices(steps, law, 100.0, shocks)) / SHOCKS,
        "one_call_with_bad_debt_us": 1e6 * best(lambda: cascade(steps, law, 100.0, -0.1)),
        "rounds_mean": float(rounds.mean()),
        "closed_share_mean": float(counts.mean()) / accounts,
        "final_price_least": float(final.min()),
        "thresholds_ms": 1e3 * best(lambda: thresholds(steps, law)),
        "shock_by_thresholds_us": 1e6 * best(lambda: column.accounts(100.0, shocks)) / SHOCKS,
        "avalanches_ms": 1e3 * best(lambda: avalanches(column, 100.0, 1e-4)),
        "local_gain_ms": 1e3 * best(lambda: local_gain(steps, law, 0.01)),
        "monitor_of_four_laws_ms": 1e3
        * best(
            lambda: sensitivity(steps, laws_through(100.0, law.depth / 100.0, 0.01), 100.0, -0.1)
        ),
        "refresh_one_percent_ms": 1e3 * best(lambda: refreshed(steps, chosen, *fresh)),
    }


def main() -> None:
    """Print the numbers alone."""
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
