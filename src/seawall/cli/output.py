"""What every command shares: exit codes, one-line failures, JSON, tables and progress.

Results go to stdout; failures and progress to stderr, so that a pipe carries only results.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

DONE, DIFFERENCE, WRONG_INPUT, CANNOT_WRITE, INTERRUPTED = 0, 1, 2, 3, 130


class Failure(Exception):  # noqa: N818 (it is an outcome of the command, told to a person)
    """Why a command ends early: an exit code and one line for a person."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def say_failure(failure: Failure) -> int:
    """Print the one line on stderr and return the exit code."""
    print(" ".join(str(failure).split()), file=sys.stderr)
    return failure.code


def wrong_input(error: Exception | str, file: Path | None = None) -> Failure:
    """Say wrong input as `file: key: reason`; a key that msgspec puts at the end is moved.

    >>> print(wrong_input("Expected `int`, got `str` - at `$.seed`", Path("crash.toml")))
    crash.toml: $.seed: Expected `int`, got `str`
    """
    message = str(error)
    found = re.fullmatch(r"(.*) - at `([^`]*)`", message, re.S)
    if found:
        said, key = found.groups()
        prefix = ""
        if file is not None and said.startswith(f"{file}: "):
            prefix, said = f"{file}: ", said.removeprefix(f"{file}: ")
        message = f"{prefix}{key}: {said}"
    if file is not None and not message.startswith((str(file), file.name)):
        message = f"{file}: {message}"
    return Failure(WRONG_INPUT, message)


def cannot_write(error: OSError, place: Path | str) -> Failure:
    """Say in one line which place cannot be written and why."""
    return Failure(CANNOT_WRITE, f"{error.filename or place}: {error.strerror or error}")


def print_json(result: dict[str, Any]) -> None:
    """Print one JSON object; money in it is already text."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def print_line(text: str) -> None:
    """Print plain text, unwrapped: hashes and paths stay in one piece."""
    print(text)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    numbers: Sequence[int] = (),
) -> None:
    """Print a table; `numbers` are the columns that are set flush right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(table)


@contextlib.contextmanager
def progress(what: str, unit: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr where a person watches; otherwise count in silence."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def grouped(text: str) -> str:
    """Group the thousands of decimal text.

    >>> grouped("-1234567.5")
    '-1,234,567.5'
    """
    whole, point, part = text.partition(".")
    return f"{int(whole):,}{point}{part}" if whole not in {"-0", ""} else text
