"""A ceiling on how fast the ratio of a yield-bearing token may grow, as Aave counts it.

Aave counts the lower of ratio and ceiling, however far they are apart. `market.oracle.cap` holds
the ceiling itself, and refuses both where they are too far apart.

Source: Aave, correlated-assets price oracle (CAPO), PriceCapAdapterBase.
"""

from __future__ import annotations

from fractions import Fraction

from seawall.market.oracle.cap import BPS_ONE, YEAR_S, accepts_snapshot, ratio_ceiling

__all__ = ["BPS_ONE", "YEAR_S", "accepts_snapshot", "capped_ratio", "ratio_ceiling"]


def capped_ratio(ratio: Fraction, snapshot: Fraction, elapsed_s: int, growth_bps: int) -> Fraction:
    """The ratio that counts: the lower of the live one and its ceiling."""
    return min(ratio, ratio_ceiling(snapshot, elapsed_s, growth_bps))
