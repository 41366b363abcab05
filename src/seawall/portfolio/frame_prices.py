"""Where each account of a book crosses its lines: one scan of prices for all of them.

At each price the table is priced once and every account that has not crossed yet is judged; then
the step in which an account crossed is halved for the accounts that crossed in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seawall.engine.state import Venue
from seawall.margin import ExactTable
from seawall.money import RATIO_ONE
from seawall.portfolio.account import Account, Trials, reach, with_prices
from seawall.portfolio.book import Book, book_of
from seawall.portfolio.crossing import outward
from seawall.portfolio.frame import STATES, account_in, read_book
from seawall.portfolio.liquidation_price import FARTHEST, LINES, has_grace, holds
from seawall.portfolio.read import PortfolioError
from seawall.pricing import Ints

if TYPE_CHECKING:
    import polars as pl

HALVINGS = 7  # Of a step of 1 %: to a hundredth of a per cent.
_FARTHEST_ATOMS = 2**62

Flags = NDArray[np.bool_]


def liquidation_price_frame(
    book: pl.DataFrame | Path | str,
    venue: Venue,
    method: str,
    coin: str,
    *,
    halvings: int = HALVINGS,
) -> pl.DataFrame:
    """Find the price of one coin at which each account crosses each line, down and up.

    Returns account, state (as `margin_frame`), and initial, called and liquidated with _down and
    _up behind them (float64, numeraire): the first price on the other side of a line than today's,
    so the way back for an account that is beyond it; null where there is none. It is exact to a
    step of the scan (1 %, beyond half as much again 5 %) ÷ 2^halvings; with 60 halvings it is the
    price of `liquidation_price`.

    >>> import polars as pl
    >>> from seawall.portfolio import load
    >>> book = pl.DataFrame({"account": ["a", "a"], "quantity": ["10000", "1"],
    ...                      "asset": ["USDC", "BTC/USDC:USDC"]})
    >>> told = liquidation_price_frame(book, load("examples/margin/portfolio.toml").venue,
    ...                                "cross", "BTC", halvings=60)
    >>> round(told["called_down"].item(), 4)  # 10,000 + m − 52,480 = 1 % of m; m 52,500 ÷ 52,480.
    42925.4435
    """
    import polars as pl

    account = account_in(venue, method)
    catalogue, snapshot = account.venue.catalogue, account.venue.snapshot
    try:
        number = catalogue.coin(coin)
    except ValueError as error:
        raise PortfolioError(str(error)) from None
    scan = _Scan(account, book_of(read_book(book), account.venue), number)
    price = snapshot.price[number]
    highest = max(int(price * min(reach(account, frozenset({number})), FARTHEST)), price)
    ends = {"down": max(price // FARTHEST, 1), "up": min(highest, _FARTHEST_ATOMS)}
    one = float(catalogue.numeraire.one)
    columns = {"state": pl.Series(STATES).gather(scan.sides(price, scan.everybody)[:2].sum(axis=0))}
    for direction, end in ends.items():
        found = scan.crossings(price, outward(price, end), halvings)
        for line, at in zip(LINES, found, strict=True):
            crossed = pl.Series(at / one).set(pl.Series(at == 0), None)
            columns[f"{line}_{direction}"] = crossed
    return pl.DataFrame({"account": scan.held.names} | columns)


class _Scan:
    """Judges a book at any price of one coin."""

    def __init__(self, account: Account, held: Book, coin: int) -> None:
        self.account, self.held, self.coin = account, held, coin
        self.trials = Trials(account)
        self.rule = account.margin_method
        self.everybody = np.arange(len(held.names))
        ratio = account.venue.rates.close_out if has_grace(account) else RATIO_ONE
        self.ratios = (None, 1.0, ratio / RATIO_ONE)  # Of maintenance, by line; None: initial.

    def crossings(self, start: int, points: Iterable[int], halvings: int) -> Ints:
        """[line, account] first price on the other side; 0: none."""
        today = self.sides(start, self.everybody)
        near = np.full(today.shape, start)
        far = np.zeros(today.shape, np.int64)
        before = start
        for point in points:
            waiting = np.flatnonzero((far == 0).any(axis=0))
            if not len(waiting):
                break
            crossed = (self.sides(point, waiting) != today[:, waiting]) & (far[:, waiting] == 0)
            lines, places = np.nonzero(crossed)
            far[lines, waiting[places]] = point
            near[lines, waiting[places]] = before
            before = point
        for _ in range(halvings):
            if not self._halve(near, far, today):
                break
        return far

    def _halve(self, near: Ints, far: Ints, today: Flags) -> bool:
        """Move one end of each open step to its middle; False where no step is open."""
        lines, places = np.nonzero((far != 0) & (np.abs(far - near) > 1))
        middle = (near[lines, places] + far[lines, places]) // 2
        order = np.argsort(middle, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(middle[order])) + 1):
            if not len(group):
                continue
            point = int(middle[group[0]])
            accounts, back = np.unique(places[group], return_inverse=True)
            here = self.sides(point, accounts)[lines[group], back]
            is_near = here == today[lines[group], places[group]]
            near[lines[group][is_near], places[group][is_near]] = point
            far[lines[group][~is_near], places[group][~is_near]] = point
        return bool(len(lines))

    def sides(self, price: int, accounts: Ints) -> Flags:
        """[line, account] whether each account is on the healthy side at a price."""
        snapshot = self.account.venue.snapshot
        moved = with_prices(self.account.venue.catalogue, snapshot, {self.coin: price})
        return self._judged(self.trials.table(moved), accounts)

    def _judged(self, table: ExactTable, accounts: Ints) -> Flags:
        whole = self.held.holdings
        some = whole._replace(start=whole.start[accounts], count=whole.count[accounts])
        need = self.rule.requirement(some, table.risk)
        healthy = np.empty((len(LINES), len(accounts)), np.bool_)
        unsure = np.zeros(len(accounts), np.bool_)
        for line, ratio in enumerate(self.ratios):
            required = need.initial if ratio is None else need.maintenance * ratio
            excess = need.margin_equity - required
            healthy[line] = excess >= 0
            # Its bound holds for a difference; a ratio adds at most another and a rounding.
            unsure |= ~(np.abs(excess) > 2.0 * need.error_bound + 2.0)
        for place in np.flatnonzero(unsure).tolist():
            verdict = self.rule.requirement_exact(self.held.rows(int(accounts[place])), table)
            healthy[:, place] = [holds(self.account, line, verdict) for line in LINES]
        return healthy
