"""Sizes, prices, fees and caps of liquidations through the engine, by arithmetic.

Initial margin 10 %, maintenance 5 %, slippage 1 %, fee 0.5 %. `alice` and `dave` each have 1,000
dollars and are long 100 lots of 0.001 BTC at 60,000: at a price of P dollars the equity of each is
0.1 × P − 5,000. At 52,000 it is 200, maintenance 260, initial 520, and 320 dollars are missing. A
lot is 52 dollars: sold at the worst price it costs 0.78 and frees 5.20, so 320 ÷ 4.42 = 72.4: 73.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import Effects, Liquidated, NotTaken, OrderWanted, Spared, StateChanged
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
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.engine.state import FIRST_ACCOUNT, INSURANCE_FUND, MARKET
from seawall.market import Instrument

RULES = """
format = 1
name = "taking"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }, { id = "ETH", decimals = 8 },
]

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.10, maintenance = 0.05 }]
brackets.ETH = [{ above = 0, initial = 0.01, maintenance = 0.005 }]

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
ONE = 10**10
USDC, BTC, ETH = range(3)
BITCOIN, ETHER = range(2)
START_MS = 1_767_225_600_000
ALICE, BOB, DAVE = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 3)


def contract(coin: str, lot: int) -> Instrument:
    return Instrument(
        id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC", settle="USDC",
        lot=lot, tick=ONE // 10,
    )  # fmt: skip


def dollars(text: str | int) -> int:
    return int(Decimal(text) * ONE)


class Market:
    """Three accounts under some rules; bob takes the other side of everything."""

    def __init__(self, liquidation: str = "", fund: int = 0, rules: str = RULES) -> None:
        self.engine, self.time_ms = Engine(), START_MS
        for event in (
            Started(time_ms=START_MS, rulebook=read(rules + liquidation).canonical()),
            Listed(
                time_ms=START_MS,
                instruments=(contract("BTC", 10**5), contract("ETH", 10**6)),
            ),
            Opened(time_ms=START_MS, names=("alice", "bob", "dave"), methods=("cross",) * 3),
        ):
            assert self.engine.apply(event) == ()
        self.tick(60_000)
        for account, amount in ((ALICE, 1_000), (BOB, 1_000_000), (DAVE, 1_000)):
            self.deposit(account, amount)
        if fund:
            self.deposit(INSURANCE_FUND, fund)

    def send(self, event: Events) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.engine.check()
        return effects

    def deposit(self, account: int, amount: int) -> None:
        self.send(Deposited(time_ms=self.time_ms, account=account, coin=USDC, atoms=amount * 10**6))

    def buy(self, account: int, lots: int = 100, market: int = BITCOIN, price: int = 60_000):
        effects = self.send(
            Traded(time_ms=self.time_ms, instrument=market, buyer=account, seller=BOB, lots=lots,
                   price=dollars(price))
        )  # fmt: skip
        assert effects == ()

    def tick(self, price: int, later_ms: int = 0) -> tuple[Effects, ...]:
        self.time_ms += later_ms
        return self.send(
            Priced(time_ms=self.time_ms,
                   price=((USDC, ONE), (BTC, dollars(price)), (ETH, dollars(2_000))),
                   mark=((BITCOIN, dollars(price)), (ETHER, dollars(2_000))),
                   depth=((BITCOIN, 10_000, 10_000), (ETHER, 10**6, 10**6)))
        )  # fmt: skip

    def elapse(self, later_ms: int) -> tuple[Effects, ...]:
        self.time_ms += later_ms
        return self.send(Elapsed(time_ms=self.time_ms))

    def fill(self, order: OrderWanted, price: int | str) -> tuple[Effects, ...]:
        return self.send(
            Filled(time_ms=self.time_ms, order=order.order, lots=abs(order.lots),
                   price=dollars(price))
        )  # fmt: skip

    def coins(self, account: int) -> int:
        return self.engine.ledger.balance(account, USDC)


def orders(effects: Iterable[Effects]) -> list[OrderWanted]:
    return [one for one in effects if isinstance(one, OrderWanted)]


def falls(liquidation: str, price: int = 52_000, fund: int = 0) -> tuple[Market, OrderWanted]:
    """Alice's market after a fall, and the order that it causes."""
    market = Market(liquidation, fund)
    market.buy(ALICE)
    (order,) = orders(market.tick(price))
    return market, order


# -- size ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "lots"),
    [
        ('size = "least"', 73),
        ('size = "full"', 100),
        ('size = "multiples"', 80),  # Of 20 lots.
        ('size = "multiples"\nshare = 0.3', 90),
        ('size = "close_factor"\nshare = 0.5\nfull_below = 0.5', 50),  # Health 200 ÷ 260 = 0.77.
        ('size = "close_factor"\nshare = 0.5\nfull_below = 0.8', 100),
        ('size = "ramp"\nstart = 0.1', 8),  # 10 % of 73 lots.
    ],
)
def test_the_size_of_a_step_is_a_rule(size: str, lots: int) -> None:
    _, order = falls(f"[liquidation.size]\n{size}\n")
    assert order.lots == -lots


def test_a_share_that_grows_with_time_counts_what_was_freed() -> None:
    market, order = falls('[liquidation.size]\nsize = "ramp"\nstart = 0.1\nduration_ms = 60_000')
    # 8 lots at 51,480: each frees 5.20 and costs 0.52 and a fee of 0.2574, so 8 × 4.4226 = 35.3808.
    (filled,) = market.fill(order, 51_480)
    assert isinstance(filled, Liquidated)
    assert market.tick(52_000) == ()  # No second step at the same time.
    # After 27 s the share is 0.1 + 0.45. Of 320 in all 176 may be freed: 140.6192 are left of
    # 284.6192 that are missing, 49.406 % of the 65 lots (284.6192 ÷ 4.42) that would do: 33.
    (order,) = orders(market.elapse(27_000))
    assert order.lots == -33
    # 33 × 4.4226 = 145.9458 more: 138.6734 are missing. After 60 s everything may go: 32 lots.
    market.fill(order, 51_480)
    (order,) = orders(market.elapse(33_000))
    assert order.lots == -32
    (_, restored) = market.fill(order, 51_480)
    assert (restored.before, restored.after) == (State.LIQUIDATING, State.HEALTHY)


def test_a_ramp_restored_in_the_middle_goes_on_to_the_same_hash() -> None:
    market, order = falls('[liquidation.size]\nsize = "ramp"\nstart = 0.1\nduration_ms = 60_000')
    market.fill(order, 51_480)
    twin = Market.__new__(Market)
    twin.engine, twin.time_ms = Engine.restore(market.engine.dump()), market.time_ms
    assert twin.elapse(27_000) == market.elapse(27_000)
    assert twin.engine.state_hash() == market.engine.state_hash()


def test_a_rest_that_nobody_would_close_goes_with_the_position() -> None:
    """27 lots at 52 dollars would be left: 1,404 dollars."""
    assert falls("least_notional = 1_404\n")[1].lots == -73
    assert falls("least_notional = 1_405\n")[1].lots == -100


# -- what harms ------------------------------------------------------------------------------------


def test_a_policy_that_would_harm_gives_way_to_the_least_plan() -> None:
    """2,690 dollars, 100 lots of bitcoin and 100,000 dollars of ether, of which 1 % is initial.

    Maintenance is 95 % of initial here. At 47,000: equity 1,390, initial 470 + 1,000, maintenance
    1,396.50: 80 are missing. Closing everything costs 1.5 % of 104,700 = 1,570.50 and leaves an
    excess of −180.50, for ether costs 1,500 and frees 1,000. A lot of bitcoin frees 4.70 and costs
    0.705: 80 ÷ 3.995 = 20.03, so 21 lots.
    """
    rules = RULES.replace("maintenance = 0.05", "maintenance = 0.095")
    rules = rules.replace("maintenance = 0.005", "maintenance = 0.0095")
    market = Market('[liquidation.size]\nsize = "full"\n', rules=rules)
    market.deposit(ALICE, 1_690)
    market.buy(ALICE)
    market.buy(ALICE, 5_000, ETHER, 2_000)
    effects = market.tick(47_000)
    ether = market.engine.catalogue.lot_asset[ETHER]
    told = [one for one in effects if isinstance(one, NotTaken)]
    assert told == [NotTaken(account=ALICE, assets=(ether,), reason=Spared.POLICY_HARMS)]
    (order,) = orders(effects)
    assert (order.instrument, order.lots) == (BITCOIN, -21)


def test_what_costs_more_than_it_frees_may_be_left_to_a_solvent_account() -> None:
    """100,000 dollars of ether on 1,000: maintenance 500, initial 1,000, closing costs 1,500.

    With 100 lots of bitcoin at 60,000, 2,000 dollars in all and P = 47,000: equity 700, maintenance
    735. Bitcoin frees 470 for 70.50; ether frees less than it costs.
    """
    market = Market("spares_harmful = true\n")
    market.deposit(ALICE, 1_000)
    market.buy(ALICE)
    market.buy(ALICE, 5_000, ETHER, 2_000)
    effects = market.tick(47_000)
    ether = market.engine.catalogue.lot_asset[ETHER]
    told = [one for one in effects if isinstance(one, NotTaken)]
    assert told == [NotTaken(account=ALICE, assets=(ether,), reason=Spared.COSTS_MORE)]
    (order,) = orders(effects)
    assert (order.instrument, order.lots) == (BITCOIN, -100)
    # Filled at 47,000: 700 less the fee of 23.50. Ether is left, and it is not told again.
    assert [type(one) for one in market.fill(order, 47_000)] == [Liquidated]
    assert market.tick(47_000, later_ms=1) == ()
    # With 323.50 more the initial margin of 1,000 is reached.
    changed = market.send(
        Deposited(time_ms=market.time_ms, account=ALICE, coin=USDC, atoms=323_500_000)
    )
    assert [one.after for one in changed if isinstance(one, StateChanged)] == [State.HEALTHY]


def test_what_is_spared_goes_once_the_account_is_broke() -> None:
    market = Market("spares_harmful = true\n", fund=100_000)
    market.deposit(ALICE, 1_000)
    market.buy(ALICE)
    market.buy(ALICE, 5_000, ETHER, 2_000)
    effects = market.tick(39_000)  # Equity −100.
    assert sorted(order.lots for order in orders(effects)) == [-5_000, -100]


# -- the cap of a window ---------------------------------------------------------------------------


def test_a_window_takes_no_more_than_its_cap_and_the_worst_goes_first() -> None:
    market = Market("window_ms = 60_000\nwindow_notional = 2_600\n")  # 50 lots at 52 dollars.
    market.buy(ALICE)
    market.buy(DAVE)
    (order,) = orders(market.tick(52_000))
    assert (order.account, order.lots) == (ALICE, -50)  # As short as dave, and first by number.
    # Filled at the mark: 200 − 13 of fee against 260 of initial margin. Dave is the worst now.
    market.fill(order, 52_000)
    assert market.elapse(59_999) == ()
    (order,) = orders(market.elapse(1))
    assert (order.account, order.lots) == (DAVE, -50)
    market.fill(order, 52_000)
    # Each needs (260 − 187) ÷ 4.42 = 16.5, so 17 lots, which the next window has room for.
    both = orders(market.elapse(60_000))
    assert [(one.account, one.lots) for one in both] == [(ALICE, -17), (DAVE, -17)]


def test_what_was_asked_for_and_not_filled_leaves_room_again() -> None:
    market = Market("window_ms = 60_000\nwindow_notional = 2_600\n")
    market.buy(ALICE)
    market.buy(DAVE)
    (order,) = orders(market.tick(52_000))
    market.send(Filled(time_ms=market.time_ms, order=order.order, lots=20, price=dollars(52_000)))
    # 20 lots are 1,040 dollars: 1,560 are left, 30 lots. Dave is the worst now.
    (order,) = orders(market.tick(52_000))
    assert (order.account, order.lots) == (DAVE, -30)


# -- prices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "fall", "fund", "limit"),
    [
        ('price = "bankruptcy"', 52_000, 0, "51_480"),  # The mark less 1 %.
        ('price = "bankruptcy"', 50_500, 500, "50_000"),
        # Rating 1 − 200 ÷ 260; 0.5 × 260 × 0.2308 = 30 dollars for 0.1 BTC: 300 below the mark.
        ('price = "fillable"\nspread = 0.5', 52_000, 0, "51_700"),
        ('price = "fillable"\nspread = 0.5\nadjustment = 2', 52_000, 0, "51_480"),  # 600: beyond.
        ('price = "fillable"', 52_000, 0, "51_480"),  # 900 below, and 1 % is nearer.
        # Rating 1 − 50 ÷ 252.5: 3,037.50 below, beyond 1 %, and the fund can carry that.
        ('price = "fillable"', 50_500, 500, "49_995"),
        ('price = "fillable"', 50_500, 0, "50_000"),  # Nobody can: the bankruptcy price.
        ('price = "oracle"\naway = 0.002', 52_000, 0, "51_896"),
        ('price = "oracle"', 50_500, 0, "50_500"),
    ],
)
def test_the_worst_price_of_an_order_is_a_rule(
    price: str, fall: int, fund: int, limit: str
) -> None:
    _, order = falls(f"[liquidation.price]\n{price}\n", fall, fund)
    assert order.limit == dollars(limit.replace("_", ""))


def test_an_oracle_price_makes_the_plan_cheaper() -> None:
    """0.2 % and 0.5 % of 52 dollars are 0.364: 320 ÷ 4.836 = 66.2."""
    assert falls('[liquidation.price]\nprice = "oracle"\naway = 0.002\n')[1].lots == -67


# -- fees ------------------------------------------------------------------------------------------


def test_the_fee_is_shared_between_the_fund_and_who_takes_the_position() -> None:
    market, order = falls("keeper_share = 0.4\n")
    before = market.coins(MARKET)
    filled, _ = market.fill(order, 51_900)
    # 0.073 × 51,900 = 3,788.70, of which 0.5 % = 18.9435; 40 % of it are 7.5774.
    assert isinstance(filled, Liquidated)
    assert (filled.fee, filled.reward) == (dollars("18.9435"), dollars("7.5774"))
    assert market.coins(INSURANCE_FUND) == 11_366_100
    assert market.coins(MARKET) - before == 7_577_400


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ("keeper_share = 2", "$.liquidation.keeper_share"),
        ("least_notional = -1", "$.liquidation.least_notional"),
        ("window_notional = 5", "$.liquidation.window_notional"),
        ('[liquidation.price]\nprice = "oracle"\naway = 0.02', "$.liquidation.price.away"),
        ('[liquidation.size]\nsize = "ramp"\nstart = 2', "$.liquidation.size.start"),
    ],
)
def test_a_wrong_rule_is_named_by_its_path(rules: str, path: str) -> None:
    with pytest.raises(RulebookError) as caught:
        read(RULES + rules)
    assert path in str(caught.value)
