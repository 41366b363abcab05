"""Routes of repairs: corrections and reconciliations, which two operators sign.

A report moves nothing. A proposal keeps the very event that the second signature lets happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from litestar.params import JSONBody, PathParameter, QueryParameter

from seawall.engine import Engine
from seawall.engine.codec import event_from_json, event_json
from seawall.engine.event import Corrected, Event, Reconciled
from seawall.engine.repair.correction import CorrectionError, Settlement, settle
from seawall.engine.repair.reconciliation import posting
from seawall.service.beside import repair_store
from seawall.service.beside.repair_store import RepairRow
from seawall.service.desk import Desk, actor_of, desk_of, idempotency_key
from seawall.service.guarding.keys import now_ms
from seawall.service.repairs import Compared, Hindsight
from seawall.service.routes.operate_routes import PROPOSAL_LASTS_MS, check_operator
from seawall.service.routes.route import Key, asks, commands, reads
from seawall.service.shown import repair_views
from seawall.service.words.amounts import started
from seawall.service.words.problem import Problem
from seawall.service.words.repair_wire import (
    CorrectionAsked,
    CorrectionProposed,
    CorrectionShown,
    RepairLine,
    RepairPage,
    RepairProposed,
    RepairShown,
    StatementShown,
    StatementTold,
    SuspenseShown,
)
from seawall.service.words.wire import Answer

Ask = Request[Any, Any, Any]
Numbered = Annotated[int, PathParameter(ge=1, lt=2**53)]
After = Annotated[int, QueryParameter(ge=0, lt=2**53)]
Offset = Annotated[int, QueryParameter(ge=0, le=10**9)]
LISTED = 100
T = TypeVar("T")


class _Body(msgspec.Struct, frozen=True):
    """What a proposal keeps."""

    event: msgspec.Raw  # As `event_json` writes it.
    last: int  # Event up to which the record of reconciliations was read.
    correction: CorrectionShown | None = None
    reconciliation: StatementShown | None = None


@asks("/v1/corrections/report", "operate")
async def correction_report(request: Ask, data: JSONBody[CorrectionAsked]) -> CorrectionShown:
    """What wrong prices did to whom, and who would pay; nothing is kept."""
    return (await _corrected(desk_of(request), data))[1]


@commands("/v1/corrections", "operate", 202)
async def propose_correction(
    request: Ask, data: JSONBody[CorrectionProposed], idempotency: Key = None
) -> RepairProposed:
    """Sign a correction as the first of two operators; nobody is paid yet."""
    desk = desk_of(request)

    async def work(operator: str) -> _Body:
        hindsight, shown, settlement = await _corrected(desk, data)
        if hindsight.corrected_by:
            raise _corrected_already(hindsight.corrected_by)
        if settlement.unpaid:
            said = f"{shown.unpaid} {shown.cash} unpaid: name another payer"
            raise Problem(422, "payer_cannot_pay", said)
        if not settlement.transfers:
            raise Problem(409, "nothing_to_repair", "nobody is owed anything")
        event = Corrected(
            time_ms=0,
            first_sequence=hindsight.worlds.first_sequence,
            last_sequence=hindsight.worlds.last_sequence,
            transfers=settlement.transfers,
            first=operator,
            second="",
            reason=data.reason,
        )
        return _Body(msgspec.Raw(event_json(event)), shown.sequence, correction=shown)

    return await _propose(request, "correction", data, work)


@asks("/v1/reconciliations/report", "operate")
async def reconciliation_report(request: Ask, data: JSONBody[StatementTold]) -> StatementShown:
    """Where a custodian's statement and the ledger of its moment differ; nothing is kept."""
    return (await _compared(desk_of(request), data))[1]


@commands("/v1/reconciliations", "operate", 202)
async def propose_reconciliation(
    request: Ask, data: JSONBody[StatementTold], idempotency: Key = None
) -> RepairProposed:
    """Sign as the first operator what would be posted to suspense; nothing moves yet."""
    desk = desk_of(request)

    async def work(operator: str) -> _Body:
        compared, shown = await _compared(desk, data)
        signers = (operator, "")
        event = posting(compared.statement, compared.found, 0, signers, compared.history)
        if event is None:
            raise Problem(409, "nothing_to_repair", "the statement says nothing new")
        return _Body(msgspec.Raw(event_json(event)), compared.last, reconciliation=shown)

    return await _propose(request, "reconciliation", data, work)


@reads("/v1/suspense")
async def suspense(request: Ask) -> SuspenseShown:
    """What was posted against suspense and no statement has taken back, with its age."""
    desk = desk_of(request)
    await desk.ask(started)
    items = await asyncio.to_thread(desk.repairs.suspense)
    return await desk.ask(lambda engine: repair_views.suspense_shown(engine, items))


@reads("/v1/repairs")
async def list_repairs(request: Ask, after: After = 0) -> RepairPage:
    """Corrections and reconciliations that were proposed, with who signed and what they became."""
    rows = await _stored(
        desk_of(request), lambda connection: repair_store.proposals(connection, after, LISTED)
    )
    return RepairPage(proposals=[_line(row) for row in rows])


@reads("/v1/repairs/{proposal:int}")
async def show_repair(request: Ask, proposal: Numbered, offset: Offset = 0) -> RepairShown:
    """One of them in full: the report as it was proposed, and every row that would be posted."""
    desk = desk_of(request)
    row = await _row(desk, proposal)
    body, event = _read(row)
    count = len(event.transfers if isinstance(event, Corrected) else event.posted)
    return RepairShown(
        line=_line(row),
        reason=event.reason if isinstance(event, Corrected) else "",
        correction=body.correction,
        reconciliation=body.reconciliation,
        total=count,
        moves=await desk.ask(lambda engine: repair_views.moves_shown(engine, event, offset)),
    )


@commands("/v1/repairs/{proposal:int}/signature", "operate", 201)
async def sign_repair(request: Ask, proposal: Numbered, idempotency: Key = None) -> Answer:
    """Sign as the second operator, with another key; what was proposed happens now, unchanged."""
    desk, actor = desk_of(request), actor_of(request)
    idempotency_key(request)
    row = await _row(desk, proposal)
    operator = actor.operator
    await desk.ask(lambda engine: check_operator(engine, operator))
    if operator == row.first or row.asked.startswith(f"{actor.id}/"):
        raise Problem(403, "two_operators_needed", "the second operator must be another one")
    async with desk.signing:
        row = await _row(desk, proposal)
        key, time_ms = f"repair:{proposal}/signed", now_ms()
        body, event = _read(row)
        if await asyncio.to_thread(desk.repairs.became, key) is None:
            if row.second == "" and time_ms >= row.time_ms + PROPOSAL_LASTS_MS:
                raise Problem(409, "proposal_expired", "nobody signed it within an hour")
            await asyncio.to_thread(_check_still_right, desk, body, event)

        def take(connection: Any) -> bool:
            return repair_store.sign(connection, row, operator, actor.id, time_ms)

        if not await _stored(desk, take):
            raise Problem(409, "already_signed", "another operator has signed it")

        def build(engine: Engine, at_ms: int) -> Event:
            started(engine)
            return msgspec.structs.replace(event, time_ms=at_ms, second=operator)

        answer = await desk.command(request, build, key=key)
        await _stored(
            desk, lambda connection: repair_store.signed(connection, proposal, answer.sequence)
        )
    return answer


# -- inside ----------------------------------------------------------------------------------------


async def _corrected(
    desk: Desk, asked: CorrectionAsked
) -> tuple[Hindsight, CorrectionShown, Settlement]:
    """Two worlds worked out beside the writer, and who holds enough to pay now."""
    await desk.ask(started)
    hindsight = await asyncio.to_thread(desk.repairs.correction, asked)

    def now(engine: Engine) -> tuple[CorrectionShown, Settlement]:
        worlds = hindsight.worlds
        try:
            settlement = settle(worlds, engine, asked.payers)
        except CorrectionError as error:
            raise Problem(422, "cannot_be_corrected", str(error)) from None
        shown = repair_views.correction_shown(engine, worlds, settlement, hindsight.corrected_by)
        return shown, settlement

    shown, settlement = await desk.ask(now)
    return hindsight, shown, settlement


async def _compared(desk: Desk, told: StatementTold) -> tuple[Compared, StatementShown]:
    await desk.ask(started)
    compared = await asyncio.to_thread(desk.repairs.reconciliation, told)
    shown = await desk.ask(lambda engine: repair_views.statement_shown(engine, compared))
    return compared, shown


async def _propose(
    request: Ask,
    kind: str,
    data: msgspec.Struct,
    work: Callable[[str], Awaitable[_Body]],
) -> RepairProposed:
    """Keep what one operator signs, once for each of the client's keys."""
    desk, actor = desk_of(request), actor_of(request)
    asked = f"{actor.id}/{idempotency_key(request)}"
    await desk.ask(lambda engine: check_operator(engine, actor.operator))
    wanted = msgspec.json.encode(data).decode()
    row = await _stored(desk, lambda connection: repair_store.asked_before(connection, asked))
    if row is None:
        body = msgspec.json.encode(await work(actor.operator)).decode()
        first, time_ms = actor.operator, now_ms()
        new = RepairRow(0, kind, time_ms, first, asked, wanted, body, "", None)
        row = await _stored(desk, lambda connection: repair_store.propose(connection, new))
    if (row.kind, row.request) != (kind, wanted):
        used = "this Idempotency-Key was given for another proposal"
        raise Problem(422, "key_reused", used)
    kept = _read(row)[0]
    return RepairProposed(
        proposal=row.number,
        kind=row.kind,
        first=row.first,
        correction=kept.correction,
        reconciliation=kept.reconciliation,
    )


def _check_still_right(desk: Desk, body: _Body, event: Corrected | Reconciled) -> None:
    """What was signed since must not have done the same already."""
    if isinstance(event, Corrected):
        others = desk.repairs.corrected_in(event.first_sequence, event.last_sequence)
        if others:
            raise _corrected_already(others)
    elif since := desk.repairs.reconciled_since(body.last):
        said = f"event {since[-1]} has reconciled since this was worked out; propose it again"
        raise Problem(409, "overtaken", said)


def _corrected_already(sequences: list[int]) -> Problem:
    said = f"event {sequences[0]} has corrected a part of this window"
    return Problem(409, "already_corrected", said)


async def _stored(desk: Desk, question: Callable[[Any], T]) -> T:
    return await asyncio.to_thread(desk.store.ask, question)


async def _row(desk: Desk, number: int) -> RepairRow:
    row = await _stored(desk, lambda connection: repair_store.proposal(connection, number))
    if row is None:
        raise Problem(404, "unknown_proposal", f"no proposal {number}")
    return row


def _read(row: RepairRow) -> tuple[_Body, Corrected | Reconciled]:
    body = msgspec.json.decode(row.body, type=_Body)
    event = event_from_json(bytes(body.event))
    assert isinstance(event, Corrected | Reconciled), "a proposal keeps one of the two"
    return body, event


def _line(row: RepairRow) -> RepairLine:
    return RepairLine(
        proposal=row.number,
        kind=row.kind,
        time_ms=row.time_ms,
        first=row.first,
        second=row.second or None,
        sequence=row.sequence,
        expires_ms=row.time_ms + PROPOSAL_LASTS_MS,
    )


ROUTES = [
    correction_report,
    propose_correction,
    reconciliation_report,
    propose_reconciliation,
    suspense,
    list_repairs,
    show_repair,
    sign_repair,
]
