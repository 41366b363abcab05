"""The parts of a world, one at a time: rules of people, courses, feeds, scaled brackets."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from seawall.margin.tiered import Bracket
from seawall.simulation.world import read, small_scenario
from seawall.simulation.world.course import courses
from seawall.simulation.world.feeds import Feed, attack_cost
from seawall.simulation.world.policy import scaled_brackets
from seawall.simulation.world.rules import Chase, Panic, Seen, TopUp
from seawall.simulation.world.scenario import (
    AttackerChoice,
    CoinChoice,
    FeedChoice,
    Shock,
    SourceChoice,
)

ONE = 10**10


# -- people ----------------------------------------------------------------------------------------


def test_a_top_up_brings_what_reaches_its_ratio_and_nothing_above_its_line() -> None:
    rule = TopUp(below=Decimal("1.5"), to=Decimal("2.5"))
    assert rule.wanted(Seen(149, 100, 0)) == 250 - 149
    assert rule.wanted(Seen(150, 100, 0)) == 0
    assert rule.wanted(Seen(-20, 100, 0)) == 270
    assert rule.wanted(Seen(3, 3, 0)) == 8 - 3  # 7.5 atoms are owed whole.


def test_panic_is_of_the_ratio_or_of_the_past_loss() -> None:
    rule = Panic(below=Decimal("1.2"), loss=Decimal("0.05"), share=Decimal("0.5"))
    assert rule.wanted(Seen(119, 100, 0)) == 500_000_000
    assert rule.wanted(Seen(120, 100, -50_000_000)) == 0
    assert rule.wanted(Seen(500, 100, -50_000_001)) == 500_000_000


def test_chasing_needs_a_gain_and_margin_to_spare() -> None:
    rule = Chase(gain=Decimal("0.01"), share=Decimal("0.2"), above=Decimal(2))
    assert rule.wanted(Seen(200, 100, 10_000_001)) == 200_000_000
    assert rule.wanted(Seen(200, 100, 10_000_000)) == 0
    assert rule.wanted(Seen(199, 100, 10_000_001)) == 0


# -- courses ---------------------------------------------------------------------------------------


def course(*coins: CoinChoice, steps: int = 4) -> dict[str, tuple[int, ...]]:
    from msgspec.structs import replace

    return courses(replace(small_scenario(), coins=coins, steps=steps), 7)


def test_a_shock_falls_in_equal_parts() -> None:
    """Twice 5 % of what is there: 100, 95, 90.25."""
    fall = Shock(step=2, size=Decimal("-0.1"), over=2)
    path = course(CoinChoice(id="BTC", price=Decimal(100), shocks=(fall,)))["BTC"]
    assert [atoms / ONE for atoms in path] == [100, 100, 95, 90.25, 90.25]


def test_a_peg_is_lost_and_comes_back_by_half_a_step() -> None:
    fall = Shock(step=1, size=Decimal("-0.08"))
    peg = CoinChoice(id="USDe", follows="USD", reversion=Decimal("0.5"), shocks=(fall,))
    assert [atoms / ONE for atoms in course(peg)["USDe"]] == [1, 0.92, 0.96, 0.98, 0.99]


def test_a_staked_coin_follows_its_ether_at_its_rate_less_a_gap() -> None:
    """1.2 ether for each; ether falls by 10 %, and a step later the gap is 5 %."""
    ether = CoinChoice(id="ETH", price=Decimal(1000), shocks=(Shock(step=1, size=Decimal("-0.1")),))
    staked = CoinChoice(
        id="st", price=Decimal("1.2"), follows="ETH", shocks=(Shock(step=2, size=Decimal("-0.05")),)
    )
    path = course(ether, staked, steps=2)["st"]
    assert [atoms / ONE for atoms in path] == [1200, 1080, 1026]


def test_beta_adds_the_first_coins_own_move() -> None:
    first = CoinChoice(id="BTC", price=Decimal(100), shocks=(Shock(step=1, size=Decimal("-0.1")),))
    other = CoinChoice(id="ALT", price=Decimal(10), beta=Decimal("1.5"))
    assert course(first, other)["ALT"][1] / ONE == 8.5


def test_drawn_moves_have_the_stated_deviation_and_no_drift() -> None:
    """Of 4,000 draws the deviation is within 5 % and the mean within 4 standard errors."""
    coin = CoinChoice(id="BTC", price=Decimal(10**5), volatility=Decimal("0.001"))
    path = course(coin, steps=4000)["BTC"]
    moves = [b / a - 1 for a, b in itertools.pairwise(path)]
    mean = sum(moves) / len(moves)
    deviation = (sum((one - mean) ** 2 for one in moves) / len(moves)) ** 0.5
    assert deviation == pytest.approx(0.001, rel=0.05)
    assert abs(mean) < 4 * 0.001 / 4000**0.5


# -- feeds -----------------------------------------------------------------------------------------


def look(feed: Feed, prices: list[int]) -> list[int]:
    told = []
    for step, price in enumerate(prices):
        feed.look(step, {"a": price * ONE})
        told.append(feed.speaks(step) // ONE)
    return told


def test_a_source_lags_and_averages() -> None:
    late = FeedChoice(sources=(SourceChoice(id="x", lag_steps=2),))
    assert look(Feed(late, "a", []), [10, 20, 30, 40]) == [10, 10, 10, 20]
    mean = FeedChoice(sources=(SourceChoice(id="x", average_steps=2),))
    assert look(Feed(mean, "a", []), [10, 20, 30, 50]) == [10, 15, 25, 40]


def test_a_feed_waits_for_its_trigger_or_its_heartbeat() -> None:
    """5 % or three steps: 104 is 4 % from 100, 105 is not; then nothing for three steps."""
    feed = FeedChoice(trigger=Decimal("0.05"), heartbeat_steps=3)
    assert look(Feed(feed, "a", []), [100, 104, 105, 106, 106, 106]) == [100, 0, 105, 0, 0, 106]


def attacker(**changes: object) -> AttackerChoice:
    terms: dict[str, object] = {
        "name": "x", "venue": "v", "coin": "c", "source": "pool", "step": 2, "steps": 2,
        "factor": Decimal("0.5"),
    }  # fmt: skip
    return AttackerChoice(**(terms | changes))


def test_a_median_of_three_does_not_hear_one_spoofer_and_a_lone_source_does() -> None:
    three = FeedChoice(sources=tuple(SourceChoice(id=one) for one in ("pool", "b", "c")))
    alone = FeedChoice(sources=(SourceChoice(id="pool"),))
    assert look(Feed(three, "a", [attacker()]), [100] * 5) == [100] * 5
    assert look(Feed(alone, "a", [attacker()]), [100] * 5) == [100, 100, 50, 50, 100]


def test_an_average_gives_a_spoofer_its_share_of_the_window() -> None:
    """Two of five steps at half the price: 80 at the lowest."""
    mean = FeedChoice(sources=(SourceChoice(id="pool", average_steps=5),))
    assert min(look(Feed(mean, "a", [attacker(step=5)]), [100] * 12)) == 80


def test_moving_a_pool_costs_each_step_what_others_trade_back() -> None:
    """x · y = k with 1,000 dollars on each side, to a quarter: 500 sold worth 1,000 at the old
    price … the pool gives 1,000 · (1 − 1/2) = 500 dollars for 1,000 dollars of coin: lost 500."""
    cost = attack_cost(attacker(factor=Decimal("0.25"), pool=Decimal(1000)), ONE)
    assert cost == 2 * 500


# -- margin that follows volatility ----------------------------------------------------------------


def test_brackets_are_raised_to_a_rate_and_keep_the_ratio_of_initial() -> None:
    static = (
        Bracket(Decimal(0), Decimal("0.02"), Decimal("0.01")),
        Bracket(Decimal(10**6), Decimal("0.10"), Decimal("0.05")),
    )
    raised = scaled_brackets(static, 30_000_000)
    assert (raised[0].initial, raised[0].maintenance) == (Decimal("0.06"), Decimal("0.03"))
    assert raised[1] == static[1]


# -- files -----------------------------------------------------------------------------------------


def test_rules_may_stand_in_the_file_or_beside_it(tmp_path) -> None:
    from seawall.simulation.world import load
    from seawall.simulation.world.small import SMALL, SMALL_RULES

    (tmp_path / "rules.toml").write_text(SMALL_RULES.removeprefix("\n"))
    beside = SMALL.replace("rules = '''RULES'''", 'rulebook = "rules.toml"')
    (tmp_path / "world.toml").write_text(beside)
    assert load(tmp_path / "world.toml") == read(SMALL.replace("RULES", SMALL_RULES), "small")
