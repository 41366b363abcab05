"""Repairs as clients read them: names for numbers, decimal text for money, the first 500 rows.

Runs on the writer's thread, because it reads who is called how and who holds what now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seawall.engine import Engine
from seawall.engine.event import Corrected, Reconciled
from seawall.engine.repair.correction import Harm, Settlement, Worlds
from seawall.engine.repair.reconciliation import Difference, Item, asset_name, open_items
from seawall.engine.state import FIRST_ACCOUNT
from seawall.money import format_atoms
from seawall.service.repairs import Compared
from seawall.service.words.amounts import coin_text, money, started
from seawall.service.words.repair_wire import (
    SHOWN_MOST,
    CorrectionShown,
    Differing,
    Harmed,
    InSuspense,
    Moved,
    Paying,
    StatementShown,
    SuspenseShown,
)

SUSPENSE = "suspense"


def correction_shown(
    engine: Engine, worlds: Worlds, settlement: Settlement, corrected_by: Sequence[int]
) -> CorrectionShown:
    """What a window did to whom, the largest difference first, and who pays."""
    venue = started(engine)
    victims = worlds.victims
    largest = sorted(worlds.harms, key=lambda harm: (-abs(harm.lost), harm.account))
    paid = sorted(settlement.paid.items(), key=lambda one: (-one[1], one[0]))
    return CorrectionShown(
        sequence=engine.sequence,
        time_ms=engine.time_ms,
        first_sequence=worlds.first_sequence,
        last_sequence=worlds.last_sequence,
        cash=venue.catalogue.coins[worlds.coin].id,
        differing=len(worlds.harms),
        accounts=[_harmed(engine, worlds, harm) for harm in largest[:SHOWN_MOST]],
        victims=len(victims),
        owed=coin_text(venue, worlds.coin, sum(harm.owed for harm in victims)),
        unanswered_orders=worlds.unanswered,
        forced=worlds.forced,
        transfers=len(settlement.transfers),
        payers=[
            Paying(payer=engine.names[payer], amount=coin_text(venue, worlds.coin, atoms))
            for payer, atoms in paid[:SHOWN_MOST]
        ],
        unpaid=coin_text(venue, worlds.coin, settlement.unpaid),
        corrected_by=list(corrected_by),
    )


def _harmed(engine: Engine, worlds: Worlds, harm: Harm) -> Harmed:
    venue = engine.venue
    owed = harm.owed if harm.account >= FIRST_ACCOUNT else 0  # The venue's own are owed nothing.
    return Harmed(
        account=engine.names[harm.account],
        calls=harm.as_it_was.calls,
        calls_right=harm.as_it_should.calls,
        wrongly_called=harm.wrongly_called,
        liquidated=money(venue, harm.as_it_was.taken),
        liquidated_right=money(venue, harm.as_it_should.taken),
        wrongly_liquidated=harm.wrongly_taken,
        fees=money(venue, harm.as_it_was.fees),
        deleveraged=money(venue, harm.as_it_was.deleveraged),
        lost=money(venue, harm.lost),
        owed=coin_text(venue, worlds.coin, owed),
    )


def statement_shown(engine: Engine, compared: Compared) -> StatementShown:
    """Where a statement and the ledger of its moment differ, by account and asset."""
    found, statement = compared.found, compared.statement
    return StatementShown(
        sequence=engine.sequence,
        time_ms=engine.time_ms,
        source=statement.source,
        as_of_ms=statement.as_of_ms,
        after_event=compared.after_event,
        differing=len(found),
        beyond=sum(one.is_beyond for one in found),
        differences=[_differing(engine, one, statement.as_of_ms) for one in found[:SHOWN_MOST]],
        suspense=suspense_shown(engine, open_items(compared.history)),
    )


def _differing(engine: Engine, one: Difference, as_of_ms: int) -> Differing:
    return Differing(
        account=engine.names[one.account],
        asset=asset_name(engine.catalogue, one.asset)[0],
        ledger=_said(engine, one.asset, one.ours),
        statement=_said(engine, one.asset, one.theirs),
        difference=_said(engine, one.asset, one.quantity),
        tolerance=_said(engine, one.asset, one.tolerance),
        beyond=one.is_beyond,
        since_ms=one.since_ms,
        age_ms=as_of_ms - one.since_ms,
    )


def suspense_shown(engine: Engine, items: Sequence[Item]) -> SuspenseShown:
    """What stands in suspense, by account and asset."""
    return SuspenseShown(
        sequence=engine.sequence,
        time_ms=engine.time_ms,
        total=len(items),
        items=[
            InSuspense(
                account=engine.names[item.account],
                asset=asset_name(engine.catalogue, item.asset)[0],
                quantity=_said(engine, item.asset, item.quantity),
                since_ms=item.since_ms,
            )
            for item in items[:SHOWN_MOST]
        ],
    )


def moves_shown(engine: Engine, event: Corrected | Reconciled, offset: int) -> list[Moved]:
    """What an event would move, or post to suspense."""
    names = engine.names

    def rows() -> Iterable[Moved]:
        if isinstance(event, Corrected):
            for coin, payer, receiver, atoms in event.transfers[offset : offset + SHOWN_MOST]:
                yield _moved(engine, coin, names[payer], names[receiver], atoms)
        else:
            for account, asset, quantity, _ in event.posted[offset : offset + SHOWN_MOST]:
                yield _moved(engine, asset, SUSPENSE, names[account], quantity)

    return list(rows())


def _moved(engine: Engine, asset: int, payer: str, receiver: str, quantity: int) -> Moved:
    name = asset_name(engine.catalogue, asset)[0]
    said = _said(engine, asset, quantity)
    return Moved(payer=payer, receiver=receiver, asset=name, quantity=said)


def _said(engine: Engine, asset: int, quantity: int) -> str:
    return format_atoms(quantity, asset_name(engine.catalogue, asset)[1])
