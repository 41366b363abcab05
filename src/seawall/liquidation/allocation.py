"""How a position that nobody buys is spread over those who hold the other side.

Each policy closes exactly what is missing, or says what found nobody. Which one is fair is a choice
of the venue: a queue takes whole positions from few, in proportion takes a little from all, a draw
takes whole positions from whom chance names. Knows candidates; not the price nor the ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from seawall.liquidation.deleveraging import Candidate, Deleveraging, Take, deleverage, rank
from seawall.liquidation.loss_sharing import share_pro_rata
from seawall.money import RATIO_ONE

Policy = Literal["profit_times_leverage", "pro_rata", "capped_pro_rata", "random"]
POLICIES: tuple[Policy, ...] = ("profit_times_leverage", "pro_rata", "capped_pro_rata", "random")


def allocate(
    policy: Policy,
    lots: int,
    candidates: Iterable[Candidate],
    *,
    cap_ratio: int = RATIO_ONE,
    seed: bytes = b"",
) -> Deleveraging:
    """Take the other side of `lots`, signed as the bankrupt position, under a policy.

    profit_times_leverage: the queue of `rank`, whole positions until nothing is missing.
    pro_rata: everybody gives floor or ceiling of lots × own ÷ all, exact in sum.
    capped_pro_rata: the same, and nobody more than floor(own × cap_ratio), parts per billion.
    random: whole positions in the order of sha256(seed + account), as dYdX walks its accounts from
    a pseudo-random start; the caller's seed makes the draw the same on every replay.

    >>> held = [Candidate(1, -30, 9, 30, 9), Candidate(2, -10, 1, 10, 90)]
    >>> allocate("pro_rata", 20, held).takes
    (Take(account=1, lots=15), Take(account=2, lots=5))
    >>> allocate("capped_pro_rata", 20, held, cap_ratio=400_000_000)
    Deleveraging(takes=(Take(account=1, lots=12), Take(account=2, lots=4)), remainder=4)
    """
    if policy == "profit_times_leverage":
        return deleverage(lots, rank(candidates))
    if policy == "random":
        drawn = sorted(candidates, key=lambda one: (_ticket(seed, one.account), one.account))
        return deleverage(lots, drawn)
    ratio = cap_ratio if policy == "capped_pro_rata" else RATIO_ONE
    return _in_proportion(lots, candidates, ratio)


def _in_proportion(lots: int, candidates: Iterable[Candidate], cap_ratio: int) -> Deleveraging:
    side = 1 if lots > 0 else -1
    sizes = [
        (one.account, -side * one.lots, -side * one.lots * cap_ratio // RATIO_ONE)
        for one in sorted(candidates, key=lambda one: one.account)
        if -side * one.lots > 0
    ]
    shared, remainder = share_pro_rata(abs(lots), sizes)
    takes = tuple(Take(account, side * share) for account, share in shared)
    assert sum(take.lots for take in takes) + side * remainder == lots
    return Deleveraging(takes, side * remainder)


def _ticket(seed: bytes, account: int) -> bytes:
    return hashlib.sha256(seed + account.to_bytes(8, "big")).digest()
