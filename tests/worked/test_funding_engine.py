"""Funding by the rules of a rulebook, worked by hand: 1,000 lots of 0.001 BTC at 60,000 dollars."""

from __future__ import annotations

import numpy as np
import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import FundingPaid, FundingUnpaid, Hindrance, Reason, Refused
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Funded,
    Listed,
    Loaded,
    Opened,
    PremiumSeen,
    Priced,
    RulesChanged,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import RulebookError, decode, read
from seawall.engine.state import FIRST_ACCOUNT, OUTSIDE
from seawall.market import Instrument

RULES = """
format = 1
name = "funding"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
EIGHT_HOURLY = 'funding.BTC = { rule = "towards_interest" }'
DYDX = """
[funding.BTC]
rule = "plus_default"
count_min = 60
interval_hours = 1
bound = 0.3
"""
VELOCITY = """
[funding.BTC]
rule = "velocity"
skew_scale = 1_000
velocity_max = 0.24
makers = ["bob"]
interval_hours = 12
"""
ONE = 10**10
MIDNIGHT = 1_767_225_600_000  # 1 January 2026, UTC.
MINUTE = 60_000
HOUR = 60 * MINUTE
USDC, BTC = range(2)
ALICE, BOB, CAROL = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 3)
DOLLAR = 10**6
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


def opened(funding: str, time_ms: int = MIDNIGHT, *, lots: int = 1_000) -> Engine:
    """Alice bought from bob at the mark."""
    engine = Engine()
    for event in (
        Started(time_ms=time_ms, rulebook=read(RULES + funding).canonical()),
        Listed(time_ms=time_ms, instruments=(PERPETUAL,)),
        Opened(time_ms=time_ms, names=("alice", "bob", "carol"), methods=("cross",) * 3),
        *(Deposited(time_ms=time_ms, account=who, coin=USDC, atoms=100_000 * DOLLAR)
          for who in (ALICE, BOB, CAROL)),
        priced(time_ms),
        traded(time_ms, ALICE, BOB, lots),
    ):  # fmt: skip
        assert engine.apply(event) == ()
    return engine


def priced(time_ms: int, dollars: int = 60_000) -> Priced:
    return Priced(time_ms=time_ms, price=((USDC, ONE), (BTC, dollars * ONE)),
                  mark=((0, dollars * ONE),))  # fmt: skip


def traded(time_ms: int, buyer: int, seller: int, lots: int) -> Traded:
    return Traded(time_ms=time_ms, instrument=0, buyer=buyer, seller=seller, lots=lots,
                  price=60_000 * ONE)  # fmt: skip


def sampled(engine: Engine, first_ms: int, premiums: list[int]) -> None:
    """One sample each five minutes, by impact prices around an index of 60,000."""
    for step, premium in enumerate(premiums):
        over = 60_000 * ONE * premium // 10**9
        bid, ask = (60_000 * ONE + over, 60_100 * ONE + over) if over > 0 else (
            59_900 * ONE + over, 60_000 * ONE + over)  # fmt: skip
        event = PremiumSeen(time_ms=first_ms + step * 5 * MINUTE, instrument=0, bid=bid, ask=ask,
                            index=60_000 * ONE)  # fmt: skip
        assert engine.apply(event) == ()


def paid(effects: tuple[object, ...]) -> list[FundingPaid]:
    return [effect for effect in effects if isinstance(effect, FundingPaid)]


def quote(engine: Engine, account: int) -> int:
    """The account's cash leg of the contract, atoms of USDC."""
    return engine.ledger.balance(account, engine.catalogue.cash_asset[0])


def received(engine: Engine, account: int) -> int:
    """Funding that an account got so far: what is in its quote beside 60 dollars for each lot."""
    lots = engine.ledger.balance(account, engine.catalogue.lot_asset[0])
    return quote(engine, account) + lots * 60 * DOLLAR


def test_five_minute_samples_and_a_clamp_make_the_rate_of_eight_hours() -> None:
    """96 samples of 0.08 % less 0.05 % are 0.03 %: of 60,000 dollars 18."""
    engine = opened(EIGHT_HOURLY)
    sampled(engine, MIDNIGHT, [800_000] * 96)
    assert engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR - 1)) == ()
    effects = engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR))
    assert effects == (
        FundingPaid(instrument=0, rate=300_000, accounts=2, notional=18 * ONE,
                    ended_ms=MIDNIGHT + 8 * HOUR, elapsed_ms=8 * HOUR, premium=800_000,
                    samples=96),
    )  # fmt: skip
    assert received(engine, ALICE) == -18 * DOLLAR
    assert received(engine, BOB) == 18 * DOLLAR
    assert engine.snapshot.funding == (300_000,)
    assert engine.snapshot.time_ms == MIDNIGHT, "no tick: the next one still ages options"
    assert engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR)) == (), "once"


@pytest.mark.parametrize(
    ("premiums", "dollars"),
    [
        ([800_000] * 48 + [-200_000] * 48, 6),  # Mean 0.03 %: within the clamp, 0.01 % interest.
        ([-900_000] * 96, -24),  # −0.09 % + 0.05 %: shorts pay.
        ([], 6),  # Nobody sampled: a mean of zero.
        ([600_000] * 96, 6),  # 0.06 %, the far end of the clamp: 0.06 % − 0.05 %.
    ],
)
def test_the_clamp_on_both_sides(premiums: list[int], dollars: int) -> None:
    engine = opened(EIGHT_HOURLY)
    sampled(engine, MIDNIGHT, premiums)
    engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR))
    assert received(engine, BOB) == dollars * DOLLAR


def test_a_sample_at_the_end_belongs_to_the_next_interval() -> None:
    engine = opened(EIGHT_HOURLY)
    event = PremiumSeen(time_ms=MIDNIGHT + 8 * HOUR, instrument=0, premium=10**7)
    assert [one.samples for one in paid(engine.apply(event))] == [0]
    (second,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + 16 * HOUR)))
    assert (second.samples, second.rate) == (1, 9_500_000)


def test_hourly_payments_of_a_rate_for_eight_hours() -> None:
    """dYdX: 30 of 60 samples of 0.12 % are 0.06 %, an eighth of it each hour: 4.50 dollars."""
    engine = opened(DYDX)
    for minute in range(30):
        engine.apply(PremiumSeen(time_ms=MIDNIGHT + minute * MINUTE, instrument=0,
                                 premium=1_200_000))  # fmt: skip
    (first,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + HOUR)))
    assert (first.premium, first.rate, first.samples) == (600_000, 75_000, 30)
    assert received(engine, BOB) == 4_500_000
    # A premium of 80 % meets the bound of 30 %: 3.75 % an hour.
    for minute in range(60):
        engine.apply(PremiumSeen(time_ms=MIDNIGHT + HOUR + minute * MINUTE, instrument=0,
                                 premium=800_000_000))  # fmt: skip
    (second,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + 2 * HOUR)))
    assert second.rate == 37_500_000


def test_a_rate_that_drifts_with_the_skew() -> None:
    """500 of 1,000 lots pull the rate of a day by 0.12 a day.

    12 hours: 0 → 0.06, on average 0.03 for half a day = 0.015 of 30,000 dollars. Then 6 hours on to
    0.09; half is sold, so 6 hours at a pull of 0.06 to 0.105: 0.075 ÷ 4 + 0.0975 ÷ 4 = 0.043125 of
    15,000 dollars.
    """
    engine = opened(VELOCITY, lots=500)
    (first,) = paid(engine.apply(priced(MIDNIGHT + 12 * HOUR)))
    assert (first.rate, first.daily_rate, first.skew) == (15_000_000, 60_000_000, 500)
    assert received(engine, ALICE) == -450 * DOLLAR
    assert engine.apply(traded(MIDNIGHT + 18 * HOUR, BOB, ALICE, 250)) == ()
    (second,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + 24 * HOUR)))
    assert (second.rate, second.daily_rate, second.skew) == (43_125_000, 105_000_000, 250)
    assert received(engine, ALICE) == -450 * DOLLAR - 646_875_000
    assert received(engine, BOB) == -received(engine, ALICE)


def test_between_users_alone_there_is_no_skew() -> None:
    engine = opened(VELOCITY.replace('"bob"', '"nobody"'))
    (only,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + 36 * HOUR)))
    assert (only.rate, only.skew, only.elapsed_ms) == (0, 0, 36 * HOUR)


def test_missed_intervals_are_paid_by_the_next_event_as_without_a_premium() -> None:
    """18 dollars for the sampled one; 0.01 % = 6 dollars for each of the two that nobody saw."""
    engine = opened(EIGHT_HOURLY)
    sampled(engine, MIDNIGHT, [800_000] * 96)
    effects = paid(engine.apply(priced(MIDNIGHT + 25 * HOUR, 61_000)))
    assert [(one.rate, one.intervals, one.samples) for one in effects] == [
        (300_000, 1, 96), (100_000, 2, 0),
    ]  # fmt: skip
    assert effects[1].ended_ms == MIDNIGHT + 24 * HOUR
    assert received(engine, BOB) == 30 * DOLLAR, "at the mark of before"


def test_who_held_at_the_end_pays_and_not_who_bought_after_it() -> None:
    engine = opened(EIGHT_HOURLY)
    effects = engine.apply(traded(MIDNIGHT + 8 * HOUR, CAROL, ALICE, 1_000))
    assert len(paid(effects)) == 1
    assert received(engine, ALICE) == -6 * DOLLAR
    assert received(engine, CAROL) == 0


def test_a_refused_event_pays_nothing_and_the_next_one_pays() -> None:
    engine = opened(EIGHT_HOURLY)
    sampled(engine, MIDNIGHT, [800_000] * 3)
    kept = engine.dump()
    sequence, chain = engine.sequence, engine.chain
    late = MIDNIGHT + 9 * HOUR
    (refused,) = engine.apply(traded(late, CAROL, ALICE, 0))
    assert isinstance(refused, Refused)
    with pytest.raises(RulebookError):
        engine.apply(RulesChanged(time_ms=late, rulebook="{}"))
    engine.sequence, engine.chain = sequence, chain
    assert engine.dump() == kept
    (only,) = paid(engine.apply(Elapsed(time_ms=late)))
    assert (only.samples, only.rate) == (3, 300_000)


def test_a_rule_that_begins_within_an_interval_pays_for_the_rest_of_it() -> None:
    """From two o'clock to eight: 6 ÷ 8 of 0.01 %, of 60,000 dollars 4.50."""
    engine = opened(EIGHT_HOURLY, MIDNIGHT + 2 * HOUR)
    (only,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR)))
    assert (only.rate, only.elapsed_ms) == (75_000, 6 * HOUR)
    assert received(engine, BOB) == 4_500_000


def test_a_change_of_rules_pays_what_has_come_up() -> None:
    """Four hours of 0.01 % are 3 dollars. Without a rule the driver's word counts again."""
    engine = opened(EIGHT_HOURLY)
    told = Funded(time_ms=MIDNIGHT + 4 * HOUR, instrument=0, rate=100_000)
    (refused,) = engine.apply(told)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FUNDING_BY_RULE
    without = RulesChanged(time_ms=MIDNIGHT + 4 * HOUR, rulebook=read(RULES).canonical())
    (partly,) = paid(engine.apply(without))
    assert (partly.rate, partly.ended_ms) == (50_000, MIDNIGHT + 4 * HOUR)
    assert received(engine, BOB) == 3 * DOLLAR
    engine.apply(told)
    assert received(engine, BOB) == 9 * DOLLAR
    assert engine.apply(Elapsed(time_ms=MIDNIGHT + 80 * HOUR)) == ()


def test_another_velocity_goes_on_from_the_same_rate() -> None:
    """0.06 after half a day; from there a pull of 0.06 for half a day more: 0.09."""
    engine = opened(VELOCITY, lots=500)
    slower = read(RULES + VELOCITY.replace("0.24", "0.12")).canonical()
    (first,) = paid(engine.apply(RulesChanged(time_ms=MIDNIGHT + 12 * HOUR, rulebook=slower)))
    (second,) = paid(engine.apply(Elapsed(time_ms=MIDNIGHT + 24 * HOUR)))
    assert (first.daily_rate, second.daily_rate) == (60_000_000, 90_000_000)


def test_without_a_mark_nothing_is_paid_and_that_is_said() -> None:
    engine = Engine()
    lot, cash = 2, 3
    rows = np.array([
        (ALICE, lot, 5), (ALICE, cash, -300 * DOLLAR), (ALICE, USDC, 10**9),
        (BOB, lot, -5), (BOB, cash, 300 * DOLLAR), (BOB, USDC, 10**9),
    ])  # fmt: skip
    account, asset, quantity = (
        column.astype(width).tobytes()
        for column, width in zip(rows.T, ("<i4", "<i4", "<i8"), strict=True)
    )
    for event in (
        Started(time_ms=MIDNIGHT, rulebook=read(RULES + EIGHT_HOURLY).canonical()),
        Listed(time_ms=MIDNIGHT, instruments=(PERPETUAL,)),
        Opened(time_ms=MIDNIGHT, names=("alice", "bob"), methods=("cross",) * 2),
        Loaded(time_ms=MIDNIGHT, account=account, asset=asset, quantity=quantity),
    ):
        assert engine.apply(event) == ()
    assert engine.ledger.balance(OUTSIDE, lot) == 0
    assert engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR)) == (
        FundingUnpaid(instrument=0, rate=100_000, reason=Hindrance.NO_MARK,
                      ended_ms=MIDNIGHT + 8 * HOUR),
    )  # fmt: skip
    engine.apply(priced(MIDNIGHT + 9 * HOUR))
    assert received(engine, ALICE) == 0, "nor later"


def test_a_premium_beyond_all_numbers_hinders_its_payment_and_nothing_else() -> None:
    engine = opened(EIGHT_HOURLY)
    engine.apply(PremiumSeen(time_ms=MIDNIGHT, instrument=0, premium=10**30))
    (effect,) = engine.apply(Elapsed(time_ms=MIDNIGHT + 8 * HOUR))
    assert isinstance(effect, FundingUnpaid)
    assert effect.reason is Hindrance.BALANCE_OVERFLOW
    assert received(engine, BOB) == 0
    assert Engine.restore(engine.dump()).state_hash() == engine.state_hash()


def test_whoever_cannot_pay_is_judged_in_the_event_that_paid() -> None:
    """Carol's 166 lots need 498 dollars; she has 1,000 and pays 9,960 × 9.95 % = 991.02."""
    engine = opened(EIGHT_HOURLY)
    cash = engine.ledger.balance(CAROL, USDC)
    events: tuple[Events, ...] = (
        traded(MIDNIGHT, CAROL, BOB, 166),
        PremiumSeen(time_ms=MIDNIGHT, instrument=0, premium=100_000_000),
    )
    engine.apply(Withdrawn(time_ms=MIDNIGHT, account=CAROL, coin=USDC,
                           atoms=cash - 1_000 * DOLLAR))  # fmt: skip
    for event in events:
        assert engine.apply(event) == ()
    other = Deposited(time_ms=MIDNIGHT + 8 * HOUR, account=BOB, coin=USDC, atoms=1)
    engine.apply(other)
    assert received(engine, CAROL) == -991_020_000
    assert engine.venue.status[CAROL] == State.LIQUIDATING


@pytest.mark.parametrize(
    ("funding", "fault"),
    [
        ('funding.SOL = { rule = "towards_interest" }',
         "coin SOL is not listed - at `$.funding.SOL`"),
        ('funding.BTC = { rule = "towards_interest", interval_hours = 0 }',
         "must be positive, not 0 - at `$.funding.BTC.interval_hours`"),
        ('funding.BTC = { rule = "plus_default", count_min = 0 }',
         "must be positive, not 0 - at `$.funding.BTC.count_min`"),
        ('funding.BTC = { rule = "towards_interest", clamp = 0.00000000001 }',
         "at `$.funding.BTC.clamp`"),
        ('funding.BTC = { rule = "velocity", skew_scale = 0, velocity_max = 1 }',
         "must be positive, not 0 - at `$.funding.BTC.skew_scale`"),
        ('funding.BTC = { rule = "velocity", skew_scale = 1, velocity_max = 1, '
         'makers = ["a", "a"] }',
         "a is named twice - at `$.funding.BTC.makers[1]`"),
    ],
)  # fmt: skip
def test_a_fault_of_the_rulebook_names_its_key(funding: str, fault: str) -> None:
    with pytest.raises(RulebookError) as error:
        read(RULES + funding)
    assert fault in str(error.value)


def test_rules_of_funding_are_read_back_as_they_were_written() -> None:
    for funding in (EIGHT_HOURLY, DYDX, VELOCITY):
        rulebook = read(RULES + funding)
        assert decode(rulebook.canonical()) == rulebook
        assert rulebook.fingerprint != read(RULES).fingerprint
