"""Presets of methods that are no brackets: read, true to what they copy, and asked of a book."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine.rules.presets import preset
from seawall.margin import ExactTable, check_margin_method
from seawall.margin.derive import PRESETS
from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import risk_table

ONE, DOLLAR, DAY_MS = 10**9, 10**10, 86_400_000
NOW = 1_722_816_000_000  # 5 August 2024, midnight.
EXPIRY = NOW + 30 * DAY_MS


def market(method) -> tuple[ExactTable, dict[str, int]]:
    """BTC at 60,000 and ETH at 3,000: perpetuals, a future, two calls of a month at 60 %."""
    future = {"type": "future", "expires_ms": EXPIRY}
    option = {"type": "option", "expires_ms": EXPIRY, "right": "call", "premium": "paid"}
    terms = {
        "BTC": {"type": "perpetual"},
        "BTC future": future,
        "C60": option | {"strike": 60_000 * DOLLAR},
        "C66": option | {"strike": 66_000 * DOLLAR},
        "ETH": {"type": "perpetual", "base": "ETH", "lot": 10**8},
    }
    common = {"base": "BTC", "quote": "USDC", "settle": "USDC", "lot": 10**7, "tick": DOLLAR}
    listed = [Instrument(id=f"{name} lots", **(common | more)) for name, more in terms.items()]
    coins = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
    catalogue = Catalogue.empty(Asset("USD", 10), coins).listed(listed)
    # 60 % a year for 30 days: a variance of 0.36 · 30 ÷ 365.
    smile = VolatilitySlice(1, EXPIRY, ONE, ONE, 29_589_041, 0, 0, 0, 1, years=82_191_781)
    prices = (DOLLAR, 60_000 * DOLLAR, 3_000 * DOLLAR)
    snapshot = Snapshot(1, NOW, prices, (0,) * len(listed), (smile,))
    places = {name: catalogue.names.index(f"{name} lots") for name in terms} | {"USDC": 0}
    table = risk_table(catalogue, snapshot, method.grid(), (0, 0, 0))
    return ExactTable(table), places


def asked(name: str, book: dict[str, int]) -> tuple[Decimal, Decimal]:
    method = preset(name).method
    table, places = market(method)
    rows = sorted((places[asset], lots) for asset, lots in book.items())
    check_margin_method(method, table.risk, [rows])
    found = method.requirement_exact(rows, table)
    return Decimal(found.maintenance) / DOLLAR, Decimal(found.initial) / DOLLAR


def test_derives_preset_is_the_deployment_script() -> None:
    found, copied = preset("derive_standard").method, PRESETS["derive_standard"]
    for name in copied.__struct_fields__:
        assert getattr(found, name) == getattr(copied, name)


def test_derives_standard_rule_on_a_priced_table() -> None:
    """A perpetual of 6,000 at 6.5 % and 10 %; a call spread of 600 dollars loses no more."""
    assert asked("derive_standard", {"BTC": 1}) == (390, 600)
    assert asked("derive_standard", {"C60": -1, "C66": 1}) == (600, 600)
    sold = asked("derive_standard", {"C60": -1})
    method = preset("derive_standard").method
    table, places = market(method)
    mark = Decimal(table.value[places["C60"]]) / DOLLAR  # Of a tenth: 9 % and 15 % of spot on top.
    assert sold == (mark + 540, mark + 900)


@pytest.mark.parametrize(
    ("book", "maintenance"),
    [
        ({"BTC": 10}, 7_200),  # 12 % of 60,000; the extreme, 35 % of 24 %, is less.
        ({"BTC": 10, "BTC future": -10}, 300),  # One coin of spread at 0.5 % of the price.
        # 25 ether against one bitcoin are one spread: half of 7,200 and of 11,250 is given back.
        ({"BTC": 10, "ETH": -25}, 3_600 + 5_625),
        ({"USDC": 1_000_000}, 0),
    ],
)
def test_sixteen_scenarios_on_a_priced_table(book, maintenance: int) -> None:
    found = asked("sixteen_example", book)
    assert found == (maintenance, maintenance * Decimal("1.1"))


def test_an_option_sold_loses_most_when_price_and_volatility_rise() -> None:
    method = preset("sixteen_example").method
    table, places = market(method)
    rows = [(places["C60"], -1)]
    said = method.explain(rows, table, [str(n) for n in range(len(table.value))])
    assert said.binding == "BTC: price +3/3 of its range, volatility up"
    assert table.risk.change[places["C60"]].argmax() == 10


def test_okx_on_a_priced_table() -> None:
    """12.2 % of 6,000; 25.8 % of 3,000 and 2 % of 50 borrowed; a hedge owes nothing."""
    assert asked("okx_pm", {"BTC": 1}) == (732, Decimal("951.6"))
    short = {"ETH": -1, "USDC": -50_000_000}
    assert asked("okx_pm", short) == (774 + 1, Decimal("1006.2") + 5)
    assert asked("okx_pm", {"BTC": 1, "BTC future": -1}) == (0, 0)
