"""The verbs of auctions: take, bid, commit, reveal; and what time does to what is on offer.

Takers are ordinary accounts: what they take they must carry with their own initial margin, now and,
where a bid wins later, then again. A bid that is refused changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seawall.engine.effect import AuctionEnding, BidStands, Reason, State
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    ShareTaken,
)
from seawall.engine.liquidating import auctions, liquidate, ways, whole
from seawall.engine.liquidating.flash_take import take_through_pool
from seawall.engine.posting.trading import is_margined
from seawall.engine.state import CLEARING, Venue
from seawall.engine.state.offers import BatchSale, HealthSale, Offer, WholeSale
from seawall.engine.watching import gate
from seawall.liquidation.exits import (
    BatchExit,
    ByHealthExit,
    EnglishExit,
    ExitFill,
    RefusedError,
    SealedExit,
    by_health,
    dutch,
    english,
    sealed,
)
from seawall.liquidation.exits import Refusal as No
from seawall.liquidation.exits.batch import BatchOrder
from seawall.liquidation.exits.contract import fill_at

_TOLD = {
    No.NOTHING_ASKED: Reason.AMOUNT_NOT_POSITIVE,
    No.NOT_STARTED: Reason.TOO_EARLY,
    No.OVER: Reason.TOO_LATE,
    No.BEYOND_LIMIT: Reason.BEYOND_LIMIT,
    No.WOULD_LEAVE_DUST: Reason.WOULD_LEAVE_DUST,
    No.HEALTHY: Reason.ABOVE_MAINTENANCE,
    No.BID_TOO_LOW: Reason.BID_TOO_LOW,
    No.DUPLICATE_BIDDER: Reason.ALREADY_BID,
    No.ALREADY_REVEALED: Reason.ALREADY_BID,
    No.UNKNOWN_BIDDER: Reason.COMMITMENT_MISMATCH,
    No.COMMITMENT_MISMATCH: Reason.COMMITMENT_MISMATCH,
}
Request = AuctionTaken | AuctionBid | AuctionCommitted | AuctionRevealed
Refused = Reason | None


def take(venue: Venue, event: AuctionTaken) -> Refused:
    """Lots at the price of now, if somebody can carry them; then the account is looked at."""
    seen = _seen(venue, event, (auctions.Dutch, ByHealthExit))
    if isinstance(seen, Reason):
        return seen
    stepped = _tried(_step_of_take, venue, seen, event)
    if isinstance(stepped, Reason):
        return stepped
    sale, fill = stepped
    if event.flash:
        refusal = take_through_pool(venue, seen, fill)
    else:
        refusal = ways.carry_refusal(venue, seen.account, seen.instrument, seen.side, fill)
    if refusal is not None:
        return refusal
    if not event.flash:
        auctions.fill_offer(venue, seen, fill)
    venue.offers.change(seen, sale)
    if not seen.lots:
        auctions.end(venue, seen, AuctionEnding.SOLD)
    liquidate.liquidate(venue, seen.account)
    return None


def take_share(venue: Venue, event: ShareTaken) -> Refused:
    """A share of a whole account, if somebody can carry it; then the account is looked at."""
    taken = whole.take_share(venue, event)
    if isinstance(taken, Reason):
        return taken
    if venue.status[taken] == State.LIQUIDATING:
        liquidate.liquidate(venue, taken)
    return None


def bid(venue: Venue, event: AuctionBid) -> Refused:
    """A bid stands: the best in an English auction, one order among others in a batch."""
    seen = _seen(venue, event, (EnglishExit, BatchExit))
    if isinstance(seen, Reason):
        return seen
    sale = seen.sale
    lots = event.lots if isinstance(sale, BatchSale) else seen.lots
    if lots <= 0:
        return Reason.AMOUNT_NOT_POSITIVE
    if isinstance(sale, BatchSale):
        order = BatchOrder(event.account, seen.side.other, lots, event.price)
        after, ends_ms = sale._replace(orders=(*sale.orders, order)), seen.ends_ms
    else:
        terms = english.terms_of(seen.rule)
        risen = _tried(english.bid, sale, terms, venue.time_ms, event.account, event.price)
        if isinstance(risen, Reason):
            return risen
        after, ends_ms = risen, auctions.english_end(risen)
    fill = fill_at(event.account, min(lots, seen.lots), event.price)
    refusal = ways.carry_refusal(venue, seen.account, seen.instrument, seen.side, fill)
    if refusal is not None:
        return refusal
    venue.offers.change(seen, after, ends_ms)
    _stands(venue, event, seen, lots, event.price)
    return None


def commit(venue: Venue, event: AuctionCommitted) -> Refused:
    """A sealed bid is lodged with its deposit, which the bidder must be able to spare.

    Who could not take one lot at the mark lodges none.
    """
    seen = _seen(venue, event, (SealedExit,))
    if isinstance(seen, Reason):
        return seen
    lodged = _tried(
        sealed.commit,
        seen.sale,
        venue.time_ms,
        event.account,
        event.digest,
        seen.sale.deposit_least,
    )
    if isinstance(lodged, Reason):
        return lodged
    one_lot = fill_at(event.account, 1, max(1, venue.mark(seen.instrument)))
    refusal = ways.carry_refusal(venue, seen.account, seen.instrument, seen.side, one_lot)
    if refusal is not None:
        return refusal
    if not _can_spare(venue, event.account, seen):
        return Reason.INSUFFICIENT_MARGIN
    auctions.pay_deposit(venue, seen, event.account, CLEARING)
    venue.offers.change(seen, lodged)
    _stands(venue, event, seen, 0, 0)
    return None


def reveal(venue: Venue, event: AuctionRevealed) -> Refused:
    """A sealed bid is opened; whether its bidder can carry it is asked when it wins."""
    seen = _seen(venue, event, (SealedExit,))
    if isinstance(seen, Reason):
        return seen
    opened = _tried(
        sealed.reveal, seen.sale, venue.time_ms, event.account, event.lots, event.price, event.salt
    )
    if isinstance(opened, Reason):
        return opened
    venue.offers.change(seen, opened)
    _stands(venue, event, seen, event.lots, event.price)
    return None


def advance(venue: Venue) -> None:
    """End every auction whose time is over, the earliest first, and take the next step of each.

    Where nobody may be liquidated now, what is over ends without a sale and is offered again later.
    """
    while (offered := venue.offers.over(venue.time_ms)) is not None:
        if isinstance(offered, WholeSale):
            whole.goes_on(venue, offered.account, venue.judge(offered.account))
        elif gate.may_liquidate(venue, offered.account):
            auctions.close_out(venue, offered)
        else:
            auctions.withdraw_one(venue, offered, AuctionEnding.HALTED)
        liquidate.liquidate(venue, offered.account)


def _step_of_take(venue: Venue, offered: Offer, event: AuctionTaken) -> tuple[Any, ExitFill]:
    if isinstance(offered.sale, HealthSale):
        most = by_health.discount_max_of(offered.rule)
        lots = min(event.lots, offered.lots)
        _, fill = by_health.take(
            auctions.distressed(venue, offered), most, event.account, lots, event.limit
        )
        return HealthSale(offered.lots - fill.lots), fill
    terms = auctions.dutch_terms(venue, offered.instrument, offered.rule)
    sale, fill = dutch.take(
        offered.sale, terms, venue.time_ms, event.account, event.lots, event.limit
    )
    if fill.price <= 0:
        raise RefusedError(No.OVER)
    return sale, fill


def _tried(step: Callable[..., Any], *arguments: Any) -> Any:
    """What a step of an exit comes to, or why it is refused."""
    try:
        return step(*arguments)
    except RefusedError as error:
        return _TOLD[error.reason]


def _seen(venue: Venue, event: Request, kinds: tuple[Any, ...]) -> Offer | Reason:
    """The auction that a request is for, or the first thing that is wrong with it."""
    if not is_margined(venue, event.account):
        return Reason.UNKNOWN_ACCOUNT
    offered = venue.offers.open.get(event.auction)
    if offered is None:
        return Reason.UNKNOWN_AUCTION
    if event.account == offered.account:
        return Reason.UNKNOWN_ACCOUNT
    if not isinstance(offered.rule, kinds):
        return Reason.WRONG_BID
    if getattr(event, "lots", 1) < 0:
        return Reason.AMOUNT_NOT_POSITIVE
    if getattr(event, "price", 1) <= 0 or getattr(event, "limit", 1) <= 0:
        return Reason.PRICE_NOT_POSITIVE
    if venue.status[event.account] > State.WARNED:
        return Reason.ACCOUNT_NOT_OPEN
    if venue.time_ms >= offered.ends_ms:
        return Reason.TOO_LATE
    return offered


def _can_spare(venue: Venue, account: int, offered: Offer) -> bool:
    coin = venue.catalogue.coin(venue.catalogue.instruments[offered.instrument].settle)
    held = dict(venue.ledger.rows(account))
    held[coin] = held.get(coin, 0) - offered.deposit
    rows = [(asset, held[asset]) for asset in sorted(held) if held[asset]]
    number = int(venue.method[account])
    after = venue.methods[number].requirement_exact(rows, venue.tables.exact(number))
    return held[coin] >= 0 and not gate.is_short(venue, held, after)


def _stands(venue: Venue, event: Request, offered: Offer, lots: int, price: int) -> None:
    venue.effects.append(
        BidStands(
            auction=offered.number,
            account=event.account,
            lots=lots,
            price=price,
            ends_ms=offered.ends_ms,
        )
    )
