"""What a venue answers about an account, read as a portfolio.

Knows the shapes of ccxt and of Deribit's private API; it asks no venue. Digits are kept as they
were sent: whether they fit the decimals of a coin is for `rows_of` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from typing import Any, NamedTuple

from seawall.market import SymbolError, Terms, read_symbol
from seawall.portfolio.read import Holding, Portfolio, PortfolioError

_PRICE_DECIMALS = 10  # Of a strike in a name.
_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, Overflow])

Entry = Mapping[str, Any]


class Imported(NamedTuple):
    """A portfolio, and each entry that is not in it with the reason and its key path."""

    portfolio: Portfolio
    left_out: tuple[str, ...]


def from_ccxt(
    positions: Sequence[Entry],
    balance: Entry,
    name: str = "account",
    *,
    profit_in_total: bool = False,
) -> Imported:
    """Read what ccxt's `fetch_positions` and `fetch_balance` return.

    quantity = ± contracts · contractSize, base coins or the dollars of an inverse future. Cash is
    `total` of each currency. Contracts are carried at `entryPrice`; where the venue's total holds
    the unrealised profit already (`profit_in_total`), at `markPrice`, so that it counts once. The
    premium of an option was paid: it has no price. Source: the position and balance structures of
    ccxt's manual.

    >>> long = {"symbol": "BTC/USDC:USDC", "side": "long", "contracts": 250.0,
    ...         "contractSize": 0.001, "entryPrice": "60000.5"}
    >>> from_ccxt([long], {"total": {"USDC": 1000.1}}).portfolio.holdings[1]
    Holding(id='BTC/USDC:USDC', quantity=Decimal('0.2500'), price=Decimal('60000.5'))
    """
    if not isinstance(balance, Mapping) or not isinstance(balance.get("total"), Mapping):
        raise PortfolioError("no amounts by currency - at `$.balance.total`")
    total: Entry = balance["total"]
    holdings, left_out = [], []
    for coin, amount in total.items():
        path = f"$.balance.total.{coin}"
        if amount is None:
            left_out.append(f"{coin}: its amount is missing - at `{path}`")
        elif cash := _decimal(amount, path):
            holdings.append(Holding(id=coin, quantity=cash))
    carried_at = "markPrice" if profit_in_total else "entryPrice"

    def read(position: Entry, path: str) -> Holding | None:
        contracts = _entry(position, "contracts", path)
        if not contracts:
            return None
        symbol, terms = _terms(position, "symbol", path)
        _check_terms(terms, path)
        signed = _sign(contracts, position.get("side"), ("long", "short"), f"{path}.side")
        size = _entry(position, "contractSize", path)
        if size <= 0:
            raise PortfolioError(f"{size} is not positive - at `{path}.contractSize`")
        quantity = _exactly(_EXACT.multiply, signed, size, path)
        return Holding(
            id=symbol, quantity=quantity, price=_price(position, terms, carried_at, path)
        )

    held, unread = _each(positions, read)
    return Imported(Portfolio(name=name, holdings=(*holdings, *held)), (*left_out, *unread))


def from_deribit(
    positions: Sequence[Entry], account: Entry | Sequence[Entry], name: str = "account"
) -> Imported:
    """Read Deribit's private/get_positions, and get_account_summary or get_account_summaries.

    cash = equity − options_value, with each future carried at its `mark_price` and each option at
    no price: the account is then worth its equity. Not `balance` and `average_price`: futures are
    settled daily, so that `balance` holds a part of the profit since the opening. `size` is the
    dollars of an inverse future and else base coins, of a coin-settled option too; `direction` says
    its side. Only currencies of
    `account` become cash. Source: docs.deribit.com, private/get_positions and
    private/get_account_summary; equity = balance + futures_session_upl + futures_session_rpl +
    options_value holds in recorded answers.

    >>> short = {"instrument_name": "BTC-PERPETUAL", "kind": "future", "size": -50,
    ...          "direction": "sell", "average_price": 7440.18, "mark_price": 7476.65}
    >>> summary = {"currency": "BTC", "equity": 0.5, "options_value": 0}
    >>> [(h.id, str(h.quantity)) for h in from_deribit([short], summary).portfolio.holdings]
    [('BTC', '0.5'), ('BTC-PERPETUAL', '-50')]
    """
    with_options: set[str] = set()

    def read(position: Entry, path: str) -> Holding | None:
        size = _entry(position, "size", path)
        if not size:
            return None
        id, terms = _terms(position, "instrument_name", path)
        if terms.type == "option":
            with_options.add(terms.settle)
        _check_terms(terms, path)
        kind = "option" if terms.type == "option" else "future"
        if position.get("kind", kind) != kind:
            raise PortfolioError(f"{position['kind']!r} is not {kind} - at `{path}.kind`")
        sides = ("buy", "sell")
        quantity = _sign(size, position.get("direction"), sides, f"{path}.direction")
        return Holding(id=id, quantity=quantity, price=_price(position, terms, "mark_price", path))

    held, left_out = _each(positions, read)
    cash = _deribit_cash(account, with_options)
    return Imported(Portfolio(name=name, holdings=(*cash, *held)), left_out)


def _deribit_cash(account: Entry | Sequence[Entry], with_options: set[str]) -> list[Holding]:
    path, summaries = "$.account", account
    if isinstance(account, Mapping) and "summaries" in account:
        path, summaries = "$.account.summaries", account["summaries"]
    elif isinstance(account, Mapping):
        summaries = [account]
    if isinstance(summaries, (str, bytes)) or not isinstance(summaries, Sequence):
        raise PortfolioError(f"no list of account summaries - at `{path}`")
    cash: dict[str, Decimal] = {}
    for place, summary in enumerate(summaries):
        here = path if summary is account else f"{path}[{place}]"
        coin = summary.get("currency") if isinstance(summary, Mapping) else None
        if not isinstance(coin, str) or not coin:
            raise PortfolioError(f"no currency - at `{here}.currency`")
        if coin in cash:
            raise PortfolioError(f"{coin} is there twice - at `{here}.currency`")
        worth, options = _entry(summary, "equity", here), Decimal(0)
        if coin in with_options or "options_value" in summary:
            options = _entry(summary, "options_value", here)
        cash[coin] = _exactly(_EXACT.subtract, worth, options, here)
    return [Holding(id=coin, quantity=amount) for coin, amount in cash.items() if amount]


def _each(
    positions: Sequence[Entry], read: Callable[[Entry, str], Holding | None]
) -> tuple[tuple[Holding, ...], tuple[str, ...]]:
    if isinstance(positions, (str, bytes)) or not isinstance(positions, Sequence):
        raise PortfolioError("no list of positions - at `$.positions`")
    held, left_out = [], []
    for place, position in enumerate(positions):
        path = f"$.positions[{place}]"
        if not isinstance(position, Mapping):
            left_out.append(f"no position - at `{path}`")
            continue
        try:
            holding = read(position, path)
        except PortfolioError as error:
            title = position.get("symbol", position.get("instrument_name"))
            left_out.append(f"{title}: {error}" if isinstance(title, str) else str(error))
            continue
        if holding is not None:
            held.append(holding)
    return tuple(held), tuple(left_out)


def _terms(position: Entry, key: str, path: str) -> tuple[str, Terms]:
    text = position.get(key)
    if not isinstance(text, str):
        raise PortfolioError(f"{key} is missing - at `{path}.{key}`")
    try:
        return text, read_symbol(text, _PRICE_DECIMALS)
    except SymbolError as error:
        raise PortfolioError(f"{error} - at `{path}.{key}`") from None


def _check_terms(terms: Terms, path: str) -> None:
    if terms.type == "spot":
        raise PortfolioError(f"a spot market is held as its coins - at `{path}`")
    if terms.inverse and terms.quote != "USD":
        said = "strike" if terms.type == "option" else "face"
        raise PortfolioError(f"its {said} is {terms.quote}, not USD - at `{path}`")


def _price(position: Entry, terms: Terms, key: str, path: str) -> Decimal | None:
    if terms.type == "option":
        return None
    price = _entry(position, key, path)
    if price <= 0:
        raise PortfolioError(f"{price} is not positive - at `{path}.{key}`")
    return price


def _sign(size: Decimal, side: Any, sides: tuple[str, str], path: str) -> Decimal:
    if side not in sides:
        raise PortfolioError(f"{side!r} is neither {sides[0]} nor {sides[1]} - at `{path}`")
    short = side == sides[1]
    if size < 0 and not short:
        raise PortfolioError(f"{side!r} contradicts a negative size - at `{path}`")
    return size.copy_abs().copy_negate() if short else size


def _entry(entry: Entry, key: str, path: str) -> Decimal:
    if entry.get(key) is None:
        raise PortfolioError(f"{key} is missing - at `{path}.{key}`")
    return _decimal(entry[key], f"{path}.{key}")


def _decimal(number: Any, path: str) -> Decimal:
    """Read a number as it was written; a float by its shortest decimal."""
    if isinstance(number, bool) or not isinstance(number, (str, int, float, Decimal)):
        raise PortfolioError(f"{type(number).__name__} is not a number - at `{path}`")
    try:
        value = Decimal(repr(number) if isinstance(number, float) else number)
    except InvalidOperation:
        raise PortfolioError(f"{number!r:.40} is not a number - at `{path}`") from None
    if not value.is_finite():
        raise PortfolioError(f"{number} is not a finite number - at `{path}`")
    return value


def _exactly(
    operation: Callable[[Decimal, Decimal], Decimal], a: Decimal, b: Decimal, path: str
) -> Decimal:
    try:
        return operation(a, b)
    except DecimalException:
        raise PortfolioError(f"too many digits - at `{path}`") from None
