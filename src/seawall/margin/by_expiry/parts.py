"""The terms of Derive's standard rule in parts per billion, and as the kernel reads them.

Knows ratios. Does not know positions or prices.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.margin.derive.parameters import StandardTerms
from seawall.money import RATIO_ONE, parse_ratio


class Parts(NamedTuple):
    """`StandardTerms` in parts per billion, in the same order."""

    perpetual_initial: int
    perpetual_maintenance: int
    spot_maximum: int
    spot_minimum: int
    call_maintenance: int
    put_maintenance: int
    put_mark_maintenance: int
    unpaired_initial: int
    unpaired_maintenance: int
    put_offset: int
    base_factor: int
    base_initial_scale: int
    perpetual_threshold: int
    option_threshold: int
    base_threshold: int
    confidence_factor: int


def parts_of(terms: StandardTerms) -> Parts:
    """Parts per billion of each ratio."""
    return Parts(*(parse_ratio(getattr(terms, name)) for name in Parts._fields))


def row_of(parts: Parts) -> list[float]:
    """The kernel's order: ratios, the shares of a base asset that do not count, thresholds."""
    cut = RATIO_ONE - parts.base_factor
    cut_initial = RATIO_ONE**2 - parts.base_factor * parts.base_initial_scale
    # What does not count at all is not doubted.
    base_threshold = parts.base_threshold if cut_initial < RATIO_ONE**2 else 0
    thresholds = (parts.perpetual_threshold, parts.option_threshold, base_threshold)
    return [
        *(part / RATIO_ONE for part in parts[:10]),
        cut / RATIO_ONE,
        cut_initial / RATIO_ONE**2,
        *map(float, thresholds),
        parts.confidence_factor / RATIO_ONE,
    ]
