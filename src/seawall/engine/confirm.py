"""The border up: floats say whom to look at, integers decide whether.

A screen sorts every account into far above a line, far below it, or too near to tell. Whoever is
not where its state says it should be, or too near to tell, is judged again by the exact twin. Only
that verdict changes a state; so no account is liquidated by a rounding error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seawall.engine.effect import State
from seawall.engine.state import FIRST_ACCOUNT, Venue
from seawall.margin import Requirement
from seawall.money import RATIO_ONE


def screen(venue: Venue, method: int, accounts: NDArray[np.int64]) -> Requirement:
    """The float requirement of some accounts of one method."""
    return venue.methods[method].requirement(
        venue.columns.holdings(accounts), venue.tables.risk(method)
    )


def suspects(venue: Venue) -> list[int]:
    """Accounts whose state the screen cannot vouch for, ascending.

    An account that is being liquidated, or waits in grace, is always looked at: time alone may
    move it.
    """
    warning = venue.rates.warning / RATIO_ONE
    found: list[NDArray[np.int64]] = []
    users = np.arange(FIRST_ACCOUNT, len(venue.names))
    for method in range(len(venue.methods)):
        accounts = users[venue.method[FIRST_ACCOUNT:] == method]
        if not len(accounts):
            continue
        status = venue.status[accounts]
        judged = screen(venue, method, accounts)
        # Healthy is proved, never assumed: a NaN fails both comparisons and becomes a suspect.
        bound = judged.error_bound
        sound = judged.margin_equity - judged.maintenance > bound
        margin_to_warning = judged.margin_equity - judged.maintenance * warning
        slack = bound * (2.0 + warning) + np.abs(judged.margin_equity) * 1e-12
        calm = margin_to_warning > slack
        uneasy = margin_to_warning < -slack
        vouched = np.where(
            status == State.HEALTHY,
            calm,
            np.where(status == State.WARNED, sound & uneasy, status >= State.CLOSED),
        )
        found.append(accounts[~vouched])
    return sorted(np.concatenate(found).tolist()) if found else []
