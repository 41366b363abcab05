"""One crash under several policies: the world of `cascade.toml`, ten seeds for each.

Every policy is a rulebook, or a rule that changes it while the crash goes on. Read a row against
the first one, and never against one seed: a single crash can favour any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from seawall.simulation.world import World, WorldReport, WorldScenario, load
from seawall.simulation.world.scenario import DynamicMarginChoice

BASE = load(Path(__file__).with_name("cascade.toml"))
DOLLAR = 10**10


class Row(NamedTuple):
    """Means over seeds."""

    called: float
    liquidated: float
    bankrupt: float
    forced: float  # Dollars.
    bad_debt: float  # Dollars.
    fall: float  # From the start to the low, percent.
    deeper: float  # Of that, what the same world without impact does not have.


def with_rules(old: str, new: str) -> WorldScenario:
    """The base with other words in its rulebook."""
    (venue,) = BASE.venues
    assert old in venue.rules, f"the rulebook does not say {old}"
    return replace(BASE, venues=(replace(venue, rules=venue.rules.replace(old, new)),))


def with_fund(dollars: int) -> WorldScenario:
    """The base with another insurance fund."""
    (venue,) = BASE.venues
    return replace(BASE, venues=(replace(venue, fund={"USDC": Decimal(dollars)}),))


def following(multiple: str, floor: str = "0") -> WorldScenario:
    """The base with maintenance of a multiple of a step's volatility, looked at each 5 minutes."""
    rule = DynamicMarginChoice(
        venue="perps", method="cross", coin="BTC", multiple=Decimal(multiple),
        floor=Decimal(floor), most=Decimal("0.2"), every_steps=5,
    )  # fmt: skip
    return replace(BASE, dynamic_margin=(rule,))


def policies() -> dict[str, WorldScenario]:
    slippage = "slippage_ratio = 0.01"
    return {
        "as it is: 2 %": BASE,
        "6 × volatility": following("6"),
        "3 × volatility, at least 3 %": following("3", "0.03"),
        "3 % always": with_rules("maintenance = 0.02 }", "maintenance = 0.03 }"),
        "everything is closed": with_rules(slippage, f'{slippage}\nsize = {{ size = "full" }}'),
        "half is closed": with_rules(
            slippage, f'{slippage}\nsize = {{ size = "close_factor", share = 0.5 }}'
        ),
        "a tenth, and more with time": with_rules(
            slippage, f'{slippage}\nsize = {{ size = "ramp", start = 0.1, duration_ms = 600_000 }}'
        ),
        "a tenth of the depth at a time": with_rules(slippage, f"{slippage}\ndepth_share = 0.1"),
        "no fund": with_fund(0),
    }


def run(seeds: Sequence[int] = range(10), names: Sequence[str] = ()) -> dict[str, Row]:
    """Every policy, or those that are named, on the same seeds."""
    still = [World(seed, BASE, impact=False).run() for seed in seeds]
    found = {}
    for name, scenario in policies().items():
        if names and name not in names:
            continue
        reports = [World(seed, scenario).run() for seed in seeds]
        found[name] = _row(reports, still)
    return found


def _row(reports: Sequence[WorldReport], still: Sequence[WorldReport]) -> Row:
    def mean(numbers: Sequence[float]) -> float:
        return sum(numbers) / len(numbers)

    def low(report: WorldReport) -> float:
        path = report.prices["main"]
        return 100 * (1 - min(path) / path[0])

    venues = [one.venues["perps"] for one in reports]
    return Row(
        mean([one.called for one in venues]),
        mean([one.liquidated for one in venues]),
        mean([one.bankrupt for one in venues]),
        mean([one.forced / DOLLAR for one in reports]),
        mean([one.bad_debt / DOLLAR for one in reports]),
        mean([low(one) for one in reports]),
        mean([low(one) - low(other) for one, other in zip(reports, still, strict=True)]),
    )


def report(found: dict[str, Row]) -> None:
    """Print the table."""
    print("| policy | called | liquidated | bankrupt | forced, m | bad debt | fall | deeper by |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in found.items():
        print(line(name, row))


def line(name: str, row: Row) -> str:
    """One row of the table."""
    return (
        f"| {name} | {row.called:.1f} | {row.liquidated:.1f} | {row.bankrupt:.1f} | "
        f"{row.forced / 1e6:.2f} | {row.bad_debt:,.0f} | {row.fall:.2f} % | {row.deeper:.2f} % |"
    )


if __name__ == "__main__":
    report(run())
