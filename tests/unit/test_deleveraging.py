import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.liquidation import SCORE_ONE, Candidate, deleverage, rank, score

candidates = st.lists(
    st.builds(
        Candidate,
        account=st.integers(6, 10**6),
        lots=st.integers(-500, 500).filter(bool),
        profit=st.integers(-(10**14), 10**14),
        notional=st.integers(1, 10**15),
        margin_equity=st.integers(-(10**13), 10**15),
    ),
    max_size=30,
    unique_by=lambda one: one.account,
)


def exact_score(one):
    entry = max(1, one.notional - one.profit if one.lots > 0 else one.notional + one.profit)
    gain = Fraction(one.profit, entry)
    leverage = Fraction(one.notional, max(1, one.margin_equity))
    return gain * leverage if one.profit > 0 else gain / leverage


@settings(max_examples=200, deadline=None)
@given(candidates)
def test_rank_is_the_exact_order_and_total(group):
    ranked = rank(group)
    assert sorted(ranked) == sorted(group)
    assert rank(reversed(group)) == ranked
    for first, second in itertools.pairwise(ranked):
        assert (first.profit <= 0) <= (second.profit <= 0)
        if (first.profit > 0) == (second.profit > 0):
            assert exact_score(first) > exact_score(second) - Fraction(1, SCORE_ONE)
        assert score(first) != score(second) or (
            first.account < second.account or first.profit > 0 >= second.profit
        )


@given(candidates, st.integers(-3_000, 3_000))
def test_lots_are_conserved_and_nobody_gives_more_than_they_have(group, lots):
    ranked = rank(group)
    result = deleverage(lots, ranked)
    assert sum(take.lots for take in result.takes) + result.remainder == lots
    held = {one.account: one.lots for one in group}
    for take in result.takes:
        assert take.lots * lots > 0
        assert take.lots * held[take.account] < 0
        assert abs(take.lots) <= abs(held[take.account])
    if result.remainder:
        assert len(result.takes) == sum(one.lots * lots < 0 for one in group)
    queue = [one.account for one in ranked if one.lots * lots < 0]
    assert [take.account for take in result.takes] == queue[: len(result.takes)]
    for take in result.takes[:-1]:
        assert take.lots == -held[take.account], "only the last may be taken in part"


def test_a_small_winner_goes_before_somebody_at_zero():
    tiny = Candidate(9, 1, 1, 10**15, 10**40)  # Its score rounds down to 0.
    flat = Candidate(8, 1, 0, 10**15, 10**15)
    assert score(tiny) == score(flat) == 0
    assert rank([flat, tiny]) == [tiny, flat]


def test_losers_come_by_loss_per_leverage():
    # A loses 10 % at leverage 2: −0.05. B loses 10 % at leverage 10: −0.01, so B is first.
    a = Candidate(1, 1, -10, 90, 45)
    b = Candidate(2, 1, -10, 90, 9)
    assert rank([a, b]) == [b, a]


def test_equal_scores_go_by_account():
    twins = [Candidate(n, -1, 5, 100, 20) for n in (9, 7, 8)]
    assert [one.account for one in rank(twins)] == [7, 8, 9]


def test_nobody_on_the_other_side():
    result = deleverage(-4, [Candidate(1, -3, 5, 100, 20)])
    assert result.takes == ()
    assert result.remainder == -4
