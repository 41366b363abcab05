"""The sweep file: a base, what is varied of it, how often it runs, and what is wanted of it.

Typed, with decimals kept exact; a wrong key or value is refused in one line with its path. Knows no
model: whether a base and a point make sense is the model's word.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from seawall.simulation.sweep.paths import PathError, steps_of

Value = bool | int | Decimal | str
Values = tuple[Any, ...]  # Of Value: no type that is read from a file may be both of the last two.
MODELS = Literal["columns", "world"]
MOST_POINTS = 100_000


class SweepError(ValueError):
    """A sweep cannot be run as it is written, or could not be finished; one line says why."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Range(Part, frozen=True, kw_only=True):
    """Numbers between two ends; whole ones where both ends are whole."""

    low: int | Decimal
    high: int | Decimal
    log: bool = False  # Even steps of the logarithm.
    steps: int = 0  # How many of them a grid takes, both ends included.

    @property
    def is_whole(self) -> bool:
        """Both ends are ints."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class Objective(Part, frozen=True, kw_only=True):
    """What is wanted: the least cost among points whose tail loss is within the limit."""

    limit: Decimal = Decimal(0)  # Of the expected shortfall of the loss, dollars.
    loss: Literal["bad_debt", "uncovered"] = "bad_debt"
    cost: Literal["average_margin", "collateral_utilisation"] = "average_margin"
    confidence: Decimal = Decimal("0.95")


class Spec(Part, frozen=True, kw_only=True):
    """A whole sweep."""

    name: str
    seed: int
    runs: int  # For each point.
    model: MODELS = "columns"
    design: Literal["grid", "latin_hypercube"] = "grid"
    points: int = 0  # Of a hypercube; a grid has as many as its parameters make.
    draws: Literal["own", "shared"] = "own"  # Shared: run n meets the same luck at every point.
    base: dict[str, Any]
    parameters: dict[str, Values | Range]
    objective: Objective = Objective()

    def fingerprint(self) -> str:
        """SHA-256 of everything above, the base's files included."""
        return hashlib.sha256(canonical(msgspec.structs.asdict(self))).hexdigest()


def canonical(tree: Any) -> bytes:
    """One spelling of a tree: keys sorted, decimals in their shortest form.

    >>> canonical({"b": Decimal("0.10"), "a": [1, True]})
    b'{"a":[1,true],"b":0.1}'
    """
    return msgspec.json.Encoder(order="sorted", decimal_format="number").encode(_shortest(tree))


def read(file: Path) -> Spec:
    """Read a sweep file; `SweepError` says in one line which key is wrong and why."""
    tree = _toml(file, file.name)
    folder, base = file.parent, tree.get("base")
    if isinstance(base, str):
        folder = (folder / base).parent
        base = _toml(file.parent / base, f"{file.name}: $.base: {base}")
    if isinstance(base, dict):
        tree["base"] = _inlined(base, folder, file.name)
    if isinstance(tree.get("parameters"), dict):
        tree["parameters"] = dict(_flat(tree["parameters"], ""))
    try:
        spec = msgspec.convert(tree, Spec)
    except msgspec.ValidationError as error:
        reason, _, key = str(error).partition(" - at `")
        raise SweepError(f"{file.name}: {key.rstrip('`') or '$'}: {reason}") from None
    for key, reason in _wrong(spec):
        raise SweepError(f"{file.name}: {key}: {reason}")
    return spec


def _toml(file: Path, said: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise SweepError(f"{said}: no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SweepError(f"{said}: {error}") from None


def _inlined(tree: Any, folder: Path, name: str, key: str = "$.base") -> Any:
    """The tree with each `rulebook` file read into `rules`: workers elsewhere have no such file."""
    if isinstance(tree, list):
        return [_inlined(one, folder, name, f"{key}[{n}]") for n, one in enumerate(tree)]
    if not isinstance(tree, dict):
        return tree
    tree = {step: _inlined(one, folder, name, f"{key}.{step}") for step, one in tree.items()}
    if isinstance(tree.get("rulebook"), str) and tree["rulebook"]:
        place = tree.pop("rulebook")
        try:
            tree["rules"] = (folder / place).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise SweepError(f"{name}: {key}.rulebook: {place}: no such file") from None
    return tree


def _flat(tree: dict[str, Any], above: str) -> list[tuple[str, Any]]:
    """Parameters by path: a table with `low` and `high` is a range, any other leads further."""
    found: list[tuple[str, Any]] = []
    for step, one in tree.items():
        path = f"{above}.{step}" if above else step
        if isinstance(one, dict) and not {"low", "high"} & set(one):
            found += _flat(one, path)
        else:
            found.append((path, one))
    return found


def _shortest(tree: Any) -> Any:
    if isinstance(tree, msgspec.Struct):
        return _shortest(msgspec.structs.asdict(tree))
    if isinstance(tree, dict):
        return {key: _shortest(one) for key, one in tree.items()}
    if isinstance(tree, list | tuple):
        return [_shortest(one) for one in tree]
    return tree.normalize() if isinstance(tree, Decimal) else tree


def _wrong(spec: Spec) -> list[tuple[str, str]]:
    """Every (key, reason) that types alone do not see."""
    found: list[tuple[str, str]] = []
    if spec.runs < 1:
        found.append(("$.runs", f"{spec.runs} is below 1"))
    if not 0 <= spec.seed < 2**63:
        found.append(("$.seed", "must lie from 0 to 2^63 - 1"))
    if not spec.parameters:
        found.append(("$.parameters", "names nothing to vary"))
    wanted = spec.objective
    if not 0 < wanted.confidence < 1:
        found.append(("$.objective.confidence", f"{wanted.confidence} is not between 0 and 1"))
    if not wanted.limit >= 0:
        found.append(("$.objective.limit", f"{wanted.limit} is below 0"))
    for path, values in spec.parameters.items():
        found += _wrong_parameter(f"$.parameters.{path}", path, values, spec.design)
    if not found and spec.design == "grid":
        if spec.points:
            found.append(("$.points", "a grid has as many points as its parameters make"))
        sizes = (
            one.steps if isinstance(one, Range) else len(one) for one in spec.parameters.values()
        )
        if (count := math.prod(sizes)) > MOST_POINTS:
            found.append(("$.parameters", f"make {count:,} points, more than {MOST_POINTS:,}"))
    elif not found and not 1 <= spec.points <= MOST_POINTS:
        found.append(("$.points", f"{spec.points} is not from 1 to {MOST_POINTS:,}"))
    return found


def _wrong_parameter(
    key: str, path: str, values: Values | Range, design: str
) -> list[tuple[str, str]]:
    try:
        steps_of(path)
    except PathError as error:
        return [(key, str(error))]
    if not isinstance(values, Range):
        if not values:
            return [(key, "is an empty list")]
        if not all(isinstance(one, bool | int | Decimal | str) for one in values):
            return [(key, "values are numbers, texts, true or false")]
        spelled = [canonical(one) for one in values]
        twice = next((one for one in spelled if spelled.count(one) > 1), None)
        return [(key, f"{twice.decode()} is named twice")] if twice else []
    if not values.low < values.high:
        return [(f"{key}.low", f"{values.low} is not below {values.high}")]
    if values.log and not values.low > 0:
        return [(f"{key}.low", "must be above 0 where steps are logarithmic")]
    if design == "grid" and values.steps < 2:
        return [(f"{key}.steps", "a grid needs at least 2")]
    if design != "grid" and values.steps:
        return [(f"{key}.steps", "belongs to a grid")]
    return []
