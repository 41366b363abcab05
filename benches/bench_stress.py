"""One fall of 20,000 accounts with partial closes, and thousands of the same book merged.

The rules are those of `examples/margin`, the laws those of `examples/stress`: BTC falls by a fifth
in ten ticks, ETH by 1.2 times as much. Seconds are the processor's, so other work adds nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from seawall.portfolio import load
from seawall.simulation.stress import (
    Fall,
    Ground,
    Line,
    Spread,
    StressBook,
    book_of_frame,
    books_of,
    closings,
    columns_of,
    drawn,
    fall,
    laws_of,
    one,
    read_depth_file,
    rules_of,
)
from seawall.simulation.stress.judging import grouped

EXAMPLES = Path(__file__).parents[1] / "examples"
BETA = {"ETH": 1.2}
NAMED = Fall(-0.2, resilience=0.1, ticks=10)
RUNS = 1_000
ROUNDS = 5


def book(accounts: int) -> StressBook:
    """Pareto sizes, leverage 1.5 to 25, seven in ten long; some hold ETH or post BTC too."""
    dice = np.random.default_rng(5)
    size = np.minimum(dice.pareto(1.3, accounts) * 0.2 + 0.01, 400.0)
    leverage = dice.uniform(1.5, 25.0, accounts)
    rows = []
    for place in range(accounts):
        name, side = f"a{place}", 1 if dice.random() < 0.7 else -1
        ether, posts, share = dice.random() < 0.4, dice.random() < 0.2, dice.random()
        btc = round(float(size[place]), 3)
        eth = round(btc * 15.0 * share, 2) if ether else 0.0
        cash = (btc * 50_000.0 + eth * 2_000.0) / leverage[place]
        held = {"USDC": f"{cash:.2f}", "BTC/USDC:USDC": f"{side * btc:.3f}"}
        held |= {"ETH/USDC:USDC": f"{side * eth:.2f}"} if eth else {}
        held |= {"BTC": f"{btc / 20.0:.6f}"} if posts else {}
        rows += [(name, asset, quantity, "cross") for asset, quantity in held.items()]
    frame = pl.DataFrame(rows, ["account", "asset", "quantity", "method"], orient="row")
    return book_of_frame(frame, load(EXAMPLES / "margin/portfolio.toml").venue, None)


def ground(held: StressBook, line: Line) -> Ground:
    """The book under the depth file's root."""
    names = [coin.id for coin in held.venue.catalogue.coins]
    prices = {name: held.price(name) for name in names}
    told = read_depth_file(EXAMPLES / "stress/depth.toml", tuple(names), prices)
    laws = {coin: laws_of(one, prices[coin], line.side)["sqrt"] for coin, one in told.coins.items()}
    back = {coin: one.resilience for coin, one in told.coins.items()}
    beta = np.array([BETA.get(name, 0.0) for name in names])
    columns = columns_of(held, line)
    return Ground(columns, rules_of(held.venue), books_of(names, laws, back), beta)


def best(action: Callable[[], Any]) -> float:
    """Least processor seconds of several; the first call warms up and is not counted."""
    action()
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        action()
        found.append(time.process_time() - begun)
    return min(found)


def run(accounts: int = 20_000) -> dict[str, Any]:
    """Time one fall and many, and the columns that they need."""
    held, line = book(accounts), Line("BTC", "long", BETA)
    begun = time.process_time()
    whole = ground(held, line)
    asked = time.process_time() - begun
    small = whole._replace(columns=grouped(whole.columns, closings(held, line).closes))
    draws = drawn(1, RUNS, NAMED, Spread())
    fallen, merged = one(whole, NAMED), one(small, NAMED)
    return {
        "accounts": accounts,
        "methods_asked_s": asked,
        "closed": int(fallen.accounts[0]),
        "rounds": int(fallen.rounds[0]),
        "one_fall_ms": 1e3 * best(lambda: one(whole, NAMED)),
        "merged_into": small.columns.equity.size,
        "merged_price_apart": float(merged.final[0] / fallen.final[0] - 1.0),
        "thousand_runs_s": best(lambda: fall(small, *draws, ticks=NAMED.ticks)) * 1_000 / RUNS,
    }


def main() -> None:
    """Print the numbers alone."""
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
