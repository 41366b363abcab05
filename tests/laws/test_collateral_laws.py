"""Laws of what collateral counts for, and lending held to the laws of a margin method."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, check_margin_method, holdings_of
from seawall.margin.collateral import (
    Bridged,
    BySize,
    Capped,
    Depeg,
    Flat,
    PoolShare,
    Posted,
    SizeTier,
    WrongWay,
    YieldBearing,
    counted,
)
from seawall.margin.lending import CorrelatedClass, Lending, Lent
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.protocols import lp_price, opyn, panoptic

ONE = 10**8
DOLLAR = 10**10
SHARES = st.integers(0, 1000).map(lambda n: Decimal(n) / 1000)
DOLLARS = st.integers(1, 10**6).map(Decimal)


@st.composite
def sizes(draw: st.DrawFn) -> BySize:
    above = sorted(draw(st.sets(DOLLARS, max_size=3)))
    haircuts = sorted(draw(SHARES) for _ in range(len(above) + 1))
    return BySize(tuple(map(SizeTier, [Decimal(0), *above], haircuts)))


CONCAVE = st.one_of(sizes(), st.builds(Capped, DOLLARS))
WRONG_WAY = st.builds(WrongWay, st.just(("ETH",)), SHARES)
PROPORTIONAL = st.one_of(
    st.builds(Flat, SHARES),
    st.builds(Depeg, SHARES, st.integers(0, 20).map(Decimal)),
    st.builds(YieldBearing, st.just(Decimal(1)), st.integers(0, 2000)),
    st.builds(Bridged, st.just(Decimal(2)), SHARES, DOLLARS, SHARES),
    st.builds(PoolShare),
)
CHAINS = st.lists(st.one_of(CONCAVE, PROPORTIONAL, WRONG_WAY), max_size=4)
POSTED = st.builds(
    Posted,
    balance=st.integers(-(10**14), 10**14),
    one=st.just(ONE),
    price=st.integers(1, 10**6 * DOLLAR),
    exposures=st.integers(-(10**16), 10**16).map(lambda n: {"ETH": n}),
    rate=st.integers(1, 3 * 10**9),
    elapsed_s=st.integers(0, 10**8),
    fair_price=st.integers(0, 10**6 * DOLLAR),
)


@given(CHAINS, POSTED)
def test_nothing_counts_more_than_it_is_worth_or_less_than_nothing(chain, one: Posted) -> None:
    worth = one.balance * one.price // one.one
    found = counted(chain, one)
    assert type(found) is int
    assert found == worth if one.balance <= 0 else 0 <= found <= worth


@given(CHAINS, POSTED, st.integers(1, 10**12))
def test_more_of_a_coin_never_counts_less(chain, one: Posted, more: int) -> None:
    assert counted(chain, one._replace(balance=one.balance + more)) >= counted(chain, one)


@given(CHAINS, POSTED, st.integers(1, 10**12))
def test_a_better_price_never_counts_less(chain, one: Posted, more: int) -> None:
    one = one._replace(balance=abs(one.balance))
    assert counted(chain, one._replace(price=one.price + more)) >= counted(chain, one)


def split(chain, one: Posted, part: int) -> tuple[int, int]:
    """What a balance counts for whole, and what its two parts count for."""
    whole = abs(one.balance)
    part = min(part, whole)
    pieces = (counted(chain, one._replace(balance=piece)) for piece in (part, whole - part))
    return counted(chain, one._replace(balance=whole)), sum(pieces)


@given(st.lists(PROPORTIONAL, max_size=3), POSTED, st.integers(0, 10**14))
def test_splitting_a_balance_changes_only_roundings(chain, one: Posted, part: int) -> None:
    whole, pieces = split(chain, one, part)
    # Value and each rule round down, by less than an atom for each piece.
    assert pieces <= whole <= pieces + 2 * len(chain) + 1


@given(st.lists(st.one_of(PROPORTIONAL, WRONG_WAY), max_size=3), POSTED, st.integers(0, 10**14))
def test_splitting_a_balance_never_escapes_a_position(chain, one: Posted, part: int) -> None:
    whole, pieces = split(chain, one, part)
    assert pieces <= whole


@given(st.lists(CONCAVE, max_size=3), POSTED, st.integers(0, 10**14))
def test_size_is_charged_and_never_rewarded(chain, one: Posted, part: int) -> None:
    whole, pieces = split(chain, one, part)
    assert whole <= pieces + len(chain) + 1


@given(sizes(), st.integers(1, 10**6), st.integers(1, 10**9))
def test_a_border_of_tiers_is_no_cliff(rule: BySize, dollars: int, step: int) -> None:
    below, above = (Posted(dollars * DOLLAR + move, 1, 1) for move in (-step, step))
    assert 0 <= counted([rule], above) - counted([rule], below) <= 2 * step + 1


@given(st.integers(0, 10**16), st.integers(0, 10**16))
def test_wrong_way_grows_with_the_position_without_a_step(amount: int, long: int) -> None:
    rule = [WrongWay(("ETH",), Decimal("0.3"))]
    first, second = (
        counted(rule, Posted(amount, 1, 1, {"ETH": exposure})) for exposure in (long, long + 10)
    )
    assert 0 <= first - second <= 4


AMOUNT = st.integers(1, 10**24)


@given(AMOUNT, AMOUNT)
def test_a_fair_pool_is_worth_no_more_than_its_reserves(value0: int, value1: int) -> None:
    fair = lp_price.fair_value(value0, value1)
    assert fair <= value0 + value1
    assert fair == lp_price.fair_value(value0 * value1, 1)  # Wherever on the curve it stands.


@given(st.integers(1, 10**9), st.integers(1, 4000), st.integers(1, 4000))
def test_a_range_grows_with_the_price(liquidity: int, root: int, more: int) -> None:
    first, second = (
        lp_price.range_value(liquidity * 10**6, at * 10**6, 10**9, 3 * 10**9, 10**6)
        for at in (root, root + more)
    )
    assert first <= second + 2  # Each token's part rounds down.


FRACTIONS = st.fractions(0, 1000, max_denominator=100)
POSITIVE = st.fractions(Fraction(1, 100), 1000, max_denominator=100)


@given(st.sampled_from(["call", "put"]), FRACTIONS, POSITIVE, FRACTIONS, POSITIVE, POSITIVE)
def test_opyn_covers_the_payoff_at_any_price(right, short, strike, long, other, spot) -> None:
    margin = opyn.spread_margin(opyn.Vault(right, short, strike, long, other))
    sign = 1 if right == "call" else -1
    owed = short * max(sign * (spot - strike), Fraction(0))
    owned = min(short, long) * max(sign * (spot - other), Fraction(0))
    assert margin * (spot if right == "call" else 1) >= owed - owned


@given(st.integers(-10_000, 9_999))
def test_panoptic_moves_by_less_than_a_step(used: int) -> None:
    step = 1000 if used == -1 else 3  # Only a strangle's half base is a jump.
    assert abs(panoptic.sell_ratio_bps(used + 1) - panoptic.sell_ratio_bps(used)) <= step


COINS = ("USDC", "BTC", "ETH", "SOL")
LENDING = Lending(
    coins={
        "USDC": Lent(Decimal("0.75"), Decimal("0.78")),
        "BTC": Lent(Decimal("0.7"), Decimal("0.750000001"), borrowable=False),
        "ETH": Lent(Decimal("0"), Decimal("0.123456789")),
    },
    classes={
        "stable": CorrelatedClass(("USDC",), Decimal("0.9"), Decimal("0.97")),
        "coins": CorrelatedClass(("BTC", "ETH"), Decimal("0.9"), Decimal("1")),
    },
)


def table_of(value, collateral, notional, coin, kind) -> RiskTable:
    nothing = np.zeros(len(value))
    return RiskTable(
        value=value,
        collateral=collateral,
        change=np.zeros((len(value), 32)),
        bound=np.maximum(np.abs(value), np.abs(collateral)),
        notional=notional,
        delta=nothing,
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.zeros(len(value), np.int64),
        strike=nothing,
        is_call=np.zeros(len(value), np.int8),
        scenarios=0,
        coins=COINS,
    )


@st.composite
def books(draw: st.DrawFn, kinds) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale: exact, just above 2^53, and far above."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 10))
    top = draw(st.sampled_from([1, 4, 7, 11, 14]))
    magnitude = np.floor(10.0 ** rng.uniform(0, top, assets))
    kind = rng.choice(kinds, assets)
    value = magnitude * np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    risk = table_of(value, collateral, magnitude, rng.integers(0, len(COINS), assets), kind)
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    accounts = draw(
        st.lists(st.dictionaries(st.integers(0, assets - 1), amount, max_size=8), max_size=5)
    )
    return risk, [sorted(rows.items()) for rows in accounts]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(books(list(Kind)))
def test_lending_keeps_the_laws_of_a_method(book) -> None:
    check_margin_method(LENDING, *book)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(books([Kind.CURRENCY]))
def test_currencies_alone_keep_the_laws_too(book) -> None:
    check_margin_method(LENDING, *book)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(books([Kind.CURRENCY]))
def test_above_maintenance_is_health_one(book) -> None:
    risk, accounts = book
    table = ExactTable(risk)
    for rows in accounts:
        exact = LENDING.requirement_exact(rows, table)
        health = LENDING.health_factor(rows, table)
        if health is None:
            assert exact.maintenance == exact.initial == 0
            continue
        owed = -sum(lots * table.value[asset] for asset, lots in rows if lots < 0)
        surplus = (health - 1) * owed  # Each balance rounds down by less than an atom.
        assert surplus - len(rows) < exact.margin_equity - exact.maintenance <= surplus
        if exact.margin_equity >= exact.maintenance:
            assert health >= 1


@pytest.mark.parametrize("times", [300, 70_000])
def test_a_parallel_batch_has_the_bits_of_the_serial_one(times: int) -> None:
    value = np.array([1.0, 7.0, 2.0**40, 3.0])
    risk = table_of(value, value - 1, value, [0, 1, 2, 3], [0, 0, 0, 2])
    accounts = [[(0, 2**52), (1, -5)], [(1, 3**33), (2, -4)], [(2, 9), (3, -(2**50))]]
    few = LENDING.requirement(holdings_of(accounts), risk)
    many = LENDING.requirement(holdings_of(accounts * times), risk)
    for one, all_of_them in zip(few, many, strict=True):
        assert np.tile(one, times).tobytes() == all_of_them.tobytes()
