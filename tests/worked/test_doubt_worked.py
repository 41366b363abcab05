"""A feed that is not sure costs initial margin under Derive's standard rule, from a snapshot on.

Ether and its perpetual stand at 1,500 dollars; a lot is a hundredth of an ether. Maintenance asks
6.5 % of a perpetual, initial 10 %; of an option sold 15 % less what it is out of the money.
Below 0.9 a feed is in doubt, and (1 − confidence) · 0.5 of the size at spot is asked for as well.
"""

from __future__ import annotations

import pytest

from seawall.engine import Engine
from seawall.engine.effect import Reason, Refused
from seawall.engine.event import Deposited, Listed, Opened, Priced, Started, Traded
from seawall.engine.rules.rulebook import read
from seawall.margin import DeriveStandardMargin, ExactTable, check_margin_method
from seawall.market import Instrument, Snapshot, VolatilitySlice
from seawall.pricing import risk_table

DOLLAR, ONE, NOW = 10**10, 10**9, 1_800_000_000_000
RULES = """
format = 1
name = "doubt"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "ETH", decimals = 8 }]

[margin.derive]
method = "derive_standard"
depeg_threshold = 0.98
depeg_factor = 2
[margin.derive.terms]
perpetual_initial = 0.1
perpetual_maintenance = 0.065
spot_maximum = 0.15
spot_minimum = 0.13
call_maintenance = 0.09
put_maintenance = 0.09
put_mark_maintenance = 0.09
unpaired_initial = 1.1
unpaired_maintenance = 1.1
put_offset = 1.01
base_factor = 0.8
base_initial_scale = 0.9375
perpetual_threshold = 0.9
option_threshold = 0.9
base_threshold = 0.9
confidence_factor = 0.5

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.02
fee_ratio = 0.005
"""
PERPETUAL = Instrument(
    id="ETH/USDC:USDC", type="perpetual", base="ETH", quote="USDC", settle="USDC", lot=10**6, tick=1
)
CALL = Instrument(
    id="call", type="option", base="ETH", quote="USDC", settle="USDC", lot=10**6, tick=1,
    premium="paid", expires_ms=NOW + 30 * 86_400_000, strike=1_500 * DOLLAR, right="call",
)  # fmt: skip
CATALOGUE = read(RULES).catalogue().listed([PERPETUAL, CALL])


def owed(lots: dict[str, int], ether: int, cash: int = ONE) -> tuple[float, float]:
    """Maintenance and initial in dollars, at these confidences of the ether and cash feeds."""
    method = read(RULES).margin["derive"]
    assert isinstance(method, DeriveStandardMargin)
    smile = VolatilitySlice(1, CALL.expires_ms, ONE, ONE, ONE // 50, 0, 0, 0, 1)
    marks = (1_500 * DOLLAR, 80 * DOLLAR)
    snapshot = Snapshot(1, NOW, (DOLLAR, 1_500 * DOLLAR), marks, (smile,), confidence=(cash, ether))
    table = ExactTable(risk_table(CATALOGUE, snapshot, method.grid(), {}))
    rows = sorted((CATALOGUE.lot_asset[CATALOGUE.instrument(i)], n) for i, n in lots.items())
    check_margin_method(method, table.risk, [rows, []])
    need = method.requirement_exact(rows, table)
    return need.maintenance / DOLLAR, need.initial / DOLLAR


@pytest.mark.parametrize(
    ("lots", "sure", "more"),
    [
        ({PERPETUAL.id: 200}, 1.0, 0),
        ({PERPETUAL.id: 200}, 0.9, 0),  # At the threshold nothing is in doubt.
        ({PERPETUAL.id: 200}, 0.8, 300),  # 20 % · 0.5 of 3,000 dollars.
        ({PERPETUAL.id: -200}, 0.0, 1_500),  # Sold or bought alike; half of the size at most.
        ({CALL.id: -100}, 0.8, 150),  # 20 % · 0.5 of 1,500.
        ({CALL.id: 100}, 0.8, 0),  # What is bought cannot be owed.
    ],
)
def test_doubt_is_asked_of_initial_alone(lots: dict[str, int], sure: float, more: int) -> None:
    certain = owed(lots, ONE)
    doubted = owed(lots, round(sure * ONE))
    assert doubted == (certain[0], certain[1] + more)


def test_the_numbers_without_doubt() -> None:
    assert owed({PERPETUAL.id: 200}, ONE) == (195.0, 300.0)
    # The mark of 80 and 9 %, or 15 %, of 1,500.
    assert owed({CALL.id: -100}, ONE) == (215.0, 305.0)


def test_a_doubted_cash_coin_doubts_what_settles_in_it() -> None:
    assert owed({PERPETUAL.id: 200}, ONE, 8 * 10**8) == (195.0, 600.0)
    assert owed({PERPETUAL.id: 200}, ONE // 2, 8 * 10**8) == (195.0, 1_050.0)  # The least counts.


def test_an_engine_asks_it_as_soon_as_a_price_says_so() -> None:
    """Two ether at 1,500 ask 195 and 300; with 500 dollars the account is fine until feeds doubt.

    A confidence of 0.8 asks 300 more: 600 of 500. Nobody is called for it, but no risk may be
    added.
    """
    engine = Engine()
    engine.apply(Started(time_ms=NOW, rulebook=read(RULES).canonical()))
    engine.apply(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
    engine.apply(Opened(time_ms=NOW, names=("a", "b"), methods=("derive", "derive")))
    a, b = engine.account("a"), engine.account("b")
    price, mark = ((0, DOLLAR), (1, 1_500 * DOLLAR)), ((0, 1_500 * DOLLAR),)
    engine.apply(Priced(time_ms=NOW + 1, price=price, mark=mark))
    for account in (a, b):
        engine.apply(Deposited(time_ms=NOW + 2, account=account, coin=0, atoms=500 * 10**6))
    trade = Traded(time_ms=NOW + 3, instrument=0, buyer=a, seller=b, lots=200, price=1_500 * DOLLAR)
    engine.apply(trade)
    more = Traded(time_ms=NOW + 5, instrument=0, buyer=a, seller=b, lots=1, price=1_500 * DOLLAR)
    engine.apply(Priced(time_ms=NOW + 4, confidence=((1, 8 * 10**8),)))
    told = engine.explain(a)
    assert told.requirement.maintenance / DOLLAR == 195.0
    assert told.requirement.initial / DOLLAR == 600.0
    assert told.state == "healthy"
    (refused,) = engine.apply(more)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INSUFFICIENT_MARGIN
