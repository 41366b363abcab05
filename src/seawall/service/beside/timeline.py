"""What happened to each account, and who paid what: rows beside the journal, in its transactions.

Effects are not in the journal, only what they follow from; so a page that shows them after a
restart needs them kept. A row is an event that names an account, or effects that do; a book that
moves in and a tick that moved nobody's state are none. Knows SQL, events and effects; no rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    insert,
    select,
)

from seawall.engine import Engine
from seawall.engine.codec import decode_effects, decode_event, encode_effects, encode_event
from seawall.engine.effect import (
    Deleveraged,
    Effect,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    Redistributed,
    ShareSold,
    State,
    StateChanged,
    TakenOver,
    Uncovered,
    WaterfallDone,
)
from seawall.engine.event import Event
from seawall.engine.history.standby import Beside, Kept
from seawall.engine.state import Venue
from seawall.service.guarding.store import TABLES

PARTIES = ("account", "buyer", "seller", "counterparty", "taker", "backstop", "payer")
STAGES = (
    *("book", "backstop", "deleveraged"),  # Notional that left an account.
    *("fees", "funds", "counterparties", "shared", "uncovered"),  # Money, and who gave it.
    *("liquidations", "bankruptcies"),  # Counts.
)
_number = BigInteger().with_variant(Integer(), "sqlite")
HAPPENED = Table(
    "service_happened",
    TABLES,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("own", LargeBinary),  # The event, where it names the account.
    Column("effects", LargeBinary, nullable=False),
    Column("is_loss", Integer, nullable=False),  # 1: others gave something for this account.
)
_LOSSES = HAPPENED.c.is_loss == 1
Index(
    "service_happened_loss",
    HAPPENED.c.sequence,
    sqlite_where=_LOSSES,
    postgresql_where=_LOSSES,
)
FUND = Table(
    "service_fund",
    TABLES,
    Column("fund", Integer, primary_key=True, autoincrement=False),
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("worth", Text, nullable=False),  # Numeraire atoms.
)
STAGE = Table(
    "service_stage",
    TABLES,
    Column("stage", Text, primary_key=True),
    Column("amount", Text, nullable=False),  # Numeraire atoms, or a count.
)
_GIVEN = (WaterfallDone, FundPaid, TakenOver, Deleveraged, LossShared, Uncovered, Redistributed)


class Moment(NamedTuple):
    """One event as one account saw it."""

    account: int
    sequence: int
    time_ms: int
    event: str
    own: Event | None
    effects: tuple[Effect, ...]


class FundMoment(NamedTuple):
    """What a fund was worth after an event that moved what it holds."""

    fund: int
    sequence: int
    time_ms: int
    worth: int


class Keeper:
    """Writes the rows of events; belongs to the writer's thread and to one opened journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stages: dict[str, int] | None = None  # As the database has them, once read.
        self._held: dict[int, Sequence[tuple[int, int]]] = {}  # Rows of each fund when last told.

    def __call__(self, connection: Connection, happened: Sequence[Kept]) -> None:
        """Write what these events did, in their transaction."""
        rows = [row for one in happened for row in _rows(one)]
        if rows:
            connection.execute(insert(HAPPENED), rows)
        self._add(connection, happened)
        self._tell_funds(connection, happened[-1])

    def _add(self, connection: Connection, happened: Sequence[Kept]) -> None:
        """Bring the sums of all stages forward."""
        gained: dict[str, int] = {}
        venue = self._engine.venue if self._engine.sequence else None
        for one in happened:
            for effect in one.effects:
                for stage, amount in _stages_of(effect, venue):
                    gained[stage] = gained.get(stage, 0) + amount
        if not any(gained.values()):
            return
        if self._stages is None:
            self._stages = read_stages(connection)
        for stage, amount in gained.items():
            self._stages[stage] += amount
            connection.execute(delete(STAGE).where(STAGE.c.stage == stage))
            row = {"stage": stage, "amount": str(self._stages[stage])}
            connection.execute(insert(STAGE), row)

    def _tell_funds(self, connection: Connection, last: Kept) -> None:
        """Keep a fund's worth where what it holds has changed."""
        if not self._engine.sequence or not self._engine.venue.tables.ready:
            return
        venue = self._engine.venue
        rows = []
        for fund in venue.funds:
            held = venue.ledger.rows(fund)
            if self._held.get(fund) != held:
                self._held[fund] = held
                moment = FundMoment(fund, last.sequence, last.event.time_ms, venue.worth_of(fund))
                rows.append(moment._asdict() | {"worth": str(moment.worth)})
        if rows:
            connection.execute(insert(FUND), rows)


def together(*writers: Beside) -> Beside:
    """Let several write beside the same events, in order."""

    def run(connection: Connection, happened: Sequence[Kept]) -> None:
        for write in writers:
            write(connection, happened)

    return run


def of_account(connection: Connection, account: int, before: int, limit: int) -> list[Moment]:
    """Moments of an account before an event, the latest first."""
    mine = (HAPPENED.c.account == account) & (HAPPENED.c.sequence < before)
    query = select(HAPPENED).where(mine).order_by(HAPPENED.c.sequence.desc()).limit(limit)
    return [_moment(row) for row in connection.execute(query)]


def losses(connection: Connection, before: int, limit: int) -> list[Moment]:
    """Moments in which others gave something for an account, the latest first."""
    query = (
        select(HAPPENED)
        .where(_LOSSES & (HAPPENED.c.sequence < before))
        .order_by(HAPPENED.c.sequence.desc(), HAPPENED.c.account)
        .limit(limit)
    )
    return [_moment(row) for row in connection.execute(query)]


def fund_history(connection: Connection, fund: int, limit: int) -> list[FundMoment]:
    """What a fund was worth, the latest first."""
    query = select(FUND).where(FUND.c.fund == fund).order_by(FUND.c.sequence.desc()).limit(limit)
    return [
        FundMoment(row.fund, row.sequence, row.time_ms, int(row.worth))
        for row in connection.execute(query)
    ]


def read_stages(connection: Connection) -> dict[str, int]:
    """What each stage gave since the tables are there."""
    found = dict.fromkeys(STAGES, 0)
    found.update((row.stage, int(row.amount)) for row in connection.execute(select(STAGE)))
    return found


def _moment(row: Any) -> Moment:
    own = None if row.own is None else decode_event(row.own)
    effects = decode_effects(row.effects)
    return Moment(row.account, row.sequence, row.time_ms, row.event, own, effects)


def _rows(kept: Kept) -> Iterable[dict[str, Any]]:
    """A row for each account that the event or an effect of it names."""
    event = kept.event
    named = set(_parties(event))
    effects: dict[int, list[Effect]] = {account: [] for account in named}
    for effect in kept.effects:
        for account in set(_parties(effect)):
            effects.setdefault(account, []).append(effect)
    own = encode_event(event) if named else None
    for account, mine in effects.items():
        yield {
            "account": account,
            "sequence": kept.sequence,
            "time_ms": event.time_ms,
            "event": str(event.__struct_config__.tag),
            "own": own if account in named else None,
            "effects": encode_effects(mine),
            "is_loss": int(any(_is_loss(effect, account) for effect in mine)),
        }


def _parties(happened: msgspec.Struct) -> Iterable[int]:
    for name in PARTIES:
        account = getattr(happened, name, -1)
        if type(account) is int and account >= 0:
            yield account


def _is_loss(effect: Effect, account: int) -> bool:
    return isinstance(effect, _GIVEN) and getattr(effect, "account", -1) == account


def _stages_of(effect: Effect, venue: Venue | None) -> Iterable[tuple[str, int]]:
    """What one effect adds to which stage."""
    match effect:
        case Liquidated() | ExitFilled():
            yield from (("book", effect.notional), ("fees", effect.fee))
        case ShareSold():
            yield "book", sum(notional for _, notional in effect.closed)
        case TakenOver():
            yield "backstop", effect.notional
        case Deleveraged():
            yield from (("deleveraged", effect.notional), ("counterparties", effect.taken))
        case FundPaid():
            yield "funds", effect.atoms
        case LossShared():
            yield "shared", effect.atoms
        case Uncovered() if venue is not None and venue.tables.ready:
            yield "uncovered", venue.worth(effect.coin, effect.atoms)
        case StateChanged(after=State.LIQUIDATING):
            yield "liquidations", 1
        case StateChanged(after=State.BANKRUPT):
            yield "bankruptcies", 1
