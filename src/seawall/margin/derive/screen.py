"""Compiled columns as the arrays that the kernel reads, kept for each table.

Knows how integers become floats; does not know a parameter's name.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.margin.contract import Holdings, Requirement
from seawall.margin.derive.compiled import LINEAR_GROUP, Compiled, Rule, compiled
from seawall.money import RATIO_ONE
from seawall.pricing import Floats, RiskTable
from seawall.pricing.table import Flags, Ints, Same, aligned

PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.
WHOLE = 8  # Columns of a vector; the kernel folds the first in full.
LEAST = 24  # Columns that the kernel always reads.
BASIS = 2  # Columns that may be basis moves.


def screen(rule: Rule, holdings: Holdings, risk: RiskTable) -> Requirement:
    """Screen any number of accounts."""
    from seawall.margin.derive import _kernels

    table, parts, groups, cells, terms, rates = _arrays(Same(rule), Same(risk))
    out = np.empty((5, len(holdings.start)))
    parallel = len(holdings.start) >= PARALLEL_FROM
    (_kernels.derive_parallel if parallel else _kernels.derive_serial)(
        (holdings.start, holdings.count, holdings.asset, holdings.lots),
        table,
        parts,
        groups,
        cells,
        terms,
        rates,
        int(holdings.count.max(initial=0)),
        out,
    )
    return Requirement(*out)


@functools.lru_cache(maxsize=4)
def _arrays(rule_key: Same[Rule], key: Same[RiskTable]) -> Any:
    rule, risk = rule_key.itself, key.itself
    table = compiled(rule, risk)
    parts = table.role, table.held, table.owed, table.doubt / RATIO_ONE
    ratios = np.array([table.long, table.short, table.basis], np.float64) / RATIO_ONE
    factor = np.array(table.factor, np.float64).reshape(-1, 2) / RATIO_ONE
    start = np.array([each / RATIO_ONE**2 for each in table.start])
    kept = np.array([each / RATIO_ONE for each in table.kept])
    terms = (
        *(float(column in rule.basis) for column in range(BASIS)),
        any(rule.skewed),
        bool(table.doubt.any()),
        rule.scaled,
        _scale(table, ratios, factor),
        float(start.max()),
    )
    slot, lines = _slots(table, ratios)
    pairs = int(table.pair.max(initial=-1)) + 1
    rates = np.zeros((pairs + 1, 2))  # [pair] maintenance and initial; the last is no pair.
    options = np.flatnonzero(table.pair >= 0)
    rates[table.pair[options], 0] = kept[table.charge[options]]
    rates[table.pair[options], 1] = start[table.charge[options]]
    owners = np.array([*table.market, len(factor)], np.int64)
    group = np.minimum(table.group, len(table.market))
    pair = np.where(table.pair >= 0, table.pair, pairs).astype(np.int64)
    folds = (slot > len(factor))[group] & (group < len(table.market))
    codes = _codes(slot[group], owners[group], pair, folds)
    factor = np.append(factor, [[0.0, 0.0]], axis=0)  # The last market is none.
    read = (_changes(rule, risk, table), group, _sides(risk, table, kept, start), codes)
    return read, parts, (lines, owners[:-1], factor), _cells(rule, risk), terms, rates


def _slots(table: Compiled, ratios: Floats) -> tuple[Ints, Floats]:
    """[group] slot, and [slot, 8] long, short − long, short − 1, basis ratio, market.

    The markets, their expiries, and one for what no scenario moves. What is linear has its market's
    own slot, but where a tilt turns its gains into losses.
    """
    markets, groups = len(table.rule.markets) + 1, len(table.market)
    slot = np.arange(markets, markets + groups + 1)
    lines = aligned(markets + groups + 1, 8)
    long, short, basis = ratios
    lines[markets:-1, :4] = np.stack([long, short - long, short - 1.0, basis], axis=1)
    lines[markets:-1, 4] = table.market
    if not any(table.rule.skewed):
        for group, owner in enumerate(table.market):
            if table.expires_ms[group] == LINEAR_GROUP:
                slot[group] = owner
    return slot, lines


def _codes(slot: Ints, owner: Ints, pair: Ints, folds: Flags) -> NDArray[np.uint64]:
    """[asset] where it belongs, packed."""
    assert slot.max(initial=0) < 1 << 16, "too many expiries"
    assert owner.max(initial=0) < 1 << 12, "too many markets"
    assert pair.max(initial=0) < 1 << 23, "too many strikes"
    bits = slot | owner << 16 | pair << 28 | folds.astype(np.int64) << 51
    return bits.astype(np.uint64)


def _sides(risk: RiskTable, table: Compiled, kept: Floats, start: Floats) -> Floats:
    """[2 × asset + sold, 8] what each lot adds to the sums of an account, in a line of the cache.

    Equity, margin equity, gross, maintenance, initial, option owed. A lot sold carries the
    other sign where a sum takes |lots|. Options are charged apart.
    """
    sides = aligned(2 * len(risk.value), 8)
    bought, sold = sides[::2], sides[1::2]
    paired = table.pair >= 0
    own = np.where(paired, 0, table.charge)
    with np.errstate(invalid="ignore"):  # What is not finite stays so, and is seen.
        bought[:, 0] = sold[:, 0] = sold[:, 1] = risk.value
        bought[:, 1], bought[:, 2] = risk.collateral, table.bound
        bought[:, 3], bought[:, 4] = table.held * kept[own], table.held * start[own]
        sold[:, 2], sold[:, 3] = -table.bound, -(table.owed * kept[own])
        sold[:, 4] = -(table.owed * start[own])
        bought[:, 5] = sold[:, 5] = np.where(paired, table.owed, 0.0)
    return sides


def _scale(table: Compiled, ratios: Floats, factor: Floats) -> float:
    """By how much a requirement can exceed Σ|lots| · bound: see the proof at the method."""
    if not ratios.shape[1]:
        return 1.0
    dampening = max(table.rule.unmoved, *table.rule.dampening) / RATIO_ONE
    largest = max(float(ratios[:2].max()), 1.0)
    worst = max(dampening * (4.0 * largest + 2.0), 2.0 * float(ratios[2].max()))
    return worst * max(1.0, float(factor.max(initial=0.0)))


def _changes(rule: Rule, risk: RiskTable, table: Compiled) -> Floats:
    """[asset, column] change in each scenario, then nothing, and an option's mark at the end.

    Nothing is the scenario that moves nothing. Each expiry's mark so comes with its changes.
    """
    changes = aligned(len(risk.value), _width(rule))
    changes[:, : risk.scenarios] = risk.change[:, : risk.scenarios]
    changes[:, -1] = table.mark
    return changes


def _width(rule: Rule) -> int:
    """Columns in whole vectors, two more than there are scenarios."""
    return max(-(-(len(rule.scenarios) + 2) // WHOLE) * WHOLE, LEAST)


def _cells(rule: Rule, risk: RiskTable) -> Floats:
    """[2, column] dampening, 0 of what is no scenario; −2 where tilted, else 0."""
    cells = aligned(2, _width(rule))
    cells[0, : risk.scenarios] = np.array(rule.dampening) / RATIO_ONE
    cells[0, risk.scenarios] = rule.unmoved / RATIO_ONE
    cells[1, : risk.scenarios] = np.where(rule.skewed, -2.0, 0.0)
    assert not cells[1, WHOLE:].any(), "tilts come first"
    assert max(rule.basis) < BASIS, "basis moves come first"
    return cells
