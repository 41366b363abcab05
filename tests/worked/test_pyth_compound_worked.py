"""Pyth and Compound III by hand: the arithmetic stands beside each number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import compound, pyth
from seawall.protocols.compound import Absorption, Base, Collateral
from seawall.protocols.pyth import Aggregate, Quote

WAD = 10**18
DOLLAR = Base(10**8, 10**6)


def ether(milli: int, price: int) -> Collateral:
    return Collateral(
        milli * 10**15,
        price * 10**8,
        WAD,
        threshold=WAD * 80 // 100,
        liquidation_factor=WAD * 90 // 100,
    )


def test_a_debt_that_is_exactly_covered_stays() -> None:
    # 2 ether at 1,000 cover 80% of 2,000 = 1,600 dollars.
    held = [ether(2_000, 1_000)]
    assert not compound.is_liquidatable(-1_600 * 10**6, DOLLAR, held)
    assert compound.is_liquidatable(-1_600 * 10**6 - 1, DOLLAR, held)
    assert not compound.is_liquidatable(0, DOLLAR, [])
    with pytest.raises(compound.RefusedError, match="not_liquidatable"):
        compound.absorb(-1_600 * 10**6, DOLLAR, held)


def test_absorption_leaves_a_rest_or_is_clipped() -> None:
    # The account is credited 90% of 2,000 = 1,800 for a debt of 1,700, and keeps 100.
    found = compound.absorb(-1_700 * 10**6, DOLLAR, [ether(2_000, 1_000)])
    assert found == Absorption(100 * 10**6, 1_800 * 10**6, -1_800 * 10**6)
    # At 500 it is credited 900: the reserves pay the whole 1,700 all the same.
    found = compound.absorb(-1_700 * 10**6, DOLLAR, [ether(2_000, 500)])
    assert found == Absorption(0, 1_700 * 10**6, -1_700 * 10**6)


def test_the_reserves_sell_below_the_oracle() -> None:
    # Half of the 10% penalty: ether at 1,000 · 0.95 = 950, so 475 dollars buy one half.
    found = compound.quote_collateral(475 * 10**6, DOLLAR, ether(0, 1_000), WAD // 2)
    assert found == WAD // 2


@given(st.integers(-(10**15), -1), st.integers(0, 10**6), st.integers(1, 10**5))
def test_an_absorption_pays_the_debt_and_never_more_than_debt_and_credit(
    balance: int, milli: int, price: int
) -> None:
    held = [ether(milli, price)]
    if not compound.is_liquidatable(balance, DOLLAR, held):
        return
    found = compound.absorb(balance, DOLLAR, held)
    credited = milli * price * 900  # Milli-ether · dollars · 0.9, in 10⁻⁶ dollars.
    assert found.balance >= 0
    assert found.base_paid_out == max(-balance, credited)
    assert found.reserves_change == -found.base_paid_out


def test_votes() -> None:
    # Votes 99 100 101 · 108 110 112 · 117 120 123 (n = 9): middle 110, quartiles 101 and 117.
    quotes = [Quote(100, 1), Quote(110, 2), Quote(120, 3)]
    assert pyth.aggregate(quotes) == Aggregate(110, 9)
    # Two quotes, votes 99 100 101 108 110 112: ⌊(101 + 108) / 2⌋ = 104, quartiles 100 and 110.
    assert pyth.aggregate(quotes[:2]) == Aggregate(104, 6)
    assert pyth.aggregate(quotes[:2], publishers_min=3) is None


@pytest.mark.parametrize(
    "silent",
    [
        Quote(500, 0),
        Quote(500, -1),
        Quote(500, 1, slots_old=26),
        Quote(500, 1, slots_old=-1),
        Quote(500, 1, is_trading=False),
        Quote(2**63 - 1, 1),
        Quote(-(2**63), 1),
    ],
)
def test_an_invalid_quote_has_no_vote(silent: Quote) -> None:
    assert pyth.aggregate([silent]) is None
    assert pyth.aggregate([silent, Quote(100, 1, slots_old=25)]) == Aggregate(100, 1)


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(1, 10**9)), min_size=1))
def test_the_aggregate_does_not_know_the_order_and_lies_between_the_votes(
    pairs: list[tuple[int, int]],
) -> None:
    quotes = [Quote(price, confidence) for price, confidence in pairs]
    found = pyth.aggregate(quotes)
    assert found is not None
    assert found == pyth.aggregate(reversed(quotes))
    assert min(p - c for p, c in pairs) <= found.price <= max(p + c for p, c in pairs)
    assert found.confidence > 0


def test_an_average_gives_a_sure_price_more_weight() -> None:
    # Weights 1 and ¼; one slot forgets 117,065·10⁻⁹, cut to 0.99988293 of the first.
    # (100 · 0.99988293 + 200 / 4) / (0.99988293 + 0.25) = 149.988293 / 1.24988293 = 120.0018.
    first = pyth.average(pyth.EMPTY, 100_0000, 1_0000, -4, 5_000)
    assert first.value == 100_0000
    second = pyth.average(first, 200_0000, 4_0000, -4, 1)
    assert second.value == 120_0018
    # After 4,146 slots of silence the old price is forgotten.
    assert pyth.average(first, 200_0000, 4_0000, -4, 4_146).value == 200_0000


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=20), st.integers(1, 4_145))
def test_an_average_lies_between_the_prices(prices: list[int], slots: int) -> None:
    found = pyth.EMPTY
    for price in prices:
        found = pyth.average(found, price, 10, 0, slots)
        assert min(prices) * (1 - 1e-6) - 1 <= found.value <= max(prices) * (1 + 1e-6)


def test_conversions() -> None:
    assert pyth.with_decimals(12_345, -3, 6) == 12_345_000
    assert pyth.with_decimals(12_999, -3, 0) == 12
    assert pyth.with_decimals(5, -58, 0) == 0
    # 30,000.00 over 2,000.0000 with four decimals: 15.0000.
    assert pyth.cross_rate(3_000_000, -2, 20_000_000, -4, -4) == 15_0000


@pytest.mark.parametrize(
    ("price", "exponent", "decimals", "reason"),
    [
        (-1, -256, 0, pyth.Refusal.NEGATIVE_INPUT_PRICE),
        (1, -256, 256, pyth.Refusal.INVALID_INPUT_EXPO),
        (1, -59, 0, pyth.Refusal.EXPONENT_OVERFLOW),
        (1, 0, 59, pyth.Refusal.EXPONENT_OVERFLOW),
    ],
)
def test_refused_conversions(
    price: int, exponent: int, decimals: int, reason: pyth.Refusal
) -> None:
    with pytest.raises(pyth.RefusedError) as caught:
        pyth.with_decimals(price, exponent, decimals)
    assert caught.value.reason is reason


def test_no_rate_against_nothing() -> None:
    with pytest.raises(pyth.RefusedError, match="no_price"):
        pyth.cross_rate(1, 0, 0, 0, 0)


def test_a_reader_is_careful() -> None:
    assert pyth.collateral_price(50_000, 1_000) == 49_000
    assert pyth.debt_price(50_000, 1_000) == 51_000
    assert pyth.is_fresh(now=1_000, published=1_010, age_max=10)
    assert not pyth.is_fresh(now=1_000, published=1_011, age_max=10)
