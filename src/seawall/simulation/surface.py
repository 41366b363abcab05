"""The volatility surface of a scenario: calm and stressed smiles, mixed by time and stress.

Fitted slices are read from a csv. A slice for any time to expiry is an interpolation of them in
shape, set so that the at-the-money variance is interpolated exactly; the result is always a
smile with positive variance. Uses only + − × ÷ √, so the journalled integers are the same
on every machine.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from pathlib import Path
from typing import NamedTuple

from seawall.market import VolatilitySlice
from seawall.money import RATIO_ONE
from seawall.simulation.bars import ScenarioError, read_table

MILLISECONDS_A_YEAR = 31_536_000_000
LEAST_MS = 100_000  # A slice is never closer to expiry than this, so that its variance is positive.
PARAMETERS = ("years", "a", "b", "rho", "m", "sigma")


class Smile(NamedTuple):
    """Variance per year at log-moneyness k: level + b·(rho·(k − m) + √((k − m)² + sigma²)) − least.

    `floor` is the smallest variance per year; b, rho, m and sigma shape the smile.
    """

    floor: float
    b: float
    rho: float
    m: float
    sigma: float

    @property
    def at_the_money(self) -> float:
        """Variance per year at k = 0."""
        wing = math.sqrt(self.m * self.m + self.sigma * self.sigma) - self.rho * self.m
        return self.floor + self.b * (wing - self.sigma * math.sqrt(1.0 - self.rho * self.rho))


class Surface(NamedTuple):
    """Smiles of one coin on one day, by years to expiry, ascending."""

    years: tuple[float, ...]
    smiles: tuple[Smile, ...]

    def at(self, years: float) -> Smile:
        """The smile between its neighbours; beyond the ends, the nearest one."""
        place = bisect_left(self.years, years)
        if place == 0:
            return self.smiles[0]
        if place == len(self.years):
            return self.smiles[-1]
        left, right = self.years[place - 1], self.years[place]
        return mix(self.smiles[place - 1], self.smiles[place], (years - left) / (right - left))


def mix(first: Smile, second: Smile, weight: float) -> Smile:
    """Interpolate: each shape parameter linearly, then the level so that k = 0 is linear too."""
    if weight <= 0.0:
        return first
    if weight >= 1.0:
        return second
    shape = Smile(*((1.0 - weight) * a + weight * b for a, b in zip(first, second, strict=True)))
    wanted = (1.0 - weight) * first.at_the_money + weight * second.at_the_money
    floor = max(shape.floor + wanted - shape.at_the_money, min(first.floor, second.floor))
    return shape._replace(floor=floor)


def read_surface(path: Path, coin: str, day: str) -> Surface:
    """Read the slices of one coin taken on one day; refuse a slice with arbitrage at a glance."""
    found: dict[float, Smile] = {}
    rows = read_table(path, ("taken_utc", "currency", "expiry", *PARAMETERS))
    for number, row in enumerate(rows, start=1):
        if row["currency"] != coin or not row["taken_utc"].startswith(day):
            continue
        years, a, b, rho, m, sigma = _numbers(row, f"{path.name}: row {number}")
        least = a + b * sigma * math.sqrt(1.0 - rho * rho)
        if least <= 0.0:
            raise ScenarioError(f"{path.name}: row {number}: a: the least variance is not positive")
        found[years] = Smile(least / years, b / years, rho, m, sigma)
    if not found:
        raise ScenarioError(f"{path.name}: no slices of {coin} taken on {day}")
    years_sorted = tuple(sorted(found))
    return Surface(years_sorted, tuple(found[years] for years in years_sorted))


def volatility_slice(smile: Smile, coin: int, expires_ms: int, time_ms: int) -> VolatilitySlice:
    """Round a smile to the integers that are journalled; its least variance stays positive."""
    years = max(expires_ms - time_ms, LEAST_MS) / MILLISECONDS_A_YEAR
    b, rho, m, sigma = (
        round(x * RATIO_ONE) for x in (smile.b * years, smile.rho, smile.m, smile.sigma)
    )
    depth = (b / RATIO_ONE) * (sigma / RATIO_ONE) * math.sqrt(1.0 - (rho / RATIO_ONE) ** 2)
    a = math.ceil((smile.floor * years - depth) * RATIO_ONE) + 1
    return VolatilitySlice(coin, expires_ms, RATIO_ONE, RATIO_ONE, a, b, rho, m, sigma)


def _numbers(row: dict[str, str], where: str) -> list[float]:
    numbers = []
    for key in PARAMETERS:
        try:
            number = float(row[key])
        except ValueError:
            raise ScenarioError(f"{where}: {key}: {row[key]!r} is not a number") from None
        if not math.isfinite(number):
            raise ScenarioError(f"{where}: {key}: {row[key]} is not finite")
        if key in {"years", "b", "sigma"} and number <= 0.0:
            raise ScenarioError(f"{where}: {key}: {row[key]} is not positive")
        if key == "rho" and not -1.0 < number < 1.0:
            raise ScenarioError(f"{where}: {key}: {row[key]} is not between -1 and 1")
        numbers.append(number)
    return numbers
