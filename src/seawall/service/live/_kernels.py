"""Sums by distance over every account, in one pass over the screen's columns.

Serial, so that it may run beside anything else. Compiled on first call; see `overview`.
"""

from __future__ import annotations

from typing import Any

from seawall._jit import kernel


@kernel
def by_distance(
    judged: Any, holdings: Any, unit: Any, edges: Any, accounts: Any, notional: Any, totals: Any
) -> None:
    """Add accounts and their notional to the bands of distance, and everything to the totals.

    Σ |lots| × unit is the notional; distance = (margin_equity − maintenance) ÷ notional; band b
    holds edges[b − 1] ≤ distance < edges[b], the first one all below. Who has no notional goes into
    the band after the last.
    """
    equity, margin_equity, initial, maintenance, _ = judged
    start, count, asset, lots = holdings
    none = len(edges) + 1
    for account in range(len(start)):
        held = 0.0
        for row in range(start[account], start[account] + count[account]):
            held += abs(lots[row]) * unit[asset[row]]
        band = none
        if held > 0.0:
            distance = (margin_equity[account] - maintenance[account]) / held
            band = 0
            while band < len(edges) and distance >= edges[band]:
                band += 1
        accounts[band] += 1
        notional[band] += held
        totals[0] += equity[account]
        totals[1] += maintenance[account]
        totals[2] += initial[account]
        totals[3] += held
