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

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seawall.engine.state import Venue
from seawall.portfolio.account import Account, elsewhere, method_names
from seawall.portfolio.book import Book, book_of
from seawall.portfolio.margin import state_of
from seawall.portfolio.read import PortfolioError
from seawall.portfolio.what_if import changed, read_change

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("account", "asset", "quantity")
STATES = ("below maintenance", "below initial", "healthy")  # By how many lines it keeps.


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

    account = account_in(venue, method)
    held = book_of(read_book(book), account.venue)
    return pl.DataFrame({"account": held.names} | _judged(held, account, ""))


def what_if_frame(
    book: pl.DataFrame | Path | str,
    venue: Venue,
    method: str,
    *,
    trades: Sequence[str] = (),
    deposits: Sequence[str] = (),
    moves: Sequence[str] = (),
    volatility: str | None = None,
) -> pl.DataFrame:
    """Judge every account before and after a change, which is written as for `read_change`.

    Trades and deposits are those of each account. Returns the columns of `margin_frame` twice, the
    second time with `_after` behind their names.

    >>> import polars as pl
    >>> from seawall.portfolio import load
    >>> book = pl.DataFrame({"account": ["a"], "quantity": ["0.5"], "asset": ["BTC"]})
    >>> venue = load("examples/margin/portfolio.toml").venue
    >>> what_if_frame(book, venue, "cross", moves=["BTC=-10%"])["equity_after"].item()
    23625.0
    """
    import polars as pl

    account = account_in(venue, method)
    change = read_change(
        account, trades=trades, deposits=deposits, moves=moves, volatility=volatility
    )
    held = book_of(read_book(book), account.venue)
    after = changed(account, change)
    columns = _judged(held, account, "") | _judged(held.plus(after.rows), after, "_after")
    return pl.DataFrame({"account": held.names} | columns)


def account_in(venue: Venue, method: str) -> Account:
    """An account of this venue that holds nothing, under a method or a preset."""
    if method not in method_names(venue.rulebook):
        said = ", ".join(method_names(venue.rulebook))
        raise PortfolioError(f"method {method} is not in the rulebook and no preset; it is {said}")
    return elsewhere(Account("book", venue, (), method), [method])


def _judged(held: Book, account: Account, suffix: str) -> dict[str, Any]:
    """Columns of a verdict: four amounts and the state."""
    import polars as pl

    rule, table = account.margin_method, account.table
    need = rule.requirement(held.holdings, table.risk)
    below = need.margin_equity - need.maintenance, need.margin_equity - need.initial
    sure = (np.abs(below[0]) > need.error_bound) & (np.abs(below[1]) > need.error_bound)
    states = np.where(below[0] < 0, 0, np.where(below[1] < 0, 1, 2))
    for place in np.flatnonzero(~sure).tolist():
        verdict = rule.requirement_exact(held.rows(place), table)
        states[place] = STATES.index(state_of(verdict))
    one = float(account.venue.catalogue.numeraire.one)
    columns = ("equity", "margin_equity", "initial", "maintenance")
    amounts = {f"{name}{suffix}": getattr(need, name) / one for name in columns}
    return amounts | {f"state{suffix}": pl.Series(STATES).gather(states)}


def read_book(book: pl.DataFrame | Path | str) -> pl.DataFrame:
    """Read a frame or a file, and refuse one whose columns are not those of a book."""
    import polars as pl

    if not isinstance(book, pl.DataFrame):
        try:
            if str(book).endswith(".parquet"):
                book = pl.read_parquet(book)
            else:
                book = pl.read_csv(book, infer_schema=False)  # Text: no digit is lost.
        except (OSError, pl.exceptions.PolarsError) as error:
            said = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise PortfolioError(f"{book}: {said.split(' (os error')[0]}") from None
    for column in COLUMNS:
        if column not in book.columns:
            raise PortfolioError(f"column {column} is missing; there are {', '.join(book.columns)}")
    for column in book.columns:
        if column not in (*COLUMNS, "price"):
            raise PortfolioError(f"column {column} is not one of {', '.join(COLUMNS)} and price")
    if "price" in book.columns and book["price"].null_count() == book.height:
        book = book.drop("price")
    for column in COLUMNS:
        if book[column].null_count():
            place = book[column].is_null().arg_max()
            raise PortfolioError(f"column {column}, row {place}: a value is missing")
    return book
