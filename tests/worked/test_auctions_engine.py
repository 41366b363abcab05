"""Auctions through the whole engine, with numbers that fit on a napkin.

Initial margin 10 %, maintenance 5 % of the notional, fee 0.5 %, slippage 1 %. `alice` has 1,000
dollars and is long 100 lots of 0.001 BTC at 60,000: equity = 0.1 · P − 5,000. At 52,000 it is 200,
maintenance 260, initial 520: she is liquidated. Each lot closed at the mark less 1.5 % frees 5.20 −
0.78 = 4.42 of the 320 that are missing: 73 lots (322.66).
"""

from __future__ import annotations

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import (
    AuctionEnded,
    AuctionEnding,
    AuctionStarted,
    BidStands,
    BidVoid,
    Effects,
    ExitFilled,
    FlashTaken,
    OrderWanted,
    Reason,
    Refused,
)
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    Deposited,
    Events,
    Filled,
    Funded,
    Listed,
    Opened,
    Priced,
    Settled,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.engine.state import CLEARING, FIRST_ACCOUNT, INSURANCE_FUND
from seawall.liquidation.exits.sealed import commitment
from seawall.market import Instrument
from seawall.simulation.telling import sentence

RULES = """
format = 1
name = "auctions"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
DUTCH = """
[exits.BTC]
exit = "dutch_linear"
start_ratio = 1.02
duration_seconds = 60
zero_after_seconds = 1_000
"""
ENGLISH = """
[exits.BTC]
exit = "english"
duration_seconds = 100
bid_life_seconds = 30
"""
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC = range(2)
ALICE, BOB, CAROL, DAVE = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 4)
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


def usdc(amount: float) -> int:
    return round(amount * 10**6)


class Room:
    """A venue where alice is long, bob is short, carol and dave have cash and no position."""

    def __init__(self, exits: str, side: int = 1) -> None:
        self.engine = Engine()
        self.now = NOW
        self.send(Started(time_ms=NOW, rulebook=read(RULES + exits).canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        names = ("alice", "bob", "carol", "dave")
        self.send(Opened(time_ms=NOW, names=names, methods=("cross",) * 4))
        for account, dollars in ((ALICE, 1_000), (BOB, 100_000), (CAROL, 2_000), (DAVE, 100)):
            self.send(Deposited(time_ms=NOW, account=account, coin=USDC, atoms=usdc(dollars)))
        self.price(60_000)
        buyer, seller = (ALICE, BOB) if side > 0 else (BOB, ALICE)
        self.send(Traded(time_ms=NOW, instrument=0, buyer=buyer, seller=seller, lots=100,
                         price=60_000 * ONE))  # fmt: skip

    def send(self, event: Events) -> tuple[Effects, ...]:
        before = self.engine.dump()
        effects = self.engine.apply(event)
        self.engine.check()
        if before and self.engine.sequence > 1:  # Memory in the middle of anything.
            again = Engine.restore(before)
            assert again.apply(event) == effects
            assert again.state_hash() == self.engine.state_hash()
        return effects

    def price(self, dollars: float, seconds: float = 0) -> tuple[Effects, ...]:
        self.now += round(seconds * 1000)
        atoms = round(dollars * ONE)
        return self.send(Priced(time_ms=self.now, price=((USDC, ONE), (BTC, atoms)),
                                mark=((0, atoms),), depth=((0, 1_000, 1_000),)))  # fmt: skip

    def wait(self, seconds: float) -> tuple[Effects, ...]:
        return self.price(self.engine.snapshot.price[BTC] / ONE, seconds)

    def take(self, account: int, lots: int, limit: float, auction: int = 1) -> tuple[Effects, ...]:
        return self.send(AuctionTaken(time_ms=self.now, auction=auction, account=account,
                                      lots=lots, limit=round(limit * ONE)))  # fmt: skip

    def bid(self, account: int, price: float, lots: int = 0) -> tuple[Effects, ...]:
        return self.send(AuctionBid(time_ms=self.now, auction=1, account=account, lots=lots,
                                    price=round(price * ONE)))  # fmt: skip

    def lots(self, account: int) -> int:
        return self.engine.ledger.balance(account, self.engine.catalogue.lot_asset[0])

    def state(self, account: int) -> State:
        return State(int(self.engine.venue.status[account]))


def only(effects: tuple[Effects, ...], kind: type) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_the_planned_lots_are_offered_and_one_taker_is_enough() -> None:
    """Start 1.02 · 52,000 = 53,040; after 20 s it is 2 % lower: 51,979.20.

    40 lots come to 2,079.168; the fee of 0.5 % is 10.39584. After the sale alice's equity is 200 −
    40 · 0.001 · 20.80 − 10.39584 = 188.77216 against 312 that 60 lots ask for: the auction stays.
    33 more: 188.77216 − 0.6864 − 8.576568 = 179.509… against 140.4: restored.
    """
    room = Room(DUTCH)
    effects = room.price(52_000, 1)
    (started,) = only(effects, AuctionStarted)
    assert (started.lots, started.price, started.exit) == (-73, 53_040 * ONE, "dutch_linear")
    assert started.ends_ms == room.now + 60_001
    assert not only(effects, OrderWanted)
    room.wait(20)
    effects = room.take(CAROL, 40, 51_979.20)
    (filled,) = only(effects, ExitFilled)
    assert (filled.lots, filled.price, filled.taker) == (-40, 519_792 * ONE // 10, CAROL)
    assert filled.notional == 20_791_680_000_000
    assert filled.fee == 103_958_400_000
    assert room.engine.ledger.balance(INSURANCE_FUND, USDC) == 10_395_840
    assert room.engine.venue.judge(ALICE).equity == 1_887_721_600_000
    assert room.state(ALICE) is State.LIQUIDATING
    effects = room.take(CAROL, 99, 52_000)
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.SOLD
    assert room.state(ALICE) is State.HEALTHY
    assert (room.lots(ALICE), room.lots(CAROL)) == (27, 73)


def test_a_taker_must_carry_what_it_takes() -> None:
    """Dave's 100 dollars carry 19 lots of 52 at 10 % (98.8), not 20 (104)."""
    room = Room(DUTCH)
    room.price(52_000, 1)
    room.wait(20)
    assert room.take(DAVE, 20, 52_000) == (
        Refused(reason=Reason.INSUFFICIENT_MARGIN, account=DAVE, auction=1),
    )
    assert only(room.take(DAVE, 19, 52_000), ExitFilled)
    assert room.take(CAROL, 9, 51_000)[0].reason is Reason.BEYOND_LIMIT


def test_a_top_up_withdraws_the_auction_and_nothing_else_is_allowed() -> None:
    room = Room(DUTCH)
    room.price(52_000, 1)
    refused = room.send(Withdrawn(time_ms=room.now, account=ALICE, coin=USDC, atoms=1))
    assert refused[0].reason is Reason.ACCOUNT_NOT_OPEN
    refused = room.send(Traded(time_ms=room.now, instrument=0, buyer=ALICE, seller=BOB, lots=1,
                               price=52_000 * ONE))  # fmt: skip
    assert refused[0].reason is Reason.ACCOUNT_NOT_OPEN
    room.send(Deposited(time_ms=room.now, account=ALICE, coin=USDC, atoms=usdc(319)))
    assert room.engine.venue.offers.open
    effects = room.send(Deposited(time_ms=room.now, account=ALICE, coin=USDC, atoms=usdc(1)))
    (ended,) = only(effects, AuctionEnded)
    assert (ended.ending, ended.remainder) == (AuctionEnding.RESTORED, -73)
    assert room.state(ALICE) is State.HEALTHY
    assert room.take(CAROL, 1, 60_000)[0].reason is Reason.UNKNOWN_AUCTION


def test_what_nobody_takes_is_offered_again_and_goes_to_the_book_then() -> None:
    """Any event may end an auction: here a deposit of somebody else."""
    room = Room(DUTCH + "\n[auctions]\nrestarts = 1\n")
    room.price(52_000, 1)
    room.now += 60_000
    assert not room.send(Deposited(time_ms=room.now, account=DAVE, coin=USDC, atoms=1))
    room.now += 1
    effects = room.send(Deposited(time_ms=room.now, account=DAVE, coin=USDC, atoms=1))
    (ended,) = only(effects, AuctionEnded)
    assert (ended.ending, ended.remainder) == (AuctionEnding.TIME, -73)
    assert [(one.auction, one.restarts) for one in only(effects, AuctionStarted)] == [(2, 1)]
    effects = room.wait(61)
    assert only(effects, AuctionEnded)
    assert not only(effects, AuctionStarted)
    (wanted,) = only(effects, OrderWanted)
    assert wanted.lots == -73


def test_a_short_is_bought_back_at_a_rising_price() -> None:
    """Short 100 from 60,000, equity 7,000 − 0.1 · P; at 67,000 it is 300, maintenance 335.

    The offer starts at 0.98 · 67,000 = 65,660 and rises by 2 % of it in 20 s: 66,973.20.
    """
    room = Room(DUTCH, side=-1)
    (started,) = only(room.price(67_000, 1), AuctionStarted)
    assert started.lots > 0
    assert started.price == 65_660 * ONE
    room.wait(20)
    assert room.take(CAROL, 5, 66_973.30)[0].reason is Reason.BEYOND_LIMIT
    (filled,) = only(room.take(CAROL, 5, 66_973.20), ExitFilled)
    assert (filled.price, filled.lots) == (6_697_320 * ONE // 100, 5)
    assert room.lots(CAROL) == -5


def test_the_best_of_rising_bids_wins_and_is_bound_until_then() -> None:
    room = Room(ENGLISH)
    room.price(52_000, 1)
    assert only(room.bid(DAVE, 1), BidStands)[0].ends_ms == room.now + 30_001
    assert room.bid(CAROL, 1.04)[0].reason is Reason.BID_TOO_LOW
    assert only(room.bid(CAROL, 51_500), BidStands)
    refused = room.send(Withdrawn(time_ms=room.now, account=CAROL, coin=USDC, atoms=1))
    assert refused[0].reason is Reason.BID_STANDS
    assert not only(room.wait(30), AuctionEnded)
    effects = room.wait(0.001)
    (filled,) = only(effects, ExitFilled)
    assert (filled.taker, filled.lots, filled.price) == (CAROL, -73, 51_500 * ONE)
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.SOLD


def test_a_recovery_after_the_end_does_not_take_it_from_the_winner() -> None:
    """The bid lasted 30 s; the tick of the 31st would have restored alice."""
    room = Room(ENGLISH)
    room.price(52_000, 1)
    room.bid(CAROL, 51_500)
    effects = room.price(58_000, 31)
    assert only(effects, ExitFilled)[0].taker == CAROL
    assert room.state(ALICE) is State.HEALTHY


def test_a_winner_who_can_no_longer_carry_leaves_the_lots_to_the_next_stage() -> None:
    """Carol's 2,000 carry 73 lots of 52 (379.6); a fall to 30,000 leaves 2,000 − 73 · 21.5 = 430.5.

    Margin of 73 lots at 30,000 is 219: she can. After she bought 100 lots at 52,000 herself, she
    has −2,200 + 430.5 < 0: the bid is void.
    """
    room = Room(ENGLISH)
    room.price(52_000, 1)
    room.bid(CAROL, 51_500)
    room.send(Traded(time_ms=room.now, instrument=0, buyer=CAROL, seller=BOB, lots=100,
                     price=52_000 * ONE))  # fmt: skip
    effects = room.price(40_000, 31)
    (void,) = only(effects, BidVoid)
    assert (void.account, void.reason) == (CAROL, Reason.INSUFFICIENT_MARGIN)
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.TIME


def test_sealed_bids_pay_the_second_price_and_who_does_not_open_forfeits() -> None:
    """Deposit 1 % of 73 · 52 = 37.96. Bids 51,900 and 51,500; dave commits and stays silent."""
    room = Room("""
[exits.BTC]
exit = "sealed"
commit_seconds = 10
reveal_seconds = 10
deposit_ratio = 0.01
""")
    room.price(52_000, 1)
    bids = {CAROL: (73, 51_900 * ONE), BOB: (73, 51_500 * ONE), DAVE: (1, ONE)}
    for account, (lots, price) in bids.items():
        digest = commitment(1, account, lots, price, b"salt")
        effects = room.send(AuctionCommitted(time_ms=room.now, auction=1, account=account,
                                             digest=digest))  # fmt: skip
        assert only(effects, BidStands)
    assert room.engine.ledger.balance(CLEARING, USDC) == 3 * usdc(37.96)
    room.wait(10)
    for account in (CAROL, BOB):
        lots, price = bids[account]
        room.send(AuctionRevealed(time_ms=room.now, auction=1, account=account, lots=lots,
                                  price=price, salt=b"salt"))  # fmt: skip
    (filled,) = only(room.wait(10), ExitFilled)
    assert (filled.taker, filled.lots, filled.price) == (CAROL, -73, 51_500 * ONE)
    assert room.engine.ledger.balance(CLEARING, USDC) == 0
    # Forfeited 37.96 and the fee: 0.5 % · 73 · 51.5 = 18.7975.
    assert room.engine.ledger.balance(INSURANCE_FUND, USDC) == usdc(37.96 + 18.7975)


def test_who_wins_what_it_cannot_carry_forfeits_too() -> None:
    """Dave has 100 dollars, and 73 lots of 51.5 ask for 376 of initial margin."""
    room = Room(
        "[exits.BTC]\nexit = 'sealed'\ncommit_seconds = 10\nreveal_seconds = 10\n"
        "deposit_ratio = 0.01\n"
    )
    room.price(52_000, 1)
    bids = {CAROL: (73, 51_500 * ONE), DAVE: (73, 51_900 * ONE)}
    for account, (lots, price) in bids.items():
        digest = commitment(1, account, lots, price, b"salt")
        room.send(AuctionCommitted(time_ms=room.now, auction=1, account=account, digest=digest))
    room.wait(10)
    for account, (lots, price) in bids.items():
        room.send(AuctionRevealed(time_ms=room.now, auction=1, account=account, lots=lots,
                                  price=price, salt=b"salt"))  # fmt: skip
    (void,) = only(room.wait(10), BidVoid)
    assert (void.account, void.reason) == (DAVE, Reason.INSUFFICIENT_MARGIN)
    balances = [room.engine.ledger.balance(one, USDC) for one in (CAROL, DAVE, INSURANCE_FUND)]
    assert balances == [usdc(2_000), usdc(100 - 37.96), usdc(37.96)]
    assert room.engine.ledger.balance(CLEARING, USDC) == 0


def test_a_batch_has_one_price() -> None:
    """Alice's order is 73 lots at 51,480 (52,000 less 1 %) or better; bids for 50 at 52,100 and

    40 at 51,900: at 51,900 all 73 trade, 50 and 23.
    """
    room = Room('[exits.BTC]\nexit = "batch"\ninterval_seconds = 5\n')
    room.price(52_000, 1)
    room.bid(BOB, 52_100, 50)
    room.bid(CAROL, 51_900, 40)
    effects = room.wait(5)
    assert [(one.taker, one.lots, one.price) for one in only(effects, ExitFilled)] == [
        (BOB, -50, 51_900 * ONE),
        (CAROL, -23, 51_900 * ONE),
    ]
    assert room.state(ALICE) is State.HEALTHY


def test_the_discount_of_health() -> None:
    """At 52,000: owed 5,200 − 200 = 5,000, threshold (5,200 − 260) ÷ 5,200 = 95 %.

    Health 5,200 · 0.95 ÷ 5,000 = 0.988: a lot costs 51,376.
    """
    room = Room('[exits.BTC]\nexit = "by_health"\ndiscount_max_ratio = 0.05\n')
    room.price(52_000, 1)
    assert room.take(CAROL, 10, 51_375)[0].reason is Reason.BEYOND_LIMIT
    (filled,) = only(room.take(CAROL, 10, 51_376), ExitFilled)
    assert filled.price == 51_376 * ONE


def test_providers_take_at_once_and_the_book_gets_what_is_left() -> None:
    """Carol takes 40 lots at 0.2 %: 51,896. Dave offers 25, but his 100 dollars carry 19.

    He is passed over, and that is told; the book is asked for the 33 that are missing then. What
    carol holds counts as used, so at the next price she takes nothing more.
    """
    room = Room("""
exits.BTC = { exit = "quote_request", spread_max_ratio = 0.05 }
providers = [
  { account = "carol", coin = "BTC", steps = [{ lots = 40, spread_ratio = 0.002 }] },
  { account = "dave", coin = "BTC", steps = [{ lots = 25, spread_ratio = 0.004 }] },
]
""")
    effects = room.price(52_000, 1)
    (filled,) = only(effects, ExitFilled)
    assert (filled.taker, filled.lots, filled.price) == (CAROL, -40, 51_896 * ONE)
    assert only(effects, BidVoid)[0].account == DAVE
    (wanted,) = only(effects, OrderWanted)
    assert wanted.lots == -33
    room.send(Filled(time_ms=room.now, order=wanted.order, lots=0, price=0))
    assert not only(room.price(51_900, 1), ExitFilled)


def test_a_pool_takes_until_its_price_is_the_limit() -> None:
    """1,000 lots a side at 52,000; alice's limit is 1 % away: 1,000 · (√(1 ÷ 0.99) − 1) = 5.04.

    Five lots bring 52,000 · 1,000 · 5 ÷ 1,005 = 258,706.467…; 68 are asked of the book.
    """
    room = Room("""
exits.BTC = { exit = "pool", fee_ratio = 0, slippage_max_ratio = 0.2 }
pools.BTC = { account = "carol", lots = 1_000 }
""")
    effects = room.price(52_000, 1)
    (filled,) = only(effects, ExitFilled)
    assert (filled.taker, filled.lots) == (CAROL, -5)
    assert filled.price == 52_000 * ONE * 1_000 // 1_005
    assert filled.notional == 258_706_468 * 10**4  # 258.706468 dollars: a lot is 0.001 BTC.
    assert [one.lots for one in only(effects, OrderWanted)] == [-68]


def test_two_phases_are_not_one_markets_way_out() -> None:
    with pytest.raises(RulebookError, match=r"two_phase .*\$\.exits\.BTC\.exit"):
        read(RULES + '[exits.BTC]\nexit = "two_phase"\n')
    with pytest.raises(RulebookError, match=r"factor must be below 1|must be below 1"):
        read(RULES + '[exits.BTC]\nexit = "dutch_stair"\nstart_ratio = 1\nduration_seconds = 9\n'
             "step_seconds = 1\nfactor = 1\n")  # fmt: skip


def test_a_contract_that_expires_takes_its_auction_with_it() -> None:
    room = Room(DUTCH)
    room.price(52_000, 1)
    effects = room.send(Settled(time_ms=room.now, instrument=0, price=52_000 * ONE))
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.CONTRACT_GONE
    assert room.send(Funded(time_ms=room.now, instrument=0, rate=1)) is not None


FLASH = (
    DUTCH.replace("zero_after_seconds", "price_least_ratio = 0.5\nzero_after_seconds")
    + """
[pools.BTC]
account = "bob"
lots = 10_000
[flash]
lender = "carol"
fee_ratio = 0.0005
"""
)


def test_without_capital_the_spread_between_auction_and_pool_pays() -> None:
    """Bob is the pool, short 100 of 10,000 lots: 9,900 lots stand against 10⁸ · 52 ÷ 9,900 dollars.

    Ten lots bring 525,252.525… · 10 ÷ 9,910 = 530.022730 dollars. At the start ten cost 530.40, and
    at 51,979.20 they cost 519.792, the fee is 0.259896, and 9.970834 are left. Dave has no margin
    for what he takes, and needs none.
    """
    room = Room(FLASH)
    room.price(52_000, 1)
    flash = {"auction": 1, "account": DAVE, "lots": 10, "limit": 60_000 * ONE, "flash": True}
    reverted = room.send(AuctionTaken(time_ms=room.now, **flash))
    assert reverted == (Refused(reason=Reason.REVERTED, account=DAVE, auction=1),)
    room.wait(20)
    effects = room.send(AuctionTaken(time_ms=room.now, **flash))
    (told,) = only(effects, FlashTaken)
    assert (told.loan, told.fee, told.gain) == (519_792_000, 259_896, 9_970_834)
    rows = room.engine.ledger.rows
    assert rows(DAVE) == [(USDC, usdc(100) + 9_970_834)]
    assert rows(CAROL) == [(USDC, usdc(2_000) + 259_896)]
    assert (room.lots(ALICE), room.lots(BOB)) == (90, -90)


def test_a_short_is_bought_back_from_the_pool_without_capital() -> None:
    """Bob is long 100: 10,100 lots against 10⁸ · 67 ÷ 10,100 = 663,366.336… dollars.

    Five lots cost 663,366.336… · 5 ÷ 10,095 = 328.561831 dollars. After 20 s alice pays
    66,973.20 a coin: 334.866; the loan's fee is 0.164281.
    """
    room = Room(FLASH, side=-1)
    room.price(67_000, 1)
    room.wait(20)
    effects = room.send(AuctionTaken(time_ms=room.now, auction=1, account=DAVE, lots=5,
                                     limit=ONE, flash=True))  # fmt: skip
    (told,) = only(effects, FlashTaken)
    assert (told.loan, told.fee) == (328_561_831, 164_281)
    assert told.gain == 334_866_000 - 328_561_831 - 164_281
    assert (room.lots(ALICE), room.lots(BOB), room.lots(DAVE)) == (-95, 95, 0)


def test_what_happened_is_said_in_sentences() -> None:
    room = Room(DUTCH)
    told = [sentence(room.engine, one) for one in room.price(52_000, 1)]
    assert "auction 1 (dutch_linear) to sell 73 lots BTC/USDC:USDC from 53,040" in told
    room.wait(20)
    told = [sentence(room.engine, one) for one in room.take(CAROL, 73, 52_000)]
    assert any("73 lots BTC/USDC:USDC sold to carol at 51,979.2 by dutch_linear" in t for t in told)
    assert "auction 1 ended: sold" in told
