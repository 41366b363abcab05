"""Exact money: integer counts of atoms, ratios in parts per billion, rounding with a named side.

This floor knows no account, no market and no float. Decimals appear only where text is read or
written; everywhere else an amount is an `int`. Amounts that a ledger stores must fit in 63 bits;
a result that does not fit is an error, never a wrap.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

RATIO_ONE = 1_000_000_000  # A ratio of 1, in parts per billion.
ATOMS_MAX = 2**63 - 1  # The largest amount that a ledger row can hold, in atoms.


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
            raise TypeError(f"atoms of {self.asset.id} must be int, not {type(self.atoms).__name__}")
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
    if isinstance(text, float):
        raise TypeError(f"{text} is a float; write the amount as text")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise AmountError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise AmountError(f"{text} is not a finite number")
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    power = exponent + decimals
    if power > 40:
        raise AmountError(f"{text} is too large")
    whole = int("".join(map(str, digits)) or "0")
    if power >= 0:
        whole *= 10**power
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
