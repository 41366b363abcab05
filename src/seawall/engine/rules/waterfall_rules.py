"""Who pays after the book, as a rulebook writes it: backstop, funds, deleveraging, shared loss.

Knows names and ratios alone. A fund's own terms are `seawall.liquidation.Fund`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from seawall.liquidation import Fund, Policy

FIRST_FUND = "insurance_fund"  # The system account; a venue that names no funds has this one.
ONE_FUND = (Fund(name=FIRST_FUND, fee_share=Decimal(1)),)
SHORTFALL = "shortfall"  # What withdrawals have to bring back, below zero.
_TAKEN = frozenset({"outside", "market", "clearing", "fees", "dust", "suspense", SHORTFALL})


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Backstop(_Section, frozen=True, kw_only=True):
    """Who takes positions over at their bankruptcy price, before a fund pays for them.

    It must carry what it takes: never more than `notional_max`, and never below its own initial
    margin. Below 0 of maintenance it takes from accounts that are broke; Hyperliquid's vault takes
    from 2/3 on and keeps what is left of the account.
    """

    account: str  # By its name; while nobody opened it there is no backstop.
    notional_max: Decimal  # Dollars at the mark of all contracts that it holds after taking.
    below_ratio: Decimal = Decimal(0)  # Of maintenance: from where on it takes over.


class Deleveraging(_Section, frozen=True, kw_only=True):
    """Who is closed against a position that nobody else can carry, and at which price."""

    ranking: Policy = "profit_times_leverage"
    price: Literal["bankruptcy", "mark", "previous_mark"] = "bankruptcy"
    cap_ratio: Decimal = Decimal(1)  # capped_pro_rata: most of its position, at a time.

    LATER: ClassVar[frozenset[str]] = frozenset({"cap_ratio"})


class LossSharing(_Section, frozen=True, kw_only=True):
    """Who bears what is left."""

    rule: Literal["pro_rata", "withdrawal_haircut", "per_contract", "redistribution"] = "pro_rata"


def accounts_named(funds: Sequence[Fund], loss_sharing: LossSharing) -> tuple[str, ...]:
    """Accounts that these rules open between those of the system and those of users."""
    names = [fund.name for fund in funds if fund.name != FIRST_FUND]
    return (*names, SHORTFALL) if loss_sharing.rule == "withdrawal_haircut" else tuple(names)


def untraded(funds: Sequence[Fund]) -> frozenset[str]:
    """Names of accounts that no margin method judges: nobody may be told to trade by them."""
    return _TAKEN | {FIRST_FUND} | {fund.name for fund in funds}


def waterfall_faults(
    coins: Sequence[str],
    backstop: Backstop | None,
    funds: Sequence[Fund],
    deleveraging: Deleveraging,
) -> Iterator[tuple[str, str]]:
    """What types cannot say: (fault, key path)."""
    if not 0 < deleveraging.cap_ratio <= 1:
        fault = f"cap_ratio must lie in (0, 1], not {deleveraging.cap_ratio}"
        yield fault, "$.deleveraging.cap_ratio"
    seen: set[str] = set()
    for number, fund in enumerate(funds):
        path = f"$.funds[{number}]"
        if fund.name in seen | _TAKEN:
            yield f"the name {fund.name} is taken", f"{path}.name"
        seen.add(fund.name)
        for place, coin in enumerate(fund.markets):
            if coin not in coins:
                yield f"coin {coin} is not listed", f"{path}.markets[{place}]"
    if backstop is None:
        return
    if backstop.account in untraded(funds) or not backstop.account.strip():
        yield f"{backstop.account!r} is no account that can trade", "$.backstop.account"
    if backstop.notional_max < 0:
        fault = f"notional_max must not be negative, not {backstop.notional_max}"
        yield fault, "$.backstop.notional_max"
    if not 0 <= backstop.below_ratio <= 1:
        fault = f"below_ratio must lie in [0, 1], not {backstop.below_ratio}"
        yield fault, "$.backstop.below_ratio"
