"""The volatility surface of a scenario: a calm and a stressed day, and the blend between them.

Fitted slices are read from a csv as exact decimals. Each expiry of the scenario takes from either
day the fit whose time to expiry was nearest when the scenario opened, and keeps it. Nothing is
refitted: what is journalled are both fits and the weight between them, in integers.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from seawall.market import SnapshotError, VolatilitySlice
from seawall.money import RATIO_ONE, AmountError, Rounding, divide, parse_atoms
from seawall.simulation.bars import ScenarioError, read_table

MILLISECONDS_A_YEAR = 31_536_000_000
PARAMETERS = ("years", "a", "b", "rho", "m", "sigma")


class Fit(NamedTuple):
    """A raw SVI slice, parts per billion: w(k) = a + b·(rho·(k − m) + √((k − m)² + sigma²))."""

    years: int
    a: int
    b: int
    rho: int
    m: int
    sigma: int


class Surface(NamedTuple):
    """The fits of one coin on one day, by years to expiry, ascending."""

    fits: tuple[Fit, ...]

    def nearest(self, years: int) -> Fit:
        """The fit whose time to expiry is nearest; the shorter one where two are as near."""
        return min(self.fits, key=lambda fit: (abs(fit.years - years), fit.years))


def read_surface(path: Path, coin: str, day: str) -> Surface:
    """Read the slices of one coin taken on one day; refuse one with a negative variance."""
    found: dict[int, Fit] = {}
    rows = read_table(path, ("taken_utc", "currency", "expiry", *PARAMETERS))
    for number, row in enumerate(rows, start=1):
        if row["currency"] != coin or not row["taken_utc"].startswith(day):
            continue
        where = f"{path.name}: row {number}"
        fit = Fit(*(_ratio(row, key, where) for key in PARAMETERS))
        if fit.years <= 0:
            raise ScenarioError(f"{where}: years: {row['years']} is not positive")
        try:
            _slice(fit, 0, 0).check()
        except SnapshotError as error:
            raise ScenarioError(f"{where}: {error}") from None
        found[fit.years] = fit
    if not found:
        raise ScenarioError(f"{path.name}: no slices of {coin} taken on {day}")
    return Surface(tuple(found[years] for years in sorted(found)))


def years_between(from_ms: int, to_ms: int) -> int:
    """Time between two moments in years, parts per billion, rounded to nearest."""
    return divide((to_ms - from_ms) * RATIO_ONE, MILLISECONDS_A_YEAR, Rounding.NEAREST)


def blended(calm: Fit, stressed: Fit, weight: int, coin: int, expires_ms: int) -> VolatilitySlice:
    """The smile (1 − weight) · calm + weight · stressed at fixed k, as the journal keeps it.

    Each fit's total variance is brought to the time that is left in proportion, w(k) ÷ years, so
    both stand for the same expiry. The forward is the index: the scenario has no basis.
    """
    return VolatilitySlice(
        coin,
        expires_ms,
        RATIO_ONE,
        RATIO_ONE,
        *calm[1:],
        years=calm.years,
        blend=weight,
        a2=stressed.a,
        b2=stressed.b,
        rho2=stressed.rho,
        m2=stressed.m,
        sigma2=stressed.sigma,
        years2=stressed.years,
    )


def _slice(fit: Fit, coin: int, expires_ms: int) -> VolatilitySlice:
    return VolatilitySlice(coin, expires_ms, RATIO_ONE, RATIO_ONE, *fit[1:], years=fit.years)


def _ratio(row: dict[str, str], key: str, where: str) -> int:
    try:
        return parse_atoms(row[key], 9)
    except AmountError as error:
        raise ScenarioError(f"{where}: {key}: {error}") from None
