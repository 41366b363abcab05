import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.pricing import volatility
from seawall.simulation.bars import ScenarioError
from seawall.simulation.surface import Fit, blended, read_surface, years_between

FILE = Path(__file__).parents[2] / "examples" / "crash-2024-08-05" / "svi.csv"
CALM = read_surface(FILE, "BTC", "2026-01-15")
STRESSED = read_surface(FILE, "BTC", "2026-01-31")
ONE = 10**9


def total_variance(fit: Fit, k: float) -> float:
    """The formula of the figures, in floating point."""
    a, b, rho, m, sigma = (part / ONE for part in fit[1:])
    return a + b * (rho * (k - m) + math.sqrt((k - m) ** 2 + sigma**2))


def test_the_figures_come_back_at_the_money() -> None:
    # Row "2026-01-31, BTC, 2026-02-06": 0.014913 years, at-the-money volatility 0.5578.
    fit = STRESSED.nearest(14_913_000)
    assert math.sqrt(total_variance(fit, 0.0) / 0.014913) == pytest.approx(0.5578, abs=4.04e-3)
    # Row "2026-01-15, BTC, 2026-01-30": 0.040941 years, 0.378, fit within 0.179 points.
    fit = CALM.nearest(40_941_000)
    assert math.sqrt(total_variance(fit, 0.0) / 0.040941) == pytest.approx(0.378, abs=1.79e-3)


def test_the_nearest_fit_is_taken() -> None:
    # The calm day has fits at 0.005324 and 0.008064 years; their middle is 0.006694.
    assert CALM.nearest(6_000_000).years == 5_324_000
    assert CALM.nearest(6_694_000).years == 5_324_000
    assert CALM.nearest(6_694_001).years == 8_064_000
    assert CALM.nearest(0).years == 5_324_000
    assert CALM.nearest(9 * ONE).years == 942_311_000


def test_a_year_has_365_days() -> None:
    assert years_between(0, 365 * 86_400_000) == ONE


@settings(deadline=None)
@given(weight=st.integers(0, ONE), k=st.floats(-0.05, 0.05), years=st.integers(5_000_000, ONE))
def test_a_blend_is_linear_in_variance_at_fixed_k(weight: int, k: float, years: int) -> None:
    """w = (1 − weight) · calm + weight · stressed, each brought to the same time."""
    calm, stressed = CALM.nearest(years), STRESSED.nearest(years)
    found = float(volatility(blended(calm, stressed, weight, 1, 0), k)) ** 2
    share = weight / ONE
    first = total_variance(calm, k) / (calm.years / ONE)
    second = total_variance(stressed, k) / (stressed.years / ONE)
    assert found == pytest.approx((1 - share) * first + share * second, rel=1e-9)


@pytest.mark.parametrize("surface", [CALM, STRESSED])
def test_every_fit_is_one_that_the_journal_takes(surface: object) -> None:
    for fit in surface.fits:  # type: ignore[attr-defined]
        blended(fit, fit, 0, 1, 0).check()


def test_a_slice_with_negative_variance_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "svi.csv"
    head = "taken_utc,currency,expiry,years,a,b,rho,m,sigma"
    file.write_text(f"{head}\n2026-01-15,BTC,x,0.1,-1,0.1,0,0,0.1\n")
    with pytest.raises(ScenarioError, match=r"svi.csv: row 1: a of -1000000000 makes the least"):
        read_surface(file, "BTC", "2026-01-15")
    with pytest.raises(ScenarioError, match="no slices of ETH taken on 2026-01-15"):
        read_surface(file, "ETH", "2026-01-15")
    file.write_text(f"{head}\n2026-01-15,BTC,x,0.1,nan,0.1,0,0,0.1\n")
    with pytest.raises(ScenarioError, match=r"svi.csv: row 1: a: nan is not a finite number"):
        read_surface(file, "BTC", "2026-01-15")
