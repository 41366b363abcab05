"""Notices of one service: its rules and targets, who writes and who delivers.

Joins the tables, the outbox beside the writer, and the delivery. Routes ask here; a rule or target
that changes holds from the next group of events on.
"""

from __future__ import annotations

import logging
import secrets
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from seawall.engine import Engine
from seawall.engine.history.standby import Beside, Kept
from seawall.service.guarding.keys import now_ms
from seawall.service.notices.crossings import daily_sigmas
from seawall.service.notices.delivery import Delivery
from seawall.service.notices.outbox import Outbox
from seawall.service.notices.rules import Rule, Rules, volatilities
from seawall.service.notices.signature import fresh_secret
from seawall.service.notices.tables import RULE, TARGET, NoticeStore
from seawall.service.notices.targets import Target, check, shown_url
from seawall.service.notices.wire import (
    NoticePage,
    NoticeShown,
    Posture,
    RuleAsked,
    RuleShown,
    SecretShown,
    TargetAsked,
    TargetShown,
)
from seawall.service.words.amounts import atoms, coin_number, margined_number, started
from seawall.service.words.problem import Problem

TARGETS_MOST = 1000
RULES_MOST = 10_000
MOVES_MOST = 16  # Markets that are priced at each tick for lines in sigmas, down and up.


class Notices:
    """What is told to whom; safe in several threads."""

    def __init__(
        self,
        url: str,
        *,
        private: bool = False,
        clock: str = "wall",
        kept_days: int | None = None,
    ) -> None:
        """`private` lets webhooks reach private addresses; `clock` says whose time events carry.

        `kept_days` after their event, notices that are over are forgotten; without it, never.
        """
        self._store = NoticeStore(url)
        self._looked = NoticeStore(url, durable=False)
        self._kept = NoticeStore(url, durable=False)
        self._rules = Rules()
        self._targets: dict[str, Target] = {}
        self._lock = threading.Lock()  # Of changes to rules and targets.
        self._outbox: Outbox | None = None
        self._is_wall = clock == "wall"
        self._seen_ms = 0
        self._load()
        self.delivery = Delivery(
            self._looked,
            lambda: self._targets,
            self._venue_ms,
            keeping=self._kept,
            private=private,
            kept_days=kept_days,
        )

    def start(self) -> None:
        """Deliver from here on, what is pending first; the log is a line of JSON on stderr."""
        told = logging.getLogger("seawall.notices")
        told.handlers, told.propagate = [logging.StreamHandler(sys.stderr)], False
        told.setLevel(logging.INFO)
        self.delivery.start()

    def stop(self) -> None:
        """Let go of targets and tables."""
        self.delivery.stop()
        self._looked.close()
        self._kept.close()
        self._store.close()

    # -- the writer's thread -------------------------------------------------------------------

    def begin(self, engine: Engine) -> Beside:
        """Who writes beside the events of a primary that was just opened."""
        self._outbox = Outbox(engine, lambda: self._rules)
        self._seen_ms = engine.time_ms
        self.delivery.wake(self._targets)  # What the one before kept may not have been told.
        return self._outbox.write

    def happened(self, engine: Engine, kept: Sequence[Kept]) -> None:
        """Events are durable: deliver what was written beside them."""
        self._seen_ms = engine.time_ms
        if self._outbox is not None and self._outbox.targets:
            targets, self._outbox.targets = self._outbox.targets, set()
            self.delivery.wake(targets)

    def _venue_ms(self) -> int:
        """The time by which silence and escalation are counted: that of the events."""
        return now_ms() if self._is_wall else self._seen_ms

    # -- rules ---------------------------------------------------------------------------------

    def rules(self) -> list[RuleShown]:
        """Rules that hold."""
        return [_rule_shown(row) for row in self._store.alive(RULE)]

    def add_rule(self, asked: RuleAsked, actor: str, key: str) -> RuleShown:
        """Let a rule hold from now on; the same key again gets the same rule."""
        with self._lock:
            id = _id("r")
            self._check_rule(id, asked)
            if len(self._rules.all) >= RULES_MOST:
                raise Problem(422, "too_many", f"there are {RULES_MOST} rules already")
            row = self._add(RULE, id, asked, actor, key, {})
            return _rule_shown(row)

    def replace_rule(self, id: str, asked: RuleAsked, actor: str) -> RuleShown:
        """Let a rule say something else from now on; who stands below its line still does."""
        with self._lock:
            self._check_rule(id, asked)
            values = {"body": msgspec.json.encode(asked).decode()}
            if not self._store.change(RULE, id, values, actor, "replaced", now_ms()):
                raise Problem(404, "unknown_rule", f"no rule {id[:40]}")
            self._load()
            return next(rule for rule in self.rules() if rule.id == id)

    def remove_rule(self, id: str, actor: str) -> None:
        """End a rule; what it has written is still delivered."""
        with self._lock:
            self._end(RULE, id, actor, "unknown_rule")

    def _check_rule(self, id: str, asked: RuleAsked) -> None:
        rule = Rule.of(id, asked)
        others = [one for one in self._rules.all if one.id != id]
        if rule.sigmas is not None and Rules([*others, rule]).moves() > MOVES_MOST:
            said = f"more than {MOVES_MOST} different lines in sigmas; use those of other rules"
            raise Problem(422, "too_many", said)
        named = [*asked.targets, *([asked.escalation.target] if asked.escalation else [])]
        for target in named:
            if target not in self._targets:
                raise Problem(404, "unknown_target", f"no target {target[:40]}")

    # -- targets -------------------------------------------------------------------------------

    def targets(self) -> list[TargetShown]:
        """Targets without their secrets."""
        return [_target_shown(target) for target in self._targets.values()]

    def add_target(self, asked: TargetAsked, actor: str, key: str) -> TargetShown:
        """Make a target; a webhook's secret is in this first answer and in no other."""
        check(asked)
        with self._lock:
            if len(self._targets) >= TARGETS_MOST:
                raise Problem(422, "too_many", f"there are {TARGETS_MOST} targets already")
            secret = fresh_secret() if asked.kind == "webhook" else ""
            own = {"secret": secret, "previous": "", "previous_until_ms": 0}
            id = _id("t")
            row = self._add(TARGET, id, asked, actor, key, own)
            is_first = bool(secret) and row.secret == secret
            return _target_shown(_target(row), secret if is_first else None)

    def rotate(self, id: str, overlap_s: int, actor: str) -> SecretShown:
        """Give a webhook another secret; for a while both sign."""
        with self._lock:
            target = self._targets.get(id)
            if target is None or target.asked.kind != "webhook":
                raise Problem(404, "unknown_target", f"no webhook {id[:40]}")
            secret, until_ms = fresh_secret(), now_ms() + 1000 * overlap_s
            values = {
                "secret": secret,
                "previous": target.secret,
                "previous_until_ms": until_ms,
            }
            self._store.change(TARGET, id, values, actor, "rotated", now_ms())
            self._load()
            return SecretShown(secret=secret, previous_until_ms=until_ms)

    def remove_target(self, id: str, actor: str) -> None:
        """End a target that no rule names; what is pending for it is dead."""
        with self._lock:
            for rule in self._rules.all:
                escalation = rule.asked.escalation
                if id in rule.asked.targets or (escalation and escalation.target == id):
                    raise Problem(409, "target_in_use", f"rule {rule.id} names this target")
            self._end(TARGET, id, actor, "unknown_target")
        self.delivery.wake((id,))

    # -- notices -------------------------------------------------------------------------------

    def notices(self, after: int, limit: int, **chosen: str | None) -> NoticePage:
        """Notices in the order in which they were written."""
        rows = self._store.notices(after, limit + 1, **chosen)
        more = len(rows) > limit
        return NoticePage(
            notices=[_shown(row) for row in rows[:limit]],
            next=rows[limit - 1].number if more else None,
        )

    def counts(self) -> dict[str, int]:
        """How many there are in each state; nothing where the tables cannot be read now."""
        try:
            return dict.fromkeys(get_args(Posture), 0) | self._store.counts()
        except SQLAlchemyError:
            return {}

    def notice(self, id: str) -> NoticeShown:
        """One notice."""
        row = self._store.notice(id)
        if row is None:
            raise Problem(404, "unknown_notice", f"no notice {id[:40]}")
        return _shown(row)

    def acknowledge(self, id: str, actor: str) -> NoticeShown:
        """Say that somebody has seen it, so that nobody else is told."""
        if not self._store.acknowledge(id, actor, now_ms()):
            raise Problem(404, "unknown_notice", f"no notice {id[:40]}")
        return self.notice(id)

    def replay(self, id: str, actor: str) -> NoticeShown:
        """Send a dead or delivered notice again, under the same id."""
        told = self.notice(id)
        if not self._store.replay(id, actor, now_ms()):
            raise Problem(409, "not_replayable", f"the notice is {told.state}")
        self.delivery.wake((told.target,))
        return self.notice(id)

    # -- rows ----------------------------------------------------------------------------------

    def _add(
        self,
        table: Any,
        id: str,
        asked: RuleAsked | TargetAsked,
        actor: str,
        key: str,
        more: Mapping[str, Any],
    ) -> Row[Any]:
        body = msgspec.json.encode(asked).decode()
        row = {"id": id, "asked": f"{actor}/{key}", "body": body, "made_ms": now_ms(), **more}
        kept = self._store.add(table, row, actor)
        if kept.body != body:
            said = "this Idempotency-Key was given for another command"
            raise Problem(422, "key_reused", said)
        self._load()
        return kept

    def _end(self, table: Any, id: str, actor: str, code: str) -> None:
        ended = {"ended_ms": now_ms()}
        if not self._store.change(table, id, ended, actor, "removed", now_ms()):
            if not self._store.has(table, id):
                raise Problem(404, code, f"there is no {id[:40]}")
            return
        self._load()

    def _load(self) -> None:
        targets = [_target(row) for row in self._store.alive(TARGET)]
        self._targets = {target.id: target for target in targets}
        self._rules = Rules(
            Rule.of(row.id, msgspec.json.decode(row.body, type=RuleAsked))
            for row in self._store.alive(RULE)
        )


def check_in_venue(engine: Engine, asked: RuleAsked) -> None:
    """Refuse a rule that names what the venue does not have, or cannot count; on its thread."""
    if asked.account is None and asked.amount is None and asked.sigmas is None:
        return
    venue = started(engine)
    if asked.account is not None:
        margined_number(venue, asked.account)
    if asked.amount is not None:
        atoms(asked.amount.above, venue.catalogue.numeraire.decimals, "amount.above")
    if asked.sigmas is not None:
        given = volatilities(asked.sigmas.volatilities)
        for coin in given:
            coin_number(venue.catalogue, coin)
        known = daily_sigmas(venue, dict.fromkeys(given, 1.0))
        cash = venue.catalogue.coin(venue.rulebook.cash)
        for number, terms in enumerate(venue.catalogue.coins):
            if number != cash and number not in known:
                said = f"{terms.id} has no smile; give one, 0 where it stands still"
                key = f"$.sigmas.volatilities.{terms.id}"
                raise Problem(422, "volatility_missing", f"{said} - at `{key}`")


def _id(kind: str) -> str:
    return f"{kind}{secrets.token_hex(6)}"


def _rule_shown(row: Row[Any]) -> RuleShown:
    rule = msgspec.json.decode(row.body, type=RuleAsked)
    return RuleShown(id=row.id, made_ms=row.made_ms, rule=rule)


def _target(row: Row[Any]) -> Target:
    asked = msgspec.json.decode(row.body, type=TargetAsked)
    return Target(row.id, asked, row.made_ms, row.secret, row.previous, row.previous_until_ms)


def _target_shown(target: Target, secret: str | None = None) -> TargetShown:
    asked = target.asked
    return TargetShown(
        id=target.id,
        name=asked.name,
        kind=asked.kind,
        url=shown_url(asked),
        timeout_s=asked.timeout_s,
        attempts_most=asked.attempts_most,
        pause_s=asked.pause_s,
        made_ms=target.made_ms,
        secret=secret,
    )


def _shown(row: Row[Any]) -> NoticeShown:
    body = msgspec.json.decode(row.body, type=dict[str, Any])
    return NoticeShown(
        number=row.number,
        id=row.id,
        kind=row.kind,
        severity=body["severity"],
        account=row.account or None,
        text=row.text,
        sequence=row.sequence,
        time_ms=row.time_ms,
        rule=row.rule,
        target=row.target,
        state=row.state,
        attempts=row.attempts,
        error=row.error,
        sent_ms=row.sent_ms,
        held_until_ms=row.held_until_ms,
        escalates_ms=row.escalates_ms,
        acknowledged_ms=row.acknowledged_ms,
        acknowledged_by=row.acknowledged_by,
        body=body,
    )
