"""Drift v2 by hand: margin, hysteresis, liquidation size and fee, who bears a loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import drift_bankruptcy as bankruptcy
from seawall.protocols import drift_liquidation as liquidation
from seawall.protocols import drift_margin as margin
from seawall.protocols.drift_margin import BASE_ONE, QUOTE_ONE, MarginType

USDC = margin.SpotMarket(0, 6, 10_000, 10_000, 10_000, 10_000)
SOL = margin.SpotMarket(1, 9, 8_000, 9_000, 12_000, 11_000, oracle_price=50 * QUOTE_ONE)
PERP = margin.PerpMarket(
    0,
    initial_ratio=1_000,
    maintenance_ratio=500,
    oracle_price=50 * QUOTE_ONE,
    liquidator_fee=10_000,
    insurance_fee=10_000,
    size_step=BASE_ONE // 100,
)
MARKETS = margin.Markets({0: USDC, 1: SOL}, {0: PERP})
CALL = liquidation.Liquidation(0, base_max=20 * BASE_ONE, buffer=200)


def held(usdc: int, *perp: margin.PerpPosition) -> margin.Account:
    return margin.Account((margin.SpotPosition(0, usdc * QUOTE_ONE),), perp)


def long(coins: int, dollars: int) -> margin.PerpPosition:
    return margin.PerpPosition(0, coins * BASE_ONE, -dollars * QUOTE_ONE)


def test_cross_margin_adds_weighted_deposits_borrows_and_losses() -> None:
    """100 USDC, 2 SOL borrowed, 4 perpetuals bought at 52.

    Borrow 2 · 50 · 1.2 = 120; perpetual 200 · 10 % = 20; loss 200 − 208 = −8.
    """
    account = held(100, long(4, 208))
    account = account._replace(spot=(*account.spot, margin.SpotPosition(1, -2 * BASE_ONE)))
    found = margin.account_margin(account, MARKETS, margin.Terms(MarginType.INITIAL)).cross
    assert found.requirement == 140 * QUOTE_ONE
    assert found.collateral == 92 * QUOTE_ONE


def test_open_orders_count_at_the_worse_side_and_a_cent_each() -> None:
    """4 coins with 6 bid: 10 · 50 · 5 % = 25, and two cents."""
    position = long(4, 200)._replace(open_orders=2, open_bids=6 * BASE_ONE)
    terms = margin.Terms(MarginType.MAINTENANCE)
    found = margin.account_margin(held(100, position), MARKETS, terms).cross
    assert found.requirement == 25_020_000


def test_buffer_asks_more_to_leave_than_to_enter() -> None:
    """10 coins bought at 52: loss 20, maintenance 25; at 46 collateral 26 it is safe.

    To leave: 25 + 500 · 2 % = 35 against 46 − 20 − 20 · 2 % = 25.6.
    """
    terms = margin.Terms(MarginType.MAINTENANCE, buffer=200)
    found = margin.account_margin(held(46, long(10, 520)), MARKETS, terms).cross
    assert (found.requirement, found.collateral) == (25_000_000, 26_000_000)
    assert found.shortage() == 9_400_000


def test_liquidation_takes_what_covers_the_shortage() -> None:
    """20 coins at 50 with 40 USDC: shortage 1000 · 7 % − 40 = 30.

    Insurance fee min(1 %, 0.95 · (7 % − 1 % − 3 %)) = 1 %; coins 30 / (50 · 6 % − 50 · 1 %) = 12.
    """
    user, taker = held(40, long(20, 1_000)), held(100)
    found = liquidation.liquidate(user, taker, MARKETS, CALL)
    assert isinstance(found, liquidation.Outcome)
    assert found.base == 12 * BASE_ONE
    assert found.insurance_fee == 6 * QUOTE_ONE
    assert found.user.perp[0].quote == -(1_000 - 600 + 6 + 6) * QUOTE_ONE
    assert found.liquidator.perp[0].quote == -(600 - 6) * QUOTE_ONE
    assert not found.still_liquidated


@pytest.mark.parametrize(
    ("usdc", "taker", "call", "reason"),
    [
        (100, 100, CALL, liquidation.DriftRefusal.ENOUGH_COLLATERAL),
        (40, 100, CALL._replace(market=1), liquidation.DriftRefusal.NO_POSITION),
        (40, 100, CALL._replace(base_max=1), liquidation.DriftRefusal.SIZE_BELOW_STEP),
        (40, 100, CALL._replace(limit_price=49 * QUOTE_ONE), liquidation.DriftRefusal.LIMIT_PRICE),
        (40, 1, CALL, liquidation.DriftRefusal.LIQUIDATOR_LACKS_MARGIN),
    ],
)
def test_refusals(
    usdc: int, taker: int, call: liquidation.Liquidation, reason: liquidation.DriftRefusal
) -> None:
    """The long passes at 50 less 1 %, so a limit of 49 is not met; 600 of notional asks for 60."""
    markets = margin.Markets(MARKETS.spot, {0: PERP, 1: PERP._replace(number=1)})
    user = held(usdc, long(20, 1_000))
    assert liquidation.liquidate(user, held(taker), markets, call) == reason


def test_share_grows_with_time_and_small_shortages_go_at_once() -> None:
    """A shortage of 100, 20 freed: (10 % + 60 / 150) · 120 − 20 = 40."""
    assert liquidation.share_allowed(100 * QUOTE_ONE, 20 * QUOTE_ONE, 60, 1_000, 150) == 4_000
    assert liquidation.share_allowed(49 * QUOTE_ONE, 0, 0, 1_000, 150) == 10_000


def test_bankruptcy_waterfall() -> None:
    """100 lost: the fund keeps one atom of 30, fees give 20, 50 coins share the rest."""
    found = bankruptcy.resolve_bankruptcy(
        100_000_000, 30_000_001, 10**12, 20_000_000, 40 * BASE_ONE, -10 * BASE_ONE
    )
    assert found == bankruptcy.Resolved(30_000_000, 20_000_000, 50_000_000, BASE_ONE)


def test_depositors_lose_no_more_than_everything() -> None:
    assert bankruptcy.deposit_interest_delta(11, 120, 10**10) == 916_666_667
    assert bankruptcy.deposit_interest_delta(200, 120, 10**10) == 10**10 - 1
    assert bankruptcy.deposit_interest_delta(11, 0, 10**10) == 0


@given(
    size=st.integers(0, 10**15),
    more=st.integers(0, 10**15),
    factor=st.integers(0, 10**6),
    weight=st.integers(1, 20_000),
)
def test_a_larger_size_never_pays_less(size: int, more: int, factor: int, weight: int) -> None:
    larger = size + more
    premium = [margin.size_premium(base, factor, weight) for base in (size, larger)]
    discount = [margin.size_discount(base, factor, weight) for base in (size, larger)]
    assert weight <= premium[0] <= premium[1]
    assert weight >= discount[0] >= discount[1]


@given(usdc=st.integers(0, 69), coins=st.integers(1, 2_000))
def test_liquidation_moves_money_and_makes_none(usdc: int, coins: int) -> None:
    """What the user loses is what the liquidator and the insurance fund gain."""
    call = CALL._replace(base_max=coins * BASE_ONE // 100)
    user, taker = held(usdc, long(20, 1_000)), held(1_000)
    found = liquidation.liquidate(user, taker, MARKETS, call)
    if isinstance(found, liquidation.Outcome) and found.base:
        before = user.perp[0]
        after, gained = found.user.perp[0], found.liquidator.perp[0]
        assert after.base + gained.base == before.base
        assert after.quote + gained.quote + found.insurance_fee == before.quote
    else:
        assert found == liquidation.DriftRefusal.ENOUGH_COLLATERAL
        assert usdc >= 50  # 1,000 · 5 %.
