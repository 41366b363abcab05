"""Thousands of random events through the real engine, checked after each one.

A workload makes events, an auditor says what must hold after every one of them. The seed is in the
test's name and in every failure, so that a failure can be run again.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from seawall.engine import Engine, State
from seawall.engine.codec import decode_event, encode_event
from seawall.engine.effect import Deleveraged, Effects, Liquidated, OrderWanted, Refused
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Funded,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import load
from seawall.engine.state import FIRST_ACCOUNT, INSURANCE_FUND
from seawall.market import Instrument
from seawall.money import RATIO_ONE

RULES = Path(__file__).parents[2] / "rules" / "example.toml"
ONE = 10**10  # Price atoms in one dollar.
START_MS = 1_722_729_600_000  # 2024-08-04 00:00 UTC.
USDC, BTC, ETH = range(3)


def perpetual(base: str, lot: int, tick: int) -> Instrument:
    return Instrument(
        id=f"{base}/USDC:USDC", type="perpetual", base=base, quote="USDC", settle="USDC",
        lot=lot, tick=tick,
    )  # fmt: skip


INSTRUMENTS = (
    Instrument(id="BTC/USDC", type="spot", base="BTC", quote="USDC", settle="USDC",
               lot=1000, tick=ONE // 100),
    Instrument(id="ETH/USDC", type="spot", base="ETH", quote="USDC", settle="USDC",
               lot=10_000, tick=ONE // 100),
    perpetual("BTC", 10**5, ONE // 10),
    perpetual("ETH", 10**6, ONE // 100),
    Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
               lot=100 * ONE, tick=ONE // 10, inverse=True),
)  # fmt: skip


class World:
    """A venue, a random workload and an auditor."""

    def __init__(self, seed: int, accounts: int = 24) -> None:
        self.dice = random.Random(seed)
        self.engine = Engine()
        self.events: list[bytes] = []
        self.time_ms = START_MS
        self.price = {USDC: ONE, BTC: 60_000 * ONE, ETH: 2_900 * ONE}
        self.accounts = range(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts)
        rulebook = load(RULES)
        methods = [self.dice.choice(rulebook.method_names) for _ in self.accounts]
        self.send(Started(time_ms=self.time_ms, rulebook=rulebook.canonical()))
        self.send(Listed(time_ms=self.time_ms, instruments=INSTRUMENTS))
        names = tuple(f"account-{a}" for a in self.accounts)
        self.send(Opened(time_ms=self.time_ms, names=names, methods=tuple(methods)))
        self.instrument = {
            terms.id: number for number, terms in enumerate(self.engine.catalogue.instruments)
        }
        self.contracts = [self.instrument[i.id] for i in INSTRUMENTS if i.type == "perpetual"]
        for coin in (USDC, BTC) if seed % 3 else ():  # Every third world has no fund.
            fund = Deposited(time_ms=self.time_ms, account=INSURANCE_FUND, coin=coin, atoms=10**8)
            self.send(fund)
        self.send(self.tick(0))
        for account in self.accounts:
            self.send(self.deposit(account, self.dice.randint(10**9, 10**11)))

    # -- events ----------------------------------------------------------------------------------

    def tick(self, size: float) -> Priced:
        for coin in (BTC, ETH):
            step = int(RATIO_ONE * self.dice.gauss(0, size))
            moved = self.price[coin] * (RATIO_ONE + step) // RATIO_ONE
            self.price[coin] = max(100 * ONE, moved // (ONE // 100) * (ONE // 100))
        depth = tuple(
            (number, self.dice.randint(0, 5000), self.dice.randint(0, 5000))
            for number in self.instrument.values()
        )
        return Priced(time_ms=self.time_ms, price=tuple(self.price.items()), mark=self.marks(),
                      depth=depth)  # fmt: skip

    def marks(self) -> tuple[tuple[int, int], ...]:
        coin = {"BTC": BTC, "ETH": ETH}
        return tuple(
            (number, self.price[coin[self.engine.catalogue.instruments[number].base]])
            for number in self.contracts
        )

    def deposit(self, account: int, atoms: int) -> Deposited:
        return Deposited(time_ms=self.time_ms, account=account, coin=USDC, atoms=atoms)

    def trade(self) -> Traded:
        number = self.dice.choice(self.contracts)
        terms = self.engine.catalogue.instruments[number]
        coin = {"BTC": BTC, "ETH": ETH}[terms.base]
        near = self.price[coin] * self.dice.randint(990, 1010) // 1000
        buyer, seller = self.dice.sample(list(self.accounts), 2)
        return Traded(
            time_ms=self.time_ms, instrument=number, buyer=buyer, seller=seller,
            lots=self.dice.randint(1, 20_000), price=near // terms.tick * terms.tick,
        )  # fmt: skip

    def next_event(self) -> Events:
        self.time_ms += self.dice.randint(0, 60_000)
        account = self.dice.choice(list(self.accounts))
        kind = self.dice.choices(
            ["trade", "tick", "crash", "fund", "deposit", "coin", "withdraw"],
            [50, 30, 4, 3, 4, 4, 5],
        )[0]
        if kind == "trade":
            return self.trade()
        if kind in ("tick", "crash"):
            return self.tick(0.004 if kind == "tick" else 0.2)
        if kind == "fund":
            rate = self.dice.randint(-(10**6), 10**6)
            return Funded(time_ms=self.time_ms, instrument=self.contracts[0], rate=rate)
        if kind == "deposit":
            return self.deposit(account, self.dice.randint(1, 10**10))
        if kind == "coin":
            coin, atoms = self.dice.choice([(BTC, 10**7), (ETH, 10**9)])
            return Deposited(time_ms=self.time_ms, account=account, coin=coin, atoms=atoms)
        return Withdrawn(
            time_ms=self.time_ms, account=account, coin=USDC, atoms=self.dice.randint(1, 10**10)
        )

    # -- the door and the auditor ----------------------------------------------------------------

    def send(self, event: Events) -> None:
        wanted = self.apply(event)
        for _ in range(200):
            if not wanted:
                return
            wanted = [w for order in wanted for w in self.apply(self.answer(order))]
        raise AssertionError("orders without end")

    def answer(self, order: OrderWanted) -> Filled:
        share = self.dice.choice([0, 1, 1, 1, 2])
        lots = abs(order.lots) * share // 2
        return Filled(time_ms=self.time_ms, order=order.order, lots=min(lots, abs(order.lots)),
                      price=order.limit)  # fmt: skip

    def apply(self, event: Events) -> list[OrderWanted]:
        encoded = encode_event(event)
        assert decode_event(encoded) == event
        self.events.append(encoded)
        effects = self.engine.apply(event)
        self.audit(event, effects)
        return [effect for effect in effects if isinstance(effect, OrderWanted)]

    def audit(self, event: Events, effects: tuple[Effects, ...]) -> None:
        engine = self.engine
        engine.check()
        if not engine.venue.tables.ready:
            return
        venue = engine.venue
        for account in self.accounts:
            state = venue.status[account]
            if state > State.WARNED or not isinstance(event, Priced):
                continue
            verdict = venue.judge(account)
            assert verdict.margin_equity >= verdict.maintenance, "a breach was missed"
        for effect in effects:
            if isinstance(effect, Liquidated):
                assert venue.status[effect.account] != State.WARNED
            if isinstance(effect, Deleveraged):
                assert effect.account != effect.counterparty


def run(world: World, steps: int) -> str:
    for _ in range(steps):
        world.send(world.next_event())
    return world.engine.state_hash()


@pytest.mark.parametrize("seed", range(12))
def test_random_worlds_keep_their_books(seed: int) -> None:
    run(World(seed), 250)


def test_the_same_seed_gives_the_same_hash() -> None:
    assert run(World(77), 150) == run(World(77), 150)
    assert run(World(77), 150) != run(World(78), 150)


def test_a_restored_engine_goes_on_to_the_same_hash() -> None:
    world = World(5)
    run(world, 200)
    middle = len(world.events) // 2
    engine = Engine()
    for encoded in world.events[:middle]:
        engine.apply(decode_event(encoded))
    restored = Engine.restore(engine.dump())
    assert restored.state_hash() == engine.state_hash()
    for encoded in world.events[middle:]:
        restored.apply(decode_event(encoded))
    assert restored.state_hash() == world.engine.state_hash()
    assert restored.chain == world.engine.chain


def test_the_workload_reaches_every_stage() -> None:
    """A simulation that never liquidates proves nothing about liquidation."""
    seen: set[str] = set()
    for seed in range(12):
        world = World(seed)
        original = world.engine.apply

        def listen(event: Events, original=original) -> tuple[Effects, ...]:  # type: ignore[no-untyped-def]
            effects = original(event)
            seen.update(type(effect).__name__ for effect in effects)
            return effects

        world.engine.apply = listen  # type: ignore[method-assign]
        run(world, 250)
    wanted = {
        "Refused", "StateChanged", "Called", "OrderWanted", "Liquidated", "FundPaid",
        "Deleveraged", "LossShared", "FundingPaid",
    }  # fmt: skip
    assert wanted <= seen, wanted - seen


def test_canary_a_lost_atom_is_noticed() -> None:
    """The checkers fail when the code is broken on purpose."""
    world = World(3)
    ledger = world.engine.ledger
    regions = ledger._regions
    first = next(a for a in world.accounts if ledger.rows(a))
    asset, atoms = ledger.rows(first)[0]
    regions.put(first, asset, atoms - 1)
    with pytest.raises(AssertionError):
        world.engine.check()


def test_canary_a_blind_screen_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the screen vouched for everybody, the auditor would find a breach."""
    monkeypatch.setattr("seawall.engine.engine.suspects", lambda venue: [])

    def run_blind() -> None:
        for seed in range(12):
            run(World(seed), 250)

    with pytest.raises(AssertionError, match="a breach was missed"):
        run_blind()


def test_a_refused_event_changes_nothing_but_the_chain() -> None:
    world = World(9)
    before = world.engine.venue.ledger.state_hash()
    effects = world.engine.apply(
        Withdrawn(time_ms=world.time_ms, account=FIRST_ACCOUNT, coin=USDC, atoms=10**15)
    )
    assert isinstance(effects[0], Refused)
    assert world.engine.venue.ledger.state_hash() == before
