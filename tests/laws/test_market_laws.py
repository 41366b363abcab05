"""Laws of names and of cash, for any contract and any number."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from seawall.market import (
    Catalogue,
    Instrument,
    Terms,
    buyer_cash,
    cash_leg,
    funding_payment,
    read_instrument,
    read_symbol,
    settlement_value,
)
from seawall.market.symbol import DAY_MS, EXPIRY_MS, YEAR_2100_MS, civil_days
from seawall.money import Asset, Rounding

USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8))

coin_names = st.from_regex(r"[A-Z][A-Z0-9]{1,9}", fullmatch=True).filter(lambda n: n != "USD")
days = st.integers(civil_days(2000, 1, 1), YEAR_2100_MS // DAY_MS - 1)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    base, quote = draw(st.tuples(coin_names, coin_names).filter(lambda pair: pair[0] != pair[1]))
    kind = draw(st.sampled_from(["spot", "perpetual", "future", "option"]))
    if kind == "spot":
        return Terms("spot", base, quote, quote)
    inverse = draw(st.booleans())
    quote = "USD" if inverse else quote
    settle = base if inverse else quote
    if kind == "perpetual":
        return Terms("perpetual", base, quote, settle, inverse)
    expires_ms = draw(days) * DAY_MS + EXPIRY_MS
    if kind == "future":
        return Terms("future", base, quote, settle, inverse, expires_ms)
    strike, right = draw(st.integers(1, 10**17)), draw(st.sampled_from(["call", "put"]))
    return Terms("option", base, quote, settle, inverse, expires_ms, strike, right)


@given(terms(), st.integers(0, 10))
def test_a_name_that_is_written_is_read_back(said: Terms, decimals: int) -> None:
    unified, deribit = said.symbol(decimals), said.deribit_name(decimals)
    assert deribit is not None
    assert read_symbol(unified, decimals) == said
    assert read_symbol(deribit, decimals) == said


TABLES = (
    {"id": "BTC/USDC:USDC", "lot": "0.001", "tick": "0.1"},
    {"id": "BTC/USD:BTC", "face": "100", "tick": "0.1"},
    {"id": "BTC/USDC:USDC-240809-60000-C", "lot": "0.00000001", "tick": "5"},
    {"id": "BTC/USDC:USDC-240809-60000-P", "lot": "0.01", "tick": "5"},
    {"id": "BTC/USD:BTC-240809-60000-C", "lot": "0.1", "tick": "0.0001"},
)
CATALOGUE = Catalogue.empty(USD, COINS).listed(read_instrument(t, USD, COINS) for t in TABLES)
instruments = st.sampled_from(range(len(TABLES)))
lots = st.integers(-(10**6), 10**6)
prices = st.integers(10**8, 10**15)  # From one cent to 100,000.
rates = st.integers(-(10**9), 10**9)


def exact(terms: Instrument, held: int, price: int) -> Fraction:
    """Settlement atoms before rounding, straight from the definition in whole units."""
    if terms.is_sized_in_numeraire:
        dollars = Fraction(held * terms.lot, 10**10)
        return dollars / Fraction(price, 10**10) * 10**8
    one = 10**8 if terms.inverse else 10**6  # Satoshi, or atoms of USDC.
    return Fraction(held * terms.lot, 10**8) * Fraction(price, 10**10) * one


@given(instruments, lots, prices)
def test_both_sides_of_a_trade_cancel_and_the_error_is_half_an_atom(
    instrument: int, held: int, price: int
) -> None:
    bought = buyer_cash(CATALOGUE, instrument, held, price)
    assert buyer_cash(CATALOGUE, instrument, -held, price) == -bought
    terms = CATALOGUE.instruments[instrument]
    sign = 1 if terms.is_sized_in_numeraire else -1
    assert abs(sign * exact(terms, held, price) - bought) <= Fraction(1, 2)


@given(instruments, lots, prices)
def test_a_cash_leg_lies_on_the_side_it_was_asked_for(
    instrument: int, held: int, price: int
) -> None:
    size = exact(CATALOGUE.instruments[instrument], held, price)
    down = cash_leg(CATALOGUE, instrument, held, price, Rounding.DOWN)
    up = cash_leg(CATALOGUE, instrument, held, price, Rounding.UP)
    assert down <= size <= up
    assert up - down == (size.denominator != 1)


@given(instruments, st.lists(lots, min_size=1, max_size=8), prices, rates)
def test_funding_never_pays_out_more_than_it_takes(
    instrument: int, held: list[int], mark: int, rate: int
) -> None:
    held = [*held, -sum(held)]  # Every contract sums to zero over its holders.
    paid = [funding_payment(CATALOGUE, instrument, lots, mark, rate) for lots in held]
    assert -len(held) < sum(paid) <= 0


@given(instruments, st.lists(lots, min_size=1, max_size=8), prices)
def test_an_expiry_never_pays_out_more_than_it_takes(
    instrument: int, held: list[int], price: int
) -> None:
    held = [*held, -sum(held)]
    paid = [settlement_value(CATALOGUE, instrument, lots, price) for lots in held]
    assert -len(held) < sum(paid) <= 0


@given(lots, prices)
def test_a_call_less_a_put_is_the_forward_less_the_strike(held: int, price: int) -> None:
    call, put = (
        CATALOGUE.instrument(f"BTC/USDC:USDC-240809-60000-{right}") for right in ("C", "P")
    )
    scale = 10**6  # The put's lot is 10⁶ of the call's.
    paid = settlement_value(CATALOGUE, call, held * scale, price) - settlement_value(
        CATALOGUE, put, held, price
    )
    terms = CATALOGUE.instruments[put]
    assert terms.strike is not None
    owed = Fraction(held * terms.lot, 10**8) * Fraction(price - terms.strike, 10**10) * 10**6
    assert abs(paid - owed) < 1
