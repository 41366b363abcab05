"""Calls by arithmetic: who is called for what, in which coin, until when, and how a call ends.

Initial margin 10 %, maintenance 5 %. `alice` has 1,000 dollars and is long 100 lots of 0.001 BTC at
60,000, so at a price of P dollars her equity is 0.1 × P − 5,000 and she is called below 52,631.58.
At 52,000: equity 200, maintenance 260, initial 520: a call for 320 dollars. Bitcoin counts for 90 %
of its price: a satoshi is 0.000468 dollars there.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Called,
    CallReduced,
    CallWithdrawn,
    Effects,
    OrderWanted,
    StateChanged,
    Transition,
)
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Filled,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.market import Instrument

RULES = """
format = 1
name = "calls"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }

[[coins]]
id = "USDC"
decimals = 6

[[coins]]
id = "BTC"
decimals = 8
COLLATERAL

[[coins]]
id = "ETH" # Held, but no collateral.
decimals = 8
haircut = 1

[margin.desk]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.10, maintenance = 0.05 }]

[call]
close_out_ratio = 0.5
grace_ms = { desk = 300_000 }
CALL

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
ONE = 10**10
USDC, BTC, ETH = range(3)
START_MS = 1_767_225_600_000
ALICE, BOB = FIRST_ACCOUNT, FIRST_ACCOUNT + 1
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
    lot=10**5, tick=ONE // 10,
)  # fmt: skip


def dollars(text: str | int) -> int:
    return int(Decimal(text) * ONE)


class Desk:
    """Alice and bob, and the time that passes."""

    def __init__(self, call: str = "", collateral: str = "haircut = 0.1") -> None:
        rules = RULES.replace("CALL\n", call + "\n").replace("COLLATERAL", collateral)
        self.engine, self.time_ms = Engine(), START_MS
        for event in (
            Started(time_ms=START_MS, rulebook=read(rules).canonical()),
            Listed(time_ms=START_MS, instruments=(PERPETUAL,)),
            Opened(time_ms=START_MS, names=("alice", "bob"), methods=("desk", "desk")),
        ):
            assert self.engine.apply(event) == ()
        self.tick(60_000)
        self.deposit(1_000 * 10**6)
        self.deposit(100_000 * 10**6, account=BOB)
        self.send(Traded(time_ms=START_MS, instrument=0, buyer=ALICE, seller=BOB, lots=100,
                         price=dollars(60_000)))  # fmt: skip

    def send(self, event: Events) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.engine.check()
        return effects

    def tick(self, price: int | str, later_ms: int = 0) -> tuple[Effects, ...]:
        self.time_ms += later_ms
        return self.send(
            Priced(time_ms=self.time_ms, price=((USDC, ONE), (BTC, dollars(price)), (ETH, ONE)),
                   mark=((0, dollars(price)),), depth=((0, 10_000, 10_000),))
        )  # fmt: skip

    def elapse(self, later_ms: int) -> tuple[Effects, ...]:
        self.time_ms += later_ms
        return self.send(Elapsed(time_ms=self.time_ms))

    def deposit(self, atoms: int, coin: int = USDC, account: int = ALICE) -> tuple[Effects, ...]:
        return self.send(Deposited(time_ms=self.time_ms, account=account, coin=coin, atoms=atoms))

    @property
    def state(self) -> State:
        return State(int(self.engine.venue.status[ALICE]))


def changes(effects: Iterable[Effects]) -> list[tuple[State, State, Transition | None]]:
    return [(one.before, one.after, one.reason) for one in effects if isinstance(one, StateChanged)]


def called_desk(call: str = "", collateral: str = "haircut = 0.1") -> tuple[Desk, Called]:
    desk = Desk(call, collateral)
    changed, called = desk.tick(52_000, later_ms=1_000)
    assert isinstance(changed, StateChanged)
    assert isinstance(called, Called)
    return desk, called


def test_a_call_names_its_reason_its_prices_and_what_restores_the_margin_in_each_coin() -> None:
    desk = Desk()
    changed, called = desk.tick(52_000, later_ms=1_000)
    assert changed == StateChanged(
        account=ALICE, before=State.HEALTHY, after=State.CALLED, equity=dollars(200),
        margin_equity=dollars(200), initial=dollars(520), maintenance=dollars(260),
        reason=Transition.BREACHED, method="desk", snapshot=desk.engine.snapshot.sequence,
    )  # fmt: skip
    # 320 ÷ 0.000468 = 683,760.7 satoshi. Ether counts for nothing, so it is not named.
    assert called == Called(
        account=ALICE, amount=dollars(320), deadline_ms=START_MS + 301_000, number=1, level=0,
        in_coins=((USDC, 320 * 10**6), (BTC, 683_761)),
    )  # fmt: skip


def test_one_satoshi_less_than_the_call_leaves_the_call_standing_for_the_rest() -> None:
    desk, _ = called_desk()
    (reduced,) = desk.deposit(683_760, BTC)
    # 320 − 683,760 × 0.000468 = 0.00032 dollars, and one satoshi more is worth that much.
    assert reduced == CallReduced(
        account=ALICE, amount=dollars("0.00032"), deadline_ms=START_MS + 301_000, number=1,
        in_coins=((USDC, 320), (BTC, 1)),
    )  # fmt: skip
    met = desk.deposit(1, BTC)
    assert changes(met) == [(State.CALLED, State.HEALTHY, Transition.TOPPED_UP)]
    assert len(met) == 1


def test_two_partial_payments_meet_a_call() -> None:
    desk, _ = called_desk()
    (first,) = desk.deposit(100 * 10**6)
    assert (first.amount, first.in_coins[0]) == (dollars(220), (USDC, 220 * 10**6))
    # At 51,500 with the 100: equity 250, initial 515, so 265 are missing now.
    assert desk.tick(51_500, later_ms=1_000) == ()
    (second,) = desk.deposit(60 * 10**6)
    assert second.amount == dollars(205)
    assert changes(desk.deposit(205 * 10**6)) == [
        (State.CALLED, State.HEALTHY, Transition.TOPPED_UP)
    ]


def test_a_coin_that_counts_by_its_size_is_asked_for_until_it_covers_the_call() -> None:
    """90 % of the first 200 dollars are 180; the other 140 take 280 dollars at 50 %.

    480 dollars ÷ 52,000 = 923,076.9 satoshi.
    """
    tiers = "[{ above = 0, haircut = 0.1 }, { above = 200, haircut = 0.5 }]"
    desk, called = called_desk(collateral=f'collateral = [{{ rule = "by_size", tiers = {tiers} }}]')
    assert called.in_coins == ((USDC, 320 * 10**6), (BTC, 923_077))
    desk.deposit(923_076, BTC)
    assert desk.state is State.CALLED
    desk.deposit(1, BTC)
    assert desk.state is State.HEALTHY


def test_a_coin_that_is_capped_below_the_call_is_not_named() -> None:
    _, called = called_desk(collateral='collateral = [{ rule = "capped", most = 300 }]')
    assert called.in_coins == ((USDC, 320 * 10**6),)


def test_the_market_comes_back_and_the_call_is_withdrawn() -> None:
    # 0.1 × P − 5,000 = 0.01 × P at 55,555.56.
    desk, _ = called_desk()
    assert desk.tick(55_555, later_ms=1_000) == ()
    effects = desk.tick(55_556, later_ms=1_000)
    assert changes(effects) == [(State.CALLED, State.HEALTHY, Transition.MARKET_CAME_BACK)]
    assert effects[-1] == CallWithdrawn(account=ALICE, number=1)


def test_time_alone_ends_the_grace() -> None:
    desk, _ = called_desk()
    assert desk.elapse(299_999) == ()
    changed, wanted = desk.elapse(1)
    assert changes([changed]) == [(State.CALLED, State.LIQUIDATING, Transition.DEADLINE_PASSED)]
    assert isinstance(wanted, OrderWanted)
    assert wanted.lots == -73  # 320 ÷ (5.20 − 0.78) = 72.4.
    restored = desk.send(
        Filled(time_ms=desk.time_ms, order=wanted.order, lots=73, price=dollars(52_000))
    )
    assert changes(restored) == [(State.LIQUIDATING, State.HEALTHY, Transition.RESTORED)]


def test_the_close_out_level_cuts_the_grace_short() -> None:
    # Half of maintenance, 0.0025 × P, is reached at 5,000 ÷ 0.0975 = 51,282.05.
    desk, _ = called_desk()
    assert desk.tick(51_283, later_ms=1) == ()
    effects = desk.tick(51_282, later_ms=1)
    assert changes(effects) == [(State.CALLED, State.LIQUIDATING, Transition.BELOW_CLOSE_OUT)]


def test_a_call_that_is_no_longer_breached_at_its_deadline_lapses_to_a_warning() -> None:
    desk, _ = called_desk()
    desk.tick(53_000, later_ms=1)  # Equity 300 ≥ 265, and below 530.
    effects = desk.elapse(300_000)
    assert changes(effects) == [(State.CALLED, State.WARNED, Transition.LAPSED)]
    # At 54,000: equity 400 ≥ 1.2 × 270.
    assert changes(desk.tick(54_000)) == [(State.WARNED, State.HEALTHY, Transition.CLEARED)]


def test_who_is_called_again_soon_has_less_time_each_time() -> None:
    desk, first = called_desk("again_within_ms = 600_000\nagain_grace_ratio = 0.5")
    assert (first.number, first.level) == (1, 0)
    desk.tick(56_000, later_ms=100_000)
    _, second = desk.tick(52_000, later_ms=500_000)  # 600 seconds after the first.
    assert (second.number, second.level) == (2, 1)
    assert second.deadline_ms == desk.time_ms + 150_000
    desk.tick(56_000, later_ms=1)
    _, third = desk.tick(52_000, later_ms=1)
    assert (third.number, third.level, third.deadline_ms) == (3, 2, desk.time_ms + 75_000)
    desk.tick(56_000, later_ms=1)
    _, fourth = desk.tick(52_000, later_ms=600_000)  # 600.001 seconds after the third.
    assert (fourth.number, fourth.level) == (4, 0)
    assert fourth.deadline_ms == desk.time_ms + 300_000


def test_a_repeated_call_may_have_no_time_at_all() -> None:
    desk, _ = called_desk("again_within_ms = 600_000\nagain_grace_ratio = 0")
    desk.tick(56_000, later_ms=1)
    changed, called, wanted = desk.tick(52_000, later_ms=1)
    assert changes([changed]) == [(State.HEALTHY, State.LIQUIDATING, Transition.BREACHED)]
    assert (called.number, called.deadline_ms, called.in_coins) == (2, desk.time_ms, ())
    assert isinstance(wanted, OrderWanted)


def test_a_call_that_nobody_answers_is_told_again_one_level_higher() -> None:
    desk, first = called_desk("escalate_after_ms = 100_000")
    assert desk.elapse(99_999) == ()
    (second,) = desk.elapse(1)
    assert second == Called(
        account=ALICE, amount=dollars(320), deadline_ms=first.deadline_ms, number=1, level=1,
        in_coins=first.in_coins,
    )  # fmt: skip
    assert desk.elapse(99_999) == ()
    # At 51,800 equity is 180 and initial 518. The deadline does not move.
    (third,) = desk.tick(51_800, later_ms=1)
    assert (third.level, third.amount) == (2, dollars(338))
    assert third.deadline_ms == first.deadline_ms


def test_a_closed_account_lives_again_with_a_deposit() -> None:
    desk, _ = called_desk()
    _, wanted = desk.tick(50_500, later_ms=300_000)
    filled = Filled(time_ms=desk.time_ms, order=wanted.order, lots=100, price=dollars(50_400))
    assert changes(desk.send(filled)) == [(State.LIQUIDATING, State.CLOSED, Transition.SOLD_OUT)]
    assert changes(desk.deposit(1)) == [(State.CLOSED, State.HEALTHY, Transition.REOPENED)]


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_an_engine_restored_in_the_middle_of_grace_goes_on_to_the_same_hash(cut: int) -> None:
    call = "escalate_after_ms = 100_000\nagain_within_ms = 600_000\nagain_grace_ratio = 0.5"
    desk, _ = called_desk(call)
    other = Desk.__new__(Desk)
    for part in range(3):
        if part == cut:
            other.engine = Engine.restore(desk.engine.dump())
            other.time_ms = desk.time_ms
            assert other.engine.state_hash() == desk.engine.state_hash()
        for one in (desk, other) if part >= cut else (desk,):
            if part == 0:
                one.deposit(10 * 10**6)
            elif part == 1:
                one.elapse(150_000)
            else:
                one.elapse(149_999)
                assert one.state is State.CALLED
                one.elapse(1)
                assert one.state is State.LIQUIDATING
    assert other.engine.state_hash() == desk.engine.state_hash()
    assert other.engine.chain == desk.engine.chain
