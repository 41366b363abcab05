"""12 March 2020: lots sold for nothing by an English auction, and the same night with a Dutch one.

Settings of that day, from the emergency spell of 12 March 2020: a bid lasts 10 minutes, an auction
3 days, a lot is 50 ETH; the spell made both times 6 hours. Reported: 62,890 ETH worth about 7.1
million dollars went for next to nothing, so 113 dollars each; the mean gas price rose six-fold to
about 80 gwei, and keepers that did not raise their offer waited. Dutch settings: Sky's ETH-A, May
2026: 110 % of the mark at first, 1 % down each 90 s, for 7,200 s or down to 45 % of the start.

The congestion of four hours, the two keepers and the vault's debt are ours, for the sake of the
example.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest

from seawall.liquidation.exits import (
    DutchStairExit,
    EnglishExit,
    RefusedError,
    Side,
    dutch,
    english,
)

DOLLAR = 10**10  # Price atoms.
MINUTE = 60_000
HOUR = 60 * MINUTE
MARK = 113 * DOLLAR
LOTS = 50  # ETH; one lot is one ETH here.
DEBT = 4_000 * DOLLAR
BEFORE = EnglishExit()
AFTER_THE_SPELL = EnglishExit(bid_life_seconds=6 * 3_600, duration_seconds=6 * 3_600)
CLIP = DutchStairExit(
    start_ratio=Decimal("1.1"),
    duration_seconds=7_200,
    step_seconds=90,
    factor=Decimal("0.99"),
    price_least_ratio=Decimal("0.45"),
)


class Keeper(NamedTuple):
    account: int
    gwei: int
    bid: int


STOCK = Keeper(7, 13, MARK * 95 // 100)  # A sixth of 80 gwei: yesterday's price, never raised.
DUST = Keeper(8, 100, 1)  # 10⁻¹⁰ dollar for an ETH.


def arrival(keeper: Keeper, sent_ms: int) -> int:
    """For four hours blocks take nothing below 80 gwei; otherwise a minute."""
    return sent_ms + MINUTE if keeper.gwei >= 80 else max(sent_ms, 4 * HOUR) + MINUTE


def english_night(rule: EnglishExit) -> tuple[int, int]:
    """(winner, what the lot brought); each keeper sends its bid at the start."""
    auction, terms = english.open_english(rule, LOTS, MARK, 0), english.terms_of(rule)
    for keeper in sorted((STOCK, DUST), key=lambda one: arrival(one, 0)):
        try:
            auction = english.bid(auction, terms, arrival(keeper, 0), keeper.account, keeper.bid)
        except RefusedError:
            continue
    won = english.settle(auction, 10**10)
    return won.taker, won.paid


def test_the_dust_bid_wins_because_ten_minutes_pass_in_which_nobody_gets_through() -> None:
    """50 ETH for 50 × 10⁻¹⁰ dollars; 4,000 dollars of debt stay uncovered."""
    winner, paid = english_night(BEFORE)
    assert (winner, paid) == (DUST.account, 50)
    assert DEBT - paid == 4_000 * DOLLAR - 50


def test_the_bid_life_of_the_emergency_spell_lets_the_late_bid_win() -> None:
    """Six hours outlast the congestion: 50 × 107.35 = 5,367.50 dollars."""
    assert english_night(AFTER_THE_SPELL) == (STOCK.account, 53_675 * DOLLAR // 10)


def test_a_reserve_price_alone_leaves_the_lot_unsold() -> None:
    guarded = EnglishExit(reserve_ratio=Decimal("0.8"))
    auction = english.open_english(guarded, LOTS, MARK, 0)
    with pytest.raises(RefusedError, match="bid_too_low"):
        english.bid(auction, english.terms_of(guarded), MINUTE, DUST.account, DUST.bid)
    with pytest.raises(RefusedError, match="no_bid"):
        english.settle(auction, 11 * MINUTE)


def test_in_a_dutch_auction_the_only_keeper_who_gets_through_pays_the_curve() -> None:
    """It takes where 2 % are left to it: 1.1 · 0.99¹² = 0.975…, after 12 · 90 = 1,080 s.

    113 · 1.1 · 0.99¹² = 110.1776… dollars, or 5,508.88 for 50: the debt is paid, and 1,508.88 are
    left for the vault's owner.
    """
    sale, terms = dutch.open_dutch(CLIP, Side.SELL, LOTS, MARK, 0), dutch.terms_of(CLIP, 1, 1)
    assert sale.start == 1_243 * DOLLAR // 10
    limit = MARK * 98 // 100
    for second in range(0, 1_080, 30):
        with pytest.raises(RefusedError, match="beyond_limit"):
            dutch.take(sale, terms, second * 1000, DUST.account, LOTS, limit)
    after, fill = dutch.take(sale, terms, 1_080_000, DUST.account, LOTS, limit)
    assert fill.price == 1_243 * DOLLAR // 10 * 99**12 // 100**12 == 1_101_776_395_543
    assert after.lots == 0
    assert fill.paid == 55_088_819_777_150
    assert fill.paid - DEBT == 15_088_819_777_150


def test_alone_on_the_chain_it_could_wait_but_never_for_nothing() -> None:
    """0.99⁷⁹ = 0.4520 is live at 7,110 s and the end is 7,200: at least 45 % of 124.30 a lot.

    At 80 steps 0.99⁸⁰ = 0.4475 is below 45 %, and the auction is over.
    """
    sale, terms = dutch.open_dutch(CLIP, Side.SELL, LOTS, MARK, 0), dutch.terms_of(CLIP, 1, 1)
    _, fill = dutch.take(sale, terms, 7_199_999, DUST.account, LOTS, MARK)
    assert fill.price == 1_243 * DOLLAR // 10 * 99**79 // 100**79
    assert fill.paid * 100 > LOTS * sale.start * 45
    assert fill.paid > 2_800 * DOLLAR
    with pytest.raises(RefusedError, match="over"):
        dutch.take(sale, terms, 7_200_000, DUST.account, LOTS, MARK)
