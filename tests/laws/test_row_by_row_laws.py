"""Methods that judge rows apart: the excess of the rows is the excess of the account."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.margin import Bracket, ExactTable, Tiered
from seawall.market import Kind
from seawall.pricing import RiskTable

COINS = ("USD", "XYZ", "ABC")  # ABC has no brackets, so its contracts are charged in full.
TIERED = Tiered(
    {
        "XYZ": (
            Bracket(Decimal(0), Decimal("0.03"), Decimal("0.011")),
            Bracket(Decimal("0.000005"), Decimal("0.07"), Decimal("0.033")),
        )
    }
)
KINDS = tuple(Kind)


def table_of(kinds, coins, values, cuts):
    size = len(kinds)
    value = np.array(values, float)
    return ExactTable(
        RiskTable(
            value=value,
            collateral=np.array([v - v * cut // 100 for v, cut in zip(values, cuts, strict=True)])
            * 1.0,
            change=np.zeros((size, 1)),
            bound=np.zeros(size),
            notional=np.abs(value),
            delta=np.zeros(size),
            coin=np.array(coins, np.int32),
            kind=np.array(kinds, np.int8),
            expires_ms=np.zeros(size, np.int64),
            strike=np.zeros(size),
            is_call=np.zeros(size, np.int8),
            scenarios=1,
            coins=COINS,
        )
    )


@st.composite
def accounts(draw):
    size = draw(st.integers(1, 6))

    def some(what):
        return draw(st.lists(what, min_size=size, max_size=size))

    table = table_of(
        some(st.sampled_from(KINDS)),
        some(st.integers(0, 2)),
        some(st.integers(1, 40_000)),
        some(st.integers(0, 90)),
    )
    held = some(st.integers(-50, 50))
    return tuple((asset, lots) for asset, lots in enumerate(held) if lots), table


@pytest.mark.parametrize("method", [TIERED], ids=["tiered"])
@given(account=accounts())
def test_the_excess_of_the_rows_is_the_excess_of_the_account(method, account):
    rows, table = account
    verdict = method.requirement_exact(rows, table)
    apart = sum(method.excess_of_row(asset, lots, table) for asset, lots in rows)
    assert apart == verdict.margin_equity - verdict.initial
    assert all(method.excess_of_row(asset, 0, table) == 0 for asset in range(len(table.kind)))


@given(account=accounts())
def test_the_equity_of_an_account_is_what_its_rows_are_worth(account):
    """Long options are worth something and count for nothing; coins count after their haircut."""
    rows, table = account
    verdict = TIERED.requirement_exact(rows, table)
    assert verdict.equity == sum(lots * table.value[asset] for asset, lots in rows)
    assert verdict.margin_equity == sum(
        (0 if table.kind[asset] == Kind.OPTION else lots * table.collateral[asset])
        if lots > 0
        else lots * table.value[asset]
        for asset, lots in rows
    )
