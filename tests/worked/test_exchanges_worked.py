"""What six venues would say of a position, each number shown by arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import binance, bitmex, bybit, hyperliquid, okx, paradex

F = Fraction

# amount_2 = 0 + 100 · (0.02 − 0.01) = 1; amount_3 = 1 + 1,000 · (0.1 − 0.02) = 81.
TIERS = binance.tiers_of([(F(0), F("0.01")), (F(100), F("0.02")), (F(1000), F("0.1"))])


def test_binance_brackets() -> None:
    assert [tier.amount for tier in TIERS] == [0, 1, 81]
    assert [binance.tier_at(TIERS, F(n)) for n in (0, 99, 100, 999, 1000, 10**9)] == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert binance.maintenance_margin(TIERS, F(500)) == 9  # 500 · 0.02 − 1
    assert binance.maintenance_margin(TIERS, F(2000)) == 119  # 2,000 · 0.1 − 81


def test_binance_liquidation_price_uses_the_bracket_at_the_price() -> None:
    # 10 coins short from 95 with 80: at 95 the notional is 950, bracket 2; a rise meets bracket 3.
    # Bracket 2: (80 + 1 + 950) ÷ (10 · 0.02 + 10) = 1031 ÷ 10.2 = 101.08, where N = 1,010.8.
    # Bracket 3: (80 + 81 + 950) ÷ (10 · 0.1 + 10) = 1111 ÷ 11 = 101, N = 1,010: consistent.
    price = binance.liquidation_price_in_tiers(F(80), F(-10), F(95), TIERS)
    assert price == 101
    # Equity 80 − 10 · (101 − 95) = 20; maintenance 1,010 · 0.1 − 81 = 20.
    assert binance.maintenance_margin(TIERS, 10 * price) == 20


def test_binance_cross_hedge_and_inverse() -> None:
    # Another position is 5 up and needs 2 · 50 · 0.01 = 1; so 10 coins long from 100 with 96 behind
    # them act as if with 100: (100 − 1000) ÷ (0.1 − 10) = 900 ÷ 9.9.
    other = binance.Leg(F(2), F("47.5"), F(50), F("0.01"), F(0))
    long = binance.Leg(F(10), F(100), F(100), F("0.01"), F(0))
    assert binance.liquidation_price(F(96), [long], [other]) == F(9000, 99)
    # Both legs of a hedge: 10 long and 4 short from 100: (100 − 600) ÷ (0.14 − 6).
    short = long._replace(size=F(-4))
    assert binance.liquidation_price(F(100), [long, short]) == F(500) / F("5.86")
    # 1,000 dollars long at 100 with 1 coin: 1000 · 1.01 ÷ (1 + 10) = 91.82.
    face = binance.Leg(F(1000), F(100), F(100), F("0.01"), F(0))
    assert binance.inverse_liquidation_price(F(1), face) == F(1010, 11)
    assert binance.liquidation_price(F(2000), [long]) is None  # Worth more than it can lose.
    assert binance.deleveraging_score(F(50), F(100), F("0.2")) == F("0.1")


amounts = st.integers(1, 10**6).map(F)


@given(amounts, amounts, st.fractions(F(1, 100), F(2)), st.booleans())
def test_binance_equity_meets_maintenance_at_the_price(size, entry, share, long) -> None:
    wallet = size * entry * share
    signed = size if long else -size
    price = binance.liquidation_price_in_tiers(wallet, signed, entry, TIERS)
    if price is None:  # Only a long that is covered down to nothing.
        assert long
        assert wallet >= size * entry - 1 - 81
    else:
        equity = wallet + signed * (price - entry)
        assert equity == binance.maintenance_margin(TIERS, size * price)


def test_bybit() -> None:
    assert bybit.linear_bankruptcy_price(True, F(20000), F(50)) == 19600
    assert bybit.inverse_bankruptcy_price(True, F(8000), F(4)) == 6400  # 8,000 · 4 ÷ 5
    assert bybit.inverse_bankruptcy_price(False, F(8000), F(1)) is None
    # 1 coin at 20,000 and 50×: IM 400, MM 100; 20,000 ∓ 300, and 10 further away with 10 added.
    rate = F("0.005")
    long = bybit.linear_liquidation_price(True, F(1), F(20000), F(50), rate)
    short = bybit.linear_liquidation_price(False, F(1), F(20000), F(50), rate)
    more = bybit.linear_liquidation_price(True, F(1), F(20000), F(50), rate, extra_margin=F(10))
    assert (long, short, more) == (19700, 20300, 19690)
    # Inverse, no fee: 10,000 dollars at 8,000 are 1.25 coins; with 0.25 behind them 1 ÷ LP =
    # (1.25 + 0.25 − 0.00625) ÷ 10,000, and 1 ÷ BP = 1.5 ÷ 10,000.
    gone, price = bybit.inverse_cross_prices(True, F(10000), F(8000), F("0.25"), rate)
    assert (gone, price) == (F(10000) / F("1.5"), F(10000) / F("1.49375"))
    assert bybit.on_tick(True, price, F(1, 2)) == F("6695")  # 6,694.56 up
    assert bybit.on_tick(False, price, F(1, 2)) == F("6694.5")
    assert bybit.inverse_cross_prices(False, F(1000), F(8000), F(1), rate) == (None, None)


def test_okx() -> None:
    # (10 − 2) ÷ (1 − 0.02) and (10 + 2) ÷ (1 + 0.02)
    rates = F("0.015"), F("0.005")
    assert okx.isolated_liquidation_price(True, F(1), F(10), F(2), *rates) == F(8) / F("0.98")
    assert okx.isolated_liquidation_price(False, F(1), F(10), F(2), *rates) == F(12) / F("1.02")
    assert okx.isolated_liquidation_price(True, F(1), F(10), F(12), *rates) == 0


def test_hyperliquid() -> None:
    tiers = hyperliquid.tiers_of([(F(0), F(20)), (F(1000), F(10))])
    # Rates 1/40 and 1/20; deduction 1,000 · (1/20 − 1/40) = 25; at 2,000: 100 − 25.
    assert tiers[1] == hyperliquid.Tier(F(1000), F(1, 20), F(25))
    assert hyperliquid.maintenance_margin(tiers, F(2000)) == 75
    # 1 coin long at 100 with equity 12.5: available 12.5 − 2.5 = 10; 100 − 10 ÷ (1 − 1/40).
    price = hyperliquid.liquidation_price(True, F(1), F(100), F(10), F(1, 40))
    assert price == F(100) - F(400, 39)
    assert F("12.5") + price - 100 == price / 40  # Equity there is maintenance there.
    assert hyperliquid.liquidation_price(True, F(1), F(100), F(100), F(1, 40)) is None
    # A winner at 10×: 1.2 · 10; its mirror ranks alike.
    assert hyperliquid.deleveraging_index(True, F(120), F(100), F(1000), F(100)) == 12
    assert hyperliquid.deleveraging_index(False, F(100), F(120), F(1000), F(100)) == 12
    assert hyperliquid.liquidated_size(F(10), F(200_000), cooled_down=False) == 2
    assert hyperliquid.liquidated_size(F(10), F(200_000), cooled_down=True) == 10
    assert hyperliquid.goes_to_backstop(F(66), F(100))
    assert not hyperliquid.goes_to_backstop(F(67), F(100))


def test_bitmex() -> None:
    # Long 100 → 120, bankrupt at 90: +20 %, leverage 120 ÷ 30 = 4.
    assert bitmex.deleveraging_rank(True, False, F(100), F(120), F(90)) == (F("0.2"), 4, F("0.8"))
    # Long 100 → 95: −5 % ÷ (95 ÷ 5).
    assert bitmex.deleveraging_rank(True, False, F(100), F(95), F(90)).score == F("-0.05") / 19
    # Inverse 100 → 125: 1/100 − 1/125 is 20 % of 1/100; leverage 0.008 ÷ (0.0125 − 0.008).
    rank = bitmex.deleveraging_rank(True, True, F(100), F(125), F(80))
    assert rank[:2] == (F("0.2"), F(16, 9))


def test_paradex_margin_and_orders() -> None:
    # Short 1 with 3 bid and 2 offered: long 2 or short 3; 3 · 2 % · 90,000, then fee and loss.
    margin = paradex.initial_margin(F(-1), F(3), F(2), F("0.02"), F(90000), F(10), F(5))
    assert margin == (2, 3, 5400, 5415)
    assert paradex.maintenance_margin(F(1800), F(9)) == 909
    buy, sell = True, False
    orders = [
        paradex.Order(buy, F(2), F(1900)),
        paradex.Order(sell, F(5), F(2150)),
        paradex.Order(sell, F(3), F(2100)),
        paradex.Order(sell, F(3), F(2200)),
    ]
    assert paradex.orders_kept(F(10), orders) == orders[1:3]  # 11 > 10: 2,200 is the most passive.
    assert paradex.orders_kept(F(-1), orders) == []  # The bid for 2 is larger than the short of 1.
    assert paradex.orders_kept(F(0), orders) == []


def test_paradex_liquidation_funding_and_loss() -> None:
    # 20 %: 80 of 100 left, penalty 10 of 90: 80 ÷ 80. 40 %: 60 ÷ 70 < 0.9.
    assert paradex.partial_liquidation(F(90), F(100), F("0.2"), F("0.5")).margin_ratio == 1
    chosen = paradex.smallest_liquidation(F(90), F(100), F("0.5"))
    assert (chosen.share, chosen.margin_ratio) == (F("0.4"), F(6, 7))
    assert paradex.smallest_liquidation(F(1), F(100), F("0.5")).margin_ratio is None
    # 0.08 % + clamp(0.01 % − 0.08 %) = 0.03 % of 60,000 = 18 in eight hours; a minute of it.
    paid = paradex.funding(F("0.5"), F(60000), F("0.0008"), F(60))
    assert paid == (F("0.0003"), 18, F("0.0375"), F("-0.01875"))
    assert paradex.funding(F(1), F(1), F("0.5"), F(1), max_rate=F("0.02")).rate == F("0.02")
    # 2,000 owed, 1,000 in the fund: 1,000 ÷ (4,000 + 1,000) of a withdrawal of 500 stays.
    assert paradex.shared_loss(F(2000), F(1000), F(4000), F(500)) == (1000, F("0.2"), 100, 400)
    assert paradex.shared_loss(F(500), F(1000), F(4000), F(500)) == (0, 0, 0, 500)


@pytest.mark.parametrize("long", [True, False])
def test_linear_rules_agree_across_venues(long: bool) -> None:
    # With no fee, no deduction and rate × entry against rate × LP set aside (rate 0), one rule.
    size, entry, leverage = F(3), F(70), F(7)
    margin = size * entry / leverage
    signed = size if long else -size
    leg = binance.Leg(signed, entry, entry, F(0), F(0))
    expected = entry - entry / leverage if long else entry + entry / leverage
    assert binance.liquidation_price(margin, [leg]) == expected
    assert bybit.linear_liquidation_price(long, size, entry, leverage, F(0)) == expected
    assert okx.isolated_liquidation_price(long, size, entry, margin, F(0), F(0)) == expected
    assert hyperliquid.liquidation_price(long, size, entry, margin, F(0)) == expected
