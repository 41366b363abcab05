"""Which parameter moves the result most: one at a time, over a range that is named.

Knows how to run one fall; reads no book twice unless a beta is what moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from seawall.simulation.stress.fall import TICKS_MOST, Fall, Fallen, Steps, one
from seawall.systemic import LAWS

SHOCK_RANGE = 0.25  # Of the logarithm of the shock, either way.
DEPTH_RANGE = 2.0  # Divided and multiplied by it.
RESILIENCE_RANGE = 0.3
BETA_RANGE = 0.25


class Swing(NamedTuple):
    """One parameter at both ends of its range, all others as they were named."""

    parameter: str
    low: str  # How its ends are said.
    high: str
    final: tuple[float, float]
    notional: tuple[float, float]
    bad_debt: tuple[float, float]

    @property
    def width(self) -> float:
        """How far apart the final prices are."""
        return abs(self.final[0] - self.final[1])


def swings(
    steps: Steps,
    laws: Mapping[str, LAWS],
    law: str,
    price: float,
    named: Fall,
    beta: Mapping[str, float],
    rescanned: Callable[[dict[str, float]], Steps],
) -> list[Swing]:
    """Every parameter, the one that moves the final price most first."""

    def run(asked: Fall, ladder: Steps = steps, under: str = law) -> Fallen:
        return one(ladder, laws[under], price, asked)

    def shocked(times: float) -> float:
        return float(np.expm1(np.log1p(named.shock) * times))

    mild, hard = shocked(1.0 - SHOCK_RANGE), shocked(1.0 + SHOCK_RANGE)
    found = [_swing("shock", f"{mild:.1%}", f"{hard:.1%}", *(
        run(named._replace(shock=end)) for end in (mild, hard)
    ))]  # fmt: skip
    found.append(_swing("depth", "half", "twice", *(
        run(named._replace(depth=named.depth * times)) for times in (1 / DEPTH_RANGE, DEPTH_RANGE)
    )))  # fmt: skip
    back = (0.0, min(named.resilience + RESILIENCE_RANGE, 0.95))
    found.append(_swing("resilience", "0", f"{back[1]:g}", *(
        run(named._replace(resilience=end)) for end in back
    )))  # fmt: skip
    share = (named.book_share / 2, min(1.0, named.book_share * 2))
    found.append(_swing("share on the book", f"{share[0]:g}", f"{share[1]:g}", *(
        run(named._replace(book_share=end)) for end in share
    )))  # fmt: skip
    speed = (1, min(4 * named.ticks, TICKS_MOST))
    found.append(
        _swing(
            "ticks of the shock",
            "1 (a gap)",
            f"{speed[1]}",
            *(run(named._replace(ticks=end)) for end in speed),
        )
    )
    under = sorted(laws, key=lambda name: float(run(named, under=name).final[0]))
    if len(under) > 1:
        ends = (under[0], under[-1])
        found.append(_swing("law of impact", *ends, *(run(named, under=name) for name in ends)))
    for coin, number in beta.items():
        moved = [rescanned({**beta, coin: number + step}) for step in (-BETA_RANGE, BETA_RANGE)]
        said = (f"{number - BETA_RANGE:g}", f"{number + BETA_RANGE:g}")
        found.append(_swing(f"beta of {coin}", *said, *(run(named, ladder) for ladder in moved)))
    priced = [swing for swing in found if np.isfinite((*swing.final, *swing.bad_debt)).all()]
    return sorted(priced, key=lambda swing: -swing.width)


def _swing(parameter: str, low: str, high: str, first: Fallen, last: Fallen) -> Swing:
    def ends(name: str) -> tuple[float, float]:
        return float(getattr(first, name)[0]), float(getattr(last, name)[0])

    return Swing(parameter, low, high, ends("final"), ends("notional"), ends("bad_debt"))
