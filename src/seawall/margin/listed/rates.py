"""What one option or one future must hold under standard margin.

Knows the rule for a single position. Does not know accounts, rounding or venues. Amounts are whole
numbers or fractions of any one unit; results are that unit times 10^9, because rates are parts per
billion.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from seawall.money import RATIO_ONE, parse_ratio


class OptionRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rates of one option, for initial or for maintenance margin. Ratios from 0 to 1."""

    underlying: Decimal  # Of the underlying's price, before the out-of-the-money amount.
    least: Decimal  # Of the underlying's price, whatever the strike.
    put_least_of_premium: Decimal = Decimal(0)  # Added to the least of a put.
    premium_least: Decimal = Decimal(0)  # Of the premium, whatever the underlying's price.
    put_cap: Decimal = Decimal(1)  # Of the strike: a put sold owes no more, premium aside.
    fee: Decimal = Decimal(0)  # Of the underlying's price, to close.
    long_premium: Decimal = Decimal(0)  # An option bought: of its premium,
    long_underlying: Decimal = Decimal(1)  # but no more than this of the underlying's price.

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= parse_ratio(getattr(self, name)) <= RATIO_ONE:
                raise ValueError(f"{name}: a ratio from 0 to 1 is needed")


class OptionTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rates of the options on one coin."""

    initial: OptionRates
    maintenance: OptionRates


class FutureRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rates of the futures on one coin: a base, and a slope for each coin of the position."""

    initial: Decimal
    maintenance: Decimal
    slope: Decimal = Decimal(0)  # Added to both rates for each whole coin.

    def __post_init__(self) -> None:
        initial, maintenance = parse_ratio(self.initial), parse_ratio(self.maintenance)
        if not 0 <= maintenance <= initial <= RATIO_ONE:
            raise ValueError("initial: 0 <= maintenance <= initial <= 1 is needed")
        if not 0 <= parse_ratio(self.slope) <= RATIO_ONE:
            raise ValueError("slope: a ratio from 0 to 1 is needed")


class OptionParts(NamedTuple):
    """`OptionRates` in parts per billion, in the same order."""

    underlying: int
    least: int
    put_least_of_premium: int
    premium_least: int
    put_cap: int
    fee: int
    long_premium: int
    long_underlying: int


def parts_of(rates: OptionRates) -> OptionParts:
    """Parts per billion of each rate."""
    return OptionParts(*(parse_ratio(getattr(rates, name)) for name in rates.__struct_fields__))


def sold_charge(
    parts: OptionParts,
    underlying: int,
    strike: int,
    premium: int,
    is_call: bool,
    premium_charged: int,
) -> int:
    """Margin of an option sold, × 10^9.

    out of the money = max(strike − underlying, 0) of a call, max(underlying − strike, 0) of a put;
    floor = max(least · underlying [+ put_least_of_premium · premium], premium_least · premium);
    charge = max(rate · underlying − out of the money, floor), of a put at most put_cap · strike;
    margin = charge + premium_charged + fee · underlying. `premium_charged` is the mark, or 0 where
    the option's value already stands in equity.
    """
    away = max(strike - underlying if is_call else underlying - strike, 0)
    floor = parts.least * underlying
    if not is_call:
        floor += parts.put_least_of_premium * premium
    floor = max(floor, parts.premium_least * premium)
    charge = max(parts.underlying * underlying - RATIO_ONE * away, floor)
    if not is_call and parts.put_cap < RATIO_ONE:
        charge = min(charge, parts.put_cap * strike)
    return charge + RATIO_ONE * premium_charged + parts.fee * underlying


def bought_charge(parts: OptionParts, underlying: int, premium: int) -> int:
    """Margin of an option bought, × 10^9: a share of its premium, capped by the underlying."""
    return min(parts.long_premium * premium, parts.long_underlying * underlying)


def future_charge(rate: int, slope: int, notional: int, coins: int, one: int) -> int:
    """Margin of a future, × 10^9 · one: notional · (rate + slope · coins ÷ one)."""
    return notional * (rate * one + slope * coins)
