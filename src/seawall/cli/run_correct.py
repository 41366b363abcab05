"""`seawall journal correct`: what wrong prices did to whom, who pays, and the event that does."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from seawall.engine import Engine
    from seawall.engine.event import Event
    from seawall.engine.history.journal import Journal
    from seawall.engine.repair.correction import Fixes, Harm, Settlement, Worlds

SHOWN = 30  # Accounts in a table; JSON has all.


@dataclass(frozen=True, slots=True)
class Signed:
    """Whether an event shall be written, by whom and why."""

    apply: bool
    operators: Sequence[str]
    reason: str = ""

    def check(self) -> None:
        """Refuse to write what two people have not put their names to."""
        if self.apply and len(set(self.operators)) != 2:
            raise Failure(WRONG_INPUT, "--apply: two different names are needed as --operator")


def run(
    where: str,
    window: str,
    prices: Sequence[str],
    ticks: Path | None,
    payers: Sequence[str],
    least: str,
    signed: Signed,
    as_json: bool,
) -> int:
    """Work the correction out, print it, and write it to the journal where that is asked for."""
    from seawall.cli.run_journal import opened
    from seawall.engine.history.journal import DamagedError, JournalError
    from seawall.engine.history.replay import ReplayError, replayed
    from seawall.engine.repair.correction import CorrectionError, compare, settle
    from seawall.engine.repair.record import Record

    signed.check()
    if not prices and ticks is None:
        raise Failure(WRONG_INPUT, "--price: no price to correct")
    with opened(where) as journal:
        try:
            first, last = sequences(journal, window)
            engine = at(journal, first - 1)
            fixes = _fixes(engine, prices, ticks)
            events = _events(journal, first, last)
            worlds = compare(engine, events, fixes, _least(engine, least))
            now = replayed(journal, engine)
            settlement = settle(worlds, now, payers)
            record = Record()
            record.read(journal)
        except CorrectionError as error:
            raise wrong_input(f"{where}: {error}") from None
        except (DamagedError, ReplayError) as error:
            raise Failure(DIFFERENCE, str(error)) from None
        except JournalError as error:
            raise wrong_input(error) from None
    sequence = None
    if signed.apply:
        for number in record.overlapping(first, last):
            event = dict(record.corrected)[number]
            window = f"{event.first_sequence}:{event.last_sequence}"
            raise Failure(WRONG_INPUT, f"{where}: event {number} has corrected {window} already")
        sequence = _written(where, now.sequence, worlds, settlement, signed)
    if as_json:
        print_json(_as_json(now, worlds, settlement, sequence))
    else:
        _print(now, worlds, settlement, sequence)
    return DONE


def at(journal: Journal, sequence: int) -> Engine:
    """The engine as it stood after one event."""
    from seawall.engine import Engine
    from seawall.engine.history.replay import replayed

    checkpoint = journal.latest_checkpoint(sequence)
    engine = Engine() if checkpoint is None else Engine.restore(checkpoint.blob)
    return replayed(journal, engine, sequence)


def append(where: str, last: int, make: Callable[[int], Event]) -> int:
    """Write one event after event `last` and return its number; a refusal writes nothing."""
    from seawall.engine import Engine
    from seawall.engine.effect import Refused
    from seawall.engine.history.journal import JournalError
    from seawall.engine.history.standby import Primary

    try:
        with Primary.open(where) as primary:
            if primary.engine.sequence != last:
                raise Failure(WRONG_INPUT, f"{where}: it went on meanwhile; ask again")
            event = make(primary.engine.time_ms)
            trial = Engine.restore(primary.engine.dump()).apply(event)
            if trial and isinstance(trial[0], Refused):
                raise Failure(WRONG_INPUT, f"{where}: refused: {trial[0].reason.value}")
            return primary.submit(event).sequence
    except JournalError as error:
        raise wrong_input(error) from None


def instant(text: str) -> int:
    """Milliseconds UTC of an ISO date and time, or of a number of milliseconds."""
    if re.fullmatch(r"\d+", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(WRONG_INPUT, f"{text}: not a date and time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def sequences(journal: Journal, window: str) -> tuple[int, int]:
    """First and last event of a window: A:B by number, or FROM/UNTIL by time, both ends in it."""
    last = journal.last_sequence()
    if found := re.fullmatch(r"(\d+):(\d*)", window):
        start, end = int(found[1]), int(found[2] or last)
    else:
        begin, slash, until = window.partition("/")
        if not slash:
            raise Failure(WRONG_INPUT, f"--window {window}: neither A:B nor FROM/UNTIL")
        first_ms, last_ms = instant(begin), instant(until)
        inside = [e.sequence for e in journal.entries() if first_ms <= e.time_ms <= last_ms]
        start, end = (inside[0], inside[-1]) if inside else (1, 0)
    if not 1 < start <= end <= last:
        raise Failure(WRONG_INPUT, f"--window {window}: not inside events 2 to {last}")
    return start, end


def _least(engine: Engine, text: str) -> int:
    """Atoms of the venue's cash."""
    from seawall.money import AmountError, parse_atoms

    cash = engine.catalogue.coins[engine.catalogue.coin(engine.rulebook.cash)]
    try:
        return parse_atoms(text, cash.decimals)
    except AmountError as error:
        raise Failure(WRONG_INPUT, f"--least: {error}") from None


def _events(journal: Journal, first: int, last: int) -> list[Event]:
    from seawall.engine.codec import decode_event

    return [decode_event(entry.event) for entry in journal.entries(first, last)]


def _fixes(engine: Engine, prices: Sequence[str], ticks: Path | None) -> Fixes:
    from seawall.engine.repair.correction import Fix, Fixes

    coins: dict[int, Fix] = {}
    instruments: dict[int, Fix] = {}
    told: dict[str, Fix] = {}
    for text in prices:
        name, equals, value = text.partition("=")
        if not equals:
            raise Failure(WRONG_INPUT, f"--price {text}: not NAME=PRICE or NAME=xFACTOR")
        is_factor = value.startswith("x")
        number = _scaled(value.removeprefix("x"), 9 if is_factor else _decimals(engine), text)
        told[name] = Fix(factor=number) if is_factor else Fix(price=number)
    for name, by_sequence in _ticks(engine, ticks).items():
        base = told.get(name, Fix())
        told[name] = Fix(base.price, base.factor, by_sequence)
    known = {terms.id: number for number, terms in enumerate(engine.catalogue.instruments)}
    for name, fix in told.items():
        if name in known:
            instruments[known[name]] = fix
            continue
        ids = [coin.id for coin in engine.catalogue.coins]
        if name not in ids:
            raise Failure(WRONG_INPUT, f"--price {name}: no such coin or contract")
        coins[ids.index(name)] = fix
    return Fixes(coins, instruments)


def _ticks(engine: Engine, file: Path | None) -> dict[str, dict[int, int]]:
    """Prices by name and event, from columns sequence, name, price."""
    if file is None:
        return {}
    found: dict[str, dict[int, int]] = {}
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                price = _scaled(row["price"], _decimals(engine), f"{file}: {row['price']}")
                found.setdefault(row["name"], {})[int(row["sequence"])] = price
    except OSError as error:
        raise wrong_input(f"{file}: {error.strerror}") from None
    except (KeyError, ValueError, TypeError) as error:
        raise wrong_input(f"{file}: columns must be sequence,name,price: {error}") from None
    return found


def _decimals(engine: Engine) -> int:
    return engine.catalogue.numeraire.decimals


def _scaled(text: str, decimals: int, where: str) -> int:
    try:
        number = Decimal(text.replace("_", "")).scaleb(decimals)
        if number > 0 and number == int(number):
            return int(number)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise Failure(WRONG_INPUT, f"--price {where}: not positive, or more than {decimals} decimals")


def _written(
    where: str, last: int, worlds: Worlds, settlement: Settlement, signed: Signed
) -> int | None:
    from seawall.engine.event import Corrected

    if settlement.unpaid:
        raise Failure(WRONG_INPUT, f"{where}: {settlement.unpaid} atoms unpaid: name another payer")
    if not settlement.transfers:
        return None
    first, second = sorted(set(signed.operators))
    return append(
        where,
        last,
        lambda time_ms: Corrected(
            time_ms=time_ms,
            first_sequence=worlds.first_sequence,
            last_sequence=worlds.last_sequence,
            transfers=settlement.transfers,
            first=first,
            second=second,
            reason=signed.reason,
        ),
    )


def _rows(now: Engine, worlds: Worlds) -> list[dict[str, Any]]:
    from seawall.money import format_atoms

    unit, cash = now.catalogue.numeraire.decimals, now.catalogue.coins[worlds.coin]

    def row(harm: Harm) -> dict[str, Any]:
        return {
            "account": now.names[harm.account],
            "calls": harm.as_it_was.calls,
            "calls_right": harm.as_it_should.calls,
            "wrongly_called": harm.wrongly_called,
            "liquidated": format_atoms(harm.as_it_was.taken, unit),
            "liquidated_right": format_atoms(harm.as_it_should.taken, unit),
            "wrongly_liquidated": harm.wrongly_taken,
            "fees": format_atoms(harm.as_it_was.fees, unit),
            "deleveraged": format_atoms(harm.as_it_was.deleveraged, unit),
            "lost": format_atoms(harm.lost, unit),
            "owed": format_atoms(harm.owed if harm in worlds.victims else 0, cash.decimals),
        }

    return [row(harm) for harm in worlds.harms]


def _as_json(
    now: Engine, worlds: Worlds, settlement: Settlement, sequence: int | None
) -> dict[str, Any]:
    from seawall.money import format_atoms

    cash = now.catalogue.coins[worlds.coin]
    return {
        "first_sequence": worlds.first_sequence,
        "last_sequence": worlds.last_sequence,
        "cash": cash.id,
        "accounts": _rows(now, worlds),
        "unanswered_orders": worlds.unanswered,
        "forced": worlds.forced,
        "transfers": [
            {
                "payer": now.names[payer],
                "receiver": now.names[receiver],
                "amount": format_atoms(atoms, cash.decimals),
            }
            for _, payer, receiver, atoms in settlement.transfers
        ],
        "unpaid": format_atoms(settlement.unpaid, cash.decimals),
        "event": sequence,
    }


def _print(now: Engine, worlds: Worlds, settlement: Settlement, sequence: int | None) -> None:
    told = _as_json(now, worlds, settlement, sequence)
    cash = told["cash"]
    print_table(
        (
            "account",
            "calls",
            "liquidated",
            "as it should be",
            "deleveraged",
            "lost",
            f"owed {cash}",
        ),
        [
            (
                row["account"],
                f"{row['calls']} / {row['calls_right']}",
                *(_short(row[key]) for key in ("liquidated", "liquidated_right", "deleveraged")),
                _short(row["lost"]),
                grouped(row["owed"]),
            )
            for row in sorted(told["accounts"], key=_size)[:SHOWN]
        ],
        f"events {worlds.first_sequence} to {worlds.last_sequence}, in hindsight",
        (1, 2, 3, 4, 5, 6),
    )
    if len(told["accounts"]) > SHOWN:
        print_line(f"and {len(told['accounts']) - SHOWN:,} more; --json has them all")
    paid: dict[str, Decimal] = {}
    for transfer in told["transfers"]:
        payer = transfer["payer"]
        paid[payer] = paid.get(payer, Decimal(0)) + Decimal(transfer["amount"])
    largest = sorted(paid.items(), key=lambda one: (-one[1], one[0]))[:SHOWN]
    if paid:
        print_table(("payer", f"pays {cash}"), [(p, f"{a:,}") for p, a in largest], numbers=(1,))
    if worlds.unanswered:
        print_line(f"{worlds.unanswered} orders that only the right prices would have wanted")
    if worlds.forced:
        print_line(f"{worlds.forced} commands stand that the right prices would have refused")
    if settlement.unpaid:
        print_line(f"unpaid: {told['unpaid']} {cash}; the named payers do not hold it")
    if sequence is not None:
        print_line(f"paid, as event {sequence}")
    elif settlement.transfers:
        print_line("nothing was written: a dry run")
    else:
        print_line("nobody is owed anything")


def _size(row: dict[str, Any]) -> tuple[Decimal, str]:
    return -abs(Decimal(row["lost"])), row["account"]


def _short(amount: str) -> str:
    whole, point, part = amount.partition(".")
    return f"{grouped(whole)}{point}{part[:2]}"
