"""The commands of `seawall journal` for when something went wrong; names and options only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seawall.cli.options import Json, Texts

Flag = Annotated[bool, Parameter(negative="")]


def register(journal: App) -> None:
    """Let the journal's app have them."""
    for command in (correct, reconcile, shadow):
        journal.command(command)


def correct(
    file: str,
    /,
    *,
    window: str,
    price: Texts = None,
    ticks: Path | None = None,
    payer: Texts = None,
    least: str = "0",
    apply: Flag = False,
    operator: Texts = None,
    reason: str = "",
    json: Json = False,
) -> int:
    """Say what wrong prices did to whom and who pays; write it as one event with --apply.

    Parameters
    ----------
    file
        A journal file or database URL.
    window
        First and last event, A:B, or a time range, FROM/UNTIL; both ends are in it.
    price
        NAME=PRICE or NAME=xFACTOR, of a coin or a contract, for the whole window.
    ticks
        Prices by event: a CSV with the columns sequence, name, price.
    payer
        Who pays, in order: insurance_fund, gainers, outside, or an account. Default:
        insurance_fund, then gainers.
    least
        Amount of the venue's cash; who lost less is owed nothing.
    apply
        Write the event. Needs two operators of the rulebook.
    operator
        A name; to be given twice.
    reason
        Why, in words that the journal keeps.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_correct import Signed, run

    signed = Signed(apply, operator or [], reason)
    payers = payer or ["insurance_fund", "gainers"]
    return run(file, window, price or [], ticks, payers, least, signed, json)


def reconcile(
    file: str,
    statement: Path,
    /,
    *,
    source: str | None = None,
    as_of: str | None = None,
    tolerance: Texts = None,
    apply: Flag = False,
    operator: Texts = None,
    json: Json = False,
) -> int:
    """List where ledger and an outside statement differ; post to suspense with --apply.

    Parameters
    ----------
    file
        A journal file or database URL.
    statement
        JSON with source, as_of and rows, or CSV; a row is account, asset, quantity.
    source
        Whose statement it is. Default: what it says, or the file's name.
    as_of
        The moment of the statement. Default: what it says, or the journal's last event.
    tolerance
        ASSET=QUANTITY; a smaller difference is noted and not posted.
    apply
        Write the event. Needs two operators of the rulebook.
    operator
        A name; to be given twice.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_correct import Signed
    from seawall.cli.run_reconcile import run

    signed = Signed(apply, operator or [])
    return run(file, statement, source, as_of, tolerance or [], signed, json)


def shadow(
    file: str,
    /,
    *,
    seconds: float | None = None,
    every_ms: int = 100,
    json: Json = False,
) -> int:
    """Follow a journal while it is written, and stop at the first difference.

    Parameters
    ----------
    file
        A journal file or database URL.
    seconds
        How long. Default: until the journal is sealed.
    every_ms
        How often to look for new events.
    json
        Print one JSON object.
    """
    from seawall.cli.run_shadow import run

    return run(file, seconds, every_ms, json)
