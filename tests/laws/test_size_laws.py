"""Laws of the size policies: exits respected, nobody made worse, shares what they say."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.liquidation import Exit
from seawall.liquidation.plan import Order, outcome, plan
from seawall.liquidation.size import (
    SIZES,
    ByBracket,
    CloseFactor,
    Full,
    Least,
    Multiples,
    Ramp,
    step,
)
from seawall.margin import Bracket, ExactTable, Rows, Tiered
from seawall.market import Kind
from seawall.pricing import RiskTable

ONE = 10**9
CASH, FIRST = 0, 2


def table_of(values: list[int], cash_value: int = 1) -> ExactTable:
    """Cash, a coin, and contracts whose lots are worth their notional. [atoms]"""
    value = np.array([cash_value, 50, *values], float)
    notional = np.array([0, 0, *values], float)
    kind = [Kind.CURRENCY, Kind.CURRENCY] + [Kind.LINEAR] * len(values)
    size = len(value)
    return ExactTable(
        RiskTable(
            value=value,
            collateral=value,
            change=np.zeros((size, 1)),
            bound=np.zeros(size),
            notional=notional,
            delta=np.zeros(size),
            coin=np.array([0] + [1] * (size - 1), np.int32),
            kind=np.array(kind, np.int8),
            expires_ms=np.zeros(size, np.int64),
            strike=np.zeros(size),
            is_call=np.zeros(size, np.int8),
            scenarios=1,
            coins=("USD", "XYZ"),
        )
    )


def brackets(*rows: tuple[str, str]) -> Tiered:
    """(dollars above, initial rate); maintenance is half of it."""
    tiers = [Bracket(Decimal(a), Decimal(r), Decimal(r) / 2) for a, r in rows]
    return Tiered({"XYZ": tuple(tiers)})


class Case(NamedTuple):
    rows: Rows
    table: ExactTable
    method: Tiered
    exits: dict[int, Exit]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 3))
    values = [draw(st.integers(1_000, 50_000)) for _ in range(count)]
    table = table_of(values, draw(st.integers(1, 20)))
    method = brackets(("0", "0.1"), ("0.000005", "0.2"), ("0.00002", "0.4"))
    held = [(FIRST + k, draw(st.integers(-40, 40).filter(bool))) for k in range(count)]
    worth = sum(lots * table.value[asset] for asset, lots in held)
    gross = sum(abs(lots) * table.notional[asset] for asset, lots in held)
    cash = (draw(st.integers(-gross // 20, gross // 3)) - worth) // table.value[CASH]
    rows = ([(CASH, cash)] if cash else []) + held
    exits = {
        asset: Exit(
            CASH, draw(st.integers(0, 45)), table.value[asset] * draw(st.integers(0, 3 * 10**8))
        )
        for asset, _ in held
    }
    return Case(rows, table, method, exits)


policies = st.sampled_from(
    [
        Least(),
        Full(),
        CloseFactor(),
        CloseFactor(share=Decimal("0.3"), full_below=Decimal(0), least_notional=Decimal("0.00001")),
        Multiples(),
        Multiples(Decimal("0.07")),
        Ramp(),
        ByBracket(),
    ]
)


@given(cases(), policies, st.integers(0, 100_000))
def test_no_step_makes_an_account_worse_or_asks_more_than_the_exits_take(
    case: Case, policy: SIZES, elapsed_ms: int
) -> None:
    before = case.method.requirement_exact(case.rows, case.table)
    made = step(policy, *case, elapsed_ms=elapsed_ms)
    held = dict(case.rows)
    for close in made.closes:
        assert close.lots * held[close.asset] < 0, "a close that adds to the position"
        assert abs(close.lots) <= min(abs(held[close.asset]), case.exits[close.asset].lots)
    assert made.after == outcome(case.rows, case.table, case.method, case.exits, made.closes)
    excess = made.after.margin_equity - made.after.initial
    assert excess >= before.margin_equity - before.initial
    assert made.restores == (excess >= 0)
    if before.margin_equity >= before.initial:
        assert not made.closes, "an account that holds enough gives up nothing"


@given(cases(), st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_ramp_only_grows_and_ends_at_the_least_plan(case: Case, early: int, late: int) -> None:
    policy = Ramp(start=Decimal("0.1"), duration_ms=60_000)
    early, late = sorted((early, late))

    def sizes(elapsed_ms: int) -> dict[int, int]:
        return {c.asset: abs(c.lots) for c in step(policy, *case, elapsed_ms=elapsed_ms).closes}

    full = {close.asset: abs(close.lots) for close in plan(*case).closes}
    if not step(policy, *case, elapsed_ms=early).harmful:
        assert all(sizes(late).get(a, 0) >= n for a, n in sizes(early).items())
    assert sizes(60_000) == full


@given(cases(), st.sampled_from([Decimal("0.2"), Decimal("0.25"), Decimal("0.07")]))
def test_multiples_take_the_least_multiple(case: Case, share: Decimal) -> None:
    """By brute force: no smaller multiple restores the account."""
    made = step(Multiples(share), *case)
    if made.harmful or not made.restores or made.closes == plan(*case).closes:
        return
    sizes = {close.asset: abs(close.lots) for close in made.closes}
    held = {a: abs(n) for a, n in case.rows if a in case.exits}
    parts = int(share * 1000)

    def multiple(count: int) -> dict[int, int]:
        every = {
            asset: min(-(-lots * min(1000, count * parts) // 1000), case.exits[asset].lots)
            for asset, lots in held.items()
        }
        return {asset: lots for asset, lots in every.items() if lots}

    count = next(n for n in range(1, 1001) if multiple(n) == sizes)
    for fewer in range(1, count):
        closes = [
            close._replace(lots=(1 if close.lots > 0 else -1) * multiple(fewer).get(close.asset, 0))
            for close in made.closes
        ]
        after = outcome(
            case.rows, case.table, case.method, case.exits, [c for c in closes if c.lots]
        )
        assert after.margin_equity < after.initial


def worked(cash: int, cost: int = 0, lots: int = 100) -> Case:
    """100 lots of 10,000 atoms, notional 1,000,000: rates 10 % to 0.00005 dollars, 20 % above."""
    method = brackets(("0", "0.1"), ("0.00005", "0.2"))
    table = table_of([10_000])
    exits = {FIRST: Exit(CASH, lots, cost)}
    return Case([(CASH, cash - 1_000_000), (FIRST, 100)], table, method, exits)


def lots_of(policy: SIZES, case: Case, elapsed_ms: int = 0) -> int:
    return -sum(close.lots for close in step(policy, *case, elapsed_ms=elapsed_ms).closes)


@pytest.mark.parametrize(
    ("policy", "elapsed_ms", "lots"),
    [
        # Initial: 0.1 · 500,000 + 0.2 · 500,000 = 150,000 against equity 140,000. Each lot closed
        # frees 0.2 · 10,000 = 2,000, so five are the least.
        (Least(), 0, 5),
        (Full(), 0, 100),
        # Maintenance is 75,000, health 140 ÷ 75 = 1.87: half of the position.
        (CloseFactor(), 0, 50),
        (CloseFactor(full_below=Decimal(2)), 0, 100),  # Health 1.87 is below 2.
        # Half leaves 500,000 atoms = 0.00005 dollars, less than 0.00006: so nothing is left.
        (CloseFactor(least_notional=Decimal("0.00006")), 0, 100),
        (Multiples(), 0, 20),
        (Multiples(Decimal("0.03")), 0, 6),  # 3 lots free 6,000, 6 lots 12,000 ≥ 10,000.
        (Ramp(start=Decimal("0.1"), duration_ms=60_000), 0, 1),  # ⌈5 · 0.1⌉.
        (Ramp(start=Decimal("0.1"), duration_ms=60_000), 30_000, 3),  # ⌈5 · 0.6⌉.
        (Ramp(start=Decimal("0.1"), duration_ms=60_000), 90_000, 5),
        (ByBracket(), 0, 50),  # Down to the bracket that begins at 500,000 atoms.
    ],
)
def test_worked_sizes(policy: SIZES, elapsed_ms: int, lots: int) -> None:
    assert lots_of(policy, worked(140_000), elapsed_ms) == lots


def test_a_close_factor_that_harms_is_not_followed() -> None:
    """Closing costs 25 % of the notional and frees at most 20 %: the plan says so and stays."""
    case = worked(140_000, cost=2_500 * ONE)
    made = step(CloseFactor(), *case)
    assert made.closes == ()
    assert made.harmful == (FIRST,)
    assert not made.restores


def test_orders_are_passed_on() -> None:
    """Two rows of 50 lots: 'listed' closes the first, and the larger notional goes first else."""
    method = brackets(("0", "0.1"))
    table = table_of([10_000, 20_000])
    rows = [(CASH, 145_000 - 1_500_000), (FIRST, 50), (FIRST + 1, 50)]
    exits = {FIRST: Exit(CASH, 50, 0), FIRST + 1: Exit(CASH, 50, 0)}
    listed = step(Least(), rows, table, method, exits, Order.LISTED)
    assert [(c.asset, c.lots) for c in listed.closes] == [(FIRST, -5)]  # 5,000 ÷ 1,000.
    largest = step(Least(), rows, table, method, exits)
    assert [(c.asset, c.lots) for c in largest.closes] == [(FIRST + 1, -3)]  # ⌈5,000 ÷ 2,000⌉.


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CloseFactor(share=Decimal(0)), "share: must lie in"),
        (lambda: Multiples(Decimal("0.0001")), "share: must lie in 0.001"),
        (lambda: Ramp(duration_ms=0), "duration_ms: must be positive"),
        (lambda: CloseFactor(least_notional=Decimal(-1)), "least_notional: must not be negative"),
    ],
)
def test_wrong_parameters_are_named(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=said):
        make()
