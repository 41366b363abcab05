"""What holds for every auction in the engine, whatever happens around it.

After each event nothing was created or lost, nobody is offered more than the account has and no
auction outlived its end (`Engine.check`); a Dutch price only moves against the account; whoever
took lots can carry them; a restored engine goes on to the same hashes.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine, State
from seawall.engine.effect import AuctionEnded, AuctionStarted, ExitFilled, Refused
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    Deposited,
    Events,
    Filled,
    Listed,
    Opened,
    Priced,
    ShareTaken,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.liquidating.auctions import price_now
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.engine.state.offers import DutchAuction
from seawall.liquidation.exits.sealed import commitment
from seawall.market import Instrument

RULES = """
format = 1
name = "auction laws"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8, haircut = 0.05 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
pools.BTC = { account = "pool", lots = 3_000 }
flash = { lender = "lender", fee_ratio = 0.0009, pool_fee_ratio = 0.001 }
providers = [{ account = "pool", coin = "BTC", steps = [{ lots = 40, spread_ratio = 0.002 }] }]
[auctions]
restarts = 1
patience_seconds = 50
"""
EXITS = {
    "linear": 'exit = "dutch_linear"\nstart_ratio = 1.02\nduration_seconds = 60\n'
    "zero_after_seconds = 900\nleast_notional = 300",
    "stair": 'exit = "dutch_stair"\nstart_ratio = 1.01\nduration_seconds = 90\nstep_seconds = 7\n'
    "factor = 0.99\nprice_least_ratio = 0.9",
    "exponential": 'exit = "dutch_exponential"\nstart_ratio = 1.05\nduration_seconds = 90\n'
    "factor = 0.998",
    "english": 'exit = "english"\nbid_life_seconds = 20\nduration_seconds = 70',
    "sealed": 'exit = "sealed"\ncommit_seconds = 20\nreveal_seconds = 20\ndeposit_ratio = 0.01',
    "batch": 'exit = "batch"\ninterval_seconds = 15',
    "health": 'exit = "by_health"\ndiscount_max_ratio = 0.1',
    "quotes": 'exit = "quote_request"\nspread_max_ratio = 0.02',
    "shares": "",  # Of whole accounts, see `Law`.
    "pool": 'exit = "pool"\nfee_ratio = 0.003\nslippage_max_ratio = 0.02',
}
WHOLE_ACCOUNTS = """
[auctions.account]
exit = "two_phase"
fast_seconds = 20
slow_seconds = 40
insolvent_seconds = 30
"""
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC = range(2)
LONG, SHORT, COINS, RICH, POOR, POOL, LENDER = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 7)
NAMES = ("long", "short", "coins", "rich", "poor", "pool", "lender")
INSTRUMENTS = (
    Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
               lot=10**5, tick=ONE // 10),
    Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
               lot=100 * ONE, tick=ONE // 10, inverse=True),
)  # fmt: skip
INVERSE, LINEAR = range(2)


class Action(NamedTuple):
    """One thing that somebody does."""

    what: str
    who: int
    number: int  # Lots, dollars, or how a price moves in per mille.
    seconds: int


actions = st.builds(
    Action,
    what=st.sampled_from(["tick", "tick", "take", "take", "flash", "bid", "commit", "reveal",
                          "deposit", "withdraw", "trade", "wait"]),
    who=st.sampled_from([LONG, SHORT, COINS, RICH, RICH, POOR, POOL]),
    number=st.integers(1, 120),
    seconds=st.sampled_from([0, 1, 5, 14, 31]),
)  # fmt: skip


class Law:
    """An engine whose every step is checked."""

    def __init__(self, exits: str) -> None:
        self.engine, self.price, self.now, self.events = Engine(), 60_000, NOW, []
        self.last: dict[int, int] = {}
        self.kinds: set[type] = set()
        text = RULES + (f"[exits.BTC]\n{exits}\n" if exits else WHOLE_ACCOUNTS)
        self.send(Started(time_ms=NOW, rulebook=read(text).canonical()))
        self.send(Listed(time_ms=NOW, instruments=INSTRUMENTS))
        self.send(Opened(time_ms=NOW, names=NAMES, methods=("cross",) * len(NAMES)))
        for who, coin, atoms in (
            (LONG, USDC, 1_000 * 10**6), (SHORT, USDC, 1_000 * 10**6), (COINS, BTC, 2 * 10**6),
            (RICH, USDC, 50_000 * 10**6), (RICH, BTC, 10**8), (POOR, USDC, 90 * 10**6),
            (POOL, USDC, 90_000 * 10**6), (POOL, BTC, 10**8), (LENDER, USDC, 9_000 * 10**6),
        ):  # fmt: skip
            self.send(Deposited(time_ms=NOW, account=who, coin=coin, atoms=atoms))
        self.tick(0)
        for instrument, buyer, seller, lots in (
            (LINEAR, LONG, RICH, 100), (LINEAR, RICH, SHORT, 100), (INVERSE, COINS, RICH, 70),
        ):  # fmt: skip
            traded = Traded(time_ms=NOW, instrument=instrument, buyer=buyer, seller=seller,
                            lots=lots, price=60_000 * ONE)  # fmt: skip
            assert not any(isinstance(one, Refused) for one in self.send(traded))

    def send(self, event: Events) -> tuple:
        effects = self.engine.apply(event)
        self.events.append(event)
        self.engine.check()
        venue = self.engine.venue
        for effect in effects:
            self.kinds.add(type(effect))
            if isinstance(effect, ExitFilled) and venue.status[effect.taker] < State.LIQUIDATING:
                verdict = venue.judge(effect.taker)
                assert verdict.margin_equity >= verdict.maintenance
        if not (effects and isinstance(effects[0], Refused)):
            for number, offered in venue.offers.open.items():
                if isinstance(offered.sale, DutchAuction):
                    price = price_now(venue, offered)
                    before = self.last.setdefault(number, price)
                    assert (price - before) * offered.side >= 0, "a price moved for the account"
                    self.last[number] = price
        return effects

    def tick(self, per_mille: int) -> None:
        self.price = max(20_000, min(90_000, self.price * (1000 + per_mille) // 1000))
        atoms = self.price * ONE
        self.send(Priced(time_ms=self.now, price=((USDC, ONE), (BTC, atoms)),
                         mark=((LINEAR, atoms), (INVERSE, atoms)),
                         depth=((LINEAR, 50, 50), (INVERSE, 50, 50))))  # fmt: skip

    def act(self, action: Action) -> None:
        self.now += action.seconds * 1000
        offers = self.engine.venue.offers
        numbers = sorted((*offers.open, *offers.selling)) or [1]
        auction = numbers[action.number % len(numbers)]
        fixed = {"time_ms": self.now, "account": action.who}
        price = self.price * (900 + action.number) // 1000 * ONE
        lots = action.number
        if action.what == "tick":
            self.tick(action.number - 70)
        elif action.what in ("take", "flash"):
            offered = self.engine.venue.offers.open.get(auction)
            limit = 1 if offered and offered.side > 0 else 10**16
            self.send(AuctionTaken(**fixed, auction=auction, lots=lots, limit=limit,
                                   flash=action.what == "flash"))  # fmt: skip
            self.send(ShareTaken(**fixed, auction=auction, share=lots * 10**16, limit=10**16))
        elif action.what == "bid":
            self.send(AuctionBid(**fixed, auction=auction, price=price, lots=lots))
        elif action.what == "commit":
            digest = commitment(auction, action.who, lots, price, b"s")
            self.send(AuctionCommitted(**fixed, auction=auction, digest=digest))
        elif action.what == "reveal":
            self.send(AuctionRevealed(**fixed, auction=auction, lots=lots, price=price, salt=b"s"))
        elif action.what == "deposit":
            self.send(Deposited(**fixed, coin=USDC, atoms=lots * 10**6))
        elif action.what == "withdraw":
            self.send(Withdrawn(**fixed, coin=USDC, atoms=lots * 10**6))
        elif action.what == "trade":
            self.send(Traded(time_ms=self.now, instrument=LINEAR, buyer=action.who, seller=RICH,
                             lots=lots, price=self.price * ONE))  # fmt: skip
        for number, order in list(self.engine.venue.orders.items()):
            mark = self.price * ONE
            filled = abs(order.lots) // 2
            within = mark <= order.limit if order.lots > 0 else mark >= order.limit
            self.send(Filled(time_ms=self.now, order=number, lots=filled if within else 0,
                             price=mark))  # fmt: skip


@pytest.mark.parametrize("kind", EXITS)
@settings(max_examples=15)
@given(st.lists(actions, min_size=5, max_size=40), st.integers(0, 60))
def test_every_event_leaves_a_whole_venue_and_a_restored_one_goes_on(kind, doings, cut):
    law = Law(EXITS[kind])
    law.act(Action("tick", 0, 1, 1))  # Down 6.9 %.
    law.act(Action("tick", 0, 1, 1))
    for doing in doings:
        law.act(doing)
    other = Engine()
    for number, event in enumerate(law.events):
        if number == len(law.events) - 1 - cut % len(law.events):
            other = Engine.restore(other.dump())
        other.apply(event)
    assert other.state_hash() == law.engine.state_hash()


@pytest.mark.parametrize(
    "kind", [kind for kind in EXITS if kind not in ("quotes", "pool", "shares")]
)
def test_each_kind_starts_and_ends_in_a_fall(kind):
    """The canary: without it the law above could hold because nothing ever happens."""
    law = Law(EXITS[kind])
    law.tick(-69)
    law.tick(-69)
    assert AuctionStarted in law.kinds
    for who in (RICH, POOL):
        for what in ("take", "bid", "commit"):
            law.act(Action(what, who, 100, 1))
    law.act(Action("wait", 0, 1, 14))
    for who in (RICH, POOL):
        law.act(Action("reveal", who, 100, 3))
    for _ in range(4):
        law.act(Action("tick", 0, 70, 31))
    assert {ExitFilled, AuctionEnded} <= law.kinds
