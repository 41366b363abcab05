"""A flash loan happens whole or not at all, and the lender never ends with less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seawall.liquidation.flash import FlashLoan, Move, Reversal, flash

LENDER, KEEPER, ACCOUNT, POOL = range(4)
CASH, LOTS = range(2)

holdings = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 1)), st.integers(0, 1_000), max_size=8
)
moves = st.lists(
    st.builds(
        Move,
        asset=st.integers(0, 1),
        source=st.integers(0, 3),
        target=st.integers(0, 3),
        atoms=st.integers(-2, 900),
    ),
    max_size=6,
)
loans = st.builds(
    FlashLoan,
    lender=st.just(LENDER),
    borrower=st.integers(0, 2),
    asset=st.just(CASH),
    atoms=st.integers(-1, 900),
    fee_ratio=st.integers(0, 10**9),
)


@given(holdings, loans, moves, st.integers(-50, 50))
def test_all_or_nothing(before, loan, steps, least_gain):
    result = flash(before, loan, steps, least_gain)
    if result.reversal is not None:
        assert result.balances == before
        return
    for asset in (CASH, LOTS):
        held = [sum(n for (_, a), n in side.items() if a == asset)
                for side in (before, result.balances)]  # fmt: skip
        assert held[0] == held[1]
    assert min(result.balances.values(), default=0) >= 0
    from_moves = sum(
        ((move.target == LENDER) - (move.source == LENDER)) * move.atoms
        for move in steps
        if move.asset == CASH
    )
    gained = result.balances[LENDER, CASH] - before.get((LENDER, CASH), 0)
    assert gained == loan.fee + from_moves
    own = (loan.borrower, CASH)
    assert result.balances[own] - before.get(own, 0) >= least_gain


@given(st.integers(1, 10**6), st.integers(0, 2 * 10**6), st.integers(0, 10**8))
def test_a_liquidation_without_capital_pays_just_when_the_spread_covers_the_fee(
    cost, proceeds, fee_ratio
):
    """The keeper has nothing: it pays `cost` for the lots and sells them for `proceeds`."""
    before = {(LENDER, CASH): cost, (ACCOUNT, LOTS): 7, (POOL, CASH): proceeds}
    loan = FlashLoan(LENDER, KEEPER, CASH, cost, fee_ratio)
    steps = (
        Move(CASH, KEEPER, ACCOUNT, cost),
        Move(LOTS, ACCOUNT, KEEPER, 7),
        Move(LOTS, KEEPER, POOL, 7),
        Move(CASH, POOL, KEEPER, proceeds),
    )
    result = flash(before, loan, steps)
    if not proceeds:
        assert (result.reversal, result.failed_move) == (Reversal.NOTHING_ASKED, 3)
    elif proceeds < cost + loan.fee:
        assert result.reversal is Reversal.NOT_REPAID
    else:
        assert result.balances[KEEPER, CASH] == proceeds - cost - loan.fee
        assert result.balances[LENDER, CASH] == cost + loan.fee
        assert result.balances[ACCOUNT, CASH] == cost


def test_each_reversal_has_its_reason():
    loan = FlashLoan(LENDER, KEEPER, CASH, 100, 10**7)  # 1 %: one atom.
    rich = {(LENDER, CASH): 100, (POOL, CASH): 50}
    for holdings_before, lent, steps, least, reason in (
        (rich, loan._replace(atoms=0), (), 0, Reversal.NOTHING_ASKED),
        ({}, loan, (), 0, Reversal.LENDER_SHORT),
        (rich, loan, (Move(CASH, KEEPER, POOL, 101),), 0, Reversal.OVERDRAWN),
        (rich, loan, (), 0, Reversal.NOT_REPAID),
        (rich, loan, (Move(CASH, POOL, KEEPER, 10),), 10, Reversal.TOO_LITTLE_LEFT),
        (rich, loan, (Move(CASH, POOL, KEEPER, 11),), 10, None),
    ):
        assert flash(holdings_before, lent, steps, least).reversal is reason
