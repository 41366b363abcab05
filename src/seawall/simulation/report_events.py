"""The table of everything that came out: one row for each effect, typed and exact.

Money columns are decimal(38, decimals) in the numeraire, so a reader can sum them and loses
nothing; lots, accounts and sequence numbers are int64; what does not apply to an effect is null.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable
from decimal import Context, Decimal, Inexact
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seawall.simulation.report_file import replaced

if TYPE_CHECKING:
    from seawall.engine.effect import Effect


class EffectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of events.parquet. Money in numeraire atoms."""

    sequence: int
    time_ms: int
    effect: str
    account: int | None = None
    account_name: str | None = None
    counterparty: int | None = None
    instrument: str | None = None
    order: int | None = None
    lots: int | None = None
    price: int | None = None  # Price atoms.
    notional: int | None = None
    fee: int | None = None
    atoms: int | None = None  # A call's amount, what the fund paid, what was shared.
    full: bool | None = None
    before: str | None = None  # State names.
    after: str | None = None
    equity: int | None = None
    margin_equity: int | None = None
    initial: int | None = None
    maintenance: int | None = None
    deadline_ms: int | None = None
    bearers: int | None = None
    accounts: int | None = None
    rate: int | None = None  # Parts per billion.
    coin: int | None = None  # Number of the coin whose atoms `coin_atoms` counts.
    coin_atoms: int | None = None
    reason: str | None = None


MONEY = frozenset(
    ("price", "notional", "fee", "atoms", "equity", "margin_equity", "initial", "maintenance")
)
TEXT = frozenset(("effect", "account_name", "instrument", "before", "after", "reason"))
RENAMED = {"amount": "atoms", "limit": "price"}
EXACT = Context(prec=38, traps=[Inexact])
COLUMNS = frozenset(EffectRow.__struct_fields__)
IN_COINS = frozenset((("flash_taken", "fee"),))  # Not money of the numeraire: left out.


def effect_row(
    sequence: int,
    time_ms: int,
    effect: Effect,
    name: Callable[[int], str],
    instrument_id: Callable[[int], str],
) -> EffectRow:
    """Flatten one effect; numbers become names, and fields of an unknown effect are dropped."""
    cells: dict[str, Any] = {
        column: _plain(getattr(effect, field)) for column, field in _cells(type(effect))
    }
    if "coin" in cells:  # Not money of the numeraire.
        cells["coin_atoms"] = cells.pop("atoms")
    account = cells.get("account")
    if account is not None and account < 0:
        cells["account"] = None
    elif account is not None:
        cells["account_name"] = name(account)
    if cells.get("instrument", -1) < 0:  # None, or a whole account.
        cells["instrument"] = None
    else:
        cells["instrument"] = instrument_id(cells["instrument"])
    tag = str(effect.__struct_config__.tag)
    return EffectRow(sequence=sequence, time_ms=time_ms, effect=tag, **cells)


@functools.cache
def _cells(kind: type[Effect]) -> tuple[tuple[str, str], ...]:
    """(column, field) of an effect."""
    named = ((RENAMED.get(field, field), field) for field in kind.__struct_fields__)
    tag = str(kind.__struct_config__.tag)
    return tuple(
        (column, field)
        for column, field in named
        if column in COLUMNS and (tag, field) not in IN_COINS
    )


def _plain(value: Any) -> Any:
    if type(value) is int:
        return value
    if isinstance(value, enum.IntEnum):
        return value.name.lower()
    return value.value if isinstance(value, enum.Enum) else value


def write_events(path: Path, rows: Iterable[EffectRow], decimals: int = 10) -> None:
    """Write the rows as Parquet, whole or not at all; OSError if the place cannot be written."""
    import polars as pl

    columns: dict[str, list[Any]] = {name: [] for name in EffectRow.__struct_fields__}
    appenders = [(name, values.append) for name, values in columns.items()]
    for row in rows:
        for name, append in appenders:
            append(getattr(row, name))
    frame = pl.DataFrame([_column(name, values, decimals) for name, values in columns.items()])
    for name in ("time_ms", "deadline_ms"):
        utc = pl.from_epoch(name, time_unit="ms").dt.replace_time_zone("UTC")
        frame = frame.with_columns(utc.alias(name.removesuffix("_ms")))
    frame = frame.drop("time_ms", "deadline_ms").select(
        "sequence", "time", pl.all().exclude("sequence", "time")
    )
    with replaced(path) as temporary:
        frame.write_parquet(temporary)


def _column(name: str, values: list[Any], decimals: int) -> Any:
    import polars as pl

    if name in MONEY:
        exact = [
            None if value is None else Decimal(value).scaleb(-decimals, EXACT) for value in values
        ]
        return pl.Series(name, exact, dtype=pl.Decimal(38, decimals))
    if name == "full":
        return pl.Series(name, values, dtype=pl.Boolean)
    return pl.Series(name, values, dtype=pl.String if name in TEXT else pl.Int64)
