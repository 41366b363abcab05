"""What of an impact stays, what comes back, and how depth leaves when volatility comes.

Knows quantities, times since them and volatilities. Does not know a clock: time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from seawall.systemic.impact import _positive


class _Decay(msgspec.Struct, frozen=True, tag_field="decay", forbid_unknown_fields=True):
    """A law of decay; its tag is its name on the command line."""

    def left(self, elapsed: float) -> float:
        """Share of a transient impact that is still in the price after a time."""
        raise NotImplementedError


class ExponentialDecay(_Decay, frozen=True, tag="exponential"):
    """e^(−rate · elapsed): a book that refills as Obizhaeva and Wang (2013) have it.

    >>> ExponentialDecay.of_half_life(1.0).left(5.0)
    0.03125
    """

    rate: float  # Per unit of time.

    def __post_init__(self) -> None:
        _positive("rate", self.rate, allow_zero=True)

    @classmethod
    def of_half_life(cls, half_life: float) -> ExponentialDecay:
        """The rate at which half is left after `half_life`."""
        return cls(math.log(2.0) / half_life)

    def left(self, elapsed: float) -> float:
        """`e^(−rate · elapsed)`."""
        return math.exp(-self.rate * elapsed)


class PowerDecay(_Decay, frozen=True, tag="power"):
    """(1 + elapsed ÷ scale)^(−exponent).

    Exponent ½ is the law of child orders on Tokyo; prices that diffuse need (1 − γ) ÷ 2 where the
    signs of orders are correlated as t^−γ. Source: Bouchaud, Gefen, Potters and Wyart (2004);
    Maitrier, Loeper and Bouchaud (2025).

    >>> round(PowerDecay().left(2.0), 9)
    0.577350269
    """

    scale: float = 1.0
    exponent: float = 0.5

    def __post_init__(self) -> None:
        _positive("scale", self.scale)
        _positive("exponent", self.exponent, allow_zero=True)

    def left(self, elapsed: float) -> float:
        """`(1 + elapsed ÷ scale)^(−exponent)`."""
        return float((1.0 + elapsed / self.scale) ** -self.exponent)


DECAYS = ExponentialDecay | PowerDecay


def displacement(
    per_unit: float,
    sales: Sequence[tuple[float, float]],
    now: float,
    decay: DECAYS,
    permanent: float = 0.0,
) -> float:
    """How far the price is below where it would be: Σ per_unit · q · (g + (1 − g) · left(now − t)).

    `sales` are (time, units) until now; g is the permanent share. Forced sales tell nobody
    anything, so the measured default is almost full decay.
    """
    return per_unit * sum(
        units * (permanent + (1.0 - permanent) * decay.left(now - time))
        for time, units in sales
        if time <= now
    )


def transient_cost(per_unit: float, sales: Sequence[tuple[float, float]], decay: DECAYS) -> float:
    """What a seller loses to his own transient impact, each block at the middle of its own step.

    Σ qᵢ · (per_unit · qᵢ ÷ 2 + displacement just before it). Sales ascend in time.
    """
    cost = 0.0
    for place, (time, units) in enumerate(sales):
        before = displacement(per_unit, sales[:place], time, decay)
        cost += units * (before + 0.5 * per_unit * units)
    return cost


class DepthState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Depth as a share of the calm one, which shrinks at once and comes back slowly.

    target = max(least, min(1, (calm_volatility ÷ volatility)^power)). On 10 October 2025 depth near
    the mid vanished for minutes, by more than 90 %.
    """

    calm_volatility: float
    power: float = 1.0
    least: float = 0.05
    recovery_rate: float = 0.1  # Per unit of time, of what is missing.
    share: float = 1.0

    def __post_init__(self) -> None:
        _positive("calm_volatility", self.calm_volatility)
        _positive("power", self.power, allow_zero=True)
        _positive("least", self.least)
        _positive("recovery_rate", self.recovery_rate, allow_zero=True)
        if not self.least <= self.share <= 1.0:
            raise ValueError(f"share: must lie in [{self.least}, 1], not {self.share}")

    def target(self, volatility: float) -> float:
        """The share that makers quote at a volatility once they have had time."""
        if volatility <= self.calm_volatility:
            return 1.0
        return max(self.least, float((self.calm_volatility / volatility) ** self.power))

    def after(self, elapsed: float, volatility: float) -> DepthState:
        """The state a while later: makers withdraw at once and return with the recovery rate.

        >>> calm = DepthState(calm_volatility=0.5)
        >>> calm.after(1.0, 2.0).share
        0.25
        """
        target = self.target(volatility)
        if target <= self.share:
            share = target
        else:
            missing = (target - self.share) * math.exp(-self.recovery_rate * elapsed)
            share = target - missing
        return msgspec.structs.replace(self, share=share)
