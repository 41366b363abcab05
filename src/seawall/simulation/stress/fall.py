"""One fall and thousands of them: cascades on a ladder with a depth and a resilience of their own.

Knows a ladder, a law and numbers. Does not know where the ladder comes from.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seawall.pricing import Floats, Ints
from seawall.simulation.stress.depth import StressError
from seawall.systemic import LAWS, Ladder

ROUNDS_KEPT = 32
TICKS_MOST = 500


class Steps(NamedTuple):
    """A ladder and what each of its steps owes. [step] in the order of closing"""

    ladder: Ladder
    fails: Floats  # Side × price at which it is worth nothing; −inf where never.
    beyond: Floats  # What it loses for each unit of price beyond that,
    near: Floats  # and near its close.


class Fall(NamedTuple):
    """What is asked, beside the ladder and the law."""

    shock: float  # Relative.
    depth: float = 1.0  # Share of the law's depth that is there.
    resilience: float = 0.0  # Share of the displacement that comes back after a round or a tick.
    book_share: float = 1.0  # Of forced units, the share that reaches the book.
    ticks: int = 1  # In which the shock comes; 1 is a gap.


class Fallen(NamedTuple):
    """Where one or many falls end. [run]"""

    final: Floats
    worst: Floats  # The price farthest from today's.
    average: Floats  # What a forced unit was traded at.
    accounts: Ints  # Closed.
    forced: Floats  # Units, by the ladder's side.
    rounds: Ints
    bad_debt: Floats  # Numeraire, each account at the average price of its round.
    slipped: Floats  # Lost to the book: from the price without sales to the price of the trade.
    path: Floats  # [run, tick] today, then after each tick; of one tick: shocked, then by round.

    @property
    def notional(self) -> Floats:
        """Forced units at what they were traded at. [run]"""
        found: Floats = np.abs(self.forced) * self.average
        return found


def fall(
    steps: Steps,
    law: LAWS,
    price: float,
    shock: Floats,
    depth: Floats,
    resilience: Floats,
    book_share: float = 1.0,
    ticks: int = 1,
    traded: Floats | None = None,
) -> Fallen:
    """Run every fall of three columns of one length. The same bits, one alone or with others.

    Without resilience neither ticks nor rounds change where it ends, only what is owed there.
    `traded` [2, step] takes the price at which each step was traded and its tick, or its round.
    """
    if not (shock > -1.0).all():
        raise StressError(f"shock: a price cannot fall by all it is worth, not {shock.min()}")
    if not 1 <= ticks <= TICKS_MOST:
        raise StressError(f"ticks: must lie in 1 … {TICKS_MOST}, not {ticks}")
    closing = steps.ladder.closing
    out = np.empty((7, shock.size))
    paths = np.empty((shock.size, ROUNDS_KEPT if ticks == 1 else ticks + 1))
    _kernel()(
        (closing.key, closing.total, steps.fails, steps.beyond, steps.near),
        law.compiled(),
        price,
        np.ascontiguousarray(shock, np.float64),
        book_share / depth,
        np.ascontiguousarray(resilience, np.float64),
        ticks,
        steps.ladder.sign,
        out,
        paths,
        np.empty((2, 0)) if traded is None else traded,
    )
    closed = out[0].astype(np.int64)
    return Fallen(
        final=out[1],
        worst=out[2],
        average=out[3],
        accounts=closed,
        forced=steps.ladder.forced[closed],
        rounds=out[4].astype(np.int64),
        bad_debt=out[5],
        slipped=out[6],
        path=paths,
    )


def one(steps: Steps, law: LAWS, price: float, asked: Fall, traded: Floats | None = None) -> Fallen:
    """A single fall, as columns of one."""
    shock, depth, resilience = (np.array([number]) for number in asked[:3])
    columns = (shock, depth, resilience, asked.book_share, asked.ticks)
    return fall(steps, law, price, *columns, traded=traded)


@functools.cache
def _kernel() -> Callable[..., Any]:
    from seawall.simulation.stress import _kernels

    falls: Callable[..., Any] = _kernels.falls
    return falls
