"""The options of a risk table: model, mark and the change of value in each scenario.

Knows smiles, expiries and both currencies in which a premium is said. Does not know haircuts.

    cash-settled   mark = discount · B(F)          value = lot · mark · settle price
    coin-settled   mark = discount · B(F) ÷ F      value = lot · mark · coin price

with B the undiscounted Black-76 price. What a coin-settled option pays is coins, so that the
discount of its smile is read as the coin's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec.structs import astuple

from seawall.market import Catalogue, Instrument, Snapshot
from seawall.money import RATIO_ONE, Rounding, divide
from seawall.pricing.layout import Layout, Options, PricingError, Shocks
from seawall.pricing.svi import YEAR_MS, SmileError, smile_columns
from seawall.pricing.table import Flags, Floats, Grid, Ints, RiskTable


class _Expiries(NamedTuple):
    """What the options of one expiry share. [expiry]"""

    forward: Floats  # Price atoms in the quote currency.
    discount: Floats
    years: Floats
    ratio: Floats
    left: Ints
    right: Ints
    share: Floats


class _Priced(NamedTuple):
    """Options as they stand now. [option]"""

    options: Options
    forward: Floats  # Price atoms of the quote currency.
    volatility: Floats
    years: Floats
    discount: Floats
    ratio: Floats  # Forward ÷ index.
    factor: Floats  # By what a volatility shock is scaled.
    model: Floats  # Price atoms of the currency of the premium.
    mark: Floats
    slope: Floats  # Discounted delta.
    up: Floats  # Value of a lot = mark · up ÷ down.
    down: Floats
    exposure: Floats
    value: Floats  # Numeraire atoms of a lot.

    def only(self, inside: Flags) -> _Priced:
        """Keep the options that are marked."""
        return _Priced(self.options.only(inside), *(column[inside] for column in self[1:]))


def index_price(catalogue: Catalogue, snapshot: Snapshot, terms: Instrument) -> int:
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


def price_options(
    catalogue: Catalogue,
    snapshot: Snapshot,
    grid: Grid,
    plan: Layout,
    cells: Shocks,
    table: RiskTable,
    chosen: Flags,
) -> None:
    """Fill the rows of the chosen options."""
    every = plan.options
    inside = chosen[every.asset] if every.asset.size else np.zeros(0, np.bool_)
    if not inside.any():
        return
    now = _now(catalogue, snapshot, plan, every.only(inside), cells)
    rows = now.options.asset
    table.value[rows] = table.collateral[rows] = now.value
    table.notional[rows] = now.exposure
    table.quotes.forward[rows] = now.forward
    table.quotes.volatility[rows] = now.volatility
    table.quotes.discount[rows] = now.discount
    # A forward moves by `ratio` for one of the index; a value in coins is divided by it again.
    lever = np.where(now.options.in_coin, 1.0, now.ratio) if plan.has_coin_options else now.ratio
    table.delta[rows] = np.rint(now.slope * lever * now.options.exposure)
    if not cells.is_plain:
        _change_further(catalogue, grid, cells, now, table.change)
    elif not plan.has_coin_options:
        _change_plainly(grid, cells, now, table.change)
    else:
        in_coin = now.options.in_coin
        _change_plainly(grid, cells, now.only(~in_coin), table.change)
        _change_further(catalogue, grid, cells, now.only(in_coin), table.change)


def _now(
    catalogue: Catalogue, snapshot: Snapshot, plan: Layout, options: Options, cells: Shocks
) -> _Priced:
    from seawall.pricing import _kernels

    smiles, left_years = _smiles(snapshot)
    expiries = _expiries(catalogue, snapshot, plan, options, smiles, left_years)
    expiry, vol = options.expiry, np.empty(options.asset.size)
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
    if plan.has_coin_options:
        _say_in_coins(float(catalogue.numeraire.one), options, forward, given, model, mark)
    up, down, exposure = _units(catalogue, snapshot, plan, options)
    return _Priced(
        options, forward, vol, years, discount, expiries.ratio[expiry], factor[expiry], model,
        mark, slope, up, down, exposure, np.rint(mark * up / down),
    )  # fmt: skip


def _say_in_coins(
    one: float, options: Options, forward: Floats, given: Floats, model: Floats, mark: Floats
) -> None:
    """Put coins, `one` atom each, in place of cash where a premium is said in coins."""
    rows = options.in_coin
    tick, seen = options.tick[rows], given[rows]
    model[rows] *= one / forward[rows]
    mark[rows] = np.where(seen > 0.0, seen, np.rint(model[rows] / tick) * tick)


def _change_plainly(grid: Grid, cells: Shocks, now: _Priced, change: Floats) -> None:
    """Cash-settled options under a grid of moves and one shock for every coin."""
    from seawall.pricing import _kernels

    options = now.options
    _kernels.change_options(
        now.forward, options.strike, now.volatility, now.years, now.discount, options.is_call,
        now.factor, now.model, now.mark, now.up, now.down, now.value, options.coin, cells.growth,
        cells.volatility[0], cells.weight, cells.volatility_floor,
        grid.volatility_rule == "relative", options.asset, change,
    )  # fmt: skip


def _change_further(
    catalogue: Catalogue, grid: Grid, cells: Shocks, now: _Priced, change: Floats
) -> None:
    """Options of either kind under any grid."""
    from seawall.pricing.options import _kernels

    options, linear, absolute = now.options, now.volatility, now.volatility
    if grid.tilt is not None:
        bend = np.array(astuple(grid.tilt), np.float64) / RATIO_ONE
        linear, absolute = np.empty_like(linear), np.empty_like(linear)
        _kernels.tilt_volatilities(
            now.forward, options.strike, now.volatility, now.years, bend, linear, absolute
        )
    _kernels.change_options(
        now.forward, options.strike, now.volatility, now.years, now.discount, options.is_call,
        now.factor, now.model, now.mark, now.up, now.down, now.value, options.coin,
        options.in_coin, float(catalogue.numeraire.one), linear, absolute, cells.growth,
        cells.volatility, cells.tilt, cells.weight, cells.volatility_floor, cells.fall_floor,
        grid.volatility_rule == "relative", grid.measure == "settlement", options.asset, change,
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
        forward[plan.expiries.pair == pair] = index_price(catalogue, snapshot, terms)
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
