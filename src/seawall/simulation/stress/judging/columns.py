"""What a compiled fall reads of a book: rows, values, margins and how far nobody can be reached.

Values are the venue's own, of each asset along its own coin. The margin of a row is what the method
asks of it alone; what holding rows together saves is one ratio for each account, asked along the
line. So at any prices, and with any part of a row gone, an account is a few multiplications.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.pricing import Floats, Ints
from seawall.simulation.stress.book import StressBook
from seawall.simulation.stress.closing import LEAST_SHARE, Line, moves
from seawall.simulation.stress.judging.asking import Asked, AssetTables, asked_of, tables_of

Flags = NDArray[np.bool_]

_FALLS = (0.05, 0.2, 0.35, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 1.0, 1.05, 1.2)
_RISES = (0.8, 0.95, 1.0, 1.025, 1.05, 1.075, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0,
          4.0)  # fmt: skip
_OTHER_SIDE = (0.02, 0.05, 0.1, 0.2)


class Columns(NamedTuple):
    """A book for the kernel; money in the numeraire, prices as shares of today's on the grids."""

    driver: int
    least_share: float
    price: Floats  # [coin] today.
    counts: Floats  # [coin] what a posted one counts ÷ its value.
    spot: Floats  # [coin] coins in a lot of its spot market; 0 where there is none.
    fine: Floats  # [point] for values, and
    rough: Floats  # [rough point] for margins.
    value: Floats  # [asset, point] of a lot.
    notional: Floats  # [asset, point]
    exposure: Floats  # [asset, point] coins that selling a lot sells, at their price.
    start: Ints  # [account] first row of its contracts, and
    count: Ints  # type: ignore[assignment]  # how many there are; as in `Holdings`.
    asset: Ints  # [row]
    base: Ints  # [row] coin.
    settle: Ints  # [row] coin.
    lots: Floats  # [row]
    valued: Floats  # [row] what its value counts ÷ its value.
    initial: Floats  # [row, rough point] of all of it.
    maintenance: Floats  # [row, rough point]
    shape: Floats  # [row, 2, 5] initial and maintenance of 0, 1, 2, 3, 4 quarters ÷ of all.
    held: Floats  # [account, coin]
    quotes: Floats  # [account, coin] cash legs, which have no haircut.
    extra: Floats  # [account] margin equity beyond what these columns say, today.
    together: Ints  # [account] place in `ratio`; −1 where each row is margined alone.
    ratio: Floats  # [place, 2, rough point] margin of an account ÷ Σ of its rows, along the line.
    lent: Ints  # [account] place in `lending`; −1 where coins alone ask for nothing.
    lending: Floats  # [place, 2, rough point] what its coins alone ask, along the line.
    line: Floats  # [account] share of the maintenance below which it is taken.
    equity: Floats  # [account] today.
    slope: Floats  # [account] most that its room changes while a coin moves by its price of today.
    reach: Floats  # [account] way of all prices before which it cannot be reached.
    order: Ints  # Accounts by `reach`, without those that nothing reaches.


class Steepness(NamedTuple):
    """Least and most that a piece of a table changes while its coin moves by its price of today."""

    value: Floats  # [asset, 2]
    maintenance: Floats  # [row, 2]
    size: Floats  # [row] what rounding is a part of: value and maintenance at their most.


def steepness(columns: Columns) -> Steepness:
    """Read the slopes of all pieces of values and of maintenance margins."""
    value = np.diff(columns.value, axis=1) / np.diff(columns.fine)
    line = np.diff(columns.maintenance, axis=1) / np.diff(columns.rough)
    most = np.abs(columns.value).max(1)[columns.asset] * np.abs(columns.lots)
    most += np.abs(columns.maintenance).max(1, initial=0.0)
    return Steepness(
        np.stack([value.min(1), value.max(1)], axis=1),
        np.stack([line.min(1, initial=0.0), line.max(1, initial=0.0)], axis=1),
        most,
    )


def columns_of(book: StressBook, line: Line, told: Callable[[], None] = lambda: None) -> Columns:
    """Ask every method at each point of the rough grid: row by row, and account by account."""
    catalogue = book.venue.catalogue
    fine, rough = _grids(line)
    parts = [asked_of(part, line, rough, told) for part in book.parts]
    tables = tables_of(book.parts[0], fine)
    price = np.array(book.venue.snapshot.price, np.float64) / catalogue.numeraire.one

    def joined(name: str) -> Any:
        return np.ascontiguousarray(np.concatenate([getattr(part, name) for part in parts]))

    def shifted(name: str, by: str) -> Ints:
        """Places in a column that is joined too."""
        found, shift = [], 0
        for part in parts:
            place = getattr(part, name)
            found.append(np.where(place < 0, -1, place + shift))
            shift += len(getattr(part, by))
        return np.concatenate(found)

    taken = {
        name: joined(name)
        for name in Asked._fields
        if name in Columns._fields and name not in {"start", "together", "lent", "counts"}
    }
    accounts = taken["equity"].size
    blank = np.zeros(accounts)
    found = Columns(
        driver=catalogue.coin(line.coin),
        least_share=LEAST_SHARE,
        price=price,
        counts=parts[0].counts,
        spot=_spot_lots(book),
        fine=fine,
        rough=rough,
        value=tables.value,
        notional=tables.notional,
        exposure=tables.exposure,
        start=shifted("start", "asset"),
        together=shifted("together", "ratio"),
        lent=shifted("lent", "lending"),
        slope=blank,
        reach=blank,
        order=np.arange(accounts),
        **taken,
    )
    moving = [coin.id == line.coin or bool(line.beta.get(coin.id)) for coin in catalogue.coins]
    return _bounded(found, joined("room"), tables, np.array(moving))


def margin_points(line: Line) -> int:
    """How often `columns_of` asks each method."""
    return _grids(line)[1].size


def _spot_lots(book: StressBook) -> Floats:
    catalogue, spot = book.venue.catalogue, book.venue.spot
    lots = [
        catalogue.instruments[spot[number]].lot / coin.one if number in spot else 0.0
        for number, coin in enumerate(catalogue.coins)
    ]
    return np.array(lots)


def _grids(line: Line) -> tuple[Floats, Floats]:
    """Shares of today's price, ascending: for values, and for margins."""
    sign = 1.0 if line.side == "long" else -1.0
    shares = [1.0, *(1.0 + move for move in moves(line.side))]
    shares += [1.0 + sign * move for move in _OTHER_SIDE]
    fine = np.unique(np.round(shares, 9))
    return fine, np.array(_FALLS if line.side == "long" else _RISES)


def _bounded(found: Columns, room: Floats, tables: AssetTables, moving: Flags) -> Columns:
    """Bound how much an account's room changes while prices move, and say when to look first.

    |change of room| ≤ slope · Σ |change of a coin's price ÷ its price today|: linear in coins, and
    no steeper than the steepest piece of its rows' values and margins. Where the cash itself moves
    there is no bound, and everybody is looked at each time.
    """
    accounts = len(found.held)
    steep = np.abs(found.held) * found.price + np.abs(found.quotes) * found.price
    each = np.abs(np.diff(found.value, axis=1) / np.diff(found.fine)).max(1)
    line = np.abs(np.diff(found.maintenance, axis=1) / np.diff(found.rough)).max(1, initial=0.0)
    owner = np.repeat(np.arange(accounts), found.count)
    line = line * np.abs(found.shape[:, 1]).max(1, initial=1.0)
    most, bend = np.ones(accounts), np.zeros(accounts)
    if found.ratio.size:
        held = found.together >= 0
        ratio = found.ratio[found.together[held], 1]
        most[held] = np.abs(ratio).max(1)
        bend[held] = np.abs(np.diff(ratio, axis=1) / np.diff(found.rough)).max(1)
    rows = np.abs(found.lots) * each[found.asset] + line * most[owner]
    np.add.at(steep, (owner, found.base), rows)
    margins = np.bincount(owner, found.maintenance.max(1, initial=0.0), accounts)
    steep[:, found.driver] += bend * margins
    sellable = np.isin(np.arange(len(moving)), found.base) | (found.spot > 0.0)
    steep[:, ~(moving | sellable)] = 0.0
    slope = steep.max(1)
    cash = np.unique(found.settle) if found.settle.size else np.zeros(0, np.int64)
    inverse = np.isin(cash, np.unique(found.base))
    slope[(found.lent >= 0) | bool(moving[cash[~inverse]].any())] = np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(room < 0.0, 0.0, np.where(slope > 0.0, room / slope, np.inf))
    reach[np.isinf(slope)] = 0.0
    order = np.argsort(reach, kind="stable")
    order = order[np.isfinite(reach[order])]
    return found._replace(slope=np.maximum(slope, 1e-12), reach=reach, order=order)
