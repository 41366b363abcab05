"""Grids that say more than moves and one shock, against arithmetic and two other methods."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from seawall.margin.deribit.cells import Position, _columns, _gains
from seawall.margin.derive.market import Expiry, Market, Option, columns
from seawall.margin.derive.presets import PORTFOLIO_TWO_MAINNET
from seawall.margin.derive.valuation import skew_multipliers
from seawall.market import (
    Catalogue,
    Kind,
    Snapshot,
    VolatilitySlice,
    buyer_cash,
    notional,
    read_instrument,
    settlement_value,
)
from seawall.money import Asset, Rounding
from seawall.pricing import Grid, PricingError, RiskTable, Scenario, black_price, risk_table
from seawall.pricing.table import ABSOLUTE, LINEAR, Tilt

ONE = 10**9
DOLLAR = 10**10
DAY_MS = 86_400_000
EXPIRY = 1_723_190_400_000  # 2024-08-09 08:00 UTC.
NOW = EXPIRY - 10 * DAY_MS
USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8))
TABLES: tuple[dict[str, Any], ...] = (
    {"id": "BTC/USDC:USDC", "lot": "0.01", "tick": "0.1"},
    {"id": "BTC/USD:BTC", "face": "100", "tick": "0.1"},
    {"id": "BTC/USD:BTC-240809-60000-C", "lot": "0.1", "tick": "0.0001", "premium": "paid"},
    {"id": "BTC/USD:BTC-240809-60000-P", "lot": "0.1", "tick": "0.0001", "premium": "margined"},
    {"id": "BTC/USDC:USDC-240809-66000-C", "lot": "0.1", "tick": "0.01", "premium": "paid"},
    {"id": "BTC/USDC:USDC-240809-50000-P", "lot": "0.1", "tick": "0.01", "premium": "paid"},
)
CATALOGUE = Catalogue.empty(USD, COINS).listed(read_instrument(t, USD, COINS) for t in TABLES)
CALL, PUT = (CATALOGUE.instrument(f"BTC-9AUG24-60000-{right}") for right in "CP")
SIGMA = 0.6
# Total variance 0.36 · 0.25 where a quarter of a year was left; forward 2 % above the index.
FLAT = VolatilitySlice(1, EXPIRY, 1_020_000_000, ONE, 90_000_000, 0, 0, 0, 1, years=250_000_000)
INDEX = 60_000
FORWARD = INDEX * 1.02
YEARS = 10 / 365
PRICES = (DOLLAR, INDEX * DOLLAR)
CELLS = (
    Scenario(-2 * 10**8, 0, ONE),
    Scenario(0, 0, ONE),
    Scenario(25 * 10**7, ONE // 2, ONE // 2),
)


def snapshot(**marks: int) -> Snapshot:
    seen = [0] * len(CATALOGUE.instruments)
    for name, mark in marks.items():
        seen[{"call": CALL, "put": PUT}[name]] = mark
    return Snapshot(1, NOW, PRICES, tuple(seen), (FLAT,))


def table(grid: Grid, shown: Snapshot | None = None) -> RiskTable:
    return risk_table(CATALOGUE, shown or snapshot(), grid, (0, 0))


def row(name: str) -> int:
    return CATALOGUE.lot_asset[CATALOGUE.instrument(name)]


def black(forward: float, strike: float, sigma: float, is_call: bool) -> float:
    return float(black_price(forward, strike, sigma, YEARS, 1.0, is_call))


def test_in_the_settlement_measure_coins_stand_still_and_faces_move() -> None:
    seen = table(Grid(scenarios=CELLS, measure="settlement", coins_inside=True)).change[:, :3]
    for asset in CATALOGUE.assets:
        if asset.kind in (Kind.CURRENCY, Kind.QUOTE):
            assert not seen[CATALOGUE.names.index(asset.id)].any()
    # 0.01 BTC at 60,000 is 600 dollars: −20 %, and +25 % counted by half.
    assert seen[row("BTC/USDC:USDC")].tolist() == [-120 * DOLLAR, 0, 75 * DOLLAR]
    # −100 dollars of face at m = −0.2: −100 · (1 ÷ 0.8 − 1) = −25; at +0.25: +20, half of it 10.
    assert seen[row("BTC/USD:BTC")].tolist() == [-25 * DOLLAR, 0, 10 * DOLLAR]


def test_a_hedged_coin_book_is_flat_in_the_measure_of_the_dollar_and_not_in_coins() -> None:
    """100 dollars of face, bought at the index for 1 ÷ 600 BTC."""
    lots, quote = row("BTC/USD:BTC"), CATALOGUE.cash_asset[CATALOGUE.instrument("BTC-PERPETUAL")]
    coins = buyer_cash(CATALOGUE, CATALOGUE.instrument("BTC-PERPETUAL"), 1, PRICES[1])
    dollars, in_coin = (table(Grid(scenarios=CELLS, measure=m)).change for m in MEASURES)
    # 166,667 satoshi at 6,000,000 atoms each lose a fifth: 20 dollars; in coins at the price of
    # now 25 dollars, because each coin that is left buys less face.
    assert dollars[lots, 0] + coins * dollars[quote, 0] == -166_667 * 1_200_000
    assert in_coin[lots, 0] + coins * in_coin[quote, 0] == -25 * DOLLAR


MEASURES: tuple[Any, ...] = ("numeraire", "settlement")


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("name", "is_call"), [("C", True), ("P", False)])
def test_a_coin_settled_option_by_hand(measure: str, name: str, is_call: bool) -> None:
    seen = table(Grid(scenarios=CELLS, measure=measure))  # type: ignore[arg-type]
    option = row(f"BTC-9AUG24-60000-{name}")
    in_coin = black(FORWARD, 60_000, SIGMA, is_call) / FORWARD
    mark = round(in_coin / 0.0001) * 0.0001
    # 0.1 BTC · mark in coins · 60,000.
    assert seen.value[option] == round(mark * 10**4) * 6_000 * DOLLAR // 10**4
    assert seen.notional[option] == 6_000 * DOLLAR
    factor = round((30 / 10) ** 0.3 * ONE) / ONE
    for place, (move, sigma, weight) in enumerate(
        ((-0.2, SIGMA, 1.0), (0.0, SIGMA, 1.0), (0.25, SIGMA * (1 + 0.5 * factor), 0.5))
    ):
        moved = FORWARD * (1 + move)
        after = max(black(moved, 60_000, sigma, is_call) / moved + mark - in_coin, 0.0)
        index = INDEX * (1 + move if measure == "numeraire" else 1.0)
        expected = 0.1 * (after * index - mark * INDEX) * weight * DOLLAR
        assert seen.change[option, place] == pytest.approx(expected, rel=1e-9, abs=1.0)
    assert seen.change[option, 1] == 0.0


def test_the_delta_of_a_coin_settled_option_is_a_difference() -> None:
    up, down = (
        risk_table(CATALOGUE, Snapshot(1, NOW, (DOLLAR, (INDEX + step) * DOLLAR),
                                       snapshot().mark, (FLAT,)), Grid(), (0, 0))
        for step in (1, -1)
    )  # fmt: skip
    assert up.quotes.forward[row("BTC-9AUG24-60000-C")] == pytest.approx(61_201.02 * DOLLAR)
    slope = (
        black(1.02 * (INDEX + 1), 60_000, SIGMA, True)
        - black(1.02 * (INDEX - 1), 60_000, SIGMA, True)
    ) / 2.04
    # Its dollars are index · B(F) ÷ F = B(F) ÷ 1.02: a dollar of index moves them by Black's delta.
    delta = table(Grid()).delta[row("BTC-9AUG24-60000-C")]
    assert delta == pytest.approx(0.1 * slope * DOLLAR, rel=1e-6)
    assert down.delta[row("BTC-9AUG24-60000-C")] < delta < up.delta[row("BTC-9AUG24-60000-C")]


def test_a_given_mark_in_coins_keeps_its_gap_and_never_falls_below_nothing() -> None:
    grid = Grid(scenarios=(Scenario(-6 * 10**8, 0, ONE), Scenario(10**8, 0, ONE)),
                measure="settlement")  # fmt: skip
    # 0.0325 BTC · 0.1 · 60,000 = 195 dollars.
    seen, option = table(grid, snapshot(call=325_000_000)), row("BTC-9AUG24-60000-C")
    assert seen.value[option] == 195 * DOLLAR
    assert seen.change[option, 0] == -195 * DOLLAR  # Worth less than the gap below the model.
    rise = black(1.1 * FORWARD, 60_000, SIGMA, True) / (1.1 * FORWARD)
    rise -= black(FORWARD, 60_000, SIGMA, True) / FORWARD
    assert seen.change[option, 1] == pytest.approx(rise * 6_000 * DOLLAR, rel=1e-9)


def test_what_a_coin_settled_option_costs_and_pays_at_its_expiry() -> None:
    # 3 lots of 0.1 BTC at 0.0325 BTC are 0.00975 BTC.
    assert buyer_cash(CATALOGUE, CALL, 3, 325_000_000) == -975_000
    assert buyer_cash(CATALOGUE, PUT, -3, 325_000_000) == 975_000
    assert notional(CATALOGUE, snapshot(), CALL, -3) == 3 * 6_000 * DOLLAR
    # (70,000 − 60,000) ÷ 70,000 · 0.1 BTC = 1,428,571.43 satoshi, a short rounds against itself.
    assert settlement_value(CATALOGUE, CALL, 1, 70_000 * DOLLAR) == 1_428_571
    assert settlement_value(CATALOGUE, CALL, -1, 70_000 * DOLLAR) == -1_428_572
    assert settlement_value(CATALOGUE, CALL, 1, 70_000 * DOLLAR, Rounding.UP) == 1_428_572
    assert settlement_value(CATALOGUE, PUT, 1, 70_000 * DOLLAR) == 0
    # (60,000 − 48,000) ÷ 48,000 = a quarter of a coin: 0.025 BTC a lot.
    assert settlement_value(CATALOGUE, PUT, -4, 48_000 * DOLLAR) == -10_000_000


def test_at_its_expiry_a_coin_settled_option_is_priced_at_what_it_pays() -> None:
    over = Snapshot(1, EXPIRY, (DOLLAR, 75_000 * DOLLAR), snapshot().mark)
    # (75,000 − 60,000) ÷ 75,000 = 0.2 coins · 0.1 · 75,000 = 1,500 dollars.
    seen = table(Grid(), over)
    assert seen.value[row("BTC-9AUG24-60000-C")] == 1_500 * DOLLAR
    assert seen.value[row("BTC-9AUG24-60000-P")] == 0


def test_a_coin_book_gains_what_deribits_cells_say() -> None:
    """Marks with a tick of 10^-10 coins: what is left is rounding of 5e-11 of 0.1 coin."""
    fine = [{**t, "tick": "0.0000000001"} if "-C" in t["id"] or "-P" in t["id"] else t
            for t in TABLES]  # fmt: skip
    venue = Catalogue.empty(USD, COINS).listed(read_instrument(t, USD, COINS) for t in fine)
    cells = tuple(Scenario(move * 10**7, 0, ONE) for move in (-40, -16, -3, 2, 15, 80))
    grid = Grid(scenarios=cells, measure="settlement")
    seen = risk_table(venue, snapshot(), grid, (0, 0))
    moves = np.array([cell.move / ONE for cell in cells])
    for name, is_call in (("C", True), ("P", False)):
        held = Position(name, 1.0, YEARS, FORWARD, 60_000.0, SIGMA, is_call)
        columns = _columns([held])
        coins = _gains(columns, moves[:, None], columns.volatility[:, None, None], inverse=True)
        expected = coins[0, :, 0] * 0.1 * INDEX * DOLLAR
        asset = venue.lot_asset[venue.instrument(f"BTC-9AUG24-60000-{name}")]
        got = seen.change[asset, : len(cells)]
        assert np.abs(got - expected).max() <= 1e-9 * 6_000 * DOLLAR
        assert got == pytest.approx(expected, rel=1e-6, abs=6_000)


def test_a_floor_that_only_lifts_rises_lets_a_fall_reach_zero() -> None:
    cells = (Scenario(0, -ONE // 10, ONE), Scenario(0, 10**7, ONE), Scenario(0, -ONE, ONE))
    option, strike = row("BTC/USDC:USDC-240809-66000-C"), 66_000
    found = [
        table(
            Grid(
                scenarios=cells, volatility_rule="additive", power_short=0,
                volatility_floor=9 * 10**8, floor_stops_falls=stops,
            )
        )
        for stops in (True, False)
    ]  # fmt: skip
    # −10 points of 60: 50 without the stop, 60 with it; +1 point is lifted to 90; −100 is zero.
    for seen, volatilities in zip(found, ((0.6, 0.9, 0.6), (0.5, 0.9, 0.0)), strict=True):
        for place, sigma in enumerate(volatilities):
            change = black(FORWARD, strike, sigma, True) - black(FORWARD, strike, SIGMA, True)
            worth = max(0.1 * change * DOLLAR, -seen.value[option])
            assert abs(seen.change[option, place] - worth) <= 3


def test_each_coin_has_its_own_volatility_history() -> None:
    cells = (Scenario(0, 7 * 10**8, ONE), Scenario(0, 0, ONE))
    shifted = Grid(scenarios=cells, volatility_history=(("BTC", (-(10**8), 2 * 10**8)),))
    plain = Grid(scenarios=(Scenario(0, -(10**8), ONE), Scenario(0, 2 * 10**8, ONE)))
    assert table(shifted).change[:, :2].tobytes() == table(plain).change[:, :2].tobytes()
    other = Grid(scenarios=cells, volatility_history=(("ETH", (1, 2)),))
    assert (table(other).change == table(Grid(scenarios=cells)).change).all()
    short = Grid(scenarios=cells, volatility_history=(("BTC", (1,)),))
    with pytest.raises(PricingError, match="BTC has 1 volatility shocks for 2 scenarios"):
        table(short)


TILT = Tilt(
    width_floor=5 * 10**7, width=2 * ONE, volatility=4 * 10**8, volatility_time=10**8,
    linear_cap=3 * 10**8, linear_cap_time=10**8, absolute_cap=2 * 10**8, absolute_cap_time=10**8,
)  # fmt: skip


def test_a_tilted_smile_is_what_derive_makes_of_it() -> None:
    cells = tuple(Scenario(move * 10**7, 9 * 10**8, ONE, kind)
                  for move in (-15, 0, 15) for kind in (LINEAR, ABSOLUTE))  # fmt: skip
    seen = table(Grid(scenarios=cells, tilt=TILT, volatility_floor=2 * ONE))
    root = math.sqrt(YEARS)
    # √(10 ÷ 365) = 0.1655: full = max(0.05, 0.1655 · 2 · (0.4 + 0.1 · 0.1655)) = 0.13790.
    full = max(0.05, root * 2 * (0.4 + 0.1 * root))
    assert full == pytest.approx(0.13790, abs=1e-5)
    for name, strike, is_call in (
        ("BTC/USDC:USDC-240809-66000-C", 66_000, True),
        ("BTC/USDC:USDC-240809-50000-P", 50_000, False),
    ):
        k = math.log(strike / FORWARD)
        assert abs(k) < 0.21
        wanted = {LINEAR: (k, 0.3 + 0.1 * root), ABSOLUTE: (abs(k), 0.2 + 0.1 * root)}
        for place, cell in enumerate(cells):
            x, cap = wanted[cell.tilt]
            tilt = max(-cap, min(cap, x * cap / full))
            sigma = SIGMA * max(0.0, 1 + tilt)  # Neither the shock nor the floor comes on top.
            moved = FORWARD * (1 + cell.move / ONE)
            change = black(moved, strike, sigma, is_call) - black(FORWARD, strike, SIGMA, is_call)
            floor = -seen.value[row(name)]
            assert seen.change[row(name), place] == pytest.approx(
                max(0.1 * change * DOLLAR, floor), rel=1e-9, abs=3.0
            )


def test_a_tilt_is_derives_skew_to_nine_digits() -> None:
    strikes = [30_000 + 2_500 * step for step in range(30)]
    listed = [{"id": f"BTC/USDC:USDC-240809-{strike}-C", "lot": "1", "tick": "0.0000000001"}
              for strike in strikes]  # fmt: skip
    venue = Catalogue.empty(USD, COINS).listed(read_instrument(t, USD, COINS) for t in listed)
    cells = (Scenario(0, 0, ONE, LINEAR), Scenario(0, 0, ONE, ABSOLUTE))
    shown = Snapshot(1, NOW, PRICES, (0,) * len(strikes), (FLAT,))
    for changes in ({}, {"linear_cap": "0.2", "linear_cap_time": "-0.3", "absolute_cap": "0.5"}):
        method = replace(PORTFOLIO_TWO_MAINNET, **{k: Decimal(v) for k, v in changes.items()})
        parts = (
            method.skew_width_floor, method.skew_width, method.skew_volatility,
            method.skew_volatility_time, method.linear_cap, method.linear_cap_time,
            method.absolute_cap, method.absolute_cap_time,
        )  # fmt: skip
        tilt = Tilt(*(int(part * ONE) for part in parts))
        seen = risk_table(venue, shown, Grid(scenarios=cells, tilt=tilt), (0, 0))
        chain = tuple(Option(0, float(strike), True, SIGMA) for strike in strikes)
        expiry = Expiry(seconds=10 * 86_400, forward_variable=FORWARD)
        market = Market(spot=float(INDEX), expiries=(expiry,), options=chain)
        for place in (0, 1):
            turned = SIGMA * skew_multipliers(method, columns(market), absolute=place == 1)
            for number, strike in enumerate(strikes):
                row = venue.lot_asset[venue.instrument(listed[number]["id"])]
                worth = float(seen.value[row] + seen.change[row, place]) / DOLLAR
                assert worth == pytest.approx(
                    black(FORWARD, strike, float(turned[number]), True), rel=1e-9, abs=1e-6
                )


def test_a_tilt_without_its_terms_is_refused() -> None:
    with pytest.raises(PricingError, match="scenario 0 is tilted, but the grid says no tilt"):
        table(Grid(scenarios=(Scenario(0, 0, ONE, LINEAR),)))
    with pytest.raises(PricingError, match="scenario 0 has a tilt of 3"):
        table(Grid(scenarios=(Scenario(0, 0, ONE, 3),), tilt=TILT))
