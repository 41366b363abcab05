"""Routes of the service itself: health, counters, keys, who did what, and the journal."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromPath, JSONBody, QueryParameter

from seawall.service import metrics
from seawall.service.desk import actor_of, desk_of
from seawall.service.keys import LOCAL, parsed_scopes
from seawall.service.past import ENTRIES_MOST
from seawall.service.problem import Problem, unavailable
from seawall.service.route import asks, commands, problems, reads
from seawall.service.wire import KeyAsked, KeyMade, KeyRotated

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


@reads("/metrics")
async def counters(request: Ask) -> Response[str]:
    """Counters in Prometheus' text form."""
    desk = desk_of(request)
    writer = desk.writer
    text = desk.metrics.text(writer.sequence, writer.waiting, ready=writer.state == "ready")
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
async def list_keys(request: Ask) -> Told:
    """Every key without its secret."""
    rows = await asyncio.to_thread(desk_of(request).store.all_keys)
    told = [row._asdict() | {"scopes": row.scopes.split()} for row in rows]
    for one in told:
        del one["hash"]
    return {"keys": told}


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


@reads("/v1/audit/commands", "admin")
async def audit_commands(request: Ask, after: After = 0, limit: Limit = 100) -> Told:
    """Who sent which event, in order; kept in the event's own transaction."""
    rows = await asyncio.to_thread(desk_of(request).store.commands, after, limit)
    return {"commands": [row._asdict() for row in rows]}


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
    audit_commands,
    audit_acts,
]
