"""Laws of systems: shares add up, identities hold, and clustering is not contagion."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.systemic import (
    Exponential,
    Linear,
    Portfolios,
    cascade,
    clustering,
    debt_rank,
    first_breaches,
    ladder,
    liquidation_prices,
    local_gain,
    shares,
    spread,
    system_gain,
    total_return,
    vulnerability,
)
from seawall.systemic.closed_forms import (
    critical_rise,
    critical_shock,
    exponential_linear,
    uniform_linear,
    uniform_square_root,
)
from seawall.systemic.hawkes import WARNING, autoregression, cluster_mean, cluster_share


@st.composite
def systems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Impact, sales, exposures, distances of up to 12 accounts over up to 4 nodes."""
    dice = np.random.default_rng(draw(st.integers(0, 10**6)))
    nodes, accounts = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    root = dice.uniform(0.1, 1.0, (nodes, nodes))
    sold = dice.uniform(0.0, 5.0, (accounts, nodes))
    sold[0] += 0.1  # Somebody sells something.
    exposure = dice.uniform(0.1, 2.0, (accounts, nodes))
    distance = dice.uniform(0.0, 0.2, accounts)
    distance[0] = 0.0
    return 1e-3 * root @ root.T, sold, exposure, distance


@given(systems())
def test_every_way_of_sharing_the_gain_adds_up_to_it(system: tuple[np.ndarray, ...]) -> None:
    impact, sold, exposure, distance = system
    found = shares(impact, sold, exposure, distance, 0.1)
    for column in (found.account, found.collateral, found.sale):
        assert float(column.sum()) == pytest.approx(found.system, rel=1e-9)
        assert (column >= 0.0).all()
    near = distance < 0.1
    gain = impact @ (sold[near].T @ exposure[near]) / 0.1
    assert found.system == pytest.approx(system_gain(gain), rel=1e-9)


@given(systems())
def test_an_account_s_share_is_how_the_gain_answers_to_a_little_less_of_it(
    system: tuple[np.ndarray, ...],
) -> None:
    impact, sold, exposure, distance = system
    found = shares(impact, sold, exposure, distance, 0.1)
    less = sold.copy()
    less[0] *= 1.0 - 1e-6
    lower = shares(impact, less, exposure, distance, 0.1).system
    # Rounding of the two radii, divided by the step, is what the absolute part leaves room for.
    assert (found.system - lower) / 1e-6 == pytest.approx(
        float(found.account[0]), rel=1e-3, abs=1e-6
    )


@given(systems(), st.floats(0.1, 0.95))
def test_the_total_return_is_the_sum_of_all_rounds(
    system: tuple[np.ndarray, ...], radius: float
) -> None:
    gain = system[0] / system_gain(system[0]) * radius
    shock = np.full(len(gain), 0.01)
    total, term = shock.copy(), shock
    for _ in range(2_000):
        term = gain @ term
        total = total + term
    found = total_return(gain, shock)
    assert found is not None
    assert found == pytest.approx(total, rel=1e-9)


@given(st.data())
def test_identities_of_the_aggregate_vulnerability(data: st.DataObject) -> None:
    """Σ S = AV and Σ IV · E ÷ ΣE = AV, to the last digit."""
    part = st.fractions(Fraction(1, 100), 1, max_denominator=100)
    banks, kinds = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    assets, equity, debt = ([data.draw(part) for _ in range(banks)] for _ in range(3))
    weights = [[data.draw(part) for _ in range(kinds)] for _ in range(banks)]
    impact, shock = ([data.draw(part) for _ in range(kinds)] for _ in range(2))
    found = vulnerability(assets, equity, debt, weights, impact, [-one for one in shock])
    assert sum(found.systemicness) == found.aggregate
    weighted = sum(i * e for i, e in zip(found.indirect, equity, strict=True))
    assert weighted / sum(equity) == found.aggregate


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_debt_rank_is_monotone_and_capped(seed: int, banks: int) -> None:
    dice = np.random.default_rng(seed)
    leverage = dice.uniform(0.0, 0.6, (banks, banks)) * (1.0 - np.eye(banks))
    start = dice.uniform(0.0, 0.5, banks)
    low = debt_rank(leverage, np.ones(banks), start)
    high = debt_rank(leverage, np.ones(banks), start * 1.1)
    assert (low.loss <= high.loss + 1e-12).all()
    assert (low.loss >= start).all()
    assert (high.loss <= 1.0).all()
    if low.loss.max() < 1.0 and low.radius < 1.0:  # Nothing was cut: (I − Λ)⁻¹ · h.
        assert low.loss == pytest.approx(np.linalg.solve(np.eye(banks) - leverage, start))


@settings(max_examples=30)
@given(st.floats(0.05, 3.0), st.floats(1e-4, 1.0))
def test_the_exponential_formula_is_the_first_root(gain: float, shock: float) -> None:
    found = exponential_linear(gain, shock)
    assert found == pytest.approx(shock + gain * -math.expm1(-found), rel=1e-12)
    below = np.linspace(0.0, found * (1.0 - 1e-6), 500)
    assert (shock - gain * np.expm1(-below) > below).all()


@settings(max_examples=15)
@given(st.floats(0.0, 0.9), st.floats(0.001, 0.05))
def test_even_accounts_come_to_the_formulas(gain: float, shock: float) -> None:
    """20,000 accounts over 40 % below 100, linear impact: within a few of their steps."""
    even = 100.0 - 40.0 * (np.arange(20_000) + 0.5) / 20_000
    steps = ladder(even, np.full(20_000, 1.0))
    fall = 100.0 - cascade(steps, Linear(gain * 40.0 / 20_000), 100.0, -shock).final
    wanted = uniform_linear(gain, 100.0 * shock, 40.0)
    assert fall == pytest.approx(wanted, abs=0.01 / (1.0 - gain))


@given(st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_a_square_root_ignites_and_stops(gain: float, shock: float) -> None:
    fall = uniform_square_root(gain, shock)
    assert fall == pytest.approx(shock + math.sqrt(gain * fall), abs=1e-12)
    assert fall >= gain * (1.0 - 1e-12)


@given(st.floats(1.5, 20.0), st.floats(0.005, 0.04))
def test_a_leverage_limit_is_a_liquidation_distance(leverage: float, rate: float) -> None:
    """A long of leverage l on 100: cash 100 ÷ l − 100, one unit; the same for a short."""
    own = 100.0 / leverage
    held = Portfolios(
        np.array([own - 100.0, own + 100.0]), np.array([[1.0], [-1.0]]), np.array([rate])
    )
    below, above = liquidation_prices(held, [100.0], 0)
    assert below[0] == pytest.approx(100.0 * (1.0 - critical_shock(leverage, 1.0 / rate)))
    assert above[1] == pytest.approx(100.0 * (1.0 + critical_rise(leverage, 1.0 / rate)))
    assert held.headroom(np.array([below[0]]))[0] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan([above[0], below[1]]).all()


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_first_breaches_of_straight_headroom_are_exact(seed: int) -> None:
    dice = np.random.default_rng(seed)
    units = dice.uniform(-2.0, 2.0, (20, 2))
    held = Portfolios(dice.uniform(0.0, 300.0, 20), units, np.array([0.05, 0.1]))
    below, above = liquidation_prices(held, [100.0, 50.0], 0)

    def headroom(price: float) -> np.ndarray:
        return held.headroom(np.array([price, 50.0]))

    down = first_breaches(headroom, 100.0, [-0.25, -0.5, -0.75, -0.999])
    near = np.isfinite(below) & (below > 0.1)
    assert down[near] == pytest.approx(below[near])
    assert np.isnan(down[np.isnan(below)]).all()
    up = first_breaches(headroom, 100.0, [0.5, 2.0, 10.0])
    near = above < 1_100.0
    assert up[near] == pytest.approx(above[near])
    assert np.isnan(up[np.isnan(above)]).all()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.0, 0.3))
def test_portfolios_of_one_asset_are_the_ladder(seed: int, shock: float) -> None:
    dice = np.random.default_rng(seed)
    units = dice.uniform(0.1, 5.0, 30)
    cash = -units * 100.0 * (1.0 - 1.0 / dice.uniform(1.1, 40.0, 30))
    held = Portfolios(cash, units[:, None], np.array([0.01]))
    law = Exponential(150.0)
    below, _ = liquidation_prices(held, [100.0], 0)
    found = cascade(ladder(below, units), law, 100.0, -shock)
    other = spread(held, [law], [100.0], [-shock])
    assert int(other.closed.sum()) == found.accounts
    assert float(other.price[0]) == pytest.approx(found.final, rel=1e-12)
    assert float(other.sold[0]) == pytest.approx(found.forced)


def test_a_crash_without_feedback_clusters_and_is_not_called_contagion() -> None:
    """12 % in 12 of 60 minutes over 40,000 even accounts, no impact at all: the gain is 0.

    The estimator says above 0.9 all the same; a quiet Poisson hour it tells apart well.
    """
    dice = np.random.default_rng(21)
    path = np.cumsum(
        dice.normal(0.0, 5e-4, 3600) - np.where(np.arange(3600) // 720 == 2, 1.7e-4, 0)
    )
    lowest = np.minimum.accumulate(np.minimum(path, 0.0))
    counts = np.diff(np.floor(-lowest / 0.25 * 40_000), prepend=0.0)
    steps = ladder(100.0 * np.exp(-0.25 * (np.arange(40_000) + 0.5) / 40_000), np.ones(40_000))
    assert local_gain(steps, Linear(0.0), 0.01).max() == 0.0
    for window in (6, 30, 60):
        found = clustering(counts, window)
        assert found.ratio > 0.9
        assert found.warning == WARNING
    quiet = dice.poisson(5.0, 3600)
    assert clustering(quiet, 6).ratio < 0.15
    assert abs(autoregression(quiet, 5).ratio) < 0.2
    assert "not contagion" in WARNING


@given(st.floats(0.05, 0.7))
def test_borel_s_law_is_a_distribution_with_its_mean(ratio: float) -> None:
    chances = [cluster_share(ratio, size) for size in range(1, 600)]
    assert math.fsum(chances) == pytest.approx(1.0, abs=1e-6)
    mean = math.fsum(size * chance for size, chance in enumerate(chances, 1))
    assert mean == pytest.approx(cluster_mean(ratio), rel=1e-4)
