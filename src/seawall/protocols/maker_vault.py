"""Maker: the delayed price, the median behind it, and how much of an unsafe vault is seized.

Collateral and normalised debt in wads (10⁻¹⁸), rate and safe price in rays (10⁻²⁷), debt and limits
in rads (10⁻⁴⁵), seconds. Knows no auction. Source: makerdao/dss dog.sol, commit fa4f6630;
makerdao/osm e36c874; makerdao/median 0316acd.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from seawall.market.oracle.delayed import DelayedPrice, advanced, may_advance

__all__ = [
    "WAD",
    "DelayedPrice",
    "Refusal",
    "RefusedError",
    "Seizure",
    "Vault",
    "VaultRules",
    "advanced",
    "is_unsafe",
    "may_advance",
    "median",
    "seize",
]

WAD = 10**18


class Refusal(enum.IntEnum):
    """Why a vault is not seized or a price not taken; the first that holds, in this order."""

    NOT_UNSAFE = 1
    LIMIT_HIT = 2  # As much is under auction as may be.
    DUSTY_AUCTION = 3  # Only a part fits under the limit, and it is too small.
    NULL_AUCTION = 4  # No collateral would be sold.
    WRONG_QUORUM = 5  # Not exactly as many values as asked for, or an even number.
    STALE_VALUE = 6  # Not newer than the price that stands.
    NOT_ASCENDING = 7
    SIGNED_TWICE = 8


class RefusedError(ValueError):
    """A request that the protocol refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Vault(NamedTuple):
    """Collateral and the debt that it secures."""

    collateral: int  # Wad.
    debt: int  # Wad, normalised: times the rate it is what is owed.


class VaultRules(NamedTuple):
    """Terms of a kind of collateral, and what is under auction now."""

    rate: int  # Ray; what a unit of normalised debt owes.
    safe_price: int  # Ray; the oracle's price ÷ the ratio that is asked for.
    debt_min: int  # Rad; no vault may owe less, unless nothing.
    penalty_factor: int  # Wad; what the auction shall bring ÷ what is owed.
    limit: int  # Rad; most under auction, of this kind.
    limit_total: int  # Rad; of all kinds.
    under_auction: int = 0  # Rad; of this kind.
    under_auction_total: int = 0  # Rad.


class Seizure(NamedTuple):
    """What goes to auction and what stays."""

    after: Vault
    lot: int  # Wad.
    target: int  # Rad; what the auction shall bring.
    under_auction_total: int  # Rad, after it.


def is_unsafe(vault: Vault, rules: VaultRules) -> bool:
    """0 < safe_price and collateral · safe_price < debt · rate; at equality it is safe."""
    return rules.safe_price > 0 and vault.collateral * rules.safe_price < vault.debt * rules.rate


def seize(vault: Vault, rules: VaultRules) -> Seizure:
    """Send an unsafe vault to auction, whole if the limits leave room, else in part.

    part = min(debt, ⌊⌊room / rate⌋ / penalty_factor⌋) with room under both limits; all of it, past
    the limits, if the rest would owe less than `debt_min`. lot = ⌊collateral · part / debt⌋,
    target = ⌊part · rate · penalty_factor⌋.
    """
    if not is_unsafe(vault, rules):
        raise RefusedError(Refusal.NOT_UNSAFE)
    room = min(rules.limit - rules.under_auction, rules.limit_total - rules.under_auction_total)
    if room <= 0:
        raise RefusedError(Refusal.LIMIT_HIT)
    part = min(vault.debt, room * WAD // rules.rate // rules.penalty_factor)
    if part < vault.debt:
        if (vault.debt - part) * rules.rate < rules.debt_min:
            part = vault.debt
        elif part * rules.rate < rules.debt_min:
            raise RefusedError(Refusal.DUSTY_AUCTION)
    lot = vault.collateral * part // vault.debt
    if lot == 0:
        raise RefusedError(Refusal.NULL_AUCTION)
    target = part * rules.rate * rules.penalty_factor // WAD
    after = Vault(vault.collateral - lot, vault.debt - part)
    return Seizure(after, lot, target, rules.under_auction_total + target)


def median(
    values: Sequence[int],
    quorum: int,
    *,
    times: Sequence[int] = (),
    last_time: int = 0,
    signers: Sequence[int] = (),
) -> int:
    """The middle of exactly `quorum` values, an odd number, in ascending order.

    Each newer than the price that stands and each by another signer, where these are given.

    >>> median([1, 2, 9], 3)
    2
    """
    if len(values) != quorum or quorum % 2 == 0:
        raise RefusedError(Refusal.WRONG_QUORUM)
    if any(time <= last_time for time in times):
        raise RefusedError(Refusal.STALE_VALUE)
    if any(values[index] < values[index - 1] for index in range(1, quorum)):
        raise RefusedError(Refusal.NOT_ASCENDING)
    if len(set(signers)) < len(signers):
        raise RefusedError(Refusal.SIGNED_TWICE)
    return values[quorum // 2]
