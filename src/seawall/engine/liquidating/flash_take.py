"""Taking lots without capital: borrowed for, taken, sold on to the pool and repaid in one step.

The taker keeps what the pool pays above the auction's price and the loan's fee; if that is less
than nothing, none of it happens. Only the pool needs margin, for only the pool ends with lots.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.engine.effect import FlashTaken, Reason
from seawall.engine.liquidating import auctions, depths, ways
from seawall.engine.posting.trading import exchange_for, fold
from seawall.engine.state import Venue
from seawall.engine.state.offers import Offer
from seawall.ledger import Cause
from seawall.liquidation.exits import ExitFill, Side
from seawall.liquidation.flash import FlashLoan, Move, flash
from seawall.money import AmountError, parse_ratio

NO_LIMIT = 2**62  # Price atoms; what the loan needs bounds the price, not the pool's rule.


class Parties(NamedTuple):
    """Who takes, who lends, and where the lots end."""

    taker: int
    lender: int
    pool: int


def take_through_pool(venue: Venue, offered: Offer, fill: ExitFill) -> Reason | None:
    """Do it all, or say why nothing of it happens."""
    terms = venue.rulebook.flash
    if terms is None:
        return Reason.REVERTED
    lender = venue.number.get(terms.lender, -1)
    fee_ratio = parse_ratio(terms.pool_fee_ratio)
    found = depths.pool_of(venue, offered.account, offered.instrument, fee_ratio)
    if found is None or lender < 0 or len({fill.taker, lender, found.account}) < 3:
        return Reason.REVERTED
    limit = 1 if offered.side is Side.SELL else NO_LIMIT
    fills = depths.fills_of(found, offered.side, fill.lots, limit)
    if sum(passed.lots for passed in fills) < fill.lots:
        return Reason.REVERTED
    refusal = ways.carry_refusal(venue, offered.account, offered.instrument, offered.side, fills[0])
    if refusal is not None:
        return refusal
    parties = Parties(fill.taker, lender, found.account)
    return _settle(venue, offered, parties, fill, fills[0], parse_ratio(terms.fee_ratio))


def _settle(
    venue: Venue, offered: Offer, who: Parties, fill: ExitFill, passed: ExitFill, fee_ratio: int
) -> Reason | None:
    """Try the step on balances of its own, then post what it comes to."""
    catalogue, instrument = venue.catalogue, offered.instrument
    coin = catalogue.coin(catalogue.instruments[instrument].settle)
    lots, quote = catalogue.lot_asset[instrument], catalogue.cash_asset[instrument]
    try:
        taken = ways.cash_leg_of(venue, instrument, fill)
        sold = ways.cash_leg_of(venue, instrument, passed)
    except AmountError:
        return Reason.BALANCE_OVERFLOW
    # The lots go from `first` to `second`; who gets them pays.
    first, second = (offered.account, who.pool)
    cost, proceeds = (taken, sold)
    if offered.side is Side.BUY:
        first, second, cost, proceeds = second, first, sold, taken
    if catalogue.instruments[instrument].is_sized_in_numeraire:
        cost, proceeds = proceeds, cost  # A buyer of dollars' worth is given coins.
    loan = FlashLoan(who.lender, who.taker, coin, cost, fee_ratio)
    before = {
        (who.lender, coin): max(0, venue.ledger.balance(who.lender, coin)),
        (first, lots): fill.lots,
        (second, coin): proceeds,
    }
    steps = (
        Move(coin, who.taker, first, cost),
        Move(lots, first, who.taker, fill.lots),
        Move(lots, who.taker, second, fill.lots),
        Move(coin, second, who.taker, proceeds),
    )
    if flash(before, loan, steps).reversal is not None:
        return Reason.REVERTED
    auctions.fill_offer(venue, offered, fill)
    buyer, seller = (who.pool, who.taker) if offered.side is Side.SELL else (who.taker, who.pool)
    exchange_for(venue, instrument, buyer, seller, passed.lots, passed.price, passed.paid)
    if quote != coin:
        fold(venue, who.taker, quote, coin, proceeds - cost)
    venue.move(coin, who.taker, who.lender, loan.fee, Cause.FEE)
    venue.shaken.add(who.pool)
    venue.effects.append(
        FlashTaken(
            auction=offered.number,
            account=who.taker,
            lender=who.lender,
            pool=who.pool,
            loan=cost,
            fee=loan.fee,
            gain=proceeds - cost - loan.fee,
        )
    )
    return None
