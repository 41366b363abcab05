"""OKX's portfolio margin of one risk unit, as far as its numbers are public. Experimental.

Knows the legs MR1 (spot shock), MR4 (basis), MR6 (extreme move), MR7 (least charge) and MR8
(borrowing). Does not know MR2, MR3, MR5 (options' decay, term structure, interest) or MR9 (depeg):
their parameters are not published, so a unit with options or hedged settlement currencies is not
margined fully here. `okx_portfolio` has the same legs as a method. Amounts are dollars. Source: OKX
API documentation, account/position-builder; OKX announcement of 2 January 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

EXTREME_SHARE = 0.5  # Of the loss in the extreme moves that MR6 counts.
INITIAL_FACTOR = 1.3
BORROW_INITIAL, BORROW_MAINTENANCE = 0.10, 0.02  # Of the debt, as in the example.
LEAST_CHARGE_STEPS = (  # BTC and ETH before 15 January 2025: (up to dollars of delta, multiplier).
    (10_000.0, 1.0),
    (70_000.0, 2.0),
    (170_000.0, 4.0),
    (300_000.0, 6.0),
    (470_000.0, 8.0),
    (700_000.0, 10.0),
    (None, 12.0),
)


class RiskUnitParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of one underlying; BTC's of January 2025 by default."""

    spot_moves: tuple[float, ...] = (0.0, 0.04, 0.08, 0.12)  # On both sides, for MR1.
    extreme_move: float = 0.24  # On both sides, for MR6.
    basis_rate: float = 0.002  # Of |delta|, for MR4 of swaps.
    least_rate: float = 0.0045  # Of |delta|, for MR7.


class RiskUnit(NamedTuple):
    """Margin of one underlying, each leg apart. Dollars."""

    spot_shock: float  # MR1
    spot_move: float  # The binding move of MR1.
    basis: float  # MR4
    extreme: float  # MR6
    extreme_move: float  # The binding move of MR6.
    least: float  # MR7
    maintenance: float
    initial: float


class Account(NamedTuple):
    """Margin of an account: its risk units, and what it borrows. Dollars."""

    borrow_maintenance: float  # MR8
    borrow_initial: float
    maintenance: float
    initial: float


Profit = Callable[[float], Sequence[float]]  # Move → profit with volatility down, same and up.


def risk_unit(profit: Profit, delta: float, parameters: RiskUnitParameters) -> RiskUnit:
    """Margin of one underlying.

    maintenance = max(max(MR1, MR6) + MR4, MR7); initial = 1.3 · maintenance. MR1 is the most lost
    over the moves and volatilities, MR6 half of the most lost at the extreme move on either side,
    MR4 = basis_rate · |delta|, MR7 = least_rate · |delta|.
    """
    moves = sorted({side * move for move in parameters.spot_moves for side in (-1.0, 1.0)})
    spot, spot_move = _most_lost(profit, moves)
    far, far_move = _most_lost(profit, (-parameters.extreme_move, parameters.extreme_move))
    extreme = EXTREME_SHARE * far
    basis = parameters.basis_rate * abs(delta)
    least = parameters.least_rate * abs(delta)
    maintenance = max(max(spot, extreme) + basis, least)
    return RiskUnit(
        spot, spot_move, basis, extreme, far_move, least, maintenance, INITIAL_FACTOR * maintenance
    )


def account(units: Sequence[RiskUnit], debt: float) -> Account:
    """Add risk units and the margin of what is borrowed: 2 % and 10 % of the debt."""
    kept, asked = BORROW_MAINTENANCE * debt, BORROW_INITIAL * debt
    return Account(
        kept,
        asked,
        sum(unit.maintenance for unit in units) + kept,
        sum(unit.initial for unit in units) + asked,
    )


def linear_profit(delta: float) -> Profit:
    """Profit of swaps and futures, the same at every volatility: delta · move.

    >>> linear_profit(-100.0)(0.25)
    (-25.0, -25.0, -25.0)
    """
    return lambda move: (delta * move,) * 3


def least_charge_multiplier(delta: float) -> float:
    """Multiplier of MR7 by the dollars of delta, of BTC and ETH before 15 January 2025.

    >>> [least_charge_multiplier(delta) for delta in (10_000.0, 10_000.01, 1e9)]
    [1.0, 2.0, 12.0]
    """
    for most, multiplier in LEAST_CHARGE_STEPS:
        if most is None or abs(delta) <= most:
            return multiplier
    raise AssertionError("the last step has no end")


def _most_lost(profit: Profit, moves: Sequence[float]) -> tuple[float, float]:
    """The largest loss and its move; nothing where every cell gains."""
    loss, move = max((-min(profit(move)), move) for move in moves)
    return (loss, move) if loss > 0.0 else (0.0, 0.0)
