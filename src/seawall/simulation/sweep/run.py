"""A whole sweep: points, tasks, answers from wherever they come, rows, and the files of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from seawall.simulation.sweep.design import Point, points
from seawall.simulation.sweep.effects import Effect, effects
from seawall.simulation.sweep.judged import (
    Recommendation,
    Row,
    pareto,
    recommended,
    row_beyond,
    rows,
)
from seawall.simulation.sweep.kept import Kept, Results
from seawall.simulation.sweep.spec import Spec, SweepError
from seawall.simulation.sweep.work import Answer, Task, checked_trees, code, tasks, under_laws


class Swept(NamedTuple):
    """A finished sweep."""

    spec: Spec
    rows: list[Row]
    front: list[int]  # Points that no other beats in average margin and expected shortfall,
    utilisation_front: list[int]  # or in collateral utilisation and expected shortfall.
    recommendation: Recommendation
    effects: list[Effect]
    results: Results
    runs_found: int  # That an earlier start had left behind.
    runs_file: Path
    laws: dict[str, Row]  # The recommended point, else the nearest, under other laws of impact.


def sweep(
    spec: Spec,
    folder: Path,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    overwrite: bool = False,
    show: Callable[[int, int], None] | None = None,
) -> Swept:
    """Run every point so often as the spec says, going on from what the folder holds.

    What is recommended is run once more under every other law of impact, with the same draws.

    Without a scheduler, `workers` interpreters of this machine answer; 0 is one for each core. The
    rows hang on the spec alone: neither on who answered nor on the order of the answers.
    """
    found = points(spec)
    trees = checked_trees(spec, found)
    total, mine = len(found) * spec.runs, code(spec.model)
    with Kept(folder, spec.fingerprint(), mine, overwrite) as kept:
        before = sum(place < len(found) for place, _ in kept.results)

        def take(wanted: list[Task], most: int) -> None:
            if show is not None:
                show(min(len(kept.results), most), most)
            for answer in _answers(wanted, workers, scheduler):
                if answer.code != mine:
                    raise SweepError(
                        f"a worker computed with {answer.code}, here it is {mine}: the same "
                        "versions of seawall, Python, numpy and numba are needed everywhere"
                    )
                kept.add(answer)
                if show is not None:
                    show(len(kept.results), most)

        take(tasks(spec, found, trees, kept.results), total)
        best = recommended(rows(spec, found, kept.results), spec.objective)
        point = (best.chosen or best.nearest).point
        laws = under_laws(spec, point)
        beyond = [(place - len(found), run) for place, run in kept.results if place >= len(found)]
        others = tasks(spec, [point] * len(laws), list(laws.values()), beyond)
        shifted = [one._replace(point=one.point + len(found)) for one in others]
        take(shifted, total + len(laws) * spec.runs)
        kept.secure()
    swept = judged(spec, found, kept.results, before, kept.path)
    return swept._replace(
        laws={
            name: row_beyond(spec, point, len(found) + number, kept.results)
            for number, name in enumerate(laws)
        }
    )


def judged(spec: Spec, found: list[Point], results: Results, before: int, file: Path) -> Swept:
    """Everything that follows from the results."""
    told = rows(spec, found, results)
    return Swept(
        spec=spec,
        rows=told,
        front=pareto([(one.average_margin, one.expected_shortfall) for one in told]),
        utilisation_front=pareto(
            [(-one.collateral_utilisation, one.expected_shortfall) for one in told]
        ),
        recommendation=recommended(told, spec.objective),
        effects=effects(told),
        results={key: one for key, one in results.items() if key[0] < len(found)},
        runs_found=before,
        runs_file=file,
        laws={},
    )


def write_table(swept: Swept, path: Path) -> None:
    """Write one row for each point: parameters, measures, and whether it is on the front."""
    import polars as pl

    from seawall.simulation.report_file import replaced

    chosen = swept.recommendation.chosen
    table: dict[str, list[object]] = {"point": [row.place for row in swept.rows]}
    for parameter in swept.spec.parameters:
        values = [row.point[parameter] for row in swept.rows]
        if any(isinstance(one, str) for one in values):
            table[parameter] = [str(one) for one in values]
        else:
            table[parameter] = [one if isinstance(one, int) else float(one) for one in values]
            if any(isinstance(one, float) for one in table[parameter]):
                table[parameter] = [float(one) for one in values]
    for name in Row._fields[2:]:
        table[name] = [getattr(row, name) for row in swept.rows]
    fronts = (("on_front", swept.front), ("on_utilisation_front", swept.utilisation_front))
    for name, front in fronts:
        table[name] = [row.place in front for row in swept.rows]
    table["recommended"] = [chosen is not None and row.place == chosen.place for row in swept.rows]
    with replaced(path) as temporary:
        pl.DataFrame(table, strict=False).write_parquet(temporary)


def _answers(found: list[Task], workers: int, scheduler: str | None) -> Iterator[Answer]:
    if not found:
        return
    if scheduler is not None:
        from seawall.simulation.sweep import cluster

        yield from cluster.answers(found, scheduler)
        return
    from seawall.simulation.sweep import pool

    yield from pool.answers(found, workers or os.cpu_count() or 1)
