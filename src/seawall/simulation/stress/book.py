"""The book that is put under stress: accounts in columns, each under its own margin method.

Knows book frames, portfolios and venues. Does not know prices that are not there yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seawall.engine.state import Venue
from seawall.margin import holdings_of
from seawall.portfolio import Account, PortfolioError, elsewhere, method_names
from seawall.portfolio.book import Book, book_of
from seawall.portfolio.frame import read_book
from seawall.simulation.stress.depth import StressError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Part:
    """The accounts of one margin method."""

    account: Account  # Holds nothing: the venue and the method.
    held: Book


@dataclass(frozen=True, slots=True)
class StressBook:
    """Every account; numbered part after part."""

    parts: tuple[Part, ...]

    @property
    def venue(self) -> Venue:
        """Rules, contracts and prices of the moment."""
        return self.parts[0].account.venue

    @property
    def names(self) -> list[str]:
        """[account]"""
        return [name for part in self.parts for name in part.held.names]

    def price(self, coin: str) -> float:
        """Today's price of a coin, numeraire."""
        catalogue = self.venue.catalogue
        atoms = self.venue.snapshot.price[catalogue.coin(coin)]
        return atoms / catalogue.numeraire.one


def book_of_account(account: Account) -> StressBook:
    """A book of one account, as a portfolio file has it."""
    rows = account.rows
    lots = np.array([quantity for _, quantity in rows], np.int64)
    asset = np.array([asset for asset, _ in rows], np.int64)
    held = Book([account.name], holdings_of([rows]), asset, lots)
    return StressBook((Part(account, held),))


def book_of_frame(book: pl.DataFrame | Path | str, venue: Venue, method: str | None) -> StressBook:
    """Read a book frame; a column `method` says the method of each account that has its own.

    Accounts without one are under `method`, or under the rulebook's only one.
    """
    frame = _read(book)
    own = method_names(venue.rulebook)
    only = venue.rulebook.method_names
    default = method or (only[0] if len(only) == 1 else None)
    groups = {default: frame} if "method" not in frame.columns else _by_method(frame, default)
    parts = []
    for name, rows in groups.items():
        if name not in own:
            said = "missing" if name is None else f"{name} is not in the rulebook and no preset"
            raise StressError(f"column method: {said}; methods are {', '.join(only)}")
        account = elsewhere(Account("book", venue, (), name), [name])
        parts.append(Part(account, book_of(read_book(rows), account.venue)))
    if not any(part.held.names for part in parts):
        raise StressError("column account: the book is empty")
    return StressBook(tuple(parts))


def _read(book: pl.DataFrame | Path | str) -> pl.DataFrame:
    import polars as pl

    if isinstance(book, pl.DataFrame):
        return book
    try:
        if str(book).endswith(".parquet"):
            return pl.read_parquet(book)
        return pl.read_csv(book, infer_schema=False)  # Text: no digit is lost.
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PortfolioError(f"{book}: {str(error).splitlines()[0]}") from None


def _by_method(frame: pl.DataFrame, default: str | None) -> dict[str | None, pl.DataFrame]:
    import polars as pl

    if "account" not in frame.columns:
        raise StressError("column account is missing")
    frame = frame.with_columns(pl.col("method").cast(pl.String).fill_null(default or ""))
    several = (
        frame.group_by("account").agg(pl.col("method").n_unique()).filter(pl.col("method") > 1)
    )
    if several.height:
        name = several["account"].sort()[0]
        raise StressError(f"column method: account {name} is under more than one")
    names = frame["method"].unique(maintain_order=True).to_list()
    return {(name or None): frame.filter(pl.col("method") == name).drop("method") for name in names}
