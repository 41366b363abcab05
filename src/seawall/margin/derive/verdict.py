"""Derive's portfolio margin of one account in integers, and the parts that it is made of.

Knows compiled columns and rows; does not know where a parameter comes from. Nothing rounds before
the end: parts are whole numbers of numeraire atoms × 10^-27.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.margin.contract import ExactTable, Rows
from seawall.margin.derive.compiled import (
    BASE,
    FREE,
    FULL,
    LINEAR_GROUP,
    NO_GROUP,
    PERPETUAL,
    Compiled,
)
from seawall.money import RATIO_ONE, Rounding, divide

UNIT = RATIO_ONE**3  # Parts of a numeraire atom.
BASIS = -1  # In the place of a scenario: the basis contingency.
STILL = -2  # The scenario that moves nothing.
NOTHING = -3  # No scenario loses.
WORDS = {PERPETUAL: "size contingency", BASE: "collateral contingency"}


class GroupCell(NamedTuple):
    """One expiry, or what is linear, in one scenario; atoms, and parts per billion of an atom."""

    group: int
    moved: int  # Σ lots × change, atoms.
    profit: int  # After discount and mark, and as a loss where skewed; parts per billion.


class MarketWorst(NamedTuple):
    """The binding scenario of one market; `cells` are empty where nothing binds."""

    market: int
    worst: int  # Atoms × 10^-18, never above 0.
    column: int  # Of the change, or BASIS, NOTHING or, where nothing moves, STILL.
    cells: tuple[GroupCell, ...]  # In that scenario.


def members(rows: Rows, table: Compiled) -> dict[int, list[tuple[int, int]]]:
    """Rows that a scenario moves, by group, ascending."""
    sets: dict[int, list[tuple[int, int]]] = {}
    for asset, lots in rows:
        group = int(table.group[asset])
        if group != NO_GROUP:
            sets.setdefault(group, []).append((asset, lots))
    return dict(sorted(sets.items()))


def markets(rows: Rows, table: ExactTable, columns: Compiled) -> list[MarketWorst]:
    """The worst of each market that is held."""
    by_market: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for group, held in members(rows, columns).items():
        by_market.setdefault(columns.market[group], {})[group] = held
    return [_worst(market, held, table, columns) for market, held in by_market.items()]


def _worst(
    market: int,
    groups: dict[int, list[tuple[int, int]]],
    table: ExactTable,
    columns: Compiled,
) -> MarketWorst:
    rule = columns.rule
    moved = {group: _moved(held, table) for group, held in groups.items()}
    mark = {
        group: sum(lots * int(columns.mark[asset]) for asset, lots in held)
        for group, held in groups.items()
    }
    loss, lost = _basis(moved, columns)
    best = MarketWorst(market, 0, NOTHING, ())
    if loss < 0:
        best = MarketWorst(market, loss, BASIS, lost)
    for column in range(len(rule.scenarios) + (rule.unmoved > 0)):
        still = column == len(rule.scenarios)
        cells = []
        for group in groups:
            change = 0 if still else moved[group][column]
            skewed = not still and rule.skewed[column]
            cells.append(
                GroupCell(group, change, folded(mark[group], change, skewed, group, columns))
            )
        dampening = rule.unmoved if still else rule.dampening[column]
        profit = dampening * sum(cell.profit for cell in cells)
        if profit < best.worst:
            best = MarketWorst(market, profit, STILL if still else column, tuple(cells))
    return best


def folded(mark: int, change: int, skewed: bool, group: int, columns: Compiled) -> int:
    """Discounted shocked value less mark, a loss whatever its sign where skewed; atoms × 10^-9."""
    total = mark + change
    ratio = columns.long[group] if total >= 0 else columns.short[group]
    profit = total * ratio - mark * RATIO_ONE
    return -abs(profit) if skewed else profit


def _moved(rows: Rows, table: ExactTable) -> list[int]:
    scaled = [[lots * change for change in table.change(asset)] for asset, lots in rows]
    return [sum(column) for column in zip(*scaled, strict=True)]


def _basis(moved: dict[int, list[int]], columns: Compiled) -> tuple[int, tuple[GroupCell, ...]]:
    """Basis contingency, atoms × 10^-18, and the move that each expiry fears."""
    total, cells = 0, []
    for group, change in moved.items():
        least = min(0, *(change[column] for column in columns.rule.basis if column >= 0))
        profit = least * columns.basis[group]
        total += profit * RATIO_ONE
        cells.append(GroupCell(group, least, profit))
    return total, tuple(cells)


class Charge(NamedTuple):
    """One part that no scenario changes, atoms × 10^-27."""

    label: str
    asset: int  # Whose it is; −1 of a charge of several.
    maintenance: int
    initial: int


def charges(rows: Rows, columns: Compiled) -> list[Charge]:
    """Contingencies of size, haircuts, options sold without cover, and doubt of feeds."""
    parts = []
    for asset, lots in rows:
        place = int(columns.charge[asset])
        if columns.pair[asset] >= 0 or place == FREE:
            continue
        label = "charged in full" if place == FULL else WORDS[int(columns.role[asset])]
        parts.append(_charge(label, asset, _size(asset, lots, columns), place, columns))
    nets: dict[int, int] = {}
    places: dict[int, int] = {}
    for asset, lots in rows:
        pair = int(columns.pair[asset])
        if pair >= 0:
            nets[pair] = nets.get(pair, 0) - lots * int(columns.owed[asset])
            places[pair] = int(columns.charge[asset])
    for number, market in enumerate(columns.rule.markets):
        place = 3 + 2 * number
        bare = sum(max(net, 0) for pair, net in nets.items() if places[pair] == place)
        if bare:
            label = f"options sold without cover, {market.coin}"
            parts.append(_charge(label, -1, bare, place, columns))
    doubt = _doubted(rows, columns)
    if doubt:
        parts.append(Charge("doubt of feeds, initial only", -1, 0, doubt))
    return parts


def _size(asset: int, lots: int, columns: Compiled) -> int:
    return abs(lots) * int((columns.held if lots > 0 else columns.owed)[asset])


def _charge(label: str, asset: int, size: int, place: int, columns: Compiled) -> Charge:
    maintenance = size * columns.kept[place] * RATIO_ONE**2
    return Charge(label, asset, maintenance, size * columns.start[place] * RATIO_ONE)


def _doubted(rows: Rows, columns: Compiled) -> int:
    """Σ of size × doubt: perpetuals, with base in the first generation; expiries; collateral."""
    if not columns.doubt.any():
        return 0
    merged, total = columns.rule.scaled, 0
    if not merged:
        total = sum(
            _size(asset, lots, columns) * int(columns.doubt[asset])
            for asset, lots in rows
            if columns.role[asset] == BASE
        )
    linear: dict[int, int] = {}
    for group, held in members(rows, columns).items():
        market = columns.market[group]
        counted = [
            (asset, lots)
            for asset, lots in held
            if columns.pair[asset] >= 0
            or columns.role[asset] == PERPETUAL
            or (merged and columns.role[asset] == BASE)
        ]
        most = max((int(columns.doubt[asset]) for asset, _ in counted), default=0)
        most = max(most, linear.get(market, 0))
        if columns.expires_ms[group] == LINEAR_GROUP:
            perpetuals = [a for a, _ in counted if columns.role[a] == PERPETUAL]
            linear[market] = max((int(columns.doubt[a]) for a in perpetuals), default=0)
        total += most * sum(_size(asset, lots, columns) for asset, lots in counted)
    return total * RATIO_ONE**2


def owed(rows: Rows, table: ExactTable, columns: Compiled) -> tuple[int, int]:
    """Maintenance and initial, rounded up once each."""
    maintenance = initial = 0
    for each in markets(rows, table, columns):
        kept, start = columns.factor[each.market]
        maintenance -= each.worst * kept
        initial -= each.worst * start
    for part in charges(rows, columns):
        maintenance += part.maintenance
        initial += part.initial
    return divide(maintenance, UNIT, Rounding.UP), divide(initial, UNIT, Rounding.UP)
