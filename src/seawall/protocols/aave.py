"""Aave v3.7 and v4: health, how much may be repaid, what is seized for it, and by which bonus.

Base values are in 10⁻⁸ of the base currency, shares in basis points, health in wads (10⁻¹⁸),
amounts in atoms of their asset. Knows no reserve's liquidity. Source: aave-dao/aave-v3-origin,
commit fd1fbd91; the v4 rules from the description of aave/aave-v4 (commits 0051c6e1, 60d1963b).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

WAD = 10**18
BPS_ONE = 10_000
BASE_ONE = 10**8
CLOSE_HEALTH = 95 * WAD // 100  # At or below it the whole debt may be repaid.
SMALL_BASE = 2_000 * BASE_ONE  # Below it, too.
CLOSE_FACTOR_BPS = 5_000  # Else this much of all debts.
LEFTOVER_BASE_MIN = 1_000 * BASE_ONE


class Refusal(enum.IntEnum):
    """Why no repayment can be named."""

    TARGET_OUT_OF_REACH = 1  # Each repayment lowers the health, or leaves it as it is.


class RefusedError(ValueError):
    """A liquidation that cannot do what it is for; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Collateral(NamedTuple):
    """One collateral of an account."""

    value: int  # Base.
    threshold_bps: int  # Share of the value that counts against the debt.


class Price(NamedTuple):
    """What a whole unit of an asset is worth, and how many atoms it has."""

    base_per_unit: int
    unit: int  # Atoms, 10^decimals.


class Seizure(NamedTuple):
    """Collateral to the liquidator and to the protocol, for a debt repaid; atoms."""

    to_liquidator: int
    protocol_fee: int
    repaid: int


def percent_half_up(value: int, share_bps: int) -> int:
    """Value · share, rounded half up, in the scale of the value."""
    return (value * share_bps + BPS_ONE // 2) // BPS_ONE


def health_factor(collateral: Sequence[Collateral], debt_base: int) -> int | None:
    """Collateral · average threshold / debt, wad; None without a debt, which is any health.

    The average threshold, Σ value · threshold / Σ value, is cut to whole basis points; the product
    and the quotient are rounded half up.

    >>> health_factor([Collateral(10_000 * BASE_ONE, 8_250)], 7_000 * BASE_ONE)
    1178571428571428571
    """
    if debt_base == 0:
        return None
    value = sum(one.value for one in collateral)
    weighted = sum(one.value * one.threshold_bps for one in collateral)
    counted = percent_half_up(value, weighted // value) if value else 0
    return (counted * WAD + debt_base // 2) // debt_base


def is_liquidatable(health: int | None) -> bool:
    """Health below one; at one the account is healthy."""
    return health is not None and health < WAD


def reserve_debt(debt_base: int, debt: Price) -> int:
    """Atoms of a debt that is worth so much, ⌊base · unit / price⌋."""
    return debt_base * debt.unit // debt.base_per_unit


def repayable(
    health: int, collateral_base: int, debt_base: int, all_debt_base: int, debt: Price
) -> int:
    """Most of one debt that may be repaid at once, atoms (v3.3 and later).

    All of it if health ≤ 0.95, or this collateral or this debt is below 2,000; else at most half of
    all the account's debts.
    """
    whole = reserve_debt(debt_base, debt)
    if health <= CLOSE_HEALTH or min(collateral_base, debt_base) < SMALL_BASE:
        return whole
    half = percent_half_up(all_debt_base, CLOSE_FACTOR_BPS)
    return whole if debt_base <= half else reserve_debt(half, debt)


def leftover_is_allowed(
    collateral_left: int, debt_left: int, least: int = LEFTOVER_BASE_MIN
) -> bool:
    """Nothing is left of the debt or of the collateral, or at least `least` of both.

    >>> leftover_is_allowed(1424, 999, least=1000)
    False
    """
    return min(collateral_left, debt_left) == 0 or min(collateral_left, debt_left) >= least


def seize(
    collateral: Price,
    debt: Price,
    repaid: int,
    collateral_held: int,
    bonus_bps: int,
    protocol_fee_bps: int,
) -> Seizure:
    """Collateral for a repayment, with bonus, every rounding against the liquidator (v3.7).

    equal = ⌊debt price · repaid · collateral unit / (collateral price · debt unit)⌋,
    seized = ⌊equal · bonus⌋. If that is more than there is, all of it, for ⌈its worth in debt /
    bonus⌉. fee = ⌈(seized − ⌊seized / bonus⌋) · protocol fee⌉, out of the liquidator's bonus.
    `bonus_bps` is 10,000 for none.
    """
    collateral_scale = collateral.base_per_unit * debt.unit
    debt_scale = debt.base_per_unit * collateral.unit
    seized = (debt_scale * repaid // collateral_scale) * bonus_bps // BPS_ONE
    if seized > collateral_held:
        seized = collateral_held
        worth = collateral_scale * seized // debt_scale
        repaid = -(-worth * BPS_ONE // bonus_bps)
    bonus = seized - seized * BPS_ONE // bonus_bps
    fee = -(-bonus * protocol_fee_bps // BPS_ONE)
    return Seizure(seized - fee, fee, repaid)


def bonus_by_health(health: int, health_of_max: int, max_bps: int, factor_bps: int) -> int:
    """The bonus rises from least to max as health falls from one to `health_of_max` (v4), bps.

    least = 1 + (max − 1) · factor; below one it is least + (max − least) · (1 − health) /
    (1 − health_of_max), each product rounded down.

    >>> bonus_by_health(96 * WAD // 100, 80 * WAD // 100, 11_000, 5_000)
    10600
    """
    if health <= health_of_max:
        return max_bps
    least = BPS_ONE + (max_bps - BPS_ONE) * factor_bps // BPS_ONE
    if health >= WAD:
        return least
    return least + (max_bps - least) * (WAD - health) // (WAD - health_of_max)


def debt_to_target(
    all_debt: int, health: int, target: int, bonus_bps: int, factor_bps: int, debt: Price
) -> int:
    """Least repayment that lifts the health to the target (v4), atoms, rounded up.

    ⌈D · (target − health) / (target − bonus · factor)⌉ with D the worth of all debts, `all_debt`,
    in 10⁻²⁶ of the base currency, and factor the share of the collateral's value that counts.
    """
    if health >= target:
        return 0
    lost = WAD * bonus_bps * factor_bps // BPS_ONE**2
    if target <= lost:
        raise RefusedError(Refusal.TARGET_OUT_OF_REACH)
    return -(
        -all_debt * debt.unit * (target - health) // ((target - lost) * debt.base_per_unit * WAD)
    )
