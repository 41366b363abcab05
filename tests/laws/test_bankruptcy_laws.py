"""Closing every contract at its bankruptcy value spends the equity, never more, and hardly less."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.liquidation import bankruptcy_value
from seawall.margin import ExactTable
from seawall.market import Kind
from seawall.pricing import RiskTable


def table_of(values, notionals):
    size = len(values)
    kinds = [Kind.CURRENCY, *([Kind.LINEAR, Kind.INVERSE, Kind.OPTION] * size)][:size]
    zeros = np.zeros(size)
    return ExactTable(
        RiskTable(
            value=np.array(values, float),
            collateral=np.array(values, float),
            change=np.zeros((size, 1)),
            bound=zeros,
            notional=np.array(notionals, float),
            delta=zeros,
            coin=zeros.astype(np.int32),
            kind=np.array(kinds, np.int8),
            expires_ms=zeros.astype(np.int64),
            strike=zeros,
            is_call=zeros.astype(np.int8),
            scenarios=1,
            coins=(),
        )
    )


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(10**12), 10**12),
    st.lists(
        st.tuples(
            st.integers(-(10**5), 10**5).filter(bool),
            st.integers(-(10**9), 10**9),
            st.integers(1, 10**9),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_equity_ends_between_nothing_and_an_atom_for_each_lot(cash, positions):
    table = table_of([1] + [v for _, v, _ in positions], [0] + [n for _, _, n in positions])
    rows = [(0, cash)] * bool(cash) + [(a, p[0]) for a, p in enumerate(positions, 1)]
    equity = sum(q * table.value[a] for a, q in rows)
    left = cash
    for asset, (lots, value, _) in enumerate(positions, 1):
        closing = bankruptcy_value(rows, table, asset)
        left += lots * closing
        borne = (value - closing) * (1 if lots > 0 else -1)
        assert (borne > 0) <= (equity > 0)
        assert (borne < 0) <= (equity < 0)
    assert 0 <= left < sum(abs(lots) for lots, _, _ in positions)


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**9), 10**9), st.integers(1, 999), st.integers(1, 10**6))
def test_equal_positions_bear_equal_parts(cash, lots, value):
    table = table_of([1, value, value], [0, value, value])
    rows = [(0, cash)] * bool(cash) + [(1, lots), (2, lots)]
    assert bankruptcy_value(rows, table, 1) == bankruptcy_value(rows, table, 2)
