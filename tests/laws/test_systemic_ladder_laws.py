"""Laws of the ladder: the least fixed point, in any order, and what follows from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seawall.systemic import (
    LAWS,
    BookProfile,
    ConstantProduct,
    Exponential,
    Ladder,
    Linear,
    SquareRoot,
    avalanches,
    cascade,
    final_prices,
    ladder,
    local_gain,
    refreshed,
    thresholds,
)


class Book(NamedTuple):
    """Accounts of one side around a price of 100."""

    side: str
    price: np.ndarray
    size: np.ndarray
    broke: np.ndarray

    @property
    def steps(self) -> Ladder:
        return ladder(self.price, self.size, self.broke, self.side)  # type: ignore[arg-type]


@st.composite
def books(draw: st.DrawFn, most: int = 25) -> Book:
    side = draw(st.sampled_from(["long", "short"]))
    sign = 1.0 if side == "long" else -1.0
    count = draw(st.integers(1, most))
    away = draw(st.lists(st.integers(1, 300), min_size=count, max_size=count))
    size = draw(st.lists(st.integers(1, 400), min_size=count, max_size=count))
    room = draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))
    price = 100.0 - sign * np.array(away) / 10.0
    return Book(side, price, np.array(size, float), price - sign * np.array(room) / 10.0)


laws = st.sampled_from(
    [
        Linear(0.004),
        Exponential(20_000.0),
        SquareRoot(0.7, 0.05, 5_000.0),
        ConstantProduct(40_000.0),
        BookProfile((0.02, 0.1, 0.5), (1_000.0, 3_000.0, 20_000.0)),
    ]
)
shocks = st.floats(0.0, 0.3)


def shock_of(book: Book, size: float) -> float:
    return -size if book.side == "long" else size


def one_by_one(
    book: Book, law: LAWS, start: float, order: list[int], share: float = 1.0
) -> tuple[float, set[int]]:
    """Brute force: close the first account of an order that is reached, until none is."""
    sign = 1.0 if book.side == "long" else -1.0
    closed: set[int] = set()
    here = start
    while True:
        reached = [
            i for i in order if i not in closed and sign * here <= sign * float(book.price[i])
        ]
        if not reached:
            return here, closed
        closed.add(reached[0])
        units = float(book.size[list(closed)].sum())
        here = law.price_after(start, sign * units * share)


@given(books(), laws, shocks, st.randoms())
def test_any_order_of_closing_ends_there(book: Book, law: LAWS, size: float, dice: object) -> None:
    order = list(range(book.price.size))
    dice.shuffle(order)  # type: ignore[attr-defined]
    shock = shock_of(book, size)
    found = cascade(book.steps, law, 100.0, shock)
    final, closed = one_by_one(book, law, 100.0 * (1.0 + shock), order)
    assert found.final == pytest.approx(final, rel=1e-12)
    assert found.accounts == len(closed)
    assert found.forced == book.size[list(closed)].sum()


@given(books(), laws, shocks)
def test_it_is_the_least_fixed_point(book: Book, law: LAWS, size: float) -> None:
    """All fixed points by trying every number of closed accounts; the first is the nearest."""
    shock = shock_of(book, size)
    start, steps = 100.0 * (1.0 + shock), book.steps
    found = cascade(steps, law, 100.0, shock)
    for count in range(book.price.size + 1):
        here = law.price_after(start, steps.sign * float(steps.forced[count]))
        if int((steps.closing.key >= steps.sign * here).sum()) == count:
            assert found.accounts == count
            assert found.final == here
            return
    raise AssertionError("the count of a cascade is always a fixed point")


@given(books(), laws, shocks, shocks)
def test_a_larger_shock_or_less_depth_never_ends_nearer(
    book: Book, law: LAWS, first: float, second: float
) -> None:
    low, high = sorted((first, second))
    steps = book.steps
    near = cascade(steps, law, 100.0, shock_of(book, low))
    far = cascade(steps, law, 100.0, shock_of(book, high))
    thin = cascade(steps, law.shrunk(0.5), 100.0, shock_of(book, low))
    for worse in (far, thin):
        assert steps.sign * worse.final <= steps.sign * near.final + 1e-9
        assert worse.accounts >= near.accounts
        assert worse.bad_debt_at_final >= near.bad_debt_at_final - 1e-6


@given(books(), laws, st.floats(0.001, 0.3))
def test_amplification_is_at_least_one_and_without_impact_it_is_one(
    book: Book, law: LAWS, size: float
) -> None:
    shock = shock_of(book, size)
    assert cascade(book.steps, law, 100.0, shock).amplification >= 1.0 - 1e-12
    off = cascade(book.steps, law, 100.0, shock, book_share=0.0)
    assert off.amplification == pytest.approx(1.0)
    assert off.final == off.shocked == off.average


@given(books(), laws, shocks)
def test_bad_debt_at_the_average_lies_between_none_and_that_at_the_final_price(
    book: Book, law: LAWS, size: float
) -> None:
    found = cascade(book.steps, law, 100.0, shock_of(book, size), fund=7.0)
    assert 0.0 <= found.bad_debt <= found.bad_debt_at_final + 1e-6
    assert found.fund_left == 7.0 - found.bad_debt
    sign = 1.0 if book.side == "long" else -1.0
    closed = sign * found.final <= sign * book.price if found.accounts else np.zeros(0, bool)
    owed = np.maximum(0.0, sign * (book.broke - found.average)) * book.size
    if found.accounts:
        assert found.bad_debt == pytest.approx(float(owed[closed].sum()), abs=1e-6)


@given(books(), laws, st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_one_column_of_thresholds_answers_every_shock(
    book: Book, law: LAWS, sizes: list[int]
) -> None:
    """Shocks half-way between numbers at which a linear book could sit on the edge."""
    moves = np.array([shock_of(book, (size + 0.37) / 10_007.0) for size in sizes])
    steps = book.steps
    counts, _, _ = final_prices(steps, law, 100.0, moves)
    assert thresholds(steps, law).accounts(100.0, moves).tolist() == counts.tolist()


@given(books(), laws)
def test_avalanches_are_the_jumps_of_the_final_price(book: Book, law: LAWS) -> None:
    steps = book.steps
    found = avalanches(thresholds(steps, law), 100.0)
    assert sum(one.accounts for one in found) == book.price.size
    largest = max(one.jump for one in found)
    assert [one.jump for one in avalanches(thresholds(steps, law), 100.0, most=1)] == [largest]
    assert sum(one.forced for one in found) == pytest.approx(book.size.sum())
    for one in found:
        before = cascade(steps, law, 100.0, one.shock - steps.sign * -1e-9)
        after = cascade(steps, law, 100.0, one.shock - steps.sign * 1e-9)
        if one.shock:
            assert after.accounts - before.accounts >= one.accounts
            jumped = steps.sign * (before.final - after.final) / 100.0
            assert jumped >= one.jump - 1e-6


@given(books(most=40), st.data())
def test_a_refreshed_ladder_has_the_bits_of_a_new_one(book: Book, data: st.DataObject) -> None:
    most = book.price.size
    changed = data.draw(st.lists(st.integers(0, most + 3), unique=True, max_size=10))
    size = np.array([data.draw(st.integers(0, 9)) for _ in changed], float)
    away = np.array([data.draw(st.integers(1, 300)) for _ in changed]) / 10.0
    sign = 1.0 if book.side == "long" else -1.0
    price = 100.0 - sign * away
    rows = max([most - 1, *changed]) + 1
    columns = np.full((3, rows), np.nan)
    columns[1] = 0.0
    columns[:, :most] = book.price, book.size, book.broke
    columns[:, changed] = price, size, price - sign
    anew = ladder(*columns, side=book.side)  # type: ignore[arg-type]
    merged = refreshed(book.steps, changed, price, size, price - sign)
    for column, other in ((merged.closing, anew.closing), (merged.failing, anew.failing)):
        for found, wanted in zip(column, other, strict=True):
            assert np.array_equal(found, wanted)


@settings(max_examples=20)
@given(laws, st.floats(0.02, 0.2), st.sampled_from([-1.0, 1.0]))
def test_the_local_gain_is_the_slope_of_the_map_whose_fixed_point_is_sought(
    law: LAWS, depth: float, sign: float
) -> None:
    """f(p) = impact(start, forced(p)) on 20,000 even accounts, start such that f(p) = p."""
    away = 0.25 * (np.arange(20_000) + 0.5) / 20_000
    side = "long" if sign > 0 else "short"
    steps = ladder(100.0 * (1.0 - sign * away), np.full(20_000, 0.1), side=side)  # type: ignore
    step = int(depth / 0.25 * 20_000)
    here, width = float(steps.price[step]), 0.0005
    closed = float(steps.forced_at(here))
    start = float(law.price_before(here, sign * closed))
    further = here * (1.0 - sign * width)
    later = float(steps.forced_at(further))
    if isinstance(law, BookProfile):  # At a level of a book the slope jumps, and no width is small.
        assume(np.searchsorted(law.depth, closed) == np.searchsorted(law.depth, later))
    change = sign * (here - law.price_after(start, sign * later))
    gain = float(local_gain(steps, law, width)[step])
    assert gain == pytest.approx(change / (here * width), rel=0.02)
