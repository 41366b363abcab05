"""What does not change between two ticks: a catalogue and a grid, compiled to columns.

Both are kept by identity or value and built once; nothing here knows a price.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.market import Catalogue, Instrument, Kind
from seawall.money import RATIO_ONE
from seawall.pricing.table import (
    ABSOLUTE,
    LINEAR,
    UNTILTED,
    WIDTH,
    Flags,
    Floats,
    Grid,
    Ints,
    Same,
)

CASH = 0  # The coin that does not move in scenarios unless the grid names it.


class PricingError(ValueError):
    """Something cannot be priced; the message names the instrument or coin."""


class TooLargeError(PricingError):
    """A price, or what follows from it, is larger than the table holds exactly."""


class Options(NamedTuple):
    """The options of a catalogue as columns. [option]"""

    asset: Ints  # Ledger asset of the lots.
    instrument: Ints
    expiry: Ints  # Row of `Expiries`.
    unit: Ints  # Row of `units`.
    coin: Ints
    strike: Floats  # Price atoms.
    tick: Floats  # Price atoms.
    is_call: Flags
    exposure: Floats  # Atoms of numeraire per lot and 1 numeraire of coin price.
    in_coin: Flags  # Whether its premium and its payoff are coins.

    def only(self, inside: Flags) -> Options:
        """Keep the options that are marked."""
        whole: tuple[Ints, ...] = self[:5]
        asset, instrument, expiry, unit, coin = (column[inside] for column in whole)
        return Options(
            asset, instrument, expiry, unit, coin, self.strike[inside], self.tick[inside],
            self.is_call[inside], self.exposure[inside], self.in_coin[inside],
        )  # fmt: skip


class Expiries(NamedTuple):
    """The expiries of the options. [expiry]"""

    coin: Ints
    pair: Ints  # Row of `pairs`.
    expires_ms: Ints


class Layout(NamedTuple):
    """A catalogue, compiled."""

    coin: NDArray[np.int32]  # [asset]
    kind: NDArray[np.int8]  # [asset]
    expires_ms: Ints  # [asset]
    strike: Floats  # [asset]
    is_call: NDArray[np.int8]  # [asset]
    size: Floats  # [asset] coins of the underlying per lot; 0 of a currency or inverse lot.
    currency: Ints  # [asset] coin of settlement.
    settles: NDArray[np.int32]  # [asset] the same, as the table shows it.
    depends: Flags  # [asset, coin] whose price moves the asset's value.
    futures: tuple[
        tuple[int, Instrument, int, int, int], ...
    ]  # (asset, terms, coin, settle, number)
    options: Options
    has_coin_options: bool
    expiries: Expiries
    pairs: tuple[int, ...]  # An instrument for each (coin, quote) in which options are said.
    units: tuple[tuple[int, int, int], ...]  # (lot, coin, settle) of the options.
    coins: tuple[str, ...]


class Shocks(NamedTuple):
    """A grid, compiled for the coins of a venue; columns beyond `scenarios` repeat the first."""

    growth: Floats  # [coin, scenario] 1 + move.
    weighted: Floats  # [coin, scenario] move × weight.
    weighted_in_coin: Floats  # [coin, scenario] −move × weight ÷ (1 + move): a dollar in coins.
    volatility: Floats  # [coin, scenario]
    tilt: Floats  # [scenario] UNTILTED, LINEAR or ABSOLUTE.
    weight: Floats  # [scenario]
    days_floor: float
    power_short: float
    power_long: float
    volatility_floor: float
    fall_floor: float  # The same where it stops falls, else 0.
    scenarios: int
    is_plain: bool  # Whether one shock serves all coins, nothing is tilted and a floor stops falls.


def layout(catalogue: Catalogue) -> Layout:
    """Return the catalogue's columns, compiled on the first call."""
    return _layout(Same(catalogue))


@functools.lru_cache(maxsize=8)
def _layout(key: Same[Catalogue]) -> Layout:
    catalogue = key.itself
    names = tuple(coin.id for coin in catalogue.coins)
    number = {name: coin for coin, name in enumerate(names)}
    count = len(catalogue.assets)
    expires_ms, strike, size = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    is_call, depends = np.zeros(count, np.int8), np.zeros((count, len(names)), np.bool_)
    futures: list[tuple[int, Instrument, int, int, int]] = []
    expiries: dict[tuple[int, int, int], int] = {}
    pairs: dict[tuple[int, int], tuple[int, int]] = {}
    units: dict[tuple[int, int, int], int] = {}
    options: list[tuple[float, ...]] = []
    for place, asset in enumerate(catalogue.assets):
        depends[place, [asset.coin, asset.currency]] = True
        if asset.kind in (Kind.CURRENCY, Kind.QUOTE):
            continue
        terms = catalogue.instruments[asset.instrument]
        quote = number.get(terms.quote, -1)
        if quote >= 0:
            depends[place, quote] = True
        expires_ms[place] = terms.expires_ms or 0
        strike[place] = terms.strike or 0
        is_call[place] = terms.right == "call"
        face = asset.kind is Kind.INVERSE
        size[place] = 0.0 if face else terms.lot / catalogue.coins[asset.coin].one
        if asset.kind is not Kind.OPTION:
            futures.append((place, terms, asset.coin, asset.currency, asset.instrument))
            continue
        if terms.strike is None or terms.expires_ms is None:
            raise PricingError(f"{terms.id}: only options with a strike are priced")
        pair, _ = pairs.setdefault((asset.coin, quote), (len(pairs), asset.instrument))
        expiry = expiries.setdefault((asset.coin, pair, terms.expires_ms), len(expiries))
        unit = units.setdefault((terms.lot, asset.coin, asset.currency), len(units))
        exposure = terms.lot * catalogue.numeraire.one / catalogue.coins[asset.coin].one
        fixed = (place, asset.instrument, expiry, unit, asset.coin)
        said = (terms.strike, terms.tick, terms.right == "call", exposure, terms.inverse)
        options.append((*fixed, *said))
    return Layout(
        coin=np.array([asset.coin for asset in catalogue.assets], np.int32),
        kind=np.array([asset.kind for asset in catalogue.assets], np.int8),
        expires_ms=expires_ms,
        strike=strike,
        is_call=is_call,
        size=size,
        currency=np.array([asset.currency for asset in catalogue.assets], np.int64),
        settles=np.array([asset.currency for asset in catalogue.assets], np.int32),
        depends=depends,
        futures=tuple(futures),
        options=_options(options),
        has_coin_options=any(row[-1] for row in options),
        expiries=_expiries(list(expiries)),
        pairs=tuple(instrument for _, instrument in pairs.values()),
        units=tuple(units),
        coins=names,
    )


def _expiries(rows: list[tuple[int, int, int]]) -> Expiries:
    coin, pair, expires_ms = np.array(rows, np.int64).reshape(-1, 3).T.copy()
    return Expiries(coin, pair, expires_ms)


def _options(rows: list[tuple[float, ...]]) -> Options:
    columns: list[tuple[float, ...]] = list(zip(*rows, strict=True)) if rows else [()] * 10
    asset, instrument, expiry, unit, coin = (np.array(c, np.int64) for c in columns[:5])
    strike, tick, exposure = (np.array(columns[place], np.float64) for place in (5, 6, 8))
    is_call, in_coin = (np.array(columns[place], np.bool_) for place in (7, 9))
    return Options(asset, instrument, expiry, unit, coin, strike, tick, is_call, exposure, in_coin)


@functools.lru_cache(maxsize=64)
def shocks(grid: Grid, coins: tuple[str, ...]) -> Shocks:
    """Compile a grid: moves scaled for each coin, columns padded to a multiple of 32.

    A coin's scale is 1 unless the grid names it; the first coin is the cash and has scale 0. A coin
    with a history moves by it, whatever the scale, and so does its volatility.
    """
    scenarios = len(grid.scenarios)
    padding = -scenarios % WIDTH if scenarios else 0
    cells = grid.scenarios + grid.scenarios[:1] * padding
    _check_tilt(grid)
    scale = {name: 0 if coin == CASH else RATIO_ONE for coin, name in enumerate(coins)}
    scale |= {name: parts for name, parts in grid.scale if name in scale}
    growth, weighted = np.ones((len(coins), len(cells))), np.zeros((len(coins), len(cells)))
    in_coin, volatility = np.zeros_like(weighted), np.zeros_like(weighted)
    history = _history(grid.history, "moves", scenarios)
    shifts = _history(grid.volatility_history, "volatility shocks", scenarios)
    for coin, name in enumerate(coins):
        for place, cell in enumerate(cells):
            told = place if place < scenarios else 0
            move = cell.move * scale[name]
            if name in history:
                move = history[name][told] * RATIO_ONE
            if move <= -(RATIO_ONE**2):
                raise PricingError(f"grid: scenario {place} moves {name} to zero or below")
            growth[coin, place] = (RATIO_ONE**2 + move) / RATIO_ONE**2
            weighted[coin, place] = move * cell.weight / RATIO_ONE**3
            in_coin[coin, place] = -move * cell.weight / ((RATIO_ONE**2 + move) * RATIO_ONE)
            shift = shifts[name][told] if name in shifts else cell.volatility
            volatility[coin, place] = shift / RATIO_ONE
    tilt = np.array([cell.tilt for cell in cells], np.float64)
    floor = grid.volatility_floor / RATIO_ONE
    return Shocks(
        growth=growth,
        weighted=weighted,
        weighted_in_coin=in_coin,
        volatility=volatility,
        tilt=tilt,
        weight=np.array([cell.weight / RATIO_ONE for cell in cells], np.float64),
        days_floor=max(grid.days_floor, 1) / RATIO_ONE,
        power_short=grid.power_short / RATIO_ONE,
        power_long=grid.power_long / RATIO_ONE,
        volatility_floor=floor,
        fall_floor=floor if grid.floor_stops_falls else 0.0,
        scenarios=scenarios,
        is_plain=grid.floor_stops_falls and not shifts and not tilt.any(),
    )


def _history(
    history: tuple[tuple[str, tuple[int, ...]], ...], what: str, scenarios: int
) -> dict[str, tuple[int, ...]]:
    for name, told in history:
        if len(told) != scenarios:
            raise PricingError(f"grid: {name} has {len(told)} {what} for {scenarios} scenarios")
    return dict(history)


def _check_tilt(grid: Grid) -> None:
    for place, cell in enumerate(grid.scenarios):
        if cell.tilt not in (UNTILTED, LINEAR, ABSOLUTE):
            raise PricingError(f"grid: scenario {place} has a tilt of {cell.tilt}")
        if cell.tilt and grid.tilt is None:
            raise PricingError(f"grid: scenario {place} is tilted, but the grid says no tilt")
    if grid.tilt is not None and grid.tilt.width_floor <= 0:
        raise PricingError(f"grid: width_floor of {grid.tilt.width_floor} must be positive")
