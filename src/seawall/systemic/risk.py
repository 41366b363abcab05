"""Risk over a distribution of shocks: what is liquidated, lost and consumed at a confidence.

Knows a ladder, a law and a sample of shocks. Where the sample comes from is the caller's word.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats
from seawall.systemic.impact import LAWS
from seawall.systemic.ladder import Ladder, final_prices


class AtRisk(NamedTuple):
    """Quantiles over shocks, all at one confidence; money in price × units."""

    confidence: float
    value: float  # VaR: bad debt that the fund does not cover.
    liquidation: float  # LaR: units forced.
    margin: float  # Equity at the present price of those who are closed: what they lose or save.
    fall: float  # Relative move of the final price against the side of the ladder.
    expected_shortfall: float  # Mean of the uncovered bad debt beyond its quantile.
    fund_emptied: float  # Share of shocks whose bad debt is more than the fund.


def at_risk(
    steps: Ladder,
    law: LAWS,
    price: float,
    shocks: ArrayLike,
    *,
    confidence: float = 0.95,
    fund: float = 0.0,
    book_share: float = 1.0,
) -> AtRisk:
    """Run every shock of a sample and read the quantiles, as if all were equally likely.

    VaR and LaR as Gauntlet defines them: the quantile of net insolvent debt and of liquidated
    volume. Bad debt is at each shock's average price. A quantile is the smallest number that is
    enough in `confidence` of the sample.
    """
    sample = np.atleast_1d(np.asarray(shocks, np.float64))
    closed, final, _ = final_prices(steps, law, price, sample, book_share=book_share)
    forced = steps.forced[closed]
    sold = steps.sign * forced * book_share
    average = np.array(
        [
            law.average_price(start, units)
            for start, units in zip((price * (1.0 + sample)).tolist(), sold.tolist(), strict=True)
        ]
    )
    owed = np.where(closed > 0, steps.bad_debt_at(average), 0.0)
    uncovered = np.maximum(0.0, owed - fund)
    value = quantile(uncovered, confidence)
    beyond = uncovered[uncovered >= value]
    return AtRisk(
        confidence=confidence,
        value=value,
        liquidation=quantile(forced, confidence),
        margin=quantile(margin_consumed(steps, price)[closed], confidence),
        fall=quantile(steps.sign * (1.0 - final / price), confidence),
        expected_shortfall=float(beyond.mean()),
        fund_emptied=float((owed > fund).mean()),
    )


def margin_consumed(steps: Ladder, price: float) -> Floats:
    """[step + 1] equity at `price` of the accounts closed before each step: size · distance.

    The distance is to the bankruptcy price; accounts without one count nothing.
    """
    closing, failing = steps.closing, steps.failing
    most = int(closing.account.max(initial=-1)) + 1
    equity = np.zeros(most)
    equity[failing.account] = failing.units * (steps.sign * price - failing.key)
    return np.concatenate(([0.0], np.cumsum(equity[closing.account])))


def quantile(sample: ArrayLike, confidence: float) -> float:
    """The smallest number of a sample that at least `confidence` of it does not exceed.

    >>> quantile([4.0, 1.0, 2.0, 3.0], 0.75)
    3.0
    """
    if not 0.0 < confidence <= 1.0:
        raise ValueError(f"confidence: must lie in (0, 1], not {confidence}")
    column = np.sort(np.asarray(sample, np.float64).ravel())
    if not column.size:
        raise ValueError("sample: is empty")
    # A hair less, so that 0.95 of 100 is 95 although it is a little more in binary.
    return float(column[max(0, math.ceil(confidence * column.size - 1e-9) - 1)])


def fund_size(deficits: ArrayLike, carry: float, penalty: float) -> float:
    """Fund that is cheapest to hold: the quantile 1 − carry ÷ penalty of the deficits.

    The newsvendor's rule; `carry` is the cost of a unit held, `penalty` that of a unit that lacks.
    """
    if not carry < penalty:
        return 0.0
    return quantile(deficits, 1.0 - carry / penalty)


def exponential_fund_size(mean: float, carry: float, penalty: float) -> float:
    """The same for exponential deficits: mean · ln(penalty ÷ carry).

    >>> round(exponential_fund_size(10.0, 0.05, 1.0), 9)
    29.957322736
    """
    return mean * math.log(penalty / carry) if carry < penalty else 0.0
