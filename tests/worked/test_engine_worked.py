"""One account at a time through the whole engine, with numbers that fit on a napkin.

The rules: initial margin 10 %, maintenance 5 % of the notional, slippage 1 %, fee 0.5 %. `alice`
has 1,000 dollars and is long 100 lots of 0.001 BTC at 60,000, so at a price of P dollars

    equity      = 1,000 + 0.1 × (P − 60,000) = 0.1 × P − 5,000
    maintenance = 5 % × 0.1 × P              = 0.005 × P,   initial twice that
    warned      below P = 5,000 ÷ 0.094      = 53,191.49
    called      below P = 5,000 ÷ 0.095      = 52,631.58
    bankrupt    below P = 50,000
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Called,
    Deleveraged,
    Effects,
    Expired,
    FundingPaid,
    FundPaid,
    Liquidated,
    LossShared,
    OrderWanted,
    StateChanged,
    Transition,
    Uncovered,
)
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Funded,
    Listed,
    Loaded,
    Opened,
    Priced,
    Settled,
    Started,
    Traded,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import DUST, INSURANCE_FUND, MARKET, OUTSIDE
from seawall.market import Instrument, VolatilitySlice

RULES = """
format = 1
name = "napkin"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]

[margin.isolated]
method = "tiered"
isolated = true
brackets.BTC = [{ above = 0, initial = 0.10, maintenance = 0.05 }]

[margin.portfolio] # The same numbers by another way: a move of 5 % in both directions, doubled.
method = "scan"
moves = [-0.05, 0.05]
initial_factor = 2

[call]
warning_ratio = 1.2
close_out_ratio = 0.5
grace_ms = { portfolio = 300_000 }

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
ONE = 10**10  # Price atoms, and numeraire atoms, in one dollar.
USDC, BTC = range(2)
INVERSE, LINEAR, CALL, MARGINED, PUT = range(5)  # The catalogue sorts by expiry and strike.
START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC.
EXPIRES_MS = START_MS + 8 * 3_600_000


def option(right: str, strike: int, premium: str) -> Instrument:
    return Instrument(
        id=f"BTC/USDC:USDC-260101-{strike}-{right[0].upper()}", type="option", base="BTC",
        quote="USDC", settle="USDC", lot=10**6, tick=ONE // 10, expires_ms=EXPIRES_MS,
        strike=strike * ONE, right=right, premium=premium,
    )  # fmt: skip


INSTRUMENTS = (
    Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
               lot=100 * ONE, tick=ONE // 10, inverse=True),
    Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
               lot=10**5, tick=ONE // 10),
    option("call", 50_000, "paid"),
    option("call", 55_000, "margined"),
    option("put", 65_000, "paid"),
)  # fmt: skip
# A flat smile of 50 %: total variance 0.25 × the eight hours until expiry, as parts per billion.
YEARS = 8 * 10**9 // (24 * 365)
SMILE = VolatilitySlice(
    coin=BTC, expires_ms=EXPIRES_MS, forward_ratio=10**9, discount=10**9,
    a=YEARS // 4, b=0, rho=0, m=0, sigma=10**8, years=YEARS,
)  # fmt: skip


def dollars(text: str | int) -> int:
    """Numeraire atoms, or price atoms."""
    return int(Decimal(text) * ONE)


def usdc(text: str | int) -> int:
    return int(Decimal(text) * 10**6)


class Napkin:
    """A venue with named accounts and amounts as a person writes them."""

    def __init__(self, names: str, method: str = "isolated") -> None:
        self.engine = Engine()
        self.time_ms = START_MS
        self.price = 60_000
        listed = tuple(names.split())
        for event in (
            Started(time_ms=START_MS, rulebook=read(RULES).canonical()),
            Listed(time_ms=START_MS, instruments=INSTRUMENTS),
            Opened(time_ms=START_MS, names=listed, methods=(method,) * len(listed)),
        ):
            assert self.engine.apply(event) == ()
        self.tick(60_000)

    def send(self, event: Events) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.engine.check()
        return effects

    def number(self, name: str) -> int:
        return INSURANCE_FUND if name == "fund" else self.engine.account(name)

    def deposit(self, name: str, amount: str | int, coin: int = USDC) -> tuple[Effects, ...]:
        atoms = int(Decimal(amount) * 10 ** (6 if coin == USDC else 8))
        return self.send(
            Deposited(time_ms=self.time_ms, account=self.number(name), coin=coin, atoms=atoms)
        )

    def trade(self, buyer: str, seller: str, lots: int, price: str | int, contract: int = LINEAR):
        effects = self.send(
            Traded(time_ms=self.time_ms, instrument=contract, buyer=self.number(buyer),
                   seller=self.number(seller), lots=lots, price=dollars(price))
        )  # fmt: skip
        assert effects == (), effects

    def load(self, rows: Iterable[tuple[str, int, int]]) -> None:
        account, asset, quantity = zip(
            *((self.number(name), asset, atoms) for name, asset, atoms in rows), strict=True
        )
        self.send(
            Loaded(time_ms=self.time_ms, account=np.array(account, "<i4").tobytes(),
                   asset=np.array(asset, "<i4").tobytes(),
                   quantity=np.array(quantity, "<i8").tobytes())
        )  # fmt: skip

    def tick(self, price: str | int, bid: int = 10_000, ask: int = 10_000, later_ms: int = 0):
        self.time_ms += later_ms
        self.price = price
        atoms = dollars(price)
        return self.send(
            Priced(time_ms=self.time_ms, price=((USDC, ONE), (BTC, atoms)),
                   mark=((LINEAR, atoms), (INVERSE, atoms)), slices=(SMILE,),
                   depth=((LINEAR, bid, ask), (INVERSE, bid, ask)))
        )  # fmt: skip

    def fill(self, order: OrderWanted, price: str | int, lots: int | None = None):
        lots = abs(order.lots) if lots is None else lots
        return self.send(
            Filled(time_ms=self.time_ms, order=order.order, lots=lots, price=dollars(price))
        )

    def state(self, name: str) -> State:
        return State(int(self.engine.venue.status[self.number(name)]))

    def coins(self, name: str, coin: int = USDC) -> int:
        return self.engine.ledger.balance(self.number(name), coin)

    def lots(self, name: str, contract: int = LINEAR) -> int:
        asset = self.engine.catalogue.lot_asset[contract]
        return self.engine.ledger.balance(self.number(name), asset)

    def quote(self, name: str, contract: int = LINEAR) -> int:
        asset = self.engine.catalogue.cash_asset[contract]
        return self.engine.ledger.balance(self.number(name), asset)

    def equity(self, name: str) -> int:
        return self.engine.venue.judge(self.number(name)).equity


def only(effects: tuple[Effects, ...], kind: type) -> Effects:
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


def kinds(effects: tuple[Effects, ...]) -> list[type]:
    return [type(effect) for effect in effects]


def long_alice(method: str = "isolated", fund: str | int = 0) -> Napkin:
    """Alice long 100 lots at 60,000 against bob, who can carry anything."""
    napkin = Napkin("alice bob carol dave erin", method)
    napkin.deposit("alice", 1_000)
    napkin.deposit("bob", 100_000)
    if fund:
        napkin.deposit("fund", fund)
    napkin.trade("alice", "bob", 100, 60_000)
    return napkin


# -- warned, called, liquidated in part and in full ------------------------------------------------


def test_a_long_perpetual_is_warned_then_liquidated_in_part() -> None:
    napkin = long_alice()
    alice = napkin.number("alice")
    assert napkin.tick("53_191.5") == ()  # 319.15 ≥ 1.2 × 265.9575 = 319.149.

    # At 53,000: equity 300; maintenance 265; the warning begins at 1.2 × 265 = 318.
    assert napkin.tick(53_000) == (
        StateChanged(
            account=alice, before=State.HEALTHY, after=State.WARNED, equity=dollars(300),
            margin_equity=dollars(300), initial=dollars(530), maintenance=dollars(265),
            reason=Transition.WARNING_LINE, method="isolated",
            snapshot=napkin.engine.snapshot.sequence,
        ),
    )  # fmt: skip

    # At 52,000: equity 200 < maintenance 260. What restores the initial margin: 520 − 200 = 320.
    # A lot is 52 dollars. Sold, it frees 5.20 of initial margin and costs 1.5 % = 0.78:
    # 320 ÷ 4.42 = 72.4, so 73 lots. The limit is the mark less 1 %.
    changed, called, wanted = napkin.tick(52_000)
    assert (changed.before, changed.after) == (State.WARNED, State.LIQUIDATING)
    assert called == Called(account=alice, amount=dollars(320), deadline_ms=napkin.time_ms)
    assert wanted == OrderWanted(
        order=1, account=alice, instrument=LINEAR, lots=-73, limit=dollars(51_480)
    )

    # The book takes them at 51,900: 0.073 × 51,900 = 3,788.70, of which 0.5 % = 18.9435 are fee.
    liquidated, restored = napkin.fill(wanted, 51_900)
    assert liquidated == Liquidated(
        account=alice, order=1, instrument=LINEAR, lots=-73, price=dollars(51_900),
        notional=dollars("3788.7"), fee=dollars("18.9435"), full=False,
    )  # fmt: skip
    # 200 − 73 × 0.10 − 18.9435, against 10 % of 27 lots × 52.
    assert (restored.after, restored.equity) == (State.HEALTHY, dollars("173.7565"))
    assert restored.initial == dollars("140.4")
    assert napkin.coins("alice") == usdc("981.0565")
    assert napkin.quote("alice") == usdc("-2211.3")
    assert napkin.lots("alice") == 27
    assert napkin.coins("fund") == usdc("18.9435")
    assert napkin.engine.ledger.balance(MARKET, napkin.engine.catalogue.lot_asset[LINEAR]) == 73


def test_one_lot_fewer_would_not_have_restored_the_initial_margin() -> None:
    """72 lots at the planned cost leave 200 − 72 × 0.78 = 143.84 against 28 × 5.20 = 145.60."""
    napkin = long_alice()
    wanted = only(napkin.tick(52_000), OrderWanted)
    assert 200 - Decimal("0.78") * 72 < Decimal("5.2") * 28
    assert 200 - Decimal("0.78") * 73 >= Decimal("5.2") * 27
    assert wanted.lots == -73


def test_a_position_that_no_part_restores_is_sold_whole_and_the_rest_is_kept() -> None:
    # At 50,500: equity 50. All 100 lots would cost 75.75, so no part restores and all goes. The
    # limit is not the mark less 1 % (49,995) but the bankruptcy price, 50,000.
    napkin = long_alice()
    wanted = only(napkin.tick(50_500), OrderWanted)
    assert (wanted.lots, wanted.limit) == (-100, dollars(50_000))
    liquidated, closed = napkin.fill(wanted, 50_400)
    assert (liquidated.full, liquidated.fee) == (True, dollars("25.2"))  # 0.5 % of 5,040.
    assert closed.after is State.CLOSED
    assert napkin.engine.ledger.rows(napkin.number("alice")) == [(USDC, usdc("14.8"))]  # 40 − 25.2.
    assert napkin.coins("fund") == usdc("25.2")


def test_a_fee_takes_no_more_than_is_left() -> None:
    # Sold at 50,200 the equity is 20, and 0.5 % of 5,020 would be 25.10.
    napkin = long_alice()
    liquidated, closed = napkin.fill(only(napkin.tick(50_500), OrderWanted), 50_200)
    assert liquidated.fee == dollars(20)
    assert closed.after is State.CLOSED
    assert napkin.engine.ledger.rows(napkin.number("alice")) == []
    assert napkin.coins("fund") == usdc(20)


def test_depth_limits_a_step_and_the_next_tick_goes_on() -> None:
    # 73 lots are needed and the book bids for 40. After 40 at the mark: 200 − 10.40 (fee on 2,080)
    # = 189.60 against 312: the next tick asks for (312 − 189.60) ÷ 4.42 = 27.7, so 28.
    napkin = long_alice()
    wanted = only(napkin.tick(52_000, bid=40), OrderWanted)
    assert wanted.lots == -40
    assert kinds(napkin.fill(wanted, 52_000)) == [Liquidated]
    assert napkin.equity("alice") == dollars("189.6")
    assert napkin.state("alice") is State.LIQUIDATING
    wanted = only(napkin.tick(52_000), OrderWanted)
    assert wanted.lots == -28
    assert kinds(napkin.fill(wanted, 52_000)) == [Liquidated, StateChanged]
    assert napkin.state("alice") is State.HEALTHY
    assert napkin.coins("fund") == usdc("10.4") + usdc("7.28")


def test_an_inverse_long_is_liquidated_in_coins() -> None:
    """0.1 BTC and 60 lots of 100 dollars bought at 60,000: equity is 0.2 × P − 6,000 dollars."""
    napkin = Napkin("alice bob")
    napkin.deposit("alice", "0.1", BTC)
    napkin.deposit("bob", 10, BTC)
    napkin.trade("alice", "bob", 60, 60_000, INVERSE)
    assert napkin.quote("alice", INVERSE) == 10**7  # 6,000 ÷ 60,000 = 0.1 BTC.

    # Maintenance is 5 % of the 6,000 dollars of face: called below 31,500, warned below 31,800.
    warned = only(napkin.tick(31_700), StateChanged)
    assert (warned.after, warned.equity) == (State.WARNED, dollars(340))
    # At 31,000: equity 200. A lot frees 10 dollars and costs 1.50: 400 ÷ 8.5 = 47.06, so 48 lots.
    _, called, wanted = napkin.tick(31_000)
    assert called.amount == dollars(400)
    assert (wanted.lots, wanted.limit) == (-48, dollars(30_690))

    # At 30,900: 4,800 ÷ 30,900 = 0.1553398058 BTC, 15,533,981 satoshi, are 4,815.53411 dollars.
    # The fee of 0.5 % is 24.07767055 dollars: 77,669.9 satoshi, 77,669 taken, 24.07739 dollars.
    liquidated, restored = napkin.fill(wanted, 30_900)
    assert liquidated.notional == dollars("4815.53411")
    assert liquidated.fee == dollars("24.07739")
    assert napkin.coins("fund", BTC) == 77_669
    assert napkin.coins("alice", BTC) == 10**7 - 77_669
    assert napkin.quote("alice", INVERSE) == 10**7 - 15_533_981
    # 4,388,350 satoshi × 31,000 − 12 lots × 100 dollars.
    assert restored.equity == dollars("1360.3885") - dollars(1_200)
    assert (restored.after, restored.initial) == (State.HEALTHY, dollars(120))


# -- grace -----------------------------------------------------------------------------------------


def called_alice() -> tuple[Napkin, Called]:
    napkin = long_alice("portfolio")
    changed, called = napkin.tick(52_000, later_ms=1_000)
    assert (changed.after, changed.maintenance) == (State.CALLED, dollars(260))
    assert called.amount == dollars(320)
    assert called.deadline_ms == START_MS + 1_000 + 300_000
    return napkin, called


def test_a_called_account_is_restored_by_exactly_the_amount_of_its_call() -> None:
    napkin, _ = called_alice()
    (reduced,) = napkin.deposit("alice", "319.999999")
    assert (reduced.amount, reduced.deadline_ms) == (dollars("0.000001"), START_MS + 301_000)
    restored = only(napkin.deposit("alice", "0.000001"), StateChanged)
    assert restored.after is State.HEALTHY
    assert restored.margin_equity == restored.initial == dollars(520)
    assert napkin.tick(52_000, later_ms=300_000) == ()


def test_a_called_account_is_liquidated_at_its_deadline_and_not_before() -> None:
    napkin, _ = called_alice()
    assert napkin.tick(52_000, later_ms=299_999) == ()
    changed, wanted = napkin.tick(52_000, later_ms=1)
    assert (changed.before, changed.after) == (State.CALLED, State.LIQUIDATING)
    assert wanted.lots == -73  # The same numbers as without grace.


def test_grace_ends_early_under_the_close_out_level() -> None:
    # Half of maintenance is 0.0025 × P: crossed at 5,000 ÷ 0.0975 = 51,282.05.
    napkin, _ = called_alice()
    assert napkin.tick(51_300, later_ms=1) == ()  # 130 ≥ 128.25.
    changed = only(napkin.tick(51_200, later_ms=1), StateChanged)  # 120 < 128.
    assert changed.after is State.LIQUIDATING


def test_a_call_lapses_to_a_warning_where_the_market_came_back() -> None:
    napkin, called = called_alice()
    assert napkin.tick(53_000, later_ms=299_999) == ()  # 300 is above 265, and below 530.
    changed = only(napkin.tick(53_000, later_ms=1), StateChanged)
    assert (changed.before, changed.after) == (State.CALLED, State.WARNED)
    assert napkin.time_ms == called.deadline_ms


# -- the waterfall ---------------------------------------------------------------------------------


def test_the_fund_pays_the_exact_deficit() -> None:
    # At 49,000: equity −100, and winding down may cost 1 % of 4,900: 149 dollars, which a fund of
    # 500 can carry. Sold at 48,800 the account owes 1,120 − 1,000 = 120.
    napkin = long_alice(fund=500)
    wanted = only(napkin.tick(49_000), OrderWanted)
    assert (wanted.lots, wanted.limit) == (-100, dollars(48_510))
    liquidated, paid, bankrupt = napkin.fill(wanted, 48_800)
    assert liquidated.fee == 0
    assert paid == FundPaid(account=napkin.number("alice"), atoms=dollars(120))
    assert (bankrupt.after, bankrupt.equity) == (State.BANKRUPT, dollars(-120))
    assert napkin.engine.ledger.rows(napkin.number("alice")) == []
    assert napkin.coins("fund") == usdc(380)
    assert napkin.engine.insurance_fund() == dollars(380)


@pytest.mark.parametrize(("fund", "carries"), [("149", True), ("148.999999", False)])
def test_the_fund_must_carry_deficit_and_slippage_or_others_are_deleveraged(
    fund: str, carries: bool
) -> None:
    effects = long_alice(fund=fund).tick(49_000)
    assert (OrderWanted in kinds(effects)) is carries
    assert (Deleveraged in kinds(effects)) is not carries


def test_deleveraging_takes_the_ranked_winners_at_the_bankruptcy_price() -> None:
    """Carol and dave are short at 60,000, so both have gained 18.3 % of their entry at 49,000.

    Carol: 60 of alice's lots and 50 of bob's, 5,390 dollars on equity 4,000 + 1,210: 1.03 times.
    Dave:  40 lots, 1,960 dollars on equity 500 + 440: 2.09 times. So dave goes first, with all of
    his 40 lots, and carol with the 60 that are missing.
    """
    napkin = Napkin("alice bob carol dave")
    for name, amount in (("alice", 1_000), ("bob", 100_000), ("carol", 4_000), ("dave", 500)):
        napkin.deposit(name, amount)
    napkin.trade("alice", "carol", 60, 60_000)
    napkin.trade("alice", "dave", 40, 60_000)
    napkin.trade("bob", "carol", 50, 60_000)
    alice, carol, dave = map(napkin.number, ("alice", "carol", "dave"))

    _, _, first, second, closed = napkin.tick(49_000)
    # alice is broke at 50,000: 1,000 dollars under 0.1 BTC bought at 60,000.
    assert first == Deleveraged(
        account=alice, counterparty=dave, instrument=LINEAR, lots=40, price=dollars(50_000),
        notional=dollars(2_000),
    )  # fmt: skip
    assert second == Deleveraged(
        account=alice, counterparty=carol, instrument=LINEAR, lots=60, price=dollars(50_000),
        notional=dollars(3_000),
    )  # fmt: skip
    assert (closed.account, closed.after) == (alice, State.CLOSED)
    assert napkin.engine.ledger.rows(alice) == []  # Nothing left and nothing owed.
    assert (napkin.lots("dave"), napkin.lots("carol")) == (0, -50)
    assert napkin.equity("dave") == dollars(940 - 40)  # One dollar for each lot, no more.
    assert napkin.equity("carol") == dollars(5_210 - 60)
    assert napkin.coins("fund") == 0


def test_with_nobody_able_the_loss_is_shared_in_proportion_to_gains() -> None:
    """Those who are short now entered at 49,000; alice's bankruptcy price is 50,000.

    At 42,000 they have 7 dollars a lot and taking alice's lots at 50,000 would cost 8: nobody is
    deleveraged into a loss. Sold at 41,800 alice owes 820; the fund has 460; 360 are shared by
    bob 660 (60 × 11), carol 440 (40 × 11), dave 420 (60 × 7) and erin 280 (40 × 7): 20 % each.
    """
    napkin = Napkin("alice bob carol dave erin")
    for name in ("bob", "carol", "dave", "erin"):
        napkin.deposit(name, 10_000)
    napkin.deposit("alice", 1_000)
    napkin.deposit("fund", 460)
    napkin.trade("alice", "bob", 60, 60_000)
    napkin.trade("alice", "carol", 40, 60_000)
    assert OrderWanted not in kinds(napkin.tick(49_000, bid=0))  # No book, and no need of others.
    napkin.trade("bob", "dave", 60, 49_000)
    napkin.trade("carol", "erin", 40, 49_000)

    effects = napkin.tick(42_000)
    assert kinds(effects) == [OrderWanted]
    liquidated, paid, bankrupt, shared = napkin.fill(effects[0], 41_800)
    alice = napkin.number("alice")
    assert liquidated.notional == dollars(4_180)
    assert paid == FundPaid(account=alice, atoms=dollars(460))
    assert shared == LossShared(account=alice, atoms=dollars(360), bearers=4)
    assert (bankrupt.after, bankrupt.equity) == (State.BANKRUPT, dollars(-820))
    for name, gain in (("bob", 660), ("carol", 440), ("dave", 420), ("erin", 280)):
        assert napkin.coins(name) == usdc(10_000) - usdc(gain) // 5
    assert napkin.coins("fund") == 0
    assert napkin.engine.ledger.rows(alice) == []


def test_what_nobody_can_bear_stays_in_sight_as_a_debt() -> None:
    """Alice's loss went outside: only dave gained, 40 lots × 5 dollars. 820 = 100 + 200 + 520."""
    napkin = Napkin("alice dave")
    lot_asset = napkin.engine.catalogue.lot_asset[LINEAR]
    quote = napkin.engine.catalogue.cash_asset[LINEAR]
    napkin.load([
        ("alice", USDC, usdc(1_000)), ("alice", lot_asset, 100), ("alice", quote, -usdc(6_000)),
        ("dave", USDC, usdc(5_000)), ("dave", lot_asset, -40), ("dave", quote, usdc(1_880)),
    ])  # fmt: skip
    assert napkin.engine.ledger.balance(OUTSIDE, lot_asset) == -60
    napkin.deposit("fund", 100)
    wanted = only(napkin.tick(42_000), OrderWanted)
    effects = napkin.fill(wanted, 41_800)
    alice = napkin.number("alice")
    assert kinds(effects) == [Liquidated, FundPaid, StateChanged, LossShared, Uncovered]
    assert effects[1] == FundPaid(account=alice, atoms=dollars(100))
    assert effects[3:] == (
        LossShared(account=alice, atoms=dollars(200), bearers=1),
        Uncovered(account=alice, coin=USDC, atoms=usdc(520)),
    )
    assert napkin.engine.ledger.rows(alice) == [(USDC, -usdc(520))]
    assert napkin.equity("dave") == dollars(5_000)  # The whole gain, and nothing of his own.
    assert napkin.state("alice") is State.BANKRUPT


# -- funding and expiry ----------------------------------------------------------------------------


def test_funding_sums_to_zero_and_the_odd_atom_is_dust() -> None:
    """7 lots at 60,000.1 pay 0.01 %: 0.04200007 dollars, rounded up to 0.042001.

    The shorts of 3 and 4 lots would get 0.01800003 and 0.02400004, rounded down.
    """
    napkin = Napkin("alice bob carol")
    for name in ("alice", "bob", "carol"):
        napkin.deposit(name, 1_000)
    napkin.trade("alice", "bob", 3, 60_000)
    napkin.trade("alice", "carol", 4, 60_000)
    napkin.tick("60000.1")
    before = {name: napkin.quote(name) for name in ("alice", "bob", "carol")}
    effects = napkin.send(Funded(time_ms=napkin.time_ms, instrument=LINEAR, rate=100_000))
    paid = {name: napkin.quote(name) - atoms for name, atoms in before.items()}
    assert paid == {"alice": -42_001, "bob": 18_000, "carol": 24_000}
    quote = napkin.engine.catalogue.cash_asset[LINEAR]
    assert napkin.engine.ledger.balance(DUST, quote) == 1
    assert sum(paid.values()) + 1 == 0
    assert effects == (
        FundingPaid(instrument=LINEAR, rate=100_000, accounts=3, notional=dollars("0.042")),
    )


def test_a_negative_rate_turns_the_payment_round() -> None:
    napkin = Napkin("alice bob")
    napkin.deposit("alice", 1_000)
    napkin.deposit("bob", 1_000)
    napkin.trade("alice", "bob", 10, 60_000)  # 600 dollars at −0.05 %: 0.30 from bob to alice.
    napkin.send(Funded(time_ms=napkin.time_ms, instrument=LINEAR, rate=-500_000))
    assert napkin.quote("alice") == usdc(-600) + usdc("0.3")
    assert napkin.quote("bob") == usdc(600) - usdc("0.3")


def optioned(contract: int, lots: int, premium: int) -> Napkin:
    napkin = Napkin("alice bob", "portfolio")
    napkin.deposit("alice", 10_000)
    napkin.deposit("bob", 10_000)
    napkin.trade("alice", "bob", lots, premium, contract)
    return napkin


@pytest.mark.parametrize(
    ("contract", "premium", "expiry", "alice", "bob", "dust"),
    [
        # 3 lots of 0.01 BTC. In the money by 6,789.1234567: 203.673703701; the odd atom is dust.
        (CALL, 2_000, "56_789.1234567", "10143.673703", "9856.326296", 1),
        (CALL, 2_000, "50_000", "9940", "10060", 0),  # At the strike: worth nothing.
        (CALL, 2_000, "49_999.9", "9940", "10060", 0),
        (PUT, 5_000, "60_000", "10000", "10000", 0),  # 150 paid, 0.03 × 5,000 back.
        (PUT, 5_000, "65_000.1", "9850", "10150", 0),
        # The premium of a margined option stands in its quote until here: −60 + 0.03 × 5,000.
        (MARGINED, 2_000, "60_000", "10090", "9910", 0),
        (MARGINED, 2_000, "54_000", "9940", "10060", 0),
    ],
)
def test_an_option_is_folded_into_cash_at_its_expiry(
    contract: int, premium: int, expiry: str, alice: str, bob: str, dust: int
) -> None:
    napkin = optioned(contract, 3, premium)
    napkin.time_ms = EXPIRES_MS
    price = dollars(expiry)
    effects = napkin.send(Settled(time_ms=EXPIRES_MS, instrument=contract, price=price))
    assert effects == (Expired(instrument=contract, price=price, accounts=2),)
    assert napkin.engine.ledger.rows(napkin.number("alice")) == [(USDC, usdc(alice))]
    assert napkin.engine.ledger.rows(napkin.number("bob")) == [(USDC, usdc(bob))]
    assert napkin.engine.ledger.balance(DUST, USDC) == dust
