"""Routes of notices: rules and targets, what was told, acknowledgements and dead letters."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from seawall.service.desk import Connection, actor_of, desk_of, idempotency_key
from seawall.service.notices.notices import Notices, check_in_venue
from seawall.service.notices.wire import (
    Kind,
    NoticePage,
    NoticeShown,
    Posture,
    RotationAsked,
    RuleAsked,
    RuleShown,
    RulesShown,
    SecretShown,
    TargetAsked,
    TargetShown,
    TargetsShown,
)
from seawall.service.routes.route import Key, commands, reads
from seawall.service.words.problem import unavailable

Ask = Request[Any, Any, Any]
PAGE_MOST = 500
Named = Annotated[str | None, QueryParameter(max_length=100, pattern=r"^[!-~]*$")]
After = Annotated[int, QueryParameter(ge=0, lt=2**53)]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MOST)]


def _notices(request: Connection) -> Notices:
    notices = desk_of(request).notices
    if notices is None:
        raise unavailable("failed", "this service sends no notices")
    return notices


@reads("/v1/notices")
async def list_notices(
    request: Ask,
    after: After = 0,
    limit: Limit = 100,
    posture: Annotated[Posture | None, QueryParameter(name="state")] = None,
    account: Named = None,
    kind: FromQuery[Kind | None] = None,
    target: Named = None,
) -> NoticePage:
    """Notices in the order in which they were written: of an account, or dead ones."""
    chosen = {"state": posture, "account": account, "kind": kind, "target": target}
    return await asyncio.to_thread(_notices(request).notices, after, limit, **chosen)


@reads("/v1/notices/{id:str}")
async def show_notice(request: Ask, id: FromPath[str]) -> NoticeShown:
    """One notice."""
    return await asyncio.to_thread(_notices(request).notice, id)


@commands("/v1/notices/{id:str}/acknowledgement", "operate")
async def acknowledge(request: Ask, id: FromPath[str]) -> NoticeShown:
    """Say that somebody has seen it, so that it is not escalated; the first one counts."""
    return await asyncio.to_thread(_notices(request).acknowledge, id, actor_of(request).id)


@commands("/v1/notices/{id:str}/replay", "operate")
async def replay(request: Ask, id: FromPath[str]) -> NoticeShown:
    """Send a dead or delivered notice again, under the same id."""
    return await asyncio.to_thread(_notices(request).replay, id, actor_of(request).id)


@reads("/v1/notice-rules")
async def list_rules(request: Ask) -> RulesShown:
    """Rules that hold."""
    return RulesShown(rules=await asyncio.to_thread(_notices(request).rules))


@commands("/v1/notice-rules", "operate", 201)
async def add_rule(request: Ask, data: JSONBody[RuleAsked], idempotency: Key = None) -> RuleShown:
    """Let a rule hold from now on."""
    notices, key = _notices(request), idempotency_key(request)
    await desk_of(request).ask(lambda engine: check_in_venue(engine, data))
    return await asyncio.to_thread(notices.add_rule, data, actor_of(request).id, key)


@commands("/v1/notice-rules/{id:str}", "operate")
async def replace_rule(request: Ask, id: FromPath[str], data: JSONBody[RuleAsked]) -> RuleShown:
    """Let a rule say something else from now on."""
    await desk_of(request).ask(lambda engine: check_in_venue(engine, data))
    return await asyncio.to_thread(_notices(request).replace_rule, id, data, actor_of(request).id)


@commands("/v1/notice-rules/{id:str}/removal", "operate")
async def remove_rule(request: Ask, id: FromPath[str]) -> dict[str, Any]:
    """End a rule."""
    await asyncio.to_thread(_notices(request).remove_rule, id, actor_of(request).id)
    return {"id": id, "removed": True}


@reads("/v1/notice-targets", "admin")
async def list_targets(request: Ask) -> TargetsShown:
    """Targets without their secrets."""
    return TargetsShown(targets=await asyncio.to_thread(_notices(request).targets))


@commands("/v1/notice-targets", "admin", 201)
async def add_target(
    request: Ask, data: JSONBody[TargetAsked], idempotency: Key = None
) -> TargetShown:
    """Make a target; a webhook's secret is in the first answer and in no other."""
    key = idempotency_key(request)
    return await asyncio.to_thread(_notices(request).add_target, data, actor_of(request).id, key)


@commands("/v1/notice-targets/{id:str}/rotation", "admin")
async def rotate_target(
    request: Ask, id: FromPath[str], data: JSONBody[RotationAsked]
) -> SecretShown:
    """Give a webhook another secret; for a while both sign."""
    told = _notices(request)
    return await asyncio.to_thread(told.rotate, id, data.overlap_s, actor_of(request).id)


@commands("/v1/notice-targets/{id:str}/removal", "admin")
async def remove_target(request: Ask, id: FromPath[str]) -> dict[str, Any]:
    """End a target that no rule names any more."""
    await asyncio.to_thread(_notices(request).remove_target, id, actor_of(request).id)
    return {"id": id, "removed": True}


ROUTES = [
    list_notices,
    show_notice,
    acknowledge,
    replay,
    list_rules,
    add_rule,
    replace_rule,
    remove_rule,
    list_targets,
    add_target,
    rotate_target,
    remove_target,
]
