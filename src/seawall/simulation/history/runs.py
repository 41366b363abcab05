"""A world run once for the facts of an event: who was closed in each step, which way, and how.

Beside the run stand the same seed without impact, and with a halt if one is asked for. Knows worlds
and effects, and measures them; does not know what was observed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seawall.engine.effect import Deleveraged, ExitFilled, Liquidated, TakenOver
from seawall.pricing import Floats
from seawall.simulation.world import World, WorldScenario
from seawall.simulation.world.book import ONE
from seawall.simulation.world.laws import AS_IT_IS, NO_IMPACT, under_other_laws
from seawall.systemic import top_share

if TYPE_CHECKING:
    from seawall.simulation.history.facts import FactTable

MINUTE_S = 60


class Closed(NamedTuple):
    """One run's columns. [step], step 0 first; dollars but where a line says otherwise."""

    price: Floats
    depth: Floats
    longs: Floats  # Closed by force, on the book and off it.
    shorts: Floats
    deleveraged: Floats  # Off the book, both sides.
    shut: Floats  # Changes of what is shut.
    closings: Floats  # How often somebody was closed, a part at a time.

    @property
    def both(self) -> Floats:
        """Everything that was closed by force."""
        found: Floats = self.longs + self.shorts
        return found


class Seeded(NamedTuple):
    """One seed."""

    step_s: int
    live: Closed
    still: Closed  # Without impact.
    halted: Closed | None
    state_hash: str

    @property
    def amplification(self) -> float:
        """Forced notional with impact ÷ without."""
        without = float(self.still.both.sum())
        return float(self.live.both.sum()) / without if without else math.nan

    def by_minute(self) -> Floats:
        """Forced notional of each minute."""
        steps = max(1, MINUTE_S // self.step_s)
        column = self.live.both
        whole = -(-column.size // steps) * steps
        found: Floats = np.pad(column, (0, whole - column.size)).reshape(-1, steps).sum(axis=1)
        return found


def seeded(
    world: WorldScenario, halted: WorldScenario | None, seed: int, window_step: int
) -> Seeded:
    """Run one seed every way that is asked for."""
    assert 0 <= window_step <= world.steps, "the table was checked against its world"
    live, state_hash = _run(world, seed, impact=True)
    still, _ = _run(world, seed, impact=False)
    shut = _run(halted, seed, impact=True)[0] if halted is not None else None
    return Seeded(world.step_s, live, still, shut, state_hash)


class UnderLaw(NamedTuple):
    """The first seeds under one law. [seed]"""

    amplification: Floats  # Forced notional ÷ without impact.
    fall: Floats  # From the first price to the low.


def under_laws(world: WorldScenario, runs: Sequence[Seeded]) -> dict[str, UnderLaw]:
    """Seeds 1, 2, … that were run already, without impact, as they are, and under other laws."""
    told = {
        NO_IMPACT: _under(runs, [one.still for one in runs]),
        AS_IT_IS: _under(runs, [one.live for one in runs]),
    }
    for name, other in under_other_laws(world).items():
        seeds = range(1, len(runs) + 1)
        told[name] = _under(runs, [_run(other, seed, impact=True)[0] for seed in seeds])
    return told


def _under(runs: Sequence[Seeded], found: Sequence[Closed]) -> UnderLaw:
    forced = [
        _ratio(float(one.both.sum()), float(run.still.both.sum()))
        for run, one in zip(runs, found, strict=True)
    ]
    falls = [1.0 - one.price.min() / one.price[0] for one in found]
    return UnderLaw(np.array(forced), np.array(falls))


def _run(world: WorldScenario, seed: int, *, impact: bool) -> tuple[Closed, str]:
    running = World(seed, world, impact=impact)
    (book,) = running.prices
    doors = tuple(running.doors.values())
    seen, shut = [0] * len(doors), 0
    columns = [np.zeros(world.steps + 1) for _ in range(5)]
    for step in range(world.steps + 1):
        if step:
            running.step()
        for place, door in enumerate(doors):
            for effect in door.settled[seen[place] :]:
                _note(columns, step, effect)
            seen[place] = len(door.settled)
        now = sum(door.counts["breaker_changed"] for door in doors)
        columns[3][step], shut = now - shut, now
    running.check()
    price = np.array(running.prices[book], np.float64) / ONE
    depth = np.array(running.depth[book], np.float64) / ONE
    return Closed(price, depth, *columns), running.state_hash()


def _note(columns: list[Floats], step: int, effect: object) -> None:
    """Which side was closed: a long sells, and what is deleveraged names the long by its sign."""
    if isinstance(effect, Liquidated | ExitFilled):
        columns[0 if effect.lots < 0 else 1][step] += effect.notional / ONE
    elif isinstance(effect, Deleveraged | TakenOver):
        columns[0 if effect.lots > 0 else 1][step] += effect.notional / ONE
        columns[2][step] += effect.notional / ONE
    else:
        return
    columns[4][step] += 1.0


# -- measures ----------------------------------------------------------------------------------


def _share_in_40_minutes(run: Seeded, table: FactTable) -> float:
    minutes = run.by_minute()
    summed = np.concatenate(([0.0], minutes.cumsum()))
    width = min(40, minutes.size)
    return _ratio(float((summed[width:] - summed[:-width]).max()), float(minutes.sum()))


def _peak_minute(run: Seeded, table: FactTable) -> float:
    minutes = run.by_minute()
    return _ratio(float(minutes.max()), float(minutes.sum()))


def _top_hundredth(run: Seeded, table: FactTable) -> float:
    minutes = run.by_minute()
    return top_share(minutes, max(1, round(minutes.size * 0.01))) if minutes.any() else math.nan


def _long_share(run: Seeded, table: FactTable) -> float:
    return _ratio(float(run.live.longs.sum()), float(run.live.both.sum()))


def _first_deleveraging_s(run: Seeded, table: FactTable) -> float:
    start = table.window_step
    forced = np.flatnonzero(run.live.both[start:])
    taken = np.flatnonzero(run.live.deleveraged[start:])
    return float(taken[0] - forced[0]) * run.step_s if taken.size else math.nan


def _bursts(run: Seeded, table: FactTable) -> float:
    taken = run.live.deleveraged[table.window_step :] > 0.0
    return float((taken[1:] & ~taken[:-1]).sum() + taken[0])


def _deleveraged_share(run: Seeded, table: FactTable) -> float:
    return _ratio(float(run.live.deleveraged.sum()), float(run.live.both.sum()))


def _depth_left(run: Seeded, table: FactTable) -> float:
    return float(run.live.depth.min() / run.live.depth[0])


def _fall(run: Seeded, table: FactTable) -> float:
    return float(1.0 - run.live.price.min() / run.live.price[table.before_step])


def _recovered(run: Seeded, table: FactTable) -> float:
    price, low = run.live.price, float(run.live.price.min())
    return _ratio(float(price[table.after_step]) - low, float(price[table.before_step]) - low)


def _halt_forced(run: Seeded, table: FactTable) -> float:
    if run.halted is None or not run.halted.shut.any():
        return math.nan
    return _ratio(float(run.halted.both.sum()), float(run.live.both.sum()))


def _halt_rise(run: Seeded, table: FactTable) -> float:
    if run.halted is None or not run.halted.shut.any():
        return math.nan
    price, first = run.halted.price, int(np.flatnonzero(run.halted.shut)[0])
    last = min(first + table.halt_s // run.step_s, price.size - 1)
    return float(price[last] / price[first]) - 1.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


MEASURES: dict[str, Callable[[Seeded, FactTable], float]] = {
    "share_in_40_minutes": _share_in_40_minutes,
    "peak_minute": _peak_minute,
    "top_hundredth_of_minutes": _top_hundredth,
    "long_share": _long_share,
    "first_deleveraging_s": _first_deleveraging_s,
    "bursts": _bursts,
    "deleveraged_share": _deleveraged_share,
    "depth_left": _depth_left,
    "fall": _fall,
    "recovered": _recovered,
    "halt_forced": _halt_forced,
    "halt_rise": _halt_rise,
}
