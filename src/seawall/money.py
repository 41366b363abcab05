"""Exact money: integer counts of atoms, ratios in parts per billion, rounding with a named side.

This floor knows no account, no market and no float. Decimals appear only where text is read or
written; everywhere else an amount is an `int`. Amounts that a ledger stores must fit in 63 bits;
a result that does not fit is an error, never a wrap.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

RATIO_ONE = 1_000_000_000  # A ratio of 1, in parts per billion.
ATOMS_MAX = 2**63 - 1  # The largest amount that a ledger row can hold, in atoms.
DECIMALS_MAX = 18  # With 19, a ledger row could not hold one whole unit.

_DIGITS_MAX = 200  # Of a number in text; longer text is not an amount.


class AmountError(ValueError):
    """A number that cannot be held exactly; the message says which and why."""


class Rounding(enum.Enum):
    """The side on which a result that is not whole is rounded."""

    DOWN = "down"  # Towards minus infinity: what an account owns.
    UP = "up"  # Towards plus infinity: what an account owes.
    NEAREST = "nearest"  # Half to even: a published mark, which favours nobody.


@dataclass(frozen=True, slots=True)
class Asset:
    """A unit of account: its name and how many decimals one whole unit is cut into.

    >>> Asset("USDC", 6)
    Asset(id='USDC', decimals=6)
    """

    id: str
    decimals: int

    def __post_init__(self) -> None:
        if type(self.decimals) is not int:
            kind = type(self.decimals).__name__
            raise TypeError(f"decimals of {self.id} must be int, not {kind}")
        if not 0 <= self.decimals <= DECIMALS_MAX:
            raise AmountError(f"{self.id} has {self.decimals} decimals, not 0 to {DECIMALS_MAX}")

    @property
    def one(self) -> int:
        """Atoms in one whole unit."""
        return int(10**self.decimals)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one asset.

    >>> USDC = Asset("USDC", 6)
    >>> Money.parse("12.5", USDC) + Money(1, USDC)
    Money(atoms=12500001, asset=Asset(id='USDC', decimals=6))
    """

    atoms: int
    asset: Asset

    def __post_init__(self) -> None:
        if type(self.atoms) is not int:
            raise TypeError(
                f"atoms of {self.asset.id} must be int, not {type(self.atoms).__name__}"
            )
        fit(self.atoms)

    @classmethod
    def parse(cls, text: str | Decimal, asset: Asset) -> Money:
        """Read an exact amount; refuse digits that the asset cannot hold."""
        return cls(parse_atoms(text, asset.decimals), asset)

    def __str__(self) -> str:
        return f"{format_atoms(self.atoms, self.asset.decimals)} {self.asset.id}"

    def __add__(self, other: object) -> Money:
        return Money(self.atoms + self._same(other), self.asset)

    def __sub__(self, other: object) -> Money:
        return Money(self.atoms - self._same(other), self.asset)

    def __neg__(self) -> Money:
        return Money(-self.atoms, self.asset)

    def __abs__(self) -> Money:
        return Money(abs(self.atoms), self.asset)

    def __mul__(self, times: object) -> Money:
        if type(times) is not int:
            raise TypeError(f"Money is multiplied by int or by `ratio`, not {type(times).__name__}")
        return Money(self.atoms * times, self.asset)

    __rmul__ = __mul__

    def __lt__(self, other: object) -> bool:
        return self.atoms < self._same(other)

    def __le__(self, other: object) -> bool:
        return self.atoms <= self._same(other)

    def __gt__(self, other: object) -> bool:
        return self.atoms > self._same(other)

    def __ge__(self, other: object) -> bool:
        return self.atoms >= self._same(other)

    def ratio(self, parts: int, rounding: Rounding) -> Money:
        """Multiply by a ratio in parts per billion, rounded to the named side."""
        return Money(multiply_ratio(self.atoms, parts, rounding), self.asset)

    def _same(self, other: object) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money combines only with Money, not with {type(other).__name__}")
        if other.asset != self.asset:
            raise TypeError(f"{self.asset.id} and {other.asset.id} are different assets")
        return other.atoms


def fit(atoms: int) -> int:
    """Return the amount if a ledger row can hold it; otherwise raise `AmountError`."""
    if not -ATOMS_MAX <= atoms <= ATOMS_MAX:
        raise AmountError(f"{atoms} atoms do not fit in 63 bits")
    return atoms


def parse_atoms(text: str | int | Decimal, decimals: int) -> int:
    """Read decimal text as whole atoms; refuse digits that do not fit, never round them.

    >>> parse_atoms("0.25", 6)
    250000
    >>> parse_atoms("0.0000001", 6)
    Traceback (most recent call last):
        ...
    seawall.money.AmountError: 0.0000001 has more than 6 decimals
    """
    if isinstance(text, (float, bool)):
        raise TypeError(f"{text} is a {type(text).__name__}; write the amount as text")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise AmountError(f"{_shortened(text)} is not a number") from None
    if not number.is_finite():
        raise AmountError(f"{text} is not a finite number")
    if number.is_zero():
        return 0
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    power = exponent + decimals
    if power > 40 or len(digits) > _DIGITS_MAX:
        raise AmountError(f"{_shortened(text)} is too large")
    whole = int("".join(map(str, digits)))
    if power >= 0:
        whole *= int(10**power)
    else:
        whole, rest = divmod(whole, 10 ** min(-power, len(digits) + 1))
        if rest:
            raise AmountError(f"{text} has more than {decimals} decimals")
    return -whole if sign else whole


def format_atoms(atoms: int, decimals: int) -> str:
    """Write atoms as decimal text with no digit lost and no needless zero.

    >>> format_atoms(-1250000, 6)
    '-1.25'
    """
    sign = "-" if atoms < 0 else ""
    whole, part = divmod(abs(atoms), 10**decimals)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:0{decimals}d}".rstrip("0")


def parse_ratio(text: str | int | Decimal) -> int:
    """Read a ratio such as 0.005 as exact parts per billion.

    >>> parse_ratio("0.005")
    5000000
    """
    return parse_atoms(text, 9)


def format_ratio(parts: int) -> str:
    """Write parts per billion as decimal text.

    >>> format_ratio(5000000)
    '0.005'
    """
    return format_atoms(parts, 9)


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide and round to the named side; the denominator must be positive.

    >>> [divide(-7, 2, side) for side in Rounding]
    [-4, -3, -4]
    """
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError(f"divide needs int, not {type(numerator)} and {type(denominator)}")
    assert denominator > 0, "divide needs a positive denominator"
    quotient, rest = divmod(numerator, denominator)
    if not rest or rounding is Rounding.DOWN:
        return quotient
    if rounding is Rounding.UP:
        return quotient + 1
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2):
        return quotient + 1
    return quotient


def multiply_ratio(atoms: int, parts: int, rounding: Rounding) -> int:
    """Multiply an amount by a ratio in parts per billion: atoms × parts ÷ 10⁹.

    >>> multiply_ratio(1_000_001, parse_ratio("0.005"), Rounding.UP)
    5001
    """
    return divide(atoms * parts, RATIO_ONE, rounding)


def square_root(number: int, rounding: Rounding) -> int:
    """The square root of a count, rounded to the named side.

    √n never lies halfway between whole numbers: (k + ½)² = k² + k + ¼ is not whole.

    >>> [square_root(7, side) for side in Rounding]
    [2, 3, 3]
    """
    if number < 0:
        raise AmountError(f"{number} has no square root")
    root = math.isqrt(number)
    above = number - root * root  # Beyond root · (root + 1), the next whole number is nearer.
    if rounding is Rounding.UP:
        return root + (above > 0)
    return root + (rounding is Rounding.NEAREST and above > root)


def split(atoms: int, weights: Sequence[int]) -> list[int]:
    """Share an amount pro rata so that no atom is lost: shares_i ≈ atoms · weights_i ÷ Σ weights.

    Each share is rounded towards zero; atoms left over go one each to the largest remainders, and
    among equal remainders to whoever comes first.

    >>> split(-100, [1, 1, 1])
    [-34, -33, -33]
    """
    if any(weight < 0 for weight in weights):
        raise AmountError("a weight is negative")
    whole = sum(weights)
    if not whole:
        raise AmountError("no weight is positive")
    parts = [divmod(abs(atoms) * weight, whole) for weight in weights]
    shares = [share for share, _ in parts]
    order = sorted(range(len(parts)), key=lambda i: -parts[i][1])
    for i in order[: abs(atoms) - sum(shares)]:
        shares[i] += 1
    return shares if atoms >= 0 else [-share for share in shares]


def _shortened(text: object) -> str:
    written = repr(text)
    return written if len(written) <= 60 else f"{written[:57]}..."
