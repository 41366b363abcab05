"""The whole venue on one page: how far everybody is from a call, and what stands where.

The bands and the totals are sums of the float screen over all accounts, rounded to cents; every
number of a call that is listed is the exact twin's. Runs on the writer's thread.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seawall.engine import Engine
from seawall.engine.state import Venue
from seawall.engine.watching.confirm import screen
from seawall.market.oracle import Feed, permissions
from seawall.money import format_atoms, format_ratio
from seawall.pricing import Floats, Ints
from seawall.service.shown import venue_views
from seawall.service.shown.venue_views import call_rows, stamped

CALLS_SHOWN = 50
EDGES_PERCENT = (0, 1, 2, 5, 10, 25, 50)
_EDGES = np.array(EDGES_PERCENT) / 100
BANDS = len(EDGES_PERCENT) + 2  # One below all, one above, and those without notional.
CENT_DECIMALS = 2


class Measured(NamedTuple):
    """Sums of the float screen."""

    accounts: Ints  # [band]
    notional: Floats  # [band] numeraire atoms
    totals: Floats  # [4] equity, maintenance, initial, notional; numeraire atoms


def measured(engine: Engine) -> Measured:
    """Every account of a venue that is priced, in its band."""
    venue = engine.venue
    venue.columns.refresh()
    sums = Measured(np.zeros(BANDS, np.int64), np.zeros(BANDS), np.zeros(4))
    for method in range(len(venue.methods)):
        accounts = np.flatnonzero(venue.method == method)
        if len(accounts):
            table = venue.tables.risk(method)
            unit = np.where(venue.catalogue.is_contract, table.notional, 0.0)
            judged = screen(venue, method, accounts)
            _by_distance()(
                tuple(judged), tuple(venue.columns.holdings(accounts)), unit, _EDGES, *sums
            )
    return sums


def overview_shown(
    engine: Engine, systemic: Callable[[Engine], Any] = lambda engine: None
) -> dict[str, Any]:
    """Everything that a page needs to say how a venue stands."""
    if not engine.sequence:
        return stamped(engine, started=False, priced=False)
    venue = engine.venue
    shown = venue_views.venue_shown(engine)
    bands, totals = _screened(engine) if venue.tables.ready else (None, None)
    return stamped(
        engine,
        started=True,
        venue=shown["name"],
        rulebook=shown["version"],
        fingerprint=shown["fingerprint"],
        numeraire=shown["numeraire"],
        priced=shown["priced"],
        accounts=shown["accounts"],
        by_status=shown["by_status"],
        by_distance=bands,
        totals=totals,
        funds=venue_views.funds_shown(engine)["funds"],
        calls=call_rows(venue, CALLS_SHOWN) if venue.tables.ready else [],
        calls_total=len(venue.deadline),
        liquidations=shown["by_status"]["liquidating"],
        orders=len(venue.orders),
        auctions=len(venue.offers.open) + len(venue.offers.selling),
        oracles=oracles_shown(venue),
        breakers=venue_views.breakers_shown(engine)["standing"],
        systemic=systemic(engine),
    )


def _screened(engine: Engine) -> tuple[list[dict[str, Any]], dict[str, str]]:
    sums, decimals = measured(engine), engine.catalogue.numeraire.decimals
    edges: Sequence[int | None] = (None, *EDGES_PERCENT, None)
    bands = [
        {
            "band": _named(low, high),
            "from": None if low is None else str(low),
            "to": None if high is None else str(high),
            "accounts": int(sums.accounts[band]),
            "notional": cents(float(sums.notional[band]), decimals),
        }
        for band, (low, high) in enumerate([*itertools.pairwise(edges), (None, None)])
    ]
    names = ("equity", "maintenance", "initial", "notional")
    totals = {name: cents(float(sums.totals[n]), decimals) for n, name in enumerate(names)}
    return bands, totals


def _named(low: int | None, high: int | None) -> str:
    """A band of distance, in percent.

    >>> _named(None, 0), _named(2, 5), _named(50, None), _named(None, None)
    ('<0', '2-5', '>50', 'none')
    """
    if low is None:
        return "none" if high is None else f"<{high}"
    return f">{low}" if high is None else f"{low}-{high}"


def cents(atoms: float, decimals: int) -> str:
    """A sum of the screen to the nearest cent; it is no verdict.

    >>> cents(123456.0, 4)
    '12.35'
    """
    if not np.isfinite(atoms):
        return "0"
    shown = min(decimals, CENT_DECIMALS)
    return format_atoms(round(atoms / 10 ** (decimals - shown)), shown)


def oracles_shown(venue: Venue) -> list[dict[str, Any]]:
    """Each coin's price, how old it is, and whether its oracle stands."""
    snapshot, decimals = venue.snapshot, venue.catalogue.numeraire.decimals
    told = []
    for number, coin in enumerate(venue.catalogue.coins):
        price_ms = snapshot.priced_ms[number]
        told.append(
            {
                "coin": coin.id,
                "price": format_atoms(snapshot.price[number], decimals) if price_ms else None,
                "age_ms": venue.time_ms - price_ms if price_ms else None,
                "state": _state(venue, number),
                "confidence": format_ratio(snapshot.confidence[number]),
                "source": "oracle" if coin.id in venue.rulebook.oracle else "direct",
            }
        )
    return told


def _state(venue: Venue, coin: int) -> str:
    policy = venue.rulebook.oracle.get(venue.catalogue.coins[coin].id)
    if policy is None:
        return "fresh" if venue.snapshot.price[coin] else "unpriced"
    feed = venue.feeds.get(coin, Feed())
    if feed.last is None:
        return "unpriced"
    if feed.refusal is not None:
        return "refused"
    return "fresh" if permissions(policy, feed, venue.time_ms).liquidate else "stale"


@functools.cache
def _by_distance() -> Callable[..., None]:
    from seawall.service.live import _kernels

    function: Callable[..., None] = _kernels.by_distance
    return function
