"""What operators did and what shut by itself: rows beside the journal, in its transactions.

Breakers and refusals of oracles are effects, which no journal keeps; so they are written here when
they happen. Knows SQL, events and effects; no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    insert,
    select,
)

from seawall.engine import Engine
from seawall.engine.effect import BreakerChanged, Effect, PricePublished, PriceRefused
from seawall.engine.event import Corrected, Event, Overridden, Reconciled, RulesChanged
from seawall.engine.history.standby import Kept
from seawall.engine.rules.breaker_rules import Scope
from seawall.engine.state import Venue
from seawall.service.guarding.store import TABLES
from seawall.service.words.telling import one_told

_number = BigInteger().with_variant(Integer(), "sqlite")
INCIDENT = Table(
    "service_incident",
    TABLES,
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),  # Among those of the event.
    Column("time_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("told", LargeBinary, nullable=False),  # JSON.
)
Told = dict[str, Any]


class Incident(NamedTuple):
    """One thing that happened out of the ordinary."""

    sequence: int
    time_ms: int
    kind: str
    told: Told


class Recorder:
    """Writes incidents; belongs to the writer's thread and to one opened journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._refused: set[int] = set()  # Coins whose oracle refused when last asked.

    def __call__(self, connection: Connection, happened: Sequence[Kept]) -> None:
        """Write what was out of the ordinary in these events, in their transaction."""
        rows = [
            {
                "sequence": kept.sequence,
                "place": place,
                "time_ms": kept.event.time_ms,
                "kind": kind,
                "told": msgspec.json.encode(told),
            }
            for kept in happened
            for place, (kind, told) in enumerate(self._found(kept))
        ]
        if rows:
            connection.execute(insert(INCIDENT), rows)

    def _found(self, kept: Kept) -> Iterator[tuple[str, Told]]:
        if not self._engine.sequence:
            return
        venue = self._engine.venue
        told = _event_told(venue, kept.event)
        if told is not None:
            yield kept.event.__struct_config__.tag, told  # type: ignore[misc]
        for effect in kept.effects:
            if isinstance(effect, BreakerChanged):
                named = {"subject": _subject(venue, effect.scope, effect.subject)}
                yield "breaker_changed", one_told(venue, effect) | named
            elif isinstance(effect, PriceRefused | PricePublished):
                yield from self._oracle(venue, effect)

    def _oracle(self, venue: Venue, effect: Effect) -> Iterator[tuple[str, Told]]:
        """Only where an oracle begins to refuse, and where it has a price again."""
        if isinstance(effect, PriceRefused) and effect.coin not in self._refused:
            self._refused.add(effect.coin)
            yield "oracle_refused", one_told(venue, effect)
        elif isinstance(effect, PricePublished) and effect.coin in self._refused:
            self._refused.remove(effect.coin)
            yield "oracle_back", one_told(venue, effect)


def incidents(connection: Connection, before: int, limit: int) -> list[Incident]:
    """Incidents of events before one, the latest first."""
    query = (
        select(INCIDENT)
        .where(INCIDENT.c.sequence < before)
        .order_by(INCIDENT.c.sequence.desc(), INCIDENT.c.place)
        .limit(limit)
    )
    return [
        Incident(row.sequence, row.time_ms, row.kind, msgspec.json.decode(row.told))
        for row in connection.execute(query)
    ]


def _event_told(venue: Venue, event: Event) -> Told | None:
    """What operators signed; none of every other event."""
    if isinstance(event, Overridden):
        tree: Told = {
            "scope": event.scope.name.lower(),
            "subject": _subject(venue, event.scope, event.subject),
            "mode": event.mode.name.lower(),
        }
    elif isinstance(event, Corrected):
        window = {"first_sequence": event.first_sequence, "last_sequence": event.last_sequence}
        tree = {**window, "transfers": len(event.transfers)}
    elif isinstance(event, Reconciled):
        rows = {"posted": len(event.posted), "noted": len(event.noted)}
        return {"statement": event.statement, "signed": [event.first, event.second], **rows}
    elif isinstance(event, RulesChanged):
        rules = msgspec.json.decode(event.rulebook)
        return {"name": rules.get("name"), "version": rules.get("version")}
    else:
        return None
    return {**tree, "signed": [event.first, event.second], "reason": event.reason}


def _subject(venue: Venue, scope: Scope, subject: int) -> str | None:
    if scope is Scope.ACCOUNT and 0 <= subject < len(venue.names):
        return venue.names[subject]
    is_coin = scope is Scope.MARKET and 0 <= subject < len(venue.catalogue.coins)
    return venue.catalogue.coins[subject].id if is_coin else None
