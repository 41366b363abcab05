"""The tail beyond a short history: peaks over a threshold, said so that they stay exact."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from seawall.money import RATIO_ONE, parse_ratio
from seawall.pricing import logarithm, power


class PeaksOverThreshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A generalised Pareto tail beyond the worst moves, for a history that is too short to hold it.

    The threshold u is the loss after the k = ⌈share · n⌉ worst of n moves, e their mean excess over
    it; the scale is (1 − shape) · e, which is its mean for that shape, so that the rule stays
    linear and exact. With c = (((1 − confidence) · n ÷ k)^−shape − 1) ÷ shape, or −ln of that base
    at shape 0: value at risk = u + c · (1 − shape) · e, expected shortfall = u + (c + 1) · e.
    Source: A. McNeil, R. Frey, P. Embrechts, "Quantitative Risk Management", 7.2. The shape is
    fitted on a longer history, such as with `seawall.backtest`, and stands in the rulebook.
    """

    share: Decimal = Decimal("0.1")  # Of the moves that count as peaks.
    shape: Decimal = Decimal("0.25")  # From 0 to below 1; 0 is an exponential tail.

    def __post_init__(self) -> None:
        if not 0 < parse_ratio(self.share) < RATIO_ONE:
            raise ValueError(f"share: a share between 0 and 1 is needed, not {self.share}")
        if not 0 <= parse_ratio(self.shape) < RATIO_ONE:
            raise ValueError(f"shape: from 0 to below 1 is needed, not {self.shape}")

    def beyond(self, confidence: Decimal, moves: int, peaks: int, *, of_mean: bool) -> int:
        """How many mean excesses lie between the threshold and the tail; parts per billion, up.

        c + 1 for the expected shortfall, c · (1 − shape) for the value at risk.

        >>> half = PeaksOverThreshold(share=Decimal("0.1"), shape=Decimal("0.5"))
        >>> half.beyond(Decimal("0.99"), 400, 40, of_mean=False)  # (√10 − 1) ÷ 0.5 · 0.5
        2162277661
        """
        base = min(1.0, float(1 - confidence) * max(moves, 1) / peaks)
        shape = float(self.shape)
        c = (float(power(base, -shape)) - 1.0) / shape if shape else -float(logarithm(base))
        return math.ceil((c + 1.0 if of_mean else c * (1.0 - shape)) * RATIO_ONE)
