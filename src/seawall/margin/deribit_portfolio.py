"""Deribit's segregated portfolio margin for every account of a venue, screened and exact.

Knows the venue's parameters and the rule. Does not know how an option is priced (the risk table
brings the change of one lot in each cell), open orders, spot, or cross portfolio margin.
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
from seawall.margin.deribit.columns import (
    EXTENDED,
    FUTURE_OUT,
    OPTION_IN,
    OPTION_OUT,
    SHOCKS,
    Columns,
    NetSet,
    PairRates,
    SettlementRates,
    compile_columns,
)
from seawall.money import RATIO_ONE, AmountError, Rounding, divide, format_ratio, parse_ratio
from seawall.pricing import Grid, RiskTable, Scenario
from seawall.pricing.table import Same

PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.
BLOCK = 32  # Scenario columns that the kernel reads at once.


class _Owed(NamedTuple):
    """The parts of one netting set's margin, exact. Numeraire atoms."""

    losses: list[int]  # [scenario] times `whole`, after the extended scale and the dampener.
    whole: int
    roll: Fraction
    delta: Fraction

    @property
    def worst(self) -> Fraction:
        return Fraction(max(self.losses), self.whole)

    @property
    def total(self) -> Fraction:
        return self.worst + self.roll + self.delta


class DeribitPortfolio(
    msgspec.Struct,
    frozen=True,
    tag="deribit_pm",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Portfolio margin of one coin in one settlement currency at a time: worst cell and add-ons.

    Cells: moves k · price_range ÷ buckets_count with volatility down, same, up, and eight extended
    moves with volatility up. A cell's gain is G = Σ lots × change, said in the settlement currency
    at its price of now. worst = max(0, −G of standard cells, −w · G − d of extended cells) with
        w = extended_table_factor · price_range ÷ |m|, in coins × (1 + m) ÷ (1 ± price_range);
        d = (|m| ÷ price_range − 1) · extended_dampener dollars, in coins ÷ (1 ± price_range);
        roll = Σ over expiries |Δ| · max(e^(annualised_move_risk · T) − 1, min_annualised_move);
        delta shock = |D| · min(m_inc · max(|D| − threshold, 0) ÷ index, max_delta_shock),
    D being the delta of all but options bought, which these reduce but never turn around.
    initial = Σ over sets of worst + roll + delta shock; maintenance = mm_factor · initial, each
    rounded up once, of exact sums. Source: docs.deribit.com, private/pme/simulate, and the captured
    replies of June 2024 and February 2026; see `deribit.segregated` for what a number confirms.

    Where it differs from the venue: it rounds to atoms, not to nine decimals; equity is the whole
    account's in numeraire, after haircuts, where a segregated account has equity in each currency;
    coins that settle in one currency add up, so no coin's gain pays another's loss: pnl_offset and
    its cap, which the venue applies there by a rule that is not published, are no parameters. Roll
    rates are rounded to parts per billion and deltas of a lot to atoms, once for each table.

    What has no rates (coin or settlement currency) cannot be margined: `refuses` names it. If held
    anyway, a contract is charged its notional, an option sold its notional and value; an option
    bought counts nothing.

    The screen's error_bound, with u = 2^-53, n rows, and the weight of a row = |lots| · (W · bound
    + |Δ| · (2 · max_delta_shock + m_inc · threshold ÷ index + rate)), W the set's largest w or 1:
    a cell's sum errs by n·u of its bound, its scale by 3 more; where the dampener counts it is at
    most twice the loss, so its roundings add 4 at most. A net delta errs by n·u, and what is left
    of it without the options bought by (2n + 2)·u; the shock rises by at most the factor of |Δ|
    beside it and adds six roundings. Adding sets and expiries errs by 2n·u of the total, which is
    no more than the weight, mm_factor by 2·u. So a number errs by at most (4n + 14)·u · weight, and
    by 1 for rounding up; the kernel doubles it.
    """

    pairs: dict[str, PairRates]  # By coin.
    currencies: dict[str, SettlementRates]  # By settlement currency.
    mm_factor: Decimal = Decimal("0.8")  # Maintenance ÷ initial.
    buckets_count: int = 4  # Steps of price on each side of the unmoved one.
    short_term_vega_power: Decimal = Decimal("0.3")  # Exponent of (30 ÷ days) below 30 days.
    long_term_vega_power: Decimal = Decimal("0.13")
    min_volatility_for_shock_up: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        if not self.pairs:
            raise ValueError("pairs: at least one coin is needed")
        if not self.currencies:
            raise ValueError("currencies: at least one settlement currency is needed")
        if self.buckets_count < 1:
            raise ValueError("buckets_count: at least one bucket is needed")
        _within("mm_factor", self.mm_factor, 0, 1)
        for coin, rates in self.pairs.items():
            for name in rates.__struct_fields__:
                _within(f"pairs.{coin}.{name}", getattr(rates, name), 0, None)
            if not 0 < rates.price_range < 1:
                raise ValueError(f"pairs.{coin}.price_range: {rates.price_range} is not in (0, 1)")
            _within(f"pairs.{coin}.max_delta_shock", rates.max_delta_shock, 0, 1)
        for coin, currency in self.currencies.items():
            for name in currency.__struct_fields__:
                _within(f"currencies.{coin}.{name}", getattr(currency, name), 0, None)
            path, risk = f"currencies.{coin}", currency.annualised_move_risk
            _within(f"{path}.annualised_move_risk", risk, 0, 5)  # e^(5 · 75 years) is a float.
            _read(
                f"{path}.min_annualised_move",
                functools.partial(parse_ratio, currency.min_annualised_move),
            )
        _read("pairs", self.grid)

    def grid(self) -> Grid:
        """27 standard cells and eight extended ones, in the venue's order.

        Each coin moves by its own range; a scenario's own numbers are the widest among the coins.
        """
        return self._grid

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        assert risk.scenarios == len(self._grid.scenarios), "the table answers another grid"
        assert risk.change.shape[1] % BLOCK == 0, "scenarios must be padded to whole blocks"
        columns = self.columns_of(risk)
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            risk.change,
            (columns.lines, columns.codes),
            (
                columns.scale,
                columns.step,
                columns.shock,
                columns.rate,
                columns.owners,
                risk.scenarios,
            ),
            float(self.mm_factor),
            int(holdings.count.max(initial=0)),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        columns = self.columns_of(table.risk)
        total = sum((self._owed(*each, table).total for each in self.sets_of(rows, columns)), _ZERO)
        full = 0
        for asset, lots in rows:
            margin_equity -= _uncounted(asset, lots, table, columns)
            full += _full(asset, lots, columns)
        return ExactRequirement(
            equity, margin_equity, math.ceil(total) + full, math.ceil(self._factor * total) + full
        )

    def charged_in_full(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Worth of the rows, and the charge of those that cannot be margined alone."""
        equity, margin_equity = worth(rows, table)
        columns = self.columns_of(table.risk)
        margin_equity -= sum(_uncounted(*row, table, columns) for row in rows)
        full = sum(_full(*row, columns) for row in rows)
        return ExactRequirement(equity, margin_equity, full, full)

    def add_ons(self, rule: NetSet, rows: Rows, table: ExactTable) -> tuple[Fraction, Fraction]:
        """Roll shock and delta shock of one netting set, exact numeraire atoms."""
        owed = self._owed(rule, rows, table)
        return owed.roll, owed.delta

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Contracts whose coin or settlement currency has no rates, and options without a price."""
        role = self.columns_of(table.risk).role
        return tuple(asset for asset, _ in rows if role[asset] >= FUTURE_OUT)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row in the worst cell of its set, then the add-ons of each set."""
        columns = self.columns_of(table.risk)
        charged: dict[int, int] = {}
        added: list[Term] = []
        words: list[str] = []
        for rule, members in self.sets_of(rows, columns):
            owed = self._owed(rule, members, table)
            cell = _binding(owed, members)
            if owed.losses[cell] > 0:
                scale, step, whole = rule.cells[cell]
                share = self._factor / whole
                for asset, lots in members:
                    charged[asset] = round(-lots * table.change(asset)[cell] * scale * share)
                added.append(_add_on(f"dampener, {rule.name}", -round(step * share)))
                words.append(f"{rule.name}: {self._words(rule, cell)}")
            for label, amount in (("roll shock", owed.roll), ("delta shock", owed.delta)):
                added.append(_add_on(f"{label}, {rule.name}", round(amount * self._factor)))
        terms = []
        for asset, lots in rows:
            equity, margin_equity = worth([(asset, lots)], table)
            margin_equity -= _uncounted(asset, lots, table, columns)
            own = charged.get(asset, 0) + _full(asset, lots, columns)
            terms.append(Term(names[asset], lots, equity, margin_equity, own))
        total = self.requirement_exact(rows, table)
        rest = total.maintenance - sum(term.maintenance for term in (*terms, *added))
        added.append(_add_on("rounding", rest))
        kept = (term for term in added if term.maintenance)
        binding = "; ".join(words) or "no loss in any cell"
        return Explanation("deribit_pm", (*terms, *kept), binding, total)

    def sets_of(self, rows: Rows, columns: Columns) -> list[tuple[NetSet, list[tuple[int, int]]]]:
        """Rows that can be margined, by netting set."""
        found: dict[int, list[tuple[int, int]]] = {}
        for asset, lots in rows:
            net = int(columns.owner[asset])
            if net >= 0:
                found.setdefault(net, []).append((asset, lots))
        return [(columns.sets[net], members) for net, members in found.items()]

    def _owed(self, rule: NetSet, members: Rows, table: ExactTable) -> _Owed:
        columns = self.columns_of(table.risk)
        changes = [[lots * change for change in table.change(asset)] for asset, lots in members]
        losses = [
            max(-sum(gains) * cell.scale - cell.step, 0)
            for cell, gains in zip(rule.cells, zip(*changes, strict=True), strict=True)
        ]
        nets: dict[int, int] = {}
        bought = rest = 0
        for asset, lots in members:
            dollars = lots * int(columns.dollars[asset])
            group = int(columns.group[asset])
            nets[group] = nets.get(group, 0) + dollars
            if columns.role[asset] == OPTION_IN and lots > 0:
                bought += dollars
            else:
                rest += dollars
        roll = sum(abs(dollars) * columns.parts[group] for group, dollars in nets.items())
        whole = rule.cells[0].whole
        return _Owed(losses, whole, Fraction(roll, RATIO_ONE), _delta_shock(rule, bought, rest))

    def _words(self, rule: NetSet, cell: int) -> str:
        coin = rule.name.split(" ", maxsplit=1)[0]
        standard = (2 * self.buckets_count + 1) * len(SHOCKS)
        move = dict(self._grid.history)[coin][cell]
        sign = "+" if move > 0 else "−" if move < 0 else ""
        said = f"price {sign}{format_ratio(100 * abs(move))} %"
        if cell < standard:
            return f"{said}, volatility {SHOCKS[cell % len(SHOCKS)]}, standard cell {cell + 1}"
        return f"{said}, volatility up, extended cell {cell - standard + 1}"

    def columns_of(self, risk: RiskTable) -> Columns:
        """Netting sets, expiries and rates of a table, compiled on the first call."""
        return self._compiled(Same(risk))

    @functools.cached_property
    def _compiled(self) -> Callable[[Same[RiskTable]], Columns]:
        @functools.lru_cache(maxsize=4)
        def compiled(key: Same[RiskTable]) -> Columns:
            return compile_columns(key.itself, self.pairs, self.currencies, self.buckets_count)

        return compiled

    @functools.cached_property
    def _factor(self) -> Fraction:
        return Fraction(self.mm_factor)

    @functools.cached_property
    def _grid(self) -> Grid:
        steps = range(-self.buckets_count, self.buckets_count + 1)
        shocks = list(SHOCKS) * len(steps) + ["up"] * len(EXTENDED)
        history, volatilities = [], []
        for coin in sorted(self.pairs):
            rates = self.pairs[coin]
            edge = parse_ratio(rates.price_range)
            moves = [divide(edge * k, self.buckets_count, Rounding.NEAREST) for k in steps]
            spread = [move for move in moves for _ in SHOCKS] + [parse_ratio(m) for m in EXTENDED]
            history.append((coin, tuple(spread)))
            size = {
                "down": -parse_ratio(rates.volatility_range_down),
                "same": 0,
                "up": parse_ratio(rates.volatility_range_up),
            }
            volatilities.append((coin, tuple(size[shock] for shock in shocks)))
        moved, shaken = (
            zip(*(told for _, told in each), strict=True) for each in (history, volatilities)
        )
        return Grid(
            scenarios=tuple(
                Scenario(max(move, key=abs), max(shock, key=abs), RATIO_ONE)
                for move, shock in zip(moved, shaken, strict=True)
            ),
            power_short=parse_ratio(self.short_term_vega_power),
            power_long=parse_ratio(self.long_term_vega_power),
            volatility_floor=parse_ratio(self.min_volatility_for_shock_up),
            floor_stops_falls=False,
            history=tuple(history),
            volatility_history=tuple(volatilities),
            measure="settlement",
        )


_ZERO = Fraction(0)


def _within(path: str, number: Decimal, low: int, high: int | None) -> None:
    if not (number.is_finite() and low <= number and (high is None or number <= high)):
        above = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{path}: {number} is not {above}")


def _read(path: str, read: Callable[[], object]) -> None:
    """Name what parts per billion cannot hold."""
    try:
        read()
    except AmountError as error:
        raise ValueError(f"{path}: {error}") from None


def _delta_shock(rule: NetSet, bought: int, rest: int) -> Fraction:
    net = bought + rest
    size = Fraction(-min(max(net, rest), 0) if rest < 0 else max(min(net, rest), 0))
    return size * min(rule.slope * max(size - rule.threshold, _ZERO), rule.most)


def _binding(owed: _Owed, members: Rows) -> int:
    """The first of the worst cells; cells that differ by the rounding of a lot's change are equal.

    An undampened future loses as much in every extended cell as at the edge, but for that.
    """
    slack = max(owed.losses) - owed.whole * sum(abs(lots) for _, lots in members)
    return next(cell for cell, loss in enumerate(owed.losses) if loss >= slack)


def _uncounted(asset: int, lots: int, table: ExactTable, columns: Columns) -> int:
    """What an option that cannot be margined adds to worth, but not to margin equity."""
    out = columns.role[asset] == OPTION_OUT and lots > 0
    return lots * table.collateral[asset] if out else 0


def _full(asset: int, lots: int, columns: Columns) -> int:
    """Charge of a row that cannot be margined."""
    if columns.role[asset] == OPTION_OUT and lots > 0:
        return 0
    return abs(lots) * int(columns.full[asset])


def _add_on(label: str, amount: int) -> Term:
    return Term(label, 0, 0, 0, amount)


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.deribit import _kernels

    return _kernels.deribit_serial, _kernels.deribit_parallel
