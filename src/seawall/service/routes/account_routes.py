"""Routes of accounts: open, show, money in and out, trades, margin, what-if, distances."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Request
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from seawall.engine import Engine
from seawall.engine.event import Deposited, Event, Opened, Traded, Withdrawn
from seawall.engine.posting.trading import would_refuse
from seawall.service.desk import charge, desk_of
from seawall.service.routes.route import Key, asks, commands, reads
from seawall.service.shown import account_list, views
from seawall.service.words.amounts import (
    account_number,
    coin_atoms,
    coin_number,
    instrument_number,
    lots_of,
    margined_number,
    price_atoms,
    priced,
    started,
)
from seawall.service.words.problem import Problem
from seawall.service.words.wire import (
    AccountPage,
    AccountShown,
    Answer,
    BulkAnswer,
    BulkShown,
    BulkSupposed,
    Explained,
    MarginShown,
    OpenAsked,
    Supposed,
    SupposedShown,
    TradeAsked,
    Transfer,
)

At = Annotated[int | None, QueryParameter(ge=1, description="Sequence of an earlier event.")]
Status = Literal["healthy", "warned", "called", "liquidating", "closed", "bankrupt"]
Ask = Request[Any, Any, Any]


@commands("/v1/accounts", "operate", 201)
async def open_accounts(request: Ask, data: JSONBody[OpenAsked], idempotency: Key = None) -> Answer:
    """Open accounts, each under one margin method of the rulebook."""

    def build(engine: Engine, time_ms: int) -> Event:
        started(engine)
        return Opened(
            time_ms=time_ms,
            names=tuple(one.name for one in data.accounts),
            methods=tuple(one.method for one in data.accounts),
        )

    return await desk_of(request).command(request, build)


@reads("/v1/accounts")
async def list_accounts(
    request: Ask,
    order: FromQuery[account_list.Order] = "number",
    status: FromQuery[Status | None] = None,
    prefix: Annotated[str, QueryParameter(max_length=100)] = "",
    search: Annotated[str, QueryParameter(max_length=100)] = "",
    reverse: FromQuery[bool] = False,
    offset: Annotated[int, QueryParameter(ge=0, le=10**9)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=views.PAGE_MOST)] = 100,
) -> AccountPage:
    """Accounts in an order: by number or name, or the nearest to a call or the largest first."""
    desk = desk_of(request)

    def question(engine: Engine) -> AccountPage:
        return account_list.page(
            engine,
            order,
            status=status,
            prefix=prefix,
            search=search,
            reverse=reverse,
            offset=offset,
            limit=limit,
            now_ms=desk.writer.time_ms(engine),
        )

    return await desk.ask(question)


@reads("/v1/accounts/{name:str}")
async def show_account(request: Ask, name: FromPath[str]) -> AccountShown:
    """One account with its rows."""
    return await desk_of(request).ask(lambda engine: views.shown(engine, name))


@commands("/v1/accounts/{name:str}/deposits", "trade", 201)
async def deposit(
    request: Ask, name: FromPath[str], data: JSONBody[Transfer], idempotency: Key = None
) -> Answer:
    """Money arrives from outside."""

    def build(engine: Engine, time_ms: int) -> Event:
        venue = started(engine)
        coin = coin_number(venue.catalogue, data.coin)
        atoms = coin_atoms(venue.catalogue, coin, data.amount, "amount")
        account = account_number(venue, name)
        return Deposited(time_ms=time_ms, account=account, coin=coin, atoms=atoms)

    return await desk_of(request).command(request, build)


@commands("/v1/accounts/{name:str}/withdrawals", "trade", 201)
async def withdraw(
    request: Ask, name: FromPath[str], data: JSONBody[Transfer], idempotency: Key = None
) -> Answer:
    """Money leaves, if what stays covers the initial margin."""

    def build(engine: Engine, time_ms: int) -> Event:
        venue = started(engine)
        coin = coin_number(venue.catalogue, data.coin)
        atoms = coin_atoms(venue.catalogue, coin, data.amount, "amount")
        account = margined_number(venue, name)
        return Withdrawn(time_ms=time_ms, account=account, coin=coin, atoms=atoms)

    return await desk_of(request).command(request, build)


@commands("/v1/trades", "trade", 201)
async def trade(request: Ask, data: JSONBody[TradeAsked], idempotency: Key = None) -> Answer:
    """Book a trade between two accounts, if both can carry it."""
    return await desk_of(request).command(request, lambda e, t: _traded(e, t, data))


@asks("/v1/trades/check")
async def check_trade(request: Ask, data: JSONBody[TradeAsked]) -> dict[str, Any]:
    """Say whether the trade would be booked now, and why not; nothing is done."""

    def question(engine: Engine) -> dict[str, Any]:
        priced(engine)
        reason = would_refuse(engine.venue, _traded(engine, engine.time_ms, data))
        return {
            "sequence": engine.sequence,
            "accepted": reason is None,
            "code": reason and reason.value,
        }

    return await desk_of(request).ask(question)


def _traded(engine: Engine, time_ms: int, data: TradeAsked) -> Traded:
    venue = started(engine)
    instrument = instrument_number(venue.catalogue, data.instrument)
    return Traded(
        time_ms=time_ms,
        instrument=instrument,
        buyer=margined_number(venue, data.buyer),
        seller=margined_number(venue, data.seller),
        lots=lots_of(venue.catalogue, instrument, data.quantity),
        price=price_atoms(venue.catalogue, data.price),
    )


@reads("/v1/accounts/{name:str}/margin")
async def margin(request: Ask, name: FromPath[str], at: At = None) -> MarginShown:
    """What the account has and must have, now or just after an earlier event."""
    return await desk_of(request).ask_at(at, lambda engine: views.margin(engine, name))


@reads("/v1/accounts/{name:str}/explanation")
async def explain(request: Ask, name: FromPath[str], at: At = None) -> Explained:
    """The terms that add up to it."""
    return await desk_of(request).ask_at(at, lambda engine: views.explained(engine, name))


@asks("/v1/accounts/{name:str}/what-if")
async def suppose(request: Ask, name: FromPath[str], data: JSONBody[Supposed]) -> SupposedShown:
    """Trades, deposits and moves that only are supposed; nothing of it is journalled."""
    return await desk_of(request).ask(lambda engine: views.supposed(engine, name, data))


@asks("/v1/what-if")
async def suppose_many(request: Ask, data: JSONBody[BulkSupposed]) -> BulkShown:
    """Many suppositions at one moment; one that cannot be answered is a problem in its place."""

    def question(engine: Engine) -> BulkShown:
        answers: list[BulkAnswer] = []
        for one in data.suppositions:
            try:
                shown = views.supposed(engine, one.account, one.change)
                answers.append(BulkAnswer(shown=shown))
            except Problem as problem:
                answers.append(BulkAnswer(problem=problem.as_json()))
        return BulkShown(sequence=engine.sequence, answers=answers)

    charge(request, len(data.suppositions) - 1)
    return await desk_of(request).ask(question)


@reads("/v1/accounts/{name:str}/liquidation-prices")
async def liquidation_prices(request: Ask, name: FromPath[str]) -> dict[str, Any]:
    """Where the account is short of initial margin, called and liquidated."""
    return await desk_of(request).ask_aside(
        lambda engine: views.still(engine, name), views.crossings
    )


@reads("/v1/accounts/{name:str}/deleveraging")
async def deleveraging(request: Ask, name: FromPath[str]) -> dict[str, Any]:
    """Its place in the queue of each contract that it holds; 1 is asked first."""
    return await desk_of(request).ask(lambda engine: views.places(engine, name))


ROUTES = [
    open_accounts,
    list_accounts,
    show_account,
    deposit,
    withdraw,
    trade,
    check_trade,
    margin,
    explain,
    suppose,
    suppose_many,
    liquidation_prices,
    deleveraging,
]
__all__ = ["ROUTES"]
