"""One tick: what was last seen becomes the snapshot, the tables are priced, the bands are asked.

Judges nobody; the engine does, once all of it stands.
"""

from __future__ import annotations

from seawall.engine.effect import Reason
from seawall.engine.event import Observed, Priced
from seawall.engine.state import Venue
from seawall.engine.watching import breakers, oracles
from seawall.market import SnapshotError
from seawall.money import ATOMS_MAX
from seawall.pricing import PricingError, TooLargeError


def price(venue: Venue, event: Priced) -> Reason | None:
    """Prices and marks from whoever tells them; a coin with an oracle is not told past it."""
    if oracles.tells_for_an_oracle(venue, event):
        return Reason.PRICE_FROM_ORACLE
    refusal = _shown(venue, event)
    if refusal is None:
        breakers.see_prices(venue, event.price, event.mark)
    return refusal


def hear(venue: Venue, event: Observed) -> Reason | None:
    """Reports of a coin; what its oracle publishes is a tick."""
    seen = oracles.heard(venue, event)
    if isinstance(seen, Reason):
        return seen
    tick = oracles.as_tick(event, seen.outcome)
    refusal = _shown(venue, tick) if tick else None
    if refusal is not None:
        return refusal
    oracles.keep(venue, event.coin, seen)
    if tick:
        breakers.see_prices(venue, tick.price, tick.mark)
    return None


def _shown(venue: Venue, event: Priced) -> Reason | None:
    """Let a tick be what was last seen, and price the tables; judge nobody yet."""
    try:
        snapshot, touched = venue.snapshot.priced(
            venue.catalogue,
            venue.snapshot.sequence + 1,
            event.time_ms,
            price=event.price,
            mark=event.mark,
            slices=event.slices,
            depth=event.depth,
            confidence=event.confidence,
        )
    except SnapshotError:
        return _fault(venue, event)
    if venue.rulebook.deleveraging.price == "previous_mark" and venue.tables.ready:
        marks = tuple(map(venue.mark, range(len(venue.catalogue.instruments))))
    else:
        marks = ()
    before, venue.snapshot = venue.snapshot, snapshot
    moved = snapshot.time_ms != before.time_ms
    if not all(snapshot.price):
        return None
    if moved:  # An option loses value by the clock alone.
        touched |= venue.catalogue.option_coins(snapshot.time_ms)
    try:
        venue.tables.reprice(venue.catalogue, snapshot, touched)
    except PricingError as error:  # Else an option without a smile.
        venue.snapshot = before
        return Reason.BAD_TICK if isinstance(error, TooLargeError) else Reason.NO_PRICE
    venue.previous_mark = marks
    venue.left_depth = {}
    venue.no_takers = {}
    venue.fund = None
    venue.unmet = set()
    return None


def _fault(venue: Venue, event: Priced) -> Reason:
    """What is wrong with a tick that no market can show, first things first."""
    coins, instruments = len(venue.catalogue.coins), len(venue.catalogue.instruments)
    named = [coin for coin, _ in (*event.price, *event.confidence)]
    named += [smile.coin for smile in event.slices]
    listed = [number for number, *_ in (*event.mark, *event.depth)]
    if not (
        all(0 <= coin < coins for coin in named)
        and all(0 <= number < instruments for number in listed)
    ):
        return Reason.UNKNOWN_INSTRUMENT
    if not all(0 < told <= ATOMS_MAX for _, told in (*event.price, *event.mark)):
        return Reason.PRICE_NOT_POSITIVE
    return Reason.BAD_TICK
