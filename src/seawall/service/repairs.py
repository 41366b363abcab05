"""What wrong prices did, and what a custodian says otherwise, worked out beside the writer.

Engines of the past live through the window in turns; the live one is only asked who holds what now.
Joins the past, the record of what was put right, and `engine.repair`; knows no request.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from seawall.engine.codec import decode_event
from seawall.engine.event import Reconciled
from seawall.engine.history.journal import Journal
from seawall.engine.repair import reconciliation
from seawall.engine.repair.correction import CorrectionError, Fix, Fixes, Worlds, compare
from seawall.engine.repair.reconciliation import Difference, Item, Row, Statement, StatementError
from seawall.engine.repair.record import Record
from seawall.market import Catalogue
from seawall.service.past import Past
from seawall.service.turns import Turns
from seawall.service.words.amounts import atoms, coin_atoms, instrument_number, price_atoms, ratio
from seawall.service.words.problem import Problem, unavailable, wrong
from seawall.service.words.repair_wire import (
    ROWS_MOST,
    CorrectionAsked,
    StatementTold,
    TickTold,
    Window,
)

WINDOW_MOST = 20_000  # Events.
PAIRS_MOST = 200_000  # Accounts × assets of a statement.
_COLUMNS = {"account", "asset", "quantity"}


class Hindsight(NamedTuple):
    """What a window did, and which corrections have touched it already."""

    worlds: Worlds
    corrected_by: list[int]


class Compared(NamedTuple):
    """A statement beside the ledger of its moment."""

    statement: Statement
    after_event: int
    found: list[Difference]
    history: list[tuple[int, Reconciled]]
    last: int  # Event up to which the history was read.


class Repairs:
    """Works repairs out, one at a time; every method blocks."""

    def __init__(self, past: Past, turns: Turns) -> None:
        self._past, self._turns = past, turns
        self._record, self._reading = Record(), threading.Lock()
        self._one = threading.Lock()

    def correction(self, asked: CorrectionAsked) -> Hindsight:
        """Let both worlds live through the window."""
        with self._alone():
            with self._past.journal() as journal:
                first, last = sequences(journal, asked.window)
                corrected_by = self.record(journal).overlapping(first, last)
            engine = self._past.take(first - 1)
            if not engine.sequence:
                raise _bad_window("nothing stands before the first event")
            fixes = _fixes(engine.catalogue, asked)
            cash = engine.catalogue.coin(engine.rulebook.cash)
            least = coin_atoms(engine.catalogue, cash, asked.least, "least")
            with self._past.journal() as journal:
                events = [decode_event(one.event) for one in journal.entries(first, last)]
            try:
                worlds = compare(engine, events, fixes, least, self._turns.other)
            except CorrectionError as error:
                raise Problem(422, "cannot_be_corrected", str(error)) from None
            return Hindsight(worlds, corrected_by)

    def reconciliation(self, told: StatementTold) -> Compared:
        """Compare a statement with the ledger as it stood at its moment."""
        rows = _rows(told)
        if len({row.account for row in rows}) * len({row.asset for row in rows}) > PAIRS_MOST:
            said = f"accounts × assets of a statement are at most {PAIRS_MOST}"
            raise Problem(422, "too_many_rows", f"{said}; send it in parts")
        with self._alone():
            with self._past.journal() as journal:
                last = journal.last_sequence()
                record = self.record(journal)
                if not last:
                    raise Problem(409, "not_started", "the venue has no rulebook yet; activate one")
                as_of_ms, after = told.as_of_ms, last
                if as_of_ms is None:
                    as_of_ms = next(journal.entries(last, last)).time_ms
                else:
                    after = latest(journal, as_of_ms)
                if not after:
                    said = "the statement is older than the first event"
                    raise Problem(422, "bad_statement", said)
                history = record.reconciled
            then = self._past.take(after)
            statement = Statement(told.source, as_of_ms, tuple(rows))
            try:
                tolerances = _tolerances(then.catalogue, told.tolerances)
                found = reconciliation.differences(then, statement, tolerances, history)
            except StatementError as error:
                raise wrong(str(error), "bad_statement") from None
            return Compared(statement, then.sequence, found, history, last)

    def suspense(self) -> list[Item]:
        """What still stands in suspense."""
        with self._past.journal() as journal:
            return reconciliation.open_items(self.record(journal).reconciled)

    def became(self, key: str) -> int | None:
        """The event of a command that is known already."""
        with self._past.journal() as journal:
            command = journal.command(key)
        return None if command is None else command.sequence

    def corrected_in(self, first: int, last: int) -> list[int]:
        """Corrections that touched a window."""
        with self._past.journal() as journal:
            return self.record(journal).overlapping(first, last)

    def reconciled_since(self, sequence: int) -> list[int]:
        """Reconciliations after an event."""
        with self._past.journal() as journal:
            return [n for n, _ in self.record(journal).reconciled if n > sequence]

    def record(self, journal: Journal) -> Record:
        """What operators put right so far."""
        with self._reading:
            self._record.read(journal)
            return self._record

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Engines of the past are large, so there are never those of two repairs."""
        if not self._one.acquire(blocking=False):
            raise unavailable("busy", "another repair is being worked out")
        try:
            yield
        finally:
            self._one.release()


def sequences(journal: Journal, window: Window) -> tuple[int, int]:
    """First and last event of a window, which begins after the venue did."""
    last = journal.last_sequence()
    by_number = (window.first, window.last)
    by_time = (window.from_ms, window.until_ms)
    if None not in by_number and by_time == (None, None):
        start, end = by_number
    elif None not in by_time and by_number == (None, None):
        from_ms, until_ms = by_time
        assert from_ms is not None
        assert until_ms is not None
        start, end = latest(journal, from_ms - 1) + 1, latest(journal, until_ms)
    else:
        raise wrong("a window has first and last, or from_ms and until_ms - at `$.window`")
    assert start is not None
    assert end is not None
    if not 1 < start <= end <= last:
        raise _bad_window(f"{start} to {end} is not inside events 2 to {last}")
    if end - start >= WINDOW_MOST:
        raise Problem(422, "too_far", f"a window has at most {WINDOW_MOST} events")
    return start, end


def latest(journal: Journal, time_ms: int) -> int:
    """The last event that is not after a moment; 0 if there is none. Times never go back."""
    low, high = 0, journal.last_sequence()
    while low < high:
        middle = (low + high + 1) // 2
        at_ms = next(journal.entries(middle, middle)).time_ms
        low, high = (middle, high) if at_ms <= time_ms else (low, middle - 1)
    return low


def _bad_window(said: str) -> Problem:
    return Problem(422, "bad_window", said)


def _fixes(catalogue: Catalogue, asked: CorrectionAsked) -> Fixes:
    """The prices as they should have been, by number."""
    told: dict[str, Fix] = {}
    for name, text in asked.prices.items():
        where = f"prices.{name}"
        if text.startswith("x"):
            told[name] = Fix(factor=_positive(ratio(text[1:], where), where))
        else:
            told[name] = Fix(price=_positive(price_atoms(catalogue, text, where), where))
    for name, at in _ticks(catalogue, asked.ticks).items():
        base = told.get(name, Fix())
        told[name] = Fix(base.price, base.factor, at)
    if not told:
        raise wrong("no price is corrected - at `$.prices`")
    coins = {coin.id: number for number, coin in enumerate(catalogue.coins)}
    by_coin, by_instrument = dict[int, Fix](), dict[int, Fix]()
    for name, fix in told.items():
        if name in coins:
            by_coin[coins[name]] = fix
        else:
            by_instrument[instrument_number(catalogue, name)] = fix
    return Fixes(by_coin, by_instrument)


def _ticks(catalogue: Catalogue, ticks: Sequence[TickTold]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for place, one in enumerate(ticks):
        where = f"ticks[{place}].price"
        price = _positive(price_atoms(catalogue, one.price, where), where)
        found.setdefault(one.name, {})[one.sequence] = price
    return found


def _positive(number: int, key: str) -> int:
    if number <= 0:
        raise wrong(f"a price must be positive - at `$.{key}`", "bad_amount")
    return number


def _rows(told: StatementTold) -> list[Row]:
    """Rows of a statement, however they were sent."""
    if bool(told.rows) == bool(told.csv):
        raise wrong("a statement has either rows or csv", "bad_statement")
    if told.rows:
        return [Row(one.account, one.asset, one.quantity) for one in told.rows]
    rows = []
    try:
        lines = csv.DictReader(told.csv.lstrip("\ufeff").splitlines(), strict=True)
        if set(lines.fieldnames or ()) != _COLUMNS:
            raise wrong("the columns must be account,asset,quantity - at `$.csv`", "bad_statement")
        for place, line in enumerate(lines, 1):
            if place > ROWS_MOST:
                raise wrong(f"at most {ROWS_MOST} rows - at `$.csv`", "bad_statement")
            if None in line or None in line.values():
                raise wrong(f"row {place} has not three columns - at `$.csv`", "bad_statement")
            rows.append(Row(line["account"], line["asset"], line["quantity"]))
    except csv.Error as error:
        raise wrong(f"{error} - at `$.csv`", "bad_statement") from None
    if not rows:
        raise wrong("no rows - at `$.csv`", "bad_statement")
    return rows


def _tolerances(catalogue: Catalogue, told: Mapping[str, str]) -> dict[int, int]:
    """Atoms or lots by asset."""
    found = {}
    for name, text in told.items():
        try:
            asset = reconciliation.asset_number(catalogue, name)
        except KeyError:
            raise Problem(404, "unknown_instrument", f"no asset {name[:80]}") from None
        decimals = reconciliation.asset_name(catalogue, asset)[1]
        found[asset] = abs(atoms(text, decimals, f"tolerances.{name}"))
    return found
