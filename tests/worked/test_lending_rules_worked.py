"""Aave, Morpho, a mean price and the base fee by hand: the arithmetic stands beside each number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import aave, morpho
from seawall.protocols.aave import BASE_ONE, Collateral, Price, Seizure
from seawall.protocols.base_fee import next_base_fee
from seawall.protocols.uniswap_twap import PoolMove, full_range_move, mean_tick, spot_move_needed

WAD = 10**18
ETHER = Price(2_000 * BASE_ONE, 10**18)
DOLLAR = Price(BASE_ONE, 10**6)


def test_health_averages_the_thresholds() -> None:
    # 100 at 80% and 300 at 70% count 72.5% of 400 = 290, against 232: 1.25.
    both = [Collateral(100 * BASE_ONE, 8_000), Collateral(300 * BASE_ONE, 7_000)]
    assert aave.health_factor(both, 232 * BASE_ONE) == WAD * 5 // 4
    assert aave.health_factor([], 1) == 0
    assert aave.health_factor(both, 0) is None
    assert not aave.is_liquidatable(None)
    assert not aave.is_liquidatable(WAD)
    assert aave.is_liquidatable(WAD - 1)


@pytest.mark.parametrize(
    ("health_percent", "collateral", "debt", "repayable"),
    [
        (96, 9_000, 6_000, 4_000),  # Half of all 8,000.
        (96, 9_000, 4_000, 4_000),  # This debt is no more than that half.
        (95, 9_000, 6_000, 6_000),
        (96, 1_999, 6_000, 6_000),
        (96, 2_000, 6_000, 4_000),
    ],
)
def test_close_factor(health_percent: int, collateral: int, debt: int, repayable: int) -> None:
    found = aave.repayable(
        WAD * health_percent // 100,
        collateral * BASE_ONE,
        debt * BASE_ONE,
        8_000 * BASE_ONE,
        DOLLAR,
    )
    assert found == repayable * DOLLAR.unit


def test_seizure_with_bonus_and_fee() -> None:
    # 2,000 dollars are 1 ether; with 5% 1.05. A tenth of the bonus of 0.05 goes to the protocol.
    found = aave.seize(ETHER, DOLLAR, 2_000 * 10**6, 2 * WAD, 10_500, 1_000)
    assert found == Seizure(WAD * 1_045 // 1_000, WAD * 5 // 1_000, 2_000 * 10**6)
    # Only 0.525 ether are there: worth 1,050, for which 1,000 are due.
    found = aave.seize(ETHER, DOLLAR, 2_000 * 10**6, WAD * 525 // 1_000, 10_500, 0)
    assert found == Seizure(WAD * 525 // 1_000, 0, 1_000 * 10**6)


@given(st.integers(1, 10**12), st.integers(1, 10**19), st.integers(10_000, 12_000))
def test_a_seizure_is_worth_at_most_the_repayment_with_bonus(
    repaid: int, held: int, bonus_bps: int
) -> None:
    found = aave.seize(ETHER, DOLLAR, repaid, held, bonus_bps, 1_000)
    seized = found.to_liquidator + found.protocol_fee
    assert seized <= held
    assert found.repaid <= repaid
    # In 10⁻⁸ · 10⁻¹⁸ · 10⁻⁶; a cut worth may lie up to one debt atom below.
    worth = seized * ETHER.base_per_unit * DOLLAR.unit * aave.BPS_ONE
    atom = DOLLAR.base_per_unit * ETHER.unit * aave.BPS_ONE
    assert worth <= found.repaid * DOLLAR.base_per_unit * ETHER.unit * bonus_bps + atom


def test_leftovers() -> None:
    assert aave.leftover_is_allowed(0, 5 * BASE_ONE)
    assert aave.leftover_is_allowed(5 * BASE_ONE, 0)
    assert aave.leftover_is_allowed(aave.LEFTOVER_BASE_MIN, aave.LEFTOVER_BASE_MIN)
    assert not aave.leftover_is_allowed(aave.LEFTOVER_BASE_MIN - 1, aave.LEFTOVER_BASE_MIN)


def test_bonus_rises_as_health_falls() -> None:
    # Least 1 + 10% · 50%; half way from 1 to 0.8 it is 7.5%.
    health = [WAD, WAD * 9 // 10, WAD * 8 // 10, WAD // 2]
    found = [aave.bonus_by_health(one, WAD * 8 // 10, 11_000, 5_000) for one in health]
    assert found == [10_500, 10_750, 11_000, 11_000]


def test_debt_to_target_reaches_it() -> None:
    # Collateral of 100 counts 75%, debt 100: health 0.75. Repaying R and losing 1.1 R shall give 1:
    # (100 − 1.1 R) · 0.75 = 100 − R, so R = 25 / 0.175 = 142.857142857…
    debt = aave.debt_to_target(100 * 10**26, WAD * 3 // 4, WAD, 11_000, 7_500, DOLLAR)
    assert debt == 142_857_143
    assert aave.debt_to_target(100 * 10**26, WAD, WAD, 11_000, 7_500, DOLLAR) == 0
    with pytest.raises(aave.RefusedError, match="target_out_of_reach"):
        aave.debt_to_target(100 * 10**26, WAD // 2, WAD, 11_000, 9_500, DOLLAR)  # 1.1 · 0.95 > 1.


# A share for each atom: 10⁶ shares are an atom, as the virtual ones are.
MARKET = morpho.Market(2_000, 1_000, 1_000 * 10**6, threshold=WAD * 8 // 10)
LOAN = morpho.Loan(1_060, 1_000 * 10**6)
PAR = morpho.PRICE_ONE


def test_morpho_incentive() -> None:
    assert morpho.incentive(WAD * 8 // 10) == WAD * 100 // 94  # 1 / (1 − 0.3 · 0.2).
    assert morpho.incentive(0) == WAD * 115 // 100  # 1 / 0.7 is capped.
    assert morpho.incentive(WAD) == WAD


def test_morpho_repays_shares() -> None:
    found = morpho.liquidate(MARKET, LOAN, PAR, repaid_shares=500 * 10**6)
    assert (found.seized, found.repaid, found.bad_debt) == (531, 500, 0)  # ⌊500 / 0.94⌋.
    assert found.loan == morpho.Loan(529, 500 * 10**6)
    assert found.market == MARKET._replace(borrowed=500, borrow_shares=500 * 10**6)


def test_morpho_lenders_take_the_rest() -> None:
    # 500 · 0.94 = 470 exactly; as the incentive is rounded down, a little more, so 471.
    found = morpho.liquidate(MARKET, LOAN._replace(collateral=500), PAR, seized=500)
    assert found.loan == morpho.Loan(0, 0)
    assert (found.repaid, found.bad_debt) == (471, 529)
    assert found.market == MARKET._replace(supply=1_471, borrowed=0, borrow_shares=0)


@pytest.mark.parametrize(
    ("loan", "arguments", "reason"),
    [
        (LOAN, {}, morpho.Refusal.INPUT_INCONSISTENT),
        (LOAN, {"seized": 1, "repaid_shares": 1}, morpho.Refusal.INPUT_INCONSISTENT),
        (LOAN._replace(collateral=1_250), {"seized": 1}, morpho.Refusal.HEALTHY),  # 80% is 1,000.
        (LOAN._replace(collateral=1_249), {"seized": 1_249}, morpho.Refusal.MORE_THAN_DEBT),
        (
            LOAN._replace(collateral=10),
            {"repaid_shares": 10**9},
            morpho.Refusal.MORE_THAN_COLLATERAL,
        ),
    ],
)
def test_morpho_refuses(
    loan: morpho.Loan, arguments: dict[str, int], reason: morpho.Refusal
) -> None:
    with pytest.raises(morpho.RefusedError) as refusal:
        morpho.liquidate(MARKET, loan, PAR, **arguments)
    assert refusal.value.reason is reason


def test_mean_tick_rounds_down() -> None:
    assert (mean_tick(5, 15, 4), mean_tick(15, 5, 4)) == (2, -3)


def test_moving_a_mean_needs_the_power_of_the_blocks() -> None:
    found = spot_move_needed(Decimal(1), 10, 2)
    assert abs(found.spot_factor - 32) < Decimal("1e-40")  # (1 + 1)^(10 / 2).
    assert found.mean_ticks.quantize(Decimal("0.1")) == Decimal("6931.8")  # ln 2 / ln 1.0001.


def test_moving_a_pool_by_four() -> None:
    # √4 = 2: the quote doubles and half of the base leaves, at 10 a piece before.
    found = full_range_move(Decimal(100), Decimal(1000), Decimal(4))
    assert found == PoolMove(Decimal(1000), Decimal(50), Decimal(500))


def test_base_fee() -> None:
    assert next_base_fee(800, 50, 100) == 800
    assert next_base_fee(800, 100, 100) == 900  # An eighth up.
    assert next_base_fee(800, 0, 100) == 700
    assert next_base_fee(800, 75, 100) == 850
    assert next_base_fee(7, 51, 100) == 8  # At least one.


@given(st.integers(8, 10**12), st.integers(2, 10**8), st.floats(0, 1))
def test_base_fee_moves_at_most_an_eighth(fee: int, limit: int, fullness: float) -> None:
    limit -= limit % 2
    found = next_base_fee(fee, int(limit * fullness), limit)
    assert fee - fee // 8 <= found <= fee + fee // 8
