"""One event with what it did, those that were out of the ordinary, and how things stood lately."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Request
from litestar.params import FromPath, PathParameter, QueryParameter

from seawall.engine import Engine
from seawall.engine.effect import Effect
from seawall.service.beside.incidents import incidents
from seawall.service.desk import desk_of
from seawall.service.routes.route import reads
from seawall.service.words.problem import unavailable
from seawall.service.words.telling import told

Ask = Request[Any, Any, Any]
Told = dict[str, Any]
Numbered = Annotated[int, PathParameter(ge=1, lt=2**53)]
Before = Annotated[int, QueryParameter(ge=1, lt=2**53)]
Limit = Annotated[int, QueryParameter(ge=1, le=500)]


@reads("/v1/journal/{sequence:int}")
async def event(request: Ask, sequence: Numbered) -> Told:
    """One event as it is kept, and its effects: the venue before it is rebuilt for that."""
    desk = desk_of(request)
    if desk.writer.state != "ready":
        raise unavailable(desk.writer.state, "the journal is being replayed")

    def tell(engine: Engine, effects: Sequence[Effect]) -> Told:
        return {"effects": told(engine.venue if engine.sequence else None, effects)}

    done = await asyncio.to_thread(desk.past.effects, sequence, tell)
    page = await asyncio.to_thread(desk.past.entries, sequence, 1)
    return {"last": page["last"], **page["entries"][0], **done}


@reads("/v1/incidents")
async def list_incidents(request: Ask, before: Before = 2**53 - 1, limit: Limit = 100) -> Told:
    """Breakers, overrides, corrections, reconciliations, rules and oracles; the latest first."""
    store = desk_of(request).store
    rows = await asyncio.to_thread(
        store.ask, lambda connection: incidents(connection, before, limit)
    )
    return {"incidents": [row._asdict() for row in rows]}


@reads("/v1/overview/history")
async def overview_history(request: Ask) -> Told:
    """Notional near a call, calls and liquidations since the service was started; a sample each."""
    recent = desk_of(request).recent
    return {"points": [] if recent is None else recent.points()}


@reads("/v1/systemic/map/{coin:str}/history")
async def map_history(request: Ask, coin: FromPath[str]) -> Told:
    """The liquidation map since the service was started: steps of price that are not empty."""
    recent = desk_of(request).recent
    columns = [] if recent is None else recent.columns(coin)
    return {"coin": coin, "modelled": True, "columns": columns}


ROUTES = [event, list_incidents, overview_history, map_history]
__all__ = ["ROUTES"]
