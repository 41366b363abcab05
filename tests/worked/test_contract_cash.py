"""What trades, funding and expiries pay, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from seawall.market import (
    Catalogue,
    PriceError,
    Snapshot,
    buyer_cash,
    cash_leg,
    funding_payment,
    notional,
    read_instrument,
    settlement_value,
)
from seawall.money import AmountError, Asset, Rounding

USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
DOLLAR = 10**10  # Price atoms.
TABLES: tuple[dict[str, Any], ...] = (
    {"id": "BTC/USDC:USDC", "lot": "0.001", "tick": "0.1"},
    {"id": "BTC/USD:BTC", "face": "100", "tick": "0.1"},
    {"id": "BTC/USDC", "lot": "0.00001", "tick": "0.01"},
    {"id": "BTC/USDC:USDC-240809-60000-C", "lot": "0.01", "tick": "5"},
    {"id": "BTC/USDC:USDC-240809-60000-P", "lot": "0.01", "tick": "5", "premium": "paid"},
    {"id": "BTC/USDC:USDC-240809", "lot": "0.001", "tick": "0.1"},
    {"id": "ETH/BTC", "lot": "0.01", "tick": "0.00001"},
)
CATALOGUE = Catalogue.empty(USD, COINS).listed(read_instrument(t, USD, COINS) for t in TABLES)
PERPETUAL = CATALOGUE.instrument("BTC/USDC:USDC")
INVERSE = CATALOGUE.instrument("BTC/USD:BTC")
SPOT = CATALOGUE.instrument("BTC/USDC")
CALL = CATALOGUE.instrument("BTC/USDC:USDC-240809-60000-C")
PUT = CATALOGUE.instrument("BTC/USDC:USDC-240809-60000-P")
FUTURE = CATALOGUE.instrument("BTC/USDC:USDC-240809")
ETH_BTC = CATALOGUE.instrument("ETH/BTC")


@pytest.mark.parametrize(
    ("instrument", "lots", "price", "atoms"),
    [
        # 3 × 0.001 BTC × 60,639.81 = 181.91943 USDC, paid.
        (PERPETUAL, 3, 606_398_100_000_000, -181_919_430),
        (PERPETUAL, -3, 606_398_100_000_000, 181_919_430),
        # 10 × 100 USD ÷ 50,000 = 0.02 BTC, booked to the buyer.
        (INVERSE, 10, 50_000 * DOLLAR, 2_000_000),
        # 100 ÷ 30,000 = 0.00333333… BTC: 333,333.33 satoshi.
        (INVERSE, 1, 30_000 * DOLLAR, 333_333),
        # 100 ÷ 60,000 = 0.00166666… BTC: 166,666.67 satoshi.
        (INVERSE, 1, 60_000 * DOLLAR, 166_667),
        (INVERSE, -1, 60_000 * DOLLAR, -166_667),
        # 0.00001 BTC × 49,999.95 = 0.4999995 USDC: 499,999.5 atoms, half to even.
        (SPOT, 1, 499_999_500_000_000, -500_000),
        (SPOT, -1, 499_999_500_000_000, 500_000),
        # 0.00001 BTC × 49,999.85 = 499,998.5 atoms, half to even.
        (SPOT, 1, 499_998_500_000_000, -499_998),
        # 2 × 0.01 BTC × a premium of 1,250 = 25 USDC.
        (CALL, 2, 1_250 * DOLLAR, -25_000_000),
        # 5 × 0.01 ETH × 0.04321 BTC = 0.0021605 BTC.
        (ETH_BTC, 5, 432_100_000, -216_050),
    ],
)
def test_a_buyer_pays_or_books(instrument: int, lots: int, price: int, atoms: int) -> None:
    assert buyer_cash(CATALOGUE, instrument, lots, price) == atoms


def test_the_side_of_a_cash_leg_is_the_callers() -> None:
    price = 30_000 * DOLLAR  # 333,333.33 satoshi.
    assert cash_leg(CATALOGUE, INVERSE, 1, price, Rounding.DOWN) == 333_333
    assert cash_leg(CATALOGUE, INVERSE, 1, price, Rounding.UP) == 333_334
    assert cash_leg(CATALOGUE, INVERSE, -1, price, Rounding.DOWN) == -333_334


@pytest.mark.parametrize(
    ("instrument", "lots", "mark", "rate", "atoms"),
    [
        # 1 BTC × 60,000 × 0.01 % = 6 USDC, from the long to the short.
        (PERPETUAL, 1_000, 60_000 * DOLLAR, 100_000, -6_000_000),
        (PERPETUAL, -1_000, 60_000 * DOLLAR, 100_000, 6_000_000),
        (PERPETUAL, -1_000, 60_000 * DOLLAR, -100_000, -6_000_000),
        # 0.001 × 60,000.01 × 0.01 % = 0.006000001 USDC: 6,000.001 atoms. Payer up, receiver down.
        (PERPETUAL, 1, 600_000_100_000_000, 100_000, -6_001),
        (PERPETUAL, -1, 600_000_100_000_000, 100_000, 6_000),
        # 10,000 USD ÷ 50,000 × 0.01 % = 0.00002 BTC.
        (INVERSE, 100, 50_000 * DOLLAR, 100_000, -2_000),
        (INVERSE, -100, 50_000 * DOLLAR, 100_000, 2_000),
        (PERPETUAL, 1, 60_000 * DOLLAR, 0, 0),
    ],
)
def test_funding(instrument: int, lots: int, mark: int, rate: int, atoms: int) -> None:
    assert funding_payment(CATALOGUE, instrument, lots, mark, rate) == atoms


@pytest.mark.parametrize(
    ("instrument", "lots", "price", "atoms"),
    [
        # 0.1 BTC × 61,234.56 = 6,123.456 USDC.
        (FUTURE, 100, 612_345_600_000_000, 6_123_456_000),
        (FUTURE, -100, 612_345_600_000_000, -6_123_456_000),
        # Call 60,000 at 61,234.56: 0.02 BTC × 1,234.56 = 24.6912 USDC.
        (CALL, 2, 612_345_600_000_000, 24_691_200),
        (CALL, -2, 612_345_600_000_000, -24_691_200),
        (CALL, 2, 60_000 * DOLLAR, 0),
        (PUT, 2, 612_345_600_000_000, 0),
        # Put 60,000 at 49,000: 0.02 BTC × 11,000 = 220 USDC.
        (PUT, 2, 49_000 * DOLLAR, 220_000_000),
        (PUT, -2, 49_000 * DOLLAR, -220_000_000),
        # A long 100-dollar lot at 30,000 owes 333,333.33 satoshi; a short is owed as much.
        (INVERSE, 1, 30_000 * DOLLAR, -333_334),
        (INVERSE, -1, 30_000 * DOLLAR, 333_333),
    ],
)
def test_expiry(instrument: int, lots: int, price: int, atoms: int) -> None:
    assert settlement_value(CATALOGUE, instrument, lots, price) == atoms


def test_an_inverse_round_trip_gains_what_the_coin_formula_says() -> None:
    # Long 100 lots from 50,000 to 62,500: 10,000 × (1 ÷ 50,000 − 1 ÷ 62,500) = 0.04 BTC.
    opened = buyer_cash(CATALOGUE, INVERSE, 100, 50_000 * DOLLAR)
    closed = settlement_value(CATALOGUE, INVERSE, 100, 62_500 * DOLLAR)
    assert opened + closed == 4_000_000


SNAPSHOT, _ = Snapshot.empty(CATALOGUE).priced(
    CATALOGUE,
    sequence=1,
    time_ms=1,
    price=((0, 9_998 * 10**6), (1, 60_000 * DOLLAR)),  # USDC at 0.9998.
    mark=((PERPETUAL, 60_100 * DOLLAR), (CALL, 1_250 * DOLLAR), (ETH_BTC, 432_100_000)),
)


def test_notional_follows_the_form_of_the_contract() -> None:
    # 0.003 BTC × 60,100 USDC × 0.9998 = 180.26394 USD.
    assert notional(CATALOGUE, SNAPSHOT, PERPETUAL, -3) == 1_802_639_400_000
    # The face in dollars, whatever the price.
    assert notional(CATALOGUE, SNAPSHOT, INVERSE, -3) == 300 * DOLLAR
    # Options count their coins: 0.02 BTC × 60,000.
    assert notional(CATALOGUE, SNAPSHOT, CALL, 2) == 1_200 * DOLLAR
    # No mark was seen: 0.001 BTC × the price of the coin.
    assert notional(CATALOGUE, SNAPSHOT, FUTURE, 1) == 60 * DOLLAR
    # 0.01 ETH × 0.04321 BTC × 60,000 = 25.926 USD.
    assert notional(CATALOGUE, SNAPSHOT, ETH_BTC, 1) == 259_260_000_000


def test_what_has_no_price_has_no_cash() -> None:
    unseen = Snapshot.empty(CATALOGUE)
    with pytest.raises(PriceError, match="price of BTC has not been seen"):
        notional(CATALOGUE, unseen, CALL, 1)
    with pytest.raises(PriceError, match="price of BTC/USDC:USDC must be positive, not 0"):
        buyer_cash(CATALOGUE, PERPETUAL, 1, 0)
    with pytest.raises(PriceError, match=r"expiry price of .*-P must be positive, not -1"):
        settlement_value(CATALOGUE, PUT, 1, -1)


def test_cash_beyond_a_ledger_row_is_refused() -> None:
    # 10¹⁵ × 0.001 BTC × 60,000 = 6 × 10¹⁶ USDC = 6 × 10²² atoms.
    with pytest.raises(AmountError, match="do not fit in 63 bits"):
        buyer_cash(CATALOGUE, PERPETUAL, 10**15, 60_000 * DOLLAR)
