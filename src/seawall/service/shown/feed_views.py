"""Funding, collateral and what came of them, as clients read it.

Runs on the writer's thread; reads the venue and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from seawall.engine import Engine
from seawall.engine.rules.funding_rules import AgainstMakers, due, ends_ms
from seawall.engine.state import Venue
from seawall.margin.collateral import NOTHING_OBSERVED
from seawall.money import format_atoms, format_ratio
from seawall.service.beside.episodes import Episode
from seawall.service.shown.venue_views import LISTED_MOST, stamped
from seawall.service.words.amounts import started
from seawall.service.words.telling import one_told

Told = dict[str, Any]


def funding_shown(engine: Engine) -> Told:
    """Each perpetual with its last rate; under a rule also with the open interval."""
    venue = started(engine)
    perpetuals = [
        number
        for number, terms in enumerate(venue.catalogue.instruments)
        if terms.type == "perpetual"
    ]
    shown = [_perpetual(venue, number) for number in perpetuals[:LISTED_MOST]]
    return stamped(engine, total=len(perpetuals), perpetuals=shown)


def _perpetual(venue: Venue, number: int) -> Told:
    terms = venue.catalogue.instruments[number]
    rule = venue.rulebook.funding.get(terms.base)
    told: Told = {
        "instrument": terms.id,
        "rate": format_ratio(venue.snapshot.funding[number]),
        "rule": None if rule is None else msgspec.to_builtins(rule),
        "interval": None,
    }
    if rule is not None and number in venue.intervals.open:
        gathered = venue.intervals.open[number]
        until_ms = ends_ms(rule, gathered)
        now = due(rule, gathered, max(venue.time_ms, gathered.since_ms))
        told["interval"] = {
            "since_ms": gathered.since_ms,
            "ends_ms": until_ms,
            "samples": gathered.samples,
            "premium": format_ratio(now.premium),
            "rate_so_far": format_ratio(now.rate),  # If the interval ended now.
        }
        if isinstance(rule, AgainstMakers):
            told["interval"]["daily_rate"] = format_ratio(now.after.daily_rate)
            told["interval"]["skew"] = gathered.skew  # Lots.
    return told


def collateral_shown(engine: Engine) -> Told:
    """What feeds said of each coin; zeros where they said nothing."""
    venue = started(engine)
    decimals = venue.catalogue.numeraire.decimals
    shown = []
    for number, coin in enumerate(venue.catalogue.coins):
        seen = venue.observed.get(number, NOTHING_OBSERVED)
        shown.append(
            {
                "coin": coin.id,
                "observed": number in venue.observed,
                "rate": format_ratio(seen.rate),
                "elapsed_s": seen.elapsed_s,
                "fair_price": format_atoms(seen.fair_price, decimals),
                "deposit_cap": venue.rulebook.coins[number].deposit_cap,
            }
        )
    return stamped(engine, numeraire=venue.catalogue.numeraire.id, coins=shown)


def episodes_shown(engine: Engine, total: int, rows: Sequence[Episode]) -> Told:
    """Effects of a range of events, the latest first, and how many there are in it."""
    venue = started(engine)
    told = [
        {"sequence": one.sequence, "time_ms": one.time_ms, **one_told(venue, one.effect)}
        for one in rows
    ]
    return stamped(engine, total=total, rows=told)
