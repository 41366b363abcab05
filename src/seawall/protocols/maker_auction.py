"""Maker: the Dutch auction of seized collateral, and the English auction that it replaced.

Scales of the Dutch auction: collateral in wads (10⁻¹⁸), prices in rays (10⁻²⁷), debt and rewards
in rads (10⁻⁴⁵). The English auction is the same in any scale. Knows no vault and no clock.
Source: makerdao/dss clip.sol and flip.sol, commit fa4f6630.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from seawall.protocols.maker_curves import RAY, Curve, auction_price, ray_multiply

WAD = 10**18


class Refusal(enum.IntEnum):
    """Why an auction does not take a call; the first that holds, in this order."""

    NEEDS_RESET = 1  # Too old, or its price fell too far.
    CANNOT_RESET = 2  # Still running.
    TOO_EXPENSIVE = 3  # The price is above what the buyer would pay.
    NO_PARTIAL_PURCHASE = 4  # The debt is too small to leave a part.
    NO_PRICE = 5  # The new top would be zero.
    FINISHED = 6  # The bid has lasted, or the auction has ended.
    NOT_FINISHED = 7
    LOT_MISMATCH = 8  # While bids rise, the lot stands.
    BID_ABOVE_DEBT = 9
    BID_MISMATCH = 10  # While the lot falls, the bid stands.
    BIDS_STILL_RISE = 11  # The lot falls only once a bid covers the debt.
    BID_NOT_HIGHER = 12
    LOT_NOT_LOWER = 13
    INCREASE_TOO_SMALL = 14
    DECREASE_TOO_SMALL = 15
    BID_PLACED = 16  # Nothing to restart: somebody bids.


class RefusedError(ValueError):
    """A call that the auction refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class DutchRules(NamedTuple):
    """How a Dutch auction runs."""

    curve: Curve
    price_factor_min: int  # Ray; below this share of the top it must be reset.
    duration_max_seconds: int  # Beyond it, too.
    debt_min: int = 0  # Rad; no purchase leaves less.
    start_factor: int = RAY  # Ray; top ÷ oracle price.
    reward_flat: int = 0  # Rad; to whoever starts or resets it.
    reward_share: int = 0  # Wad; of the debt, besides.


class DutchAuction(NamedTuple):
    """What is for sale and what it shall bring."""

    top: int  # Ray; where the price starts.
    debt: int  # Rad.
    lot: int  # Wad.


class Purchase(NamedTuple):
    """What a purchase moves, and the auction after it (None: closed)."""

    paid: int  # Rad.
    bought: int  # Wad.
    returned: int  # Wad; to the owner.
    cleared: int  # Rad; no longer counted as under auction, paid or not.
    after: DutchAuction | None


def needs_reset(auction: DutchAuction, rules: DutchRules, elapsed_seconds: int) -> bool:
    """Whether elapsed > duration_max or ⌊price / top⌋ < price_factor_min; equality is live."""
    price = auction_price(rules.curve, auction.top, elapsed_seconds)
    too_low = price * RAY // auction.top < rules.price_factor_min
    return elapsed_seconds > rules.duration_max_seconds or too_low


def start_price(rules: DutchRules, oracle_price: int) -> int:
    """⌊oracle price · start_factor⌋, ray."""
    return ray_multiply(oracle_price, rules.start_factor)


def start_reward(rules: DutchRules, debt: int) -> int:
    """reward_flat + ⌊debt · reward_share⌋ to the keeper who starts an auction, rad."""
    return rules.reward_flat + debt * rules.reward_share // WAD


def reset(
    auction: DutchAuction, rules: DutchRules, elapsed_seconds: int, oracle_price: int
) -> tuple[DutchAuction, int]:
    """The auction begun anew at the oracle's price, and the keeper's reward, rad.

    Nothing is paid for a lot or a debt below `debt_min`, or resetting dust would be a business.
    """
    if not needs_reset(auction, rules, elapsed_seconds):
        raise RefusedError(Refusal.CANNOT_RESET)
    top = start_price(rules, oracle_price)
    if top == 0:
        raise RefusedError(Refusal.NO_PRICE)
    worth_it = min(auction.debt, auction.lot * oracle_price) >= rules.debt_min
    return auction._replace(top=top), start_reward(rules, auction.debt) if worth_it else 0


def take(
    auction: DutchAuction, rules: DutchRules, elapsed_seconds: int, amount: int, price_max: int
) -> Purchase:
    """Buy up to `amount` (wad) at the price of now, if it is at most `price_max` (ray).

    Never collects more than the debt, and never leaves between 0 and `debt_min` of it: a purchase
    that would is cut so that exactly `debt_min` stays.
    """
    if needs_reset(auction, rules, elapsed_seconds):
        raise RefusedError(Refusal.NEEDS_RESET)
    price = auction_price(rules.curve, auction.top, elapsed_seconds)
    if price > price_max:
        raise RefusedError(Refusal.TOO_EXPENSIVE)
    bought = min(auction.lot, amount)
    paid = bought * price
    if paid > auction.debt:
        paid, bought = auction.debt, auction.debt // price
    elif paid < auction.debt and bought < auction.lot and auction.debt - paid < rules.debt_min:
        if auction.debt <= rules.debt_min:
            raise RefusedError(Refusal.NO_PARTIAL_PURCHASE)
        paid = auction.debt - rules.debt_min
        bought = paid // price
    debt, lot = auction.debt - paid, auction.lot - bought
    if lot == 0:
        return Purchase(paid, bought, 0, auction.debt, None)
    if debt == 0:
        return Purchase(paid, bought, lot, paid, None)
    return Purchase(paid, bought, 0, paid, DutchAuction(auction.top, debt, lot))


class Good(enum.IntEnum):
    """What a transfer moves."""

    COIN = 0
    COLLATERAL = 1


class Transfer(NamedTuple):
    """One movement between accounts."""

    good: Good
    payer: int
    payee: int
    amount: int


class EnglishRules(NamedTuple):
    """How an English auction runs."""

    raise_factor: int  # Wad; a bid is at least this multiple of the last one.
    bid_life_seconds: int  # A bid that lasts so long wins.
    duration_seconds: int


class EnglishAuction(NamedTuple):
    """Bids rise for the whole lot until one covers the debt; then the lot falls for that bid."""

    lot: int
    debt: int
    end_time: int  # Seconds.
    owner: int  # Account; gets what the last bidder leaves of the lot.
    beneficiary: int  # Account; gets the bids.
    escrow: int  # Account; holds the lot.
    bidder: int  # Account of the highest bid; whoever started the auction, at first.
    bid: int = 0
    bid_expiry: int | None = None  # Seconds; none without a bid.


EnglishStep = tuple[EnglishAuction, tuple[Transfer, ...]]


def _must_be_open(auction: EnglishAuction, now: int) -> None:
    """Refuse a bid that comes too late."""
    lasted = auction.bid_expiry is not None and auction.bid_expiry <= now
    if lasted or auction.end_time <= now:
        raise RefusedError(Refusal.FINISHED)


def _refund(auction: EnglishAuction, bidder: int) -> tuple[Transfer, ...]:
    """The new bidder pays back the old one."""
    if bidder == auction.bidder:
        return ()
    return (Transfer(Good.COIN, bidder, auction.bidder, auction.bid),)


def raise_bid(
    auction: EnglishAuction, rules: EnglishRules, now: int, bidder: int, lot: int, bid: int
) -> EnglishStep:
    """More coins for the same lot: at least `raise_factor` times the last bid, or the debt.

    There is no reserve price: the first bid need only exceed zero, which is how lots were won for
    nothing on 12 March 2020.
    """
    _must_be_open(auction, now)
    if lot != auction.lot:
        raise RefusedError(Refusal.LOT_MISMATCH)
    if bid > auction.debt:
        raise RefusedError(Refusal.BID_ABOVE_DEBT)
    if bid <= auction.bid:
        raise RefusedError(Refusal.BID_NOT_HIGHER)
    if bid * WAD < rules.raise_factor * auction.bid and bid != auction.debt:
        raise RefusedError(Refusal.INCREASE_TOO_SMALL)
    rise = Transfer(Good.COIN, bidder, auction.beneficiary, bid - auction.bid)
    expiry = now + rules.bid_life_seconds
    after = auction._replace(bidder=bidder, bid=bid, bid_expiry=expiry)
    return after, (*_refund(auction, bidder), rise)


def lower_lot(
    auction: EnglishAuction, rules: EnglishRules, now: int, bidder: int, lot: int, bid: int
) -> EnglishStep:
    """Less collateral for the same coins, by at least `raise_factor`; the owner gets the rest."""
    _must_be_open(auction, now)
    if bid != auction.bid:
        raise RefusedError(Refusal.BID_MISMATCH)
    if bid != auction.debt:
        raise RefusedError(Refusal.BIDS_STILL_RISE)
    if lot >= auction.lot:
        raise RefusedError(Refusal.LOT_NOT_LOWER)
    if rules.raise_factor * lot > auction.lot * WAD:
        raise RefusedError(Refusal.DECREASE_TOO_SMALL)
    back = Transfer(Good.COLLATERAL, auction.escrow, auction.owner, auction.lot - lot)
    expiry = now + rules.bid_life_seconds
    after = auction._replace(bidder=bidder, lot=lot, bid_expiry=expiry)
    return after, (*_refund(auction, bidder), back)


def restart(auction: EnglishAuction, rules: EnglishRules, now: int) -> EnglishAuction:
    """A new end for an auction that ended without a bid."""
    if auction.end_time >= now:
        raise RefusedError(Refusal.NOT_FINISHED)
    if auction.bid_expiry is not None:
        raise RefusedError(Refusal.BID_PLACED)
    return auction._replace(end_time=now + rules.duration_seconds)


def settle(auction: EnglishAuction, now: int) -> Transfer:
    """The lot to the highest bidder, once a bid has lasted or the auction has ended."""
    expiry = auction.bid_expiry
    if expiry is None or (expiry >= now and auction.end_time >= now):
        raise RefusedError(Refusal.NOT_FINISHED)
    return Transfer(Good.COLLATERAL, auction.escrow, auction.bidder, auction.lot)
