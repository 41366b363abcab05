"""Scan margin: the worst loss of a portfolio over a grid of prices and volatilities.

Knows how a grid is said and how losses become a requirement. Does not know how an option is
priced: the risk table brings the loss of one lot in each scenario.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple

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
from seawall.money import (
    RATIO_ONE,
    Rounding,
    divide,
    format_ratio,
    multiply_ratio,
    parse_atoms,
    parse_ratio,
)
from seawall.pricing import Floats, Grid, RiskTable, Scenario

LINEAR, OPTION = int(Kind.LINEAR), int(Kind.OPTION)
DOLLAR_DECIMALS = 10
DOLLAR = 10_000_000_000  # Price atoms, and deltas of one coin.
PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.
BLOCK = 32  # Scenario columns that the kernel reads at once.
ALL = -1  # The netting set of all coins.


class Extreme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A far move of which only a share of the loss counts."""

    move: Decimal
    weight: Decimal
    volatility: Decimal = Decimal(0)


class _Parts(NamedTuple):
    """Rates in parts per billion, and atoms for each contract, in the kernel's order."""

    option: int
    future: int
    each: int
    contingency: int
    net: int
    hedged: int
    factor: int


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
    least = Σ |lots| × (notional × short_option_minimum of options sold, notional × futures_minimum
    of futures, contract_minimum of both), rounded up;
    delta = |bought − sold| × delta_minimum_net + min(bought, sold) × delta_minimum_hedged, rounded
    up, where bought and sold are Σ |lots × exposure| of the coin's contracts that gain and that
    lose when its price rises; exposure is the notional of a future, delta × price of an option;
    maintenance = Σ over coins of max(worst, least, delta) + Σ |lots| × notional of futures ×
    futures_contingency, rounded up; initial = maintenance × initial_factor, rounded up. With
    netting "all" the account is one netting set: every coin moves at once. This is the 1988 scan of
    clearing houses and the risk matrix of option venues. Sources of the charges: docs.paradex.trade
    (portfolio margin: delta), support.bit.com (least), GRVT's default configuration (contingency).

    The screen's error_bound, with u = 2^-53, n rows, M = maintenance, G = Σ|lots| · bound: every
    product and sum of one scenario is a whole number of at most G, so it is exact while G < 2^53,
    and errs by at most n·u·G elsewhere; the losses of the coins err together by as much. Adding
    coins errs by n·u·M, least and contingency by (n + 3)·u of themselves, delta by (n + 6)·u·(both
    rates)·(bought + sold), and each coin and the contingency that round up by less than 1. The
    factor multiplies all this and adds 2·u·initial + 1. The kernel doubles each term, which covers
    the error of the bound itself, and doubles the sum, which covers differences.
    """

    LATER: ClassVar[frozenset[str]] = frozenset(
        {
            "futures_minimum",
            "contract_minimum",
            "delta_minimum_net",
            "delta_minimum_hedged",
            "futures_contingency",
        }
    )

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
    futures_minimum: Decimal = Decimal(0)  # Ratio of the coin's notional of futures, either side.
    contract_minimum: Decimal = Decimal(0)  # Dollars for each lot of a contract, either side.
    delta_minimum_net: Decimal = Decimal(0)  # Ratio of the coin's net delta in money.
    delta_minimum_hedged: Decimal = Decimal(0)  # Ratio of what of its delta offsets itself.
    futures_contingency: Decimal = Decimal(0)  # Ratio of the notional of futures, on top of all.

    def __post_init__(self) -> None:
        if not self.moves:
            raise ValueError("moves: at least one move is needed")
        if not self.volatilities:
            raise ValueError("volatilities: at least one shock is needed; 0 is one")
        if parse_ratio(self.initial_factor) < RATIO_ONE:
            raise ValueError("initial_factor: initial margin cannot be below maintenance")
        for name in ("short_option_minimum", *sorted(self.LATER)):
            if parse_ratio(getattr(self, name)) < 0:
                raise ValueError(f"{name}: a charge cannot be negative")
        if self.netting == "all" and (self.delta_minimum_net or self.delta_minimum_hedged):
            raise ValueError("delta_minimum_net: deltas of coins that are one set do not add up")
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
            (
                *(risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
                self._exposure(risk),
            ),
            risk.change,
            self._floats,
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        maintenance = self._contingency(rows, table) + sum(
            max(0, -min(_profits(members, table)), *self._floors(members, table).values())
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
            floors = self._floors(members, table)
            floor = max(floors, key=lambda name: floors[name])
            owner = "all coins" if net == ALL else table.risk.coins[net]
            scenario = profits.index(lowest)
            if lowest < 0:
                charged.update((a, -lots * table.change(a)[scenario]) for a, lots in members)
            if floors[floor] > max(0, -lowest):
                rest = floors[floor] + min(0, lowest)
                added.append(Term(f"{floor}, {owner}", 0, 0, 0, rest))
                words.append(f"{owner}: {floor}")
            elif lowest < 0:
                words.append(f"{owner}: {self._words(scenario, net, table.risk.coins)}")
        terms = [
            Term(names[asset], lots, *worth([(asset, lots)], table), charged.get(asset, 0))
            for asset, lots in rows
        ]
        if contingency := self._contingency(rows, table):
            added.append(Term("futures contingency", 0, 0, 0, contingency))
        binding = "; ".join(words) or "no loss in any scenario"
        total = self.requirement_exact(rows, table)
        return Explanation("scan", (*terms, *added), binding, total)

    def _sets(self, rows: Rows, table: ExactTable) -> dict[int, list[tuple[int, int]]]:
        """Rows that can be charged, by netting set: coin number, or `ALL`."""
        sets: dict[int, list[tuple[int, int]]] = {}
        for asset, lots in rows:
            if not table.moves(asset) and table.kind[asset] < LINEAR:
                continue
            net = ALL if self.netting == "all" else table.coin[asset]
            sets.setdefault(net, []).append((asset, lots))
        return sets

    def _floors(self, rows: Rows, table: ExactTable) -> dict[str, int]:
        """The least that a netting set pays, by the name of its reason, each rounded up."""
        parts = self._parts
        least = bought = sold = 0
        for asset, lots in rows:
            kind = table.kind[asset]
            if kind < LINEAR:
                continue
            share = parts.future if kind != OPTION else parts.option if lots < 0 else 0
            least += abs(lots) * (table.notional[asset] * share + parts.each * RATIO_ONE)
            if parts.net or parts.hedged:
                delta = lots * _delta_value(asset, table)
                bought, sold = bought + max(delta, 0), sold + max(-delta, 0)
        delta = abs(bought - sold) * parts.net + min(bought, sold) * parts.hedged
        plain = not (parts.future or parts.each)
        return {
            "short option minimum" if plain else "contract minimum": divide(
                least, RATIO_ONE, Rounding.UP
            ),
            "delta minimum": divide(delta, RATIO_ONE * DOLLAR, Rounding.UP),
        }

    def _contingency(self, rows: Rows, table: ExactTable) -> int:
        """A share of the notional of futures, hedged or not, rounded up."""
        notional = sum(
            abs(lots) * table.notional[asset]
            for asset, lots in rows
            if LINEAR <= table.kind[asset] < OPTION
        )
        return multiply_ratio(notional, self._parts.contingency, Rounding.UP)

    def _exposure(self, risk: RiskTable) -> Floats:
        """[asset] delta in money, numeraire atoms per lot; notional where no rate reads it."""
        if not (self._parts.net or self._parts.hedged):
            return risk.notional
        quotes = risk.quotes
        assert len(quotes.price) == len(risk.coins), "a delta minimum needs the table's quotes"
        spot = np.rint(quotes.price)[risk.coin] / DOLLAR
        exposure = np.where(risk.kind == OPTION, risk.delta * spot, risk.notional)
        return np.where(risk.kind >= LINEAR, exposure, 0.0)

    def _initial(self, maintenance: int) -> int:
        return multiply_ratio(maintenance, self._parts.factor, Rounding.UP)

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
    def _parts(self) -> _Parts:
        return _Parts(
            option=parse_ratio(self.short_option_minimum),
            future=parse_ratio(self.futures_minimum),
            each=parse_atoms(self.contract_minimum, DOLLAR_DECIMALS),
            contingency=parse_ratio(self.futures_contingency),
            net=parse_ratio(self.delta_minimum_net),
            hedged=parse_ratio(self.delta_minimum_hedged),
            factor=parse_ratio(self.initial_factor),
        )

    @functools.cached_property
    def _floats(self) -> tuple[float, ...]:
        """`_parts` as the kernel reads them: ratios, and atoms for each contract."""
        each = float(self._parts.each)
        ratios = self._parts._replace(each=0)
        return tuple(
            each if name == "each" else part / RATIO_ONE
            for name, part in zip(ratios._fields, ratios, strict=True)
        )


def _profits(rows: Rows, table: ExactTable) -> list[int]:
    """[scenario] exact profit of a netting set."""
    scaled = [[lots * change for change in table.change(asset)] for asset, lots in rows]
    return [sum(column) for column in zip(*scaled, strict=True)]


def _delta_value(asset: int, table: ExactTable) -> int:
    """Value that one lot of a contract gains when its coin doubles at its delta, × 10^10."""
    if table.kind[asset] != OPTION:
        return DOLLAR * table.notional[asset]
    quotes = table.risk.quotes
    assert len(quotes.price) == len(table.risk.coins), "a delta minimum needs the table's quotes"
    delta, price = int(table.risk.delta[asset]), round(float(quotes.price[table.coin[asset]]))
    return delta * price


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
