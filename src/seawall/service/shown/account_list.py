"""The list of accounts, nearest to a line first: found by the float screen, told by exact twins.

Runs on the writer's thread; reads the venue and changes nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.engine import Engine
from seawall.engine.effect import State
from seawall.engine.state import FIRST_ACCOUNT, Venue
from seawall.service.shown.views import line
from seawall.service.words.amounts import started
from seawall.service.words.wire import AccountLine, AccountPage

Order = Literal["number", "name", "health", "distance", "notional", "equity"]


def page(
    engine: Engine,
    order: Order,
    *,
    status: str | None = None,
    prefix: str = "",
    search: str = "",
    reverse: bool = False,
    offset: int = 0,
    limit: int = 100,
    now_ms: int = 0,
) -> AccountPage:
    """User accounts in an order, or in the reverse of it.

    Who must hold nothing comes last by health and by distance.
    """
    venue = started(engine)
    accounts = np.arange(FIRST_ACCOUNT, len(venue.names))
    chosen = venue.method[accounts] >= 0
    if status is not None:
        chosen &= venue.status[accounts] == State[status.upper()]
    accounts = _named(venue, accounts[chosen], prefix, search)
    total = len(accounts)
    if order == "name":
        accounts = np.array(sorted(accounts.tolist(), key=venue.names.__getitem__), np.int64)
    elif order != "number" and venue.tables.ready and len(accounts):
        key = _key(engine, order)[accounts - FIRST_ACCOUNT]
        accounts = accounts[_in_order(key, len(accounts) if reverse else offset + limit)]
    if reverse:
        accounts = accounts[::-1]
    shown = accounts[offset : offset + limit].tolist()
    return AccountPage(
        sequence=engine.sequence,
        time_ms=engine.time_ms,
        total=total,
        accounts=[_aged(venue, number) for number in shown],
        next=offset + limit if offset + limit < total else None,
        now_ms=now_ms or engine.time_ms,
    )


def _aged(venue: Venue, number: int) -> AccountLine:
    """One account, and how old what it is judged by may be."""
    told, assets = venue.snapshot.priced_ms, venue.catalogue.assets
    rows = venue.rows(number)
    seen = [told[coin] for a, _ in rows for coin in (assets[a].coin, assets[a].currency)]
    return msgspec.structs.replace(line(venue, number), oldest_ms=min(seen, default=None))


def _named(
    venue: Venue, accounts: NDArray[np.int64], prefix: str, search: str
) -> NDArray[np.int64]:
    """Accounts whose name begins so, and has this in it whatever the case."""
    if not prefix and not search:
        return accounts
    names, wanted = venue.names, search.lower()
    found = (
        number
        for number in accounts.tolist()
        if names[number].startswith(prefix) and wanted in names[number].lower()
    )
    return np.fromiter(found, np.int64)


def _in_order(key: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Places of the least keys, ascending, equal ones by place; at least so many of them.

    >>> _in_order(np.array([3.0, 1.0, np.nan, 1.0, 2.0]), 2).tolist()
    [2, 1]
    """
    key = np.where(np.isnan(key), -np.inf, key)  # Who cannot be screened is looked at first.
    if most >= len(key):
        return np.argsort(key, kind="stable")
    last = np.partition(key, most - 1)[most - 1]
    below, level = np.flatnonzero(key < last), np.flatnonzero(key == last)
    first = below[np.argsort(key[below], kind="stable")]
    return np.concatenate([first, level[: most - len(first)]])


def _key(engine: Engine, order: Order) -> NDArray[np.float64]:
    """What accounts are sorted by, the least first. [user account]"""
    accounts, need = engine.requirement()
    if order == "equity":
        return -need.equity
    if order == "health":
        held = np.maximum(need.maintenance, 1.0)
        return np.where(need.maintenance > 0, need.margin_equity / held, np.inf)
    gross = notional(engine.venue, accounts)
    if order == "notional":
        return -gross
    headroom = need.margin_equity - need.maintenance
    return np.where(gross > 0, headroom / np.maximum(gross, 1.0), np.inf)


def notional(venue: Venue, accounts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Σ |lots| × notional of contracts. [account] numeraire atoms"""
    held = venue.columns.holdings(accounts)
    unit = np.where(venue.catalogue.is_contract, venue.tables.risk(0).notional, 0.0)
    count = held.count
    place = np.repeat(held.start - (np.cumsum(count) - count), count) + np.arange(count.sum())
    worth = np.abs(held.lots[place]) * unit[held.asset[place]]
    owner = np.repeat(np.arange(len(accounts)), count)
    return np.bincount(owner, weights=worth, minlength=len(accounts)).astype(np.float64)
