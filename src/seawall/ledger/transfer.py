"""A transfer, why it is made, and why it may be refused.

Knows no balances; the ledger decides. A transfer is history once it is posted: a mistake is put
right by another transfer that names it.
"""

from __future__ import annotations

import enum

import msgspec


class Cause(enum.Enum):
    """Why value moves; closed, so that reports over the journal add up."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRADE = "trade"
    FEE = "fee"
    FUNDING = "funding"
    SETTLEMENT = "settlement"
    FOLD = "fold"  # A contract's quote becomes cash.
    LIQUIDATION = "liquidation"
    INSURANCE = "insurance"
    DELEVERAGING = "deleveraging"
    SHARED_LOSS = "shared_loss"
    CORRECTION = "correction"  # Names the transfer that it puts right.
    LOAD = "load"
    DUST = "dust"
    AUCTION_DEPOSIT = "auction_deposit"  # Of a sealed bid: lodged, returned or forfeited.
    COMPENSATION = "compensation"  # For a window of wrong prices that its event names.
    RECONCILIATION = "reconciliation"  # Against the suspense account.


class Refusal(enum.Enum):
    """Why a transfer was not posted; in descending precedence, so the first that applies is said.

    >>> [refusal.value for refusal in Refusal][:2]
    ['amount_not_positive', 'unknown_asset']
    """

    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    UNKNOWN_ASSET = "unknown_asset"
    UNKNOWN_ACCOUNT = "unknown_account"
    SAME_ACCOUNT = "same_account"
    ALREADY_POSTED = "already_posted"  # Or so old that the ledger cannot tell.
    CORRECTS_NOTHING = "corrects_nothing"  # A correction names no posted transfer, or a stray name.
    BALANCE_OVERFLOW = "balance_overflow"


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """`atoms` of one asset go from `source` to `target`; balances may become negative."""

    id: int  # Counts from 1 along one source of transfers.
    asset: int
    source: int
    target: int
    atoms: int  # Positive; lots where the asset is a contract.
    reason: Cause
    corrects: int | None = None  # Id of an earlier transfer; corrections only.
