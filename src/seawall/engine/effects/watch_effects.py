"""What comes out of oracles and circuit breakers."""

from __future__ import annotations

import enum

from seawall.engine.effects.effect_base import Effect
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.market.oracle import OracleRefusal, Rejection


class PricePublished(Effect, frozen=True, tag="price_published"):
    """An oracle's sources agree: this price counts."""

    coin: int
    price: int  # Price atoms.
    confidence: int  # Half-width, price atoms.
    observed_ms: int  # Its age counts from here.
    used: tuple[str, ...]
    rejected: tuple[tuple[str, Rejection], ...] = ()
    dropped: tuple[tuple[str, Rejection], ...] = ()  # Reports that changed nothing.


class PriceRefused(Effect, frozen=True, tag="price_refused"):
    """An oracle has no price to tell; what that shuts is a rule of its coin."""

    coin: int
    reason: OracleRefusal
    rejected: tuple[tuple[str, Rejection], ...] = ()
    dropped: tuple[tuple[str, Rejection], ...] = ()


class BreakerCause(enum.Enum):
    """Why a breaker shut or opened."""

    LIMIT = "limit"  # More was observed than the limit.
    COOL_DOWN = "cool_down"  # It is over.
    OPERATORS = "operators"  # Two of them said so.
    RULES = "rules"  # Its rule is gone, or another.


class BreakerChanged(Effect, frozen=True, tag="breaker_changed"):
    """What holds in a scope from here on, and what was seen."""

    scope: Scope
    subject: int  # Account or coin; -1: the venue.
    mode: Mode  # The strictest that stands there now.
    cause: BreakerCause
    breaker: str = ""  # Its name in the rulebook; empty: the operators.
    observed: int = 0  # In the unit of the limit: parts per billion, numeraire atoms, or atoms.
    limit: int = 0
