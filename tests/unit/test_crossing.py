import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seawall.liquidation.crossing import least_or_best


def counted(excess):
    trials = set()

    def judged(n):
        trials.add(n)
        return excess(n)

    return judged, trials


def test_a_straight_line_takes_four_trials():
    # 7n − 4,000 ≥ 0 from n = 571.4, so 572; trials: 0, the end, the chord's 572, and 571.
    judged, trials = counted(lambda n: 7 * n - 4_000)
    assert least_or_best(judged, 100_000) == 572
    assert trials == {0, 100_000, 572, 571}


def test_a_rise_that_ends_short_takes_three_trials():
    judged, trials = counted(lambda n: 7 * n - 4_000)
    assert least_or_best(judged, 500) == 500
    assert trials == {0, 500, 499}


def test_a_fall_takes_four_trials_and_is_left_alone():
    judged, trials = counted(lambda n: -1 - n)
    assert least_or_best(judged, 500) == 0
    assert trials == {0, 1, 499, 500}


def test_a_hump_above_zero_is_entered_from_the_left():
    # −(n − 30)² + 100 ≥ 0 exactly for 20..40, and it ends below where it began.
    assert least_or_best(lambda n: 100 - (n - 30) ** 2, 90) == 20


def test_a_hump_below_zero_is_climbed():
    assert least_or_best(lambda n: -5 - (n - 30) ** 2, 90) == 30


@pytest.mark.parametrize("limit", [0, 10])
def test_who_has_enough_gives_nothing(limit):
    assert least_or_best(lambda n: n, limit) == 0


@st.composite
def concave(draw):
    """A concave function on whole numbers: a start and falling slopes."""
    slopes = sorted(draw(st.lists(st.integers(-50, 50), min_size=1, max_size=120)), reverse=True)
    values = [draw(st.integers(-2_000, -1))]
    for slope in slopes:
        values.append(values[-1] + slope)
    return values


@settings(max_examples=500, deadline=None)
@given(concave())
@example([-5, -5, -5, -5])
def test_every_concave_function_against_a_full_scan(values):
    found = least_or_best(values.__getitem__, len(values) - 1)
    enough = [n for n, value in enumerate(values) if value >= 0]
    if enough:
        assert found == enough[0]
    else:
        assert values[found] == max(values)


@settings(max_examples=300, deadline=None)
@given(concave(), st.lists(st.integers(0, 30), min_size=121, max_size=121))
def test_a_rough_function_still_gets_a_verified_answer(values, losses):
    """Rounding takes up to 30 away anywhere; the answer is never worse than doing nothing."""
    rough = [value - loss for value, loss in zip(values, losses, strict=False)]
    found = least_or_best(rough.__getitem__, len(rough) - 1, rounding=30)
    assert rough[found] >= rough[0]
    if rough[-1] >= 0 and min(b - a for a, b in itertools.pairwise(values)) >= 1:
        enough = [n for n, value in enumerate(rough) if value >= 0]
        assert found == enough[0]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-100, -1),
    st.lists(st.integers(1, 6), min_size=60, max_size=120),
    st.lists(st.integers(0, 30), min_size=121, max_size=121),
)
def test_the_least_is_found_through_the_roughness_of_rounding(start, slopes, losses):
    slopes.sort(reverse=True)
    smooth = itertools.accumulate(slopes, initial=start)
    rough = [value - loss for value, loss in zip(smooth, losses, strict=False)]
    enough = [n for n, value in enumerate(rough) if value >= 0]
    if rough[-1] >= 0:
        assert least_or_best(rough.__getitem__, len(rough) - 1, rounding=30) == enough[0]
