"""What may be done with a price that is old or refused.

A pure function of policy, age and refusal. Knows no account. Permissions only shrink while a price
ages: a clock never gives back what it took.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from seawall.market.oracle.policy import LastGood, Policy, ReduceOnly
from seawall.market.oracle.publish import Feed
from seawall.money import RATIO_ONE, parse_ratio


class Trading(enum.IntEnum):
    """Which trades are accepted."""

    HALTED = 0
    REDUCE_ONLY = 1
    OPEN = 2


class Permissions(NamedTuple):
    """What a market's oracle lets happen now."""

    liquidate: bool
    withdraw: bool
    trade: Trading
    initial_ratio: int = RATIO_ONE  # Initial margin is multiplied by it, parts per billion.


NOTHING = Permissions(liquidate=False, withdraw=False, trade=Trading.HALTED)
FROZEN = Permissions(liquidate=False, withdraw=False, trade=Trading.REDUCE_ONLY)
EVERYTHING = Permissions(liquidate=True, withdraw=True, trade=Trading.OPEN)


def aged(policy: Policy, allowed: Permissions, age_ms: int) -> Permissions:
    """Take from permissions what the age of the price forbids, refused or not.

    Beyond `withdrawal_age_max_ms` nobody withdraws and risk is only reduced; beyond
    `liquidation_age_max_ms` nobody is liquidated. At equality it is still allowed.
    """
    if age_ms > policy.withdrawal_age_max_ms:
        allowed = allowed._replace(withdraw=False, trade=min(allowed.trade, Trading.REDUCE_ONLY))
    if age_ms > policy.liquidation_age_max_ms:
        allowed = allowed._replace(liquidate=False)
    return allowed


def effect_of_refusal(policy: Policy, age_ms: int | None) -> Permissions:
    """What may be done while a price is refused and the last one is so old; None: there is none.

    | rule | liquidate | withdraw | trade |
    |---|---|---|---|
    | freeze | no | no | reduce only |
    | reduce_only | with the last price | no | reduce only |
    | last_good, within its bound | with the last price | yes | open, at a wider initial margin |

    The widening is of the initial margin alone: a feed that fails liquidates nobody.
    """
    if age_ms is None:
        return NOTHING
    rule = policy.on_refusal
    if isinstance(rule, LastGood):
        allowed = EVERYTHING if age_ms <= rule.within_ms else FROZEN
        widened = RATIO_ONE + parse_ratio(rule.widening_ratio)
        return aged(policy, allowed._replace(initial_ratio=widened), age_ms)
    if isinstance(rule, ReduceOnly):
        return aged(policy, FROZEN._replace(liquidate=True), age_ms)
    return FROZEN


def permissions(policy: Policy, feed: Feed, now_ms: int) -> Permissions:
    """What may be done now, with a price that stands or one that is refused."""
    if feed.last is None:
        return NOTHING
    age_ms = max(0, now_ms - feed.last.observed_ms)
    if feed.refusal is not None:
        return effect_of_refusal(policy, age_ms)
    return aged(policy, EVERYTHING, age_ms)
