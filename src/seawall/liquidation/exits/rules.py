"""Ways out as a rulebook writes them: what kind, with which parameters.

Each rule says how the exit runs and not what is sold: lots, prices and accounts come with the
liquidation. The file of the same name turns a rule into integers.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from seawall.money import AmountError, parse_ratio


class ExitRuleError(ValueError):
    """A rule that cannot be used; the message begins with its key."""


class ExitRule(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="exit", forbid_unknown_fields=True
):
    """A way out, as a rulebook writes it; ratios are decimals."""

    POSITIVE: ClassVar[frozenset[str]] = frozenset()  # Keys that must be above zero.
    BELOW_ONE: ClassVar[frozenset[str]] = frozenset()  # Ratios that must be below one.

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        for key in self.__struct_fields__:
            number = getattr(self, key)
            if not isinstance(number, int | Decimal):
                continue
            if isinstance(number, Decimal):
                try:
                    parse_ratio(number)
                except AmountError as error:
                    raise ExitRuleError(f"{key}: {error}") from None
            require(number >= 0, key, f"must not be negative, not {number}")
            require(number > 0 or key not in self.POSITIVE, key, "must be positive, not 0")
            require(number < 1 or key not in self.BELOW_ONE, key, f"must be below 1, not {number}")


def require(holds: bool, key: str, fault: str) -> None:
    """Raise `ExitRuleError` that begins with the key, unless the condition holds."""
    if not holds:
        raise ExitRuleError(f"{key}: {fault}")


def parts(ratio: Decimal, one: int) -> int:
    """A rulebook's ratio in a rule's own scale, exactly if that scale has nine digits or more.

    >>> parts(Decimal("0.95"), 10**18)
    950000000000000000
    """
    return parse_ratio(ratio) * one // 10**9


class OrderBookExit(ExitRule, frozen=True, kw_only=True, tag="order_book"):
    """Orders against a book with price-time priority."""

    life: Literal["immediate_or_cancel", "good_till_cancelled"] = "immediate_or_cancel"
    self_match: Literal["refuse_newer", "cancel_older"] = "refuse_newer"


class QuoteRequestExit(ExitRule, frozen=True, kw_only=True, tag="quote_request"):
    """Quotes of backstop providers, best first."""

    spread_max_ratio: Decimal  # From the mark; beyond it nothing is taken.


class PoolExit(ExitRule, frozen=True, kw_only=True, tag="pool"):
    """A trade against a pool, constant product or concentrated."""

    BELOW_ONE = frozenset({"fee_ratio"})
    fee_ratio: Decimal  # Of what goes in.
    slippage_max_ratio: Decimal  # From the mark; the last lot is no worse.


class _Dutch(ExitRule, frozen=True, kw_only=True):
    POSITIVE: ClassVar[frozenset[str]] = frozenset({"start_ratio", "duration_seconds"})
    start_ratio: Decimal  # First price ÷ mark.
    duration_seconds: int  # Over after so long.
    price_least_ratio: Decimal = Decimal(
        0
    )  # Of the start; over, too, when the price has fallen below.
    least_notional: Decimal = Decimal(0)  # No leftover is worth less at the start price.

    def __post_init__(self) -> None:
        """Check the start, too: mirrored at the mark, a buy must begin above zero."""
        ExitRule.__post_init__(self)
        require(self.start_ratio < 2, "start_ratio", f"must be below 2, not {self.start_ratio}")


class DutchLinearExit(_Dutch, frozen=True, kw_only=True, tag="dutch_linear"):
    """A price that falls in a straight line."""

    POSITIVE = _Dutch.POSITIVE | {"zero_after_seconds"}
    zero_after_seconds: int  # When a straight line would reach zero.


class DutchStairExit(_Dutch, frozen=True, kw_only=True, tag="dutch_stair"):
    """A price that falls by a factor at each step."""

    POSITIVE = _Dutch.POSITIVE | {"step_seconds", "factor"}
    BELOW_ONE = frozenset({"factor"})
    step_seconds: int
    factor: Decimal  # What a step leaves of the price.


class DutchExponentialExit(_Dutch, frozen=True, kw_only=True, tag="dutch_exponential"):
    """A price that falls by a factor each second."""

    POSITIVE = _Dutch.POSITIVE | {"factor"}
    BELOW_ONE = frozenset({"factor"})
    factor: Decimal  # What a second leaves of the price.


class TwoPhaseExit(ExitRule, frozen=True, kw_only=True, tag="two_phase"):
    """Derive's auction of a share of the account; the defaults are its main network's."""

    POSITIVE = frozenset({"fast_seconds", "slow_seconds", "insolvent_seconds"})
    start_ratio: Decimal = Decimal("0.95")
    cutoff_ratio: Decimal = Decimal("0.70")
    fast_seconds: int = 900
    slow_seconds: int = 43_200
    insolvent_seconds: int = 3_600
    fee_ratio: Decimal = Decimal("0.10")
    buffer_ratio: Decimal = Decimal("0.15")

    def __post_init__(self) -> None:
        """Check the order of the ratios, too."""
        ExitRule.__post_init__(self)
        require(self.start_ratio <= 1, "start_ratio", f"must not exceed 1, not {self.start_ratio}")
        fault = f"must not exceed start_ratio, not {self.cutoff_ratio}"
        require(self.cutoff_ratio <= self.start_ratio, "cutoff_ratio", fault)


class ByHealthExit(ExitRule, frozen=True, kw_only=True, tag="by_health"):
    """Euler's discount, which is how far the account is under water."""

    BELOW_ONE = frozenset({"discount_max_ratio"})
    discount_max_ratio: Decimal

    def __post_init__(self) -> None:
        """Check that the discount is whole basis points, Euler's scale."""
        ExitRule.__post_init__(self)
        fault = f"must be whole basis points, not {self.discount_max_ratio}"
        require(self.discount_max_ratio * 10_000 % 1 == 0, "discount_max_ratio", fault)


class EnglishExit(ExitRule, frozen=True, kw_only=True, tag="english"):
    """Rising bids for the whole; Maker's settings until 12 March 2020 are the defaults."""

    POSITIVE = frozenset({"bid_life_seconds", "duration_seconds"})
    increment_ratio: Decimal = Decimal("0.05")  # The next bid is higher by so much.
    bid_life_seconds: int = 600
    duration_seconds: int = 259_200
    reserve_ratio: Decimal = Decimal(0)  # Of the mark; Maker had none.


class SealedExit(ExitRule, frozen=True, kw_only=True, tag="sealed"):
    """Bids that nobody sees before all are made."""

    POSITIVE = frozenset({"commit_seconds", "reveal_seconds"})
    commit_seconds: int
    reveal_seconds: int
    deposit_ratio: Decimal  # Of the value at mark; forfeited without a reveal.
    reserve_ratio: Decimal = Decimal(0)  # Of the mark.
    price: Literal["first", "second"] = "second"


class BatchExit(ExitRule, frozen=True, kw_only=True, tag="batch"):
    """One price for everybody at the end of each interval."""

    POSITIVE = frozenset({"interval_seconds"})
    interval_seconds: int


# msgspec decodes a rulebook's exit by its tag.
EXITS = (
    OrderBookExit
    | QuoteRequestExit
    | PoolExit
    | DutchLinearExit
    | DutchStairExit
    | DutchExponentialExit
    | TwoPhaseExit
    | ByHealthExit
    | EnglishExit
    | SealedExit
    | BatchExit
)
