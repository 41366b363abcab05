"""Routes of the venue: prices in and out, contracts, calls, liquidations, auctions, funds."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.params import JSONBody, PathParameter, QueryParameter

from seawall.engine import Engine
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    Event,
    Filled,
    Listed,
    Observed,
    Priced,
    ShareTaken,
)
from seawall.market import Catalogue, Instrument, VolatilitySlice
from seawall.market.instrument import InstrumentError
from seawall.market.oracle import Report
from seawall.market.oracle.report import Status
from seawall.service.desk import desk_of
from seawall.service.routes.route import Key, commands, reads
from seawall.service.shown import venue_views
from seawall.service.words.amounts import (
    atoms,
    coin_number,
    instrument_number,
    lots_of,
    margined_number,
    named_marks,
    named_prices,
    price_atoms,
    ratio,
    started,
)
from seawall.service.words.problem import wrong
from seawall.service.words.wire import (
    Answer,
    BidAsked,
    CommitAsked,
    ContractTold,
    FillTold,
    ListAsked,
    PricesTold,
    ReportsTold,
    RevealAsked,
    ShareAsked,
    Smile,
    TakeAsked,
)

Ask = Request[Any, Any, Any]
Numbered = Annotated[int, PathParameter(ge=0, lt=2**53)]
Told = dict[str, Any]
Offset = Annotated[int, QueryParameter(ge=0, le=10**9)]
Limit = Annotated[int, QueryParameter(ge=1, le=venue_views.LISTED_MOST)]


@reads("/v1/venue")
async def venue(request: Ask) -> Told:
    """Name, rules and counts."""
    return await desk_of(request).ask(venue_views.venue_shown)


@reads("/v1/instruments")
async def instruments(
    request: Ask, offset: Offset = 0, limit: Limit = venue_views.LISTED_MOST
) -> Told:
    """Every contract that is listed."""
    return await desk_of(request).ask(
        lambda engine: venue_views.instruments_shown(engine, offset, limit)
    )


@commands("/v1/instruments", "operate", 201)
async def list_instruments(
    request: Ask, data: JSONBody[ListAsked], idempotency: Key = None
) -> Answer:
    """List contracts; instruments are never taken off, they expire."""

    def build(engine: Engine, time_ms: int) -> Event:
        catalogue = started(engine).catalogue
        listed = tuple(_contract(catalogue, n, one) for n, one in enumerate(data.instruments))
        return Listed(time_ms=time_ms, instruments=listed)

    return await desk_of(request).command(request, build)


def _contract(catalogue: Catalogue, place: int, told: ContractTold) -> Instrument:
    where = f"instruments[{place}]"
    decimals = catalogue.numeraire.decimals
    in_numeraire = told.inverse and told.type in ("perpetual", "future")
    coin = catalogue.coins[coin_number(catalogue, told.base)]
    unit = decimals if in_numeraire else coin.decimals
    strike = None if told.strike is None else atoms(told.strike, decimals, f"{where}.strike")
    try:
        return Instrument(
            id=told.id,
            type=told.type,
            base=told.base,
            quote=told.quote,
            settle=told.settle,
            lot=atoms(told.lot, unit, f"{where}.lot"),
            tick=atoms(told.tick, decimals, f"{where}.tick"),
            inverse=told.inverse,
            premium=told.premium,
            listed_ms=told.listed_ms,
            expires_ms=told.expires_ms,
            strike=strike,
            right=told.right,
        )
    except InstrumentError as error:
        raise wrong(f"{error} - at `$.{where}`", "bad_instrument") from None


@reads("/v1/prices")
async def prices(request: Ask, offset: Offset = 0, limit: Limit = venue_views.LISTED_MOST) -> Told:
    """What was last seen of coins and contracts, and when."""
    return await desk_of(request).ask(
        lambda engine: venue_views.prices_shown(engine, offset, limit)
    )


@commands("/v1/prices", "operate", 201)
async def tell_prices(request: Ask, data: JSONBody[PricesTold], idempotency: Key = None) -> Answer:
    """One tick: prices of coins, marks, smiles and depth; everybody is judged by it."""

    def build(engine: Engine, time_ms: int) -> Event:
        catalogue = started(engine).catalogue
        depth = tuple(
            (
                number := instrument_number(catalogue, name),
                lots_of(catalogue, number, one.bid, f"depth.{name}.bid"),
                lots_of(catalogue, number, one.ask, f"depth.{name}.ask"),
            )
            for name, one in data.depth.items()
        )
        sure = ((coin_number(catalogue, n), ratio(r, n)) for n, r in data.confidence.items())
        return Priced(
            time_ms=time_ms,
            price=named_prices(catalogue, data.prices),
            mark=named_marks(catalogue, data.marks),
            slices=tuple(_slice(catalogue, n, one) for n, one in enumerate(data.smiles)),
            depth=tuple(sorted(depth)),
            confidence=tuple(sorted(sure)),
        )

    return await desk_of(request).command(request, build)


def _slice(catalogue: Catalogue, place: int, told: Smile) -> VolatilitySlice:
    keys = ("forward_ratio", "discount", "a", "b", "rho", "m", "sigma")
    parts = {key: ratio(getattr(told, key), f"smiles[{place}].{key}") for key in keys}
    smile = VolatilitySlice(
        coin=coin_number(catalogue, told.coin), expires_ms=told.expires_ms, **parts
    )
    try:
        smile.check()
    except ValueError as error:
        raise wrong(f"{error} - at `$.smiles[{place}]`", "bad_smile") from None
    return smile


@commands("/v1/reports", "operate", 201)
async def tell_reports(
    request: Ask, data: JSONBody[ReportsTold], idempotency: Key = None
) -> Answer:
    """What sources say of a coin that has an oracle; no reports let time pass for its feed."""

    def build(engine: Engine, time_ms: int) -> Event:
        catalogue = started(engine).catalogue
        reports = tuple(
            Report(
                source=one.source,
                price=price_atoms(catalogue, one.price, f"reports[{n}].price"),
                confidence=_width(catalogue, n, one.confidence),
                published_ms=one.published_ms,
                status=Status.HALTED if one.halted else Status.TRADING,
            )
            for n, one in enumerate(data.reports)
        )
        coin = coin_number(catalogue, data.coin)
        return Observed(time_ms=time_ms, coin=coin, reports=reports)

    return await desk_of(request).command(request, build)


def _width(catalogue: Catalogue, place: int, text: str) -> int:
    key = f"reports[{place}].confidence"
    width = price_atoms(catalogue, text, key)
    if width < 0:
        raise wrong(f"a half-width must not be negative - at `$.{key}`", "bad_amount")
    return width


@reads("/v1/calls")
async def calls(request: Ask) -> Told:
    """Margin calls that stand, the next deadline first."""
    return await desk_of(request).ask(venue_views.calls_shown)


@reads("/v1/liquidations")
async def liquidations(request: Ask) -> Told:
    """Accounts in liquidation."""
    return await desk_of(request).ask(venue_views.liquidations_shown)


@reads("/v1/orders")
async def orders(request: Ask) -> Told:
    """Trades that liquidations ask for."""
    return await desk_of(request).ask(venue_views.orders_shown)


@commands("/v1/orders/{order:int}/fill", "operate", 201)
async def fill(
    request: Ask, order: Numbered, data: JSONBody[FillTold], idempotency: Key = None
) -> Answer:
    """Answer an order: what was filled at which average; the rest is cancelled."""

    def build(engine: Engine, time_ms: int) -> Event:
        price = price_atoms(started(engine).catalogue, data.price)
        return Filled(time_ms=time_ms, order=order, lots=data.lots, price=price)

    return await desk_of(request).command(request, build)


@reads("/v1/auctions")
async def auctions(request: Ask) -> Told:
    """What is on offer now."""
    return await desk_of(request).ask(venue_views.auctions_shown)


@commands("/v1/auctions/{auction:int}/take", "trade", 201)
async def take(
    request: Ask, auction: Numbered, data: JSONBody[TakeAsked], idempotency: Key = None
) -> Answer:
    """Take lots at the price of now."""

    def build(engine: Engine, time_ms: int) -> Event:
        there = started(engine)
        return AuctionTaken(
            time_ms=time_ms,
            auction=auction,
            account=margined_number(there, data.account),
            lots=data.lots,
            limit=price_atoms(there.catalogue, data.limit, "limit"),
            flash=data.flash,
        )

    return await desk_of(request).command(request, build)


@commands("/v1/auctions/{auction:int}/take-share", "trade", 201)
async def take_share(
    request: Ask, auction: Numbered, data: JSONBody[ShareAsked], idempotency: Key = None
) -> Answer:
    """Take a share of a whole account."""

    def build(engine: Engine, time_ms: int) -> Event:
        there = started(engine)
        return ShareTaken(
            time_ms=time_ms,
            auction=auction,
            account=margined_number(there, data.account),
            share=atoms(data.share, 18, "share"),
            limit=price_atoms(there.catalogue, data.limit, "limit"),
        )

    return await desk_of(request).command(request, build)


@commands("/v1/auctions/{auction:int}/bids", "trade", 201)
async def bid(
    request: Ask, auction: Numbered, data: JSONBody[BidAsked], idempotency: Key = None
) -> Answer:
    """Bid in an English auction or in a batch."""

    def build(engine: Engine, time_ms: int) -> Event:
        there = started(engine)
        return AuctionBid(
            time_ms=time_ms,
            auction=auction,
            account=margined_number(there, data.account),
            price=price_atoms(there.catalogue, data.price),
            lots=data.lots,
        )

    return await desk_of(request).command(request, build)


@commands("/v1/auctions/{auction:int}/commitments", "trade", 201)
async def commit(
    request: Ask, auction: Numbered, data: JSONBody[CommitAsked], idempotency: Key = None
) -> Answer:
    """Lodge a sealed bid by its hash."""

    def build(engine: Engine, time_ms: int) -> Event:
        account = margined_number(started(engine), data.account)
        digest = _bytes(data.digest, "digest")
        return AuctionCommitted(time_ms=time_ms, auction=auction, account=account, digest=digest)

    return await desk_of(request).command(request, build)


@commands("/v1/auctions/{auction:int}/revelations", "trade", 201)
async def reveal(
    request: Ask, auction: Numbered, data: JSONBody[RevealAsked], idempotency: Key = None
) -> Answer:
    """Open a sealed bid."""

    def build(engine: Engine, time_ms: int) -> Event:
        there = started(engine)
        return AuctionRevealed(
            time_ms=time_ms,
            auction=auction,
            account=margined_number(there, data.account),
            lots=data.lots,
            price=price_atoms(there.catalogue, data.price),
            salt=_bytes(data.salt, "salt"),
        )

    return await desk_of(request).command(request, build)


def _bytes(text: str, key: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise wrong(f"not pairs of hexadecimal digits - at `$.{key}`") from None


@reads("/v1/insurance-funds")
async def insurance_funds(request: Ask) -> Told:
    """What pays for bankrupt accounts, in its order."""
    return await desk_of(request).ask(venue_views.funds_shown)


ROUTES = [
    venue,
    instruments,
    list_instruments,
    prices,
    tell_prices,
    tell_reports,
    calls,
    liquidations,
    orders,
    fill,
    auctions,
    take,
    take_share,
    bid,
    commit,
    reveal,
    insurance_funds,
]
