"""The risk tables of the moment: one for each distinct grid, repriced where a coin was touched."""

from __future__ import annotations

from seawall.margin import ExactTable, MarginMethod
from seawall.market import Catalogue, Snapshot
from seawall.pricing import Grid, RiskTable, risk_table


class Tables:
    """Risk tables by margin method; equal grids share one table."""

    def __init__(self, methods: tuple[MarginMethod, ...], haircuts: tuple[int, ...]) -> None:
        self.methods = methods
        self._haircuts = haircuts
        self._grids: list[Grid] = []
        self._grid_of: list[int] = []
        grids = [method.grid() for method in methods]
        # A method without scenarios reads values alone, and those are the same in every table.
        some = next((grid for grid in grids if grid.scenarios), Grid())
        for grid in (grid if grid.scenarios else some for grid in grids):
            if grid not in self._grids:
                self._grids.append(grid)
            self._grid_of.append(self._grids.index(grid))
        self._risk: list[RiskTable] = []
        self._exact: list[ExactTable | None] = []

    def reprice(
        self, catalogue: Catalogue, snapshot: Snapshot, touched: frozenset[int] | None
    ) -> None:
        """Bring every table to the snapshot; `touched` None builds them anew."""
        fresh = touched is None or not self._risk
        self._risk = [
            risk_table(
                catalogue,
                snapshot,
                grid,
                self._haircuts,
                previous=None if fresh else self._risk[number],
                touched=None if fresh else touched,
            )
            for number, grid in enumerate(self._grids)
        ]
        self._exact = [None] * len(self._risk)

    @property
    def ready(self) -> bool:
        """Whether anything was priced yet."""
        return bool(self._risk)

    def risk(self, method: int) -> RiskTable:
        """The published table that a method reads."""
        return self._risk[self._grid_of[method]]

    def exact(self, method: int) -> ExactTable:
        """The same table as integers, converted on first use."""
        number = self._grid_of[method]
        table = self._exact[number]
        if table is None:
            table = self._exact[number] = ExactTable(self._risk[number])
        return table
