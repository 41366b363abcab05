"""Derive v2: a perpetual's funding, its profit at the mark, and its open interest.

Prices, rates and amounts are ints with 18 decimals, truncated towards zero. No entry price is
kept: every trade realises the whole position. Source: derivexyz/v2-core, commit 7736900d39.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from seawall.protocols.derive_feed import (
    WAD,
    Refusal,
    RefusedError,
    product,
    quotient,
    ratio,
)

HOUR_SECONDS = 3_600


class FundingTerms(NamedTuple):
    """How fast funding pulls a perpetual to its index; the defaults are the main network's."""

    convergence_hours: int = 8 * WAD
    cap: int = 4 * WAD // 1_000  # Largest absolute rate per hour.
    static_rate: int = 125 * WAD // 10_000_000  # Per hour.


class Position(NamedTuple):
    """A holding, and the mark and the funding index up to which its cash is counted."""

    size: int
    mark: int
    funding_index: int = 0
    cash: int = 0  # Realised, not yet moved into the account.


def funding_rate(spot: int, impact_bid: int, impact_ask: int, terms: FundingTerms) -> int:
    """Funding rate per hour; a long pays it if it is positive.

    clamp((max(0, impact_bid − spot) − max(0, spot − impact_ask)) / spot / convergence_hours
    + static_rate, ±cap). Raises `RefusedError` if impact_ask < impact_bid.

    >>> terms = FundingTerms(8 * WAD, WAD, 0)
    >>> funding_rate(1_500 * WAD, 1_494 * WAD, 1_494 * WAD, terms) * 10_000 // WAD
    -5
    """
    if impact_ask < impact_bid:
        raise RefusedError(Refusal.ASK_BELOW_BID)
    premium = ratio(max(0, impact_bid - spot) - max(0, spot - impact_ask), spot)
    rate = ratio(premium, terms.convergence_hours) + terms.static_rate
    return max(-terms.cap, min(terms.cap, rate))


def index_change(rate: int, spot: int, seconds: int) -> int:
    """Change of the funding index, cash per contract: rate · seconds / 3600 · spot."""
    return product(quotient(rate * seconds, HOUR_SECONDS), spot)


def funding(position: Position, funding_index: int) -> int:
    """Cash that a position has received since it was counted, −size · (index − counted index)."""
    return -product(position.size, funding_index - position.funding_index)


def profit(position: Position, mark: int) -> int:
    """Profit since the position was counted, (mark − counted mark) · size."""
    return product(mark - position.mark, position.size)


def traded(position: Position, change: int, mark: int, funding_index: int = 0) -> Position:
    """The position after a trade of `change` contracts, all of the old one realised at `mark`."""
    cash = position.cash + profit(position, mark) + funding(position, funding_index)
    return Position(position.size + change, mark, funding_index, cash)


def settled_disabled(position: Position, mark: int, funding_index: int) -> Position:
    """A position in a disabled market after its settlement: cash only, nothing held."""
    return traded(position, -position.size, mark, funding_index)


def open_interest(sizes: Iterable[int]) -> int:
    """Contracts held long, Σ max(size, 0)."""
    return sum(size for size in sizes if size > 0)


def total_position(sizes: Iterable[int]) -> int:
    """Contracts held on either side, Σ |size|; a manager's own accounts are capped by it."""
    return sum(abs(size) for size in sizes)
