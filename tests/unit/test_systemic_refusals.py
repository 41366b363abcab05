"""Wrong books, laws and columns are refused with the name of what is wrong."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from seawall.systemic import (
    LAWS,
    BookProfile,
    ConstantProduct,
    DepthState,
    Exponential,
    GainError,
    LadderError,
    Linear,
    Portfolios,
    SquareRoot,
    avalanches,
    cascade,
    distance_to_avalanche,
    distance_to_cascade,
    distance_to_empty_fund,
    fund_size,
    gain_matrix,
    hill,
    ladder,
    refreshed,
    shares,
    spread,
    thresholds,
    top_share,
)
from seawall.systemic.execution import Market, almgren_chriss
from seawall.systemic.hawkes import autoregression
from seawall.systemic.latency import critical_lag, keeper_queue, smallest_worth_liquidating
from seawall.systemic.risk import quantile

BOOK = ladder([95.0, 93.0], [300.0, 200.0])


@pytest.mark.parametrize(
    ("column", "build"),
    [
        ("per_unit", lambda: Linear(-1.0)),
        ("depth", lambda: Exponential(0.0)),
        ("floor", lambda: Exponential(1.0, floor=float("nan"))),
        ("volume", lambda: SquareRoot(1.0, 0.1, 0.0)),
        ("fee", lambda: ConstantProduct(1.0, fee=1.0)),
        ("distance", lambda: BookProfile((0.1,), ())),
        ("depth", lambda: BookProfile((0.1, 0.2), (2.0, 2.0))),
        ("share", lambda: Linear(1.0).shrunk(0.0)),
        ("share", lambda: DepthState(0.5, share=2.0)),
        ("size", lambda: ladder([1.0, 2.0], [1.0])),
        ("size", lambda: ladder([1.0], [-1.0])),
        ("size", lambda: ladder([1.0], [np.inf])),
        ("bankruptcy_price", lambda: ladder([1.0], [1.0], [1.1])),
        ("bankruptcy_price", lambda: ladder([1.0], [1.0], [0.9], "short")),
        ("bankruptcy_price", lambda: ladder([1.0], [1.0], [0.9, 0.8])),
        ("account", lambda: refreshed(BOOK, [0, 0], [1.0, 1.0], [1.0, 1.0])),
        ("account", lambda: refreshed(BOOK, [-1], [1.0], [1.0])),
        ("shock", lambda: cascade(BOOK, Linear(0.0), 100.0, -1.0)),
        ("shock", lambda: cascade(BOOK, Linear(0.0), 100.0, float("nan"))),
        ("confidence", lambda: quantile([1.0], 0.0)),
        ("sample", lambda: quantile([], 0.5)),
        ("largest", lambda: hill([1.0, 2.0], 2)),
        ("temporary", lambda: almgren_chriss(Market(1.0, 3.0, 1.0), 1.0, 1.0, 1, 0.0)),
        ("counts", lambda: autoregression([1.0, 2.0], 3)),
        ("impact", lambda: gain_matrix([[1.0, 2.0]], [[1.0]])),
        ("exposure", lambda: shares([[1.0]], [[1.0]], [[1.0]], [0.0, 0.0], 0.1)),
        ("width", lambda: shares([[1.0]], [[1.0]], [[1.0]], [0.0], 0.0)),
        ("shock", lambda: spread(Portfolios(*(np.ones(1), np.ones((1, 1)), np.ones(1))),
                                 [Linear(0.0)], [1.0], [0.0, 0.0])),
        ("laws", lambda: spread(Portfolios(*(np.ones(1), np.ones((1, 1)), np.ones(1))),
                                [], [1.0], [0.0])),
    ],
)  # fmt: skip
def test_the_message_begins_with_what_is_wrong(column: str, build: object) -> None:
    with pytest.raises(ValueError, match=f"^{column}: "):
        build()  # type: ignore[operator]


def test_own_errors_are_value_errors() -> None:
    assert issubclass(LadderError, ValueError)
    assert issubclass(GainError, ValueError)


def test_a_law_is_read_by_its_name() -> None:
    law = msgspec.json.decode(
        b'{"law": "sqrt", "factor": 0.7, "volatility": 0.04, "volume": 9}', type=LAWS
    )
    assert law == SquareRoot(0.7, 0.04, 9.0)
    with pytest.raises(msgspec.ValidationError, match="depht"):
        msgspec.json.decode(b'{"law": "exponential", "depht": 1}', type=LAWS)


def test_an_empty_book_falls_by_the_shock() -> None:
    nobody = ladder([], [], [])
    found = cascade(nobody, SquareRoot(1.0, 0.1, 1.0), 100.0, -0.2)
    assert (found.final, found.accounts, found.bad_debt) == (80.0, 0, 0.0)
    everything = thresholds(nobody, Linear(1.0))
    assert avalanches(everything, 100.0) == []
    assert distance_to_cascade(everything, 100.0, 0.01) is None
    assert distance_to_avalanche(everything, 100.0, 0.01) is None
    assert distance_to_empty_fund(nobody, Linear(1.0), 100.0, 0.0) is None


def test_accounts_without_a_price_or_a_position_are_not_in_it() -> None:
    found = ladder([np.nan, 95.0, 94.0], [1.0, 0.0, 2.0], [np.nan, np.nan, np.nan])
    assert found.closing.account.tolist() == [2]
    assert found.failing.account.size == 0


def test_an_account_already_below_its_price_is_closed_by_no_shock_at_all() -> None:
    steps = ladder([101.0, 95.0], [100.0, 1.0])
    assert cascade(steps, Linear(0.01), 100.0, 0.0).final == 99.0
    assert thresholds(steps, Linear(0.01)).shocks(100.0) == pytest.approx([0.0, -0.04])
    assert cascade(steps, Linear(0.01), 100.0, 0.0).amplification == 1.0


def test_ends_of_the_small_formulas() -> None:
    assert critical_lag(0.8, 0.0) == np.inf
    assert keeper_queue(10.0, 0.0, 5.0).longest_wait == np.inf
    assert smallest_worth_liquidating(0.05, 10.0, 0.05) == np.inf
    assert fund_size([1.0], carry=2.0, penalty=1.0) == 0.0
    assert top_share([0.0], 1) == 0.0
    assert top_share([1.0, 2.0], 0) == 0.0
    assert top_share([1.0, 2.0], 9) == 1.0
