"""Why Derive's portfolio margin asks what it asks: terms that add up to the maintenance.

Knows parts and names; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seawall.margin.contract import ExactTable, Rows, Term, worth
from seawall.margin.derive.compiled import LINEAR_GROUP, Compiled
from seawall.margin.derive.verdict import (
    BASIS,
    NOTHING,
    STILL,
    UNIT,
    MarketWorst,
    charges,
    markets,
    members,
)
from seawall.money import RATIO_ONE, Rounding, divide, format_ratio
from seawall.pricing.table import ABSOLUTE, LINEAR


class _Part(NamedTuple):
    label: str
    amount: int  # Atoms × 10^-27.


def explained(
    rows: Rows, table: ExactTable, names: Sequence[str], columns: Compiled
) -> tuple[tuple[Term, ...], str]:
    """The terms, and the binding scenario of each market in words.

    Each row has its loss in the binding scenario, × dampening × factor. What discounts or tilts add
    by expiry, and every charge, follow as terms of their own. Terms are rounded so that their sum
    is the requirement: each is the difference of two sums that are rounded up.
    """
    worst = markets(rows, table, columns)
    loss: dict[int, int] = {}
    added: list[_Part] = []
    for each in worst:
        held = {g: m for g, m in members(rows, columns).items() if columns.market[g] == each.market}
        for asset, amount in _row_losses(each, held, table, columns):
            loss[asset] = amount
        added.extend(_folds(each, held, names, columns))
    for charge in charges(rows, columns):
        whose = f", {names[charge.asset]}" if charge.asset >= 0 else ""
        added.append(_Part(charge.label + whose, charge.maintenance))
    parts = [*(loss.get(asset, 0) for asset, _ in rows), *(part.amount for part in added)]
    sums = list(_rounded(parts))
    terms = [
        Term(names[asset], lots, *worth([(asset, lots)], table), sums[place])
        for place, (asset, lots) in enumerate(rows)
    ]
    terms += [
        Term(part.label, 0, 0, 0, amount)
        for part, amount in zip(added, sums[len(rows) :], strict=True)
    ]
    words = [
        f"{columns.rule.markets[each.market].coin}: {_words(each.column, columns)}"
        for each in worst
        if each.column != NOTHING
    ]
    return tuple(terms), "; ".join(words) or "no loss in any scenario"


def _rounded(parts: Sequence[int]) -> Iterator[int]:
    total = before = 0
    for part in parts:
        total += part
        after = divide(total, UNIT, Rounding.UP)
        yield after - before
        before = after


def _row_losses(
    each: MarketWorst,
    held: dict[int, list[tuple[int, int]]],
    table: ExactTable,
    columns: Compiled,
) -> Iterator[tuple[int, int]]:
    """Loss of each row in the binding scenario before discounts."""
    factor = columns.factor[each.market][0]
    for cell in each.cells:
        column, share = each.column, _share(each, columns)
        if each.column == BASIS:
            column = _feared(cell.moved, held[cell.group], table, columns)
            share = columns.basis[cell.group]
        for asset, lots in held[cell.group]:
            change = table.change(asset)[column] if column >= 0 else 0
            yield asset, -lots * change * share * factor * RATIO_ONE


def _feared(moved: int, held: Rows, table: ExactTable, columns: Compiled) -> int:
    """The basis column in which an expiry changes by as much; −1 where it loses in none."""
    for column in columns.rule.basis:
        if column < 0 or moved == 0:
            continue
        if sum(lots * table.change(asset)[column] for asset, lots in held) == moved:
            return column
    return -1


def _share(each: MarketWorst, columns: Compiled) -> int:
    if each.column == STILL:
        return columns.rule.unmoved
    return columns.rule.dampening[each.column] if each.column >= 0 else RATIO_ONE


def _folds(
    each: MarketWorst,
    held: dict[int, list[tuple[int, int]]],
    names: Sequence[str],
    columns: Compiled,
) -> Iterator[_Part]:
    """What discounting, or the rule that a tilt is a loss, adds to each expiry."""
    if each.column == BASIS:
        return
    skewed = each.column >= 0 and columns.rule.skewed[each.column]
    factor = columns.factor[each.market][0]
    for cell in each.cells:
        more = cell.moved * RATIO_ONE - cell.profit
        if columns.expires_ms[cell.group] == LINEAR_GROUP and not more:
            continue
        what = "tilt and discount" if skewed else "discount"
        label = f"{what}, expiry of {names[held[cell.group][0][0]]}"
        yield _Part(label, more * _share(each, columns) * factor)


def _words(column: int, columns: Compiled) -> str:
    if column == BASIS:
        return "basis contingency"
    if column == STILL:
        return "nothing moves, expiries discounted"
    cell = columns.rule.grid.scenarios[column]
    sign = "+" if cell.move > 0 else "−" if cell.move < 0 else ""
    said = f"price {sign}{format_ratio(100 * abs(cell.move))} %"
    if cell.tilt:
        said = {LINEAR: "smile tilted", ABSOLUTE: "both wings of the smile moved"}[cell.tilt]
    elif cell.volatility:
        said += ", volatility up" if cell.volatility > 0 else ", volatility down"
    weight = columns.rule.dampening[column]
    return said if weight == RATIO_ONE else f"{said}, weight {format_ratio(weight)}"
