"""What a forced sale does to the price, as far as minutes can tell: a ceiling and what comes back.

A fall closes positions and closing them makes a fall. Within a minute the two cannot be told apart,
so the response of the price in the same minute is a ceiling of impact and no estimate of it. What
the price takes back afterwards, beyond what it takes back after the same returns without forced
sales, is impact that faded. Forced sales tell nobody anything, and the measured impact of flow that
tells nothing fades almost wholly (Donier and Bonart 2015), so that is the estimate; an impact that
stays is not seen by it. Knows a tape and regressions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.pricing import Floats
from seawall.simulation.history.regression import Fitted, fitted, lagged
from seawall.simulation.history.tape import Tape

RESPONSE_MINUTES = 30
HORIZONS = (2, 3, 5, 8, 10, 15, 20, 30, 45, 60)  # Minutes after a forced sale.
MOVES_KNOWN = 10  # Past returns that are held constant, and the one in which quotes still average.
MILLION = 1e6
_HALF_LIVES = np.geomspace(0.5, 240.0, 400)


class Response(NamedTuple):
    """Cumulative return after a net forced sale of one unit, by minutes since."""

    cumulative: Floats  # [minute]
    error: Floats  # [minute]
    explained: float

    @property
    def ceiling(self) -> float:
        """Fall in the minute of the sale and the next: quotes are averages and need both."""
        return float(-self.cumulative[1])


class Rebound(NamedTuple):
    """What comes back after a net forced sale of one unit, beyond what returns alone say."""

    back: Floats  # [horizon] return from the next minute to the horizon.
    error: Floats  # [horizon]
    half_life_min: float
    impact: float  # back(h) = impact · (1 − 2^(−(h − 1) ÷ half life)), weighted by errors.
    impact_error: float

    @property
    def is_seen(self) -> bool:
        """Whether the impact is two standard errors above nothing."""
        return self.impact > 2.0 * self.impact_error


def pressure(net: Floats, power: float) -> Floats:
    """Signed power of millions of dollars: 1 is linear impact, ½ the square root."""
    millions = net / MILLION
    found: Floats = np.sign(millions) * np.abs(millions) ** power
    return found


def response(tape: Tape, power: float = 1.0, among: NDArray[np.bool_] | None = None) -> Response:
    """Return regressed on this minute's net forced sales and those of the 30 before."""
    rows = np.arange(RESPONSE_MINUTES, len(tape))
    rows = rows if among is None else rows[among[rows]]
    lags = range(RESPONSE_MINUTES + 1)
    flow = lagged(pressure(tape.net, power), lags, rows)
    found = fitted(_with_one(flow), tape.moves[rows], RESPONSE_MINUTES)
    until = np.tril(np.ones((len(lags), len(lags))))
    errors = [found.error(np.concatenate(([0.0], one))) for one in until]
    return Response(np.cumsum(found.slope[1:]), np.array(errors), found.explained)


def rebound(tape: Tape, power: float = 1.0, among: NDArray[np.bool_] | None = None) -> Rebound:
    """Later returns regressed on net forced sales, returns until one minute later held constant.

    `among` leaves minutes out as starting points; what comes after them is looked at all the same.
    """
    log_price, moves, flow = tape.log_price, tape.moves, pressure(tape.net, power)
    rows = np.arange(MOVES_KNOWN + 1, len(tape) - HORIZONS[-1])
    rows = rows if among is None else rows[among[rows]]
    known = lagged(moves, range(-1, MOVES_KNOWN), rows)
    design = _with_one(np.concatenate([flow[rows][:, None], known], axis=1))
    fits: list[Fitted] = []
    for minutes in HORIZONS:
        later = log_price[rows + minutes] - log_price[rows + 1]
        fits.append(fitted(design, later, max(RESPONSE_MINUTES, minutes)))
    back = np.array([one.slope[1] for one in fits])
    error = np.array([math.sqrt(one.covariance[1, 1]) for one in fits])
    impact, half_life, wide = _relaxation(back, error)
    return Rebound(back, error, half_life, impact, wide)


def best_power(tape: Tape) -> tuple[float, float]:
    """(power, share explained) of the concave law that the same minutes would choose.

    A ceiling too: a return that closes more than in proportion bends this curve without impact.
    """
    rows = np.arange(1, len(tape))
    found = []
    for power in np.arange(0.1, 1.05, 0.05).tolist():
        flow = lagged(pressure(tape.net, power), (0, 1), rows)
        found.append((fitted(_with_one(flow), tape.moves[rows], 0).explained, round(power, 2)))
    explained, power = max(found)
    return power, explained


def typical_notional(tape: Tape) -> float:
    """Dollars in a minute at which a regression on net sales looks: Σ|x|³ ÷ Σx²."""
    size = np.abs(tape.net)
    return float((size**3).sum() / (size**2).sum())


def trailing_volatility(tape: Tape, decay: float = 0.94) -> Floats:
    """[minute] root of the exponentially weighted squares of the returns before it."""
    squares, found = tape.moves**2, np.empty(len(tape))
    seen = float(squares[1:61].mean())
    for place, square in enumerate(squares.tolist()):
        found[place] = seen
        seen = decay * seen + (1.0 - decay) * square
    root: Floats = np.sqrt(found)
    return root


def withdrawal(tape: Tape) -> tuple[float, float]:
    """(exponent, standard error) of the quoted spread in the volatility of the minutes before.

    ln spread = a + b · ln volatility: at b = 1 a market that moves twice as much quotes twice as
    wide, which is what depth · calm ÷ volatility says of a book.
    """
    volatility = trailing_volatility(tape)
    rows = np.flatnonzero((tape.spread > 0.0) & (volatility > 0.0))
    found = fitted(
        _with_one(np.log(volatility[rows])[:, None]), np.log(tape.spread[rows]), RESPONSE_MINUTES
    )
    return float(found.slope[1]), math.sqrt(found.covariance[1, 1])


def averaging(tape: Tape) -> float:
    """First autocorrelation of returns: ¼ is what means over a minute show. Working (1960)."""
    moves = tape.moves[1:]
    return float(np.corrcoef(moves[1:], moves[:-1])[0, 1])


def _with_one(columns: Floats) -> Floats:
    found: Floats = np.concatenate([np.ones((columns.shape[0], 1)), columns], axis=1)
    return found


def _relaxation(back: Floats, error: Floats) -> tuple[float, float, float]:
    """(impact, half life, standard error) of the curve nearest to what came back.

    The error is that of the horizon that is surest about the impact, since all share their minutes.
    """
    elapsed, weight = np.array(HORIZONS) - 1.0, 1.0 / error**2
    best = (math.inf, 0.0, 0.0, 0.0)
    for half_life in _HALF_LIVES.tolist():
        shape = 1.0 - 0.5 ** (elapsed / half_life)
        impact = float((weight * shape * back).sum() / (weight * shape**2).sum())
        missed = float((weight * (back - impact * shape) ** 2).sum())
        if missed < best[0]:
            best = (missed, impact, half_life, float((error / shape).min()))
    return best[1], best[2], best[3]
