"""Observed facts of an event against a seeded world, each judged by a rule set beforehand.

A fact names one measure of a run, what was observed and from whom. The world runs once for each
seed; a fact is hit where the median of the seeds keeps its rule. What was put into the world is no
test and says so. Knows worlds and their effects; a fact that no world here can show is a row too.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from seawall.pricing import Floats
from seawall.simulation.bars import ScenarioError
from seawall.simulation.history.runs import MEASURES, Seeded, UnderLaw, seeded, under_laws
from seawall.simulation.history.tape import HistoryError
from seawall.simulation.world import WorldScenario, load
from seawall.simulation.world.check import faults
from seawall.systemic.hawkes import clustering

Rule = Literal["quarter", "twofold", "at_most"]
_QUARTER = 0.25
LAW_SEEDS = 3  # That are run under other laws of impact, too.


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Fact(_Part, frozen=True, kw_only=True):
    """One row of the table."""

    words: str
    observed: float
    source: str
    measure: str = ""  # Of `MEASURES`; none: no world here shows it, and `why` says why.
    rule: Rule = "quarter"  # Median within a quarter of what was observed, a factor of two, below.
    put_in: bool = False  # The world was made or fitted so: no test.
    why: str = ""

    def keeps(self, median: float) -> bool:
        """Whether a median keeps the rule.

        >>> Fact(words="", observed=0.4, source="").keeps(0.5)
        True
        >>> Fact(words="", observed=60.0, source="", rule="twofold").keeps(29.0)
        False
        """
        if math.isnan(median):
            return False
        if self.rule == "at_most":
            return median <= self.observed
        if self.rule == "twofold":
            return 0.5 * self.observed <= median <= 2.0 * self.observed
        return abs(median - self.observed) <= _QUARTER * abs(self.observed) * (1.0 + 1e-12)


class FactTable(_Part, frozen=True, kw_only=True):
    """The file of an event: its world, its moments, its facts."""

    name: str
    world: str  # File beside this one.
    facts: tuple[Fact, ...]
    seeds: int = 20
    before_step: int  # From whose price the fall and what comes back are counted.
    window_step: int  # From which the first deleveraging is timed.
    after_step: int  # At whose price what has come back is counted.
    halt: str = ""  # Rules that are added for a second run of every seed.
    halt_s: int = 1500


class Row(NamedTuple):
    """A fact, and what the seeds say."""

    fact: Fact
    values: Floats  # [seed] NaN where a run does not have it.

    @property
    def median(self) -> float:
        """Of the seeds that have it; a fact that less than half of them have is not there."""
        there = self.values[~np.isnan(self.values)]
        return float(np.median(there)) if 2 * there.size >= max(self.values.size, 1) else math.nan

    def quantile(self, share: float) -> float:
        """Of the seeds that have it."""
        there = self.values[~np.isnan(self.values)]
        return float(np.quantile(there, share)) if there.size else math.nan

    @property
    def verdict(self) -> str:
        """Hit, miss, put in, or not simulated."""
        if not self.fact.measure:
            return "not simulated"
        if self.fact.put_in:
            return "put in"
        return "hit" if self.fact.keeps(self.median) else "miss"


class Facts(NamedTuple):
    """The whole table."""

    table: FactTable
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    amplification: Floats  # [seed] forced notional with impact ÷ without.
    clusters: Floats  # [seed] branching ratio of closings by the step, with impact.
    clusters_still: Floats  # [seed] the same without impact, where nothing can feed itself.
    hashes: tuple[str, ...]  # [seed]
    laws: dict[str, UnderLaw]  # Of the first seeds.


def read_facts(file: Path) -> tuple[FactTable, WorldScenario, WorldScenario | None]:
    """Read a table, its world, and the world with a halt if the table has one."""
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
        table = msgspec.convert(tree, FactTable)
    except OSError as error:
        raise HistoryError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise HistoryError(f"{file}: {error}") from None
    try:
        world = load(file.parent / table.world)
        halted = _halted(file.parent / table.world, table.halt) if table.halt else None
    except ScenarioError as error:
        raise HistoryError(f"{file}: world: {error}") from None
    for key, reason in _faults(table, world):
        raise HistoryError(f"{file}: {key}: {reason}")
    return table, world, halted


def hold(
    table: FactTable,
    world: WorldScenario,
    halted: WorldScenario | None,
    seeds: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Facts:
    """Run every seed and hold each fact against them."""
    numbers = tuple(range(1, (seeds or table.seeds) + 1))
    runs: list[Seeded] = []
    for place, seed in enumerate(numbers):
        tell(place, len(numbers))
        runs.append(seeded(world, halted, seed, table.window_step))
    tell(len(numbers), len(numbers))
    rows = []
    for fact in table.facts:
        values = [MEASURES[fact.measure](run, table) for run in runs] if fact.measure else []
        rows.append(Row(fact, np.array(values, np.float64)))
    columns = (
        [run.amplification for run in runs],
        [clustering(run.live.closings).ratio for run in runs],
        [clustering(run.still.closings).ratio for run in runs],
    )
    amplified, live, still = (np.array(one) for one in columns)
    hashes = tuple(run.state_hash for run in runs)
    laws = under_laws(world, runs[:LAW_SEEDS])
    return Facts(table, numbers, tuple(rows), amplified, live, still, hashes, laws)


def _halted(file: Path, rules: str) -> WorldScenario:
    """The same world whose venues have more rules."""
    world = load(file)
    venues = tuple(
        msgspec.structs.replace(one, rules=f"{one.rules}\n{rules}") for one in world.venues
    )
    changed = msgspec.structs.replace(world, venues=venues)
    for key, reason in faults(changed):
        raise ScenarioError(f"{file.name}: {key}: {reason}")
    return changed


def _faults(table: FactTable, world: WorldScenario) -> list[tuple[str, str]]:
    found = []
    for key in ("before_step", "window_step", "after_step"):
        step = getattr(table, key)
        if not 0 <= step <= world.steps:
            found.append((key, f"must lie in [0, {world.steps}], not {step}"))
    if table.seeds < 1:
        found.append(("seeds", f"must be at least 1, not {table.seeds}"))
    if len(world.books) != 1:
        found.append(("world", f"facts are of one book, not of {len(world.books)}"))
    for place, fact in enumerate(table.facts):
        if fact.measure and fact.measure not in MEASURES:
            said = f"must be one of {', '.join(MEASURES)}, not {fact.measure}"
            found.append((f"facts[{place}].measure", said))
        if not fact.measure and not fact.why:
            found.append((f"facts[{place}].why", "a fact without a measure says why"))
        if fact.measure.startswith("halt") and not table.halt:
            found.append(("halt", f"facts[{place}] needs rules that halt"))
    return found
