"""A ceiling on how fast the rate of a yield-bearing coin may grow, and what to do when it binds.

A staked coin earns a few percent a year, so a rate above snapshot · (1 + growth · time) is an error
or an attack, and a lender counts no more than that ceiling. But the ceiling can be wrong itself: on
10 March 2026 Aave's stood 2.85 % under the market, because the rate and the time of the snapshot
were not moved together, and 34 accounts were liquidated at a price that nobody traded. So a ceiling
that binds by more than a tolerance says only that one of the two is wrong: no price, and an alarm.
And rate and time of a snapshot are replaced together, or not at all.

Exact fractions. Source: Aave, correlated-assets price oracle (CAPO), PriceCapAdapterBase.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from seawall.market.oracle.report import OracleRefusal, Published, Refusal
from seawall.money import Rounding, divide

YEAR_S = 365 * 86_400
BPS_ONE = 10_000


def ratio_ceiling(snapshot: Fraction, elapsed_s: int, growth_bps: int) -> Fraction:
    """The highest ratio that is believed: snapshot · (1 + growth_bps ÷ 10⁴ · elapsed_s ÷ year).

    >>> float(ratio_ceiling(Fraction("1.2"), YEAR_S, 500))
    1.26
    """
    return snapshot * (1 + Fraction(growth_bps * max(elapsed_s, 0), BPS_ONE * YEAR_S))


def accepts_snapshot(ratio: Fraction, snapshot: Fraction, elapsed_s: int, growth_bps: int) -> bool:
    """Whether a new snapshot leaves the live ratio under its ceiling.

    >>> accepts_snapshot(Fraction("1.2282"), Fraction("1.1919"), 7 * 86_400, 968)
    False
    """
    return ratio <= ratio_ceiling(snapshot, elapsed_s, growth_bps)


class SnapshotRefusedError(ValueError):
    """A change of the ceiling that would make it wrong; the message begins with the key."""


class GrowthCap(NamedTuple):
    """The ceiling's terms: a rate that was true at a time, and how fast it may grow."""

    snapshot: Fraction  # Rate of the coin in what it is worth.
    snapshot_s: int  # Seconds UTC.
    growth_bps: int  # A year.
    tolerance: Fraction = Fraction(0)  # Share of the live rate by which the ceiling may bind.

    def ceiling(self, now_s: int) -> Fraction:
        """The highest rate that is believed now."""
        return ratio_ceiling(self.snapshot, now_s - self.snapshot_s, self.growth_bps)

    def moved(self, snapshot: Fraction, snapshot_s: int, live: Fraction, now_s: int) -> GrowthCap:
        """Both parts of a new snapshot at once; refused where it would bind the live rate.

        Raises `SnapshotRefusedError` and changes nothing.
        """
        cap = self._replace(snapshot=snapshot, snapshot_s=snapshot_s)
        if snapshot_s > now_s:
            raise SnapshotRefusedError("snapshot_s lies ahead of now")
        if not accepts_snapshot(live, snapshot, now_s - snapshot_s, cap.growth_bps):
            raise SnapshotRefusedError("snapshot would put the ceiling under the live rate")
        return cap


class CappedRate(NamedTuple):
    """The rate that counts, or none with its reason, and by how much the ceiling binds."""

    rate: Fraction | None
    refusal: OracleRefusal | None
    excess: Fraction  # (live − ceiling) ÷ live; 0 where the ceiling does not bind.


def capped_rate(cap: GrowthCap, live: Fraction, now_s: int) -> CappedRate:
    """The live rate, its ceiling if that binds within the tolerance, or a refusal beyond it.

    Beyond, neither number is a price: if the live rate is an attack, counting it lends against
    nothing; if the ceiling is wrong, counting it liquidates the sound.

    >>> cap = GrowthCap(Fraction(1), 0, 1_000, Fraction(1, 100))
    >>> capped_rate(cap, Fraction(2), YEAR_S).refusal.name
    'CAP_BINDING'
    """
    ceiling = cap.ceiling(now_s)
    if live <= ceiling:
        return CappedRate(live, None, Fraction(0))
    excess = (live - ceiling) / live
    if excess <= cap.tolerance:
        return CappedRate(ceiling, None, excess)
    return CappedRate(None, OracleRefusal.CAP_BINDING, excess)


def with_rate(base: Published, found: CappedRate) -> Published | Refusal:
    """The price of a coin that is worth a rate of another: price · rate, or the rate's refusal.

    The price is rounded to the nearest atom, its half-width up.
    """
    if found.rate is None or found.refusal is not None:
        return Refusal(found.refusal or OracleRefusal.CAP_BINDING, base.rejected)
    up, down = found.rate.numerator, found.rate.denominator
    return base._replace(
        price=divide(base.price * up, down, Rounding.NEAREST),
        confidence=divide(base.confidence * up, down, Rounding.UP),
    )
