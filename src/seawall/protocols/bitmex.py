"""BitMEX: the rank of a position in auto-deleveraging.

Pure fractions. Source: BitMEX, "What is Auto-Deleveraging" (read 2026).
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Rank(NamedTuple):
    """Where a position stands; the highest score is deleveraged first."""

    pnl_percentage: Fraction
    effective_leverage: Fraction
    score: Fraction


def deleveraging_rank(
    long: bool, inverse: bool, entry: Fraction, mark: Fraction, bankruptcy: Fraction
) -> Rank:
    """Score = PnL % × effective leverage in profit, PnL % ÷ effective leverage in loss.

    Effective leverage = |mark value| ÷ |mark value − bankrupt value|; a value is proportional to
    the price of a linear contract and to 1 ÷ price of an inverse one. PnL % is of the entry value.

    >>> rank = deleveraging_rank(False, False, *map(Fraction, (100, 60, 150)))
    >>> [str(number) for number in rank]
    ['2/5', '2/3', '4/15']
    """
    opened, now, gone = ((-1 / price if inverse else price) for price in (entry, mark, bankruptcy))
    pnl = (now - opened) / abs(opened) * (1 if long else -1)
    leverage = abs(now) / abs(now - gone)
    return Rank(pnl, leverage, pnl * leverage if pnl > 0 else pnl / leverage)
