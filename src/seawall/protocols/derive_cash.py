"""Derive v2's cash: lent and borrowed at a rate that follows its use, shared losses, withdrawals.

Money, rates and indices are ints with 18 decimals, truncated towards zero; a negative balance is
a debt. Source: derivexyz/v2-core, commit 7736900d39.
"""

from __future__ import annotations

import decimal
import enum
from typing import NamedTuple

from seawall.protocols.derive_feed import WAD, product, quotient, ratio

YEAR_SECONDS = 365 * 86_400
_EXACT = decimal.Context(prec=60, rounding=decimal.ROUND_DOWN)


class Refusal(enum.IntEnum):
    """Why the venue does not do what was asked."""

    NO_ELAPSED_TIME = 1
    STILL_INSOLVENT = 2


class RefusedError(ValueError):
    """A request that the venue refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class RateModel(NamedTuple):
    """Borrow rate per year over utilisation; the defaults are the main network's."""

    minimum: int = 2 * WAD // 100
    slope: int = 8 * WAD // 100
    high_slope: int = 9 * WAD // 10
    optimal: int = 85 * WAD // 100


class Pool(NamedTuple):
    """All cash of the venue and the stable coins that back it."""

    supply: int
    borrow: int
    stable: int
    fund_share: int = 0  # Of the interest, for the insurance fund.
    fees: int = 0  # Accrued for the insurance fund, not yet paid.
    net_settled: int = 0  # Printed (+) or burned (−) by settlements whose other side is open.
    supply_index: int = WAD
    borrow_index: int = WAD
    has_withdraw_fee: bool = False
    usual_fund_share: int = 0  # What `fund_share` returns to when the withdraw fee ends.


class Holding(NamedTuple):
    """One account's cash as it was last touched, and the index of that moment."""

    balance: int = 0
    since_index: int = 0


def utilisation(supply: int, borrow: int, net_settled: int = 0) -> int:
    """Share of the supply that is borrowed, min(borrow / (supply + max(0, −net_settled)), 1)."""
    available = supply + max(0, -net_settled)
    return min(ratio(borrow, available), WAD) if available else 0


def borrow_rate(model: RateModel, used: int) -> int:
    """Rate per year, minimum + min(used, optimal) · slope + max(0, used − optimal) · high_slope.

    >>> borrow_rate(RateModel(6 * WAD // 100, WAD // 5, WAD * 2 // 5, WAD * 3 // 5), WAD * 4 // 5)
    260000000000000000
    """
    low = product(min(used, model.optimal), model.slope)
    return model.minimum + low + product(max(0, used - model.optimal), model.high_slope)


def interest_factor(rate: int, seconds: int) -> int:
    """Interest on one unit of debt, exp(rate · seconds / year) − 1."""
    if seconds <= 0:
        raise RefusedError(Refusal.NO_ELAPSED_TIME)
    exponent = decimal.Decimal(quotient(rate * seconds, YEAR_SECONDS)).scaleb(-18, _EXACT)
    return int(exponent.exp(_EXACT).scaleb(18, _EXACT)) - WAD


def accrued(pool: Pool, model: RateModel, seconds: int) -> Pool:
    """The pool after `seconds`: debts grow by the factor, supply by it less the fund's share."""
    if seconds == 0 or pool.borrow == 0:
        return pool
    used = utilisation(pool.supply, pool.borrow, pool.net_settled)
    interest = product(pool.borrow, interest_factor(borrow_rate(model, used), seconds))
    fee = product(interest, pool.fund_share)
    borrow, supply = pool.borrow + interest, pool.supply + interest - fee
    grown = ratio(supply, pool.supply) if pool.supply else WAD
    return pool._replace(
        supply=supply,
        borrow=borrow,
        fees=pool.fees + fee,
        supply_index=product(pool.supply_index, grown),
        borrow_index=product(pool.borrow_index, ratio(borrow, pool.borrow)),
    )


def balance(pool: Pool, holding: Holding) -> int:
    """An account's cash with its interest, balance · index / index of the last touch."""
    if holding.balance == 0 or holding.since_index == 0:
        return holding.balance
    index = pool.supply_index if holding.balance > 0 else pool.borrow_index
    return quotient(holding.balance * index, holding.since_index)


def changed(pool: Pool, holding: Holding, amount: int) -> tuple[Pool, Holding]:
    """Add cash to an account: the supply holds the positive balances, the borrow the debts."""
    before = balance(pool, holding)
    after = before + amount
    pool = pool._replace(
        supply=pool.supply + max(after, 0) - max(before, 0),
        borrow=pool.borrow + max(-after, 0) - max(-before, 0),
    )
    index = pool.supply_index if after > 0 else pool.borrow_index
    return pool, Holding(after, index if after else 0)


def exchange_rate(pool: Pool) -> int:
    """Stable coins behind one unit of cash, min(1, stable / total cash)."""
    total = total_cash(pool)
    return min(WAD, ratio(pool.stable, total)) if total > 0 else WAD


def total_cash(pool: Pool) -> int:
    """Cash that the stable coins must cover, supply + fees − borrow − net_settled."""
    return pool.supply + pool.fees - pool.borrow - pool.net_settled


def after_loss(pool: Pool, loss: int) -> Pool:
    """Share a loss: accrued fees bear it first; the caller prints `loss` to its receiver.

    Use `with_withdraw_fee` once the receiver's cash is there.
    """
    return pool._replace(fees=max(0, pool.fees - loss))


def with_withdraw_fee(pool: Pool) -> Pool:
    """Turn the withdraw fee on if cash is no longer covered; all interest then fills the gap."""
    if pool.has_withdraw_fee or exchange_rate(pool) >= WAD:
        return pool
    return pool._replace(has_withdraw_fee=True, usual_fund_share=pool.fund_share, fund_share=WAD)


def without_withdraw_fee(pool: Pool) -> Pool:
    """Turn the withdraw fee off, which is refused while cash is not covered."""
    if exchange_rate(pool) < WAD:
        raise RefusedError(Refusal.STILL_INSOLVENT)
    if not pool.has_withdraw_fee:
        return pool
    return pool._replace(has_withdraw_fee=False, fund_share=pool.usual_fund_share)


def cash_burned(pool: Pool, stable: int) -> int:
    """Cash that a withdrawal of stable coins costs, stable / exchange rate with the fee on."""
    return ratio(stable, exchange_rate(pool)) if pool.has_withdraw_fee else stable


def burnable(pool: Pool, offered: int) -> int:
    """Part of an offered gift of cash that is burned: at most what stable coins do not cover."""
    return min(offered, max(0, total_cash(pool) - pool.stable))


def fund_payout(stored_balance: int, requested: int) -> int:
    """Cash that the insurance fund pays, min(requested, its balance as last touched)."""
    return max(0, min(requested, stored_balance))
