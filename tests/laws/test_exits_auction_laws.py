"""What every auction keeps: prices move one way, no lot is lost, nobody pays beyond a limit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import ParamSpec, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.liquidation.exits import (
    Refusal,
    RefusedError,
    Side,
    batch,
    by_health,
    dutch,
    english,
    sealed,
    two_phase,
)
from seawall.liquidation.exits.batch import BatchOrder
from seawall.liquidation.exits.by_health import Distressed
from seawall.liquidation.exits.contract import within
from seawall.liquidation.exits.dutch import DutchAuction, DutchTerms
from seawall.liquidation.exits.english import EnglishAuction
from seawall.liquidation.exits.sealed import Pricing, SealedAuction
from seawall.liquidation.exits.two_phase import WHOLE, AccountNow, Phase
from seawall.protocols.derive_auction import Account, Terms, buffer_margin
from seawall.protocols.derive_feed import WAD
from seawall.protocols.maker_auction import EnglishRules
from seawall.protocols.maker_curves import RAY, Exponential, Linear, Stair

T = TypeVar("T")
P = ParamSpec("P")


def attempt(call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | Refusal:
    try:
        return call(*given, **named)
    except RefusedError as error:
        return error.reason


SIDES = st.sampled_from(Side)
FACTORS = st.integers(RAY // 2, RAY - RAY // 10**6)
CURVES = st.one_of(
    st.builds(Linear, st.integers(1, 5_000)),
    st.builds(Stair, st.integers(1, 300), FACTORS),
    st.builds(Exponential, FACTORS),
)
SALES = st.builds(DutchAuction, SIDES, st.integers(1, 10**6), st.integers(1, 10**15), st.just(0))
TIMES = st.lists(st.integers(0, 7_300_000), min_size=2, max_size=8).map(sorted)


@given(SALES, CURVES, TIMES)
def test_a_dutch_price_moves_one_way(
    sale: DutchAuction, curve: Linear | Stair | Exponential, times: list[int]
) -> None:
    terms = DutchTerms(curve, 10_000, 0, 0)
    prices = [dutch.price(sale, terms, at) for at in times]
    assert all(sale.side * (later - earlier) >= 0 for earlier, later in pairwise(prices))
    assert all(0 <= price <= 2 * sale.start for price in prices)
    assert dutch.price(sale, terms, 0) == sale.start


@given(
    SALES,
    CURVES,
    st.integers(0, 2 * 10**18),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 500_000)), max_size=8),
)
def test_dutch_takes_conserve_lots_and_leave_no_dust(
    sale: DutchAuction,
    curve: Linear | Stair | Exponential,
    least: int,
    takes: list[tuple[int, int]],
) -> None:
    terms = DutchTerms(curve, 10_000, 0, least)
    now, taken, born_small = 0, 0, sale.lots * sale.start < least
    after = sale
    for lots, wait in takes:
        now += wait
        price = dutch.price(after, terms, now)
        worst = price + sale.side.other  # One atom worse than the taker would accept.
        with pytest.raises(RefusedError):
            dutch.take(after, terms, now, 9, lots, price - sale.side.other)
        answer = attempt(dutch.take, after, terms, now, 9, lots, worst)
        if isinstance(answer, Refusal):
            assert answer in {Refusal.OVER, Refusal.WOULD_LEAVE_DUST}
            continue
        after, fill = answer
        taken += fill.lots
        assert fill.price == price
        assert within(fill.price, worst, sale.side.other)
        assert fill.lots <= lots
        assert after.lots == 0 or after.lots * sale.start >= least
        assert not (born_small and after.lots)
    assert taken + after.lots == sale.lots


@given(SALES, CURVES, st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 3_000_000))
def test_splitting_a_dutch_take_changes_no_price(
    sale: DutchAuction, curve: Linear | Stair | Exponential, first: int, second: int, now: int
) -> None:
    terms = DutchTerms(curve, 10_000, 0, 0)
    limit = 0 if sale.side is Side.BUY else 2 * sale.start
    _, whole = dutch.take(sale, terms, now, 9, first + second, limit)
    after, one = dutch.take(sale, terms, now, 9, first, limit)
    paid, lots = one.paid, one.lots
    if after.lots:
        _, two = dutch.take(after, terms, now, 9, second, limit)
        paid, lots = paid + two.paid, lots + two.lots
    assert (lots, paid) == (whole.lots, whole.paid)


BIDS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 10**6), st.integers(0, 700_000)), max_size=12
)


@given(BIDS, st.integers(0, 500))
def test_an_english_price_only_rises_and_its_best_bid_wins(
    bids: list[tuple[int, int, int]], reserve: int
) -> None:
    rules = EnglishRules(WAD * 105 // 100, 600_000, 3_600_000)
    auction, now, accepted = EnglishAuction(7, reserve, 3_600_000), 0, [(english.NOBODY, 0)]
    for bidder, price, wait in bids:
        now += wait
        answer = attempt(english.bid, auction, rules, now, bidder, price)
        if isinstance(answer, Refusal):
            expired = auction.bid_expires_ms is not None and auction.bid_expires_ms <= now
            over = expired or auction.ends_ms <= now
            low = price * 100 < auction.bid * 105 or price <= auction.bid or price < reserve
            assert over or low or price <= 0
            assert (answer is Refusal.OVER) == (over and price > 0)
            continue
        auction = answer
        assert price >= reserve
        assert price * 100 >= accepted[-1][1] * 105
        assert price > accepted[-1][1]
        accepted.append((bidder, price))
    if accepted[-1][0] == english.NOBODY:
        with pytest.raises(RefusedError, match="no_bid"):
            english.settle(auction, now + 10**9)
    else:
        won = english.settle(auction, now + 10**9)
        assert (won.taker, won.price, won.lots) == (*accepted[-1], 7)


SEALED = SealedAuction(3, 20, 50, 100, Pricing.SECOND, 1_000, 2_000)
SECRETS = st.lists(
    st.tuples(st.integers(1, 15), st.integers(1, 200), st.binary(max_size=8), st.booleans()),
    max_size=6,
)


@given(SECRETS, st.sampled_from(Pricing))
def test_sealed_bids_win_by_price_and_pay_no_more_than_they_bid(
    secrets: list[tuple[int, int, bytes, bool]], pricing: Pricing
) -> None:
    auction = SEALED._replace(pricing=pricing)
    for bidder, (lots, price, salt, _) in enumerate(secrets):
        digest = sealed.commitment(3, bidder, lots, price, salt)
        auction = sealed.commit(auction, 0, bidder, digest, 100 + bidder)
    for bidder, (lots, price, salt, shown) in enumerate(secrets):
        if shown:
            auction = sealed.reveal(auction, 1_500, bidder, lots, price, salt)
    settled = sealed.settle(auction, 2_000)
    result = settled.result
    assert result.lots + result.left == 20
    forfeited = [(n, 100 + n) for n, secret in enumerate(secrets) if not secret[3]]
    assert list(settled.forfeited) == forfeited
    assert len(settled.returned) + len(forfeited) == len(secrets)
    got = {fill.taker: fill for fill in result.fills}
    rejected = [50]
    for bidder, (lots, price, _, shown) in enumerate(secrets):
        if not shown or price < 50:
            assert bidder not in got
            continue
        won = got[bidder].lots if bidder in got else 0
        assert won <= lots
        if won < lots:
            rejected.append(price)
            assert result.left == 0
    for fill in result.fills:
        own = secrets[fill.taker][1]
        assert own >= max(rejected)  # Nobody who was turned away had bid more.
        assert fill.price == (own if pricing is Pricing.FIRST else max(rejected))


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.binary(max_size=3)),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.binary(max_size=3)),
)
def test_a_reveal_that_is_not_what_was_committed_is_refused(
    made: tuple[int, int, int, bytes], told: tuple[int, int, int, bytes]
) -> None:
    """Committed under one auction number, bid and salt; revealed in auction 3 as another."""
    auction = sealed.commit(SEALED, 0, 1, sealed.commitment(made[0], 1, *made[1:]), 100)
    if (made[0], *made[1:]) == (3, *told[1:]):
        assert sealed.reveal(auction, 1_000, 1, *told[1:]).commitments[0].price == told[2]
    else:
        with pytest.raises(RefusedError, match="commitment_mismatch"):
            sealed.reveal(auction, 1_000, 1, *told[1:])


BATCH = st.lists(
    st.builds(BatchOrder, st.integers(1, 5), SIDES, st.integers(1, 9), st.integers(1, 9)),
    max_size=10,
)


@given(BATCH, st.integers(1, 9))
def test_a_batch_trades_the_most_that_one_price_allows(
    orders: list[BatchOrder], reference: int
) -> None:
    got = batch.clear(orders, reference)

    def volume(price: int) -> int:
        ready = [o for o in orders if within(price, o.limit, o.side)]
        return min(sum(o.lots for o in ready if o.side is side) for side in Side)

    assert got.volume == max(volume(price) for price in range(1, 10))
    sums = dict.fromkeys(Side, 0)
    for order, answer in zip(orders, got.answers, strict=True):
        lots = answer.fill.lots if answer.fill else 0
        assert lots + answer.left == order.lots
        sums[order.side] += lots
        if answer.fill:
            assert answer.fill.price == got.price
            assert within(answer.fill.price, order.limit, order.side)
    assert sums == dict.fromkeys(Side, got.volume)
    if got.price is None:
        return
    waiting = {
        order.side
        for order, answer in zip(orders, got.answers, strict=True)
        if answer.left and within(got.price, order.limit, order.side)
    }
    assert len(waiting) < 2  # Nothing that could still trade at the price.


@given(BATCH, st.integers(1, 9))
def test_a_batch_fills_better_limits_first_and_equals_pro_rata(
    orders: list[BatchOrder], reference: int
) -> None:
    answers = list(zip(orders, batch.clear(orders, reference).answers, strict=True))
    for order, answer in answers:
        for other, theirs in answers:
            if other.side is not order.side or theirs.left == other.lots:
                continue
            if order.side * (order.limit - other.limit) > 0:
                assert answer.left == 0  # A worse limit got something, so this one got all.
            if order.limit == other.limit:
                mine, yours = order.lots - answer.left, other.lots - theirs.left
                assert abs(mine * other.lots - yours * order.lots) < order.lots + other.lots


@given(
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 10**12),
    st.integers(0, 10_000),
    st.integers(0, 5_000),
    st.integers(1, 10**6),
)
def test_by_health_sells_within_its_discount_and_no_more_than_is_owed(
    lots: int, mark: int, owed: int, threshold: int, discount_max: int, asked: int
) -> None:
    account = Distressed(lots, mark, owed, threshold)
    healthy = lots * mark * threshold // 10_000 > owed
    answer = attempt(by_health.take, account, discount_max, 5, asked, 2 * mark + 2)
    if isinstance(answer, Refusal):
        assert answer is Refusal.HEALTHY
        assert healthy or by_health.offer(account, discount_max).max_yield == 0
        return
    after, fill = answer
    assert not healthy
    assert fill.lots <= min(asked, lots)
    assert after.lots + fill.lots == lots
    assert 0 <= fill.paid <= owed
    assert fill.paid * 10_000 >= fill.lots * mark * (10_000 - discount_max)
    assert fill.paid <= fill.lots * mark


def shrunk(account: AccountNow, reserved: int, share: int, paid: int) -> AccountNow:
    """The account after a share of all that is not reserved left it, and a payment came."""
    margin, value = (n - (n - reserved) * share // WAD + paid for n in account)
    return AccountNow(margin, value)


MARGINS = st.integers(-(10**17), -(10**12))
SHARE = st.tuples(st.integers(10**12, WAD), st.integers(0, 4_000))
SHARES = st.lists(SHARE, min_size=1, max_size=5)


@given(MARGINS, st.integers(10**12, 10**17), SHARES)
def test_a_solvent_auction_ends_where_the_buffer_is_restored(
    margin: int, value: int, bids: list[tuple[int, int]]
) -> None:
    account, terms, now, sold = AccountNow(margin, value), Terms(), 0, 0
    auction, fee = two_phase.open_two_phase(account, terms, 0)
    assert auction.phase is Phase.SOLVENT
    assert 0 < fee <= value // 10
    for share, wait in bids:
        now += wait * 1000
        before, asked = auction, two_phase.price(auction, account, terms, now)
        answer = attempt(two_phase.bid, auction, account, terms, now, 8, share)
        if isinstance(answer, Refusal):
            assert answer in {Refusal.OVER, Refusal.HEALTHY}
            assert two_phase.step(auction, account, terms, now) != auction
            break
        auction, fill = answer
        sold += fill.lots
        taken = fill.lots * WAD // before.left
        assert abs(fill.paid - asked * taken // WAD) <= 2
        assert taken <= share
        account = shrunk(account, before.reserved, taken, fill.paid)
        if auction.phase is Phase.ENDED:
            assert abs(buffer_margin(Account(*account), terms)) <= 10
            break
        assert buffer_margin(Account(*account), terms) <= 10
    assert sold + auction.left == WHOLE


@given(MARGINS, st.integers(10**12, 10**17), st.integers(10**15, WAD // 8), st.integers(0, 40_000))
def test_two_bids_at_one_time_pay_the_same_for_the_same(
    margin: int, value: int, share: int, seconds: int
) -> None:
    """Splitting never helps: f of the whole, then f ÷ (1 − f) of the rest, are equal parts."""
    account, terms, now = AccountNow(margin, value), Terms(), seconds * 1000
    auction, _ = two_phase.open_two_phase(account, terms, 0)
    after, one = two_phase.bid(auction, account, terms, now, 8, share)
    rest = shrunk(account, 0, one.lots, one.paid)
    if after.phase is Phase.ENDED or attempt(two_phase.price, after, rest, terms, now) == 0:
        return
    answer = attempt(two_phase.bid, after, rest, terms, now, 8, share * WAD // (WAD - share))
    if not isinstance(answer, Refusal):
        assert abs(answer[1].price - one.price) <= 10**4


@given(MARGINS, st.integers(0, 10**17), SHARES)
def test_an_insolvent_auction_pays_more_with_time_up_to_the_margin(
    margin: int, owed: int, bids: list[tuple[int, int]]
) -> None:
    account, terms, now = AccountNow(margin, max(margin, -owed)), Terms(), 0
    auction, fee = two_phase.open_two_phase(account, terms, 0)
    assert (auction.phase, fee) == (Phase.INSOLVENT, 0)
    prices, sold = [], 0
    for share, wait in bids:
        now += wait * 1000
        prices.append(two_phase.price(auction, account, terms, now))
        answer = attempt(two_phase.bid, auction, account, terms, now, 8, share)
        if isinstance(answer, Refusal):
            assert answer in {Refusal.OVER, Refusal.NOTHING_ASKED}
            break
        auction, fill = answer
        sold += fill.lots
        assert margin <= prices[-1] <= fill.paid <= 0
    assert prices == sorted(prices, reverse=True)
    assert sold + auction.left == WHOLE
