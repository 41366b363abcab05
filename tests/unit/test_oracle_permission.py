"""What an old or a refused price lets happen, rule by rule and at each edge."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.market.oracle import (
    Feed,
    FreezeLiquidations,
    LastGood,
    OnRefusal,
    OracleRefusal,
    Permissions,
    Policy,
    Published,
    ReduceOnly,
    Trading,
    effect_of_refusal,
    permissions,
)

LIQUIDATION_MS, WITHDRAWAL_MS = 60_000, 20_000
WIDENED = LastGood(within_ms=30_000, widening_ratio=Decimal("0.5"))


def policy(rule: OnRefusal) -> Policy:
    return Policy(
        age_max_ms=5_000,
        outlier_ratio=Decimal("0.05"),
        confidence_ratio_max=Decimal("0.02"),
        liquidation_age_max_ms=LIQUIDATION_MS,
        withdrawal_age_max_ms=WITHDRAWAL_MS,
        on_refusal=rule,
    )


def allowed(liquidate: bool, withdraw: bool, trade: Trading, ratio: int = 10**9) -> Permissions:
    return Permissions(liquidate, withdraw, trade, ratio)


FROZEN = allowed(False, False, Trading.REDUCE_ONLY)


@pytest.mark.parametrize(
    ("rule", "age_ms", "wanted"),
    [
        (FreezeLiquidations(), 0, FROZEN),
        (FreezeLiquidations(), 90_000, FROZEN),
        (ReduceOnly(), 0, allowed(True, False, Trading.REDUCE_ONLY)),
        (ReduceOnly(), 60_000, allowed(True, False, Trading.REDUCE_ONLY)),
        (ReduceOnly(), 60_001, FROZEN),
        (WIDENED, 0, allowed(True, True, Trading.OPEN, 1_500_000_000)),
        (WIDENED, 20_000, allowed(True, True, Trading.OPEN, 1_500_000_000)),
        (WIDENED, 20_001, allowed(True, False, Trading.REDUCE_ONLY, 1_500_000_000)),
        (WIDENED, 30_000, allowed(True, False, Trading.REDUCE_ONLY, 1_500_000_000)),
        (WIDENED, 30_001, allowed(False, False, Trading.REDUCE_ONLY, 1_500_000_000)),
        (LastGood(within_ms=90_000), 60_000, allowed(True, False, Trading.REDUCE_ONLY)),
        (LastGood(within_ms=90_000), 60_001, FROZEN),
    ],
)
def test_a_refusal_lets_happen_what_the_rule_says(
    rule: OnRefusal, age_ms: int, wanted: Permissions
) -> None:
    assert effect_of_refusal(policy(rule), age_ms) == wanted


def test_without_any_price_nothing_happens() -> None:
    nothing = allowed(False, False, Trading.HALTED)
    assert effect_of_refusal(policy(WIDENED), None) == nothing
    assert permissions(policy(WIDENED), Feed(), 0) == nothing


@pytest.mark.parametrize(
    ("age_ms", "wanted"),
    [
        (WITHDRAWAL_MS, allowed(True, True, Trading.OPEN)),
        (WITHDRAWAL_MS + 1, allowed(True, False, Trading.REDUCE_ONLY)),
        (LIQUIDATION_MS, allowed(True, False, Trading.REDUCE_ONLY)),
        (LIQUIDATION_MS + 1, FROZEN),
    ],
)
def test_a_price_that_nobody_refused_ages_as_well(age_ms: int, wanted: Permissions) -> None:
    last = Published(1, 0, observed_ms=1_000, published_ms=5_000, used=("a",))
    feed = Feed(last=last)
    assert permissions(policy(WIDENED), feed, 1_000 + age_ms) == wanted
    refused = feed._replace(refusal=OracleRefusal.STALE)
    assert permissions(policy(FreezeLiquidations()), refused, 1_000 + age_ms) == FROZEN
