"""The screen's last pass, compiled: which accounts are surely where their state says.

Knows columns only. Compiled on first call; see `confirm`.
"""

from __future__ import annotations

from typing import Any

from seawall._jit import kernel

VOUCHED, SUSPECT, STAYS_BELOW, IN_GRACE = 0, 1, 2, 3
HEALTHY, WARNED, CALLED, LIQUIDATING = 0, 1, 2, 3  # Of `effect.State`.


@kernel
def triage(judged: Any, status: Any, warning: float, close_out: float, flags: Any) -> None:
    """Write a flag for each account. `warning` and `close_out` are multiples of maintenance.

    Every test asks for proof by more than the error bound, so a NaN proves nothing and becomes a
    suspect. The slack adds the rounding of maintenance × warning, which is never less than
    × close_out.
    """
    _, margin_equity, initial, maintenance, error_bound = judged
    for account in range(len(flags)):
        equity = margin_equity[account]
        bound = error_bound[account]
        to_warning = equity - maintenance[account] * warning
        slack = bound * (2.0 + warning) + abs(equity) * 1e-12
        state = status[account]
        flag = SUSPECT
        if state == HEALTHY:
            if to_warning > slack:
                flag = VOUCHED
        elif state == WARNED:
            if equity - maintenance[account] > bound and to_warning < -slack:
                flag = VOUCHED
        elif state == CALLED:
            to_close_out = equity - maintenance[account] * close_out
            if initial[account] - equity > bound and to_close_out > slack:
                flag = IN_GRACE  # Only time can move it.
        elif state == LIQUIDATING and initial[account] - equity > bound:
            flag = STAYS_BELOW
        flags[account] = flag
