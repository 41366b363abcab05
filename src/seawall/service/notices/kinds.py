"""What an effect means to the people it concerns, and in which words; pure, no state of its own.

A call that leaves no time to pay is told as the liquidation that it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from seawall.engine.effect import (
    BreakerChanged,
    Called,
    CallReduced,
    CallWithdrawn,
    Deleveraged,
    Effect,
    ExitFilled,
    Liquidated,
    PricePublished,
    PriceRefused,
    ShareSold,
    State,
    StateChanged,
    TakenOver,
    Transition,
)
from seawall.engine.event import Event
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.state import Venue
from seawall.service.notices.wire import EventKind, Kind, Severity
from seawall.service.words.amounts import money, quantity_text

VENUE = -1  # In the place of an account: the notice concerns everybody.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
SEVERITY: dict[Kind, Severity] = {
    "warned": "warning",
    "recovered": "info",
    "call": "call",
    "call_reduced": "info",
    "call_withdrawn": "info",
    "call_met": "info",
    "call_lapsed": "warning",
    "liquidation_started": "liquidation",
    "liquidation_step": "liquidation",
    "liquidation_done": "info",
    "bankrupt": "liquidation",
    "deleveraged": "liquidation",
    "breaker_tripped": "warning",
    "breaker_released": "info",
    "oracle_frozen": "warning",
    "oracle_resumed": "info",
    "ratio": "warning",
    "ratio_recovered": "info",
    "sigmas": "warning",
    "sigmas_recovered": "info",
    "amount": "call",
    "amount_recovered": "info",
}
# What nobody need be reminded of any more once this was told.
_CALLS: tuple[Kind, ...] = ("call", "amount")
RESOLVES: dict[Kind, tuple[Kind, ...]] = {
    "recovered": ("warned",),
    "call_withdrawn": _CALLS,
    "call_met": _CALLS,
    "call_lapsed": _CALLS,
    "breaker_released": ("breaker_tripped",),
    "oracle_resumed": ("oracle_frozen",),
    "ratio_recovered": ("ratio",),
    "sigmas_recovered": ("sigmas",),
    "amount_recovered": ("amount",),
}
RESOLVABLE = frozenset(kind for kinds in RESOLVES.values() for kind in kinds)


class Noticed(NamedTuple):
    """One effect that concerns an account, or the venue."""

    place: int  # Of the effect among those of its event.
    kind: Kind
    account: int
    effect: Effect
    subject: str = ""  # Of a breaker or an oracle.


def noticed(venue: Venue, event: Event, effects: Sequence[Effect]) -> Iterator[Noticed]:
    """Everything of one event that a rule may ask for, in order."""
    for place, effect in enumerate(effects):
        meaning = _MEANINGS.get(type(effect))
        if meaning is not None:
            for kind, account, subject in meaning(venue, event, effect):
                yield Noticed(place, kind, account, effect, subject)


def is_margined(venue: Venue, account: int) -> bool:
    """Whether an account is somebody's, not the venue's own."""
    return bool(venue.method[account] >= 0)


# -- what each effect means ------------------------------------------------------------------------

_Meant = Iterator[tuple[Kind, int, str]]


def _state_changed(venue: Venue, event: Event, effect: StateChanged) -> _Meant:
    before, after, kind = effect.before, effect.after, None
    if after is State.LIQUIDATING:
        kind = "liquidation_started"
    elif after is State.BANKRUPT:
        kind = "bankrupt"
    elif before is State.LIQUIDATING:
        kind = "liquidation_done"
    elif before is State.CALLED and after is State.WARNED:
        kind = "call_lapsed"
    elif before is State.CALLED and effect.reason in (Transition.TOPPED_UP, Transition.REDUCED):
        kind = "call_met"
    elif after is State.WARNED:
        kind = "warned"
    elif before is State.WARNED and after is State.HEALTHY:
        kind = "recovered"
    if kind is not None:
        yield kind, effect.account, ""  # type: ignore[misc]  # Each is a Kind.


def _called(venue: Venue, event: Event, effect: Called) -> _Meant:
    if effect.deadline_ms > event.time_ms:
        yield "call", effect.account, ""


def _call_reduced(venue: Venue, event: Event, effect: CallReduced) -> _Meant:
    yield "call_reduced", effect.account, ""


def _call_withdrawn(venue: Venue, event: Event, effect: CallWithdrawn) -> _Meant:
    yield "call_withdrawn", effect.account, ""


def _step(
    venue: Venue, event: Event, effect: Liquidated | ExitFilled | TakenOver | ShareSold
) -> _Meant:
    yield "liquidation_step", effect.account, ""


def _deleveraged(venue: Venue, event: Event, effect: Deleveraged) -> _Meant:
    for account in (effect.account, effect.counterparty):
        if is_margined(venue, account):
            yield "deleveraged", account, ""


def _breaker_changed(venue: Venue, event: Event, effect: BreakerChanged) -> _Meant:
    kind: Kind = "breaker_released" if effect.mode is Mode.OPEN else "breaker_tripped"
    if effect.scope is Scope.ACCOUNT:
        yield kind, effect.subject, effect.breaker
    elif effect.scope is Scope.MARKET:
        yield kind, VENUE, venue.catalogue.coins[effect.subject].id
    else:
        yield kind, VENUE, "venue"


def _price_refused(venue: Venue, event: Event, effect: PriceRefused) -> _Meant:
    yield "oracle_frozen", VENUE, venue.catalogue.coins[effect.coin].id


def _price_published(venue: Venue, event: Event, effect: PricePublished) -> _Meant:
    yield "oracle_resumed", VENUE, venue.catalogue.coins[effect.coin].id


_MEANINGS: dict[type, Callable[[Venue, Event, Any], _Meant]] = {
    StateChanged: _state_changed,
    Called: _called,
    CallReduced: _call_reduced,
    CallWithdrawn: _call_withdrawn,
    Liquidated: _step,
    ExitFilled: _step,
    TakenOver: _step,
    ShareSold: _step,
    Deleveraged: _deleveraged,
    BreakerChanged: _breaker_changed,
    PriceRefused: _price_refused,
    PricePublished: _price_published,
}

# -- in words --------------------------------------------------------------------------------------

_WORDS: dict[Kind, str] = {
    "warned": "{who}: warning, margin equity {margin_equity} against maintenance {maintenance}",
    "recovered": "{who}: above the warning line again",
    "call": "{who}: margin call {number}, {amount} by {deadline}",
    "call_reduced": "{who}: of margin call {number}, {amount} is missing until {deadline}",
    "call_withdrawn": "{who}: margin call {number} is withdrawn, the market came back",
    "call_met": "{who}: the margin call is met",
    "call_lapsed": "{who}: the margin call has lapsed to a warning",
    "liquidation_started": (
        "{who}: liquidation begins, margin equity {margin_equity} against maintenance {maintenance}"
    ),
    "liquidation_step": "{who}: {taken} was taken in liquidation",
    "liquidation_done": "{who}: the liquidation is over, {after}",
    "bankrupt": "{who}: everything was taken and others paid the rest",
    "deleveraged": "{who}: {taken} was closed by deleveraging",
    "breaker_tripped": "breaker {subject}: {mode}",
    "breaker_released": "breaker {subject}: open again",
    "oracle_frozen": "oracle {subject}: no price, {reason}",
    "oracle_resumed": "oracle {subject}: a price again",
    "ratio": "{who}: health {health} is below {line}",
    "ratio_recovered": "{who}: health {health} is at {line} again",
    "sigmas": "{who}: less than {line} daily sigmas from a call",
    "sigmas_recovered": "{who}: {line} daily sigmas or more from a call again",
    "amount": "{who}: margin call of {amount}, {line} or more",
    "amount_recovered": "{who}: no margin call of {line} or more any longer",
}


def in_words(venue: Venue, kind: Kind, who: str, effect: Effect | None, **more: str | None) -> str:
    """One line that a person can act on."""
    known: dict[str, str | None] = {"who": who or "venue", **more}
    for name in ("margin_equity", "maintenance", "amount"):
        if hasattr(effect, name):
            known[name] = _in_numeraire(venue, getattr(effect, name))
    if hasattr(effect, "deadline_ms"):
        known["deadline"] = utc(effect.deadline_ms)  # type: ignore[union-attr]
    known["number"] = str(getattr(effect, "number", ""))
    for name in ("mode", "after"):
        known[name] = getattr(effect, name, State.HEALTHY).name.lower().replace("_", " ")
    if isinstance(effect, PriceRefused):
        known["reason"] = effect.reason.name.lower().replace("_", " ")
    instrument = getattr(effect, "instrument", -1)
    if instrument >= 0:
        quantity = quantity_text(venue.catalogue, instrument, abs(getattr(effect, "lots", 0)))
        known["taken"] = f"{quantity} of {venue.catalogue.instruments[instrument].id}"
    else:
        known["taken"] = "a share of the account"
    return _WORDS[kind].format_map(known)


def utc(time_ms: int) -> str:
    """A moment as a person reads it.

    >>> utc(1_722_816_000_000)
    '2024-08-05 00:00:00 UTC'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _in_numeraire(venue: Venue, atoms: int) -> str:
    written = money(venue, atoms)
    head, dot, tail = written.partition(".")
    return f"{head}{dot}{tail[:2]} {venue.catalogue.numeraire.id}"
