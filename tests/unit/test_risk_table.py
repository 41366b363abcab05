"""The risk table against arithmetic that is shown, and against Black-76 alone."""

import math

import numpy as np
import pytest
from msgspec.structs import replace as changed

from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import (
    Grid,
    PricingError,
    Scenario,
    TooLargeError,
    black_price,
    risk_table,
)

ONE = 10**9
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
NOW = 1_722_816_000_000
EXPIRY = NOW + 10 * DAY_MS
BTC = 606_398_100_000_000  # 60,639.81
CELLS = (Scenario(-160 * 10**6, 0, ONE), Scenario(0, 0, ONE), Scenario(10**8, ONE // 2, ONE // 4))
GRID = Grid(scenarios=CELLS)
FLAT = VolatilitySlice(1, EXPIRY, ONE, ONE, 9_863_014, 0, 0, 0, 1, years=27_397_260)  # 60 %


def venue(mark: int = 0, **terms):
    common = {"base": "BTC", "quote": "USDC", "settle": "USDC", "lot": 1_000_000}
    option = {**common, "type": "option", "tick": 5 * 10**10, "premium": "paid"}
    option |= {"expires_ms": EXPIRY, "strike": 60_000 * 10**10, "right": "call"} | terms
    listed = [
        Instrument(id="PERP", type="perpetual", tick=10**9, **common),
        Instrument(
            id="INV", type="perpetual", base="BTC", quote="USD", settle="BTC", inverse=True,
            lot=100 * 10**10, tick=10**9,
        ),
        Instrument(id="OPT", **option),
    ]  # fmt: skip
    coins = (Asset("USDC", 6), Asset("BTC", 8))
    catalogue = Catalogue.empty(Asset("USD", 10), coins).listed(listed)
    marks = [0] * 3
    marks[catalogue.instrument("PERP")] = mark
    return catalogue, Snapshot(1, NOW, (10**10, BTC), tuple(marks), (FLAT,))


def row(catalogue: Catalogue, name: str) -> int:
    return catalogue.names.index(name)


def test_currencies_and_quotes():
    catalogue, snapshot = venue()
    table = risk_table(catalogue, snapshot, GRID, (0, 123_456_789))
    # USDC: 10^10 price atoms ÷ 10^6; BTC: 606,398,100,000,000 ÷ 10^8.
    assert table.value[:2].tolist() == [10_000, 6_063_981]
    # 6,063,981 · 0.876543211 = 5,315,341.38 …, rounded down.
    assert table.collateral[:2].tolist() == [10_000, 6_063_981 * 876_543_211 // ONE]
    assert not table.change[:2].any()
    quote = row(catalogue, "INV quote")
    assert table.collateral[quote] == table.value[quote] == 6_063_981
    # −16 % of 6,063,981 = −970,236.96; +10 % at a quarter = 151,599.525.
    assert table.change[quote, :3].tolist() == [-970_237, 0, 151_600]
    moving = risk_table(catalogue, snapshot, changed(GRID, coins_inside=True), {"BTC": 0})
    assert moving.change[1, :3].tolist() == [-970_237, 0, 151_600]
    assert not moving.change[0].any()


def test_contracts():
    catalogue, snapshot = venue(mark=600_000_000_000_000)
    table = risk_table(catalogue, snapshot, GRID, (0, 0))
    perpetual, inverse = row(catalogue, "PERP"), row(catalogue, "INV")
    # 0.01 BTC at 60,000 is 600 dollars.
    assert table.value[perpetual] == table.notional[perpetual] == 600 * 10**10
    assert table.change[perpetual, :3].tolist() == [-96 * 10**10, 0, 15 * 10**10]
    assert table.value[inverse] == -100 * 10**10
    assert table.notional[inverse] == 100 * 10**10
    assert not table.change[inverse].any()
    # A mark one per cent above the index makes the same coins worth less dollars of face.
    marks = [0, 0, 0]
    marks[catalogue.instrument("INV")] = BTC * 101 // 100
    above = risk_table(
        catalogue, Snapshot(1, NOW, snapshot.price, tuple(marks), (FLAT,)), GRID, (0, 0)
    )
    assert above.value[inverse] == round(-(10**14) / 101)


def test_a_linear_contract_without_mark_takes_the_index_in_its_quote():
    catalogue, snapshot = venue()
    cheap = Snapshot(1, NOW, (9_800_000_000, BTC), snapshot.mark, (FLAT,))  # USDC at 0.98
    table = risk_table(catalogue, cheap, GRID, (0, 0))
    # 0.01 BTC is worth 606.3981 dollars, however many USDC that is.
    assert abs(table.value[row(catalogue, "PERP")] - 606_3981 * 10**6) <= 1


def test_an_option_is_black_76_on_its_tick_and_in_each_scenario():
    catalogue, snapshot = venue()
    table = risk_table(catalogue, snapshot, GRID, (0, 0))
    option, years = row(catalogue, "OPT"), 10 / 365
    sigma = math.sqrt(9_863_014 / 27_397_260)
    now = float(black_price(BTC, 60_000 * 10**10, sigma, years))
    mark = round(now / (5 * 10**10)) * 5 * 10**10
    assert table.value[option] == mark // 100
    assert table.collateral[option] == table.value[option]
    factor = round((30 / 10) ** 0.3 * ONE) / ONE
    wild = float(black_price(1.1 * BTC, 60_000 * 10**10, sigma * (1 + 0.5 * factor), years))
    calm = float(black_price(0.84 * BTC, 60_000 * 10**10, sigma, years))
    expected = [(max(mark + calm - now, 0) - mark) / 100, 0, (wild - now) / 100 / 4]
    assert np.abs(table.change[option, :3] - expected).max() <= 1
    assert table.change[option, 1] == 0.0
    assert table.notional[option] == BTC // 100
    assert 0 < table.delta[option] < 10**8  # 0.01 BTC gains at most 0.01 dollars a dollar.


def test_additive_shocks_floors_and_powers():
    catalogue, snapshot = venue()
    option, years = row(catalogue, "OPT"), 10 / 365
    sigma = math.sqrt(9_863_014 / 27_397_260)
    cells = (Scenario(0, 10**8, ONE), Scenario(0, -5 * 10**8, ONE), Scenario(0, 0, ONE))
    now = float(black_price(BTC, 60_000 * 10**10, sigma, years))
    for floor, up, down in (
        (0, sigma + 0.1, sigma - 0.5),
        (900_000_000, 0.9, sigma),  # A floor lifts a rise, but turns no fall into a rise.
        (300_000_000, sigma + 0.1, 0.3),
    ):
        grid = Grid(
            scenarios=cells, volatility_rule="additive", power_short=0, volatility_floor=floor
        )
        table = risk_table(catalogue, snapshot, grid, (0, 0))
        for place, shocked in enumerate((up, down, sigma)):
            change = (float(black_price(BTC, 60_000 * 10**10, shocked, years)) - now) / 100
            worst = -table.value[option]
            assert abs(table.change[option, place] - max(change, worst)) <= 1


def test_at_its_expiry_an_option_is_worth_what_it_pays():
    catalogue, snapshot = venue()
    over = Snapshot(1, EXPIRY, snapshot.price, snapshot.mark)
    table = risk_table(catalogue, over, GRID, (0, 0))
    # 639.81 dollars by 0.01, on a tick of 5 dollars: 640.
    assert table.value[row(catalogue, "OPT")] == 6.40 * 10**10
    # Sixteen per cent lower it pays nothing; the 19 cents of the tick stay in both.
    assert table.change[row(catalogue, "OPT"), 0] == -6.3981 * 10**10


def test_between_two_smiles_total_variance_is_linear_in_time():
    catalogue, snapshot = venue(tick=1)
    near, far = NOW + 5 * DAY_MS, NOW + 20 * DAY_MS
    smiles = (
        VolatilitySlice(1, near, ONE, ONE, 9 * 10**7, 0, 0, 0, 1, years=10**9),  # 30 %
        VolatilitySlice(1, far, 1_020_000_000, 980_000_000, 25 * 10**7, 0, 0, 0, 1, years=10**9),
    )
    shown = Snapshot(1, NOW, snapshot.price, snapshot.mark, smiles)
    table = risk_table(catalogue, shown, GRID, (0, 0))
    variance = 0.09 * 5 / 365 + (0.25 * 20 / 365 - 0.09 * 5 / 365) * (5 / 15)
    forward, discount = BTC * 1.02 ** (1 / 3), 0.98 ** (1 / 3)
    price = float(black_price(forward, 60_000 * 10**10, math.sqrt(variance), 1.0, discount))
    assert table.value[row(catalogue, "OPT")] == pytest.approx(price / 100, abs=1)


def test_volatility_is_sticky_as_time_passes():
    catalogue, snapshot = venue(tick=1)
    later = Snapshot(2, NOW + 9 * DAY_MS, snapshot.price, snapshot.mark, snapshot.slices)
    table = risk_table(catalogue, later, GRID, (0, 0))
    sigma = math.sqrt(9_863_014 / 27_397_260)
    price = float(black_price(BTC, 60_000 * 10**10, sigma, 1 / 365))
    assert table.value[row(catalogue, "OPT")] == pytest.approx(price / 100, abs=1)


def test_columns_are_padded_whole_and_aligned():
    catalogue, snapshot = venue()
    table = risk_table(catalogue, snapshot, GRID, (0, 10**8))
    assert (table.scenarios, table.change.shape[1]) == (3, 32)
    assert (table.change[:, 3:] == table.change[:, :1]).all()
    assert table.change.ctypes.data % 64 == 0
    assert table.change.flags.c_contiguous
    for column in (table.value, table.collateral, table.change, table.notional, table.delta):
        assert (column == np.rint(column)).all()
    largest = np.abs(np.column_stack([table.value, table.collateral, table.change])).max(axis=1)
    assert (table.bound == largest).all()
    assert risk_table(catalogue, snapshot, Grid(), (0, 0)).change.shape == (len(table.kind), 0)


def test_what_cannot_be_priced_names_the_instrument():
    catalogue, snapshot = venue()
    with pytest.raises(PricingError, match="OPT: no smile"):
        risk_table(catalogue, Snapshot(1, NOW, snapshot.price, snapshot.mark), GRID, (0, 0))
    with pytest.raises(PricingError, match="coin BTC has no price"):
        risk_table(catalogue, Snapshot(1, NOW, (10**10, 0), snapshot.mark, (FLAT,)), GRID, (0, 0))
    broken = (changed(FLAT, a=-ONE),)
    with pytest.raises(PricingError, match="coin 1 expiring"):
        risk_table(catalogue, Snapshot(1, NOW, snapshot.price, snapshot.mark, broken), GRID, (0, 0))
    with pytest.raises(PricingError, match="zero or below"):
        risk_table(catalogue, snapshot, Grid(scenarios=(Scenario(-ONE, 0, ONE),)), (0, 0))
    with pytest.raises(TooLargeError, match=r"2\^53"):
        risk_table(
            catalogue, Snapshot(1, NOW, (10**10, 2**62), snapshot.mark, (FLAT,)), GRID, (0, 0)
        )


def test_a_given_mark_is_the_value_and_its_gap_to_the_model_stays():
    catalogue, snapshot = venue()
    marks = [0, 0, 0]
    marks[catalogue.instrument("OPT")] = 3_000 * 10**10
    shown = Snapshot(1, NOW, snapshot.price, tuple(marks), (FLAT,))
    table, option = risk_table(catalogue, shown, GRID, (0, 0)), row(catalogue, "OPT")
    sigma, years = math.sqrt(9_863_014 / 27_397_260), 10 / 365
    now = float(black_price(BTC, 60_000 * 10**10, sigma, years))
    calm = float(black_price(0.84 * BTC, 60_000 * 10**10, sigma, years))
    assert table.value[option] == 30 * 10**10
    assert abs(table.change[option, 0] - (calm - now) / 100) <= 1


def test_deltas_are_per_dollar_of_the_coin():
    catalogue, snapshot = venue()
    table = risk_table(catalogue, snapshot, GRID, (0, 0))
    # A satoshi gains 10^10 ÷ 10^8 numeraire atoms a dollar, 0.01 BTC gains 0.01 dollars.
    assert table.delta[1] == table.delta[row(catalogue, "INV quote")] == 100
    assert table.delta[row(catalogue, "PERP")] == 10**8
    assert table.delta[row(catalogue, "INV")] == 0


def test_quotes_say_what_stands_behind_the_values():
    catalogue, snapshot = venue(mark=600_000_000_000_000)
    quotes = risk_table(catalogue, snapshot, GRID, (0, 0)).quotes
    perpetual, inverse, option = (row(catalogue, name) for name in ("PERP", "INV", "OPT"))
    # 1,000,000 atoms of 10^-8 BTC; an inverse lot and a currency stand for dollars, not coins.
    assert quotes.size[[0, 1, perpetual, inverse, option]].tolist() == [0, 0, 0.01, 0, 0.01]
    assert quotes.forward[[0, 1, perpetual, inverse]].tolist() == [0, 0, 6 * 10**14, BTC]
    assert quotes.forward[option] == BTC  # The forward ratio of the smile is 1.
    assert quotes.years[[0, perpetual, option]].tolist() == [0, 0, 10 / 365]
    # A total variance of 0.009863014 over 0.02739726 years is a volatility of 60 %.
    assert quotes.volatility[option] == pytest.approx(0.6, rel=1e-7)
    assert quotes.volatility[[0, perpetual, inverse]].tolist() == [0, 0, 0]
    assert set(quotes.discount.tolist()) == set(quotes.confidence.tolist()) == {1.0}
    assert quotes.price.tolist() == [10**10, BTC]
