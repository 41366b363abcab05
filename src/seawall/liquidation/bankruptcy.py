"""At which value, and at which price, closing a position leaves its account with nothing owed.

Knows rows, a table and the catalogue's terms. The price is that of the fill, with everything else
where the table has it; for an account with one position it is also the mark at which it is broke.
"""

from __future__ import annotations

from seawall.margin import ExactTable, Rows
from seawall.market import Catalogue, Kind
from seawall.money import RATIO_ONE, Rounding, divide

LINEAR = int(Kind.LINEAR)
NO_PRICE = 2**63 - 1  # A price that no market reaches, in price atoms.


class BankruptcyError(ValueError):
    """A position that has no bankruptcy value; the message says why."""


def bankruptcy_value(rows: Rows, table: ExactTable, asset: int) -> int:
    """Value of one lot at which the account pays for its whole position with all it has for it.

    value − side · floor(equity · notional ÷ Σ |lots| · notional), side = ±1 of the position. The
    equity stands behind all contracts, so each one gets the part of its notional in their sum
    (dYdX: of its maintenance, which is the same where rates are the same). At this value the
    account gives up all of that part and not more: a counterparty who takes the position over here
    takes it at the last price at which it harms neither the account's other creditors nor the fund.

    Rounded for the account, up where it sells and down where it buys, by less than an atom per lot:
    an account closed at these values in all its contracts ends with equity ≥ 0, and less than one
    atom for each lot. Where the account is broke already, the value is beyond the mark. It can be
    negative: then the account is not broke even if the position becomes worthless.

    [numeraire atoms per lot] Source of the form: dYdX v4, bankruptcy price in quote quantums.
    """
    numerator, denominator, side = _exact_value(rows, table, asset)
    return divide(numerator, denominator, Rounding.UP if side > 0 else Rounding.DOWN)


def bankruptcy_price(
    rows: Rows, table: ExactTable, asset: int, catalogue: Catalogue, fee_ratio: int = 0
) -> int:
    """The same as a price of the contract, in price atoms, before the cash leg is rounded.

    Linear and option: b = price × lot × value of the settlement currency, so for one long position
    entered at E with leverage L and no other equity the price is E · (1 − 1 ÷ L). Inverse: closing
    a lot costs face ÷ price coins, b = −face × index ÷ price, which gives E · L ÷ (L + 1).

    With a fee, what the fill itself costs is paid out of the same equity: a linear seller receives
    price · (1 − fee), a buyer pays price · (1 + fee), an inverse long gives back face ÷ price ·
    (1 + fee) coins. `fee_ratio` in parts per billion of the fill. Source: Bybit, "Bankruptcy Price"
    and "How to calculate Liquidation Price (Inverse Contract)".

    Rounded for the account, as the value is. Where the answer would be below zero (a linear long
    that no price breaks, a linear short that none saves) it is 0; where an inverse contract's would
    be infinite (a short that no price breaks, a long that none saves) it is `NO_PRICE`.
    """
    assert 0 <= fee_ratio < RATIO_ONE, "a fee is a share of what is filled"
    return price_of(*_exact_value(rows, table, asset), table, asset, catalogue, fee_ratio)


def price_of(
    numerator: int,
    denominator: int,
    side: int,
    table: ExactTable,
    asset: int,
    catalogue: Catalogue,
    fee_ratio: int = 0,
) -> int:
    """Price of a contract at which one lot has a value of numerator ÷ denominator.

    As `bankruptcy_price` says; `side` is ±1 of the position, and rounding is in its favour.
    """
    listed = catalogue.assets[asset]
    terms = catalogue.instruments[listed.instrument]
    rounding = Rounding.UP if side > 0 else Rounding.DOWN
    currency = table.value[listed.currency]
    currency_one = catalogue.coins[listed.currency].one
    if listed.kind is Kind.INVERSE:
        if numerator >= 0:
            return NO_PRICE
        return divide(
            terms.lot * currency * currency_one * denominator * (RATIO_ONE + side * fee_ratio),
            -numerator * RATIO_ONE,
            rounding,
        )
    base_one = catalogue.coins[listed.coin].one
    price_one = catalogue.numeraire.one
    if currency <= 0:
        raise BankruptcyError(f"settlement currency of asset {asset} has no value")
    price = divide(
        numerator * base_one * price_one * RATIO_ONE,
        denominator * terms.lot * currency * currency_one * (RATIO_ONE - side * fee_ratio),
        rounding,
    )
    return max(0, price)


def _exact_value(rows: Rows, table: ExactTable, asset: int) -> tuple[int, int, int]:
    """Bankruptcy value as numerator and denominator > 0, and the side of the position."""
    value, notional, kind = table.value, table.notional, table.kind
    equity = gross = lots = 0
    for one, held in rows:
        equity += held * value[one]
        if kind[one] >= LINEAR:
            gross += abs(held) * notional[one]
            if one == asset:
                lots = held
    if not lots:
        raise BankruptcyError(f"asset {asset} is not a contract that the account holds")
    if not gross:
        raise BankruptcyError(f"asset {asset} has no notional, so no equity stands behind it")
    side = 1 if lots > 0 else -1
    return value[asset] * gross - side * equity * notional[asset], gross, side
