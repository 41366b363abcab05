"""Requests behind pictures of an account, of losses and of rules, as values like all others."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from seawall.service.client.requests import Wanted
from seawall.service.words.wire import CurvesAsked, PictureAsked, RulesTold, Supposed

Told = dict[str, Any]
NOTHING = Supposed()


def picture(name: str, change: Supposed = NOTHING, after_s: int = 0) -> Wanted[Told]:
    """An account in full, now and after what is supposed."""
    return _asked(f"{_of(name)}/picture", PictureAsked(change=change, after_s=after_s))


def curves(
    name: str,
    change: Supposed = NOTHING,
    *,
    after_s: int = 0,
    coin: str | None = None,
    low_percent: int = 50,
    high_percent: int = 150,
    points: int = 61,
) -> Wanted[Told]:
    """Its margin over prices of a coin, or of each that it rests on."""
    asked = CurvesAsked(
        change=change,
        after_s=after_s,
        coin=coin,
        low_percent=low_percent,
        high_percent=high_percent,
        points=points,
    )
    return _asked(f"{_of(name)}/curves", asked)


def timeline(name: str, before: int | None = None, limit: int = 50) -> Wanted[Told]:
    """What happened to it, the latest first."""
    return _page(f"{_of(name)}/timeline", before, limit)


def losses(before: int | None = None, limit: int = 50) -> Wanted[Told]:
    """What each stage of the waterfall gave, and the latest losses."""
    return _page("/v1/losses", before, limit)


def fund_history() -> Wanted[Told]:
    """What the insurance funds were worth."""
    return Wanted("GET", "/v1/insurance-funds/history", Told)


def deleveraging_queue(instrument: str, limit: int = 10) -> Wanted[Told]:
    """Who would be asked first to give up a contract."""
    return Wanted("GET", "/v1/deleveraging", Told, query={"instrument": instrument, "limit": limit})


def rulebook_effect(toml: str) -> Wanted[Told]:
    """What another rulebook would do to the live book."""
    return _asked("/v1/rulebook/effect", RulesTold(toml=toml))


def _of(name: str) -> str:
    return f"/v1/accounts/{quote(name, safe='')}"


def _page(path: str, before: int | None, limit: int) -> Wanted[Told]:
    query = {"limit": limit} | ({} if before is None else {"before": before})
    return Wanted("GET", path, Told, query=query)


def _asked(path: str, body: Any) -> Wanted[Told]:
    return Wanted("POST", path, Told, msgspec.json.encode(body))
