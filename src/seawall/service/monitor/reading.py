"""What the ladders of one moment say: how far a fall or a rise would spread, and who would do it.

Pure functions of columns; every number is modelled. Nothing is told under one law alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from seawall.market import Kind
from seawall.pricing import Floats
from seawall.service.monitor.assumptions import Assumptions
from seawall.service.monitor.lines import Lines
from seawall.service.monitor.moment import Moment
from seawall.systemic import (
    LAWS,
    AtRisk,
    Contributor,
    GainError,
    Ladder,
    Reading,
    at_risk,
    contributors,
    distance_to_empty_fund,
    hill,
    laws_through,
    read,
    shares,
    top_share,
)
from seawall.systemic.impact import Linear
from seawall.systemic.ladder import Side

NO_IMPACT = "no impact"
SAMPLE = 399  # Quantiles of the normal that stand for a day's shocks.
SHOWN = 10
TAIL_SHARE = 20  # One size in so many is taken as the tail.


class Depth(NamedTuple):
    """What moves a price by `within`, on the side that a forced trade meets."""

    told: bool  # By the venue; else assumed.
    units: float  # Coins.
    within: float


class UnderLaw(NamedTuple):
    """One coin and side under one law; None where the law has no price for so much."""

    here: float | None  # R0 over the next `width` from the present price.
    reading: Reading | None
    to_bad_debt: float | None  # Smallest shock whose bad debt is above 0: without a fund.
    risk: AtRisk | None  # Of a normal day.


class SideReading(NamedTuple):
    """One coin and side."""

    side: Side
    ladder: Ladder
    depth: Depth
    laws: Mapping[str, LAWS]
    under: Mapping[str, UnderLaw]  # By law, first the one without impact.
    worst: list[Contributor]
    top: tuple[float, float, float]  # Share of the largest account, ten, and a hundred.
    hill: float | None


class SystemReading(NamedTuple):
    """All coins at once, moving the same way."""

    accounts: int  # Closed by a move of `width` of all coins.
    by_law: Mapping[str, float]  # System R0.
    by_coin: Floats  # [coin of the lines] share of the system R0 that its sales make.
    worst: list[tuple[int, float]]  # (account, its share of R0).


def depth_of(moment: Moment, coin: int, side: Side, by: Assumptions) -> Depth:
    """Lots that stand near the marks of a coin's contracts, in coins; assumed where none is told.

    Options are left out: what closes them does not meet the coin's own book.
    """
    venue = moment.venue
    catalogue, snapshot = venue.catalogue, venue.snapshot
    price, one = snapshot.price[coin], catalogue.coins[coin].one
    units = 0.0
    for number, terms in enumerate(catalogue.instruments):
        if catalogue.coin(terms.base) != coin or terms.kind is Kind.OPTION:
            continue
        lots = snapshot.depth[number][0 if side == "long" else 1]
        units += lots * (terms.lot / price if terms.is_sized_in_numeraire else terms.lot / one)
    if units > 0.0:
        return Depth(True, units, by.within)
    return Depth(False, by.notional * catalogue.numeraire.one / price, by.within)


def side_of(steps: Ladder, price: float, depth: Depth, fund: float, by: Assumptions) -> SideReading:
    """Read one ladder under every law that goes through its depth, and without impact."""
    laws = laws_through(price, depth.units, depth.within)
    chosen: dict[str, LAWS] = {NO_IMPACT: Linear(0.0), **laws}
    shock = -by.shock * steps.sign
    with np.errstate(all="ignore"):
        under = {name: _under(steps, law, price, shock, fund, by) for name, law in chosen.items()}
        headline = under[by.law].reading
        worst = []
        if headline is not None:
            worst = contributors(
                steps, laws[by.law], headline.cascade, book_share=by.book_share, most=SHOWN
            )
    size = steps.closing.units
    tail = size.size // TAIL_SHARE
    return SideReading(
        side=steps.side,
        ladder=steps,
        depth=depth,
        laws=laws,
        under=under,
        worst=worst,
        top=(top_share(size, 1), top_share(size, 10), top_share(size, 100)),
        hill=hill(size, tail) if tail > 1 else None,
    )


def _under(
    steps: Ladder, law: LAWS, price: float, shock: float, fund: float, by: Assumptions
) -> UnderLaw:
    here = _gain_here(steps, law, price, by)
    try:
        found = read(steps, law, price, shock, fund=fund, book_share=by.book_share, width=by.width)
        debt = distance_to_empty_fund(steps, law, price, 0.0, book_share=by.book_share)
    except OverflowError:  # The exponential of a purchase that no price can fill.
        return UnderLaw(here, None, None, None)
    return UnderLaw(here, found, debt, _at_risk(steps, law, price, fund, by))


def _gain_here(steps: Ladder, law: LAWS, price: float, by: Assumptions) -> float | None:
    """Move that is caused by closing whoever the next `width` closes ÷ `width`."""
    next_price = price * (1.0 - steps.sign * by.width)
    units = float(steps.forced_at(next_price)) * by.book_share * steps.sign
    after = law.price_after(price, units)
    found = abs(after / price - 1.0) / by.width
    return found if math.isfinite(found) else None


def day_shocks(by: Assumptions) -> Floats:
    """Quantiles of a normal day, evenly spread; a fall ends where nothing is left."""
    normal = NormalDist(0.0, by.volatility_day)
    sample = [normal.inv_cdf((n + 0.5) / SAMPLE) for n in range(SAMPLE)]
    found: Floats = np.maximum(np.array(sample), -0.99)
    return found


def _at_risk(steps: Ladder, law: LAWS, price: float, fund: float, by: Assumptions) -> AtRisk | None:
    try:
        return at_risk(
            steps,
            law,
            price,
            day_shocks(by),
            confidence=by.confidence,
            fund=fund,
            book_share=by.book_share,
        )
    except OverflowError:
        return None


def system_of(
    moment: Moment,
    lines: Lines,
    sold: Floats,
    depths: Sequence[Depth],
    side: Side,
    by: Assumptions,
) -> SystemReading:
    """System R0 to first order: the spectral radius of K = impact × forced sales.

    Nodes are coins. An account counts for the coins whose fall (or rise) hurts it and for what it
    sells (or buys); what it gains on others is no relief, so a hedged account is taken for worse
    than it is. Impact is the law's move for all that `width` forces, as a secant. `sold` [account,
    coin of the lines] are coins that closing sells at the present price.
    """
    if not lines.coins:
        return SystemReading(0, {}, np.zeros(0), [])
    sign, live, price = (1.0 if side == "long" else -1.0), moment.live, moment.price
    at = price[list(lines.coins)]
    slopes = np.stack([lines.of[coin, side].slope[live] for coin in lines.coins], axis=1)
    exposure = np.maximum(slopes * at, 0.0)  # Lost for each unit of relative move.
    value = np.maximum(sign * sold[live] * at, 0.0)
    whole = exposure.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(whole > 0.0, np.maximum(lines.now[live], 0.0) / whole, np.inf)
        weight = np.where(whole[:, None] > 0.0, exposure / whole[:, None], 0.0)
    near = distance < by.width
    forced = value[near].sum(axis=0) * by.book_share
    laws = [
        laws_through(float(p), depth.units, depth.within)
        for p, depth in zip(at, depths, strict=True)
    ]
    by_law: dict[str, float] = {}
    by_coin, worst = np.zeros(at.size), np.zeros(live.size)
    for name in laws[0]:
        impact = np.diag(
            [
                _secant(one[name], float(p), float(q), sign) * by.book_share
                for one, p, q in zip(laws, at, forced, strict=True)
            ]
        )
        try:
            found = shares(impact, value, weight, distance, by.width)
        except GainError:
            by_law[name] = 0.0
            continue
        by_law[name] = found.system
        if name == by.law:
            by_coin, worst = found.sale, found.account
    order = np.argsort(-worst, kind="stable")[:SHOWN]
    named = [(int(live[i]), float(worst[i])) for i in order if worst[i] > 0.0]
    return SystemReading(int(near.sum()), by_law, by_coin, named)


def _secant(law: LAWS, price: float, value: float, sign: float) -> float:
    """Relative move for each unit of notional, at a sale of so much."""
    notional = value if value > 0.0 else 1.0
    after = law.price_after(price, sign * notional / price)
    return min(abs(1.0 - after / price), 1e6) / notional
