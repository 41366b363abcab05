"""The border up: floats say whom to look at, integers decide whether.

A screen sorts every account into far above a line, far below it, or too near to tell. Whoever is
not where its state says it should be, or too near to tell, is judged again by the exact twin. Only
that verdict changes a state; so no account is liquidated by a rounding error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.effect import State
from seawall.engine.state import Venue
from seawall.margin import Requirement
from seawall.money import RATIO_ONE
from seawall.pricing import Floats


def screen(venue: Venue, method: int, accounts: NDArray[np.int64]) -> Requirement:
    """The float requirement of some accounts of one method."""
    return venue.methods[method].requirement(
        venue.columns.holdings(accounts), venue.tables.risk(method)
    )


class Suspect(NamedTuple):
    """An account to look at, in the order in which suspects are served: the worst first."""

    excess: float  # Margin equity − maintenance, numeraire atoms; NaN is served as −∞.
    account: int
    equity: float
    stays_below: bool  # In liquidation, and by more than the error bound below its initial margin.


def suspects(venue: Venue) -> list[Suspect]:
    """Accounts whose state the screen cannot vouch for, the largest shortfall first.

    An account that is being liquidated, or waits in grace, is always looked at: time alone may
    move it. The largest shortfall goes first to the book, because others would pay for it.
    """
    warning = venue.rates.warning / RATIO_ONE
    found: list[Suspect] = []
    users = np.flatnonzero((venue.method >= 0) & (venue.status < State.CLOSED))
    methods = venue.method[users]
    for method in range(len(venue.methods)):
        accounts = users[methods == method]
        if not len(accounts):
            continue
        judged = screen(venue, method, accounts)
        excess = judged.margin_equity - judged.maintenance
        named = ~_vouched(venue.status[accounts], judged, excess, warning)
        is_below = judged.initial - judged.margin_equity > judged.error_bound
        is_below &= venue.status[accounts] == State.LIQUIDATING
        excess = np.where(np.isnan(excess), -np.inf, excess)
        rows = zip(
            excess[named].tolist(),
            accounts[named].tolist(),
            judged.equity[named].tolist(),
            is_below[named].tolist(),
            strict=True,
        )
        found.extend(Suspect(*row) for row in rows)
    found.sort()
    return found


def _vouched(
    status: NDArray[np.int8], judged: Requirement, excess: Floats, warning: float
) -> NDArray[np.bool_]:
    """Whether each account surely is where its state says; no comparison vouches for a NaN."""
    bound = judged.error_bound
    to_warning = judged.margin_equity - judged.maintenance * warning
    slack = bound * (2.0 + warning) + np.abs(judged.margin_equity) * 1e-12
    is_warned = (excess > bound) & (to_warning < -slack)
    is_calm = (status == State.HEALTHY) & (to_warning > slack)
    vouched: NDArray[np.bool_] = is_calm | ((status == State.WARNED) & is_warned)
    return vouched
