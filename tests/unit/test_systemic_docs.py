"""The examples of the page on systemic risk run and print what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

PATH = Path(__file__).parents[2] / "docs" / "systemic.md"


def test_the_examples_run() -> None:
    failed, tried = doctest.testfile(str(PATH), module_relative=False, encoding="utf-8")
    assert failed == 0
    assert tried > 10
