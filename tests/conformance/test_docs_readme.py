"""The example on the front page is run, and what it prints is what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_front_page_prints_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "README.md").read_text()
    (program, shown), *others = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", page, re.S)
    assert not others
    monkeypatch.chdir(ROOT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    assert printed.getvalue() == shown
