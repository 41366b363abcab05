"""Panoptic v1: collateral ratios that follow how much of the pool is in use.

An option sold is a range of liquidity that has been lent to Uniswap; an option bought is that
liquidity taken out again. The busier the pool, the more a seller must post and the less a buyer.

Source: panoptic-labs/panoptic-v1-core, commit 0a333bc1, CollateralTracker: seller 20 %, buyer 10 %,
target 50 %, saturated 90 %. Ratios and utilisation in basis points.
"""

from __future__ import annotations

ONE_BPS = 10_000
SELLER_BPS = 2_000
BUYER_BPS = 1_000
TARGET_BPS = 5_000
SATURATED_BPS = 9_000


def sell_ratio_bps(utilization_bps: int) -> int:
    """Share of its notional that a sold option posts: flat to the target, then a line to 100 %.

    Negative utilisation marks a leg of a strangle, only one side of which can be in the money: its
    base is half.

    >>> sell_ratio_bps(7_000), sell_ratio_bps(-7_000)
    (6000, 5500)
    """
    least = SELLER_BPS // 2 if utilization_bps < 0 else SELLER_BPS
    used = abs(utilization_bps)
    if used < TARGET_BPS:
        return least
    if used > SATURATED_BPS:
        return ONE_BPS
    return least + (ONE_BPS - least) * (used - TARGET_BPS) // (SATURATED_BPS - TARGET_BPS)


def buy_ratio_bps(utilization_bps: int) -> int:
    """Share of its notional that a bought option posts: flat to the target, then a line to half.

    >>> buy_ratio_bps(7_000)
    750
    """
    used = abs(utilization_bps)
    if used < TARGET_BPS:
        return BUYER_BPS
    if used > SATURATED_BPS:
        return BUYER_BPS // 2
    left = BUYER_BPS * (SATURATED_BPS - used) // (SATURATED_BPS - TARGET_BPS)
    return (BUYER_BPS + left) // 2


def liquidation_bonus(balance: int, required: int) -> int:
    """What a liquidator earns: min(balance ÷ 2, required − balance), never negative.

    >>> liquidation_bonus(100, 150), liquidation_bonus(99, 100)
    (50, 1)
    """
    return max(min(balance // 2, required - balance), 0)
