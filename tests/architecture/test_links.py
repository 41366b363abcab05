"""What the documents point at exists: files, headings of the same page, commands and targets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from seawall.cli import app

ROOT = Path(__file__).parents[2]
UNREAD = {".venv", "out", "node_modules"}
PAGES = sorted(
    page for page in ROOT.rglob("*.md") if not UNREAD & set(page.relative_to(ROOT).parts)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^(?:    )?(?:\$ )?|`)(seawall [a-z][^`\n]*)", re.M)
TARGET = re.compile(r"(?:^(?:    )?(?:\$ )?|`)make ([a-z]+)", re.M)
GROUPS = {"journal", "rules"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchor(heading: str) -> str:
    """The name that a heading gets on a rendered page."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def resolved(line: str) -> str | None:
    """The command that a line runs, or None where the program has no such command."""
    words = shlex.split(line.partition("|")[0])[1:]
    depth = 2 if words[0] in GROUPS and len(words) > 1 else 1
    chain, _, rest = app.parse_commands(words[:depth])
    return " ".join(chain) if len(chain) == depth and not rest else None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        if fragment and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
            assert fragment in {anchor(heading) for heading in headings}, f"no heading {link}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_command_that_a_page_shows_exists(page: Path) -> None:
    for line in COMMAND.findall(page.read_text()):
        if re.match(r"seawall [a-z]+[|:,]", line):  # A list of several in one span.
            continue
        assert resolved(line), f"no such command: {line}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_target_that_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(TARGET.findall(page.read_text())) <= targets


def test_each_command_has_a_section() -> None:
    headings = set(re.findall(r"^## ([\w-]+)$", (ROOT / "docs" / "cli.md").read_text(), re.M))
    commands = {name for name in app if not name.startswith("-")}
    assert headings == commands


def test_canary_a_wrong_command_is_found() -> None:
    assert resolved("seawall journal verify out/journal.db") == "journal verify"
    assert resolved("seawall journal melt out/journal.db") is None
    assert resolved("seawall simulate x") is None
    assert COMMAND.findall("run `seawall simulate x`\n    seawall replay y")[0] == (
        "seawall simulate x"
    )
