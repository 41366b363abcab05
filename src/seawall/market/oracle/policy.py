"""The rules of one market's oracle: whom it hears, what it believes, what its silence does.

Ratios are exact decimals, times milliseconds. Knows no price. A struct of a rulebook, so that each
market may have its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from seawall.money import AmountError, parse_ratio


class PolicyError(ValueError):
    """A policy that cannot be meant; the message begins with the key."""


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Source(_Rule, frozen=True, kw_only=True):
    """A source that is heard."""

    id: str
    weight: int = 1  # Of the weighted reducers.
    halted: bool = False  # By us: it is not heard until the rule changes.


class FreezeLiquidations(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="freeze"):
    """Without a price nobody is liquidated, nobody withdraws, and risk is only reduced."""


class ReduceOnly(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="reduce_only"):
    """Without a price risk is only reduced; the last price still convicts while it is young."""


class LastGood(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="last_good"):
    """For a while the last price serves in everything, and new risk needs more margin."""

    within_ms: int  # Age of the last price; beyond it, as `freeze`.
    widening_ratio: Decimal = Decimal(0)  # More initial margin: 0.5 asks half as much again.

    def __post_init__(self) -> None:
        _not_negative(self, "within_ms")
        _ratios(self, "widening_ratio")


OnRefusal = FreezeLiquidations | ReduceOnly | LastGood
Reducer = Literal["median", "weighted_median", "weighted_mean", "vote"]


class Policy(_Rule, frozen=True, kw_only=True):
    """How reports of one market become its price.

    A feed that publishes only on its heartbeat is up to `heartbeat_ms` old in a quiet market, so
    the ages up to which it counts may not be shorter.
    """

    sources: tuple[Source, ...] = ()  # Nobody named: everybody is heard, with weight 1.
    sources_min: int = 1
    reducer: Reducer = "median"
    age_max_ms: int  # Of a report.
    future_tolerance_ms: int = 0  # A stamp so far ahead of our clock is still believed.
    outlier_ratio: Decimal  # From the median of the reports, in shares of it.
    confidence_ratio_max: Decimal  # Half-width ÷ price, of a report and of the result.
    deviation_ratio_max: Decimal = Decimal(0)  # From the last price, in shares of it.
    deviation_window_ms: int = 0  # So long the last price is a witness; 0: never.
    heartbeat_ms: int = 0  # A price is published after so long at the latest; 0: always at once.
    trigger_ratio: Decimal = Decimal(0)  # A move that is published before the heartbeat.
    liquidation_age_max_ms: int  # With an older price nobody is liquidated.
    withdrawal_age_max_ms: int  # With an older price nobody withdraws; the stricter of the two.
    on_refusal: OnRefusal = FreezeLiquidations()

    def __post_init__(self) -> None:
        _not_negative(
            self, "age_max_ms", "future_tolerance_ms", "deviation_window_ms", "heartbeat_ms"
        )
        _ratios(
            self, "outlier_ratio", "confidence_ratio_max", "deviation_ratio_max", "trigger_ratio"
        )
        if self.sources_min < 1:
            raise PolicyError(f"sources_min must be at least 1, not {self.sources_min}")
        self._check_sources()
        if not 0 <= self.withdrawal_age_max_ms <= self.liquidation_age_max_ms:
            raise PolicyError(
                "withdrawal_age_max_ms must lie in 0 … liquidation_age_max_ms, not "
                f"{self.withdrawal_age_max_ms} of {self.liquidation_age_max_ms}"
            )
        if self.heartbeat_ms > self.withdrawal_age_max_ms:
            raise PolicyError(
                f"heartbeat_ms of {self.heartbeat_ms} is longer than withdrawal_age_max_ms of "
                f"{self.withdrawal_age_max_ms}: a quiet market would be shut"
            )

    def _check_sources(self) -> None:
        names = [source.id for source in self.sources]
        if len(set(names)) < len(names):
            raise PolicyError("sources names one of them twice")
        if any(source.weight <= 0 for source in self.sources):
            raise PolicyError("sources: a weight must be positive")
        if names and len(names) < self.sources_min:
            raise PolicyError(f"sources_min of {self.sources_min}, but only {len(names)} are named")


def _not_negative(rule: msgspec.Struct, *keys: str) -> None:
    for key in keys:
        if getattr(rule, key) < 0:
            raise PolicyError(f"{key} must not be negative, not {getattr(rule, key)}")


def _ratios(rule: msgspec.Struct, *keys: str) -> None:
    for key in keys:
        try:
            parts = parse_ratio(getattr(rule, key))
        except AmountError as error:
            raise PolicyError(f"{key}: {error}") from None
        if parts < 0:
            raise PolicyError(f"{key} must not be negative, not {getattr(rule, key)}")
