"""Cascades and systems whose numbers a reader can check with a pencil."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from seawall.systemic import (
    ConstantProduct,
    DepthState,
    Exponential,
    ExponentialDecay,
    Linear,
    Portfolios,
    PowerDecay,
    SquareRoot,
    at_risk,
    avalanches,
    cascade,
    contributors,
    debt_rank,
    distance_to_avalanche,
    distance_to_cascade,
    distance_to_empty_fund,
    forced_sales,
    fund_size,
    hill,
    indirect_contagion,
    ladder,
    laws_through,
    liquidation_prices,
    local_gain,
    overlap,
    sensitivity,
    shares,
    spread,
    system_gain,
    thresholds,
    top_share,
    total_return,
    vulnerability,
    without_arbitrage,
)
from seawall.systemic.execution import Market, almgren_chriss, obizhaeva_wang
from seawall.systemic.firesale import Limits, Sheets, fire_sale, threshold_sale
from seawall.systemic.gain import gain_matrix
from seawall.systemic.resilience import displacement, transient_cost
from seawall.systemic.spiral import buy_back, liquidations, margin_spiral, repay_to_target

TWO = ladder([95.0, 93.0], [300.0, 200.0], [94.0, 91.0])


def test_two_accounts_turn_a_fall_of_five_into_ten() -> None:
    """95 − 300 · 0.01 = 92 reaches the second; 95 − 500 · 0.01 = 90; (100 − 90) ÷ 5 = 2."""
    found = cascade(TWO, Linear(0.01), 100.0, -0.05)
    assert found.path == (95.0, 92.0, 90.0)
    assert (found.final, found.accounts, found.forced, found.rounds) == (90.0, 2, 500.0, 2)
    assert found.amplification == 2.0


def test_half_the_impact_stops_after_the_first() -> None:
    """95 − 300 · 0.005 = 93.5, above 93; (100 − 93.5) ÷ 5 = 1.3."""
    found = cascade(TWO, Linear(0.005), 100.0, -0.05)
    assert (found.final, found.accounts) == (93.5, 1)
    assert found.amplification == 1.3


def test_bad_debt_at_the_average_and_at_the_final_price() -> None:
    """Sold from 95 to 90, 92.5 on average: 300 · (94 − 92.5) = 450 and nothing of the second.

    At 90: 300 · 4 + 200 · 1 = 1,400.
    """
    found = cascade(TWO, Linear(0.01), 100.0, -0.05, fund=1_000.0)
    assert found.average == 92.5
    assert (found.bad_debt, found.bad_debt_at_final) == (450.0, 1_400.0)
    assert found.fund_left == 550.0


@pytest.mark.parametrize(("slope", "accounts"), [(1 / 150 + 1e-9, 2), (1 / 150 - 1e-9, 1)])
def test_the_critical_impact_is_one_in_150(slope: float, accounts: int) -> None:
    """The first account's 300 units must move the price by 95 − 93 = 2."""
    assert cascade(TWO, Linear(slope), 100.0, -0.05).accounts == accounts
    assert avalanches(thresholds(TWO, Linear(slope)), 100.0)[0].accounts == accounts


def test_shorts_are_the_same_upside_down() -> None:
    """105 + 300 · 0.01 = 108 reaches 107; 105 + 500 · 0.01 = 110."""
    steps = ladder([105.0, 107.0], [300.0, 200.0], [106.0, 109.0], "short")
    found = cascade(steps, Linear(0.01), 100.0, 0.05)
    assert (found.final, found.accounts, found.amplification) == (110.0, 2, pytest.approx(2.0))
    assert (found.bad_debt, found.bad_debt_at_final) == (450.0, 1_400.0)


def test_deleveraging_half_of_it_keeps_half_off_the_book() -> None:
    """95 − 300 · 0.5 · 0.01 = 93.5."""
    assert cascade(TWO, Linear(0.01), 100.0, -0.05, book_share=0.5).final == 93.5


def test_thresholds_and_distances_of_the_two() -> None:
    """The first needs 95; the second 93 + 300 · slope: 94.5 at 0.005, and 96, so 95, at 0.01."""
    loose, tight = thresholds(TWO, Linear(0.005)), thresholds(TWO, Linear(0.01))
    assert loose.needed.tolist() == [95.0, 94.5]
    assert tight.needed.tolist() == [95.0, 95.0]
    assert loose.shocks(100.0) == pytest.approx([-0.05, -0.055])
    assert [one.jump for one in avalanches(loose, 100.0)] == pytest.approx([0.015, 0.010])
    assert distance_to_avalanche(tight, 100.0, 0.05) == pytest.approx(-0.05)
    assert distance_to_avalanche(loose, 100.0, 0.05) is None
    # 300 units owe 300 · (94 − 93.5) = 150 only once the average 95 − 1.5 ÷ 2 is below 94.
    empty = distance_to_empty_fund(TWO, Linear(0.005), 100.0, 0.0)
    assert empty == pytest.approx(-0.0525, abs=1e-6)  # Start 94.75, average 94.75 − 0.75 = 94.


def test_local_gain_of_two_hundred_units_in_the_next_three_percent() -> None:
    """From 95 down 3 % = 2.85: 200 units, 200 ÷ 2.85 · 0.01 = 0.7018; nothing below 93."""
    gain = local_gain(TWO, Linear(0.01), 0.03)
    assert gain == pytest.approx([200 / 2.85 * 0.01, 0.0])
    assert distance_to_cascade(thresholds(TWO, Linear(0.01)), 100.0, 0.03) is None
    # At a slope of 0.02 it is 1.40: critical, and reached by the shock that reaches 95.
    assert distance_to_cascade(thresholds(TWO, Linear(0.02)), 100.0, 0.03) == pytest.approx(-0.05)


def test_a_dense_critical_book_is_next_to_nothing_from_its_cascade() -> None:
    """1,000 units a dollar and 0.0015 a unit: R0 = 1.5, from the first account at 99 on."""
    steps = ladder(99.0 - 0.01 * np.arange(2_000), np.full(2_000, 10.0))
    found = thresholds(steps, Linear(0.0015))
    assert distance_to_cascade(found, 100.0, 0.01) == pytest.approx(-0.01)
    first = avalanches(found, 100.0)[0]
    assert (first.accounts, first.forced) == (2_000, 20_000.0)
    assert first.jump == pytest.approx(20_000 * 0.0015 / 100.0)
    # The same book at R0 = 0.5: no avalanche larger than one account's own 0.005 dollars.
    calm = avalanches(thresholds(steps, Linear(0.0005)), 100.0)
    assert max(one.accounts for one in calm) == 1
    assert max(one.jump for one in calm) == pytest.approx(5e-5)


def test_every_law_goes_through_the_measured_point_and_they_disagree_beyond() -> None:
    laws = laws_through(100.0, 50.0, 0.01)
    assert [law.price_after(100.0, 50.0) for law in laws.values()] == pytest.approx([99.0] * 4)
    # Four times as much: linear four times the fall, a square root twice the log fall.
    assert laws["linear"].price_after(100.0, 200.0) == pytest.approx(96.0)
    assert laws["sqrt"].price_after(100.0, 200.0) == pytest.approx(100.0 * 0.99**2)


def test_with_impact_off_the_monitor_reports_no_feedback() -> None:
    read = sensitivity(TWO, {"linear": Linear(0.01), "sqrt": SquareRoot(1, 0.05, 500)}, 100, -0.05)
    off, linear = read["no impact"], read["linear"]
    assert (off.cascade.amplification, off.largest_gain, off.to_cascade) == (1.0, 0.0, None)
    assert off.largest_avalanche is not None
    assert off.largest_avalanche.jump == 0.0
    assert linear.cascade.amplification == 2.0
    assert read["sqrt"].cascade.amplification > 1.0


def test_contributors_of_the_two() -> None:
    """Without the first's 300 the price ends at 95 − 2 = 93: 3 better; without the 200, 2."""
    law = Linear(0.01)
    found = contributors(TWO, law, cascade(TWO, law, 100.0, -0.05), most=1)
    assert [(one.account, one.impact) for one in found] == [(0, pytest.approx(3.0))]


def test_one_accounts_bitcoin_sells_its_ether() -> None:
    """Cash −170, one of each at 100: equity 30, maintenance 10 % of 200 = 20.

    −12 % in the first: equity 18 < 0.1 · 188 = 18.8. It sells one of each: 0.5 a unit takes both
    to 87.5 and 99.5. A second account holds two ether, cash −180: headroom at 99.5 is
    19 − 19.9 < 0, so it sells two: 100 − 0.5 · 3 = 98.5.
    """
    held = Portfolios(
        np.array([-170.0, -180.0]), np.array([[1.0, 1.0], [0.0, 2.0]]), np.full(2, 0.1)
    )
    found = spread(held, [Linear(0.5), Linear(0.5)], [100.0, 100.0], [-0.12, 0.0])
    assert found.round_of.tolist() == [1, 2]
    assert found.price.tolist() == [87.5, 98.5]
    assert found.sold.tolist() == [1.0, 3.0]
    assert found.bad_debt == 0.0
    # Alone its price of the first is (170 − 90 + 10 − 90) … : −170 + 0.9·(p + 100) = 0 at 88.89.
    below, above = liquidation_prices(held, [100.0, 100.0], 0)
    assert below[0] == pytest.approx(170 / 0.9 - 100.0)
    assert np.isnan(below[1])
    assert np.isnan(above).all()
    # If ether falls as much, 0.9 · 200 · (1 + y) = 170.
    together, _ = liquidation_prices(held, [100.0, 100.0], 0, beta=[1.0, 1.0])
    assert together[0] == pytest.approx(100.0 * 170 / 180)


def test_gain_matrix_of_two_assets_with_shared_collateral() -> None:
    """K = [[0.21, 0.08], [0.13, 0.33]]: trace 0.54, determinant 0.0589, so R0 = 0.27 + √0.014."""
    impact = [[2e-9, 5e-10], [5e-10, 4e-9]]
    gain = gain_matrix(impact, [[1e8, 2e7], [2e7, 8e7]])
    assert system_gain(gain) == pytest.approx(0.27 + math.sqrt(0.27**2 - 0.0589))
    # (I − K)⁻¹ · (0.05, 0) = 0.05 · (0.67, 0.13) ÷ (0.79 · 0.67 − 0.08 · 0.13).
    wanted = np.array([0.67, 0.13]) * 0.05 / (0.79 * 0.67 - 0.08 * 0.13)
    assert total_return(gain, [0.05, 0.0]) == pytest.approx(wanted)
    assert without_arbitrage(impact)
    assert not without_arbitrage([[1.0, 0.5], [0.4, 1.0]])
    assert not without_arbitrage([[1.0, 2.0], [2.0, 1.0]])
    assert total_return([[1.0, 0.0], [0.0, 0.1]], [0.1, 0.0]) is None


def test_shares_of_the_system_gain() -> None:
    """Three accounts of one asset, 10, 30 and 60 units within the width 0.1 at impact 0.0005.

    G = 100 ÷ 0.1 = 1,000, R0 = 0.5; the fourth is too far away and has no share.
    """
    sold, weight = [[10.0], [30.0], [60.0], [500.0]], [[1.0]] * 4
    room = [0.01, 0.05, 0.09, 0.2]
    assert forced_sales(sold, weight, room, 0.1) == pytest.approx(np.array([[1_000.0]]))
    found = shares([[0.0005]], sold, weight, room, 0.1)
    assert found.system == pytest.approx(0.5)
    assert found.account == pytest.approx([0.05, 0.15, 0.3, 0.0])
    assert found.by([0, 0, 1, 1]) == pytest.approx([0.2, 0.3])


def test_vulnerable_banks_in_fractions() -> None:
    """One bank, assets 100, equity 10, debt 90: −10 % loses 10 and sells 9 · 10 = 90.

    At 0.001 a currency unit the asset falls by 9 % more: AV = 100 · 0.09 ÷ 10 = 0.9.
    """
    found = vulnerability(
        [Fraction(100)], [Fraction(10)], [Fraction(9)], [[Fraction(1)]],
        [Fraction(1, 1000)], [Fraction(-1, 10)],
    )  # fmt: skip
    assert found.purchases == [-90]
    assert found.aggregate == Fraction(9, 10)
    assert found.systemicness == [Fraction(9, 10)]
    assert found.direct == 1


def test_overlap_debt_rank_and_concentration() -> None:
    """Two that hold 3 and 4 of a market of depth 2: Ω₁₂ = 3 · 4 ÷ 2 = 6."""
    both = overlap([[3.0, 0.0], [4.0, 5.0]], [2.0, 1.0])
    assert both.tolist() == [[4.5, 6.0], [6.0, 33.0]]
    assert indirect_contagion(both) == pytest.approx([math.log(6.0)] * 2)
    # 0 is exposed to 1 with half of its equity: it loses half when 1 fails, and 1 nothing by that.
    found = debt_rank([[0.0, 0.5], [0.0, 0.0]], [0.5, 0.5], [0.0, 1.0])
    assert found.loss.tolist() == [0.5, 1.0]
    assert found.rank == 0.25
    assert top_share([1.0, 2.0, 3.0, 4.0], 1) == 0.4
    assert hill([math.e**2, math.e, 1.0], 2) == pytest.approx(2 / 3)  # Logs 2 and 1.


def test_quantiles_over_shocks() -> None:
    """Ten shocks, one of which closes both: at 95 % that one is the quantile, at 90 % none."""
    law, sample = Linear(0.01), [-0.01] * 9 + [-0.05]
    bad = at_risk(TWO, law, 100.0, sample, confidence=0.95, fund=100.0)
    # Equity at 100 of both: 300 · (100 − 94) + 200 · (100 − 91) = 3,600.
    assert (bad.value, bad.liquidation, bad.margin) == (350.0, 500.0, 3_600.0)
    assert bad.fall == pytest.approx(0.1)
    assert bad.fund_emptied == 0.1
    calm = at_risk(TWO, law, 100.0, sample, confidence=0.9)
    assert (calm.value, calm.liquidation, calm.margin) == (0.0, 0.0, 0.0)
    assert fund_size([1.0, 2.0, 3.0, 4.0], carry=0.25, penalty=1.0) == 3.0


def test_impact_that_comes_back_and_depth_that_leaves() -> None:
    """10 units at 0, 10 at a half-life: 5 are left, so 15 · 0.1 = 1.5; a permanent half 17.5."""
    halves, sales = ExponentialDecay.of_half_life(2.0), [(0.0, 10.0), (2.0, 10.0)]
    assert displacement(0.1, sales, 2.0, halves) == pytest.approx(1.5)
    assert displacement(0.1, sales, 2.0, halves, permanent=0.5) == pytest.approx(1.75)
    assert displacement(0.1, sales, 1.0, PowerDecay()) == pytest.approx(1.0 / math.sqrt(2.0))
    # 10 · 0.5 for the first, 10 · (0.5 + 0.5) for the second.
    assert transient_cost(0.1, sales, halves) == pytest.approx(5.0 + 10.0)
    state = DepthState(calm_volatility=0.5, recovery_rate=math.log(2.0)).after(1.0, 5.0)
    assert state.share == 0.1
    assert state.after(1.0, 0.5).share == pytest.approx(0.55)  # Half of the missing 0.9.
    assert Exponential(100.0).shrunk(state.share).price_after(1.0, 10.0) == pytest.approx(
        math.exp(-1.0)
    )


def test_schedules() -> None:
    """ρT = 2: blocks of a quarter, half between, cost X² ÷ 4."""
    found = obizhaeva_wang(100.0, 1.0, 2.0, per_unit=0.01)
    assert (found.block, found.between, found.cost) == (25.0, 50.0, 25.0)
    line = almgren_chriss(Market(0.95, 2.5e-7, 2.5e-6, 0.0625), 1e6, 5.0, 5, 0.0)
    assert line.held == pytest.approx((1e6, 8e5, 6e5, 4e5, 2e5, 0.0))
    # γX²/2 + εX + η̃·Σn²: 125,000 + 62,500 + 2.375e-6 · 5 · 4e10 = 662,500.
    assert line.expected_cost == pytest.approx(662_500.0)


def test_spirals() -> None:
    """m ÷ k − x₀ = 10 − 4 = 6 against 10 without: 1.67; with m′ = −0.5 the bracket is 1."""
    said = {"margin": 10.0, "demand_slope": 1.0, "held": 4.0, "affordable": 10.0}
    assert margin_spiral(margin_slope=0.0, **said).multiplier == pytest.approx(10 / 6)
    assert margin_spiral(margin_slope=-0.5, **said).multiplier == 10.0
    assert not margin_spiral(margin_slope=-1.0, **said).stable
    # 1.5·y² − 245·y + 10,000 = 0 has the roots 83.3 and 80: buy back 16.7 at 100 ÷ 83.3.
    plan, _ = buy_back(145.0, 100.0, 100.0, 1.5)
    assert plan is not None
    assert plan.units == pytest.approx(100.0 - 250.0 / 3.0)
    assert plan.price == pytest.approx(1.2)
    assert buy_back(144.9, 100.0, 100.0, 1.5)[0] is None


def test_a_liquidation_beyond_the_frontier_creates_the_bad_debt() -> None:
    """Loan 97 on 100 with a bonus of 5 %: LTV 97 % > 95.24 %; to the end 97 − 100 ÷ 1.05."""
    last = liquidations(1.0, 100.0, 97.0, 0.825, 0.05, 0.5, 20)[-1]
    assert last.collateral == 0.0
    assert last.debt == pytest.approx(97.0 - 100.0 / 1.05)
    # After repaying to health 1.05: (84 − r) · 1.05 = (100 − 1.05·r) · 0.825.
    repaid = repay_to_target(1.0, 100.0, 84.0, 0.825, 0.05, 1.05)
    assert (84.0 - repaid) * 1.05 == pytest.approx((100.0 - 1.05 * repaid) * 0.825)


def test_a_larger_shock_may_end_better_where_sales_are_partial() -> None:
    """Banks of 100 on 5 and 4.5: at 2.03124 % the first just does not sell, and is hit harder."""
    before = threshold_sale([100.0, 100.0], [5.0, 4.5], 0.0203124, 20_000.0)
    after = threshold_sale([100.0, 100.0], [5.0, 4.5], 0.0203126, 20_000.0)
    assert before.equity[0] == pytest.approx(2.8110913174)
    assert after.equity[0] == pytest.approx(2.8440440764)


def test_one_bank_pays_back_with_cash_first() -> None:
    """Assets 100: cash 2, bonds 98; debt 96.5. E ÷ A = 3.5 % < 4 %: to 5 % it needs 100 − 70 = 30.

    Cash pays 2, 28 of bonds are sold next round at the mean of 1 and the price after.
    """
    sheet = Sheets(
        np.array([2.0]), np.array([[98.0]]), np.array([0.0]), np.array([96.5]), np.array([0.0])
    )
    free = fire_sale(sheet, [1.0], 0.0, rounds=2)
    assert free.sold_share == pytest.approx(28.0 / 98.0)
    assert free.failures == 0
    deep = fire_sale(sheet, [0.99], 0.0, rounds=1)
    assert deep.failed == (0, 1)  # 2.52 ÷ 99.02 is below 3 %.
    assert fire_sale(sheet, [1.0], 0.0, Limits(0.03, 0.035, 0.05), rounds=3).sold_share == 0.0


def test_a_pool_of_an_exchange_is_a_law_like_the_others() -> None:
    """10 % down in a pool of 10,000: (x ÷ (x + q))² = 0.9 at q = 540.93."""
    assert ConstantProduct(10_000.0).price_after(100.0, 540.925534) == pytest.approx(90.0)
