"""Who stands ready outside the book, and how often an auction is tried, as a rulebook writes it.

The ways out themselves are `seawall.liquidation.exits.EXITS`; here stands what a venue adds to
them. Knows coins and accounts by name alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from seawall.liquidation.exits import (
    EXITS,
    ByHealthExit,
    EnglishExit,
    OrderBookExit,
    PoolExit,
    QuoteRequestExit,
    SealedExit,
    TwoPhaseExit,
)

SELL_ONLY = (EnglishExit, SealedExit, ByHealthExit)  # A short is bought back on the book.
LOTS_MAX = 2**62  # Of a range, so that its liquidity can be walked.
RATIO_MAX = 1_000_000  # Of a range's price to the mark.
AT_ONCE = (QuoteRequestExit, PoolExit)  # They answer in the same event.


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class QuoteStep(_Section, frozen=True, kw_only=True):
    """So many further lots at one spread from the mark."""

    lots: int
    spread_ratio: Decimal


class Provider(_Section, frozen=True, kw_only=True):
    """A backstop provider: an account that takes over positions of one coin at its spreads.

    What it holds already on that side counts as used; it must carry the initial margin of what it
    takes, like everybody.
    """

    account: str
    coin: str
    steps: tuple[QuoteStep, ...]


class PoolRange(_Section, frozen=True, kw_only=True):
    """Liquidity between two prices: as deep as a pool with `lots` on each side of the mark."""

    low_ratio: Decimal  # Of the mark.
    high_ratio: Decimal
    lots: int


class PoolDepth(_Section, frozen=True, kw_only=True):
    """A pool for the contracts of one coin: x · y = k around the mark.

    With no position it stands at the mark with `lots` on each side; what it took moves its price
    away from the mark, and what others take from it moves it back. With `ranges` in place of
    `lots` it has liquidity in those alone, and beyond them takes nothing.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"ranges"})

    account: str
    lots: int = 0
    ranges: tuple[PoolRange, ...] = ()  # From the lowest to the highest.


class FlashTerms(_Section, frozen=True, kw_only=True):
    """Who lends for one step to whoever takes from an auction and sells to the pool."""

    lender: str  # An account; what it lends it holds in the settlement currency.
    fee_ratio: Decimal  # Of the loan.
    pool_fee_ratio: Decimal = Decimal(0)  # Of what goes into the pool.


class Auctions(_Section, frozen=True, kw_only=True):
    """What holds for every kind of auction."""

    restarts: int = 0  # So often what nobody took is offered again, at the mark of that moment.
    patience_seconds: int = 3600  # The end of an auction that has no clock of its own.
    remainder: Literal["book"] = "book"  # Where the lots go that nobody took.
    account: TwoPhaseExit | None = None  # Sells shares of the whole account, before its markets.


def exit_faults(
    coins: Iterable[str],
    exits: Mapping[str, EXITS],
    providers: tuple[Provider, ...],
    pools: Mapping[str, PoolDepth],
    auctions: Auctions,
    untraded: Collection[str] = (),
) -> Iterator[tuple[str, str]]:
    """What types cannot say: (fault, key path)."""
    listed = set(coins)
    for table, named in (("exits", exits), ("pools", pools)):
        for coin in named:
            if coin not in listed:
                yield f"coin {coin} is not listed", f"$.{table}.{coin}"
    yield from _rule_faults(exits, providers, pools)
    for coin, depth in pools.items():
        yield from _depth_faults(depth, f"$.pools.{coin}")
        if depth.account in untraded:
            yield f"{depth.account!r} is no account that can trade", f"$.pools.{coin}.account"
    seen: set[tuple[str, str]] = set()
    for number, provider in enumerate(providers):
        path = f"$.providers[{number}]"
        if provider.coin not in listed:
            yield f"coin {provider.coin} is not listed", f"{path}.coin"
        if provider.account in untraded:
            yield f"{provider.account!r} is no account that can trade", f"{path}.account"
        if (provider.account, provider.coin) in seen:
            yield f"{provider.account} provides for {provider.coin} twice", f"{path}.account"
        seen.add((provider.account, provider.coin))
        yield from _step_faults(provider.steps, path)
    for key in ("restarts", "patience_seconds"):
        if getattr(auctions, key) < (key == "patience_seconds"):
            yield f"{key} is too small: {getattr(auctions, key)}", f"$.auctions.{key}"


def _rule_faults(
    exits: Mapping[str, EXITS], providers: tuple[Provider, ...], pools: Mapping[str, PoolDepth]
) -> Iterator[tuple[str, str]]:
    for coin, rule in exits.items():
        if isinstance(rule, TwoPhaseExit):
            yield "two_phase sells whole accounts: it is auctions.account", f"$.exits.{coin}.exit"
        if isinstance(rule, PoolExit) and coin not in pools:
            yield f"there is no pool for {coin}", f"$.exits.{coin}.exit"
        if isinstance(rule, QuoteRequestExit) and all(one.coin != coin for one in providers):
            yield f"there is no provider for {coin}", f"$.exits.{coin}.exit"


def _depth_faults(depth: PoolDepth, path: str) -> Iterator[tuple[str, str]]:
    if depth.ranges and depth.lots:
        yield "lots and ranges exclude each other", f"{path}.lots"
    if not depth.ranges and depth.lots <= 0:
        yield f"lots must be positive, not {depth.lots}", f"{path}.lots"
    least = Decimal(0)
    for place, one in enumerate(depth.ranges):
        here = f"{path}.ranges[{place}]"
        if not 0 < one.lots <= LOTS_MAX:
            yield f"lots must lie in [1, {LOTS_MAX}], not {one.lots}", f"{here}.lots"
        if one.low_ratio <= 0 or one.low_ratio < least:
            fault = f"low_ratio must be above 0 and at least {least}, not {one.low_ratio}"
            yield fault, f"{here}.low_ratio"
        if not one.low_ratio < one.high_ratio <= RATIO_MAX:
            fault = f"high_ratio must lie in ({one.low_ratio}, {RATIO_MAX}], not {one.high_ratio}"
            yield fault, f"{here}.high_ratio"
        least = max(least, one.high_ratio)


def _step_faults(steps: tuple[QuoteStep, ...], path: str) -> Iterator[tuple[str, str]]:
    least = Decimal(0)
    for place, step in enumerate(steps):
        here = f"{path}.steps[{place}]"
        if step.lots <= 0:
            yield f"lots must be positive, not {step.lots}", f"{here}.lots"
        if not least <= step.spread_ratio < 1:
            fault = f"spread_ratio must lie in [{least}, 1), not {step.spread_ratio}"
            yield fault, f"{here}.spread_ratio"
        least = max(least, step.spread_ratio)
    if not steps:
        yield "at least one step is needed", f"{path}.steps"


def is_auction(rule: EXITS | None) -> bool:
    """Whether lots wait for takers, so that time passes between the offer and the fill."""
    return rule is not None and not isinstance(rule, OrderBookExit | QuoteRequestExit | PoolExit)
