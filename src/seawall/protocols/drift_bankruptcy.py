"""Drift v2: who bears what a liquidation leaves behind, and how insurance shares shrink.

Integers in the scales of `drift_margin`; funding indices in 10^-9 of quote per coin.
Source: drift-labs/protocol-v2@0ae3e3b1db, programs/drift/src/math/{liquidation,insurance}.rs and
controller/liquidation.rs.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.protocols.drift_margin import BASE_ONE, power_of_ten


class Resolved(NamedTuple):
    """Who paid for a bankrupt perpetual position, quote atoms."""

    from_insurance: int
    from_fees: int
    shared: int
    funding_delta: int  # 10^-9 of quote per coin: added for longs, taken from shorts.


def funding_delta(loss: int, long_base: int, short_base: int) -> int | None:
    """Loss per coin of open interest, both sides alike, 10^-9 of quote; None if there is none."""
    both = abs(long_base) + abs(short_base)
    return -(-abs(loss) * BASE_ONE // both) * 1000 if both else None


def deposit_interest_delta(unpaid: int, deposits: int, interest: int) -> int:
    """Cut of the deposit index that makes depositors bear a borrow, rounded up; not all of it."""
    if deposits == 0:
        return 0
    return min(-(-interest * unpaid // deposits), max(interest - 1, 0))


def resolve_bankruptcy(
    loss: int, fund: int, fund_allowed: int, fees: int, long_base: int, short_base: int
) -> Resolved:
    """Insurance fund (it keeps one atom, and has a cap), then fees, then all open positions."""
    from_insurance = max(0, min(loss, fund - 1, fund_allowed))
    from_fees = max(0, min(loss - from_insurance, fees))
    shared = loss - from_insurance - from_fees
    delta = funding_delta(shared, long_base, short_base) if shared else 0
    return Resolved(from_insurance, from_fees, shared, delta or 0)


def rebase(shares: int, fund: int) -> tuple[int, int]:
    """Power of ten by which insurance shares shrink: digits of shares / 10 / fund, less one.

    >>> rebase(78_000_000, 100)
    (4, 10000)
    """
    digits = len(str(shares // 10 // fund)) - 1
    return digits, power_of_ten(digits)
