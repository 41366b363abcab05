"""Derive's feeds, perpetuals, cash and auctions by hand: the arithmetic beside each number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import derive_auction, derive_cash, derive_feed, derive_perp
from seawall.protocols.derive_feed import WAD

HALF_HOUR = derive_feed.SETTLEMENT_SECONDS


def test_half_of_the_forward_is_fixed_in_the_middle_of_the_window() -> None:
    # 900 s at 1,000 are averaged: 900,000 / 1800 = 500. The rest: (1,010 + 10) · 900/1800 = 510.
    sums = derive_feed.Aggregates(0, 900_000 * WAD)
    found = derive_feed.forward(1_010 * WAD, 10 * WAD, HALF_HOUR // 2, sums)
    assert found == (500 * WAD, 510 * WAD)
    assert found.total == 1_010 * WAD
    assert derive_feed.forward(1_010 * WAD, 10 * WAD, HALF_HOUR) == (0, 1_020 * WAD)


@pytest.mark.parametrize(
    ("deadline", "timestamp", "confidence", "reason"),
    [
        (99, 100, WAD, derive_feed.Refusal.DEADLINE_PASSED),
        (100, 101, WAD, derive_feed.Refusal.FROM_THE_FUTURE),
        (100, 100, WAD + 1, derive_feed.Refusal.CONFIDENCE_ABOVE_ONE),
    ],
)
def test_update_refused(
    deadline: int, timestamp: int, confidence: int, reason: derive_feed.Refusal
) -> None:
    update = derive_feed.Update(WAD, timestamp, confidence)
    with pytest.raises(derive_feed.RefusedError) as caught:
        derive_feed.accepted(None, update, 100, deadline)
    assert caught.value.reason is reason


def test_a_price_is_stale_one_second_after_its_heartbeat() -> None:
    derive_feed.check_age(100, 180, 280)
    with pytest.raises(derive_feed.RefusedError):
        derive_feed.check_age(100, 180, 281)


def test_funding_of_an_hour() -> None:
    # (1,506 − 1,500) / 1,500 / 8 = 0.0005 per hour; · 1,500 = 0.75 per contract and hour.
    terms = derive_perp.FundingTerms(8 * WAD, WAD, 0)
    rate = derive_perp.funding_rate(1_500 * WAD, 1_506 * WAD, 1_506 * WAD, terms)
    assert rate == 5 * WAD // 10_000
    index = derive_perp.index_change(rate, 1_500 * WAD, 3_600)
    short = derive_perp.Position(-2 * WAD, 1_500 * WAD)
    # A short of 2 gets 1.5; at a mark of 1,600 it loses 200 although only a half is bought back.
    after = derive_perp.traded(short, WAD // 2, 1_600 * WAD, index)
    assert after == (-3 * WAD // 2, 1_600 * WAD, index, -200 * WAD + 3 * WAD // 2)


def test_interest_above_the_optimum() -> None:
    model = derive_cash.RateModel(6 * WAD // 100, WAD // 5, WAD * 2 // 5, WAD * 3 // 5)
    # 8,000 of 10,000 lent: 0.06 + 0.6 · 0.2 + 0.2 · 0.4 = 0.26.
    rate = derive_cash.borrow_rate(model, derive_cash.utilisation(10_000 * WAD, 8_000 * WAD))
    assert rate == 26 * WAD // 100
    # exp(1) − 1 = 1.718281828459045235..., at 100% for a year.
    factor = derive_cash.interest_factor(WAD, derive_cash.YEAR_SECONDS)
    assert factor == 1_718281828459045235


def test_a_shared_loss_makes_withdrawals_dearer() -> None:
    pool = derive_cash.Pool(10_000 * WAD, 0, 10_000 * WAD, WAD // 5)
    pool, _ = derive_cash.changed(pool, derive_cash.Holding(), 2_500 * WAD)
    pool = derive_cash.with_withdraw_fee(pool)
    # 10,000 coins behind 12,500 of cash: 0.8 each, so 100 coins cost 125.
    assert derive_cash.cash_burned(pool, 100 * WAD) == 125 * WAD
    assert pool.fund_share == WAD
    with pytest.raises(derive_cash.RefusedError):
        derive_cash.without_withdraw_fee(pool)
    whole = derive_cash.without_withdraw_fee(pool._replace(stable=12_500 * WAD))
    assert (whole.has_withdraw_fee, whole.fund_share) == (False, WAD // 5)


TERMS = derive_auction.Terms(WAD, WAD * 8 // 10, 600, 7_200, 600, WAD // 10, WAD // 10)


def test_bid_in_the_middle_of_the_fast_part() -> None:
    account = derive_auction.Account(-100 * WAD, 300 * WAD)
    # Buffer margin −100 + (−100 − 300) · 0.1 = −140; discount 1 − 0.2 / 2 = 0.9, price 270;
    # share 140 / (140 + 270) = 0.3414..., which costs 92.19....
    bought = derive_auction.bid(account, TERMS, 300, WAD)
    assert bought.share == 140 * WAD // 410
    assert bought.payment == derive_feed.product(270 * WAD, bought.share)
    assert bought.ends_auction
    # At no discount 140 / 440 of 300 would do; a tenth of that is the fee.
    share = 140 * WAD // 440
    assert derive_auction.start_fee(account, TERMS) == share * 300 // 10


def test_insolvent_account_pays_more_each_second() -> None:
    account = derive_auction.Account(-300 * WAD, -100 * WAD)
    # −100 at first, −300 after 600 s: −104 after 12 s.
    assert derive_auction.insolvent_price(account, TERMS, 12) == -104 * WAD
    assert derive_auction.insolvent_price(account, TERMS, 601) == -300 * WAD


@given(
    st.integers(-(10**6), -1),
    st.integers(1, 10**6),
    st.integers(0, 7_799),
)
def test_the_largest_share_restores_the_buffer_margin(margin: int, value: int, when: int) -> None:
    account = derive_auction.Account(margin * WAD, value * WAD)
    asked = derive_auction.discount(TERMS, when)
    share = derive_auction.largest_share(account, TERMS, asked)
    paid = derive_feed.product(derive_feed.product(value * WAD, asked), share)
    kept = derive_feed.product(derive_auction.buffer_margin(account, TERMS), WAD - share)
    assert abs(kept + paid) <= 10**8  # 10⁻¹⁰ of a dollar, of up to 10⁶ dollars.


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_discount_never_rises(first: int, second: int) -> None:
    early, late = sorted((first, second))
    assert derive_auction.discount(TERMS, late) <= derive_auction.discount(TERMS, early)


@given(
    st.lists(st.integers(-(10**24), 10**24), min_size=1, max_size=6),
    st.integers(1, 10**7),
)
def test_holdings_add_up_to_the_pool(amounts: list[int], seconds: int) -> None:
    pool, held = derive_cash.Pool(0, 0, 0), []
    for amount in amounts:
        pool, one = derive_cash.changed(pool, derive_cash.Holding(), amount)
        held.append(one)
    assert sum(derive_cash.balance(pool, one) for one in held) == pool.supply - pool.borrow
    later = derive_cash.accrued(pool, derive_cash.RateModel(), seconds)
    assert later.supply - pool.supply == later.borrow - pool.borrow >= 0
