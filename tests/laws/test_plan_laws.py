"""Laws of the plan, against brute force over every lot count of small accounts."""

import itertools
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seawall.liquidation import Exit, Order, Plan, plan, proceeds
from seawall.margin import Bracket, ExactRequirement, ExactTable, MarginMethod, Scan, Tiered
from seawall.market import Kind
from seawall.pricing import RiskTable

ONE = 10**9
CASH, COIN, FIRST = 0, 1, 2  # Assets: cash, a coin with a haircut, then contracts.


def table_of(values, notionals, changes=None, cash_value=1, coin=(50, 40)):
    """Cash, one coin, and contracts of the given value, notional and scenario changes."""
    value = [cash_value, coin[0], *values]
    changes = changes or [[0]] * len(values)
    change = [[0] * len(changes[0])] * 2 + changes
    size = len(value)
    collateral = [cash_value, coin[1], *values]
    kinds = [Kind.CURRENCY, Kind.CURRENCY] + [Kind.LINEAR] * len(values)
    return ExactTable(
        RiskTable(
            value=np.array(value, float),
            collateral=np.array(collateral, float),
            change=np.array(change, float),
            bound=np.zeros(size),
            notional=np.array([0, 0, *notionals], float),
            delta=np.zeros(size),
            coin=np.array([0] + [1] * (size - 1), np.int32),
            kind=np.array(kinds, np.int8),
            expires_ms=np.zeros(size, np.int64),
            strike=np.zeros(size),
            is_call=np.zeros(size, np.int8),
            scenarios=len(change[0]),
            coins=("USD", "XYZ"),
        )
    )


class Rated(NamedTuple):
    """Initial margin: a rate on each contract's notional and the worst scenario of all."""

    rate: int
    scans: bool = False

    def requirement_exact(self, rows, table):
        equity = sum(q * table.value[a] for a, q in rows)
        backing = sum(q * (table.collateral[a] if q > 0 else table.value[a]) for a, q in rows)
        initial = sum(-(-abs(q) * table.notional[a] * self.rate // ONE) for a, q in rows)
        if self.scans:
            losses = [0] * table.risk.scenarios
            for a, q in rows:
                losses = [x - q * c for x, c in zip(losses, table.change(a), strict=True)]
            initial += max(0, *losses)
        return ExactRequirement(equity, backing, initial, -(-initial // 2))


class Case(NamedTuple):
    rows: tuple
    table: ExactTable
    method: MarginMethod
    exits: dict


@st.composite
def real_methods(draw):
    """The house's own methods, with parameters that bite at the size of these accounts."""
    if draw(st.booleans()):
        rates = sorted(draw(st.lists(st.integers(1, 40), min_size=3, max_size=3)))
        above = [Decimal(0), Decimal("0.000005"), Decimal("0.00002")]  # 50,000 and 200,000 atoms.
        brackets = [
            Bracket(level, Decimal(rate) / 100, Decimal(rate) / 200)
            for level, rate in zip(above, rates, strict=True)
        ]
        return Tiered({"XYZ": tuple(brackets)})
    factor = Decimal(draw(st.integers(10, 20))) / 10
    return Scan(moves=(Decimal("0.1"),), initial_factor=factor)


@st.composite
def cases(draw, contracts=3, most=9, scans=None, with_coin=True, real=False, solvent=False):
    count = draw(st.integers(1, contracts))
    worths = st.sampled_from([1_000, 1_037]) | st.integers(1_000, 50_000)
    values = draw(st.lists(worths, min_size=count, max_size=count))
    scans = draw(st.booleans()) if scans is None else scans
    moves = draw(st.lists(st.integers(-300, 300), min_size=2, max_size=4))
    betas = draw(st.lists(st.sampled_from([1_000, 900, 0]), min_size=count, max_size=count))
    changes = [[v * m * b // 10**6 for m in moves] for v, b in zip(values, betas, strict=True)]
    table = table_of(values, values, changes, draw(st.integers(1, 20)))
    method = Rated(draw(st.integers(0 if scans else 10**7, 3 * 10**8)), scans)
    if real:
        method = draw(real_methods())
    sides = st.integers(-most, most).filter(bool)
    lots = draw(st.lists(sides, min_size=count, max_size=count))
    held = [(FIRST + k, q) for k, q in enumerate(lots)]
    if with_coin and draw(st.booleans()):
        held.append((COIN, draw(st.integers(-500, 500).filter(bool))))
    worth = sum(q * table.value[a] for a, q in held)
    gross = sum(abs(q) * table.notional[a] for a, q in held)
    low, high, least = -gross // 20, gross // 3, 0
    if solvent:  # Some equity, but less than the initial margin, and a deep book.
        low, high, least = gross // 1_000, gross * method.rate * 9 // (ONE * 10), most
    cash = (draw(st.integers(min(low, high), high)) - worth) // table.value[CASH]
    if cash:
        held.append((CASH, cash))
    exits = {
        a: Exit(
            CASH, draw(st.integers(least, most + 2)), table.value[a] * draw(st.integers(0, 10**8))
        )
        for a, _ in held
        if a != CASH
    }
    return Case(tuple(sorted(held)), table, method, exits)


def after(case: Case, closed: dict) -> int:
    """Excess once `closed` (asset → lots, signed as the position) is closed, by the definition."""
    held = dict(case.rows)
    for asset, lots in closed.items():
        exit_ = case.exits[asset]
        held[asset] -= lots
        held[CASH] = held.get(CASH, 0) + proceeds(
            lots, case.table.value[asset], exit_.cost, case.table.value[CASH]
        )
    rows = [(a, q) for a, q in sorted(held.items()) if q]
    verdict = case.method.requirement_exact(rows, case.table)
    return verdict.margin_equity - verdict.initial


def whole(case: Case) -> dict:
    """All contracts as far as the book takes them."""
    closed = {}
    for a, q in case.rows:
        if a >= FIRST and (n := min(abs(q), case.exits[a].lots)):
            closed[a] = n if q > 0 else -n
    return closed


def solve(case: Case, order: Order = Order.LISTED) -> tuple[Plan, dict]:
    found = plan(case.rows, case.table, case.method, case.exits, order)
    return found, {close.asset: -close.lots for close in found.closes}


@settings(max_examples=200, deadline=None)
@given(cases() | cases(real=True), st.sampled_from(Order))
def test_a_plan_is_honest_within_depth_and_never_harms(case, order):
    found, closed = solve(case, order)
    held = dict(case.rows)
    for asset, lots in closed.items():
        assert lots != 0
        assert abs(lots) <= case.exits[asset].lots
        if asset >= FIRST:
            assert 0 < lots * held[asset] <= held[asset] ** 2, "closes, never opens"
    excess = after(case, closed)
    assert excess == found.after.margin_equity - found.after.initial
    assert found.restores == (excess >= 0)
    assert excess >= after(case, {})
    if after(case, {}) >= 0:
        assert not closed


@settings(max_examples=200, deadline=None)
@given(cases() | cases(real=True), st.sampled_from(Order))
def test_what_closing_all_contracts_restores_the_plan_restores(case, order):
    assume(after(case, whole(case)) >= 0)
    found, closed = solve(case, order)
    assert found.restores
    assert COIN not in closed, "coins are last"


@settings(max_examples=200, deadline=None)
@given(
    cases(contracts=1, most=40, with_coin=False)
    | cases(contracts=1, most=40, with_coin=False, real=True)
)
def test_one_row_is_closed_by_the_least_lots_of_all(case):
    found, closed = solve(case)
    side = 1 if dict(case.rows)[FIRST] > 0 else -1
    most = abs(whole(case).get(FIRST, 0))
    enough = [n for n in range(most + 1) if after(case, {FIRST: side * n}) >= 0]
    assert found.restores == bool(enough)
    if enough:
        assert abs(closed.get(FIRST, 0)) == enough[0]


@settings(max_examples=150, deadline=None)
@given(
    cases(scans=False, with_coin=False) | cases(scans=False, with_coin=False, solvent=True),
    st.sampled_from(Order),
)
def test_no_close_of_a_restoring_plan_can_be_smaller(case, order):
    found, closed = solve(case, order)
    assume(found.restores)
    for asset, lots in closed.items():
        side = 1 if lots > 0 else -1
        for less in range(abs(lots)):
            assert after(case, {**closed, asset: side * less}) < 0


@settings(max_examples=150, deadline=None)
@given(cases(scans=False, most=4, with_coin=False, solvent=True), st.sampled_from(Order))
def test_notional_is_within_one_lot_of_the_least_of_all_combinations(case, order):
    """With one rate and no cost, only the notional closed counts; brute force over every one."""
    case = case._replace(exits={a: e._replace(cost=0) for a, e in case.exits.items()})
    found, closed = solve(case, order)
    assume(found.restores and closed)
    unit = case.table.notional
    sides = {a: (1 if q > 0 else -1) for a, q in whole(case).items()}
    spans = [range(abs(q) + 1) for q in whole(case).values()]
    combos = (dict(zip(sides, lots, strict=True)) for lots in itertools.product(*spans))
    least = min(
        sum(n * unit[a] for a, n in combo.items())
        for combo in combos
        if after(case, {a: n * sides[a] for a, n in combo.items() if n}) >= 0
    )
    planned = sum(abs(n) * unit[a] for a, n in closed.items())
    slack = 100 * ONE // case.method.rate  # Rounding of cash and of three rates, as notional.
    assert least <= planned < least + max(unit[a] for a in closed) + slack
    if len({unit[a] for a in closed}) == 1 and len(whole(case)) == 1:
        assert planned == least


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 30), st.integers(10**7, 10**8), st.integers(0, 99), st.sampled_from(Order))
def test_a_hedge_is_shrunk_by_the_least_part_of_both_legs(lots, rate, percent, order):
    """Each leg alone frees less than it uncovers; together each pair frees its two rates."""
    table = table_of([1_000, 1_000], [1_000, 1_000], [[300, -300], [300, -300]])
    equity = 2 * lots * 1_000 * rate * percent // (100 * ONE)
    rows = ((CASH, equity), (FIRST, lots), (FIRST + 1, -lots))
    exits = {FIRST: Exit(CASH, lots), FIRST + 1: Exit(CASH, lots)}
    case = Case(rows[equity == 0 :], table, Rated(rate, scans=True), exits)
    found, closed = solve(case, order)
    enough = [n for n in range(lots + 1) if after(case, {FIRST: n, FIRST + 1: -n}) >= 0]
    assert found.restores
    assert closed == {FIRST: enough[0], FIRST + 1: -enough[0]}


@settings(max_examples=150, deadline=None)
@given(
    cases(most=6, scans=True, with_coin=False) | cases(most=6, with_coin=False, real=True),
    st.integers(0, 40),
)
def test_first_row_alone_when_it_suffices(case, spare):
    """In the listed order nothing but the first row is touched if it can restore alone."""
    held = dict(case.rows)
    exits = {**case.exits, FIRST: case.exits[FIRST]._replace(lots=6)}
    case = case._replace(exits=exits)
    side = 1 if held[FIRST] > 0 else -1
    steps = range(abs(held[FIRST]) + 1)
    best = max(after(case, {FIRST: side * n}) for n in steps)
    held[CASH] = held.get(CASH, 0) - (best // case.table.value[CASH]) + spare
    case = case._replace(rows=tuple(sorted((a, q) for a, q in held.items() if q)))
    enough = [n for n in steps if after(case, {FIRST: side * n}) >= 0]
    assume(enough and enough[0] > 0)
    _, closed = solve(case)
    assert closed == {FIRST: side * enough[0]}


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2000), st.integers(-60, 60), st.integers(0, 10**9), st.integers(1, 50))
def test_proceeds_round_once_against_the_account(value, lots, ratio, cash):
    cost = value * ratio
    got = proceeds(lots, value, cost, cash)
    exact = lots * value * ONE - abs(lots) * cost
    assert got * cash * ONE <= exact < (got + 1) * cash * ONE


class Apart(NamedTuple):
    """A method whose rows never offset each other, told so."""

    whole: MarginMethod

    def requirement_exact(self, rows, table):
        return self.whole.requirement_exact(rows, table)

    def excess_of_row(self, asset, quantity, table):
        verdict = self.whole.requirement_exact([(asset, quantity)], table)
        return verdict.margin_equity - verdict.initial


class Unsaid(NamedTuple):
    """The same method with nothing but verdicts of whole accounts."""

    whole: MarginMethod

    def requirement_exact(self, rows, table):
        return self.whole.requirement_exact(rows, table)


@given(cases(scans=False, contracts=4), st.sampled_from(Order))
def test_rows_judged_apart_give_the_plan_of_whole_verdicts(case, order):
    told = plan(case.rows, case.table, Apart(case.method), case.exits, order)
    assert told == plan(case.rows, case.table, Unsaid(case.method), case.exits, order)


@given(cases(real=True, contracts=4, most=40), st.sampled_from(Order))
def test_a_real_method_plans_the_same_without_its_short_way(case, order):
    short = plan(case.rows, case.table, case.method, case.exits, order)
    assert short == plan(case.rows, case.table, Unsaid(case.method), case.exits, order)
