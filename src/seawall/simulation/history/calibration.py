"""A tape becomes numbers: what forced sales do, who stands where, and how well that tells the rest.

Fitted on the first part, judged on the second, which the fit has not seen. Puts the pieces of this
package together and decides nothing that they do not say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.history.flow import DAY_MIN, Standing, explained, standing, told
from seawall.simulation.history.impact import (
    MILLION,
    Rebound,
    Response,
    averaging,
    best_power,
    rebound,
    response,
    trailing_volatility,
    typical_notional,
    withdrawal,
)
from seawall.simulation.history.rerun import Law, Rerun, own_way, rerun
from seawall.simulation.history.sizes import Clusters, Sizes, clusters, sizes
from seawall.simulation.history.tape import HistoryError, Tape

HOUR_MIN = 60
EPISODES = 8
FORCED_LEAST = 100  # Minutes with forced sales in each part.
SQRT = 0.5
WILD = 0.9


class Fit(NamedTuple):
    """What some minutes say."""

    minutes: int
    price: float  # Dollars, mean.
    response: Response  # To a million dollars.
    rebound: Rebound
    response_root: Response  # To the root of the millions.
    rebound_root: Rebound
    response_wild: Response
    rebound_wild: Rebound  # In the tenth of minutes that volatility puts first.
    rebound_other: Rebound  # In all the others.
    power: tuple[float, float]  # Of the law that the same minutes would choose, and its share.
    typical: float  # Dollars in a minute, where the estimates look.
    withdrawal: tuple[float, float]  # Exponent of the spread in volatility, and its error.
    calm: float  # Volatility of a minute, median.
    averaging: float
    stands: Standing

    @property
    def drop(self) -> float:
        """Fall at the typical notional, by what comes back: the point that laws go through."""
        return max(self.rebound.impact, 0.0) * self.typical / MILLION


class Judged(NamedTuple):
    """One law in the minutes that the fit has not seen."""

    law: Law
    forced: float  # Dollars.
    without: float  # The same way with impact off.
    hourly: float  # Correlation of forced dollars by the hour with those observed.
    explained: float  # Of longs' dollars by minute.
    price_error: float  # Root mean square of the logarithmic price.
    price_error_most: float
    gain: float  # R0 at the low of a day.
    rounds_most: int
    ran_away: bool

    @property
    def amplification(self) -> float:
        """Forced notional with impact ÷ without."""
        return self.forced / self.without if self.without else 1.0


class Episode(NamedTuple):
    """One of the fullest hours that the fit has not seen."""

    time_ms: float
    fall: float  # From its first minute to its low.
    observed: float  # Dollars of longs.
    said: float  # What the standing says, at the observed prices.
    rerun: float  # What the rerun under the middle law closed.

    @property
    def close_factor(self) -> float:
        """What was closed ÷ what stood in reach by the first part's measure."""
        return self.observed / self.said if self.said else 0.0


class Calibration(NamedTuple):
    """Everything that a tape says."""

    minutes: int
    first: Fit
    second: Fit  # Never used to predict; only to be held against the first.
    observed: float  # Dollars forced in the second part.
    said: float  # What the first part's standing says of it, at the observed prices.
    judged: tuple[Judged, ...]
    middle: Rerun  # Under the law of the square root through the measured point.
    episodes: tuple[Episode, ...]
    longs: Sizes
    shorts: Sizes
    clusters: Clusters  # Of longs.
    later: Tape  # The second part.


def calibrate(tape: Tape, share: float = 0.5) -> Calibration:
    """Fit the first `share` of a tape and judge it on the rest."""
    cut = round(len(tape) * share)
    if not 2 * DAY_MIN <= cut <= len(tape) - DAY_MIN:
        raise HistoryError(
            f"share: {share:g} of {len(tape):,} minutes leaves less than two days to fit or one "
            "day to judge"
        )
    before, after = tape.between(0, cut), tape.between(cut, len(tape))
    for part in (before, after):
        some = int((part.net != 0.0).sum())
        if some < FORCED_LEAST:
            reason = f"{some} of {len(part):,} minutes have any, and {FORCED_LEAST} are needed"
            raise HistoryError(f"liq_long, liq_short: {reason}")
    first = _fit(before)
    reruns = [_judged(law, before, after, first) for law in laws_of(first)]
    middle = reruns[2][1]
    said = np.stack(told(tape, first.stands))[:, cut:]
    return Calibration(
        len(tape),
        first,
        _fit(after),
        float((after.sold + after.bought).sum()),
        float(said.sum()),
        tuple(one for one, _ in reruns),
        middle,
        _episodes(after, said[0], middle),
        sizes(tape.sold),
        sizes(tape.bought),
        clusters(tape.sold),
        after,
    )


def laws_of(fit: Fit) -> tuple[Law, ...]:
    """Laws to be judged: none, two through the measured point, and both ends of the root's own."""
    half_life, root = fit.rebound.half_life_min, fit.rebound_root
    through = fit.drop / (fit.typical / MILLION) ** SQRT
    return (
        Law("no impact", 0.0),
        Law("linear, what comes back", max(fit.rebound.impact, 0.0), 1.0, half_life),
        Law("sqrt, through the same point", through, SQRT, half_life),
        Law("sqrt, what comes back", max(root.impact, 0.0), SQRT, root.half_life_min),
        Law("sqrt, ceiling", fit.response_root.ceiling, SQRT, half_life),
    )


def _fit(tape: Tape) -> Fit:
    volatility = trailing_volatility(tape)
    wild = volatility >= np.quantile(volatility, WILD)
    return Fit(
        minutes=len(tape),
        price=float(tape.middle.mean()),
        response=response(tape),
        rebound=rebound(tape),
        response_root=response(tape, SQRT),
        rebound_root=rebound(tape, SQRT),
        response_wild=response(tape, among=wild),
        rebound_wild=rebound(tape, among=wild),
        rebound_other=rebound(tape, among=~wild),
        power=best_power(tape),
        typical=typical_notional(tape),
        withdrawal=withdrawal(tape),
        calm=float(np.median(volatility)),
        averaging=averaging(tape),
        stands=standing(tape),
    )


def _judged(law: Law, before: Tape, after: Tape, fit: Fit) -> tuple[Judged, Rerun]:
    way = own_way(after, law)
    live, still = (rerun(way, before, fit.stands, one) for one in (law, Law("off", 0.0)))
    missed = live.log_price - after.log_price
    forced, observed = by_hour(live.sold + live.bought), by_hour(after.sold + after.bought)
    return Judged(
        law,
        live.forced,
        still.forced,
        float(np.corrcoef(forced, observed)[0, 1]),
        explained(after.sold, live.sold),
        float(np.sqrt((missed**2).mean())),
        float(np.abs(missed).max()),
        gain_at_low(fit, law),
        live.rounds_most,
        live.ran_away,
    ), live


def by_hour(dollars: Floats) -> Floats:
    """Sums of sixty minutes; what is left over at the end is not told."""
    whole = dollars.size // HOUR_MIN
    found: Floats = dollars[: whole * HOUR_MIN].reshape(whole, HOUR_MIN).sum(axis=1)
    return found


def _episodes(after: Tape, said: Floats, middle: Rerun) -> tuple[Episode, ...]:
    """The hours with most dollars of longs, the fullest first."""
    observed = by_hour(after.sold)
    hours = np.argsort(-observed, kind="stable")[:EPISODES]
    falls = [after.log_price[hour * HOUR_MIN : (hour + 1) * HOUR_MIN] for hour in hours.tolist()]
    return tuple(
        Episode(
            float(after.time_ms[hour * HOUR_MIN]),
            float(1.0 - np.exp(path.min() - path[0])),
            float(observed[hour]),
            float(by_hour(said)[hour]),
            float(by_hour(middle.sold)[hour]),
        )
        for hour, path in zip(hours.tolist(), falls, strict=True)
    )


def gain_at_low(fit: Fit, law: Law) -> float:
    """R0 of a fall below the low of a day: slope of the law at the typical notional × standing."""
    millions = max(fit.typical / MILLION, 1e-9)
    slope = law.size * law.power * millions ** (law.power - 1.0) / MILLION
    return float(slope * fit.stands.longs.sum())
