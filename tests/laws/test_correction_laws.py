"""Laws of hindsight over random windows: a bad tick, its liquidations, and everybody's amends."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.effect import OrderWanted
from seawall.engine.event import (
    Corrected,
    Deposited,
    Event,
    Filled,
    Funded,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.repair.correction import Fix, Fixes, compare, settle
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT, OUTSIDE
from seawall.market import Instrument
from seawall.money import RATIO_ONE

RULES = """
format = 1
name = "hindsight"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
operators = ["ada", "grace"]
margin.isolated = { method = "tiered", brackets.BTC = [
  { above = 0, initial = 0.10, maintenance = 0.05 },
] }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }
fees = { taker_ratio = 0.0005 }
"""
ONE = 10**10
PEG = 9_997 * 10**6  # A dollar coin a little under a dollar.
START_MS = 1_767_225_600_000
USERS = 6
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
    tick=ONE // 10,
)  # fmt: skip


def history(seed: int, bad: int) -> tuple[list[Event], int]:
    """Events of a venue with fills, and how many there are before the bad tick."""
    dice = random.Random(seed)
    engine = Engine()
    events: list[Event] = []
    time_ms = START_MS

    def send(event: Event) -> None:
        effects = engine.apply(event)
        events.append(event)
        for effect in effects:
            if isinstance(effect, OrderWanted):
                lots = dice.choice((0, abs(effect.lots) // 2, abs(effect.lots)))
                send(Filled(time_ms=time_ms, order=effect.order, lots=lots, price=effect.limit))

    def tick(price: int) -> None:
        atoms = price * ONE + 7_777_777  # A lot is worth no whole number of cents.
        send(
            Priced(time_ms=time_ms, price=((0, PEG), (1, atoms)), mark=((0, atoms),),
                   depth=((0, 300, 300),))
        )  # fmt: skip

    send(Started(time_ms=time_ms, rulebook=read(RULES).canonical()))
    send(Listed(time_ms=time_ms, instruments=(PERPETUAL,)))
    names = tuple(f"user{n}" for n in range(USERS))
    send(Opened(time_ms=time_ms, names=names, methods=("isolated",) * USERS))
    tick(60_000)
    for account in range(FIRST_ACCOUNT, FIRST_ACCOUNT + USERS):
        atoms = dice.randrange(500, 5_000) * 10**6
        send(Deposited(time_ms=time_ms, account=account, coin=0, atoms=atoms))
    for _ in range(12):
        buyer, seller = dice.sample(range(FIRST_ACCOUNT, FIRST_ACCOUNT + USERS), 2)
        send(
            Traded(time_ms=time_ms, instrument=0, buyer=buyer, seller=seller,
                   lots=dice.randrange(1, 120), price=60_000 * ONE)
        )  # fmt: skip
    before = len(events)
    for price in (bad, 60_000, 59_500):
        time_ms += 1000
        tick(price)
        send(Funded(time_ms=time_ms, instrument=0, rate=dice.randrange(-(10**6), 10**6)))
        account = dice.randrange(FIRST_ACCOUNT, FIRST_ACCOUNT + USERS)
        send(Withdrawn(time_ms=time_ms, account=account, coin=0, atoms=dice.randrange(1, 10**9)))
    return events, before


def replayed(events: list[Event]) -> Engine:
    engine = Engine()
    for event in events:
        engine.apply(event)
    return engine


bad_ticks = st.one_of(st.integers(30_000, 59_000), st.integers(61_000, 95_000))


@settings(max_examples=25)
@given(st.integers(0, 10**6), bad_ticks)
def test_the_same_prices_change_nothing(seed: int, bad: int) -> None:
    events, before = history(seed, bad)
    fixes = Fixes({0: Fix(), 1: Fix(factor=RATIO_ONE)}, {0: Fix()})
    found = compare(replayed(events[:before]), events[before:], fixes)
    assert (found.harms, found.unanswered, found.forced) == ((), 0, 0)


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    bad_ticks,
    st.permutations(["insurance_fund", "gainers", "fees"]),
    st.booleans(),
)
def test_what_is_paid_is_what_is_owed_and_nobody_gains_from_a_gain(
    seed: int, bad: int, payers: list[str], is_generous: bool
) -> None:
    events, before = history(seed, bad)
    fix = Fix(at={before + 1: 60_000 * ONE})
    now = replayed(events)
    found = compare(replayed(events[:before]), events[before:], Fixes({1: fix}, {0: fix}))
    assert sum(harm.lost for harm in found.harms) == 0
    made = settle(found, now, [*payers, "outside"] if is_generous else payers)
    owed = {harm.account: harm.owed for harm in found.victims}
    assert sum(made.paid.values()) + made.unpaid == sum(owed.values())
    assert made.unpaid == 0 or not is_generous
    assert sum(atoms for *_, atoms in made.transfers) == sum(made.paid.values())
    for harm in found.harms:
        got = sum(atoms for _, _, to, atoms in made.transfers if to == harm.account)
        assert got <= owed.get(harm.account, 0)
        assert harm.lost <= owed.get(harm.account, 0) * found.value or harm.account < FIRST_ACCOUNT
        if harm.account >= FIRST_ACCOUNT:  # A gainer gives back no more than the gain.
            assert made.paid.get(harm.account, 0) * found.value <= max(0, -harm.lost)
    if not made.transfers:
        return
    held = {payer: now.ledger.balance(payer, 0) for payer in made.paid}
    corrected = Corrected(
        time_ms=now.time_ms, first_sequence=found.first_sequence,
        last_sequence=found.last_sequence, transfers=made.transfers, first="ada", second="grace",
        reason="bad tick",
    )  # fmt: skip
    effects = now.apply(corrected)
    now.check()  # Every asset sums to zero.
    assert [type(effect).__name__ for effect in effects[: len(made.transfers)]] == [
        "Compensated"
    ] * len(made.transfers)
    assert all(held[payer] >= atoms for payer, atoms in made.paid.items() if payer != OUTSIDE)
