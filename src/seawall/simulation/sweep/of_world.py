"""The world as a model of a sweep: the real engine behind its door, told as six numbers.

Slow and exact, where the columns are fast and plain. Knows how a world is run; knows no parameter.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec

from seawall.engine.state import FIRST_ACCOUNT
from seawall.simulation.sweep.model import Outcome
from seawall.simulation.sweep.paths import toml_text
from seawall.simulation.world import World, WorldReport, WorldScenario, read
from seawall.simulation.world.book import ONE
from seawall.simulation.world.laws import under_other_laws
from seawall.simulation.world.scenario import TraderChoice

LOOKS = 16  # Steps of a run at which margins are looked at, evenly spread.


def check(tree: Any) -> None:
    """Refuse a world that cannot be run, with the key path of what is wrong."""
    typed(tree)


def typed(tree: Any) -> WorldScenario:
    """Read a world from its tree."""
    world = read(toml_text(tree), "base")
    if not world.traders:
        raise ValueError("base: $.traders: margins are measured on their positions; there are none")
    return world


def run(tree: Any, seed: int) -> Outcome:
    """One world to its end."""
    world = World(seed, typed(tree))
    every = max(1, world.scenario.steps // LOOKS)
    looks = [_margins(world)]
    while world.step_number < world.scenario.steps:
        world.step()
        if world.step_number % every == 0:
            looks.append(_margins(world))
    world.check()
    required, notional, collateral = (math.fsum(column) for column in zip(*looks, strict=True))
    report = world.report()
    return Outcome(
        bad_debt=report.bad_debt / ONE,
        uncovered=_uncovered(report) / ONE,
        forced_notional=report.forced / ONE,
        fund_left=sum(one.fund[-1] for one in report.venues.values()) / ONE,
        average_margin=required / notional if notional else 0.0,
        collateral_utilisation=required / collateral if collateral else 0.0,
        state_hash=report.state_hash,
    )


def laws(tree: Any) -> dict[str, Any]:
    """The tree under every other law, each book through what moves it by 1 %."""
    found = {}
    for name, other in under_other_laws(typed(tree)).items():
        books = [
            {
                **told,
                "law": msgspec.to_builtins(book.law, builtin_types=(Decimal,)),
                "reach": book.reach,
                "makers": [
                    {**maker, "depth": terms.depth}
                    for maker, terms in zip(told["makers"], book.makers, strict=True)
                ],
            }
            for told, book in zip(tree["books"], other.books, strict=True)
        ]
        found[name] = {**tree, "books": books}
    return found


def _margins(world: World) -> tuple[float, float, float]:
    """Initial margin, notional and margin equity of all traders with a position, now."""
    required: list[float] = []
    notional: list[float] = []
    collateral: list[float] = []
    for crowd in world.crowds:
        if not isinstance(crowd.choice, TraderChoice):
            continue
        door, screen = crowd.door, crowd.door.screen()
        for account in crowd.account.tolist():
            lots = abs(door.engine.ledger.balance(account, crowd.asset))
            if lots:
                place = account - FIRST_ACCOUNT
                required.append(float(screen.initial[place]))
                notional.append(float(lots * door.lot_worth(crowd.instrument)))
                collateral.append(max(0.0, float(screen.margin_equity[place])))
    return math.fsum(required), math.fsum(notional), math.fsum(collateral)


def _uncovered(report: WorldReport) -> int:
    """What accounts owed and no insurance fund paid."""
    paid = sum(atoms for one in report.venues.values() for _, atoms in one.waterfall.funds)
    return max(0, report.bad_debt - paid)
