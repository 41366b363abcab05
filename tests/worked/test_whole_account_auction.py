"""Shares of a whole account, in Derive's two phases, with numbers that fit on a napkin.

Initial margin 10 %, maintenance 5 %. `alice` has 1,000 dollars and is long 100 lots of 0.001 BTC at
60,000: equity 0.1 · P − 5,000. At 52,000 that is 200, maintenance 260: margin −60, value 200. The
buffer is 15 %: −60 + (−60 − 200) · 0.15 = −99, so at full price the share that brings it to zero is
99 ÷ (99 + 200) = 0.3311036789…; the fee is a tenth of that share's 66.22 dollars: 6.622073. It goes
to the fund, and leaves 193.377927 of value, −66.622073 of margin.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import (
    AuctionEnded,
    AuctionEnding,
    AuctionStarted,
    AuctionTurned,
    Effects,
    FundPaid,
    LossShared,
    OrderWanted,
    Reason,
    Refused,
    ShareSold,
)
from seawall.engine.event import (
    Deposited,
    Events,
    Listed,
    Opened,
    Priced,
    ShareTaken,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.engine.state import FIRST_ACCOUNT, INSURANCE_FUND
from seawall.market import Instrument

RULES = """
format = 1
name = "whole accounts"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
[auctions]
patience_seconds = 600
[auctions.account]
exit = "two_phase"
"""
ONE = 10**10
WHOLE = 10**18
NOW = 1_767_225_600_000
USDC, BTC = range(2)
ALICE, BOB, CAROL, DAVE = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 4)
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip
VALUE = Decimal("193.377927")


class Room:
    """Alice is long, bob short; carol has 2,000 dollars, dave 20; the fund what is deposited."""

    def __init__(self, fund: int = 0) -> None:
        self.engine, self.now = Engine(), NOW
        self.send(Started(time_ms=NOW, rulebook=read(RULES).canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        names = ("alice", "bob", "carol", "dave")
        self.send(Opened(time_ms=NOW, names=names, methods=("cross",) * 4))
        cash = ((ALICE, 1_000), (BOB, 100_000), (CAROL, 2_000), (DAVE, 20), (INSURANCE_FUND, fund))
        for account, dollars in cash:
            if dollars:
                atoms = dollars * 10**6
                self.send(Deposited(time_ms=NOW, account=account, coin=USDC, atoms=atoms))
        self.price(60_000)
        self.send(Traded(time_ms=NOW, instrument=0, buyer=ALICE, seller=BOB, lots=100,
                         price=60_000 * ONE))  # fmt: skip

    def send(self, event: Events) -> tuple[Effects, ...]:
        before = self.engine.dump()
        effects = self.engine.apply(event)
        self.engine.check()
        if self.engine.sequence > 1:
            again = Engine.restore(before)
            assert again.apply(event) == effects
            assert again.state_hash() == self.engine.state_hash()
        return effects

    def price(self, dollars: int, seconds: int = 0) -> tuple[Effects, ...]:
        self.now += seconds * 1000
        told = ((USDC, ONE), (BTC, dollars * ONE))
        return self.send(Priced(time_ms=self.now, price=told, mark=((0, dollars * ONE),),
                                depth=((0, 1_000, 1_000),)))  # fmt: skip

    def take(self, account: int, share: int, limit: int = 10**14) -> tuple[Effects, ...]:
        return self.send(ShareTaken(time_ms=self.now, auction=1, account=account, share=share,
                                    limit=limit))  # fmt: skip

    def lots(self, account: int) -> int:
        return self.engine.ledger.balance(account, self.engine.catalogue.lot_asset[0])

    def equity(self, account: int) -> Decimal:
        return Decimal(self.engine.venue.judge(account).equity) / ONE


def only(effects: tuple[Effects, ...], kind: type) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_an_account_is_offered_whole_with_its_fee_to_the_fund() -> None:
    room = Room()
    effects = room.price(52_000, 1)
    (started,) = only(effects, AuctionStarted)
    assert (started.instrument, started.lots, started.exit) == (-1, -WHOLE, "two_phase")
    assert started.ends_ms == room.now + (900 + 43_200) * 1000
    assert not only(effects, OrderWanted)
    assert room.engine.ledger.balance(INSURANCE_FUND, USDC) == 6_622_073
    assert room.equity(ALICE) == VALUE
    refused = room.send(Withdrawn(time_ms=room.now, account=ALICE, coin=USDC, atoms=1))
    assert refused[0].reason is Reason.ACCOUNT_NOT_OPEN


def test_a_share_of_every_row_and_what_lots_cannot_say_in_cash() -> None:
    """At once a share costs 95 %: 12.5 % of 193.377927 · 0.95 is 22.963629 (rounded up).

    12 lots move and half a lot stays: 26 dollars of it in cash, so the share is worth 12.5 % of the
    value to the atom, 24.172240 (down). Alice keeps the rest and what was paid.
    """
    room = Room()
    room.price(52_000, 1)
    (sold,) = only(room.take(CAROL, WHOLE // 8), ShareSold)
    assert (sold.taker, sold.share) == (CAROL, WHOLE // 8)
    assert (room.lots(ALICE), room.lots(CAROL)) == (88, 12)
    paid = Decimal("22.963629")
    assert abs(Decimal(sold.payment) / ONE - paid) < Decimal("0.000001")
    gained = room.equity(CAROL) - 2_000 + paid
    assert abs(gained - VALUE / 8) <= Decimal("0.000002")
    assert room.equity(ALICE) + room.equity(CAROL) == VALUE + 2_000


def test_no_bid_takes_more_than_restores_the_buffer() -> None:
    """Buffer −66.622073 − 39 = −105.622073; at 95 % the largest share is 105.622 ÷ (105.622 +
    183.709) = 0.365056…: 36 lots move, and the auction is over.
    """
    room = Room()
    room.price(52_000, 1)
    effects = room.take(CAROL, WHOLE)
    (sold,) = only(effects, ShareSold)
    assert abs(Decimal(sold.share) / WHOLE - Decimal("0.365056")) < Decimal("0.000001")
    assert room.lots(CAROL) == 36
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.RESTORED
    verdict = room.engine.venue.judge(ALICE)
    assert verdict.maintenance <= verdict.margin_equity < verdict.initial
    (wanted,) = only(effects, OrderWanted)
    assert wanted.lots < 0, "above maintenance again, the market's own way out does the rest"


def test_refusals_in_their_order() -> None:
    room = Room()
    room.price(52_000, 1)
    assert room.take(ALICE, 1)[0].reason is Reason.UNKNOWN_ACCOUNT
    assert room.take(CAROL, 0)[0].reason is Reason.AMOUNT_NOT_POSITIVE
    assert room.take(CAROL, WHOLE, limit=10 * ONE)[0].reason is Reason.BEYOND_LIMIT
    # Dave's 20 dollars: an eighth costs 22.96 and asks for 12 · 5.20 of initial margin.
    assert room.take(DAVE, WHOLE // 8) == (
        Refused(reason=Reason.INSUFFICIENT_MARGIN, account=DAVE, auction=1),
    )
    assert room.send(ShareTaken(time_ms=room.now, auction=2, account=CAROL, share=1, limit=0))[
        0
    ].reason is Reason.UNKNOWN_AUCTION  # fmt: skip
    late = room.now + 44_100_000
    event = ShareTaken(time_ms=late, auction=1, account=CAROL, share=WHOLE, limit=10**14)
    assert room.send(event)[0].reason is Reason.TOO_LATE


def test_below_nothing_the_fund_pays_the_bidder() -> None:
    """At 49,000: value 193.377927 − 300 = −106.622073, margin −106.622073 − 245 = −351.622073.

    Turned at that tick, all of it costs −106.622073 at once and −351.622073 after an hour. After
    1,800 s it is the middle: −229.122073. The fund has 1,000 and pays; alice owes nothing more.
    """
    room = Room(fund=1_000)
    room.price(52_000, 1)
    (turned,) = only(room.price(49_000, 1), AuctionTurned)
    assert Decimal(turned.price) / ONE == Decimal("-106.622073")
    room.price(49_000, 1_800)
    assert room.take(CAROL, WHOLE, limit=-230 * ONE)[0].reason is Reason.BEYOND_LIMIT
    effects = room.take(CAROL, WHOLE, limit=-229 * ONE)
    assert Decimal(only(effects, ShareSold)[0].payment) / ONE == Decimal("-229.122073")
    assert Decimal(only(effects, FundPaid)[0].atoms) / ONE == Decimal("229.122073")
    assert room.engine.venue.status[ALICE] == State.BANKRUPT
    assert room.engine.ledger.rows(ALICE) == []
    assert room.lots(CAROL) == 100
    assert room.equity(CAROL) == 2_000 - Decimal("106.622073") + Decimal("229.122073")


def test_what_the_fund_lacks_is_shared_by_those_who_gained() -> None:
    """The fund has the fee of 6.622073; bob, short from 60,000, gained 1,100 and bears the rest."""
    room = Room()
    room.price(52_000, 1)
    room.price(49_000, 1)
    effects = room.take(CAROL, WHOLE)
    assert Decimal(only(effects, FundPaid)[0].atoms) / ONE == Decimal("6.622073")
    assert Decimal(only(effects, LossShared)[0].atoms) / ONE == Decimal(100)
    assert room.equity(BOB) == 100_000 + 1_100 - 100


def test_without_bidders_it_turns_at_the_end_of_the_window_and_ends_in_the_book() -> None:
    room = Room()
    room.price(52_000, 1)
    room.price(52_000, 44_099)
    (turned,) = only(room.price(52_000, 1), AuctionTurned)
    assert turned.ends_ms == room.now + (3_600 + 600) * 1000
    effects = room.price(52_000, 4_200)
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.TIME
    assert only(effects, OrderWanted)


def test_a_top_up_restores_and_withdraws() -> None:
    room = Room()
    room.price(52_000, 1)
    top_up = Deposited(time_ms=room.now, account=ALICE, coin=USDC, atoms=327 * 10**6)
    effects = room.send(top_up)
    assert only(effects, AuctionEnded)[0].ending is AuctionEnding.RESTORED
    assert room.engine.venue.status[ALICE] == State.HEALTHY


def test_one_market_has_no_two_phases() -> None:
    with pytest.raises(RulebookError, match=r"auctions\.account .*\$\.exits\.BTC\.exit"):
        read(RULES + '\n[exits.BTC]\nexit = "two_phase"\n')
