"""Rulebooks as plain trees: one spelling, differences, and the paths of faults.

Knows tables, lists and decimals; knows no rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from seawall.money import format_ratio, parse_ratio

_UNNAMED = "[...]"  # How msgspec writes any key of a table whose keys are free.


def canonical_tree(rulebook: msgspec.Struct) -> dict[str, Any]:
    """Turn a rulebook into tables, lists, texts and ints, each decimal in its shortest spelling.

    A rule that the language learned after its first release is left out while it says what was so
    before: so rules that do not use it keep their fingerprint. A struct names such fields in
    `LATER`, and their defaults never change.
    """
    tree: dict[str, Any] = _spelled(_without_later(rulebook))
    return tree


def _without_later(node: Any) -> Any:
    if isinstance(node, msgspec.Struct):
        later: frozenset[str] = getattr(type(node), "LATER", frozenset())
        told = {
            field.encode_name: _without_later(getattr(node, field.name))
            for field in msgspec.structs.fields(node)
            if not (field.name in later and getattr(node, field.name) == _default(field))
        }
        tag = node.__struct_config__.tag
        return {node.__struct_config__.tag_field: tag} | told if tag is not None else told
    if isinstance(node, dict):
        return {key: _without_later(entry) for key, entry in node.items()}
    if isinstance(node, list | tuple):
        return [_without_later(entry) for entry in node]
    return node


def _default(field: Any) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def _spelled(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _spelled(entry) for key, entry in tree.items()}
    if isinstance(tree, list | tuple):
        return [_spelled(entry) for entry in tree]
    return format_ratio(parse_ratio(tree)) if isinstance(tree, Decimal) else tree


def check_decimals(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield (fault, key path) of each decimal that parts per billion cannot hold."""
    if isinstance(tree, Decimal):
        try:
            parse_ratio(tree)
        except ValueError as error:  # AmountError, or more digits than Python reads.
            yield str(error), path
    for step, entry in _entries(tree):
        yield from check_decimals(entry, path + step)


def differences(old: Any, new: Any, path: str) -> list[tuple[str, str | None, str | None]]:
    """List the leaves that differ as (key path, old, new); what one side lacks is None.

    >>> differences({"a": "1", "b": ["2"]}, {"a": "3", "b": ["2", "4"]}, "$")
    [('$.a', '1', '3'), ('$.b[1]', None, '4')]
    """
    if old == new:
        return []
    steps_old, steps_new = dict(_entries(old)), dict(_entries(new))
    if type(old) is not type(new) or not (steps_old or steps_new):
        return [(path, _text(old), _text(new))]
    found: list[tuple[str, str | None, str | None]] = []
    for step in [*steps_old, *(step for step in steps_new if step not in steps_old)]:
        below = path + step
        if step not in steps_new:
            found.append((below, _text(steps_old[step]), None))
        elif step not in steps_old:
            found.append((below, None, _text(steps_new[step])))
        else:
            found.extend(differences(steps_old[step], steps_new[step], below))
    return found


def name_keys(message: str, tree: Any, form: type) -> str:
    """Put the keys of free tables into the path of a message, which msgspec leaves out.

    The key is the one that fails with the same words when it stands in its table alone.
    """
    while (match := re.search(r"`\$([^`]*?)\[\.\.\.\]", message)) is not None:
        steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", match[1])
        path = [key or int(index) for key, index in steps]
        named = _failing_key(message, tree, path, form)
        if named is None:
            return message
        message = message.replace(_UNNAMED, f".{named}", 1)
        tree = _with_only(tree, path, named)
    return message


def inner_path(message: str) -> str:
    """Move the key that a struct's own check begins with to the end of the path.

    >>> inner_path("brackets.BTC[0]: too low - at `$.margin.cross`")
    'too low - at `$.margin.cross.brackets.BTC[0]`'
    """
    match = re.fullmatch(r"([\w.\[\]]+): (.*) - at `([^`]*)`", message)
    return f"{match[2]} - at `{match[3]}.{match[1]}`" if match else message


def _failing_key(message: str, tree: Any, path: list[str | int], form: type) -> str | None:
    table = tree
    for step in path:
        table = table[step]
    for key in table:
        if not re.fullmatch(r"[\w-]+", key):
            continue  # A path with it could not be read back.
        try:
            msgspec.convert(_with_only(tree, path, key), form)
        except msgspec.ValidationError as error:
            if _same_fault(str(error), message):
                return str(key)
    return None


def _same_fault(raw: str, message: str) -> bool:
    """Whether two messages agree once the keys named so far are forgotten."""
    pattern = ".*".join(map(re.escape, raw.split(_UNNAMED)))
    return re.fullmatch(pattern, message) is not None


def _with_only(tree: Any, path: list[str | int], key: str) -> Any:
    """Copy a tree in which the table at the path keeps one key."""
    if not path:
        return {key: tree[key]}
    step, *rest = path
    if isinstance(tree, list):
        return [_with_only(e, rest, key) if n == step else e for n, e in enumerate(tree)]
    return {k: _with_only(e, rest, key) if k == step else e for k, e in tree.items()}


def _entries(tree: Any) -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [(f".{key}", entry) for key, entry in tree.items()]
    if isinstance(tree, list | tuple):
        return [(f"[{number}]", entry) for number, entry in enumerate(tree)]
    return []


def _text(entry: Any) -> str | None:
    if entry is None:
        return None
    return entry if isinstance(entry, str) else msgspec.json.encode(entry).decode()
