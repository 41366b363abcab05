"""The risk table: what one unit of each asset is worth now and in each scenario.

Priced once for each snapshot, read by every account. Every number in it is a float64 that holds an
integer count of numeraire atoms, because the table is what the engine publishes: kernels sum it in
floating point, exact twins sum the same integers in Python.

    currency   value = price ÷ 10^decimals          collateral = value · (1 − haircut), down
    quote      value = its currency's               moves with that currency, no haircut
    linear     value = lot · mark · settle price    change = move · value
    inverse    value = −face · index ÷ mark         change = 0
    option     value = lot · mark · settle price    change: Black-76 at the moved forward and smile

A mark of 0 means: none was given. A linear contract then takes the index, an option the model
rounded to its tick. Between a given mark and the model the gap is kept in every scenario, but no
option is worth less than nothing. At its expiry an option is worth its intrinsic value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seawall.market import Catalogue, Instrument, Kind, Snapshot
from seawall.money import RATIO_ONE, Rounding, divide
from seawall.pricing.layout import Layout, Options, PricingError, Shocks, layout, shocks
from seawall.pricing.svi import YEAR_MS, SmileError, smile_columns
from seawall.pricing.table import Flags, Floats, Grid, Ints, Quotes, RiskTable, Scenario, aligned

__all__ = ["Floats", "Grid", "Ints", "PricingError", "RiskTable", "Scenario", "risk_table"]

_EXACT = 2.0**53
_Haircuts = Sequence[int] | Mapping[str, int]


class _Expiries(NamedTuple):
    """What the options of one expiry share. [expiry]"""

    forward: Floats  # Price atoms in the quote currency.
    discount: Floats
    years: Floats
    ratio: Floats
    left: Ints
    right: Ints
    share: Floats


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
    _price_futures(catalogue, snapshot, plan, cells, table, chosen)
    _price_options(catalogue, snapshot, grid, plan, cells, table, chosen)
    _publish(table, chosen)
    return table


def _quotes(
    snapshot: Snapshot, plan: Layout, forward: Floats, volatility: Floats, discount: Floats
) -> Quotes:
    """Columns that `_price_futures` and `_price_options` fill, beside those that are known now."""
    left = np.maximum((plan.expires_ms - snapshot.time_ms) / YEAR_MS, 0.0)
    price = np.array(snapshot.price, np.float64)
    certain = np.ones(left.size)
    return Quotes(plan.size, forward, left, volatility, discount, certain, price)


def _publish(table: RiskTable, chosen: Flags) -> None:
    """Bound each row and hold the table to whole numbers that float64 carries exactly."""
    from seawall.pricing import _kernels

    rows = np.flatnonzero(chosen)
    bound = np.maximum(np.abs(table.value[rows]), np.abs(table.collateral[rows]))
    _kernels.bound_rows(table.change, rows, bound)
    table.bound[rows] = bound
    largest = (bound, table.notional[rows], np.abs(table.delta[rows]))
    for name, column in zip(("value", "notional", "delta"), largest, strict=True):
        assert bool((column < _EXACT).all()), f"a {name} of the risk table does not fit in 2^53"


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
        if rows is quotes or grid.coins_inside:
            moved = np.array(value, np.float64)[:, None] * cells.weighted
            table.change[rows] = np.rint(moved)[currency]


def _price_futures(
    catalogue: Catalogue,
    snapshot: Snapshot,
    plan: Layout,
    cells: Shocks,
    table: RiskTable,
    chosen: Flags,
) -> None:
    rows, coins, marks, values, notionals, deltas = [], [], [], [], [], []
    for asset, terms, coin, settle, number in plan.futures:
        if not chosen[asset]:
            continue
        index = _index(catalogue, snapshot, terms)
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


def _index(catalogue: Catalogue, snapshot: Snapshot, terms: Instrument) -> int:
    """Price of the base coin in the contract's quote currency, price atoms."""
    price = snapshot.price[catalogue.coin(terms.base)]
    if price <= 0:
        raise PricingError(f"{terms.id}: coin {terms.base} has no price")
    if terms.quote == catalogue.numeraire.id:
        return price
    quote = snapshot.price[catalogue.coin(terms.quote)]
    if quote <= 0:
        raise PricingError(f"{terms.id}: coin {terms.quote} has no price")
    return divide(price * catalogue.numeraire.one, quote, Rounding.NEAREST)


def _price_options(
    catalogue: Catalogue,
    snapshot: Snapshot,
    grid: Grid,
    plan: Layout,
    cells: Shocks,
    table: RiskTable,
    chosen: Flags,
) -> None:
    every = plan.options
    inside = chosen[every.asset] if every.asset.size else np.zeros(0, np.bool_)
    if not inside.any():
        return
    from seawall.pricing import _kernels

    options = every.only(inside)
    smiles, left_years = _smiles(snapshot)
    expiries = _expiries(catalogue, snapshot, plan, options, smiles, left_years)
    expiry = options.expiry
    vol = np.empty(expiry.size)
    _kernels.volatilities(
        options.strike, expiry, expiries.forward, expiries.years, expiries.left, expiries.right,
        expiries.share, left_years, smiles, vol,
    )  # fmt: skip
    factor = np.empty(expiries.years.size)
    _kernels.scale_shocks(
        expiries.years, cells.days_floor, cells.power_short, cells.power_long, factor
    )
    forward, discount = expiries.forward[expiry], expiries.discount[expiry]
    years, given = expiries.years[expiry], _given(snapshot, options)
    model, mark, slope = np.empty(vol.size), np.empty(vol.size), np.empty(vol.size)
    _kernels.value_options(
        forward, options.strike, vol, years, discount, options.is_call, options.tick, given,
        model, mark, slope,
    )  # fmt: skip
    up, down, exposure = _units(catalogue, snapshot, plan, options)
    value = np.rint(mark * up / down)
    rows = options.asset
    table.value[rows] = table.collateral[rows] = value
    table.notional[rows] = exposure
    table.quotes.forward[rows] = forward
    table.quotes.volatility[rows] = vol
    table.quotes.discount[rows] = discount
    table.delta[rows] = np.rint(slope * expiries.ratio[expiry] * options.exposure)
    _kernels.change_options(
        forward, options.strike, vol, years, discount, options.is_call, factor[expiry], model,
        mark, up, down, value, options.coin, cells.growth, cells.volatility, cells.weight,
        cells.volatility_floor, grid.volatility_rule == "relative", rows, table.change,
    )  # fmt: skip


def _smiles(snapshot: Snapshot) -> tuple[Floats, Floats]:
    try:
        return smile_columns(snapshot.slices, snapshot.time_ms)
    except SmileError as error:
        raise PricingError(str(error)) from None


def _given(snapshot: Snapshot, options: Options) -> Floats:
    return np.array(snapshot.mark, np.float64)[options.instrument]


def _expiries(
    catalogue: Catalogue,
    snapshot: Snapshot,
    plan: Layout,
    options: Options,
    smiles: Floats,
    left_years: Floats,
) -> _Expiries:
    """Place each expiry that is needed among the slices of its coin; over means intrinsic."""
    from seawall.pricing import _kernels

    count = len(plan.expiries.coin)
    needed = np.zeros(count, np.bool_)
    needed[options.expiry] = True
    forward, discount, ratio, share = (
        np.ones(count),
        np.ones(count),
        np.ones(count),
        np.zeros(count),
    )
    for pair in np.unique(plan.expiries.pair[needed]).tolist():
        terms = catalogue.instruments[plan.pairs[pair]]
        forward[plan.expiries.pair == pair] = _index(catalogue, snapshot, terms)
    years = np.maximum((plan.expiries.expires_ms - snapshot.time_ms) / YEAR_MS, 0.0)
    left, right = np.zeros(count, np.int64), np.zeros(count, np.int64)
    missing = _kernels.place_expiries(
        needed, plan.expiries.coin, forward, years, left_years, smiles, left, right, share, ratio,
        discount,
    )  # fmt: skip
    if missing >= 0:
        option = int(np.flatnonzero(options.expiry == missing)[0])
        name = catalogue.instruments[int(options.instrument[option])].id
        raise PricingError(f"{name}: no smile of its coin is left to price it")
    return _Expiries(forward, discount, years, ratio, left, right, share)


def _units(
    catalogue: Catalogue, snapshot: Snapshot, plan: Layout, options: Options
) -> tuple[Floats, Floats, Floats]:
    """Value of a lot = mark · up ÷ down, and its exposure at the index. [option]"""
    up, down, exposure = (np.ones(len(plan.units)) for _ in range(3))
    for unit in np.unique(options.unit).tolist():
        lot, coin, settle = plan.units[unit]
        one = catalogue.coins[coin].one
        whole = one * catalogue.numeraire.one
        atoms = lot * snapshot.price[settle]
        shared = np.gcd(atoms, whole) if max(atoms, whole) < 2**63 else 1
        up[unit], down[unit] = atoms // int(shared), whole // int(shared)
        exposure[unit] = divide(lot * snapshot.price[coin], one, Rounding.NEAREST)
    return up[options.unit], down[options.unit], exposure[options.unit]
