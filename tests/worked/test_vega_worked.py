"""Vega by hand: the arithmetic stands beside each number."""

from __future__ import annotations

from fractions import Fraction

import pytest

from seawall.protocols.vega import (
    Exposure,
    Levels,
    Market,
    Order,
    Refusal,
    RefusedError,
    cross_levels,
    isolated_levels,
    isolated_order_margin,
    isolated_position_margin,
    liquidation_price,
    maintenance_exact,
)
from seawall.protocols.vega_settlement import (
    Disposal,
    Interest,
    NetworkPosition,
    Settled,
    disposal_size,
    funding_payment,
    funding_rate,
    network_takes_over,
    socialise_loss,
    time_weighted,
)

F = Fraction
MARKET = Market(risk_long=F("0.1"), risk_short=F("0.2"), slippage=F("0.25"))


def test_cross_levels_round_the_maintenance_up_and_the_rest_down() -> None:
    # Long 3 at 101: 303 · (0.25 + 0.1) = 106.05 → 107; 117.7, 128.4 and 149.8 are cut.
    assert cross_levels(MARKET, Exposure(F(3)), F(101)) == Levels(107, 117, 128, 149)
    assert isolated_levels(MARKET, F(3), F(101)) == Levels(107, 0, 128, 0)


def test_the_riskier_side_counts_and_orders_do_not_slip() -> None:
    # Long 10 and 4 more bid: 100 · (10 · 0.25 + 14 · 0.1) = 390; 8 offered: 100 · 8 · 0.2 = 160.
    held = Exposure(F(10), buys=F(4), sells=F(8))
    assert maintenance_exact(MARKET, held, F(100)) == 390
    # As the specification writes it: 100 · 14 · 0.35 = 490.
    assert maintenance_exact(MARKET, held, F(100), slippage_on_orders=True) == 490
    assert maintenance_exact(MARKET, Exposure(F(0), sells=F(30)), F(100)) == 600


def test_accrued_funding_is_margined_only_where_it_is_owed() -> None:
    half = MARKET._replace(funding_share=F("0.5"))
    # Long 2 at 100: 70; half of 2 · 3 on top.
    assert maintenance_exact(half, Exposure(F(2)), F(100), funding=F(3)) == 73
    assert maintenance_exact(half, Exposure(F(2)), F(100), funding=F(-3)) == 70


def test_orders_that_reduce_need_no_margin() -> None:
    orders = [
        Order(False, F(40), F(2)),
        Order(False, F(20), F(1)),
        Order(True, F(15), F(3)),
    ]
    # Flat: sells 20 + 80 = 100, buys 45; the larger side, a half of it.
    assert isolated_order_margin(orders, F(0), F("0.5")) == 50
    # Long 2: the sell at 20 and one of those at 40 reduce; 40 is left, and 45 bid.
    assert isolated_order_margin(orders, F(2), F("0.5")) == 22
    assert isolated_order_margin(orders[:2], F(2), F("0.5")) == 20
    assert isolated_position_margin(F(101), F(-3), F("0.5")) == 151  # 151.5.


def test_liquidation_price() -> None:
    # Long 10 at 100 with 500: (500 − 1,000) / (10 · 0.35 − 10) = 500 / 6.5; there, what is left is
    # 500 − 10 · (100 − 76.92) = 269.2 = 10 · 76.92 · 0.35.
    assert liquidation_price(MARKET, F(10), F(500), F(100)) == F(1000, 13)
    # Short 10 with 1,000: (1,000 + 1,000) / (10 · 0.45 + 10) = 137.93.
    assert liquidation_price(MARKET, F(-10), F(1000), F(100)) == F(4000, 29)
    with pytest.raises(RefusedError) as refused:
        liquidation_price(Market(F(1), F(1)), F(1), F(5), F(1))
    assert refused.value.reason is Refusal.LIQUIDATION_PRICE_UNDEFINED


def test_funding() -> None:
    # (1 + 5% · 0.002) · 1,600 − 1,590 = 10.16; 1,590 − 1,600 + 10.16 = 0.16.
    interest = Interest(F("0.05"), F("0.002"))
    assert funding_payment(F(1590), F(1600), interest) == F("0.16")
    # Held to 0.5% of 1,600: −10 + 8 = −2.
    assert funding_payment(F(1590), F(1600), interest._replace(upper=F("0.005"))) == -2
    # Scaled before it is bounded: 3 · −1/100 = −3%, not 3 · −0.5%.
    assert funding_rate(F(-1), F(100), F(3), F("-0.02"), F("0.02")) == F("-0.02")


def test_a_price_holds_until_the_next_outside_auctions() -> None:
    points = [(0, F(10)), (60, F(40)), (90, F(70))]
    # 60 s · 10 + 30 s · 40 + 10 s · 70 = 2,500 over 100 s.
    assert time_weighted(points, 0, 100) == 25
    # Without seconds 30 to 70: 300 + 800 + 700 over 60 s.
    assert time_weighted(points, 0, 100, [(30, 70)]) == 30
    assert time_weighted(points, 0, 100, [(0, 100)]) is None
    assert time_weighted(points, 50, 70) == 25  # The first price still holds: 100 + 400 over 20 s.


def test_winners_share_what_could_be_collected() -> None:
    # Owed 100; collected 30 + 10 + 5 of the pool = 45: ⌊33 · 0.45⌋ = 14 twice, 34 · 0.45 = 15.3;
    # 2 are left over.
    paid = socialise_loss([(60, 30), (40, 10)], {"a": 33, "b": 33, "c": 34}, 5)
    assert paid == Settled({"a": 14, "b": 14, "c": 17}, 0)
    # With 70 in the pool everybody is paid, and 10 stay.
    paid = socialise_loss([(60, 30), (40, 10)], {"a": 33, "b": 33, "c": 34}, 70)
    assert paid == Settled({"a": 33, "b": 33, "c": 34}, 10)


def test_the_network_party_realises_what_offsets() -> None:
    held = network_takes_over(NetworkPosition(), F(1), F(100))
    assert held == NetworkPosition(F(1), F(100), F(0), F(0))
    # A short of 2 closes the 1 at 120, which gains 20, and leaves −1 from 120.
    held = network_takes_over(held, F(-2), F(120))
    assert held == NetworkPosition(F(-1), F(120), F(20), F(0))
    held = network_takes_over(held, F(0), F(60))
    assert held == NetworkPosition(F(-1), F(120), F(20), F(60))
    # One more short at 60: entry (120 + 60) / 2 = 90, unrealised −2 · (60 − 90) = 60.
    held = network_takes_over(held, F(-1), F(60))
    assert held == NetworkPosition(F(-2), F(90), F(20), F(60))
    # One of them bought back at 100 loses 10; the other stands at −10.
    held = network_takes_over(held, F(1), F(100))
    assert held == NetworkPosition(F(-1), F(90), F(10), F(-10))
    assert network_takes_over(held, F(1), F(100)) == NetworkPosition(F(0), F(0), F(0), F(0))


def test_the_network_party_unloads_in_steps() -> None:
    rules = Disposal(F("0.1"), full_size=20, book_share=F("0.05"))
    assert disposal_size(-205, rules, 10_000) == 21  # ⌈20.5⌉
    assert disposal_size(205, rules, 399) == 19  # ⌊19.95⌋ of the book
    assert disposal_size(20, rules, 10_000) == 20
