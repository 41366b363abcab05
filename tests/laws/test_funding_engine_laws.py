"""What holds of funding by rule, whatever happens and in which order.

What longs pay is what shorts get, but for dust; each interval is paid once; events that say nothing
change no payment; a restored engine remembers every interval; without a rule nothing is other than
it was.
"""

from __future__ import annotations

import random
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.effect import FundingPaid, FundingUnpaid, Refused
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Funded,
    Listed,
    Opened,
    PremiumSeen,
    Priced,
    RulesChanged,
    Started,
    Traded,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import DUST, FIRST_ACCOUNT
from seawall.market import Instrument

RULES = """
format = 1
name = "funding-laws"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }, { id = "ETH", decimals = 8 },
]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
brackets.ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
BITCOIN = """
[funding.BTC]
rule = "towards_interest"
interval_hours = 2
"""
FUNDING = f"""{BITCOIN}
[funding.ETH]
rule = "velocity"
skew_scale = 50
velocity_max = 0.5
makers = ["maker"]
"""
ONE = 10**10
NOW = 1_767_225_600_000 + 1_234_567
HOUR = 3_600_000
USDC, BTC, ETH = range(3)
NAMES = ("a", "b", "maker")
seeds = st.integers(0, 2**32 - 1)
# Chain, state and fingerprint of one run, by the engine that had no such section.
GOLDEN = ("39a4071d51656cfa", "8d997ab4239632ec", "dc221aa9b7c45f6a")


def opened(funding: str = FUNDING) -> Engine:
    """Three accounts that never fall short, a linear perpetual on ether, an inverse on bitcoin."""
    contracts = (
        Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
                   inverse=True, lot=100 * ONE, tick=1),
        Instrument(id="ETH/USDC:USDC", type="perpetual", base="ETH", quote="USDC", settle="USDC",
                   lot=10**6, tick=1),
    )  # fmt: skip
    engine = Engine()
    for event in (
        Started(time_ms=NOW, rulebook=read(RULES + funding).canonical()),
        Listed(time_ms=NOW, instruments=contracts),
        Opened(time_ms=NOW, names=NAMES, methods=("cross",) * len(NAMES)),
        priced(NOW, 60_000, 3_000),
        *(Deposited(time_ms=NOW, account=FIRST_ACCOUNT + who, coin=coin, atoms=10**14)
          for who in range(len(NAMES)) for coin in (USDC, BTC)),
    ):  # fmt: skip
        assert engine.apply(event) == ()
    return engine


def priced(time_ms: int, bitcoin: int, ether: int) -> Priced:
    return Priced(time_ms=time_ms, price=((USDC, ONE), (BTC, bitcoin * ONE), (ETH, ether * ONE)),
                  mark=((0, bitcoin * ONE), (1, ether * ONE)))  # fmt: skip


def stream(dice: random.Random, longest_ms: int) -> list[Events]:
    """Trades, ticks, premiums, and every third event one that is refused."""
    events: list[Events] = []
    time_ms = NOW
    for _ in range(40):
        time_ms += dice.choice((0, 1, dice.randrange(longest_ms), longest_ms))
        buyer, seller = dice.sample(range(FIRST_ACCOUNT, FIRST_ACCOUNT + 3), 2)
        events.append(dice.choice((
            priced(time_ms, dice.randrange(59_000, 61_000), dice.randrange(2_900, 3_100)),
            PremiumSeen(time_ms=time_ms, instrument=0, premium=dice.randrange(-10**7, 10**7)),
            Traded(time_ms=time_ms, instrument=dice.randrange(2), buyer=buyer, seller=seller,
                   lots=dice.randrange(1, 99), price=dice.randrange(2_000, 70_000) * ONE),
        )))  # fmt: skip
        events.append(dice.choice((
            Traded(time_ms=time_ms + HOUR, instrument=9, buyer=buyer, seller=seller, lots=1,
                   price=ONE),
            PremiumSeen(time_ms=time_ms + 5 * HOUR, instrument=1, premium=1),
            Funded(time_ms=time_ms + 99 * HOUR, instrument=dice.randrange(2), rate=10**6),
            priced(time_ms, 60_000, 3_000),
        )))  # fmt: skip
    return events


def quotes(engine: Engine) -> list[list[int]]:
    """Balances of both cash legs. [contract, account]"""
    accounts = range(engine.ledger.accounts)
    return [
        [engine.ledger.balance(account, asset) for account in accounts]
        for asset in engine.catalogue.cash_asset
    ]


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_longs_pay_what_shorts_get_and_each_interval_is_paid_once(seed: int) -> None:
    engine = opened()
    ended: dict[int, int] = defaultdict(lambda: NOW)
    for event in stream(random.Random(seed), 7 * HOUR):
        before = quotes(engine)
        kept = engine.ledger.dump(), engine.snapshot, dict(engine.venue.intervals.open)
        effects = engine.apply(event)
        engine.check()
        if any(isinstance(effect, Refused) for effect in effects):
            assert (engine.ledger.dump(), engine.snapshot, engine.venue.intervals.open) == kept
        paid = [effect for effect in effects if isinstance(effect, FundingPaid)]
        assert not any(isinstance(effect, FundingUnpaid) for effect in effects)
        assert not paid or not any(isinstance(effect, Refused) for effect in effects)
        for one in paid:
            assert ended[one.instrument] + one.intervals * one.elapsed_ms == one.ended_ms
            assert one.ended_ms <= event.time_ms
            ended[one.instrument] = one.ended_ms
        for contract, (was, now) in enumerate(zip(before, quotes(engine), strict=True)):
            moved = [after - earlier for earlier, after in zip(was, now, strict=True)]
            assert sum(moved) == 0
            times = sum(one.intervals for one in paid if one.instrument == contract)
            assert 0 <= moved[DUST] <= times * (len(NAMES) - 1), "under an atom for each holder"
        for contract, hours in enumerate((2, 1)):
            gap_ms = engine.time_ms - ended[contract]
            assert gap_ms < hours * HOUR, "nothing that is over stays unpaid"


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_events_that_say_nothing_change_no_payment(seed: int) -> None:
    """Bitcoin's intervals may be missed altogether; ether's drift is asked within each of them."""
    for longest_ms, contract in ((9 * HOUR, 0), (HOUR // 3, 1)):
        events = stream(random.Random(seed), longest_ms)
        alone, among = opened(), opened()
        dice = random.Random(seed)
        for event in events:
            first_ms = among.time_ms
            is_refused = any(isinstance(effect, Refused) for effect in alone.apply(event))
            if not is_refused:
                for time_ms in sorted(dice.randint(first_ms, event.time_ms) for _ in range(3)):
                    among.apply(Elapsed(time_ms=time_ms))
            among.apply(event)
        assert quotes(alone)[contract] == quotes(among)[contract]


@given(seed=seeds, cut=st.integers(0, 79))
@settings(max_examples=8, deadline=None)
def test_a_restored_engine_goes_on_to_the_same_hash(seed: int, cut: int) -> None:
    engine = opened()
    events = stream(random.Random(seed), 3 * HOUR)
    for event in events[:cut]:
        engine.apply(event)
    other = Engine.restore(engine.dump())
    assert other.state_hash() == engine.state_hash()
    for event in events[cut:]:
        assert other.apply(event) == engine.apply(event)
    assert (other.state_hash(), other.dump()) == (engine.state_hash(), engine.dump())


@given(seed=seeds)
@settings(max_examples=5, deadline=None)
def test_rules_that_come_and_go_keep_every_atom(seed: int) -> None:
    dice = random.Random(seed)
    engine = opened()
    books = [read(RULES + extra).canonical() for extra in ("", FUNDING, BITCOIN)]
    for event in stream(dice, 3 * HOUR):
        if not dice.randrange(5):
            engine.apply(RulesChanged(time_ms=engine.time_ms, rulebook=dice.choice(books)))
        engine.apply(event)
        engine.check()
        ruled = [c for c in ("BTC", "ETH") if c in engine.rulebook.funding]
        assert len(engine.venue.intervals.open) == len(ruled)
        assert all(sum(row) == 0 for row in quotes(engine))


def test_without_a_rule_the_bits_are_those_of_before_there_was_one() -> None:
    """Chain and state as the release before this section gave them."""
    engine = opened("")
    for event in stream(random.Random(1), 5 * HOUR):
        if not isinstance(event, PremiumSeen):
            engine.apply(event)
    assert engine.venue.intervals.open == {}
    assert (engine.chain.hex()[:16], engine.state_hash()[:16], engine.fingerprint) == GOLDEN
