"""Key paths into a tree of tables and lists: read, and set without touching the tree.

A rulebook that stands in a tree as text is a table like any other to a path that goes through it.
"""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal
from typing import Any

_STEP = re.compile(r'(?:^|\.)(?:([A-Za-z0-9_:/-]+)|"([^"]+)")|\[(\d+)\]')


class PathError(ValueError):
    """A path that is not one, or that leads nowhere; the message says where it ends."""


def steps_of(path: str) -> tuple[str | int, ...]:
    """Take a path apart.

    >>> steps_of("venues[0].rules.liquidation.slippage_ratio")
    ('venues', 0, 'rules', 'liquidation', 'slippage_ratio')
    """
    steps: list[str | int] = []
    place = 0
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None:
            raise PathError(f"{path[place:]!r} is no step of a path")
        name, quoted, index = found.groups()
        steps.append(int(index) if index is not None else (name or quoted))
        place = found.end()
    if not steps or isinstance(steps[0], int):
        raise PathError("a path begins with a key")
    return tuple(steps)


def with_value(tree: Any, steps: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the tree with one leaf set; tables that are not there yet are made.

    >>> with_value({"a": [{"b": 1}], "c": 2}, ("a", 0, "b"), 3)
    {'a': [{'b': 3}], 'c': 2}
    """
    if not steps:
        if isinstance(tree, dict | list):
            raise PathError("is a table or a list; name one value in it")
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(tree, str) and isinstance(step, str):
        return toml_text(with_value(_table_in(tree, step), steps, value))
    if isinstance(step, int):
        if not isinstance(tree, list):
            raise PathError(f"[{step}]: there is no list")
        if step >= len(tree):
            raise PathError(f"[{step}]: the list has {len(tree)} entries")
        return [with_value(one, rest, value) if n == step else one for n, one in enumerate(tree)]
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise PathError(f"{step}: there is no table")
    below = with_value(tree.get(step, {} if rest else None), rest, value)
    return {**tree, step: below}


def toml_text(tree: dict[str, Any]) -> str:
    """Write a table as TOML, one top key a line.

    >>> print(toml_text({"a": Decimal("0.1"), "b": {"c d": [True, "x"]}}), end="")
    a = 0.1
    b = {"c d" = [true, "x"]}
    """
    return "".join(f"{_key(key)} = {_inline(value)}\n" for key, value in tree.items())


def _table_in(text: str, step: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        raise PathError(f"{step}: there is no table") from None


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text if "." in text else f"{text}.0"
    if isinstance(value, int):
        return str(value)
    return str(value.isoformat())  # Dates and times.


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
