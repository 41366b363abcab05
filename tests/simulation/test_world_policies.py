"""Every policy that may be under test is one value of a world's tree, and moves its result.

Each case names the path as a sweep's file would, two values, and what of the outcome must differ in
which direction, over the same three seeds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from seawall.simulation.sweep.of_world import typed
from seawall.simulation.sweep.paths import steps_of, with_value
from seawall.simulation.world import World, WorldReport
from seawall.simulation.world.small import SMALL, SMALL_RULES

EXAMPLES = Path(__file__).parents[2] / "examples" / "world"
SEEDS = range(3)
RULES = "venues[0].rules."
DYNAMIC = {
    "venue": "perps", "method": "cross", "coin": "BTC", "multiple": 6, "most": Decimal("0.2"),
    "every_steps": 5,
}  # fmt: skip


@cache
def tree(name: str) -> Any:
    if name == "small":  # Its marks are the feed's, so that a late feed takes late.
        small = tomllib.loads(SMALL.replace("RULES", SMALL_RULES), parse_float=Decimal)
        feeds = {"BTC": {"sources": [{"id": "street", "lag_steps": 0}]}}
        (venue,) = small["venues"]
        return {**small, "venues": [{**venue, "feeds": feeds, "marks": "index"}]}
    return tomllib.loads((EXAMPLES / f"{name}.toml").read_text(), parse_float=Decimal)


def forced(report: WorldReport) -> float:
    return float(report.forced)


def bad_debt(report: WorldReport) -> float:
    return float(report.bad_debt)


def called(report: WorldReport) -> float:
    return float(sum(one.called for one in report.venues.values()))


def liquidated(report: WorldReport) -> float:
    return float(sum(one.liquidated for one in report.venues.values()))


def elsewhere(report: WorldReport) -> float:
    """What winners and everybody paid."""
    falls = [one.waterfall for one in report.venues.values()]
    return float(sum(one.deleveraged + one.shared for one in falls))


def by_auction(report: WorldReport) -> float:
    return float(sum(one.counts.get("exit_filled", 0) for one in report.venues.values()))


class Policy(NamedTuple):
    world: str
    path: str
    low: Any
    high: Any
    reads: Callable[[WorldReport], float]
    rises: bool | None  # From low to high; None: it must only differ.


POLICIES = {
    "static margin": Policy(
        "cascade", RULES + "margin.cross.brackets.BTC[0].maintenance",
        Decimal("0.01"), Decimal("0.03"), called, True,
    ),
    "close factor": Policy(
        "cascade", RULES + "liquidation.size.share", Decimal("0.1"), Decimal("1"), liquidated, None
    ),
    "auction curve": Policy(
        "auctions", RULES + "exits.ETH.duration_seconds", 120, 7_200, by_auction, None
    ),
    "ADL ranking": Policy(
        "cascade", RULES + "deleveraging.ranking", "profit_times_leverage", "pro_rata", forced, None
    ),
    "fund size": Policy("cascade", "venues[0].fund.USDC", 0, 50_000_000, elsewhere, False),
    "oracle delay": Policy(
        "small", "venues[0].feeds.BTC.sources[0].lag_steps", 0, 10, forced, None
    ),
    "circuit breaker": Policy(
        "two_venues", RULES + "breakers.rate.notional_max", 500_000, 10**10, forced, None
    ),
}  # fmt: skip


def outcomes(policy: Policy, value: Any) -> list[WorldReport]:
    base = tree(policy.world)
    if policy.path.endswith("size.share"):
        base = with_value(base, steps_of(RULES + "liquidation.size.size"), "close_factor")
    if "deleveraging" in policy.path:
        base = with_value(base, steps_of("venues[0].fund.USDC"), 0)
    changed = typed(with_value(base, steps_of(policy.path), value))
    return [World(seed, changed).run() for seed in SEEDS]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_policy_is_one_value_and_moves_the_result(name: str) -> None:
    policy = POLICIES[name]
    low, high = (outcomes(policy, value) for value in (policy.low, policy.high))
    first, last = (sum(map(policy.reads, reports)) for reports in (low, high))
    assert first != last
    if policy.rises is not None:
        assert (last > first) is policy.rises
    assert [one.outside for one in low] == [one.outside for one in high]  # The same draws.


def test_dynamic_margin_is_one_table_of_the_tree() -> None:
    base = tree("cascade")
    rule = with_value({**base, "dynamic_margin": [{}]}, ("dynamic_margin", 0, "venue"), "perps")
    for key, value in DYNAMIC.items():
        rule = with_value(rule, ("dynamic_margin", 0, key), value)
    with_it, without = (
        sum(called(World(seed, typed(one)).run()) for seed in SEEDS) for one in (rule, base)
    )
    assert with_it > without
