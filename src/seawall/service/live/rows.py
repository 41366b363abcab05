"""Rows of the keyed channels: those of the answers of the same name, each under its key; the rules.

Runs on the writer's thread. What is not there yet is empty, so that a page may subscribe before the
venue has rules or prices.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seawall.engine import Engine
from seawall.service.live.channels import Rows
from seawall.service.shown import venue_views
from seawall.service.shown.venue_views import call_rows
from seawall.service.shown.views import PAGE_MOST

NOTHING = Rows({}, 0)


def prices(engine: Engine) -> Rows:
    """Coins and instruments by their names."""
    if not engine.sequence:
        return NOTHING
    shown = venue_views.prices_shown(engine)
    rows = {one["coin"]: one for one in shown["coins"]}
    rows |= {one["instrument"]: one for one in shown["marks"]}
    return Rows(rows, len(shown["coins"]) + shown["total"])


def calls(engine: Engine) -> Rows:
    """Calls by account; how long is left is the reader's own subtraction."""
    if not engine.sequence or not engine.venue.tables.ready:
        return NOTHING
    rows: dict[str, dict[str, Any]] = {}
    for row in call_rows(engine.venue, PAGE_MOST):
        del row["left_ms"]
        rows[row["account"].name] = row
    return Rows(rows, len(engine.venue.deadline))


def liquidations(engine: Engine) -> Rows:
    """Accounts in liquidation."""
    if not engine.sequence:
        return NOTHING
    shown = venue_views.liquidations_shown(engine)
    return Rows({one["account"].name: one for one in shown["liquidations"]}, shown["total"])


def orders(engine: Engine) -> Rows:
    """Orders by number."""
    if not engine.sequence:
        return NOTHING
    shown = venue_views.orders_shown(engine)
    return Rows({str(one["order"]): one for one in shown["orders"]}, shown["total"])


def auctions(engine: Engine) -> Rows:
    """Auctions by number, of lots and of whole accounts."""
    if not engine.sequence:
        return NOTHING
    shown = venue_views.auctions_shown(engine)
    both = [*shown["auctions"], *shown["accounts"]]
    return Rows({str(one["auction"]): one for one in both}, shown["total"])


def breakers(engine: Engine) -> Rows:
    """What stands shut, by scope, subject and breaker."""
    if not engine.sequence:
        return NOTHING
    shown = venue_views.breakers_shown(engine)
    rows = {f"{one['scope']}/{one['subject']}/{one['breaker']}": one for one in shown["standing"]}
    return Rows(rows, shown["total"])


def funds(engine: Engine) -> Rows:
    """Insurance funds by name."""
    if not engine.sequence:
        return NOTHING
    shown = venue_views.funds_shown(engine)["funds"]
    return Rows({one["fund"]: one for one in shown}, len(shown))


def rulebook(engine: Engine) -> dict[str, Any] | None:
    """Every rule that holds, whole: it changes as one."""
    if not engine.sequence:
        return None
    shown = venue_views.rules_shown(engine)
    return shown | {"rules": msgspec.json.decode(shown["rules"])}
