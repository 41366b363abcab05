"""What every way out of a position has in common: fills, what is left, refusals.

Quantities are lots, prices are price atoms, times are milliseconds. What a fill costs in all
(`paid`) is in price atoms × lots; the engine turns it into the currency of settlement, once. Knows
no market and no account other than by number.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple


class Side(enum.IntEnum):
    """What the account in liquidation does."""

    SELL = -1  # Gives up lots that it holds; takers pay.
    BUY = 1  # Buys back lots that it is short of; takers are paid.

    @property
    def other(self) -> Side:
        """The counterparty's side."""
        return Side.BUY if self is Side.SELL else Side.SELL


class Refusal(enum.IntEnum):
    """Why an exit does not take what it was asked to; within one exit, the first that holds."""

    NOTHING_ASKED = 1  # No lots, or a price that is not positive.
    NOT_STARTED = 2
    OVER = 3
    NOT_OVER = 4
    BEYOND_LIMIT = 5  # The price is worse than what the taker accepts.
    WOULD_LEAVE_DUST = 6  # So little is left that it goes whole or not at all.
    SELF_MATCH = 7  # It would trade with an order of the same trader.
    UNKNOWN_ORDER = 8
    HEALTHY = 9  # The account need not be liquidated, or no longer.
    BID_TOO_LOW = 10
    BID_STANDS = 11  # Nothing to restart: somebody bids.
    NO_BID = 12
    DUPLICATE_BIDDER = 13
    DEPOSIT_TOO_SMALL = 14
    UNKNOWN_BIDDER = 15
    COMMITMENT_MISMATCH = 16
    ALREADY_REVEALED = 17


class RefusedError(ValueError):
    """A request that an exit refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class ExitFill(NamedTuple):
    """What one counterparty takes: lots > 0; `paid` ≥ lots · price if it buys, ≤ if it sells."""

    taker: int
    lots: int
    price: int  # For one lot; an average, where the lots of a fill differ in price.
    paid: int  # In all, exactly.


class ExitResult(NamedTuple):
    """Σ lots of the fills + left = lots that were asked for."""

    fills: tuple[ExitFill, ...]
    left: int

    @property
    def lots(self) -> int:
        """Lots that were taken."""
        return sum(fill.lots for fill in self.fills)

    @property
    def paid(self) -> int:
        """What they brought in, or cost; in price atoms × lots."""
        return sum(fill.paid for fill in self.fills)


def fill_at(taker: int, lots: int, price: int) -> ExitFill:
    """A fill at one price."""
    return ExitFill(taker, lots, price, lots * price)


def within(price: int, limit: int, side: Side) -> bool:
    """Whether a price is no worse than a limit, for whoever stands on `side`.

    >>> within(99, 100, Side.BUY), within(99, 100, Side.SELL)
    (True, False)
    """
    return price >= limit if side is Side.SELL else price <= limit


def must_ask(lots: int, price: int) -> None:
    """Refuse a request without lots, or with a limit that is not a price."""
    if lots <= 0 or price <= 0:
        raise RefusedError(Refusal.NOTHING_ASKED)


def conserved(asked: int, fills: Iterable[ExitFill], left: int) -> ExitResult:
    """The result, after checking that no lot was lost."""
    result = ExitResult(tuple(fills), left)
    assert result.lots + left == asked, "an exit lost a lot"
    assert all(fill.lots > 0 for fill in result.fills), "a fill without lots"
    return result
