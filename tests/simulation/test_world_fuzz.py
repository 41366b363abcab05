"""Worlds with their numbers turned to extremes: every one keeps its books, at every step.

Depth from a hundredth to five times, coins that fall by 90 % or rise by 150 %, makers without
capital, every law, size, ranking and way to share a loss. The seed is in the test's name.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from seawall.simulation.world import World, WorldReport, WorldScenario, load
from seawall.simulation.world.impact import (
    ConstantProduct,
    Exponential,
    Linear,
    SquareRoot,
)
from seawall.simulation.world.scenario import (
    BookChoice,
    CoinChoice,
    DynamicMarginChoice,
    Shock,
    VenueChoice,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "world"
NAMES = ("auctions", "cascade", "shared_collateral", "spoofed_feed", "two_venues")
STEPS = 60
SEEDS = range(30)


class Dice:
    """Turns one example into another world."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def one(self, *choices: str | int | float) -> Decimal:
        return Decimal(str(self.dice.choice(choices)))

    def world(self) -> WorldScenario:
        base = load(EXAMPLES / f"{self.dice.choice(NAMES)}.toml")
        changed = replace(
            base,
            steps=STEPS,
            coins=tuple(map(self.coin, base.coins)),
            books=tuple(map(self.book, base.books)),
            venues=tuple(map(self.venue, base.venues)),
        )
        if base.name == "cascade" and self.dice.random() < 0.5:
            rule = DynamicMarginChoice(
                venue="perps", method="cross", coin="BTC", multiple=self.one(1, 6, 50),
                every_steps=int(self.one(1, 7)),
            )  # fmt: skip
            changed = replace(changed, dynamic_margin=(rule,))
        return changed

    def coin(self, coin: CoinChoice) -> CoinChoice:
        sizes = (-0.9, -0.5, -0.2, 0.3, 1.5)
        shocks = tuple(
            Shock(
                step=self.dice.randint(1, 30),
                size=one.size if coin.follows else self.one(*sizes),
                over=int(self.one(1, 5, 20)),
            )
            for one in coin.shocks
        )
        return replace(coin, shocks=shocks, volatility=coin.volatility * self.one(1, 5, 20))

    def book(self, book: BookChoice) -> BookChoice:
        roots = SquareRoot(self.one(0.02, 0.1, 0.5))
        laws = (Linear(), roots, Exponential(), ConstantProduct())
        makers = tuple(
            replace(
                one,
                depth=one.depth * self.one(0.01, 0.1, 0.3, 1, 5),
                capital=self.one(10**5, 10**7, 10**9),
                calm=self.one("0.0005", "0.002", "0.01"),
                spike=self.one(1, 3, 8, 1000),
            )
            for one in book.makers
        )
        return replace(
            book,
            law=self.dice.choice(laws),
            makers=makers,
            permanent=self.one(0, 0.2, 0.5, 1),
            reach=self.one(0.01, 0.1, 0.9, 3),
            passive=self.one("0.0001", "0.02", "0.5"),
        )

    def venue(self, venue: VenueChoice) -> VenueChoice:
        size = f'size = {{ size = "{self.dice.choice(["full", "least", "close_factor"])}" }}'
        inline = "liquidation = {" in venue.rules
        rules = venue.rules.replace("fee_ratio", f"{size}{', ' if inline else chr(10)}fee_ratio")
        if "[deleveraging]" not in rules:
            ranking = self.dice.choice(["profit_times_leverage", "pro_rata", "random"])
            price = self.dice.choice(["bankruptcy", "mark", "previous_mark"])
            rules += f'\n[deleveraging]\nranking = "{ranking}"\nprice = "{price}"\n'
        ways = ["pro_rata", "withdrawal_haircut", "per_contract", "redistribution"]
        rules += f'\n[loss_sharing]\nrule = "{self.dice.choice(ways)}"\n'
        return replace(
            venue,
            rules=rules,
            marks=self.dice.choice(["traded", "index"]),
            fund={coin: self.one(0, 1000, 10**6) for coin in venue.fund},
        )


@cache
def ran(seed: int) -> WorldReport:
    return World(seed, Dice(seed).world()).run()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_turned_to_extremes_keeps_its_books(seed: int) -> None:
    report = ran(seed)
    assert report.checks == STEPS + 2
    assert all(price > 0 for path in report.prices.values() for price in path)
    for venue in report.venues.values():
        assert venue.bankrupt <= venue.liquidated
        assert min(venue.fund) >= 0


@pytest.mark.parametrize("seed", range(0, 30, 6))
def test_without_impact_it_runs_along_its_courses(seed: int) -> None:
    still = World(seed, Dice(seed).world(), impact=False).run()
    assert still.prices == still.outside == ran(seed).outside


def test_these_worlds_reach_every_stage() -> None:
    """Worlds in which nobody is ever wound up prove nothing about the waterfall."""
    seen: Counter[str] = Counter()
    acts: set[str] = set()
    for seed in SEEDS:
        for venue in ran(seed).venues.values():
            seen.update(venue.counts)
        acts.update(act for group in ran(seed).acts.values() for act in group)
    assert acts == {"TopUp", "Panic", "Chase", "Carried"}
    wanted = {
        "auction_ended", "breaker_changed", "called", "deleveraged", "fund_paid",
        "liquidated", "loss_shared", "price_published", "refused", "waterfall_done",
    }  # fmt: skip
    assert wanted <= set(seen), wanted - set(seen)


def test_turned_worlds_could_be_written_as_files() -> None:
    """What the dice make is no world that a file could not say: `check` finds no fault."""
    from seawall.simulation.world.check import faults

    for seed in SEEDS:
        assert list(faults(Dice(seed).world())) == []
