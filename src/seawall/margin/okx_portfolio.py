"""OKX's portfolio margin as far as its numbers are public, as a margin method. Experimental.

Knows the legs MR1 (spot shock), MR4 (basis), MR6 (extreme move), MR7 (least charge) and MR8
(borrowing). Does not know MR2, MR3, MR5 (options' decay, term structure, interest) or MR9 (depeg),
nor the volatility shocks of MR1: they are not published. `okx` has the same legs on floats.
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
    worth,
)
from seawall.market import Kind
from seawall.money import RATIO_ONE, Rounding, format_ratio, multiply_ratio, parse_ratio
from seawall.pricing import Floats, Grid, RiskTable, Scenario

CURRENCY, OPTION = int(Kind.CURRENCY), int(Kind.OPTION)
PARALLEL_FROM = 100_000  # Below, a second thread that must be waited for costs more than it saves.


class RiskUnitTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of one underlying."""

    moves: tuple[Decimal, ...]  # On both sides, for MR1, ascending; an unmoved price loses nothing.
    extreme_move: Decimal  # On both sides, for MR6.
    basis_rate: Decimal  # Of |delta|, for MR4.
    least_rate: Decimal  # Of |delta|, for MR7.

    def __post_init__(self) -> None:
        moves = [parse_ratio(move) for move in (*self.moves, self.extreme_move)]
        if len(moves) < 2 or moves != sorted(moves) or not 0 < moves[0] <= moves[-1] < RATIO_ONE:
            raise ValueError("moves: ratios between 0 and 1, ascending up to extreme_move")
        for name in ("basis_rate", "least_rate"):
            if not 0 <= parse_ratio(getattr(self, name)) <= RATIO_ONE:
                raise ValueError(f"{name}: a ratio from 0 to 1 is needed")


class _Unit(NamedTuple):
    """The legs of one risk unit, and what it owes."""

    scenario: int  # The binding one of MR1 and MR6.
    worst: int  # max(MR1, MR6)
    basis: Fraction  # MR4
    least: Fraction  # MR7

    @property
    def total(self) -> int:
        return math.ceil(max(self.worst + self.basis, self.least))


class OkxPortfolio(
    msgspec.Struct,
    frozen=True,
    tag="okx_pm",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Experimental: risk units of perpetuals, futures and coins, without options.

    For each coin MR1 = the most lost over its moves, MR6 = extreme_share of the most lost at its
    extreme move, MR4 = basis_rate · |delta|, MR7 = least_rate · |delta|, with |delta| = |profit at
    the largest move| ÷ that move; unit = max(max(MR1, MR6) + MR4, MR7), rounded up. MR8 = rates of
    what is borrowed, which is Σ of currency balances below zero. maintenance = Σ units +
    borrow_maintenance · debt; initial = initial_factor · Σ units + borrow_initial · debt, and at
    least maintenance; each sum rounds up.

    Options cannot be margined, because their legs are not published: `refuses` names them. One
    that is held counts zero if bought, and is charged its full notional and its value if sold.
    Source: OKX API documentation, account/position-builder; OKX announcement of 2 January 2025.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound: a profit errs by at most
    n·u·G, and not at all while G < 2^53; a unit by 1 + (basis_rate + least_rate) ÷ move times that,
    of the coin where it is largest, as the profits of the coins err together. Products and sums err
    by (n + 8)·u of units and debt, rounding up by 1 for each coin and 2 for the sums. The factor
    multiplies all this and adds 2·u·initial; the kernel doubles it.
    """

    others: RiskUnitTerms  # Terms of a coin that `units` does not name.
    units: dict[str, RiskUnitTerms] = {}  # By coin.
    extreme_share: Decimal = Decimal("0.5")
    initial_factor: Decimal = Decimal("1.3")
    borrow_maintenance: Decimal = Decimal("0.02")  # Of the debt.
    borrow_initial: Decimal = Decimal("0.10")

    def __post_init__(self) -> None:
        for coin, terms in self.units.items():
            if len(terms.moves) != len(self.others.moves):
                raise ValueError(f"units.{coin}.moves: as many are needed as in others")
        if parse_ratio(self.initial_factor) < RATIO_ONE:
            raise ValueError("initial_factor: initial margin cannot be below maintenance")
        if not 0 < parse_ratio(self.extreme_share) <= RATIO_ONE:
            raise ValueError("extreme_share: a share above 0 and up to 1 is needed")
        if not 0 <= parse_ratio(self.borrow_maintenance) <= parse_ratio(self.borrow_initial):
            raise ValueError(
                "borrow_initial: it cannot be below borrow_maintenance, nor that below 0"
            )

    def grid(self) -> Grid:
        """Every move up and down, then the extremes, of which a share counts."""
        return self._grid

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        assert risk.scenarios == len(self._grid.scenarios), "the table answers another grid"
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        factor, kept, asked = (part / RATIO_ONE for part in self._rates)
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            risk.change,
            (risk.scenarios, self._edge),
            self._columns(risk.coins),
            (factor, kept, asked),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        margin_equity -= sum(_uncounted(asset, lots, table) for asset, lots in rows)
        units = sum(unit.total for unit in self._risk_units(rows, table).values())
        units += sum(_full(asset, lots, table) for asset, lots in rows)
        debt = sum(_debt(asset, lots, table) for asset, lots in rows)
        factor, kept, asked = self._rates
        maintenance = units + multiply_ratio(debt, kept, Rounding.UP)
        initial = multiply_ratio(units, factor, Rounding.UP)
        initial += multiply_ratio(debt, asked, Rounding.UP)
        return ExactRequirement(equity, margin_equity, initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Options: the legs that they need are not published."""
        return tuple(asset for asset, _ in rows if table.kind[asset] == OPTION)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row, its loss in its unit's binding move, then what is added."""
        charged = {asset: _full(asset, lots, table) for asset, lots in rows}
        added: list[Term] = []
        words: list[str] = []
        for coin, unit in self._risk_units(rows, table).items():
            name = table.risk.coins[coin]
            if unit.worst:
                charged.update(
                    (asset, -lots * table.change(asset)[unit.scenario])
                    for asset, lots in rows
                    if table.coin[asset] == coin and table.kind[asset] != OPTION
                )
                words.append(f"{name}: {self._said(unit.scenario, name)}")
            if unit.total > unit.worst:
                leg = "least charge" if unit.least > unit.worst + unit.basis else "basis"
                added.append(Term(f"{leg}, {name}", 0, 0, 0, unit.total - unit.worst))
        debt = sum(_debt(asset, lots, table) for asset, lots in rows)
        borrowed = multiply_ratio(debt, self._rates[1], Rounding.UP)
        if borrowed:
            added.append(Term("borrowing", 0, 0, 0, borrowed))
        terms = []
        for asset, lots in rows:
            equity, margin_equity = worth([(asset, lots)], table)
            margin_equity -= _uncounted(asset, lots, table)
            terms.append(Term(names[asset], lots, equity, margin_equity, charged[asset]))
        binding = "; ".join(words) or "no loss in any scenario"
        total = self.requirement_exact(rows, table)
        return Explanation("okx_pm", (*terms, *added), binding, total)

    def _risk_units(self, rows: Rows, table: ExactTable) -> dict[int, _Unit]:
        """Risk units by coin number."""
        coins: dict[int, list[list[int]]] = {}
        for asset, lots in rows:
            if table.kind[asset] != OPTION:
                losses = [-lots * change for change in table.change(asset)]
                coins.setdefault(table.coin[asset], []).append(losses)
        return {coin: self._unit(table.risk.coins[coin], each) for coin, each in coins.items()}

    def _unit(self, coin: str, losses: Sequence[Sequence[int]]) -> _Unit:
        sums = [sum(column) for column in zip(*losses, strict=True)]
        worst = max(sums)
        terms = self.units.get(coin, self.others)
        far, move = abs(sums[self._edge]), parse_ratio(terms.moves[-1])
        return _Unit(
            sums.index(worst),
            max(0, worst),
            Fraction(far * parse_ratio(terms.basis_rate), move),
            Fraction(far * parse_ratio(terms.least_rate), move),
        )

    def _said(self, scenario: int, coin: str) -> str:
        terms = self.units.get(coin, self.others)
        move = (*terms.moves, terms.extreme_move)[scenario // 2]
        share = ", half counts" if self.extreme_share == Decimal("0.5") else ", a share counts"
        extreme = share if scenario // 2 == len(terms.moves) else ""
        sign = "−" if scenario % 2 else "+"
        return f"price {sign}{format_ratio(parse_ratio(100 * move))} %{extreme}"

    @property
    def _edge(self) -> int:
        """The scenario of the largest ordinary move, upwards."""
        return 2 * len(self.others.moves) - 2

    @functools.cached_property
    def _rates(self) -> tuple[int, int, int]:
        return (
            parse_ratio(self.initial_factor),
            parse_ratio(self.borrow_maintenance),
            parse_ratio(self.borrow_initial),
        )

    @functools.cached_property
    def _grid(self) -> Grid:
        moves = _both_sides(self.others)
        share = parse_ratio(self.extreme_share)
        weights = (RATIO_ONE,) * (len(moves) - 2) + (share, share)
        return Grid(
            scenarios=tuple(
                Scenario(move, 0, weight) for move, weight in zip(moves, weights, strict=True)
            ),
            history=tuple((coin, _both_sides(self.units[coin])) for coin in sorted(self.units)),
        )

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], Floats]:
        return {}

    def _columns(self, coins: tuple[str, ...]) -> Floats:
        """(basis, least) ÷ largest move by coin number, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            terms = [self.units.get(coin, self.others) for coin in coins]
            columns = self._compiled[coins] = np.array(
                [
                    [
                        parse_ratio(rate) / parse_ratio(each.moves[-1])
                        for rate in (each.basis_rate, each.least_rate)
                    ]
                    for each in terms
                ]
            )
        return columns


def _both_sides(terms: RiskUnitTerms) -> tuple[int, ...]:
    moves = map(parse_ratio, (*terms.moves, terms.extreme_move))
    return tuple(side * move for move in moves for side in (1, -1))


def _full(asset: int, lots: int, table: ExactTable) -> int:
    """Charge of an option sold, which cannot be margined."""
    if table.kind[asset] != OPTION or lots > 0:
        return 0
    return abs(lots) * table.notional[asset] + abs(lots * table.value[asset])


def _uncounted(asset: int, lots: int, table: ExactTable) -> int:
    """What an option bought adds to worth, but not to margin equity."""
    return lots * table.collateral[asset] if table.kind[asset] == OPTION and lots > 0 else 0


def _debt(asset: int, lots: int, table: ExactTable) -> int:
    return abs(lots * table.value[asset]) if table.kind[asset] == CURRENCY and lots < 0 else 0


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.risk_units import _kernels

    return _kernels.okx_serial, _kernels.okx_parallel
