"""Rules as they are read at each event: compiled numbers, whose they are, and silence hours.

A rule of an account stands in the place of every rule for all: the rules without an account hold
for each account that has none of its own. What concerns the whole venue goes to every rule that
names its kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from seawall.engine.state import Venue
from seawall.money import RATIO_ONE, AmountError, parse_ratio
from seawall.service.notices.kinds import SEVERITIES, SEVERITY
from seawall.service.notices.wire import Kind, RatioBelow, RuleAsked, SigmasBelow, Silence
from seawall.service.words.amounts import ratio
from seawall.service.words.problem import Problem, wrong

SIGMAS_MOST = 10
VOLATILITY_MOST = 5
_RECOVERY = (21, 20)  # 5 % above the line, unless a rule says otherwise.


@dataclass(frozen=True, slots=True)
class Line:
    """A number that an account crosses downwards, and another where it counts as back."""

    below: int  # Parts per billion.
    recovers: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled."""

    id: str
    asked: RuleAsked
    on: frozenset[Kind]
    ratio: Line | None
    sigmas: Line | None

    @classmethod
    def of(cls, id: str, asked: RuleAsked) -> Rule:
        """Compile a rule; what is wrong with it is a `Problem` that names the key."""
        has_condition = asked.ratio or asked.sigmas or asked.amount
        if not asked.on and not has_condition:
            raise wrong("a rule names kinds in `on`, or a condition - at `$.on`")
        if len(set(asked.targets)) != len(asked.targets):
            raise wrong("a target is named twice - at `$.targets`")
        if asked.silence is not None:
            zone_of(asked.silence.zone)
        sigmas = _line(asked.sigmas, "sigmas")
        if sigmas and sigmas.recovers > SIGMAS_MOST * RATIO_ONE:
            raise wrong(f"more than {SIGMAS_MOST} sigmas - at `$.sigmas`", "bad_amount")
        if asked.sigmas is not None:
            volatilities(asked.sigmas.volatilities)
        return cls(id, asked, frozenset(asked.on), _line(asked.ratio, "ratio"), sigmas)

    def line(self, condition: Literal["ratio", "sigmas"]) -> Line | None:
        """Its line of one condition."""
        return self.ratio if condition == "ratio" else self.sigmas

    def held_until(self, kind: Kind, time_ms: int) -> int:
        """When a notice may go out: the end of silence hours, or 0: at once."""
        silence = self.asked.silence
        if silence is None:
            return 0
        if silence.through != "nothing":
            least = SEVERITIES.index(silence.through)
            if SEVERITIES.index(SEVERITY[kind]) >= least:
                return 0
        return silence_ends(silence, time_ms)

    def escalates_at(self, kind: Kind, time_ms: int) -> int | None:
        """When somebody else is told, if nobody acknowledges; good news never is."""
        escalation = self.asked.escalation
        if escalation is None or SEVERITY[kind] == "info":
            return None
        return time_ms + 60_000 * escalation.after_minutes


class Rules:
    """Every rule that holds, by whom it concerns. Immutable; a change makes another."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.all = tuple(rules)
        self.of_all = tuple(rule for rule in self.all if rule.asked.account is None)
        self.of_account: dict[str, tuple[Rule, ...]] = {}
        for rule in self.all:
            if rule.asked.account is not None:
                own = self.of_account.get(rule.asked.account, ())
                self.of_account[rule.asked.account] = (*own, rule)
        self.has_lines = any(rule.ratio or rule.sigmas for rule in self.all)

    def for_account(self, name: str) -> tuple[Rule, ...]:
        """Its own rules, or those for all."""
        return self.of_account.get(name, self.of_all)

    def for_venue(self, kind: Kind) -> tuple[Rule, ...]:
        """Whoever asked for a kind."""
        return tuple(rule for rule in self.all if kind in rule.on)

    def accounts(self, venue: Venue, rule: Rule) -> NDArray[np.int64]:
        """Numbers of the margined accounts that a rule holds for, ascending."""
        if rule.asked.account is not None:
            number = venue.number.get(rule.asked.account, -1)
            is_margined = number >= 0 and venue.method[number] >= 0
            return np.array([number] if is_margined else [], np.int64)
        chosen = venue.method >= 0
        own = [venue.number[name] for name in self.of_account if name in venue.number]
        chosen[own] = False
        return np.flatnonzero(chosen)

    def moves(self) -> int:
        """Markets that lines in sigmas ask for at each tick, each moved down and up."""
        return len(
            {
                (at, repr(sorted(rule.asked.sigmas.volatilities.items())))
                for rule in self.all
                if rule.asked.sigmas is not None and rule.sigmas is not None
                for at in (rule.sigmas.below, rule.sigmas.recovers)
            }
        )


def volatilities(given: dict[str, str]) -> dict[str, float]:
    """Annual volatilities by coin."""
    found = {coin: ratio(text, f"sigmas.volatilities.{coin}") for coin, text in given.items()}
    for coin, parts in found.items():
        if not 0 <= parts <= VOLATILITY_MOST * RATIO_ONE:
            said = f"not in 0 to {VOLATILITY_MOST} - at `$.sigmas.volatilities.{coin[:80]}`"
            raise wrong(said, "bad_amount")
    return {coin: parts / RATIO_ONE for coin, parts in found.items()}


@lru_cache(256)
def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    >>> zone_of("Europe/Berlin").key
    'Europe/Berlin'
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        said = f"no time zone {name[:64]} - at `$.silence.zone`"
        raise Problem(400, "unknown_zone", said) from None


def silence_ends(silence: Silence, time_ms: int) -> int:
    """The end of silence hours that hold at a moment, or 0 where none do.

    The beginning belongs to them, the end does not; local clocks that jump move them along.

    >>> night = Silence(begins="22:00", ends="07:00", zone="Europe/Berlin")
    >>> silence_ends(night, 1_722_891_600_000) - 1_722_891_600_000  # 23:00 in Berlin.
    28800000
    """
    zone = zone_of(silence.zone)
    local = datetime.fromtimestamp(time_ms / 1000, zone)
    begins, ends = time.fromisoformat(silence.begins), time.fromisoformat(silence.ends)
    now = local.time()
    if begins == ends:
        return 0
    inside = begins <= now < ends if begins < ends else now >= begins or now < ends
    if not inside:
        return 0
    day = local.date() + timedelta(days=int(now >= ends))
    return int(datetime.combine(day, ends, zone).timestamp() * 1000)


def _line(asked: RatioBelow | SigmasBelow | None, key: str) -> Line | None:
    if asked is None:
        return None
    line = _positive(asked.below, f"{key}.below")
    if asked.recovers_at is None:
        return Line(line, -(-line * _RECOVERY[0] // _RECOVERY[1]))
    back = _positive(asked.recovers_at, f"{key}.recovers_at")
    if back < line:
        raise wrong(f"it recovers under its line - at `$.{key}.recovers_at`", "bad_amount")
    return Line(line, back)


def _positive(text: str, key: str) -> int:
    try:
        parts = parse_ratio(text)
    except (AmountError, ValueError) as error:
        raise wrong(f"{error} - at `$.{key}`", "bad_amount") from None
    if not 0 < parts <= 10**15:
        raise wrong(f"not in 0 to 1000000 - at `$.{key}`", "bad_amount")
    return parts
