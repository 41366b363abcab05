"""What a margin method receives, what it owes back, and the promise that both kernels keep.

All amounts are numeraire atoms. `Requirement` is the float screen; `ExactRequirement` is the
verdict. A screen is trusted only where it is farther from the line than its `error_bound`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.pricing import Floats, Grid, Ints, RiskTable

Rows = Sequence[tuple[int, int]]  # (asset, lots or atoms), sorted by asset, no zero quantity.


class Holdings(NamedTuple):
    """Accounts as columns: account a owns rows start[a] to start[a] + count[a].

    A subset of accounts is the same rows under a shorter `start` and `count`.
    """

    start: Ints  # [account]
    count: Ints  # type: ignore[assignment]  # [account]; a tuple's count is not needed here.
    asset: NDArray[np.int32]  # [row]
    lots: Floats  # [row] lots, or atoms of a currency; whole numbers below 2^53.


def holdings_of(accounts: Sequence[Rows]) -> Holdings:
    """Columns of accounts that are given as rows.

    >>> holdings_of([[(0, 5)], [], [(0, 7), (3, -2)]]).start.tolist()
    [0, 1, 1]
    """
    count = np.array([len(rows) for rows in accounts], dtype=np.int64)
    return Holdings(
        start=np.cumsum(count) - count,
        count=count,
        asset=np.array([asset for rows in accounts for asset, _ in rows], dtype=np.int32),
        lots=np.array([lots for rows in accounts for _, lots in rows], dtype=np.float64),
    )


class Requirement(NamedTuple):
    """The float screen of each account. [account] numeraire atoms."""

    equity: Floats  # What the account is worth.
    margin_equity: Floats  # What counts after haircuts; verdicts compare this.
    initial: Floats
    maintenance: Floats
    # No number above, and no difference of two of them, is farther than this from its exact twin;
    # infinite where an input was not finite.
    error_bound: Floats


class ExactRequirement(NamedTuple):
    """The verdict of one account: the same numbers in whole numeraire atoms."""

    equity: int
    margin_equity: int
    initial: int  # Rounded up: owed.
    maintenance: int  # Rounded up: owed.


class Term(msgspec.Struct, frozen=True):
    """One line of an explanation: what a row or an add-on contributes."""

    label: str  # Asset id, tier, scenario or add-on, as a person would say it.
    quantity: int  # Lots or atoms; 0 for an add-on.
    equity: int  # Numeraire atoms.
    margin_equity: int
    maintenance: int


class Explanation(msgspec.Struct, frozen=True):
    """Why an account must hold what it must: terms that add up to the requirement."""

    method: str
    terms: tuple[Term, ...]
    binding: str  # The binding scenario or tier, in words.
    requirement: ExactRequirement


def worth(rows: Rows, table: ExactTable) -> tuple[int, int]:
    """Exact equity and margin equity of the rows: Σ lots × value, and the same after haircuts."""
    value, collateral = table.value, table.collateral
    equity = posted = 0
    for asset, lots in rows:
        here = lots * value[asset]
        equity += here
        posted += lots * collateral[asset] if lots > 0 else here
    return equity, posted


class ExactTable:
    """The integers of a risk table, converted when they are first read.

    Floats of a published table hold whole numbers, so the conversion loses nothing.
    """

    __slots__ = ("_changes", "_moving", "coin", "collateral", "kind", "notional", "risk", "value")

    def __init__(self, risk: RiskTable) -> None:
        self.risk = risk
        self.value: list[int] = [int(v) for v in risk.value.tolist()]
        self.collateral: list[int] = [int(v) for v in risk.collateral.tolist()]
        self.notional: list[int] = [int(v) for v in risk.notional.tolist()]
        self.kind: list[int] = risk.kind.tolist()
        self.coin: list[int] = risk.coin.tolist()
        self._changes: dict[int, list[int]] = {}
        self._moving: dict[int, bool] = {}

    def change(self, asset: int) -> list[int]:
        """[scenario] weighted change of one unit's value."""
        row = self._changes.get(asset)
        if row is None:
            row = [int(v) for v in self.risk.change[asset, : self.risk.scenarios].tolist()]
            self._changes[asset] = row
        return row

    def moves(self, asset: int) -> bool:
        """Whether any scenario changes the asset's value."""
        moving = self._moving.get(asset)
        if moving is None:
            moving = self._moving[asset] = any(self.change(asset))
        return moving


class RowByRow(Protocol):
    """What a margin method may add whose rows never offset each other: the excess of one row.

    margin_equity − initial of `requirement_exact(rows)` is the sum over the rows, to the atom, and
    a row of zero has none. A search that moves two rows then need not judge the others again.
    """

    def excess_of_row(self, asset: int, quantity: int, table: ExactTable) -> int:
        """Margin equity less initial margin of one row alone."""
        ...


class MarginMethod(Protocol):
    """One rule for what an account must hold; a frozen struct whose fields are its parameters."""

    def grid(self) -> Grid:
        """The scenarios that it needs; an empty grid where it needs none."""
        ...

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts; a row of a batch has the bits of the account alone."""
        ...

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        ...

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Assets among the rows that it cannot margin, ascending; it charges them in full."""
        ...

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """Say why; `names[asset]` is what a person calls the asset."""
        ...
