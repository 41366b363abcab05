"""dYdX v4: from a book to a premium, from premiums to a rate, from a rate to the funding index.

Rates in parts per million for 8 hours, prices in any one unit, the index in 10⁻⁶ quote quantums
per base quantum. Knows no account. Source: dydxprotocol/v4-chain, commit 84d4664bae.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from seawall.protocols.dydx import PPM_ONE

PERIOD_SECONDS = 28_800  # A rate is for 8 hours.


def _clamped(value: int, bound: int) -> int:
    return max(-bound, min(bound, value))


def rate_bound(clamp_ppm: int, initial_ppm: int, maintenance_ppm: int) -> int:
    """Largest absolute rate, ⌊clamp · (initial − ⌊initial · maintenance⌋)⌋, parts per million.

    >>> rate_bound(6_000_000, 150_000, 800_000)
    180000
    """
    room = initial_ppm - initial_ppm * maintenance_ppm // PPM_ONE
    return clamp_ppm * room // PPM_ONE


def impact_price(levels: Sequence[tuple[Fraction, Fraction]], quote: Fraction) -> Fraction | None:
    """Average price at which levels (price, size), best first, take `quote`; None if they cannot.

    quote ÷ Σ taken size.

    >>> impact_price([(Fraction(100), Fraction(1)), (Fraction(50), Fraction(4))], Fraction(200))
    Fraction(200, 3)
    """
    left, size = quote, Fraction(0)
    for price, available in levels:
        taken = min(left, price * available)
        size += taken / price
        left -= taken
        if left == 0:
            return quote / size if size else price
    return None


def premium(
    bids: Sequence[tuple[Fraction, Fraction]],
    asks: Sequence[tuple[Fraction, Fraction]],
    index: Fraction,
    impact_quote: Fraction,
    bound_ppm: int,
) -> int:
    """One premium sample of a book, parts per million, truncated towards zero and bounded.

    max(0, impact bid / index − 1) if the index is below the best bid, −max(0, 1 − impact ask /
    index) if it is above the best ask, else 0. A side too thin for the impact size gives 0.
    """
    exact = Fraction(0)
    if bids and index < bids[0][0]:
        bid = impact_price(bids, impact_quote)
        exact = max(exact, bid / index - 1) if bid is not None else exact
    elif asks and index > asks[0][0]:
        ask = impact_price(asks, impact_quote)
        exact = min(exact, ask / index - 1) if ask is not None else exact
    return _clamped(math.trunc(exact * PPM_ONE), bound_ppm)


def trimmed_samples(samples: Sequence[int], tail_ppm: int) -> list[int]:
    """Samples in order without their tails: ⌊2 · tail · n⌋ removed, the odd one from the top.

    >>> trimmed_samples([0, -1, -3], 250_000)
    [-3, -1]
    """
    removed = 2 * tail_ppm * len(samples) // PPM_ONE
    bottom = removed // 2
    top = removed - bottom
    return sorted(samples)[bottom : len(samples) - top]


def tick_rate(total: int, count: int, min_count: int, default_ppm: int, bound_ppm: int) -> int:
    """The rate of an hour: trunc(total / max(count, min_count)) + default, bounded.

    `total` is the sum of the hour's samples in parts per million; a missing sample counts as zero.
    """
    divisor = max(count, min_count)
    average = math.trunc(Fraction(total, divisor)) if divisor else 0
    return _clamped(average + default_ppm, bound_ppm)


def index_change(rate_ppm: int, price: Fraction, seconds: int) -> int:
    """Change of the funding index, trunc(rate · price · seconds / 28,800).

    `price` is quote quantums per base quantum; the result is what a long of one base quantum
    pays, in 10⁻⁶ quote quantums.
    """
    return math.trunc(rate_ppm * price * Fraction(seconds, PERIOD_SECONDS))
