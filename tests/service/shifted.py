"""A service whose wall clock a file moves; put `PROGRAM` before its command line."""

from __future__ import annotations

from pathlib import Path

import pytest

PROGRAM = """
import os, time
real = time.time_ns
time.time_ns = lambda: real() + int(open(os.environ["SHIFT_FILE"]).read()) * 1_000_000
"""


class Clock:
    """Moves the clock of every service that is started after it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._file, self._fresh = folder / "shift", folder / "fresh"
        self.shift(0)
        patch.setenv("SHIFT_FILE", str(self._file))

    def shift(self, milliseconds: int) -> None:
        """Let it tell another time than the real one, by so much."""
        self._fresh.write_text(str(milliseconds))
        self._fresh.replace(self._file)
