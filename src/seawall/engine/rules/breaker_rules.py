"""Circuit breakers as rules: what is watched, how much is too much, and what is shut then.

Knows the form of the rulebook's sections `oracle`, `breakers` and `operators`, and their faults.
Knows no state and no event.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

OPERATORS_MIN = 2  # An override takes two of them.


class Mode(enum.IntEnum):
    """What still happens in a scope."""

    OPEN = 0
    REDUCE_ONLY = 1  # Trades that only make a position smaller; liquidations go on.
    HALTED = 2  # No trades, liquidations or withdrawals. Deposits always arrive.


class Scope(enum.IntEnum):
    """What a mode holds for; the strictest that covers an account decides."""

    ACCOUNT = 0
    MARKET = 1  # A coin, and whoever holds it or a contract on it or in it.
    VENUE = 2
    ALL = 3  # As the venue, but only by hand: what stands for all is not lifted with the venue.


class _Breaker(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is shut when more than the limit was seen, and for how long."""

    scope: Literal["account", "market", "venue"] = "venue"
    mode: Literal["reduce_only", "halted"] = "halted"
    cool_down_ms: int = 0  # From the last moment beyond the limit; 0: until two operators open it.

    @property
    def shuts(self) -> tuple[Scope, Mode]:
        """Scope and mode as the engine counts them."""
        return Scope[self.scope.upper()], Mode[self.mode.upper()]


class PriceBand(_Breaker, frozen=True, kw_only=True, tag_field="rule", tag="price_band"):
    """A price or a mark moves too far from any that stood within the window."""

    move_max: Decimal  # |price − other| ÷ other.
    window_ms: int
    coins: tuple[str, ...] = ()  # Whose prices and contracts; none named: every coin's.


class LiquidationRate(
    _Breaker, frozen=True, kw_only=True, tag_field="rule", tag="liquidation_rate"
):
    """More is liquidated within the window: of an account, of a market, or altogether.

    On the book, in auctions, by shares of accounts, and by the backstop.
    """

    notional_max: Decimal  # Dollars.
    window_ms: int


class FundDrawDown(_Breaker, frozen=True, kw_only=True, tag_field="rule", tag="fund_draw_down"):
    """The insurance fund pays too great a share of what it had within the window."""

    share_max: Decimal  # Paid ÷ (paid + what is left).
    window_ms: int


class MintRate(_Breaker, frozen=True, kw_only=True, tag_field="rule", tag="mint_rate"):
    """Deposits of a coin less its withdrawals are too many: of an account, or altogether.

    A bridge that was broken into mints what nobody backs, and a venue is where it is turned into
    something else.
    """

    coin: str
    net_max: Decimal  # Whole coins.
    window_ms: int


class Disagreement(_Breaker, frozen=True, kw_only=True, tag_field="rule", tag="disagreement"):
    """The float screen is sure of an account, and the integers say otherwise.

    It must never happen, so one is too many. Every suspect is compared, and `audits` accounts more
    in turn whenever everybody is looked at: a screen that wrongly vouches names no suspect.
    """

    audits: int = 0


Breaker = PriceBand | LiquidationRate | FundDrawDown | MintRate | Disagreement
_SCOPES: dict[type, tuple[str, ...]] = {
    PriceBand: ("market", "venue"),
    LiquidationRate: ("account", "market", "venue"),
    FundDrawDown: ("venue",),
    MintRate: ("account", "market", "venue"),
    Disagreement: ("venue",),
}


def faults(
    coins: Sequence[str],
    oracle: Mapping[str, object],
    breakers: Mapping[str, Breaker],
    operators: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """What types cannot say of the three sections: (fault, key path)."""
    for coin in oracle:
        if coin not in coins:
            yield f"coin {coin} is not listed", f"$.oracle.{coin}"
    for name, rule in breakers.items():
        path = f"$.breakers.{name}"
        if not name:
            yield "a breaker needs a name", "$.breakers"
        for key in ("move_max", "notional_max", "share_max", "net_max", "audits", "cool_down_ms"):
            limit = getattr(rule, key, 0)
            if limit < 0:
                yield f"{key} must not be negative, not {limit}", f"{path}.{key}"
        if getattr(rule, "window_ms", 1) <= 0:
            yield "window_ms must be positive", f"{path}.window_ms"
        if rule.scope not in _SCOPES[type(rule)]:
            yield f"scope {rule.scope} is not one that this rule can shut", f"{path}.scope"
        named = rule.coins if isinstance(rule, PriceBand) else ()
        for number, coin in enumerate(named):
            if coin not in coins:
                yield f"coin {coin} is not listed", f"{path}.coins[{number}]"
        if isinstance(rule, MintRate) and rule.coin not in coins:
            yield f"coin {rule.coin} is not listed", f"{path}.coin"
    if operators and len(set(operators)) < max(OPERATORS_MIN, len(operators)):
        yield "operators must be at least two, and each named once", "$.operators"
