"""Every refusal of every exit, each from the state in which it is the first that holds."""

from __future__ import annotations

import hashlib

import pytest

from seawall.liquidation.exits import (
    Refusal,
    RefusedError,
    Side,
    batch,
    by_health,
    dutch,
    english,
    pool,
    quote_request,
    ranges,
    sealed,
    two_phase,
)
from seawall.liquidation.exits.book import (
    Book,
    Level,
    Life,
    Order,
    Place,
    Resting,
    SelfMatch,
    cancel,
    depth,
    submit,
)
from seawall.liquidation.exits.by_health import Distressed
from seawall.liquidation.exits.dutch import DutchAuction, DutchTerms
from seawall.liquidation.exits.english import EnglishAuction
from seawall.liquidation.exits.sealed import Pricing, SealedAuction
from seawall.liquidation.exits.two_phase import AccountNow, Phase
from seawall.protocols.derive_auction import Terms
from seawall.protocols.derive_feed import WAD
from seawall.protocols.maker_auction import EnglishRules
from seawall.protocols.maker_curves import Linear

GTC = Life.GOOD_TILL_CANCELLED


def test_a_book_by_hand() -> None:
    """Two at 101 and one at 100; a buyer of 7 up to 101 takes 100 first, then the earlier."""
    book = Book()
    for trader, lots, limit in ((1, 4, 101), (2, 4, 101), (3, 2, 100)):
        book, _ = submit(book, Order(trader, Side.SELL, lots, limit, GTC))
    assert depth(book, Side.BUY) == ((100, 2), (101, 8))
    assert depth(book, Side.BUY, 100) == ((100, 2),)
    book, outcome = submit(book, Order(4, Side.BUY, 7, 101))
    assert outcome.result == (((3, 2, 100, 200), (1, 4, 101, 404), (2, 1, 101, 101)), 0)
    assert book == ((), (Level(101, (Resting(2, 2, 3),)),), 4)


def test_a_self_match_is_refused_whole_or_takes_the_older_order_out() -> None:
    book = Book()
    for trader, limit in ((1, 100), (9, 101), (2, 102)):
        book, _ = submit(book, Order(trader, Side.SELL, 5, limit, GTC))
    same, outcome = submit(book, Order(9, Side.BUY, 6, 102))
    assert (same, outcome.refused) == (book, Refusal.SELF_MATCH)
    assert outcome.result == ((), 6)
    _, outcome = submit(book, Order(9, Side.BUY, 5, 102))  # Never reaches its own.
    assert outcome.refused is None
    assert outcome.result.lots == 5
    own = Order(9, Side.BUY, 6, 102, GTC, SelfMatch.CANCEL_OLDER)
    after, outcome = submit(book, own)
    assert outcome.removed == (Place(Side.SELL, 101, 2),)
    assert outcome.result == (((1, 5, 100, 500), (2, 1, 102, 102)), 0)
    assert depth(after, Side.BUY) == ((102, 4),)


def test_a_book_refuses_what_it_cannot_place() -> None:
    assert submit(Book(), Order(1, Side.BUY, 0, 100))[1].refused is Refusal.NOTHING_ASKED
    assert submit(Book(), Order(1, Side.BUY, 1, 0))[1].refused is Refusal.NOTHING_ASKED
    assert cancel(Book(), Place(Side.BUY, 100, 1))[1] is Refusal.UNKNOWN_ORDER
    book, outcome = submit(Book(), Order(1, Side.BUY, 3, 100, GTC))
    assert outcome.rests == Place(Side.BUY, 100, 1)
    assert cancel(book, Place(Side.BUY, 100, 2))[1] is Refusal.UNKNOWN_ORDER
    assert cancel(book, Place(Side.BUY, 100, 1)) == (Book((), (), 2), 3)


SALE = DutchAuction(Side.SELL, 10, 1_000, 5_000)
TERMS = DutchTerms(Linear(100), 80, 500_000_000, 3_000)


def dutch_reason(sale: DutchAuction, now_ms: int, lots: int, limit: int) -> Refusal:
    with pytest.raises(RefusedError) as error:
        dutch.take(sale, TERMS, now_ms, 1, lots, limit)
    return error.value.reason


def test_dutch_refusals() -> None:
    """1,000 to 0 in 100 s; over below half; 3 lots are the least leftover."""
    assert dutch_reason(SALE, 5_000, 0, 1_000) is Refusal.NOTHING_ASKED
    assert dutch_reason(SALE, 4_999, 1, 1_000) is Refusal.NOT_STARTED
    assert dutch_reason(SALE._replace(lots=0), 5_000, 1, 1_000) is Refusal.OVER
    assert dutch.take(SALE, TERMS, 55_000, 1, 10, 500)[1].price == 500  # Equality is live.
    assert dutch_reason(SALE, 56_000, 1, 1_000) is Refusal.OVER
    slow = TERMS._replace(price_least=0)
    assert not dutch.is_over(SALE, slow, 85_000)
    assert dutch.is_over(SALE, slow, 85_001)
    assert dutch_reason(SALE, 5_000, 1, 999) is Refusal.BEYOND_LIMIT
    after, fill = dutch.take(SALE, TERMS, 5_000, 1, 9, 1_000)
    assert (after.lots, fill.lots) == (3, 7)  # Cut, so that three stay.
    assert dutch_reason(after, 5_000, 2, 1_000) is Refusal.WOULD_LEAVE_DUST
    assert dutch.take(after, TERMS, 5_000, 1, 3, 1_000)[0].lots == 0


def test_a_dutch_buy_back_offers_more_with_time() -> None:
    short = SALE._replace(side=Side.BUY)
    assert [dutch.price(short, TERMS, at) for at in (5_000, 15_000, 55_000)] == [
        1_000,
        1_100,
        1_500,
    ]
    assert dutch_reason(short, 15_000, 1, 1_101) is Refusal.BEYOND_LIMIT
    assert dutch.take(short, TERMS, 15_000, 1, 1, 1_100)[1] == (1, 1, 1_100, 1_100)


ENGLISH = EnglishAuction(7, 50, 3_600_000)
RULES = EnglishRules(WAD * 105 // 100, 600_000, 3_600_000)


def test_english_refusals() -> None:
    def reason(auction: EnglishAuction, now_ms: int, price: int) -> Refusal:
        with pytest.raises(RefusedError) as error:
            english.bid(auction, RULES, now_ms, 1, price)
        return error.value.reason

    assert reason(ENGLISH, 0, 0) is Refusal.NOTHING_ASKED
    assert reason(ENGLISH, 3_600_000, 60) is Refusal.OVER
    assert reason(ENGLISH, 0, 49) is Refusal.BID_TOO_LOW
    with pytest.raises(RefusedError, match="no_bid"):
        english.settle(ENGLISH, 10**9)
    with pytest.raises(RefusedError, match="not_over"):
        english.restart(ENGLISH, RULES, 3_600_000)
    assert english.restart(ENGLISH, RULES, 3_600_001).ends_ms == 7_200_001
    standing = english.bid(ENGLISH, RULES, 0, 1, 100)
    assert reason(standing, 1, 104) is Refusal.BID_TOO_LOW
    assert reason(standing, 600_000, 200) is Refusal.OVER
    with pytest.raises(RefusedError, match="not_over"):
        english.settle(standing, 600_000)
    with pytest.raises(RefusedError, match="bid_stands"):
        english.restart(standing, RULES, 3_600_001)
    assert english.settle(standing, 600_001) == (1, 7, 100, 700)


def test_sealed_refusals() -> None:
    auction = SealedAuction(3, 20, 50, 100, Pricing.FIRST, 1_000, 2_000)
    digest = sealed.commitment(3, 7, 5, 60, b"salt")
    assert (
        digest
        == hashlib.sha256(
            bytes(15) + b"\x03" + bytes(15) + b"\x07" + bytes(15) + b"\x05" + bytes(15) + b"<salt"
        ).digest()
    )
    with pytest.raises(RefusedError, match="deposit_too_small"):
        sealed.commit(auction, 0, 7, digest, 99)
    with pytest.raises(RefusedError, match="over"):
        sealed.commit(auction, 1_000, 7, digest, 100)
    lodged = sealed.commit(auction, 999, 7, digest, 100)
    with pytest.raises(RefusedError, match="duplicate_bidder"):
        sealed.commit(lodged, 999, 7, digest, 100)
    copied = sealed.commit(lodged, 999, 8, digest, 100)
    with pytest.raises(RefusedError, match="commitment_mismatch"):  # A copied hash is worthless.
        sealed.reveal(copied, 1_000, 8, 5, 60, b"salt")
    with pytest.raises(RefusedError, match="not_started"):
        sealed.reveal(lodged, 999, 7, 5, 60, b"salt")
    with pytest.raises(RefusedError, match="over"):
        sealed.reveal(lodged, 2_000, 7, 5, 60, b"salt")
    with pytest.raises(RefusedError, match="nothing_asked"):
        sealed.reveal(lodged, 1_000, 7, 0, 60, b"salt")
    with pytest.raises(RefusedError, match="unknown_bidder"):
        sealed.reveal(lodged, 1_000, 9, 5, 60, b"salt")
    opened = sealed.reveal(lodged, 1_000, 7, 5, 60, b"salt")
    with pytest.raises(RefusedError, match="already_revealed"):
        sealed.reveal(opened, 1_000, 7, 5, 60, b"salt")
    with pytest.raises(RefusedError, match="not_over"):
        sealed.settle(opened, 1_999)
    assert sealed.settle(opened, 2_000) == ((((7, 5, 60, 300),), 15), ((7, 100),), ())


def test_by_health_refusals() -> None:
    """Ten lots at 100 with a threshold of 90 %: 900 counts; owed 899 is healthy, 900 is not."""
    sound = Distressed(10, 100, 899, 9_000)
    for account, lots, reason in (
        (sound, 1, "healthy"),
        (sound, 0, "nothing_asked"),
        (sound._replace(lots=0), 1, "nothing_asked"),
    ):
        with pytest.raises(RefusedError, match=reason):
            by_health.take(account, 1_500, 5, lots, 100)
    edge = sound._replace(owed=900)
    assert by_health.take(edge, 1_500, 5, 2, 100)[1] == (5, 2, 100, 200)  # Health 1: no discount.
    with pytest.raises(RefusedError, match="beyond_limit"):
        by_health.take(edge, 1_500, 5, 2, 99)


def test_two_phase_refusals_and_phases() -> None:
    terms = Terms()
    with pytest.raises(RefusedError, match="healthy"):
        two_phase.open_two_phase(AccountNow(0, 10), terms, 0)
    sick = AccountNow(-1_000, 10_000)
    auction, _ = two_phase.open_two_phase(sick, terms, 1_000)
    for share, now_ms, account, limit, reason in (
        (0, 1_000, sick, None, "nothing_asked"),
        (WAD + 1, 1_000, sick, None, "nothing_asked"),
        (WAD, 999, sick, None, "not_started"),
        (WAD, 1_000, AccountNow(2_000, 10_000), None, "healthy"),
        (WAD, 1_000 + 44_100_000, sick, None, "over"),
        (WAD // 10, 1_000, sick, 900, "beyond_limit"),  # A tenth costs 950.
        (1, 1_000, sick, None, "nothing_asked"),
    ):
        before = auction._replace(left=WAD // 2) if share == 1 else auction
        with pytest.raises(RefusedError, match=reason):
            two_phase.bid(before, account, terms, now_ms, 8, share, limit)
    assert two_phase.step(auction, sick, terms, 5_000) == auction
    assert two_phase.step(auction, AccountNow(2_000, 10_000), terms, 5_000).phase is Phase.ENDED
    late = 1_000 + 44_100_000
    assert two_phase.step(auction, sick, terms, late) == (Phase.INSOLVENT, late, WAD, 0)
    broke = AccountNow(-1_000, -500)
    assert two_phase.step(auction, broke, terms, 5_000) == (Phase.INSOLVENT, 5_000, WAD, 0)
    second = auction._replace(phase=Phase.INSOLVENT)
    with pytest.raises(RefusedError, match="healthy"):
        two_phase.bid(second, AccountNow(1, 1), terms, 1_000, 8, WAD)
    assert two_phase.step(second, AccountNow(1, 1), terms, 1_000).phase is Phase.ENDED
    ended, fill = two_phase.bid(second, broke, terms, 1_000 + 1_800_000, 8, WAD)
    assert fill == (8, WAD, -750, -750)  # Half of the way from −500 to −1,000.
    assert two_phase.step(ended, broke, terms, late) == ended
    with pytest.raises(RefusedError, match="over"):
        two_phase.bid(ended, broke, terms, late, 8, WAD)


def test_a_batch_refuses_an_order_without_lots() -> None:
    with pytest.raises(RefusedError, match="nothing_asked"):
        batch.clear([batch.BatchOrder(1, Side.BUY, 0, 5)], 5)
    assert batch.clear([], 5) == (None, 0, ())


@pytest.mark.parametrize(("lots", "limit"), [(0, 5), (-1, 5), (5, 0), (5, -1)])
def test_pools_and_providers_refuse_a_request_for_nothing(lots: int, limit: int) -> None:
    for side in Side:
        with pytest.raises(RefusedError, match="nothing_asked"):
            pool.trade(pool.Pool(1, 10, 10, 0), side, lots, limit)
        with pytest.raises(RefusedError, match="nothing_asked"):
            ranges.trade_ranges(ranges.concentrated(1, 5, [(4, 6, 9)], 0), side, lots, limit)
        with pytest.raises(RefusedError, match="nothing_asked"):
            quote_request.request(side, lots, 100, limit, [], 0)
