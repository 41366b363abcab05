"""Presets are read, dated, sourced, and give the margin that their venue's page gives."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from seawall.engine.rules.presets import PresetError, names, preset
from seawall.margin import ExactTable, TierError, brackets_from_ccxt, check_margin_method
from seawall.margin.grids import GRIDS
from seawall.margin.listed.venues import VENUES
from seawall.market import Kind
from seawall.pricing.table import NO_QUOTES, RiskTable

DOLLAR = 10**10


def table(coin: str) -> RiskTable:
    """One contract whose lot is worth a dollar."""
    dollar, nothing = np.array([float(DOLLAR)]), np.zeros(1)
    return RiskTable(
        value=dollar,
        collateral=dollar,
        change=np.zeros((1, 32)),
        bound=dollar,
        notional=dollar,
        delta=nothing,
        coin=np.zeros(1, np.int32),
        kind=np.full(1, int(Kind.LINEAR), np.int8),
        expires_ms=np.zeros(1, np.int64),
        strike=nothing,
        is_call=np.zeros(1, np.int8),
        scenarios=0,
        coins=(coin,),
        quotes=NO_QUOTES._replace(size=np.ones(1)),
    )


def margins(name: str, coin: str, dollars: int) -> tuple[float, float]:
    exact = preset(name).method.requirement_exact([(0, dollars)], ExactTable(table(coin)))
    return exact.initial / DOLLAR, exact.maintenance / DOLLAR


@pytest.mark.parametrize("name", names())
def test_a_preset_is_dated_and_sourced(name: str) -> None:
    found = preset(name)
    assert found.as_of == "undated" or re.fullmatch(r"20\d\d(-\d\d){0,2}", found.as_of)
    assert len(found.source) > 10
    assert msgspec.convert(msgspec.to_builtins(found), type(found)) == found


@pytest.mark.parametrize("name", [n for n in names() if hasattr(preset(n).method, "brackets")])
def test_a_preset_of_brackets_keeps_the_laws(name: str) -> None:
    found = preset(name)
    assert found.method.brackets
    for coin in found.method.brackets:
        sizes = (1, -10_000, 5_000_000, -800_000_000)
        check_margin_method(found.method, table(coin), [[], *([(0, size)] for size in sizes)])


@pytest.mark.parametrize(
    ("name", "coin", "dollars", "initial", "maintenance"),
    [
        # The bracket's amount, as Binance states it: 12,000 from 3,000,000; 5,000,000 · 0.01 less.
        ("binance_usdm", "BTC", 5_000_000, None, 50_000 - 12_000),
        ("binance_usdm", "ETH", 107_500_000, None, 107_500_000 * 0.05 - 2_007_000),
        ("binance_usdm", "SOL", 24_000_000, None, 24_000_000 * 0.05 - 231_475),
        ("binance_usdm", "DOGE", 3_000_000, None, 58_720),
        # The page's deductions: 20,500 in its eighth tier, 1,482,000 in its last.
        ("bybit_linear", "BTC", 8_000_000, None, 80_000 - 20_500),
        ("bybit_linear", "BTC", 80_000_000, None, 3_600_000 - 1_482_000),
        # 1 ÷ 20 up to 70 million, then 1 ÷ 10; maintenance half of either.
        ("hyperliquid", "SOL", 140_000_000, 3_500_000 + 7_000_000, 5_250_000),
        ("hyperliquid", "ARB", 1_500_000, 150_000, 75_000),
        ("dydx_v4", "BTC", 1_000_000, 20_000, 12_000),
        ("dydx_v4", "SOL", 1_000_000, 100_000, 50_000),
        ("paradex", "BTC", 270_000, 5400, 2700),  # The page's example: 3 coins at 90,000.
    ],
)
def test_margin_is_what_the_venue_prints(name, coin, dollars, initial, maintenance) -> None:
    found = margins(name, coin, dollars)
    assert found[1] == maintenance
    assert initial is None or found[0] == initial


def test_open_interest_half_way_takes_ten_percent_to_fifty_five() -> None:
    method = preset("dydx_v4").method.at_open_interest({"SOL": Decimal(35_000_000)})
    exact = method.requirement_exact([(0, 1000)], ExactTable(table("SOL")))
    assert (exact.initial, exact.maintenance) == (550 * DOLLAR, 50 * DOLLAR)


def test_a_name_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(PresetError, match=r"mtgox: no such preset; there are aevo_pm, "):
        preset("mtgox")
    with pytest.raises(PresetError):
        preset("../rulebook")


def test_tiers_that_count_contracts_are_refused() -> None:
    # As OKX answers through ccxt: minNotional and maxNotional are its minSz and maxSz.
    tier = {
        "minNotional": 0.0,
        "maxNotional": 1000.0,
        "maintenanceMarginRate": 0.004,
        "maxLeverage": 100.0,
        "info": {"maxSz": "1000", "minSz": "0", "mmr": "0.004", "imr": "0.01"},
    }
    with pytest.raises(TierError, match="counts contracts, not dollars"):
        brackets_from_ccxt([tier])


def test_scans_and_standard_margins_of_venues_are_presets() -> None:
    assert preset("paradex_pm").method == GRIDS["paradex_pm"].method
    assert preset("bybit_standard").as_of == "2025-02"
    assert preset("okx_standard").notes.startswith("Maintenance was not obtainable")
    written = {f"{venue}_standard" for venue in VENUES}
    written |= {"aevo_pm", "bit_pm", "grvt_pm", "paradex_pm"}
    assert written <= set(names())


def test_presets_are_read_without_the_compiler() -> None:
    code = (
        "import sys; from seawall.engine.rules.presets import preset; preset('dydx_v4');"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
