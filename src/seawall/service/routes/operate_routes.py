"""Routes of operators: rulebooks, and breakers that two of them override."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import JSONBody, PathParameter, QueryParameter

from seawall.engine import Engine
from seawall.engine.event import Event, Overridden, RulesChanged, Started
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import Rulebook, RulebookError, diff, read
from seawall.service.desk import actor_of, desk_of, idempotency_key
from seawall.service.guarding.keys import now_ms
from seawall.service.guarding.store import ProposalRow
from seawall.service.routes.route import Key, asks, commands, reads
from seawall.service.shown import venue_views
from seawall.service.words.amounts import account_number, coin_number, started
from seawall.service.words.problem import Problem
from seawall.service.words.wire import Answer, OverrideAsked, Proposed, RulesTold

Ask = Request[Any, Any, Any]
Told = dict[str, Any]
Numbered = Annotated[int, PathParameter(ge=0, lt=2**53)]
After = Annotated[int, QueryParameter(ge=0, lt=2**53)]
PROPOSAL_LASTS_MS = 3_600_000


@reads("/v1/rulebook")
async def rulebook(request: Ask) -> Told:
    """Every rule that holds now, and their fingerprint."""
    return await desk_of(request).ask(venue_views.rules_shown)


@asks("/v1/rulebook/diff")
async def rulebook_diff(request: Ask, data: JSONBody[RulesTold]) -> Told:
    """What would differ under another rulebook, key by key."""
    new = _rules(data)

    def question(engine: Engine) -> Told:
        changes = diff(started(engine).rulebook, new)
        return venue_views.stamped(
            engine,
            old=engine.fingerprint,
            new=new.fingerprint,
            changes=[{"key": key, "old": old, "new": was} for key, old, was in changes],
        )

    return await desk_of(request).ask(question)


@commands("/v1/venue", "admin", 201)
async def start_venue(request: Ask, data: JSONBody[RulesTold], idempotency: Key = None) -> Answer:
    """Open the venue under its first rulebook."""
    text = _rules(data).canonical()

    def build(engine: Engine, time_ms: int) -> Event:
        return Started(time_ms=time_ms, rulebook=text)

    return await desk_of(request).command(request, build, alone=True)


@commands("/v1/rulebook/activations", "admin", 201)
async def activate(request: Ask, data: JSONBody[RulesTold], idempotency: Key = None) -> Answer:
    """Let another rulebook hold from here on; everybody is judged under it at once."""
    text = _rules(data).canonical()

    def build(engine: Engine, time_ms: int) -> Event:
        started(engine)
        return RulesChanged(time_ms=time_ms, rulebook=text)

    return await desk_of(request).command(request, build, alone=True)


def _rules(data: RulesTold) -> Rulebook:
    try:
        return read(data.toml)
    except RulebookError as error:
        raise Problem(422, "bad_rulebook", str(error)) from None


@reads("/v1/breakers")
async def breakers(request: Ask) -> Told:
    """Rules of the breakers, and what stands shut."""
    return await desk_of(request).ask(venue_views.breakers_shown)


@commands("/v1/overrides", "operate", 202)
async def propose_override(
    request: Ask, data: JSONBody[OverrideAsked], idempotency: Key = None
) -> Proposed:
    """Sign as the first of two operators; nothing is shut or opened yet."""
    desk, actor = desk_of(request), actor_of(request)
    asked = f"{actor.id}/{idempotency_key(request)}"
    operator = actor.operator

    def question(engine: Engine) -> None:
        check_operator(engine, operator)
        _overridden(engine, 0, data, operator, "")

    await desk.ask(question)
    body = msgspec.json.encode(data).decode()
    kept = await asyncio.to_thread(desk.store.propose, now_ms(), operator, asked, body)
    if kept.body != body:
        used = "this Idempotency-Key was given for another proposal"
        raise Problem(422, "key_reused", used)
    return Proposed(proposal=kept.number, first=kept.first)


@reads("/v1/overrides")
async def overrides(request: Ask, after: After = 0) -> Told:
    """Proposals in order, with who signed and the event that they became."""
    rows = await asyncio.to_thread(desk_of(request).store.proposals, after, 100)
    return {"proposals": [_proposal_told(row) for row in rows]}


def _proposal_told(row: ProposalRow) -> Told:
    return {
        "proposal": row.number,
        "time_ms": row.time_ms,
        "first": row.first,
        "second": row.second or None,
        "override": msgspec.Raw(row.body.encode()),
        "sequence": row.sequence,
        "expires_ms": row.time_ms + PROPOSAL_LASTS_MS,
    }


@commands("/v1/overrides/{proposal:int}/signature", "operate", 201)
async def sign_override(request: Ask, proposal: Numbered, idempotency: Key = None) -> Answer:
    """Sign as the second operator: another one, with another key. The override happens now."""
    desk, actor = desk_of(request), actor_of(request)
    idempotency_key(request)
    row = await asyncio.to_thread(desk.store.proposal, proposal)
    if row is None:
        raise Problem(404, "unknown_proposal", f"no proposal {proposal}")
    await desk.ask(lambda engine: check_operator(engine, actor.operator))
    if actor.operator == row.first or row.asked.startswith(f"{actor.id}/"):
        raise Problem(403, "two_operators_needed", "the second operator must be another one")
    time_ms = now_ms()
    if row.second == "" and time_ms >= row.time_ms + PROPOSAL_LASTS_MS:
        raise Problem(409, "proposal_expired", "nobody signed it within an hour")
    operator = actor.operator
    if not await asyncio.to_thread(desk.store.sign, proposal, operator, actor.id, time_ms):
        raise Problem(409, "already_signed", "another operator has signed it")
    told = msgspec.json.decode(row.body, type=OverrideAsked)

    def build(engine: Engine, at_ms: int) -> Event:
        return _overridden(engine, at_ms, told, row.first, operator)

    answer = await desk.command(request, build, key=f"override:{proposal}/signed")
    await asyncio.to_thread(desk.store.signed, proposal, answer.sequence)
    return answer


def check_operator(engine: Engine, operator: str) -> None:
    """Whether the key's operator is one of the rulebook's."""
    if not operator or operator not in started(engine).rulebook.operators:
        said = "this needs a key whose operator is named in the rulebook"
        raise Problem(403, "two_operators_needed", said)


def _overridden(
    engine: Engine, time_ms: int, told: OverrideAsked, first: str, second: str
) -> Overridden:
    there = started(engine)
    subject = -1
    if told.scope == "account":
        subject = account_number(there, told.subject)
    elif told.scope == "market":
        subject = coin_number(there.catalogue, told.subject)
    return Overridden(
        time_ms=time_ms,
        scope=Scope[told.scope.upper()],
        mode=Mode[told.mode.upper()],
        first=first,
        second=second,
        reason=told.reason,
        subject=subject,
    )


ROUTES = [
    rulebook,
    rulebook_diff,
    start_venue,
    activate,
    breakers,
    propose_override,
    overrides,
    sign_override,
]
