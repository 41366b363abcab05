"""Liquidations into a pool whose liquidity lies in ranges, and takers that fail, each by name.

`alice` has 1,000 dollars and is long 100 lots of 0.001 BTC at 60,000; initial margin 10 %,
maintenance 5 %. At 51,984 dollars, which is 228², she is liquidated and offers 73 lots at 1 % below
the mark or better; `carol` is the pool. All roots are whole here, so all that is rounded
is a sliver of 2⁻³² lots at an edge and the last digit.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from seawall.engine import Engine
from seawall.engine.codec import encode_effects
from seawall.engine.effect import (
    AuctionStarted,
    BidVoid,
    Effects,
    ExitFilled,
    FlashTaken,
    OrderWanted,
    Reason,
    Refused,
)
from seawall.engine.event import (
    AuctionCommitted,
    AuctionTaken,
    Deposited,
    Events,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
)
from seawall.engine.liquidating import depths
from seawall.engine.rules.rulebook import RulebookError, decode, read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.liquidation.exits import Side
from seawall.liquidation.exits.sealed import commitment
from seawall.market import Instrument
from seawall.simulation.telling import sentence

RULES = """
format = 1
name = "ranges"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
POOL = 'exits.BTC = { exit = "pool", fee_ratio = FEE, slippage_max_ratio = 0.2 }\n'
RANGES = """
[pools.BTC]
account = "carol"
ranges = [
  { low_ratio = 0.992016, high_ratio = 0.994009, lots = 5_000 },
  { low_ratio = 0.998001, high_ratio = 1.1, lots = 10_000 },
]
"""
DUTCH = """
[exits.BTC]
exit = "dutch_linear"
start_ratio = 1.02
duration_seconds = 60
price_least_ratio = 0.5
zero_after_seconds = 1_000
"""
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC = range(2)
ALICE, BOB, CAROL, DAVE = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 4)
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


class Room:
    """A venue where alice is long and bob is short; each event is repeated on a restored one."""

    def __init__(self, more: str) -> None:
        self.engine, self.now = Engine(), NOW
        self.send(Started(time_ms=NOW, rulebook=read(RULES + more).canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        names = ("alice", "bob", "carol", "dave")
        self.send(Opened(time_ms=NOW, names=names, methods=("cross",) * 4))
        for account, dollars in ((ALICE, 1_000), (BOB, 100_000), (CAROL, 2_000), (DAVE, 100)):
            atoms = dollars * 10**6
            self.send(Deposited(time_ms=NOW, account=account, coin=USDC, atoms=atoms))
        self.price(60_000)
        self.trade(ALICE, BOB, 100, 60_000)

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
        atoms = dollars * ONE
        return self.send(Priced(time_ms=self.now, price=((USDC, ONE), (BTC, atoms)),
                                mark=((0, atoms),), depth=((0, 1_000, 1_000),)))  # fmt: skip

    def trade(self, buyer: int, seller: int, lots: int, dollars: int) -> tuple[Effects, ...]:
        return self.send(Traded(time_ms=self.now, instrument=0, buyer=buyer, seller=seller,
                                lots=lots, price=dollars * ONE))  # fmt: skip

    def take(self, account: int, lots: int, **more: int) -> tuple[Effects, ...]:
        terms = {"auction": 1, "limit": 60_000 * ONE} | more
        return self.send(AuctionTaken(time_ms=self.now, account=account, lots=lots, **terms))

    def lots(self, account: int) -> int:
        return self.engine.ledger.balance(account, self.engine.catalogue.lot_asset[0])

    def offered(self, side: Side, lots: int, limit: int) -> list[tuple[int, int]]:
        """(lots, paid) that the pool would take from alice now, without a fee."""
        found = depths.pool_of(self.engine.venue, ALICE, 0, 0)
        if found is None:
            return []
        return [(one.lots, one.paid) for one in depths.fills_of(found, side, lots, limit)]


def only(effects: tuple[Effects, ...], kind: type) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


# -- ranges ----------------------------------------------------------------------------------------


def test_a_pool_takes_what_its_ranges_hold() -> None:
    """Roots of 0.998001, 0.994009 and 0.992016 are 0.999, 0.997 and 0.996 of √mark.

    The upper range holds 10,000 · (1 ÷ 0.999 − 1) = 10.01001 lots and pays 10,000 · mark · 0.001
    for them; then comes the gap. The lower one holds 5,000 · (1 ÷ 0.996 − 1 ÷ 0.997) = 5.035: 15
    lots in all, though the limit of 1 % lies below both. 58 of the 73 are asked of the book.
    """
    room = Room(POOL.replace("FEE", "0") + RANGES)
    effects = room.price(51_984)
    (filled,) = only(effects, ExitFilled)
    assert (filled.taker, filled.lots) == (CAROL, -15)
    mark = 51_984 * ONE
    rest = 15 - (10_000 / Fraction(999, 1000) - 10_000)
    root = 1 / (Fraction(1000, 997) + rest / 5_000)
    paid = mark * (10_000 * Fraction(1, 1000) + 5_000 * (Fraction(997, 1000) - root))
    assert 0 <= paid / 15 - filled.price <= Fraction(mark, 15 * 2**32)  # A sliver at the edge.
    assert [one.lots for one in only(effects, OrderWanted)] == [-58]
    assert (room.lots(ALICE), room.lots(CAROL)) == (85, 15)


def test_what_it_holds_is_used_until_somebody_takes_it_back() -> None:
    """With 15 lots nothing is left to sell into; with 11 of them, the lowest 4, and at that price.

    Buying starts where the last lot was sold. The next mark carries the ranges along.
    """
    room = Room(POOL.replace("FEE", "0") + RANGES)
    whole = only(room.price(51_984), ExitFilled)[0].price * 15
    assert room.offered(Side.SELL, 50, 1) == []
    ((lots, asked),) = room.offered(Side.BUY, 4, 10**18)
    room.trade(BOB, CAROL, 4, 51_984)
    ((sold, paid),) = room.offered(Side.SELL, 50, 1)
    assert (lots, sold) == (4, 4)
    assert 0 <= asked - paid <= 10
    room.trade(BOB, CAROL, 11, 51_984)
    ((sold, paid),) = room.offered(Side.SELL, 50, 1)
    assert sold == 15
    assert 0 <= paid - whole < 15  # The fill's price was the average, rounded down.


def test_the_limit_stops_it_inside_a_range() -> None:
    """With 1,000 lots from a quarter of the mark to four times it, 1 % is 5.04 lots, as x · y = k.

    A fee of 0.3 % leaves 1,000 · (√(0.997 ÷ 0.99) − 1) ÷ 0.997 = 3.53: 3 lots.
    """
    wide = "ranges = [{ low_ratio = 0.25, high_ratio = 4, lots = 1_000 }]"
    for fee, most in (("0", 5), ("0.003", 3)):
        prices = []
        for depth in (wide, "lots = 1_000"):
            pool = f'pools.BTC = {{ account = "carol", {depth} }}\n'
            (filled,) = only(Room(POOL.replace("FEE", fee) + pool).price(51_984), ExitFilled)
            assert filled.lots == -most
            prices.append(filled.price)
        assert abs(prices[0] - prices[1]) <= 1


def test_more_than_the_ranges_hold_is_no_pool() -> None:
    """Carol buys 20 lots of bob; her ranges would hold 15."""
    room = Room(POOL.replace("FEE", "0") + RANGES)
    room.trade(CAROL, BOB, 20, 60_000)
    assert room.offered(Side.SELL, 1, 1) == room.offered(Side.BUY, 1, 10**18) == []
    effects = room.price(51_984)
    assert not only(effects, ExitFilled)
    assert [one.lots for one in only(effects, OrderWanted)] == [-73]


def test_borrowed_money_sells_on_into_ranges() -> None:
    """Bob is short 100 of 10,000: one range around the mark pays what x · y = k pays.

    √(9,900 · 10⁸ · 52,000 ÷ 9,900) as in the auction's own test: 530.022730 dollars for ten lots.
    At 51,979.20 they cost 519.792, the loan's fee is 0.259896, and 9.970834 are left.
    """
    room = Room(
        DUTCH
        + """
[pools.BTC]
account = "bob"
ranges = [{ low_ratio = 0.25, high_ratio = 4, lots = 10_000 }]
[flash]
lender = "carol"
fee_ratio = 0.0005
"""
    )
    room.price(52_000)
    room.price(52_000, 20)
    (told,) = only(room.take(DAVE, 10, flash=True), FlashTaken)
    assert (told.loan, told.fee, told.gain) == (519_792_000, 259_896, 9_970_834)
    assert (room.lots(ALICE), room.lots(BOB), room.lots(DAVE)) == (90, -90, 0)


@pytest.mark.parametrize(
    ("depth", "fault"),
    [
        ("", r"lots must be positive, not 0 .*\$\.pools\.BTC\.lots"),
        ("lots = 5, ranges = [R]", r"exclude each other .*\$\.pools\.BTC\.lots"),
        ("ranges = [R, R]", r"at least 1.2, not 0.8 .*\$\.pools\.BTC\.ranges\[1\]\.low_ratio"),
        ("ranges = [{ low_ratio = 1, high_ratio = 1, lots = 1 }]",
         r"high_ratio must lie in \(1, 1000000\], not 1 .*ranges\[0\]\.high_ratio"),
        ("ranges = [{ low_ratio = 0, high_ratio = 1, lots = 1 }]",
         r"low_ratio must be above 0 .*ranges\[0\]\.low_ratio"),
        ("ranges = [{ low_ratio = 0.5, high_ratio = 1, lots = 0 }]",
         r"lots must lie in .*, not 0 .*ranges\[0\]\.lots"),
        ("ranges = [{ low_ratio = 0.5, high_ratio = 1 }]", r"`lots`.*\$\.pools\.BTC\.ranges\[0\]"),
    ],
)  # fmt: skip
def test_ranges_that_cannot_be_are_named_by_their_key(depth: str, fault: str) -> None:
    one = "{ low_ratio = 0.8, high_ratio = 1.2, lots = 7 }"
    told = f'pools.BTC = {{ account = "carol"{", " if depth else ""}{depth.replace("R", one)} }}'
    with pytest.raises(RulebookError, match=fault):
        read(RULES + told)


def test_a_pool_without_ranges_keeps_its_text() -> None:
    plain = read(RULES + 'pools.BTC = { account = "carol", lots = 5 }')
    assert '"pools":{"BTC":{"account":"carol","lots":5}}' in plain.canonical()
    ranged = read(RULES + RANGES)
    assert decode(ranged.canonical()).canonical() == ranged.canonical()
    assert len(decode(ranged.canonical()).pools["BTC"].ranges) == 2


# -- takers that fail ------------------------------------------------------------------------------


def test_a_take_that_fails_names_the_auction_the_account_and_why() -> None:
    """Dave's 100 dollars do not carry 20 lots of 52 at 10 %; nobody lends; auction 9 is none."""
    room = Room(DUTCH)
    room.price(52_000)
    room.price(52_000, 20)
    told = [room.take(DAVE, 20), room.take(DAVE, 1, flash=True), room.take(CAROL, 1, auction=9)]
    assert told == [
        (Refused(reason=Reason.INSUFFICIENT_MARGIN, account=DAVE, auction=1),),
        (Refused(reason=Reason.REVERTED, account=DAVE, auction=1),),
        (Refused(reason=Reason.UNKNOWN_AUCTION, account=CAROL, auction=9),),
    ]
    assert [sentence(room.engine, one) for (one,) in told] == [
        "dave: refused at auction 1: insufficient margin",
        "dave: refused at auction 1: reverted",
        "carol: refused at auction 9: unknown auction",
    ]


def test_other_refusals_keep_their_bytes() -> None:
    refused = Refused(reason=Reason.UNKNOWN_ACCOUNT, account=3)
    assert b"auction" not in encode_effects((refused,))


def test_a_sealed_bid_that_is_not_opened_is_told() -> None:
    """Dave commits and stays silent: his deposit is gone, and the effect says why."""
    room = Room(
        '[exits.BTC]\nexit = "sealed"\ncommit_seconds = 10\nreveal_seconds = 10\n'
        "deposit_ratio = 0.01\n"
    )
    assert only(room.price(52_000), AuctionStarted)
    digest = commitment(1, DAVE, 1, ONE, b"salt")
    room.send(AuctionCommitted(time_ms=room.now, auction=1, account=DAVE, digest=digest))
    (void,) = only(room.price(52_000, 20), BidVoid)
    assert void == BidVoid(auction=1, account=DAVE, reason=Reason.NOT_REVEALED)
    assert sentence(room.engine, void) == "dave: passed over at auction 1: not revealed"
