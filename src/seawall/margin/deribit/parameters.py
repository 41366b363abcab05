"""Deribit's risk parameters, by the names under which its API returns them.

Knows the `model_params` block of `private/pme/simulate`. Does not know how a margin is computed.
Source: docs.deribit.com, private/pme/simulate; values change without notice.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec


def _check(path: str, number: float, low: float, high: float) -> None:
    if not (low <= number <= high and math.isfinite(number)):
        raise ValueError(f"model_params.{path}: {number} does not lie between {low:g} and {high:g}")


class GeneralParameters(msgspec.Struct, frozen=True):
    """What holds for every currency."""

    mm_factor: float = 0.8  # Maintenance ÷ initial.
    buckets_count: int = 4  # Steps of price on each side of the unmoved one.
    vol_scenarios_count: int = 3  # Volatility down, same, up.

    def __post_init__(self) -> None:
        _check("general.mm_factor", self.mm_factor, 0.0, 1.0)
        if self.buckets_count < 1:
            raise ValueError("general.buckets_count: at least one bucket is needed")
        if self.vol_scenarios_count != 3:
            raise ValueError("general.vol_scenarios_count: down, same and up are three")


class CurrencyParameters(msgspec.Struct, frozen=True):
    """What holds for a settlement currency; dollars where not said otherwise."""

    annualised_move_risk: float  # Of the basis, for the roll shock.
    min_annualised_move: float  # Least share of delta for the roll shock.
    pnl_offset: float = 0.0  # Share of a cell's gain that counts.
    max_offsetable_pnl: float = 0.0  # Most of a gain that counts.
    extended_dampener: float = 0.0  # What an extended cell is moved towards zero, each range.
    haircut: float = 0.0  # Of collateral; not part of the segregated margin.
    correlation_set: bool | int | str | None = None
    equity_side_impact: str = "both"

    def __post_init__(self) -> None:
        _check("currency.pnl_offset", self.pnl_offset, 0.0, 1.0)
        for name in (
            "annualised_move_risk",
            "min_annualised_move",
            "max_offsetable_pnl",
            "extended_dampener",
        ):
            _check(f"currency.{name}", getattr(self, name), 0.0, math.inf)


class PairParameters(msgspec.Struct, frozen=True):
    """What holds for an index such as btc_usd."""

    price_range: float  # Largest relative move of the standard table.
    volatility_range_up: float  # Relative shock of a 30-day volatility.
    volatility_range_down: float
    short_term_vega_power: float = 0.3  # Exponent of (30 ÷ days) below 30 days.
    long_term_vega_power: float = 0.13
    min_volatility_for_shock_up: float = 0.5
    extended_table_factor: float = 1.0
    delta_total_liq_shock_threshold: float = 20_000_000.0  # Dollars of delta.
    m_inc: float = 0.0  # Rise of the charge per coin of delta above the threshold.
    max_delta_shock: float = 0.1

    def __post_init__(self) -> None:
        _check("currency_pair.price_range", self.price_range, 1e-9, 1.0 - 1e-9)
        for name in self.__struct_fields__[1:]:
            _check(f"currency_pair.{name}", getattr(self, name), 0.0, math.inf)


class ModelParameters(msgspec.Struct, frozen=True):
    """The whole block: keys are the venue's, such as `btc_usd` and `btc`."""

    currency: dict[str, CurrencyParameters]
    currency_pair: dict[str, PairParameters]
    general: GeneralParameters = GeneralParameters()


def load_model_params(block: dict[str, Any]) -> ModelParameters:
    """Read the block as the API returns it; keys that the venue adds later are left aside.

    A key that is missing or has another type is a `ValueError` that names it.
    """
    return msgspec.convert(block, ModelParameters, strict=False)
