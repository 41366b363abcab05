"""What lateness costs: a feed that lags, keepers that queue, gas that eats the bonus.

Knows rates and capacities as numbers. Does not know a chain or a clock.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seawall.systemic.spiral import toxic_ratio


def true_loan_to_value(loan_to_value: float, fall_rate: float, lag: float) -> float:
    """Loan-to-value when a lagging feed shows `loan_to_value`: LTV · e^(rate · lag).

    >>> true_loan_to_value(0.825, 0.05, 5.0) > 1.0
    True
    """
    return loan_to_value * math.exp(fall_rate * lag)


def critical_lag(loan_to_value: float, fall_rate: float) -> float:
    """Lag after which a loan is under water before anybody sees it: ln(1 ÷ LTV) ÷ rate.

    >>> round(critical_lag(0.825, 0.005), 2)
    38.47
    """
    return math.log(1.0 / loan_to_value) / fall_rate if fall_rate else math.inf


def toxic_lag(loan_to_value: float, fall_rate: float, bonus: float) -> float:
    """Lag after which liquidating makes it worse: ln(1 ÷ ((1 + b) · LTV)) ÷ rate, at least 0."""
    return max(0.0, critical_lag(loan_to_value / toxic_ratio(bonus), fall_rate))


def feed_error(deviation: float, heartbeat: float, fall_rate: float, inclusion: float) -> float:
    """Most that a push feed is wrong by: max(deviation, rate · heartbeat) + rate · inclusion."""
    return max(deviation, fall_rate * heartbeat) + fall_rate * inclusion


class Queue(NamedTuple):
    """Liquidations that wait for keepers, as a fluid."""

    peak: float  # Liquidations waiting at the end of the burst.
    clears_after: float  # Blocks after the burst until none waits.
    longest_wait: float  # Blocks that the last of the burst waits.


def keeper_queue(arrivals: float, capacity: float, burst: float) -> Queue:
    """A burst against keepers of a fixed capacity, both per block: (arrivals − capacity) · burst.

    >>> keeper_queue(100.0, 40.0, 30.0)
    Queue(peak=1800.0, clears_after=45.0, longest_wait=45.0)
    """
    peak = max(0.0, (arrivals - capacity) * burst)
    if not peak:
        return Queue(0.0, 0.0, 0.0)
    wait = peak / capacity if capacity else math.inf
    return Queue(peak, wait, wait)


def smallest_worth_liquidating(bonus: float, gas: float, slippage: float = 0.0) -> float:
    """Size from which a keeper earns anything: gas ÷ (bonus − slippage), both shares of size.

    >>> smallest_worth_liquidating(0.05, 20.0)
    400.0
    """
    margin = bonus - slippage
    return gas / margin if margin > 0.0 else math.inf
