"""Liquidations worked by hand: plans, then one account from the first order to the shared loss."""

import numpy as np
import pytest

from seawall.liquidation import (
    Candidate,
    Close,
    Exit,
    Gain,
    Order,
    PlanError,
    bankruptcy_value,
    cover,
    deleverage,
    liquidation_fee,
    plan,
    rank,
)
from seawall.margin import ExactRequirement, ExactTable
from seawall.market import Kind
from seawall.pricing import RiskTable

ONE = 10**9
USD, COIN, A, B, C = range(5)
NAMES = ("USD", "COIN")


def table_of(value, collateral=None, notional=(), changes=()):
    size = len(value)
    kinds = [Kind.CURRENCY, Kind.CURRENCY] + [Kind.LINEAR] * (size - 2)
    change = np.zeros((size, max(1, len(changes))))
    for scenario, moves in enumerate(changes):
        change[2:, scenario] = moves
    return ExactTable(
        RiskTable(
            value=np.array(value, float),
            collateral=np.array(collateral or value, float),
            change=change,
            bound=np.zeros(size),
            notional=np.array([0, 0, *(notional or value[2:])], float),
            delta=np.zeros(size),
            coin=np.zeros(size, np.int32),
            kind=np.array(kinds, np.int8),
            expires_ms=np.zeros(size, np.int64),
            strike=np.zeros(size),
            is_call=np.zeros(size, np.int8),
            scenarios=change.shape[1],
            coins=NAMES,
        )
    )


class Flat:
    """Initial margin: `rates[asset]` percent of each notional, plus the worst scenario."""

    def __init__(self, *rates):
        self.rates = (0, 0, *rates)
        self.judged = 0

    def requirement_exact(self, rows, table):
        self.judged += 1
        equity = sum(q * table.value[a] for a, q in rows)
        backing = sum(q * (table.collateral[a] if q > 0 else table.value[a]) for a, q in rows)
        initial = sum(-(-abs(q) * table.notional[a] * self.rates[a] // 100) for a, q in rows)
        losses = [
            -sum(q * table.change(a)[s] for a, q in rows) for s in range(table.risk.scenarios)
        ]
        initial += max(0, *losses)
        return ExactRequirement(equity, backing, initial, -(-initial // 2))


def test_one_position_without_cost():
    # 100 lots at 1,000, rate 10 %: initial 10,000, equity 7,000. Each lot closed frees 100, so 30
    # lots: initial 7,000. Seven thousand is enough: equality restores.
    table = table_of([1, 0, 1_000])
    found = plan([(USD, -93_000), (A, 100)], table, Flat(10), {A: Exit(USD, 1_000)})
    assert found.closes == (Close(A, -30),)
    assert found.after == ExactRequirement(7_000, 7_000, 7_000, 3_500)
    assert found.restores


def test_one_position_with_cost():
    # As above, but each lot costs 0.5 % × 1,000 = 5: it frees 100 − 5, and 3,000 ÷ 95 = 31.6: 32.
    table = table_of([1, 0, 1_000])
    exits = {A: Exit(USD, 1_000, 1_000 * 5_000_000)}
    found = plan([(USD, -93_000), (A, 100)], table, Flat(10), exits)
    assert found.closes == (Close(A, -32),)
    assert found.after.margin_equity == 7_000 - 32 * 5 == 6_840
    assert found.after.initial == 6_800


def test_a_short_is_bought_back():
    table = table_of([1, 0, 1_000])
    found = plan([(USD, 107_000), (A, -100)], table, Flat(10), {A: Exit(USD, 1_000)})
    assert found.closes == (Close(A, 30),)


def test_depth_limits_and_says_so():
    table = table_of([1, 0, 1_000])
    found = plan([(USD, -93_000), (A, 100)], table, Flat(10), {A: Exit(USD, 12)})
    assert found.closes == (Close(A, -12),)
    assert not found.restores
    assert found.after.initial == 8_800


def test_few_trials_for_one_position():
    method = Flat(10)
    table = table_of([1, 0, 1_000])
    plan([(USD, -93_000_000), (A, 100_000)], table, method, {A: Exit(USD, 10**9)})
    assert method.judged == 4  # As it is, all closed, the answer, and one lot less.


def orders():
    # A: 30 lots × 1,000 at 5 %; B: 20 × 1,000 at 20 %; C: 25 × 1,000 at 10 %, dear to close.
    # Initial 1,500 + 4,000 + 2,500 = 8,000; equity 6,600: 1,400 are missing.
    rows = [(USD, 6_600 - 75_000), (A, 30), (B, 20), (C, 25)]
    exits = {A: Exit(USD, 99), B: Exit(USD, 99, 4 * ONE), C: Exit(USD, 99, 10 * ONE)}
    return rows, table_of([1, 0, 1_000, 1_000, 1_000]), Flat(5, 20, 10), exits


def test_largest_notional_first():
    # A frees 50 a lot: 28 lots are 1,400.
    found = plan(*orders(), Order.LARGEST_NOTIONAL_FIRST)
    assert found.closes == (Close(A, -28),)


def test_largest_release_first():
    # Maintenance freed per cost: A 750 at no cost (counted as 1), B 2,000 ÷ 80, C 1,250 ÷ 250.
    # A is first again; at 2 a lot (750 ÷ 60 = 12.5) B goes before it: 200 − 4 a lot, 8 lots.
    rows, table, method, exits = orders()
    assert plan(*orders(), Order.LARGEST_RELEASE_FIRST).closes == (Close(A, -28),)
    exits[A] = Exit(USD, 99, 2 * ONE)
    found = plan(rows, table, method, exits, Order.LARGEST_RELEASE_FIRST)
    assert found.closes == (Close(B, -8),)


def test_listed_order_takes_the_next_row_for_what_is_missing():
    # Only 10 lots of A can be sold: 500. 900 ÷ 196 = 4.6: 5 lots of B are 980, 80 too many, so
    # one lot of A is given back (50); two would be 100.
    rows, table, method, exits = orders()
    exits[A] = Exit(USD, 10)
    found = plan(rows, table, method, exits, Order.LISTED)
    assert found.closes == (Close(A, -9), Close(B, -5))
    assert found.after.margin_equity - found.after.initial == 9 * 50 + 5 * 196 - 1_400 == 30


def test_a_row_that_costs_more_than_it_frees_is_left():
    # Each lot of A frees 100 and costs 120; B frees 100 free of cost.
    table = table_of([1, 0, 1_000, 1_000])
    exits = {A: Exit(USD, 99, 120 * ONE), B: Exit(USD, 99)}
    found = plan([(USD, -98_500), (A, 50), (B, 50)], table, Flat(10, 10), exits, Order.LISTED)
    assert found.closes == (Close(B, -50),)
    assert not found.restores


def test_a_hedge_is_shrunk_on_both_sides():
    # Long 20 A, short 20 B move alike by ±300 a lot; gross rate 4 %: initial 1,600, equity 1,200.
    # Closing one lot of one leg frees 40 and uncovers 300. Both legs together free 80: 5 lots each.
    table = table_of([1, 0, 1_000, 1_000], changes=[(300, 300), (-300, -300)])
    exits = {A: Exit(USD, 99), B: Exit(USD, 99)}
    found = plan([(USD, 1_200), (A, 20), (B, -20)], table, Flat(4, 4), exits)
    assert sorted(found.closes) == [Close(A, -5), Close(B, 5)]
    assert found.restores


def test_a_hedged_excess_is_closed_only_down_to_the_hedge():
    # Long 20 A, short 12 B, ±300 a lot, no rate: 8 lots are open, initial 2,400, equity 600.
    # Six lots of A leave 2 × 300 = 600. Closing all 20 would leave a short of 12.
    table = table_of([1, 0, 1_000, 1_000], changes=[(300, 300), (-300, -300)])
    exits = {A: Exit(USD, 99), B: Exit(USD, 99)}
    found = plan([(USD, -7_400), (A, 20), (B, -12)], table, Flat(0, 0), exits)
    assert found.closes == (Close(A, -6),)


def test_coins_are_sold_last_and_only_as_many_as_needed():
    # 100 coins worth 50 count for 40. Cash −4,300 + 10 lots × 10: margin equity −200, initial 10.
    # All contracts closed frees 10: −200 remain. Each coin sold adds 50 − 40 = 10: 20 coins.
    table = table_of([1, 50, 10], [1, 40, 10])
    exits = {A: Exit(USD, 99), COIN: Exit(USD, 1_000)}
    found = plan([(USD, -4_300), (COIN, 100), (A, 10)], table, Flat(10), exits)
    assert found.closes == (Close(A, -10), Close(COIN, -20))
    assert found.after == ExactRequirement(800, 0, 0, 0)


def test_who_is_healthy_is_left_alone():
    table = table_of([1, 0, 1_000])
    found = plan([(USD, -90_000), (A, 100)], table, Flat(10), {A: Exit(USD, 9)})
    assert found == ((), ExactRequirement(10_000, 10_000, 10_000, 5_000), True, ())


@pytest.mark.parametrize(
    ("exit_", "path"),
    [
        (Exit(COIN, 9), r"at \$\.exits\[2\]\.cash: asset 1 has no value"),
        (Exit(A, 9), r"at \$\.exits\[2\]\.cash: an asset cannot be sold for itself"),
        (Exit(USD, 9, -1), r"at \$\.exits\[2\]\.cost: -1 is negative"),
    ],
)
def test_an_exit_that_cannot_be_used_is_named(exit_, path):
    with pytest.raises(PlanError, match=path):
        plan([(USD, -93_000), (A, 100)], table_of([1, 0, 1_000]), Flat(10), {A: exit_})


def test_from_the_first_order_to_the_shared_loss():
    # Long 10 lots bought at 1,000 with 500 of margin. At 960 equity is 100; rate 10 %: initial 960.
    rows, exits = [(USD, -9_500), (A, 10)], {A: Exit(USD, 4)}
    table = table_of([1, 0, 960])
    found = plan(rows, table, Flat(10), exits)
    assert found.closes == (Close(A, -4),)
    assert not found.restores
    # Four are sold at 960; the fee is 1 % of 3,840 = 38.4, so 39. 61 are left.
    fee = liquidation_fee(4 * 960, 10_000_000, found.after.equity)
    assert fee == 39
    rows = [(USD, -9_500 + 3_840 - fee), (A, 6)]
    # The market falls to 900: equity −5,699 + 5,400 = −299. No bid is left. Bankruptcy value of a
    # lot is 5,699 ÷ 6 = 949.8, rounded up to 950.
    table = table_of([1, 0, 900])
    assert bankruptcy_value(rows, table, A) == 950
    # Two shorts of 3 and 2 lots can be matched. Candidate 8: entry 1,000: profit 300 ÷ 3,000 at
    # leverage 2,700 ÷ 900 = 3: 0.3. Candidate 9: entry 980: 160 ÷ 1,960 at 1,800 ÷ 200 = 9: 0.73.
    queue = rank([Candidate(8, -3, 300, 2_700, 900), Candidate(9, -2, 160, 1_800, 200)])
    assert [one.account for one in queue] == [9, 8]
    result = deleverage(6, queue)
    assert [(take.account, take.lots) for take in result.takes] == [(9, 2), (8, 3)]
    assert result.remainder == 1
    # Five lots go at 950; the last one falls to 850 and is sold there: −5,699 + 4,750 + 850 = −99.
    deficit = -(-5_699 + 5 * 950 + 850)
    assert deficit == 99
    # The fund has the fee of 39. 60 are shared by gains of 120 and 60: 40 and 20.
    settled = cover(deficit, fee, [Gain(8, 120, 120), Gain(10, 60, 60)])
    assert settled == (39, ((8, 40), (10, 20)), 0)
