"""The risk table: what one unit of each asset is worth now and in each scenario.

Priced once for each snapshot, read by every account. Every number in it is a float64 that holds an
integer count of numeraire atoms, because the table is what the engine publishes: kernels sum it in
floating point, exact twins sum the same integers in Python.

    currency   value = price ÷ 10^decimals          collateral = value · (1 − haircut), down
    quote      value = its currency's               moves with that currency, no haircut
    linear     value = lot · mark · settle price    change = move · value
    inverse    value = −face · index ÷ mark         change = 0
    option     value = lot · mark · settle price    change: Black-76 at the moved forward and smile

Where a grid says changes in units of the settlement currency, a currency and a quote do not change,
an inverse lot changes by −move ÷ (1 + move) · value, and an option settled in its coin by what it
is worth in coins, at their price of now.

A mark of 0 means: none was given. A linear contract then takes the index, an option the model
rounded to its tick. Between a given mark and the model the gap is kept in every scenario, but no
option is worth less than nothing. At its expiry an option is worth its intrinsic value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from seawall.market import Catalogue, Kind, Snapshot
from seawall.money import RATIO_ONE, Rounding, divide
from seawall.pricing.layout import Layout, PricingError, Shocks, TooLargeError, layout, shocks
from seawall.pricing.options import index_price, price_options
from seawall.pricing.svi import YEAR_MS
from seawall.pricing.table import Flags, Floats, Grid, Ints, Quotes, RiskTable, Scenario, aligned

__all__ = ["Floats", "Grid", "Ints", "PricingError", "RiskTable", "Scenario", "risk_table"]

_EXACT = 2.0**53
_Haircuts = Sequence[int] | Mapping[str, int]


def risk_table(
    catalogue: Catalogue,
    snapshot: Snapshot,
    grid: Grid,
    haircuts: _Haircuts,
    previous: RiskTable | None = None,
    touched: Collection[int] | None = None,
) -> RiskTable:
    """Price every asset now and in each scenario of the grid.

    `haircuts` are parts per billion, by coin number or by name (a coin without a name has none).
    With `previous` and `touched` only assets whose value or currency rests on a touched coin are
    priced anew and the rest is copied, with the same bits as a full build: so `touched` must name
    each coin whose price, marks or smiles changed, and each coin with options whose clock moved.
    """
    plan = layout(catalogue)
    cells = shocks(grid, plan.coins)
    count, width = len(plan.kind), cells.weight.size
    change = aligned(count, width)
    if previous is None or touched is None or previous.change.shape != change.shape:
        chosen = np.ones(count, np.bool_)
        columns = [np.zeros(count) for _ in range(5)]
        behind = np.zeros(count), np.zeros(count), np.ones(count)
    else:
        chosen = np.logical_or.reduce(plan.depends[:, sorted(touched)], axis=1)
        columns = [np.array(previous[place]) for place in (0, 1, 3, 4, 5)]
        change[:] = previous.change
        was = previous.quotes
        behind = was.forward.copy(), was.volatility.copy(), was.discount.copy()
    value, collateral, bound, notional, delta = columns
    table = RiskTable(
        value, collateral, change, bound, notional, delta, plan.coin, plan.kind, plan.expires_ms,
        plan.strike, plan.is_call, cells.scenarios, plan.coins,
        _quotes(snapshot, plan, *behind),
    )  # fmt: skip
    _price_currencies(catalogue, snapshot, grid, haircuts, plan, cells, table, chosen)
    _price_futures(catalogue, snapshot, grid, plan, cells, table, chosen)
    price_options(catalogue, snapshot, grid, plan, cells, table, chosen)
    _publish(table, chosen)
    return table


def _quotes(
    snapshot: Snapshot, plan: Layout, forward: Floats, volatility: Floats, discount: Floats
) -> Quotes:
    """Columns that `_price_futures` and `_price_options` fill, beside those that are known now."""
    left = np.maximum((plan.expires_ms - snapshot.time_ms) / YEAR_MS, 0.0)
    price = np.array(snapshot.price, np.float64)
    certain = np.ones(left.size)
    if min(snapshot.confidence, default=RATIO_ONE) < RATIO_ONE:
        sure = np.array(snapshot.confidence, np.float64) / RATIO_ONE
        certain = np.where(plan.depends, sure, 1.0).min(axis=1)
    return Quotes(plan.size, forward, left, volatility, discount, certain, price, plan.settles)


def _publish(table: RiskTable, chosen: Flags) -> None:
    """Bound each row and hold the table to whole numbers that float64 carries exactly."""
    from seawall.pricing import _kernels

    rows = np.flatnonzero(chosen)
    bound = np.maximum(np.abs(table.value[rows]), np.abs(table.collateral[rows]))
    _kernels.bound_rows(table.change, rows, bound)
    table.bound[rows] = bound
    largest = (bound, table.notional[rows], np.abs(table.delta[rows]))
    for name, column in zip(("value", "notional", "delta"), largest, strict=True):
        if not bool((column < _EXACT).all()):  # Nor where it is not a number.
            raise TooLargeError(f"a {name} of the risk table does not fit in 2^53")


def _price_currencies(
    catalogue: Catalogue,
    snapshot: Snapshot,
    grid: Grid,
    haircuts: _Haircuts,
    plan: Layout,
    cells: Shocks,
    table: RiskTable,
    chosen: Flags,
) -> None:
    value, collateral, delta = ([0] * len(plan.coins) for _ in range(3))
    needed = set(np.unique(plan.currency[chosen]).tolist())
    for coin in needed:
        name, price = plan.coins[coin], snapshot.price[coin]
        if price <= 0:
            raise PricingError(f"coin {name} has no price")
        one = catalogue.coins[coin].one
        haircut = haircuts.get(name, 0) if isinstance(haircuts, Mapping) else haircuts[coin]
        if not 0 <= haircut <= RATIO_ONE:
            raise PricingError(f"haircut of {name} must lie in 0 … 1, not {haircut}")
        value[coin] = divide(price, one, Rounding.NEAREST)
        collateral[coin] = divide(value[coin] * (RATIO_ONE - haircut), RATIO_ONE, Rounding.DOWN)
        delta[coin] = divide(catalogue.numeraire.one, one, Rounding.NEAREST)
    quotes = np.flatnonzero(chosen & (plan.kind == Kind.QUOTE))
    coins = np.flatnonzero(chosen & (plan.kind == Kind.CURRENCY))
    for rows, counted in ((coins, collateral), (quotes, value)):
        currency = plan.currency[rows]
        table.value[rows] = np.array(value, np.float64)[currency]
        table.collateral[rows] = np.array(counted, np.float64)[currency]
        table.delta[rows] = np.array(delta, np.float64)[currency]
        table.notional[rows] = 0.0
        if (rows is quotes or grid.coins_inside) and grid.measure == "numeraire":
            moved = np.array(value, np.float64)[:, None] * cells.weighted
            table.change[rows] = np.rint(moved)[currency]


def _price_futures(
    catalogue: Catalogue,
    snapshot: Snapshot,
    grid: Grid,
    plan: Layout,
    cells: Shocks,
    table: RiskTable,
    chosen: Flags,
) -> None:
    rows, coins, marks, values, notionals, deltas = [], [], [], [], [], []
    for asset, terms, coin, settle, number in plan.futures:
        if not chosen[asset]:
            continue
        index = index_price(catalogue, snapshot, terms)
        mark = snapshot.mark[number] or index
        rows.append(asset)
        coins.append(coin)
        marks.append(mark)
        if terms.inverse:
            values.append(-divide(terms.lot * index, mark, Rounding.NEAREST))
            notionals.append(terms.lot)
            deltas.append(0)
            continue
        atoms = terms.lot * mark * snapshot.price[settle]
        unit = catalogue.coins[coin].one * catalogue.numeraire.one
        worth = divide(atoms, unit, Rounding.NEAREST)
        values.append(worth)
        notionals.append(worth)
        slope = worth * catalogue.numeraire.one
        deltas.append(divide(slope, snapshot.price[coin], Rounding.NEAREST))
    if not rows:
        return
    table.value[rows] = table.collateral[rows] = np.array(values, np.float64)
    table.notional[rows] = np.array(notionals, np.float64)
    table.delta[rows] = np.array(deltas, np.float64)
    table.quotes.forward[rows] = marks
    linear = table.kind[rows] == Kind.LINEAR
    moved = np.where(linear, table.value[rows], 0.0)
    table.change[rows] = np.rint(moved[:, None] * cells.weighted[coins])
    if grid.measure == "settlement" and not linear.all():
        faces = np.array(rows)[~linear]
        in_coin = cells.weighted_in_coin[np.array(coins)[~linear]]
        table.change[faces] = np.rint(table.value[faces, None] * in_coin)
