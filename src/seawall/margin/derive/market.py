"""What Derive's rules are told: one market's prices, its listed options, and what is held in it.

Prices are dollars as float64; amounts are coins or contracts, below 0 where sold. Confidences and
the stablecoin's price are `Decimal`, because rules compare them with thresholds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.margin.derive.contract_pricing import Smile, smile_volatility
from seawall.pricing import Floats, exponential

ONE = Decimal(1)
SECONDS_A_YEAR = 31_536_000
Places = NDArray[np.intp]


class MarketError(ValueError):
    """A market or holding that cannot be read; the message names the key path."""


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """The feeds of one expiry. Only the variable part of the forward moves in a scenario."""

    seconds: int  # To expiry; below 0 where it is past, which counts as 0.
    forward_variable: float
    forward_fixed: float = 0.0  # What the settlement average has already collected.
    rate: float = 0.0  # A year; below 0 it counts as 0.
    forward_confidence: Decimal = ONE
    rate_confidence: Decimal = ONE
    volatility_confidence: Decimal = ONE
    smile: Smile | None = None  # Gives the volatility of options that name none.

    @property
    def forward(self) -> float:
        """Fixed and variable part together."""
        return self.forward_fixed + self.forward_variable

    @property
    def years(self) -> float:
        """Time left, 365 days to the year."""
        return max(self.seconds, 0) / SECONDS_A_YEAR


class Option(msgspec.Struct, frozen=True):
    """A listed series."""

    expiry: int  # Place in the market's expiries.
    strike: float
    is_call: bool
    volatility: float | None = None  # Annual; None takes it from the expiry's smile.


class Collateral(msgspec.Struct, frozen=True):
    """A base asset or wrapped token that counts as margin, with a price feed of its own."""

    name: str
    price: float  # Dollars, before the division by the stablecoin's price.
    confidence: Decimal = ONE


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One underlying at one moment."""

    name: str = ""
    spot: float
    spot_confidence: Decimal = ONE
    perpetual: float = 0.0  # Mark of the perpetual.
    perpetual_confidence: Decimal = ONE
    stable: Decimal = ONE  # Price of the stablecoin that cash is held in.
    expiries: tuple[Expiry, ...] = ()
    options: tuple[Option, ...] = ()
    collaterals: tuple[Collateral, ...] = ()

    def __post_init__(self) -> None:
        for name in ("spot", "perpetual"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise MarketError(f"{name}: must be a price, not {getattr(self, name)}")
        if self.stable <= 0:
            raise MarketError(f"stable: must be positive, not {self.stable}")
        for place, option in enumerate(self.options):
            if not 0 <= option.expiry < len(self.expiries):
                raise MarketError(f"options[{place}].expiry: there is no expiry {option.expiry}")
            if option.volatility is None and self.expiries[option.expiry].smile is None:
                raise MarketError(f"options[{place}].volatility: none given and no smile")


class Position(msgspec.Struct, frozen=True):
    """An amount of one listed option."""

    option: int  # Place in the market's options.
    amount: float


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """What one account holds in one market."""

    cash: float = 0.0
    perpetual: float = 0.0
    perpetual_cash: float = 0.0  # Profit and funding that are not settled yet.
    base: float = 0.0  # Of the market's own coin; rules of one base asset.
    positions: tuple[Position, ...] = ()
    collaterals: tuple[float, ...] = ()  # [collateral] amounts; rules of many.

    def __post_init__(self) -> None:
        numbers = (self.cash, self.perpetual, self.perpetual_cash, self.base, *self.collaterals)
        if not all(map(math.isfinite, (*numbers, *(each.amount for each in self.positions)))):
            raise MarketError("portfolio: every amount must be a finite number")
        if self.base < 0 or any(amount < 0 for amount in self.collaterals):
            raise MarketError("portfolio: base and collateral can be held, not owed")


class Columns(NamedTuple):
    """A market's expiries and options as arrays."""

    years: Floats  # [expiry]
    seconds: Floats  # [expiry] not below 0.
    variable: Floats  # [expiry] dollars.
    fixed: Floats  # [expiry] dollars.
    rate: Floats  # [expiry] not below 0.
    discount: Floats  # [expiry] e^(−rate · years).
    expiry: Places  # [option]
    strike: Floats  # [option] dollars.
    is_call: NDArray[np.bool_]  # [option]
    volatility: Floats  # [option]
    pair: Places  # [option] number of its (expiry, strike).


def columns(market: Market) -> Columns:
    """Read a market once for all accounts; volatilities that are not given come from the smile."""
    expiries, options = market.expiries, market.options
    years = _floats([each.years for each in expiries])
    rate = np.maximum(_floats([each.rate for each in expiries]), 0.0)
    pairs: dict[tuple[int, float], int] = {}
    pair = [pairs.setdefault((each.expiry, each.strike), len(pairs)) for each in options]
    return Columns(
        years=years,
        seconds=_floats([max(each.seconds, 0) for each in expiries]),
        variable=_floats([each.forward_variable for each in expiries]),
        fixed=_floats([each.forward_fixed for each in expiries]),
        rate=rate,
        discount=exponential(-rate * years),
        expiry=np.array([each.expiry for each in options], np.intp),
        strike=_floats([each.strike for each in options]),
        is_call=np.array([each.is_call for each in options], np.bool_),
        volatility=_floats([_volatility(each, expiries[each.expiry]) for each in options]),
        pair=np.array(pair, np.intp),
    )


def _volatility(option: Option, expiry: Expiry) -> float:
    if option.volatility is not None:
        return option.volatility
    assert expiry.smile is not None, "the market has checked that a smile is there"
    return float(smile_volatility(expiry.smile, option.strike))


def _floats(numbers: Sequence[float]) -> Floats:
    return np.array(numbers, np.float64)


def amounts(market: Market, portfolio: Portfolio) -> Floats:
    """[option] contracts held, 0 where none; several positions in one option add up."""
    out = np.zeros(len(market.options))
    for place, position in enumerate(portfolio.positions):
        if not 0 <= position.option < len(out):
            raise MarketError(f"positions[{place}].option: there is no option {position.option}")
        out[position.option] += position.amount
    return out


def by_expiry(market: Columns, rows: Floats) -> Floats:
    """Sums of [option, …] over the options of each expiry, added in the order of the options."""
    out = np.zeros((len(market.years), *rows.shape[1:]))
    np.add.at(out, market.expiry, rows)
    return out


def naked(market: Columns, held: Floats) -> float:
    """Options sold that no option of the same expiry and strike covers.

        naked = Σ over (expiry, strike) of max(0, −(calls + puts))

    Both sold: their sum. One sold, one bought: what is left of the sale. A long option of another
    strike covers nothing, and a long put does cover a short call of its strike.
    """
    net = np.zeros(len(market.pair))
    np.add.at(net, market.pair, held)
    return float(np.maximum(-net, 0.0).sum())


def least_confidence(
    market: Market, expiry: Expiry, *, perpetual: bool, rate: bool = True
) -> Decimal:
    """The least confidence of the feeds that an option of this expiry rests on."""
    feeds = [market.spot_confidence, expiry.forward_confidence, expiry.volatility_confidence]
    if rate:
        feeds.append(expiry.rate_confidence)
    if perpetual:
        feeds.append(market.perpetual_confidence)
    return min(feeds)
