"""Mango v4, Synthetix v3, GMX v2 and Injective by hand."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols import gmx, injective, mango, synthetix

F = Fraction
TENTH = F(1, 10)
UNLIMITED = mango.Bank()


def token(balance: int, price: int, bank: mango.Bank = UNLIMITED) -> mango.Token:
    return mango.Token(F(balance), F(price), F(8, 10), F(12, 10), bank)


def perp(lots: int, quote: int, bids: int = 0, asks: int = 0) -> mango.Perp:
    weights = F(9, 10), F(11, 10), F(1, 2)
    return mango.Perp(0, F(20), F(1), F(lots), F(quote), F(bids), F(asks), *weights)


def test_mango_weights_balances() -> None:
    """100 · 0.8 − 3 · 10 · 1.2 = 44."""
    assert mango.initial_health([token(100, 1), token(-3, 10)], []) == 44


def test_mango_crowded_tokens_count_less_and_cost_more() -> None:
    """Twice the start: half the asset weight, twice the liability weight."""
    bank = mango.Bank(F(200), F(1_000), F(300), F(1_500))
    assert mango.initial_health([token(10, 10, bank)], []) == 40  # 100 · 0.4
    assert mango.initial_health([token(-10, 10, bank)], []) == -240  # −100 · 2.4


def test_mango_perp_takes_the_worse_fill_and_half_a_profit() -> None:
    """5 lots at 20: 90 of 100; all asks of 8 leave −3 · 22 + 160 = 94; both less 80 of quote.

    Worse: 90 − 80 = 10, of which half counts; a loss of 30 counts whole.
    """
    assert mango.perp_health(perp(5, -80, asks=8)) == 5
    assert mango.perp_health(perp(5, -120)) == -30


def test_mango_reserved_funds_count_as_the_lesser_token() -> None:
    """6 dollars reserved to buy at 10 or better: 0.6 coin · 8 = 4.8, or 6 · 0.8 = 4.8.

    Resting at 12 they would buy only half a coin, 4.
    """
    orders = mango.SpotOrders(1, 0, F(0), F(6))
    tokens = [token(0, 1), token(0, 10)]
    assert mango.initial_health(tokens, [orders]) == F(48, 10)
    assert mango.initial_health(tokens, [orders._replace(highest_bid=F(12))]) == 4


def position(size: int, price: int) -> synthetix.Position:
    scale, ratios = F(1_000), (F(2), F(1, 100), F(1, 2))
    fill = synthetix.fill_price(F(100), F(0), F(size), scale)
    return synthetix.Position(F(size), fill, F(price), scale, *ratios)


def test_synthetix_margin_grows_with_the_share_of_the_skew() -> None:
    """20 of 1,000 at 100: ratio 2 % · 2 + 1 % = 5 % of 2,000; half of it for maintenance."""
    found = synthetix.required_margin(position(20, 100))
    assert found.initial == 100
    assert found.maintenance == 50


def test_synthetix_fill_pays_half_the_premium() -> None:
    """20 into a balanced market of 1,000: 1 % above, so 20 at once."""
    assert synthetix.fill_price(F(100), F(0), F(20), F(1_000)) == 101
    assert position(20, 100).pnl() == -20


def test_synthetix_is_liquidated_once_the_reward_is_not_covered() -> None:
    assert not synthetix.is_liquidatable(F(50), F(50))
    assert synthetix.is_liquidatable(F(50), F(50), F(1))


def test_synthetix_funding_accrues_at_the_mean_rate() -> None:
    """Rate 0.01 to 0.03 in two days: mean 0.02 · 2 · 1,000 = 40; skew −50 of 1,000, times 3."""
    before = synthetix.Funding(F(0), F(1, 100), F(1, 100), F(0))
    found = synthetix.next_funding(before, F(2), F(-50), F(1_000), F(3), F(1_000))
    assert found == synthetix.Funding(F(-50), F(-15, 100), F(3, 100), F(40))


def test_synthetix_window_and_its_exceptions() -> None:
    """100 in 10 seconds; 70 were taken 5 seconds ago."""
    capacity = synthetix.window_capacity(F(7, 1_000), F(3, 1_000), F(1_000), F(1), F(10))
    assert capacity == 100
    earlier = [synthetix.Tranche(F(0), F(70))]
    now = F(5)
    assert synthetix.liquidated(F(90), now, earlier, capacity, F(10)) == 30
    assert synthetix.liquidated(F(90), now, earlier, capacity, F(10), endorsed=True) == 90
    assert synthetix.liquidated(F(90), F(11), earlier, capacity, F(10)) == 90
    full = [*earlier, synthetix.Tranche(F(4), F(30))]
    calm = F(1, 100), F(2, 100)
    assert synthetix.liquidated(F(90), now, full, capacity, F(10)) == 0
    assert synthetix.liquidated(F(90), now, full, capacity, F(10), *calm) == 90
    assert synthetix.liquidated(F(90), F(4), full, capacity, F(10), *calm) == 0


def test_synthetix_keeper_is_paid_between_floors_and_caps() -> None:
    """Cost 100: floor 100 + 50, margin cap 1 % of 12,000; flagged, only the cap of 500 is left."""
    rule = 100, 30, 50, TENTH, 500, F(1, 100)
    assert synthetix.keeper_reward(*rule, 20_000) == 150
    assert synthetix.keeper_reward(*rule, 12_000) == 120
    assert synthetix.keeper_reward(100, 900, 50, TENTH, 500, F(1, 100), None) == 500


def test_gmx_impact() -> None:
    """10^-6 · 10,000^1.5 = 1, and nothing below a dollar."""
    assert abs(gmx.impact(F(10_000), F(3, 2), F(1, 10**6)) - 1) < F(1, 10**40)
    assert gmx.impact(F(99, 100), F(3, 2), F(1)) == 0


RULE = gmx.FundingRule(F(5, 100), F(3, 100), F(1, 1_000), F(1, 10_000), F(0), F(1))


def test_gmx_funding_rises_holds_falls_and_turns() -> None:
    """Imbalances of 10 %, 4 % and 2 % over 10 seconds: + 0.001, held, − 0.001."""
    rate = F(5, 1_000)
    assert gmx.next_funding_rate(F(55), F(45), rate, 10, RULE) == F(6, 1_000)
    assert gmx.next_funding_rate(F(52), F(48), rate, 10, RULE) == rate
    assert gmx.next_funding_rate(F(51), F(49), rate, 10, RULE) == F(4, 1_000)
    assert gmx.next_funding_rate(F(48), F(52), rate, 10, RULE) == rate - F(4, 10_000)


def test_gmx_liquidation_ignores_a_positive_impact() -> None:
    """60 + 10 − 20 = 50 of 10,000 at 0.5 % is enough; a cent less is not."""
    held = gmx.Position(F(10_000), F(60), F(10), F(5), F(20))
    assert not gmx.is_liquidatable(held, F(5, 1_000))
    assert gmx.is_liquidatable(held._replace(fees=F(2_001, 100)), F(5, 1_000))


def test_injective_prices_with_funding() -> None:
    """Long 2 at 100 with 20, 2 of funding paid: bankrupt at 91, liquidated at 91 / 0.91 = 100."""
    long = injective.Position(True, F(2), F(100), F(20), F(3), F(2))
    assert injective.bankruptcy_price(long) == 91
    assert injective.liquidation_price(long, F(9, 100)) == 100
    assert injective.worst_price(True, F(90), F(91)) == 90
    assert injective.worst_price(False, F(90), F(91)) == 91


def test_injective_funding_is_capped() -> None:
    found = injective.hourly_funding(F(-2, 1_000), F(0), F(1, 1_000), F(500))
    assert found == injective.Funding(F(-1, 1_000), F(-1, 2))


AMOUNT = st.integers(-1_000, 1_000)


@given(balance=AMOUNT, more=st.integers(0, 500), quote=AMOUNT, lots=st.integers(-20, 20))
def test_mango_health_never_falls_with_a_deposit(
    balance: int, more: int, quote: int, lots: int
) -> None:
    held = perp(lots, quote)
    before = mango.initial_health([token(balance, 1)], [], held)
    assert mango.initial_health([token(balance + more, 1)], [], held) >= before


@given(
    size=st.integers(1, 50),
    entry=st.integers(10, 1_000),
    leverage=st.integers(1, 15),
    long=st.booleans(),
)
def test_injective_margin_at_the_liquidation_price_is_maintenance(
    size: int, entry: int, leverage: int, long: bool
) -> None:
    """Equity = size · price · ratio there, and 0 at bankruptcy."""
    held = injective.Position(long, F(size), F(entry), F(size * entry, leverage))
    ratio = F(1, 20)
    price = injective.liquidation_price(held, ratio)
    sign = 1 if long else -1
    assert held.margin + sign * size * (price - entry) == size * price * ratio
    assert held.margin + sign * size * (injective.bankruptcy_price(held) - entry) == 0
