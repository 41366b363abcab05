"""The commands about history: their names, options and help; each imports what it needs."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from seawall.cli.options import Json


def add_to(app: App) -> None:
    """Put the commands into the command line."""
    app.command(calibrate)
    app.command(facts)


def calibrate(
    tape: Path,
    /,
    *,
    coin: str,
    share: float = 0.5,
    open_interest: float | None = None,
    out: Path = Path("out"),
    json: Json = False,
) -> int:
    """Say what forced sales did to a price, from minutes of quotes and liquidations.

    Fits the first part and judges it on the rest. Writes calibration.html, depth.toml (for
    `seawall stress --depth`) and book.toml (a book of a world).

    Parameters
    ----------
    tape
        A Parquet or CSV file with ts, bid_price, ask_price, liq_long and liq_short (coins a
        minute), or a folder with one such file.
    coin
        Whose tape it is.
    share
        Of the minutes that are fitted.
    open_interest
        Dollars, to tell each hour as a share of it.
    out
        Folder for what is written.
    json
        Print one JSON object; estimates are numbers.
    """
    from seawall.cli.run_history import run_calibrate

    return run_calibrate(tape, coin, share, open_interest, out, json)


def facts(
    table: Path,
    /,
    *,
    seeds: int | None = None,
    out: Path = Path("out"),
    json: Json = False,
) -> int:
    """Hold a world against what was observed of a real event, fact by fact.

    Parameters
    ----------
    table
        The table of facts (TOML), which names its world.
    seeds
        Other than the table's number of seeds, from 1.
    out
        Folder for facts.html.
    json
        Print one JSON object; shares and times are numbers.
    """
    from seawall.cli.run_history import run_facts

    return run_facts(table, seeds, out, json)
