"""Backtest numbers from outside or from arithmetic shown here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seawall.backtest import Prices, Setting, backtest
from seawall.backtest.coverage import (
    Transitions,
    basel_multiplier,
    basel_zone,
    binomial_at_most,
    clopper_pearson,
    conditional_coverage,
    durations,
    exact_binomial,
    independence,
    kupiec,
    not_rejected,
    power,
    transitions,
)
from seawall.backtest.filtered import ewma_volatility, half_filtered_tail, rolling_tail
from seawall.backtest.procyclicality import bars_to_half, drained, step_response, with_stress
from seawall.backtest.shortfall import acerbi_szekely
from seawall.backtest.tail import ParetoTail, fit_pareto_tail


def test_the_textbook_tail_of_hull() -> None:
    """Hull, Risk Management and Financial Institutions: n 500, n_u 22, u 160."""
    tail = ParetoTail(500, 22, 160.0, 32.532, 0.436)
    assert tail.value_at_risk(0.99) == pytest.approx(227.8, abs=0.1)
    assert tail.expected_shortfall(0.99) == pytest.approx(337.9, abs=0.2)
    assert tail.chance_beyond(300.0) == pytest.approx(0.0039, abs=5e-5)


def test_an_exponential_tail_by_hand() -> None:
    """100 of 1000 beyond 0.03: VaR 99 % = 0.03 + 0.015 ln 10, and the mean is 0.015 further."""
    tail = ParetoTail(1000, 100, 0.03, 0.015, 0.0)
    assert tail.value_at_risk(0.99) == pytest.approx(0.03 + 0.015 * math.log(10), rel=1e-14)
    assert tail.expected_shortfall(0.99) == pytest.approx(0.045 + 0.015 * math.log(10), rel=1e-14)


def test_kupiec_by_its_own_products() -> None:
    """T 250, x 3, p 1 %: the likelihoods are large enough to multiply."""
    promised = 0.99**247 * 0.01**3
    seen = (1 - 3 / 250) ** 247 * (3 / 250) ** 3
    ratio = kupiec(250, 3, 0.01)
    assert ratio.statistic == pytest.approx(-2 * math.log(promised / seen), rel=1e-9)
    assert ratio.statistic == pytest.approx(0.0949, abs=5e-5)
    assert ratio.p_value == pytest.approx(0.7580, abs=5e-5)
    assert kupiec(250, 0, 0.01).statistic == pytest.approx(-500 * math.log(0.99), rel=1e-12)
    assert kupiec(250, 250, 0.01).statistic == pytest.approx(-500 * math.log(0.01), rel=1e-12)


def test_christoffersen_as_matlab_prints_it() -> None:
    """MathWorks, varbacktest cc example: 1043 days at 95 %, 57 failures."""
    share = kupiec(1043, 57, 0.05)
    order = independence(Transitions(932, 53, 53, 4))
    both = conditional_coverage(share, order)
    assert share == pytest.approx((0.46147, 0.49694), abs=1e-5)
    assert order == pytest.approx((0.25866, 0.61104), abs=1e-5)
    assert both == pytest.approx((0.72013, 0.69763), abs=1e-5)


def test_a_long_clustered_record_does_not_underflow() -> None:
    """20,000 hours with 200 breaches in one block: products of probabilities would be zero."""
    exceeded = np.zeros(20_000, dtype=bool)
    exceeded[9_000:9_200] = True
    share, order = kupiec(20_000, 200, 0.01), independence(transitions(exceeded))
    assert share.statistic == pytest.approx(0.0, abs=1e-9)
    assert order.statistic > 2_000
    assert conditional_coverage(share, order).p_value == 0.0
    waits = durations(exceeded)
    assert waits is not None
    assert waits.p_value < 1e-10


def test_even_waits_are_no_cluster_and_one_breach_is_no_record() -> None:
    """Breaches after every 100 bars wait too evenly for chance: the shape lies above one."""
    exceeded = np.zeros(5_000, dtype=bool)
    exceeded[99::100] = True
    waits = durations(exceeded)
    assert waits is not None
    assert waits.p_value < 1e-6
    assert independence(transitions(exceeded)).p_value > 0.2
    assert durations(np.array([False, True, False])) is None


def test_the_basel_table_and_its_zones() -> None:
    """Basel Committee 1996, 250 days at 99 %: cumulative 81.1 % with four, 95.88 % with five."""
    shares = [binomial_at_most(250, count, 0.01) for count in (0, 4, 5, 9, 10)]
    assert shares == pytest.approx([0.0811, 0.8922, 0.9588, 0.9997, 0.9999], abs=6e-5)
    assert [basel_zone(250, count, 0.01) for count in (4, 5, 9, 10)] == [
        "green",
        "yellow",
        "yellow",
        "red",
    ]
    assert [basel_multiplier(count) for count in range(4, 11)] == [3, 3.4, 3.5, 3.65, 3.75, 3.85, 4]


def test_exact_chances_by_counting() -> None:
    """Three fair coins: no head or three heads has chance 1/4; at most one head 1/2."""
    assert exact_binomial(3, 3, 0.5) == pytest.approx(0.25)
    assert binomial_at_most(3, 1, 0.5) == pytest.approx(0.5)
    assert clopper_pearson(60, 0, 0.95, two_sided=False)[1] == pytest.approx(1 - 0.05 ** (1 / 60))
    assert not_rejected(1000, 0.05) == (38, 64)
    assert power(3, 0.5, 0.5) == pytest.approx(0.25)  # Accepts one and two: 0 and 3 are rejected.


def test_shortfall_statistics_by_hand() -> None:
    """Two of four losses exceed 1; over ES 2 they are 1 and 2. Z1 = 1 - 3/2, Z2 = 1 - 3/(4/2)."""
    loss = np.array([2.0, 0.5, 4.0, -1.0])
    test = acerbi_szekely(loss, np.ones(4), np.full(4, 2.0), 0.5)
    assert test.conditional == pytest.approx(-0.5)
    assert test.unconditional == pytest.approx(-0.5)
    deviation = math.sqrt((1 + 4) / 4 - (3 / 4) ** 2)
    z = -0.5 / (deviation / math.sqrt(4) / 0.5)
    assert test.p_value == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)))


def test_volatility_and_half_filtering_by_hand() -> None:
    """Decay 0.5: 4, then (4 + 16) / 2 = 10, then (10 + 2) / 2 = 6."""
    returns = np.array([4.0, math.sqrt(2.0)])
    seeded = ewma_volatility(np.array([2.0, 4.0, math.sqrt(2.0)]), 0.5, 1)
    assert np.square(seeded) == pytest.approx([4, 4, 10, 6])
    assert ewma_volatility(returns, 0.5, 1)[0] == 4.0
    # Losses 2 and 3 at volatilities 1 and 3, now 2: (2 * 2 + 2) / 2 = 3 and (1 * 2 + 3) / 2 = 2.5.
    tail = half_filtered_tail(
        np.array([2.0, 3.0]),
        np.array([1.0, 3.0]),
        np.array([2.0]),
        np.array([2]),
        2,
        0.5,
        lambda place: None,
    )
    assert tail.value_at_risk == pytest.approx([3.0])
    assert tail.expected_shortfall == pytest.approx([3.0])


def test_rolling_tail_by_hand() -> None:
    """Windows 1 5 2 9 and 5 2 9 3: at 60 % the tail is two of four."""
    tail = rolling_tail(
        np.array([1.0, 5.0, 2.0, 9.0, 3.0]), np.array([4, 5]), 4, 0.6, lambda place: None
    )
    assert tail.value_at_risk.tolist() == [5.0, 5.0]
    assert tail.expected_shortfall.tolist() == [7.0, 7.0]


def test_tools_of_article_28_by_hand() -> None:
    """0.75 * 80 + 0.25 * 200 = 110; a buffer of a quarter absorbs a rise of a fifth."""
    assert with_stress(80, 200) == 110
    assert drained(np.array([1.0, 1.2, 2.0, 2.0]), refill=0.1).tolist() == pytest.approx(
        [1.25, 1.375, 2.0, 2.2]
    )


def test_the_step_response_of_an_ewma_margin() -> None:
    """One bar after volatility doubled at decay 0.94: sqrt(0.94 + 4 * 0.06) = sqrt(1.18)."""
    assert step_response(0.94, 2, 1) == pytest.approx(math.sqrt(1.18), rel=1e-12)
    half = bars_to_half(0.94, 2)
    assert step_response(0.94, 2, half) == pytest.approx(1.5, rel=1e-12)


def test_a_fit_finds_the_law_it_was_drawn_from() -> None:
    """Quantiles of a Pareto law of shape 1/4: x = ((1 - u)^(-1/4) - 1) * 4 * scale."""
    even = (np.arange(20_000) + 0.5) / 20_000
    losses = 0.04 * (np.exp(-0.25 * np.log1p(-even)) - 1)
    tail = fit_pareto_tail(losses, 0.1)
    assert tail.shape == pytest.approx(0.25, abs=0.02)
    assert tail.value_at_risk(0.999) == pytest.approx(0.04 * (1000**0.25 - 1), rel=0.01)


def test_a_market_that_falls_every_tenth_day() -> None:
    """Falls of 10 % each tenth bar, else +1 %: a margin of 5 % is exceeded by each of them."""
    moves = np.where(np.arange(300) % 10 == 9, -0.1, 0.01)
    close = 100 * np.concatenate([[1.0], np.cumprod(1 + moves)])
    prices = Prices(np.arange(301) * 86_400_000, close, 86_400_000, 0)
    result = backtest(prices, ["fixed:0.05", "historical_es"], Setting(window=100, confidence=0.9))
    fixed, plain = result.judgements
    assert result.loss.size == 200
    assert fixed.exceedances == 20
    assert fixed.kupiec.statistic == pytest.approx(0.0, abs=1e-9)
    assert fixed.largest_shortfall == pytest.approx(0.05)
    assert fixed.peak_to_trough == fixed.largest_rise == 1.0
    assert fixed.shortfall is None
    # The ten worst of any hundred bars are the ten falls, so plain simulation is never exceeded.
    assert plain.margin == pytest.approx(np.full(200, 0.1))
    assert plain.beyond_margin == int(np.sum(result.loss > plain.margin))
