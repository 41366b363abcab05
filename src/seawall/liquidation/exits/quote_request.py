"""Requests for quotes: backstop providers say how much they take and at which spread.

The best lots of all quotes are taken in order until the request or the quotes are used up. Knows
no book and not what a provider does with what it takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from seawall.liquidation.exits.contract import (
    ExitResult,
    Side,
    conserved,
    fill_at,
    must_ask,
    within,
)
from seawall.liquidation.exits.rules import QuoteRequestExit
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio


class Step(NamedTuple):
    """So many further lots at one spread from the mark."""

    lots: int
    spread: int  # Parts per billion.


class Quote(NamedTuple):
    """What one provider takes. The spread never falls with size, or lots would be taken in vain."""

    provider: int
    steps: tuple[Step, ...]
    valid_until_ms: int  # Still good at this time.

    @property
    def capacity(self) -> int:
        """Most lots that the provider takes."""
        return sum(step.lots for step in self.steps)


class QuoteError(ValueError):
    """A quote that cannot be used; the message names its key path."""


def check_quotes(quotes: Iterable[Quote]) -> None:
    """Refuse quotes whose lots are not positive or whose spread falls; one for each provider."""
    seen: set[int] = set()
    for number, quote in enumerate(quotes):
        path = f"$.quotes[{number}]"
        if quote.provider in seen:
            raise QuoteError(f"at {path}.provider: {quote.provider} quotes twice")
        seen.add(quote.provider)
        spread = 0
        for place, step in enumerate(quote.steps):
            key = f"{path}.steps[{place}]"
            if step.lots <= 0:
                raise QuoteError(f"at {key}.lots: {step.lots} is not positive")
            if not spread <= step.spread < RATIO_ONE:
                raise QuoteError(f"at {key}.spread: {step.spread} falls, or takes everything")
            spread = step.spread


def quoted_price(mark: int, spread: int, side: Side) -> int:
    """Mark · (1 ∓ spread), rounded against whoever is liquidated: the provider named the spread.

    >>> quoted_price(1000, 10_000_000, Side.SELL), quoted_price(1000, 10_000_000, Side.BUY)
    (990, 1010)
    """
    rounding = Rounding.DOWN if side is Side.SELL else Rounding.UP
    return divide(mark * (RATIO_ONE + side * spread), RATIO_ONE, rounding)


def worst_price(rule: QuoteRequestExit, mark: int, side: Side) -> int:
    """The limit that a rulebook sets: the mark at its greatest spread, rounded to the mark."""
    rounding = Rounding.UP if side is Side.SELL else Rounding.DOWN
    spread = parse_ratio(rule.spread_max_ratio)
    return divide(mark * (RATIO_ONE + side * spread), RATIO_ONE, rounding)


def request(
    side: Side, lots: int, mark: int, limit: int, quotes: Iterable[Quote], now_ms: int
) -> ExitResult:
    """Take the cheapest lots of all quotes that are still valid and within the limit.

    Because no quote's spread falls with its size, taking the best step each time is the least cost
    for any number of lots. Equal spreads go to the lower provider number. A provider gets one fill
    for each price.

    >>> one, two = Quote(7, (Step(5, 0), Step(5, 10**8)), 9), Quote(8, (Step(5, 5 * 10**7),), 9)
    >>> [(f.taker, f.lots, f.price) for f in request(Side.SELL, 12, 100, 1, (one, two), 9).fills]
    [(7, 5, 100), (8, 5, 95), (7, 2, 90)]
    """
    must_ask(lots, limit)
    quotes = tuple(quotes)
    check_quotes(quotes)
    offers = sorted(
        (step.spread, quote.provider, place, step.lots)
        for quote in quotes
        if quote.valid_until_ms >= now_ms
        for place, step in enumerate(quote.steps)
    )
    fills = []
    left = lots
    for spread, provider, _, offered in offers:
        price = quoted_price(mark, spread, side)
        if not left or not within(price, limit, side):
            break
        taken = min(left, offered)
        fills.append(fill_at(provider, taken, price))
        left -= taken
    return conserved(lots, fills, left)
