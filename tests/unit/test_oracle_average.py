"""Reducers, averages over time, the mark and the delayed price, with the arithmetic beside them."""

from __future__ import annotations

import pytest

from seawall.market.oracle import (
    DelayedPrice,
    Exponential,
    Mean,
    TimeError,
    advanced,
    impact_mid,
    impact_price,
    mark_price,
    median,
    vote,
    weighted_mean,
    weighted_median,
)
from seawall.money import Rounding


def test_a_median_of_an_even_number_rounds_to_the_named_side() -> None:
    # −3 and −2 have −2.5 between them.
    assert [median([-3, -2], side) for side in Rounding] == [-3, -2, -2]
    assert [median([3, 4, 1, 9], side) for side in Rounding] == [3, 4, 4]
    with pytest.raises(ValueError, match="needs a value"):
        median([])


def test_weights_decide() -> None:
    assert weighted_median([30, 10, 20], [3, 1, 1]) == 30
    assert weighted_median([30, 10, 20], [2, 1, 1]) == 25  # Half lies below 20, half above.
    assert weighted_mean([10, 20], [1, 2], Rounding.DOWN) == 16  # 50 / 3.
    for wrong in ([0, 1], [1, -1]):
        with pytest.raises(ValueError, match="positive"):
            weighted_mean([1, 2], wrong)
    with pytest.raises(ValueError, match="needs a weight"):
        weighted_mean([], [])


def test_an_unsure_source_pulls_less() -> None:
    # Votes 70, 99, 100, 100, 101, 101, 102, 103, 190: middle 101, quartiles 100 and 102.
    assert vote([(100, 1), (102, 1), (130, 60)]) == vote([(102, 1), (130, 60), (100, 1)])
    assert vote([(100, 1), (101, 2), (130, 60)]) == (101, 2)
    assert vote([(100, 0)]) == (100, 0)


def test_a_mean_over_a_window() -> None:
    mean = Mean(1_000).observed(100, 0).observed(300, 600)
    # 100 for 600 ms and 300 for 400 ms: 180.
    assert mean.price(1_000) == 180
    # The window slides: 100 for 100 ms, 300 for 900 ms: 280.
    assert mean.price(1_500) == 280
    later = mean.observed(0, 5_000)
    assert later.points[0] == (600, 60_000, 300)  # What is older than the window is forgotten.
    assert later.price(5_001) == 300  # 299.7
    assert later.price(5_001, Rounding.DOWN) == 299
    assert mean.observed(7, 600).points[-1] == (600, 60_000, 7)  # The later of two in one moment.
    assert Mean(1_000).price(10) is None
    with pytest.raises(TimeError):
        mean.observed(1, 599)
    with pytest.raises(TimeError):
        Mean(100).observed(1, 0).observed(2, 200).price(199)


def test_an_exponential_average_forgets_by_time() -> None:
    start = Exponential(1_000).observed(100, 0)
    assert start.observed(200, 1_000).price() == 150  # 1000 / (1000 + 1000)
    assert start.observed(200, 3_000).price() == 175  # 3000 / 4000
    assert start.observed(200, 0).price() == 100  # No time passed.
    assert start.observed(-100, 1_000).price() == 0
    assert Exponential(1_000).price() is None
    with pytest.raises(TimeError):
        start.observed(1, -1)
    # It does not stall: a distance of one atom is walked in small steps.
    value = Exponential(1_000_000).observed(0, 0)
    for time_ms in range(1, 20_000_000, 100_000):
        value = value.observed(1, time_ms)
    assert value.price() == 1


def test_a_mark_is_the_middle_of_three() -> None:
    assert mark_price(1_000, -5, 990, 1) == 990
    assert mark_price(1_000, -5, 10**9, 10**9 + 1) == 10**9
    assert mark_price(1_000, -5, None, 5_000) == 995
    assert mark_price(1_000, -5, 5_000, None) == 995


def test_an_impact_price_walks_the_book() -> None:
    asks = [(100, 10), (120, 10)]
    assert impact_price(asks, 500) == 100
    # 1000 buys 10 at 100, 600 buys 5 at 120: 1600 / 15 = 106.67.
    assert impact_price(asks, 1_600) == 107
    assert impact_price(asks, 2_200) == 110
    assert impact_price(asks, 2_201) is None
    assert impact_mid([(90, 100)], asks, 1_600) == 98  # (90 + 107) / 2 = 98.5, to even.
    assert impact_mid([], asks, 1) is None


def test_a_delayed_price_can_be_stopped_before_it_counts() -> None:
    price = advanced(advanced(DelayedPrice(), 200, 3_600, 3_600), 50, 7_200, 3_600)
    assert (price.current, price.following) == (200, 50)
    stopped = price.stopped()
    assert advanced(stopped, 200, 10_800, 3_600) == stopped  # The wrong 50 never counts.
    voided = stopped.voided()
    assert (voided.current, voided.following, voided.is_stopped) == (None, None, True)
    again = advanced(voided.started(), 205, 10_800, 3_600)
    assert (again.current, again.following) == (None, 205)
    assert advanced(again, 206, 14_400, 3_600).current == 205
    assert advanced(price, None, 10_800, 3_600) == price  # An invalid source changes nothing.
