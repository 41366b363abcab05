"""Scenario grids of venues: parameter sets for `Scan`, each with its date and its source.

Knows what a venue's scan asks, and its charges as functions of numbers that stand alone, beside the
fields of `Scan` that say the same of a portfolio. Venues change parameters without notice.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from seawall.margin.scan import Extreme, Scan


class Preset(NamedTuple):
    """A scan with the parameters of one venue."""

    method: Scan
    as_of: str
    source: str
    note: str = ""  # What of the venue's rule is not in the scan, or was read by us.


def _decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


def _paradex() -> Scan:
    """Twenty-four scenarios; every weight is halved, as maintenance is half of initial."""
    half = Decimal("0.5")
    edges = (("0.16", "1"), ("-0.16", "1"))
    tails = (
        ("-0.66", "0.24"),
        ("-0.33", "0.48"),
        ("0.5", "0.32"),
        ("1", "0.16"),
        ("2", "0.08"),
        ("3", "0.0533"),
        ("4", "0.04"),
        ("5", "0.032"),
    )
    return Scan(
        moves=_decimals("-0.12", "-0.08", "-0.04", "0", "0.04", "0.08", "0.12"),
        volatilities=_decimals("0.4", "-0.22"),
        weight=half,
        extremes=tuple(
            Extreme(Decimal(move), half * Decimal(weight), Decimal("0.4"))
            for move, weight in (*edges, *tails)
        ),
        initial_factor=Decimal(2),
        delta_minimum_net=half * Decimal("0.02"),
        delta_minimum_hedged=half * Decimal("0.01"),
    )


def _quarters(width: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(step) * Decimal(width) / 4 for step in range(-4, 5))


def _fifths(down: str, up: str) -> tuple[Decimal, ...]:
    """Ten points, five on each side of the unmoved price, which cannot lose."""
    falls = [Decimal(step) * Decimal(down) / 5 for step in range(5, 0, -1)]
    return (*falls, *(Decimal(step) * Decimal(up) / 5 for step in range(1, 6)))


GRIDS = {
    "paradex_pm": Preset(
        _paradex(),
        "2026-11",
        "docs.paradex.trade/risk/portfolio-margin",
        "Fees and a provision for funding come on top. The larger of scan and least delta is taken"
        " coin by coin, our reading.",
    ),
    "aevo_pm": Preset(
        Scan(
            moves=_decimals("-0.2", "-0.1", "0", "0.1", "0.2"),
            volatilities=_decimals("0.5", "0", "-0.25"),
            volatility_rule="additive",
            power_short=Decimal(0),
            power_long=Decimal(0),
        ),
        "2026-11",
        "docs.aevo.xyz, portfolio margin: initial parameters of ETH",
        "A floor of unknown size comes on top.",
    ),
    "bit_pm": Preset(
        Scan(
            moves=tuple(Decimal(step) * Decimal("0.036") for step in range(-5, 6)),
            volatilities=_decimals("0.45", "0", "-0.28"),
            volatility_rule="additive",
            power_long=Decimal("0.3"),
            short_option_minimum=Decimal("0.01"),
            futures_minimum=Decimal("0.005"),
        ),
        "2020-07",
        "support.bit.com, Bit.com Portfolio Margin",
        "That shocks are points times (30 ÷ days)^0.3 was chosen because it fits the venue's"
        " examples best. Its floor is 0.5 % of outright futures and 1 % of options sold, together;"
        " every future counts as outright, our reading.",
    ),
    "grvt": Preset(
        Scan(
            moves=_quarters("0.2"),
            volatilities=_decimals("0.45", "0", "-0.45"),
            extremes=tuple(
                Extreme(Decimal(move), Decimal("0.33"), Decimal("0.45")) for move in ("-0.6", "0.6")
            ),
            initial_factor=Decimal("1.3"),
            futures_contingency=Decimal("0.006"),
        ),
        "2025",
        "GRVT exchange contracts, default configuration in public source",
        "The quarters between the ends, and the extremes' rise of volatility, are our reading;"
        " later versions weight the extremes 0.67. The contingency is part of maintenance, so that"
        " the factor raises it too, our reading.",
    ),
    "tims_broad_index": Preset(
        Scan(moves=_fifths("-0.08", "0.06"), contract_minimum=Decimal("0.375")),
        "recalled",
        "FINRA 4210(g) and SEC 15c3-1a, high-capitalisation broad index; not read again",
        "At least 0.375 dollars a lot; the rule's contract is 100 shares.",
    ),
    "tims_other_index": Preset(
        Scan(moves=_fifths("-0.1", "0.1"), contract_minimum=Decimal("0.375")),
        "recalled",
        "FINRA 4210(g) and SEC 15c3-1a, other broad index; not read again",
        "At least 0.375 dollars a lot; the rule's contract is 100 shares.",
    ),
    "tims_single": Preset(
        Scan(moves=_fifths("-0.15", "0.15"), contract_minimum=Decimal("0.375")),
        "recalled",
        "FINRA 4210(g) and SEC 15c3-1a, single stock or narrow index; not read again",
        "At least 0.375 dollars a lot; the rule's contract is 100 shares.",
    ),
}


def minimum_delta(
    bought: Fraction,
    sold: Fraction,
    price: Fraction,
    net_rate: Fraction = Fraction(2, 100),
    hedged_rate: Fraction = Fraction(1, 100),
) -> Fraction:
    """Paradex's least margin: (2 % of |net| + 1 % of hedged) · price.

    `bought` and `sold` are deltas in coins, both positive; net = bought − sold, hedged = (gross −
    |net|) ÷ 2, the smaller side. Source: docs.paradex.trade/risk/portfolio-margin.

    >>> minimum_delta(Fraction(3), Fraction(1), Fraction(100))
    Fraction(5, 1)
    """
    return (abs(bought - sold) * net_rate + min(bought, sold) * hedged_rate) * price


def futures_contingency(notional: Fraction, rate: Fraction) -> Fraction:
    """A share of the notional of futures, hedged or not: GRVT 0.6 %, BIT 0.5 % of outrights."""
    return abs(notional) * rate


def least_each(contracts: int, dollars: Fraction = Fraction(375, 1000)) -> Fraction:
    """The least charge for each contract."""
    return abs(contracts) * dollars
