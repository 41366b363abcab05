"""Lending: what is borrowed must be covered by what is posted, each coin at its own share.

Knows a collateral factor and a liquidation threshold for each coin, and classes of coins that move
together. Does not know scenarios, contracts, interest rates or how a position is liquidated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

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
from seawall.money import RATIO_ONE, Rounding, divide, format_atoms, parse_ratio
from seawall.pricing import Floats, Grid, Ints, RiskTable

CURRENCY, LINEAR = int(Kind.CURRENCY), int(Kind.LINEAR)
PARALLEL_FROM = 200_000  # As in `tiered`.
NO_DEBT, MIXED = -2, -1  # Instead of the number of a class.
_HEALTH_DECIMALS = 4


class Lent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a coin counts for as collateral, and whether it may be borrowed."""

    collateral_factor: Decimal  # Share of its value that may be borrowed against it.
    liquidation_threshold: Decimal  # Share that covers debt before it is liquidated.
    borrowable: bool = True


class CorrelatedClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Coins that move together, and what each counts for while only such coins are owed."""

    coins: tuple[str, ...]
    collateral_factor: Decimal
    liquidation_threshold: Decimal


class _Shares(NamedTuple):
    """What the coins of a table count for, parts per billion or ratios. [coin]"""

    group: Ints  # Class of the coin, or MIXED.
    factor: Floats
    threshold: Floats
    class_factor: Floats
    class_threshold: Floats


class Lending(
    msgspec.Struct,
    frozen=True,
    tag="lending",
    tag_field="method",
    forbid_unknown_fields=True,
    dict=True,
):
    """Borrowing against collateral, as money markets do it.

    Σ posted · liquidation_threshold ÷ Σ owed is the health factor, and 1 is the line. In terms of
    margin equity, which counts collateral less its table haircut and debt in full, each posted
    balance is charged what the threshold leaves out:

        maintenance = Σ over posted of max(collateral − value · liquidation_threshold, 0)
        margin equity ≥ maintenance  ⇔  Σ min(collateral, value · threshold) ≥ Σ owed  ⇔  health ≥ 1

    Initial is the same with the collateral factor, so it holds exactly while Σ owed ≤ Σ value ·
    collateral_factor. Each balance rounds for the venue, by less than an atom. Who owes nothing is
    charged nothing. While every debt falls in one class, collateral of that class counts at the
    class's shares; other collateral keeps its own. A coin that is not named counts for nothing.
    Source: Aave v3, GenericLogic.calculateUserAccountData, and its e-Mode since 3.6.

    Contracts cannot be lent against: `refuses` names them, and coins owed that are not borrowable.
    If a contract is held anyway, it is charged its notional and its value.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound, W = Σ of what is charged
    before shares: sums of value err by n·u·G, or not at all while G < 2^53. One charge errs by at
    most 6·u·W (two products, a share, its product and a difference), rounding up by 1, the sum by
    n·u·W. Signs, and so classes, are exact.
    """

    coins: dict[str, Lent]
    NAMED: ClassVar[frozenset[str]] = frozenset({"classes"})  # Keyed by names of their own.

    classes: dict[str, CorrelatedClass] = {}

    def __post_init__(self) -> None:
        for coin, lent in self.coins.items():
            _check_shares(f"coins.{coin}", lent)
        seen: dict[str, str] = {}
        for name, one in self.classes.items():
            _check_shares(f"classes.{name}", one)
            for coin in one.coins:
                self._check_member(name, one, coin, seen)

    def grid(self) -> Grid:
        """No scenarios."""
        return Grid()

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            self._columns(risk.coins),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        owing = self._class_of_debts(rows, table)
        initial = maintenance = 0
        for asset, lots in rows:
            charge = self._charge(asset, lots, table, owing)
            initial += charge[0]
            maintenance += charge[1]
        return ExactRequirement(*worth(rows, table), initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Contracts, and coins owed that are not borrowable."""
        refused = set()
        for asset, lots in rows:
            kind = table.kind[asset]
            lent = self.coins.get(table.risk.coins[table.coin[asset]])
            owed = kind == CURRENCY and lots < 0
            if kind >= LINEAR or (owed and not (lent and lent.borrowable)):
                refused.add(asset)
        return tuple(sorted(refused))

    def health_factor(self, rows: Rows, table: ExactTable) -> Fraction | None:
        """Σ posted · liquidation_threshold ÷ Σ owed of currencies; None if nothing is owed."""
        owing = self._class_of_debts(rows, table)
        posted, owed = Fraction(0), 0
        for asset, lots in rows:
            value = lots * table.value[asset]
            if table.kind[asset] != CURRENCY:
                continue
            if lots < 0:
                owed -= value
                continue
            threshold = self._shares_of(asset, table, owing)[1]
            counted = Fraction(value * threshold, RATIO_ONE)
            posted += min(counted, Fraction(lots * table.collateral[asset]))
        return posted / owed if owed else None

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row; the binding line is the health factor and the class in force."""
        owing = self._class_of_debts(rows, table)
        terms = []
        for asset, lots in rows:
            maintenance = self._charge(asset, lots, table, owing)[1]
            terms.append(Term(names[asset], lots, *worth([(asset, lots)], table), maintenance))
        health = self.health_factor(rows, table)
        binding = "nothing is owed"
        if health is not None:
            parts = divide(
                health.numerator * 10**_HEALTH_DECIMALS, health.denominator, Rounding.DOWN
            )
            binding = f"health factor {format_atoms(parts, _HEALTH_DECIMALS)}"
        if owing >= 0:
            binding += f", class {list(self.classes)[owing]}"
        return Explanation("lending", tuple(terms), binding, self.requirement_exact(rows, table))

    def _class_of_debts(self, rows: Rows, table: ExactTable) -> int:
        """The class that every debt falls in, MIXED, or NO_DEBT; a contract is in no class."""
        found = NO_DEBT
        for asset, lots in rows:
            here = MIXED
            if table.kind[asset] == CURRENCY:
                if lots > 0:
                    continue
                here = self._groups.get(table.risk.coins[table.coin[asset]], MIXED)
            found = here if found in {NO_DEBT, here} else MIXED
        return found

    def _shares_of(self, asset: int, table: ExactTable, owing: int) -> tuple[int, int]:
        """Collateral factor and liquidation threshold in force, parts per billion."""
        coin = table.risk.coins[table.coin[asset]]
        if owing >= 0 and self._groups.get(coin, MIXED) == owing:
            return self._class_shares[owing]
        return self._coin_shares.get(coin, (0, 0))

    def _charge(self, asset: int, lots: int, table: ExactTable, owing: int) -> tuple[int, int]:
        """Initial and maintenance of one row."""
        value, kind = lots * table.value[asset], table.kind[asset]
        if kind >= LINEAR:
            full = abs(lots) * table.notional[asset] + abs(value)
            return full, full
        if kind != CURRENCY or lots <= 0 or owing == NO_DEBT:
            return 0, 0
        posted = lots * table.collateral[asset] * RATIO_ONE
        opens, counts = (
            max(divide(posted - value * share, RATIO_ONE, Rounding.UP), 0)
            for share in self._shares_of(asset, table, owing)
        )
        return max(opens, counts), counts

    def _check_member(
        self, name: str, one: CorrelatedClass, coin: str, seen: dict[str, str]
    ) -> None:
        path = f"classes.{name}.coins"
        if coin not in self.coins:
            raise ValueError(f"{path}: {coin} is not among coins")
        if coin in seen:
            raise ValueError(f"{path}: {coin} is in class {seen[coin]} already")
        seen[coin] = name
        own = self.coins[coin]
        if (
            one.collateral_factor < own.collateral_factor
            or one.liquidation_threshold < own.liquidation_threshold
        ):
            raise ValueError(f"classes.{name}: a class cannot count {coin} for less than its own")

    @functools.cached_property
    def _groups(self) -> dict[str, int]:
        classes = enumerate(self.classes.values())
        return {coin: number for number, one in classes for coin in one.coins}

    @functools.cached_property
    def _coin_shares(self) -> dict[str, tuple[int, int]]:
        return {coin: _parts(lent) for coin, lent in self.coins.items()}

    @functools.cached_property
    def _class_shares(self) -> list[tuple[int, int]]:
        return [_parts(one) for one in self.classes.values()]

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], _Shares]:
        return {}

    def _columns(self, coins: tuple[str, ...]) -> _Shares:
        """Shares by coin number, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            group = [self._groups.get(coin, MIXED) for coin in coins]
            own = [self._coin_shares.get(coin, (0, 0)) for coin in coins]
            best = [
                self._class_shares[number] if number >= 0 else shares
                for number, shares in zip(group, own, strict=True)
            ]
            ratios = np.array([(*o, *b) for o, b in zip(own, best, strict=True)], np.float64)
            shares = (ratios.reshape(len(coins), 4) / RATIO_ONE).T
            columns = self._compiled[coins] = _Shares(
                np.array(group, np.int64), *(np.ascontiguousarray(column) for column in shares)
            )
        return columns


def _parts(shares: Lent | CorrelatedClass) -> tuple[int, int]:
    return parse_ratio(shares.collateral_factor), parse_ratio(shares.liquidation_threshold)


def _check_shares(path: str, shares: Lent | CorrelatedClass) -> None:
    factor, threshold = _parts(shares)
    if not 0 <= factor <= threshold <= RATIO_ONE:
        raise ValueError(f"{path}: 0 <= collateral_factor <= liquidation_threshold <= 1 is needed")


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.borrow import _kernels

    return _kernels.lending_serial, _kernels.lending_parallel
