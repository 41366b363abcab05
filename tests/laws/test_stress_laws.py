"""Laws of the stress test: the fast path is the engine, and the order of runs changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from seawall.engine.rules.rulebook import read as read_rules
from seawall.engine.state import Venue
from seawall.portfolio import Market, venue_at
from seawall.portfolio.read import read
from seawall.simulation.stress import (
    Fall,
    Line,
    Spread,
    Steps,
    book_of_frame,
    closings,
    drawn,
    fall,
    steps_of,
)
from seawall.simulation.stress.exact import exact_fall
from seawall.simulation.stress.fall import one
from seawall.systemic import LAWS, BookProfile, ConstantProduct, Exponential, Linear, SquareRoot
from seawall.systemic.ladder import cascade

RULES = """
format = 1
name = "stress"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8, haircut = 0.05 },
  { id = "ETH", decimals = 8 },
]
call.close_out_ratio = 0.6
call.grace_ms = { patient = 60_000 }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.04, maintenance = 0.02 }]
brackets.ETH = [{ above = 0, initial = 0.06, maintenance = 0.03 }]

[margin.patient]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
brackets.ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[margin.scan]
method = "scan"
moves = [-0.05, 0, 0.05]
initial_factor = 1.3
"""
MARKET = """
time = 2026-01-01T00:00:00Z
prices = { USDC = 1, BTC = 50_000, ETH = 2_000 }
contracts = [
  { id = "BTC/USDC:USDC", lot = 0.001, tick = 0.1, mark = 49_990 },
  { id = "BTC/USD:BTC", face = 100, tick = 0.1, mark = 50_010 },
  { id = "ETH/USDC:USDC", lot = 0.01, tick = 0.01 },
]
"""
METHODS = ("cross", "patient", "scan")


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Venue:
    file: Path = tmp_path_factory.mktemp("stress") / "market.toml"
    file.write_text(MARKET)
    return venue_at(read_rules(RULES), read(file, Market))


class Trader(NamedTuple):
    method: str
    size: int  # Thousandths of a BTC, by the side that the shock closes if above 0.
    ether: int  # Hundredths.
    leverage: float


traders = st.lists(
    st.builds(
        Trader,
        method=st.sampled_from(METHODS),
        size=st.integers(0, 20_000),
        ether=st.sampled_from([0, 0, -900, 1_500]),
        leverage=st.floats(1.5, 30.0),
    ),
    min_size=1,
    max_size=20,
)
winners = st.lists(st.integers(1, 20_000), max_size=3)
laws = st.sampled_from(
    [
        Linear(30.0),
        Exponential(900.0, 10_000.0),
        SquareRoot(0.8, 0.05, 200.0),
        ConstantProduct(1_500.0),
        BookProfile((0.01, 0.03, 0.1), (20.0, 40.0, 90.0)),
        Linear(0.0),
    ]
)


def frame(people: list[Trader], others: list[int], sign: int) -> pl.DataFrame:
    rows = []
    for place, one_of_them in enumerate(people):
        btc = one_of_them.size / 1_000
        ether = one_of_them.ether / 100
        worth = btc * 50_000 + abs(ether) * 2_000
        cash = max(50, round(worth / one_of_them.leverage))
        for asset, quantity in (
            ("USDC", f"{cash}"),
            ("BTC/USDC:USDC", f"{sign * btc:.3f}"),
            ("ETH/USDC:USDC", f"{sign * ether:.2f}"),
        ):
            rows.append((f"a{place}", asset, quantity, one_of_them.method))
    for place, size in enumerate(others):
        rows.append((f"b{place}", "USDC", "100000000", "cross"))
        rows.append((f"b{place}", "BTC/USDC:USDC", f"{-sign * size / 1_000:.3f}", "cross"))
    return pl.DataFrame(rows, ["account", "asset", "quantity", "method"], orient="row")


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    people=traders,
    others=winners,
    law=laws,
    sign=st.sampled_from([1, -1]),
    size=st.floats(0.005, 0.35),
    beta=st.sampled_from([0.0, 1.3]),
    book_share=st.sampled_from([1.0, 0.6]),
)
def test_the_fast_path_is_the_engine(
    venue: Venue,
    people: list[Trader],
    others: list[int],
    law: LAWS,
    sign: int,
    size: float,
    beta: float,
    book_share: float,
) -> None:
    """Who is closed, what is sold, and where the price ends, from real events and real effects."""
    book = book_of_frame(frame(people, others, sign), venue, None)
    side, shock = ("long", -size) if sign > 0 else ("short", size)
    line = Line("BTC", side, {"ETH": beta})  # type: ignore[arg-type]
    found = closings(book, line)
    steps = steps_of(found, 1)
    assume((steps.ladder.closing.units >= 0.0).all())  # A purchase among sales: the order matters.
    quick = one(steps, law, found.price, Fall(shock, book_share=book_share))
    near = np.abs(found.closes[:, None] - quick.path[0][None, :]) / found.price
    assume(not (near[np.isfinite(found.closes)] < 1e-6).any())  # A coin's toss for either.
    exact = exact_fall(book, line, law, shock, book_share)
    closed = steps.ladder.closing.account[: int(quick.accounts[0])]
    assert {book.names[account] for account in closed} == exact.closed
    assert sign * quick.forced[0] == pytest.approx(exact.units, rel=1e-9)
    assert quick.final[0] == pytest.approx(exact.final, rel=1e-5, abs=0.1)  # One tick.


@pytest.fixture(scope="module")
def crowd(venue: Venue) -> tuple[float, Steps]:
    """Two hundred traders of all sizes and both sides."""
    people = [
        Trader(METHODS[n % 3], 100 + 37 * n % 4_000, 300 * (n % 7 == 0), 1.5 + n % 23)
        for n in range(200)
    ]
    book = book_of_frame(frame(people, [5_000] * 20, 1), venue, None)
    found = closings(book, Line("BTC", "long"))
    return found.price, steps_of(found, 1)


@given(law=laws, shock=st.floats(-0.6, -0.001), share=st.sampled_from([1.0, 0.4]))
def test_a_gap_is_the_cascade_of_the_monitor(
    crowd: tuple[float, Steps], law: LAWS, shock: float, share: float
) -> None:
    price, steps = crowd
    ours = one(steps, law, price, Fall(shock, book_share=share))
    theirs = cascade(steps.ladder, law, price, shock, book_share=share)
    assert int(ours.accounts[0]) == theirs.accounts
    assert (ours.final[0], ours.forced[0]) == (theirs.final, theirs.forced)
    assert ours.average[0] == pytest.approx(theirs.average, rel=1e-9)
    assert tuple(ours.path[0, : len(theirs.path)]) == theirs.path[:32]


@given(law=laws, shock=st.floats(-0.5, -0.001), ticks=st.integers(2, 40))
def test_ticks_change_what_is_owed_and_not_where_it_ends(
    crowd: tuple[float, Steps], law: LAWS, shock: float, ticks: int
) -> None:
    """Full closes and lasting impact: the least fixed point, whatever the way to it."""
    price, steps = crowd
    gap, slow = (one(steps, law, price, Fall(shock, ticks=n)) for n in (1, ticks))
    assert slow.accounts[0] == gap.accounts[0]
    assert slow.final[0] == pytest.approx(gap.final[0], rel=1e-12)
    assert slow.path[0, -1] == slow.final[0]


@given(
    law=laws,
    seed=st.integers(0, 2**32),
    first=st.integers(0, 30),
    count=st.integers(1, 20),
    ticks=st.sampled_from([1, 7]),
)
def test_a_run_has_the_same_bits_alone_and_in_company(
    crowd: tuple[float, Steps], law: LAWS, seed: int, first: int, count: int, ticks: int
) -> None:
    price, steps = crowd
    named = Fall(-0.1, resilience=0.05)
    draws, again = drawn(seed, 60, named, Spread()), drawn(seed, 90, named, Spread())
    for some, more in zip(draws, again, strict=True):
        assert (some == more[:60]).all()
    every = fall(steps, law, price, *draws, ticks=ticks)
    part = fall(steps, law, price, *(d[first : first + count] for d in draws), ticks=ticks)
    for whole, piece in zip(every, part, strict=True):
        assert np.array_equal(whole[first : first + count], piece)


@given(seed=st.integers(0, 2**32), shock=st.floats(-0.9, 2.0).filter(lambda x: abs(x) > 1e-3))
def test_draws_stay_where_they_may(seed: int, shock: float) -> None:
    draws = drawn(seed, 200, Fall(shock), Spread(shock=2.0, depth=2.0, resilience=1.0))
    assert ((draws.shock * shock >= 0.0) & (draws.shock > -1.0)).all()
    assert ((draws.depth > 0.0) & (draws.depth <= 2.0)).all()
    assert ((draws.resilience >= 0.0) & (draws.resilience <= 0.95)).all()


@given(shock=st.floats(-0.5, -0.01), law=laws)
def test_more_depth_never_closes_more(crowd: tuple[float, Steps], law: LAWS, shock: float) -> None:
    price, steps = crowd
    depth = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    found = fall(steps, law, price, np.full(5, shock), depth, np.zeros(5))
    assert (np.diff(found.accounts) <= 0).all()
    assert (np.diff(found.final) >= -1e-9 * price).all()
