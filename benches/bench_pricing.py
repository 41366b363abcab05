"""Pricing: Black-76 against numpy and scipy on one core, and one refresh of a risk table.

Both sides are warmed, alternate, and the best of seven counts. Run it as a script, with --json for
a machine.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import mpmath
import numpy as np
from scipy.special import ndtr

from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import Grid, Scenario, black_price, risk_table
from seawall.pricing import _kernels as kernels

OPTIONS = 1_000_000
CHECKED = 2_000
ROUNDS = 7
DAY_MS = 86_400_000


def market() -> tuple[np.ndarray, ...]:
    """Options from a fixed seed; NumPy's generator is good enough for a timing."""
    dice = np.random.default_rng(76)
    forward = 60_000 * (0.9 + 0.2 * dice.random(OPTIONS))
    years = 1 / 365 + 2 * dice.random(OPTIONS) ** 3
    volatility = 0.2 + dice.random(OPTIONS)
    moneyness = dice.normal(size=OPTIONS) * 2 * volatility * np.sqrt(years)
    strike = forward * np.exp(moneyness)
    return forward, strike, volatility, years, np.exp(-0.05 * years), dice.random(OPTIONS) < 0.5


def rival(forward, strike, volatility, years, discount, is_call):
    deviation = volatility * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    sign = np.where(is_call, 1.0, -1.0)
    return discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))


def largest_error(given, prices) -> float:
    """Largest error in units of max(forward, strike), against 40 digits."""
    worst = 0.0
    with mpmath.workdps(40):
        for i in range(0, OPTIONS, OPTIONS // CHECKED):
            f, k, v, t, d = (mpmath.mpf(float(column[i])) for column in given[:5])
            s = v * mpmath.sqrt(t)
            d1 = mpmath.log(f / k) / s + s / 2
            sign = 1 if given[5][i] else -1
            exact = d * sign * (f * mpmath.ncdf(sign * d1) - k * mpmath.ncdf(sign * (d1 - s)))
            worst = max(worst, float(abs(exact - mpmath.mpf(float(prices[i]))) / max(f, k)))
    return worst


def venue(options_per_coin: int = 180) -> tuple[Catalogue, Snapshot, Grid]:
    """Two coins, a perpetual and nine expiries each, 32 scenarios."""
    coins = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
    listed, slices, now = [], [], 1_722_816_000_000
    for coin, (name, index) in enumerate((("BTC", 60_000), ("ETH", 2_700)), 1):
        terms = {"base": name, "quote": "USDC", "settle": "USDC", "lot": 1_000_000}
        listed.append(Instrument(id=f"{name}/USDC:USDC", type="perpetual", tick=5 * 10**9, **terms))
        for number in range(9):
            expires_ms = now + (1 + number * number) * DAY_MS
            slices.append(
                VolatilitySlice(
                    coin, expires_ms, 10**9, 10**9, 10**6, 5 * 10**7, -2 * 10**8, 0, 10**8
                )
            )
            for place in range(options_per_coin // 18):
                for right in ("call", "put"):
                    strike = index * (70 + 6 * place) * 10**8
                    listed.append(
                        Instrument(
                            id=f"{name}-{number}-{place}-{right}",
                            type="option",
                            tick=10**9,
                            premium="paid",
                            expires_ms=expires_ms,
                            strike=strike,
                            right=right,
                            **terms,
                        )
                    )
    catalogue = Catalogue.empty(Asset("USD", 10), coins).listed(listed)
    prices = (10**10, 60_000 * 10**10, 2_700 * 10**10)
    snapshot = Snapshot(1, now, prices, (0,) * len(catalogue.instruments), tuple(slices))
    moves = (-160, -120, -80, -40, 0, 40, 80, 120, 160)
    cells = [Scenario(m * 10**6, v, 10**9) for m in moves for v in (-25 * 10**7, 0, 5 * 10**8)]
    cells += [Scenario(m * 10**6, 5 * 10**8, 3 * 10**8) for m in (-660, -330, 500, 1000, 2000)]
    return catalogue, snapshot, Grid(scenarios=tuple(cells))


def best(calls: list[Callable[[], object]]) -> list[float]:
    """Seconds of each call: all are warmed, then take turns."""
    for call in calls:
        call()
    seen: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, times in zip(calls, seen, strict=True):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    return [min(times) for times in seen]


def run() -> dict[str, float]:
    given = market()
    out = np.empty(OPTIONS)
    kernel, public, scipy_side = best(
        [
            lambda: kernels.black_price(*given, out),
            lambda: black_price(*given),
            lambda: rival(*given),
        ]
    )
    catalogue, snapshot, grid = venue()
    haircuts = (0, 10**8, 15 * 10**7)
    whole = risk_table(catalogue, snapshot, grid, haircuts)

    def refresh(*touched: int) -> Callable[[], object]:
        return lambda: risk_table(catalogue, snapshot, grid, haircuts, whole, set(touched))

    both, one, build = best(
        [
            refresh(1, 2),
            refresh(1),
            lambda: risk_table(catalogue, snapshot, grid, haircuts),
        ]
    )
    return {
        "black_kernel_ns": kernel * 1e9 / OPTIONS,
        "black_public_ns": public * 1e9 / OPTIONS,
        "numpy_ndtr_ns": scipy_side * 1e9 / OPTIONS,
        "times_as_fast": scipy_side / kernel,
        "times_as_fast_public": scipy_side / public,
        "largest_error": largest_error(given, out),
        "options": float(sum(whole.kind == 4)),
        "scenarios": float(whole.scenarios),
        "table_both_coins_us": both * 1e6,
        "table_one_coin_us": one * 1e6,
        "table_build_us": build * 1e6,
    }


def main() -> None:
    found = run()
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, number in found.items():
        print(f"{name:24} {number:12.4g}")


if __name__ == "__main__":
    main()
