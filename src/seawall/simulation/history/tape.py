"""A tape of minutes: quotes, and what was closed by force between two of them.

Knows one file of columns and what can be wrong with it. Does not know what a tape means.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats

COLUMNS = ("ts", "bid_price", "ask_price", "liq_long", "liq_short")
MINUTES_LEAST = 4_000  # Two halves, each with a day of lows behind it and room to fit.


class HistoryError(ValueError):
    """A tape or a table of facts that cannot be used; the message names the file and the key."""


class Tape(NamedTuple):
    """One market, minute by minute."""

    time_ms: Floats  # [minute]
    middle: Floats  # [minute] dollars, between bid and ask.
    spread: Floats  # [minute] (ask − bid) ÷ middle.
    sold: Floats  # [minute] dollars of longs closed by force.
    bought: Floats  # [minute] dollars of shorts closed by force.

    @property
    def log_price(self) -> Floats:
        """Logarithm of the middle."""
        found: Floats = np.log(self.middle)
        return found

    @property
    def moves(self) -> Floats:
        """[minute] logarithmic return into each minute; 0 for the first."""
        found: Floats = np.diff(self.log_price, prepend=self.log_price[0])
        return found

    @property
    def net(self) -> Floats:
        """[minute] dollars sold by force less dollars bought."""
        return self.sold - self.bought

    def __len__(self) -> int:
        return int(self.middle.size)

    def between(self, first: int, end: int) -> Tape:
        """Some of the minutes."""
        return Tape(*(column[first:end] for column in self))


def read_tape(place: Path) -> Tape:
    """Read a tape from a Parquet or CSV file, or from the only one of a folder that fits.

    `liq_long` and `liq_short` are coins, and become dollars at the middle of their minute.
    """
    import polars as pl

    file = _found(place)
    try:
        table = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HistoryError(f"{file}: cannot be read: {error}") from None
    for name in COLUMNS:
        if name not in table.columns:
            raise HistoryError(f"{file}: {name}: missing; a tape has {', '.join(COLUMNS)}")
    if table.schema["ts"].is_temporal():
        table = table.with_columns(pl.col("ts").dt.epoch("ms"))
    try:
        columns = {name: table[name].cast(pl.Float64).to_numpy() for name in COLUMNS}
    except pl.exceptions.PolarsError as error:
        raise HistoryError(f"{file}: a column is not of numbers: {error}") from None
    _refuse(file, columns)
    bid, ask = columns["bid_price"], columns["ask_price"]
    middle = 0.5 * (bid + ask)
    return Tape(
        columns["ts"],
        middle,
        (ask - bid) / middle,
        columns["liq_long"] * middle,
        columns["liq_short"] * middle,
    )


def _found(place: Path) -> Path:
    if place.is_file():
        return place
    if not place.is_dir():
        raise HistoryError(f"{place}: no such file or folder")
    there = [one for one in sorted(place.iterdir()) if one.suffix in {".parquet", ".csv"}]
    tapes = [one for one in there if set(COLUMNS) <= _names(one)]
    if len(tapes) != 1:
        said = "no file" if not tapes else f"{len(tapes)} files"
        raise HistoryError(f"{place}: {said} with the columns {', '.join(COLUMNS)}")
    return tapes[0]


def _names(file: Path) -> set[str]:
    import polars as pl

    scan = pl.scan_parquet if file.suffix == ".parquet" else pl.scan_csv
    try:
        return set(scan(file).collect_schema().names())
    except (OSError, pl.exceptions.PolarsError):
        return set()


def _refuse(file: Path, columns: dict[str, Floats]) -> None:
    """Refuse a tape that is too short, out of order or has numbers that cannot be."""
    if columns["ts"].size < MINUTES_LEAST:
        said = f"needs {MINUTES_LEAST:,} minutes, has {columns['ts'].size:,}"
        raise HistoryError(f"{file}: {said}")
    for name, column in columns.items():
        low = np.nextafter(0.0, 1.0) if name.endswith("_price") else 0.0
        wrong = np.flatnonzero(~(np.isfinite(column) & (column >= low)))
        if wrong.size:
            said = f"{column[wrong[0]]:g} is not a number that can be"
            raise HistoryError(f"{file}: {name}[{wrong[0]}]: {said}")
    later = np.flatnonzero(np.diff(columns["ts"]) <= 0)
    if later.size:
        raise HistoryError(f"{file}: ts[{later[0] + 1}]: not later than the minute before")
    crossed = np.flatnonzero(columns["ask_price"] < columns["bid_price"])
    if crossed.size:
        raise HistoryError(f"{file}: ask_price[{crossed[0]}]: below the bid")
