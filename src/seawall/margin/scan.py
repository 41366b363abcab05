"""Scan margin: the worst loss of a portfolio over a grid of prices and volatilities.

Knows how a grid is said and how losses become a requirement. Does not know how an option is
priced: the risk table brings the loss of one lot in each scenario.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

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
from seawall.pricing import Grid, RiskTable, Scenario

OPTION = int(Kind.OPTION)
PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.
BLOCK = 32  # Scenario columns that the kernel reads at once.
ALL = -1  # The netting set of all coins.


class Extreme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A far move of which only a share of the loss counts."""

    move: Decimal
    weight: Decimal
    volatility: Decimal = Decimal(0)


class Scan(
    msgspec.Struct,
    frozen=True,
    tag="scan",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Portfolio margin over every pair of a price move and a volatility shock, and extremes.

    worst = max(0, − min over scenarios s of Σ lots × change[asset, s]) over the rows of one coin;
    short = Σ |lots| × notional of the coin's options sold × short_option_minimum, rounded up;
    maintenance = Σ over coins of max(worst, short); initial = maintenance × initial_factor, rounded
    up. With netting "all" the account is one netting set: every coin moves at once. This is the
    1988 scan of clearing houses and the risk matrix of option venues.

    The screen's error_bound, with u = 2^-53, n rows, M = maintenance, G = Σ|lots| · bound: every
    product and sum of one scenario is a whole number of at most G, so it is exact while G < 2^53,
    and errs by at most n·u·G elsewhere; the losses of the coins err together by as much. Adding
    coins errs by n·u·M, the short charge by (n + 2)·u of itself and by less than 1 for each coin
    that rounds up. The factor multiplies all this and adds 2·u·initial + 1. The kernel doubles each
    term, which covers the error of the bound itself, and doubles the sum, which covers differences.
    """

    moves: tuple[Decimal, ...]  # Relative moves of the price, before the coin's scale.
    volatilities: tuple[Decimal, ...] = (Decimal(0),)  # Shocks, in the sense of the rule.
    scale: dict[str, Decimal] = {}  # By coin: multiplies moves, as a price range does; else 1.
    weight: Decimal = Decimal(1)  # Share of the loss that counts in the ordinary scenarios.
    extremes: tuple[Extreme, ...] = ()
    volatility_rule: Literal["relative", "additive"] = "relative"
    power_short: Decimal = Decimal("0.3")  # Exponent of (30 ÷ days) below 30 days.
    power_long: Decimal = Decimal("0.13")
    days_floor: Decimal = Decimal(1)
    volatility_floor: Decimal = Decimal(0)
    coins_inside: bool = False  # Whether coins held as collateral move in the scenarios too.
    netting: Literal["coin", "all"] = "coin"
    short_option_minimum: Decimal = Decimal(0)  # Ratio of the coin's notional for each lot sold.
    initial_factor: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not self.moves:
            raise ValueError("moves: at least one move is needed")
        if not self.volatilities:
            raise ValueError("volatilities: at least one shock is needed; 0 is one")
        if parse_ratio(self.initial_factor) < RATIO_ONE:
            raise ValueError("initial_factor: initial margin cannot be below maintenance")
        if parse_ratio(self.short_option_minimum) < 0:
            raise ValueError("short_option_minimum: a charge cannot be negative")
        for path, move in [(f"moves[{n}]", move) for n, move in enumerate(self.moves)] + [
            (f"extremes[{n}].move", extreme.move) for n, extreme in enumerate(self.extremes)
        ]:
            for coin, scale in [("", Decimal(1)), *self.scale.items()]:
                if (coin or len(self.scale) == 0) and parse_ratio(move) * scale <= -RATIO_ONE:
                    raise ValueError(f"{path}: a price cannot fall by all it is worth {coin}")
        for path, ratio in [("weight", self.weight)] + [
            (f"extremes[{n}].weight", extreme.weight) for n, extreme in enumerate(self.extremes)
        ]:
            if not 0 < parse_ratio(ratio) <= RATIO_ONE:
                raise ValueError(f"{path}: a share above 0 and up to 1 is needed")
        self.grid()

    def grid(self) -> Grid:
        """Every move with every volatility shock, then the extremes."""
        return self._grid

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        assert risk.scenarios == len(self._grid.scenarios), "the table answers another grid"
        assert risk.change.shape[1] % BLOCK == 0, "scenarios must be padded to whole blocks"
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens(self.netting)
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            risk.change,
            self._floats,
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        maintenance = sum(
            max(0, -min(_profits(members, table)), self._short(members, table))
            for members in self._sets(rows, table).values()
        )
        return ExactRequirement(equity, margin_equity, self._initial(maintenance), maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Nothing: the risk table prices whatever is listed."""
        return ()

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row in the binding scenario of its netting set, then the add-ons."""
        charged: dict[int, int] = {}
        added: list[Term] = []
        words: list[str] = []
        for net, members in self._sets(rows, table).items():
            profits = _profits(members, table)
            lowest = min(profits)
            short = self._short(members, table)
            owner = "all coins" if net == ALL else table.risk.coins[net]
            scenario = profits.index(lowest)
            if lowest < 0:
                charged.update((a, -lots * table.change(a)[scenario]) for a, lots in members)
            if short > max(0, -lowest):
                added.append(
                    Term(f"short option minimum, {owner}", 0, 0, 0, short + min(0, lowest))
                )
                words.append(f"{owner}: short option minimum")
            elif lowest < 0:
                words.append(f"{owner}: {self._words(scenario, net, table.risk.coins)}")
        terms = [
            Term(names[asset], lots, *worth([(asset, lots)], table), charged.get(asset, 0))
            for asset, lots in rows
        ]
        binding = "; ".join(words) or "no loss in any scenario"
        total = self.requirement_exact(rows, table)
        return Explanation("scan", (*terms, *added), binding, total)

    def _sets(self, rows: Rows, table: ExactTable) -> dict[int, list[tuple[int, int]]]:
        """Rows that can be charged, by netting set: coin number, or `ALL`."""
        sets: dict[int, list[tuple[int, int]]] = {}
        for asset, lots in rows:
            if not table.moves(asset) and table.kind[asset] != OPTION:
                continue
            net = ALL if self.netting == "all" else table.coin[asset]
            sets.setdefault(net, []).append((asset, lots))
        return sets

    def _short(self, rows: Rows, table: ExactTable) -> int:
        """The least charge for options sold, rounded up."""
        notional = sum(
            -lots * table.notional[asset]
            for asset, lots in rows
            if lots < 0 and table.kind[asset] == OPTION
        )
        return multiply_ratio(notional, self._parts[0], Rounding.UP)

    def _initial(self, maintenance: int) -> int:
        return multiply_ratio(maintenance, self._parts[1], Rounding.UP)

    def _words(self, scenario: int, net: int, coins: tuple[str, ...]) -> str:
        cell = self._grid.scenarios[scenario]
        scales = dict(self._grid.scale)
        move, unit = cell.move, " of its range" if scales else ""
        if net != ALL:
            move, unit = move * scales.get(coins[net], RATIO_ONE) // RATIO_ONE, ""
        said = f"price {_percent(move)}{unit}, volatility {_percent(cell.volatility)}"
        if self.volatility_rule == "additive":
            said += " points"
        if cell.weight != RATIO_ONE:
            said += f", weight {format_ratio(cell.weight)}"
        return said

    @functools.cached_property
    def _grid(self) -> Grid:
        cells = [(move, shock, self.weight) for move in self.moves for shock in self.volatilities]
        cells += [(extreme.move, extreme.volatility, extreme.weight) for extreme in self.extremes]
        return Grid(
            scenarios=tuple(Scenario(*map(parse_ratio, cell)) for cell in cells),
            scale=tuple((coin, parse_ratio(self.scale[coin])) for coin in sorted(self.scale)),
            volatility_rule=self.volatility_rule,
            power_short=parse_ratio(self.power_short),
            power_long=parse_ratio(self.power_long),
            days_floor=parse_ratio(self.days_floor),
            volatility_floor=parse_ratio(self.volatility_floor),
            coins_inside=self.coins_inside,
        )

    @functools.cached_property
    def _parts(self) -> tuple[int, int]:
        return parse_ratio(self.short_option_minimum), parse_ratio(self.initial_factor)

    @functools.cached_property
    def _floats(self) -> tuple[float, float]:
        return self._parts[0] / RATIO_ONE, self._parts[1] / RATIO_ONE


def _profits(rows: Rows, table: ExactTable) -> list[int]:
    """[scenario] exact profit of a netting set."""
    scaled = [[lots * change for change in table.change(asset)] for asset, lots in rows]
    return [sum(column) for column in zip(*scaled, strict=True)]


def _percent(parts: int) -> str:
    """Write 0.5 as +50 %, with a true minus sign."""
    sign = "+" if parts > 0 else "−" if parts < 0 else ""
    return f"{sign}{format_ratio(100 * abs(parts))} %"


@functools.cache
def _screens(netting: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin import _kernels

    if netting == "all":
        return _kernels.scan_joint_serial, _kernels.scan_joint_parallel
    return _kernels.scan_coins_serial, _kernels.scan_coins_parallel
