"""Reports of several sources into one published price, or a refusal with its reason.

A pure function of policy, reports, last price and time; `observe` keeps what each source said last.
Integers throughout: ratios are compared by multiplication. Knows no account and no market data
beside the reports. The reasons and their order are `OracleRefusal`'s.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from seawall.market.oracle.policy import Policy
from seawall.market.oracle.reducers import (
    Interval,
    median,
    spread,
    vote,
    weighted_mean,
    weighted_median,
)
from seawall.market.oracle.report import (
    NotDue,
    OracleRefusal,
    Outcome,
    Published,
    Refusal,
    Rejection,
    Report,
    ReportError,
    Status,
)
from seawall.money import RATIO_ONE, parse_ratio


class Feed(NamedTuple):
    """An oracle's state: what each source said last, the last price, and whether one is refused."""

    reports: tuple[Report, ...] = ()  # One for each source, in alphabetical order.
    last: Published | None = None
    confirmed_ms: int = 0  # When a sound price was last near the last one, or published.
    refusal: OracleRefusal | None = None


class Observation(NamedTuple):
    """What became of some reports."""

    feed: Feed
    outcome: Outcome
    dropped: tuple[tuple[str, Rejection], ...]  # Reports that changed nothing.


def publish(
    policy: Policy,
    reports: Iterable[Report],
    last: Published | None,
    now_ms: int,
    *,
    confirmed_ms: int | None = None,
) -> Outcome:
    """Judge each source, reduce those that stand, and judge the result against the last price.

    A source is rejected for the first reason that holds of it. The refusal is the first reason
    after which fewer than `sources_min` are left. The order of the reports does not matter. The
    last price is a witness for `deviation_window_ms` since it was published or confirmed.
    """
    heard = sorted(reports, key=lambda report: report.source)
    for before, report in itertools.pairwise(heard):
        if before.source == report.source:
            raise ReportError(f"reports name {report.source} twice")
    rejections = _rejections(policy, heard, now_ms)
    rejected = tuple((r.source, rejections[r.source]) for r in heard if r.source in rejections)
    left = len(heard)
    for reason in Rejection:
        left -= sum(1 for _, why in rejected if why is reason)
        if left < policy.sources_min:
            return Refusal(OracleRefusal(reason), rejected)
    used = [report for report in heard if report.source not in rejections]
    price, confidence = _reduced(policy, used)
    found = Published(
        price,
        confidence,
        min(now_ms, sorted(report.published_ms for report in used)[(len(used) - 1) // 2]),
        now_ms,
        tuple(report.source for report in used),
        rejected,
    )
    since = confirmed_ms if confirmed_ms is not None else last.published_ms if last else now_ms
    refusal = _refusal(policy, found, last, since)
    if refusal is not None:
        return Refusal(refusal, rejected, price)
    return found if is_due(policy, last, price, now_ms) else NotDue(price, confidence, rejected)


def observe(policy: Policy, feed: Feed, reports: Iterable[Report], now_ms: int) -> Observation:
    """Take in reports, of some sources or none, and publish from what each source said last.

    A report older than its source's last is dropped, and so are two with one stamp that differ: a
    source that contradicts itself has said nothing. A stamp from the future stands only until the
    source says anything else, or one wrong stamp would silence it for good. Calling this without
    reports lets time pass.
    """
    said, dropped = _said(feed.reports, reports, now_ms + policy.future_tolerance_ms)
    outcome = publish(policy, said, feed.last, now_ms, confirmed_ms=feed.confirmed_ms)
    last = outcome if isinstance(outcome, Published) else feed.last
    refusal = outcome.reason if isinstance(outcome, Refusal) else None
    confirmed_ms = feed.confirmed_ms if refusal is not None else now_ms
    return Observation(Feed(said, last, confirmed_ms, refusal), outcome, dropped)


def is_due(policy: Policy, last: Published | None, price: int, now_ms: int) -> bool:
    """Whether a price is published: at first, after a heartbeat, or after a move of the trigger.

    |price − last| ≥ trigger_ratio · last, or now − last ≥ heartbeat.
    """
    if last is None or now_ms - last.published_ms >= policy.heartbeat_ms:
        return True
    moved = abs(price - last.price)
    return moved * RATIO_ONE >= _parts(policy.trigger_ratio) * last.price


def _said(
    standing: Iterable[Report], reports: Iterable[Report], until_ms: int
) -> tuple[tuple[Report, ...], tuple[tuple[str, Rejection], ...]]:
    """What each source said last, and whose reports were dropped; in alphabetical order."""

    def rank(report: Report) -> tuple[bool, int]:
        return report.published_ms <= until_ms, report.published_ms

    known = {report.source: report for report in standing}
    newest = {source: {report} for source, report in known.items()}
    dropped: dict[str, Rejection] = {}
    for report in reports:
        source = report.source
        if source in known and rank(report) < rank(known[source]):
            is_ahead = report.published_ms > until_ms
            why = Rejection.FUTURE_DATED if is_ahead else Rejection.NON_MONOTONE
            dropped[source] = min(why, dropped.get(source, why))
            continue
        rivals = newest.setdefault(source, {report})
        stands = rank(next(iter(rivals)))
        if rank(report) > stands:
            newest[source] = {report}
        elif rank(report) == stands:
            rivals.add(report)
    for source, rivals in newest.items():
        if len(rivals) == 1:
            known[source] = next(iter(rivals))
        else:
            dropped.setdefault(source, Rejection.NON_MONOTONE)
    return tuple(known[source] for source in sorted(known)), tuple(sorted(dropped.items()))


def _rejections(policy: Policy, heard: list[Report], now_ms: int) -> dict[str, Rejection]:
    listed = {source.id: source for source in policy.sources}
    why: dict[str, Rejection] = {}
    for report in heard:
        source = listed.get(report.source)
        if listed and source is None:
            why[report.source] = Rejection.UNLISTED
        elif report.status is not Status.TRADING or (source is not None and source.halted):
            why[report.source] = Rejection.HALTED
        elif now_ms - report.published_ms > policy.age_max_ms:
            why[report.source] = Rejection.STALE
        elif report.published_ms - now_ms > policy.future_tolerance_ms:
            why[report.source] = Rejection.FUTURE_DATED
    present = [report for report in heard if report.source not in why]
    if not present:
        return why
    # Twice the centre is whole, so that two sources are equally far from it.
    twice = median(2 * report.price for report in present)
    for report in present:
        if _beyond(2 * report.price - twice, policy.outlier_ratio, twice):
            why[report.source] = Rejection.OUTLIER
        elif _is_wide(policy, report.price, report.confidence):
            why[report.source] = Rejection.TOO_WIDE
    return why


def _reduced(policy: Policy, used: list[Report]) -> Interval:
    prices = [report.price for report in used]
    confidences = [report.confidence for report in used]
    if policy.reducer == "vote":
        return vote(zip(prices, confidences, strict=True))
    if policy.reducer == "median":
        price = median(prices)
    else:
        weight = {source.id: source.weight for source in policy.sources}
        weights = [weight.get(report.source, 1) for report in used]
        reduce = weighted_mean if policy.reducer == "weighted_mean" else weighted_median
        price = reduce(prices, weights)
    return Interval(price, spread(prices, confidences, price))


def _refusal(
    policy: Policy, found: Published, last: Published | None, confirmed_ms: int
) -> OracleRefusal | None:
    if _is_wide(policy, found.price, found.confidence):
        return OracleRefusal.TOO_WIDE
    if last is None:
        return None
    is_witness = found.published_ms - confirmed_ms < policy.deviation_window_ms
    if is_witness and _beyond(found.price - last.price, policy.deviation_ratio_max, last.price):
        return OracleRefusal.DEVIATING
    if found.observed_ms < last.observed_ms or found.published_ms < last.published_ms:
        return OracleRefusal.NON_MONOTONE
    return None


def _is_wide(policy: Policy, price: int, confidence: int) -> bool:
    """No half-width is a small share of a price that is not positive."""
    return price <= 0 or _beyond(confidence, policy.confidence_ratio_max, price)


def _beyond(distance: int, ratio: Decimal, centre: int) -> bool:
    return abs(distance) * RATIO_ONE > _parts(ratio) * abs(centre)


@functools.lru_cache(maxsize=4096)
def _parts(ratio: Decimal) -> int:
    return parse_ratio(ratio)
