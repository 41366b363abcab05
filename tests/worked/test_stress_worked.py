"""A stress test small enough for a napkin, and one with options.

Maintenance 2 %, BTC at 50,000. `a` is long 1 BTC with 5,000 dollars, `b` 2 BTC with 16,000:

    a   5,000 + p − 50,000        = 0.02 · p   at p = 45,000 ÷ 0.98 = 45,918.37;  nothing at 45,000
    b   16,000 + 2 · (p − 50,000) = 0.04 · p   at p = 84,000 ÷ 1.96 = 42,857.14;  nothing at 42,000

A gap of 10 % with 2,500 dollars of impact for each coin:

    45,000 reaches a;  45,000 − 1 · 2,500 = 42,500 reaches b;  45,000 − 3 · 2,500 = 37,500
    a is sold from 45,000 to 42,500, at 43,750 on average: 1,250 lacking
    b is sold from 42,500 to 37,500, at 40,000 on average: 2 · 2,000 = 4,000 lacking
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from seawall.engine.rules.rulebook import read as read_rules
from seawall.portfolio import Market, liquidation_price, load, venue_at
from seawall.portfolio.read import read
from seawall.simulation.stress import (
    Asked,
    CoinDepth,
    DepthFile,
    Fall,
    Ground,
    Line,
    StressBook,
    book_of_account,
    book_of_frame,
    books_of,
    closings,
    columns_of,
    one,
    rules_of,
    stress,
    traced,
)
from seawall.simulation.stress.exact import exact_fall
from seawall.systemic import LAWS, Exponential, Linear

RULES = """
format = 1
name = "napkin"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0, SIZE }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.04, maintenance = 0.02 }]
"""
MARKET = """
time = 2026-01-01T00:00:00Z
prices = { USDC = 1, BTC = 50_000 }
contracts = [{ id = "BTC/USDC:USDC", lot = 0.001, tick = 0.1, mark = 50_000 }]
"""
ROWS = [
    ("a", "USDC", "5000"), ("a", "BTC/USDC:USDC", "1"),
    ("b", "USDC", "16000"), ("b", "BTC/USDC:USDC", "2"),
    ("short", "USDC", "900000"), ("short", "BTC/USDC:USDC", "-0.1"),
]  # fmt: skip
EXAMPLES = Path(__file__).parents[2] / "examples"


FULL = 'size = { size = "full" }'


def booked(folder: Path, size: str) -> StressBook:
    (folder / "market.toml").write_text(MARKET)
    rules = read_rules(RULES.replace("SIZE", size))
    venue = venue_at(rules, read(folder / "market.toml", Market))
    frame = pl.DataFrame(ROWS, ["account", "asset", "quantity"], orient="row")
    return book_of_frame(frame, venue, None)


@pytest.fixture
def book(tmp_path: Path) -> StressBook:
    return booked(tmp_path, FULL)


def placed(book: StressBook, law: LAWS) -> Ground:
    coins = [coin.id for coin in book.venue.catalogue.coins]
    columns = columns_of(book, Line("BTC", "long"))
    return Ground(
        columns, rules_of(book.venue), books_of(coins, {"BTC": law}), np.zeros(len(coins))
    )


def test_where_each_is_closed_and_worth_nothing(book: StressBook) -> None:
    found = closings(book, Line("BTC", "long"))
    assert found.closes[:2] == pytest.approx([45_000 / 0.98, 84_000 / 1.96], rel=1e-9)
    assert found.fails[:2] == pytest.approx([45_000.0, 42_000.0], rel=1e-9)
    assert np.isnan(found.closes[2])
    assert found.units[:, 1].tolist() == [1.0, 2.0, 0.0]  # Of those that are closed.
    assert found.slope[:2] == pytest.approx([1.0, 2.0])


def test_a_gap_of_ten_per_cent(book: StressBook) -> None:
    depth = DepthFile(coins={"BTC": CoinDepth(laws=(Linear(2_500.0),))}, fund=4_000.0)
    told = stress(book, depth, Asked("BTC", -0.1, "linear", runs=10, ticks=1))
    fallen = told.fallen
    assert fallen.path[0, :4].tolist() == pytest.approx([45_000.0, 42_500.0, 37_500.0, 37_500.0])
    assert (int(fallen.accounts[0]), int(fallen.rounds[0])) == (2, 2)
    assert fallen.average[0] == pytest.approx((43_750 + 2 * 40_000) / 3)
    assert fallen.bad_debt[0] == pytest.approx(1_250.0 + 4_000.0)
    # From 50,000: a lost 6,250, b 20,000; of it 5,000 each coin before anybody sold. All that the
    # accounts had, 21,000, is gone; 4,000 is the fund's; the short has won 0.1 · 12,500 = 1,250.
    causes, bearers = (15_000.0, 11_250.0, 0.0), (21_000.0, 4_000.0, 1_250.0, 0.0, 0.0)
    assert told.losses == pytest.approx((*causes, *bearers))
    assert told.shares[0][1:] == pytest.approx((5_250.0, 4_000.0, 4_000.0, 1_250.0, 0.0))
    quiet = told.under["no impact"].fallen
    assert (quiet.final[0], int(quiet.accounts[0]), quiet.bad_debt[0]) == (45_000.0, 1, 0.0)
    exact = exact_fall(book, told.found.line, {"BTC": Linear(2_500.0)}, -0.1)
    assert exact.closed == {"a", "b"}
    assert (exact.units["BTC"], exact.final["BTC"]) == pytest.approx((3.0, 37_500.0))


def test_a_slow_fall_ends_at_the_same_price_and_owes_less(book: StressBook) -> None:
    """Ten ticks of about 530 dollars: a is reached in the ninth, at 50,000 · 0.9^0.9 = 45,476."""
    slow = traced(placed(book, Linear(2_500.0)), Fall(-0.1, ticks=10))
    assert slow.fallen.final[0] == pytest.approx(37_500.0)
    first = 50_000 * 0.9**0.9
    sold = slow.trades.notional > 0.0
    assert slow.trades.price[sold] == pytest.approx(
        [first - 1_250, 45_000 - 2_500 - 2_500], rel=1e-9
    )
    assert slow.trades.time[sold].tolist() == [9, 10]
    owed = max(0.0, 45_000 - first + 1_250) + 4_000.0
    assert slow.fallen.bad_debt[0] == pytest.approx(owed)


def test_resilience_lets_the_second_go_unreached(book: StressBook) -> None:
    """Half of a's 2,500 has come back at the last tick, so the price is 45,000 − 1,250 = 43,750."""
    found = one(placed(book, Linear(2_500.0)), Fall(-0.1, resilience=0.5, ticks=10))
    assert int(found.accounts[0]) == 1
    assert found.final[0] == pytest.approx(43_750.0)
    assert found.worst[0] == pytest.approx(50_000 * 0.9**0.9 - 2_500.0)


def test_the_least_is_taken_and_no_more(tmp_path: Path) -> None:
    """At 45,900 a has 900 and must have 918; restored, 4 % of what is left.

    A lot of 0.001 BTC sold at the greatest slippage costs 0.459 and frees 4 % of 45.9, 1.836. So
    900 − 0.459 n ≥ 1,836 − 1.836 n from n = 936 ÷ 1.377 = 679.7 on: 680 lots, at 45,900 − 0.68 · 1
    ÷ 2 = 45,899.66 on average where a coin costs a dollar of impact. Equity at the mark of
    45,899.32 is then 900 − 0.68 · 0.34 − 0.32 · 0.68 = 899.5512.
    """
    book = booked(tmp_path, 'size = { size = "least" }')
    found = traced(placed(book, Linear(1.0)), Fall(-0.082))
    (units, price), sold = (found.trades.units, found.trades.price), found.trades.notional > 0.0
    assert units[sold] == pytest.approx([0.68])
    assert price[sold] == pytest.approx([45_899.66])
    assert found.fallen.final[0] == pytest.approx(45_899.32)
    assert found.equity[0] == pytest.approx(899.5512)
    exact = exact_fall(book, Line("BTC", "long"), {"BTC": Linear(1.0)}, -0.082)
    assert (exact.units["BTC"], exact.final["BTC"]) == pytest.approx((0.68, 45_899.32))


def test_a_close_factor_takes_its_share_again_and_again(tmp_path: Path) -> None:
    """At 45,900 half of a, then half of what is left, until 900 is 4 % of the rest or more.

    0.5 BTC left needs 918, 0.25 needs 459: two steps, 500 lots and 250.
    """
    book = booked(tmp_path, 'size = { size = "close_factor", share = 0.5, full_below = 0.1 }')
    found = traced(placed(book, Linear(0.001)), Fall(-0.082))
    sold = found.trades.notional > 0.0
    assert found.trades.units[sold] == pytest.approx([0.5, 0.25])
    assert found.trades.time[sold].tolist() == [1, 2]


def test_a_rise_closes_the_short_at_the_price_that_its_method_says(book: StressBook) -> None:
    """900,000 − 0.1 · (p − 50,000) = 0.002 · p at p = 905,000 ÷ 0.102: beyond the scan."""
    found = closings(book, Line("BTC", "short"))
    assert np.isnan(found.closes).all()


def test_options_are_closed_where_their_own_method_says() -> None:
    """The exact twin finds the price atom; the scan is right to a part in a thousand."""
    account = load(EXAMPLES / "margin" / "options.toml")
    exact = liquidation_price(account)
    book = book_of_account(account)
    found = closings(book, Line("BTC", "long"))
    at = exact.find("price", "liquidated", "down", "BTC").at
    assert at is not None
    assert found.closes[0] == pytest.approx(at / 10**10, rel=1e-3)
    # Perpetual 0.75, and at 33,800 the puts struck at 46,000 are nearly all delta: 4 sold.
    assert 4.5 < found.units[0, 1] < 4.75
    assert exact.find("price", "liquidated", "up", "BTC").at is None
    assert np.isnan(closings(book, Line("BTC", "short")).closes[0])


def test_betas_move_the_other_coin(tmp_path: Path) -> None:
    """Long 10 ETH at 2,310 with 5,000 dollars, carried by a beta of 2: 1 % of BTC is 2 % of ETH."""
    account = load(EXAMPLES / "margin" / "portfolio.toml")
    frame = pl.DataFrame(
        [("a", "USDC", "5000"), ("a", "ETH/USDC:USDC", "10")],
        ["account", "asset", "quantity"],
        orient="row",
    )
    book = book_of_frame(frame, account.venue, "cross")
    # 5,000 − 23,085 · 2x = 230.85 · (1 − 2x): x = 4,769.15 ÷ 45,708.3 = 10.434 %.
    found = closings(book, Line("BTC", "long", {"ETH": 2.0}))
    assert found.closes[0] == pytest.approx(52_500 * (1 - 4_769.15 / 45_708.3), rel=1e-6)
    assert np.isnan(closings(book, Line("BTC", "long")).closes[0])
    assert found.units[0].tolist() == [0.0, 0.0, 10.0]


def test_quantiles_come_from_the_runs(book: StressBook) -> None:
    depth = DepthFile(coins={"BTC": CoinDepth(laws=(Exponential(20.0),))}, fund=1_000.0)
    told = stress(book, depth, Asked("BTC", -0.1, "exponential", runs=400, seed=3, ticks=1))
    again = stress(book, depth, Asked("BTC", -0.1, "exponential", runs=400, seed=3, ticks=1))
    other = stress(book, depth, Asked("BTC", -0.1, "exponential", runs=400, seed=4, ticks=1))
    assert told.risk == again.risk
    assert told.risk != other.risk
    owed = np.sort(told.runs.bad_debt)
    assert told.risk.value == owed[379]  # The 380th of 400: as large as 95 %.
    assert told.risk.expected_shortfall == pytest.approx(owed[owed >= owed[379]].mean())
    assert told.risk.emptied == (owed > 1_000.0).mean()
    assert (told.quiet.final == 50_000.0 * (1.0 + told.draws.shock)).all()
