"""One piece of work: some runs of one point, complete in itself, so that anybody may do it.

Whoever does it, how often it was begun before, and what else is done meanwhile: none of this is in
the answer. So collecting answers by their place gives the same bits on one machine or on hundred.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from seawall.simulation.sweep.design import Point, seed_of
from seawall.simulation.sweep.model import Outcome, model
from seawall.simulation.sweep.paths import PathError, steps_of, with_value
from seawall.simulation.sweep.spec import MODELS, Spec, SweepError

SOURCES: dict[MODELS, tuple[str, ...]] = {
    "columns": ("_jit.py", "systemic/*.py", "simulation/draws.py", "simulation/sweep/*.py"),
    "world": ("*.py", "[!c]*/**/*.py", "engine/**/*.toml"),  # All but the command line.
}


class Task(NamedTuple):
    """Some runs of one point."""

    point: int  # Place in the design.
    runs: tuple[int, ...]  # Ascending.
    seeds: tuple[int, ...]  # One for each run.
    model: MODELS
    tree: Any  # The base with the point's values in it.


class Answer(NamedTuple):
    """What came of a task."""

    point: int
    runs: tuple[int, ...]
    outcomes: tuple[Outcome, ...]  # One for each run.
    code: str  # What computed it.


def answer(task: Task) -> Answer:
    """Do it; a run that cannot be finished is told with its place and its seed."""
    run = model(task.model).run
    outcomes: list[Outcome] = []
    for number, seed in zip(task.runs, task.seeds, strict=True):
        told = f"point {task.point}, run {number}, seed {seed}"
        try:
            outcome = run(task.tree, seed)
        except ValueError as error:
            raise SweepError(f"{told}: {error}") from None
        except AssertionError as error:
            raise AssertionError(f"{told}: {error}") from error
        assert outcome.is_finite, f"{told}: {outcome}"
        outcomes.append(outcome)
    return Answer(task.point, task.runs, tuple(outcomes), code(task.model))


def tree_of(spec: Spec, point: Point) -> Any:
    """The base with the values of a point in it; `SweepError` names the parameter that fails."""
    tree: Any = spec.base
    for path, value in point.items():
        try:
            tree = with_value(tree, steps_of(path), value)
        except PathError as error:
            raise SweepError(f"$.parameters.{path}: {error}") from None
    return tree


def checked_trees(spec: Spec, found: Sequence[Point]) -> list[Any]:
    """The tree of each point, each one accepted by the model before anything runs."""
    check, trees = model(spec.model).check, []
    try:
        check(spec.base)
        base_fails = ""
    except ValueError as error:
        base_fails = str(error)
    for point in found:
        tree = tree_of(spec, point)
        try:
            check(tree)
        except ValueError as error:
            if str(error) == base_fails:
                raise SweepError(f"$.base: {error}") from None
            told = ", ".join(f"{path} = {value}" for path, value in point.items())
            raise SweepError(f"$.parameters: at {told}: {error}") from None
        trees.append(tree)
    return trees


def tasks(
    spec: Spec, found: Sequence[Point], trees: Sequence[Any], done: Iterable[tuple[int, int]]
) -> list[Task]:
    """Everything that is not done yet, run by run across the points.

    Early batches of all points come first, so that a sweep that is stopped has seen every point.
    """
    batch, have = model(spec.model).batch, frozenset(done)
    wanted: list[Task] = []
    for first in range(0, spec.runs, batch):
        block = range(first, min(first + batch, spec.runs))
        for place, (point, tree) in enumerate(zip(found, trees, strict=True)):
            runs = tuple(run for run in block if (place, run) not in have)
            if runs:
                seeds = tuple(seed_of(spec, point, run) for run in runs)
                wanted.append(Task(place, runs, seeds, spec.model, tree))
    return wanted


def under_laws(spec: Spec, point: Point) -> dict[str, Any]:
    """A point's tree under each other law of impact; none where the law is a parameter."""
    if any("law" in steps_of(path) for path in spec.parameters):
        return {}
    return model(spec.model).laws(tree_of(spec, point))


@functools.cache
def code(name: MODELS) -> str:
    """Name what computes a model: our sources, Python, its libraries, the machine; 16 digits.

    Two workers that agree on it give the same bits. The systemic kernels call the exponential of
    the C library, so its version counts too.
    """
    digest = hashlib.sha256(name.encode())
    libc = " ".join(platform.libc_ver())
    for told in (sys.version, version("numpy"), version("numba"), platform.machine(), libc):
        digest.update(told.encode() + b"\0")
    package = Path(__file__).parents[2]
    for source in sorted({one for part in SOURCES[name] for one in package.glob(part)}):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0")
        digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
