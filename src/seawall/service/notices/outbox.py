"""The writer's side: notices of a group of events, written in the transaction of these events.

Runs on the writer's thread, inside `Primary.beside`; reads the venue and changes nothing of it. One
`Outbox` belongs to one `Primary`: when that is spent, the next one reads anew who stands where, so
nothing is remembered that was not kept. Where no rule asks for anything, nothing is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select

from seawall.engine import Engine
from seawall.engine.effect import Called, CallReduced, CallWithdrawn, State, StateChanged
from seawall.engine.history.standby import Kept
from seawall.engine.state import Venue
from seawall.money import format_ratio, parse_atoms
from seawall.service.notices.crossings import CONDITIONS, Standing, crossed, touched_by
from seawall.service.notices.kinds import (
    RESOLVABLE,
    RESOLVES,
    SEVERITY,
    VENUE,
    Noticed,
    in_words,
    is_margined,
    noticed,
)
from seawall.service.notices.rules import Rule, Rules
from seawall.service.notices.tables import STANDING, keep, standing_of
from seawall.service.notices.wire import Kind
from seawall.service.shown.views import verdict
from seawall.service.words.amounts import share
from seawall.service.words.telling import one_told

_LINES = ("ratio", "sigmas", "amount")  # They stand by their own numbers.
CROSSING = -1  # In the place of an effect's number.


class Key(NamedTuple):
    """Something that was told once and is not over."""

    rule: str  # Empty: of an oracle.
    condition: str
    subject: str  # Name of an account or a coin.


class Stood:
    """What was told and is not over, and what of that the table does not know yet."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys = set(keys)
        self._changed: set[Key] = set()  # Against the table; changed twice is not changed.

    def set(self, key: Key, stands: bool) -> bool:
        """Let it stand or not; whether it stood otherwise before."""
        if (key in self.keys) == stands:
            return False
        self.keys ^= {key}
        self._changed ^= {key}
        return True

    def keep(self, connection: Connection) -> None:
        """Bring the table up to now."""
        columns = STANDING.c
        gone = [key._asdict() for key in sorted(self._changed - self.keys)]
        added = [key._asdict() for key in sorted(self._changed & self.keys)]
        if gone:
            mine = [columns[name] == bindparam(f"of_{name}") for name in Key._fields]
            rows = [{f"of_{name}": text for name, text in key.items()} for key in gone]
            connection.execute(delete(STANDING).where(*mine), rows)
        if added:
            connection.execute(insert(STANDING), added)
        self._changed.clear()


class _Occasion(NamedTuple):
    """Something that one rule tells; each of its targets gets a notice."""

    rule: Rule
    kind: Kind
    sequence: int
    time_ms: int
    place: int
    account: str  # Empty: the venue.
    subject: str  # Of a breaker or an oracle.
    text: str
    more: dict[str, Any]


class Outbox:
    """Writes notices beside events."""

    def __init__(self, engine: Engine, rules: Callable[[], Rules]) -> None:
        """`rules` says which hold now; they may change between two groups of events."""
        self._engine, self._rules = engine, rules
        self._standing: Standing | None = None
        self._stood = Stood()
        self.targets: set[str] = set()  # For whom something was written and is not yet durable.

    def write(self, connection: Connection, happened: Sequence[Kept]) -> None:
        """Write what a group of events has to tell."""
        rules = self._rules()
        if not rules.all or not self._engine.sequence:
            return
        venue = self._engine.venue
        if self._standing is None:
            self._begin(connection, venue)
        assert self._standing is not None, "it has begun"
        told: list[_Occasion] = []
        for kept in happened:
            for one in noticed(venue, kept.event, kept.effects):
                told += self._of_effect(venue, rules, kept, one)
        told += self._of_crossings(venue, rules, happened)
        self._stood.keep(connection)
        if told:
            self._keep(connection, told)

    def _begin(self, connection: Connection, venue: Venue) -> None:
        """Read who stood where when the last transaction was kept."""
        self._stood = Stood(Key(*row) for row in connection.execute(select(STANDING)))
        self._standing = Standing(
            (key.rule, condition, venue.number[key.subject])
            for key in self._stood.keys
            for condition in CONDITIONS
            if key.condition == condition and key.subject in venue.number
        )

    # -- effects -------------------------------------------------------------------------------

    def _of_effect(self, venue: Venue, rules: Rules, kept: Kept, one: Noticed) -> list[_Occasion]:
        if one.kind in ("oracle_frozen", "oracle_resumed"):
            key = Key("", "oracle", one.subject)
            if not self._stood.set(key, one.kind == "oracle_frozen"):
                return []
        if one.account != VENUE and not is_margined(venue, one.account):
            return []
        name = "" if one.account == VENUE else venue.names[one.account]
        chosen = rules.for_account(name) if name else rules.for_venue(one.kind)
        self._resolve(rules.all if one.account == VENUE else chosen, one, name)
        told = [rule for rule in chosen if one.kind in rule.on]
        occasions: list[_Occasion] = []
        if told:
            text = in_words(venue, one.kind, name, one.effect, subject=one.subject)
            more = {"effect": one_told(venue, one.effect)}
            for rule in told:
                account = _lane(rule, name)
                occasions.append(
                    _occasion(rule, one.kind, kept, one.place, account, text, more, one.subject)
                )
                if rule.asked.escalation is not None and one.kind in RESOLVABLE:
                    condition, subject = standing_of(one.kind, account, one.subject)
                    self._stood.set(Key(rule.id, condition, subject), True)
        for rule in chosen:
            if rule.asked.amount is not None and name:
                occasions += _of_amount(venue, rule, kept, one, name, self._stood)
        return occasions

    def _resolve(self, rules: Iterable[Rule], one: Noticed, name: str) -> None:
        """What is over need not be escalated, also where nobody asked to hear that it is."""
        for kind in RESOLVES.get(one.kind, ()):
            for rule in rules:
                if rule.asked.escalation is not None and kind not in _LINES:
                    condition, subject = standing_of(kind, _lane(rule, name), one.subject)
                    self._stood.set(Key(rule.id, condition, subject), False)

    # -- lines that accounts cross -------------------------------------------------------------

    def _of_crossings(
        self, venue: Venue, rules: Rules, happened: Sequence[Kept]
    ) -> list[_Occasion]:
        assert self._standing is not None, "it has begun"
        touched = touched_by((kept.event, kept.effects) for kept in happened)
        last, occasions = happened[-1], []
        for one in crossed(venue, rules, self._standing, touched):
            name = venue.names[one.account]
            is_below = not one.kind.endswith("_recovered")
            condition = one.kind.removesuffix("_recovered")
            self._stood.set(Key(one.rule.id, condition, name), is_below)
            need = one.verdict
            line = format_ratio(one.line)
            health = share(need.margin_equity, need.maintenance)
            text = in_words(venue, one.kind, name, None, line=line, health=_short(health))
            more = {"line": line, "verdict": msgspec.to_builtins(verdict(venue, need))}
            occasions.append(_occasion(one.rule, one.kind, last, CROSSING, name, text, more))
        for rule_id, condition, account in self._standing.forgotten:
            self._stood.set(Key(rule_id, condition, venue.names[account]), False)
        self._standing.forgotten.clear()
        return occasions

    # -- rows ----------------------------------------------------------------------------------

    def _keep(self, connection: Connection, told: Sequence[_Occasion]) -> None:
        rows = [
            _row(one, target, first=number == 0)
            for one in told
            for number, target in enumerate(one.rule.asked.targets)
        ]
        keep(connection, rows)
        self.targets.update(row["target"] for row in rows)


def _of_amount(
    venue: Venue, rule: Rule, kept: Kept, one: Noticed, name: str, stood: Stood
) -> list[_Occasion]:
    """A call of so much or more, told once; and once that there is none any longer."""
    assert rule.asked.amount is not None, "the rule has this condition"
    above = rule.asked.amount.above
    effect = one.effect
    if isinstance(effect, CallWithdrawn):
        is_over = is_told = True
    elif isinstance(effect, StateChanged) and effect.after is not State.CALLED:
        is_over, is_told = True, effect.after in (State.HEALTHY, State.WARNED)
    elif isinstance(effect, Called | CallReduced):
        is_over = effect.amount < parse_atoms(above, venue.catalogue.numeraire.decimals)
        is_told = True
    else:
        return []
    if not stood.set(Key(rule.id, "amount", name), not is_over) or not is_told:
        return []
    kind: Kind = "amount_recovered" if is_over else "amount"
    line = f"{above} {venue.catalogue.numeraire.id}"
    text = in_words(venue, kind, name, effect, line=line)
    more = {"line": above, "effect": one_told(venue, effect)}
    return [_occasion(rule, kind, kept, one.place, name, text, more)]


def _lane(rule: Rule, name: str) -> str:
    """Who asked for one account gets the venue's notices in the order of that account's."""
    return name or rule.asked.account or ""


def _occasion(
    rule: Rule,
    kind: Kind,
    kept: Kept,
    place: int,
    account: str,
    text: str,
    more: dict[str, Any],
    subject: str = "",
) -> _Occasion:
    time_ms = kept.event.time_ms
    return _Occasion(rule, kind, kept.sequence, time_ms, place, account, subject, text, more)


def _row(one: _Occasion, target: str, *, first: bool) -> dict[str, Any]:
    """One notice to one target; only the first target's is escalated."""
    rule = one.rule
    occasion = f"{one.sequence}/{one.place}/{one.kind}/{one.account}/{rule.id}"
    id = id_of(occasion, target)
    held_ms = rule.held_until(one.kind, one.time_ms)
    escalates_ms = rule.escalates_at(one.kind, one.time_ms) if first else None
    body = {
        "id": id,
        "kind": one.kind,
        "severity": SEVERITY[one.kind],
        "account": one.account or None,
        "text": one.text,
        "sequence": one.sequence,
        "time_ms": one.time_ms,
        "rule": rule.id,
        **one.more,
    }
    return {
        "id": id,
        "occasion": occasion,
        "sequence": one.sequence,
        "time_ms": one.time_ms,
        "held_until_ms": held_ms or None,
        "escalates_ms": escalates_ms,
        "escalates_to": rule.asked.escalation.target if rule.asked.escalation else "",
        "kind": one.kind,
        "account": one.account,
        "subject": one.subject,
        "rule": rule.id,
        "target": target,
        "text": one.text,
        "body": msgspec.json.encode(body).decode(),
        "state": "silenced" if held_ms else "pending",
        "attempts": 0,
        "due_ms": 0,
    }


def id_of(occasion: str, target: str) -> str:
    """The same for the same event, effect, rule and target, however often it is sent.

    >>> id_of("7/0/call/alice/r1", "t1")
    'n5850f0caf035c584ece47010'
    """
    return f"n{hashlib.sha256(f'{occasion}/{target}'.encode()).hexdigest()[:24]}"


def _short(health: str | None) -> str:
    if health is None:
        return "unknown"
    head, dot, tail = health.partition(".")
    return f"{head}{dot}{tail[:4]}"


__all__ = ["CROSSING", "Outbox", "id_of"]
