"""Each exit once by hand; the arithmetic stands in the docstrings."""

from __future__ import annotations

import pytest

from seawall.liquidation.exits import (
    Side,
    batch,
    by_health,
    pool,
    quote_request,
    ranges,
    sealed,
    two_phase,
)
from seawall.liquidation.exits.batch import BatchOrder
from seawall.liquidation.exits.by_health import Distressed
from seawall.liquidation.exits.pool import Pool
from seawall.liquidation.exits.quote_request import Quote, Step
from seawall.liquidation.exits.ranges import concentrated
from seawall.liquidation.exits.sealed import Pricing, SealedAuction
from seawall.liquidation.exits.two_phase import AccountNow, Phase
from seawall.protocols.derive_auction import Terms
from seawall.protocols.derive_feed import WAD

PERCENT = 10**7  # Parts per billion.


def test_two_providers_share_a_request() -> None:
    """At 1,000: A takes 50 at 1 % and 50 at 4 %, B 30 at 2 %; nobody may be worse than 3 %.

    100 lots: 50 · 990 + 30 · 980 = 78,900; the 4 % are beyond the limit, so 20 are left.
    """
    quotes = (
        Quote(1, (Step(50, PERCENT), Step(50, 4 * PERCENT)), 9),
        Quote(2, (Step(30, 2 * PERCENT),), 9),
    )
    got = quote_request.request(Side.SELL, 100, 1_000, 970, quotes, 9)
    assert [fill[:3] for fill in got.fills] == [(1, 50, 990), (2, 30, 980)]
    assert (got.paid, got.left) == (78_900, 20)
    back = quote_request.request(Side.BUY, 100, 1_000, 1_040, quotes, 9)
    assert back.paid == 50 * 1_010 + 30 * 1_020 + 20 * 1_040


def test_a_constant_product_pool() -> None:
    """1,000 lots and 1,000,000; fee 0.3 %.

    Selling 100: 1,000,000 · 99.7 ÷ 1,099.7 = 90,661.09. Buying 100: 1,000,000 · 100 ÷ (900 ·
    0.997) = 111,445.45.
    """
    before = Pool(1, 1_000, 1_000_000, 3 * PERCENT // 10)
    after, sold = pool.trade(before, Side.SELL, 100, 1)
    assert sold.result == (((1, 100, 906, 90_661),), 0)
    assert (after.lots, after.cash) == (1_100, 909_339)
    assert (sold.price_before, sold.price_after) == (1_000, 826)
    _, bought = pool.trade(before, Side.BUY, 100, 10**9)
    assert bought.result == (((1, 100, 1_115, 111_446),), 0)


def test_a_pool_stops_at_the_limit_and_says_what_is_left() -> None:
    """No fee, limit 810: 10⁹ ÷ (1,000 + n)² ≥ 810 up to n = 111 (1,111² = 1,234,321).

    They bring 1,000,000 · 111 ÷ 1,111 = 99,909.99.
    """
    _, sold = pool.trade(Pool(1, 1_000, 1_000_000, 0), Side.SELL, 500, 810)
    assert (sold.result.lots, sold.result.left, sold.result.paid) == (111, 389, 99_909)


def test_two_ranges_and_the_gap_between_them() -> None:
    """L = 2,000 from 400 down to 100: 2,000 · (1/10 − 1/20) = 100 lots for 2,000 · 10 = 20,000.

    L = 4,000 from 64 down to 25: 4,000 · (1/5 − 1/8) = 300 lots for 4,000 · 3 = 12,000.
    """
    before = concentrated(1, 400, [(25, 64, 4_000), (100, 400, 2_000)], 0)
    after, sold = ranges.trade_ranges(before, Side.SELL, 401, 1)
    assert sold.result == (((1, 400, 80, 32_000),), 1)
    assert (sold.price_before, sold.price_after) == (400, 25)
    _, bought = ranges.trade_ranges(after, Side.BUY, 400, 400)
    assert bought.result == (((1, 400, 80, 32_000),), 0)
    _, part = ranges.trade_ranges(before, Side.SELL, 400, 81)
    assert (part.result.lots, part.result.paid, part.price_after) == (100, 20_000, 100)


def test_derives_auction_restores_its_buffer_and_then_pays() -> None:
    """Worth 10,000, margin −1,000: buffer margin −1,000 − 0.15 · 11,000 = −2,650.

    Fee: 0.1 · 10,000 · 2,650 ÷ 12,650 = 209.486. At once a bid can take 2,650 ÷ (2,650 + 9,500) =
    21.81 %, for 9,500 · 0.2181 = 2,072.02.
    """
    account = AccountNow(-1_000_000, 10_000_000)  # Thousandths.
    auction, fee = two_phase.open_two_phase(account, Terms(), 0)
    assert fee == 209_486
    after, fill = two_phase.bid(auction, account, Terms(), 0, 5, WAD)
    assert (after.phase, after.left, after.reserved) == (Phase.ENDED, WAD - fill.lots, 2_072_016)
    assert fill.lots * 10_000 // WAD == 2_181
    assert fill.paid == 2_072_016  # 2,650 · 9,500 ÷ 12,150 = 2,072.0165.


def test_the_discount_is_how_deep_the_account_is() -> None:
    """10 lots at 100, of which 85.5 % count, for 900 owed: health 0.95, so 95 a lot.

    900 ÷ 95 = 9.47: at most 9 lots go, for 855. After one (905 − …: 95 paid, 805 owed, 769.5 count)
    the health is 0.955, since 0.95² = 0.9025 > 0.855: who waits pays more.
    """
    account = Distressed(10, 100, 900, 8_550)
    _, all_of_it = by_health.take(account, 2_000, 5, 10, 100)
    assert (all_of_it.lots, all_of_it.paid) == (9, 855)
    after, one = by_health.take(account, 2_000, 5, 1, 95)
    assert (one.paid, after.owed) == (95, 805)
    _, two = by_health.take(after, 2_000, 5, 8, 100)
    assert one.paid + two.paid > all_of_it.paid


def test_splitting_pays_the_taker_where_the_account_gets_sicker() -> None:
    """96 % count, 1,200 owed: health 0.8, and 0.8² = 0.64 < 0.96: Euler's own warning.

    All at once 10 · 80 = 800. After 5 for 400: 480 count for 800, health 0.6: 5 more for 300. A
    greatest discount of 20 % keeps both at 80.
    """
    account = Distressed(10, 100, 1_200, 9_600)
    assert by_health.take(account, 9_000, 5, 10, 100)[1].paid == 800
    after, half = by_health.take(account, 9_000, 5, 5, 100)
    assert (half.paid, by_health.take(after, 9_000, 5, 5, 100)[1].paid) == (400, 300)
    after, half = by_health.take(account, 2_000, 5, 5, 100)
    assert (half.paid, by_health.take(after, 2_000, 5, 5, 100)[1].paid) == (400, 400)


@pytest.mark.parametrize(
    ("pricing", "prices"), [(Pricing.FIRST, (90, 80)), (Pricing.SECOND, (70, 70))]
)
def test_sealed_bids(pricing: Pricing, prices: tuple[int, int]) -> None:
    """6 at 90 and 4 at 80 fill ten lots; 5 at 70 is the best bid turned away; 9 stays silent."""
    auction = SealedAuction(1, 10, 50, 10, pricing, 100, 200)
    bids = {6: (6, 90), 7: (5, 70), 8: (4, 80), 9: (10, 99)}
    for bidder, (lots, price) in bids.items():
        digest = sealed.commitment(1, bidder, lots, price, b"x")
        auction = sealed.commit(auction, 0, bidder, digest, 10)
    for bidder in (8, 7, 6):
        auction = sealed.reveal(auction, 150, bidder, *bids[bidder], b"x")
    settled = sealed.settle(auction, 200)
    assert [fill[:3] for fill in settled.result.fills] == [(6, 6, prices[0]), (8, 4, prices[1])]
    assert settled.returned == ((6, 10), (7, 10), (8, 10))
    assert settled.forfeited == ((9, 10),)


BUY, SELL = Side.BUY, Side.SELL


def test_a_batch_clears_where_most_trade_and_shares_the_margin() -> None:
    """101: min(45, 25) = 25 lots. 102: min(30, 35) = 30. 103: min(10, 35) = 10. So 102.

    Sellers at 100 get all 25; five of the ten at 102: 3.5 and 1.5, the odd one to the first.
    """
    orders = (
        BatchOrder(1, BUY, 10, 103),
        BatchOrder(2, BUY, 20, 102),
        BatchOrder(3, BUY, 15, 101),
        BatchOrder(4, SELL, 7, 102),
        BatchOrder(5, SELL, 3, 102),
        BatchOrder(6, SELL, 25, 100),
    )
    got = batch.clear(orders, 500)
    assert (got.price, got.volume) == (102, 30)
    assert [answer.left for answer in got.answers] == [0, 0, 15, 3, 2, 0]


@pytest.mark.parametrize(
    ("orders", "reference", "price"),
    [
        ([(SELL, 10, 90), (BUY, 6, 110)], 100, 90),  # Sellers are left over: the lowest.
        ([(SELL, 6, 90), (BUY, 10, 110)], 100, 110),  # Buyers are: the highest.
        ([(SELL, 6, 90), (BUY, 6, 110)], 100, 100),  # Nobody is: the reference.
        ([(SELL, 6, 90), (BUY, 6, 110)], 120, 110),  # Nearest to it.
        ([(SELL, 6, 90), (SELL, 9, 95), (BUY, 6, 110)], 120, 90),  # Fewest left over.
        ([(SELL, 6, 111), (BUY, 6, 110)], 100, None),
    ],
)
def test_each_tie_rule(
    orders: list[tuple[Side, int, int]], reference: int, price: int | None
) -> None:
    listed = [BatchOrder(number, *order) for number, order in enumerate(orders)]
    assert batch.clear(listed, reference).price == price
