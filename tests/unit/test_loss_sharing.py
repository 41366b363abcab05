from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.liquidation import Gain, cover, liquidation_fee, share_pro_rata

small = st.tuples(st.integers(0, 40), st.integers(0, 60))
large = st.tuples(st.integers(0, 10**18), st.integers(0, 10**18))
groups = (st.lists(small, max_size=12) | st.lists(large, max_size=6)).map(
    lambda pairs: [Gain(6 + n, *pair) for n, pair in enumerate(pairs)]
)
losses = st.integers(0, 500) | st.integers(0, 10**18)


def water(loss, group):
    """True shares: the level L with Σ min(cap, weight · L) = loss, found in exact fractions."""
    active = [g for g in group if g.weight and g.cap]
    shares = {g.account: Fraction(0) for g in group}
    left = Fraction(loss)
    while active and left:
        level = left / sum(g.weight for g in active)
        full = [g for g in active if g.weight * level >= g.cap]
        if not full:
            return shares | {g.account: g.weight * level for g in active}
        for g in full:
            shares[g.account] = Fraction(g.cap)
            left -= g.cap
            active.remove(g)
    return shares


@settings(max_examples=500, deadline=None)
@given(losses, groups)
def test_shares_add_up_and_follow_the_exact_division(loss, group):
    shares, remainder = share_pro_rata(loss, group)
    able = sum(g.cap for g in group if g.weight)
    assert sum(atoms for _, atoms in shares) + remainder == loss
    assert remainder == max(0, loss - able)
    paid = dict(shares)
    truth = water(loss, group)
    for g in group:
        share = paid.get(g.account, 0)
        assert 0 <= share <= g.cap
        assert abs(share - truth[g.account]) < 1
    assert all(atoms > 0 for _, atoms in shares)
    assert [a for a, _ in shares] == sorted(a for a, _ in shares), "the order of the gains"


@given(losses, groups, st.integers(-100, 10**18))
def test_a_deficit_is_covered_in_order(deficit, group, fund):
    fund_pays, shared, uncovered = cover(deficit, fund, group)
    assert deficit == fund_pays + sum(atoms for _, atoms in shared) + uncovered
    assert 0 <= fund_pays <= max(0, fund)
    if shared or uncovered:
        assert fund_pays == max(0, fund), "nobody else pays while the fund has anything"
    if uncovered:
        assert dict(shared) == {g.account: g.cap for g in group if g.weight and g.cap}


def test_odd_atoms_by_running_sums():
    # 10 over three equal weights: running floors 3, 6, 10, so 3, 3, 4.
    shared = share_pro_rata(10, [Gain(1, 1, 99), Gain(2, 1, 99), Gain(3, 1, 99)])
    assert shared.shares == ((1, 3), (2, 3), (3, 4))


def test_a_second_cap_binds_only_after_the_first():
    # 30 over equal weights is 10 each; the cap of 2 leaves 28 for two, 14 each; then 13 binds: 15.
    shared = share_pro_rata(30, [Gain(1, 1, 2), Gain(2, 1, 13), Gain(3, 1, 99)])
    assert shared.shares == ((1, 2), (2, 13), (3, 15))


def test_without_gains_the_whole_loss_stays():
    assert share_pro_rata(7, []) == ((), 7)
    assert share_pro_rata(7, [Gain(1, 0, 50)]) == ((), 7)


def test_a_negative_weight_is_refused_by_its_place():
    with pytest.raises(ValueError, match=r"at \$\.gains\[1\]"):
        share_pro_rata(7, [Gain(1, 1, 1), Gain(2, -1, 1)])


@given(st.integers(0, 10**20), st.integers(0, 10**9), st.integers(-(10**19), 10**19))
def test_a_fee_never_makes_its_payer_bankrupt(notional, ratio, equity):
    fee = liquidation_fee(notional, ratio, equity)
    assert fee >= 0
    assert equity - fee >= min(equity, 0)
    full = Fraction(notional * ratio, 10**9)
    assert fee - full < 1
    if equity >= full + 1:
        assert fee >= full, "owed rounds up"
