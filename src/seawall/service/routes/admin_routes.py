"""Routes of the service itself: health, counters, keys, who did what, and the journal."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromPath, JSONBody, QueryParameter

from seawall.service import metrics
from seawall.service.desk import actor_of, desk_of
from seawall.service.guarding.keys import LOCAL, parsed_scopes
from seawall.service.guarding.limits import NO_RATES, Rates
from seawall.service.past import ENTRIES_MOST
from seawall.service.routes.route import asks, commands, problems, reads
from seawall.service.words.problem import Problem, unavailable
from seawall.service.words.wire import KeyAsked, KeyMade, KeyRotated, LimitsAsked

Ask = Request[Any, Any, Any]
Told = dict[str, Any]
After = Annotated[int, QueryParameter(ge=0, lt=2**53)]
Limit = Annotated[int, QueryParameter(ge=1, le=ENTRIES_MOST)]


@get("/healthz", opt={})
async def healthz() -> Told:
    """The process lives."""
    return {"status": "alive"}


@get("/readyz", opt={}, responses=problems(503))
async def readyz(request: Ask) -> Told:
    """Commands are taken; not so while the journal is replayed."""
    writer = desk_of(request).writer
    if writer.state != "ready":
        raise unavailable(writer.state, writer.failure or "the journal is being replayed")
    return {"status": "ready", "sequence": writer.sequence}


@reads("/metrics", media_type=metrics.MEDIA_TYPE)
async def counters(request: Ask) -> Response[str]:
    """Counters in Prometheus' text form."""
    desk = desk_of(request)
    writer = desk.writer
    text = desk.metrics.text(writer.sequence, writer.waiting, ready=writer.state == "ready")
    text += metrics.limited_text(desk.limits.limited)
    readers = desk.readers
    text += metrics.stream_text(readers.reading, readers.sent, readers.ended)
    if desk.notices is not None:
        text += metrics.notices_text(await asyncio.to_thread(desk.notices.counts))
    return Response(text, media_type=metrics.MEDIA_TYPE)


@reads("/v1/journal")
async def journal(
    request: Ask, first: Annotated[int, QueryParameter(ge=1, lt=2**53)] = 1, limit: Limit = 100
) -> Told:
    """Events as they are kept, from one on."""
    desk = desk_of(request)
    if desk.writer.state != "ready":
        raise unavailable(desk.writer.state, "the journal is being replayed")
    return await asyncio.to_thread(desk.past.entries, first, limit)


@reads("/v1/keys", "admin")
async def list_keys(request: Ask, offset: After = 0, limit: Limit = 500) -> Told:
    """Keys without their secrets, the oldest first."""
    store = desk_of(request).store
    rows, rates = await asyncio.to_thread(lambda: (store.all_keys(), store.rates()))
    told = [
        row._asdict() | {"scopes": row.scopes.split()} | _rates_told(rates.get(row.id, NO_RATES))
        for row in rows[offset : offset + limit]
    ]
    for one in told:
        del one["hash"]
    return {"keys": told, "total": len(rows)}


@commands("/v1/keys", "admin", 201)
async def make_key(request: Ask, data: JSONBody[KeyAsked]) -> KeyMade:
    """Make a key; its secret is in this answer and nowhere else. The first one must be admin."""
    desk, actor = desk_of(request), actor_of(request)
    scopes = parsed_scopes(data.scopes)
    first = actor.id == LOCAL
    if first and ("admin" not in scopes or data.expires_ms is not None):
        said = "the first key shuts the door: it needs the scope admin and no expiry"
        raise Problem(409, "first_key_must_be_admin", said)
    made = await asyncio.to_thread(
        desk.keys.make,
        data.name,
        scopes,
        actor=actor.id,
        operator=data.operator,
        expires_ms=data.expires_ms,
        rates=Rates(data.reads_per_s, data.commands_per_s),
        first=first,
    )
    if made is None:
        raise Problem(401, "unauthenticated", "the first key has been made; use it")
    row, secret = made
    return KeyMade(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        scopes=row.scopes.split(),
        operator=row.operator,
        expires_ms=row.expires_ms,
        secret=secret,
    )


@asks("/v1/keys/{id:str}/rotation", "admin")
async def rotate_key(request: Ask, id: FromPath[str]) -> KeyRotated:
    """Give a key another secret; the old one ends now."""
    desk = desk_of(request)
    secret = await asyncio.to_thread(desk.keys.rotate, id, actor_of(request).id)
    return KeyRotated(id=id, secret=secret)


@asks("/v1/keys/{id:str}/revocation", "admin")
async def revoke_key(request: Ask, id: FromPath[str]) -> Told:
    """End a key."""
    await asyncio.to_thread(desk_of(request).keys.revoke, id, actor_of(request).id)
    return {"id": id, "revoked": True}


@asks("/v1/keys/{id:str}/limits", "admin")
async def limit_key(request: Ask, id: FromPath[str], data: JSONBody[LimitsAsked]) -> Told:
    """Let a key send so many requests a second from now on."""
    rates = Rates(data.reads_per_s, data.commands_per_s)
    await asyncio.to_thread(desk_of(request).keys.limit, id, rates, actor_of(request).id)
    return {"id": id} | _rates_told(rates)


def _rates_told(rates: Rates) -> Told:
    return {"reads_per_s": rates.reads, "commands_per_s": rates.commands}


@reads("/v1/audit/commands", "admin")
async def audit_commands(request: Ask, after: After = 0, limit: Limit = 100) -> Told:
    """Who sent which event, in order; kept in the event's own transaction."""
    return {"commands": await asyncio.to_thread(desk_of(request).past.commands, after, limit)}


@reads("/v1/audit/acts", "admin")
async def audit_acts(request: Ask, after: After = 0, limit: Limit = 100) -> Told:
    """Who did what beside events: keys, proposals, starts of the service."""
    rows = await asyncio.to_thread(desk_of(request).store.acts, after, limit)
    return {"acts": [row._asdict() for row in rows]}


ROUTES = [
    healthz,
    readyz,
    counters,
    journal,
    list_keys,
    make_key,
    rotate_key,
    revoke_key,
    limit_key,
    audit_commands,
    audit_acts,
]
