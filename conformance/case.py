"""What became of one case of a vector file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

Status = Literal["reproduced", "skipped", "failed"]
Number = int | float | str | Decimal | Fraction


class Outcome(NamedTuple):
    """One case: its name, whether our own rule gives what its source says, and why if not."""

    name: str
    status: Status
    detail: str = ""


# One checker for each file: takes the parsed JSON and the folder it lies in.
Checker = Callable[[Any, Path], Iterator[Outcome]]


def exactly(name: str, expected: object, found: object) -> Outcome:
    """A rule in integers matches to the last digit or fails."""
    if expected == found:
        return Outcome(name, "reproduced")
    return Outcome(name, "failed", f"expected {expected}, found {found}")


def nearly(
    name: str, expected: Number, found: Number, relative: float = 1e-9, absolute: float = 0.0
) -> Outcome:
    """A rule in floats matches within the tolerance of its source."""
    wanted, got = Fraction(expected), Fraction(found)
    slack = max(Fraction(relative) * abs(wanted), Fraction(absolute))
    if abs(wanted - got) <= slack:
        return Outcome(name, "reproduced")
    return Outcome(name, "failed", f"expected {float(wanted)!r}, found {float(got)!r}")


def together(name: str, outcomes: list[Outcome]) -> Outcome:
    """One case with several numbers is reproduced when all of them are."""
    wrong = [f"{one.name}: {one.detail}" for one in outcomes if one.status == "failed"]
    return Outcome(name, "failed" if wrong else "reproduced", "; ".join(wrong))


def skipped(name: str, reason: str) -> Outcome:
    """A case that is not judged, with the reason that a person reads."""
    return Outcome(name, "skipped", reason)
