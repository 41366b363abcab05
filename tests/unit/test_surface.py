import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.simulation.bars import ScenarioError
from seawall.simulation.surface import Smile, mix, read_surface, volatility_slice

FILE = Path(__file__).parents[2] / "examples" / "crash-2024-08-05" / "svi.csv"
CALM = read_surface(FILE, "BTC", "2026-01-15")
STRESSED = read_surface(FILE, "BTC", "2026-01-31")
DAY_MS = 86_400_000


def test_a_fitted_slice_comes_back_at_its_own_time() -> None:
    # Row "2026-01-31, ETH, 2026-02-06": at-the-money volatility 0.7934, fit within 0.415 points.
    surface = read_surface(FILE, "ETH", "2026-01-31")
    assert math.sqrt(surface.at(0.014913).at_the_money) == pytest.approx(0.7934, abs=4.15e-3)
    # And "2026-01-15, BTC, 2026-01-30": 0.378, fit within 0.179 points.
    assert math.sqrt(CALM.at(0.040941).at_the_money) == pytest.approx(0.378, abs=1.79e-3)


@given(years=st.floats(0.0, 1.5), weight=st.floats(0.0, 1.0))
def test_a_mixture_is_between_at_the_money_and_never_negative(years: float, weight: float) -> None:
    first, second = CALM.at(years), STRESSED.at(years)
    smile = mix(first, second, weight)
    wanted = (1 - weight) * first.at_the_money + weight * second.at_the_money
    assert smile.at_the_money >= wanted * (1 - 1e-9)
    assert smile.at_the_money <= wanted * 1.02
    assert smile.floor > 0.0


@given(ms=st.integers(-DAY_MS, 400 * DAY_MS), weight=st.floats(0.0, 1.0))
def test_what_is_journalled_is_a_smile_with_positive_variance(ms: int, weight: float) -> None:
    years = max(0.0, ms / 365 / DAY_MS)
    found = volatility_slice(mix(CALM.at(years), STRESSED.at(years), weight), 1, ms, 0)
    found.check()
    assert found.a + math.sqrt(found.b**2 * found.sigma**2 / 1e36 * (1e18 - found.rho**2)) > 0


def test_a_slice_with_negative_variance_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "svi.csv"
    head = "taken_utc,currency,expiry,years,a,b,rho,m,sigma"
    file.write_text(f"{head}\n2026-01-15,BTC,x,0.1,-1,0.1,0,0,0.1\n")
    with pytest.raises(ScenarioError, match=r"svi.csv: row 1: a: the least variance"):
        read_surface(file, "BTC", "2026-01-15")
    with pytest.raises(ScenarioError, match="no slices of ETH taken on 2026-01-15"):
        read_surface(file, "ETH", "2026-01-15")
    file.write_text(f"{head}\n2026-01-15,BTC,x,0.1,nan,0.1,0,0,0.1\n")
    with pytest.raises(ScenarioError, match=r"svi.csv: row 1: a: nan is not finite"):
        read_surface(file, "BTC", "2026-01-15")


def test_the_ends_of_a_mixture_are_its_parts() -> None:
    first, second = Smile(0.1, 1, 0, 0, 0.1), Smile(0.3, 2, -0.5, 0.1, 0.2)
    assert mix(first, second, 0.0) is first
    assert mix(first, second, 1.0) is second
