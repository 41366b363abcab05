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
    Line,
    StressBook,
    book_of_account,
    book_of_frame,
    closings,
    steps_of,
    stress,
)
from seawall.simulation.stress.exact import exact_fall
from seawall.simulation.stress.fall import one
from seawall.systemic import Exponential, Linear

RULES = """
format = 1
name = "napkin"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0 }

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


@pytest.fixture
def book(tmp_path: Path) -> StressBook:
    (tmp_path / "market.toml").write_text(MARKET)
    venue = venue_at(read_rules(RULES), read(tmp_path / "market.toml", Market))
    frame = pl.DataFrame(ROWS, ["account", "asset", "quantity"], orient="row")
    return book_of_frame(frame, venue, None)


def test_where_each_is_closed_and_worth_nothing(book: StressBook) -> None:
    found = closings(book, Line("BTC", "long"))
    assert found.closes[:2] == pytest.approx([45_000 / 0.98, 84_000 / 1.96], rel=1e-9)
    assert found.fails[:2] == pytest.approx([45_000.0, 42_000.0], rel=1e-9)
    assert np.isnan(found.closes[2])
    assert found.units[:, 1].tolist() == [1.0, 2.0, 0.0]  # Of those that are closed.
    assert found.slope[:2] == pytest.approx([1.0, 2.0])
    assert found.left[:2] == pytest.approx([0.02 * 45_918.367347, 0.04 * 42_857.142857])
    # What the short has won once the price is at 0.9 · 50,000: 0.1 · 5,000.
    assert np.interp(45_000.0, found.points[::-1], found.gains[::-1]) == pytest.approx(500.0)


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
    assert told.losses == pytest.approx((15_000.0, 11_250.0, 21_000.0, 4_000.0, 1_250.0, 0.0))
    quiet = told.under["no impact"].fallen
    assert (quiet.final[0], int(quiet.accounts[0]), quiet.bad_debt[0]) == (45_000.0, 1, 0.0)
    exact = exact_fall(book, told.found.line, Linear(2_500.0), -0.1)
    assert exact.closed == {"a", "b"}
    assert (exact.units, exact.final) == pytest.approx((3.0, 37_500.0))


def test_a_slow_fall_ends_at_the_same_price_and_owes_less(book: StressBook) -> None:
    """Ten ticks of about 530 dollars: a is reached in the eighth, at 50,000 · 0.9^0.8."""
    steps = steps_of(closings(book, Line("BTC", "long")), 1)
    traded = np.full((2, 2), np.nan)
    slow = one(steps, Linear(2_500.0), 50_000.0, Fall(-0.1, ticks=10), traded)
    assert slow.final[0] == pytest.approx(37_500.0)
    first = 50_000 * 0.9**0.9  # 45,476: the ninth tick is the first below 45,918.
    assert traded[0] == pytest.approx([first - 1_250, 45_000 - 2_500 - 2_500], rel=1e-9)
    assert traded[1].tolist() == [9.0, 10.0]
    assert slow.bad_debt[0] == pytest.approx(max(0.0, 45_000 - first + 1_250) + 4_000.0)


def test_resilience_lets_the_second_go_unreached(book: StressBook) -> None:
    """Half of a's 2,500 has come back at the last tick, so the price is 45,000 − 1,250 = 43,750."""
    steps = steps_of(closings(book, Line("BTC", "long")), 1)
    found = one(steps, Linear(2_500.0), 50_000.0, Fall(-0.1, resilience=0.5, ticks=10))
    assert int(found.accounts[0]) == 1
    assert found.final[0] == pytest.approx(43_750.0)
    assert found.worst[0] == pytest.approx(50_000 * 0.9**0.9 - 2_500.0)


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
