"""The rulebook's rules of taking as a compiled fall follows them.

Knows the rulebook. Does not know accounts or prices.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.engine.state import Venue
from seawall.liquidation import CloseFactor, Full, Multiples
from seawall.money import RATIO_ONE, parse_ratio

LEAST, FULL, FACTOR, MULTIPLES = range(4)


class Rules(NamedTuple):
    """How a step is sized, and what it costs; ratios, and dollars."""

    size: int  # The codes of the kernel.
    share: float  # Of a close factor, or of multiples.
    full_below: float  # Margin equity ÷ maintenance.
    dust: float  # Numeraire; a close factor leaves no less of a row,
    rest: float  # and no step does.
    cost: float  # Of the notional, assumed when planning.
    fee: float  # Of the notional, as far as the account has it.
    kept: float  # Share of the fee that a fund keeps.
    cash: int  # The coin in which debts are paid.
    by_notional: bool  # Largest first; else as listed.
    at_mark: bool  # Fills at the mark of the round, and not at the average of its walk.


def rules_of(venue: Venue, at_mark: bool = False) -> Rules:
    """What the venue's rulebook says."""
    book = venue.rulebook
    taking, rates = book.liquidation, venue.rates
    size, share, below, dust = LEAST, 1.0, 0.0, 0.0
    if isinstance(taking.size, Full):
        size = FULL
    elif isinstance(taking.size, CloseFactor):
        size, share = FACTOR, _ratio(parse_ratio(taking.size.share))
        below = _ratio(parse_ratio(taking.size.full_below))
        dust = float(taking.size.least_notional)
    elif isinstance(taking.size, Multiples):
        size, share = MULTIPLES, _ratio(parse_ratio(taking.size.share))
    return Rules(
        size=size,
        share=share,
        full_below=below,
        dust=dust,
        rest=float(taking.least_notional),
        cost=_ratio(rates.away + rates.fee),
        fee=_ratio(rates.fee),
        kept=1.0 - _ratio(rates.keeper_share),
        cash=venue.catalogue.coin(book.cash),
        by_notional=taking.order != "listed",
        at_mark=at_mark,
    )


def followed(venue: Venue) -> str:
    """Name the rule of size that is followed, and the rulebook's where that is another."""
    rule = venue.rulebook.liquidation.size
    name = str(rule.__struct_config__.tag)
    if isinstance(rule, Full | CloseFactor | Multiples) or name == "least":
        return name
    return f"least, for {name} goes by time or brackets"


def _ratio(parts: int) -> float:
    return parts / RATIO_ONE
