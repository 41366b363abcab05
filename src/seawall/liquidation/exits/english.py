"""An English auction: bids for the whole rise until one has lasted, or the auction ends.

The rules of a bid are those of `protocols.maker_auction` while bids rise. It is here to be compared
with: without a reserve price, a single bidder takes everything for nothing where no other bid gets
through, as on 12 March 2020. It sells; nothing is bought back by it. Knows no clock.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.liquidation.exits.contract import (
    ExitFill,
    Refusal,
    RefusedError,
    fill_at,
)
from seawall.liquidation.exits.rules import EnglishExit, parts
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.protocols import maker_auction
from seawall.protocols.maker_auction import WAD, EnglishRules

NOBODY = -1


class EnglishAuction(NamedTuple):
    """What is for sale, until when, and the best bid."""

    lots: int
    reserve: int  # Price atoms; a bid must reach it, and be above zero.
    ends_ms: int
    bidder: int = NOBODY
    bid: int = 0  # For each lot, price atoms.
    bid_expires_ms: int | None = None  # None without a bid.


def terms_of(rule: EnglishExit) -> EnglishRules:
    """A rulebook's auction in Maker's scale, its times in milliseconds."""
    return EnglishRules(
        raise_factor=WAD + parts(rule.increment_ratio, WAD),
        bid_life_seconds=rule.bid_life_seconds * 1000,
        duration_seconds=rule.duration_seconds * 1000,
    )


def open_english(rule: EnglishExit, lots: int, mark: int, now_ms: int) -> EnglishAuction:
    """An auction from now; the reserve is mark · reserve_ratio, rounded up."""
    reserve = divide(mark * parse_ratio(rule.reserve_ratio), RATIO_ONE, Rounding.UP)
    return EnglishAuction(lots, reserve, now_ms + rule.duration_seconds * 1000)


def bid(
    auction: EnglishAuction, terms: EnglishRules, now_ms: int, bidder: int, price: int
) -> EnglishAuction:
    """A bid for each of the lots: at least `raise_factor` times the last one, which is returned."""
    if price <= 0:
        raise RefusedError(Refusal.NOTHING_ASKED)
    try:
        after, _ = maker_auction.raise_bid(
            _maker(auction, price), terms, now_ms, bidder, auction.lots, price
        )
    except maker_auction.RefusedError as error:
        raise RefusedError(_REFUSALS[error.reason]) from None
    if price < auction.reserve:
        raise RefusedError(Refusal.BID_TOO_LOW)
    return auction._replace(bidder=bidder, bid=price, bid_expires_ms=after.bid_expiry)


def settle(auction: EnglishAuction, now_ms: int) -> ExitFill:
    """The lots to the best bidder, once its bid has lasted or the auction has ended."""
    if auction.bid_expires_ms is None:
        raise RefusedError(Refusal.NO_BID)
    try:
        maker_auction.settle(_maker(auction, 0), now_ms)
    except maker_auction.RefusedError:
        raise RefusedError(Refusal.NOT_OVER) from None
    return fill_at(auction.bidder, auction.lots, auction.bid)


def restart(auction: EnglishAuction, terms: EnglishRules, now_ms: int) -> EnglishAuction:
    """A new end for an auction that ended without a bid."""
    try:
        after = maker_auction.restart(_maker(auction, 0), terms, now_ms)
    except maker_auction.RefusedError as error:
        raise RefusedError(_REFUSALS[error.reason]) from None
    return auction._replace(ends_ms=after.end_time)


_REFUSALS = {
    maker_auction.Refusal.FINISHED: Refusal.OVER,
    maker_auction.Refusal.NOT_FINISHED: Refusal.NOT_OVER,
    maker_auction.Refusal.BID_PLACED: Refusal.BID_STANDS,
    maker_auction.Refusal.BID_NOT_HIGHER: Refusal.BID_TOO_LOW,
    maker_auction.Refusal.INCREASE_TOO_SMALL: Refusal.BID_TOO_LOW,
}


def _maker(auction: EnglishAuction, price: int) -> maker_auction.EnglishAuction:
    """The same in Maker's form; a debt that no bid reaches, so that bids only ever rise."""
    return maker_auction.EnglishAuction(
        lot=auction.lots,
        debt=max(price, auction.bid) + 1,
        end_time=auction.ends_ms,
        owner=NOBODY,
        beneficiary=NOBODY,
        escrow=NOBODY,
        bidder=auction.bidder,
        bid=auction.bid,
        bid_expiry=auction.bid_expires_ms,
    )
