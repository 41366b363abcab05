"""What a trade, a deposit or a move of the market would do to an account.

Trades and deposits change the rows, moves the market; both are judged together by the exact twin.
A trade is booked at its price, or at today's mark, and pays the taker fee of the rulebook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from seawall.engine.state import Venue
from seawall.margin import Explanation, Rows
from seawall.market import buyer_cash
from seawall.money import RATIO_ONE, Rounding, divide, fit, multiply_ratio, parse_atoms, parse_ratio
from seawall.portfolio.account import Account, moved, with_prices, with_volatility
from seawall.portfolio.read import PortfolioError

LOTS_MAX = 2**40  # More is not a trade; the search for the largest one ends there.


class Trade(msgspec.Struct, frozen=True):
    """Lots of a contract, bought or sold."""

    instrument: int
    lots: int  # Positive is bought.
    price: int  # Price atoms.


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is supposed to happen."""

    trades: tuple[Trade, ...] = ()
    deposits: tuple[tuple[int, int], ...] = ()  # (coin, atoms); negative is a withdrawal.
    moves: tuple[tuple[int, int], ...] = ()  # (coin, relative move in parts per billion)
    volatility: int = 0  # Relative move of every implied volatility, parts per billion.


class WhatIf(msgspec.Struct, frozen=True):
    """The account before and after."""

    name: str
    method: str
    before: Explanation
    after: Explanation
    rows: tuple[tuple[int, int], ...]  # After.
    refused: tuple[str, ...]  # Assets among them that the method cannot margin.


class LargestTrade(msgspec.Struct, frozen=True):
    """How much of one instrument can be traded at its mark before initial margin binds, in lots."""

    instrument: str
    buy: int | None  # None: initial margin never binds as far as was looked.
    sell: int | None


def what_if(account: Account, change: Change, market: Venue | None = None) -> WhatIf:
    """Judge an account before and after a change; `market` is that after it, where it is known.

    Selling the 3.5 BTC of the example at the mark of 52,480 leaves the margin of its ETH, 1 % of
    46,170, and costs a fee of 5 basis points, 91.84:

    >>> from seawall.portfolio import load
    >>> account = load("examples/margin/portfolio.toml")
    >>> sold = what_if(account, read_change(account, trades=["BTC/USDC:USDC=-3.5"]))
    >>> sold.after.requirement.maintenance / 10**10
    461.7
    >>> (sold.after.requirement.equity - sold.before.requirement.equity) / 10**10
    -91.84
    """
    after, method = changed(account, change, market), account.margin_method
    names = account.venue.catalogue.names
    return WhatIf(
        name=account.name,
        method=account.method,
        before=method.explain(account.rows, account.table, names),
        after=method.explain(after.rows, after.table, names),
        rows=tuple(after.rows),
        refused=tuple(names[asset] for asset in method.refuses(after.rows, after.table)),
    )


def read_change(
    account: Account,
    *,
    trades: Sequence[str] = (),
    deposits: Sequence[str] = (),
    moves: Sequence[str] = (),
    volatility: str | None = None,
) -> Change:
    """Read a change from text: SYMBOL=QUANTITY@PRICE, COIN=AMOUNT, COIN=-10%, +15%.

    Quantities are those of a portfolio file: base coins, or the numeraire if the contract is
    inverse; the price of a trade may be left out.
    """
    catalogue = account.venue.catalogue
    try:
        return Change(
            trades=tuple(_trade(account, text) for text in trades),
            deposits=tuple(
                (coin := catalogue.coin(name), parse_atoms(amount, catalogue.coins[coin].decimals))
                for name, amount in map(_pair, deposits)
            ),
            moves=tuple(
                (catalogue.coin(name), _relative(part)) for name, part in map(_pair, moves)
            ),
            volatility=0 if volatility is None else _relative(volatility),
        )
    except ValueError as error:
        raise PortfolioError(str(error)) from None


def changed_rows(account: Account, change: Change) -> Rows:
    """Book deposits, trades and their fees."""
    catalogue = account.venue.catalogue
    taker = account.venue.rates.taker
    rows = dict(account.rows)

    def add(asset: int, quantity: int) -> None:
        rows[asset] = fit(rows.get(asset, 0) + quantity)

    for coin, atoms in change.deposits:
        add(coin, atoms)
    for trade in change.trades:
        cash = buyer_cash(catalogue, trade.instrument, trade.lots, trade.price)
        terms = catalogue.instruments[trade.instrument]
        scale = terms.lot if terms.type == "spot" else 1  # A lot of spot is that many atoms.
        add(catalogue.lot_asset[trade.instrument], trade.lots * scale)
        add(catalogue.cash_asset[trade.instrument], cash)
        add(catalogue.coin(terms.settle), -multiply_ratio(abs(cash), taker, Rounding.UP))
    return sorted((asset, quantity) for asset, quantity in rows.items() if quantity)


def largest_trade(account: Account, name: str, change: Change | None = None) -> LargestTrade:
    """Find the largest trade each way after which margin equity still covers initial margin.

    It is booked at the mark of the market after the change, with the taker fee.
    The search doubles from one lot, so it finds the first size at which initial margin binds up to
    a factor of two. An account that is below initial margin, or a contract that the method
    refuses, can trade nothing.

    >>> from seawall.portfolio import load
    >>> largest_trade(load("examples/margin/portfolio.toml"), "BTC/USDC:USDC").buy > 0
    True
    """
    catalogue = account.venue.catalogue
    try:
        number = catalogue.instrument(name)
    except ValueError as error:
        raise PortfolioError(str(error)) from None
    after = changed(account, change or Change())
    price, method, table = after.venue.mark(number), after.margin_method, after.table

    def fits(lots: int) -> bool:
        rows = after.rows
        if lots:
            rows = changed_rows(after, Change(trades=(Trade(number, lots, price),)))
            if catalogue.lot_asset[number] in method.refuses(rows, table):
                return False
        need = method.requirement_exact(rows, table)
        return need.margin_equity >= need.initial

    name = catalogue.instruments[number].id
    if not fits(0):
        return LargestTrade(name, 0, 0)
    return LargestTrade(name, _largest(fits), _largest(lambda lots: fits(-lots)))


def _largest(fits: Callable[[int], bool]) -> int | None:
    good, bad = 0, 1
    while fits(bad):
        good, bad = bad, 2 * bad
        if bad > LOTS_MAX:
            return None
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def changed(account: Account, change: Change, market: Venue | None = None) -> Account:
    """The account after the change, in the market after it."""
    rows = tuple(changed_rows(account, change))
    return replace(account, venue=market or market_after(account, change), rows=rows)


def market_after(account: Account, change: Change) -> Venue:
    """The account's venue with the prices of the market after a change."""
    if not change.moves and not change.volatility:
        return account.venue
    snapshot, catalogue = account.venue.snapshot, account.venue.catalogue
    prices = {
        coin: divide(snapshot.price[coin] * (RATIO_ONE + part), RATIO_ONE, Rounding.NEAREST)
        for coin, part in change.moves
    }
    snapshot = with_prices(catalogue, snapshot, {c: max(p, 1) for c, p in prices.items()})
    return moved(account, with_volatility(snapshot, RATIO_ONE + change.volatility)).venue


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not value:
        raise ValueError(f"{text!r} is not written NAME=VALUE")
    return name, value


def _trade(account: Account, text: str) -> Trade:
    catalogue = account.venue.catalogue
    name, rest = _pair(text)
    quantity, at, said = rest.partition("@")
    number = catalogue.instrument(name)
    terms = catalogue.instruments[number]
    unit = catalogue.coins[catalogue.coin(terms.base)]
    if terms.is_sized_in_numeraire:
        unit = catalogue.numeraire
    lots, left = divmod(parse_atoms(quantity, unit.decimals), terms.lot)
    if left:
        raise ValueError(f"{text}: {quantity} {unit.id} is not a whole number of lots")
    price = parse_atoms(said, catalogue.numeraire.decimals) if at else account.venue.mark(number)
    if price <= 0:
        raise ValueError(f"{text}: the price must be positive")
    return Trade(number, lots, price)


def _relative(text: str) -> int:
    """Parts per billion of text such as -10% or 0.15; a fall of all there is is refused."""
    number = text.removesuffix("%")
    parts = parse_ratio(number) if number == text else parse_atoms(number, 7)
    if parts <= -RATIO_ONE:
        raise ValueError(f"{text}: nothing can fall by all that it is worth")
    return parts
