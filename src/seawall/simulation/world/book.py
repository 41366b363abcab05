"""A book whose depth is a state: makers quote less in volatility and with inventory, or not at all.

Immutable integers stepped by pure functions. A share of what an order does to the price stays, the
rest fades with a half-life. The law says how far; the depth, what counts as a pressure of 1. With
impact off an order still pays for its walk, and the next step knows nothing of it.
Knows one coin. Does not know venues, margins or why somebody sells.
"""

from __future__ import annotations

from decimal import Decimal
from math import isqrt
from typing import NamedTuple

from seawall.money import RATIO_ONE
from seawall.simulation.depth import recovery_in_step
from seawall.simulation.world.impact import LAWS, UNIT
from seawall.simulation.world.scenario import BookChoice, MakerChoice

ONE = 10**10  # Numeraire atoms, and price atoms, in a dollar.


class MakerTerms(NamedTuple):
    """A maker's rule in whole numbers."""

    depth: int  # Numeraire atoms.
    calm: int  # Parts per billion, as the next.
    spike: int
    away_steps: int
    inventory_max: int  # Numeraire atoms; 0: no limit.
    kept: int  # Share of its inventory that it still has after a step, parts per billion.


class MakerState(NamedTuple):
    """What a maker has become."""

    inventory: int = 0  # Numeraire atoms, signed: positive was sold to it.
    away_until: int = 0  # Step.

    def stepped(self, terms: MakerTerms, step: int, volatility: int) -> MakerState:
        """A step later: some inventory is unloaded elsewhere, and a spike sends it away."""
        is_spike = volatility * RATIO_ONE >= terms.calm * terms.spike
        until = step + terms.away_steps + 1 if is_spike else self.away_until
        return MakerState(self.inventory * terms.kept // RATIO_ONE, until)

    def quotes(self, terms: MakerTerms, step: int, volatility: int) -> int:
        """Depth now: depth · min(1, calm ÷ volatility) · max(0, 1 − |inventory| ÷ most)."""
        if step < self.away_until:
            return 0
        depth = terms.depth
        if volatility > terms.calm:
            depth = depth * terms.calm // volatility
        if terms.inventory_max:
            left = max(0, terms.inventory_max - abs(self.inventory))
            depth = depth * left // terms.inventory_max
        return depth


class BookTerms(NamedTuple):
    """What does not change of a book."""

    law: LAWS
    makers: tuple[MakerTerms, ...]
    permanent: int  # Parts per billion, as the next two.
    recovery: int
    decay: int
    reach: int  # Parts of UNIT.
    least: int  # Numeraire atoms of depth that stand whoever withdraws.
    has_impact: bool


class Book(NamedTuple):
    """One market of a coin at one moment."""

    terms: BookTerms
    makers: tuple[MakerState, ...]
    price: int  # At the start of the step, price atoms.
    outside: int  # What it would be if nothing was ever sold here.
    variance: int = 0  # Of a step's return, (parts per billion)².
    quoted: tuple[int, ...] = ()  # Depth of each maker now, numeraire atoms.
    depth: int = 1  # Of all, and never less than what is passive.
    lasting: int = UNIT  # Price by what stays of all impacts ÷ outside price.
    pressure: int = 0  # What was sold net and has not faded, by the depth then, parts of UNIT.
    before: int = 0  # The pressure when the step began.
    taken: tuple[int, int] = (0, 0)  # Pressure borne in this step by bids and asks.

    @property
    def volatility(self) -> int:
        """Root of the variance of a step's return, parts per billion."""
        return isqrt(self.variance)

    def step(self, number: int, outside: int) -> Book:
        """The next step: what faded is gone, makers have looked again, the price is told."""
        terms = self.terms
        if terms.has_impact:
            share = (terms.law.fall(self.pressure) - terms.law.fall(self.before)) * terms.permanent
            lasting = self.lasting - self.lasting * share // (UNIT * RATIO_ONE)
            pressure = self.pressure * (RATIO_ONE - terms.recovery) // RATIO_ONE
        else:
            lasting, pressure = UNIT, 0
        passing = UNIT - self._transient(pressure)
        price = max(1, outside * lasting // UNIT * passing // UNIT)
        gain = (price - self.price) * RATIO_ONE // self.price
        weight = terms.decay
        variance = (self.variance * weight + gain * gain * (RATIO_ONE - weight)) // RATIO_ONE
        book = self._replace(
            price=price, outside=outside, variance=variance, lasting=lasting, pressure=pressure,
            before=pressure, taken=(0, 0),
        )  # fmt: skip
        makers = tuple(
            one.stepped(rule, number, book.volatility)
            for one, rule in zip(self.makers, terms.makers, strict=True)
        )
        quoted = tuple(
            one.quotes(rule, number, book.volatility)
            for one, rule in zip(makers, terms.makers, strict=True)
        )
        return book._replace(makers=makers, quoted=quoted, depth=max(terms.least, sum(quoted)))

    def room(self, *, buys: bool) -> int:
        """Numeraire atoms that one side still bears in this step."""
        return max(0, self.terms.reach - self.taken[buys]) * self.depth // UNIT

    def average(self, notional: int) -> int:
        """Mean price of selling so much (below zero: buying), price atoms."""
        last = self.pressure + notional * UNIT // self.depth
        return self._priced(self.terms.law.average(self.pressure, last))

    def sold(self, notional: int) -> Book:
        """The book after a sale, or a purchase below zero; makers share it by what they quote."""
        moved = notional * UNIT // self.depth
        bids, asks = self.taken
        taken = (bids + moved, asks) if notional > 0 else (bids, asks - moved)
        makers = tuple(
            one._replace(inventory=one.inventory + notional * quoted // self.depth)
            for one, quoted in zip(self.makers, self.quoted, strict=True)
        )
        return self._replace(pressure=self.pressure + moved, taken=taken, makers=makers)

    def most(self, wanted: int, lot: int, limit: int, *, buys: bool) -> int:
        """Most lots, each worth `lot` numeraire atoms, at an average no worse than a limit."""
        most = min(wanted, self.room(buys=buys) // max(1, lot))
        side = -1 if buys else 1

        def good(lots: int) -> bool:
            return side * (self.average(side * lots * lot) - limit) >= 0

        if most <= 0 or good(most):
            return max(0, most)
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if good(middle) else (low, middle)
        return low

    def _transient(self, pressure: int) -> int:
        fall = self.terms.law.fall(pressure)
        return fall * (RATIO_ONE - self.terms.permanent) // RATIO_ONE

    def _priced(self, fall: int) -> int:
        """Price at a fall in this step; the part that stayed of earlier ones is in `lasting`."""
        stayed = self.terms.law.fall(self.before) * self.terms.permanent // RATIO_ONE
        base = self.outside * self.lasting // UNIT
        return max(1, base * (UNIT - fall + stayed) // UNIT)


def opened(choice: BookChoice, price: int, step_ms: int, *, has_impact: bool) -> Book:
    """A book at rest, as the scenario tells it."""
    makers = tuple(_maker(one) for one in choice.makers)
    calm = sum(one.depth for one in makers)
    terms = BookTerms(
        choice.law,
        makers,
        _parts(choice.permanent),
        recovery_in_step(choice.half_life_s * 1000, step_ms),
        _parts(choice.volatility_decay),
        int(choice.reach * UNIT),
        max(1, calm * _parts(choice.passive) // RATIO_ONE),
        has_impact,
    )
    quoted = tuple(one.depth for one in makers)
    states = tuple(MakerState() for _ in makers)
    return Book(terms, states, price, price, quoted=quoted, depth=calm)


def _maker(choice: MakerChoice) -> MakerTerms:
    return MakerTerms(
        int(choice.depth * ONE),
        _parts(choice.calm),
        _parts(choice.spike),
        choice.away_steps,
        int(choice.inventory * ONE),
        RATIO_ONE - _parts(choice.unload),
    )


def _parts(ratio: Decimal) -> int:
    return int(ratio * RATIO_ONE)
