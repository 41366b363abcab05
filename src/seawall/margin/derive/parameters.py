"""The parameters of Derive's three margin rules: frozen structs that know the venue's bounds.

Ratios are `Decimal`, so that a threshold compares exactly: a confidence of 0.399999999999999999 is
below 0.4. Source of fields and bounds: derivexyz/v2-core at 7736900 (2026-01-21), restated.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

import msgspec

VolatilityShock = Literal["None", "Up", "Down", "Linear", "Abs"]
SKEWS = ("Linear", "Abs")
ZERO, ONE = Decimal(0), Decimal(1)


class ParameterError(ValueError):
    """A parameter outside the venue's bounds; the message names its key path."""


class DeriveScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cell: price × spot, volatilities shocked or tilted, and the share of it that counts."""

    spot: Decimal  # Ratio to the present price: 1.15 is +15 %.
    volatility: VolatilityShock = "None"
    dampening: Decimal = ONE  # Share of the loss and of the profit.

    def __post_init__(self) -> None:
        _within("scenario.spot", self.spot, ZERO, None)
        _within("scenario.dampening", self.dampening, ZERO, None)
        if self.volatility in SKEWS and self.spot != ONE:
            raise ParameterError(f"scenario.spot: a skew scenario moves no price, not {self.spot}")


class StandardTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One market's ratios under the standard rule."""

    perpetual_initial: Decimal
    perpetual_maintenance: Decimal
    spot_maximum: Decimal  # Of a short option at the money, initial.
    spot_minimum: Decimal  # Of a short option far out of the money, initial.
    call_maintenance: Decimal  # Of spot, short call.
    put_maintenance: Decimal  # Of spot, short put.
    put_mark_maintenance: Decimal  # Of the short put's mark.
    unpaired_initial: Decimal  # × forward for each call sold without one bought.
    unpaired_maintenance: Decimal
    put_offset: Decimal  # A put's initial margin is at least this × its maintenance.
    base_factor: Decimal = ZERO  # Of the base asset's value, maintenance.
    base_initial_scale: Decimal = ONE  # × base_factor, initial.
    perpetual_threshold: Decimal = ZERO  # Confidence below which a charge applies; 0 is never.
    option_threshold: Decimal = ZERO
    base_threshold: Decimal = ZERO
    confidence_factor: Decimal = ZERO  # × (1 − confidence) × spot.

    def __post_init__(self) -> None:
        for name in ("spot_maximum", "spot_minimum"):
            _within(name, getattr(self, name), ZERO, Decimal("1.2"))
        for name in ("unpaired_initial", "unpaired_maintenance", "put_offset"):
            _within(name, getattr(self, name), ONE, Decimal(3))
        for name in (
            "call_maintenance",
            "put_maintenance",
            "put_mark_maintenance",
            "base_factor",
            "base_initial_scale",
            "perpetual_threshold",
            "option_threshold",
            "base_threshold",
            "confidence_factor",
        ):
            _within(name, getattr(self, name), ZERO, ONE)
        _within("perpetual_maintenance", self.perpetual_maintenance, ZERO, self.perpetual_initial)
        _within("perpetual_initial", self.perpetual_initial, ZERO, ONE)


class DeriveStandard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The standard rule (SRM): each market by itself, options by expiry, one cash balance."""

    terms: StandardTerms
    by_market: dict[str, StandardTerms] = {}  # Where a market differs from `terms`.
    depeg_threshold: Decimal = ZERO  # Price of the stablecoin below which a charge applies.
    depeg_factor: Decimal = ZERO  # × (threshold − price) × spot × (perpetuals + options sold).

    def __post_init__(self) -> None:
        _within("depeg_threshold", self.depeg_threshold, ZERO, ONE)
        _within("depeg_factor", self.depeg_factor, ZERO, Decimal(3))

    def of(self, market: str) -> StandardTerms:
        """The terms of one market, by its name."""
        return self.by_market.get(market, self.terms)


class DerivePortfolio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Portfolio margin of the first generation (PMRM): one market, one base asset."""

    scenarios: tuple[DeriveScenario, ...]
    basis_up: Decimal
    basis_down: Decimal
    basis_add: Decimal  # Share of the basis loss that counts at no time to expiry.
    basis_multiply: Decimal  # And for each year.
    peg_threshold: Decimal
    peg_factor: Decimal  # × (threshold − price), added to initial_factor.
    confidence_threshold: Decimal
    confidence_factor: Decimal  # × (1 − confidence) × spot × size.
    base_static: Decimal  # × spot × base.
    perpetual_static: Decimal  # × spot × |perpetual|.
    option_static: Decimal  # × spot × options sold that no option of the strike covers.
    initial_factor: Decimal
    static_discount: Decimal  # Of an expiry's positive shocked value.
    rate_multiply: Decimal  # × max(rate, 0), a year, in the exponent of the static discount.
    rate_add: Decimal
    volatility_up: Decimal
    volatility_down: Decimal
    power_short: Decimal  # Of 30 days ÷ time, up to 30 days.
    power_long: Decimal
    seconds_floor: Decimal = Decimal(86_400)

    def __post_init__(self) -> None:
        _check_grid(self.scenarios, 40, skews=False)
        _within("basis_up", self.basis_up, ONE, Decimal(3))
        _within("basis_down", self.basis_down, ZERO, ONE)
        _within("initial_factor", self.initial_factor, ONE, Decimal(4))
        _within("static_discount", self.static_discount, ZERO, ONE)
        for name in ("rate_multiply", "rate_add"):
            _within(name, getattr(self, name), ZERO, Decimal(5))
        for name in ("volatility_up", "volatility_down"):
            _within(name, getattr(self, name), ZERO, Decimal(2))
        for name in ("power_short", "power_long"):
            _within(name, getattr(self, name), ZERO, Decimal("0.5"))
        _within("seconds_floor", self.seconds_floor, Decimal(864), Decimal(8_640_000))
        _non_negative(self)


class CollateralTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one collateral counts for; haircuts are shares of its value."""

    maintenance_haircut: Decimal
    initial_haircut: Decimal  # On top of the maintenance haircut.
    risk_cancelling: bool = False  # Whether it moves with the market's price in the scenarios.

    def __post_init__(self) -> None:
        total = self.maintenance_haircut + self.initial_haircut
        if self.maintenance_haircut < 0 or self.initial_haircut < 0 or total > ONE:
            raise ParameterError(f"collateral: haircuts must be ≥ 0 and sum to ≤ 1, not {total}")


class DerivePortfolioTwo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Portfolio margin of the second generation (PMRM_2): many collaterals, tails and skews."""

    scenarios: tuple[DeriveScenario, ...]
    collaterals: dict[str, CollateralTerms] = {}
    basis_up: Decimal
    basis_down: Decimal
    basis_add: Decimal
    basis_multiply: Decimal
    peg_threshold: Decimal
    peg_factor: Decimal
    confidence_threshold: Decimal
    confidence_factor: Decimal
    perpetual_maintenance: Decimal  # × spot × |perpetual|.
    perpetual_initial: Decimal  # On top.
    option_maintenance: Decimal  # × spot × options sold that no option of the strike covers.
    option_initial: Decimal  # On top.
    initial_factor: Decimal  # Of the worst scenario.
    maintenance_factor: Decimal
    long_discount: Decimal  # Of an expiry's positive shocked value.
    long_rate_multiply: Decimal
    long_rate_add: Decimal
    short_discount: Decimal  # Of an expiry's negative shocked value.
    short_rate_multiply: Decimal
    short_rate_add: Decimal
    volatility_up: Decimal
    volatility_down: Decimal
    volatility_up_floor: Decimal  # Least volatility where it is shocked upwards.
    power_short: Decimal
    power_long: Decimal
    seconds_floor: Decimal = Decimal(86_400)
    linear_cap: Decimal = ZERO  # Largest relative tilt of the smile at no time to expiry.
    linear_cap_time: Decimal = ZERO  # And for each √year; below 0 it shrinks with time.
    absolute_cap: Decimal = ZERO
    absolute_cap_time: Decimal = ZERO
    skew_width_floor: Decimal = Decimal("0.01")  # Least |ln(strike ÷ forward)| of the full tilt.
    skew_width: Decimal = Decimal(4)  # In standard deviations of
    skew_volatility: Decimal = Decimal("0.6")  # this volatility, plus
    skew_volatility_time: Decimal = ZERO  # this for each √year.

    def __post_init__(self) -> None:
        _check_grid(self.scenarios, 40, skews=True)
        for name in ("initial_factor", "maintenance_factor", "basis_up", "seconds_floor"):
            if getattr(self, name) <= 0:
                raise ParameterError(f"{name}: must be positive, not {getattr(self, name)}")
        if self.skew_width_floor <= 0:
            raise ParameterError(f"skew_width_floor: must be positive, not {self.skew_width_floor}")
        _non_negative(
            self,
            but={"linear_cap_time", "absolute_cap_time", "skew_volatility", "skew_volatility_time"},
        )


def _check_grid(scenarios: tuple[DeriveScenario, ...], most: int, *, skews: bool) -> None:
    if not 0 < len(scenarios) <= most:
        raise ParameterError(f"scenarios: 1 to {most} are needed, not {len(scenarios)}")
    for place, scenario in enumerate(scenarios):
        if scenario.volatility in SKEWS and not skews:
            raise ParameterError(f"scenarios[{place}].volatility: this rule knows no skew")
        if scenario.dampening != ONE and not skews:
            raise ParameterError(f"scenarios[{place}].dampening: this rule knows no dampening")
    for skew in SKEWS:
        if sum(scenario.volatility == skew for scenario in scenarios) > 1:
            raise ParameterError(f"scenarios: {skew} may stand there once")


def _within(name: str, ratio: Decimal, low: Decimal, high: Decimal | None) -> None:
    if not (low <= ratio and (high is None or ratio <= high)):
        limit = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ParameterError(f"{name}: must be {limit}, not {ratio}")


def _numbers(struct: msgspec.Struct) -> Iterator[tuple[str, Decimal]]:
    for name in struct.__struct_fields__:
        number = getattr(struct, name)
        if isinstance(number, Decimal):
            yield name, number


def _non_negative(struct: msgspec.Struct, but: set[str] | None = None) -> None:
    for name, number in _numbers(struct):
        if name not in (but or ()):
            _within(name, number, ZERO, None)
