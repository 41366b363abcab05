"""Euler's discount and Liquity's pool, by arithmetic that is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.protocols import euler, liquity

WAD = 10**18


def test_euler_takes_all_collateral_when_it_cannot_cover_the_debt() -> None:
    # 10 · 0.5 = 5 of collateral, 90 % of it 4.5; debt 5: health 0.9, and 5 / 0.9 > 5,
    # so all 10 go for 5 · 0.9 = 4.5 and 0.5 stays owed.
    position = euler.Position(10 * WAD, WAD // 2, 9000, 5 * WAD, WAD)
    found = euler.liquidate(position, 2000)
    assert found == euler.Liquidation(
        9 * WAD // 10, 45 * WAD // 10, 10 * WAD, 9 * WAD // 10, WAD // 2
    )


def test_euler_liquidates_at_equality_without_a_discount() -> None:
    position = euler.Position(10 * WAD, WAD, 5000, 5 * WAD, WAD)
    found = euler.liquidate(position, 2000)
    assert (found.max_repay, found.max_yield) == (5 * WAD, 5 * WAD)
    healthy = euler.liquidate(position._replace(debt=5 * WAD - 1), 2000)
    assert (healthy.max_repay, healthy.max_yield) == (0, 0)


def test_euler_gives_worthless_collateral_away() -> None:
    found = euler.liquidate(euler.Position(10 * WAD, 0, 5000, 5 * WAD, WAD), 2000)
    assert (found.max_repay, found.max_yield) == (0, 10 * WAD)


def test_v2_split_offsets_half_and_redistributes_half() -> None:
    # Half of 20 is 10: 0.05 to the liquidator, 1000 · 1.05 / 125 = 8.4 to the pool, 1.55 over;
    # the other half: 1000 · 1.1 / 125 = 8.8 of 10 + 1.55, so 2.75 goes back.
    found = liquity.split(2000 * WAD, 20 * WAD, 1000 * WAD, 125 * WAD, WAD // 20, WAD // 10)
    assert found == liquity.Split(
        debt_offset=1000 * WAD,
        collateral_to_pool=84 * WAD // 10,
        gas_compensation=WAD // 20,
        debt_redistributed=1000 * WAD,
        collateral_redistributed=88 * WAD // 10,
        surplus=275 * WAD // 100,
    )


def test_pool_shares_loss_and_gain_by_deposit() -> None:
    # 100 of 400 are lost: a deposit of 100 keeps 75 and earns a quarter of 9.95.
    pool = liquity.StabilityPool()
    pool.deposit("a", 100 * WAD)
    pool.deposit("b", 300 * WAD)
    assert pool.liquidate(100 * WAD, 10 * WAD) == (0, 0)
    paid, gained = pool.withdraw("a", 1000 * WAD)
    assert 0 <= 75 * WAD - paid <= 1000
    assert 0 <= 995 * WAD // 400 - gained <= 1000


def test_pool_keeps_its_floor() -> None:
    # 10 deposited, 9 may go; the tenth of the debt and of 1.99 is left to others.
    pool = liquity.StabilityPool()
    pool.deposit("a", 10 * WAD)
    assert pool.liquidate(10 * WAD, 2 * WAD) == (WAD, 199 * WAD // 1000)
    assert pool.total == liquity.POOL_FLOOR
    with pytest.raises(liquity.RefusedError, match="pool_floor"):
        pool.withdraw("a", WAD)


def test_last_trove_holds_everything() -> None:
    # A's 1 · 0.995 falls on B; B's (1 + 0.995) · 0.995 falls on C: 1.985025 + 1.
    troves = liquity.Troves()
    troves.open("a", WAD, 100)
    troves.open("b", WAD, 200)
    troves.liquidate("a")
    troves.open("c", WAD, 300)
    troves.liquidate("b")
    collateral, debt = troves.holding("c")
    assert abs(collateral - 2_985_025_000_000_000_000) <= 10
    assert 599 <= debt <= 600
    with pytest.raises(liquity.RefusedError, match="last_trove"):
        troves.liquidate("c")


amounts = st.integers(WAD, 10**24)


@settings(max_examples=60, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=4), st.lists(amounts, min_size=1, max_size=6))
def test_pool_owes_no_more_than_it_holds_but_for_rounding(
    deposits: list[int], debts: list[int]
) -> None:
    pool = liquity.StabilityPool()
    for number, amount in enumerate(deposits):
        pool.deposit(str(number), amount)
    # Each offset's overcharge, under total · 10⁻¹⁸, is given back once more; 2 collateral per debt.
    slack = len(debts) * (pool.total // WAD + 1)
    received = 0
    for debt in debts:
        _, left = pool.liquidate(debt, 2 * debt)
        received += 2 * debt - 2 * debt // 200 - left
    assert pool.total >= liquity.POOL_FLOOR
    assert sum(pool.compounded(who) for who in pool.deposits) <= pool.total + slack
    assert sum(pool.gain(who) for who in pool.deposits) <= received + 2 * slack


@settings(max_examples=60, deadline=None)
@given(amounts, amounts, st.integers(0, 10**24), st.integers(WAD, 10**22))
def test_split_loses_nothing(debt: int, collateral: int, available: int, price: int) -> None:
    found = liquity.split(debt, collateral, available, price, WAD // 20, WAD // 10)
    assert found.debt_offset + found.debt_redistributed == debt
    assert collateral == (
        found.collateral_to_pool
        + found.gas_compensation
        + found.collateral_redistributed
        + found.surplus
    )
