"""A column of decimal text as exact integers, all rows at once.

Text is split at its point, both sides are read as integers, and the fraction is scaled up to the
decimals of its row. What is not written plainly (exponents, underscores, more than 18 digits) is
not guessed: its rows are returned for somebody slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seawall.pricing import Ints

if TYPE_CHECKING:
    import polars as pl

_PLAIN = r"^[+-]?[0-9]+(\.[0-9]*)?$"
_DIGITS_MAX = 18  # Always fit in an int64.
_POWERS = 10 ** np.arange(_DIGITS_MAX + 1, dtype=np.int64)


def scaled_integers(column: pl.Series, decimals: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Read number · 10^decimals for each row; False in the second where a row was not read.

    A null is not read. A float counts as its shortest text. [row]

    >>> import polars as pl
    >>> scaled_integers(pl.Series(["1.25", "-0.5", "1e3"]), np.array([6, 0, 2]))
    (array([1250000,       0,       0]), array([ True, False, False]))
    """
    import polars as pl

    if column.dtype.is_integer():
        return _of_integers(column, decimals)
    text = column if column.dtype == pl.String else column.cast(pl.String)
    negative = text.str.starts_with("-").fill_null(False).to_numpy()
    halves = text.str.strip_chars_start("+-").str.split_exact(".", 1).struct.unnest()
    whole, fraction = halves["field_0"], halves["field_1"].fill_null("")
    lengths = fraction.str.len_bytes().to_numpy().astype(np.int64)
    digits = whole.str.len_bytes().fill_null(0).to_numpy().astype(np.int64) + decimals
    read = text.str.contains(_PLAIN).fill_null(False).to_numpy()
    read = read & (lengths <= decimals) & (digits <= _DIGITS_MAX)
    units = _parsed(whole)
    parts = _parsed(fraction)
    missing = np.where(read, decimals - lengths, 0)
    scale = np.where(read, decimals, 0)
    atoms = units * _POWERS[scale] + parts * _POWERS[missing]
    return np.where(read, np.where(negative, -atoms, atoms), 0), read


def _parsed(digits: pl.Series) -> Ints:
    import polars as pl

    return digits.cast(pl.Int64, strict=False).fill_null(0).to_numpy().astype(np.int64)


def _of_integers(column: pl.Series, decimals: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    import polars as pl

    known = ~column.is_null().to_numpy()
    number: NDArray[np.int64] = (
        column.cast(pl.Int64, strict=False).fill_null(0).to_numpy().astype(np.int64)
    )
    room = _POWERS[_DIGITS_MAX - np.minimum(decimals, _DIGITS_MAX)]
    read = known & (number < room) & (number > -room) & (decimals <= _DIGITS_MAX)
    if column.dtype == pl.UInt64:
        read &= ~column.cast(pl.Int64, strict=False).is_null().to_numpy()
    scale = np.where(read, decimals, 0)
    return np.where(read, number, 0) * _POWERS[scale], read
