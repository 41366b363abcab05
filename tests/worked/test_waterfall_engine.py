"""The stages below the book, one account at a time, with numbers that fit on a napkin.

`alice` has 1,000 dollars and is long 100 lots of 0.001 BTC at 60,000, so her equity at a price of P
is 0.1 × P − 5,000: she is broke at 50,000, and at 49,000 she lacks 100 dollars. To sell all at 1 %
from there costs 49 more, so a fund carries her from 149 dollars on. Initial margin 10 %,
maintenance 5 %.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Deleveraged,
    Effects,
    FundPaid,
    LossShared,
    OrderWanted,
    Redistributed,
    Refused,
    StateChanged,
    TakenOver,
    Uncovered,
    WaterfallDone,
    Withheld,
)
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Funded,
    Listed,
    Opened,
    Priced,
    RulesChanged,
    Settled,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.losses.waterfall import waterfall_report
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.liquidation import Candidate, Overshoot, allocate
from seawall.market import Instrument
from seawall.simulation.telling import sentence

RULES = """
format = 1
name = "napkin"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }, { id = "YFI", decimals = 8 }]
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.isolated]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.10, maintenance = 0.05 }]
brackets.YFI = [{ above = 0, initial = 0.10, maintenance = 0.05 }]
"""
MARK = '[deleveraging]\nprice = "mark"\n'
ONE = 10**10
USDC, BTC, YFI = range(3)
NOW = 1_767_225_600_000


def perpetual(coin: str, lot: int) -> Instrument:
    return Instrument(
        id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC", settle="USDC",
        lot=lot, tick=ONE // 10,
    )  # fmt: skip


INSTRUMENTS = (perpetual("BTC", 10**5), perpetual("YFI", 10**6))
LINEAR, VAULT_MARKET = range(2)


def dollars(amount: str | int) -> int:
    return int(Decimal(amount) * ONE)


def usdc(amount: str | int) -> int:
    return int(Decimal(amount) * 10**6)


class Napkin:
    """A venue with named accounts under the rules above and some more."""

    def __init__(self, more: str = "", names: str = "alice bob carol dave erin vault") -> None:
        self.engine = Engine()
        self.events: list[Events] = []
        self.told: list[Effects] = []
        self.price: dict[int, int] = {BTC: 60_000, YFI: 15_000}
        listed = tuple(names.split())
        self.send(Started(time_ms=NOW, rulebook=read(RULES + more).canonical()))
        self.send(Listed(time_ms=NOW, instruments=INSTRUMENTS))
        self.send(Opened(time_ms=NOW, names=listed, methods=("isolated",) * len(listed)))
        self.tick(60_000)

    def send(self, event: Events) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.events.append(event)
        self.told.extend(effects)
        self.engine.check()
        return effects

    def deposit(self, name: str, amount: str | int, coin: int = USDC) -> tuple[Effects, ...]:
        atoms = int(Decimal(amount) * (10**6 if coin == USDC else 10**8))
        account = self.engine.account(name)
        return self.send(Deposited(time_ms=NOW, account=account, coin=coin, atoms=atoms))

    def trade(
        self, buyer: str, seller: str, lots: int, price: int, instrument: int = LINEAR
    ) -> tuple[Effects, ...]:
        number = self.engine.account
        return self.send(
            Traded(time_ms=NOW, instrument=instrument, buyer=number(buyer), seller=number(seller),
                   lots=lots, price=dollars(price))
        )  # fmt: skip

    def tick(self, price: int, coin: int = BTC, depth: int = 10**7) -> tuple[Effects, ...]:
        self.price[coin] = price
        rows = tuple((coin, dollars(told)) for coin, told in self.price.items())
        return self.send(
            Priced(
                time_ms=NOW, price=((USDC, ONE), *rows),
                mark=tuple((coin - 1, atoms) for coin, atoms in rows),
                depth=((0, depth, depth), (1, depth, depth)),
            )
        )  # fmt: skip

    def fill(self, order: OrderWanted, price: int) -> tuple[Effects, ...]:
        return self.send(
            Filled(time_ms=NOW, order=order.order, lots=abs(order.lots), price=dollars(price))
        )

    def withdraw(self, name: str, amount: int) -> tuple[Effects, ...]:
        account = self.engine.account(name)
        return self.send(Withdrawn(time_ms=NOW, account=account, coin=USDC, atoms=usdc(amount)))

    def state(self, name: str) -> State:
        return State(int(self.engine.venue.status[self.engine.account(name)]))

    def coins(self, name: str, coin: int = USDC) -> int:
        return self.engine.ledger.balance(self.engine.account(name), coin)

    def lots(self, name: str, instrument: int = LINEAR) -> int:
        asset = self.engine.catalogue.lot_asset[instrument]
        return self.engine.ledger.balance(self.engine.account(name), asset)

    def equity(self, name: str) -> int:
        return self.engine.venue.judge(self.engine.account(name)).equity

    def done(self) -> WaterfallDone:
        found = [told for told in self.told if isinstance(told, WaterfallDone)]
        assert len(found) == 1, found
        return found[0]


def long_alice(more: str = "", bob: int = 100_000) -> Napkin:
    napkin = Napkin(more)
    napkin.deposit("alice", 1_000)
    napkin.deposit("bob", bob)
    assert napkin.trade("alice", "bob", 100, 60_000) == ()
    return napkin


def of(effects: tuple[Effects, ...], kind: type) -> list[Effects]:
    return [effect for effect in effects if isinstance(effect, kind)]


# -- backstop --------------------------------------------------------------------------------------


def test_a_backstop_takes_up_to_its_limit_and_the_rest_is_deleveraged() -> None:
    """3,000 dollars are 61 lots of 49. At 50,000 each costs the vault one dollar more than it is
    worth; the other 39 take their dollar from bob, whose short stands 1,100 in profit."""
    napkin = long_alice('[backstop]\naccount = "vault"\nnotional_max = 3_000\n')
    napkin.deposit("vault", 10_000)
    effects = napkin.tick(49_000)
    (taken,) = of(effects, TakenOver)
    assert (taken.lots, taken.price) == (61, dollars(50_000))
    assert (taken.notional, taken.given_up) == (dollars(3_050), dollars(61))
    (closed,) = of(effects, Deleveraged)
    assert (closed.lots, closed.price) == (39, dollars(50_000))
    assert (napkin.lots("vault"), napkin.lots("bob")) == (61, -61)
    assert napkin.equity("vault") == dollars(9_939)
    assert napkin.state("alice") is State.CLOSED
    done = napkin.done()
    assert (done.from_backstop, done.needed) == (dollars(3_050), 0)
    assert (done.deleveraged_needed, done.deleveraged_taken) == (dollars(39), dollars(39))


def test_a_backstop_takes_no_more_than_it_can_carry() -> None:
    """With 100 dollars: 100 − n ≥ 10 % of 49 × n, so n ≤ 16.9."""
    napkin = long_alice('[backstop]\naccount = "vault"\nnotional_max = 1_000_000\n')
    napkin.deposit("vault", 100)
    (taken,) = of(napkin.tick(49_000), TakenOver)
    assert taken.lots == 16
    assert napkin.state("vault") in (State.HEALTHY, State.WARNED)


def test_a_backstop_that_takes_early_keeps_what_is_left_of_the_account() -> None:
    """At 51,000 equity is 100 and 2/3 of the maintenance is 170: the vault takes all at 50,000."""
    rules = '[backstop]\naccount = "vault"\nnotional_max = 10_000\nbelow_ratio = 0.666666666\n'
    napkin = long_alice(rules)
    napkin.deposit("vault", 1_000)
    (taken,) = of(napkin.tick(51_000), TakenOver)
    assert (taken.lots, taken.given_up) == (100, -dollars(100))
    assert napkin.equity("vault") == dollars(1_100)
    assert (napkin.state("alice"), napkin.coins("alice")) == (State.CLOSED, 0)


def test_without_the_account_there_is_no_backstop() -> None:
    napkin = long_alice('[backstop]\naccount = "nobody"\nnotional_max = 10_000\n')
    assert not of(napkin.tick(49_000), TakenOver)
    assert napkin.state("alice") is State.CLOSED  # Bob was closed against her.


@pytest.mark.parametrize(
    ("limit", "lots", "lost"), [(10_000_000, 4_000, 60_000), (150_000, 909, 13_635)]
)
def test_a_toxic_short_costs_the_vault_no_more_than_its_limit_lets_in(
    limit: int, lots: int, lost: int
) -> None:
    """JELLY in small: `alice` is short 4,000 YFI lots of 0.01 at 15,000, 600,000 dollars.

    At 16,500 her 60,000 dollars are gone exactly, so one dollar higher the vault takes over: all
    lots, or 909 under the limit of 150,000 (909 × 165.01 = 149,994). At 18,000 each has cost it 15
    dollars since her bankruptcy price. Bob, who is long, was closed against for the rest.
    """
    napkin = Napkin(f'[backstop]\naccount = "vault"\nnotional_max = {limit}\n')
    napkin.deposit("alice", 60_000)
    napkin.deposit("bob", 10_000_000)
    napkin.deposit("vault", 1_000_000)
    assert napkin.trade("bob", "alice", 4_000, 15_000, 1) == ()
    napkin.tick(16_501, YFI)
    napkin.tick(18_000, YFI)
    assert (-napkin.lots("vault", 1), napkin.lots("bob", 1)) == (lots, lots)
    assert dollars(1_000_000) - napkin.equity("vault") == dollars(lost)


# -- several funds ---------------------------------------------------------------------------------

TWO_FUNDS = """
[[funds]]
name = "ring"
markets = ["BTC"]
event_cap = 0.25
fee_share = 3
target = 410
[[funds]]
name = "wide"
fee_share = 1
[[funds]]
name = "other"
markets = ["YFI"]
"""


def test_funds_pay_in_order_each_within_its_cap() -> None:
    """A quarter of 400, then what is left of 120, and nothing of another market's fund."""
    napkin = long_alice(TWO_FUNDS)
    for fund, amount in (("ring", 400), ("wide", 50), ("other", 1_000)):
        napkin.deposit(fund, amount)
    (wanted,) = of(napkin.tick(49_000), OrderWanted)
    effects = napkin.fill(wanted, 48_800)
    number = napkin.engine.account
    assert of(effects, FundPaid) == [
        FundPaid(account=number("alice"), atoms=dollars(100), fund=number("ring")),
        FundPaid(account=number("alice"), atoms=dollars(20), fund=number("wide")),
    ]
    assert [napkin.coins(name) for name in ("ring", "wide", "other")] == [
        usdc(300), usdc(30), usdc(1_000),
    ]  # fmt: skip
    assert napkin.engine.insurance_fund() == dollars(1_330)
    done = napkin.done()
    assert (done.needed, done.from_funds, done.uncovered) == (dollars(120), dollars(120), 0)
    assert done.from_book == dollars(4_880)
    assert waterfall_report(napkin.told).funds == (
        (number("ring"), dollars(100)), (number("wide"), dollars(20)),
    )  # fmt: skip


def test_a_cap_keeps_a_fund_from_carrying_what_it_has_the_money_for() -> None:
    """25 % of 400 and 40 are less than 149, so bob is closed instead, and no fund pays."""
    napkin = long_alice(TWO_FUNDS)
    napkin.deposit("ring", 400)
    napkin.deposit("wide", 40)
    effects = napkin.tick(49_000)
    assert of(effects, Deleveraged)
    assert not of(effects, FundPaid)


def test_fees_fill_funds_by_weight_up_to_their_target() -> None:
    """73 lots at 51,900: 0.5 % are 18.9435. Three quarters would be 14.21, but 10 fill the ring."""
    napkin = long_alice(TWO_FUNDS)
    napkin.deposit("ring", 400)
    (wanted,) = of(napkin.tick(52_000), OrderWanted)
    napkin.fill(wanted, 51_900)
    assert napkin.coins("ring") == usdc(410)
    assert napkin.coins("wide") == usdc("8.9435")


def test_funds_are_opened_when_the_rules_change_and_keep_what_they_have() -> None:
    napkin = long_alice()
    later = RulesChanged(time_ms=NOW, rulebook=read(RULES + TWO_FUNDS).canonical())
    assert napkin.send(later) == ()
    napkin.deposit("wide", 7)
    assert napkin.engine.account("ring") > napkin.engine.account("alice")
    assert napkin.send(RulesChanged(time_ms=NOW, rulebook=read(RULES).canonical())) == ()
    assert napkin.engine.insurance_fund() == 0
    assert napkin.send(later) == ()
    assert napkin.engine.insurance_fund() == dollars(7)
    clash = TWO_FUNDS.replace('"wide"', '"bob"')
    refused = napkin.send(RulesChanged(time_ms=NOW, rulebook=read(RULES + clash).canonical()))
    assert isinstance(refused[0], Refused)


def test_nobody_trades_or_withdraws_in_the_name_of_a_fund() -> None:
    napkin = long_alice(TWO_FUNDS)
    napkin.deposit("wide", 100_000)
    for refused in (napkin.withdraw("wide", 5), napkin.trade("wide", "bob", 1, 60_000)):
        assert [effect.reason.value for effect in refused] == ["unknown_account"]


# -- dYdX, YFI, 17 November 2023 -------------------------------------------------------------------


def yfi_crash(more: str) -> Napkin:
    """Long 4,466 YFI at 15,000, 67 million dollars, with 19,805,700 of margin. The price falls by
    43 % to 8,550: the loss is 4,466 × 6,450 = 28,805,700, nine million more than there was. The
    fund has 22.5 million, so nine are 40 %: what dYdX's fund lost. Margin and fund are ours, so
    that sum and share are those of the reports.
    """
    napkin = Napkin(more)
    napkin.deposit("alice", 19_805_700)
    napkin.deposit("bob", 100_000_000)
    napkin.deposit("insurance_fund", 22_500_000)
    assert napkin.trade("alice", "bob", 446_600, 15_000, 1) == ()
    for wanted in of(napkin.tick(8_550, YFI), OrderWanted):
        napkin.fill(wanted, 8_550)
    return napkin


CAPPED = '[[funds]]\nname = "insurance_fund"\nevent_cap = 0.1\n'


def test_one_large_position_drains_a_fund_without_a_cap() -> None:
    napkin = yfi_crash("")
    assert napkin.coins("insurance_fund") == usdc(13_500_000)
    assert not any(isinstance(told, Deleveraged | LossShared) for told in napkin.told)


def test_under_a_cap_the_winners_of_the_position_end_it_and_the_fund_stands() -> None:
    napkin = yfi_crash(CAPPED)
    assert napkin.coins("insurance_fund") == usdc(22_500_000)
    report = waterfall_report(napkin.told)
    assert report.deleveraging == Overshoot(dollars(9_000_000), dollars(9_000_000))
    assert napkin.equity("bob") == dollars(100_000_000 + 28_805_700 - 9_000_000)


def test_at_the_mark_the_deficit_goes_on_to_the_fund_and_then_to_the_winners() -> None:
    """A tenth of the fund is 2.25 million; the other 6.75 are shared."""
    napkin = yfi_crash(CAPPED + MARK)
    assert napkin.coins("insurance_fund") == usdc(20_250_000)
    done = napkin.done()
    assert (done.needed, done.from_funds) == (dollars(9_000_000), dollars(2_250_000))
    assert (done.shared, done.uncovered) == (dollars(6_750_000), 0)
    assert napkin.equity("bob") == dollars(100_000_000 + 28_805_700 - 6_750_000)


# -- deleveraging: at which price, and who ---------------------------------------------------------


def test_at_the_mark_the_counterparty_keeps_its_gain_and_the_fund_pays() -> None:
    """100 dollars in the fund do not carry 149, but they pay the deficit of a close at the mark."""
    napkin = long_alice(MARK)
    napkin.deposit("insurance_fund", 100)
    (closed,) = of(napkin.tick(49_000), Deleveraged)
    assert closed.price == dollars(49_000)
    assert (closed.needed, closed.taken) == (dollars(100), 0)
    assert napkin.equity("bob") == dollars(101_100)
    assert napkin.coins("insurance_fund") == 0
    assert waterfall_report(napkin.told).deleveraging.residual == dollars(100)


def test_the_mark_before_the_tick_takes_more_than_is_needed() -> None:
    """At 52,700, told before 49,000, a lot takes 3.70 from bob; 1.00 was needed. Alice keeps 270:
    the overshoot that closing at a price of before must leave."""
    napkin = long_alice('[deleveraging]\nprice = "previous_mark"\n')
    napkin.tick(52_700)
    (closed,) = of(napkin.tick(49_000), Deleveraged)
    assert (closed.price, closed.taken) == (dollars(52_700), dollars(370))
    assert napkin.equity("bob") == dollars(101_100 - 370)
    assert (napkin.state("alice"), napkin.equity("alice")) == (State.CLOSED, dollars(270))
    assert waterfall_report(napkin.told).deleveraging.overshoot == dollars(270)


def two_shorts(more: str) -> Napkin:
    napkin = Napkin(more)
    napkin.deposit("alice", 1_000)
    for name, lots in (("carol", 60), ("dave", 40)):
        napkin.deposit(name, 10_000)
        assert napkin.trade("alice", name, lots, 60_000) == ()
    return napkin


def test_in_proportion_everybody_gives_a_share_and_under_a_cap_no_more_than_that() -> None:
    napkin = two_shorts('[deleveraging]\nranking = "pro_rata"\n')
    takes = of(napkin.tick(49_000), Deleveraged)
    assert [(one.counterparty - napkin.engine.account("alice"), one.lots) for one in takes] == [
        (2, 60), (3, 40),
    ]  # fmt: skip
    capped = two_shorts('[deleveraging]\nranking = "capped_pro_rata"\ncap_ratio = 0.5\n')
    effects = capped.tick(49_000)
    assert [one.lots for one in of(effects, Deleveraged)] == [30, 20]
    (wanted,) = of(effects, OrderWanted)  # The other half is left to the book.
    assert wanted.lots == -50


def test_a_draw_is_the_same_on_every_replay_and_from_a_checkpoint() -> None:
    napkin = two_shorts('[deleveraging]\nranking = "random"\n')
    napkin.deposit("erin", 50_000)
    assert napkin.trade("alice", "erin", 1, 60_000) == ()
    blob, chain = napkin.engine.dump(), napkin.engine.chain
    takes = of(napkin.tick(49_000), Deleveraged)
    number = napkin.engine.account
    asset = napkin.engine.catalogue.lot_asset[LINEAR]
    seed = chain + number("alice").to_bytes(8, "big") + asset.to_bytes(8, "big")
    held = [Candidate(number(n), -lots, 0, 0, 0) for n, lots in
            (("carol", 60), ("dave", 40), ("erin", 1))]  # fmt: skip
    drawn = allocate("random", 101, held, seed=seed).takes
    assert [(one.counterparty, one.lots) for one in takes] == [tuple(take) for take in drawn]
    other = Engine.restore(blob)
    other.apply(napkin.events[-1])
    assert other.state_hash() == napkin.engine.state_hash()


# -- shared loss -----------------------------------------------------------------------------------


def test_a_loss_for_each_contract_is_paid_by_long_and_short() -> None:
    """Bob is left short 50 against erin's 50: of 100 dollars each pays 50."""
    napkin = long_alice(MARK + '[loss_sharing]\nrule = "per_contract"\n')
    napkin.deposit("erin", 10_000)
    assert napkin.trade("erin", "bob", 50, 60_000) == ()
    before = {name: napkin.equity(name) for name in ("bob", "erin")}
    effects = napkin.tick(49_000)
    (shared,) = of(effects, LossShared)
    assert (shared.atoms, shared.bearers) == (dollars(100), 2)
    assert napkin.equity("bob") == before["bob"] + 150 * dollars(11) - dollars(50)
    assert napkin.equity("erin") == before["erin"] - 50 * dollars(11) - dollars(50)


def test_withdrawals_leave_a_part_until_the_fund_is_filled() -> None:
    """The venue is short of 100 and users hold 1,000 + 3,000 of the coin: 2.5 % stays."""
    napkin = long_alice(MARK + '[loss_sharing]\nrule = "withdrawal_haircut"\n', bob=1_000)
    napkin.deposit("carol", 3_000)
    napkin.tick(49_000)
    assert napkin.coins("shortfall") == -usdc(100)
    assert napkin.state("alice") is State.BANKRUPT
    carol = napkin.engine.account("carol")
    assert napkin.withdraw("carol", 1_000) == (Withheld(account=carol, coin=USDC, atoms=usdc(25)),)
    assert napkin.coins("shortfall") == -usdc(75)
    other = RulesChanged(time_ms=NOW, rulebook=read(RULES).canonical())
    assert [told.reason.value for told in napkin.send(other)] == ["rules_do_not_fit"]  # Not now.
    assert napkin.withdraw("carol", 1_000) == (Withheld(account=carol, coin=USDC, atoms=usdc(25)),)
    napkin.deposit("insurance_fund", 60)
    assert napkin.withdraw("carol", 1_000) == ()
    assert (napkin.coins("insurance_fund"), napkin.coins("shortfall")) == (usdc(10), 0)
    assert waterfall_report(napkin.told).withheld == ((USDC, usdc(50)),)
    assert napkin.send(other) == ()


def test_debt_and_collateral_go_to_the_others_by_stake() -> None:
    """At 44,000 alice owes 600 dollars and has 0.01 BTC, which no market here sells. Bob holds a
    quarter of the others' coins: 150 of the debt, and a quarter of the coin."""
    napkin = long_alice(MARK + '[loss_sharing]\nrule = "redistribution"\n')
    napkin.deposit("alice", "0.01", BTC)
    napkin.deposit("carol", 300_000)
    (moved,) = of(napkin.tick(44_000), Redistributed)
    assert (moved.debt, moved.collateral) == (usdc(600), ((BTC, 10**6),))
    assert (napkin.coins("bob"), napkin.coins("carol")) == (usdc(99_850), usdc(299_550))
    assert (napkin.coins("bob", BTC), napkin.coins("carol", BTC)) == (250_000, 750_000)
    assert napkin.engine.ledger.rows(napkin.engine.account("alice")) == []


def test_what_nobody_has_stays_in_sight() -> None:
    """Nobody holds a coin but bob, who has 60: of 100 dollars 40 stay with alice."""
    napkin = Napkin(MARK + '[loss_sharing]\nrule = "redistribution"\n')
    napkin.deposit("alice", 1_000)
    napkin.deposit("bob", 600)
    assert napkin.trade("alice", "bob", 100, 60_000) == ()
    napkin.tick(55_000)
    assert napkin.withdraw("bob", 540) == ()
    (left,) = of(napkin.tick(49_000), Uncovered)
    assert (left.atoms, napkin.coins("alice")) == (usdc(40), -usdc(40))
    done = napkin.done()
    assert (done.needed, done.shared, done.uncovered) == (dollars(100), dollars(60), dollars(40))


# -- in the middle of a liquidation ----------------------------------------------------------------


def test_an_expiry_cancels_the_order_and_the_account_goes_on_with_what_is_left() -> None:
    """60 lots of BTC and 40 of 0.01 YFI. At 50,000 equity is 400 against 10 % of 9,000: of a YFI
    lot 15 are freed and 2.25 spent, so all 40 go. They are settled at 14,050 instead, 380 lower
    than bought: 20 dollars are left, nothing restores, and all BTC goes. Its order stops where
    20 dollars end, 50,000 − 20 ÷ 0.06, and not at 49,500: nobody has missed it there.
    """
    napkin = Napkin()
    napkin.deposit("alice", 1_000)
    napkin.deposit("bob", 100_000)
    napkin.deposit("insurance_fund", 1_000)
    assert napkin.trade("alice", "bob", 60, 60_000) == ()
    assert napkin.trade("alice", "bob", 40, 15_000, 1) == ()
    (first,) = of(napkin.tick(50_000), OrderWanted)
    assert (first.instrument, first.lots) == (1, -40)
    effects = napkin.send(Settled(time_ms=NOW, instrument=1, price=dollars(14_050)))
    assert napkin.lots("alice", 1) == 0
    assert napkin.equity("alice") == dollars(20)
    (second,) = of(effects, OrderWanted)
    assert (second.instrument, second.lots) == (LINEAR, -60)
    assert second.limit == dollars("49666.7")
    late = napkin.send(Filled(time_ms=NOW, order=first.order, lots=1, price=dollars(14_050)))
    assert [effect.reason.value for effect in late] == ["unknown_order"]


def test_a_settlement_that_leaves_a_debt_goes_down_the_waterfall_at_once() -> None:
    """Settled at 49,000 while her order is open, alice owes 100: the fund has 30, bob gained."""
    napkin = long_alice()
    napkin.deposit("insurance_fund", 30)
    assert of(napkin.tick(52_000), OrderWanted)
    effects = napkin.send(Settled(time_ms=NOW, instrument=LINEAR, price=dollars(49_000)))
    (paid,) = of(effects, FundPaid)
    assert paid.atoms == dollars(30)
    assert napkin.state("alice") is State.BANKRUPT
    # A settled gain is paid out already, so nobody can be asked for it: 70 stay in sight.
    (left,) = of(effects, Uncovered)
    assert left.atoms == usdc(70)


def test_funding_in_a_liquidation_moves_equity_and_leaves_the_order_alone() -> None:
    """At 52,000 the order is out; funding of 1 % of 5,200 takes 52 from the long."""
    napkin = long_alice()
    (wanted,) = of(napkin.tick(52_000), OrderWanted)
    effects = napkin.send(Funded(time_ms=NOW, instrument=LINEAR, rate=10**7))
    assert not of(effects, OrderWanted)
    assert napkin.equity("alice") == dollars(200 - 52)
    # 73 lots were planned for 200; with 148 the fill leaves 148 − 18.98 − … and the rest follows.
    assert of(napkin.fill(wanted, 52_000), OrderWanted)


def test_an_account_in_liquidation_may_be_paid_in_and_nothing_else_while_its_order_is_open() -> (
    None
):
    napkin = long_alice()
    (wanted,) = of(napkin.tick(52_000), OrderWanted)
    for refused in (
        napkin.withdraw("alice", 1),
        napkin.trade("alice", "bob", 1, 52_000),
        napkin.trade("bob", "alice", 1, 52_000),  # Its lots are asked for already.
    ):
        assert [effect.reason.value for effect in refused] == ["account_not_open"]
    assert napkin.deposit("alice", 400) == ()
    (healthy,) = of(napkin.fill(wanted, 52_000), StateChanged)
    assert healthy.after is State.HEALTHY


def test_an_account_in_liquidation_may_leave_but_not_below_the_mark() -> None:
    """No depth, so no order: alice may sell to bob at the mark, buy nothing, and give nothing."""
    napkin = long_alice()
    assert not of(napkin.tick(52_000, depth=0), OrderWanted)
    assert napkin.state("alice") is State.LIQUIDATING
    for refused in (
        napkin.trade("alice", "bob", 1, 52_000),
        napkin.trade("bob", "alice", 1, 51_999),
        napkin.trade("bob", "alice", 101, 52_000),
    ):
        assert [effect.reason.value for effect in refused] == ["account_not_open"]
    # 200 of equity carry 38 lots: 10 % of 38 × 52 = 197.60.
    (healthy,) = of(napkin.trade("bob", "alice", 62, 52_000), StateChanged)
    assert healthy.after is State.HEALTHY


def test_each_stage_is_said_in_a_sentence() -> None:
    napkin = long_alice(
        MARK + '[backstop]\naccount = "vault"\nnotional_max = 3_000\n'
        '[loss_sharing]\nrule = "withdrawal_haircut"\n', bob=1_000,
    )  # fmt: skip
    napkin.deposit("vault", 10_000)
    napkin.deposit("insurance_fund", 9)
    napkin.tick(49_000)  # 61 of 100 lots go to the vault; 39 dollars are owed, 9 are paid.
    napkin.withdraw("vault", 1_000)
    said = [sentence(napkin.engine, effect) for effect in napkin.told]
    for text in (
        "taken over by vault at ",
        "insurance fund paid ",
        "the venue is short of ",
        "nobody ",
        " of a withdrawal stayed, for the venue is short",
    ):
        assert any(text in one for one in said), said
    shared = LossShared(account=7, atoms=dollars(5), bearers=3)
    assert sentence(napkin.engine, shared).startswith("3 accounts shared ")


# -- what a rulebook may not say -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ('[[funds]]\nname = "fees"\n', "$.funds[0].name"),
        ('[[funds]]\nname = "a"\n[[funds]]\nname = "a"\n', "$.funds[1].name"),
        ('[[funds]]\nname = "a"\nmarkets = ["DOGE"]\n', "$.funds[0].markets[0]"),
        ('[[funds]]\nname = "a"\nevent_cap = 0\n', "$.funds[0]"),
        ('[backstop]\naccount = "clearing"\nnotional_max = 1\n', "$.backstop.account"),
        ('[backstop]\naccount = "v"\nnotional_max = -1\n', "$.backstop.notional_max"),
        ('[backstop]\naccount = "v"\nnotional_max = 1\nbelow_ratio = 2\n', "$.backstop.below"),
        ("[deleveraging]\ncap_ratio = 0\n", "$.deleveraging.cap_ratio"),
        ('[loss_sharing]\nrule = "lottery"\n', "$.loss_sharing.rule"),
    ],
)
def test_a_wrong_rule_is_named_by_its_path(more: str, path: str) -> None:
    with pytest.raises(RulebookError) as fault:
        read(RULES + more)
    assert f"`{path}" in str(fault.value)


def test_rules_that_name_no_stage_keep_their_fingerprint_and_tell_nothing_new() -> None:
    plain = read(RULES)
    said = read(RULES + '[deleveraging]\nprice = "bankruptcy"\n')
    assert (plain.fingerprint, plain.tells_waterfall) == (said.fingerprint, False)
    assert "cap_ratio" not in plain.canonical()
    assert "backstop" not in plain.canonical()
    napkin = long_alice()
    (closed,) = of(napkin.tick(49_000), Deleveraged)
    assert (closed.needed, closed.taken) == (0, 0)
    assert not any(isinstance(told, WaterfallDone) for told in napkin.told)
