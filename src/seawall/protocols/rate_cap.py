"""A ceiling on how fast the ratio of a yield-bearing token may grow.

A staked coin earns a few percent a year. A ratio above snapshot · (1 + growth · time) is therefore
an error or an attack, and a lender counts no more than that ceiling. The ceiling itself can be
wrong: on 10 March 2026 Aave's stood 2.85 % under the market, because ratio and time of the snapshot
were not moved together, and 34 accounts of wstETH were liquidated. So a snapshot that would put the
ceiling under the live ratio is refused.

Source: Aave, correlated-assets price oracle (CAPO), PriceCapAdapterBase.
"""

from __future__ import annotations

from fractions import Fraction

YEAR_S = 365 * 86_400
BPS_ONE = 10_000


def ratio_ceiling(snapshot: Fraction, elapsed_s: int, growth_bps: int) -> Fraction:
    """The highest ratio that is believed: snapshot · (1 + growth_bps ÷ 10⁴ · elapsed_s ÷ year).

    >>> float(ratio_ceiling(Fraction("1.2"), YEAR_S, 500))
    1.26
    """
    return snapshot * (1 + Fraction(growth_bps * max(elapsed_s, 0), BPS_ONE * YEAR_S))


def capped_ratio(ratio: Fraction, snapshot: Fraction, elapsed_s: int, growth_bps: int) -> Fraction:
    """The ratio that counts: the lower of the live one and its ceiling."""
    return min(ratio, ratio_ceiling(snapshot, elapsed_s, growth_bps))


def accepts_snapshot(ratio: Fraction, snapshot: Fraction, elapsed_s: int, growth_bps: int) -> bool:
    """Whether a new snapshot leaves the live ratio under its ceiling.

    >>> accepts_snapshot(Fraction("1.2282"), Fraction("1.1919"), 7 * 86_400, 968)
    False
    """
    return ratio <= ratio_ceiling(snapshot, elapsed_s, growth_bps)
