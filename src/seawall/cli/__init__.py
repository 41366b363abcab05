"""The command line: one door to everything that stands below.

Only the names and the options of the commands are here, so that `seawall --help` answers at once;
what a command does, and what it must import for it, is in its own file.

Exit codes: 0 done; 1 a check found a difference; 2 wrong input, one line on stderr and nothing half
written; 3 a place cannot be written; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from seawall import __version__
from seawall.cli import failure_commands, of_account, of_book, of_history, of_service, of_world
from seawall.cli.options import Json
from seawall.cli.output import INTERRUPTED, WRONG_INPUT, Failure, say_failure

__all__ = ["app", "main"]

DEFAULT_OUT = Path("out")
DEFAULT_JOURNAL = "out/journal.db"


app = App(
    name="seawall",
    version=__version__,
    suppress_keyboard_interrupt=False,
    help=(
        "Margin and liquidation for crypto derivatives: exact, explained, replayable.\n\n"
        "Exit codes: 0 done, 1 a check found a difference, 2 wrong input, 3 a place cannot be "
        "written, 130 interrupted."
    ),
)
journal = App(name="journal", help="Verify or export the journal of a venue or of a replay.")
rules = App(name="rules", help="Check, show and compare rulebooks.")
app.command(journal)
app.command(rules)
failure_commands.register(journal)


@app.command
def replay(
    scenario: Path,
    /,
    *,
    out: Path = DEFAULT_OUT,
    journal: str | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    seed: int | None = None,
    accounts: int | None = None,
    json: Json = False,
) -> int:
    """Run a scenario through the live engine and write its report.

    Parameters
    ----------
    scenario
        The scenario file (TOML).
    out
        Folder for report.html, events.parquet, summary.json and the journal.
    journal
        Where the journal is kept: a file or a database URL. Default: journal.db in the folder.
    resume
        Go on where a stopped run ended; it comes to the same hashes.
    overwrite
        Begin anew even where another run's journal stands.
    seed
        Another seed than the scenario's.
    accounts
        Another number of accounts than the scenario's.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_replay import run

    return run(scenario, out, journal, resume, overwrite, seed, accounts, json)


of_account.add_to(app)
of_book.add_to(app)
of_world.add_to(app)
of_history.add_to(app)
of_service.add_to(app)


@app.command
def explain(
    account: str,
    /,
    *,
    at: int | None = None,
    journal: str = DEFAULT_JOURNAL,
    history: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Say why an account of a journal stood as it stood after one event.

    Parameters
    ----------
    account
        Its name or its number.
    at
        Sequence number of the event. Default: the last one.
    journal
        A journal file or database URL.
    history
        Replay from the first event, so that every step of the account is told.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_explain import run

    return run(account, at, journal, history, json)


@app.command
def backtest(
    *methods: str,
    prices: Path,
    side: Literal["long", "short"] = "long",
    horizon: int = 1,
    confidence: float = 0.99,
    window: int = 500,
    decay: float = 0.97,
    volatility_floor: float = 0.0,
    rise_days: int = 5,
    close: str = "close",
    symbol: str | None = None,
    out: Path = DEFAULT_OUT,
    json: Json = False,
) -> int:
    """Judge margin methods against years of prices, all on the same days.

    Parameters
    ----------
    methods
        One or several of fhs_es, fhs_var, historical_es, historical_var, evt_es, evt_var, ewma:3,
        fixed:0.16, with tools behind a plus: fhs_es+half, +stress, +floor, +buffer.
    prices
        Bars (Parquet or CSV) with a time and a close column.
    side
        The position whose losses are judged.
    horizon
        Bars that a margin must cover.
    confidence
        Share of losses that the value at risk must cover.
    window
        Bars of history for each margin.
    decay
        Weight of yesterday's variance in today's.
    volatility_floor
        Smallest annual volatility to which losses are scaled.
    rise_days
        Days over which the largest rise of the margin is taken.
    close
        Name of the column of closes.
    symbol
        Which symbol, where the file holds several.
    out
        Folder for backtest.html.
    json
        Print one JSON object.
    """
    from seawall.backtest import Setting
    from seawall.cli.run_backtest import run

    setting = Setting(side, horizon, confidence, window, decay, volatility_floor, rise_days)
    return run(methods, prices, setting, close, symbol, out, json)


@app.command
def sweep(
    spec: Path,
    /,
    *,
    scheduler: str | None = None,
    workers: int = 0,
    out: Path = DEFAULT_OUT,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Run many parameter sets many times and say which costs least within a limit of losses.

    Parameters
    ----------
    spec
        The sweep file (TOML): base, parameters, runs, objective.
    scheduler
        Address of a Dask scheduler, such as tcp://host:8786. Default: workers of this machine.
    workers
        How many interpreters of this machine; 1 is this one, 0 one for each core.
    out
        Folder for sweep.html, sweep.parquet and the runs; what is there of this spec is kept.
    overwrite
        Run everything anew.
    json
        Print one JSON object.
    """
    from seawall.cli.run_sweep import run

    return run(spec, out, workers, scheduler, overwrite, json)


@journal.command
def verify(file: str, /, *, json: Json = False) -> int:
    """Replay a journal from nothing and compare every hash that it holds.

    Parameters
    ----------
    file
        A journal file or database URL.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_journal import verify

    return verify(file, json)


@journal.command
def export(file: str, /, *, output: Path | None = None, json: Json = False) -> int:
    """Write a journal as lines of JSON that any tool can read.

    Parameters
    ----------
    file
        A journal file or database URL.
    output
        Default: the journal's name with .jsonl.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_journal import export

    return export(file, output, json)


@rules.command
def check(file: Path, /, *, json: Json = False) -> int:
    """Say whether a file is a rulebook, and its fingerprint."""
    from seawall.cli.run_rules import check

    return check(file, json)


@rules.command
def show(file: Path, /, *, json: Json = False) -> int:
    """Print every rule of a rulebook, defaults included."""
    from seawall.cli.run_rules import show

    return show(file, json)


@rules.command
def diff(old: Path, new: Path, /, *, json: Json = False) -> int:
    """List what differs between two rulebooks; exit code 1 if anything does."""
    from seawall.cli.run_rules import diff

    return diff(old, new, json)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(_code(sys.argv[1:] if arguments is None else arguments))


def _code(arguments: list[str]) -> int:
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return say_failure(Failure(WRONG_INPUT, f"seawall: {error}"))
    except Failure as failure:
        return say_failure(failure)
    except BrokenPipeError:  # The reader has seen enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return say_failure(Failure(INTERRUPTED, "seawall: interrupted"))
    return code if isinstance(code, int) else 0
