"""Closing prices of one coin from a Parquet or CSV file.

Knows the file's columns; a column that is missing or wrong is named, never guessed or repaired.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seawall.backtest.method import BacktestError

if TYPE_CHECKING:
    import polars as pl

TIME_COLUMNS = ("ts", "time", "timestamp", "date", "datetime", "bar_start_utc")
MILLISECONDS_FROM = 10**11  # A smaller whole number counts seconds since 1970.
BARS_MIN = 3


@dataclass(frozen=True, slots=True)
class Prices:
    """Closes in time order; the step is the commonest distance of two bars."""

    time_ms: NDArray[np.int64]  # [bar] UTC
    close: NDArray[np.float64]  # [bar] quote currency per coin
    step_ms: int
    gaps: int  # distances that are not the step


def read_prices(path: Path, close: str = "close", symbol: str | None = None) -> Prices:
    """Read a time column (ts, time, timestamp, date, datetime, bar_start_utc) and a close column.

    Times are dates, datetimes (UTC where no zone is given), ISO text, or whole seconds or
    milliseconds since 1970. A file with a column `symbol` may hold several; then one is named.
    """
    frame = _frame(path)
    time = next((name for name in TIME_COLUMNS if name in frame.columns), None)
    has = f"it has {', '.join(frame.columns)}"
    if time is None:
        wanted = ", ".join(TIME_COLUMNS)
        raise BacktestError(f"{path.name}: no time column ({wanted}); {has}")
    if close not in frame.columns:
        raise BacktestError(f"{path.name}: {close}: missing column; {has}")
    frame = _one_symbol(frame, path, symbol)
    return _checked(path, time, close, _times(frame[time], path), _closes(frame[close], path))


def _frame(path: Path) -> pl.DataFrame:
    import polars as pl

    if path.suffix not in {".parquet", ".csv"}:
        raise BacktestError(f"{path.name}: neither .parquet nor .csv")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, try_parse_dates=True, comment_prefix="#", infer_schema_length=None)
    except FileNotFoundError:
        raise BacktestError(f"{path.name}: no such file") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path.name}: {str(error).splitlines()[0]}") from None


def _one_symbol(frame: pl.DataFrame, path: Path, symbol: str | None) -> pl.DataFrame:
    import polars as pl

    if "symbol" not in frame.columns:
        if symbol is not None:
            raise BacktestError(f"{path.name}: symbol: missing column, so {symbol} is not there")
        return frame
    names = sorted(str(name) for name in frame["symbol"].unique().to_list())
    if symbol is None and len(names) > 1:
        raise BacktestError(f"{path.name}: symbol: name one with --symbol: {', '.join(names)}")
    if symbol is not None and symbol not in names:
        raise BacktestError(f"{path.name}: symbol: {symbol} is not one of {', '.join(names)}")
    return frame if symbol is None else frame.filter(pl.col("symbol") == symbol)


def _times(column: pl.Series, path: Path) -> NDArray[np.int64]:
    import polars as pl

    where = f"{path.name}: {column.name}"
    if column.null_count():
        raise BacktestError(f"{where}: a time is missing")
    if column.dtype.is_integer():
        whole = column.to_numpy().astype(np.int64)
        seconds = whole.size and whole[0] < MILLISECONDS_FROM
        return whole * 1000 if seconds else whole
    try:
        if column.dtype == pl.String:
            column = column.str.to_datetime(time_zone="UTC")
        elif not column.dtype.is_temporal():
            raise BacktestError(f"{where}: {column.dtype} is not a time")
        return column.cast(pl.Datetime("ms")).cast(pl.Int64).to_numpy().astype(np.int64)
    except pl.exceptions.PolarsError as error:
        raise BacktestError(f"{where}: {str(error).splitlines()[0]}") from None


def _closes(column: pl.Series, path: Path) -> NDArray[np.float64]:
    import polars as pl

    if not column.dtype.is_numeric():
        raise BacktestError(f"{path.name}: {column.name}: {column.dtype} is not a number")
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _checked(
    path: Path, time: str, close: str, times: NDArray[np.int64], closes: NDArray[np.float64]
) -> Prices:
    if times.size < BARS_MIN:
        raise BacktestError(f"{path.name}: {times.size} bars are too few")
    steps = np.diff(times)
    if np.any(steps <= 0):
        bar = int(np.argmax(steps <= 0)) + 2
        raise BacktestError(f"{path.name}: {time}: bar {bar} is not later than the bar before")
    wrong = ~(np.isfinite(closes) & (closes > 0))
    if np.any(wrong):
        bar = int(np.argmax(wrong))
        raise BacktestError(
            f"{path.name}: {close}: bar {bar + 1}: {closes[bar]} is not a positive price"
        )
    values, counts = np.unique(steps, return_counts=True)
    step = int(values[np.argmax(counts)])
    return Prices(times, closes, step, int(np.sum(steps != step)))
