"""The commands about one account: their names, options and help; each imports what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from seawall.cli.options import Json, Texts
from seawall.cli.output import WRONG_INPUT, Failure

Methods = Annotated[list[str] | None, Parameter(negative="")]


def add_to(app: App) -> None:
    """Put the commands into the command line."""
    for command in (margin, liquidation_price, what_if):
        app.command(command)
    app.command(import_, name="import")


def margin(
    portfolio: Path,
    /,
    *,
    rules: Path | None = None,
    market: Path | None = None,
    method: Methods = None,
    stale_after: int | None = None,
    output: Path | None = None,
    json: Json = False,
) -> int:
    """Say what one account must hold, and why; or what each account of a table must hold.

    Parameters
    ----------
    portfolio
        The account (TOML or JSON): currencies and contracts with decimal quantities. Or a table
        of accounts (CSV or Parquet): account, asset, quantity and, if need be, price.
    rules
        The rulebook. Default: the one that the portfolio names; a table names none.
    market
        Prices, contracts and smiles (TOML or JSON). Default: the one that the portfolio names.
    method
        A margin method of the rulebook, or a preset of a venue; several stand side by side, `all`
        is every one. Default: the portfolio's, or the rulebook's only one.
    stale_after
        Seconds after which a price is listed as stale. Default: the market's, or 60.
    output
        Of a table: where one row for each account goes (CSV or Parquet).
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_margin_table import TABLES
    from seawall.cli.run_margin_table import run as run_table

    if portfolio.suffix in TABLES:
        return run_table(portfolio, rules, market, method, output, json)
    if output is not None:
        raise Failure(WRONG_INPUT, f"{portfolio}: --output is for a table of accounts")
    from seawall.cli.run_margin import run

    return run(portfolio, rules, market, method, stale_after, json)


def liquidation_price(
    portfolio: Path,
    /,
    *,
    rules: Path | None = None,
    market: Path | None = None,
    method: str | None = None,
    volatility: Texts = None,
    json: Json = False,
) -> int:
    """Say at which prices, volatilities and date an account is called and liquidated.

    Parameters
    ----------
    portfolio
        The account (TOML or JSON): currencies and contracts with decimal quantities.
    rules
        The rulebook. Default: the one that the portfolio names.
    market
        Prices, contracts and smiles (TOML or JSON). Default: the one that the portfolio names.
    method
        A margin method of the rulebook, or a preset of a venue. Default: the portfolio's, or the
        rulebook's only one.
    volatility
        COIN=0.6, a year, for the joint distance. Default: at the money, where there is a smile.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_liquidation_price import run

    return run(portfolio, rules, market, method, volatility or [], json)


def what_if(
    portfolio: Path,
    /,
    *,
    rules: Path | None = None,
    market: Path | None = None,
    method: str | None = None,
    trade: Texts = None,
    deposit: Texts = None,
    move: Texts = None,
    vol: str | None = None,
    largest: Texts = None,
    json: Json = False,
) -> int:
    """Say what a trade, a deposit or a move of the market would do to an account.

    Parameters
    ----------
    portfolio
        The account (TOML or JSON): currencies and contracts with decimal quantities.
    rules
        The rulebook. Default: the one that the portfolio names.
    market
        Prices, contracts and smiles (TOML or JSON). Default: the one that the portfolio names.
    method
        A margin method of the rulebook, or a preset of a venue. Default: the portfolio's, or the
        rulebook's only one.
    trade
        SYMBOL=QUANTITY@PRICE, the price being the mark if it is left out; negative sells.
    deposit
        COIN=AMOUNT; negative is a withdrawal.
    move
        COIN=-10%, of a price.
    vol
        +15%, of every implied volatility.
    largest
        SYMBOL whose largest trade each way is wanted, before initial margin binds.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_what_if import Asked, run

    asked = Asked(trade or [], deposit or [], move or [], vol, largest or [])
    return run(portfolio, rules, market, method, asked, json)


def import_(
    shape: Literal["deribit", "ccxt"],
    positions: Path,
    balance: Path,
    /,
    *,
    output: Path | None = None,
    name: str | None = None,
    rules: str | None = None,
    market: str | None = None,
    method: str | None = None,
    profit_in_total: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Turn what a venue answered about an account into a portfolio file.

    Parameters
    ----------
    shape
        deribit: private/get_positions and get_account_summary; ccxt: its unified structures.
    positions
        The answer with the positions (JSON).
    balance
        The answer with the balance or the account summaries (JSON).
    output
        The portfolio (TOML). Default: stdout. What is left out is said there and on stderr.
    name
        Of the account. Default: the file's.
    rules, market, method
        What the portfolio shall name; files stand beside it.
    profit_in_total
        The venue's total of ccxt's balance holds the unrealised profit already.
    """
    from seawall.cli.run_import import run

    names = {"name": name, "rules": rules, "market": market, "method": method}
    return run(shape, positions, balance, output, names, profit_in_total)
