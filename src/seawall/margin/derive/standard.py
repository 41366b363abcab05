"""The standard rule (SRM): each market by itself, options bounded by the expiry's largest loss.

    margin = cash + Σ over markets of (perpetual + options + base + unsettled cash − depeg)

Amounts are ≤ 0 where they are owed. Source: derivexyz/v2-core at 7736900 (2026-01-21),
StandardManager, restated.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from seawall.margin.derive.contract_pricing import option_price
from seawall.margin.derive.market import (
    Columns,
    Market,
    Portfolio,
    amounts,
    by_expiry,
    columns,
    least_confidence,
)
from seawall.margin.derive.parameters import DeriveStandard, StandardTerms
from seawall.pricing import Floats


class Side(NamedTuple):
    """Initial and maintenance margin of one thing, dollars."""

    initial: float
    maintenance: float


class ExpiryMargin(NamedTuple):
    """Options of one expiry, dollars; `options` is the better of `isolated` and `bounded`."""

    expiry: int  # Place in the market's expiries.
    options: Side
    isolated: Side  # Each option sold by itself.
    bounded: Side  # The largest loss at expiry, and calls sold that none bought covers.
    confidence: float  # ≤ 0, initial only.


class MarketMargin(NamedTuple):
    """One market's parts, dollars."""

    name: str
    perpetual: Side
    perpetual_confidence: float  # ≤ 0, initial only.
    perpetual_cash: float
    expiries: tuple[ExpiryMargin, ...]
    base: Side
    base_confidence: float  # ≤ 0, initial only.
    depeg: float  # ≤ 0, initial only.
    mark_value: float

    @property
    def margin(self) -> Side:
        """Sum of the parts."""
        initial = self.perpetual.initial + self.perpetual_confidence + self.perpetual_cash
        initial += sum(each.options.initial + each.confidence for each in self.expiries)
        initial += self.base.initial + self.base_confidence + self.depeg
        options = sum(each.options.maintenance for each in self.expiries)
        maintenance = self.perpetual.maintenance + self.perpetual_cash + options
        return Side(initial, maintenance + self.base.maintenance)


class StandardMargin(NamedTuple):
    """The standard margin of one account, dollars; healthy where ≥ 0."""

    initial: float
    maintenance: float
    mark_value: float  # Cash included.
    cash: float
    markets: tuple[MarketMargin, ...]


def standard_margin(
    method: DeriveStandard, holdings: Sequence[tuple[Market, Portfolio]]
) -> StandardMargin:
    """Margin of one account over its markets; cash is the sum of its portfolios' cash."""
    parts = tuple(_market(method, market, portfolio) for market, portfolio in holdings)
    cash = sum(portfolio.cash for _, portfolio in holdings)
    sides = [part.margin for part in parts]
    return StandardMargin(
        initial=cash + sum(side.initial for side in sides),
        maintenance=cash + sum(side.maintenance for side in sides),
        mark_value=cash + sum(part.mark_value for part in parts),
        cash=cash,
        markets=parts,
    )


def _market(method: DeriveStandard, market: Market, portfolio: Portfolio) -> MarketMargin:
    terms, cols, held = method.of(market.name), columns(market), amounts(market, portfolio)
    mark = held * option_marks(cols)
    size, base = abs(portfolio.perpetual), portfolio.base * market.spot
    notional = size * market.perpetual
    feeds = min(market.spot_confidence, market.perpetual_confidence)
    base_initial = base * float(terms.base_factor * terms.base_initial_scale)
    base_doubt = _doubt(terms, terms.base_threshold, market.spot_confidence)
    short = float(np.maximum(-held, 0.0).sum())
    below = max(method.depeg_threshold - market.stable, Decimal(0))
    return MarketMargin(
        name=market.name,
        perpetual=Side(
            -notional * float(terms.perpetual_initial),
            -notional * float(terms.perpetual_maintenance),
        ),
        perpetual_confidence=-_doubt(terms, terms.perpetual_threshold, feeds) * market.spot * size,
        perpetual_cash=portfolio.perpetual_cash,
        expiries=_expiries(terms, market, cols, held, mark),
        base=Side(base_initial, base * float(terms.base_factor)),
        base_confidence=-base_doubt * base if base_initial != 0.0 else 0.0,
        depeg=-float(below * method.depeg_factor) * market.spot * (size + short),
        mark_value=float(mark.sum()) + portfolio.perpetual_cash + base / float(market.stable),
    )


def option_marks(cols: Columns) -> Floats:
    """[option] undiscounted Black-76 on the whole forward, dollars a contract."""
    if not len(cols.expiry):
        return np.zeros(0)
    forward = (cols.variable + cols.fixed)[cols.expiry]
    years = cols.years[cols.expiry]
    return option_price(forward, cols.strike, cols.volatility, years, 1.0, cols.is_call)


def _expiries(
    terms: StandardTerms, market: Market, cols: Columns, held: Floats, mark: Floats
) -> tuple[ExpiryMargin, ...]:
    initial, maintenance = isolated_margins(terms, market.spot, cols, np.minimum(held, 0.0), mark)
    short = by_expiry(cols, np.maximum(-held, 0.0))
    out = []
    for place, expiry in enumerate(market.expiries):
        inside = (cols.expiry == place) & (held != 0.0)
        if not inside.any():
            continue
        loss, uncovered = largest_loss(cols.strike[inside], cols.is_call[inside], held[inside])
        isolated = Side(float(initial[inside].sum()), float(maintenance[inside].sum()))
        bounded = Side(
            loss + float(terms.unpaired_initial) * expiry.forward * uncovered,
            loss + float(terms.unpaired_maintenance) * expiry.forward * uncovered,
        )
        feeds = least_confidence(market, expiry, perpetual=False, rate=False)
        doubt = _doubt(terms, terms.option_threshold, feeds)
        out.append(
            ExpiryMargin(
                expiry=place,
                options=Side(*map(max, zip(isolated, bounded, strict=True))),
                isolated=isolated,
                bounded=bounded,
                confidence=-doubt * market.spot * float(short[place]),
            )
        )
    return tuple(out)


def isolated_margins(
    terms: StandardTerms, spot: float, cols: Columns, sold: Floats, mark: Floats
) -> tuple[Floats, Floats]:
    """[option] initial and maintenance of each option sold by itself; 0 where none is, dollars.

    call: maintenance = mark + call_maintenance · spot · amount
    put:  maintenance = mark + min(put_maintenance · spot · amount, put_mark_maintenance · mark)
    both: initial = mark + max(spot_maximum − out, spot_minimum) · spot · amount, where out is how
    far the strike lies out of the money ÷ spot; a put's is at most put_offset · maintenance.
    Amounts and marks are below 0 for what is sold, so `min` is the larger charge.
    """
    value = np.where(sold < 0.0, mark, 0.0)
    out = np.maximum(np.where(cols.is_call, cols.strike - spot, spot - cols.strike), 0.0) / spot
    slope = np.maximum(float(terms.spot_maximum) - out, float(terms.spot_minimum))
    initial = value + slope * spot * sold
    call = value + float(terms.call_maintenance) * spot * sold
    put = value + np.minimum(
        float(terms.put_maintenance) * spot * sold, float(terms.put_mark_maintenance) * value
    )
    maintenance = np.where(cols.is_call, call, put)
    floor = np.where(cols.is_call, initial, float(terms.put_offset) * maintenance)
    return np.minimum(initial, floor), maintenance


def largest_loss(strike: Floats, is_call: Floats, held: Floats) -> tuple[float, float]:
    """The largest loss at expiry at a price of 0 or any strike held, and net calls; both ≤ 0.

    Between two strikes a payoff is a line, so its least value lies at a strike; above the highest
    it falls only by the calls sold that none bought covers, which are the second number.

    >>> strikes, calls = np.array([1500.0, 1600.0]), np.array([True, True])
    >>> largest_loss(strikes, calls, np.array([-1.0, 1.0]))
    (-100.0, 0.0)
    """
    prices = np.concatenate(([0.0], strike))[:, None]
    intrinsic = np.maximum(np.where(is_call, prices - strike, strike - prices), 0.0)
    payoff = (intrinsic * held).sum(axis=1)
    calls = float(np.where(is_call, held, 0.0).sum())
    return min(float(payoff.min()), 0.0), min(calls, 0.0)


def _doubt(terms: StandardTerms, threshold: Decimal, confidence: Decimal) -> float:
    """(1 − confidence) · confidence_factor below the threshold, else 0: none at threshold 0."""
    if not confidence < threshold:
        return 0.0
    return float((1 - confidence) * terms.confidence_factor)
