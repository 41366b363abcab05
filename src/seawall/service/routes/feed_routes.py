"""Routes of what comes from outside beside prices: funding, expiries, feeds of collateral, a book.

And what came of it, with calls and liquidations: rows that `episodes` keeps.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import numpy as np
from litestar import Request
from litestar.params import FromQuery, JSONBody, QueryParameter
from sqlalchemy import Connection

from seawall.engine import Engine
from seawall.engine.event import (
    CollateralObserved,
    Event,
    Funded,
    Loaded,
    PremiumSeen,
    Settled,
)
from seawall.engine.repair.reconciliation import (
    StatementError,
    asset_name,
    asset_number,
    whole,
)
from seawall.engine.state import Venue
from seawall.money import AmountError, fit
from seawall.service.beside import episodes
from seawall.service.beside.episodes import Kind
from seawall.service.desk import desk_of
from seawall.service.routes.route import Key, commands, reads
from seawall.service.shown import feed_views
from seawall.service.words.amounts import (
    account_number,
    coin_number,
    instrument_number,
    margined_number,
    price_atoms,
    ratio,
    started,
)
from seawall.service.words.problem import Problem, wrong
from seawall.service.words.repair_wire import (
    BookTold,
    CollateralTold,
    FundingTold,
    PremiumTold,
    SettlementTold,
    StatedRow,
)
from seawall.service.words.wire import Answer

Ask = Request[Any, Any, Any]
Told = dict[str, Any]
First = Annotated[int, QueryParameter(ge=1, lt=2**53)]
Last = Annotated[int, QueryParameter(ge=1, lt=2**53)]
Offset = Annotated[int, QueryParameter(ge=0, le=10**6)]
Limit = Annotated[int, QueryParameter(ge=1, le=500)]
END = 2**53 - 1


@reads("/v1/funding")
async def funding(request: Ask) -> Told:
    """Last rate of each perpetual, its rule, and what the open interval has gathered."""
    return await desk_of(request).ask(feed_views.funding_shown)


@commands("/v1/funding", "operate", 201)
async def tell_funding(
    request: Ask, data: JSONBody[FundingTold], idempotency: Key = None
) -> Answer:
    """Longs pay shorts at this rate, now; refused where the rulebook's rule pays by itself."""

    def build(engine: Engine, time_ms: int) -> Event:
        number = instrument_number(started(engine).catalogue, data.instrument)
        return Funded(time_ms=time_ms, instrument=number, rate=ratio(data.rate, "rate"))

    return await desk_of(request).command(request, build)


@commands("/v1/premiums", "operate", 201)
async def tell_premium(
    request: Ask, data: JSONBody[PremiumTold], idempotency: Key = None
) -> Answer:
    """A sample of how far a perpetual trades from its index, for the rule of its coin."""
    _check_premium(data)

    def build(engine: Engine, time_ms: int) -> Event:
        catalogue = started(engine).catalogue
        number = instrument_number(catalogue, data.instrument)
        if data.premium is not None:
            premium = ratio(data.premium, "premium")
            return PremiumSeen(time_ms=time_ms, instrument=number, premium=premium)
        told = {key: getattr(data, key) for key in ("bid", "ask", "index")}
        prices = {key: price_atoms(catalogue, text, key) for key, text in told.items()}
        return PremiumSeen(time_ms=time_ms, instrument=number, **prices)

    return await desk_of(request).command(request, build)


def _check_premium(data: PremiumTold) -> None:
    prices = [one is not None for one in (data.bid, data.ask, data.index)]
    if any(prices) is (data.premium is not None) or any(prices) is not all(prices):
        raise wrong("tell either premium, or bid, ask and index")


@commands("/v1/settlements", "operate", 201)
async def tell_settlement(
    request: Ask, data: JSONBody[SettlementTold], idempotency: Key = None
) -> Answer:
    """A contract expires: every holder is folded into cash at one price."""

    def build(engine: Engine, time_ms: int) -> Event:
        catalogue = started(engine).catalogue
        number = instrument_number(catalogue, data.instrument)
        price = price_atoms(catalogue, data.price)
        return Settled(time_ms=time_ms, instrument=number, price=price)

    return await desk_of(request).command(request, build)


@reads("/v1/collateral")
async def collateral(request: Ask) -> Told:
    """What feeds last said of each coin beside its price, and how much of it may be held."""
    return await desk_of(request).ask(feed_views.collateral_shown)


@commands("/v1/collateral", "operate", 201)
async def tell_collateral(
    request: Ask, data: JSONBody[CollateralTold], idempotency: Key = None
) -> Answer:
    """The rate of a yield-bearing share, the fair price of a pool share; for rules that ask."""

    def build(engine: Engine, time_ms: int) -> Event:
        catalogue = started(engine).catalogue
        return CollateralObserved(
            time_ms=time_ms,
            coin=coin_number(catalogue, data.coin),
            rate=ratio(data.rate, "rate"),
            elapsed_s=data.elapsed_s,
            fair_price=price_atoms(catalogue, data.fair_price, "fair_price"),
        )

    return await desk_of(request).command(request, build)


@commands("/v1/books", "admin", 201)
async def move_in(request: Ask, data: JSONBody[BookTold], idempotency: Key = None) -> Answer:
    """A whole book moves in at once: no margin is asked, no cap, and no breaker counts it."""

    def build(engine: Engine, time_ms: int) -> Event:
        venue = started(engine)
        rows = np.array([_book_row(venue, n, one) for n, one in enumerate(data.rows)], np.int64)
        return Loaded(
            time_ms=time_ms,
            account=rows[:, 0].astype("<i4").tobytes(),
            asset=rows[:, 1].astype("<i4").tobytes(),
            quantity=rows[:, 2].astype("<i8").tobytes(),
        )

    return await desk_of(request).command(request, build)


def _book_row(venue: Venue, place: int, row: StatedRow) -> tuple[int, int, int]:
    where = f"rows[{place}]"
    account = margined_number(venue, row.account)
    try:
        asset = asset_number(venue.catalogue, row.asset)
        quantity = fit(whole(row.quantity, asset_name(venue.catalogue, asset)[1], where))
    except KeyError:
        raise Problem(404, "unknown_instrument", f"no asset {row.asset[:80]}") from None
    except (StatementError, AmountError) as error:
        raise wrong(f"{error} - at `$.{where}`", "bad_amount") from None
    return account, asset, quantity


# -- what came of it -------------------------------------------------------------------------------


@reads("/v1/calls/history")
async def call_history(
    request: Ask,
    first: First = 1,
    last: Last = END,
    account: FromQuery[str | None] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Told:
    """Calls of a range of events: made, reduced, met, withdrawn, lapsed; the latest first."""
    return await _history(request, "call", (first, last), account, (offset, limit))


@reads("/v1/liquidations/history")
async def liquidation_history(
    request: Ask,
    first: First = 1,
    last: Last = END,
    account: FromQuery[str | None] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Told:
    """Liquidations of a range of events, step by step; the latest first."""
    return await _history(request, "liquidation", (first, last), account, (offset, limit))


@reads("/v1/funding/history")
async def funding_history(
    request: Ask, first: First = 1, last: Last = END, offset: Offset = 0, limit: Limit = 100
) -> Told:
    """Funding that was paid, or was not, in a range of events; the latest first."""
    return await _history(request, "funding", (first, last), None, (offset, limit))


@reads("/v1/settlements/history")
async def settlement_history(
    request: Ask, first: First = 1, last: Last = END, offset: Offset = 0, limit: Limit = 100
) -> Told:
    """Contracts that expired in a range of events; the latest first."""
    return await _history(request, "settlement", (first, last), None, (offset, limit))


async def _history(
    request: Ask, kind: Kind, span: tuple[int, int], account: str | None, page: tuple[int, int]
) -> Told:
    desk = desk_of(request)
    number = None
    if account is not None:
        number = await desk.ask(lambda engine: account_number(started(engine), account))

    def kept(connection: Connection) -> tuple[int, list[episodes.Episode]]:
        return episodes.read(connection, kind, span, number, page)

    total, rows = await asyncio.to_thread(desk.store.ask, kept)
    return await desk.ask(lambda engine: feed_views.episodes_shown(engine, total, rows))


ROUTES = [
    funding,
    tell_funding,
    tell_premium,
    tell_settlement,
    collateral,
    tell_collateral,
    move_in,
    call_history,
    liquidation_history,
    funding_history,
    settlement_history,
]
