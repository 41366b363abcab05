"""At which price each account is closed, what it sells then, and where it is worth nothing.

Prices are those of one coin, the driver; the others stay where they are or move by a beta. Every
number is an answer of the account's own margin method on a table priced for that market, so
options, portfolios and brackets are in it. Between two points of the scan lines are straight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from seawall.margin import Requirement
from seawall.market import Kind
from seawall.money import RATIO_ONE
from seawall.portfolio.account import Trials, reach, with_prices
from seawall.portfolio.liquidation_price import has_grace
from seawall.pricing import Floats, Ints, RiskTable
from seawall.simulation.stress.book import Part, StressBook
from seawall.simulation.stress.depth import Side, StressError
from seawall.systemic import Ladder
from seawall.systemic.ladder import Column

DEEPEST, HIGHEST = -0.95, 3.0
LEAST_SHARE = 0.02  # No coin falls below this share of its price, whatever its beta.

Told = Callable[[int, int], None]


class Line(NamedTuple):
    """A line of markets: the driver's price and where the others are."""

    coin: str
    side: Side  # `long`: a fall, which closes longs.
    beta: Mapping[str, float] = {}  # Relative move of a coin ÷ that of the driver.

    def share(self, coin: str, move: float) -> float:
        """Price of a coin ÷ its price today, once the driver has moved by `move`."""
        moved = 1.0 + (move if coin == self.coin else self.beta.get(coin, 0.0) * move)
        return max(moved, LEAST_SHARE)


class Closings(NamedTuple):
    """Where each account stands along one line; prices are the driver's, in the numeraire."""

    line: Line
    price: float  # Today.
    closes: Floats  # [account] at which it is closed first; NaN where never.
    fails: Floats  # [account] at which it is worth nothing; NaN where never.
    units: Floats  # [account, coin] coins that closing it sells; below zero it buys.
    slope: Floats  # [account] what it loses more for each unit of price beyond `fails`.
    equity: Floats  # [account] today.


def moves(side: Side, farthest: float | None = None) -> list[float]:
    """Relative moves of a scan: half a per cent at first, then wider."""
    if side == "long":
        found = np.concatenate(
            [np.arange(1, 81) * -0.005, -0.4 - np.arange(1, 28) * 0.02, [DEEPEST]]
        )
    else:
        found = np.concatenate([np.arange(1, 81) * 0.005, 0.4 + np.arange(1, 31) * 0.02])
        found = np.concatenate([found, 1.0 + np.arange(1, 21) * 0.1])
    least = HIGHEST if farthest is None else abs(farthest)
    return [round(float(move), 6) for move in found if abs(move) <= least + 1e-9]


def closings(
    book: StressBook, line: Line, told: Told | None = None, steps: Iterable[float] | None = None
) -> Closings:
    """Scan one line from today outward, every account of every method."""
    price = book.price(line.coin)
    _known(book, line)
    chosen = moves(line.side) if steps is None else list(steps)
    most = len(chosen) * len(book.parts)
    scans = []
    for place, part in enumerate(book.parts):
        scan = _Scan(part, line, price)
        for number, move in enumerate(chosen):
            scan.step(move)
            if told is not None:
                told(place * len(chosen) + number + 1, most)
        scans.append(scan)
    together = functools.partial(np.concatenate, axis=0)
    return Closings(
        line=line,
        price=price,
        closes=together([scan.closes for scan in scans]),
        fails=together([scan.fails for scan in scans]),
        units=together([scan.units for scan in scans]),
        slope=together([scan.slope for scan in scans]),
        equity=together([scan.today for scan in scans]),
    )


def ladder_of(found: Closings, coin: int) -> Ladder:
    """Accounts in the order in which the line closes them; units of one coin, signed by its side.

    A purchase among sales is a step with units below zero. Accounts without units are in it, so
    that they are counted and what they owe is.
    """
    sign = 1.0 if found.line.side == "long" else -1.0
    closing = _column(sign * found.closes, sign * found.units[:, coin])
    return Ladder(found.line.side, closing, _column(sign * found.fails, found.slope))


def _column(key: Floats, units: Floats) -> Column:
    inside = np.flatnonzero(np.isfinite(key))
    account = inside[np.argsort(-key[inside], kind="stable")]
    ordered, size = key[account], units[account]
    total = np.concatenate(([0.0], np.cumsum(size)))
    value = np.concatenate(([0.0], np.cumsum(size * ordered)))
    return Column(account, ordered, size, total, value)


def _known(book: StressBook, line: Line) -> None:
    coins = [coin.id for coin in book.venue.catalogue.coins]
    for coin in (line.coin, *line.beta):
        if coin not in coins:
            raise StressError(f"there is no coin {coin}; coins are {', '.join(coins)}")


class _Market:
    """One part judged anywhere on a line."""

    def __init__(self, part: Part, line: Line) -> None:
        self.part, self.line = part, line
        self.venue = part.account.venue
        self.trials = Trials(part.account)
        self.rule = part.account.margin_method
        catalogue = self.venue.catalogue
        moving = [line.coin, *(coin for coin, beta in line.beta.items() if beta)]
        self.moving = [(catalogue.coin(coin), coin) for coin in dict.fromkeys(moving)]
        self.most = reach(part.account, frozenset(number for number, _ in self.moving))

    def at(self, move: float) -> tuple[Requirement, RiskTable]:
        """What everybody is worth and must hold once the driver has moved."""
        snapshot = self.venue.snapshot
        prices = {
            number: max(
                1, round(snapshot.price[number] * min(self.line.share(coin, move), self.most))
            )
            for number, coin in self.moving
        }
        moved = with_prices(self.venue.catalogue, snapshot, prices) if move else snapshot
        table = self.trials.table(moved)
        return self.rule.requirement(self.part.held.holdings, table.risk), table.risk


class _Scan:
    """The first crossings of one part, point by point."""

    def __init__(self, part: Part, line: Line, price: float) -> None:
        self.market, self.line, self.price = _Market(part, line), line, price
        venue = part.account.venue
        self.one = float(venue.catalogue.numeraire.one)
        self.ratio = venue.rates.close_out / RATIO_ONE if has_grace(part.account) else 1.0
        self.held = part.held
        accounts = len(part.held.names)
        self.closes, self.fails = np.full(accounts, np.nan), np.full(accounts, np.nan)
        self.slope = np.zeros(accounts)
        self.units = np.zeros((accounts, len(venue.catalogue.coins)))
        self.asset_coin = np.array([asset.coin for asset in venue.catalogue.assets], np.int64)
        self.index = np.array(venue.snapshot.price, np.float64) / self.one
        self.here = price
        need, risk = self.market.at(0.0)
        self.room, self.worth = self._read(need)
        self.today = self.worth.copy()
        self._close(np.flatnonzero(self.room < 0.0), np.full(accounts, price), risk)
        self.fails[self.worth < 0.0] = price

    def step(self, move: float) -> None:
        """Go on to the next point of the line."""
        there = self.price * (1.0 + move)
        need, risk = self.market.at(move)
        room, worth = self._read(need)
        waiting = np.isnan(self.closes)
        at = _crossing(self.room, room, self.here, there)
        lost = (self.worth - worth) / abs(there - self.here)
        self._close(np.flatnonzero(waiting & (room < 0.0)), at, risk)
        first = np.isnan(self.fails) & (worth < 0.0)
        gone = _crossing(self.worth, worth, self.here, there)
        sign = 1.0 if self.line.side == "long" else -1.0
        limit = np.where(np.isnan(self.closes), gone, self.closes)
        self.fails[first] = sign * np.minimum(sign * gone[first], sign * limit[first])
        self.slope[first] = lost[first]
        late = (self.slope == 0.0) & (self.today < 0.0) & (lost > 0.0)
        self.slope[late] = lost[late]  # Owed today already: worth nothing before today's price.
        self.fails[late] = self.price - sign * self.today[late] / lost[late]
        self.room, self.worth, self.here = room, worth, there

    def _read(self, need: Requirement) -> tuple[Floats, Floats]:
        room = need.margin_equity - need.maintenance * self.ratio
        return room / self.one, need.equity / self.one

    def _close(self, accounts: Ints, at: Floats, risk: RiskTable) -> None:
        """Remember where these are closed and what that sells."""
        if not accounts.size:
            return
        self.closes[accounts] = at[accounts]
        holdings = self.held.holdings
        count = holdings.count[accounts]
        rows = np.repeat(holdings.start[accounts] - np.cumsum(count) + count, count)
        rows += np.arange(rows.size)
        owner = np.repeat(accounts, count)
        asset, lots = holdings.asset[rows], holdings.lots[rows]
        coin, kind = self.asset_coin[asset], risk.kind[asset]
        move = self.closes[owner] / self.price - 1.0
        share = np.ones(rows.size)
        for number, name in self.market.moving:
            beta = 1.0 if name == self.line.coin else self.line.beta.get(name, 0.0)
            share = np.where(coin == number, np.maximum(1.0 + beta * move, LEAST_SHARE), share)
        linear = np.where(kind == Kind.LINEAR, risk.quotes.size[asset], 0.0)
        option = np.where(kind == Kind.OPTION, risk.delta[asset] / self.one, 0.0)
        faces = np.where(kind == Kind.INVERSE, risk.notional[asset] / self.one, 0.0)
        each = linear + option + faces / (self.index[coin] * share)
        np.add.at(self.units, (owner, coin), lots * each)


def _crossing(before: Floats, after: Floats, here: float, there: float) -> Floats:
    """Where a straight line between two points passes zero; `here` where it was there already."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = before / (before - after)
    found: Floats = here + np.where((before > 0.0) & (after < 0.0), share, 0.0) * (there - here)
    return found
