"""The rows of a book frame as the columns that a margin method reads.

Each distinct asset is looked up once; then quantities, prices and cash legs are integer columns.
A row that the columns cannot hold exactly, or that is wrong, goes through `legs` alone, which reads
it with Python's integers or says what is wrong with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.state import Venue
from seawall.margin import Holdings, Rows
from seawall.portfolio.decimal_column import scaled_integers
from seawall.portfolio.read import Holding, PortfolioError, legs
from seawall.pricing import Ints

if TYPE_CHECKING:
    import polars as pl

_EXACT = 2.0**62  # Products below it, as floats, did not wrap.
_HELD = 2**53  # A float screen holds no larger whole number.
_UNKNOWN, _COIN, _PAID, _MARGINED, _INVERSE, _SLOW = range(6)

Flags = NDArray[np.bool_]


class Book(NamedTuple):
    """A book, account by account."""

    names: list[str]
    holdings: Holdings
    asset: Ints  # [row] as in holdings, exact.
    lots: Ints  # [row]

    def rows(self, account: int) -> Rows:
        """The rows of one account for the exact twin."""
        start = int(self.holdings.start[account])
        chosen = slice(start, start + int(self.holdings.count[account]))
        return list(zip(self.asset[chosen].tolist(), self.lots[chosen].tolist(), strict=True))

    def plus(self, rows: Rows) -> Book:
        """Add the same rows to every account."""
        if not rows:
            return self
        every = np.arange(len(self.names))
        owner = np.repeat(every, self.holdings.count)
        more = [np.stack([every, np.full_like(every, a), np.full_like(every, q)]) for a, q in rows]
        columns = np.concatenate([np.stack([owner, self.asset, self.lots]), *more], axis=1)
        return _grouped(self.names, columns, 1 + int(columns[1].max()))


class _Terms(NamedTuple):
    """What one distinct asset of a book is: columns by asset code."""

    form: Ints
    decimals: Ints  # Of its quantity.
    lot: Ints  # Atoms of a lot; 1 of a coin.
    lots: Ints  # Ledger asset of its lots, or the coin.
    cash: Ints  # Ledger asset of its cash leg.
    mark: Ints  # Price atoms.
    # Cash of one lot at a price of one atom is up ÷ down atoms; of an inverse face it is
    # face · up ÷ price.
    up: Ints
    down: Ints


def book_of(frame: pl.DataFrame, venue: Venue) -> Book:
    """Read a frame with the columns account, asset, quantity and perhaps price."""
    import polars as pl

    names, account = _coded_runs(frame["account"].cast(pl.String))
    assets = frame["asset"].cast(pl.String)
    distinct = assets.unique(maintain_order=True)
    code = assets.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int64)
    terms = _terms(venue, distinct.to_list())
    form, lot = terms.form[code], terms.lot[code]
    atoms, whole = scaled_integers(frame["quantity"], terms.decimals[code])
    lots = atoms // lot
    whole &= (lots * lot == atoms) & (form != _UNKNOWN) & (form != _SLOW)
    price = terms.mark[code]
    if "price" in frame.columns:
        told = ~frame["price"].is_null().to_numpy()
        decimals = np.full(len(code), venue.catalogue.numeraire.decimals)
        read, fine = scaled_integers(frame["price"], decimals)
        price = np.where(told, read, price)
        whole &= ~told | (fine & ((form == _MARGINED) | (form == _INVERSE)))
    inverse = form == _INVERSE
    margined = (form == _MARGINED) | inverse
    whole &= ~margined | (price > 0)
    cash, exact = _cash(lots, price, terms.up[code], terms.down[code])
    whole &= ~margined | exact | inverse
    faces = np.flatnonzero(whole & inverse)
    cash[faces], whole[faces] = _inverse_cash(atoms[faces], price[faces], terms.up[code][faces])
    with_cash = whole & margined
    slow = list(_slow_rows(frame, venue, np.flatnonzero(~whole), account))
    columns = np.concatenate(
        [
            np.stack([account[whole], terms.lots[code][whole], lots[whole]]),
            np.stack([account[with_cash], terms.cash[code][with_cash], -cash[with_cash]]),
            np.array(slow, np.int64).reshape(-1, 3).T,
        ],
        axis=1,
    )
    return _grouped(names, columns, len(venue.catalogue.assets))


def _coded_runs(column: pl.Series) -> tuple[list[str], Ints]:
    """Distinct names in order of appearance, and the number of each row's; runs are read once."""
    import polars as pl

    if not len(column):
        return [], np.zeros(0, np.int64)
    starts = (column != column.shift()).fill_null(True).to_numpy().copy()
    starts[0] = True
    heads = column.filter(pl.Series(starts))
    distinct = heads.unique(maintain_order=True)
    if len(distinct) == len(heads):
        numbers = np.arange(len(heads))
    else:
        numbers = heads.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int64)
    return distinct.to_list(), numbers[np.cumsum(starts) - 1]


def _terms(venue: Venue, names: list[str]) -> _Terms:
    rows = [_one(venue, name) for name in names]
    columns = np.array(rows, np.int64).reshape(-1, len(_Terms._fields)).T
    return _Terms(*(np.ascontiguousarray(column) for column in columns))


def _one(venue: Venue, name: str) -> tuple[int, ...]:
    catalogue = venue.catalogue
    coins = {coin.id: number for number, coin in enumerate(catalogue.coins)}
    if name in coins:
        coin = coins[name]
        return _COIN, catalogue.coins[coin].decimals, 1, coin, 0, 0, 0, 1
    try:
        number = catalogue.instrument(name)
    except ValueError:
        return _UNKNOWN, 0, 1, 0, 0, 0, 0, 1
    terms = catalogue.instruments[number]
    if terms.type == "spot":
        return _SLOW, 0, 1, 0, 0, 0, 0, 1
    base = catalogue.coins[catalogue.coin(terms.base)]
    lots, cash = catalogue.lot_asset[number], catalogue.cash_asset[number]
    if terms.is_sized_in_numeraire:
        decimals = catalogue.numeraire.decimals
        return _INVERSE, decimals, terms.lot, lots, cash, venue.mark(number), base.one, 1
    if terms.premium == "paid":
        return _PAID, base.decimals, terms.lot, lots, cash, 0, 0, 1
    settle = catalogue.coins[catalogue.coin(terms.settle)]
    up, down = terms.lot * settle.one, base.one * catalogue.numeraire.one
    shared = math.gcd(up, down)
    if max(up, down) // shared >= _EXACT or terms.lot >= _EXACT:
        return _SLOW, 0, 1, 0, 0, 0, 0, 1
    mark = venue.mark(number)
    return _MARGINED, base.decimals, terms.lot, lots, cash, mark, up // shared, down // shared


def _cash(lots: Ints, price: Ints, up: Ints, down: Ints) -> tuple[Ints, Flags]:
    """Take lots · price · up ÷ down, half to even as `buyer_cash`; False where it may have wrapped.

    The price is split at multiples of `down`, so that only small products are formed.
    """
    many = lots * up
    over, under = price // down, price % down
    wholes = many * over
    parts = many * under
    small = np.abs(lots.astype(np.float64)) * up < _EXACT
    size = np.abs(many.astype(np.float64))
    small &= (size * (over + 1.0) < _EXACT) & (size * down < _EXACT)
    quotient, rest = parts // down, parts % down
    floor = wholes + quotient
    rises = (2 * rest > down) | ((2 * rest == down) & (floor % 2 == 1))
    return floor + rises, small


def _inverse_cash(faces: Ints, price: Ints, one: Ints) -> tuple[Ints, Flags]:
    """Take −faces · one ÷ price, half to even, in Python's integers; faces are in the numeraire.

    False in the second where it is more than a row can hold.
    """
    numerator, divisor = faces.astype(object) * one, price.astype(object)
    quotient = numerator // divisor
    twice = 2 * (numerator - quotient * divisor)
    rises = (twice > divisor) | ((twice == divisor) & (quotient % 2 == 1))
    cash = -(quotient + rises)
    held = np.array(abs(cash) < _HELD, np.bool_)
    return np.where(held, cash, 0).astype(np.int64), held


def _slow_rows(
    frame: pl.DataFrame, venue: Venue, places: Ints, account: Ints
) -> Iterator[tuple[int, int, int]]:
    """(account, asset, quantity) of the rows at these places; the first wrong one is told."""
    has_price = "price" in frame.columns
    for place in places.tolist():
        row = frame.row(place, named=True)
        opened = row["price"] if has_price else None
        holding = Holding(
            id=str(row["asset"]),
            quantity=_number(row["quantity"], "quantity", place),
            price=None if opened is None else _number(opened, "price", place),
        )
        try:
            found = legs(venue, holding)
        except ValueError as error:
            raise PortfolioError(f"column {_blamed(error)}, row {place}: {error}") from None
        for asset, quantity in found:
            if abs(quantity) >= _HELD:
                raise PortfolioError(f"column quantity, row {place}: {quantity} atoms do not fit")
            yield int(account[place]), asset, quantity


def _grouped(names: list[str], columns: Ints, assets: int) -> Book:
    """Add up what one account holds of one asset; nothing is no row."""
    key = columns[0] * assets + columns[1]
    order = np.argsort(key, kind="stable")
    key, quantity = key[order], columns[2][order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    if not len(starts):
        return Book(names, _holdings(names, starts, starts, starts), starts, starts)
    held = np.add.reduceat(quantity, starts)
    gross = np.add.reduceat(np.abs(quantity.astype(np.float64)), starts)
    if gross.max() >= _HELD:
        name = names[int(key[starts[gross.argmax()]]) // assets]
        raise PortfolioError(f"column quantity: account {name} holds more than 2^53 atoms")
    kept = held != 0
    account, asset = np.divmod(key[starts][kept], assets)
    lots = held[kept]
    return Book(names, _holdings(names, account, asset, lots), asset, lots)


def _holdings(names: list[str], account: Ints, asset: Ints, lots: Ints) -> Holdings:
    count = np.bincount(account, minlength=len(names))
    return Holdings(
        start=np.cumsum(count) - count,
        count=count,
        asset=asset.astype(np.int32),
        lots=lots.astype(np.float64),
    )


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
