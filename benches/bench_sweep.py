"""A sweep over a million accounts against scipy's sparse product, alternating in one run.

Both sides answer: what is each account worth, and what does it lose in its worst scenario? scipy:
`(M @ T).min(axis=1) + cash`, warm, with M built from copies and cash given. Seawall: the public
`Scan.requirement` with netting "all", which also sums the equity that scipy is given, and returns
margin equity, initial margin and a rigorous error bound.
"""

from __future__ import annotations

import argparse
import json
import time
from decimal import Decimal

import numpy as np
from scipy.sparse import csr_array

from seawall.margin import Holdings, Scan
from seawall.market import Kind
from seawall.pricing import RiskTable

SCENARIOS = 32
ROUNDS = 7


def aligned(*shape: int) -> np.ndarray:
    """Zeros on a 64-byte boundary."""
    size = int(np.prod(shape)) * 8
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(np.float64).reshape(shape)


def book(accounts: int, rows: int, assets: int) -> tuple[Holdings, RiskTable]:
    """A made-up book of whole numbers, small enough that both sides are exact."""
    rng = np.random.default_rng(20260301)
    change = aligned(assets, SCENARIOS)
    change[:] = rng.integers(-(10**9), 10**9, (assets, SCENARIOS))
    value = rng.integers(1, 10**10, assets).astype(np.float64)
    nothing = np.zeros(assets)
    risk = RiskTable(
        value=value,
        collateral=np.floor(value * 0.95),
        change=change,
        bound=np.maximum(value, np.abs(change).max(axis=1)),
        notional=value,
        delta=nothing,
        coin=rng.integers(0, 3, assets).astype(np.int32),
        kind=np.full(assets, Kind.LINEAR, np.int8),
        expires_ms=np.zeros(assets, np.int64),
        strike=nothing,
        is_call=np.zeros(assets, np.int8),
        scenarios=SCENARIOS,
        coins=("BTC", "ETH", "SOL"),
    )
    held = np.sort(rng.integers(0, assets, (accounts, rows)), axis=1)
    lots = rng.integers(1, 1000, accounts * rows) * rng.choice([-1, 1], accounts * rows)
    holdings = Holdings(
        start=np.arange(accounts, dtype=np.int64) * rows,
        count=np.full(accounts, rows, np.int64),
        asset=held.astype(np.int32).ravel(),
        lots=lots.astype(np.float64),
    )
    return holdings, risk


def run(accounts: int = 1_000_000, rows: int = 8, assets: int = 1000) -> dict[str, float]:
    """Time both sides in alternation; best of seven, in milliseconds."""
    holdings, risk = book(accounts, rows, assets)
    moves = tuple(Decimal(n) / 100 for n in range(1, SCENARIOS + 1))
    joint, coins = Scan(moves=moves, netting="all"), Scan(moves=moves)
    pointer = np.append(holdings.start, accounts * rows)
    matrix = csr_array(
        (holdings.lots.copy(), holdings.asset.copy(), pointer), shape=(accounts, assets)
    )
    change, value = risk.change.copy(), risk.value.copy()

    cash = matrix @ value

    def scipy_sweep() -> np.ndarray:
        return (matrix @ change).min(axis=1) + cash

    times: dict[str, list[float]] = {"scipy": [], "joint": [], "coins": []}
    for _ in range(ROUNDS + 1):
        for name, sweep in (
            ("scipy", scipy_sweep),
            ("joint", lambda: joint.requirement(holdings, risk)),
            ("coins", lambda: coins.requirement(holdings, risk)),
        ):
            began = time.perf_counter()
            answer = sweep()
            times[name].append(time.perf_counter() - began)
            if name == "scipy":
                worst = answer
            elif name == "joint":
                assert np.array_equal(answer.equity, cash), "the two sides differ"
                assert np.array_equal(answer.maintenance, np.maximum(cash - worst, 0.0))
                assert not answer.error_bound.any(), "below 2^53 the screen is exact"
    one = Holdings(*(column[:1] for column in holdings[:2]), *holdings[2:])
    alone = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(1000):
            joint.requirement(one, risk)
        alone = min(alone, (time.perf_counter() - began) / 1000)
    best = {name: min(taken[1:]) for name, taken in times.items()}
    return {
        "accounts": accounts,
        "scipy_ms": best["scipy"] * 1e3,
        "joint_ms": best["joint"] * 1e3,
        "coins_ms": best["coins"] * 1e3,
        "joint_times_faster": best["scipy"] / best["joint"],
        "one_account_us": alone * 1e6,
    }


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    arguments = parser.parse_args()
    measured = run(arguments.accounts)
    if arguments.json:
        print(json.dumps(measured))
        return
    for name, number in measured.items():
        print(f"{name:20s} {number:14,.1f}")


if __name__ == "__main__":
    main()
