"""Filtered historical simulation: the tail of a portfolio over the moves that did happen.

Knows moves, tails and what is added to them. Does not know prices of the past: the moves arrive
filtered, as parameters, and a new history is a new rulebook.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Literal

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
from seawall.margin.tails.peaks import PeaksOverThreshold
from seawall.market import Kind
from seawall.money import RATIO_ONE, Rounding, multiply_ratio, parse_atoms, parse_ratio
from seawall.pricing import Grid, RiskTable, Scenario

NUMERAIRE_DECIMALS = 10
LINEAR = int(Kind.LINEAR)
PARALLEL_FROM = 50_000  # An account costs far more here than in a scan.
_PARTS = ("usual", "stressed", "floor")
_Moves = dict[str, tuple[Decimal, ...]]


class Concentration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further charge on the part of a coin's gross notional that lies above a size."""

    above: Decimal  # Dollars; a multiple of daily volume, as a risk team would set it.
    rate: Decimal  # Added to the rates of the steps below it.


class FilteredHistorical(
    msgspec.Struct,
    frozen=True,
    tag="fhs_es",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Expected shortfall (or value at risk) of the account, repriced in each move of a history.

    tail = mean of the k = ⌈(1 − confidence) · n⌉ worst losses of n moves, or the k-th worst alone;
    set = max(joint, offset_max · joint + (1 − offset_max) · Σ over coins of the coin's own tail);
    base = max((1 − stressed_weight) · set(moves) + stressed_weight · set(stressed), set(floor));
    maintenance = base · (1 + buffer) + Σ over coins of the concentration charge;
    initial = maintenance · initial_factor. Both round up, once. No distribution is assumed: moves
    are what happened, filtered to today's volatility, and a stressed set keeps the old storms; a
    short history may take its tail from `PeaksOverThreshold` instead.

    The three remedies against procyclicality are EMIR RTS 153/2013 Art. 28: (a) buffer ≥ 0.25,
    (b) stressed_weight ≥ 0.25, (c) floor. offset_max 0.8 is its Art. 27.

    The screen's error_bound, with u = 2^-53, n rows, k worst, C coins, G = Σ|lots| · bound: a
    scenario errs by n·u·G, a mean of k by k·u·G more, a rounding by 1; C + 1 tails enter, then four
    products; N, the gross notional, errs by n·u·N. The kernel doubles each and the sum. Peaks over
    a threshold multiply a difference of two losses by b: (1 + 4b) times the error of a scenario.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"volatility_moves", "tail"})

    moves: _Moves  # By coin, filtered; every coin has as many.
    stressed: _Moves = {}
    floor: _Moves = {}
    volatilities: tuple[Decimal, ...] = ()  # Relative shock of each of `moves`; none if empty.
    stressed_volatility: Decimal = Decimal(0)  # The shock of every stressed and floor move.
    measure: Literal["expected_shortfall", "value_at_risk"] = "expected_shortfall"
    confidence: Decimal = Decimal("0.99")
    stressed_weight: Decimal = Decimal(0)
    buffer: Decimal = Decimal(0)
    offset_max: Decimal = Decimal(1)
    volatility_floor: Decimal = Decimal(0)
    concentration: dict[str, tuple[Concentration, ...]] = {}
    initial_factor: Decimal = Decimal(1)
    # By coin: relative move of its implied volatility on the day of each of `moves`, as fitted
    # surfaces of those days gave it; in place of `volatilities`, which one number says for all.
    volatility_moves: _Moves = {}
    tail: PeaksOverThreshold | None = None  # In place of the mean of the worst moves alone.

    def __post_init__(self) -> None:
        usual = {len(moves) for moves in self.moves.values()}
        if len(usual) != 1 or not max(usual):
            raise ValueError("moves: every coin needs the same number of moves, at least one")
        for key in ("stressed", "floor"):
            sizes = {len(moves) for moves in getattr(self, key).values()}
            if len(sizes) > 1:
                raise ValueError(f"{key}: every coin needs the same number of moves")
        if self.volatilities and len(self.volatilities) != max(usual):
            raise ValueError("volatilities: one shock for each move is needed")
        if self.tail is not None:
            if self.tail.share < 1 - self.confidence:
                raise ValueError("tail.share: the peaks must hold the tail of the confidence")
            if min(size for size in (usual | self._sizes) if size) < 2:
                raise ValueError("tail: at least two moves are needed in each set")
        for coin, moves in self.volatility_moves.items():
            if coin not in self.moves:
                raise ValueError(f"volatility_moves.{coin}: the coin has no moves")
            if len(moves) != max(usual) or min(moves) <= -1:
                fault = "one move above -1 for each of `moves` is needed"
                raise ValueError(f"volatility_moves.{coin}: {fault}")
        self._check_shares()
        self.grid()

    @property
    def _sizes(self) -> set[int]:
        return {len(moves) for each in (self.stressed, self.floor) for moves in each.values()}

    def _check_shares(self) -> None:
        for key in ("confidence", "stressed_weight", "offset_max"):
            if not 0 <= parse_ratio(getattr(self, key)) <= RATIO_ONE:
                raise ValueError(f"{key}: a share from 0 to 1 is needed")
        if parse_ratio(self.confidence) == RATIO_ONE:
            raise ValueError("confidence: below 1; a tail of nothing has no mean")
        if parse_ratio(self.buffer) < 0:
            raise ValueError("buffer: cannot be negative")
        if parse_ratio(self.initial_factor) < RATIO_ONE:
            raise ValueError("initial_factor: initial margin cannot be below maintenance")
        if self.stressed_weight and not self.stressed:
            raise ValueError("stressed_weight: needs stressed moves")
        for coin, steps in self.concentration.items():
            for number, step in enumerate(steps):
                if parse_ratio(step.rate) < 0 or _atoms(step.above) < 0:
                    raise ValueError(f"concentration.{coin}[{number}]: cannot be negative")

    def grid(self) -> Grid:
        """One scenario for each move: the usual ones, the stressed ones, those of the floor."""
        return self._grid

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        assert risk.scenarios == len(self._grid.scenarios), "the table answers another grid"
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        steps = [self._charged(coin) for coin in risk.coins]
        flat = np.array([step for each in steps for step in each], np.float64).reshape(-1, 2)
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            risk.change,
            self._rule,
            (
                np.cumsum([0] + [len(each) for each in steps]),
                np.ascontiguousarray(flat[:, 0]),
                np.ascontiguousarray(flat[:, 1]) / RATIO_ONE,
            ),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        base = self._base([self._set(rows, table, part) for part in range(3)])
        maintenance = math.ceil(base + sum(self._concentrated(rows, table).values()))
        initial = multiply_ratio(maintenance, parse_ratio(self.initial_factor), Rounding.UP)
        return ExactRequirement(equity, margin_equity, initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Contracts on a coin without moves; they are charged their full notional."""
        return tuple(
            asset
            for asset, _ in rows
            if table.kind[asset] >= LINEAR and table.risk.coins[table.coin[asset]] not in self.moves
        )

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """Each row's mean loss in the tail that binds, then what was added to it."""
        total = self.requirement_exact(rows, table)
        sets = [self._set(rows, table, part) for part in range(3)]
        part = 2 if sets[2] and sets[2] >= self._mixed(sets) else int(sets[1] > sets[0])
        cells = self._worst_cells(rows, table, part)
        terms = []
        charged = 0
        for asset, lots in rows:
            change = table.change(asset)
            loss = Fraction(-lots * sum(change[cell] for cell in cells), max(len(cells), 1))
            owed = math.floor(loss)
            charged += owed
            terms.append(Term(names[asset], lots, *worth([(asset, lots)], table), owed))
        for coin, charge in self._concentrated(rows, table).items():
            if charge:
                owed = math.floor(charge)
                terms.append(Term(f"concentration, {table.risk.coins[coin]}", 0, 0, 0, owed))
                charged += owed
        rest = total.maintenance - charged
        if rest:
            tail = "" if self.tail is None else "tail beyond the peaks, "
            label = (
                f"{tail}limit on offsets, weight of stress, buffer, no credit for gains, rounding"
            )
            terms.append(Term(label, 0, 0, 0, rest))
        what = "worst" if self.tail is None else "peaks over the threshold"
        said = (
            f"{len(cells)} {what} of the {_PARTS[part]} moves" if cells else "no loss in any move"
        )
        return Explanation("fhs_es", tuple(terms), said, total)

    def _set(self, rows: Rows, table: ExactTable, part: int) -> Fraction:
        """Tail of one set of moves, offsets between coins limited."""
        joint = self._tail(rows, table, part)
        coins = {table.coin[asset] for asset, _ in rows}
        alone = sum(
            self._tail([row for row in rows if table.coin[row[0]] == coin], table, part)
            for coin in sorted(coins)
        )
        return max(
            joint, joint * self._share("offset_max") + alone * (1 - self._share("offset_max"))
        )

    def _tail(self, rows: Rows, table: ExactTable, part: int) -> Fraction:
        profits = sorted(self._profits(rows, table, part))
        worst = profits[: self._worst[part]]
        if not worst:
            return Fraction(0)
        if self.tail is not None:
            threshold, mean = -profits[len(worst)], Fraction(-sum(worst), len(worst))
            beyond = Fraction(self._beyond[part], RATIO_ONE)
            return max(Fraction(0), threshold + beyond * (mean - threshold))
        if self.measure == "value_at_risk":
            return Fraction(max(0, -worst[-1]))
        return max(Fraction(0), Fraction(-sum(worst), len(worst)))

    def _profits(self, rows: Rows, table: ExactTable, part: int) -> list[int]:
        first, last = self._span[part], self._span[part + 1]
        scaled = [[lots * c for c in table.change(asset)[first:last]] for asset, lots in rows]
        return [sum(column) for column in zip(*scaled, strict=True)]

    def _worst_cells(self, rows: Rows, table: ExactTable, part: int) -> list[int]:
        profits = self._profits(rows, table, part)
        cells = sorted(range(len(profits)), key=lambda cell: (profits[cell], cell))
        tail = cells[: self._worst[part]]
        if self.measure == "value_at_risk":
            tail = tail[-1:]
        if sum(profits[cell] for cell in tail) >= 0:
            return []
        return [self._span[part] + cell for cell in tail]

    def _mixed(self, sets: Sequence[Fraction]) -> Fraction:
        weight = self._share("stressed_weight")
        return sets[0] * (1 - weight) + sets[1] * weight

    def _base(self, sets: Sequence[Fraction]) -> Fraction:
        return max(self._mixed(sets), sets[2]) * (1 + self._share("buffer"))

    def _share(self, key: str) -> Fraction:
        return Fraction(parse_ratio(getattr(self, key)), RATIO_ONE)

    def _concentrated(self, rows: Rows, table: ExactTable) -> dict[int, Fraction]:
        """Charge of each coin for its gross notional."""
        sizes: dict[int, int] = {}
        for asset, lots in rows:
            if table.kind[asset] >= LINEAR:
                coin = table.coin[asset]
                sizes[coin] = sizes.get(coin, 0) + abs(lots) * table.notional[asset]
        charges = {}
        for coin, size in sizes.items():
            steps = self._charged(table.risk.coins[coin])
            owed = sum(max(size - above, 0) * rate for above, rate in steps)
            charges[coin] = Fraction(owed, RATIO_ONE)
        return charges

    def _charged(self, coin: str) -> tuple[tuple[int, int], ...]:
        """(above, rate) of a coin; one without a history is charged its full notional."""
        return self._steps.get(coin, ()) if coin in self.moves else ((0, RATIO_ONE),)

    @functools.cached_property
    def _span(self) -> tuple[int, int, int, int]:
        sizes = [max(map(len, moves.values()), default=0) for moves in self._sets]
        return 0, sizes[0], sizes[0] + sizes[1], sum(sizes)

    @property
    def _sets(self) -> tuple[_Moves, _Moves, _Moves]:
        return self.moves, self.stressed, self.floor

    @functools.cached_property
    def _worst(self) -> tuple[int, int, int]:
        """How many moves are in the tail of each set, or are peaks; 1 where a set is empty."""
        left = RATIO_ONE - parse_ratio(self.confidence)
        share = left if self.tail is None else parse_ratio(self.tail.share)
        sizes = [self._span[part + 1] - self._span[part] for part in range(3)]
        first, second, third = (max(1, -(-size * share // RATIO_ONE)) for size in sizes)
        if self.tail is not None:  # One loss must be left to be the threshold.
            first, second, third = (
                min(many, max(1, size - 1))
                for many, size in zip((first, second, third), sizes, strict=True)
            )
        return first, second, third

    @functools.cached_property
    def _beyond(self) -> tuple[int, int, int]:
        """How many mean excesses lie between the threshold and the tail, parts per billion.

        Rounded up, once for each set; −1 where the tail is the history's own.
        """
        if self.tail is None:
            return -RATIO_ONE, -RATIO_ONE, -RATIO_ONE
        first, second, third = (
            self.tail.beyond(
                self.confidence,
                self._span[part + 1] - self._span[part],
                self._worst[part],
                of_mean=self.measure == "expected_shortfall",
            )
            for part in range(3)
        )
        return first, second, third

    @functools.cached_property
    def _steps(self) -> dict[str, tuple[tuple[int, int], ...]]:
        return {
            coin: tuple((_atoms(step.above), parse_ratio(step.rate)) for step in steps)
            for coin, steps in self.concentration.items()
        }

    @functools.cached_property
    def _rule(self) -> tuple[Any, ...]:
        ratios = (self.offset_max, self.stressed_weight, self.buffer, self.initial_factor)
        return (
            np.array(self._span),
            np.array(self._worst),
            self.measure == "expected_shortfall",
            np.array(self._beyond) / RATIO_ONE,
            *(parse_ratio(ratio) / RATIO_ONE for ratio in ratios),
        )

    @functools.cached_property
    def _grid(self) -> Grid:
        coins = sorted(set().union(*self._sets))
        history = []
        for coin in coins:
            joined: list[Decimal] = []
            for part, moves in enumerate(self._sets):
                none = (Decimal(0),) * (self._span[part + 1] - self._span[part])
                joined.extend(moves.get(coin, none))
            if min(joined) <= -1:
                raise ValueError(f"moves.{coin}: a price cannot fall by all it is worth")
            history.append((coin, tuple(map(parse_ratio, joined))))
        usual = self.volatilities or (Decimal(0),) * self._span[1]
        later = [parse_ratio(self.stressed_volatility)] * (self._span[3] - self._span[1])
        shocks = [*usual, *[self.stressed_volatility] * (self._span[3] - self._span[1])]
        return Grid(
            scenarios=tuple(Scenario(0, parse_ratio(shock), RATIO_ONE) for shock in shocks),
            power_short=0,
            power_long=0,
            volatility_floor=parse_ratio(self.volatility_floor),
            history=tuple(history),
            volatility_history=tuple(
                (coin, (*map(parse_ratio, self.volatility_moves[coin]), *later))
                for coin in sorted(self.volatility_moves)
            ),
        )


def _atoms(dollars: Decimal) -> int:
    return parse_atoms(dollars, NUMERAIRE_DECIMALS)


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.tails import _kernels

    return _kernels.serial, _kernels.parallel
