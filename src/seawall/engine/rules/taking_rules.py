"""Sections `call` and `liquidation` of the rulebook: when an account is called, how it is taken.

Knows what the keys may say; does nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from seawall.liquidation import PRICES, SIZES, AtBankruptcy, AtOracle, Least


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When an account is warned, and how long it has after a call."""

    warning_ratio: Decimal = Decimal("1.2")  # Warned below this multiple of maintenance.
    grace_ms: dict[str, int] = {}  # By margin method; 0 for a method that is not named.
    close_out_ratio: Decimal = Decimal(0)  # Grace ends below this share of maintenance.
    # A call that stands unmet so long is told again, one level higher; 0: never.
    escalate_after_ms: int = 0
    # A call within this time of the one before stands one level above it; 0: never.
    again_within_ms: int = 0
    again_grace_ratio: Decimal = Decimal(1)  # Of the grace of the level below.

    LATER: ClassVar[frozenset[str]] = frozenset(
        {"escalate_after_ms", "again_within_ms", "again_grace_ratio"}
    )


class Liquidation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How positions are closed."""

    order: Literal["largest_notional_first", "largest_release_first", "listed"]
    slippage_ratio: Decimal  # From the mark: assumed when planning, and the most that is accepted.
    fee_ratio: Decimal  # Of the notional closed, to the insurance fund.
    depth_share: Decimal = Decimal(1)  # Of the depth near the mark that one plan may take.
    size: SIZES = Least()  # How much one step closes.
    price: PRICES = AtBankruptcy()  # The worst price that an order accepts at first.
    keeper_share: Decimal = Decimal(0)  # Of the fee, to who takes the position.
    least_notional: Decimal = Decimal(0)  # Dollars; a smaller rest of a position is closed with it.
    spares_harmful: bool = False  # Whether what costs more than it frees is left to a solvent one.
    window_ms: int = 0  # 0: no cap.
    window_notional: Decimal = Decimal(0)  # Dollars that all liquidations may close in a window.

    LATER: ClassVar[frozenset[str]] = frozenset(
        {
            "size",
            "price",
            "keeper_share",
            "least_notional",
            "spares_harmful",
            "window_ms",
            "window_notional",
        }
    )

    @property
    def away(self) -> Decimal:
        """Greatest distance from the mark at which contracts are closed."""
        return self.price.away if isinstance(self.price, AtOracle) else self.slippage_ratio


def call_faults(call: Call, methods: Collection[str]) -> Iterator[tuple[str, str]]:
    """What types cannot say of a call: (fault, key path)."""
    if call.warning_ratio < 1:
        yield f"warning_ratio must be at least 1, not {call.warning_ratio}", "$.call.warning_ratio"
    yield from _outside(call.close_out_ratio, "$.call.close_out_ratio")
    for name, grace_ms in call.grace_ms.items():
        path = f"$.call.grace_ms.{name}"
        if name not in methods:
            yield f"there is no margin method {name}", path
        if grace_ms < 0:
            yield f"grace_ms must not be negative, not {grace_ms}", path
    yield from _negative(call.escalate_after_ms, "$.call.escalate_after_ms")
    yield from _negative(call.again_within_ms, "$.call.again_within_ms")
    yield from _outside(call.again_grace_ratio, "$.call.again_grace_ratio")


def liquidation_faults(rules: Liquidation) -> Iterator[tuple[str, str]]:
    """What types cannot say of a liquidation: (fault, key path)."""
    for key in ("slippage_ratio", "fee_ratio"):
        yield from _outside(getattr(rules, key), f"$.liquidation.{key}")
    if not 0 < rules.depth_share <= 1:
        fault = f"depth_share must lie in (0, 1], not {rules.depth_share}"
        yield fault, "$.liquidation.depth_share"
    yield from _outside(rules.keeper_share, "$.liquidation.keeper_share")
    for key in ("least_notional", "window_ms", "window_notional"):
        yield from _negative(getattr(rules, key), f"$.liquidation.{key}")
    if rules.window_notional and not rules.window_ms:
        yield "window_notional needs window_ms", "$.liquidation.window_notional"
    if isinstance(rules.price, AtOracle) and rules.price.away > rules.slippage_ratio:
        fault = f"away must not be greater than slippage_ratio, not {rules.price.away}"
        yield fault, "$.liquidation.price.away"


def _outside(ratio: Decimal, path: str) -> Iterator[tuple[str, str]]:
    if not 0 <= ratio <= 1:
        yield f"{path.rsplit('.', 1)[1]} must lie in [0, 1], not {ratio}", path


def _negative(number: Decimal | int, path: str) -> Iterator[tuple[str, str]]:
    if number < 0:
        yield f"{path.rsplit('.', 1)[1]} must not be negative, not {number}", path
