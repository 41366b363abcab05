"""Smiles: SVI slices as the journal keeps them, read, blended and checked for arbitrage.

    w(k) = a + b·(rho·(k − m) + √((k − m)² + sigma²)),   k = ln(strike ÷ forward)

w is total variance at the time of the fit, `years` before expiry. Beyond four at-the-money standard
deviations, |k| > 4·√w(0), it is held flat: a fit says nothing there. **Sticky implied volatility:**
as time passes an option keeps the volatility √(w(k) ÷ years) at its own k, and its price takes the
time that is left. Source: J. Gatheral, A. Jacquier, "Arbitrage-free SVI volatility surfaces", 2014.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from seawall.market import VolatilitySlice
from seawall.money import RATIO_ONE, Rounding, divide
from seawall.pricing.elementary import column, require
from seawall.pricing.table import Flags, Floats, Same

YEAR_MS = 365 * 86_400_000  # Milliseconds of the year in which volatility is said.
SMILE_COLUMNS = VolatilitySlice.__struct_fields__
_RATIOS = slice(2, None)  # All but coin and expiry are parts per billion.
_DEVIATIONS = 4.0  # How far a smile is believed and checked.
_POINTS = 401
_SLACK = 1e-9  # Of total variance: what rounding to parts per billion may cost.


class SmileError(ValueError):
    """A smile that prices nothing; the message names coin, expiry and parameter."""


class Flaw(msgspec.Struct, frozen=True):
    """One place where static arbitrage is left, over ±4 standard deviations."""

    condition: str  # "butterfly" or "calendar".
    coin: int
    expires_ms: int  # Of the slice, or of the later one of a pair.
    k: float  # Where it is worst.
    size: float  # Gatheral's g(k), or the total variance that is lost; below 0.


class SurfaceReport(msgspec.Struct, frozen=True):
    """What was held flat and what is violated."""

    flattened: tuple[tuple[int, int, float], ...]  # (coin, expires_ms, |k| from which it is flat)
    flaws: tuple[Flaw, ...]


def smile_columns(smiles: Iterable[VolatilitySlice], time_ms: int) -> tuple[Floats, Floats]:
    """Slices as rows of float64 in natural units, and the years that are left to each.

    [slice, SMILE_COLUMNS]. `years` of 0 becomes what is left now, `years2` of 0 becomes `years`.
    """
    given = tuple(smiles)  # A tuple stays the same object, so an unchanged surface is known.
    rows = _rows(Same(given)).copy()
    left = (rows[:, 1] - time_ms) / YEAR_MS
    rows[:, 9] = np.where(rows[:, 9] == 0.0, left, rows[:, 9])
    rows[:, 16] = np.where(rows[:, 16] == 0.0, rows[:, 9], rows[:, 16])
    _check(given, rows, left > 0.0)
    return rows, left


@functools.lru_cache(maxsize=4)
def _rows(key: Same[tuple[VolatilitySlice, ...]]) -> Floats:
    shape = (len(key.itself), len(SMILE_COLUMNS))
    given = [msgspec.structs.astuple(smile) for smile in key.itself]
    rows = np.array(given, np.float64).reshape(shape)
    rows[:, _RATIOS] /= RATIO_ONE
    return rows


def _check(given: Sequence[VolatilitySlice], rows: Floats, alive: Flags) -> None:
    """Refuse a smile that is not over and prices nothing."""
    sound = (rows[:, 2] > 0.0) & (rows[:, 3] > 0.0) & (rows[:, 10] >= 0.0) & (rows[:, 10] <= 1.0)
    sound &= _sound(rows[:, 4:9]) & (rows[:, 9] >= 0.0)
    sound &= (rows[:, 10] == 0.0) | (_sound(rows[:, 11:16]) & (rows[:, 16] >= 0.0))
    wrong = np.flatnonzero(alive & ~sound)
    if wrong.size:
        worst = given[int(wrong[0])]
        raise SmileError(f"smile of coin {worst.coin} expiring {worst.expires_ms}: {worst}")


def _sound(fits: Floats) -> Flags:
    a, b, rho, m, sigma = fits.T
    inside = (b >= 0.0) & (np.abs(rho) <= 1.0) & (sigma > 0.0)
    least = a + b * sigma * np.sqrt(np.maximum(1.0 - rho * rho, 0.0))
    at_money = a + b * (np.sqrt(m * m + sigma * sigma) - rho * m)
    sound: Flags = inside & (least >= -_SLACK) & (at_money > 0.0)
    return sound


def volatility(smile: VolatilitySlice, k: ArrayLike, years: float = 0.0) -> Floats:
    """Implied volatility √(w(k) ÷ years of the fit); `years` left are needed where it has none.

    >>> flat = VolatilitySlice(1, 0, 10**9, 10**9, 90_000_000, 0, 0, 0, 1, years=250_000_000)
    >>> float(volatility(flat, 0.1))
    0.6
    """
    from seawall.pricing import _kernels

    given = column(k)
    require("k", given, -1e6, 1e6)
    rows, _ = smile_columns([smile], smile.expires_ms - round(max(years, 0.0) * YEAR_MS))
    _check([smile], rows, np.ones(1, np.bool_))
    row = rows[0]
    if not (row[9] > 0.0 and row[16] > 0.0):
        raise SmileError(f"smile of coin {smile.coin} expiring {smile.expires_ms} has no years")
    out = np.empty(given.shape)
    _kernels.variance_a_year(given.reshape(-1), row, out.reshape(-1))
    return np.sqrt(out)[()]


def blend(calm: VolatilitySlice, stressed: VolatilitySlice, weight: int) -> VolatilitySlice:
    """The smile between two: variance a year linear in `weight` (parts per billion) at fixed k.

    Both fits are kept whole, so nothing is refitted and weight 0 or 1 gives back either. Forward
    ratio and discount are mixed in the same way. g(k) is not linear in variance, so a blend of two
    sound smiles is checked again like any other.

    >>> calm = VolatilitySlice(1, 9, 10**9, 10**9, 90_000_000, 0, 0, 0, 1, years=250_000_000)
    >>> wild = VolatilitySlice(1, 9, 10**9, 10**9, 250_000_000, 0, 0, 0, 1, years=250_000_000)
    >>> round(float(volatility(blend(calm, wild, 500_000_000), 0.0)) ** 2, 12)
    0.68
    """
    if (calm.coin, calm.expires_ms) != (stressed.coin, stressed.expires_ms):
        raise SmileError("only smiles of one coin and one expiry can be blended")
    if calm.blend or stressed.blend:
        raise SmileError("a blended smile cannot be blended again")
    if not 0 <= weight <= RATIO_ONE:
        raise SmileError(f"weight must lie in 0 … 1, not {weight} parts per billion")

    def mixed(first: int, second: int) -> int:
        whole = first * (RATIO_ONE - weight) + second * weight
        return divide(whole, RATIO_ONE, Rounding.NEAREST)

    return msgspec.structs.replace(
        calm,
        forward_ratio=mixed(calm.forward_ratio, stressed.forward_ratio),
        discount=mixed(calm.discount, stressed.discount),
        blend=weight,
        a2=stressed.a,
        b2=stressed.b,
        rho2=stressed.rho,
        m2=stressed.m,
        sigma2=stressed.sigma,
        years2=stressed.years,
    )


def butterfly(fit: Sequence[float], deviations: float = _DEVIATIONS) -> tuple[float, float]:
    """Worst (k, g(k)) of one fit so many at-the-money deviations each way.

        g = (1 − k·w′ ÷ (2w))² − w′² ÷ 4 · (1 ÷ w + 1 ÷ 4) + w″ ÷ 2

    A negative g is a negative density of the price at expiry.

    >>> k, g = butterfly((0.04, 0.1, -0.3, 0.0, 0.2))
    >>> g > 0
    True
    """
    return _worst_density([(1.0, fit)], deviations)


def _worst_density(
    parts: Sequence[tuple[float, Sequence[float]]], deviations: float
) -> tuple[float, float]:
    """Worst (k, g(k)) of a sum of fits, each with its weight."""
    at_money = sum(share * float(_shape(fit, np.zeros(1))[0][0]) for share, fit in parts)
    edge = deviations * math.sqrt(at_money)
    k = np.linspace(-edge, edge, _POINTS)
    total = np.zeros((3, _POINTS))
    for share, fit in parts:
        total += share * np.stack(_shape(fit, k))
    w, slope, bend = np.maximum(total[0], _SLACK), total[1], total[2]
    g = (1.0 - k * slope / (2.0 * w)) ** 2 - 0.25 * slope**2 * (1.0 / w + 0.25) + 0.5 * bend
    worst = int(np.argmin(g))
    return float(k[worst]), float(g[worst])


def _shape(fit: Sequence[float], k: Floats) -> tuple[Floats, Floats, Floats]:
    """Total variance and its first two derivatives by k."""
    a, b, rho, m, sigma = fit
    root = np.sqrt((k - m) ** 2 + sigma * sigma)
    bend = b * sigma * sigma / (root * root * root)
    return a + b * (rho * (k - m) + root), b * (rho + (k - m) / root), bend


def inspect_surface(smiles: Iterable[VolatilitySlice], time_ms: int) -> SurfaceReport:
    """Check butterflies of each fit and the calendar between neighbours of one coin.

    The calendar compares total variance at the time that is left, at fixed k over ±4 standard
    deviations of the earlier slice: it must not fall with expiry. Nothing is repaired.
    """
    from seawall.pricing import _kernels

    given = sorted(smiles, key=lambda smile: (smile.coin, smile.expires_ms))
    given = [smile for smile in given if smile.expires_ms > time_ms]
    rows, left = smile_columns(given, time_ms)
    edges, flaws = [], []
    for smile, row, years in zip(given, rows, left, strict=True):
        parts = [(1.0 - float(row[10]), row[4:9].tolist())]
        if row[10] > 0.0:
            parts.append((float(row[10] * row[9] / row[16]), row[11:16].tolist()))
        k, g = _worst_density(parts, _DEVIATIONS)
        if g < 0.0:
            flaws.append(Flaw("butterfly", smile.coin, smile.expires_ms, k, g))
        at_money = np.empty(1)
        _kernels.variance_a_year(np.zeros(1), row, at_money)
        edges.append(_DEVIATIONS * math.sqrt(float(at_money[0]) * float(years)))
    for near, far in pairwise(range(len(given))):
        if given[near].coin != given[far].coin:
            continue
        k_row = np.linspace(-edges[near], edges[near], _POINTS)
        before, after = np.empty(_POINTS), np.empty(_POINTS)
        _kernels.variance_a_year(k_row, rows[near], before)
        _kernels.variance_a_year(k_row, rows[far], after)
        gap = after * left[far] - before * left[near]
        worst = int(np.argmin(gap))
        if gap[worst] < -_SLACK:
            later = given[far]
            place, size = float(k_row[worst]), float(gap[worst])
            flaws.append(Flaw("calendar", later.coin, later.expires_ms, place, size))
    flat = tuple((s.coin, s.expires_ms, edge) for s, edge in zip(given, edges, strict=True))
    return SurfaceReport(flat, tuple(flaws))
