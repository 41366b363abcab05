"""A sale at a discount that is as large as the account is deep under water: Euler's.

No clock and no bids: whoever finds the discount enough takes. The rule is that of
`protocols.euler`; here it is told in lots. Knows no account other than its sums.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.liquidation.exits.contract import ExitFill, Refusal, RefusedError, Side, within
from seawall.liquidation.exits.pool import average
from seawall.liquidation.exits.rules import ByHealthExit, parts
from seawall.money import Rounding, divide
from seawall.protocols.euler import BASIS_POINTS, WAD, Liquidation, Position, liquidate


class Distressed(NamedTuple):
    """What is for sale, and how deep the account is under water. [price atoms × lots]"""

    lots: int
    mark: int  # Price atoms.
    owed: int
    threshold: int  # Share of these lots' value that counts against the debt, basis points.
    other_adjusted: int = 0  # All other collateral, after its own thresholds.


def discount_max_of(rule: ByHealthExit) -> int:
    """The greatest discount, basis points."""
    return parts(rule.discount_max_ratio, 10**9) * BASIS_POINTS // 10**9


def offer(account: Distressed, discount_max: int) -> Liquidation:
    """The most that may be repaid and taken, and the factor on the mark, max(health, 1 − most).

    >>> offer(Distressed(10, 100, 900, 8_550), 2_000).discount_factor * 100 // WAD
    95
    """
    return liquidate(
        Position(
            collateral=account.lots,
            collateral_price=account.mark * WAD,
            loan_to_value=account.threshold,
            debt=account.owed,
            debt_price=WAD,
            other_adjusted_value=account.other_adjusted,
        ),
        discount_max,
    )


def take(
    account: Distressed, discount_max: int, taker: int, lots: int, limit: int
) -> tuple[Distressed, ExitFill]:
    """Take up to `lots` for lots · mark · factor, rounded up, and never for more than is owed.

    The discount follows from the account as it stands, so what is left is sold at another one.
    Where the factor is the health h, a part makes the account healthier if h² > threshold: then
    splitting a take costs the taker. Below, the account gets sicker by each part and splitting pays
    the taker, a weakness that Euler's own paper names; the greatest discount bounds it.
    """
    if lots <= 0 or not account.lots:
        raise RefusedError(Refusal.NOTHING_ASKED)
    offered = offer(account, discount_max)
    taken = min(lots, offered.max_yield)
    if not taken:
        raise RefusedError(Refusal.HEALTHY)
    paid = divide(taken * account.mark * (offered.discount_factor or 0), WAD, Rounding.UP)
    fill = average(taker, Side.BUY, taken, paid)
    if not within(fill.price, limit, Side.BUY):
        raise RefusedError(Refusal.BEYOND_LIMIT)
    return account._replace(lots=account.lots - taken, owed=account.owed - paid), fill
