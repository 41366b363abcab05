"""Who pays for a deficit, and in which order. Pure staging of amounts; it moves nothing itself.

By the time a deficit is covered, the account has given all that it had and its positions were sold
or deleveraged; what stands here is money alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seawall.liquidation.loss_sharing import Gain, share_pro_rata


class Cover(NamedTuple):
    """deficit = fund_pays + Σ shared + uncovered. [numeraire atoms]"""

    fund_pays: int
    shared: tuple[tuple[int, int], ...]  # (account, atoms > 0)
    uncovered: int


def cover(deficit: int, fund: int, gains: Sequence[Gain | tuple[int, int, int]] = ()) -> Cover:
    """Take a deficit from the insurance fund first, and from those who gained last.

    The fund was paid in by liquidated accounts for this purpose, so it goes before anybody who did
    nothing wrong; it pays until it is empty and never borrows. Only what it lacks is shared, and
    what even the gains cannot bear stays uncovered and in sight: the venue then owes more than it
    holds, and no rounding may hide that.

    >>> cover(100, 60, [(7, 3, 100), (8, 1, 100)])
    Cover(fund_pays=60, shared=((7, 30), (8, 10)), uncovered=0)
    """
    assert deficit >= 0, "a deficit has no sign"
    fund_pays = min(deficit, max(0, fund))
    shared, uncovered = share_pro_rata(deficit - fund_pays, gains)
    result = Cover(fund_pays, shared, uncovered)
    assert deficit == fund_pays + sum(atoms for _, atoms in shared) + uncovered
    return result
