"""One shock to one book: where it ends under each law, how sure that is, who pays, what matters.

Start here. `stress` puts the pieces together: `closing` asks the margin methods, `fall` runs
cascades, `draws` says what a run is given, `losses` who pays, `tornado` what moves the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.stress.book import StressBook
from seawall.simulation.stress.closing import (
    Closings,
    Line,
    closings,
    ladder_of,
    moves,
    steps_of,
)
from seawall.simulation.stress.depth import DepthFile, Law, Side, StressError, laws_of
from seawall.simulation.stress.draws import Draws, drawn
from seawall.simulation.stress.fall import Fall, Fallen, Steps, fall, one
from seawall.simulation.stress.losses import Losses, losses, margin_consumed
from seawall.simulation.stress.tornado import Swing, swings
from seawall.systemic import (
    LAWS,
    Contributor,
    Linear,
    Reading,
    contributors,
    local_gain,
    read,
)
from seawall.systemic.risk import quantile

NO_IMPACT = "no impact"
GAIN_WIDTH = 0.01  # Over which R0 is read, relative to the price.
WITHIN = (0.05, 0.10, 0.20, 0.40)  # Moves for the ladder of each coin and side.
_COARSE = 0.02
_CHUNK = 250  # Runs between two steps of the bar.

Told = Callable[[int, int], None]


class Asked(NamedTuple):
    """What a person asks."""

    coin: str
    shock: float  # Relative.
    law: Law = "sqrt"
    runs: int = 1_000
    seed: int = 1
    beta: Mapping[str, float] = {}
    confidence: float = 0.95
    ticks: int = 10  # In which the shock comes; 1 is a gap.


class UnderLaw(NamedTuple):
    """The named shock under one law."""

    fallen: Fallen
    reading: Reading  # Gains and distances; without resilience.


class Risk(NamedTuple):
    """Quantiles over all runs at one confidence. [numeraire]"""

    value: float  # VaR: bad debt.
    expected_shortfall: float  # Mean of the bad debt from its quantile on.
    uncovered: float  # VaR of the bad debt that the fund does not pay.
    liquidation: float  # LaR: forced notional.
    margin: float  # Equity today of those who are closed.
    fall: float  # Relative move of the final price, against the side.
    fund_left: float  # The quantile from below.
    emptied: float  # Share of runs whose bad debt is more than the fund.
    emptied_error: float  # Its standard error.


class SideLadder(NamedTuple):
    """Forced trades of one coin if it alone moves: (accounts, notional) within each move."""

    coin: str
    side: Side
    within: tuple[tuple[int, float], ...]


class Elsewhere(NamedTuple):
    """What the named fall sells in another coin, and what that alone would do to its price."""

    coin: str
    units: float
    notional: float
    move: float | None  # Relative; None where the depth file does not know the coin.


@dataclass(frozen=True, slots=True)
class Stress:
    """Everything that is known afterwards."""

    asked: Asked
    book: StressBook
    found: Closings
    steps: Steps
    named: Fall
    fund: float
    laws: Mapping[str, LAWS]
    under: Mapping[str, UnderLaw]  # By law, first the one without impact.
    draws: Draws
    runs: Fallen
    quiet: Fallen  # The same runs without impact.
    risk: Risk
    quiet_risk: Risk
    traded: Floats  # [2, step] price of each trade of the named fall, and its tick or round.
    losses: Losses
    gain: Floats  # [step] R0.
    swings: list[Swing]
    worst: list[Contributor]
    ladders: list[SideLadder]
    elsewhere: list[Elsewhere]

    @property
    def fallen(self) -> Fallen:
        """The named shock under the named law."""
        return self.under[self.asked.law].fallen


def stress(
    book: StressBook, depth: DepthFile, asked: Asked, told: Told = lambda done, total: None
) -> Stress:
    """Put a book under a shock."""
    side = _checked(book, asked)
    line = Line(asked.coin, side, asked.beta)
    price = book.price(asked.coin)
    market = depth.of(asked.coin)
    laws = laws_of(market, price, side)
    if asked.law not in laws:
        there = ", ".join(laws) or "none"
        raise StressError(
            f"says not enough for law {asked.law}; laws are {there} - at `$.coins.{asked.coin}`"
        )
    bar = _Bar(told, book, line, asked)
    found = closings(book, line, bar.step)
    number = book.venue.catalogue.coin(asked.coin)
    steps = steps_of(found, number)
    named = Fall(asked.shock, 1.0, market.resilience, depth.book_share, asked.ticks)
    under = _under_each(steps, laws, price, named, depth.fund, asked.law)
    laws = {name: laws[name] for name in under if name != NO_IMPACT}
    draws = drawn(asked.seed, asked.runs, named, depth.spread)
    law = laws[asked.law]
    runs = _runs(steps, law, price, draws, named, bar)
    if not np.isfinite([*runs.final, *under[asked.law].fallen.final]).all():
        raise StressError(f"law: {asked.law} has no price for so much; take another or more depth")
    quiet = _runs(steps, Linear(0.0), price, draws, named, bar)
    reading = under[asked.law]

    def rescanned(beta: dict[str, float]) -> Steps:
        return steps_of(closings(book, line._replace(beta=beta), bar.step), number)

    traded = np.full((2, steps.near.size), np.nan)
    one(steps, law, price, named, traded)

    return Stress(
        asked=asked,
        book=book,
        found=found,
        steps=steps,
        named=named,
        fund=depth.fund,
        laws=laws,
        under=under,
        draws=draws,
        runs=runs,
        quiet=quiet,
        risk=_risk(found, steps, runs, depth.fund, asked.confidence),
        quiet_risk=_risk(found, steps, quiet, depth.fund, asked.confidence),
        traded=traded,
        losses=losses(found, steps, reading.fallen, traded, depth.fund),
        gain=local_gain(steps.ladder, law, GAIN_WIDTH, book_share=depth.book_share),
        swings=swings(steps, laws, asked.law, price, named, asked.beta, rescanned),
        worst=contributors(steps.ladder, law, reading.reading.cascade, book_share=depth.book_share),
        ladders=_ladders(book, bar),
        elsewhere=_elsewhere(found, steps, reading.fallen, book, depth, asked.law),
    )


def _under_each(
    steps: Steps, laws: Mapping[str, LAWS], price: float, named: Fall, fund: float, asked: str
) -> dict[str, UnderLaw]:
    """The named shock without impact and under each law that has a price for it."""
    found = {}
    for name, law in {NO_IMPACT: Linear(0.0), **laws}.items():
        fallen = one(steps, law, price, named)
        if name == asked or np.isfinite(fallen.final[0]):
            share = named.book_share
            reading = read(steps.ladder, law, price, named.shock, fund=fund, book_share=share)
            found[name] = UnderLaw(fallen, reading)
    return found


def _checked(book: StressBook, asked: Asked) -> Side:
    if asked.coin not in [coin.id for coin in book.venue.catalogue.coins]:
        raise StressError(f"shock: there is no coin {asked.coin}")
    if not -0.95 <= asked.shock <= 3.0 or asked.shock == 0.0:
        raise StressError(f"shock: must lie in [-95 %, 300 %] and not be 0, not {asked.shock:.4g}")
    if asked.runs < 1:
        raise StressError(f"runs: must be at least 1, not {asked.runs}")
    if not 0.0 < asked.confidence < 1.0:
        raise StressError(f"confidence: must lie in (0, 1), not {asked.confidence}")
    if asked.coin in asked.beta:
        raise StressError(f"beta: {asked.coin} is the coin that is shocked")
    return "long" if asked.shock < 0.0 else "short"


def _runs(steps: Steps, law: LAWS, price: float, draws: Draws, named: Fall, bar: _Bar) -> Fallen:
    """All runs, some at a time; a run has the same bits in any company."""
    parts = []
    for start in range(0, draws.shock.size, _CHUNK):
        some = slice(start, start + _CHUNK)
        columns = (draws.shock[some], draws.depth[some], draws.resilience[some])
        parts.append(fall(steps, law, price, *columns, named.book_share, named.ticks))
        bar.step()
    return Fallen(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _risk(found: Closings, steps: Steps, runs: Fallen, fund: float, confidence: float) -> Risk:
    owed = runs.bad_debt
    value = quantile(owed, confidence)
    emptied = float((owed > fund).mean())
    sign = steps.ladder.sign
    return Risk(
        value=value,
        expected_shortfall=float(owed[owed >= value].mean()),
        uncovered=quantile(np.maximum(owed - fund, 0.0), confidence),
        liquidation=quantile(runs.notional, confidence),
        margin=quantile(margin_consumed(found, steps)[runs.accounts], confidence),
        fall=quantile(sign * (1.0 - runs.final / found.price), confidence),
        fund_left=max(0.0, fund - value),
        emptied=emptied,
        emptied_error=math.sqrt(emptied * (1.0 - emptied) / owed.size),
    )


def _moving_coins(book: StressBook) -> list[str]:
    catalogue = book.venue.catalogue
    based = {terms.base for terms in catalogue.instruments}
    return [coin.id for coin in catalogue.coins if coin.id in based]


def _ladders(book: StressBook, bar: _Bar) -> list[SideLadder]:
    """What each coin would force if it alone moved, either way, read on a coarse scan."""
    found = []
    sides: tuple[Side, ...] = ("long", "short")
    for coin in _moving_coins(book):
        number = book.venue.catalogue.coin(coin)
        price = book.price(coin)
        for side in sides:
            sign = -1.0 if side == "long" else 1.0
            points = [sign * _COARSE * step for step in range(1, 21)]
            steps = ladder_of(closings(book, Line(coin, side), bar.step, points), number)
            within = []
            for move in WITHIN:
                count = int(steps.closing.passed(np.array(steps.sign * price * (1 + sign * move))))
                keys, units = np.abs(steps.closing.key[:count]), steps.closing.units[:count]
                within.append((count, float((keys * units).sum())))
            found.append(SideLadder(coin, side, tuple(within)))
    return found


def _elsewhere(
    found: Closings, steps: Steps, fallen: Fallen, book: StressBook, depth: DepthFile, law: str
) -> list[Elsewhere]:
    closed = steps.ladder.closing.account[: int(fallen.accounts[0])]
    sold = found.units[closed].sum(axis=0)
    told = []
    for coin in _moving_coins(book):
        units = float(sold[book.venue.catalogue.coin(coin)])
        if coin == found.line.coin or not units:
            continue
        price = book.price(coin) * found.line.share(
            coin, float(fallen.average[0]) / found.price - 1
        )
        move = None
        if coin in depth.coins:
            laws = laws_of(depth.coins[coin], price, "long" if units > 0 else "short")
            if law in laws:
                move = laws[law].price_after(price, units * depth.book_share) / price - 1.0
        told.append(Elsewhere(coin, units, abs(units) * price, move))
    return told


class _Bar:
    """Counts steps of everything that takes long."""

    def __init__(self, told: Told, book: StressBook, line: Line, asked: Asked) -> None:
        self.told, self.done = told, 0
        parts = len(book.parts)
        scans = (1 + 2 * len(asked.beta)) * len(moves(line.side))
        coarse = 2 * len(_moving_coins(book)) * 20
        self.total = parts * (scans + coarse) + 2 * math.ceil(asked.runs / _CHUNK)

    def step(self, done: int = 0, total: int = 0) -> None:
        self.done += 1
        self.told(self.done, self.total)
