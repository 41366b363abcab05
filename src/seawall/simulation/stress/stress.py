"""One shock to one book: where it ends under each law, how sure that is, who pays, what matters.

Start here. `stress` puts the pieces together: `closing` and `judging` ask the margin methods,
`fall` runs cascades, `draws` says what a run is given, `losses` who pays, `tornado` what moves the
result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.stress.bar import RUNS_AT_ONCE, Bar, moving_coins
from seawall.simulation.stress.book import StressBook
from seawall.simulation.stress.closing import Closings, Line, Told, closings, ladder_of
from seawall.simulation.stress.depth import DepthFile, Law, Side, StressError, laws_of
from seawall.simulation.stress.draws import Draws, drawn
from seawall.simulation.stress.fall import (
    Books,
    Fall,
    Fallen,
    Ground,
    Traced,
    books_of,
    fall,
    one,
    traced,
)
from seawall.simulation.stress.judging import columns_of, grouped, rules_of
from seawall.simulation.stress.losses import Losses, Share, funds_left, losses
from seawall.simulation.stress.tornado import Swing, swings
from seawall.systemic import LAWS, Ladder, Linear, Reading, local_gain, read
from seawall.systemic.risk import quantile

NO_IMPACT = "no impact"
GAIN_WIDTH = 0.01  # Over which R0 is read, relative to the price.
MOST_SHOWN = 10
WITHIN = (0.05, 0.10, 0.20, 0.40)  # Moves for the ladder of each coin and side.
_COARSE = 0.02


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
    """What the named fall sells in another coin, and what that does to its price."""

    coin: str
    units: float
    notional: float
    move: float | None  # By its own sales, relative; None where the depth file says too little.
    final: float  # Price at the end.


class Contributor(NamedTuple):
    """An account and what its forced trades in the driver add to the named fall."""

    account: int
    units: float
    price: float  # What they were traded at on average.
    notional: float  # In every coin.
    impact: float  # By how much farther the price goes for them, all others being as they were.


@dataclass(frozen=True, slots=True)
class Stress:
    """Everything that is known afterwards."""

    asked: Asked
    book: StressBook
    found: Closings
    ladder: Ladder  # If all that is reached were closed in full: for gains and distances.
    ground: Ground  # Under the named law.
    named: Fall
    funds: Floats  # [coin] whole coins.
    laws: Mapping[str, LAWS]
    under: Mapping[str, UnderLaw]  # By law, first the one without impact.
    draws: Draws
    runs: Fallen
    quiet: Fallen  # The same runs without impact.
    risk: Risk
    quiet_risk: Risk
    traced: Traced  # The named fall, trade by trade.
    losses: Losses
    shares: list[Share]
    gain: Floats  # [step] R0.
    groups: int  # Accounts of the draws, those that are alike merged,
    grouped: Fallen  # and the named fall on them.
    swings: list[Swing]
    worst: list[Contributor]
    ladders: list[SideLadder]
    elsewhere: list[Elsewhere]

    @property
    def fallen(self) -> Fallen:
        """The named shock under the named law."""
        return self.under[self.asked.law].fallen

    @property
    def fund(self) -> float:
        """What the fund is worth today."""
        return float(self.funds @ self.ground.columns.price)

    def left(self, fallen: Fallen) -> Floats:
        """[run] what is left of the fund."""
        rest = funds_left(fallen, self.funds, self.ground.rules.cash, self.ground.rules.kept)
        found: Floats = np.maximum(rest, 0.0).sum(axis=1)
        return found


def stress(
    book: StressBook, depth: DepthFile, asked: Asked, told: Told = lambda done, total: None
) -> Stress:
    """Put a book under a shock."""
    side = _checked(book, asked)
    line, price = Line(asked.coin, side, asked.beta), book.price(asked.coin)
    market = depth.of(asked.coin)
    laws = laws_of(market, price, side)
    if asked.law not in laws:
        there = ", ".join(laws) or "none"
        raise StressError(
            f"says not enough for law {asked.law}; laws are {there} - at `$.coins.{asked.coin}`"
        )
    bar = Bar(told, book, line, asked.runs)
    found = closings(book, line, bar.step)
    ladder = ladder_of(found, book.venue.catalogue.coin(asked.coin))
    names = [coin.id for coin in book.venue.catalogue.coins]
    grounds = _grounds(book, depth, line, laws, bar)
    still = grounds[NO_IMPACT]
    named = Fall(asked.shock, 1.0, market.resilience, depth.book_share, asked.ticks)
    funds = _funds(book, depth)
    under = _under_each(grounds, laws, ladder, named, funds, asked.law)
    laws = {name: laws[name] for name in under if name != NO_IMPACT}
    grounds = {name: grounds[name] for name in under}
    draws = drawn(asked.seed, asked.runs, named, depth.spread)
    ground = grounds[asked.law]
    small = grouped(still.columns, found.closes)
    runs = _runs(ground._replace(columns=small), draws, named, bar)
    if not np.isfinite([*runs.final, *under[asked.law].fallen.final]).all():
        raise StressError(f"law: {asked.law} has no price for so much; take another or more depth")
    quiet = _runs(still._replace(columns=small), draws, named, bar)
    trace = traced(ground, named)
    sharing = book.venue.rulebook.loss_sharing.rule
    split, shares = losses(trace, ground, funds, sharing, names)
    return Stress(
        asked=asked,
        book=book,
        found=found,
        ladder=ladder,
        ground=ground,
        named=named,
        funds=funds,
        laws=laws,
        under=under,
        draws=draws,
        runs=runs,
        quiet=quiet,
        risk=_risk(ground, runs, funds, asked),
        quiet_risk=_risk(ground, quiet, funds, asked),
        traced=trace,
        losses=split,
        shares=shares,
        gain=local_gain(ladder, laws[asked.law], GAIN_WIDTH, book_share=depth.book_share),
        groups=small.equity.size,
        grouped=one(ground._replace(columns=small), named),
        swings=swings(grounds, small, asked.law, named, asked.beta, names),
        worst=_worst(trace, laws[asked.law], named),
        ladders=_ladders(book, bar),
        elsewhere=_elsewhere(trace, ground, depth, names),
    )


def _grounds(
    book: StressBook, depth: DepthFile, line: Line, laws: Mapping[str, LAWS], bar: Bar
) -> dict[str, Ground]:
    """The book under each law and without impact."""
    names = [coin.id for coin in book.venue.catalogue.coins]
    still = Ground(
        columns_of(book, line, bar.step),
        rules_of(book.venue),
        books_of(names, {}),
        np.array([line.beta.get(name, 0.0) for name in names]),
    )
    under = {name: still._replace(books=_books(book, depth, name, line.side)) for name in laws}
    return {**under, NO_IMPACT: still}


def _funds(book: StressBook, depth: DepthFile) -> Floats:
    """[coin] whole coins; a single number is worth of the coin in which debts are paid."""
    cash = book.venue.rulebook.cash
    told = depth.fund
    amounts = told if isinstance(told, dict) else {cash: told / book.price(cash)}
    names = [coin.id for coin in book.venue.catalogue.coins]
    for coin in amounts:
        if coin not in names:
            raise StressError(f"there is no coin {coin} - at `$.fund.{coin}`")
    return np.array([amounts.get(name, 0.0) for name in names])


def _books(book: StressBook, depth: DepthFile, law: str, side: Side) -> Books:
    """The named law for every coin of which the depth file says enough; others are not moved."""
    names = [coin.id for coin in book.venue.catalogue.coins]
    laws = {
        coin: found[law]
        for coin, told in depth.coins.items()
        if coin in names and law in (found := laws_of(told, book.price(coin), side))
    }
    return books_of(names, laws, {coin: told.resilience for coin, told in depth.coins.items()})


def _under_each(
    grounds: Mapping[str, Ground],
    laws: Mapping[str, LAWS],
    ladder: Ladder,
    named: Fall,
    funds: Floats,
    asked: str,
) -> dict[str, UnderLaw]:
    """The named shock without impact and under each law that has a price for it."""
    found = {}
    columns = grounds[NO_IMPACT].columns
    price, fund = float(columns.price[columns.driver]), float(funds @ columns.price)
    for name, law in {NO_IMPACT: Linear(0.0), **laws}.items():
        fallen = one(grounds[name], named)
        if name == asked or np.isfinite(fallen.final[0]):
            share = named.book_share
            reading = read(ladder, law, price, named.shock, fund=fund, book_share=share)
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


def _runs(ground: Ground, draws: Draws, named: Fall, bar: Bar) -> Fallen:
    """All runs, some at a time; a run has the same bits in any company."""
    parts = []
    for start in range(0, draws.shock.size, RUNS_AT_ONCE):
        some = slice(start, start + RUNS_AT_ONCE)
        columns = (draws.shock[some], draws.depth[some], draws.resilience[some])
        parts.append(fall(ground, *columns, named.book_share, named.ticks))
        bar.step()
    return Fallen(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _risk(ground: Ground, runs: Fallen, funds: Floats, asked: Asked) -> Risk:
    owed, confidence, rules = runs.bad_debt, asked.confidence, ground.rules
    value = quantile(owed, confidence)
    rest = funds_left(runs, funds, rules.cash, rules.kept)
    lacks = np.maximum(-rest, 0.0).sum(axis=1)
    left = np.maximum(rest, 0.0).sum(axis=1)
    emptied = float((lacks > 0.0).mean())
    price = ground.columns.price[ground.columns.driver]
    sign = 1.0 if asked.shock < 0.0 else -1.0
    return Risk(
        value=value,
        expected_shortfall=float(owed[owed >= value].mean()),
        uncovered=quantile(lacks, confidence),
        liquidation=quantile(runs.notional, confidence),
        margin=quantile(runs.margin, confidence),
        fall=quantile(sign * (1.0 - runs.final / price), confidence),
        fund_left=-quantile(-left, confidence),
        emptied=emptied,
        emptied_error=math.sqrt(emptied * (1.0 - emptied) / owed.size),
    )


def _worst(trace: Traced, law: LAWS, named: Fall) -> list[Contributor]:
    """Whose trades in the driver move the final price most."""
    trades = trace.trades
    count = trace.equity.size
    driver = trades.units * (trades.coin == trace.driver)
    units = np.bincount(trades.account, driver, count)
    fetched = np.bincount(trades.account, driver * trades.price, count)
    notional = np.bincount(trades.account, trades.notional, count)
    share, whole = named.book_share, float(units.sum())
    start = trace.price * (1.0 + named.shock)
    with_all = law.prices_after(start, np.full(count, whole * share))
    spared = np.sign(-named.shock) * (law.prices_after(start, (whole - units) * share) - with_all)
    order = np.argsort(-spared, kind="stable")[:MOST_SHOWN]
    return [
        Contributor(
            int(account), float(units[account]), float(fetched[account] / units[account]),
            float(notional[account]), float(spared[account]),
        )
        for account in order
        if units[account] != 0.0
    ]  # fmt: skip


def _ladders(book: StressBook, bar: Bar) -> list[SideLadder]:
    """What each coin would force if it alone moved, either way, read on a coarse scan."""
    found = []
    sides: tuple[Side, ...] = ("long", "short")
    for coin in moving_coins(book):
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
    trace: Traced, ground: Ground, depth: DepthFile, names: list[str]
) -> list[Elsewhere]:
    """The other coins of the named fall, and how far each stands below where the line has it."""
    trades, columns, ends = trace.trades, ground.columns, trace.fallen.ends[0]
    told = []
    for coin, name in enumerate(names):
        mine = trades.coin == coin
        if coin == columns.driver or not trades.units[mine].any():
            continue
        move = ends[columns.driver] / columns.price[columns.driver] - 1.0
        share = max(1.0 + ground.beta[coin] * move, columns.least_share)
        known = name in depth.coins and ground.books.numbers[coin].any() | (
            ground.books.levels[coin] > 1
        )
        own = float(ends[coin] / (columns.price[coin] * share) - 1.0)
        units, notional = float(trades.units[mine].sum()), float(trades.notional[mine].sum())
        told.append(Elsewhere(name, units, notional, own if known else None, float(ends[coin])))
    return told
