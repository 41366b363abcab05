"""dYdX v4 by hand: the arithmetic stands beside each number, in USDC and whole coins."""

from __future__ import annotations

from fractions import Fraction

import pytest

from seawall.protocols import dydx_funding
from seawall.protocols.dydx import (
    Account,
    Market,
    Position,
    Refusal,
    RefusedError,
    Risk,
    Transition,
    account_risk,
    changed,
    initial_fraction_ppm,
    is_liquidatable,
    riskier,
    transition,
)
from seawall.protocols.dydx_liquidation import (
    DeleveragingPrice,
    LiquidationRules,
    bankruptcy_price,
    bankruptcy_quote,
    deleverage,
    deleverage_pair,
    deleveraging_price,
    fillable_price,
    insurance_fund_change,
    liquidation_limits,
)

USDC = 10**6
COIN = 10**8  # Base quantums.
BITCOIN = Market(Fraction(40_000 * USDC, COIN), 50_000, 600_000)  # 40,000 USDC; 5% and 3%.
ETHER = Market(Fraction(2_000 * USDC, COIN), 100_000, 500_000)  # 2,000 USDC; 10% and 5%.
MARKETS = {0: BITCOIN, 1: ETHER}
RULES = LiquidationRules()


def usdc(price: Fraction) -> Fraction:
    return price * COIN / USDC


def test_margin_of_two_positions() -> None:
    # 1 BTC long: 40,000. 10 ETH short: −20,000. With −19,000 USDC the account is worth 1,000.
    account = Account(-19_000 * USDC, (Position(0, COIN), Position(1, -10 * COIN)))
    # Initial 5% · 40,000 + 10% · 20,000 = 4,000; maintenance 60% · 2,000 + 50% · 2,000 = 2,200.
    assert account_risk(account, MARKETS) == Risk(1_000 * USDC, 4_000 * USDC, 2_200 * USDC)


def test_both_steps_of_the_maintenance_margin_round_up() -> None:
    # 3 quantums of notional: ⌈3 · 0.05⌉ = 1, ⌈1 · 0.6⌉ = 1; one rounding would also say 1,
    # but for 21: ⌈1.05⌉ = 2 and ⌈2 · 0.6⌉ = 2, where ⌈21 · 0.03⌉ = 1.
    one = Market(Fraction(1), 50_000, 600_000)
    for size, initial, maintenance in ((3, 1, 1), (21, 2, 2)):
        risk = account_risk(Account(0, (Position(0, size),)), {0: one})
        assert (risk.initial, risk.maintenance) == (initial, maintenance)


def test_open_interest_and_chosen_leverage_raise_only_the_initial_margin() -> None:
    # 750 coins at 40,000 are 30 million, a fifth of the way from 25 to 50 million:
    # 5% + 0.2 · 95% = 24%.
    crowded = BITCOIN._replace(
        open_interest=750 * COIN,
        open_interest_lower=25 * 10**6 * USDC,
        open_interest_upper=50 * 10**6 * USDC,
    )
    assert initial_fraction_ppm(crowded, 30 * 10**6 * USDC) == 240_000
    held = Position(0, COIN)
    risk = account_risk(Account(0, (held,)), {0: crowded})
    assert (risk.initial, risk.maintenance) == (9_600 * USDC, 1_200 * USDC)
    # At most twice leverage is a floor of 50%.
    slow = held._replace(initial_floor_ppm=500_000)
    risk = account_risk(Account(0, (slow,)), {0: crowded})
    assert (risk.initial, risk.maintenance) == (20_000 * USDC, 1_200 * USDC)


def test_funding_is_rounded_against_the_account() -> None:
    # The index rose by 7 millionths of a quantum per base quantum: a long of 10⁵ pays 0.7, so 1.
    market = {0: BITCOIN._replace(funding_index=7)}
    for size, paid in ((10**5, -1), (-(10**5), 0)):
        account = Account(0, (Position(0, size),))
        after = changed(account, market, 0, 0, 0)
        assert after == Account(paid, (Position(0, size, 7),))
        assert account_risk(after, market) == account_risk(account, market)


def test_equality_is_healthy() -> None:
    assert not is_liquidatable(Risk(100, 200, 100))
    assert is_liquidatable(Risk(99, 200, 100))
    assert not is_liquidatable(Risk(-1, 0, 0))


def test_the_thinnest_account_is_liquidated_first() -> None:
    assert riskier(Risk(3, 0, 4), Risk(4, 0, 5)) == 1  # 3/4 < 4/5.
    assert riskier(Risk(6, 0, 8), Risk(3, 0, 4)) == 1  # The same ratio: more to lose.
    assert riskier(Risk(1, 0, 0), Risk(2, 0, 0)) == 1  # No requirement: less to lose it from.


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Risk(5, 10, 4), Risk(20, 10, 4), Transition.SUCCESS),
        (Risk(20, 10, 4), Risk(5, 10, 4), Transition.NEWLY_UNDERCOLLATERALIZED),
        (Risk(6, 20, 8), Risk(3, 10, 4), Transition.SUCCESS),  # Half of everything: 3/4 = 6/8.
        (Risk(6, 20, 8), Risk(2, 10, 4), Transition.STILL_UNDERCOLLATERALIZED),  # 2/4 < 6/8.
        (Risk(6, 20, 8), Risk(9, 20, 9), Transition.STILL_UNDERCOLLATERALIZED),  # 9 > 8.
        (Risk(-2, 0, 0), Risk(-1, 0, 0), Transition.SUCCESS),
        (Risk(-1, 0, 0), Risk(-1, 0, 0), Transition.STILL_UNDERCOLLATERALIZED),
    ],
)
def test_an_account_below_its_initial_margin_may_only_get_safer(
    before: Risk, after: Risk, expected: Transition
) -> None:
    assert transition(before, after) is expected


# 1 BTC long with −39,100 USDC: worth 900, maintenance 1,200.
WEAK = Account(-39_100 * USDC, (Position(0, COIN),))


def test_bankruptcy_and_fillable_price() -> None:
    # Bankrupt where the coin pays back the debt: 39,100; a quarter gives a quarter of that.
    assert bankruptcy_quote(WEAK, MARKETS, 0, -COIN) == 39_100 * USDC
    assert usdc(bankruptcy_price(WEAK, MARKETS, 0, -COIN // 4)) == 39_100
    # Rating 1 − 900/1,200 = 0.25; 40,000 − 0.25 · 1.5 · 1,200 = 39,550.
    assert usdc(fillable_price(WEAK, MARKETS, 0, -COIN, RULES)) == 39_550


def test_the_insurance_fund_receives_or_pays() -> None:
    # Sold at 39,300: 200 beyond bankruptcy, less than 1.5% · 39,300 = 589.5.
    assert insurance_fund_change(WEAK, MARKETS, 0, -COIN, 39_300 * USDC, 15_000) == 200 * USDC
    # At 39,900 the 800 beyond are cut to 1.5% · 39,900 = 598.5.
    paid = insurance_fund_change(WEAK, MARKETS, 0, -COIN, 39_900 * USDC, 15_000)
    assert paid == 598_500_000
    assert insurance_fund_change(WEAK, MARKETS, 0, -COIN, 39_000 * USDC, 15_000) == -100 * USDC
    with pytest.raises(RefusedError) as refused:
        insurance_fund_change(WEAK, MARKETS, 0, 0, 0, 15_000)
    assert refused.value.reason is Refusal.FILL_INVALID


@pytest.mark.parametrize("change", [0, 1, -COIN - 1])
def test_only_a_change_that_reduces_the_position_has_a_price(change: int) -> None:
    with pytest.raises(RefusedError) as refused:
        bankruptcy_quote(WEAK, MARKETS, 0, change)
    assert refused.value.reason is Refusal.SIZE_CHANGE_INVALID


def test_one_order_takes_a_tenth_or_a_thousand_dollars() -> None:
    assert liquidation_limits(40_000 * USDC, RULES) == (1_000 * USDC, 4_000 * USDC)
    assert liquidation_limits(-5_000 * USDC, RULES) == (1_000 * USDC, 1_000 * USDC)
    assert liquidation_limits(300 * USDC, RULES) == (300 * USDC, 300 * USDC)


def test_deleveraging_walks_past_whoever_would_end_below_zero() -> None:
    # 1 BTC long, 41,000 USDC in debt: worth −1,000, closed at 41,000 a coin.
    broke = Account(-41_000 * USDC, (Position(0, COIN),))
    # A short of 0.5 with 20,100 USDC would buy back at 20,500 and owe 400.
    poor = Account(20_100 * USDC, (Position(0, -COIN // 2),))
    rich = Account(90_000 * USDC, (Position(0, -2 * COIN),))
    found = deleverage([broke, poor, rich], 0, [1, 2], MARKETS, 0, -COIN)
    assert found.fills == ((2, COIN),)
    assert found.remaining == 0
    assert found.accounts == (
        Account(0),
        poor,
        Account(49_000 * USDC, (Position(0, -COIN),)),  # 90,000 − 41,000.
    )
    with pytest.raises(RefusedError) as refused:
        deleverage_pair(broke, poor, MARKETS, 0, -COIN // 2)
    assert refused.value.reason is Refusal.UPDATE_NOT_ALLOWED


def test_final_settlement_closes_solvent_accounts_at_the_oracle() -> None:
    assert deleveraging_price(Risk(-1, 0, 5), True) is DeleveragingPrice.BANKRUPTCY
    assert deleveraging_price(Risk(0, 0, 5), True) is DeleveragingPrice.ORACLE
    assert deleveraging_price(Risk(0, 0, 5), False) is DeleveragingPrice.NONE
    rich = Account(90_000 * USDC, (Position(0, -COIN),))
    after = deleverage_pair(WEAK, rich, MARKETS, 0, -COIN, DeleveragingPrice.ORACLE)
    assert after == (Account(900 * USDC), Account(50_000 * USDC))  # At 40,000 a coin.


def test_from_a_book_to_the_funding_index() -> None:
    def book(*levels: tuple[int, int]) -> list[tuple[Fraction, Fraction]]:
        return [(Fraction(price), Fraction(size)) for price, size in levels]

    # Selling 300 into 1 at 102 and the rest, 198, at 99: 3 coins, 100 each; 100/98 − 1 = 2.0408%.
    bids, asks = book((102, 1), (99, 5)), book((103, 9))
    found = dydx_funding.premium(bids, asks, Fraction(98), Fraction(300), 10**6)
    assert found == 20_408
    # Truncated towards zero on the other side too: 1 − 100/101 = 0.990099%.
    found = dydx_funding.premium([], book((100, 9)), Fraction(101), Fraction(300), 10**6)
    assert found == -9_900
    assert dydx_funding.premium(bids, asks, Fraction(98), Fraction(10**6), 10**6) == 0
    assert dydx_funding.premium(bids, asks, Fraction(98), Fraction(300), 1_000) == 1_000
    # 30 samples of 0.1% in an hour that expects 60: 0.05%.
    assert dydx_funding.tick_rate(30 * 1_000, 30, 60, 0, 10**6) == 500
    # 6 · (5% − 3%) = 12% is the most.
    bound = dydx_funding.rate_bound(6_000_000, 50_000, 600_000)
    assert bound == 120_000
    assert dydx_funding.tick_rate(-60 * 900_000, 60, 60, 0, bound) == -120_000
    # 0.05% of 40,000 is 20 USDC a coin in 8 hours, 2.5 in one: 2.5 · 10⁶ · 10⁶ / 10⁸ = 25,000.
    assert dydx_funding.index_change(500, BITCOIN.price, 3_600) == 25_000


def test_the_odd_sample_goes_from_the_top() -> None:
    # 2 · 25% · 3 = 1.5, so one goes, and it is the largest.
    assert dydx_funding.trimmed_samples([9, 1, 5], 250_000) == [1, 5]
    assert dydx_funding.trimmed_samples([9, 1, 5, 7], 250_000) == [5, 7]
