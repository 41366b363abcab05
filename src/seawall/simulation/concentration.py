"""How unevenly liquidations fall: on whom, on which side, and in which minute."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from seawall.simulation.recording import LiquidationPoint

TOP = 10
TAIL = 20  # One account in so many counts as the tail.
MINUTE_MS = 60_000
DIGITS = 4


class Concentration(TypedDict):
    """Shares of the notional that liquidations took, rounded to four digits."""

    liquidated_accounts: int
    top_ten_share: float
    hill_index: float
    long_share: float
    peak_minute_share: float


def measured(points: Sequence[LiquidationPoint]) -> Concentration:
    """Measure the fills of a run.

    >>> measured([LiquidationPoint(0, "one", "BTC/USDC:USDC", "long", 30, 1, 30, True)])[
    ...     "top_ten_share"
    ... ]
    1.0
    """
    by_account: Counter[str] = Counter()
    by_minute: Counter[int] = Counter()
    long = total = 0
    for point in points:
        by_account[point.account] += point.notional
        by_minute[point.time_ms // MINUTE_MS] += point.notional
        total += point.notional
        long += point.notional if point.side == "long" else 0
    sizes = sorted(by_account.values(), reverse=True)
    return Concentration(
        liquidated_accounts=len(sizes),
        top_ten_share=_share(sum(sizes[:TOP]), total),
        hill_index=hill(sizes, len(sizes) // TAIL),
        long_share=_share(long, total),
        peak_minute_share=_share(max(by_minute.values(), default=0), total),
    )


def hill(sizes: Sequence[int], count: int) -> float:
    """Tail index of the `count` largest of descending sizes: count ÷ Σ ln(size ÷ size[count]).

    The smaller, the heavier the tail; 0 where there are too few. Source: B. Hill, 1975.

    >>> hill([8, 4, 2, 1], 3)  # 3 ÷ (ln 8 + ln 4 + ln 2) = 3 ÷ (6 ln 2).
    0.7213
    """
    if count < 1 or count >= len(sizes) or sizes[count] <= 0:
        return 0.0
    spread = sum(math.log(size / sizes[count]) for size in sizes[:count])
    return round(count / spread, DIGITS) if spread else 0.0


def _share(part: int, total: int) -> float:
    return round(part / total, DIGITS) if total else 0.0
