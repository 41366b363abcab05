"""Cascades of one asset: files 01 to 05, 19 and 21 of `cascade/`, by the ladder and by formula."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conformance.cascade_case import close
from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.systemic import closed_forms, hawkes
from seawall.systemic.impact import (
    LAWS,
    ConstantProduct,
    Exponential,
    Linear,
    SquareRoot,
    concentrated,
    concentrated_swap,
)
from seawall.systemic.ladder import Ladder, cascade, ladder
from seawall.systemic.tipping import avalanches, thresholds


def two_accounts(document: Any, _: Path) -> Iterator[Outcome]:
    accounts = document["accounts"]
    steps = ladder([one["liq_price"] for one in accounts], [one["size"] for one in accounts])
    for case in document["cases"]:
        law = Linear(case["lam"])
        found = cascade(steps, law, 100.0, -case["shock"])
        checks = [
            close("price_after_shock", case["price_after_shock"], found.shocked),
            close("final_price", case["final_price"], found.final),
            close("sold", case["sold"], found.forced),
            exactly("rounds", case["rounds"], found.rounds),
            *(
                close("path", wanted, price)
                for wanted, price in zip(case["path"], found.path, strict=True)
            ),
        ]
        if case.get("amplification") is not None:
            checks.append(close("amplification", case["amplification"], found.amplification))
        yield together(f"slope {case['lam']}, shock {case['shock']}", checks)
    if len(accounts) == 2:
        yield _critical_slope(steps)


def _critical_slope(steps: Ladder) -> Outcome:
    """The first account's sale alone must bring the price to the second: (p₁ − p₂) ÷ units."""
    first, second = steps.price.tolist()
    slope = (first - second) / float(steps.forced[1])
    checks = []
    for law, accounts in ((Linear(slope + 1e-12), 2), (Linear(slope - 1e-12), 1)):
        fall = avalanches(thresholds(steps, law), 100.0)[0]
        checks.append(exactly(f"accounts at {law.per_unit}", accounts, fall.accounts))
        checks.append(close("shock", first / 100.0 - 1.0, fall.shock))
    return together("critical slope", checks)


def _even(low: float, high: float, density: float, accounts: int) -> Ladder:
    """A uniform density as accounts, each in the middle of its part of the band."""
    part = (high - low) / accounts
    places = high - part * (np.arange(accounts) + 0.5)
    return ladder(places, np.full(accounts, density * part))


def uniform_density(document: Any, _: Path) -> Iterator[Outcome]:
    said = re.search(r"g=([\d.]+).*\[([\d.]+),([\d.]+)\]", document.get("model", ""))
    density, low, top = map(float, said.groups()) if said else (1000.0, 60.0, 95.0)
    band, accounts = top - low, 70_000
    steps = _even(top - band, top, density, accounts)
    series = document.get("round_series_R0_0p8_d1", [])
    yield together(
        "rounds at R0 0.8",
        [
            close(str(k), wanted, closed_forms.uniform_linear_after(0.8, 1.0, k))
            for k, wanted in enumerate(series)
        ],
    )
    for case in document["cases"]:
        gain, start = case["R0"], case["price_after_shock"]
        fall = closed_forms.uniform_linear(gain, top - start, band)
        sold = density * min(max(fall, 0.0), band)
        checks = [
            close("final_price", case["final_price"], top - fall),
            close("sold", case["sold"], sold),
            close("depth", case["depth_below_first_liq"], top - start),
            exactly("book_exhausted", case["book_exhausted"], sold >= density * band),
        ]
        if gain != 1.0:
            found = cascade(steps, Linear(gain / density), 100.0, start / 100.0 - 1.0).final
            loose = 2.0 * band / accounts / (abs(1.0 - gain) or 1.0)
            checks.append(nearly("70,000 accounts", case["final_price"], found, 0.0, loose))
        yield together(f"R0 {gain}, price {start}", checks)


def exponential_density(document: Any, _: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        gain, shock = case["R0"], case["k_times_shock"]
        near = 1e-6 if abs(gain - 1.0) < 1e-3 else 1e-9
        fall = closed_forms.exponential_linear(gain, shock)
        checks = [close("fall", case["k_times_total_log_drop"], fall, near)]
        if case.get("supercritical_branch_at_zero_shock") is not None:
            above = closed_forms.exponential_linear(gain, shock, from_above=True)
            wanted = case["supercritical_branch_at_zero_shock"]
            checks.append(close("branch from above", wanted, above, near))
        if case.get("fraction_liquidated") is not None:
            share = -math.expm1(-fall)
            checks.append(close("share", case["fraction_liquidated"], share, near))
        if case.get("amplification") is not None:
            # The fall is printed to 12 decimals and divided by a shock that may be a millionth.
            wanted, found = case["amplification"], fall / shock
            checks.append(nearly("amplification", wanted, found, max(near, 1e-9), 6e-10))
        yield together(f"R0 {gain}, k·s {shock}", checks)


def square_root(document: Any, _: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        gain, shock = case["c2g"], case["s"]
        fall = closed_forms.uniform_square_root(gain, shock)
        checks = [close("y", case["y"], fall)]
        if case.get("amplification") is not None:
            checks.append(close("amplification", case["amplification"], fall / shock))
        if case.get("local_gain_at_y") is not None:
            local = closed_forms.uniform_square_root_gain(gain, fall)
            checks.append(close("local gain", case["local_gain_at_y"], local))
        if shock > 0.0 and gain > 0.0:
            checks.append(_square_root_ladder(gain, shock, fall))
        yield together(f"c²g {gain}, s {shock}", checks)


def _square_root_ladder(gain: float, shock: float, fall: float) -> Outcome:
    """The same book as accounts evenly spaced in log price from 100 on, under the law itself."""
    accounts, reach = 20_000, 4.0 * fall
    depth = reach * (np.arange(accounts) + 0.5) / accounts
    steps = ladder(100.0 * np.exp(-depth), np.full(accounts, reach / accounts))
    law = SquareRoot(1.0, math.sqrt(gain), 1.0)
    final = cascade(steps, law, 100.0, math.exp(-shock) - 1.0).final
    return nearly("20,000 accounts", fall, -math.log(final / 100.0), 0.0, 2.0 * reach / accounts)


def pools(document: Any, _: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        law, sold = ConstantProduct(1.0, case["fee"]), case["q_over_reserve"]
        checks = [
            close("spot", case["spot_ratio_after"], law.price_after(1.0, sold)),
            close("average", case["avg_exec_ratio"], law.average_price(1.0, sold)),
        ]
        yield together(f"fee {case['fee']}, sold {sold}", checks)
    for case in document.get("cpmm_depth_check", []):
        law = ConstantProduct(1.0)
        sold = law.sale_for_drop(case["d"])
        checks = [
            nearly("units", case["q_over_x"], sold, 1e-9, 6e-11),
            nearly("quote", case["quote_over_y"], sold * law.average_price(1.0, sold), 1e-9, 6e-11),
            close("spot", 1.0 - case["d"], law.price_after(1.0, sold)),
        ]
        yield together(f"depth for {case['d']}", checks)
    if case := document.get("univ3_check"):
        sold, received = concentrated_swap(case["L"], case["P_old"], case["P_new"])
        profile = concentrated(((case["P_new"] / 2, case["P_old"] * 2, case["L"]),), case["P_old"])
        checks = [
            close("dx", case["dx"], sold),
            close("dy", case["dy"], received),
            nearly("profile", case["P_new"], profile.price_after(case["P_old"], sold), 1e-3),
        ]
        yield together("concentrated liquidity", checks)
    if block := document.get("two_accounts_on_cpmm"):
        yield from _pool_cascade(block)


def _pool_cascade(block: Any) -> Iterator[Outcome]:
    """Arbitrage first brings the pool to the shocked price: reserves x · √(p₀ ÷ p₁) of the coin."""
    x, y = block["reserves"]
    price = y / x
    prices, sizes = zip(*block["accounts"], strict=True)
    steps = ladder(prices, sizes)
    for case in block["cases"]:
        law = ConstantProduct(math.sqrt(x * y / (price * (1.0 - case["shock"]))))
        found = cascade(steps, law, price, -case["shock"])
        checks = [
            close("final_price", case["final_price"], found.final),
            close("sold", case["sold"], found.forced),
            *(
                close("path", wanted, here)
                for wanted, here in zip(case["path"], found.path, strict=True)
            ),
        ]
        yield together(f"pool, shock {case['shock']}", checks)


def random_book(document: Any, _: Path) -> Iterator[Outcome]:
    prices, sizes = np.array(document["liq_price"]), np.array(document["size"])
    mixed = np.argsort(sizes)
    for case in document["cases"]:
        law: LAWS = Exponential(case["D"])
        found = cascade(ladder(prices, sizes), law, 100.0, -case["shock"])
        other = cascade(ladder(prices[mixed], sizes[mixed]), law, 100.0, -case["shock"])
        checks = [
            close("final_price", case["final_price"], found.final),
            nearly("sold", case["sold"], found.forced, 1e-9, 1e-5),
            exactly("rounds", case["rounds"], found.rounds),
            close("any order", found.final, other.final, 1e-12),
        ]
        if case.get("amplification") is not None:
            checks.append(close("amplification", case["amplification"], found.amplification))
        yield together(f"depth {case['D']}, shock {case['shock']}", checks)


def identification(document: Any, _: Path) -> Iterator[Outcome]:
    """The trap with paths of our own: a crash of 12 % in 12 of 60 minutes, in log price.

    The published path was drawn and its noise is not in the file. So the noise of ours is scaled
    until the case without feedback liquidates the published share; the medians over 21 such paths
    are then compared. The estimator must say what it says there without any feedback, too.
    """
    distance = 0.25 * (np.arange(40_000) + 0.5) / 40_000
    share = min(case["liquidated_fraction"] for case in document["results"])
    paths = [_crash(seed, 0.25 * share) for seed in range(21)]
    for case in document["results"]:
        drawn = [_liquidated(path, distance, case["true_R0"]) for path in paths]
        checks = []
        for window, wanted in case["n_HB_by_window_s"].items():
            found = np.median([hawkes.clustering(counts, int(window)).ratio for counts in drawn])
            checks.append(nearly(f"window {window}", wanted, float(found), 0, 0.02))
        closed = float(np.median([counts.sum() for counts in drawn])) / distance.size
        checks.append(nearly("share", case["liquidated_fraction"], closed, 0, 0.02))
        yield together(f"R0 {case['true_R0']}", checks)


def _crash(seed: int, depth: float) -> Any:
    """[second] log price of an hour that falls to −depth, noise of one size all through it."""
    drift = np.zeros(3600)
    drift[1200:1920] = -0.12 / 720
    noise = np.random.default_rng(seed).normal(0.0, 1.0, 3600)
    low, high = 0.0, 0.05
    for _step in range(60):
        middle = 0.5 * (low + high)
        deep = -np.cumsum(drift + middle * noise).min() >= depth
        low, high = (low, middle) if deep else (middle, high)
    return np.cumsum(drift + high * noise)


def _liquidated(path: Any, distance: Any, gain: float) -> Any:
    """[second] accounts closed, each of which moves the log price by gain · 0.25 ÷ accounts."""
    lowest, closed, counts = 0.0, 0, np.zeros(path.size)
    for second, moved in enumerate(path):
        while True:
            lowest = min(lowest, moved - gain * 0.25 * closed / distance.size)
            reached = int(np.searchsorted(distance, -lowest, "right"))
            if reached == closed:
                break
            counts[second] += reached - closed
            closed = reached
    return counts


def stylised_facts(document: Any, _: Path) -> Iterator[Outcome]:
    for event, facts in document.items():
        if isinstance(facts, list):
            for place, _fact in enumerate(facts):
                yield skipped(
                    f"{event} {place}", "a fact about an event, in words: no rule of ours"
                )


FILES: dict[str, Checker] = {
    "cascade/01_two_account_linear.json": two_accounts,
    "cascade/02_uniform_density_linear.json": uniform_density,
    "cascade/03_exponential_density_lambertW.json": exponential_density,
    "cascade/04_sqrt_impact_uniform_density.json": square_root,
    "cascade/05_amm_curves.json": pools,
    "cascade/19_random_book_200.json": random_book,
    "cascade/21_identification_trap.json": identification,
    "cascade/22_event_stylised_facts.json": stylised_facts,
}
