"""Exact rules of Derive's option asset: payoff at expiry, open interest and its fee."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

ZERO = Decimal(0)


def payoff(strike: Decimal, is_call: bool, settlement: Decimal, amount: Decimal) -> Decimal:
    """max(settlement − strike, 0) · amount of a call, max(strike − settlement, 0) of a put.

    >>> payoff(Decimal(1000), False, Decimal(800), Decimal(-2))
    Decimal('-400')
    """
    gain = settlement - strike if is_call else strike - settlement
    return max(gain, ZERO) * amount


def open_interest(amounts: Iterable[Decimal]) -> Decimal:
    """Sum of what is held of one instrument, over all accounts that hold rather than owe it.

    >>> open_interest([Decimal(100), Decimal(-70), Decimal(-30)])
    Decimal('100')
    """
    return sum((max(amount, ZERO) for amount in amounts), ZERO)


def open_interest_fee(
    charged: Iterable[tuple[Decimal, Decimal]], rate: Decimal, least: Decimal = ZERO
) -> Decimal:
    """Σ |change| · price · rate, at least `least` where it is not 0.

    `charged` holds one (change of the account's amount, price) for each instrument whose open
    interest the batch raised; the price is the forward of an option, the mark of a perpetual.

    >>> open_interest_fee([(Decimal(-1), Decimal(1500))], Decimal("0.001"))
    Decimal('1.500')
    """
    fee = sum((abs(change) * price * rate for change, price in charged), ZERO)
    return max(fee, least) if fee else ZERO
