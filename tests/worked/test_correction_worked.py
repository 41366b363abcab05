"""A bad tick liquidates alice; hindsight says what it cost her, who gained, and who pays.

Initial margin 10 %, maintenance 5 %, slippage 1 %, fee 0.5 %. `alice` has 1,000 dollars and is long
100 lots of 0.001 BTC at 60,000 against `bob`, so at a price of P her equity is 0.1 × P − 5,000. The
right price is 60,000 throughout; one tick says 52,000, and the next is right again.

At 52,000: equity 200, maintenance 260, so she is called and liquidated. 73 lots are wanted (they
restore 10 % at a cost of 1.5 %: test_engine_worked) and the street buys them at 51,900: she gets
0.073 × 51,900 = 3,788.70 for what is worth 0.073 × 60,000 = 4,380, and pays 0.5 % of 3,788.70 =
18.9435 to the fund. Her loss at the right price is 591.30 + 18.9435 = 610.2435 dollars.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import Compensated, OrderWanted, Reason, Refused
from seawall.engine.event import (
    Corrected,
    Deposited,
    Event,
    Filled,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.repair.correction import (
    CorrectionError,
    Fix,
    Fixes,
    Settlement,
    Worlds,
    compare,
    settle,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FEES, INSURANCE_FUND, MARKET, OUTSIDE
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
call = { warning_ratio = 1.2, close_out_ratio = 0.5 }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
ONE = 10**10
START_MS = 1_767_225_600_000
USDC, BTC = 0, 1
ALICE, BOB, CAROL = 6, 7, 8
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
    tick=ONE // 10,
)  # fmt: skip


def usdc(text: str | int) -> int:
    return int(Decimal(text) * 10**6)


def dollars(text: str | int) -> int:
    return int(Decimal(text) * ONE)


class World:
    """An engine and every event that it was given."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.events: list[Event] = []
        self.time_ms = START_MS
        self.send(Started(time_ms=START_MS, rulebook=read(RULES).canonical()))
        self.send(Listed(time_ms=START_MS, instruments=(PERPETUAL,)))
        names = ("alice", "bob", "carol")
        self.send(Opened(time_ms=START_MS, names=names, methods=("isolated",) * 3))
        self.tick(60_000)
        for account, amount in ((ALICE, 1_000), (BOB, 100_000), (CAROL, 50_000)):
            self.deposit(account, amount)
        self.trade(ALICE, BOB, 100, 60_000)

    def send(self, event: Event):
        effects = self.engine.apply(event)
        self.engine.check()
        self.events.append(event)
        return effects

    def deposit(self, account: int, amount: str | int):
        atoms = usdc(amount)
        return self.send(Deposited(time_ms=self.time_ms, account=account, coin=USDC, atoms=atoms))

    def trade(self, buyer: int, seller: int, lots: int, price: int):
        return self.send(
            Traded(time_ms=self.time_ms, instrument=0, buyer=buyer, seller=seller, lots=lots,
                   price=dollars(price))
        )  # fmt: skip

    def tick(self, price: int):
        self.time_ms += 1000
        atoms = dollars(price)
        return self.send(
            Priced(time_ms=self.time_ms, price=((USDC, ONE), (BTC, atoms)), mark=((0, atoms),),
                   depth=((0, 10_000, 10_000),))
        )  # fmt: skip

    def fill(self, effects, price: int):
        wanted = next(one for one in effects if isinstance(one, OrderWanted))
        self.send(
            Filled(time_ms=self.time_ms, order=wanted.order, lots=abs(wanted.lots),
                   price=dollars(price))
        )  # fmt: skip
        return wanted

    def hindsight(self, first: int, last: int, fixes: Fixes) -> Worlds:
        """`first` and `last` count from 1."""
        engine = Engine()
        for event in self.events[: first - 1]:
            engine.apply(event)
        return compare(engine, self.events[first - 1 : last], fixes)


RIGHT = Fixes({BTC: Fix(price=dollars(60_000))}, {0: Fix(price=dollars(60_000))})


def bad_tick(fund: str | int = 0) -> tuple[World, int]:
    """The world after the bad tick and the good one; the sequence of the bad one."""
    world = World()
    if fund:
        world.deposit(INSURANCE_FUND, fund)
    effects = world.tick(52_000)
    bad = world.engine.sequence
    assert world.fill(effects, 51_900).lots == -73
    world.tick(60_000)
    return world, bad


def test_hindsight_says_what_the_bad_tick_cost_and_whom_it_made_richer() -> None:
    world, bad = bad_tick()
    found = world.hindsight(bad, bad + 1, RIGHT)
    assert (found.first_sequence, found.last_sequence) == (bad, bad + 1)
    assert (found.coin, found.value) == (USDC, 10_000)  # 10^10 ÷ 10^6 numeraire atoms.
    lost = {harm.account: harm.lost for harm in found.harms}
    assert lost == {
        ALICE: dollars("610.2435"),
        MARKET: -dollars("591.3"),  # The street bought cheaply.
        INSURANCE_FUND: -dollars("18.9435"),
    }
    (alice,) = found.victims
    assert (alice.wrongly_called, alice.wrongly_taken) == (True, True)
    assert (alice.as_it_was.calls, alice.as_it_should.calls) == (1, 0)
    assert alice.as_it_was.taken == dollars("3788.7")
    assert alice.as_it_was.fees == dollars("18.9435")
    assert alice.owed == usdc("610.2435")
    assert (found.unanswered, found.forced) == (0, 0)


def test_hindsight_with_the_same_prices_finds_nothing() -> None:
    world, bad = bad_tick()
    same = Fixes({BTC: Fix()}, {0: Fix(factor=RATIO_ONE)})
    found = world.hindsight(bad, bad + 2, same)
    assert found.harms == ()
    assert settle(found, world.engine, ["outside"]) == Settlement((), {}, 0)


def test_a_factor_and_a_price_of_one_tick_say_the_same_as_a_price() -> None:
    world, bad = bad_tick()
    by_price = world.hindsight(bad, bad + 1, RIGHT)
    by_tick = Fix(at={bad: dollars(60_000)})
    assert world.hindsight(bad, bad + 1, Fixes({BTC: by_tick}, {0: by_tick})) == by_price
    # 52,000 ÷ 0.8 is 65,000: another world, and still alice was wrongly liquidated.
    higher = Fix(factor=1_250_000_000)
    found = world.hindsight(bad, bad + 1, Fixes({BTC: higher}, {0: higher}))
    # 0.073 × 65,000 = 4,745 instead of 3,788.70, and the fee.
    assert found.victims[0].lost == dollars("956.3") + dollars("18.9435")


def test_the_fund_pays_first_and_the_named_payer_the_rest() -> None:
    world, bad = bad_tick(fund=100)
    found = world.hindsight(bad, bad + 1, RIGHT)
    made = settle(found, world.engine, ["insurance_fund", "outside"])
    # The fund has 100 and the fee of 18.9435.
    assert made.transfers == (
        (USDC, INSURANCE_FUND, ALICE, usdc("118.9435")),
        (USDC, OUTSIDE, ALICE, usdc("491.3")),
    )
    assert (sum(made.paid.values()), made.unpaid) == (usdc("610.2435"), 0)


def test_what_the_named_payers_do_not_hold_is_said() -> None:
    world, bad = bad_tick()
    found = world.hindsight(bad, bad + 1, RIGHT)
    made = settle(found, world.engine, ["insurance_fund"])
    assert made.unpaid == usdc("591.3")
    with pytest.raises(CorrectionError, match="no account mallory"):
        settle(found, world.engine, ["mallory"])
    with pytest.raises(CorrectionError, match="owed something itself"):
        settle(found, world.engine, ["alice"])


def event(world: World, transfers, first: str = "ada", second: str = "grace") -> Corrected:
    return Corrected(
        time_ms=world.time_ms, first_sequence=1, last_sequence=2, transfers=tuple(transfers),
        first=first, second=second, reason="bad tick",
    )  # fmt: skip


def test_one_event_pays_and_history_stands() -> None:
    world, bad = bad_tick(fund=100)
    found = world.hindsight(bad, bad + 1, RIGHT)
    made = settle(found, world.engine, ["insurance_fund", "outside"])
    equity = world.engine.venue.judge(ALICE).equity
    effects = world.send(event(world, made.transfers))
    assert effects == tuple(
        Compensated(account=ALICE, payer=payer, coin=USDC, atoms=atoms, first_sequence=1,
                    last_sequence=2)
        for _, payer, _, atoms in made.transfers
    )  # fmt: skip
    # 1,000 dollars at the entry price, as if nothing had happened.
    assert world.engine.venue.judge(ALICE).equity == equity + dollars("610.2435") == dollars(1000)
    assert world.engine.ledger.balance(INSURANCE_FUND, USDC) == 0
    again = Engine.restore(world.engine.dump())
    assert again.state_hash() == world.engine.state_hash()


def test_gainers_pay_in_proportion_and_never_more_than_they_gained() -> None:
    """A bad tick up to 68,000 deleverages nobody, but liquidates bob's other side if he is thin.

    Here carol trades nothing; bob gained from nothing: gains lie with the street and the fund. So a
    settlement by gainers pays nothing, because neither is a user's account.
    """
    world, bad = bad_tick()
    found = world.hindsight(bad, bad + 1, RIGHT)
    assert settle(found, world.engine, ["gainers"]).unpaid == usdc("610.2435")


def test_the_deleveraged_are_made_whole_by_whom_the_bad_tick_made_richer() -> None:
    """At 49,000 alice is bankrupt and the fund is empty: bob takes her 100 lots at 50,000.

    Bob bought back at 50,000 what is worth 60,000: he gained 1,000 dollars, which alice lost.
    """
    world = World()
    world.tick(49_000)
    bad = world.engine.sequence
    assert State(int(world.engine.venue.status[ALICE])) is State.CLOSED
    world.tick(60_000)
    found = world.hindsight(bad, bad, RIGHT)
    assert {h.account: h.lost for h in found.harms} == {ALICE: dollars(1000), BOB: -dollars(1000)}
    assert found.harms[1].as_it_was.deleveraged == dollars(5000)
    made = settle(found, world.engine, ["insurance_fund", "gainers"])
    assert made.transfers == ((USDC, BOB, ALICE, usdc(1000)),)
    world.send(event(world, made.transfers))
    assert world.engine.ledger.rows(ALICE) == [(USDC, usdc(1000))]
    assert State(int(world.engine.venue.status[ALICE])) is State.HEALTHY


def test_what_people_did_stays_done_and_is_counted() -> None:
    """At the wrong 70,000 alice withdraws 900 of what the right 60,000 would not let her have."""
    world = World()
    world.tick(70_000)
    wrong = world.engine.sequence
    taken = Withdrawn(time_ms=world.time_ms, account=ALICE, coin=USDC, atoms=usdc(900))
    assert world.send(taken) == ()
    refused = Withdrawn(time_ms=world.time_ms, account=ALICE, coin=USDC, atoms=usdc(9_000))
    assert isinstance(world.send(refused)[0], Refused)
    found = world.hindsight(wrong, wrong + 2, RIGHT)
    assert found.forced == 1
    # Right prices would have called her (100 < 300) and wanted to sell; nobody could have answered.
    assert [(h.account, h.as_it_was.calls, h.as_it_should.calls) for h in found.harms] == []


@pytest.mark.parametrize(
    ("transfers", "operators", "reason"),
    [
        ([(USDC, OUTSIDE, ALICE, 5)], ("ada", "ada"), Reason.TWO_OPERATORS_NEEDED),
        ([(USDC, OUTSIDE, ALICE, 5)], ("ada", "eve"), Reason.TWO_OPERATORS_NEEDED),
        ([(USDC, OUTSIDE, 99, 5)], ("ada", "grace"), Reason.UNKNOWN_ACCOUNT),
        ([(USDC, ALICE, ALICE, 5)], ("ada", "grace"), Reason.UNKNOWN_ACCOUNT),
        ([(2, OUTSIDE, ALICE, 5)], ("ada", "grace"), Reason.UNKNOWN_INSTRUMENT),
        ([], ("ada", "grace"), Reason.AMOUNT_NOT_POSITIVE),
        ([(USDC, OUTSIDE, ALICE, 0)], ("ada", "grace"), Reason.AMOUNT_NOT_POSITIVE),
        ([(USDC, FEES, ALICE, 1)], ("ada", "grace"), Reason.PAYER_CANNOT_PAY),
        (
            [(USDC, CAROL, ALICE, usdc(30_000)), (USDC, CAROL, BOB, usdc(20_001))],
            ("ada", "grace"),
            Reason.PAYER_CANNOT_PAY,
        ),
        ([(USDC, OUTSIDE, ALICE, 2**64)], ("ada", "grace"), Reason.BALANCE_OVERFLOW),
    ],
)
def test_a_correction_is_refused_whole(transfers, operators, reason) -> None:
    world = World()
    before = world.engine.ledger.state_hash()
    assert world.send(event(world, transfers, *operators)) == (Refused(reason=reason),)
    assert world.engine.ledger.state_hash() == before
