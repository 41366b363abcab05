"""Portfolio and standard margin with the arithmetic shown, and the laws that they keep."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, okx, sixteen
from seawall.margin.deribit import (
    CurrencyParameters,
    PairParameters,
    Position,
    SegregatedPortfolio,
    load_model_params,
)
from seawall.margin.deribit.cells import shocked_volatilities
from seawall.margin.grids import GRIDS, minimum_delta
from seawall.margin.listed.venues import VENUES
from seawall.market import Kind
from seawall.pricing import RiskTable, black_price
from seawall.pricing.table import Quotes

BLOCK = {
    "general": {"mm_factor": 0.8, "buckets_count": 4, "vol_scenarios_count": 3, "timestamp": 1},
    "currency": {
        "btc": {
            "min_annualised_move": 0.01,
            "annualised_move_risk": 0.075,
            "pnl_offset": 0.5,
            "max_offsetable_pnl": 10_000,
            "extended_dampener": 0,
            "haircut": 0,
            "correlation_set": False,
            "equity_side_impact": "both",
        }
    },
    "currency_pair": {
        "btc_usd": {
            "price_range": 0.16,
            "volatility_range_up": 0.5,
            "volatility_range_down": 0.25,
            "short_term_vega_power": 0.3,
            "long_term_vega_power": 0.13,
            "min_volatility_for_shock_up": 0.5,
            "extended_table_factor": 1,
            "delta_total_liq_shock_threshold": 1_000_000,
            "m_inc": 0.001,
            "max_delta_shock": 0.1,
        }
    },
}
BTC = SegregatedPortfolio.of(load_model_params(BLOCK), "btc_usd", "btc")


def test_a_short_perpetual_worked_by_hand() -> None:
    """10 BTC short at 50,000: +16 % costs 10 · 0.16 ÷ 1.16; basis 10 · 1 %; delta below 20 BTC."""
    found = BTC.margin([Position("BTC-PERPETUAL", -10.0)], 50_000.0)
    assert found.worst_case == pytest.approx(1.6 / 1.16, rel=1e-15)
    assert found.worst_cell[:4] == ("standard", 9, "right", 25)
    assert found.roll_shock == 0.1
    assert found.delta_shock == 0.0
    assert found.risk_matrix_margin == round(1.6 / 1.16, 9) + 0.1
    assert found.maintenance_margin == 0.8 * found.initial_margin


def test_every_extended_cell_of_a_future_is_the_edge_of_the_standard_table() -> None:
    cells = BTC.margin([Position("BTC-PERPETUAL", -10.0)], 50_000.0).cells
    np.testing.assert_allclose(cells.extended[0, :2], 1.6 / 0.84, rtol=1e-14)
    np.testing.assert_allclose(cells.extended[0, 2:], -1.6 / 1.16, rtol=1e-14)


def test_gains_count_by_half_and_up_to_the_cap() -> None:
    """At −4 % 10 BTC short gain 0.41667, half counts; at −16 % half is 0.95, the cap 10,000 ÷
    42,000."""
    found = BTC.margin([Position("BTC-PERPETUAL", -10.0)], 50_000.0).aggregated_standard[:, 0]
    assert found[3] == pytest.approx(10 * 0.04 / 0.96 / 2, rel=1e-14)
    assert found[0] == pytest.approx(10_000 / 42_000, rel=1e-14)


def test_the_dampener_takes_from_extended_cells_by_the_ranges_beyond_the_first() -> None:
    """At +50 % (2.125 ranges further) 1,000 dollars each are 2,125 ÷ (1.16 · 50,000) coins."""
    damp = msgspec.structs.replace(BTC.currency, extended_dampener=1_000.0)
    found = msgspec.structs.replace(BTC, currency=damp).margin(
        [Position("BTC-PERPETUAL", -10.0)], 50_000.0
    )
    assert found.aggregated_extended[2] == pytest.approx(-1.6 / 1.16 + 2_125 / 58_000, rel=1e-13)
    assert found.aggregated_standard[8, 0] == pytest.approx(-1.6 / 1.16, rel=1e-14)


def test_a_dated_future_pays_for_its_basis_and_a_large_delta_for_its_size() -> None:
    """Half a year: e^(0.0375) − 1 = 3.8212 %. 50 BTC: 30 above the 20 of the threshold, 3 %."""
    found = BTC.margin([Position("BTC-FUTURE", 50.0, years=0.5)], 50_000.0)
    assert found.roll_shock == pytest.approx(50 * np.expm1(0.0375), rel=1e-13)
    assert found.delta_shock == pytest.approx(50 * 0.03, rel=1e-13)
    large = BTC.margin([Position("BTC-FUTURE", -500.0, years=0.5)], 50_000.0)
    assert large.delta_shock == pytest.approx(500 * 0.1, rel=1e-13)


def test_bought_options_reduce_the_shocked_delta_but_never_turn_it() -> None:
    deep = Position("P", 100.0, 0.1, 50_000.0, 1e9, 0.5, is_call=False)  # Delta −1 each.
    future = Position("BTC-PERPETUAL", 50.0)
    assert BTC.margin([future, deep], 50_000.0).delta_shock == 0.0
    assert BTC.margin([deep], 50_000.0).delta_shock == 0.0


def test_an_option_is_repriced_on_the_moved_forward_with_the_shocked_volatility() -> None:
    held = Position("C", -2.0, 15 / 365, 50_000.0, 52_000.0, 0.6)
    factor = 2.0**0.3
    shocked = shocked_volatilities(held, BTC.pair)
    np.testing.assert_allclose(
        shocked, [0.6 * (1 - 0.25 * factor), 0.6, 0.6 * (1 + 0.5 * factor)], rtol=1e-14
    )
    found = BTC.margin([held], 50_000.0)
    after = black_price(58_000.0, 52_000.0, float(shocked[2]), 15 / 365) / 58_000.0
    before = black_price(50_000.0, 52_000.0, 0.6, 15 / 365) / 50_000.0
    assert found.cells.standard[0, 8, 2] == pytest.approx(-2 * (after - before), rel=1e-13)
    assert found.worst_cell.volatility == "up"
    assert found.worst_cell.side == "right"


def test_nothing_held_owes_nothing() -> None:
    found = BTC.margin([], 50_000.0)
    assert found.initial_margin == found.maintenance_margin == 0.0


def test_a_block_that_is_wrong_is_refused_by_its_key() -> None:
    with pytest.raises(ValueError, match="price_range"):
        load_model_params(
            BLOCK | {"currency_pair": {"btc_usd": {**BLOCK["currency_pair"]["btc_usd"]} | {
                "price_range": 1.0}}}
        )  # fmt: skip
    with pytest.raises(ValueError, match="currency_pair"):
        load_model_params({"currency": {}})
    with pytest.raises(ValueError, match="eth_usd"):
        SegregatedPortfolio.of(load_model_params(BLOCK), "eth_usd", "btc")


PLAIN = SegregatedPortfolio(
    pair=PairParameters(price_range=0.16, volatility_range_up=0.5, volatility_range_down=0.25),
    currency=CurrencyParameters(annualised_move_risk=0.075, min_annualised_move=0.01),
)
POSITIONS = st.lists(
    st.builds(
        Position,
        name=st.just("P"),
        quantity=st.floats(-100, 100),
        years=st.sampled_from([0.02, 0.1, 1.0]),
        forward=st.just(50_000.0),
        strike=st.sampled_from([0.0, 30_000.0, 50_000.0, 70_000.0]),
        volatility=st.floats(0.2, 2.0),
        is_call=st.booleans(),
    ),
    max_size=4,
)


@settings(max_examples=50)
@given(POSITIONS, POSITIONS)
def test_two_books_together_never_owe_more_than_apart(first, second) -> None:
    together = PLAIN.margin([*first, *second], 50_000.0).initial_margin
    apart = sum(PLAIN.margin(book, 50_000.0).initial_margin for book in (first, second))
    assert together <= apart + 2e-9  # Two worst cells rounded to nine decimals.


def one_row(kind: Kind, mark: float, strike: float, is_call: bool, size: float) -> RiskTable:
    """One asset on BTC at 20,250 dollars; a lot is one coin, or one cent of it."""
    value = np.array([np.rint(mark * size * 1e10)])
    nothing = np.zeros(1)
    price = np.array([20_250e10])
    return RiskTable(
        value=value,
        collateral=value,
        change=np.zeros((1, 32)),
        bound=np.abs(value),
        notional=np.rint(price * size),
        delta=nothing,
        coin=np.zeros(1, np.int32),
        kind=np.array([kind], np.int8),
        expires_ms=np.zeros(1, np.int64),
        strike=np.array([strike * 1e10]),
        is_call=np.array([is_call], np.int8),
        scenarios=0,
        coins=("BTC",),
        quotes=Quotes(np.array([size]), price, nothing, nothing, nothing, nothing, price),
    )


def test_bybits_short_put_by_the_method_itself() -> None:
    """3 % of 20,250 is 607.50, plus mark 290, plus 0.2 % to close is 40.50: 938. Initial: 15 % less
    1,750 out of the money is below 10 % = 2,025, plus the mark: 2,315."""
    table = ExactTable(one_row(Kind.OPTION, 290.0, 18_500.0, False, 0.01))
    found = VENUES["bybit"].method.requirement_exact([(0, -100)], table)
    assert found.maintenance == 938 * 10**10
    assert found.initial == 2_315 * 10**10
    assert found.equity == -290 * 10**10
    assert found.margin_equity == 0  # The mark is part of the requirement.


def test_paradex_leaves_the_mark_in_equity_and_caps_a_put_by_its_strike() -> None:
    """Short put 3,000: 10 % of 20,250 is 2,025, above half of the strike = 1,500."""
    table = ExactTable(one_row(Kind.OPTION, 20.0, 3_000.0, False, 1.0))
    found = VENUES["paradex"].method.requirement_exact([(0, -1)], table)
    assert found.initial == 1_500 * 10**10
    assert found.maintenance == Decimal("1012.5") * 10**10  # 5 % of 20,250.
    assert found.margin_equity == -20 * 10**10
    long = VENUES["paradex"].method.requirement_exact([(0, 1)], table)
    assert (long.initial, long.maintenance) == (20 * 10**10, 10 * 10**10)


def test_deribits_futures_pay_a_slope() -> None:
    """350 BTC: 2 % + 350 · 0.005 % = 3.75 % of 7,087,500 dollars."""
    table = ExactTable(one_row(Kind.LINEAR, 20_250.0, 0.0, False, 1.0))
    found = VENUES["deribit"].method.requirement_exact([(0, 350)], table)
    assert found.initial == Decimal("265781.25") * 10**10
    assert found.maintenance == Decimal("194906.25") * 10**10


def test_okx_counts_half_of_the_extreme_and_the_basis_on_top() -> None:
    """1,000 dollars short: 12 % = 120, half of 24 % = 120, basis 0.2 % = 2; initial 1.3 times."""
    unit = okx.risk_unit(okx.linear_profit(-1_000.0), -1_000.0, okx.RiskUnitParameters())
    assert (unit.spot_shock, unit.spot_move) == (120.0, 0.12)
    assert (unit.extreme, unit.extreme_move) == (120.0, 0.24)
    assert unit.maintenance == pytest.approx(122.0)
    assert unit.initial == pytest.approx(158.6)
    hedged = okx.risk_unit(okx.linear_profit(0.0), 1_000.0, okx.RiskUnitParameters())
    assert hedged.maintenance == pytest.approx(4.5)  # MR7 binds.
    assert okx.account([unit], 50.0)[:2] == (1.0, 5.0)


def test_sixteen_scenarios_of_a_future_lose_its_range_and_extremes_count_a_share() -> None:
    array = sixteen.Sixteen().future_array(9_000.0)
    assert array[[2, 4, 6, 10, 12]].tolist() == pytest.approx([3e3, -3e3, 6e3, 9e3, -9e3])
    assert array[14] == pytest.approx(2 * 0.35 * 9_000)
    assert sixteen.scan_risk(array) == (9_000.0, 12)
    assert sixteen.price_risk(array, 12) == pytest.approx(9_000.0)


def test_sixteen_scenarios_of_an_option_are_its_repricing_after_a_day() -> None:
    option = sixteen.Option(100.0, 105.0, 0.4, 30 / 365, True, 50.0)
    array = sixteen.Sixteen().option_array(option, 9.0, 0.1)
    later = black_price(94.0, 105.0, 0.3, 29 / 365) - black_price(100.0, 105.0, 0.4, 30 / 365)
    assert array[9] == pytest.approx(50 * float(later), rel=1e-12)
    with pytest.raises(ValueError, match="price_range"):
        sixteen.Sixteen().option_array(option, 60.0, 0.1)


def test_spreads_are_charged_and_credited_in_turn() -> None:
    """Tier 0 long 5 against tier 1 short 3 forms three, then two are left for tier 2."""
    spreads = [sixteen.Spread(0, 1, 100.0), sixteen.Spread(0, 2, 150.0)]
    assert sixteen.calendar_charge([5, 0, 0], [0, 3, 4], spreads) == 3 * 100 + 2 * 150
    # Two spreads of (1, 2) deltas; price risk per delta 50 and 30; half of it is credited.
    credit = sixteen.commodity_credit([2.0, 8.0], [100.0, 240.0], [1.0, 2.0], [0.5, 0.5])
    assert credit == 2 * 1 * 50 * 0.5 + 2 * 2 * 30 * 0.5
    assert sixteen.commodity_credit([2.0, -8.0], [100.0, 240.0], [1.0, 2.0], [0.5, 0.5]) == 0.0


def test_the_requirement_of_sixteen_scenarios() -> None:
    """700 scan + 60 calendar − 110 credit = 650; value of the options sold −200 is owed too."""
    found = sixteen.requirement(700.0, 60.0, 0.0, 110.0, 400.0, -200.0)
    assert (found.risk, found.maintenance) == (650.0, 850.0)
    assert sixteen.requirement(10.0, minimum=sixteen.short_option_minimum(3, 5, 30.0)).risk == 240.0
    assert sixteen.short_option_minimum(3, 5, 30.0, gross=False) == 150.0
    capped = sixteen.requirement(700.0, net_option_value=90.0, only_long_options=True)
    assert (capped.risk, capped.maintenance) == (90.0, 0.0)
    assert sixteen.composite_delta([0.2, 0.6], [1.0, 3.0]) == pytest.approx(0.5)


@pytest.mark.parametrize("name", GRIDS)
def test_a_preset_scan_has_a_grid_with_a_source(name: str) -> None:
    preset = GRIDS[name]
    cells = preset.method.grid().scenarios
    assert len(cells) == {"paradex_pm": 24, "aevo_pm": 15, "bit_pm": 33, "grvt": 29}.get(name, 10)
    assert preset.as_of
    assert preset.source


def test_paradex_asks_for_a_least_delta() -> None:
    """Long 10, short 4 at 100: 2 % of 6 net and 1 % of 4 hedged are 12 + 4 dollars."""
    assert minimum_delta(Fraction(10), Fraction(4), Fraction(100)) == 16
