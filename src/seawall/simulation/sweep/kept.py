"""Answers as they come in, kept in a file, so that a sweep that was stopped goes on.

Lines of JSON: the head names the spec and the code, each further line some runs of one point.
Floats are written in the fewest digits that read back to the same bits. A last line that was cut
off by a kill is dropped.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from seawall.simulation.sweep.model import Outcome
from seawall.simulation.sweep.spec import SweepError
from seawall.simulation.sweep.work import Answer

Results = dict[tuple[int, int], Outcome]  # By point and run.


class Head(msgspec.Struct, frozen=True):
    """First line of the file."""

    spec: str
    code: str


class Line(msgspec.Struct, frozen=True):
    """Some runs of one point."""

    point: int
    runs: tuple[int, ...]
    outcomes: tuple[tuple[float, float, float, float, float, float, str], ...]


class Kept:
    """The file of one sweep, open for more."""

    def __init__(self, folder: Path, spec: str, code: str, overwrite: bool = False) -> None:
        """Open it, or begin it; what it holds of the same spec and code is in `results`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"runs-{spec[:16]}.jsonl"
        self.results: Results = {}
        sound = 0 if overwrite else self._read(Head(spec, code))
        self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        self._file.truncate(sound)
        self._file.seek(sound)
        if not sound:
            self._write(Head(spec, code))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._file.close()

    def add(self, answer: Answer) -> None:
        """Keep an answer; it is with the system before this returns."""
        self._write(Line(answer.point, answer.runs, answer.outcomes))
        self._take(answer.point, answer.runs, answer.outcomes)

    def secure(self) -> None:
        """Bring it to the disk."""
        os.fsync(self._file.fileno())

    def _write(self, line: Any) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def _read(self, head: Head) -> int:
        """Take in what is sound; how many bytes that is."""
        if not self.path.exists():
            return 0
        first, *lines = self.path.read_bytes().splitlines(keepends=True) or [b""]
        if not first.endswith(b"\n"):
            return 0
        try:
            found = msgspec.json.decode(first, type=Head)
        except msgspec.DecodeError:
            raise SweepError(f"{self.path.name}: not a file of runs; use --overwrite") from None
        if found != head:
            raise SweepError(f"{self.path.name}: its runs were made by other code; use --overwrite")
        sound = len(first)
        for number, text in enumerate(lines, start=2):
            try:
                line = msgspec.json.decode(text, type=Line) if text.endswith(b"\n") else None
            except msgspec.DecodeError:
                raise SweepError(f"{self.path.name}: line {number} is damaged") from None
            if line is None:
                break
            self._take(line.point, line.runs, tuple(Outcome(*one) for one in line.outcomes))
            sound += len(text)
        return sound

    def _take(self, point: int, runs: tuple[int, ...], outcomes: tuple[Outcome, ...]) -> None:
        for run, outcome in zip(runs, outcomes, strict=True):
            self.results[point, run] = outcome
