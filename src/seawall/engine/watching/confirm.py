"""The border up: floats say whom to look at, integers decide whether.

A screen sorts every account into far above a line, far below it, or too near to tell. Whoever is
not where its state says it should be, or too near to tell, is judged again by the exact twin. Only
that verdict changes a state; so no account is liquidated by a rounding error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.effect import State
from seawall.engine.state import Venue
from seawall.margin import Requirement
from seawall.money import RATIO_ONE
from seawall.pricing import Ints


def screen(venue: Venue, method: int, accounts: NDArray[np.int64]) -> Requirement:
    """The float requirement of some accounts of one method."""
    return venue.methods[method].requirement(
        venue.columns.holdings(accounts), venue.tables.risk(method)
    )


class Suspect(NamedTuple):
    """An account to look at, in the order in which suspects are served: the worst first."""

    excess: float  # Margin equity − maintenance, numeraire atoms; NaN is served as −∞.
    account: int
    equity: float  # At least, within the error bound.
    stays_below: bool  # In liquidation, and by more than the error bound below its initial margin.


def suspects(venue: Venue, among: Ints | None = None) -> list[Suspect]:
    """Accounts whose state the screen cannot vouch for, the largest shortfall first.

    An account that is being liquidated is always looked at, and one that waits in grace as soon as
    time alone may move it. The largest shortfall goes first to the book, because others would pay
    for it.
    """
    triage, stays_below, in_grace = _triage()
    warning, close_out = venue.rates.warning / RATIO_ONE, venue.rates.close_out / RATIO_ONE
    found: list[Suspect] = []
    alive = (venue.method >= 0) & (venue.status < State.CLOSED)
    users = np.flatnonzero(alive) if among is None else among[alive[among]]
    methods = venue.method[users]
    for method in range(len(venue.methods)):
        accounts = users[methods == method]
        if not len(accounts):
            continue
        judged = screen(venue, method, accounts)
        flags = np.zeros(len(accounts), np.int8)
        triage(tuple(judged), venue.status[accounts], warning, close_out, flags)
        waits = flags == in_grace
        if waits.any():
            due = venue.progress.due(
                venue.deadline, venue.time_ms, venue.rulebook.call.escalate_after_ms
            )
            flags[waits & ~np.isin(accounts, due)] = 0
        named = np.flatnonzero(flags)
        excess = judged.margin_equity[named] - judged.maintenance[named]
        rows = zip(
            np.where(np.isnan(excess), -np.inf, excess).tolist(),
            accounts[named].tolist(),
            (judged.equity[named] - judged.error_bound[named]).tolist(),
            (flags[named] == stays_below).tolist(),
            strict=True,
        )
        found.extend(map(Suspect._make, rows))
    found.sort()
    return found


@functools.cache
def _triage() -> tuple[Callable[..., None], int, int]:
    from seawall.engine.watching import _kernels

    return _kernels.triage, _kernels.STAYS_BELOW, _kernels.IN_GRACE
