"""Pyth: publishers' quotes into a price with its confidence, their averages, and safe reading.

Prices are integers times 10^exponent. Knows no messages and no signatures. Sources: votes and
averages pyth-network/pyth-client, commit 25dd347; conversions pyth-crosschain, commit 7c915eb.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

from seawall.market.oracle.reducers import vote

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
SLOTS_OLD_MAX = 25  # An older quote has no vote.
EXPONENT_MIN = -255
SHIFT_MAX = 58  # An int64 times 10^58 still fits in 256 bits.
RESET_SLOTS = 4_145  # After a longer silence the average starts anew.
VALUE_LIMIT = 2**28  # An average's arithmetic keeps eight digits.
STORED_LIMIT = 2**58
STORED_EXPONENT_MIN, STORED_EXPONENT_MAX = -16, 15


class Refusal(enum.IntEnum):
    """Why a price is not converted; the first that holds, in this order."""

    NEGATIVE_INPUT_PRICE = 1
    INVALID_INPUT_EXPO = 2
    EXPONENT_OVERFLOW = 3
    NO_PRICE = 4  # A rate against a price of zero.


class RefusedError(ValueError):
    """A conversion that the contract refuses; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name.lower())
        self.reason = reason


class Quote(NamedTuple):
    """What one publisher says."""

    price: int
    confidence: int
    slots_old: int = 0
    is_trading: bool = True

    def is_valid(self, slots_old_max: int = SLOTS_OLD_MAX) -> bool:
        """Trading, of a slot within reach, and price ± a positive confidence is an int64."""
        return (
            self.is_trading
            and 0 <= self.slots_old <= slots_old_max
            and self.confidence > 0
            and INT64_MIN + self.confidence <= self.price <= INT64_MAX - self.confidence
        )


class Aggregate(NamedTuple):
    """The price that all publishers make, and how far they are apart."""

    price: int
    confidence: int


def _toward_zero(numerator: int, denominator: int) -> int:
    """The quotient without its fraction, as C divides signed numbers."""
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


def aggregate(
    quotes: Iterable[Quote], *, publishers_min: int = 1, slots_old_max: int = SLOTS_OLD_MAX
) -> Aggregate | None:
    """The median of the votes, and its larger distance to their quartiles; None: unknown.

    A quote votes three times: price − confidence, price, price + confidence. With n votes in order
    from 0 the quartiles are votes ⌊n/4⌋ and n − 1 − ⌊n/4⌋; of two middle votes the floored mean.

    >>> aggregate([Quote(10_000, 1_000), Quote(11_000, 1_000), Quote(10_500, 1_000)])
    Aggregate(price=10500, confidence=500)
    """
    valid = [quote for quote in quotes if quote.is_valid(slots_old_max)]
    if len(valid) < max(1, publishers_min):
        return None
    found = vote((quote.price, quote.confidence) for quote in valid)
    return Aggregate(*found) if found.confidence > 0 else None


def _power(exponent: int) -> int:
    """10^exponent, or 1 where the exponent is negative."""
    return int(10 ** max(0, exponent))


def _shift(exponents: Iterable[int], shift: int, prices: Iterable[int]) -> int:
    """The power of ten to apply, when the contract accepts its inputs."""
    if any(price < 0 for price in prices):
        raise RefusedError(Refusal.NEGATIVE_INPUT_PRICE)
    if any(exponent < EXPONENT_MIN for exponent in exponents):
        raise RefusedError(Refusal.INVALID_INPUT_EXPO)
    if abs(shift) > SHIFT_MAX:
        raise RefusedError(Refusal.EXPONENT_OVERFLOW)
    return shift


def with_decimals(price: int, exponent: int, decimals: int) -> int:
    """⌊price · 10^(exponent + decimals)⌋.

    >>> with_decimals(199, -2, 0)
    1
    """
    shift = _shift((exponent,), exponent + decimals, (price,))
    return price * _power(shift) // _power(-shift)


def cross_rate(
    price: int, exponent: int, other_price: int, other_exponent: int, target_exponent: int
) -> int:
    """⌊price / other_price · 10^(exponent − other_exponent − target_exponent)⌋.

    >>> cross_rate(10_000, -2, 100, -4, 0)
    10000
    """
    exponents = (exponent, other_exponent, target_exponent)
    shift = exponent - other_exponent - target_exponent
    shift = _shift(exponents, shift, (price, other_price))
    if other_price == 0:
        raise RefusedError(Refusal.NO_PRICE)
    return price * _power(shift) // (_power(-shift) * other_price)


def is_fresh(now: int, published: int, age_max: int) -> bool:
    """|now − published| ≤ age_max, seconds; a stamp from the future is stale as well."""
    return abs(now - published) <= age_max


def collateral_price(price: int, confidence: int) -> int:
    """What an owned thing counts at: price − confidence."""
    return price - confidence


def debt_price(price: int, confidence: int) -> int:
    """What an owed thing counts at: price + confidence."""
    return price + confidence


class Digits(NamedTuple):
    """A number of eight digits, value · 10^exponent; what does not fit is cut off."""

    value: int
    exponent: int


class Average(NamedTuple):
    """An average so far: its value and the two sums that it divides."""

    value: int  # Times 10^exponent of the feed.
    numerator: Digits
    denominator: Digits


EMPTY = Average(0, Digits(0, 0), Digits(0, 0))
ONE = Digits(10**8, -8)
DECAY_PER_SLOT = Digits(-117_065, -9)  # −ln 2 / 5,921: half of a quote is forgotten in an hour.


def _cut(value: int, exponent: int) -> Digits:
    """The leading eight digits."""
    while abs(value) >= VALUE_LIMIT:
        value, exponent = _toward_zero(value, 10), exponent + 1
    return Digits(value, exponent)


def _times(left: Digits, right: Digits) -> Digits:
    return _cut(left.value * right.value, left.exponent + right.exponent)


def _over(left: Digits, right: Digits) -> Digits:
    if left.value == 0:
        return left
    value, digits = abs(left.value), 0
    while value < VALUE_LIMIT:
        value, digits = value * 10, digits + 1
    quotient = value * 10**9 // abs(right.value)
    quotient = quotient if (left.value < 0) == (right.value < 0) else -quotient
    return _cut(quotient, left.exponent - right.exponent - digits - 9)


def _plus(left: Digits, right: Digits) -> Digits:
    """The sum at the lower exponent, or nine digits below the higher where they lie far apart."""
    if left.exponent < right.exponent:
        left, right = right, left
    apart = left.exponent - right.exponent
    if apart < 9:
        return _cut(left.value * 10**apart + right.value, right.exponent)
    if apart < 27:
        below = _toward_zero(right.value, 10 ** (apart - 9))
        return _cut(left.value * 10**9 + below, left.exponent - 9)
    return _cut(*left)


def _stored(number: Digits) -> Digits | None:
    """The number with an exponent of five bits; None where its value would leave 59 bits."""
    value, exponent = number
    while exponent < STORED_EXPONENT_MIN:
        value, exponent = _toward_zero(value, 10), exponent + 1
    while exponent > STORED_EXPONENT_MAX:
        value, exponent = value * 10, exponent - 1
        if not -STORED_LIMIT <= value < STORED_LIMIT:
            return None
    return _cut(value, exponent)


def _at(number: Digits, exponent: int) -> int:
    """The number as an integer times 10^exponent, cut off."""
    shift = number.exponent - exponent
    return _toward_zero(number.value * _power(shift), _power(-shift))


def average(before: Average, value: int, confidence: int, exponent: int, slots: int) -> Average:
    """Add an observation, after a number of slots, to an average weighted by 1 / confidence.

    Numerator and denominator decay by 1 − slots · ln 2 / 5,921, then gain value / confidence and
    1 / confidence. After more than 4,145 slots it starts anew. All in eight decimal digits, each
    step cut off, so the average may lie 4·10⁻⁷ below a real one.

    >>> average(EMPTY, 100, 1, 0, 5_000).value
    100
    """
    observed, unsure = _cut(value, exponent), _cut(confidence, exponent)
    weight = _over(ONE, unsure) if unsure.value else ONE
    numerator, denominator = _times(observed, weight), weight
    if slots <= RESET_SLOTS:
        decay = _plus(_times(DECAY_PER_SLOT, Digits(slots, 0)), ONE)
        numerator = _plus(_times(before.numerator, decay), numerator)
        denominator = _plus(_times(before.denominator, decay), denominator)
        observed = _over(numerator, denominator)
    found = _at(observed, exponent)
    kept_numerator, kept_denominator = _stored(numerator), _stored(denominator)
    if kept_numerator is None or kept_denominator is None:
        return before._replace(value=found)  # Sums that do not fit are not kept.
    return Average(found, kept_numerator, kept_denominator)
