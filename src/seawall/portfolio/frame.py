"""A book as a table: one row for each holding, judged in one sweep.

| column | |
|---|---|
| account | name; rows of one account need not stand together |
| asset | a coin or a contract, as in a portfolio file |
| quantity | coins, base coins of a contract, or the numeraire of an inverse one; text is exact |
| price | may be absent or null: at which a contract was opened; without it, its mark |

The float screen judges everybody; whoever stands within its error bound of a line is judged again
by the exact twin, so that no state is a rounding error. polars is imported on the first call.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seawall.engine.state import Venue
from seawall.margin import Rows, holdings_of
from seawall.portfolio.margin import state_of
from seawall.portfolio.read import Holding, PortfolioError, legs

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("account", "asset", "quantity")
_STATES = ("below maintenance", "below initial", "healthy")


def margin_frame(book: pl.DataFrame | Path | str, venue: Venue, method: str) -> pl.DataFrame:
    """Judge every account of a frame, a Parquet file or a CSV file under one method.

    Returns one row for each account, in the order of first appearance: account, equity,
    margin_equity, initial, maintenance (float64, numeraire) and state (text).

    >>> import polars as pl
    >>> from seawall.portfolio import load
    >>> book = pl.DataFrame({"account": ["a", "b", "a"], "quantity": ["1000", "0.5", "1"],
    ...                      "asset": ["USDC", "BTC", "BTC/USDC:USDC"]})
    >>> margin_frame(book, load("examples/margin/portfolio.toml").venue, "cross").rows()[0]
    ('a', 1000.0, 1000.0, 1049.6, 524.8, 'below initial')
    """
    import polars as pl

    names, accounts = _accounts(_read(book), venue)
    if method not in venue.rulebook.method_names:
        said = ", ".join(venue.rulebook.method_names)
        raise PortfolioError(f"method {method} is not in the rulebook; it has {said}")
    number = venue.rulebook.method_names.index(method)
    rule, table = venue.methods[number], venue.tables.exact(number)
    need = rule.requirement(holdings_of(accounts), table.risk)
    below = need.margin_equity - need.maintenance, need.margin_equity - need.initial
    sure = (np.abs(below[0]) > need.error_bound) & (np.abs(below[1]) > need.error_bound)
    states = np.where(below[0] < 0, 0, np.where(below[1] < 0, 1, 2))
    for place in np.flatnonzero(~sure).tolist():
        verdict = rule.requirement_exact(accounts[place], table)
        states[place] = _STATES.index(state_of(verdict))
    one = float(venue.catalogue.numeraire.one)
    columns = ("equity", "margin_equity", "initial", "maintenance")
    return pl.DataFrame(
        {"account": names}
        | {name: getattr(need, name) / one for name in columns}
        | {"state": [_STATES[state] for state in states.tolist()]}
    )


def _read(book: pl.DataFrame | Path | str) -> pl.DataFrame:
    import polars as pl

    if not isinstance(book, pl.DataFrame):
        try:
            if str(book).endswith(".parquet"):
                book = pl.read_parquet(book)
            else:
                book = pl.read_csv(book, infer_schema=False)  # Text: no digit is lost.
        except (OSError, pl.exceptions.PolarsError) as error:
            raise PortfolioError(f"{book}: {str(error).splitlines()[0]}") from None
    for column in COLUMNS:
        if column not in book.columns:
            raise PortfolioError(f"column {column} is missing; there are {', '.join(book.columns)}")
    for column in book.columns:
        if column not in (*COLUMNS, "price"):
            raise PortfolioError(f"column {column} is not one of {', '.join(COLUMNS)} and price")
    for column in COLUMNS:
        if book[column].null_count():
            place = book[column].is_null().arg_max()
            raise PortfolioError(f"column {column}, row {place}: a value is missing")
    return book


def _accounts(book: pl.DataFrame, venue: Venue) -> tuple[list[str], list[Rows]]:
    """Names and ledger rows of each account."""
    prices = book["price"].to_list() if "price" in book.columns else [None] * book.height
    held: dict[str, dict[int, int]] = {}
    columns = (book["account"].to_list(), book["asset"].to_list(), book["quantity"].to_list())
    for place, (account, asset, quantity, price) in enumerate(zip(*columns, prices, strict=True)):
        rows = held.setdefault(str(account), {})
        said = _number(quantity, "quantity", place)
        opened = None if price is None else _number(price, "price", place)
        try:
            found = legs(venue, Holding(id=str(asset), quantity=said, price=opened))
        except ValueError as error:
            raise PortfolioError(f"column {_blamed(error)}, row {place}: {error}") from None
        for number, lots in found:
            rows[number] = rows.get(number, 0) + lots
    accounts = [sorted((a, q) for a, q in rows.items() if q) for rows in held.values()]
    return list(held), list(accounts)


def _number(value: object, column: str, place: int) -> Decimal:
    """Read a number as it would be written: a float is its shortest text."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise PortfolioError(f"column {column}, row {place}: {value} is not a number") from None


def _blamed(error: ValueError) -> str:
    message = str(error)
    if "listed" in message or "spot market" in message:
        return "asset"
    return "price" if "price" in message else "quantity"
