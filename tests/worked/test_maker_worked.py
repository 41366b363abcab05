"""Maker by hand: the arithmetic stands beside each number, in whole coins and whole dollars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import maker_vault
from seawall.protocols.maker_auction import (
    WAD,
    DutchAuction,
    DutchRules,
    EnglishAuction,
    EnglishRules,
    Good,
    Purchase,
    Refusal,
    RefusedError,
    Transfer,
    lower_lot,
    needs_reset,
    raise_bid,
    reset,
    restart,
    settle,
    start_reward,
    take,
)
from seawall.protocols.maker_curves import (
    RAY,
    Curve,
    Exponential,
    Linear,
    Stair,
    auction_price,
    ray_power,
)
from seawall.protocols.maker_vault import DelayedPrice, Vault, VaultRules, advanced, median, seize

RAD = 10**45
HALF = RAY // 2


def test_power_rounds_each_product_half_up() -> None:
    assert [ray_power(HALF, exponent) for exponent in (0, 1, 3)] == [RAY, HALF, RAY // 8]
    assert ray_power(7 * 10**13, 2) == 5  # 49 · 10²⁶ / 10²⁷ = 4.9.
    assert ray_power(5 * 10**13, 2) == 3  # 2.5.


@pytest.mark.parametrize(
    ("curve", "elapsed", "price"),
    [
        (Linear(100), 25, 75),
        (Linear(100), 100, 0),
        (Linear(100), 101, 0),
        (Stair(10, HALF), 9, 100),
        (Stair(10, HALF), 20, 25),
        (Exponential(HALF), 2, 25),
    ],
)
def test_curves(curve: Curve, elapsed: int, price: int) -> None:
    assert auction_price(curve, 100 * RAY, elapsed) == price * RAY


@given(
    st.sampled_from([Linear(3600), Stair(90, RAY * 99 // 100), Exponential(RAY * 999 // 1000)]),
    st.integers(0, 4000),
    st.integers(1, 500),
)
def test_a_price_never_rises(curve: Curve, elapsed: int, later: int) -> None:
    price = auction_price(curve, 1000 * RAY, elapsed)
    assert 1000 * RAY >= price >= auction_price(curve, 1000 * RAY, elapsed + later) - 1000


RULES = DutchRules(Linear(100), RAY * 40 // 100, 50, 20 * RAD)
AUCTION = DutchAuction(top=10 * RAY, debt=110 * RAD, lot=20 * WAD)


def test_a_part_is_bought() -> None:
    found = take(AUCTION, RULES, 0, 5 * WAD, 10 * RAY)
    after = DutchAuction(10 * RAY, 60 * RAD, 15 * WAD)
    assert found == Purchase(50 * RAD, 5 * WAD, 0, 50 * RAD, after)


def test_the_debt_is_the_most_that_is_collected() -> None:
    # 11 coins at 10 pay 110; 9 go back to the owner.
    found = take(AUCTION, RULES, 0, 20 * WAD, 10 * RAY)
    assert found == Purchase(110 * RAD, 11 * WAD, 9 * WAD, 110 * RAD, None)


def test_a_purchase_is_cut_so_that_the_least_debt_stays() -> None:
    # 10 coins would leave 10 of debt; 9 coins leave 20.
    found = take(AUCTION, RULES, 0, 10 * WAD, 10 * RAY)
    assert (found.paid, found.bought) == (90 * RAD, 9 * WAD)
    assert found.after == DutchAuction(10 * RAY, 20 * RAD, 11 * WAD)
    with pytest.raises(RefusedError, match="no_partial_purchase"):
        take(found.after, RULES, 0, WAD, 10 * RAY)


def test_the_last_of_the_lot_clears_the_debt_unpaid() -> None:
    found = take(AUCTION._replace(lot=2 * WAD), RULES, 0, 9 * WAD, 10 * RAY)
    assert found == Purchase(20 * RAD, 2 * WAD, 0, 110 * RAD, None)


def test_too_expensive_comes_after_too_old() -> None:
    for elapsed, reason in ((50, Refusal.TOO_EXPENSIVE), (51, Refusal.NEEDS_RESET)):
        with pytest.raises(RefusedError) as refusal:
            take(AUCTION, RULES, elapsed, WAD, 5 * RAY - 1 if elapsed == 50 else 10 * RAY)
        assert refusal.value.reason is reason


def test_reset_is_due_beyond_and_not_at_the_bounds() -> None:
    long = RULES._replace(duration_max_seconds=99)
    assert not needs_reset(AUCTION, long, 60)  # At 40% of the top exactly.
    assert needs_reset(AUCTION, long, 61)
    with pytest.raises(RefusedError, match="cannot_reset"):
        reset(AUCTION, RULES, 50, 8 * RAY)


def test_reset_pays_nothing_for_dust() -> None:
    rules = RULES._replace(reward_flat=3 * RAD, reward_share=WAD // 100, start_factor=RAY * 5 // 4)
    assert start_reward(rules, AUCTION.debt) == 3 * RAD + 11 * RAD // 10  # 3 + 1% of 110.
    again, reward = reset(AUCTION, rules, 51, 8 * RAY)
    assert (again.top, reward) == (10 * RAY, 41 * RAD // 10)
    small = AUCTION._replace(lot=2 * WAD)  # Worth 16, below 20.
    assert reset(small, rules, 51, 8 * RAY)[1] == 0


@given(st.integers(0, 50), st.integers(1, 25 * WAD), st.integers(1, 200 * RAD))
def test_a_purchase_conserves_lot_and_debt(elapsed: int, amount: int, debt: int) -> None:
    before = AUCTION._replace(debt=debt)
    try:
        found = take(before, RULES, elapsed, amount, 10 * RAY)
    except RefusedError:
        assert debt <= RULES.debt_min  # Only so small a debt forbids a part.
        return
    after = found.after or DutchAuction(0, 0, 0)
    assert found.bought + found.returned + after.lot == before.lot
    assert found.cleared + after.debt == before.debt
    assert found.paid <= found.cleared
    assert after.debt == 0 or after.debt >= min(RULES.debt_min, debt)


ENGLISH = EnglishRules(raise_factor=WAD * 105 // 100, bid_life_seconds=10, duration_seconds=100)
SALE = EnglishAuction(100, 50, end_time=100, owner=1, beneficiary=2, escrow=3, bidder=9)


def test_bids_rise_then_the_lot_falls() -> None:
    sale, moved = raise_bid(SALE, ENGLISH, 0, 7, 100, 40)
    assert moved == (Transfer(Good.COIN, 7, 9, 0), Transfer(Good.COIN, 7, 2, 40))
    with pytest.raises(RefusedError, match="increase_too_small"):
        raise_bid(sale, ENGLISH, 5, 8, 100, 41)  # 40 · 1.05 = 42.
    with pytest.raises(RefusedError, match="bids_still_rise"):
        lower_lot(sale, ENGLISH, 5, 8, 90, 40)
    sale, moved = raise_bid(sale, ENGLISH, 5, 8, 100, 50)
    assert moved == (Transfer(Good.COIN, 8, 7, 40), Transfer(Good.COIN, 8, 2, 10))
    with pytest.raises(RefusedError, match="decrease_too_small"):
        lower_lot(sale, ENGLISH, 6, 7, 96, 50)  # 96 · 1.05 = 100.8.
    sale, moved = lower_lot(sale, ENGLISH, 6, 7, 95, 50)
    assert moved == (Transfer(Good.COIN, 7, 8, 50), Transfer(Good.COLLATERAL, 3, 1, 5))
    with pytest.raises(RefusedError, match="not_finished"):
        settle(sale, 16)  # The bid lasts up to and with second 16.
    assert settle(sale, 17) == Transfer(Good.COLLATERAL, 3, 7, 95)


def test_a_lone_bid_of_one_wins_the_lot() -> None:
    sale, _ = raise_bid(SALE, ENGLISH, 0, 7, 100, 1)
    assert settle(sale, 11) == Transfer(Good.COLLATERAL, 3, 7, 100)


def test_an_auction_without_a_bid_starts_again() -> None:
    with pytest.raises(RefusedError, match="finished"):
        raise_bid(SALE, ENGLISH, 100, 7, 100, 1)
    assert restart(SALE, ENGLISH, 101).end_time == 201
    with pytest.raises(RefusedError, match="not_finished"):
        restart(SALE, ENGLISH, 100)


# 40 coins at a safe price of 2 cover 80 of the 100 owed.
VAULT = Vault(40 * WAD, 100 * WAD)
TERMS = VaultRules(RAY, 2 * RAY, 20 * RAD, WAD * 11 // 10, 1000 * RAD, 1000 * RAD)


def test_a_vault_is_seized_whole_or_in_part() -> None:
    assert seize(VAULT, TERMS) == (Vault(0, 0), 40 * WAD, 110 * RAD, 110 * RAD)
    # Room for 55 is debt of 50 at a penalty of 10%: half of all.
    part = seize(VAULT, TERMS._replace(limit=65 * RAD, under_auction=10 * RAD))
    assert part == (Vault(20 * WAD, 50 * WAD), 20 * WAD, 55 * RAD, 55 * RAD)
    # Room for 93.5 is 85; 15 would stay, below 20, so all of it goes, past the limit.
    assert seize(VAULT, TERMS._replace(limit=935 * RAD // 10)).target == 110 * RAD


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"safe_price": RAY * 5 // 2}, maker_vault.Refusal.NOT_UNSAFE),  # 40 · 2.5 = 100.
        ({"safe_price": 0}, maker_vault.Refusal.NOT_UNSAFE),
        ({"limit_total": 5 * RAD, "under_auction_total": 5 * RAD}, maker_vault.Refusal.LIMIT_HIT),
        ({"limit": 11 * RAD}, maker_vault.Refusal.DUSTY_AUCTION),  # A part of 10.
    ],
)
def test_what_is_not_seized(changes: dict[str, int], reason: maker_vault.Refusal) -> None:
    with pytest.raises(maker_vault.RefusedError) as refusal:
        seize(VAULT, TERMS._replace(**changes))
    assert refusal.value.reason is reason


def test_a_price_counts_one_interval_later() -> None:
    price = advanced(DelayedPrice(), 200, 7210, 3600)
    assert price == DelayedPrice(None, 200, 7200)
    assert advanced(price, 190, 10_799, 3600) == price
    assert advanced(price, None, 10_800, 3600) == price  # An invalid source changes nothing.
    assert advanced(price, 150, 10_800, 3600) == DelayedPrice(200, 150, 10_800)


@pytest.mark.parametrize(
    ("values", "times", "signers", "reason"),
    [
        ([1, 2], (), (), maker_vault.Refusal.WRONG_QUORUM),
        ([1, 3, 2], (), (), maker_vault.Refusal.NOT_ASCENDING),
        ([1, 2, 3], (6, 5, 7), (), maker_vault.Refusal.STALE_VALUE),
        ([1, 2, 3], (), (4, 5, 4), maker_vault.Refusal.SIGNED_TWICE),
    ],
)
def test_a_median_is_refused(
    values: list[int],
    times: tuple[int, ...],
    signers: tuple[int, ...],
    reason: maker_vault.Refusal,
) -> None:
    with pytest.raises(maker_vault.RefusedError) as refusal:
        median(values, 3, times=times, last_time=5, signers=signers)
    assert refusal.value.reason is reason
    assert median([1, 2, 3], 3, times=(6, 6, 7), last_time=5, signers=(1, 2, 3)) == 2
