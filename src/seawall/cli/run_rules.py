"""`seawall rules`: is a file a rulebook, what does it say, and how do two of them differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.output import (
    DIFFERENCE,
    DONE,
    print_json,
    print_line,
    print_table,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.engine.rules.rulebook import Rulebook


def read(file: Path) -> Rulebook:
    """Read a rulebook, or say in one line why it is none."""
    from seawall.engine.rules.rulebook import RulebookError, load

    try:
        return load(file)
    except RulebookError as error:
        raise wrong_input(error, file) from None


def check(file: Path, as_json: bool) -> int:
    """Say that the file is a rulebook, and its fingerprint."""
    rulebook = read(file)
    if as_json:
        print_json({"file": str(file), "ok": True, **_named(rulebook)})
    else:
        print_line(
            f"{file}: {rulebook.name} {rulebook.version} is a rulebook; "
            f"fingerprint {rulebook.fingerprint}"
        )
    return DONE


def show(file: Path, as_json: bool) -> int:
    """Print every rule by its key path, defaults included."""
    import msgspec

    rulebook = read(file)
    tree = msgspec.json.decode(rulebook.canonical())
    if as_json:
        print_json({"file": str(file), **_named(rulebook), "rules": tree})
        return DONE
    rows = [(path, value) for path, value in leaves(tree, "$")]
    print_table(("key", "value"), rows, f"{rulebook.name} {rulebook.version}")
    print_line(f"fingerprint {rulebook.fingerprint}")
    return DONE


def diff(old: Path, new: Path, as_json: bool) -> int:
    """List the keys that differ; exit code 1 if there are any."""
    from seawall.engine.rules.rulebook import diff

    before, after = read(old), read(new)
    found = diff(before, after)
    if as_json:
        changes = [{"key": key, "old": a, "new": b} for key, a, b in found]
        print_json({"old": _named(before), "new": _named(after), "changes": changes})
    elif found:
        rows = [(key, a or "absent", b or "absent") for key, a, b in found]
        print_table(("key", str(old), str(new)), rows)
        print_line(f"fingerprints {before.fingerprint} and {after.fingerprint}")
    else:
        print_line(f"no rule differs; fingerprint {before.fingerprint}")
    return DIFFERENCE if found else DONE


def _named(rulebook: Rulebook) -> dict[str, str]:
    return {
        "name": rulebook.name,
        "version": rulebook.version,
        "fingerprint": rulebook.fingerprint,
    }


def leaves(tree: object, path: str) -> list[tuple[str, str]]:
    """List the leaves of a tree with their key paths.

    >>> leaves({"a": [1, {"b": "x"}], "c": {}}, "$")
    [('$.a[0]', '1'), ('$.a[1].b', 'x'), ('$.c', 'none')]
    """
    if isinstance(tree, dict) and tree:
        return [row for key, entry in tree.items() for row in leaves(entry, f"{path}.{key}")]
    if isinstance(tree, list) and tree:
        return [row for k, entry in enumerate(tree) for row in leaves(entry, f"{path}[{k}]")]
    return [(path, "none" if tree in ({}, [], None) else str(tree))]
