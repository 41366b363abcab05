"""What is read once is read again once it may differ: a ledger's rows, a venue's verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.event import Deposited, Listed, Opened, Priced, RulesChanged, Started, Traded
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.ledger import Cause, Ledger, Transfer
from seawall.market import Instrument

ONE = 10**10
PRICES = (60_000, 59_000, 50_000)
RULES = """
format = 1
name = "read"
version = "2026-01-01.{number}"
cash = "USDC"
numeraire = {{ id = "USD", decimals = 10 }}
coins = [{{ id = "USDC", decimals = 6 }}, {{ id = "BTC", decimals = 8 }}]
[margin.cross]
method = "tiered"
brackets.BTC = [{{ above = 0, initial = 0.{rate}, maintenance = 0.05 }}]
[liquidation]
order = "listed"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
ACTIONS = st.one_of(
    st.tuples(st.just("judge"), st.integers(0, 2)),
    st.tuples(st.just("deposit"), st.integers(0, 2)),
    st.tuples(st.just("trade"), st.integers(1, 3)),
    st.tuples(st.just("price"), st.sampled_from(PRICES)),
    st.tuples(st.just("load"), st.integers(0, 2)),
    st.tuples(st.just("rules"), st.integers(1, 4)),
)


def opened() -> Engine:
    engine = Engine()
    contract = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                          settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip
    engine.apply(Started(time_ms=0, rulebook=read(RULES.format(number=1, rate=10)).canonical()))
    engine.apply(Listed(time_ms=0, instruments=(contract,)))
    engine.apply(Opened(time_ms=0, names=("a", "b", "c"), methods=("cross",) * 3))
    engine.apply(priced(PRICES[0]))
    for number in range(3):
        engine.apply(deposited(number))
    return engine


def priced(dollars: int) -> Priced:
    return Priced(time_ms=0, price=((0, ONE), (1, dollars * ONE)), mark=((0, dollars * ONE),))


def deposited(number: int) -> Deposited:
    return Deposited(time_ms=0, account=FIRST_ACCOUNT + number, coin=0, atoms=10**9)


def traded(lots: int) -> Traded:
    buyer, seller = FIRST_ACCOUNT, FIRST_ACCOUNT + 1
    return Traded(
        time_ms=0, instrument=0, buyer=buyer, seller=seller, lots=lots, price=PRICES[0] * ONE
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=12))
def test_a_verdict_is_always_that_of_the_rows_and_the_table_of_now(
    doings: list[tuple[str, int]],
) -> None:
    engine, changed = opened(), 1
    for what, number in doings:
        venue = engine.venue
        if what == "judge":
            venue.judge(FIRST_ACCOUNT + number)
        elif what == "deposit":
            engine.apply(deposited(number))
        elif what == "trade":
            engine.apply(traded(number))
        elif what == "price":
            engine.apply(priced(number))
        elif what == "load":
            assert venue.ledger.load([FIRST_ACCOUNT + number], [0], [7], 0) is None
        else:
            changed += 1
            rules = read(RULES.format(number=changed, rate=10 * number))
            engine.apply(RulesChanged(time_ms=0, rulebook=rules.canonical()))
        venue = engine.venue
        for other in (0, 2, 1, 0):  # The one that was judged last, then others between.
            account = FIRST_ACCOUNT + other
            rows = venue.ledger.rows(account)
            fresh = venue.methods[0].requirement_exact(rows, venue.tables.exact(0))
            assert venue.judge(account) == fresh
            assert venue.rows(account) == rows


@pytest.mark.parametrize("number", [1, 3])
def test_changes_of_a_ledger_grow_with_loads_and_late_transfers(number: int) -> None:
    """Ids 1, 3, then `number`: posted already, so refused; 2 comes late and is posted."""
    ledger = Ledger(1)
    ledger.open(2)
    seen = [ledger.changes]
    for one in (1, 3):
        assert ledger.post(Transfer(one, 0, 0, 1, 5, Cause.TRADE)) is None
        seen.append(ledger.changes)
    assert ledger.post(Transfer(number, 0, 0, 1, 5, Cause.TRADE)) is not None
    assert ledger.changes == seen[-1]
    assert ledger.post(Transfer(2, 0, 0, 1, 5, Cause.TRADE)) is None
    seen.append(ledger.changes)
    assert ledger.load([1], [0], [5], 0) is None
    seen.append(ledger.changes)
    assert seen == sorted(set(seen)), "each of them changed a balance"
    assert ledger.rows(1) == [(0, 20)]
