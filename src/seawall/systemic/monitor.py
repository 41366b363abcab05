"""The live reading of one book: how far, how strong, who, and how much of it is the law's doing.

A reading never stands alone: the same shock is read under several laws that agree on one measured
point, and without impact, so that what the law adds can be seen. Knows a ladder, laws and a price.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from seawall.systemic.impact import (
    LAWS,
    ConstantProduct,
    Exponential,
    Linear,
    SquareRoot,
)
from seawall.systemic.ladder import Cascade, Ladder, cascade
from seawall.systemic.tipping import (
    Avalanche,
    avalanches,
    distance_to_cascade,
    distance_to_empty_fund,
    local_gain,
    thresholds,
)


class Reading(NamedTuple):
    """One book under one law."""

    cascade: Cascade
    largest_gain: float  # R0 of the step where it is largest.
    to_cascade: float | None  # Smallest shock that comes to a step with R0 ≥ 1.
    to_empty_fund: float | None  # Smallest shock whose bad debt is more than the fund.
    largest_avalanche: Avalanche | None


def read(
    steps: Ladder,
    law: LAWS,
    price: float,
    shock: float,
    *,
    fund: float = 0.0,
    book_share: float = 1.0,
    width: float = 0.01,
) -> Reading:
    """Everything that one law says about a shock and about the distances to worse."""
    found = thresholds(steps, law, book_share=book_share)
    gain = local_gain(steps, law, width, book_share=book_share)
    falls = avalanches(found, price, most=1)
    return Reading(
        cascade=cascade(steps, law, price, shock, fund=fund, book_share=book_share),
        largest_gain=float(gain.max(initial=0.0)),
        to_cascade=distance_to_cascade(found, price, width),
        to_empty_fund=distance_to_empty_fund(steps, law, price, fund, book_share=book_share),
        largest_avalanche=falls[0] if falls else None,
    )


def sensitivity(
    steps: Ladder,
    laws: Mapping[str, LAWS],
    price: float,
    shock: float,
    *,
    fund: float = 0.0,
    book_share: float = 1.0,
    width: float = 0.01,
) -> dict[str, Reading]:
    """The reading under each law, and as "no impact" the one with feedback switched off.

    Without impact the amplification is 1 and every gain 0, however closely events cluster: what a
    law says beyond that is feedback, and what laws disagree about is not known.
    """
    chosen: dict[str, LAWS] = {"no impact": Linear(0.0), **laws}
    return {
        name: read(steps, law, price, shock, fund=fund, book_share=book_share, width=width)
        for name, law in chosen.items()
    }


def laws_through(price: float, sold: float, drop: float) -> dict[str, LAWS]:
    """Laws that all move the price by a relative `drop` when `sold` units are sold.

    One measured depth, such as what moves the mid by 1 %, is all that most venues publish; the laws
    agree there and nowhere else.

    >>> sorted(laws_through(100.0, 50.0, 0.01))
    ['constant_product', 'exponential', 'linear', 'sqrt']
    """
    fall = -float(np.log1p(-drop))
    return {
        "linear": Linear(price * drop / sold),
        "exponential": Exponential(sold / fall),
        "sqrt": SquareRoot(1.0, fall, sold),
        "constant_product": ConstantProduct(sold / (float(np.exp(0.5 * fall)) - 1.0)),
    }


class Contributor(NamedTuple):
    """An account and what its closing adds."""

    account: int
    units: float
    price: float  # Liquidation price.
    impact: float  # By how much more the price falls because it is closed too.


def contributors(
    steps: Ladder, law: LAWS, found: Cascade, *, book_share: float = 1.0, most: int = 10
) -> list[Contributor]:
    """The accounts whose absence would have helped the most, to first order.

    impact = |price_after(forced) − price_after(forced − its units)|, with all others closed as they
    were. Without it some of the others might not have been reached, so it is a lower bound.
    """
    closing = steps.closing
    units = closing.units[: found.accounts]
    sold = steps.sign * book_share * (found.forced - units)
    spared = steps.sign * (law.prices_after(found.shocked, sold) - found.final)
    worst = np.argsort(-spared, kind="stable")[:most]
    return [
        Contributor(
            account=int(closing.account[i]),
            units=float(units[i]),
            price=float(closing.key[i]) * steps.sign,
            impact=float(spared[i]),
        )
        for i in worst
    ]
