"""Between the text of a request and the integers of the engine; nothing is ever rounded.

Quantities are those of a person: base coins, or dollars where a contract is sized in them; prices
are in the quote currency. Every name that is not known and every number that does not fit is a
`Problem`. Reads the venue and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from seawall.engine import Engine
from seawall.engine.state import FIRST_ACCOUNT, Venue
from seawall.market import Catalogue, Instrument
from seawall.money import RATIO_ONE, AmountError, divide, fit, format_atoms, parse_atoms
from seawall.money import Rounding as Side
from seawall.service.words.problem import Problem, wrong

INT32_MAX = 2**31 - 1


def started(engine: Engine) -> Venue:
    """The venue, once a rulebook opened it."""
    if not engine.sequence:
        raise Problem(409, "not_started", "the venue has no rulebook yet; activate one")
    return engine.venue


def priced(engine: Engine) -> Venue:
    """The venue, once every coin has a price, so that accounts can be judged."""
    venue = started(engine)
    if not venue.tables.ready:
        raise Problem(409, "no_price", "not every coin has a price yet")
    return venue


def account_number(venue: Venue, name: str) -> int:
    """The number of an account by its name."""
    number = venue.number.get(name)
    if number is None:
        raise Problem(404, "unknown_account", f"no account {name[:80]}")
    return number


def margined_number(venue: Venue, name: str) -> int:
    """The same of an account that has a margin method."""
    number = account_number(venue, name)
    if number < FIRST_ACCOUNT or venue.method[number] < 0:
        raise Problem(404, "unknown_account", f"{name[:80]} is the venue's own, never margined")
    return number


def coin_number(catalogue: Catalogue, name: str) -> int:
    """The number of a coin by its name."""
    try:
        return catalogue.coin(name)
    except ValueError:
        raise Problem(404, "unknown_coin", f"no coin {name[:80]}") from None


def instrument_number(catalogue: Catalogue, name: str) -> int:
    """The number of an instrument by any of its names."""
    try:
        return catalogue.instrument(name)
    except ValueError:
        raise Problem(404, "unknown_instrument", f"no instrument {name[:80]}") from None


def atoms(text: str, decimals: int, key: str) -> int:
    """Read an amount; more digits than there are atoms is an error.

    >>> atoms("1.5", 6, "amount")
    1500000
    """
    whole = _whole(text, decimals, key)
    try:
        return fit(whole)
    except AmountError as error:
        raise _bad(error, key) from None


def coin_atoms(catalogue: Catalogue, coin: int, text: str, key: str) -> int:
    """Read an amount of a coin."""
    return atoms(text, catalogue.coins[coin].decimals, key)


def price_atoms(catalogue: Catalogue, text: str, key: str = "price") -> int:
    """Read a price."""
    return atoms(text, catalogue.numeraire.decimals, key)


def ratio(text: str, key: str) -> int:
    """Read a ratio as parts per billion."""
    return atoms(text, 9, key)


def lots_of(catalogue: Catalogue, instrument: int, text: str, key: str = "quantity") -> int:
    """Read a quantity as whole lots."""
    terms = catalogue.instruments[instrument]
    quantity = _whole(text, _unit_decimals(catalogue, terms), key)
    lots, left = divmod(abs(quantity), terms.lot)
    if left:
        one = quantity_text(catalogue, instrument, 1)
        raise wrong(f"{text} is not a whole number of lots of {one} - at `$.{key}`", "bad_amount")
    try:
        return fit(lots if quantity >= 0 else -lots)
    except AmountError as error:
        raise _bad(error, key) from None


def quantity_text(catalogue: Catalogue, instrument: int, lots: int) -> str:
    """Write lots as a person says them."""
    terms = catalogue.instruments[instrument]
    return format_atoms(lots * terms.lot, _unit_decimals(catalogue, terms))


def asset_text(catalogue: Catalogue, asset: int, quantity: int) -> str:
    """Write a ledger row's quantity: of a coin, of a quote, or of a contract."""
    row = catalogue.assets[asset]
    if catalogue.is_contract[asset]:
        return quantity_text(catalogue, row.instrument, quantity)
    return format_atoms(quantity, row.decimals)


def money(venue: Venue, amount: int) -> str:
    """Write numeraire atoms."""
    return format_atoms(amount, venue.catalogue.numeraire.decimals)


def coin_text(venue: Venue, coin: int, amount: int) -> str:
    """Write an amount of a coin."""
    return format_atoms(amount, venue.catalogue.coins[coin].decimals)


def share(part: int, whole: int) -> str | None:
    """A quotient with nine decimals, rounded down; None of nothing.

    >>> share(1, 3), share(1, 0)
    ('0.333333333', None)
    """
    return None if whole <= 0 else format_atoms(divide(part * RATIO_ONE, whole, Side.DOWN), 9)


def named_prices(catalogue: Catalogue, told: Mapping[str, str]) -> tuple[tuple[int, int], ...]:
    """Prices of coins by number, in the order of the numbers."""
    pairs = ((coin_number(catalogue, n), price_atoms(catalogue, p, n)) for n, p in told.items())
    return tuple(sorted(pairs))


def named_marks(catalogue: Catalogue, told: Mapping[str, str]) -> tuple[tuple[int, int], ...]:
    """Marks of instruments by number, in the order of the numbers; one name each."""
    found: dict[int, int] = {}
    for name, price in told.items():
        number = instrument_number(catalogue, name)
        if number in found:
            raise wrong(f"{name[:80]} is told twice under two names")
        found[number] = price_atoms(catalogue, price, name)
    return tuple(sorted(found.items()))


def _unit_decimals(catalogue: Catalogue, terms: Instrument) -> int:
    if terms.is_sized_in_numeraire:
        return catalogue.numeraire.decimals
    return catalogue.coins[catalogue.coin(terms.base)].decimals


def _whole(text: str, decimals: int, key: str) -> int:
    try:
        return parse_atoms(text, decimals)
    except (AmountError, ValueError) as error:
        raise _bad(error, key) from None


def _bad(error: ValueError, key: str) -> Problem:
    return wrong(f"{error} - at `$.{key}`", "bad_amount")
