"""What a fall closes by force: dollars for each bit of a new low, by how old the low is.

People who are closed at a price are gone; others stand there again some time later. So a fall
below the low of the last hour closes more than one below the low of the last five minutes, and a
fall where the price was a moment ago closes almost nobody. Knows prices and amounts, no accounts.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from seawall.pricing import Floats
from seawall.simulation.history.tape import Tape

WINDOWS_MIN = (5, 15, 60, 240, 1440)  # Ages of a low, minutes.
DAY_MIN = WINDOWS_MIN[-1]


class Standing(NamedTuple):
    """Dollars closed for each unit of logarithmic fall below the low of a window. [window]"""

    longs: Floats
    shorts: Floats  # The same for rises above the high.


class Lows:
    """The lowest of the last minutes, for every window, minute by minute."""

    def __init__(self) -> None:
        self._kept: list[deque[tuple[int, float]]] = [deque() for _ in WINDOWS_MIN]

    def lowest(self, minute: int) -> Floats:
        """[window] lowest number since `minute` − window; infinity where there is none."""
        found = np.full(len(WINDOWS_MIN), np.inf)
        for place, (window, kept) in enumerate(zip(WINDOWS_MIN, self._kept, strict=True)):
            while kept and kept[0][0] < minute - window:
                kept.popleft()
            if kept:
                found[place] = kept[0][1]
        return found

    def add(self, minute: int, number: float) -> None:
        """One more minute."""
        for kept in self._kept:
            while kept and kept[-1][1] >= number:
                kept.pop()
            kept.append((minute, number))


def new_lows(numbers: Floats) -> Floats:
    """How far each number lies below the lowest of each window before it. [minute, window]

    >>> new_lows(np.array([3.0, 1.0, 2.0, 0.5]))[:, 0]
    array([0. , 2. , 0. , 0.5])
    """
    lows, found = Lows(), np.zeros((numbers.size, len(WINDOWS_MIN)))
    for minute, number in enumerate(numbers.tolist()):
        lowest = lows.lowest(minute)
        found[minute] = np.where(np.isfinite(lowest), np.maximum(lowest - number, 0.0), 0.0)
        lows.add(minute, number)
    return found


def standing(tape: Tape) -> Standing:
    """Forced dollars of each side regressed on new lows or highs; nothing stands below nothing.

    Non-negative least squares over the minutes that have a day behind them.
    """
    falls = new_lows(tape.log_price)[DAY_MIN:]
    rises = new_lows(-tape.log_price)[DAY_MIN:]
    longs, _ = nnls(falls, tape.sold[DAY_MIN:])
    shorts, _ = nnls(rises, tape.bought[DAY_MIN:])
    return Standing(longs, shorts)


def told(tape: Tape, stands: Standing) -> tuple[Floats, Floats]:
    """(longs, shorts) closed in each minute as the standing says, at the prices of the tape."""
    falls, rises = new_lows(tape.log_price), new_lows(-tape.log_price)
    return falls @ stands.longs, rises @ stands.shorts


def explained(observed: Floats, said: Floats) -> float:
    """1 − Σ(observed − said)² ÷ Σ(observed − mean)²; below 0 a mean would have done better."""
    spread = float(((observed - observed.mean()) ** 2).sum())
    return 1.0 - float(((observed - said) ** 2).sum()) / spread if spread else 1.0
