"""The column model by hand: two longs at 100, one of 300 units and one of 200."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from seawall.simulation.sweep import columns

NOTIONAL = np.array([30_000.0, 20_000.0])
POSTED = np.array([1_800.0, 1_800.0])  # Bankrupt at 94 and at 91.


def base(sold: float, parts: int, **rules: float) -> columns.Columns:
    """Maintenance 1 ÷ 95: closed at 94 · 95 ÷ 94 = 95 and at 91 · 95 ÷ 94 = 91.968.

    Selling `sold` dollars moves the price by 1 %, at every size of shock.
    """
    tree = {
        "rules": {"initial_ratio": 2 / 95, "maintenance_share": 0.5, **rules},
        "book": {"price": 100.0, "accounts": 2},
        "depth": {"law": "linear", "notional": sold, "move": 0.01, "calm": 1.0},
        "shock": {"parts": parts},
    }
    return columns.typed(tree)


def test_one_account_takes_the_other_with_it() -> None:
    # A unit costs everybody 0.01. 100 · 0.949 = 94.9; less 300 · 0.01 = 91.9, below 91.968; less
    # 500 · 0.01 = 89.9. On average 94.9 − 2.5 = 92.4: the first owes 300 · 1.6 = 480; the second
    # has 200 · 1.4 left and pays the fee of 0.005 · 200 · 92.4 = 92.4.
    found = columns.closed(base(10_000, 1), NOTIONAL, POSTED, "long", -0.051)
    assert found == pytest.approx((480.0, 92.4, 50_000.0))


def test_a_slide_closes_the_first_before_it_owes() -> None:
    # A unit costs 0.001. Half way, at 94.9, the first is sold at 94.9 − 0.15 = 94.75 on average: it
    # has 300 · 0.75 = 225 and pays 0.005 · 300 · 94.75 = 142.125. At 89.8 the second is sold from
    # 89.8 − 0.3 to 89.8 − 0.5, at 89.4, and owes 200 · 1.6 = 320.
    slide = columns.closed(base(100_000, 2), NOTIONAL, POSTED, "long", -0.102)
    assert slide == pytest.approx((320.0, 142.125, 50_000.0))
    # As one gap both are sold from 89.8, at 89.55: 300 · 4.45 + 200 · 1.45 = 1,625, and no fee.
    gap = columns.closed(base(100_000, 1), NOTIONAL, POSTED, "long", -0.102)
    assert gap == pytest.approx((1_625.0, 0.0, 50_000.0))


def test_what_does_not_reach_the_book_moves_nothing() -> None:
    # At 94.9 the first is taken over: 300 · 0.9 = 270 left, fee 0.005 · 300 · 94.9 = 142.35.
    found = columns.closed(base(10_000, 1, book_share=0.0), NOTIONAL, POSTED, "long", -0.051)
    assert found == pytest.approx((0.0, 142.35, 30_000.0))


def test_shorts_are_the_mirror() -> None:
    # Bankrupt at 106 and 109; closed at 106 ÷ (1 + 1/95) = 104.896 and 107.865. Up to 105.1, plus
    # 300 · 0.01 = 108.1, plus 2 = 110.1; bought at 107.6: the first owes 300 · 1.6 = 480.
    found = columns.closed(base(10_000, 1), NOTIONAL, POSTED, "short", 0.051)
    assert found == pytest.approx((480.0, 0.005 * 200 * 107.6, 50_000.0))


def test_an_outcome_adds_up() -> None:
    tree = {"book": {"accounts": 500}, "rules": {"initial_ratio": 0.02, "fund_ratio": 0.001}}
    for seed in range(40):
        outcome = columns.run(tree, seed)
        people = columns.accounts(columns.typed(tree), seed)
        assert outcome.average_margin == 0.02
        assert outcome.collateral_utilisation == pytest.approx(
            0.02 * people.notional.sum() / people.posted.sum()
        )
        assert outcome.uncovered == max(0.0, -outcome.fund_left)
        assert outcome.bad_debt >= 0.0
        assert outcome.forced_notional <= people.notional.sum() * (1 + 1e-12)


def test_a_rule_moves_what_is_posted_and_nothing_else() -> None:
    low = columns.typed({"rules": {"initial_ratio": 0.01}})
    high = msgspec.structs.replace(low, rules=columns.Rules(initial_ratio=0.2))
    one, two = columns.accounts(low, 5), columns.accounts(high, 5)
    assert (one.notional == two.notional).all()
    assert (one.is_long == two.is_long).all()
    assert (two.posted >= 0.2 * two.notional).all()
    assert (two.posted >= one.posted).all()
    assert columns.shock(low.shock, 5) == columns.shock(high.shock, 5)


def test_canary_a_dollar_from_nowhere_is_noticed() -> None:
    """The gap from 94.9: 1,800 each; takers give 92.4, 7.6 a unit less than 100, for 500 units.

    1,800 + 1,800 − 3,800 = −200: the first owes 480, the second keeps 280 − 92.4 and pays 92.4.
    """
    paid, kept, fees, owed = -3_800.0, [0.0, 187.6], [0.0, 92.4], [480.0, 0.0]
    columns.conserve(POSTED, paid, *map(np.array, (kept, fees, owed)))
    for wrong in (1.0, -1.0):
        with pytest.raises(AssertionError, match="a part of a shock adds up"):
            columns.conserve(POSTED, paid, *map(np.array, ([wrong, 187.6], fees, owed)))
