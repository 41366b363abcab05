"""The way out of a market: which one its rule names, and the two that answer at once.

Quotes of backstop providers and pools take lots in the event that offers them; an auction waits
(see `auctions`), and what neither takes goes to the book. Whoever takes over a position must carry
its initial margin, or is passed over, and that is told.
"""

from __future__ import annotations

from seawall.engine.effect import BidVoid, ExitFilled, Reason, State
from seawall.engine.event import Traded
from seawall.engine.liquidating import depths, taking
from seawall.engine.posting.orders import depth_left
from seawall.engine.posting.trading import exchange_for, refusal_to_carry
from seawall.engine.rules.exit_rules import AT_ONCE, SELL_ONLY, is_auction
from seawall.engine.state import Venue
from seawall.liquidation.exits import (
    EXITS,
    ByHealthExit,
    ExitFill,
    PoolExit,
    QuoteRequestExit,
    Side,
    pool,
    quote_request,
)
from seawall.liquidation.exits.quote_request import Quote, Step
from seawall.market import buyer_cash
from seawall.money import AmountError, parse_ratio


def way_out(venue: Venue, account: int, instrument: int, buys: bool) -> EXITS | None:
    """The rule under which an account's lots go, None for the book.

    The book it is, too, where an auction only sells and the account must buy, and where auctions
    were tried as often as the rules want.
    """
    exits = venue.rulebook.exits
    terms = venue.catalogue.instruments[instrument]
    rule = exits.get(terms.base) if exits and terms.type != "spot" else None
    if rule is None or venue.mark(instrument) <= 0 or (buys and isinstance(rule, SELL_ONLY)):
        return None
    if isinstance(rule, ByHealthExit) and terms.type == "option":
        return None  # Its discount is a share of what the lots are worth, as a coin's is.
    if is_auction(rule):
        tried = venue.offers.count(account, instrument)
        return rule if tried <= venue.rulebook.auctions.restarts else None
    return rule if isinstance(rule, AT_ONCE) else None


def room(venue: Venue, account: int, instrument: int, held: int) -> int:
    """Most lots of a position that its way out could take now; the book's depth where it is that.

    An auction takes the whole position: whether somebody comes is another matter.
    """
    rule = way_out(venue, account, instrument, held < 0)
    book = depth_left(venue, instrument, held < 0)
    if rule is None:
        return book
    if is_auction(rule):
        return abs(held)
    side = Side.BUY if held < 0 else Side.SELL
    ready = _ready(venue, account, instrument, side, abs(held), rule)
    return min(abs(held), max(0, book) + ready)


def ask_at_once(
    venue: Venue, account: int, instrument: int, side: Side, lots: int, limit: int
) -> int:
    """Let providers or the pool take lots within the limit; what is left goes elsewhere."""
    rule = way_out(venue, account, instrument, side is Side.BUY)
    left = lots
    declined: set[int] = set()
    while left:
        fills = _offers(venue, account, instrument, side, left, limit, rule, declined)
        if not fills:
            break
        for fill in fills:
            refusal = carry_refusal(venue, account, instrument, side, fill)
            if refusal is not None:
                declined.add(fill.taker)
                venue.effects.append(BidVoid(auction=0, account=fill.taker, reason=refusal))
                break
            assert rule is not None
            hand_over(venue, account, instrument, side, fill, rule)
            left -= fill.lots
    return left


def carry_refusal(
    venue: Venue, account: int, instrument: int, side: Side, fill: ExitFill
) -> Reason | None:
    """Why a taker may not take over lots of an account, if it may not."""
    if venue.status[fill.taker] > State.WARNED:
        return Reason.ACCOUNT_NOT_OPEN
    buyer, seller = (account, fill.taker) if side is Side.BUY else (fill.taker, account)
    traded = Traded(
        time_ms=venue.time_ms,
        instrument=instrument,
        buyer=buyer,
        seller=seller,
        lots=fill.lots,
        price=fill.price,
    )
    return refusal_to_carry(venue, traded, handed_over=True)


def hand_over(
    venue: Venue,
    account: int,
    instrument: int,
    side: Side,
    fill: ExitFill,
    rule: EXITS,
    auction: int = 0,
) -> None:
    """Lots and cash change hands with the taker; the fee is taken as of a fill on the book."""
    lacked = taking.missing(venue, account)
    buyer, seller = (account, fill.taker) if side is Side.BUY else (fill.taker, account)
    cash = exchange_for(venue, instrument, buyer, seller, fill.lots, fill.price, fill.paid)
    catalogue = venue.catalogue
    settle = catalogue.coin(catalogue.instruments[instrument].settle)
    notional = venue.worth(settle, abs(cash))
    cost = taking.book(venue, account, instrument, notional, fill.taker, lacked)
    venue.shaken.add(fill.taker)
    venue.effects.append(
        ExitFilled(
            account=account,
            taker=fill.taker,
            exit=str(rule.__struct_config__.tag),
            auction=auction,
            instrument=instrument,
            lots=fill.lots * side,
            price=fill.price,
            notional=notional,
            fee=cost.fee,
            reward=cost.reward,
            full=venue.ledger.balance(account, catalogue.lot_asset[instrument]) == 0,
        )
    )


def cash_leg_of(venue: Venue, instrument: int, fill: ExitFill) -> int:
    """Atoms of the settlement currency that a fill moves; AmountError where nobody can count."""
    if venue.catalogue.instruments[instrument].is_sized_in_numeraire:
        return abs(buyer_cash(venue.catalogue, instrument, fill.lots, fill.price))
    return abs(buyer_cash(venue.catalogue, instrument, 1, fill.paid))


def cash_of(venue: Venue, instrument: int, lots: int, price: int) -> int:
    """Atoms of the settlement currency that lots come to at a price; 0 where nobody can count."""
    try:
        return abs(buyer_cash(venue.catalogue, instrument, lots, price))
    except AmountError:
        return 0


def _ready(venue: Venue, account: int, instrument: int, side: Side, held: int, rule: EXITS) -> int:
    """Lots of so many held that providers or the pool would take at the rule's own limit."""
    if isinstance(rule, QuoteRequestExit):
        return sum(quote.capacity for quote in _quotes(venue, account, instrument, side))
    assert isinstance(rule, PoolExit)
    found = depths.pool_of(venue, account, instrument, parse_ratio(rule.fee_ratio))
    if found is None:
        return 0
    limit = pool.limit_of(rule, venue.mark(instrument), side)
    return depths.most_within(found, side, held, max(1, limit))


def _offers(
    venue: Venue,
    account: int,
    instrument: int,
    side: Side,
    lots: int,
    limit: int,
    rule: EXITS | None,
    declined: set[int],
) -> tuple[ExitFill, ...]:
    mark = venue.mark(instrument)
    if isinstance(rule, QuoteRequestExit):
        worst = _stricter(side, limit, quote_request.worst_price(rule, mark, side))
        quotes = _quotes(venue, account, instrument, side)
        open_quotes = [quote for quote in quotes if quote.provider not in declined]
        if worst <= 0 or not open_quotes:
            return ()
        asked = quote_request.request(side, lots, mark, worst, open_quotes, venue.time_ms)
        return asked.fills
    if isinstance(rule, PoolExit):
        found = depths.pool_of(venue, account, instrument, parse_ratio(rule.fee_ratio))
        worst = _stricter(side, limit, pool.limit_of(rule, mark, side))
        if found is None or found.account in declined or worst <= 0:
            return ()
        return depths.fills_of(found, side, lots, worst)
    return ()


def _stricter(side: Side, one: int, other: int) -> int:
    return max(one, other) if side is Side.SELL else min(one, other)


def _quotes(venue: Venue, account: int, instrument: int, side: Side) -> list[Quote]:
    """What each provider still takes: its steps, less what it holds on that side already."""
    coin = venue.catalogue.instruments[instrument].base
    asset = venue.catalogue.lot_asset[instrument]
    quotes = []
    for provider in venue.rulebook.providers:
        number = venue.number.get(provider.account, -1)
        if provider.coin != coin or number in (-1, account):
            continue
        used = max(0, -side * venue.ledger.balance(number, asset))
        steps = []
        for step in provider.steps:
            spent = min(used, step.lots)
            used -= spent
            if step.lots > spent:
                steps.append(Step(step.lots - spent, parse_ratio(step.spread_ratio)))
        if steps:
            quotes.append(Quote(number, tuple(steps), venue.time_ms))
    return quotes
