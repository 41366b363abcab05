"""Holdings × value table: what both generations of portfolio margin share.

Knows amounts and values per contract; does not know how an option is priced.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seawall.margin.derive.market import by_expiry
from seawall.margin.derive.valuation import BASIS_DOWN, BASIS_UP, NEAR, ValueTable
from seawall.pricing import Floats


class PortfolioMargin(NamedTuple):
    """Every part of a portfolio margin, dollars; an account is healthy where its margin is ≥ 0.

    maintenance = mark_value + cash + (worst − static_scaled) · maintenance_factor − static
    initial = mark_value + cash + (worst − static_scaled) · (initial_factor + depeg)
              − static − static_initial − confidence
    The first generation charges `static_scaled` inside the factors, the second `static` outside.
    """

    initial: float
    maintenance: float
    near_maintenance: float  # Maintenance if only the three scenarios of `NEAR` are looked at.
    cash: float
    mark_value: float  # option_mark + collateral_mark + perpetual_cash.
    option_mark: float
    collateral_mark: float
    perpetual_cash: float
    worst: float  # The least of the scenarios' profits and the basis contingency; never above 0.
    worst_scenario: int  # Place of it; the number of scenarios where it is the basis contingency.
    profit: Floats  # [scenario]
    basis: float  # Basis contingency, never above 0.
    static_scaled: float
    static: float
    static_initial: float
    confidence: float
    initial_factor: float
    maintenance_factor: float
    depeg: float  # Addition to the initial factor.

    def maintenance_under(self, scenario: int) -> float:
        """Maintenance if one scenario alone is looked at, as a liquidator may choose it."""
        least = min(self.basis, float(self.profit[scenario]))
        return self.maintenance + (least - self.worst) * self.maintenance_factor


class Charges(NamedTuple):
    """The parts of a margin that no scenario changes, dollars."""

    static_scaled: float
    static: float
    static_initial: float
    confidence: float
    initial_factor: float
    maintenance_factor: float
    depeg: float


def expiry_marks(table: ValueTable, held: Floats) -> Floats:
    """[expiry] value of the options held, dollars."""
    return by_expiry(table.columns, held * table.mark)


def column_profits(table: ValueTable, held: Floats, linear: float) -> Floats:
    """[column] profit of a portfolio, each expiry's shocked value discounted by its sign.

    profit = dampening · (linear · move + Σ over expiries of (discounted value − mark));
    in a skewed column every expiry's change counts as a loss, whatever its sign.
    `linear` is the value, in dollars, of what moves as spot does.
    """
    total = by_expiry(table.columns, held[:, None] * table.shocked)
    discount = np.where(total >= 0.0, table.long_discount[:, None], table.short_discount[:, None])
    change = total * discount - expiry_marks(table, held)[:, None]
    change = np.where(table.skewed, -np.abs(change), change)
    profit: Floats = table.dampening * (linear * table.move + change.sum(axis=0))
    return profit


def basis_contingency(table: ValueTable, held: Floats, add: float, multiply: float) -> float:
    """Σ over expiries of min(up − mark, down − mark, 0) · (add + multiply · years), dollars.

    Options only, volatility unshocked, undiscounted; expiries never net.
    """
    mark = expiry_marks(table, held)
    up = by_expiry(table.columns, held * table.shocked[:, BASIS_UP]) - mark
    down = by_expiry(table.columns, held * table.shocked[:, BASIS_DOWN]) - mark
    loss = np.minimum(np.minimum(up, down), 0.0)
    return float((loss * (add + multiply * table.columns.years)).sum())


def compose(
    profits: Floats, basis: float, marks: tuple[float, float, float, float], charges: Charges
) -> PortfolioMargin:
    """Put the parts together; marks are cash, options, collateral and unsettled perpetual cash."""
    cash, option_mark, collateral_mark, perpetual_cash = marks
    mark_value = option_mark + collateral_mark + perpetual_cash
    profit, near = profits[: -len(NEAR)], profits[-len(NEAR) :]
    place = int(np.argmin(profit))
    worst = float(profit[place])
    if not worst < basis:
        place, worst = len(profit), basis

    def margin(least: float, factor: float, charged: float) -> float:
        return (least - charges.static_scaled) * factor - charged + mark_value + cash

    owed = charges.static + charges.static_initial + charges.confidence
    return PortfolioMargin(
        initial=margin(worst, charges.initial_factor + charges.depeg, owed),
        maintenance=margin(worst, charges.maintenance_factor, charges.static),
        near_maintenance=margin(
            min(basis, float(near.min())), charges.maintenance_factor, charges.static
        ),
        cash=cash,
        mark_value=mark_value,
        option_mark=option_mark,
        collateral_mark=collateral_mark,
        perpetual_cash=perpetual_cash,
        worst=worst,
        worst_scenario=place,
        profit=profit,
        basis=basis,
        **charges._asdict(),
    )
