"""Requests about notices as values, for any client of the service."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from seawall.service.client.requests import Wanted, new_key
from seawall.service.notices.wire import (
    Kind,
    NoticePage,
    NoticeShown,
    Posture,
    RotationAsked,
    RuleAsked,
    RuleShown,
    RulesShown,
    SecretShown,
    TargetAsked,
    TargetShown,
    TargetsShown,
)

_RULES, _TARGETS, _NOTICES = "/v1/notice-rules", "/v1/notice-targets", "/v1/notices"


def rules() -> Wanted[RulesShown]:
    """Rules that hold."""
    return Wanted("GET", _RULES, RulesShown)


def add_rule(rule: RuleAsked, key: str | None = None) -> Wanted[RuleShown]:
    """Let a rule hold."""
    return Wanted("POST", _RULES, RuleShown, msgspec.json.encode(rule), key=key or new_key())


def replace_rule(id: str, rule: RuleAsked) -> Wanted[RuleShown]:
    """Let a rule say something else."""
    return Wanted("POST", _of(_RULES, id), RuleShown, msgspec.json.encode(rule))


def remove_rule(id: str) -> Wanted[dict[str, Any]]:
    """End a rule."""
    return Wanted("POST", _of(_RULES, id, "/removal"), dict[str, Any])


def targets() -> Wanted[TargetsShown]:
    """Targets without their secrets."""
    return Wanted("GET", _TARGETS, TargetsShown)


def add_target(target: TargetAsked, key: str | None = None) -> Wanted[TargetShown]:
    """Make a target; a webhook's secret is in the first answer alone."""
    body = msgspec.json.encode(target)
    return Wanted("POST", _TARGETS, TargetShown, body, key=key or new_key())


def rotate_target(id: str, overlap_s: int = 86_400) -> Wanted[SecretShown]:
    """Give a webhook another secret; sent once, for every answer is another."""
    body = msgspec.json.encode(RotationAsked(overlap_s=overlap_s))
    path = _of(_TARGETS, id, "/rotation")
    return Wanted("POST", path, SecretShown, body, is_repeatable=False)


def remove_target(id: str) -> Wanted[dict[str, Any]]:
    """End a target."""
    return Wanted("POST", _of(_TARGETS, id, "/removal"), dict[str, Any])


def notices(
    after: int = 0,
    limit: int = 100,
    *,
    state: Posture | None = None,
    account: str | None = None,
    kind: Kind | None = None,
    target: str | None = None,
) -> Wanted[NoticePage]:
    """Notices in order."""
    chosen = {"state": state, "account": account, "kind": kind, "target": target}
    query = {name: text for name, text in chosen.items() if text is not None}
    return Wanted("GET", _NOTICES, NoticePage, query={"after": after, "limit": limit, **query})


def notice(id: str) -> Wanted[NoticeShown]:
    """One notice."""
    return Wanted("GET", _of(_NOTICES, id), NoticeShown)


def acknowledge(id: str) -> Wanted[NoticeShown]:
    """Say that somebody has seen it."""
    return Wanted("POST", _of(_NOTICES, id, "/acknowledgement"), NoticeShown)


def replay(id: str) -> Wanted[NoticeShown]:
    """Send it again; sent once."""
    return Wanted("POST", _of(_NOTICES, id, "/replay"), NoticeShown, is_repeatable=False)


def _of(path: str, id: str, more: str = "") -> str:
    return f"{path}/{quote(id, safe='')}{more}"
