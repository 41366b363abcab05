"""The most that European options of one expiry can lose when they expire."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Leg(NamedTuple):
    """Options of one strike; bought positive, sold negative."""

    is_call: bool
    strike: Fraction
    quantity: Fraction


def most_lost_at_expiry(legs: Sequence[Leg]) -> Fraction | None:
    """The largest payout owed at expiry, premiums aside; None where it has no end.

    The payout is linear between strikes, so the worst price is a strike, zero, or beyond them all.
    An iron condor owes the wider of its two wings, never both.

    >>> wings = [(False, 80, 1), (False, 90, -1), (True, 110, -1), (True, 125, 1)]
    >>> most_lost_at_expiry([Leg(*wing) for wing in wings])
    Fraction(15, 1)
    """
    if sum(leg.quantity for leg in legs if leg.is_call) < 0:
        return None
    prices = [Fraction(0), *(Fraction(leg.strike) for leg in legs)]
    return max(Fraction(0), *(-_payout(legs, price) for price in prices))


def _payout(legs: Sequence[Leg], price: Fraction) -> Fraction:
    total = Fraction(0)
    for leg in legs:
        inside = price - leg.strike if leg.is_call else leg.strike - price
        total += leg.quantity * max(inside, Fraction(0))
    return total
