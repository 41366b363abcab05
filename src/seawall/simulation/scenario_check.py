"""What types alone do not see in a scenario: shares that do not sum, times that do not rise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from seawall.simulation.bars import ScenarioError
from seawall.simulation.scenario import (
    Chain,
    DeskChoice,
    PopulationChoice,
    RetailChoice,
    Scenario,
    decode,
)

Wrong = list[tuple[str, str]]  # (key path, reason)


def load(file: Path) -> Scenario:
    """Read a scenario; `ScenarioError` says in one line which key is wrong and why."""
    scenario = decode(file)
    for key, reason in _wrong(scenario):
        raise ScenarioError(f"{file.name}: {key}: {reason}")
    return scenario


def _wrong(scenario: Scenario) -> Wrong:
    """Every (key, reason) that types alone do not see."""
    found: Wrong = []
    path, people = scenario.path, scenario.population
    if not 0 < path.offsets_s[0] < path.offsets_s[1] < path.offsets_s[2] <= path.step_s:
        found.append(("$.path.offsets_s", "must rise and end within the step"))
    if not path.coins:
        found.append(("$.path.coins", "names no coin"))
    for place, contract in enumerate(scenario.contracts):
        found += _positive(
            f"$.contracts[{place}]",
            lot=contract.lot,
            tick=contract.tick,
            depth_share=contract.depth_share,
        )
        if contract.base not in path.coins:
            found.append((f"$.contracts[{place}].base", f"{contract.base} has no bars"))
    names = [one.id for one in scenario.contracts]
    found += [("$.contracts", f"{n} is listed twice") for n in names if names.count(n) > 1]
    for place, chain in enumerate(scenario.chains):
        found += _wrong_chain(f"$.chains[{place}]", chain, path.coins)
    found += _rising("$.surface.stress", [row[0] for row in scenario.surface.stress])
    found += [
        (f"$.surface.stress[{i}][1]", f"{row[1]} is not between 0 and 1")
        for i, row in enumerate(scenario.surface.stress)
        if not 0 <= row[1] <= 1
    ]
    found += _rising("$.funding.rates", [row[0] for row in scenario.funding.rates])
    if not all(0 <= hour < 24 for hour in scenario.funding.hours_utc):
        found.append(("$.funding.hours_utc", "hours are 0 to 23"))
    depth = scenario.depth
    found += _positive("$.depth", share=depth.share, half_life_s=Decimal(depth.half_life_s))
    if not 0 < depth.left_in_stress <= 1:
        found.append(("$.depth.left_in_stress", "must lie above 0 and not above 1"))
    if depth.option_lots < 0 or depth.option_spread_mark < 0 or depth.option_spread_underlying < 0:
        found.append(("$.depth", "option spreads and lots must not be negative"))
    found += [
        (f"$.insurance_fund.{coin}", "is negative")
        for coin, amount in scenario.insurance_fund.items()
        if not amount >= 0
    ]
    found += _wrong_people(people, {one.id for one in scenario.contracts})
    found += _positive(
        "$.record",
        checkpoint_ticks=Decimal(scenario.record.checkpoint_ticks),
        histogram_ticks=Decimal(scenario.record.histogram_ticks),
    )
    return found


def _wrong_chain(key: str, chain: Chain, coins: tuple[str, ...]) -> Wrong:
    found = _positive(key, lot=chain.lot, tick=chain.tick)
    if chain.base not in coins:
        found.append((f"{key}.base", f"{chain.base} has no bars"))
    found += _rising(f"{key}.expires", list(chain.expires))
    if (chain.strike_range is None) == (not chain.strikes):
        found.append((f"{key}.strikes", "give either a list or strike_range"))
    elif chain.strike_range is None:
        found += _rising(f"{key}.strikes", chain.strikes)
        found += _positive(f"{key}.strikes", first=min(chain.strikes))
    else:
        first, last, step = chain.strike_range
        found += _positive(f"{key}.strike_range", first=first, step=step, width=last - first)
    return found


def _wrong_people(people: PopulationChoice, contracts: set[str]) -> Wrong:
    key = "$.population"
    found: Wrong = []
    groups: dict[str, RetailChoice | DeskChoice] = {
        "isolated": people.isolated,
        "cross": people.cross,
        "desks": people.desks,
    }
    if people.accounts < 1 or people.makers.number < 1:
        found.append((f"{key}.accounts", "there must be accounts and makers"))
    if sum(group.share for group in groups.values()) != 1:
        found.append((key, "the shares of isolated, cross and desks must sum to 1"))
    if not 0 <= people.entry_spread < 1:
        found.append((f"{key}.entry_spread", "must lie from 0 up to 1"))
    for name, group in groups.items():
        found += _positive(f"{key}.{name}", smallest=group.smallest, tail=group.tail)
        if not group.largest > group.smallest:
            found.append((f"{key}.{name}.largest", "must be above smallest"))
        found += _shares(f"{key}.{name}.leverage", [row[1] for row in group.leverage])
    for name, group in groups.items():
        found += _shares(f"{key}.{name}.instruments", [row[1] for row in group.instruments])
        found += [
            (f"{key}.{name}.instruments", f"{one} is not listed in contracts")
            for one, _ in group.instruments
            if one not in contracts
        ]
    for name, retail in (("isolated", people.isolated), ("cross", people.cross)):
        found += _shares(f"{key}.{name}.positions", retail.positions)
        if retail.collateral:
            found += _shares(f"{key}.{name}.collateral", [row[1] for row in retail.collateral])
    found += _shares(f"{key}.desks.strategies", [row[1] for row in people.desks.strategies])
    found += _shares(f"{key}.desks.expiries", people.desks.expiries)
    return found


def _positive(key: str, **numbers: Decimal) -> Wrong:
    return [(f"{key}.{name}", f"{n} is not positive") for name, n in numbers.items() if not n > 0]


def _rising(key: str, items: Sequence[datetime] | Sequence[Decimal]) -> Wrong:
    if not items:
        return [(key, "is empty")]
    if any(not a < b for a, b in pairwise(items)):  # type: ignore[operator]
        return [(key, "must rise")]
    return []


def _shares(key: str, shares: Sequence[Decimal]) -> Wrong:
    if any(share < 0 for share in shares) or sum(shares) != 1:
        return [(key, "shares must not be negative and must sum to 1")]
    return []
