"""Coin-settled options and told confidences through the whole engine, by hand."""

from __future__ import annotations

import msgspec
import pytest

from seawall.engine import Engine
from seawall.engine.codec import decode_event, encode_event
from seawall.engine.effect import Expired, Refused
from seawall.engine.event import Deposited, Event, Listed, Opened, Priced, Settled, Started, Traded
from seawall.engine.posting.orders import slipped
from seawall.engine.rules.rulebook import read
from seawall.engine.state import CLEARING, DUST
from seawall.market import VolatilitySlice, read_instrument
from seawall.portfolio import from_deribit
from seawall.portfolio.account import Account, moved, with_prices
from seawall.portfolio.greeks import exposures
from seawall.portfolio.read import Market, rows_of, venue_at
from seawall.pricing import black_greeks

RULES = """
format = 1
name = "coins"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]

[margin.portfolio]
method = "scan"
moves = [-0.2, 0.0, 0.2]

[call]
warning_ratio = 1.2
close_out_ratio = 0.5

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
DOLLAR = 10**10
BTC = 1
EXPIRY = 1_723_190_400_000  # 2024-08-09 08:00 UTC.
NOW = EXPIRY - 10 * 86_400_000
SMILE = VolatilitySlice(BTC, EXPIRY, 10**9, 10**9, 90_000_000, 0, 0, 0, 1, years=250_000_000)


@pytest.fixture(params=["paid", "margined"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """`long` and `short` have ten BTC each; the call trades at 0.03 BTC."""
    rulebook = read(RULES)
    engine = Engine()
    catalogue = rulebook.catalogue()
    option = read_instrument(
        {"id": "BTC-9AUG24-60000-C", "lot": "0.1", "tick": "0.0001", "premium": request.param},
        catalogue.numeraire, catalogue.coins,
    )  # fmt: skip
    for event in (
        Started(time_ms=NOW, rulebook=rulebook.canonical()),
        Listed(time_ms=NOW, instruments=(option,)),
        Opened(time_ms=NOW, names=("long", "short"), methods=("portfolio",) * 2),
        *(Deposited(time_ms=NOW, account=a, coin=BTC, atoms=10 * 10**8) for a in (6, 7)),
        Priced(time_ms=NOW, price=((0, DOLLAR), (BTC, 60_000 * DOLLAR)), slices=(SMILE,)),
        Traded(time_ms=NOW, instrument=0, buyer=6, seller=7, lots=7, price=300_000_000),
    ):
        accepted(engine, event)
    return engine


def accepted(engine: Engine, event: Event) -> tuple[object, ...]:
    effects = engine.apply(event)  # type: ignore[arg-type]
    assert not [effect for effect in effects if isinstance(effect, Refused)]
    engine.check()
    return effects


def held(engine: Engine, account: int, asset: int) -> int:
    assert engine.venue is not None
    return engine.venue.ledger.balance(account, asset)


def test_it_trades_and_settles_in_coins_and_the_dust_is_conserved(engine: Engine) -> None:
    venue = engine.venue
    assert venue is not None
    cash = venue.catalogue.cash_asset[0]
    # 7 · 0.1 BTC · 0.03 = 0.021 BTC: 2,100,000 satoshi from the buyer to the seller.
    start = 0 if cash != BTC else 10 * 10**8
    assert [held(engine, a, cash) - start for a in (6, 7)] == [-2_100_000, 2_100_000]
    effects = accepted(engine, Settled(time_ms=EXPIRY, instrument=0, price=70_000 * DOLLAR))
    assert Expired(instrument=0, price=70_000 * DOLLAR, accounts=2) in effects
    # 7 · 0.1 · (70,000 − 60,000) ÷ 70,000 = 0.1 BTC, exactly.
    assert held(engine, 6, BTC) == 10 * 10**8 - 2_100_000 + 10_000_000
    assert held(engine, 7, BTC) == 10 * 10**8 + 2_100_000 - 10_000_000
    assert held(engine, DUST, BTC) == held(engine, CLEARING, BTC) == 0


def test_what_rounding_leaves_at_an_expiry_is_dust(engine: Engine) -> None:
    accepted(engine, Settled(time_ms=EXPIRY, instrument=0, price=90_001 * DOLLAR))
    # 0.7 · 30,001 ÷ 90,001 = 0.23333851… BTC: 23,333,851.846 satoshi, down and up.
    exact = 70_000_000 * 30_001 / 90_001
    assert exact == pytest.approx(23_333_851.846, abs=1e-3)
    assert held(engine, 6, BTC) == 10 * 10**8 - 2_100_000 + 23_333_851
    assert held(engine, 7, BTC) == 10 * 10**8 + 2_100_000 - 23_333_852
    assert (held(engine, DUST, BTC), held(engine, CLEARING, BTC)) == (1, 0)


def test_an_order_for_it_slips_by_a_share_of_its_coin(engine: Engine) -> None:
    assert engine.venue is not None
    mark = engine.venue.mark(0)
    assert mark % 1_000_000 == 0
    # 1 % of one coin is 0.01 coin per coin: 100,000,000 price atoms.
    assert slipped(engine.venue, 0, buys=True) == mark + 100_000_000


def test_a_told_confidence_reaches_the_table_and_survives_a_restore(engine: Engine) -> None:
    told = Priced(time_ms=NOW + 5, confidence=((BTC, 8 * 10**8),))
    assert decode_event(encode_event(told)) == told
    accepted(engine, told)
    again = Engine.restore(engine.dump())
    for lived in (engine, again):
        assert lived.venue is not None
        assert lived.venue.snapshot.confidence == (10**9, 8 * 10**8)
        assert lived.venue.snapshot.priced_ms == (NOW, NOW)
        sure = lived.venue.tables.risk(0).quotes.confidence
        coins = [asset.coin for asset in lived.venue.catalogue.assets]
        assert sure.tolist() == [0.8 if coin == BTC else 1.0 for coin in coins]
    assert again.state_hash() == engine.state_hash()
    refused = engine.apply(Priced(time_ms=NOW + 6, confidence=((BTC, 2 * 10**9),)))
    assert any(isinstance(effect, Refused) for effect in refused)


def test_a_tick_without_confidence_keeps_its_bytes() -> None:
    event = Priced(time_ms=NOW, price=((BTC, 60_000 * DOLLAR),))
    assert b"confidence" not in encode_event(event)


MARKET = {
    "time": "2024-07-30T08:00:00Z",
    "prices": {"USDC": "1", "BTC": "60000"},
    "contracts": [
        {"id": "BTC-9AUG24-60000-C", "lot": "0.1", "tick": "0.0001", "premium": "paid",
         "mark": "0.0325"},
        {"id": "BTC-PERPETUAL", "face": "10", "tick": "0.5"},
    ],
    "smiles": [{"coin": "BTC", "expires": "2024-08-09T08:00:00Z", "a": "0.09", "b": "0", "rho": "0",
                "m": "0", "sigma": "0.000000001", "years": "0.25"}],
}  # fmt: skip
POSITIONS = [
    {"instrument_name": "BTC-9AUG24-60000-C", "kind": "option", "size": -1.5, "direction": "sell",
     "average_price": 0.04, "mark_price": 0.0325},
    {"instrument_name": "BTC-PERPETUAL", "kind": "future", "size": 3000, "direction": "buy",
     "average_price": 59_000, "mark_price": 60_000},
]  # fmt: skip
SUMMARY = {"currency": "BTC", "equity": 0.75, "options_value": -0.04875}  # 1.5 · 0.0325.


def imported() -> Account:
    rulebook = read(RULES)
    venue = venue_at(rulebook, msgspec.convert(MARKET, Market, strict=False))
    portfolio, left_out = from_deribit(POSITIONS, SUMMARY)
    assert left_out == ()
    return Account("desk", venue, tuple(rows_of(venue, portfolio)), "portfolio")


def test_a_deribit_account_with_coin_options_is_worth_its_equity() -> None:
    # 0.79875 BTC of cash, the perpetual at its mark, and 15 lots sold of 0.00325 BTC each.
    assert imported().judge().equity == 45_000 * DOLLAR  # 0.75 BTC at 60,000.


def test_another_market_is_the_scenario_that_moves_there() -> None:
    account = imported()
    catalogue, snapshot = account.venue.catalogue, account.venue.snapshot
    option = catalogue.lot_asset[catalogue.instrument("BTC-9AUG24-60000-C")]
    before = account.table.risk
    for place, price in enumerate((48_000, 60_000, 72_000)):  # The moves of the rules.
        there = moved(account, with_prices(catalogue, snapshot, {BTC: price * DOLLAR}))
        worth = float(there.table.risk.value[option])
        expected = float(before.value[option] + before.change[option, place])
        # A mark is a whole price atom: half of 10^-10 of 0.1 BTC.
        assert worth == pytest.approx(expected, abs=0.1 * price + 2)


def test_greeks_of_a_coin_option_are_those_of_its_dollars() -> None:
    account = imported()
    sums = {row.expires_ms: row for row in exposures(account)}
    greeks = black_greeks(60_000.0, 60_000.0, 0.6, 10 / 365, 1.0, True)
    assert sums[EXPIRY].delta == pytest.approx(-1.5 * float(greeks.delta), rel=1e-9)
    # A forward at the index: Black's dollars ÷ 60,000 are coins of 60,000 dollars.
    assert sums[EXPIRY].vega == pytest.approx(-1.5 * float(greeks.vega) / 100, rel=1e-9)
    assert sums[EXPIRY].theta == pytest.approx(-1.5 * float(greeks.theta) / 365, rel=1e-9)
