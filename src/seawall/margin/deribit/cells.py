"""What each position gains in each cell of Deribit's risk matrix.

Knows the moves, the shocked volatilities and the repricing. Does not know offsets or add-ons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seawall.margin.deribit.parameters import GeneralParameters, PairParameters
from seawall.pricing import Floats, black_greeks, black_price, power
from seawall.pricing.table import Flags

EXTENDED_MOVES = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
YEAR_DAYS = 365.0
SHOCKS = ("down", "same", "up")


class Position(NamedTuple):
    """A position in coins of the underlying, long positive."""

    name: str
    quantity: float  # Coins.
    years: float = 0.0  # To expiry; 0 of a perpetual.
    forward: float = 0.0  # Dollars: an option's forward or a contract's mark.
    strike: float = 0.0  # Dollars; 0 of a future.
    volatility: float = 0.0  # Implied, annual.
    is_call: bool = True

    @property
    def is_option(self) -> bool:
        """Whether it has a strike."""
        return self.strike > 0.0


class Cells(NamedTuple):
    """Gains in units of the settlement currency, profit positive."""

    moves: Floats  # [bucket] relative moves of the standard table.
    standard: Floats  # [position, bucket, volatility] volatility down, same, up.
    extended: Floats  # [position, move] volatility up, scaled to the edge of the standard table.
    delta: Floats  # [position] coins.


def cells_of(
    positions: Sequence[Position], pair: PairParameters, general: GeneralParameters, inverse: bool
) -> Cells:
    """Reprice every position in every cell.

    A future gains quantity · m ÷ (1 + m) coins where settled in coins, else quantity · forward · m
    dollars. An option is Black-76 on the moved forward with the shocked volatility, divided by the
    moved forward where settled in coins (inferred; no public reply holds an option). Extended
    gains in coins are multiplied by extended_table_factor · price_range ÷ |m| · (1 + m) ÷ (1 +
    sgn(m) · price_range), those in dollars by extended_table_factor · price_range ÷ |m|. Source:
    docs.deribit.com, Portfolio margin; futures verified against replies of June 2024 and February
    2026.
    """
    count = general.buckets_count
    steps = np.arange(-count, count + 1, dtype=np.float64)
    moves = steps * pair.price_range / count
    far = np.array(EXTENDED_MOVES)
    scale = pair.extended_table_factor * pair.price_range / np.abs(far)
    if inverse:
        scale = scale * (1.0 + far) / (1.0 + np.sign(far) * pair.price_range)
    standard = np.empty((len(positions), moves.size, len(SHOCKS)))
    extended = np.empty((len(positions), far.size))
    delta = np.empty(len(positions))
    for row, held in enumerate(positions):
        if not held.is_option:
            standard[row] = _future(held, moves, inverse)[:, None]
            extended[row] = _future(held, far, inverse)
            delta[row] = held.quantity
    rows = [row for row, held in enumerate(positions) if held.is_option]
    if rows:
        options = _columns([positions[row] for row in rows])
        volatilities = _shocked(options, pair)
        standard[rows] = _gains(options, moves[:, None], volatilities[:, None, :], inverse)
        extended[rows] = _gains(options, far[:, None], volatilities[:, None, 2:], inverse)[:, :, 0]
        delta[rows] = options.quantity * _deltas(options)
    extended *= scale
    return Cells(moves, standard, extended, delta)


class _Options(NamedTuple):
    """Options as columns. [option]"""

    quantity: Floats
    years: Floats
    forward: Floats
    strike: Floats
    volatility: Floats
    is_call: Flags


def _columns(options: Sequence[Position]) -> _Options:
    rows = [each[1:6] for each in options]
    quantity, years, forward, strike, volatility = np.array(rows, np.float64).T.copy()
    is_call = np.array([each.is_call for each in options])
    return _Options(quantity, years, forward, strike, volatility, is_call)


def shocked_volatilities(held: Position, pair: PairParameters) -> Floats:
    """Volatility of an option down, same and up.

    down = max(σ · (1 − range_down · k), 0), up = max(σ · (1 + range_up · k), minimum) with
    k = (30 ÷ max(days, 1))^p, p the short-term power below 30 days and the long-term one from
    there on. That the minimum is a floor of the shocked volatility is inferred.
    """
    found: Floats = _shocked(_columns([held]), pair)[0]
    return found


def _shocked(options: _Options, pair: PairParameters) -> Floats:
    """[option, 3] volatility down, same, up."""
    days = np.maximum(options.years * YEAR_DAYS, 1.0)
    exponent = np.where(days < 30.0, pair.short_term_vega_power, pair.long_term_vega_power)
    factor, sigma = power(30.0 / days, exponent), options.volatility
    down = np.maximum(sigma * (1.0 - pair.volatility_range_down * factor), 0.0)
    up = sigma * (1.0 + pair.volatility_range_up * factor)
    return np.stack([down, sigma, np.maximum(up, pair.min_volatility_for_shock_up)], axis=1)


def _future(held: Position, moves: Floats, inverse: bool) -> Floats:
    if inverse:
        return held.quantity * moves / (1.0 + moves)
    return held.quantity * held.forward * moves


def _gains(options: _Options, moves: Floats, volatilities: Floats, inverse: bool) -> Floats:
    """[option, move, volatility] gains; moves and volatilities broadcast to that."""
    quantity, years, forward, strike, _, is_call = (column[:, None, None] for column in options)
    moved = forward * (1.0 + moves)
    spread = np.broadcast_arrays(moved, strike, volatilities, years, is_call)
    price, struck, shocked, left, right = (each.copy() for each in spread)
    before = black_price(
        options.forward,
        options.strike,
        options.volatility,
        options.years,
        np.ones_like(options.years),
        options.is_call,
    )[:, None, None]
    after = black_price(price, struck, shocked, left, np.ones_like(price), right)
    if inverse:
        return quantity * (after / moved - before / forward)
    return quantity * (after - before)


def _deltas(options: _Options) -> Floats:
    """[option] coins of delta of one coin; without time or volatility only its moneyness counts."""
    side = np.where(options.is_call, 1.0, -1.0)
    found = np.where(side * (options.forward - options.strike) > 0.0, side, 0.0)
    alive = (options.years > 1e-9) & (options.volatility > 1e-9)
    if alive.any():
        _, years, forward, strike, volatility, is_call = (column[alive] for column in options)
        found[alive] = black_greeks(
            forward, strike, volatility, years, np.ones_like(years), is_call
        ).delta
    return found
