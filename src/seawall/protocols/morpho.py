"""Morpho Blue: a loan against one collateral, its liquidation, and the loss that lenders take.

Amounts in atoms, prices in 10⁻³⁶ loan atoms per collateral atom, shares of value in wads (10⁻¹⁸).
Debt is held in shares of all debt. Knows no interest. Source: morpho-org/morpho-blue, commit
3085651a.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

WAD = 10**18
PRICE_ONE = 10**36
VIRTUAL_SHARES = 10**6  # Beside the real ones, so that nobody inflates the price of a share.
VIRTUAL_ASSETS = 1
INCENTIVE_MAX = 115 * WAD // 100
INCENTIVE_SLOPE = 30 * WAD // 100


class Refusal(enum.IntEnum):
    """Why a liquidation does not happen; the first that holds, in this order."""

    INPUT_INCONSISTENT = 1  # Neither or both of collateral and shares are given.
    HEALTHY = 2
    MORE_THAN_DEBT = 3  # The repayment has more shares than the borrower.
    MORE_THAN_COLLATERAL = 4


class RefusedError(ValueError):
    """A liquidation that the protocol refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Market(NamedTuple):
    """What all lenders and borrowers of a market hold together."""

    supply: int  # Loan atoms.
    borrowed: int  # Loan atoms.
    borrow_shares: int
    threshold: int  # Wad; most debt ÷ worth of the collateral.


class Loan(NamedTuple):
    """One borrower."""

    collateral: int  # Atoms.
    borrow_shares: int


class Liquidation(NamedTuple):
    """What the liquidator gets and pays, what lenders lose, and what is left."""

    seized: int  # Collateral atoms.
    repaid: int  # Loan atoms.
    bad_debt: int  # Loan atoms.
    market: Market
    loan: Loan


def _up(numerator: int, denominator: int) -> int:
    """⌈numerator / denominator⌉."""
    return -(-numerator // denominator)


def incentive(threshold: int) -> int:
    """Collateral seized for each unit repaid, min(1.15, 1 / (1 − 0.3 · (1 − threshold))), wad.

    >>> incentive(860_000_000_000_000_000)
    1043841336116910229
    """
    return min(INCENTIVE_MAX, WAD * WAD // (WAD - INCENTIVE_SLOPE * (WAD - threshold) // WAD))


def assets_up(market: Market, shares: int) -> int:
    """What shares of the debt owe, rounded up."""
    return _up(shares * (market.borrowed + VIRTUAL_ASSETS), market.borrow_shares + VIRTUAL_SHARES)


def assets_down(market: Market, shares: int) -> int:
    """What shares of the debt owe, rounded down."""
    return shares * (market.borrowed + VIRTUAL_ASSETS) // (market.borrow_shares + VIRTUAL_SHARES)


def shares_up(market: Market, assets: int) -> int:
    """Shares that an amount of debt makes, rounded up."""
    return _up(assets * (market.borrow_shares + VIRTUAL_SHARES), market.borrowed + VIRTUAL_ASSETS)


def is_healthy(market: Market, loan: Loan, price: int) -> bool:
    """⌊⌊collateral · price⌋ · threshold⌋ covers the debt, rounded up."""
    worth = loan.collateral * price // PRICE_ONE
    return worth * market.threshold // WAD >= assets_up(market, loan.borrow_shares)


def liquidate(
    market: Market, loan: Loan, price: int, *, seized: int = 0, repaid_shares: int = 0
) -> Liquidation:
    """Seize collateral for a repayment; the caller names one of them and gets the other.

    Any amount at once: what is repaid is rounded up, what is seized down. When the last collateral
    goes, the rest of the debt leaves what borrowers owe and what lenders own, at once.
    """
    if (seized == 0) == (repaid_shares == 0):
        raise RefusedError(Refusal.INPUT_INCONSISTENT)
    if is_healthy(market, loan, price):
        raise RefusedError(Refusal.HEALTHY)
    factor = incentive(market.threshold)
    if seized:
        quoted = _up(seized * price, PRICE_ONE)
        repaid_shares = shares_up(market, _up(quoted * WAD, factor))
    else:
        seized = assets_down(market, repaid_shares) * factor // WAD * PRICE_ONE // price
    if repaid_shares > loan.borrow_shares:
        raise RefusedError(Refusal.MORE_THAN_DEBT)
    if seized > loan.collateral:
        raise RefusedError(Refusal.MORE_THAN_COLLATERAL)
    repaid = assets_up(market, repaid_shares)
    market = market._replace(
        borrowed=max(0, market.borrowed - repaid),
        borrow_shares=market.borrow_shares - repaid_shares,
    )
    loan = Loan(loan.collateral - seized, loan.borrow_shares - repaid_shares)
    bad_debt = 0
    if loan.collateral == 0:
        bad_debt = min(market.borrowed, assets_up(market, loan.borrow_shares))
        market = market._replace(
            supply=market.supply - bad_debt,
            borrowed=market.borrowed - bad_debt,
            borrow_shares=market.borrow_shares - loan.borrow_shares,
        )
        loan = Loan(0, 0)
    return Liquidation(seized, repaid, bad_debt, market, loan)
