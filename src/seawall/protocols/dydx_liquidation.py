"""dYdX v4: prices, sizes and payments of a liquidation, and deleveraging.

Equity is imputed to positions in proportion to their share of the maintenance margin. Scales as
in `dydx`. Knows no book and no block: who is picked, and in which order, is an argument. Source:
dydxprotocol/v4-chain, commit 84d4664bae.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from seawall.protocols.dydx import (
    PPM_ONE,
    Account,
    Markets,
    Refusal,
    RefusedError,
    Risk,
    Transition,
    account_risk,
    changed,
    maintenance_margin,
    notional,
    size_held,
    transition,
)


class LiquidationRules(NamedTuple):
    """The venue's settings, as in its genesis template; amounts in quote quantums."""

    max_fee_ppm: int = 15_000  # Of the fill's quote amount.
    bankruptcy_adjustment_ppm: int = 1_000_000
    spread_to_maintenance_ppm: int = 1_500_000
    min_notional: int = 1_000_000_000
    max_position_ppm: int = 100_000  # Of a position, at once.


class DeleveragingPrice(enum.IntEnum):
    """At which price an account may be deleveraged."""

    NONE = 0
    BANKRUPTCY = 1
    ORACLE = 2


class Deleveraging(NamedTuple):
    """Accounts after deleveraging, what each counterparty took, and what nobody took."""

    accounts: tuple[Account, ...]
    fills: tuple[tuple[int, int], ...]  # (account, base quantums > 0), in order.
    remaining: int  # Base quantums, signed as the change that was asked for.


def _closing(account: Account, market: int, change: int) -> int:
    """The position that a change reduces; refuse one that does not reduce it."""
    held = size_held(account, market)
    if change == 0 or held * change >= 0 or abs(change) > abs(held):
        raise RefusedError(Refusal.SIZE_CHANGE_INVALID)
    return held


def bankruptcy_quote(account: Account, markets: Markets, market: int, change: int) -> int:
    """Quote quantums for a change of size that leave the account the equity it imputes elsewhere.

    −Δnotional − ⌊net_collateral · |Δmaintenance| / maintenance⌋: what a close at exactly the
    bankruptcy price pays in (negative: out). Rounded in favour of the account.
    """
    held = _closing(account, market, change)
    risk, terms = account_risk(account, markets), markets[market]
    if risk.maintenance == 0:
        raise RefusedError(Refusal.NO_MAINTENANCE_MARGIN)
    left = held + change
    freed = abs(maintenance_margin(terms, left) - maintenance_margin(terms, held))
    difference = notional(left, terms.price) - notional(held, terms.price)
    return -difference - risk.net_collateral * freed // risk.maintenance


def bankruptcy_price(account: Account, markets: Markets, market: int, change: int) -> Fraction:
    """−bankruptcy quote ÷ change, quote per base quantum; negative if equity exceeds notional."""
    return Fraction(-bankruptcy_quote(account, markets, market, change), change)


def fillable_price(
    account: Account, markets: Markets, market: int, change: int, rules: LiquidationRules
) -> Fraction:
    """The worst price of a liquidation order, quote quantums per base quantum.

    (notional − rating · spread_to_maintenance · maintenance) ÷ size, with
    rating = clamp(bankruptcy_adjustment · (1 − net_collateral / account maintenance), 0, 1).
    """
    held = _closing(account, market, change)
    risk, terms = account_risk(account, markets), markets[market]
    if risk.maintenance == 0:
        raise RefusedError(Refusal.NO_MAINTENANCE_MARGIN)
    distance = 1 - Fraction(risk.net_collateral, risk.maintenance)
    adjusted = Fraction(rules.bankruptcy_adjustment_ppm, PPM_ONE) * distance
    rating = min(Fraction(1), max(Fraction(0), adjusted))
    spread = Fraction(rules.spread_to_maintenance_ppm, PPM_ONE)
    beyond = rating * spread * maintenance_margin(terms, held)
    return (notional(held, terms.price) - beyond) / held


def insurance_fund_change(
    account: Account, markets: Markets, market: int, change: int, quote: int, max_fee_ppm: int
) -> int:
    """What the fund receives (negative: pays) when (change, quote) is filled, quote quantums.

    x = quote − bankruptcy quote; min(x, ⌊|quote| · max_fee⌋) if x > 0, else x.
    """
    if change == 0:
        raise RefusedError(Refusal.FILL_INVALID)
    beyond = quote - bankruptcy_quote(account, markets, market, change)
    return min(beyond, abs(quote) * max_fee_ppm // PPM_ONE) if beyond > 0 else beyond


def insurance_fund_covers(balance: int, change: int) -> bool:
    """Whether a fund of this balance can take this change: a receipt always, a payment in full."""
    return change >= 0 or balance + change >= 0


def liquidation_limits(quote: int, rules: LiquidationRules) -> tuple[int, int]:
    """Least and most notional of a position that one order may liquidate, quote quantums.

    least = min(min_notional, |quote|); most = min(max(⌊|quote| · max_position⌋, min_notional),
    |quote|), where quote is the position's notional.
    """
    size = abs(quote)
    share = size * rules.max_position_ppm // PPM_ONE
    return min(rules.min_notional, size), min(max(share, rules.min_notional), size)


def deleveraging_price(risk: Risk, is_final_settlement: bool) -> DeleveragingPrice:
    """Bankruptcy price below zero equity; else the oracle's, if the market is being closed."""
    if risk.net_collateral < 0:
        return DeleveragingPrice.BANKRUPTCY
    return DeleveragingPrice.ORACLE if is_final_settlement else DeleveragingPrice.NONE


def deleverage_pair(
    liquidated: Account,
    offsetting: Account,
    markets: Markets,
    market: int,
    change: int,
    at: DeleveragingPrice = DeleveragingPrice.BANKRUPTCY,
) -> tuple[Account, Account]:
    """Close `change` of the liquidated account's position against an opposite one.

    Both accounts after it; refused if either side does not reduce, or if the venue would not
    allow one of them to change so.
    """
    assert at is not DeleveragingPrice.NONE, "deleveraging needs a price"
    _closing(liquidated, market, change)
    _closing(offsetting, market, -change)
    if at is DeleveragingPrice.ORACLE:
        quote = -math.trunc(change * markets[market].price)
    else:
        quote = bankruptcy_quote(liquidated, markets, market, change)
    after = (
        changed(liquidated, markets, market, change, quote),
        changed(offsetting, markets, market, -change, -quote),
    )
    for old, new in zip((liquidated, offsetting), after, strict=True):
        allowed = transition(account_risk(old, markets), account_risk(new, markets))
        if allowed is not Transition.SUCCESS:
            raise RefusedError(Refusal.UPDATE_NOT_ALLOWED)
    return after


def deleverage(
    accounts: Sequence[Account],
    liquidated: int,
    candidates: Iterable[int],
    markets: Markets,
    market: int,
    change: int,
    at: DeleveragingPrice = DeleveragingPrice.BANKRUPTCY,
) -> Deleveraging:
    """Close `change` of one account against candidates in their order, skipping who cannot.

    The venue starts its walk at a pseudo-random account and ranks nobody by profit or leverage.
    """
    after, fills, remaining = list(accounts), [], change
    for candidate in candidates:
        if remaining == 0:
            break
        opposite = size_held(after[candidate], market)
        if candidate == liquidated or opposite * remaining <= 0:
            continue
        size = min(abs(remaining), abs(opposite))
        signed = size if remaining > 0 else -size
        try:
            pair = deleverage_pair(after[liquidated], after[candidate], markets, market, signed, at)
        except RefusedError as refused:
            if refused.reason is not Refusal.UPDATE_NOT_ALLOWED:
                raise
            continue
        after[liquidated], after[candidate] = pair
        fills.append((candidate, size))
        remaining -= signed
    return Deleveraging(tuple(after), tuple(fills), remaining)
