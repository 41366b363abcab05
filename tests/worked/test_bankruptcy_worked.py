"""Bankruptcy prices worked by hand, and against the formulas that venues publish."""

import numpy as np
import pytest

from seawall.liquidation import NO_PRICE, BankruptcyError, bankruptcy_price, bankruptcy_value
from seawall.margin import ExactTable
from seawall.market import Catalogue, Instrument, Kind, buyer_cash
from seawall.money import Asset
from seawall.pricing import RiskTable

DOLLAR = 10**10  # Numeraire atoms, and price atoms.
USDC, BTC, ETH, LINEAR, QUOTE, INVERSE, COIN_QUOTE, OPTION = range(8)
LIST = [
    Instrument(
        id="BTC/USDC:USDC",
        type="perpetual",
        base="BTC",
        quote="USDC",
        settle="USDC",
        lot=100_000,
        tick=10**9,
    ),
    Instrument(
        id="BTC/USD:BTC",
        type="perpetual",
        base="BTC",
        quote="USD",
        settle="BTC",
        inverse=True,
        lot=DOLLAR,
        tick=5 * 10**9,
    ),
    Instrument(
        id="ETH/USDC:USDC-261225-2000-P",
        type="option",
        base="ETH",
        quote="USDC",
        settle="USDC",
        lot=10**8,
        tick=10**9,
        premium="paid",
        expires_ms=1_798_185_600_000,
        strike=2_000 * DOLLAR,
        right="put",
    ),
]
CATALOGUE = Catalogue.empty(Asset("USD", 10), (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8)))
for terms in LIST:
    CATALOGUE = CATALOGUE.listed([terms])


def table_at(btc, option=50, usdc=1):
    """Index and marks at `btc` dollars, ETH at 2,000, the put at `option` dollars an ether."""
    satoshi = btc * DOLLAR // 10**8
    lot = btc * DOLLAR // 1000
    value = [usdc * 10_000, satoshi, 200_000, lot, 10_000, -DOLLAR, satoshi, option * DOLLAR]
    notional = [0, 0, 0, lot, 0, DOLLAR, 0, 2_000 * DOLLAR]
    size = len(value)
    assert size == len(CATALOGUE.assets)
    return ExactTable(
        RiskTable(
            value=np.array(value, float),
            collateral=np.array(value, float),
            change=np.zeros((size, 1)),
            bound=np.zeros(size),
            notional=np.array(notional, float),
            delta=np.zeros(size),
            coin=np.array([asset.coin for asset in CATALOGUE.assets], np.int32),
            kind=np.array([asset.kind for asset in CATALOGUE.assets], np.int8),
            expires_ms=np.zeros(size, np.int64),
            strike=np.zeros(size),
            is_call=np.zeros(size, np.int8),
            scenarios=1,
            coins=("USDC", "BTC", "ETH"),
        )
    )


def opened(asset, lots, price, coin, margin):
    """Margin in a coin, and a position bought (or sold) at `price` dollars."""
    terms = CATALOGUE.instrument(CATALOGUE.assets[asset].id)
    cash = CATALOGUE.cash_asset[terms]
    held = {coin: margin, asset: lots}
    held[cash] = held.get(cash, 0) + buyer_cash(CATALOGUE, terms, lots, price * DOLLAR)
    return sorted(held.items())


@pytest.mark.parametrize("mark", [36_000, 40_000, 44_000])
@pytest.mark.parametrize(
    ("lots", "price"),
    [(1_000, 36_000), (-1_000, 44_000)],  # E · (1 − 1 ÷ L) and E · (1 + 1 ÷ L), E = 40,000, L = 10
)
def test_linear_at_leverage_ten(mark, lots, price):
    # One coin at 40,000 with 4,000 USDC; wherever the mark stands, it is broke at the same price.
    rows = opened(LINEAR, lots, 40_000, USDC, 4_000 * 10**6)
    assert bankruptcy_price(rows, table_at(mark), LINEAR, CATALOGUE) == price * DOLLAR
    assert bankruptcy_value(rows, table_at(mark), LINEAR) == price * DOLLAR // 1000


@pytest.mark.parametrize("mark", [36_000, 40_000, 50_000])
@pytest.mark.parametrize(
    ("lots", "price"),
    [(40_000, 32_000), (-40_000, 53_333 * DOLLAR + 3_333_333_333)],
)
def test_inverse_at_leverage_four(mark, lots, price):
    # 40,000 dollars at 40,000 with 0.25 BTC. Bybit: long E · L ÷ (L + 1) = 160,000 ÷ 5 = 32,000;
    # short E · L ÷ (L − 1) = 160,000 ÷ 3 = 53,333.33…, rounded down because the account buys.
    rows = opened(INVERSE, lots, 40_000, BTC, 25_000_000)
    found = bankruptcy_price(rows, table_at(mark), INVERSE, CATALOGUE)
    assert found == (price if lots < 0 else price * DOLLAR)


def test_the_fee_of_the_fill_is_paid_from_the_same_equity():
    # Long at leverage 10: 36,000 must be left of each coin, so p · 0.999 = 36,000. Short: 44,000.
    table = table_at(40_000)
    long = opened(LINEAR, 1_000, 40_000, USDC, 4_000 * 10**6)
    short = opened(LINEAR, -1_000, 40_000, USDC, 4_000 * 10**6)
    up = -(-36_000 * DOLLAR * 1000 // 999)
    down = 44_000 * DOLLAR * 1000 // 1001
    assert bankruptcy_price(long, table, LINEAR, CATALOGUE, 1_000_000) == up
    assert bankruptcy_price(short, table, LINEAR, CATALOGUE, 1_000_000) == down
    # Inverse long at leverage 4: 32,000 · 1.001 dollars, because face ÷ p · 1.001 coins are owed.
    rows = opened(INVERSE, 40_000, 40_000, BTC, 25_000_000)
    assert bankruptcy_price(rows, table, INVERSE, CATALOGUE, 1_000_000) == 32_032 * DOLLAR


def test_an_inverse_short_at_leverage_one_is_never_broke():
    # 10,000 dollars short at 40,000 with 0.25 BTC is dollars: the coins are owed at no price.
    rows = opened(INVERSE, -10_000, 40_000, BTC, 25_000_000)
    assert bankruptcy_price(rows, table_at(44_000), INVERSE, CATALOGUE) == NO_PRICE


def test_a_linear_long_paid_in_full_is_never_broke():
    rows = opened(LINEAR, 1_000, 40_000, USDC, 40_001 * 10**6)
    assert bankruptcy_price(rows, table_at(40_000), LINEAR, CATALOGUE) == 0
    # One dollar more than the coin costs: at minus one dollar a coin it would be broke.
    assert bankruptcy_value(rows, table_at(40_000), LINEAR) == -DOLLAR // 1000


def test_equity_is_divided_by_notional():
    # Long 1 BTC (40,000) and 8 short puts on ETH (8 × 2,000 = 16,000): notional 56,000.
    # Cash: 1,000 margin + 8 × 60 premium; puts at 50 are owed 400: equity 1,080 on flat BTC.
    # BTC bears 1,080 × 40 ÷ 56 = 771.428571…: price 39,228.5714285714 rounded up for the seller.
    # One put bears 1,080 × 2 ÷ 56 = 38.571428…: it is bought back at 88.5714285714, rounded down.
    rows = opened(LINEAR, 1_000, 40_000, USDC, 1_480 * 10**6)
    rows.append((OPTION, -8))
    table = table_at(40_000)
    assert sum(q * table.value[a] for a, q in rows) == 1_080 * DOLLAR
    assert bankruptcy_price(rows, table, LINEAR, CATALOGUE) == 392_285_714_285_715
    assert bankruptcy_price(rows, table, OPTION, CATALOGUE) == 885_714_285_714


def test_who_is_broke_already_sells_above_the_mark():
    # Bought at 40,000 with 4,000; at 35,000 it owes 1,000, so a taker pays 36,000.
    rows = opened(LINEAR, 1_000, 40_000, USDC, 4_000 * 10**6)
    table = table_at(35_000)
    assert sum(q * table.value[a] for a, q in rows) == -1_000 * DOLLAR
    assert bankruptcy_price(rows, table, LINEAR, CATALOGUE) == 36_000 * DOLLAR


@pytest.mark.parametrize("lots", [777, -777])
@pytest.mark.parametrize("asset", [LINEAR, INVERSE])
def test_a_fill_there_leaves_less_than_an_atom_of_cash(asset, lots):
    coin = USDC if asset == LINEAR else BTC
    margin = 3_333_333_333 if asset == LINEAR else 1_234
    rows = opened(asset, lots, 40_000, coin, margin)
    table = table_at(40_000)
    price = bankruptcy_price(rows, table, asset, CATALOGUE)
    terms = CATALOGUE.assets[asset].instrument
    held = dict(rows)
    held[CATALOGUE.cash_asset[terms]] += buyer_cash(CATALOGUE, terms, -lots, price)
    del held[asset]
    equity = sum(q * table.value[a] for a, q in held.items())
    assert abs(equity) <= table.value[coin] + abs(lots)


def test_what_is_not_held_has_no_price():
    rows = opened(LINEAR, 1_000, 40_000, USDC, 4_000 * 10**6)
    for asset in (INVERSE, USDC, QUOTE):
        with pytest.raises(BankruptcyError, match=f"asset {asset} is not a contract"):
            bankruptcy_value(rows, table_at(40_000), asset)
    assert CATALOGUE.assets[QUOTE].kind is Kind.QUOTE
