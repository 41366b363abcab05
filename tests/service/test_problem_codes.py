"""docs/problems.md has every code that the service can answer with, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from seawall.engine.effect import Reason
from seawall.service.app import _CODES
from seawall.service.words.problem import Problem, refused
from seawall.service.writer import State

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "src" / "seawall" / "service"
DOCUMENT = (ROOT / "docs" / "problems.md").read_text()
STREAM = {"unknown_channel", "too_many_subscriptions"}  # Of channels, not of HTTP.
CLIENT = {"client.py", "stream_client.py"}  # Which tell what the service did not say.
Pairs = set[tuple[int, str]]


def listed(part: str) -> list[tuple[int, str]]:
    """Rows of one part of the document."""
    begin = DOCUMENT.index(f"## {part}")
    told = DOCUMENT[begin : DOCUMENT.find("\n## ", begin)]
    return [
        (int(status), code)
        for statuses, code in re.findall(r"(?m)^\| ([\d, ]+) \| `(\w+)` \|", told)
        for status in statuses.split(", ")
    ]


def raised(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Status and code of every problem that a file makes with both of them written out."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        maker, given = node.func.id, [getattr(one, "value", None) for one in node.args]
        if maker == "Problem" and type(given[0]) is int and isinstance(given[1], str):
            yield given[0], given[1]
        elif maker == "wrong" and len(given) > 1 and isinstance(given[1], str):
            yield 400, given[1]
        elif maker == "unavailable" and isinstance(given[0], str):
            yield 503, given[0]


def in_the_code() -> Pairs:
    files = [path for path in SERVICE.rglob("*.py") if path.name not in CLIENT]
    found = {pair for path in files for pair in raised(ast.parse(path.read_text()))}
    states = {(503, state) for state in get_args(State) if state != "ready"}
    return found | {(400, "bad_request")} | {*_CODES.items()} | states


def test_every_reason_of_the_engine_is_a_code_in_its_order() -> None:
    problems = [refused(reason, 1, repeated=False) for reason in Reason]
    assert [(one.status, one.code) for one in problems] == listed("Refusals of the engine")


def test_every_other_code_is_listed_and_nothing_else_is() -> None:
    told = listed("Problems of the request") + listed("Problems of the service")
    assert len(told) == len(set(told)) > 50
    known = {pair for pair in in_the_code() if pair[1] not in STREAM}
    assert known - set(told) == set()
    assert set(told) - known == set()
    assert all(f"`{code}`" in DOCUMENT for code in STREAM)


def test_a_code_says_what_type_it_is() -> None:
    told = Problem(422, "too_far", "x").as_json()
    assert (told["type"], told["title"]) == ("urn:seawall:problem:too_far", "too far")
