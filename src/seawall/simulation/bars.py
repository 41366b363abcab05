"""Bars: low, high and close of each coin over equal steps, read exactly from decimal text.

Knows the csv and nothing else. A price becomes price atoms (10^-10 of the numeraire per whole
coin); a bar that cannot be true is refused by its number, never repaired.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from seawall.money import AmountError, parse_atoms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME_COLUMN = "bar_start_utc"


class ScenarioError(ValueError):
    """A scenario or one of its files is wrong; one line says which file, where and why."""


class Bar(NamedTuple):
    """One coin over one step. [price atoms]"""

    low: int
    high: int
    close: int


@dataclass(frozen=True, slots=True)
class Bars:
    """Equal steps in time order, each with one bar for each coin."""

    coins: tuple[str, ...]
    step_ms: int
    start_ms: tuple[int, ...]  # [bar]
    bar: tuple[tuple[Bar, ...], ...]  # [bar][coin]


def milliseconds(moment: datetime) -> int:
    """Milliseconds UTC since 1970, exactly.

    >>> milliseconds(datetime(2024, 8, 5, 6, 20, tzinfo=UTC))
    1722838800000
    """
    return (moment - EPOCH) // timedelta(milliseconds=1)


def read_bars(path: Path, coins: tuple[str, ...], step_s: int, decimals: int = 10) -> Bars:
    """Read a csv with the columns bar_start_utc, and X_low, X_high, X_close for each coin X.

    Refused with `ScenarioError`: a missing column, a price that is not a positive finite decimal
    or has more than `decimals` decimals, low above high, a close outside them, and a time that is
    not `step_s` seconds after the bar before it.
    """
    columns = [f"{coin}_{part}" for coin in coins for part in Bar._fields]
    starts: list[int] = []
    rows: list[tuple[Bar, ...]] = []
    for number, row in enumerate(read_table(path, (TIME_COLUMN, *columns)), start=1):
        where = f"{path.name}: bar {number}"
        start = _time(row[TIME_COLUMN], where)
        if starts:
            _check_step(start, starts[-1], step_s * 1000, where)
        starts.append(start)
        rows.append(tuple(_bar(row, coin, where, decimals) for coin in coins))
    if not rows:
        raise ScenarioError(f"{path.name}: no bars")
    return Bars(coins, step_s * 1000, tuple(starts), tuple(rows))


def read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a csv whose head names at least these columns; every row must have all of them."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            head = reader.fieldnames or ()
            for column in columns:
                if column not in head:
                    raise ScenarioError(f"{path.name}: {column}: missing column")
            rows = list(reader)
    except FileNotFoundError:
        raise ScenarioError(f"{path.name}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(f"{path.name}: {getattr(error, 'strerror', error)}") from None
    for number, row in enumerate(rows, start=1):
        for column in columns:
            if row[column] is None:
                raise ScenarioError(f"{path.name}: bar {number}: {column}: missing")
    return rows


def _time(text: str, where: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ScenarioError(f"{where}: {TIME_COLUMN}: {text!r} is not a time") from None
    if moment.tzinfo is None:
        raise ScenarioError(f"{where}: {TIME_COLUMN}: {text!r} has no time zone")
    return milliseconds(moment)


def _check_step(start: int, before: int, step: int, where: str) -> None:
    if start == before:
        raise ScenarioError(f"{where}: {TIME_COLUMN}: the same time as the bar before")
    if start < before:
        raise ScenarioError(f"{where}: {TIME_COLUMN}: earlier than the bar before")
    if start - before != step:
        gap = (start - before) / 1000
        raise ScenarioError(
            f"{where}: {TIME_COLUMN}: {gap:g} s after the bar before, not {step // 1000} s"
        )


def _bar(row: dict[str, str], coin: str, where: str, decimals: int) -> Bar:
    bar = Bar(
        *(
            _price(row[f"{coin}_{part}"], f"{where}: {coin}_{part}", decimals)
            for part in Bar._fields
        )
    )
    if bar.low > bar.high:
        raise ScenarioError(f"{where}: {coin}_low: above {coin}_high")
    if not bar.low <= bar.close <= bar.high:
        raise ScenarioError(f"{where}: {coin}_close: outside low and high")
    return bar


def _price(text: str, where: str, decimals: int) -> int:
    try:
        atoms = parse_atoms(text.strip(), decimals)
    except AmountError as error:
        raise ScenarioError(f"{where}: {error}") from None
    if atoms <= 0:
        raise ScenarioError(f"{where}: {text} is not positive")
    return atoms
