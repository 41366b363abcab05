"""No report calls clustering contagion: where the word stands at all."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src/seawall"
# The estimator's warning, and an indicator whose published name has the word (Cont, Schaanning).
KNOWN = {
    "systemic/hawkes.py",
    "systemic/__init__.py",
    "systemic/indicators.py",
    "systemic/README.md",
}
KINDS = {".py", ".js", ".html", ".md", ".css", ".toml", ".json"}


def test_the_word_stands_only_where_it_is_warned_of_or_defined() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in KINDS and "vendor" not in path.parts
        if "contagion" in path.read_text(encoding="utf-8").lower()
    }
    assert found == KNOWN
