"""What holds for any trade with a pool; exact fractions beside the rounded walk."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.liquidation.exits import Side, pool, ranges
from seawall.liquidation.exits.pool import Pool
from seawall.liquidation.exits.ranges import (
    PART_ONE,
    ROOT_ONE,
    Concentrated,
    Range,
    RangeError,
    concentrated,
    root_of,
)
from seawall.money import RATIO_ONE

POOLS = st.builds(
    Pool,
    st.just(1),
    st.integers(1, 10**6),
    st.integers(1, 10**20),
    st.sampled_from([0, 3_000_000, 10_000_000, 500_000_000]),
)
SIDES = st.sampled_from(Side)
LIMITS = st.integers(1, 10**16)


@given(POOLS, SIDES, st.integers(1, 10**7), LIMITS)
def test_a_trade_conserves_keeps_its_limit_and_never_lowers_k(
    before: Pool, side: Side, lots: int, limit: int
) -> None:
    after, trade = pool.trade(before, side, lots, limit)
    result = trade.result
    assert result.lots + result.left == lots
    assert after.lots == before.lots - side * result.lots
    assert after.cash == before.cash + side * result.paid
    assert after.lots * after.cash >= before.lots * before.cash
    assert after.lots > 0
    for fill in result.fills:
        assert side * fill.paid <= side * limit * fill.lots
        assert side * fill.price <= side * limit


@given(POOLS, SIDES, st.integers(1, 10**14))
def test_the_limit_is_used_up_to_the_last_lot(before: Pool, side: Side, limit: int) -> None:
    """One lot more would have a marginal price beyond the limit; derivatives as fractions."""
    most = pool.most_within(before, side, limit)
    kept = Fraction(RATIO_ONE - before.fee, RATIO_ONE)

    def marginal(lots: int) -> Fraction:
        if side is Side.SELL:
            return before.cash * before.lots * kept / (before.lots + lots * kept) ** 2
        return before.cash * before.lots / (kept * (before.lots - lots) ** 2)

    if most:
        assert side * marginal(most) <= side * limit
    if side is Side.SELL or most + 1 < before.lots:
        assert side * marginal(most + 1) > side * limit


@given(POOLS, st.integers(1, 1000), st.integers(1, 1000))
def test_selling_in_two_parts_is_never_better(before: Pool, first: int, second: int) -> None:
    """Without a fee; with one, the fee of the first part deepens the pool for the second."""
    free = before._replace(fee=0)
    after, one = pool.trade(free, Side.SELL, first, 1)
    _, two = pool.trade(after, Side.SELL, second, 1)
    if one.result.left == two.result.left == 0:
        assert one.result.paid + two.result.paid <= pool.proceeds(free, first + second)


@st.composite
def concentrated_pools(draw: st.DrawFn, most: int = 10**9) -> Concentrated:
    edges = sorted(draw(st.sets(st.integers(100, 10**6), min_size=4, max_size=8)))
    liquidity = st.integers(1, most)
    chosen = [(edges[n], edges[n + 1], draw(liquidity)) for n in range(0, len(edges) - 1, 2)]
    fee = draw(st.sampled_from([0, 3_000_000, 10_000_000]))
    return concentrated(1, draw(st.integers(100, 10**6)), chosen, fee)


def exact(before: Concentrated, side: Side, lots: int) -> tuple[Fraction, Fraction] | None:
    """Cash for so many lots and the root after, without any rounding; None beyond the ranges."""
    kept = Fraction(RATIO_ONE - before.fee, RATIO_ONE)
    root, cash = Fraction(before.root, ROOT_ONE), Fraction(0)
    left = lots * kept if side is Side.SELL else Fraction(lots)
    for one in before.ranges[:: int(side)]:
        low, high = Fraction(one.low, ROOT_ONE), Fraction(one.high, ROOT_ONE)
        start = min(root, high) if side is Side.SELL else max(root, low)
        end = low if side is Side.SELL else high
        if side * (end - start) <= 0 or not left:
            continue
        whole = one.liquidity * abs(1 / start - 1 / end)
        if left >= whole:
            left -= whole
        else:
            end = one.liquidity / (one.liquidity / start - side * left)
            left = Fraction(0)
        cash += one.liquidity * abs(end - start)
        root = end
    if left:
        return None
    return (cash if side is Side.SELL else cash / kept), root * ROOT_ONE


@given(concentrated_pools(), SIDES, st.integers(1, 10**5))
def test_a_walk_through_ranges_errs_for_the_pool_and_by_little(
    before: Concentrated, side: Side, lots: int
) -> None:
    after, trade = ranges.trade_ranges(before, side, lots, 1 if side is Side.SELL else 10**12)
    result = trade.result
    assert result.lots + result.left == lots
    assert side * (after.root - before.root) >= 0
    if not result.lots:
        return
    answer = exact(before, side, result.lots)
    assert answer is not None
    paid, root = answer
    assert after.root >= root  # A sale lowers the price by less, a buy raises it by more.
    highest = max(one.high for one in before.ranges) ** 2 // ROOT_ONE**2 + 1
    slack = 2 + Fraction(16 * highest, PART_ONE)
    if side is Side.SELL:
        assert paid - slack <= result.paid <= paid
    else:
        assert paid <= result.paid <= paid + slack


@given(
    concentrated_pools() | concentrated_pools(2**96),
    SIDES,
    st.integers(1, 10**5),
    st.integers(1, 2 * 10**6),
)
def test_ranges_keep_the_limit(before: Concentrated, side: Side, lots: int, limit: int) -> None:
    after, trade = ranges.trade_ranges(before, side, lots, limit)
    assert trade.result.lots + trade.result.left == lots
    for fill in trade.result.fills:
        assert side * fill.paid <= side * limit * fill.lots
        kept = Fraction(RATIO_ONE - before.fee, RATIO_ONE)
        marginal = Fraction(after.root, ROOT_ONE) ** 2
        net = marginal * kept if side is Side.SELL else marginal / kept
        assert side * net <= side * limit


@given(concentrated_pools(), st.integers(1, 10**5))
def test_a_round_trip_earns_nothing(before: Concentrated, lots: int) -> None:
    middle, sold = ranges.trade_ranges(before, Side.SELL, lots, 1)
    if sold.result.lots:
        _, bought = ranges.trade_ranges(middle, Side.BUY, sold.result.lots, 10**12)
        assert bought.result.left or bought.result.paid >= sold.result.paid


def test_where_roots_are_too_coarse_for_the_liquidity_a_limit_still_holds() -> None:
    """L = 2¹⁰²: the least step of the root, 2⁻⁹⁶, is 64 of cash, more than a half lot brings."""
    with pytest.raises(RangeError, match=r"at \$.ranges\[0\]: more liquidity"):
        concentrated(1, 100, [(25, 400, 2**102)], 0)
    only = Range(root_of(25), root_of(400), 2**102)
    before = Concentrated(1, (only,), root_of(100), 0)
    _, trade = ranges.trade_ranges(before, Side.SELL, 1, 99)
    assert (trade.result.lots, trade.result.left) == (0, 1)
    assert ranges.trade_ranges(before, Side.SELL, 1, 64)[1].result.paid == 64
