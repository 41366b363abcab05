"""Calls, liquidations, funding and expiries as they happened: rows beside the journal.

Effects are in no journal, so a range of them could only be told by doing it all again; here they
are kept in the transaction of their event. Knows SQL and effects; no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    insert,
    select,
)

from seawall.engine.codec import decode_effects, encode_effects
from seawall.engine.effect import (
    Called,
    CallReduced,
    CallWithdrawn,
    Deleveraged,
    Effect,
    ExitFilled,
    Expired,
    FundingPaid,
    FundingUnpaid,
    Liquidated,
    ShareSold,
    State,
    StateChanged,
    TakenOver,
    WaterfallDone,
)
from seawall.engine.history.standby import Kept
from seawall.service.guarding.store import TABLES

Kind = Literal["call", "liquidation", "funding", "settlement"]
_number = BigInteger().with_variant(Integer(), "sqlite")
EPISODE = Table(
    "service_episode",
    TABLES,
    Column("kind", Text, primary_key=True),
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),  # Of the effect in its event.
    Column("time_ms", BigInteger, nullable=False),
    Column("account", Integer, nullable=False),  # −1: it names none.
    Column("effect", LargeBinary, nullable=False),
)
_CALLS = (Called, CallReduced, CallWithdrawn)
_LIQUIDATIONS = (Liquidated, ExitFilled, ShareSold, TakenOver, Deleveraged, WaterfallDone)


class Episode(NamedTuple):
    """One effect of a kind."""

    sequence: int
    time_ms: int
    effect: Effect


def keep(connection: Connection, happened: Sequence[Kept]) -> None:
    """Write what these events did, in their transaction."""
    rows = [
        {
            "kind": kind,
            "sequence": kept.sequence,
            "place": place,
            "time_ms": kept.event.time_ms,
            "account": getattr(effect, "account", -1),
            "effect": encode_effects((effect,)),
        }
        for kept in happened
        for place, effect in enumerate(kept.effects)
        for kind in _kinds(effect)
    ]
    if rows:
        connection.execute(insert(EPISODE), rows)


def read(
    connection: Connection,
    kind: Kind,
    span: tuple[int, int],
    account: int | None,
    page: tuple[int, int],
) -> tuple[int, list[Episode]]:
    """How many of a kind are in a range of events, and a page of them, the latest first.

    `span` is first and last event, `page` offset and limit.
    """
    c = EPISODE.c
    chosen = (c.kind == kind) & c.sequence.between(*span)
    if account is not None:
        chosen &= c.account == account
    total = connection.execute(select(func.count()).select_from(EPISODE).where(chosen)).scalar_one()
    query = (
        select(c.sequence, c.time_ms, c.effect)
        .where(chosen)
        .order_by(c.sequence.desc(), c.place.desc())
        .offset(page[0])
        .limit(page[1])
    )
    found = connection.execute(query).all()
    return total, [Episode(n, at, decode_effects(told)[0]) for n, at, told in found]


def _kinds(effect: Effect) -> Iterator[Kind]:
    match effect:
        case StateChanged(before=before, after=after):
            if State.CALLED in (before, after):
                yield "call"
            if State.LIQUIDATING in (before, after) or after is State.BANKRUPT:
                yield "liquidation"
        case FundingPaid() | FundingUnpaid():
            yield "funding"
        case Expired():
            yield "settlement"
        case _ if isinstance(effect, _CALLS):
            yield "call"
        case _ if isinstance(effect, _LIQUIDATIONS):
            yield "liquidation"
