"""The sixteen-scenario scan of clearing houses: arrays, scan risk, spread charges and credits.

Knows one array of sixteen profits for each contract and what is charged over their sums. Does not
know files of a clearing house; `sixteen_scan` has the rule as a method. Arrays are profit positive,
per contract bought, in dollars.
Sources: McMillan, Options as a Strategic Investment, ch. 34; the form of 1988.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats, black_price

_THIRDS = (0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3)
PRICE_STEPS = np.array(_THIRDS, np.float64) / 3.0  # [14] multiples of the price range.
VOLATILITY_STEPS = np.array([1.0, -1.0] * 7 + [0.0, 0.0])  # [16] multiples of the vol range.
YEAR_DAYS = 365.0


class Option(NamedTuple):
    """One option on a future."""

    forward: float
    strike: float
    volatility: float
    years: float
    is_call: bool
    multiplier: float = 1.0  # Dollars for each point of price.


class Sixteen(msgspec.Struct, frozen=True, kw_only=True):
    """Fourteen cells of thirds of the price range, and two extremes of which a share counts."""

    extreme_multiple: float = 2.0
    cover: float = 0.35  # Share of the loss that counts in the extremes.

    def price_multiples(self) -> Floats:
        """[16] moves in multiples of the price scan range."""
        return np.append(PRICE_STEPS, [self.extreme_multiple, -self.extreme_multiple])

    def weights(self) -> Floats:
        """[16] share of a profit or loss that counts."""
        return np.append(np.ones(14), [self.cover, self.cover])

    def future_array(self, price_range: float) -> Floats:
        """[16] profit of one future whose price scan range is worth `price_range`."""
        return self.weights() * self.price_multiples() * price_range

    def option_array(
        self,
        option: Option,
        price_range: float,
        volatility_range: float,
        relative: bool = False,
        look_ahead_days: float = 1.0,
    ) -> Floats:
        """[16] profit of one option, repriced on the moved forward after the look-ahead.

        The range of prices is in units of the forward; that of volatility in points, or a share of
        the option's own where `relative`.
        """
        years = max(option.years - look_ahead_days / YEAR_DAYS, 0.0)
        step = volatility_range * (option.volatility if relative else 1.0)
        moved = option.forward + self.price_multiples() * price_range
        if not bool((moved > 0.0).all()):
            raise ValueError(f"price_range: {price_range} takes the forward to zero or below")
        shocked = np.maximum(option.volatility + VOLATILITY_STEPS * step, 0.0)
        alike = np.ones_like(moved)
        after = black_price(
            moved, option.strike * alike, shocked, years * alike, alike, alike * option.is_call
        )
        now = black_price(
            option.forward, option.strike, option.volatility, option.years, is_call=option.is_call
        )
        return self.weights() * (after - now) * option.multiplier


class ScanRisk(NamedTuple):
    """The worst of sixteen."""

    risk: float  # max(0, −least profit)
    scenario: int  # From 0; the first of equals.


class Spread(msgspec.Struct, frozen=True):
    """A calendar spread: deltas of opposite sign in two tiers, charged for each one formed."""

    first: int  # Tier; the same as `second` within one.
    second: int
    rate: float  # Dollars for each spread.


class Requirement(NamedTuple):
    """The requirement of one combined commodity, each part apart. Dollars."""

    scan: float
    calendar: float
    delivery: float
    credit: float
    short_option_minimum: float
    risk: float
    net_option_value: float
    maintenance: float


def combined(arrays: ArrayLike, quantities: ArrayLike) -> Floats:
    """[16] profits of a portfolio: Σ quantity × array."""
    total = np.zeros(16)
    for row, quantity in zip(
        np.asarray(arrays, np.float64), np.asarray(quantities, np.float64), strict=True
    ):
        total += quantity * row
    return total


def scan_risk(array: ArrayLike) -> ScanRisk:
    """The most that is lost in a scenario; zero where all gain.

    >>> scan_risk([3.0, -2.0, -2.0])
    ScanRisk(risk=2.0, scenario=1)
    """
    profits = np.asarray(array, np.float64)
    worst = int(np.argmin(profits))
    return ScanRisk(max(-float(profits[worst]), 0.0), worst)


def composite_delta(deltas: ArrayLike, probabilities: ArrayLike) -> float:
    """Average of the deltas of the scenarios, by their probability."""
    shares = np.asarray(probabilities, np.float64)
    return float((np.asarray(deltas, np.float64) * shares).sum() / shares.sum())


def calendar_charge(
    long: Sequence[float], short: Sequence[float], spreads: Sequence[Spread]
) -> float:
    """Charge for deltas that offset each other across months, in the order of the table.

    `long` and `short` are deltas by tier, both positive; each spread takes what is left of them.
    """
    bought, sold = list(long), list(short)
    charge = 0.0
    for spread in spreads:
        pairs = {(spread.first, spread.second), (spread.second, spread.first)}
        for first, second in sorted(pairs):
            formed = min(bought[first], sold[second])
            bought[first] -= formed
            sold[second] -= formed
            charge += formed * spread.rate
    return charge


def price_risk(array: ArrayLike, scenario: int) -> float:
    """Scan risk less time and volatility risk, found by pairing scenarios.

    Volatility risk falls out of the mean of the two volatilities at the binding move, time risk
    out of subtracting the mean at the unmoved price. The extremes have no pair.
    """
    profits = np.asarray(array, np.float64)
    unmoved = (profits[0] + profits[1]) / 2.0
    start = scenario - scenario % 2
    here = profits[scenario] if scenario >= 14 else (profits[start] + profits[start + 1]) / 2.0
    return max(float(unmoved - here), 0.0)


def commodity_credit(
    net_deltas: Sequence[float],
    price_risks: Sequence[float],
    deltas_per_spread: Sequence[float],
    rates: Sequence[float],
) -> float:
    """Credit for offsetting commodities of one spread.

    spreads = min |delta| ÷ deltas per spread; credit of a leg = spreads · deltas per spread ·
    weighted price risk · rate, with weighted price risk = price risk ÷ |net delta|. Deltas carry
    the sign that the spread table gives to the leg's side: a leg on the wrong side forms none.
    """
    if any(delta <= 0.0 for delta in net_deltas):
        return 0.0
    formed = min(d / per for d, per in zip(net_deltas, deltas_per_spread, strict=True))
    legs = zip(net_deltas, price_risks, deltas_per_spread, rates, strict=True)
    return sum(formed * per * risk / delta * rate for delta, risk, per, rate in legs)


def short_option_minimum(
    calls_sold: float, puts_sold: float, rate: float, gross: bool = True
) -> float:
    """Least charge for options sold: rate for each, or for the wider side where not `gross`."""
    return rate * (calls_sold + puts_sold if gross else max(calls_sold, puts_sold))


def requirement(
    scan: float,
    calendar: float = 0.0,
    delivery: float = 0.0,
    credit: float = 0.0,
    minimum: float = 0.0,
    net_option_value: float = 0.0,
    only_long_options: bool = False,
) -> Requirement:
    """Requirement of one combined commodity.

    risk = max(scan + calendar + delivery − credit, short-option minimum), at most the value of the
    options where only options are held long; maintenance = max(risk − net option value, 0).
    """
    risk = max(scan + calendar + delivery - credit, minimum)
    if only_long_options:
        risk = min(risk, net_option_value)
    return Requirement(
        scan,
        calendar,
        delivery,
        credit,
        minimum,
        risk,
        net_option_value,
        max(risk - net_option_value, 0.0),
    )
