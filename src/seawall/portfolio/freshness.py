"""Which of an account's positions rest on a price that is old, or that its source doubts.

Nothing is left out for it: a doubtful position is judged at the price that there is, and listed.
Ages are counted from the time of the market, not from a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from seawall.engine.state import Venue
from seawall.market import Instrument, Kind
from seawall.money import RATIO_ONE, AmountError, parse_ratio
from seawall.portfolio.read import Market, PortfolioError, moment_ms

STALE_AFTER_S = 60  # Unless the market or the caller says otherwise.


class Watch(NamedTuple):
    """When a reading is doubtful, and when those were read that a snapshot does not date."""

    stale_after_ms: int = STALE_AFTER_S * 1_000
    least_confidence: int = RATIO_ONE  # Parts per billion.
    mark_ms: Mapping[int, int] = {}  # By instrument.
    smile_ms: Mapping[tuple[int, int], int] = {}  # By (coin, expires_ms).


ORDINARY = Watch()


class Doubt(NamedTuple):
    """One reading behind one position that is too old or too unsure."""

    asset: int
    of: str  # Such as "price of BTC".
    age_ms: int | None  # None: its time is not known.
    confidence: int  # Parts per billion.
    is_stale: bool
    is_unsure: bool


class _Reading(NamedTuple):
    of: str
    read_ms: int  # 0: not known.
    confidence: int


def watch_of(
    venue: Venue, market: Market, file: object = "market", *, stale_after_s: int | None = None
) -> Watch:
    """Read the limits of a market file and the times of its marks and smiles.

    `stale_after_s` goes before the file's own.
    """
    try:
        if stale_after_s is None:
            stale_after_s = market.stale_after_s
        if stale_after_s is None:
            stale_after_s = STALE_AFTER_S
        if stale_after_s < 0:
            raise ValueError(f"{stale_after_s} is negative - at `$.stale_after_s`")
        now_ms, catalogue = venue.snapshot.time_ms, venue.catalogue
        marks = {}
        for place, tree in enumerate(market.contracts):
            if "mark_time" in tree:
                number = catalogue.instrument(tree["id"])
                marks[number] = _mark_ms(tree["mark_time"], place, now_ms)
        smiles = {}
        for place, smile in enumerate(market.smiles):
            if smile.time is not None:
                key = catalogue.coin(smile.coin), moment_ms(smile.expires, f"$.smiles[{place}]")
                smiles[key] = moment_ms(smile.time, f"$.smiles[{place}].time", now_ms)
        least = _least(market)
    except ValueError as error:
        raise PortfolioError(f"{file}: {error}") from None
    return Watch(stale_after_s * 1_000, least, marks, smiles)


def doubts(venue: Venue, assets: Collection[int], watch: Watch) -> tuple[Doubt, ...]:
    """List every doubtful reading behind these assets, in their order.

    age = time of the market − time of the reading; stale: age > stale_after; unsure: confidence <
    least_confidence. A contract rests on the prices of its coin and of its currency, on its mark if
    it was given one, and as an option on its smile. Its cash leg is not listed beside it.
    """
    found = []
    for asset in assets:
        for of, read_ms, confidence in _readings(venue, asset, assets, watch):
            age_ms = venue.snapshot.time_ms - read_ms if read_ms else None
            is_stale = age_ms is not None and age_ms > watch.stale_after_ms
            is_unsure = confidence < watch.least_confidence
            if is_stale or is_unsure:
                found.append(Doubt(asset, of, age_ms, confidence, is_stale, is_unsure))
    return tuple(found)


def _mark_ms(moment: Any, place: int, now_ms: int) -> int:
    path = f"$.contracts[{place}].mark_time"
    try:
        return moment_ms(msgspec.convert(moment, datetime), path, now_ms)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error} - at `{path}`") from None


def _least(market: Market) -> int:
    if market.least_confidence is None:
        return RATIO_ONE
    try:
        least = parse_ratio(market.least_confidence)
    except AmountError as error:
        raise ValueError(f"{error} - at `$.least_confidence`") from None
    if not 0 <= least <= RATIO_ONE:
        said = f"{market.least_confidence} is not between 0 and 1"
        raise ValueError(f"{said} - at `$.least_confidence`")
    return least


def _readings(venue: Venue, asset: int, held: Collection[int], watch: Watch) -> Iterator[_Reading]:
    catalogue, snapshot = venue.catalogue, venue.snapshot
    listed = catalogue.assets[asset]
    coins = [listed.currency]
    if listed.kind == Kind.QUOTE and catalogue.lot_asset[listed.instrument] in held:
        return
    if listed.kind not in (Kind.CURRENCY, Kind.QUOTE):
        terms = catalogue.instruments[listed.instrument]
        coins.insert(0, catalogue.coin(terms.base))
        yield from _own(venue, listed.instrument, terms, watch)
    for coin in dict.fromkeys(coins):
        said = f"price of {catalogue.coins[coin].id}"
        yield _Reading(said, snapshot.priced_ms[coin], snapshot.confidence[coin])


def _own(venue: Venue, number: int, terms: Instrument, watch: Watch) -> Iterator[_Reading]:
    """Its mark and its smile, where their times are known."""
    if venue.snapshot.mark[number] and number in watch.mark_ms:
        yield _Reading(f"mark of {terms.id}", watch.mark_ms[number], RATIO_ONE)
    if terms.type == "option":
        smile = watch.smile_ms.get((venue.catalogue.coin(terms.base), terms.expires_ms or 0))
        if smile is not None:
            yield _Reading(f"smile of {terms.base}", smile, RATIO_ONE)
