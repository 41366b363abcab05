"""`seawall journal reconcile`: the ledger beside an outside statement."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seawall.cli.output import (
    DIFFERENCE,
    DONE,
    WRONG_INPUT,
    Failure,
    grouped,
    print_json,
    print_line,
    print_table,
    wrong_input,
)
from seawall.cli.run_correct import Signed, append, at, instant
from seawall.engine.repair.reconciliation import Row

if TYPE_CHECKING:
    from seawall.engine import Engine
    from seawall.engine.history.journal import Journal
    from seawall.engine.repair.reconciliation import Difference, Item, Statement

DAY_MS = 86_400_000


def run(
    where: str,
    file: Path,
    source: str | None,
    as_of: str | None,
    tolerance: Sequence[str],
    signed: Signed,
    as_json: bool,
) -> int:
    """Compare, print the differences, and post them where that is asked for.

    Exit code 1 where a difference is beyond its tolerance and was not posted.
    """
    from seawall.cli.run_journal import opened
    from seawall.engine.history.journal import DamagedError, JournalError
    from seawall.engine.history.replay import ReplayError
    from seawall.engine.repair.reconciliation import (
        StatementError,
        differences,
        open_items,
        posting,
    )
    from seawall.engine.repair.record import Record

    signed.check()
    with opened(where) as journal:
        try:
            statement = _statement(file, source, as_of, journal)
            then = at(journal, _sequence(journal, statement.as_of_ms))
            record = Record()
            record.read(journal)
            history = record.reconciled
            last = journal.last_sequence()
            tolerances = _tolerances(then, tolerance)
            found = differences(then, statement, tolerances, history)
        except (StatementError, msgspec.MsgspecError) as error:
            raise wrong_input(error, file) from None
        except (DamagedError, ReplayError) as error:
            raise Failure(DIFFERENCE, str(error)) from None
        except JournalError as error:
            raise wrong_input(error) from None
    sequence = None
    if signed.apply:
        first, second = sorted(set(signed.operators))
        event = posting(statement, found, 0, (first, second), history)
        if event is not None:
            made = event
            sequence = append(where, last, lambda ms: msgspec.structs.replace(made, time_ms=ms))
            history = [*history, (sequence, event)]
    told = _as_json(then, statement, found, open_items(history), sequence)
    if as_json:
        print_json(told)
    else:
        _print(told)
    left = any(one.is_beyond for one in found) and sequence is None
    return DIFFERENCE if left else DONE


def _statement(file: Path, source: str | None, as_of: str | None, journal: Journal) -> Statement:
    """Read a statement: JSON with source, as_of and rows, or CSV with the columns of a row."""
    from seawall.engine.repair.reconciliation import Statement

    try:
        content = file.read_bytes()
    except OSError as error:
        raise wrong_input(f"{file}: {error.strerror}") from None
    when, rows = as_of, tuple[Row, ...]()
    if file.suffix == ".json":
        read = msgspec.json.decode(content, type=_File)
        source, when, rows = source or read.source, as_of or read.as_of, read.rows
    else:
        try:
            lines = content.decode("utf-8-sig").splitlines()
            rows = tuple(msgspec.convert(row, Row) for row in csv.DictReader(lines))
        except (UnicodeDecodeError, csv.Error) as error:
            raise wrong_input(f"{file}: {error}") from None
    if when is None:
        as_of_ms = max(
            (entry.time_ms for entry in journal.entries(journal.last_sequence())), default=0
        )
    else:
        as_of_ms = instant(when)
    return Statement(source or file.stem, as_of_ms, rows)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rows: tuple[Row, ...]
    source: str | None = None
    as_of: str | None = None


def _sequence(journal: Journal, as_of_ms: int) -> int:
    """The last event that is not after a moment; times never go back."""
    low, high = 0, journal.last_sequence()
    while low < high:
        middle = (low + high + 1) // 2
        time_ms = next(journal.entries(middle, middle)).time_ms
        low, high = (middle, high) if time_ms <= as_of_ms else (low, middle - 1)
    if low == 0:
        raise Failure(WRONG_INPUT, f"{journal.name}: the statement is older than its first event")
    return low


def _tolerances(engine: Engine, texts: Sequence[str]) -> dict[int, int]:
    from seawall.engine.repair.reconciliation import StatementError, asset_name, asset_number, whole

    tolerances = {}
    for text in texts:
        name, equals, quantity = text.rpartition("=")
        try:
            asset = asset_number(engine.catalogue, name if equals else text)
            decimals = asset_name(engine.catalogue, asset)[1]
            tolerances[asset] = abs(whole(quantity, decimals, text))
        except KeyError:
            raise Failure(WRONG_INPUT, f"--tolerance {text}: not ASSET=QUANTITY") from None
        except StatementError as error:
            raise Failure(WRONG_INPUT, f"--tolerance {error}") from None
    return tolerances


def _as_json(
    engine: Engine,
    statement: Statement,
    found: Sequence[Difference],
    items: Sequence[Item],
    sequence: int | None,
) -> dict[str, Any]:
    from seawall.engine.repair.reconciliation import asset_name
    from seawall.money import format_atoms

    def said(asset: int, quantity: int) -> str:
        return format_atoms(quantity, asset_name(engine.catalogue, asset)[1])

    def days(since_ms: int) -> str:
        return f"{(statement.as_of_ms - since_ms) / DAY_MS:.1f}"

    return {
        "source": statement.source,
        "as_of_ms": statement.as_of_ms,
        "after_event": engine.sequence,
        "differences": [
            {
                "account": engine.names[one.account],
                "asset": asset_name(engine.catalogue, one.asset)[0],
                "ledger": said(one.asset, one.ours),
                "statement": said(one.asset, one.theirs),
                "difference": said(one.asset, one.quantity),
                "tolerance": said(one.asset, one.tolerance),
                "beyond": one.is_beyond,
                "since_ms": one.since_ms,
                "days": days(one.since_ms),
            }
            for one in found
        ],
        "suspense": [
            {
                "account": engine.names[item.account] if item.account < len(engine.names) else "",
                "asset": asset_name(engine.catalogue, item.asset)[0],
                "quantity": said(item.asset, item.quantity),
                "since_ms": item.since_ms,
                "days": days(item.since_ms),
            }
            for item in items
        ],
        "event": sequence,
    }


def _print(told: dict[str, Any]) -> None:
    keys = ("ledger", "statement", "difference", "tolerance")
    if told["differences"]:
        print_table(
            ("account", "asset", *keys, "days", ""),
            [
                (
                    *(row["account"], row["asset"], *(grouped(row[key]) for key in keys)),
                    *(row["days"], "beyond" if row["beyond"] else "noted"),
                )
                for row in told["differences"]
            ],
            f"{told['source']} against event {told['after_event']:,}",
            (2, 3, 4, 5, 6),
        )
    else:
        print_line(f"{told['source']} and event {told['after_event']:,} agree")
    if told["suspense"]:
        print_table(
            ("account", "asset", "in suspense", "days"),
            [
                (row["account"], row["asset"], grouped(row["quantity"]), row["days"])
                for row in told["suspense"]
            ],
            numbers=(2, 3),
        )
    if told["event"] is not None:
        print_line(f"posted, as event {told['event']}")
