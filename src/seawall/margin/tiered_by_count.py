"""Tiers that count coins: the rate of the tier that a position falls into holds for all of it.

Knows tiers of a position's coins for each coin. Does not know dollars at a border: a move of the
price never changes the tier, only a trade does.
"""

from __future__ import annotations

import bisect
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
)
from seawall.margin.tiered import (
    LANES,
    LINEAR,
    OPTION,
    PARALLEL_FROM,
    excess_alone,
    explained,
    judged,
    refused,
)
from seawall.money import (
    RATIO_ONE,
    Rounding,
    divide,
    format_atoms,
    format_ratio,
    parse_atoms,
    parse_ratio,
)
from seawall.pricing import Floats, Grid, Ints, RiskTable

DECIMALS = 18  # Of a count of coins.
_EXACT = 2**53  # Lots are whole numbers below it; a border from here on is never crossed.


class CountTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rates of the whole of a position that holds more coins than this tier's border."""

    above: Decimal  # Coins (contracts × contract size); the first tier begins at 0.
    initial: Decimal  # Ratio: 0.01 is 100 times leverage.
    maintenance: Decimal


class CountColumns(NamedTuple):
    """Tiers of a table's assets for loops without branches; the last coin pays in full."""

    span: Ints  # [coin + 1] empty of a coin without tiers.
    steps: Floats  # [asset, border] lots; infinite beyond the last tier.
    rule: Ints  # [asset] number of the coin, or of the last one.
    rates: Floats  # [(coin + 1) × (border + 1), initial and maintenance], close_fee included.


class TieredByCount(
    msgspec.Struct,
    frozen=True,
    tag="tiered_by_count",
    tag_field="method",
    forbid_unknown_fields=True,
    dict=True,
):
    """Tiers by coins held, each with one rate for the whole position, as OKX publishes them.

    For a position of q coins and notional N = |lots| · notional, in atoms: MM = N · (maintenance_n
    + close_fee) with n the last tier whose border `above` is below q; IM the same with initial.
    Each position rounds up, then positions add. Margin jumps at a border.

    Options, inverse contracts (their lots are dollars, and have no coins to count) and contracts on
    a coin without tiers are refused and, if held anyway, charged in full as by `Tiered`.

    q > above is decided on lots: a lot is `quotes.size` coins, read as the shortest decimal that
    names that float, and a position crosses a border when its lots exceed ⌊above ÷ size⌋. Both are
    whole numbers below 2^53, so screen and twin always choose the same tier, and no jump has to be
    covered by a bound.

    The screen's error_bound, with u = 2^-53, n rows, W = Σ of notionals: value as in `Tiered`. One
    position: N, its rate (at most 2, fee included) and their product err by 3·u·2·N, below 8·u·N,
    and 1 for rounding up; the sum by n·u·2·W. Below (n + 8)·2·u·W + n.

    Source: OKX, position tiers (announcement of 15 May 2023; public/position-tiers of its API).
    """

    tiers: dict[str, tuple[CountTier, ...]]
    close_fee: Decimal = Decimal(0)  # Ratio of notional.
    isolated: bool = False  # One contract for each account; `refuses` names the others.

    def __post_init__(self) -> None:
        for coin, tiers in self.tiers.items():
            _check_tiers(coin, tiers)
        if not 0 <= parse_ratio(self.close_fee) <= RATIO_ONE:
            raise ValueError(f"close_fee: {self.close_fee} is not between 0 and 1")

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
            self._columns(risk),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        return judged(rows, table, self._charge)

    def excess_of_row(self, asset: int, quantity: int, table: ExactTable) -> int:
        """Margin equity less initial margin of one row alone: see `RowByRow`."""
        return excess_alone(asset, quantity, table, self._charge)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """What cannot be counted in tiers; if isolated, every contract but one."""

        def marginable(asset: int) -> bool:
            return bool(self._borders(asset, table.risk))

        return refused(rows, table, marginable, self.isolated)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row; the binding tier is that of the position that owes most."""
        return explained("tiered_by_count", rows, table, names, self._charge, self._reason)

    def _charge(self, asset: int, lots: int, table: ExactTable) -> tuple[int, int]:
        """Initial and maintenance of one row."""
        kind = table.kind[asset]
        if kind < LINEAR or (kind == OPTION and lots > 0):
            return 0, 0
        notional = abs(lots) * table.notional[asset]
        borders = self._borders(asset, table.risk)
        if not borders:
            full = notional + (abs(lots * table.value[asset]) if kind == OPTION else 0)
            return full, full
        initial, maintenance = self._rates[_coin(asset, table.risk)][_tier(lots, borders)]
        return (
            divide(notional * initial, RATIO_ONE, Rounding.UP),
            divide(notional * maintenance, RATIO_ONE, Rounding.UP),
        )

    def _reason(self, asset: int, lots: int, table: ExactTable) -> str:
        """The tier of a position, as a person would say it."""
        borders = self._borders(asset, table.risk)
        if not borders:
            return "not marginable, charged in full"
        number = _tier(lots, borders)
        tier = self.tiers[_coin(asset, table.risk)][number]
        rate = format_ratio(100 * parse_ratio(tier.maintenance))
        above = format_atoms(parse_atoms(tier.above, DECIMALS), DECIMALS)
        reason = f"tier {number + 1}, {rate} % of the whole above {above} coins"
        if self.close_fee:
            reason += f", {format_ratio(100 * parse_ratio(self.close_fee))} % to close"
        return reason

    def _borders(self, asset: int, risk: RiskTable) -> tuple[int, ...]:
        """Lots up to which each tier but the first is not reached; -1 of the first. Empty: none."""
        if risk.kind[asset] != LINEAR:
            return ()
        coin = _coin(asset, risk)
        if coin not in self.tiers:
            return ()
        assert len(risk.quotes.size) == len(risk.value), (
            "tiers by count need quotes.size, and this risk table carries no quotes"
        )
        size = float(risk.quotes.size[asset])
        found = self._counted.get((coin, size))
        if found is None:
            found = self._counted[coin, size] = self._count(coin, size)
        return found

    def _count(self, coin: str, size: float) -> tuple[int, ...]:
        if not 0.0 < size < math.inf:
            return ()
        scaled = Fraction(repr(size)) * 10**DECIMALS
        above = (parse_atoms(tier.above, DECIMALS) for tier in self.tiers[coin][1:])
        return (-1, *(math.floor(atoms / scaled) for atoms in above))

    def _columns(self, risk: RiskTable) -> CountColumns:
        """Tiers by asset, compiled once for each layout of a table."""
        layout = (risk.coins, risk.coin.tobytes(), risk.kind.tobytes(), risk.quotes.size.tobytes())
        kept = self._compiled.get("last")
        if kept is None or kept[0] != layout:
            kept = self._compiled["last"] = layout, self._compile(risk)
        return kept[1]

    def _compile(self, risk: RiskTable) -> CountColumns:
        coins = len(risk.coins)
        tiers = [self._rates.get(coin, ()) for coin in risk.coins]
        most = max(map(len, tiers), default=0)
        borders = -(-max(most - 1, 1) // LANES) * LANES
        steps = np.full((len(risk.value), borders), np.inf)
        rule = np.full(len(risk.value), coins, np.int64)
        for asset in np.flatnonzero(risk.kind == LINEAR).tolist():
            limits = self._borders(asset, risk)
            if limits:
                rule[asset] = int(risk.coin[asset])
                for number, limit in enumerate(limits[1:]):
                    steps[asset, number] = limit if limit < _EXACT else np.inf
        rates = np.ones((coins + 1, borders + 1, 2))
        for number, own in enumerate(tiers):
            for tier, pair in enumerate(own):
                rates[number, tier] = [part / RATIO_ONE for part in pair]
        span = np.cumsum([0] + [len(own) for own in tiers])
        return CountColumns(span, steps, rule, rates.reshape(-1, 2))

    @functools.cached_property
    def _rates(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Initial and maintenance of each tier in parts per billion, close_fee included."""
        fee = parse_ratio(self.close_fee)
        return {
            coin: tuple(
                (parse_ratio(tier.initial) + fee, parse_ratio(tier.maintenance) + fee)
                for tier in tiers
            )
            for coin, tiers in self.tiers.items()
        }

    @functools.cached_property
    def _counted(self) -> dict[tuple[str, float], tuple[int, ...]]:
        return {}

    @functools.cached_property
    def _compiled(self) -> dict[str, tuple[tuple[Any, ...], CountColumns]]:
        return {}


def _coin(asset: int, risk: RiskTable) -> str:
    coin: str = risk.coins[risk.coin[asset]]
    return coin


def _tier(lots: int, borders: tuple[int, ...]) -> int:
    """Number of the last tier whose border lies below the lots, from 0."""
    return bisect.bisect_left(borders, abs(lots)) - 1


def _check_tiers(coin: str, tiers: tuple[CountTier, ...]) -> None:
    if not tiers:
        raise ValueError(f"tiers.{coin}: at least one tier is needed")
    previous: tuple[int, int, int] | None = None
    for number, tier in enumerate(tiers):
        path = f"tiers.{coin}[{number}]"
        above = parse_atoms(tier.above, DECIMALS)
        initial, maintenance = parse_ratio(tier.initial), parse_ratio(tier.maintenance)
        if not 0 <= maintenance <= initial <= RATIO_ONE:
            raise ValueError(f"{path}: 0 <= maintenance <= initial <= 1 is needed")
        if previous is None and above:
            raise ValueError(f"{path}.above: the first tier begins at 0")
        if previous is not None and above <= previous[0]:
            raise ValueError(f"{path}.above: tiers must ascend")
        if previous is not None and (initial < previous[1] or maintenance < previous[2]):
            raise ValueError(f"{path}: a larger position cannot pay a lower rate")
        previous = above, initial, maintenance


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.by_count import _kernels

    return _kernels.serial, _kernels.parallel
