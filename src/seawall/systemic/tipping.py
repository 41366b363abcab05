"""Where a book tips: local gain, avalanches, and the distance to both.

Two questions that are often taken for one. Is the density of forced trades so high that a fall
feeds itself (local gain R0 ≥ 1)? And which is the smallest shock that in fact sets off many
accounts at once (an avalanche)? The first is a slope and needs a width, because positions are
points; the second is exact on any book. Knows a ladder and a law; does not know time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats, Ints
from seawall.systemic.impact import LAWS
from seawall.systemic.ladder import Ladder, cascade, compiled


def local_gain(steps: Ladder, law: LAWS, width: float, *, book_share: float = 1.0) -> Floats:
    """R0 at each step: what one unit of fall forces × what a forced unit makes the price fall.

    R0 = slope(p, forced) · (forced(p·(1 − width)) − forced(p)) ÷ (p · width) · book_share for a
    fall, with p the step's price: the derivative of the map whose fixed point a cascade is, over
    the next `width`. At R0 ≥ 1 a fall that has come to the step goes on by itself. [step]
    """
    here = steps.price
    closed, further = np.empty(here.size), np.empty(here.size)
    ratio = 1.0 - steps.sign * width
    compiled().next_forced(steps.closing.key, steps.forced, ratio, closed, further)
    density = (further - closed) / (np.abs(here) * width)
    steepness = law.slope(here, steps.sign * closed * book_share)
    with np.errstate(invalid="ignore"):
        gain: Floats = np.where(density > 0.0, steepness * density, 0.0) * book_share
    return gain


class Thresholds(NamedTuple):
    """What start price sets off each step of a ladder under one law: every cascade in one column.

    A step is reached when the price falls to it with all before it closed, from a start of
    impact⁻¹(its price, forced before it). A start that sets off a step sets off all before it, so
    the running least of these is what is needed, and every shock is one binary search.
    """

    ladder: Ladder
    law: LAWS
    book_share: float
    needed: Floats  # [step] sign × start price that sets the step off, descending.

    def shocks(self, price: float) -> Floats:
        """[step] relative shock that sets the step off; 0 where none is needed."""
        sign = self.ladder.sign
        shock: Floats = sign * np.minimum(self.needed, sign * price) / price - 1.0
        return shock

    def accounts(self, price: float, shocks: ArrayLike) -> Ints:
        """[shock] how many accounts a relative shock closes."""
        starts = price * (1.0 + np.atleast_1d(np.asarray(shocks, np.float64)))
        out = np.empty(starts.size, np.int64)
        compiled().looked_up(self.needed, starts, self.ladder.sign, out)
        return out


def thresholds(steps: Ladder, law: LAWS, *, book_share: float = 1.0) -> Thresholds:
    """Undo the law at every step: one pass over the ladder, good for any price and shock."""
    before = steps.sign * steps.forced[:-1] * book_share
    start = steps.sign * law.price_before(steps.price, before)
    return Thresholds(steps, law, book_share, np.minimum.accumulate(start))


class Avalanche(NamedTuple):
    """Steps that one and the same shock sets off together."""

    shock: float  # The smallest that does it, relative to the price.
    accounts: int
    forced: float  # Units.
    jump: float  # By how much the final price falls at that shock, relative to the price before it.
    first: int  # Step.


def avalanches(
    found: Thresholds, price: float, least: float = 0.0, most: int | None = None
) -> list[Avalanche]:
    """Every avalanche whose jump is at least `least`, from the smallest shock to the largest.

    With `most` only so many, those with the largest jumps.

    The final price as a function of the shock is a staircase with slopes between the steps; an
    avalanche is a step of it, and its jump is all the accounts' own doing.
    """
    steps, law, share = found.ladder, found.law, found.book_share
    if not found.needed.size:
        return []
    needed = np.minimum(found.needed, steps.sign * price)
    first = np.flatnonzero(np.append(True, needed[1:] < needed[:-1]))
    last = np.append(first[1:], needed.size)
    sold = steps.sign * share * steps.forced
    start = steps.sign * needed[first]
    fell = law.prices_after(start, sold[first]) - law.prices_after(start, sold[last])
    jump = steps.sign * fell / price
    keep = np.flatnonzero(jump >= least)
    if most is not None:
        keep = np.sort(keep[np.argsort(-jump[keep], kind="stable")[:most]])
    return [
        Avalanche(
            shock=float(start[i] / price - 1.0),
            accounts=int(last[i] - first[i]),
            forced=float(steps.forced[last[i]] - steps.forced[first[i]]),
            jump=float(jump[i]),
            first=int(first[i]),
        )
        for i in keep
    ]


def distance_to_cascade(found: Thresholds, price: float, width: float) -> float | None:
    """The smallest shock that comes to a step with R0 ≥ 1; None where there is no such step.

    What lies before the step helps the shock on its way. On a book that is dense and critical from
    its first account this is the distance to that account, which may be next to nothing; what then
    follows is told by `avalanches`, and by how much the book thins out below.
    """
    gain = local_gain(found.ladder, found.law, width, book_share=found.book_share)
    critical = np.flatnonzero(gain >= 1.0)
    return float(found.shocks(price)[critical[0]]) if critical.size else None


def distance_to_avalanche(found: Thresholds, price: float, least: float) -> float | None:
    """The smallest shock at which the final price jumps by `least` of the price or more."""
    largest = avalanches(found, price, least)
    return largest[0].shock if largest else None


def distance_to_empty_fund(
    steps: Ladder, law: LAWS, price: float, fund: float, *, book_share: float = 1.0
) -> float | None:
    """The smallest shock whose bad debt is more than the fund; None where there is none.

    Bisection to 2⁻⁵³ of the price: with full closes a larger shock never owes less.
    """

    def owed(shock: float) -> float:
        return cascade(steps, law, price, shock, book_share=book_share, rounds_kept=0).bad_debt

    low, high = 0.0, -1.0 + 1e-9 if steps.sign > 0 else 1e3
    if not owed(high) > fund:
        return None
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if owed(middle) > fund else (middle, high)
    return high
