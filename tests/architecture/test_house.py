"""The rules of the house that a linter does not know: lengths, words, rooms and import cost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "seawall"
FILES = sorted(PACKAGE.rglob("*.py"))
BANNED = {"manager", "handler", "helper", "helpers", "utils", "util", "common", "core", "process"}
LINES_MAX = 400
FUNCTION_LINES_MAX = 60


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_reads_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_function_fits_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_names_say_what_a_thing_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {path.stem}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    for name in names:
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}
        assert not words & BANNED, f"{name} says {words & BANNED}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "no docstring at the head"


def test_each_package_has_a_readme() -> None:
    packages = [p.parent for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE]
    missing = [named(p) for p in packages if not (p / "README.md").exists()]
    assert not missing


def test_a_plain_import_stays_light() -> None:
    program = (
        "import sys, seawall, seawall.engine.effect, seawall.margin, seawall.liquidation\n"
        "heavy = {'numba', 'polars', 'scipy', 'sqlalchemy', 'cyclopts', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_no_restricted_data_is_carried() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    carried = ("vectors/", "sealed/", "sealed.bin")
    assert not [name for name in tracked if any(part in name for part in carried)]
