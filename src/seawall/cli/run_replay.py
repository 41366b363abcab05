"""`seawall replay`: a scenario through the live engine, its report, its table and its journal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.output import (
    CANNOT_WRITE,
    DIFFERENCE,
    DONE,
    WRONG_INPUT,
    Failure,
    cannot_write,
    grouped,
    print_json,
    print_line,
    print_table,
    progress,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.engine import Engine
    from seawall.engine.effect import Effects
    from seawall.engine.event import Event
    from seawall.engine.history.journal import Journal
    from seawall.simulation.recorder import Listener
    from seawall.simulation.recording import Recording
    from seawall.simulation.replay import Replay

MONEY = (
    *("notional", "fees", "bad_debt", "fund_start", "fund_low", "fund_end"),
    *("deleveraged_notional", "shared_loss"),
)


def run(
    scenario: Path,
    out: Path,
    journal_url: str | None,
    resume: bool,
    overwrite: bool,
    seed: int | None,
    accounts: int | None,
    as_json: bool,
) -> int:
    """Run the scenario, write what it leaves, and say how it ended."""
    if not scenario.is_file():
        raise Failure(WRONG_INPUT, f"{scenario}: no such file")
    if accounts is not None and accounts <= 0:
        raise Failure(WRONG_INPUT, f"--accounts: {accounts} is not positive")
    rows: list[Any] = []
    driver = _driver(scenario, seed, accounts, _listener(rows))
    where = journal_url or str(out / "journal.db")
    meta = {
        "scenario": driver.scenario.name,
        "seed": _said(seed),
        "accounts": _said(accounts),
    }
    _writable(out)
    with _journal(where, meta, resume, overwrite) as journal:
        driver.journal = journal
        recording = _run(driver, as_json)
    files = _write(out, recording, rows)
    if as_json:
        print_json(_told(recording) | {"files": files, "journal": where})
    else:
        _print(recording, files, where)
    return DONE if recording.summary.zero_sum else DIFFERENCE


def _said(number: int | None) -> str:
    return "as in the scenario" if number is None else str(number)


def _writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(error, out) from None
    if not os.access(out, os.W_OK):
        raise Failure(CANNOT_WRITE, f"{out}: the folder cannot be written")


def _journal(where: str, meta: dict[str, str], resume: bool, overwrite: bool) -> Journal:
    """Begin a journal, or go on with one that belongs to the same run."""
    from seawall.engine.history.journal import DamagedError, Journal, JournalError

    standing = _standing(where)
    try:
        if standing is None or overwrite:
            return Journal.create(where, meta, overwrite=overwrite, durability="full")
        other, finished = standing
        if resume:
            for key, value in meta.items():
                if other.get(key) != value:
                    message = f"{where}: {key}: it was begun with {other.get(key)}, not {value}"
                    raise Failure(WRONG_INPUT, message)
            return Journal.open(where, durability="full")
        if finished and other.get("scenario") == meta["scenario"]:
            return Journal.create(where, meta, overwrite=True, durability="full")
    except DamagedError as error:
        raise Failure(DIFFERENCE, str(error)) from None
    except JournalError as error:
        raise Failure(CANNOT_WRITE, str(error)) from None
    what = "another run" if finished else "a run that was not finished"
    raise Failure(
        WRONG_INPUT, f"{where}: the journal of {what} stands here; use --resume or --overwrite"
    )


def _standing(where: str) -> tuple[dict[str, str], bool] | None:
    """What an earlier journal says of itself and whether it was finished; None if there is none."""
    from seawall.engine.history.journal import Journal, JournalError

    if "://" not in where and not Path(where).exists():
        return None
    try:
        with Journal.open(where, read_only=True) as journal:
            return journal.meta, journal.final_hash() is not None
    except JournalError as error:
        if "://" in where and "not a Seawall journal" in str(error):
            return None  # An empty database.
        raise wrong_input(error) from None


def _driver(scenario: Path, seed: int | None, accounts: int | None, listen: Listener) -> Replay:
    """Read every file of the scenario; nothing is written before all of them are right."""
    from seawall.engine.rules.rulebook import RulebookError
    from seawall.simulation.bars import ScenarioError
    from seawall.simulation.replay import Replay
    from seawall.simulation.scenario_check import load

    name = scenario.name
    try:
        read = load(scenario)
        name = read.name
        rules = scenario.parent / read.rulebook
        return Replay(scenario, None, seed=seed, accounts=accounts, listener=listen)
    except RulebookError as error:
        raise wrong_input(error, rules) from None
    except ScenarioError as error:
        message = str(error)
        if message.startswith(f"{name}: "):
            message = f"{scenario.name}: {message.removeprefix(f'{name}: ')}"
        raise wrong_input(message) from None


def _listener(rows: list[Any]) -> Listener:
    """Collect effects as rows of a table."""
    from seawall.simulation.report_events import effect_row

    def listen(event: Event, effects: Sequence[Effects], engine: Engine) -> None:
        if not effects:
            return
        names, terms = engine.names, engine.catalogue.instruments
        for effect in effects:
            rows.append(
                effect_row(
                    *(engine.sequence, event.time_ms, effect),
                    names.__getitem__,
                    lambda number: terms[number].id,
                )
            )

    return listen


def _run(driver: Replay, quiet: bool) -> Recording:
    from seawall.engine.history.journal import DamagedError, JournalError
    from seawall.engine.history.replay import ReplayError

    try:
        with progress("replaying", "ticks", quiet) as tell:
            recording = driver.run(tell)
    except (DamagedError, ReplayError) as error:
        raise Failure(DIFFERENCE, str(error)) from None
    except JournalError as error:
        raise Failure(CANNOT_WRITE, str(error)) from None
    assert recording is not None, "a recorded run that was not stopped leaves a recording"
    return recording


def _write(out: Path, recording: Recording, rows: list[Any]) -> dict[str, str]:
    import msgspec

    from seawall.simulation.report import write_events, write_report
    from seawall.simulation.report_file import replace_file

    files = {name: str(out / name) for name in ("report.html", "events.parquet", "summary.json")}
    try:
        write_report(out / "report.html", recording)
        write_events(out / "events.parquet", rows, recording.decimals)
        told = msgspec.json.format(msgspec.json.encode(_told(recording)), indent=2)
        replace_file(out / "summary.json", told + b"\n")
    except OSError as error:
        raise cannot_write(error, out) from None
    return files


def _told(recording: Recording) -> dict[str, Any]:
    """Say the run as one JSON object; money as text."""
    import msgspec

    from seawall.money import format_atoms

    summary = msgspec.structs.asdict(recording.summary)
    for key in MONEY:
        summary[key] = format_atoms(summary[key], recording.decimals)
    return {
        "scenario": recording.scenario,
        "seed": recording.seed,
        "rulebook": recording.rulebook,
        "fingerprint": recording.fingerprint,
        "numeraire": recording.numeraire,
        "summary": summary,
        "effects": recording.counts,
        "chain": recording.chain,
        "state_hash": recording.state_hash,
    }


def _print(recording: Recording, files: dict[str, str], where: str) -> None:
    summary, unit = _told(recording)["summary"], recording.numeraire

    def money(key: str) -> str:
        whole, point, part = summary[key].partition(".")
        return f"{grouped(whole)}{point}{part[:2]} {unit}"

    fills = f"{summary['liquidations_partial']:,} partial, {summary['liquidations_full']:,} full"
    rows = [
        ("ticks", f"{summary['ticks']:,}"),
        ("events", f"{summary['events']:,}"),
        ("warned", f"{summary['warned']:,}"),
        ("margin calls", f"{summary['calls']:,}"),
        ("liquidations", fills),
        ("notional taken", money("notional")),
        ("fees to the fund", money("fees")),
        ("insurance fund", f"{money('fund_start')} → {money('fund_end')}, low {money('fund_low')}"),
        ("bankrupt accounts", f"{summary['bankrupt']:,}"),
        ("bad debt", money("bad_debt")),
        ("deleveraged", f"{summary['deleveraged_count']:,}, {money('deleveraged_notional')}"),
        ("shared loss", money("shared_loss")),
        ("time", f"{summary['seconds']:.1f} s"),
    ]
    print_table(("", f"{recording.scenario}, seed {recording.seed}"), rows)
    verdict = "every asset sums to zero" if summary["zero_sum"] else "AN ASSET DOES NOT SUM TO ZERO"
    print_line(f"{verdict}: {summary['assets']:,} assets, {summary['accounts']:,} accounts")
    print_line(f"state hash {recording.state_hash}")
    print_line(f"written: {', '.join(files.values())}, {where}")
