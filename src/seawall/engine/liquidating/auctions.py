"""Auctions of an account's lots: offered, ended, settled, withdrawn. Time moves them.

What is planned for an account in liquidation is offered under the rule of its market. An auction
ends when everything is taken, when its time is over, or when its account is restored; what nobody
took is offered again as often as the rules say, and goes to the book then. It knows nothing of what
an account does next: see `bids` for the verbs and `liquidate` for the next step.
"""

from __future__ import annotations

import functools

from seawall.engine.effect import AuctionEnded, AuctionEnding, AuctionStarted, BidVoid, Reason
from seawall.engine.liquidating.ways import carry_refusal, cash_of, hand_over, way_out
from seawall.engine.posting.funds import pay_fee
from seawall.engine.rules.exit_rules import is_auction
from seawall.engine.state import CLEARING, Venue
from seawall.engine.state.offers import BatchSale, HealthSale, Offer, Sale
from seawall.ledger import Cause
from seawall.liquidation.exits import (
    EXITS,
    BatchExit,
    ByHealthExit,
    DutchExponentialExit,
    DutchLinearExit,
    DutchStairExit,
    EnglishExit,
    ExitFill,
    SealedExit,
    Side,
    batch,
    by_health,
    dutch,
    english,
    sealed,
)
from seawall.liquidation.exits.batch import BatchOrder
from seawall.liquidation.exits.by_health import Distressed
from seawall.liquidation.exits.dutch import DutchAuction, DutchTerms
from seawall.liquidation.exits.english import EnglishAuction
from seawall.liquidation.exits.sealed import SealedAuction
from seawall.market import Kind
from seawall.money import Rounding, divide, multiply_ratio, parse_ratio
from seawall.protocols.maker_curves import Curve

WAD = 10**18
BASIS_POINTS = 10_000
REMEMBERED = 1024  # Rules and prices of auctions that are asked for again and again.
Dutch = DutchLinearExit | DutchStairExit | DutchExponentialExit
_terms_of = functools.lru_cache(maxsize=REMEMBERED)(dutch.terms_of)


def offer(venue: Venue, account: int, instrument: int, side: Side, lots: int, limit: int) -> bool:
    """Open an auction of lots where the market's way out is one; False where it is not."""
    rule = way_out(venue, account, instrument, side is Side.BUY)
    if rule is None or not is_auction(rule):
        return False
    offers = venue.offers
    number = offers.next_number
    sale, ends_ms, price = _begun(venue, number, instrument, side, lots, limit, rule)
    offers.next_number += 1
    deposit = 0
    if isinstance(rule, SealedExit):
        value = cash_of(venue, instrument, lots, venue.mark(instrument))
        deposit = multiply_ratio(value, parse_ratio(rule.deposit_ratio), Rounding.UP)
    offers.add(Offer(number, account, instrument, side, rule, sale, ends_ms, deposit))
    venue.effects.append(
        AuctionStarted(
            auction=number,
            account=account,
            exit=str(rule.__struct_config__.tag),
            instrument=instrument,
            lots=lots * side,
            price=price,
            ends_ms=ends_ms,
            restarts=offers.count(account, instrument),
            deposit=deposit,
        )
    )
    return True


def price_now(venue: Venue, offered: Offer) -> int:
    """What a lot costs a taker now: the curve's, or the least that a bid must reach; 0 for any."""
    if isinstance(offered.sale, DutchAuction):
        assert isinstance(offered.rule, Dutch)
        terms = dutch_terms(venue, offered.instrument, offered.rule)
        return dutch.price(offered.sale, terms, venue.time_ms)
    if isinstance(offered.sale, HealthSale):
        account = distressed(venue, offered)
        offer_now = by_health.offer(account, by_health.discount_max_of(offered.rule))
        return divide(account.mark * (offer_now.discount_factor or WAD), WAD, Rounding.UP)
    if isinstance(offered.sale, EnglishAuction):
        raised = english.terms_of(offered.rule).raise_factor if offered.sale.bid else 0
        return max(offered.sale.reserve, divide(offered.sale.bid * raised, WAD, Rounding.UP), 1)
    reserve = offered.sale.reserve if isinstance(offered.sale, SealedAuction) else 0
    return offered.sale.limit if isinstance(offered.sale, BatchSale) else reserve


def distressed(venue: Venue, offered: Offer) -> Distressed:
    """An account as a lender sees it: its lots are the collateral, all else is what it owes.

    With V the notional of its lots: owed = V − margin equity, threshold = (V − maintenance) ÷ V, so
    that health = V · threshold ÷ owed is below 1 just where margin equity is below maintenance.
    """
    asset = venue.catalogue.lot_asset[offered.instrument]
    lots = abs(venue.ledger.balance(offered.account, asset))
    unit = venue.tables.exact(int(venue.method[offered.account])).notional[asset]
    verdict = venue.judge(offered.account)
    value, mark = lots * unit, venue.mark(offered.instrument)
    owed = max(0, value - verdict.margin_equity)
    threshold = max(0, (value - verdict.maintenance) * BASIS_POINTS // value)
    return Distressed(lots, mark, divide(owed * mark, unit, Rounding.UP), threshold)


def dutch_terms(venue: Venue, instrument: int, rule: Dutch) -> DutchTerms:
    """A Dutch rule in integers; a lot that is a face in dollars counts as coins at the mark."""
    catalogue = venue.catalogue
    terms = catalogue.instruments[instrument]
    if terms.kind is Kind.INVERSE:
        return _terms_of(rule, terms.lot, venue.mark(instrument))
    return _terms_of(rule, terms.lot, catalogue.coins[catalogue.coin(terms.base)].one)


def end(venue: Venue, offered: Offer, ending: AuctionEnding) -> None:
    """Close an auction and say what is left; deposits of bids that were never opened go back."""
    venue.offers.remove(offered.number)
    if ending is AuctionEnding.TIME:
        venue.offers.try_again(offered.account, offered.instrument)
    venue.effects.append(
        AuctionEnded(
            auction=offered.number,
            account=offered.account,
            instrument=offered.instrument,
            remainder=offered.lots * offered.side,
            ending=ending,
        )
    )


def withdraw(venue: Venue, account: int, ending: AuctionEnding = AuctionEnding.RESTORED) -> None:
    """Take an account's lots off all auctions; nobody is held to a bid, deposits go back."""
    for number in list(venue.offers.of.get(account, ())):
        withdraw_one(venue, venue.offers.open[number], ending)


def withdraw_of(venue: Venue, instrument: int) -> None:
    """A contract is gone, and with it what was offered of it."""
    for offered in [one for one in venue.offers.open.values() if one.instrument == instrument]:
        withdraw_one(venue, offered, AuctionEnding.CONTRACT_GONE)


def withdraw_one(venue: Venue, offered: Offer, ending: AuctionEnding) -> None:
    """End one auction without a sale."""
    if isinstance(offered.sale, SealedAuction):
        for one in offered.sale.commitments:
            pay_deposit(venue, offered, CLEARING, one.bidder)
    end(venue, offered, ending)


def close_out(venue: Venue, offered: Offer) -> None:
    """The time of an auction is over: whoever won takes, and the rest is left."""
    fills: tuple[ExitFill, ...] = ()
    sale = offered.sale
    if isinstance(sale, EnglishAuction):
        fills = (english.settle(sale, venue.time_ms),) if sale.bid_expires_ms is not None else ()
    elif isinstance(sale, SealedAuction):
        result = sealed.settle(sale, venue.time_ms)
        for bidder, _ in result.returned:
            pay_deposit(venue, offered, CLEARING, bidder)
        for bidder, _ in result.forfeited:
            _forfeit(venue, offered, CLEARING)
            _tell_void(venue, offered, bidder, Reason.NOT_REVEALED)
        fills = result.result.fills
    elif isinstance(sale, BatchSale):
        fills = _cleared(venue, offered, sale)
    left = offered.lots
    for fill in fills:
        refusal = carry_refusal(venue, offered.account, offered.instrument, offered.side, fill)
        if refusal is not None:
            _tell_void(venue, offered, fill.taker, refusal)
            if isinstance(sale, SealedAuction) and refusal is Reason.INSUFFICIENT_MARGIN:
                _forfeit(venue, offered, fill.taker)  # It was given back just now.
                venue.shaken.add(fill.taker)
            continue
        left -= fill.lots
        fill_offer(venue, offered, fill)
    venue.offers.change(offered, sale._replace(lots=left))
    end(venue, offered, AuctionEnding.TIME if left else AuctionEnding.SOLD)


def fill_offer(venue: Venue, offered: Offer, fill: ExitFill) -> None:
    """Hand lots of an auction over to who takes them."""
    account, instrument = offered.account, offered.instrument
    hand_over(venue, account, instrument, offered.side, fill, offered.rule, offered.number)


def pay_deposit(venue: Venue, offered: Offer, source: int, target: int) -> None:
    """Move one bidder's deposit."""
    venue.move(_coin(venue, offered), source, target, offered.deposit, Cause.AUCTION_DEPOSIT)


def _forfeit(venue: Venue, offered: Offer, source: int) -> None:
    """A deposit goes where the fees of its market go."""
    pay_fee(venue, source, offered.instrument, _coin(venue, offered), offered.deposit)


def _tell_void(venue: Venue, offered: Offer, bidder: int, reason: Reason) -> None:
    venue.effects.append(BidVoid(auction=offered.number, account=bidder, reason=reason))


def _coin(venue: Venue, offered: Offer) -> int:
    return venue.catalogue.coin(venue.catalogue.instruments[offered.instrument].settle)


def check(venue: Venue) -> None:
    """Assert that every auction offers what its account has, and that none outlives its end."""
    lots_of: dict[int, int] = {}
    for offered in venue.offers.open.values():
        lots_of[offered.instrument] = lots_of.get(offered.instrument, 0) + offered.lots
        asset = venue.catalogue.lot_asset[offered.instrument]
        held = venue.ledger.balance(offered.account, asset)
        assert 0 < offered.lots <= abs(held), "an auction of more than the account has"
        assert held * offered.side < 0, "an auction of a position that the account does not have"
        assert offered.ends_ms > venue.time_ms, "an auction outlived its end"
    counted = {instrument: lots for instrument, lots in venue.offers.lots_of.items() if lots}
    assert counted == lots_of, "the lots in auctions are not those that were counted"


def _begun(
    venue: Venue, number: int, instrument: int, side: Side, lots: int, limit: int, rule: EXITS
) -> tuple[Sale, int, int]:
    """The first state of an auction, its end, and the price that it starts from."""
    now_ms, mark = venue.time_ms, venue.mark(instrument)
    if isinstance(rule, Dutch):
        begun = dutch.open_dutch(rule, side, lots, mark, now_ms)
        return begun, _dutch_end(begun, dutch_terms(venue, instrument, rule)), begun.start
    if isinstance(rule, EnglishExit):
        rising = english.open_english(rule, lots, mark, now_ms)
        return rising, english_end(rising), rising.reserve
    if isinstance(rule, SealedExit):
        secret = sealed.open_sealed(rule, number, lots, mark, now_ms)
        return secret, secret.ends_ms, secret.reserve
    if isinstance(rule, BatchExit):
        return BatchSale(lots, limit), now_ms + rule.interval_seconds * 1000, limit
    assert isinstance(rule, ByHealthExit), "an auction that has no rule"
    patience_ms = venue.rulebook.auctions.patience_seconds * 1000
    return HealthSale(lots), now_ms + patience_ms, mark


def english_end(rising: EnglishAuction) -> int:
    """The first moment after its end and after the end of the bid that stands, if one does."""
    expires_ms = rising.bid_expires_ms
    return 1 + (rising.ends_ms if expires_ms is None else min(rising.ends_ms, expires_ms))


def _dutch_end(begun: DutchAuction, terms: DutchTerms) -> int:
    """The first moment at which nobody can take any more."""
    return begun.started_ms + _dutch_lasts_ms(begun.side, begun.start, terms.curve, terms)


@functools.lru_cache(maxsize=REMEMBERED, typed=True)  # Curves of two kinds can be equal tuples.
def _dutch_lasts_ms(side: Side, start: int, curve: Curve, terms: DutchTerms) -> int:
    """Time for which somebody can take: found by halves, for prices only fall.

    It is the same for all lots that start at one price, as in one tick those of a contract do.
    """
    sale, terms = DutchAuction(side, 1, start, 0), terms._replace(curve=curve)
    first, last = 0, terms.duration_seconds + 1
    while first < last:
        second = (first + last) // 2
        now_ms = second * 1000
        if dutch.is_over(sale, terms, now_ms) or dutch.price(sale, terms, now_ms) <= 0:
            last = second
        else:
            first = second + 1
    return min(first * 1000, terms.duration_seconds * 1000 + 1)


def _cleared(venue: Venue, offered: Offer, sale: BatchSale) -> tuple[ExitFill, ...]:
    """What a batch gives each of the orders against the account's own."""
    if not sale.orders:
        return ()
    own = BatchOrder(offered.account, offered.side, sale.lots, max(1, sale.limit))
    result = batch.clear((own, *sale.orders), venue.mark(offered.instrument))
    return tuple(answer.fill for answer in result.answers[1:] if answer.fill is not None)
