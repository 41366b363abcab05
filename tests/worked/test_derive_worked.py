"""Derive's margins by hand: the arithmetic stands beside each number."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from seawall.margin.derive import (
    PRESETS,
    Collateral,
    CollateralTerms,
    DeriveScenario,
    Expiry,
    Market,
    MarketError,
    Option,
    ParameterError,
    Portfolio,
    Position,
    Smile,
    SmileDomainError,
    contract_exponential,
    option_price,
    portfolio_margin,
    portfolio_two_margin,
    smile_volatility,
    standard_margin,
)
from seawall.margin.derive.market import columns
from seawall.margin.derive.standard import largest_loss
from seawall.margin.derive.valuation import skew_multipliers, volatility_multipliers

STANDARD = PRESETS["derive_standard_test"]
FIRST = PRESETS["derive_portfolio_test"]
SECOND = PRESETS["derive_portfolio_two"]
CLOSE = {"rel": 1e-12, "abs": 1e-9}
ALMOST = Decimal("0.399999999999999999")


def market(*options: tuple[float, bool], **changes: object) -> Market:
    """Spot, forward and perpetual at 1500, volatility 0, one expiry now: intrinsic values."""
    given = {
        "spot": 1500.0,
        "perpetual": 1500.0,
        "expiries": (Expiry(seconds=0, forward_variable=1500.0),),
        "options": tuple(Option(0, strike, is_call, 0.0) for strike, is_call in options),
    }
    return Market(**{**given, **changes})


def held(*amounts: float, **changes: float) -> Portfolio:
    positions = tuple(Position(place, amount) for place, amount in enumerate(amounts))
    return Portfolio(positions=positions, **changes)


@pytest.mark.parametrize(
    ("strike", "is_call", "initial", "maintenance"),
    [
        # −1100 of mark; 0.15 · 1500 = 225 and 0.075 · 1500 = 112.5.
        (400.0, True, -1325.0, -1212.5),
        # Out of the money by 100 ÷ 1500 = 6.7 %: max(15 % − 6.7 %, 10 %) = 10 % of 1500.
        (1600.0, True, -150.0, -112.5),
        # −100 of mark; maintenance adds the larger of 112.5 and 0.075 · 100.
        (1600.0, False, -325.0, -212.5),
        # −1500 of mark, 0.075 · 1500 = 112.5 either way; initial adds 225, more than 1.05 · 1612.5
        # = 1693.125, and the put's largest loss is its strike.
        (3000.0, False, -1725.0, -1612.5),
        # Initial −(13 500 + 225); maintenance −(13 500 + 0.075 · 13 500) = −14 512.5, which × 1.05
        # is 15 238.125; but nothing can lose more than its strike of 15 000.
        (15_000.0, False, -15_000.0, -14_512.5),
    ],
)
def test_an_option_sold_alone(
    strike: float, is_call: bool, initial: float, maintenance: float
) -> None:
    found = standard_margin(STANDARD, [(market((strike, is_call)), held(-1.0))])
    assert found.initial == pytest.approx(initial, **CLOSE)
    assert found.maintenance == pytest.approx(maintenance, **CLOSE)


def test_a_spread_owes_its_largest_loss_and_calls_that_nothing_covers() -> None:
    listed = market((1500.0, True), (1600.0, True))
    spread = standard_margin(STANDARD, [(listed, held(-1.0, 1.0))])
    assert spread.initial == spread.maintenance == -100.0
    # At 1600 the 1.01 sold lose 101; 0.01 is uncovered: 1.2 · 1500 · 0.01 = 18, or 16.5 with 1.1.
    # By itself the call sold owes 15 % = 227.25 or 7.5 % = 113.625; the better of both counts.
    uneven = standard_margin(STANDARD, [(listed, held(-1.01, 1.0))])
    assert uneven.initial == pytest.approx(-119.0, **CLOSE)
    assert uneven.maintenance == pytest.approx(-113.625, **CLOSE)
    (expiry,) = uneven.markets[0].expiries
    assert list(expiry.bounded) == pytest.approx([-119.0, -117.5], **CLOSE)
    assert list(expiry.isolated) == pytest.approx([-227.25, -113.625], **CLOSE)


def test_a_threshold_is_compared_to_the_last_digit() -> None:
    for confidence, charge in ((Decimal("0.4"), 0.0), (ALMOST, 0.6 * 0.4 * 1500.0)):
        feeds = market(spot_confidence=confidence)
        found = standard_margin(STANDARD, [(feeds, held(perpetual=-1.0))])
        # 6.5 % of 1500 initial, 5 % maintenance; the charge is initial only.
        assert found.initial == pytest.approx(-97.5 - charge, **CLOSE)
        assert found.maintenance == pytest.approx(-75.0, **CLOSE)
    assert float(ALMOST) == 0.4, "float64 cannot tell the two apart"


def test_base_counts_at_its_factor_and_a_cheap_stablecoin_is_charged() -> None:
    given = market(stable=Decimal("0.9"))
    found = standard_margin(STANDARD, [(given, held(base=2.0, perpetual=1.0, cash=50.0))])
    # Base 2 · 1500 · 0.8 = 2400; perpetual 97.5 or 75; depeg (0.98 − 0.9) · 1.2 · 1500 · 1 = 144.
    assert found.initial == pytest.approx(50.0 + 2400.0 - 97.5 - 144.0, **CLOSE)
    assert found.maintenance == pytest.approx(50.0 + 2400.0 - 75.0, **CLOSE)
    assert found.mark_value == pytest.approx(50.0 + 3000.0 / 0.9, **CLOSE)


def test_one_perpetual_in_the_first_generation() -> None:
    found = portfolio_margin(FIRST, market(), held(perpetual=1.0))
    # −15 % of 1500 = −225 and 2 % of spot = 30; maintenance −255, initial × 1.3.
    assert found.maintenance == pytest.approx(-255.0, **CLOSE)
    assert found.initial == pytest.approx(-331.5, **CLOSE)
    assert found.worst_scenario == 18  # 0.85 with volatility up, the first of three equals.
    assert found.near_maintenance == pytest.approx(-75.0 - 30.0, **CLOSE)
    assert found.maintenance_under(0) == pytest.approx(-30.0, **CLOSE)  # A rise hurts no buyer.
    cheap = portfolio_margin(FIRST, market(stable=Decimal("0.9")), held(perpetual=1.0))
    assert cheap.depeg == pytest.approx(0.08 * 2.0)
    assert cheap.initial == pytest.approx(-255.0 * 1.46, **CLOSE)


def test_a_call_bought_is_discounted_when_it_is_shocked() -> None:
    found = portfolio_margin(FIRST, market((1000.0, True)), held(1.0))
    # At 0.85: (1275 − 1000) · 0.95 − 500 = −238.75. Basis: (1425 − 1500) · 0.25 = −18.75.
    assert found.worst == pytest.approx(-238.75, **CLOSE)
    assert found.basis == pytest.approx(-18.75, **CLOSE)
    assert found.static_scaled == 0.0
    assert found.maintenance == pytest.approx(500.0 - 238.75, **CLOSE)
    assert found.initial == pytest.approx(500.0 - 238.75 * 1.3, **CLOSE)


def test_only_the_same_strike_covers_an_option_sold() -> None:
    listed = market((1500.0, True), (1500.0, False), (1600.0, True))
    # 1 % of 1500 = 15 for each option that nothing covers.
    for amounts, uncovered in (
        ((-1.0, -2.0, 0.0), 3.0),
        ((-3.0, 2.0, 0.0), 1.0),
        ((-1.0, 0.0, 1.0), 1.0),
        ((1.0, 2.0, 0.0), 0.0),
    ):
        found = portfolio_margin(FIRST, listed, held(*amounts))
        assert found.static_scaled == pytest.approx(15.0 * uncovered, **CLOSE)


def test_options_bought_are_charged_for_doubt_in_the_first_generation() -> None:
    doubtful = Expiry(seconds=0, forward_variable=1500.0, rate_confidence=Decimal("0.5"))
    listed = market((1500.0, True), (1600.0, True), expiries=(doubtful,))
    found = portfolio_margin(FIRST, listed, held(1.0, -2.0, perpetual=1.0))
    # (1 − 0.5) · 0.5 · 3 options · 1500; the perpetual's own feeds are certain.
    assert found.confidence == pytest.approx(1125.0, **CLOSE)


def test_a_put_sold_and_collateral_in_the_second_generation() -> None:
    method = msgspec.structs.replace(
        SECOND, collaterals={"TOKEN": CollateralTerms(Decimal("0.1"), Decimal("0.05"))}
    )
    listed = market((1600.0, False), collaterals=(Collateral("TOKEN", 100.0),))
    found = portfolio_two_margin(method, listed, held(-1.0, collaterals=(2.0,)))
    # Mark −100. At 0.82 the put is worth 370, short discount min(1, 0.95): −351.5 + 100 = −251.5.
    # The tails: 0.67 gives (−595 · 0.95 + 100) · 0.42 = −195.4, and
    # 0.34 gives (−1090 · 0.95 + 100) · 0.21 = −196.5.
    assert found.worst == pytest.approx(-251.5, **CLOSE)
    assert found.worst_scenario == 22
    # Naked 0.003 · 1500 = 4.5 and 0.002 · 1500 = 3; collateral 200, haircuts 20 and 10.
    assert found.maintenance == pytest.approx(0.8 * -251.5 - 4.5 - 20.0 - 100.0 + 200.0, **CLOSE)
    assert found.initial == pytest.approx(-251.5 - 7.5 - 30.0 - 100.0 + 200.0, **CLOSE)


def test_discounts_of_the_second_generation() -> None:
    year = Expiry(seconds=31_536_000, forward_variable=1500.0, rate=0.1)
    listed = market((1600.0, False), (1500.0, True), expiries=(year,))
    method = msgspec.structs.replace(
        SECOND,
        scenarios=(DeriveScenario(Decimal(1)), DeriveScenario(Decimal(1), "Up", Decimal("0.5"))),
    )
    # Worth −100 · e^−0.1; 0.95 · e^0.16 = 1.115 would be more than undiscounted, so −100 it is.
    sold = portfolio_two_margin(method, listed, held(-1.0, 0.0))
    assert sold.profit[0] == pytest.approx(-100.0 + 100.0 * math.exp(-0.1), **CLOSE)
    # Down 4.5 % it loses 67.5 · e^−0.1 more, of which 0.5 + 2 · 1 year counts.
    assert sold.basis == pytest.approx(-67.5 * math.exp(-0.1) * 2.5, **CLOSE)
    assert sold.worst_scenario == 2
    # A volatility of 0 is floored at 0.4 when it is shocked up; half of the change counts.
    bought = portfolio_two_margin(method, listed, held(0.0, 1.0))
    fair = option_price(1500.0, 1500.0, 0.4, 1.0, math.exp(-0.1))
    assert bought.profit[1] == pytest.approx(0.5 * fair * 1.05 * math.exp(-0.16), **CLOSE)


def test_collateral_that_cancels_risk_moves_with_the_price() -> None:
    terms = {"ETH": CollateralTerms(Decimal(0), Decimal(0), risk_cancelling=True)}
    method = msgspec.structs.replace(SECOND, collaterals=terms)
    listed = market(collaterals=(Collateral("ETH", 1500.0),))
    alone = portfolio_two_margin(method, listed, held(collaterals=(1.0,)))
    assert alone.worst == pytest.approx(-0.18 * 1500.0, **CLOSE)
    hedged = portfolio_two_margin(method, listed, held(perpetual=-1.0, collaterals=(1.0,)))
    assert hedged.worst == 0.0
    assert hedged.worst_scenario == len(SECOND.scenarios), "the basis contingency, which is 0"


def test_a_tilted_smile() -> None:
    quarter = Expiry(seconds=31_536_000 // 4, forward_variable=100.0)
    strikes = [100.0 * math.exp(k) for k in (0.0, 0.6, 3.0, -0.6, -3.0)]
    listed = Market(
        spot=100.0,
        expiries=(quarter,),
        options=tuple(Option(0, strike, True, 0.5) for strike in strikes),
    )
    # Cap 0.25 − 0.1 · √¼ = 0.2, reached at k = √¼ · 4 · 0.6 = 1.2; half of it at k = 0.6.
    cols = columns(listed)
    linear = skew_multipliers(SECOND, cols, absolute=False)
    assert linear == pytest.approx([1.0, 1.1, 1.2, 0.9, 0.8], rel=1e-12)
    both = skew_multipliers(SECOND, cols, absolute=True)
    assert both == pytest.approx([1.0, 1.1, 1.2, 1.1, 1.2], rel=1e-12)


def test_volatility_shocks_by_time_to_expiry() -> None:
    day = 86_400.0
    up, down = volatility_multipliers(FIRST, np.array([30 * day, 0.0, 120 * day]))
    # τ = 1, then 30 ÷ 1 under the floor of a day, then ¼ with the long power.
    assert up == pytest.approx([1.45, 1.0 + 0.45 * 30**0.3, 1.0 + 0.45 * 0.25**0.13], rel=1e-12)
    assert down == pytest.approx([0.7, 1.0 - 0.3 * 30**0.3, 1.0 - 0.3 * 0.25**0.13], rel=1e-12)


def test_the_month_itself_takes_the_short_power() -> None:
    # At τ = 1 every power gives 1, so the floor is set to 60 days: τ = ½.
    method = msgspec.structs.replace(FIRST, seconds_floor=Decimal(60 * 86_400))
    up, _ = volatility_multipliers(method, np.array([30 * 86_400.0, 30 * 86_400.0 + 1.0]))
    assert up == pytest.approx([1.0 + 0.45 * 0.5**0.3, 1.0 + 0.45 * 0.5**0.13], rel=1e-12)


def test_a_tilt_that_helps_counts_as_a_loss() -> None:
    quarter = Expiry(seconds=31_536_000 // 4, forward_variable=1500.0)
    listed = Market(spot=1500.0, expiries=(quarter,), options=(Option(0, 2000.0, True, 0.5),))
    method = msgspec.structs.replace(
        SECOND,
        long_discount=Decimal(1),
        long_rate_add=Decimal(0),
        scenarios=(DeriveScenario(Decimal(1), "Linear", Decimal("0.5")),),
    )
    found = portfolio_two_margin(method, listed, held(1.0))
    # Volatility × 1 + ln(4 ÷ 3) · 0.2 ÷ 1.2 makes the call dearer; half of that is taken off.
    tilted = 0.5 * (1.0 + math.log(4.0 / 3.0) * 0.2 / 1.2)
    gain = option_price(1500.0, 2000.0, [0.5, tilted], 0.25)
    assert gain[1] > gain[0]
    assert found.profit[0] == pytest.approx(-0.5 * (gain[1] - gain[0]), **CLOSE)


def test_which_feeds_a_charge_of_portfolio_margin_rests_on() -> None:
    # 0.6 is the threshold itself and charges nothing; one digit below charges 0.4 · 0.5 · 1500.
    just_below = Decimal("0.599999999999999999")
    for confidence, charge in ((Decimal("0.6"), 0.0), (just_below, 300.0)):
        feeds = market(spot_confidence=confidence)
        found = portfolio_margin(FIRST, feeds, held(perpetual=1.0))
        assert found.confidence == pytest.approx(charge, **CLOSE)
    # A perpetual that is not held has no say.
    mute = market((1500.0, True), perpetual_confidence=Decimal(0))
    assert portfolio_margin(FIRST, mute, held(1.0, base=1.0)).confidence == 0.0
    assert portfolio_margin(FIRST, mute, held(1.0, perpetual=1.0)).confidence == 1500.0
    # A collateral is doubted with its market's spot: (1 − 0.5) · 1 · 100 under mainnet's factor.
    method = msgspec.structs.replace(
        SECOND, collaterals={"TOKEN": CollateralTerms(Decimal(0), Decimal(0))}
    )
    listed = market(collaterals=(Collateral("TOKEN", 100.0),), spot_confidence=Decimal("0.5"))
    doubted = portfolio_two_margin(method, listed, held(collaterals=(1.0,)))
    assert doubted.confidence == pytest.approx(50.0, **CLOSE)


def test_what_the_standard_rule_charges_for_options_beyond_their_margin() -> None:
    # No charge for feeds that the standard rule does not read: rate and perpetual.
    unread = Expiry(seconds=0, forward_variable=1500.0, rate_confidence=Decimal(0))
    for changes, charge in (
        ({"expiries": (unread,), "perpetual_confidence": Decimal(0)}, 0.0),
        ({"spot_confidence": Decimal("0.3")}, 0.7 * 0.4 * 1500.0 * 2.0),
        ({"stable": Decimal("0.88")}, 0.1 * 1.2 * 1500.0 * 2.0),
    ):
        listed = market((1500.0, True), (1600.0, True), **changes)
        found = standard_margin(STANDARD, [(listed, held(-2.0, 2.0))])
        # The spread owes 2 · 100; charges count the two sold, not the two bought.
        assert found.initial == pytest.approx(-200.0 - charge, **CLOSE)
        assert found.maintenance == pytest.approx(-200.0, **CLOSE)


def test_an_expiry_that_cannot_lose_owes_and_lends_nothing() -> None:
    listed = market((1500.0, False), (1500.0, True))
    # A put bought pays at 0 and is worth nothing at 1500: no loss, and no credit either.
    found = standard_margin(STANDARD, [(listed, held(1.0, 0.0))])
    assert found.initial == found.maintenance == 0.0
    assert largest_loss(np.array([1500.0]), np.array([False]), np.array([1.0])) == (0.0, 0.0)
    box = largest_loss(  # Bought at 1600, sold at 1500: worth 100 at every price.
        np.array([1500.0, 1600.0, 1500.0, 1600.0]),
        np.array([True, True, False, False]),
        np.array([1.0, -1.0, -1.0, 1.0]),
    )
    assert box == (0.0, 0.0)


def test_a_negative_rate_counts_as_none_and_variance_has_a_ceiling() -> None:
    year = Expiry(seconds=31_536_000, forward_variable=1500.0, rate=-0.5)
    listed = market((1000.0, True), expiries=(year,))
    assert portfolio_two_margin(SECOND, listed, held(1.0)).mark_value == 500.0
    wild = Smile(200.0, 0.0, 0.0, 0.0, 0.0, 100.0, 4.0)
    assert smile_volatility(wild, 100.0) == 6.0  # √(144 ÷ 4), not √(200 ÷ 4).


def test_the_settled_part_of_a_forward_does_not_move() -> None:
    settling = Expiry(seconds=0, forward_fixed=1000.0, forward_variable=500.0)
    listed = market((1000.0, True), expiries=(settling,))
    found = portfolio_margin(FIRST, listed, held(1.0))
    # At 0.85: (1000 + 425 − 1000) · 0.95 − 500 = −96.25.
    assert found.worst == pytest.approx(-96.25, **CLOSE)


def test_the_edges_of_pricing() -> None:
    both = [True, False]
    assert option_price(100.0, 0.0, 0.5, 1.0, 0.9, both).tolist() == [90.0, 0.0]
    assert option_price(0.0, 80.0, 0.5, 1.0, 0.9, both).tolist() == [0.0, 72.0]
    assert option_price(100.0, 80.0, 24.0, 1.0, 0.9, both).tolist() == [90.0, 72.0]
    assert option_price(100.0, 80.0, 0.0, 1.0, 0.9, both) == pytest.approx([18.0, 0.0], rel=1e-14)
    flat = Smile(0.01, 0.01, 0.0, 0.0, 0.05, 2000.0, 0.04)
    # k is held at 4 · √(0.01 + 0.0005) = 0.409878; w = 0.01 + 0.01 · √(k² + 0.0025).
    k = 4.0 * math.sqrt(0.0105)
    far = math.sqrt((0.01 + 0.01 * math.hypot(k, 0.05)) / 0.04)
    assert smile_volatility(flat, [2e6, 1.0, 0.0]) == pytest.approx([far, far, 0.0], rel=1e-12)
    with pytest.raises(SmileDomainError, match="a \\+ b"):
        smile_volatility(msgspec.structs.replace(flat, a=-1.0), 2000.0)
    assert contract_exponential(-42.2) == 0.0
    with pytest.raises(OverflowError):
        contract_exponential(135.31)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ParameterError, match="initial_factor"):
        msgspec.structs.replace(FIRST, initial_factor=Decimal("0.9"))
    with pytest.raises(ParameterError, match=r"scenarios\[0\]\.volatility"):
        msgspec.structs.replace(FIRST, scenarios=(DeriveScenario(Decimal(1), "Abs"),))
    with pytest.raises(ParameterError, match="skew scenario moves no price"):
        DeriveScenario(Decimal("1.1"), "Linear")
    with pytest.raises(MarketError, match=r"options\[0\]\.expiry"):
        market((1500.0, True), expiries=())
    with pytest.raises(MarketError, match=r"positions\[0\]\.option"):
        portfolio_margin(FIRST, market(), held(1.0))
    listed = market(collaterals=(Collateral("TOKEN", 100.0),))
    with pytest.raises(MarketError, match="no terms"):
        portfolio_two_margin(SECOND, listed, held(collaterals=(1.0,)))
    with pytest.raises(MarketError, match="finite"):
        held(math.nan)
