"""The rows beside the journal say what the effects said, event by event and in all.

Prices, deposits, trades and fills come at random to five accounts; what the keeper wrote is then
held against the effects that the primary told.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from seawall.engine.effect import (
    Deleveraged,
    Effect,
    FundPaid,
    Liquidated,
    LossShared,
    State,
    StateChanged,
)
from seawall.engine.event import Deposited, Event, Filled, Listed, Opened, Priced, Started, Traded
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Answer, Primary
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument
from seawall.service.beside import timeline
from seawall.service.guarding.store import Store

RULES = """
format = 1
name = "timeline"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [
  { above = 0, initial = 0.1, maintenance = 0.05 },
] }
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
ONE = 10**10  # A dollar of a price.
ACCOUNTS = ("a", "b", "c", "d", "e")
EVERYTHING = 2**53


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A journal and the tables beside it."""
    where = f"sqlite:///{tmp_path / 'venue.db'}"
    if request.param == "postgresql":
        where = str(request.getfixturevalue("postgresql_schema"))
    Journal.create(where, {}).close()
    Store(where).close()
    return where


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_the_effects_of_each_account_and_sums_those_of_all(where: str, seed: int) -> None:
    dice = random.Random(seed)
    primary = Primary.open(where)
    primary.beside = timeline.Keeper(primary.engine)
    answers = list(_lived(primary, dice))
    if dice.random() < 0.5:  # A restart in the middle changes no sum.
        primary.close()
        primary = Primary.open(where)
        primary.beside = timeline.Keeper(primary.engine)
    answers += list(_days(primary, dice))
    names = primary.engine.names
    store = Store(where)
    try:
        for number in range(len(names)):
            _hold(store, number, answers)
        stages = store.ask(timeline.read_stages)
    finally:
        store.close()
        primary.close()
    effects = [effect for answer, _ in answers for effect in answer.effects]
    assert stages["book"] == sum(e.notional for e in effects if isinstance(e, Liquidated))
    assert stages["fees"] == sum(e.fee for e in effects if isinstance(e, Liquidated))
    assert stages["funds"] == sum(e.atoms for e in effects if isinstance(e, FundPaid))
    assert stages["shared"] == sum(e.atoms for e in effects if isinstance(e, LossShared))
    assert stages["deleveraged"] == sum(e.notional for e in effects if isinstance(e, Deleveraged))
    started = [e for e in effects if isinstance(e, StateChanged) and e.after is State.LIQUIDATING]
    assert stages["liquidations"] == len(started) > 0


def _hold(store: Store, number: int, answers: list[tuple[Answer, Event]]) -> None:
    """Compare the rows of one account with every effect that names it."""

    def kept(connection: Connection) -> list[timeline.Moment]:
        return timeline.of_account(connection, number, EVERYTHING, EVERYTHING)

    found = {one.sequence: one for one in store.ask(kept)}
    expected = {}
    for answer, event in answers:
        mine = tuple(effect for effect in answer.effects if number in _parties(effect))
        named = number in _parties(event)
        if mine or named:
            expected[answer.sequence] = (mine, event if named else None)
    assert {at: (one.effects, one.own) for at, one in found.items()} == expected


def _parties(told: Event | Effect) -> set[int]:
    keys = ("account", "buyer", "seller", "counterparty", "taker", "backstop", "payer")
    return {getattr(told, key, -1) for key in keys} - {-1}


def _lived(primary: Primary, dice: random.Random) -> Iterator[tuple[Answer, Event]]:
    """A venue with money in it."""
    contract = Instrument(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
        lot=10**5, tick=10**9,
    )  # fmt: skip
    depth = ((0, 10**6, 10**6),)
    yield from _told(primary, Started(time_ms=1, rulebook=read(RULES).canonical()))
    yield from _told(primary, Listed(time_ms=1, instruments=(contract,)))
    yield from _told(primary, Opened(time_ms=1, names=ACCOUNTS, methods=("cross",) * 5))
    price = ((0, ONE), (1, 60_000 * ONE))
    yield from _told(
        primary, Priced(time_ms=1, price=price, mark=((0, 60_000 * ONE),), depth=depth)
    )
    for name in ACCOUNTS:
        account, atoms = primary.engine.account(name), dice.randint(500, 3000) * 10**6
        yield from _told(primary, Deposited(time_ms=1, account=account, coin=0, atoms=atoms))
    yield from _days(primary, dice)


def _days(primary: Primary, dice: random.Random) -> Iterator[tuple[Answer, Event]]:
    engine = primary.engine
    users = [engine.account(name) for name in ACCOUNTS]
    for _ in range(40):
        now = engine.time_ms + 1000
        price = engine.snapshot.price[1]
        what = dice.random()
        if what < 0.4:
            price = max(price * dice.randint(88, 112) // 100 // 10**9 * 10**9, 10**9)
            told: Event = Priced(
                time_ms=now, price=((1, price),), mark=((0, price),), depth=((0, 10**6, 10**6),)
            )
        elif what < 0.8:
            buyer, seller = dice.sample(users, 2)
            lots = dice.randint(1, 200)
            told = Traded(
                time_ms=now, instrument=0, buyer=buyer, seller=seller, lots=lots, price=price
            )
        else:
            atoms = dice.randint(0, 500) * 10**6
            told = Deposited(time_ms=now, account=dice.choice(users), coin=0, atoms=atoms)
        yield from _told(primary, told)
        for order, wanted in list(engine.venue.orders.items()):
            filled = dice.randint(0, abs(wanted.lots))
            yield from _told(
                primary,
                Filled(time_ms=now, order=order, lots=filled, price=engine.snapshot.mark[0]),
            )


def _told(primary: Primary, event: Event) -> Iterator[tuple[Answer, Event]]:
    yield primary.submit(event), event
