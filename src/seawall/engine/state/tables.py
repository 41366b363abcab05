"""The risk tables of the moment: one for each distinct grid, repriced where a coin was touched."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from seawall.margin import ExactTable, MarginMethod
from seawall.margin.collateral import NOTHING_OBSERVED, Observed
from seawall.margin.counted import CoinTerms, Counted, counted_share, reads_market, split
from seawall.market import Catalogue, Snapshot
from seawall.money import RATIO_ONE
from seawall.pricing import Grid, RiskTable, risk_table


class Tables:
    """Risk tables by margin method; equal grids share one table.

    A coin's collateral rules become its haircut in the tables, new where prices or feeds move it;
    from the first that reads the account on they stand before every method, as `Counted`.
    `observed` is the venue's own, read at each repricing. [coin]
    """

    def __init__(
        self,
        methods: tuple[MarginMethod, ...],
        terms: tuple[CoinTerms, ...],
        observed: Mapping[int, Observed],
    ) -> None:
        self._plain, self._terms, self._observed = methods, terms, observed
        chains = [split(coin.rules) for coin in terms]
        rules = {c.id: after for c, (_, after) in zip(terms, chains, strict=True) if after}
        self.methods = tuple(Counted(method, rules) for method in methods) if rules else methods
        # A share that no price moves is known now; the price of 1 stands for any.
        self._haircuts = [
            RATIO_ONE - (0 if any(map(reads_market, first)) else counted_share(first, 1, 1))
            for first, _ in chains
        ]
        self._moving = [
            (coin, first) for coin, (first, _) in enumerate(chains) if any(map(reads_market, first))
        ]
        self._outside = [coin for coin, one in enumerate(terms) if not one.inside_scenarios]
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

    def like(self, method: int | None = None) -> Tables:
        """Tables of the same rules that were not priced yet, of one method or of all."""
        methods = self._plain if method is None else (self._plain[method],)
        return Tables(methods, self._terms, self._observed)

    def still(self) -> Tables:
        """The same tables of the same moment, which later prices leave as they are."""
        kept = copy.copy(self)
        kept._observed = dict(self._observed)
        kept._exact = list(self._exact)
        return kept

    def reprice(
        self, catalogue: Catalogue, snapshot: Snapshot, touched: frozenset[int] | None
    ) -> None:
        """Bring every table to the snapshot; `touched` None builds them anew."""
        fresh = touched is None or not self._risk
        haircuts = self._haircuts_at(snapshot)
        if touched is not None:
            pairs = enumerate(zip(haircuts, self._haircuts, strict=True))
            touched |= {coin for coin, (new, old) in pairs if new != old}
        risk = [
            risk_table(
                catalogue,
                snapshot,
                grid,
                haircuts,
                previous=None if fresh else self._risk[number],
                touched=None if fresh else touched,
            )
            for number, grid in enumerate(self._grids)
        ]
        for table in risk if self._outside else ():
            table.change[self._outside] = 0.0
        self._risk, self._haircuts = risk, haircuts
        self._exact = [None] * len(self._risk)

    def _haircuts_at(self, snapshot: Snapshot) -> list[int]:
        """Parts per billion. [coin] A coin without a price has none: the table will refuse it."""
        if not self._moving:
            return self._haircuts
        haircuts = self._haircuts.copy()
        for coin, rules in self._moving:
            observed = self._observed.get(coin, NOTHING_OBSERVED)
            price = max(snapshot.price[coin], 1)
            haircuts[coin] = RATIO_ONE - counted_share(
                rules, price, self._terms[coin].one, observed
            )
        return haircuts

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
