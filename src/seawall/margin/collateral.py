"""What a posted balance counts for: a chain of rules from its value down, in whole numbers.

A venue that seizes collateral must sell it, later, into the market that made the account fail. What
it counts today is therefore less than today's price: for the move until the sale (`Flat`,
`Bridged`), for the depth of the market (`BySize`, `Capped`), for collateral that falls together
with the position that it backs (`WrongWay`), and for prices that are themselves in doubt (`Depeg`,
`YieldBearing`, `PoolShare`). Each rule takes an amount and gives back no more, rounded down, so a
chain never counts more than the value and never less than nothing. A balance below zero is a debt
and counts in full: a haircut would make it lighter.

Knows a balance, its price and what the rules ask about the account. Does not know the ledger, a
margin method, or where a price comes from. Amounts are numeraire atoms, ratios in rules decimals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from seawall.money import RATIO_ONE, Rounding, divide, multiply_ratio, parse_atoms, parse_ratio
from seawall.protocols.bridge import latency_haircut
from seawall.protocols.rate_cap import ratio_ceiling

NUMERAIRE_DECIMALS = 10
NO_EXPOSURES: Mapping[str, int] = {}


class Posted(NamedTuple):
    """One balance and what the rules may ask about it; what is not known counts against it."""

    balance: int  # Atoms; negative is a debt.
    one: int  # Atoms of a whole coin.
    price: int  # Price atoms of a whole coin.
    exposures: Mapping[str, int] = NO_EXPOSURES  # [coin] the account's net, numeraire atoms.
    rate: int = 0  # Of a yield-bearing share: underlying for each share, parts per billion.
    elapsed_s: int = 0  # Since the snapshot of that rate.
    fair_price: int = 0  # Of a pool share: price atoms at the pool's fair reserves.


class Observed(NamedTuple):
    """What a feed says of a coin beside its price; nothing, and the rules that ask count nothing.

    `elapsed_s` is as of the reading: a rate is held to the ceiling of the moment when it was read.
    """

    rate: int = 0  # Of a yield-bearing share: underlying for each share, parts per billion.
    elapsed_s: int = 0  # From the snapshot of the rule to the reading.
    fair_price: int = 0  # Of a pool share: price atoms at the pool's fair reserves.


NOTHING_OBSERVED = Observed()


class _Rule(msgspec.Struct, frozen=True, tag_field="rule", forbid_unknown_fields=True):
    """A rule of the chain; its tag is its name in a rulebook."""


class Flat(_Rule, frozen=True, tag="flat"):
    """amount · (1 − haircut): the market may fall this far before the collateral is sold.

    >>> Flat(Decimal("0.04")).counts(17_500, Posted(1, 1, 17_500))
    16800
    """

    haircut: Decimal

    def __post_init__(self) -> None:
        _share("haircut", self.haircut)

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount less its haircut."""
        return _less(amount, parse_ratio(self.haircut))


class SizeTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The haircut of the part of a value that lies above a size."""

    above: Decimal  # Dollars; the first tier begins at 0.
    haircut: Decimal


class BySize(_Rule, frozen=True, tag="by_size"):
    """Σ over tiers of the slice inside · (1 − haircut): a larger lot sinks deeper into the book.

    Slices make it continuous, and a haircut never falls with size, so what counts is concave.
    Source: OKX discount rates, 18 July 2024; MEXC multi-asset margin.
    """

    tiers: tuple[SizeTier, ...]

    def __post_init__(self) -> None:
        if not self.tiers:
            raise ValueError("tiers: at least one tier is needed")
        above, haircut = -1, 0
        for number, tier in enumerate(self.tiers):
            path = f"tiers[{number}]"
            here = _dollars(tier.above)
            if not number and here:
                raise ValueError(f"{path}.above: the first tier begins at 0")
            if here <= above:
                raise ValueError(f"{path}.above: tiers must ascend")
            if _share(f"{path}.haircut", tier.haircut) < haircut:
                raise ValueError(f"{path}.haircut: a larger size cannot have a lower haircut")
            above, haircut = here, parse_ratio(tier.haircut)

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount less the haircut of each slice."""
        counted, before = amount * RATIO_ONE, 0
        for tier in self.tiers:
            haircut = parse_ratio(tier.haircut)
            counted -= max(amount - _dollars(tier.above), 0) * (haircut - before)
            before = haircut
        return divide(counted, RATIO_ONE, Rounding.DOWN)


class Capped(_Rule, frozen=True, tag="capped"):
    """min(amount, most): no more of one asset than the venue could place."""

    most: Decimal  # Dollars.

    def __post_init__(self) -> None:
        if self.most < 0:
            raise ValueError(f"most: must not be negative, not {self.most}")

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount, or the cap."""
        return min(amount, _dollars(self.most))


class WrongWay(_Rule, frozen=True, tag="wrong_way"):
    """amount − haircut · min(amount, long): collateral that falls with the position it backs.

    `long` is the account's net long exposure to the coins of the group, at least 0. Who is long 10
    BTC on 10 BTC of collateral loses twice on one move; who is short is hedged, and pays nothing.
    Only the part of the collateral that the exposure covers is cut, so no step makes one more lot
    cost a whole haircut. Each balance is held against the whole exposure.
    """

    coins: tuple[str, ...]  # The collateral's own coin and those that move with it.
    haircut: Decimal

    def __post_init__(self) -> None:
        if not self.coins:
            raise ValueError("coins: at least one coin is needed")
        _share("haircut", self.haircut)

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount less the haircut of what moves with the position."""
        long = max(sum(posted.exposures.get(coin, 0) for coin in self.coins), 0)
        return amount - multiply_ratio(min(amount, long), parse_ratio(self.haircut), Rounding.UP)


class Depeg(_Rule, frozen=True, tag="depeg"):
    """amount · (1 − min(1, factor · (threshold − price))) below the threshold: a peg in doubt.

    A stablecoin at 0.97 is rarely worth 0.97: it comes back or goes on. Above the threshold the
    price alone speaks; below it each cent costs `factor` cents more.
    """

    threshold: Decimal  # Dollars for a whole coin.
    factor: Decimal  # Extra haircut for each dollar below.

    def __post_init__(self) -> None:
        if self.factor < 0 or self.threshold < 0:
            raise ValueError("factor, threshold: must not be negative")

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount less what the broken peg takes."""
        below = max(_dollars(self.threshold) - posted.price, 0)
        scale = 10**NUMERAIRE_DECIMALS
        haircut = divide(parse_ratio(self.factor) * below, scale, Rounding.UP)
        return _less(amount, min(haircut, RATIO_ONE))


class YieldBearing(_Rule, frozen=True, tag="yield_bearing"):
    """amount · min(rate, ceiling) ÷ rate: a share cannot have grown faster than its yield.

    ceiling = snapshot · (1 + growth_bps ÷ 10⁴ · elapsed ÷ year). A rate above it was donated to or
    misread. See `protocols.rate_cap`.
    """

    snapshot: Decimal  # Rate at the snapshot.
    growth_bps: int  # The most that it may grow in a year.

    def __post_init__(self) -> None:
        if self.snapshot <= 0:
            raise ValueError(f"snapshot: must be positive, not {self.snapshot}")
        if self.growth_bps < 0:
            raise ValueError(f"growth_bps: must not be negative, not {self.growth_bps}")

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount at the rate that is believed; a share without a rate counts nothing."""
        if posted.rate <= 0:
            return 0
        snapshot = Fraction(self.snapshot) * RATIO_ONE
        ceiling = int(ratio_ceiling(snapshot, posted.elapsed_s, self.growth_bps))
        return amount * min(posted.rate, ceiling) // posted.rate


class PoolShare(_Rule, frozen=True, tag="pool_share"):
    """min(amount, balance · fair_price): a pool's own price can be moved for one block.

    See `protocols.lp_price` for the fair price of pairs, weighted pairs and ranges.
    """

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount at the fair price; a share without one counts nothing."""
        fair = divide(posted.balance * posted.fair_price, posted.one, Rounding.DOWN)
        return min(amount, max(fair, 0))


class Bridged(_Rule, frozen=True, tag="bridged"):
    """amount · (1 − min(1, z · σ · √τ + cost)): it must come home before it can be sold."""

    z: Decimal  # Quantile, in standard deviations.
    volatility: Decimal  # σ, annual.
    hours: Decimal  # Time to bring it home; τ in years of 365 days.
    cost: Decimal = Decimal(0)  # Of the bridge, as a share.

    def __post_init__(self) -> None:
        if min(self.z, self.volatility, self.hours, self.cost) < 0:
            raise ValueError("z, volatility, hours, cost: must not be negative")

    def counts(self, amount: int, posted: Posted) -> int:
        """The amount less the quantile of the move while it travels."""
        years = divide(parse_ratio(self.hours), 365 * 24, Rounding.UP)
        haircut = latency_haircut(
            parse_ratio(self.z), parse_ratio(self.volatility), years, parse_ratio(self.cost)
        )
        return _less(amount, haircut)


# msgspec decodes a rulebook's rule by its tag.
CollateralRule = Flat | BySize | Capped | WrongWay | Depeg | YieldBearing | PoolShare | Bridged


def counted(rules: Sequence[CollateralRule], posted: Posted) -> int:
    """What a balance counts for under a chain of rules, numeraire atoms, rounded down.

    A debt counts in full, as Binance writes it: min(x · p · c, x · p).

    >>> counted([Flat(Decimal("0.05"))], Posted(2, 1, 50_000))
    95000
    >>> counted([Flat(Decimal("0.01"))], Posted(-1000, 1, 1))
    -1000
    """
    amount = divide(posted.balance * posted.price, posted.one, Rounding.DOWN)
    if amount <= 0:
        return amount
    for rule in rules:
        amount = rule.counts(amount, posted)
    return amount


def _less(amount: int, haircut: int) -> int:
    return multiply_ratio(amount, RATIO_ONE - haircut, Rounding.DOWN)


def _dollars(amount: Decimal) -> int:
    return parse_atoms(amount, NUMERAIRE_DECIMALS)


def _share(path: str, ratio: Decimal) -> int:
    parts = parse_ratio(ratio)
    if not 0 <= parts <= RATIO_ONE:
        raise ValueError(f"{path}: must lie in 0 … 1, not {ratio}")
    return parts
