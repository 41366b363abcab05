"""Real option chains: our prices against printed marks, our smiles against printed volatilities."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from seawall.market import VolatilitySlice
from seawall.money import RATIO_ONE
from seawall.pricing import black_price
from seawall.pricing.smile_fit import SmileFit, fit_smile
from seawall.pricing.svi import YEAR_MS, inspect_surface, volatility

DATA = os.environ.get("SEAWALL_DATA")
CHAINS = Path(DATA or ".") / "reference/options/deribit_chain_2025-12_2026-01.parquet"
pytestmark = pytest.mark.skipif(
    not CHAINS.exists(), reason="option chains are not here: set SEAWALL_DATA"
)


class Expiry(NamedTuple):
    taken_ms: int
    currency: str
    expires_ms: int
    k: np.ndarray
    volatility: np.ndarray
    fit: SmileFit


@pytest.fixture(scope="module")
def chains() -> pl.DataFrame:
    return pl.read_parquet(CHAINS).with_columns(
        years=(pl.col("expiry_datetime") - pl.col("timestamp")).dt.total_milliseconds() / YEAR_MS,
        k=(pl.col("strike") / pl.col("underlying")).log(),
    )


@pytest.fixture(scope="module")
def fits(chains: pl.DataFrame) -> list[Expiry]:
    """Every third moment, every expiry with eight liquid strikes within three deviations."""
    moments = chains["timestamp"].unique().sort().to_list()[::3]
    return list(_fitted(chains.filter(pl.col("timestamp").is_in(moments))))


def _fitted(chains: pl.DataFrame) -> Iterator[Expiry]:
    quoted = chains.filter((pl.col("open_interest") > 0) & (pl.col("bid_price") > 0))
    keys = ["timestamp", "currency", "expiry_datetime"]
    for (taken, currency, expires), rows in quoted.group_by(keys, maintain_order=True):
        years = rows["years"][0]
        k, vol = rows["k"].to_numpy(), rows["implied_volatility"].to_numpy()
        near = np.abs(k) < 3.0 * np.median(vol) * np.sqrt(years)
        if years < 2 / 365 or near.sum() < 8:
            continue
        fit = fit_smile(k[near], vol[near], years, rows["vega"].to_numpy()[near])
        yield Expiry(
            int(taken.timestamp() * 1000), currency, int(expires.timestamp() * 1000),
            k[near], vol[near], fit,
        )  # fmt: skip


def test_printed_volatilities_give_printed_marks(chains: pl.DataFrame) -> None:
    forward = chains["underlying"].to_numpy()
    price = black_price(
        forward, chains["strike"].to_numpy(), chains["implied_volatility"].to_numpy(),
        chains["years"].to_numpy(), 1.0, (chains["option_type"] == "call").to_numpy(),
    )  # fmt: skip
    miss = np.abs(price / forward - chains["mark_price"].to_numpy())
    near, far = float(np.mean(miss <= 1e-4)), float(np.mean(miss <= 5e-4))
    print(f"{len(miss)} marks: within 1e-4 coin {near:.2%}, within 5e-4 {far:.2%}")
    assert len(miss) > 20_000
    assert near >= 0.90
    assert far >= 0.99


def test_a_fitted_smile_is_close_where_quotes_are_liquid(fits: list[Expiry]) -> None:
    errors = np.array([each.fit.median_error for each in fits])
    print(f"{len(fits)} slices: median error {np.median(errors):.3%}, worst {errors.max():.2%}")
    assert len(fits) > 100
    assert np.median(errors) < 0.005


def _slice(expiry: Expiry) -> VolatilitySlice:
    a, b, rho, m, sigma, _ = expiry.fit
    years = round((expiry.expires_ms - expiry.taken_ms) / YEAR_MS * RATIO_ONE)
    return VolatilitySlice(
        expiry.currency == "ETH", expiry.expires_ms, RATIO_ONE, RATIO_ONE,
        a, b, rho, m, sigma, years=years,
    )  # fmt: skip


def test_no_butterfly_or_calendar_is_left_unreported(fits: list[Expiry]) -> None:
    """Prices say so: a call is convex in its strike, and a later one is worth no less."""
    reported = arbitrages = 0
    for taken_ms in sorted({each.taken_ms for each in fits}):
        slices = sorted(
            (_slice(each) for each in fits if each.taken_ms == taken_ms),
            key=lambda one: (one.coin, one.expires_ms),
        )
        flaws = {
            (flaw.condition, flaw.coin, flaw.expires_ms)
            for flaw in inspect_surface(slices, taken_ms).flaws
        }
        reported += len(flaws)
        for number, one in enumerate(slices):
            years = one.years / RATIO_ONE
            deviation = float(volatility(one, 0.0, years)) * np.sqrt(years)
            strike = np.linspace(np.exp(-3.5 * deviation), np.exp(3.5 * deviation), 301)
            k = np.log(strike)
            call = black_price(1.0, strike, volatility(one, k, years), years)
            if np.diff(call, 2).min() < -1e-9:
                arbitrages += 1
                assert ("butterfly", one.coin, one.expires_ms) in flaws
            later = slices[number + 1] if number + 1 < len(slices) else one
            if later.coin != one.coin or later is one:
                continue
            further = later.years / RATIO_ONE
            near = np.abs(k) <= 3.5 * deviation
            dearer = black_price(1.0, strike, volatility(later, k, further), further)
            if (dearer - call)[near].min() < -1e-7:
                arbitrages += 1
                assert ("calendar", later.coin, later.expires_ms) in flaws
    print(f"{reported} flaws reported, {arbitrages} seen in prices")
    assert reported >= arbitrages
