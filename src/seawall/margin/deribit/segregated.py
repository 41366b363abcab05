"""Deribit's segregated portfolio margin: worst cell, roll shock, delta shock, margins.

Knows one index and one settlement currency at a time. Does not know open orders, spot or cross
portfolio margin. Amounts are units of the settlement currency (coins where settled in coins).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from seawall.margin.deribit.cells import EXTENDED_MOVES, SHOCKS, Cells, Position, cells_of
from seawall.margin.deribit.parameters import (
    CurrencyParameters,
    GeneralParameters,
    ModelParameters,
    PairParameters,
)
from seawall.pricing import Floats, exponential, power

PUBLISHED_DECIMALS = 9  # The worst case is rounded before the add-ons.


class WorstCell(NamedTuple):
    """The binding cell, numbered from 1 as the API numbers it."""

    source: str  # "standard" or "extended".
    bucket: int  # Of the moves.
    side: str  # "left" where the price falls, "right" where it rises, "middle" where it stays.
    number: int  # Of the cells.
    move: float
    volatility: str  # "down", "same" or "up".


class SegregatedMargin(NamedTuple):
    """The whole calculation; gains are positive, charges are positive."""

    cells: Cells  # [position, ...] before offset and dampener.
    pre_aggregated_standard: Floats  # [bucket, volatility] sums over positions.
    pre_aggregated_extended: Floats  # [move]
    aggregated_standard: Floats  # [bucket, volatility] after the offset.
    aggregated_extended: Floats  # [move] after offset and dampener.
    worst_case: float  # Loss of the worst cell, unrounded.
    worst_cell: WorstCell
    roll_shock: float
    delta_shock: float
    correlation_contingency: float
    risk_matrix_margin: float  # Worst case to nine decimals, and the three charges above.
    initial_margin: float
    maintenance_margin: float


class SegregatedPortfolio(msgspec.Struct, frozen=True):
    """The parameters of one index in one settlement currency, and the margin that they ask."""

    pair: PairParameters
    currency: CurrencyParameters
    general: GeneralParameters = GeneralParameters()
    inverse: bool = True  # Settled in the coin itself; else in dollars.

    @classmethod
    def of(cls, model: ModelParameters, pair: str, currency: str) -> SegregatedPortfolio:
        """Pick an index such as btc_usd and a currency such as btc; a missing one is named."""
        if pair not in model.currency_pair:
            raise ValueError(f"model_params.currency_pair.{pair}: not in this block")
        if currency not in model.currency:
            raise ValueError(f"model_params.currency.{currency}: not in this block")
        return cls(
            model.currency_pair[pair],
            model.currency[currency],
            model.general,
            pair.split("_", maxsplit=1)[0] == currency,
        )

    def margin(
        self, positions: Sequence[Position], index: float, correlation_contingency: float = 0.0
    ) -> SegregatedMargin:
        """Margin of a portfolio at an index price in dollars.

        risk_matrix_margin = round(worst, 9) + delta shock + roll shock + correlation contingency;
        initial = risk_matrix_margin; maintenance = mm_factor · risk_matrix_margin. Open orders and
        spot add to both at the venue and are not here. Source: docs.deribit.com,
        private/pme/simulate.
        """
        if not index > 0.0:
            raise ValueError(f"index: {index} is not a price")
        cells = cells_of(positions, self.pair, self.general, self.inverse)
        standard, extended = cells.standard.sum(axis=0), cells.extended.sum(axis=0)
        kept = self._offset(standard, self._unit(cells.moves, index)[:, None])
        far = self._dampen(self._offset(extended, self._unit(_FAR, index)), index)
        worst, cell = _worst(cells.moves, kept, far)
        roll = self.roll_shock(positions, cells.delta, index)
        delta = self.delta_shock(positions, cells.delta, index)
        total = round(worst, PUBLISHED_DECIMALS) + delta + roll + correlation_contingency
        return SegregatedMargin(
            cells=cells,
            pre_aggregated_standard=standard,
            pre_aggregated_extended=extended,
            aggregated_standard=kept,
            aggregated_extended=far,
            worst_case=worst,
            worst_cell=cell,
            roll_shock=roll,
            delta_shock=delta,
            correlation_contingency=correlation_contingency,
            risk_matrix_margin=total,
            initial_margin=total,
            maintenance_margin=self.general.mm_factor * total,
        )

    def roll_shock(self, positions: Sequence[Position], delta: Floats, index: float) -> float:
        """Charge for the basis: Σ over expiries |delta| · max(e^(risk · T) − 1, minimum).

        A perpetual pays the minimum. The exponential leg is not confirmed by a number.
        """
        nets: dict[float, float] = {}
        for held, coins in zip(positions, delta.tolist(), strict=True):
            nets[held.years] = nets.get(held.years, 0.0) + coins
        charge = 0.0
        for years, coins in sorted(nets.items()):
            growth = float(exponential(self.currency.annualised_move_risk * years)) - 1.0
            charge += abs(coins) * max(growth, self.currency.min_annualised_move)
        return charge * (1.0 if self.inverse else index)

    def delta_shock(self, positions: Sequence[Position], delta: Floats, index: float) -> float:
        """Charge for a large delta: |D| · min(m_inc · max(|D| − threshold ÷ index, 0), maximum).

        D is the delta of futures and options sold, which options bought reduce but never turn
        around. Inferred from the names of its parameters: every public reply is below the
        threshold.
        """
        bought = rest = 0.0
        for held, coins in zip(positions, delta.tolist(), strict=True):
            if held.is_option and held.quantity > 0.0:
                bought += coins
            else:
                rest += coins
        net = bought + rest
        shock = min(max(net, rest), 0.0) if rest < 0.0 else max(min(net, rest), 0.0)
        above = max(abs(shock) - self.pair.delta_total_liq_shock_threshold / index, 0.0)
        rate = min(self.pair.m_inc * above, self.pair.max_delta_shock)
        return abs(shock) * rate * (1.0 if self.inverse else index)

    def _unit(self, moves: Floats, index: float) -> Floats:
        """Dollars per unit of settlement in a cell; extended cells are said at the edge."""
        if not self.inverse:
            return np.ones_like(moves)
        edge = self.pair.price_range
        return index * (1.0 + np.clip(moves, -edge, edge))

    def _offset(self, gains: Floats, unit: Floats) -> Floats:
        """Count a share of what a cell gains, up to max_offsetable_pnl dollars."""
        most = self.currency.max_offsetable_pnl / unit
        return np.where(gains > 0.0, np.minimum(gains * self.currency.pnl_offset, most), gains)

    def _dampen(self, gains: Floats, index: float) -> Floats:
        """Move extended cells towards zero by (|m| ÷ price_range − 1) · dampener dollars."""
        beyond = np.maximum(np.abs(_FAR) / self.pair.price_range, 1.0) - 1.0
        step = beyond * self.currency.extended_dampener / self._unit(_FAR, index)
        left: Floats = np.maximum(np.abs(gains) - step, 0.0)
        return np.where(gains < 0.0, -left, left)


_FAR = np.array(EXTENDED_MOVES)


def _worst(moves: Floats, standard: Floats, extended: Floats) -> tuple[float, WorstCell]:
    """The largest loss and its cell; the first of equals, the standard table before the other.

    An undampened future loses as much in every extended cell as at the edge, but for rounding, so
    an extended cell must be worse by the decimals that are published.
    """
    flat = standard.reshape(-1)
    cell = int(np.argmin(flat))
    worse = round(float(extended.min()), PUBLISHED_DECIMALS)
    if worse < round(float(flat[cell]), PUBLISHED_DECIMALS):
        far = int(np.argmin(extended))
        move = float(_FAR[far])
        return -float(extended[far]), WorstCell(
            "extended", far + 1, _side(move), far + 1, move, "up"
        )
    bucket, shock = divmod(cell, len(SHOCKS))
    move = float(moves[bucket])
    named = WorstCell("standard", bucket + 1, _side(move), cell + 1, move, SHOCKS[shock])
    return max(-float(flat[cell]), 0.0), named


def _side(move: float) -> str:
    return "left" if move < 0.0 else "right" if move > 0.0 else "middle"


def scaled_shock(shock_30_days: float, days: float, exponent: float) -> float:
    """Volatility shock of an expiry: shock · (30 ÷ days)^exponent.

    Source: Deribit, portfolio margin until 2023, exponent 0.5; later 0.3 and 0.13.

    >>> round(scaled_shock(0.4, 15, 0.5), 3)
    0.566
    """
    return shock_30_days * float(power(30.0 / days, exponent))


def net_short_options_contingency(positions_at_strike: Sequence[float], rate: float) -> float:
    """Charge for the options sold net at one strike, calls and puts together: rate each.

    Source: Deribit, portfolio margin until 2023: 0.01 coin for each option.

    >>> net_short_options_contingency([10, -20], 0.01)
    0.1
    """
    return rate * max(-sum(positions_at_strike), 0.0)
