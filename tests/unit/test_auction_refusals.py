"""Why a bid is refused: one sentence for each reason; a refused bid changes nothing.

Alice and bob can trade; carol is long 100 lots of 0.001 BTC from 60,000 with 1,000 dollars, and at
52,000 some 73 of them are offered in auction 1.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seawall.engine import Engine
from seawall.engine.effect import Reason, Refused
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    Deposited,
    Events,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.liquidation.exits.sealed import commitment
from seawall.market import Instrument

RULES = """
format = 1
name = "refused bids"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
DUTCH = """
exits.BTC = { exit = "dutch_linear", start_ratio = 1, duration_seconds = 60, \
zero_after_seconds = 100, least_notional = 3_750 }
"""
ENGLISH = 'exits.BTC = { exit = "english" }'
HEALTH = 'exits.BTC = { exit = "by_health", discount_max_ratio = 0.05 }'
SEALED = """
exits.BTC = { exit = "sealed", commit_seconds = 10, reveal_seconds = 10, deposit_ratio = 0.01 }
"""
ONE = 10**10
NOW = 1_767_225_600_000
ALICE, BOB, CAROL = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 3)
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


def priced(dollars: int, time_ms: int = NOW) -> Priced:
    price = ((0, ONE), (1, dollars * ONE))
    return Priced(time_ms=time_ms, price=price, mark=((0, dollars * ONE),), depth=((0, 99, 99),))


def auctioned(exits: str, *later: Events) -> Callable[[], Engine]:
    def made() -> Engine:
        engine = Engine()
        for event in (
            Started(time_ms=NOW, rulebook=read(RULES + exits).canonical()),
            Listed(time_ms=NOW, instruments=(PERPETUAL,)),
            Opened(time_ms=NOW, names=("alice", "bob", "carol"), methods=("cross",) * 3),
            *(Deposited(time_ms=NOW, account=who, coin=0, atoms=10**9) for who in (ALICE, CAROL)),
            Deposited(time_ms=NOW, account=BOB, coin=0, atoms=10**12),
            priced(60_000),
            Traded(time_ms=NOW, instrument=0, buyer=CAROL, seller=BOB, lots=100,
                   price=60_000 * ONE),
            priced(52_000),
            *later,
        ):  # fmt: skip
            effects = engine.apply(event)
            assert not any(isinstance(effect, Refused) for effect in effects)
        assert engine.venue.offers.open
        return engine

    return made


def taken(**changed: int) -> AuctionTaken:
    fields = {"time_ms": NOW, "auction": 1, "account": ALICE, "lots": 73, "limit": 60_000 * ONE}
    return AuctionTaken(**(fields | changed))


def bid(**changed: int) -> AuctionBid:
    fields = {"time_ms": NOW, "auction": 1, "account": ALICE, "price": 100}
    return AuctionBid(**(fields | changed))


def committed(account: int = ALICE, time_ms: int = NOW) -> AuctionCommitted:
    digest = commitment(1, ALICE, 5, 7, b"salt")
    return AuctionCommitted(time_ms=time_ms, auction=1, account=account, digest=digest)


def revealed(**changed: int) -> AuctionRevealed:
    fields = {"time_ms": NOW + 10_000, "auction": 1, "account": ALICE, "lots": 5, "price": 7}
    return AuctionRevealed(**(fields | changed), salt=b"salt")


R = Reason
SENTENCES: tuple[tuple[str, Reason, Callable[[], Engine], Events], ...] = (
    ("a bid of nobody", R.UNKNOWN_ACCOUNT, auctioned(DUTCH), taken(account=99)),
    ("a bid for one's own lots", R.UNKNOWN_ACCOUNT, auctioned(DUTCH), taken(account=CAROL)),
    ("an auction that never was", R.UNKNOWN_AUCTION, auctioned(DUTCH), taken(auction=2)),
    ("an auction that was withdrawn", R.UNKNOWN_AUCTION,
     lambda: restored(auctioned(DUTCH)()), taken(time_ms=NOW + 1)),
    ("a bid where there is a price", R.WRONG_BID, auctioned(DUTCH), bid()),
    ("a take where bids rise", R.WRONG_BID, auctioned(ENGLISH), taken()),
    ("a take of less than nothing", R.AMOUNT_NOT_POSITIVE, auctioned(DUTCH), taken(lots=-1)),
    ("a take of nothing", R.AMOUNT_NOT_POSITIVE, auctioned(DUTCH), taken(lots=0)),
    ("a bid of nothing", R.PRICE_NOT_POSITIVE, auctioned(ENGLISH), bid(price=0)),
    ("a limit of nothing", R.PRICE_NOT_POSITIVE, auctioned(DUTCH), taken(limit=0)),
    ("a bidder's money before its bid is answered", R.BID_STANDS, auctioned(ENGLISH, bid()),
     Withdrawn(time_ms=NOW, account=ALICE, coin=0, atoms=1)),
    ("a bid opened before the others are made", R.TOO_EARLY, auctioned(SEALED, committed()),
     revealed(time_ms=NOW + 9_999)),
    ("a take after the end", R.TOO_LATE, auctioned(DUTCH), taken(time_ms=NOW + 60_001)),
    ("a sealed bid among the open ones", R.TOO_LATE, auctioned(SEALED),
     committed(time_ms=NOW + 10_000)),
    ("a price that the taker does not want", R.BEYOND_LIMIT, auctioned(DUTCH),
     taken(limit=51_999 * ONE)),
    # 73 lots at 52 dollars are 3,796; 3,750 dollars are 73 lots, so all or nothing.
    ("a leftover that nobody would take", R.WOULD_LEAVE_DUST, auctioned(DUTCH), taken(lots=1)),
    # At 53,000 equity 300 is above maintenance 265, and below initial 530.
    ("a discount of an account that has none", R.ABOVE_MAINTENANCE,
     auctioned(HEALTH, priced(53_000)), taken()),
    ("a bid that is not 5 % higher", R.BID_TOO_LOW, auctioned(ENGLISH, bid()), bid(price=104)),
    ("a second sealed bid", R.ALREADY_BID, auctioned(SEALED, committed()), committed()),
    ("a bid that is opened twice", R.ALREADY_BID, auctioned(SEALED, committed(), revealed()),
     revealed()),
    ("a bid that is not what was sealed", R.COMMITMENT_MISMATCH, auctioned(SEALED, committed()),
     revealed(price=8)),
    ("a bid that was never sealed", R.COMMITMENT_MISMATCH, auctioned(SEALED, committed()),
     revealed(account=BOB)),
    ("borrowed money where nobody lends", R.REVERTED, auctioned(DUTCH), taken(flash=True)),
    # Alice's 1,000 dollars carry 192 lots of 52 dollars at 10 %.
    ("lots that the taker cannot carry", R.INSUFFICIENT_MARGIN,
     auctioned(DUTCH, Traded(time_ms=NOW, instrument=0, buyer=ALICE, seller=BOB, lots=170,
                             price=52_000 * ONE)), taken()),
    ("a deposit that the bidder cannot spare", R.INSUFFICIENT_MARGIN,
     auctioned(SEALED, Traded(time_ms=NOW, instrument=0, buyer=ALICE, seller=BOB, lots=190,
                              price=52_000 * ONE)), committed()),
)  # fmt: skip


def restored(engine: Engine) -> Engine:
    engine.apply(Deposited(time_ms=NOW, account=CAROL, coin=0, atoms=10**9))
    assert not engine.venue.offers.open
    return engine


@pytest.mark.parametrize(
    ("reason", "engine", "event"), [row[1:] for row in SENTENCES], ids=[row[0] for row in SENTENCES]
)
def test_a_bid_is_refused(reason: Reason, engine: Callable[[], Engine], event: Events) -> None:
    refused = engine()
    before, sequence, chain = refused.dump(), refused.sequence, refused.chain
    (effect,) = refused.apply(event)
    assert isinstance(effect, Refused)
    assert (effect.reason, effect.account) == (reason, event.account)
    refused.check()
    refused.sequence, refused.chain = sequence, chain
    assert refused.dump() == before


def test_the_sentences_stand_in_the_order_of_precedence() -> None:
    told = list(dict.fromkeys(row[1] for row in SENTENCES))
    assert told == [reason for reason in Reason if reason in told]
