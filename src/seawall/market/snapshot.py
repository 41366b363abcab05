"""What was last seen: prices, marks, volatility slices and funding, immutable.

Everything is an integer. The snapshot says nothing about who saw it or what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from seawall.market.catalogue import Catalogue
from seawall.money import ATOMS_MAX, RATIO_ONE


class SnapshotError(ValueError):
    """A tick that no market can show; the message begins with the key."""


class VolatilitySlice(msgspec.Struct, frozen=True, array_like=True):
    """A fitted smile of one expiry, rounded to parts per billion, as it was journalled.

    Total variance w(k) = a + b·(rho·(k − m) + √((k − m)² + sigma²)), k = ln(strike ÷ forward),
    fitted when `years` were left. With a `blend` the smile lies between two fits: the variance a
    year is (1 − blend)·w(k) ÷ years + blend·w2(k) ÷ years2 at fixed k.
    """

    coin: int
    expires_ms: int
    forward_ratio: int  # Forward ÷ index price, parts per billion.
    discount: int  # Discount factor to expiry, parts per billion.
    a: int
    b: int
    rho: int
    m: int
    sigma: int
    years: int = 0  # Time to expiry of the fit; 0: what is left when it is read.
    blend: int = 0  # Weight of the second fit.
    a2: int = 0
    b2: int = 0
    rho2: int = 0
    m2: int = 0
    sigma2: int = 0
    years2: int = 0  # 0: as `years`.

    def check(self) -> None:
        """Refuse a smile that has a negative variance at some strike.

        The least variance is a + b·sigma·√(1 − rho²) ≥ 0, compared without the root. Source:
        J. Gatheral, A. Jacquier, "Arbitrage-free SVI volatility surfaces", 2014, section 3.1.
        """
        for key in ("forward_ratio", "discount", "sigma"):
            if getattr(self, key) <= 0:
                raise SnapshotError(f"{key} must be positive, not {getattr(self, key)}")
        if self.b < 0:
            raise SnapshotError(f"b must not be negative, not {self.b}")
        if abs(self.rho) > RATIO_ONE:
            raise SnapshotError(f"rho must lie in -1 … 1, not {self.rho}")
        rise = (self.b * self.sigma) ** 2 * (RATIO_ONE**2 - self.rho**2)
        if self.a < 0 and rise < self.a**2 * RATIO_ONE**4:
            raise SnapshotError(f"a of {self.a} makes the least variance negative")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The market as the engine sees it at one sequence number.

    A price of 0 has not been seen yet; a depth of (0, 0) is not known. Confidence and time of price
    may be left out: every price is then certain and its time unknown.
    """

    sequence: int
    time_ms: int
    price: tuple[int, ...]  # [coin] price atoms per whole coin, in the numeraire.
    # [instrument] price atoms in the quote currency, of a coin-settled option in coins per coin;
    # 0: from the surface.
    mark: tuple[int, ...]
    slices: tuple[VolatilitySlice, ...] = ()  # Sorted by (coin, expires_ms).
    funding: tuple[int, ...] = ()  # [instrument] last funding rate, parts per billion.
    depth: tuple[tuple[int, int], ...] = ()  # [instrument] lots on the bid and the ask side.
    confidence: tuple[int, ...] = ()  # [coin] of the last price, parts per billion.
    priced_ms: tuple[int, ...] = ()  # [coin] time of the last price; 0: never.

    def __post_init__(self) -> None:
        """Let what was left out stand for every coin."""
        if not self.confidence:
            object.__setattr__(self, "confidence", (RATIO_ONE,) * len(self.price))
        if not self.priced_ms:
            object.__setattr__(self, "priced_ms", (0,) * len(self.price))

    @classmethod
    def empty(cls, catalogue: Catalogue) -> Snapshot:
        """Show a market of which nothing was seen yet."""
        return cls(0, 0, (0,) * len(catalogue.coins), ()).grown(catalogue)

    def grown(self, catalogue: Catalogue) -> Snapshot:
        """Make room for the instruments that were appended to the catalogue."""
        instruments = len(catalogue.instruments)
        assert len(self.price) == len(catalogue.coins), "coins are fixed when a venue opens"
        return replace(
            self,
            mark=self.mark + (0,) * (instruments - len(self.mark)),
            funding=self.funding + (0,) * (instruments - len(self.funding)),
            depth=self.depth + ((0, 0),) * (instruments - len(self.depth)),
        )

    def priced(
        self,
        catalogue: Catalogue,
        sequence: int,
        time_ms: int,
        *,
        price: Iterable[tuple[int, int]] = (),
        mark: Iterable[tuple[int, int]] = (),
        slices: Iterable[VolatilitySlice] = (),
        depth: Iterable[tuple[int, int, int]] = (),
        confidence: Iterable[tuple[int, int]] = (),
    ) -> tuple[Snapshot, frozenset[int]]:
        """Apply one tick; return the new snapshot and the coins that it touched.

        The parts are those of the engine's `Priced` event.
        A coin is touched if its price, its confidence, the mark of a contract on it or one of its
        slices is not what it was; an asset must be priced anew if its coin or its currency is
        touched. A slice replaces the one of the same coin and expiry. A price that is told again is
        as young as the tick; a confidence holds until another one is told. Raises `SnapshotError`
        and changes nothing.
        """
        touched: set[int] = set()
        prices, marks, depths = list(self.price), list(self.mark), list(self.depth)
        told_ms = list(self.priced_ms)
        for coin, seen in price:
            _known("price", "coin", coin, len(prices))
            _in_range("price", seen)
            told_ms[coin] = time_ms
            if prices[coin] != seen:
                prices[coin] = seen
                touched.add(coin)
        for instrument, seen in mark:
            _known("mark", "instrument", instrument, len(marks))
            _in_range("mark", seen)
            if marks[instrument] != seen:
                marks[instrument] = seen
                touched.add(catalogue.coin(catalogue.instruments[instrument].base))
        for instrument, bid, ask in depth:
            _known("depth", "instrument", instrument, len(depths))
            if bid < 0 or ask < 0:
                raise SnapshotError(f"depth must not be negative, not ({bid}, {ask})")
            depths[instrument] = (bid, ask)
        smiles = self._replaced(slices, touched)
        shown = replace(
            self,
            sequence=sequence,
            time_ms=time_ms,
            price=tuple(prices),
            mark=tuple(marks),
            slices=smiles,
            depth=tuple(depths),
            confidence=self._assured(confidence, touched),
            priced_ms=tuple(told_ms),
        )
        return shown, frozenset(touched)

    def funded(self, sequence: int, time_ms: int, instrument: int, rate: int) -> Snapshot:
        """Note the last funding rate of a perpetual, parts per billion."""
        _known("funding", "instrument", instrument, len(self.funding))
        rates = (*self.funding[:instrument], rate, *self.funding[instrument + 1 :])
        return replace(self, sequence=sequence, time_ms=time_ms, funding=rates)

    def without_slices(self, until_ms: int) -> Snapshot:
        """Drop the slices that expired at a time or before it, once their contracts are settled."""
        return replace(self, slices=tuple(s for s in self.slices if s.expires_ms > until_ms))

    def _assured(self, confidence: Iterable[tuple[int, int]], touched: set[int]) -> tuple[int, ...]:
        sure = list(self.confidence)
        for coin, parts in confidence:
            _known("confidence", "coin", coin, len(sure))
            if not 0 <= parts <= RATIO_ONE:
                raise SnapshotError(f"confidence must lie in 0 … 1, not {parts} parts per billion")
            if sure[coin] != parts:
                sure[coin] = parts
                touched.add(coin)
        return tuple(sure)

    def _replaced(
        self, slices: Iterable[VolatilitySlice], touched: set[int]
    ) -> tuple[VolatilitySlice, ...]:
        smiles = {(smile.coin, smile.expires_ms): smile for smile in self.slices}
        changed = False
        for smile in slices:
            _known("slices", "coin", smile.coin, len(self.price))
            smile.check()
            place = (smile.coin, smile.expires_ms)
            if smiles.get(place) != smile:
                smiles[place] = smile
                touched.add(smile.coin)
                changed = True
        return tuple(smiles[place] for place in sorted(smiles)) if changed else self.slices


def _known(key: str, what: str, number: int, count: int) -> None:
    if not 0 <= number < count:
        raise SnapshotError(f"{key} of {what} {number}, which is not listed")


def _in_range(key: str, seen: int) -> None:
    if not 0 < seen <= ATOMS_MAX:
        raise SnapshotError(f"{key} must lie in 1 … 2^63 - 1, not {seen}")
