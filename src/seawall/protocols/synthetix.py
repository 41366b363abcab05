"""Synthetix v3 perpetuals: margin by skew, fill price, funding velocity, liquidation windows.

Pure fractions; a keeper's reward in whole units of 10^-18.
Source: Synthetixio/synthetix-v3@23585f73c7, markets/perps-market.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

ZERO, ONE = Fraction(0), Fraction(1)


class Position(NamedTuple):
    """A position and the parameters of its market."""

    size: Fraction  # Coins; negative is short.
    fill_price: Fraction
    price: Fraction
    skew_scale: Fraction
    initial_fraction: Fraction
    minimum_ratio: Fraction
    maintenance_scalar: Fraction
    minimum_margin: Fraction = ZERO  # Dollars, added to either margin.
    flag_reward_ratio: Fraction = ZERO

    def pnl(self) -> Fraction:
        """Size · (price − fill price)."""
        return self.size * (self.price - self.fill_price)


class Required(NamedTuple):
    """Margins of a position or a portfolio, dollars."""

    initial: Fraction
    maintenance: Fraction
    flag_reward: Fraction  # What a keeper earns at most for flagging.


class Funding(NamedTuple):
    """Funding of a market after some days."""

    skew: Fraction
    velocity: Fraction  # Change of the rate in a day.
    rate: Fraction  # A day; positive is paid by longs.
    accrued: Fraction  # Dollars that the position has paid if it is long.


class Tranche(NamedTuple):
    """What a market liquidated at a time."""

    time: Fraction  # Seconds.
    amount: Fraction  # Coins.


def required_margin(position: Position) -> Required:
    """IMR = |q| / scale · fraction + minimum; MMR = IMR · scalar; both of the notional.

    >>> short = Position(-ONE, ZERO, 30_000 * ONE, 100 * ONE, 2 * ONE, ONE / 100, ONE / 2)
    >>> [int(margin) for margin in required_margin(short)[:2]]  # 3 % and 1.5 % of 30,000
    [900, 450]
    """
    size = abs(position.size)
    notional = size * position.price
    ratio = size / position.skew_scale * position.initial_fraction + position.minimum_ratio
    return Required(
        notional * ratio + position.minimum_margin,
        notional * ratio * position.maintenance_scalar + position.minimum_margin,
        notional * position.flag_reward_ratio,
    )


def portfolio_margin(positions: Sequence[Position]) -> Required:
    """Sums over positions."""
    each = [required_margin(position) for position in positions]
    return Required(
        sum((one.initial for one in each), ZERO),
        sum((one.maintenance for one in each), ZERO),
        sum((one.flag_reward for one in each), ZERO),
    )


def available_margin(
    collateral: Fraction, positions: Sequence[Position], debt: Fraction = ZERO
) -> Fraction:
    """Collateral after haircuts, plus profit and loss, less debt."""
    return collateral + sum((position.pnl() for position in positions), ZERO) - debt


def is_liquidatable(available: Fraction, maintenance: Fraction, reward: Fraction = ZERO) -> bool:
    """Maintenance and the keeper's reward exceed what is there."""
    return maintenance + reward > available


def fill_price(price: Fraction, skew: Fraction, size: Fraction, scale: Fraction) -> Fraction:
    """Price · (1 + (skew + (skew + size)) / (2 · scale)): half the premium before and after."""
    return price * (1 + (2 * skew + size) / (2 * scale))


def funding_velocity(skew: Fraction, scale: Fraction, velocity_max: Fraction) -> Fraction:
    """Skew / scale within ±1, times the largest change of the rate in a day."""
    return max(-ONE, min(ONE, skew / scale)) * velocity_max


def next_funding(
    before: Funding,
    days: Fraction,
    skew_change: Fraction,
    scale: Fraction,
    velocity_max: Fraction,
    notional: Fraction,
) -> Funding:
    """The rate moves by its velocity; the mean of old and new rate is paid; then the skew moves."""
    rate = before.rate + before.velocity * days
    accrued = before.accrued + (before.rate + rate) / 2 * days * notional
    skew = before.skew + skew_change
    return Funding(skew, funding_velocity(skew, scale, velocity_max), rate, accrued)


def window_capacity(
    maker_fee: Fraction,
    taker_fee: Fraction,
    scale: Fraction,
    multiplier: Fraction,
    seconds: Fraction,
) -> Fraction:
    """Coins that a window liquidates: (maker + taker fee) · scale · multiplier · seconds."""
    return (maker_fee + taker_fee) * scale * multiplier * seconds


def liquidated(
    size: Fraction,
    now: Fraction,
    earlier: Sequence[Tranche],
    capacity: Fraction,
    seconds: Fraction,
    premium: Fraction = ZERO,
    premium_max: Fraction = ZERO,
    endorsed: bool = False,
) -> Fraction:
    """Coins that a call takes: what the window has left, or all for an endorsed keeper.

    A used-up window gives a further capacity, once for each time, while the premium |skew| / scale
    is below its limit; a limit of 0 never does.
    """
    size = abs(size)
    if endorsed or capacity == 0:
        return size
    used = sum((one.amount for one in earlier if now - one.time < seconds), ZERO)
    left = max(ZERO, capacity - used)
    if left == 0 and premium < premium_max and all(one.time != now for one in earlier):
        left = capacity
    return min(size, left)


def keeper_reward(
    cost: int,
    reward: int,
    reward_min: int,
    profit_ratio: Fraction,
    reward_max: int,
    scaling: Fraction,
    available: int | None,
) -> int:
    """Pay of a keeper, 10^-18; `available` None is an account already flagged.

    min(max(cost + min, cost · (1 + profit ratio), cost + reward), max, available · scaling).
    """
    wanted = max(cost + reward_min, int(cost * (1 + profit_ratio)), cost + reward)
    if available is not None:
        reward_max = min(reward_max, int(available * scaling))
    return min(wanted, reward_max)
