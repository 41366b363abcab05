"""Paradex: margin with open orders, deleveraging, partial liquidation, funding, shared loss.

Pure fractions. Source: tradeparadex/paradex-docs@9b82a75a, fern/pages/risk-system.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

ZERO, ONE = Fraction(0), Fraction(1)


class Order(NamedTuple):
    """An open order."""

    buys: bool
    size: Fraction
    price: Fraction


class InitialMargin(NamedTuple):
    """Initial margin of one market with its open orders."""

    buy_open_size: Fraction  # The long that it becomes if every buy fills.
    sell_open_size: Fraction
    net: Fraction  # Dollars, before fees and open loss.
    requirement: Fraction


class Liquidation(NamedTuple):
    """An account after the same share of every position was closed."""

    share: Fraction
    maintenance: Fraction
    penalty: Fraction
    account_value: Fraction
    margin_ratio: Fraction | None  # Maintenance ÷ account value; None if nothing is left.


class Funding(NamedTuple):
    """Funding over some seconds."""

    rate: Fraction  # For a whole period.
    premium: Fraction  # Settlement currency per coin and period.
    index_change: Fraction  # Settlement currency per coin.
    pnl: Fraction  # Of the position: a long pays a positive rate.


class SharedLoss(NamedTuple):
    """What a withdrawal leaves behind while the insurance fund is short."""

    shortfall: Fraction
    factor: Fraction
    to_fund: Fraction
    to_user: Fraction


def initial_margin(
    position: Fraction,
    buy_orders: Fraction,
    sell_orders: Fraction,
    fraction: Fraction,
    mark: Fraction,
    fee_provision: Fraction = ZERO,
    open_loss: Fraction = ZERO,
) -> InitialMargin:
    """IM = max(buy open size, sell open size) · IMF · mark + fee provision + open loss.

    Buy open size = max(0, buys + position); sell open size = max(0, sells − position).
    """
    buys = max(ZERO, buy_orders + position)
    sells = max(ZERO, sell_orders - position)
    net = max(buys, sells) * fraction * mark
    return InitialMargin(buys, sells, net, net + fee_provision + open_loss)


def maintenance_margin(net_initial: Fraction, exit_fee: Fraction = ZERO) -> Fraction:
    """MM = ½ · net initial margin of the positions alone + provision for the exit fee."""
    return net_initial / 2 + exit_fee


def orders_kept(position: Fraction, orders: Sequence[Order]) -> list[Order]:
    """Orders that stay when account value is below initial margin.

    Orders that do not offset the position are cancelled; of those that do, the most passive go
    first until the rest is no larger than the position.
    """
    offsetting = [order for order in orders if position and order.buys == (position < 0)]
    passive = sorted(
        range(len(offsetting)),
        key=lambda n: offsetting[n].price if offsetting[n].buys else -offsetting[n].price,
    )
    size = sum((order.size for order in offsetting), ZERO)
    cancelled = set()
    for number in passive:
        if size <= abs(position):
            break
        size -= offsetting[number].size
        cancelled.add(number)
    return [order for number, order in enumerate(offsetting) if number not in cancelled]


def partial_liquidation(
    account_value: Fraction, maintenance: Fraction, share: Fraction, fee: Fraction
) -> Liquidation:
    """Close a share of every position: maintenance falls by it, the penalty is share · fee · MM."""
    left, penalty = maintenance * (1 - share), maintenance * share * fee
    value = account_value - penalty
    return Liquidation(share, left, penalty, value, left / value if value > 0 else None)


def smallest_liquidation(
    account_value: Fraction,
    maintenance: Fraction,
    fee: Fraction,
    step: Fraction = Fraction(1, 5),
    target: Fraction = Fraction(9, 10),
) -> Liquidation:
    """The smallest multiple of the step that brings the margin ratio below the target, else all."""
    share = step
    while share < 1:
        tried = partial_liquidation(account_value, maintenance, share, fee)
        if tried.margin_ratio is not None and tried.margin_ratio < target:
            return tried
        share += step
    return partial_liquidation(account_value, maintenance, ONE, fee)


def funding(
    position: Fraction,
    spot: Fraction,
    premium_rate: Fraction,
    seconds: Fraction,
    baseline: Fraction = Fraction(1, 10_000),
    clamp: Fraction = Fraction(5, 10_000),
    max_rate: Fraction | None = None,
    period_seconds: Fraction = Fraction(28_800),
    settlement_price: Fraction = ONE,
) -> Funding:
    """Rate = premium + clamp(baseline − premium, ±clamp), bounded by ±max rate.

    The index grows by rate · spot ÷ settlement price · seconds ÷ period; a position receives
    −position · growth.
    """
    rate = premium_rate + min(max(baseline - premium_rate, -clamp), clamp)
    if max_rate is not None:
        rate = min(max(rate, -max_rate), max_rate)
    premium = rate * spot / settlement_price
    change = premium * seconds / period_seconds
    return Funding(rate, premium, change, -position * change)


def shared_loss(
    bankruptcy: Fraction, insurance_fund: Fraction, balances: Fraction, withdrawal: Fraction
) -> SharedLoss:
    """A withdrawal leaves factor = shortfall ÷ (balances + shortfall) of itself to the fund.

    Shortfall = what bankrupt accounts owe beyond the fund. The page's own example divides by the
    balances alone, 25 % for the 20 % that its formula gives.
    """
    shortfall = max(ZERO, bankruptcy - insurance_fund)
    factor = shortfall / (balances + shortfall) if shortfall else ZERO
    return SharedLoss(shortfall, factor, withdrawal * factor, withdrawal * (1 - factor))
