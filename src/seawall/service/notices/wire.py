"""The bodies of requests and answers about notices: rules, targets, and notices themselves.

A rule says what is told of whom, when and to which targets; a target says how it gets there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from seawall.service.words.wire import Amount, Name, Request

EventKind = Literal[
    "warned",
    "recovered",
    "call",
    "call_reduced",
    "call_withdrawn",
    "call_met",
    "call_lapsed",
    "liquidation_started",
    "liquidation_step",
    "liquidation_done",
    "bankrupt",
    "deleveraged",
    "breaker_tripped",
    "breaker_released",
    "oracle_frozen",
    "oracle_resumed",
]
CrossingKind = Literal[
    "ratio", "ratio_recovered", "sigmas", "sigmas_recovered", "amount", "amount_recovered"
]
Kind = EventKind | CrossingKind
Severity = Literal["info", "warning", "call", "liquidation"]
Posture = Literal["pending", "silenced", "sent", "dead"]
ClockTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class RatioBelow(Request, frozen=True, kw_only=True):
    """Health, margin equity ÷ maintenance, falls below a number."""

    below: Amount
    recovers_at: Amount | None = None  # Not under `below`; none: 5 % above it.


class SigmasBelow(Request, frozen=True, kw_only=True):
    """So many daily sigmas of every coin at once, up or down, would call the account."""

    below: Amount  # At most 10.
    recovers_at: Amount | None = None  # Not under `below`; none: 5 % above it.
    volatilities: Annotated[dict[str, Amount], Meta(max_length=200)] = msgspec.field(
        default_factory=dict
    )  # Annual, by coin.


class AmountAbove(Request, frozen=True, kw_only=True):
    """A margin call asks for so much or more, in the numeraire."""

    above: Amount


class Silence(Request, frozen=True, kw_only=True):
    """Hours in which notices are held back until the end of them."""

    begins: ClockTime
    ends: ClockTime
    zone: Annotated[str, Meta(min_length=1, max_length=64)]  # IANA name.
    through: Literal["info", "warning", "call", "liquidation", "nothing"] = "call"  # And worse.


class Escalation(Request, frozen=True, kw_only=True):
    """Who is told where nobody acknowledged in time."""

    after_minutes: Annotated[int, Meta(ge=1, le=10_080)]
    target: Name


class RuleAsked(Request, frozen=True, kw_only=True):
    """What is told of an account, or of every account that has no rule of its own."""

    account: Name | None = None
    on: Annotated[tuple[EventKind, ...], Meta(max_length=16)] = ()
    ratio: RatioBelow | None = None
    sigmas: SigmasBelow | None = None
    amount: AmountAbove | None = None
    targets: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=10)]
    silence: Silence | None = None
    escalation: Escalation | None = None


class TargetAsked(Request, frozen=True, kw_only=True):
    """Where notices go: a webhook, an address that apprise knows, or the service's own log."""

    name: Name
    kind: Literal["webhook", "apprise", "log"]
    url: Annotated[str, Meta(max_length=2000)] = ""
    timeout_s: Annotated[float, Meta(ge=0.1, le=30.0)] = 10.0
    attempts_most: Annotated[int, Meta(ge=1, le=100)] = 12
    pause_s: Annotated[float, Meta(ge=0.01, le=60.0)] = 1.0  # After the first failure; it doubles.


class RotationAsked(Request, frozen=True, kw_only=True):
    """How long the old secret still signs beside the new one."""

    overlap_s: Annotated[int, Meta(ge=0, le=604_800)] = 86_400


class RuleShown(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that holds."""

    id: str
    made_ms: int
    rule: RuleAsked


class TargetShown(msgspec.Struct, frozen=True, kw_only=True):
    """A target; of an apprise address only what is no secret."""

    id: str
    name: str
    kind: str
    url: str
    timeout_s: float
    attempts_most: int
    pause_s: float
    made_ms: int
    secret: str | None = None  # Of a webhook, in the answer that made it and nowhere else.


class SecretShown(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh secret, told this once; until then the one before signs too."""

    secret: str
    previous_until_ms: int


class NoticeShown(msgspec.Struct, frozen=True, kw_only=True):
    """One notice to one target, and how it stands."""

    number: int  # Notices are counted in the order in which they were written.
    id: str
    kind: str
    severity: str
    account: str | None  # None: the venue.
    text: str
    sequence: int  # Of the event.
    time_ms: int  # Of the event.
    rule: str
    target: str
    state: str
    attempts: int
    error: str | None  # Of the last attempt.
    sent_ms: int | None
    held_until_ms: int | None
    escalates_ms: int | None
    acknowledged_ms: int | None
    acknowledged_by: str | None
    body: dict[str, Any]


class NoticePage(msgspec.Struct, frozen=True, kw_only=True):
    """Notices in order."""

    notices: list[NoticeShown]
    next: int | None  # `after` of the next page.


class RulesShown(msgspec.Struct, frozen=True, kw_only=True):
    rules: list[RuleShown]


class TargetsShown(msgspec.Struct, frozen=True, kw_only=True):
    targets: list[TargetShown]
