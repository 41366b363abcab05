"""Laws of Vega's rules: the liquidation price is where margin runs out, and nobody prints money."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from seawall.protocols.vega import Exposure, Market, liquidation_price, maintenance_exact
from seawall.protocols.vega_settlement import socialise_loss

share = st.fractions(0, 1, max_denominator=100)
amount = st.integers(0, 10**6)


@given(share, share, share, st.integers(-99, 99).filter(bool), amount, st.integers(-50, 50))
def test_at_the_liquidation_price_what_is_left_is_the_maintenance_margin(
    long: Fraction, short: Fraction, slippage: Fraction, position: int, cash: int, funding: int
) -> None:
    market = Market(long, short, slippage, slippage_quadratic=Fraction(1, 1000))
    size, factor = abs(position), long if position > 0 else short
    assume(size * (slippage + Fraction(size, 1000) + factor) != position)
    held, mark, owed = Fraction(position), Fraction(100), Fraction(funding)
    price = liquidation_price(market, held, Fraction(cash), mark, owed)
    left = cash + held * (price - mark)
    # Below zero the larger of two sides is no longer this side's formula.
    assume(price >= 0)
    assert left == maintenance_exact(market, Exposure(held), price, owed)


@given(st.lists(st.tuples(amount, amount)), st.lists(amount, min_size=1), amount)
def test_no_winner_gets_more_than_the_gain_and_every_atom_is_accounted_for(
    losers: list[tuple[int, int]], gains: list[int], pool: int
) -> None:
    winners = {f"winner {place}": gain for place, gain in enumerate(gains)}
    paid = socialise_loss(losers, winners, pool)
    collected = min(sum(gains), sum(min(pair) for pair in losers))
    assert sum(paid.received.values()) + paid.insurance_pool == collected + pool
    assert 0 <= paid.insurance_pool <= pool
    for name, gain in list(winners.items())[:-1]:
        assert 0 <= paid.received[name] <= gain
