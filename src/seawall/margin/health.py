"""Who must be judged again in integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seawall.margin.contract import Requirement
from seawall.money import RATIO_ONE

_ULP = 2.0**-52


def suspects(requirement: Requirement, warning_ratio: int = RATIO_ONE) -> NDArray[np.bool_]:
    """Say of each account whether the screen fails to prove that it is above a line. [account]

    Above means margin_equity − level × maintenance > 0, with level = warning_ratio ÷ 10⁹; a level
    of 1 asks for liquidation, a higher one for a warning. Not above is the negation, so NaN is a
    suspect. At level 1 the bound already covers the difference; at another level the product adds
    its own rounding, at most 2 ulp of what it multiplies.
    """
    margin_equity, maintenance = requirement.margin_equity, requirement.maintenance
    slack = requirement.error_bound
    with np.errstate(invalid="ignore"):  # Infinity less infinity: the negation sees to it.
        if warning_ratio == RATIO_ONE:
            return np.logical_not(margin_equity - maintenance > slack)
        level = warning_ratio / RATIO_ONE
        charged = maintenance * level
        rounding = 4.0 * _ULP * (np.abs(margin_equity) + charged)
        return np.logical_not(margin_equity - charged > slack * (1.0 + level) + rounding)
