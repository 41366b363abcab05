"""Compiled columns as the arrays that the kernel reads, kept for each table.

Knows how integers become floats; does not know a parameter's name.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from seawall.margin.contract import Holdings, Requirement
from seawall.margin.derive.compiled import Compiled, Rule, compiled
from seawall.money import RATIO_ONE
from seawall.pricing import Floats, RiskTable
from seawall.pricing.table import Same, aligned

PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.
BLOCK = 32  # Scenario columns that the kernel reads at once.
WHOLE = 8  # Columns of a block that it folds in full.


def screen(rule: Rule, holdings: Holdings, risk: RiskTable) -> Requirement:
    """Screen any number of accounts."""
    from seawall.margin.derive import _kernels

    assert risk.change.shape[1] % BLOCK == 0, "scenarios must be padded to whole blocks"
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
        out,
    )
    return Requirement(*out)


@functools.lru_cache(maxsize=4)
def _arrays(rule_key: Same[Rule], key: Same[RiskTable]) -> Any:
    rule, risk = rule_key.itself, key.itself
    table = compiled(rule, risk)
    parts = table.role, table.charge, table.held, table.owed, table.doubt / RATIO_ONE
    ratios = np.array([table.long, table.short, table.basis], np.float64) / RATIO_ONE
    factor = np.array(table.factor, np.float64).reshape(-1, 2) / RATIO_ONE
    start = np.array([each / RATIO_ONE**2 for each in table.start])
    kept = np.array([each / RATIO_ONE for each in table.kept])
    doubtful = bool(table.doubt.any())
    terms = (
        rule.unmoved / RATIO_ONE,
        doubtful,
        rule.scaled,
        _scale(table, ratios, factor),
        float(start.max()),
    )
    groups = (ratios, np.array(table.market, np.int64), factor)
    places = np.stack([table.group, table.pair], axis=1)
    read = (risk.change, places, _units(risk, table, kept, start))
    return read, parts, groups, _cells(rule, risk), terms, (kept, start)


def _units(risk: RiskTable, table: Compiled, kept: Floats, start: Floats) -> Floats:
    """[asset, 8] worth and charges of a lot, in one line of the cache; an option's stand apart."""
    units = aligned(len(risk.value), 8)
    own = np.where(table.pair >= 0, 0, table.charge)
    units[:, 0], units[:, 1], units[:, 2] = risk.value, risk.collateral, table.bound
    units[:, 3] = table.mark
    with np.errstate(invalid="ignore"):  # What is not finite stays so, and is seen.
        units[:, 4], units[:, 5] = table.held * kept[own], table.owed * kept[own]
        units[:, 6], units[:, 7] = table.held * start[own], table.owed * start[own]
    return units


def _scale(table: Compiled, ratios: Floats, factor: Floats) -> float:
    """By how much a requirement can exceed Σ|lots| · bound: see the proof at the method."""
    if not ratios.shape[1]:
        return 1.0
    dampening = max(table.rule.unmoved, *table.rule.dampening) / RATIO_ONE
    largest = max(float(ratios[:2].max()), 1.0)
    worst = max(dampening * (4.0 * largest + 2.0), 2.0 * float(ratios[2].max()))
    return worst * max(1.0, float(factor.max(initial=0.0)))


def _cells(rule: Rule, risk: RiskTable) -> Floats:
    """[3, column] dampening, 0 in the padding; −1 where tilted, else 1; 1 where a basis move."""
    cells = aligned(3, risk.change.shape[1])
    cells[0, : risk.scenarios] = np.array(rule.dampening) / RATIO_ONE
    cells[1] = 1.0
    cells[1, : risk.scenarios] = np.where(rule.skewed, -1.0, 1.0)
    cells[2, [column for column in rule.basis if column >= 0]] = 1.0
    assert (cells[1, WHOLE:] == 1.0).all(), "tilts come first"
    assert not cells[2, WHOLE:].any(), "basis moves come first"
    return cells
