"""Names of contracts: ccxt's unified symbols and Deribit's instrument names, read and written.

A name says type, coins, expiry, strike and right; it says nothing of lots, ticks or prices. Each
contract has exactly one spelling in each scheme, so reading and writing are inverse to each other.
Dates are civil dates in integers: this floor has no clock and no calendar library.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from seawall.money import AmountError, format_atoms, parse_atoms

DAY_MS = 86_400_000
YEAR_2100_MS = 47_482 * DAY_MS  # Names have two digits for the year, of this century.
EXPIRY_MS = 8 * 3_600_000  # Contracts expire at 08:00 UTC of the day in their name.

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_COIN = r"[^\s/:_\-]+"
_UNIFIED = re.compile(
    rf"(?P<base>{_COIN})/(?P<quote>{_COIN})"
    rf"(?::(?P<settle>{_COIN})"
    r"(?:-(?P<date>[0-9]{6})(?:-(?P<strike>[0-9]{1,20}(?:\.[0-9]{1,20})?)-(?P<right>[CP]))?)?)?"
)
_DERIBIT = re.compile(
    rf"(?P<base>{_COIN})(?:_(?P<quote>{_COIN}))?"
    r"(?P<perpetual>-PERPETUAL)?"
    r"(?:-(?P<day>[0-9]{1,2})(?P<month>[A-Z]{3})(?P<year>[0-9]{2})"
    r"(?:-(?P<strike>[0-9]{1,20}(?:d[0-9]{1,20})?)-(?P<right>[CP]))?)?"
)


class SymbolError(ValueError):
    """Text that names no contract; the message says the text and why."""


class Terms(NamedTuple):
    """What the name of a contract says of it."""

    type: Literal["spot", "perpetual", "future", "option"]
    base: str
    quote: str
    settle: str
    inverse: bool = False
    expires_ms: int | None = None
    strike: int | None = None  # [price atoms]
    right: Literal["call", "put"] | None = None

    def symbol(self, decimals: int) -> str:
        """Write ccxt's unified symbol; `decimals` are those of a price.

        >>> read_symbol("BTC_USDC-9AUG24-60000-C", 10).symbol(10)
        'BTC/USDC:USDC-240809-60000-C'
        """
        name = f"{self.base}/{self.quote}"
        if self.type == "spot":
            return name
        name += f":{self.settle}"
        if self.expires_ms is None:
            return name
        year, month, day = civil_date(self.expires_ms // DAY_MS)
        name += f"-{year % 100:02d}{month:02d}{day:02d}"
        if self.strike is None:
            return name
        return f"{name}-{format_atoms(self.strike, decimals)}-{self._letter}"

    def deribit_name(self, decimals: int) -> str | None:
        """Write Deribit's name; None for a coin-settled contract that is not quoted in USD.

        >>> read_symbol("XRP/USDC:USDC-230630-0.625-C", 10).deribit_name(10)
        'XRP_USDC-30JUN23-0d625-C'
        """
        if self.inverse and self.quote != "USD":
            return None
        name = self.base if self.inverse else f"{self.base}_{self.quote}"
        if self.type == "spot":
            return name
        if self.expires_ms is None:
            return f"{name}-PERPETUAL"
        year, month, day = civil_date(self.expires_ms // DAY_MS)
        name += f"-{day}{_MONTHS[month - 1]}{year % 100:02d}"
        if self.strike is None:
            return name
        strike = format_atoms(self.strike, decimals).replace(".", "d")
        return f"{name}-{strike}-{self._letter}"

    @property
    def _letter(self) -> str:
        return "C" if self.right == "call" else "P"


def read_symbol(text: str, decimals: int) -> Terms:
    """Read a name in either scheme; `decimals` are those of a price.

    A coin-settled option is read as `inverse`, with the currency of its strike as `quote`.

    >>> read_symbol("BTC-PERPETUAL", 10)[:5]
    ('perpetual', 'BTC', 'USD', 'BTC', True)
    >>> read_symbol("BTC/USDC:USDC-240230", 10)
    Traceback (most recent call last):
        ...
    seawall.market.symbol.SymbolError: BTC/USDC:USDC-240230: 2024-02-30 is not a date
    """
    unified = "/" in text
    match = (_UNIFIED if unified else _DERIBIT).fullmatch(text)
    if match is None:
        raise SymbolError(f"{text!r} is not the name of a contract")
    terms = _unified(text, match, decimals) if unified else _deribit(text, match, decimals)
    if terms.base == terms.quote:
        raise SymbolError(f"{text}: {terms.base} cannot be quoted in itself")
    written = terms.symbol(decimals) if unified else terms.deribit_name(decimals)
    if written != text:
        raise SymbolError(f"{text} is written {written}")
    return terms


def _unified(text: str, match: re.Match[str], decimals: int) -> Terms:
    base, quote, settle = match["base"], match["quote"], match["settle"]
    if settle is None:
        return Terms("spot", base, quote, quote)
    if settle not in {base, quote}:
        raise SymbolError(f"{text}: a contract on {base}/{quote} cannot settle in {settle}")
    terms = Terms("perpetual", base, quote, settle, inverse=settle == base)
    date = match["date"]
    if date is None:
        return terms
    year, month, day = 2000 + int(date[:2]), int(date[2:4]), int(date[4:])
    return _dated(text, terms, (year, month, day), match, decimals)


def _deribit(text: str, match: re.Match[str], decimals: int) -> Terms:
    base, quote = match["base"], match["quote"]
    if match["perpetual"] and match["day"]:
        raise SymbolError(f"{text!r} is not the name of a contract")
    if quote is None:
        terms = Terms("perpetual", base, "USD", base, inverse=True)
    else:
        terms = Terms("perpetual", base, quote, quote)
    if match["perpetual"]:
        return terms
    if match["day"] is None:
        if quote is None:
            raise SymbolError(f"{text!r} is not the name of a contract")
        return terms._replace(type="spot")
    if match["month"] not in _MONTHS:
        raise SymbolError(f"{text}: {match['month']} is not a month")
    month = _MONTHS.index(match["month"]) + 1
    date = (2000 + int(match["year"]), month, int(match["day"]))
    return _dated(text, terms, date, match, decimals)


def _dated(
    text: str, terms: Terms, date: tuple[int, int, int], match: re.Match[str], decimals: int
) -> Terms:
    days = civil_days(*date)
    if civil_date(days) != date:
        raise SymbolError(f"{text}: {date[0]}-{date[1]:02d}-{date[2]:02d} is not a date")
    terms = terms._replace(type="future", expires_ms=days * DAY_MS + EXPIRY_MS)
    if match["strike"] is None:
        return terms
    try:
        strike = parse_atoms(match["strike"].replace("d", "."), decimals)
    except AmountError as error:
        raise SymbolError(f"{text}: {error}") from None
    if not strike:
        raise SymbolError(f"{text}: the strike is zero")
    right: Literal["call", "put"] = "call" if match["right"] == "C" else "put"
    return terms._replace(type="option", strike=strike, right=right)


def civil_days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar, from the year 1 on.

    Years begin in March, so that the leap day comes last. Source: H. Hinnant, "chrono-compatible
    low-level date algorithms", days_from_civil.

    >>> civil_days(1970, 1, 1), civil_days(2024, 8, 9)
    (0, 19944)
    """
    years = year - (month <= 2)
    month_from_march = (month + 9) % 12
    day_of_year = (153 * month_from_march + 2) // 5 + day - 1
    return years * 365 + years // 4 - years // 100 + years // 400 + day_of_year - 719_468


def civil_date(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01; undoes `civil_days`.

    >>> civil_date(19_944)
    (2024, 8, 9)
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    return era * 400 + year_of_era + (month <= 2), month, day
