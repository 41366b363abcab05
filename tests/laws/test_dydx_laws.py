"""Laws of dYdX's rules: rounding favours who it should, and deleveraging loses no quantum."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from seawall.protocols.dydx import (
    Account,
    Market,
    Position,
    Risk,
    account_risk,
    changed,
    initial_fraction,
    riskier,
    size_held,
)
from seawall.protocols.dydx_liquidation import bankruptcy_quote, deleverage

MARKETS = {0: Market(Fraction(4999, 13), 50_000, 600_000), 1: Market(Fraction(7, 3), 200_000, 1)}
money = st.integers(-(10**12), 10**12)
size = st.integers(-(10**9), 10**9)
risk = st.builds(Risk, st.integers(-9, 9), st.just(0), st.integers(0, 9))


@given(money, size.filter(bool), size, st.integers(1, 10**9))
def test_a_close_at_the_bankruptcy_price_keeps_the_ratio_to_the_quantum(
    quote: int, held: int, other: int, part: int
) -> None:
    """NC' · MM is between NC · MM' and one quantum more: rounded in favour of the account."""
    account = Account(quote, (Position(0, held), Position(1, other)))
    change = -min(part, abs(held)) if held > 0 else min(part, abs(held))
    paid = bankruptcy_quote(account, MARKETS, 0, change)
    before = account_risk(account, MARKETS)
    after = account_risk(changed(account, MARKETS, 0, change, paid), MARKETS)
    surplus = after.net_collateral * before.maintenance - before.net_collateral * after.maintenance
    assert 0 <= surplus < before.maintenance


@given(risk, risk)
def test_the_order_of_risk_has_two_sides(left: Risk, right: Risk) -> None:
    assert riskier(left, right) == -riskier(right, left)
    assert riskier(left, left) == 0


@given(st.lists(st.integers(0, 400), min_size=2, max_size=2))
def test_more_open_interest_never_lowers_the_initial_margin(pair: list[int]) -> None:
    market = Market(Fraction(1), 200_000, 500_000, 0, 100, 300)
    less, more = (initial_fraction(market, one) for one in sorted(pair))
    assert Fraction(1, 5) <= less <= more <= 1


@given(money, st.lists(st.tuples(money, size), max_size=4), st.integers(1, 10**9))
def test_deleveraging_conserves_dollars_and_contracts(
    quote: int, others: list[tuple[int, int]], held: int
) -> None:
    accounts = [Account(quote, (Position(0, held),))]
    accounts += [Account(cash, (Position(0, short),)) for cash, short in others]
    found = deleverage(accounts, 0, range(len(accounts)), MARKETS, 0, -held)
    assert sum(one.quote for one in found.accounts) == sum(one.quote for one in accounts)
    for before, after in zip(accounts, found.accounts, strict=True):
        assert abs(size_held(after, 0)) <= abs(size_held(before, 0))
    closed = sum(size for _, size in found.fills)
    assert size_held(found.accounts[0], 0) == held - closed == -found.remaining
