"""dYdX v4: what a subaccount is worth, the margin it needs, and whether it may change.

All amounts are in the venue's own scale: quote quantums (10⁻⁶ USDC), base quantums (a market's
own), rates in parts per million, the funding index in 10⁻⁶ quote quantums per base quantum.
Knows no liquidation and no funding sample. Source: dydxprotocol/v4-chain, commit 84d4664bae.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple, TypeAlias

PPM_ONE = 1_000_000  # A rate of 1, in parts per million.


class Refusal(enum.IntEnum):
    """Why the venue does not do what was asked."""

    SIZE_CHANGE_INVALID = 1  # Zero, away from zero, or beyond the position.
    FILL_INVALID = 2  # A fill of no size.
    NO_MAINTENANCE_MARGIN = 3  # Nothing to share the equity by.
    UPDATE_NOT_ALLOWED = 4  # An account would be left worse than the venue lets it be.


class RefusedError(ValueError):
    """A request that the venue refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Market(NamedTuple):
    """A perpetual and its liquidity tier."""

    price: Fraction  # Quote quantums per base quantum, at the oracle.
    initial_ppm: int  # Initial margin, share of notional.
    maintenance_ppm: int  # Maintenance margin, share of the initial margin.
    open_interest: int = 0  # Base quantums.
    open_interest_lower: int = 0  # Quote quantums; the initial margin rises above it.
    open_interest_upper: int = 0  # Quote quantums; 100% from here. 0 switches the rise off.
    funding_index: int = 0


class Position(NamedTuple):
    """A holding of one perpetual."""

    market: int
    size: int  # Base quantums, negative if short.
    funding_index: int = 0  # When funding was last settled.
    initial_floor_ppm: int = 0  # From a leverage that the user chose; for initial margin only.


class Account(NamedTuple):
    """A subaccount: its USDC and its positions, which share one collateral."""

    quote: int  # Quote quantums.
    positions: tuple[Position, ...] = ()


class Risk(NamedTuple):
    """Net collateral against the two requirements, in quote quantums."""

    net_collateral: int
    initial: int
    maintenance: int


class Transition(enum.IntEnum):
    """What a change would do to an account that ends below its initial margin."""

    SUCCESS = 0
    NEWLY_UNDERCOLLATERALIZED = 1
    STILL_UNDERCOLLATERALIZED = 2


Markets: TypeAlias = Mapping[int, Market]


def notional(size: int, price: Fraction) -> int:
    """Signed notional, trunc(size · price), in quote quantums."""
    return math.trunc(size * price)


def initial_fraction(market: Market, open_notional: int) -> Fraction:
    """Initial margin as a share of notional, scaled by open interest.

    initial for open_notional ≤ lower, 1 for open_notional ≥ upper, between them
    initial + (open_notional − lower) / (upper − lower) · (1 − initial). Exact.

    >>> market = Market(Fraction(1), 200_000, 500_000, 0, 1_000_000, 2_000_000)
    >>> initial_fraction(market, 1_500_000)
    Fraction(3, 5)
    """
    base = Fraction(market.initial_ppm, PPM_ONE)
    lower, upper = market.open_interest_lower, market.open_interest_upper
    if upper == 0 or open_notional <= lower:
        return base
    if open_notional >= upper:
        return Fraction(1)
    return min(Fraction(1), base + Fraction(open_notional - lower, upper - lower) * (1 - base))


def initial_fraction_ppm(market: Market, open_notional: int) -> int:
    """`initial_fraction` as the venue publishes it: parts per million, rounded down."""
    return math.floor(initial_fraction(market, open_notional) * PPM_ONE)


def initial_margin(market: Market, quote: int, open_notional: int, floor_ppm: int = 0) -> int:
    """Initial margin of a notional, ⌈|quote| · max(initial_fraction, floor)⌉, quote quantums."""
    fraction = max(initial_fraction(market, open_notional), Fraction(floor_ppm, PPM_ONE))
    return math.ceil(abs(quote) * fraction)


def maintenance_margin(market: Market, size: int) -> int:
    """Maintenance margin, ⌈⌈|notional| · initial⌉ · maintenance⌉, quote quantums.

    Open interest and chosen leverage never raise it, so neither can liquidate anybody.
    """
    base = -(-abs(notional(size, market.price)) * market.initial_ppm // PPM_ONE)
    return -(-base * market.maintenance_ppm // PPM_ONE)


def position_risk(market: Market, position: Position) -> Risk:
    """Notional and requirements of one position, without its funding."""
    quote = notional(position.size, market.price)
    open_notional = notional(market.open_interest, market.price)
    return Risk(
        net_collateral=quote,
        initial=initial_margin(market, quote, open_notional, position.initial_floor_ppm),
        maintenance=maintenance_margin(market, position.size),
    )


def unsettled_funding(account: Account, markets: Markets) -> int:
    """Funding not yet paid, ⌊−Σ size · (index − entry index) · 10⁻⁶⌋, in quote quantums."""
    millionths = sum(
        -one.size * (markets[one.market].funding_index - one.funding_index)
        for one in account.positions
    )
    return millionths // PPM_ONE


def account_risk(account: Account, markets: Markets) -> Risk:
    """Net collateral = USDC + Σ trunc(size · price) + unsettled funding, and both requirements.

    >>> bitcoin = Market(Fraction(500), 200_000, 500_000)  # 50,000 USDC a coin of 10⁸ quantums.
    >>> account_risk(Account(-4501_000_000, (Position(0, 10_000_000),)), {0: bitcoin})
    Risk(net_collateral=499000000, initial=1000000000, maintenance=500000000)
    """
    risks = [position_risk(markets[one.market], one) for one in account.positions]
    return Risk(
        net_collateral=account.quote
        + unsettled_funding(account, markets)
        + sum(risk.net_collateral for risk in risks),
        initial=sum(risk.initial for risk in risks),
        maintenance=sum(risk.maintenance for risk in risks),
    )


def changed(account: Account, markets: Markets, market: int, size: int, quote: int) -> Account:
    """The account after funding is settled and a fill of (size, quote) is added to it."""
    settled = account.quote + unsettled_funding(account, markets)
    held = {
        one.market: one._replace(funding_index=markets[one.market].funding_index)
        for one in account.positions
    }
    if size:
        before = held.get(market, Position(market, 0, markets[market].funding_index))
        held[market] = before._replace(size=before.size + size)
    positions = tuple(held[key] for key in sorted(held) if held[key].size)
    return Account(settled + quote, positions)


def size_held(account: Account, market: int) -> int:
    """Base quantums that an account holds of a market."""
    return sum(one.size for one in account.positions if one.market == market)


def is_initially_collateralized(risk: Risk) -> bool:
    """Net collateral covers the initial margin: orders and transfers are allowed."""
    return risk.net_collateral >= risk.initial


def is_maintenance_collateralized(risk: Risk) -> bool:
    """Net collateral covers the maintenance margin."""
    return risk.net_collateral >= risk.maintenance


def is_liquidatable(risk: Risk) -> bool:
    """Maintenance margin is positive and above net collateral; equality is healthy."""
    return risk.maintenance > 0 and risk.maintenance > risk.net_collateral


def riskier(left: Risk, right: Risk) -> int:
    """1 if the left account is liquidated before the right one, −1 if after, 0 if equal.

    The smaller net_collateral ÷ maintenance goes first, compared crosswise so that a maintenance
    of zero needs no division; then the larger maintenance, then the smaller net collateral.

    >>> riskier(Risk(100, 0, 50), Risk(200, 0, 100))
    -1
    """
    ours = left.net_collateral * right.maintenance
    theirs = right.net_collateral * left.maintenance
    if ours != theirs:
        return 1 if ours < theirs else -1
    if left.maintenance != right.maintenance:
        return 1 if left.maintenance > right.maintenance else -1
    return (left.net_collateral < right.net_collateral) - (
        left.net_collateral > right.net_collateral
    )


def transition_undercollateralized(before: Risk, after: Risk) -> Transition:
    """Whether an account that stays below its initial margin may change from before to after.

    It may if it was below already, maintenance does not grow, and net_collateral ÷ maintenance
    does not fall. With no maintenance left, there must have been none before, and net collateral
    must rise.
    """
    if is_initially_collateralized(before):
        return Transition.NEWLY_UNDERCOLLATERALIZED
    if after.maintenance == 0:
        rises = before.maintenance == 0 and after.net_collateral > before.net_collateral
        return Transition.SUCCESS if rises else Transition.STILL_UNDERCOLLATERALIZED
    falls = after.net_collateral * before.maintenance < before.net_collateral * after.maintenance
    if after.maintenance > before.maintenance or falls:
        return Transition.STILL_UNDERCOLLATERALIZED
    return Transition.SUCCESS


def transition(before: Risk, after: Risk) -> Transition:
    """Whether any account may change from before to after: the initial margin settles it."""
    if is_initially_collateralized(after):
        return Transition.SUCCESS
    return transition_undercollateralized(before, after)
