"""The commands about a whole book: their names, options and help; each imports what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cyclopts import App

from seawall.cli.options import Json, Texts


def add_to(app: App) -> None:
    """Put the commands into the command line."""
    app.command(stress)


def stress(
    book: Path,
    /,
    *,
    depth: Path,
    shock: str,
    law: Literal["sqrt", "linear", "exponential", "constant_product", "book"] = "sqrt",
    runs: int = 1_000,
    seed: int = 1,
    beta: Texts = None,
    ticks: int = 10,
    fund: float | None = None,
    confidence: float = 0.95,
    rules: Path | None = None,
    market: Path | None = None,
    method: str | None = None,
    out: Path = Path("out"),
    json: Json = False,
) -> int:
    """Say how far a shock would spread through a book, and how sure that is.

    Parameters
    ----------
    book
        A table of accounts (Parquet or CSV: account, asset, quantity, perhaps price and method), or
        a portfolio (TOML or JSON).
    depth
        What selling does to prices: a depth file (TOML), or a measured profile (CSV).
    shock
        COIN=-20%, of its price; a rise closes the shorts.
    law
        Law of impact of the pictures and the runs; the table shows them all.
    runs
        Draws of shock, depth and resilience around what is named.
    seed
        Of the draws; the same seed gives the same results.
    beta
        COIN=1.2: that coin moves so many times as far. Others stay where they are.
    ticks
        In which the shock comes; whoever is reached is closed before the next. 1 is a gap.
    fund
        The insurance fund, in place of the depth file's.
    confidence
        Of quantiles over the runs.
    rules
        The rulebook; a portfolio names its own.
    market
        Prices, contracts and smiles; a portfolio names its own.
    method
        Margin method of accounts that name none. Default: the rulebook's only one.
    out
        Folder for stress.html.
    json
        Print one JSON object; simulated amounts are numbers.
    """
    from seawall.cli.run_stress import Options, run

    words = (depth, shock, law, runs, seed, beta or [], fund, confidence, rules, market, method)
    return run(book, Options(*words, ticks), out, json)
