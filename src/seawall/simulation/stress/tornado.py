"""Which parameter moves the result most: one at a time, over a range that is named.

Knows how to run one fall; asks no method again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seawall.simulation.stress.fall import TICKS_MOST, Fall, Fallen, Ground, one
from seawall.simulation.stress.judging import FULL, LEAST, Columns

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
    grounds: Mapping[str, Ground],
    columns: Columns,
    law: str,
    named: Fall,
    beta: Mapping[str, float],
    names: Sequence[str],
) -> list[Swing]:
    """Every parameter, the one that moves the final price most first."""
    grounds = {name: ground._replace(columns=columns) for name, ground in grounds.items()}
    ground = grounds[law]
    laws = [name for name, other in grounds.items() if other.books.numbers.any() or name == law]

    def run(asked: Fall, on: Ground = ground) -> Fallen:
        return one(on, asked)

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
    fee = ground.rules.fee
    ends = [ground._replace(rules=ground.rules._replace(fee=rate)) for rate in (0.0, 2.0 * fee)]
    if fee:
        said = (f"{0.0:.2%}", f"{2.0 * fee:.2%}")
        found.append(_swing("liquidation fee", *said, *(run(named, end) for end in ends)))
    sizes = [ground._replace(rules=ground.rules._replace(size=size)) for size in (LEAST, FULL)]
    found.append(_swing("what is closed", "the least", "all", *(run(named, end) for end in sizes)))
    under = sorted(laws, key=lambda name: float(run(named, grounds[name]).final[0]))
    if len(under) > 1:
        first, last = under[0], under[-1]
        pair = (run(named, grounds[name]) for name in (first, last))
        found.append(_swing("law of impact", first, last, *pair))
    found += _of_betas(ground, named, beta, names)
    priced = [swing for swing in found if np.isfinite((*swing.final, *swing.bad_debt)).all()]
    return sorted(priced, key=lambda swing: -swing.width)


def _of_betas(
    ground: Ground, named: Fall, beta: Mapping[str, float], names: Sequence[str]
) -> list[Swing]:
    found = []
    for coin, number in beta.items():
        place = names.index(coin)
        moved = []
        for step in (-BETA_RANGE, BETA_RANGE):
            column = ground.beta.copy()
            column[place] = number + step
            moved.append(one(ground._replace(beta=column), named))
        said = (f"{number - BETA_RANGE:g}", f"{number + BETA_RANGE:g}")
        found.append(_swing(f"beta of {coin}", *said, *moved))
    return found


def _swing(parameter: str, low: str, high: str, first: Fallen, last: Fallen) -> Swing:
    def ends(name: str) -> tuple[float, float]:
        return float(getattr(first, name)[0]), float(getattr(last, name)[0])

    return Swing(parameter, low, high, ends("final"), ends("notional"), ends("bad_debt"))
