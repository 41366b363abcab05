"""Routes behind the dashboard's pages: an account in pictures, losses, queues, effect of rules."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy import Connection

from seawall.engine import Engine
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.service.beside import timeline
from seawall.service.desk import desk_of
from seawall.service.routes.route import asks, reads
from seawall.service.shown import account_pages, effect_of_rules, losses_views
from seawall.service.words.amounts import account_number, started
from seawall.service.words.problem import Problem
from seawall.service.words.wire import CurvesAsked, PictureAsked, RulesTold

Ask = Request[Any, Any, Any]
Told = dict[str, Any]
Before = Annotated[int, QueryParameter(ge=1, le=2**53, description="Only events before this one.")]
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
FUND_ROWS_MOST = 5_000


@asks("/v1/accounts/{name:str}/picture")
async def picture(request: Ask, name: FromPath[str], data: JSONBody[PictureAsked]) -> Told:
    """Rows, terms, scenarios and sensitivities, now and after what is supposed."""
    desk = desk_of(request)
    return await desk.ask_aside(
        lambda engine: account_pages.see(engine, name, desk.writer.time_ms(engine)),
        lambda seen, turns: account_pages.picture(seen, data, turns),
    )


@asks("/v1/accounts/{name:str}/curves")
async def curves(request: Ask, name: FromPath[str], data: JSONBody[CurvesAsked]) -> Told:
    """Equity and margins over prices of each coin: now, later, and after what is supposed."""
    desk = desk_of(request)
    return await desk.ask_aside(
        lambda engine: account_pages.see(engine, name, desk.writer.time_ms(engine)),
        lambda seen, turns: account_pages.Curves(seen, data).told(turns.other),
    )


@reads("/v1/accounts/{name:str}/timeline")
async def account_timeline(
    request: Ask, name: FromPath[str], before: Before = 2**53, limit: Limit = 50
) -> Told:
    """What happened to the account, the latest first."""
    desk = desk_of(request)
    number = await desk.ask(lambda engine: account_number(started(engine), name))

    def kept(connection: Connection) -> list[timeline.Moment]:
        return timeline.of_account(connection, number, before, limit)

    moments = await asyncio.to_thread(desk.store.ask, kept)
    return await desk.ask(lambda engine: losses_views.timeline_shown(engine, name, moments, limit))


@reads("/v1/losses")
async def losses(request: Ask, before: Before = 2**53, limit: Limit = 50) -> Told:
    """What each stage of the waterfall gave so far, and the latest losses that others bore."""
    desk = desk_of(request)

    def kept(connection: Connection) -> tuple[dict[str, int], list[timeline.Moment]]:
        return timeline.read_stages(connection), timeline.losses(connection, before, limit)

    stages, moments = await asyncio.to_thread(desk.store.ask, kept)
    return await desk.ask(lambda engine: losses_views.losses_shown(engine, stages, moments, limit))


@reads("/v1/insurance-funds/history")
async def fund_history(request: Ask) -> Told:
    """What each fund was worth each time that what it holds had changed."""
    desk = desk_of(request)
    numbers = await desk.ask(lambda engine: started(engine).funds)

    def kept(connection: Connection) -> list[list[timeline.FundMoment]]:
        return [timeline.fund_history(connection, fund, FUND_ROWS_MOST) for fund in numbers]

    histories = await asyncio.to_thread(desk.store.ask, kept)
    return await desk.ask(lambda engine: losses_views.fund_history_shown(engine, histories))


@reads("/v1/deleveraging")
async def deleveraging_queue(
    request: Ask, instrument: FromQuery[str | None] = None, limit: Limit = 10
) -> Told:
    """Who would be asked first to give up a position, by contract and side."""

    def question(engine: Engine) -> Told:
        return losses_views.queue_shown(engine, instrument, limit)

    return await desk_of(request).ask(question)


@asks("/v1/rulebook/effect")
async def rulebook_effect(request: Ask, data: JSONBody[RulesTold]) -> Told:
    """What another rulebook would do to the live book: who would be called, and margins in all."""
    try:
        rules = await asyncio.to_thread(read, data.toml)
    except RulebookError as error:
        raise Problem(422, "bad_rulebook", str(error)) from None
    return await desk_of(request).ask_aside(
        effect_of_rules.copied,
        lambda copy, turns: effect_of_rules.effect_of(copy, rules, turns),
    )


ROUTES = [
    picture,
    curves,
    account_timeline,
    losses,
    fund_history,
    deleveraging_queue,
    rulebook_effect,
]
