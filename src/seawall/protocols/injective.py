"""Injective: bankruptcy and liquidation price of an isolated position, hourly funding.

Pure fractions. Source: InjectiveFoundation/injective-core@c7b042e2b8, modules/exchange (rules only;
the repository has no tests, so the numbers checked against are another reading of the rule).
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Position(NamedTuple):
    """A position with its own margin; funding indices are quote per coin."""

    long: bool
    size: Fraction  # Above 0.
    entry_price: Fraction
    margin: Fraction
    funding_now: Fraction = Fraction(0)
    funding_at_entry: Fraction = Fraction(0)

    def margin_after_funding(self) -> Fraction:
        """A long pays the growth of the index on its size, a short receives it."""
        funding = self.size * (self.funding_now - self.funding_at_entry)
        return self.margin - funding if self.long else self.margin + funding


class Funding(NamedTuple):
    """One hour."""

    rate: Fraction
    index_change: Fraction  # Quote per coin, paid by longs.


def bankruptcy_price(position: Position) -> Fraction:
    """Price at which the margin is gone: entry ∓ margin / size."""
    cushion = position.margin_after_funding() / position.size
    return position.entry_price + (-cushion if position.long else cushion)


def liquidation_price(position: Position, maintenance_ratio: Fraction) -> Fraction:
    """Bankruptcy price / (1 ∓ maintenance ratio), never below 0.

    >>> short = Position(False, Fraction(2), Fraction(2200), Fraction(880))
    >>> liquidation_price(short, Fraction(1, 20))  # 2,640 / 1.05
    Fraction(17600, 7)
    """
    side = 1 - maintenance_ratio if position.long else 1 + maintenance_ratio
    return max(Fraction(0), bankruptcy_price(position) / side)


def worst_price(long: bool, mark: Fraction, bankruptcy: Fraction) -> Fraction:
    """Limit of the liquidation order: bankruptcy, or the mark if that is already beyond it."""
    return min(mark, bankruptcy) if long else max(mark, bankruptcy)


def hourly_funding(premium: Fraction, interest: Fraction, cap: Fraction, mark: Fraction) -> Funding:
    """Rate = premium + interest within ±cap; the index grows by rate · mark.

    `premium` is the hour's time-weighted premium, already divided by 24.
    """
    rate = max(-cap, min(cap, premium + interest))
    return Funding(rate, rate * mark)
