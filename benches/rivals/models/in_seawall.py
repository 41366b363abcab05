"""The cascade here: the sorted ladder step by step, and every account looked at, in NumPy."""

from __future__ import annotations

import numpy as np
from one_run import Draws, Steps, measure

from seawall import __version__
from seawall.systemic import ladder


def _ladder(draws: Draws) -> Steps:
    steps = ladder(draws.liquidation_price, draws.units)

    def run() -> tuple[float, int]:
        outside, closed, price = draws.price, 0, draws.price
        for shock in draws.shocks:
            outside += shock
            before = outside - draws.impact * float(steps.forced[closed])
            closed = max(closed, int(steps.closing.passed(np.array([before]))[0]))
            price = outside - draws.impact * float(steps.forced[closed])
        return price, closed

    return run


def _everybody(draws: Draws) -> Steps:
    at, units = np.array(draws.liquidation_price), np.array(draws.units)

    def run() -> tuple[float, int]:
        price, is_open = draws.price, np.ones(units.size, np.bool_)
        for shock in draws.shocks:
            price += shock
            reached = is_open & (at >= price)
            is_open &= ~reached
            price -= draws.impact * float(units[reached].sum())
        return price, int(units.size - is_open.sum())

    return run


measure(
    f"Seawall {__version__}",
    {"systemic.ladder": _ladder, "NumPy alone, everybody looked at": _everybody},
)
