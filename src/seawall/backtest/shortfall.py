"""Were the losses beyond a value at risk as large as the expected shortfall said?

Knows losses and forecasts in one unit, such as parts of the notional.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class ShortfallTest(NamedTuple):
    """Two statistics that are zero on average if the forecast is right, negative if it is low."""

    conditional: float | None  # Z1, size of the exceedances alone; None without any
    unconditional: float  # Z2, size and number together
    p_value: float  # one-sided, for Z2


def acerbi_szekely(
    loss: Array, value_at_risk: Array, expected_shortfall: Array, probability: float
) -> ShortfallTest:
    """Compare losses beyond the value at risk with the expected shortfall of the same bar.

    Z1 = 1 - mean over exceedances of loss / ES; Z2 = 1 - sum over exceedances of (loss / ES) /
    (T p). Arrays [bar]. The p-value is that of the mean of p - 1{exceeded} loss / ES against its
    own standard error, by the normal law; it means little below ten exceedances.
    Source: Acerbi and Szekely, Back-testing expected shortfall, Risk (December 2014); there -0.7
    is the 5 % critical value of Z2 for T = 250, p = 2.5 %.
    """
    exceeded = loss > value_at_risk
    safe = np.where(expected_shortfall > 0, expected_shortfall, np.inf)
    if np.any(exceeded & ~np.isfinite(safe)):
        raise ValueError("expected_shortfall: not positive where a loss exceeds the value at risk")
    size = np.where(exceeded, loss / safe, 0.0)
    count = int(np.sum(exceeded))
    conditional = 1 - float(np.sum(size)) / count if count else None
    unconditional = 1 - float(np.mean(size)) / probability
    error = float(np.std(size)) / math.sqrt(loss.size) / probability
    p_value = 0.5 * math.erfc(-unconditional / error / math.sqrt(2)) if error > 0 else 1.0
    return ShortfallTest(conditional, unconditional, p_value)
