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
    Columns,
    Fall,
    Ground,
    Line,
    Spread,
    StressBook,
    book_of_frame,
    books_of,
    closings,
    columns_of,
    conserve,
    drawn,
    fall,
    ladder_of,
    one,
    rules_of,
    traced,
)
from seawall.simulation.stress.exact import exact_fall
from seawall.simulation.stress.judging import grouped
from seawall.systemic import (
    LAWS,
    BookProfile,
    ConstantProduct,
    Exponential,
    Ladder,
    Linear,
    SquareRoot,
)
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
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005, \
size = SIZE }

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
  { id = "BTC/USDC", lot = 0.001, tick = 0.1 },
]
"""
SIZES = {
    "least": '{ size = "least" }',
    "full": '{ size = "full" }',
    "close_factor": '{ size = "close_factor", share = 0.5, full_below = 0.5 }',
    "multiples": '{ size = "multiples", share = 0.2 }',
}
COINS = ("USDC", "BTC", "ETH")
METHODS = ("cross", "patient", "scan")


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Venue]:
    file: Path = tmp_path_factory.mktemp("stress") / "market.toml"
    file.write_text(MARKET)
    market = read(file, Market)
    return {
        name: venue_at(read_rules(RULES.replace("SIZE", size)), market)
        for name, size in SIZES.items()
    }


class Trader(NamedTuple):
    method: str
    size: int  # Thousandths of a BTC, by the side that the shock closes if above 0.
    ether: int  # Hundredths; not under `scan`, where rows hedge each other.
    faces: int  # Inverse contracts of 100 dollars, and as much BTC posted for them.
    leverage: float


traders = st.lists(
    st.builds(
        Trader,
        method=st.sampled_from(METHODS),
        size=st.integers(0, 20_000),
        ether=st.sampled_from([0, 0, -900, 1_500]),
        faces=st.sampled_from([0, 0, 300]),
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
    for place, person in enumerate(people):
        btc, faces = person.size / 1_000, person.faces * 100
        ether = person.ether / 100 if person.method != "scan" else 0.0
        faces = 0 if person.method == "scan" else faces
        worth = btc * 50_000 + abs(ether) * 2_000 + faces
        cash = max(50, round(worth / person.leverage))
        held = [("USDC", f"{cash}"), ("BTC/USDC:USDC", f"{sign * btc:.3f}")]
        held.append(("ETH/USDC:USDC", f"{sign * ether:.2f}"))
        if faces:
            held += [("BTC/USD:BTC", f"{sign * faces}"), ("BTC", f"{faces / 100_000:.8f}")]
        rows += [(f"a{place}", asset, quantity, person.method) for asset, quantity in held]
    for place, size in enumerate(others):
        rows.append((f"b{place}", "USDC", "100000000", "cross"))
        rows.append((f"b{place}", "BTC/USDC:USDC", f"{-sign * size / 1_000:.3f}", "cross"))
    return pl.DataFrame(rows, ["account", "asset", "quantity", "method"], orient="row")


def ground(book: StressBook, line: Line, by_coin: dict[str, LAWS], at_mark: bool) -> Ground:
    beta = np.array([line.beta.get(coin, 0.0) for coin in COINS])
    rules = rules_of(book.venue, at_mark)
    return Ground(columns_of(book, line), rules, books_of(COINS, by_coin), beta)


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    people=traders,
    others=winners,
    size=st.sampled_from(sorted(SIZES)),
    law=laws,
    sign=st.sampled_from([1, -1]),
    far=st.floats(0.005, 0.35),
    beta=st.sampled_from([0.0, 1.3]),
    ether=st.sampled_from([None, Linear(0.5)]),
    book_share=st.sampled_from([1.0, 0.6]),
)
def test_the_fast_path_is_the_engine(
    venues: dict[str, Venue],
    people: list[Trader],
    others: list[int],
    size: str,
    law: LAWS,
    sign: int,
    far: float,
    beta: float,
    ether: LAWS | None,
    book_share: float,
) -> None:
    """Who is taken from, what is sold of each coin and where each ends: real events and effects.

    In a round all is sold at the mark, as the engine's driver does it. Marks are ticks of 0.1 and
    0.01, so a plan may be a lot larger on one side: each account once a round, 0.001 BTC or 0.01
    ETH. Where such a lot, or a tick, decides who is reached next, the coin's toss is not compared.
    """
    book = book_of_frame(frame(people, others, sign), venues[size], None)
    side, shock = ("long", -far) if sign > 0 else ("short", far)
    line = Line("BTC", side, {"ETH": beta})  # type: ignore[arg-type]
    by_coin = {"BTC": law} if ether is None else {"BTC": law, "ETH": ether}
    quick = traced(ground(book, line, by_coin, at_mark=True), Fall(shock, book_share=book_share))
    near = [
        traced(
            ground(book, line, by_coin, at_mark=True), Fall(shock * s, book_share=book_share)
        ).fallen
        for s in (1.0 - 1e-4, 1.0 + 1e-4)
    ]
    # Who is reached, and in how many rounds, hangs on less than a tick or a lot.
    assume(near[0].accounts == near[1].accounts == quick.fallen.accounts)
    assume(near[0].rounds == near[1].rounds == quick.fallen.rounds)
    exact = exact_fall(book, line, by_coin, shock, book_share)
    assert {book.names[account] for account in quick.trades.account} == exact.closed
    lots = len(quick.trades.account) + 1
    for coin, step in (("BTC", 0.001), ("ETH", 0.01)):
        place = COINS.index(coin)
        units = float(quick.trades.units[quick.trades.coin == place].sum())
        assert units == pytest.approx(exact.units[coin], rel=1e-4, abs=step * lots)
        assert quick.fallen.ends[0, place] == pytest.approx(exact.final[coin], rel=1e-3)
    left = float(quick.fallen.bad_debt[0] - quick.fallen.fees[0])
    turned = float(quick.fallen.notional[0])
    assert left == pytest.approx(exact.bad_debt, abs=1e-3 * turned + 100.0)


@pytest.fixture(scope="module")
def crowd(venues: dict[str, Venue]) -> tuple[StressBook, Ladder, Columns]:
    """Two hundred traders of all sizes and both sides, closed in full, without slippage or fee."""
    people = [
        Trader(METHODS[n % 3], 100 + 37 * n % 4_000, 300 * (n % 7 == 0), 0, 1.5 + n % 23)
        for n in range(200)
    ]
    book = book_of_frame(frame(people, [5_000] * 20, 1), venues["full"], None)
    line = Line("BTC", "long")
    return book, ladder_of(closings(book, line), 1), columns_of(book, line)


def placed(crowd: tuple[StressBook, Ladder, Columns], law: LAWS) -> Ground:
    rules = rules_of(crowd[0].venue)._replace(fee=0.0)
    return Ground(crowd[2], rules, books_of(COINS, {"BTC": law}), np.zeros(3))


@given(law=laws, shock=st.floats(-0.6, -0.001), share=st.sampled_from([1.0, 0.4]))
def test_a_gap_of_full_closes_is_the_cascade_of_the_monitor(
    crowd: tuple[StressBook, Ladder, Columns], law: LAWS, shock: float, share: float
) -> None:
    ours = one(placed(crowd, law), Fall(shock, book_share=share))
    theirs = cascade(crowd[1], law, 50_000.0, shock, book_share=share)
    near = np.abs(crowd[1].closing.key[:, None] - np.array(theirs.path)[None, :]).min(initial=1e9)
    assume(near > 1e-3)  # Two ways to compute one crossing, and a price on it.
    assert int(ours.accounts[0]) == theirs.accounts
    assert ours.final[0] == pytest.approx(theirs.final, rel=1e-9)
    assert ours.forced[0] == pytest.approx(theirs.forced, rel=1e-9, abs=1e-9)
    assert ours.path[0, : len(theirs.path)] == pytest.approx(np.array(theirs.path[:32]), rel=1e-9)


@given(law=laws, shock=st.floats(-0.5, -0.001), ticks=st.integers(2, 40))
def test_ticks_change_what_is_owed_and_not_where_full_closes_end(
    crowd: tuple[StressBook, Ladder, Columns], law: LAWS, shock: float, ticks: int
) -> None:
    """Full closes and lasting impact: the least fixed point, whatever the way to it."""
    on = placed(crowd, law)
    gap, slow = (one(on, Fall(shock, ticks=n)) for n in (1, ticks))
    key = crowd[1].closing.key
    assume(np.abs(key - gap.final[0]).min() > 1e-3)
    assert slow.accounts[0] == gap.accounts[0]
    assert slow.final[0] == pytest.approx(gap.final[0], rel=1e-9)
    assert slow.path[0, -1] == slow.final[0]


@settings(max_examples=25, deadline=None)
@given(
    people=traders,
    others=winners,
    size=st.sampled_from(sorted(SIZES)),
    law=laws,
    sign=st.sampled_from([1, -1]),
    far=st.floats(0.005, 0.6),
    beta=st.sampled_from([-0.5, 0.0, 1.3]),
    ticks=st.sampled_from([1, 10]),
    resilience=st.sampled_from([0.0, 0.2]),
)
def test_who_is_passed_over_would_have_been_found_healthy(
    venues: dict[str, Venue],
    people: list[Trader],
    others: list[int],
    size: str,
    law: LAWS,
    sign: int,
    far: float,
    beta: float,
    ticks: int,
    resilience: float,
) -> None:
    """An endless slope is no bound, so everybody is judged in each round: the same bits."""
    book = book_of_frame(frame(people, others, sign), venues[size], None)
    line = Line("BTC", "long" if sign > 0 else "short", {"ETH": beta})
    on = ground(book, line, {"BTC": law, "ETH": Linear(0.5)}, at_mark=False)
    far = min(far, 0.3) if law == Linear(30.0) else far
    asked = Fall(-sign * far, resilience=resilience, ticks=ticks)
    endless = np.full(on.columns.equity.size, np.inf)
    every = on.columns._replace(
        slope=endless,
        reach=np.zeros(endless.size),
        order=np.argsort(on.columns.reach, kind="stable"),
    )
    quick, slow = traced(on, asked), traced(on._replace(columns=every), asked)
    for ours, theirs in zip(
        (*quick.fallen, *quick.trades), (*slow.fallen, *slow.trades), strict=True
    ):
        assert np.array_equal(ours, theirs)


@settings(max_examples=25)
@given(
    law=laws,
    seed=st.integers(0, 2**32),
    first=st.integers(0, 30),
    count=st.integers(1, 20),
    ticks=st.sampled_from([1, 7]),
)
def test_a_run_has_the_same_bits_alone_and_in_company(
    crowd: tuple[StressBook, Ladder, Columns],
    law: LAWS,
    seed: int,
    first: int,
    count: int,
    ticks: int,
) -> None:
    named = Fall(-0.1, resilience=0.05)
    draws, again = drawn(seed, 60, named, Spread()), drawn(seed, 90, named, Spread())
    for some, more in zip(draws, again, strict=True):
        assert (some == more[:60]).all()
    on = placed(crowd, law)
    every = fall(on, *draws, ticks=ticks)
    some_of = slice(first, first + count)
    shock, depth, back = (column[some_of] for column in draws)
    part = fall(on, shock, depth, back, ticks=ticks)
    for whole, piece in zip(every, part, strict=True):
        assert np.array_equal(whole[first : first + count], piece)


@given(seed=st.integers(0, 2**32), shock=st.floats(-0.9, 2.0).filter(lambda x: abs(x) > 1e-3))
def test_draws_stay_where_they_may(seed: int, shock: float) -> None:
    draws = drawn(seed, 200, Fall(shock), Spread(shock=2.0, depth=2.0, resilience=1.0))
    assert ((draws.shock * shock >= 0.0) & (draws.shock > -1.0)).all()
    assert ((draws.depth > 0.0) & (draws.depth <= 2.0)).all()
    assert ((draws.resilience >= 0.0) & (draws.resilience <= 0.95)).all()


@given(shock=st.floats(-0.5, -0.01), law=laws)
def test_more_depth_never_closes_more(
    crowd: tuple[StressBook, Ladder, Columns], law: LAWS, shock: float
) -> None:
    depth = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    found = fall(placed(crowd, law), np.full(5, shock), depth, np.zeros(5))
    assert (np.diff(found.accounts) <= 0).all()
    assert (np.diff(found.final) >= -1e-6 * 50_000).all()


@settings(max_examples=3, deadline=None)
@given(law=laws, shock=st.floats(-0.4, -0.02))
def test_who_is_alike_falls_together_as_each_does(
    crowd: tuple[StressBook, Ladder, Columns], law: LAWS, shock: float
) -> None:
    """Three copies of everybody, merged, are everybody once at three times the size."""
    columns = crowd[2]
    thrice = columns._replace(
        lots=columns.lots * 3,
        initial=columns.initial * 3,
        maintenance=columns.maintenance * 3,
        held=columns.held * 3,
        quotes=columns.quotes * 3,
        extra=columns.extra * 3,
        equity=columns.equity * 3,
        slope=columns.slope * 3,
    )
    tripled = Ground(thrice, rules_of(crowd[0].venue), books_of(COINS, {"BTC": law}), np.zeros(3))
    copies = crowd[0].parts
    book = StressBook((*copies, *copies, *copies))
    line = Line("BTC", "long")
    merged = grouped(columns_of(book, line), closings(book, line).closes, alone=1)
    assert merged.equity.size < 3 * columns.equity.size / 2
    assert merged.equity.sum() == pytest.approx(thrice.equity.sum())
    assert np.abs(merged.lots).sum() == pytest.approx(np.abs(thrice.lots).sum())
    ours, theirs = one(tripled._replace(columns=merged), Fall(shock)), one(tripled, Fall(shock))
    assert ours.final[0] == pytest.approx(theirs.final[0], rel=0.02)


# -- canaries: what is checked in every fall can fail ----------------------------------------------


def test_canary_a_trade_that_was_not_written_down_is_noticed(
    crowd: tuple[StressBook, Ladder, Columns],
) -> None:
    on = placed(crowd, Linear(30.0))
    found = traced(on, Fall(-0.2))
    lots, coins, quotes = on.columns.lots.copy(), on.columns.held.copy(), on.columns.quotes.copy()
    owner = np.repeat(np.arange(on.columns.equity.size), on.columns.count)
    for row, size, settle, paid in zip(
        found.trades.row, found.trades.lots, found.trades.settle, found.trades.paid, strict=True
    ):
        if row < 0:  # A fee of nothing.
            continue
        lots[row] -= size
        quotes[owner[row], settle] += paid
    conserve(on.columns, found.trades, (lots, coins, quotes))
    quotes[3, 0] += 1.0
    with pytest.raises(AssertionError, match="coin 0 adds up"):
        conserve(on.columns, found.trades, (lots, coins, quotes))
    quotes[3, 0] -= 1.0
    lots[0] += 1.0
    with pytest.raises(AssertionError, match="lots of asset"):
        conserve(on.columns, found.trades, (lots, coins, quotes))


def test_canary_a_book_whose_price_is_not_its_integral_is_noticed(
    crowd: tuple[StressBook, Ladder, Columns],
) -> None:
    """Levels that come nearer again: what takers paid is not what sellers were told."""
    profile = BookProfile((0.01, 0.03, 0.1), (20.0, 40.0, 90.0))
    on = placed(crowd, profile)
    asked = Fall(-0.2, depth=8.0)  # Some forty units: where the levels come nearer.
    one(on, asked)
    distance = on.books.distance.copy()
    distance[1] = [0.0, 0.3, 0.01, 0.02]
    with pytest.raises(AssertionError, match="a round adds up"):
        one(on._replace(books=on.books._replace(distance=distance)), asked)
