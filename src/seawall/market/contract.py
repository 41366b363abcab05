"""What a trade, a funding interval and an expiry pay, as exact cash.

Knows the terms of contracts and the decimals of their currencies; does not know who holds them.
Signs: lots are positive for a buyer or a holder who is long, and a result is what is added to the
cash asset of that account. Numbers of instruments are those of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable

from seawall.market.catalogue import Catalogue
from seawall.market.instrument import Instrument
from seawall.market.snapshot import Snapshot
from seawall.money import RATIO_ONE, Rounding, divide, fit


class PriceError(ValueError):
    """A price at which nothing can be paid, or that has not been seen yet."""


def cash_leg(
    catalogue: Catalogue, instrument: int, lots: int, price: int, rounding: Rounding
) -> int:
    """Return the size of a trade in atoms of the settlement currency, with the sign of the lots.

    Linear, spot and option: lots × lot × price; the price of an option settled in its coin is
    coins. Inverse perpetual and future: lots × face ÷ price, in coins.

    Ten 100-dollar lots at 50,000 are 0.02 BTC:

    >>> from seawall.market import Instrument
    >>> from seawall.money import Asset
    >>> catalogue = Catalogue.empty(Asset("USD", 10), (Asset("BTC", 8),)).listed([
    ...     Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
    ...                inverse=True, lot=100 * 10**10, tick=5 * 10**9)])
    >>> cash_leg(catalogue, 0, 10, 50_000 * 10**10, Rounding.UP)
    2000000
    """
    numerator, denominator = _cash(catalogue, catalogue.instruments[instrument], lots, price)
    return fit(divide(numerator, denominator, rounding))


def buyer_cash(catalogue: Catalogue, instrument: int, lots: int, price: int) -> int:
    """Return what is added to the cash asset of whoever receives `lots`; negative lots sell.

    Linear, spot and option: −lots × lot × price. Inverse: +lots × face ÷ price. Rounded once, half
    to even, so buyer_cash(−lots) = −buyer_cash(lots): one number serves both sides of a trade and
    its error, at most half an atom, favours neither.
    """
    paid = cash_leg(catalogue, instrument, lots, price, Rounding.NEAREST)
    return paid if catalogue.instruments[instrument].is_sized_in_numeraire else -paid


def notional(
    catalogue: Catalogue,
    snapshot: Snapshot,
    instrument: int,
    lots: int,
    rounding: Rounding = Rounding.UP,
) -> int:
    """Return the size of a position in numeraire atoms, never negative.

    Linear and spot: |lots| × lot × mark × price of the quote currency. Inverse: |lots| × face.
    Option: |lots| × lot × price of the underlying. Where no mark was seen, the price of the base
    coin stands in for mark × price of the quote currency.
    """
    terms = catalogue.instruments[instrument]
    size = abs(lots) * terms.lot
    if terms.is_sized_in_numeraire:
        return fit(size)
    base = catalogue.coin(terms.base)
    one = catalogue.coins[base].one
    mark = snapshot.mark[instrument]
    if terms.type == "option" or not mark:
        return fit(divide(size * _seen(snapshot.price[base], terms.base), one, rounding))
    quote = _seen(snapshot.price[catalogue.coin(terms.quote)], terms.quote)
    return fit(divide(size * mark * quote, one * catalogue.numeraire.one, rounding))


def funding_payment(catalogue: Catalogue, instrument: int, lots: int, mark: int, rate: int) -> int:
    """Return the funding of one interval that is added to the cash asset of a holder.

    −lots × lot × mark × rate (inverse: −lots × face ÷ mark × rate), rate in parts per billion; a
    positive rate is paid by longs. Rounded down: a payer pays the next atom up, a receiver gets the
    next atom down, and what the holders' sum leaves below zero is dust.
    """
    return funding_payments(catalogue, instrument, (lots,), mark, rate)[0]


def funding_payments(
    catalogue: Catalogue, instrument: int, lots: Iterable[int], mark: int, rate: int
) -> list[int]:
    """Return `funding_payment` of many holders at once."""
    numerator, denominator = _cash(catalogue, catalogue.instruments[instrument], 1, mark)
    paid, divisor = -numerator * rate, denominator * RATIO_ONE
    return [fit(held * paid // divisor) for held in lots]


def payoff(instrument: Instrument, price: int) -> int:
    """Return the price at which one unit of a contract is folded when its underlying expires.

    Call: max(0, price − strike). Put: max(0, strike − price). All others: price. [price atoms]
    What is paid in coins is this ÷ price, which `settlement_value` rounds once.
    """
    if instrument.strike is None:
        return price
    gain = price - instrument.strike
    return max(0, gain if instrument.right == "call" else -gain)


def settlement_value(
    catalogue: Catalogue,
    instrument: int,
    lots: int,
    price: int,
    rounding: Rounding = Rounding.DOWN,
) -> int:
    """Return what a holder's lots are folded into at the expiry price of the underlying.

    Linear and option: +lots × lot × payoff. Inverse: −lots × face ÷ price, in coins. Option settled
    in its coin: +lots × lot × payoff ÷ price, in coins. Rounded down, so that a long is credited
    less and a short is charged more; the sum over all holders is never above zero, and what is left
    is dust.
    """
    terms = catalogue.instruments[instrument]
    if price <= 0:
        raise PriceError(f"expiry price of {terms.id} must be positive, not {price}")
    paid = payoff(terms, price)
    if not paid:
        return 0
    if terms.type == "option" and terms.inverse:
        return fit(divide(lots * terms.lot * paid, price, rounding))
    numerator, denominator = _cash(catalogue, terms, lots, paid)
    sign = -1 if terms.is_sized_in_numeraire else 1
    return fit(divide(sign * numerator, denominator, rounding))


def _cash(catalogue: Catalogue, terms: Instrument, lots: int, price: int) -> tuple[int, int]:
    """Exact size in settlement atoms as a fraction with a positive denominator."""
    if price <= 0:
        raise PriceError(f"price of {terms.id} must be positive, not {price}")
    base_one = catalogue.coins[catalogue.coin(terms.base)].one
    if terms.is_sized_in_numeraire:
        return lots * terms.lot * base_one, price
    settle_one = catalogue.coins[catalogue.coin(terms.settle)].one
    return lots * terms.lot * price * settle_one, base_one * catalogue.numeraire.one


def _seen(price: int, coin: str) -> int:
    if not price:
        raise PriceError(f"price of {coin} has not been seen")
    return price
