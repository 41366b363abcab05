"""EXPERIMENTAL: Deribit's cross portfolio margin, with what is not public made definite.

Knows correlation sets and what a sure gain pays. Does not know cells, deltas or add-ons: those are
`DeribitPortfolio`'s.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
import numpy as np

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    Requirement,
    Rows,
    Term,
)
from seawall.margin.deribit import PairRates, SettlementRates, load_model_params
from seawall.margin.deribit.columns import DOLLAR, EXTENDED, SHOCKS, Columns, NetSet
from seawall.margin.deribit_block import deribit_portfolio
from seawall.margin.deribit_portfolio import BLOCK, PARALLEL_FROM, DeribitPortfolio
from seawall.pricing import Floats, Grid, RiskTable, aligned
from seawall.pricing.table import Ints, Same

DIRECTIONS = ("down", "unmoved", "up")


class CrossRates(SettlementRates, frozen=True, forbid_unknown_fields=True):
    """What holds for a currency, by the names of the venue's `currency` block.

    The offset is that of the settlement currency, the correlation set that of the coin.
    """

    correlation_set: str = ""  # Coins of one set move in the same direction; empty: alone.
    pnl_offset: Decimal = Decimal(0)  # Share of a sure gain that pays for others' losses.
    max_offsetable_pnl: Decimal = Decimal(0)  # Dollars that it pays at most.


class _Judged(NamedTuple):
    """One netting set, exact; numeraire atoms, losses positive."""

    rule: NetSet
    family: str  # Correlation set, or the set's own name.
    rows: list[tuple[int, int]]
    worst: tuple[Fraction, ...]  # [direction] negative: a sure gain.
    cell: tuple[int, ...]  # [direction] where.
    pays: tuple[Fraction, ...]  # [direction] to the others of its family.
    roll: Fraction
    delta: Fraction

    def owed(self, direction: int) -> Fraction:
        """What it adds to its family in a direction."""
        return max(self.worst[direction], _ZERO) - self.pays[direction]


class DeribitCross(
    msgspec.Struct,
    frozen=True,
    tag="deribit_xpm",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Experimental: several coins in one margin, gains of one in part against losses of another.

    Cells, roll shock and delta shock are those of `DeribitPortfolio`, one netting set for each coin
    in each settlement currency. Coins of one correlation set move in one direction d: down, not at
    all, or up; each set goes through its own cells of that direction:

        worst[s, d] = max over the cells of d of the set's loss, negative where it gains in all
        pays[s, d] = min(pnl_offset · max(−worst[s, d], 0), max_offsetable_pnl)
        loss[d] = max(Σ over sets of max(worst[s, d], 0) − pays[s, d], 0)
        initial = Σ over correlation sets of max over d of loss[d] + Σ (roll + delta shock)

    and maintenance = mm_factor · initial, each rounded up once. A set outside any correlation set
    is alone in its own: it takes its worst cell, and its gain pays nobody. The dampener lowers
    losses alone.

    What is public, by names of the API's fields and words of the documentation: the cells, that a
    correlation set moves in the same direction, that a share of a gain up to a cap offsets losses.
    What is not, and is our reading: that each set takes its own worst cell within the direction;
    that only a gain in all its cells pays; that it pays within its correlation set alone; that the
    offset is the settlement currency's. No published number confirms it. `haircut` is the
    collateral's, by the rulebook; `equity_side_impact` is not used.

    The screen's error_bound is `DeribitPortfolio`'s with four roundings more, for offset, cap and
    subtraction: each number above is at most the set's weight there.
    Source: docs.deribit.com, Portfolio margin and private/pme/simulate.
    """

    pairs: dict[str, PairRates]  # By coin.
    currencies: dict[str, CrossRates]  # By settlement currency, and coin for its correlation set.
    mm_factor: Decimal = Decimal("0.8")
    buckets_count: int = 4
    short_term_vega_power: Decimal = Decimal("0.3")
    long_term_vega_power: Decimal = Decimal("0.13")
    min_volatility_for_shock_up: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        _ = self._apart
        for coin, rates in self.currencies.items():
            share, most = rates.pnl_offset, rates.max_offsetable_pnl
            if not (share.is_finite() and 0 <= share <= 1):
                raise ValueError(f"currencies.{coin}.pnl_offset: {share} is not between 0 and 1")
            if not (most.is_finite() and most >= 0):
                raise ValueError(f"currencies.{coin}.max_offsetable_pnl: {most} is not at least 0")

    def grid(self) -> Grid:
        """The cells of `DeribitPortfolio`."""
        return self._apart.grid()

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        assert risk.scenarios == len(self.grid().scenarios), "the table answers another grid"
        assert risk.change.shape[1] % BLOCK == 0, "scenarios must be padded to whole blocks"
        columns, family, offset, barred = self._compiled(Same(risk))
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            risk.change,
            (columns.lines, columns.codes),
            (columns.scale, columns.step, columns.shock, columns.rate, columns.owners),
            (family, offset, barred),
            float(self.mm_factor),
            int(holdings.count.max(initial=0)),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        alone = self._apart.charged_in_full(rows, table)
        judged = self._judged(rows, table)
        total = sum((each.roll + each.delta for each in judged), _ZERO)
        for members in _families(judged).values():
            total += _worst(members)[0]
        return ExactRequirement(
            alone.equity,
            alone.margin_equity,
            math.ceil(total) + alone.initial,
            math.ceil(Fraction(self.mm_factor) * total) + alone.maintenance,
        )

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Contracts whose coin or settlement currency has no rates, and options without a price."""
        return self._apart.refuses(rows, table)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """Rows in the worst cells of their family's direction, what gains pay, then add-ons."""
        factor = Fraction(self.mm_factor)
        charged: dict[int, Fraction] = {}
        added: list[tuple[str, Fraction]] = []
        words: list[str] = []
        judged = self._judged(rows, table)
        for name, members in _families(judged).items():
            loss, direction = _worst(members)
            if loss == 0:
                continue
            for each in members:
                cell = each.rule.cells[each.cell[direction]]
                own = _ZERO
                for asset, lots in each.rows:
                    moved = lots * table.change(asset)[each.cell[direction]]
                    charged[asset] = Fraction(-moved * cell.scale, cell.whole)
                    own += charged[asset]
                worst = each.worst[direction]
                added.append((f"dampener, {each.rule.name}", worst - own))
                kept = max(-worst, _ZERO) - each.pays[direction]
                added.append((f"gain that pays nobody, {each.rule.name}", kept))
            words.append(f"{name}: {DIRECTIONS[direction]}")
        for each in judged:
            added.append((f"roll shock, {each.rule.name}", each.roll))
            added.append((f"delta shock, {each.rule.name}", each.delta))
        terms = []
        for asset, lots in rows:
            alone = self._apart.charged_in_full([(asset, lots)], table)
            owed = round(charged.get(asset, _ZERO) * factor) + alone.maintenance
            terms.append(Term(names[asset], lots, alone.equity, alone.margin_equity, owed))
        others = [Term(label, 0, 0, 0, round(amount * factor)) for label, amount in added]
        total = self.requirement_exact(rows, table)
        rest = total.maintenance - sum(term.maintenance for term in (*terms, *others))
        others.append(Term("rounding", 0, 0, 0, rest))
        kept_terms = (term for term in others if term.maintenance)
        binding = "; ".join(words) or "no loss in any direction"
        return Explanation("deribit_xpm", (*terms, *kept_terms), binding, total)

    def _judged(self, rows: Rows, table: ExactTable) -> list[_Judged]:
        columns = self._compiled(Same(table.risk))[0]
        return [self._judge(rule, held, table) for rule, held in self._apart.sets_of(rows, columns)]

    def _judge(self, rule: NetSet, held: list[tuple[int, int]], table: ExactTable) -> _Judged:
        scaled = [[lots * change for change in table.change(asset)] for asset, lots in held]
        losses = []
        for cell, gains in zip(rule.cells, zip(*scaled, strict=True), strict=True):
            loss = -sum(gains) * cell.scale
            losses.append(max(loss - cell.step, min(loss, 0)))
        cells = tuple(max(of, key=losses.__getitem__) for of in self._cells)
        worst = tuple(Fraction(losses[cell], rule.cells[cell].whole) for cell in cells)
        rates = self._rates(rule)
        share, most = Fraction(rates.pnl_offset), Fraction(rates.max_offsetable_pnl) * DOLLAR
        pays = tuple(min(share * max(-each, _ZERO), most) for each in worst)
        add_ons = self._apart.add_ons(rule, held, table)
        return _Judged(rule, self._family(rule), held, worst, cells, pays, *add_ons)

    def _rates(self, rule: NetSet) -> CrossRates:
        return self.currencies[rule.name.rsplit(" ", maxsplit=1)[1]]

    def _family(self, rule: NetSet) -> str:
        """The correlation set of the set's coin, or its own name."""
        rates = self.currencies.get(rule.name.split(" ", maxsplit=1)[0])
        together = "" if rates is None else rates.correlation_set
        return f"correlation set {together}" if together else rule.name

    @functools.cached_property
    def _cells(self) -> tuple[tuple[int, ...], ...]:
        """[direction] its cells."""
        steps = range(-self.buckets_count, self.buckets_count + 1)
        moves = [Decimal(step) for step in steps for _ in SHOCKS] + list(EXTENDED)
        signs = [(move > 0) - (move < 0) for move in moves]
        return tuple(
            tuple(cell for cell, sign in enumerate(signs) if sign == direction)
            for direction in (-1, 0, 1)
        )

    @functools.cached_property
    def _apart(self) -> DeribitPortfolio:
        return DeribitPortfolio(
            pairs=self.pairs,
            currencies={name: _settled(rates) for name, rates in self.currencies.items()},
            mm_factor=self.mm_factor,
            buckets_count=self.buckets_count,
            short_term_vega_power=self.short_term_vega_power,
            long_term_vega_power=self.long_term_vega_power,
            min_volatility_for_shock_up=self.min_volatility_for_shock_up,
        )

    @functools.cached_property
    def _compiled(self) -> Callable[[Same[RiskTable]], tuple[Columns, Ints, Floats, Floats]]:
        @functools.lru_cache(maxsize=4)
        def compiled(key: Same[RiskTable]) -> tuple[Columns, Ints, Floats, Floats]:
            """[set] family; [set, 2] share and cap; [direction, cell] infinite where barred."""
            columns = self._apart.columns_of(key.itself)
            names = [self._family(rule) for rule in columns.sets]
            unique = sorted(set(names))
            family = np.array([unique.index(name) for name in names], np.int64)
            rates = [self._rates(rule) for rule in columns.sets]
            offset = np.array(
                [(float(r.pnl_offset), float(r.max_offsetable_pnl * DOLLAR)) for r in rates]
            ).reshape(-1, 2)
            barred = aligned(len(DIRECTIONS), columns.scale.shape[1])
            barred[:] = np.inf
            for direction, cells in enumerate(self._cells):
                barred[direction, list(cells)] = 0.0
            return columns, family, offset, barred

        return compiled


def deribit_cross(block: dict[str, Any], dollar_coins: Sequence[str] = ("USDC",)) -> DeribitCross:
    """The method with the parameters of a `model_params` block as the venue's API returns it.

    As `deribit_portfolio` reads it; a correlation set that is a truth and not a name is named so.
    """
    apart, model = deribit_portfolio(block, dollar_coins), load_model_params(block)
    found = {}
    for name, rates in apart.currencies.items():
        key = "usd" if name.lower() not in model.currency else name.lower()
        each = model.currency[key]
        together = each.correlation_set
        found[name] = CrossRates(
            **msgspec.structs.asdict(rates),
            correlation_set="" if together in (None, False) else str(together),
            pnl_offset=Decimal(str(each.pnl_offset)),
            max_offsetable_pnl=Decimal(str(each.max_offsetable_pnl)),
        )
    fields = {name: getattr(apart, name) for name in apart.__struct_fields__}
    return DeribitCross(**(fields | {"currencies": found}))


_ZERO = Fraction(0)


def _settled(rates: CrossRates) -> SettlementRates:
    names = SettlementRates.__struct_fields__
    return SettlementRates(**{name: getattr(rates, name) for name in names})


def _families(judged: Sequence[_Judged]) -> dict[str, list[_Judged]]:
    found: dict[str, list[_Judged]] = {}
    for each in judged:
        found.setdefault(each.family, []).append(each)
    return found


def _worst(members: Sequence[_Judged]) -> tuple[Fraction, int]:
    """The loss of a correlation set, never below 0, and the first direction that makes it."""
    losses = [
        max(sum((each.owed(direction) for each in members), _ZERO), _ZERO)
        for direction in range(len(DIRECTIONS))
    ]
    return max(losses), losses.index(max(losses))


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.deribit import _kernels

    return _kernels.cross_serial, _kernels.cross_parallel
