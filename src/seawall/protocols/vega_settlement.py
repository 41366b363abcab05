"""Vega: funding of perpetuals, who pays when losers cannot, and what the network party unloads.

Money that is paid out is whole atoms of the settlement asset; prices are exact fractions. Knows
no margin and no book. Source: vegaprotocol/vega, commit a50750cc10, and the specifications
0053-PERP, 0002-STTL and 0012-POSR at vegaprotocol/specs, commit 5fea1f3e3d.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

ZERO = Fraction(0)


class Interest(NamedTuple):
    """The interest part of the funding payment and the shares of the spot price that bound it."""

    rate: Fraction = ZERO  # A year.
    years: Fraction = ZERO  # Length of the funding period.
    lower: Fraction | None = None  # None: no bound.
    upper: Fraction | None = None


class Settled(NamedTuple):
    """What each winner receives and what the insurance pool has left, atoms."""

    received: dict[str, int]
    insurance_pool: int


class NetworkPosition(NamedTuple):
    """The network party's position, its entry price, and its profit at the last mark."""

    position: Fraction = ZERO
    entry: Fraction = ZERO
    realised: Fraction = ZERO
    unrealised: Fraction = ZERO


class Disposal(NamedTuple):
    """How the network party unloads a position."""

    fraction: Fraction  # Of the position, at each step.
    full_size: int  # At or below it, everything at once.
    book_share: Fraction  # Most of the visible volume that one order takes.


def time_weighted(
    points: Sequence[tuple[int, Fraction]],
    start: int,
    end: int,
    auctions: Sequence[tuple[int, int]] = (),
) -> Fraction | None:
    """Average of prices that each hold until the next, over [start, end) outside auctions.

    Σ price · seconds ÷ Σ seconds; None where no price holds. Points are (time, price) in order of
    time; auctions are (begin, end) without overlap.

    >>> time_weighted([(0, Fraction(10)), (6, Fraction(20))], 0, 10, [(0, 2)])
    Fraction(15, 1)
    """
    total, seconds = ZERO, 0
    for place, (time, price) in enumerate(points):
        begin = max(start, time)
        until = min(end, points[place + 1][0]) if place + 1 < len(points) else end
        held = max(0, until - begin)
        for auction in auctions:
            held -= max(0, min(until, auction[1]) - max(begin, auction[0]))
        if held > 0:
            total += price * held
            seconds += held
    return total / seconds if seconds else None


def funding_payment(internal: Fraction, external: Fraction, interest: Interest) -> Fraction:
    """What a long of one contract pays: internal − external + interest part.

    The interest part is (1 + rate · years) · external − internal, held between lower · external
    and upper · external.
    """
    part = (1 + interest.rate * interest.years) * external - internal
    if interest.lower is not None:
        part = max(part, interest.lower * external)
    if interest.upper is not None:
        part = min(part, interest.upper * external)
    return internal - external + part


def funding_rate(
    payment: Fraction,
    external: Fraction,
    scaling: Fraction = Fraction(1),
    lower: Fraction | None = None,
    upper: Fraction | None = None,
) -> Fraction:
    """Payment as a share of the external price: scaling · payment / external, then bounded.

    >>> funding_rate(Fraction(-1), Fraction(100), Fraction(5, 2))
    Fraction(-1, 40)
    """
    rate = scaling * payment / external
    if lower is not None:
        rate = max(rate, lower)
    if upper is not None:
        rate = min(rate, upper)
    return rate


def socialise_loss(
    losers: Sequence[tuple[int, int]], winners: Mapping[str, int], insurance_pool: int
) -> Settled:
    """Pay winners from what losers and the insurance pool could give.

    `losers` are (owed, available), `winners` the gains in the order in which the parties first
    held a position. Collected = Σ min(owed, available), then the pool up to what is owed. If short,
    each receives ⌊gain · collected / owed⌋ and the last also what rounding left over; the venue
    puts the network party last if it is among them.

    >>> socialise_loss([(10, 4)], {"a": 3, "b": 7}, 1)
    Settled(received={'a': 1, 'b': 4}, insurance_pool=0)
    """
    owed = sum(winners.values())
    collected = min(owed, sum(min(debt, available) for debt, available in losers))
    from_pool = max(0, min(insurance_pool, owed - collected))
    collected += from_pool
    if collected >= owed:
        return Settled(dict(winners), insurance_pool - from_pool)
    received = {name: gain * collected // owed for name, gain in winners.items()}
    received[list(winners)[-1]] += collected - sum(received.values())
    return Settled(received, insurance_pool - from_pool)


def network_takes_over(
    before: NetworkPosition, change: Fraction, mark: Fraction
) -> NetworkPosition:
    """The network party's position after it takes over a distressed one at the mark.

    What offsets its own position is realised, size · (mark − entry); the rest joins at the mark.
    """
    held, after = before.position, before.position + change
    closed = min(abs(held), abs(change)) if held * change < 0 else ZERO
    realised = before.realised + (closed if held > 0 else -closed) * (mark - before.entry)
    if after == 0:
        entry = ZERO
    elif held * after <= 0:
        entry = mark
    elif closed:
        entry = before.entry
    else:
        entry = (held * before.entry + change * mark) / after
    return NetworkPosition(after, entry, realised, after * (mark - entry))


def disposal_size(position: int, rules: Disposal, visible: int) -> int:
    """Contracts that the network party offers at one step.

    min(⌈fraction · |position|⌉, or all of it at or below full_size; ⌊book_share · visible⌋), where
    visible is the volume on the other side within the allowed slippage. The specification states
    no rounding; a step is rounded up so that it ends, the book's share down so that it is kept.
    """
    size = abs(position)
    wanted = size if size <= rules.full_size else math.ceil(rules.fraction * size)
    return min(wanted, math.floor(rules.book_share * visible))
