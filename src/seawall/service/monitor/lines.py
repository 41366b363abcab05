"""Where each account is closed along each coin's line, kept from one moment to the next.

An account is asked anew when its rows changed, when it stands in the cell of the present price, or
when anything but the coin itself (other prices, volatility, time, haircuts) moved its liquidation
price by more than a tolerance. Scans use the same levels at every moment, so what is kept has the
bits of what a fresh scan would find.
"""

from __future__ import annotations

import numpy as np

from seawall.pricing import Floats, Ints
from seawall.service.monitor.assumptions import Assumptions
from seawall.service.monitor.markets import Markets
from seawall.service.monitor.moment import Flags, Moment, changed
from seawall.service.monitor.scan import Line, edge, scan
from seawall.systemic.ladder import Side

SIDES: tuple[Side, Side] = ("long", "short")
DRIFT_MOST = 0.15  # Of a price since the last full scan, before the range is drawn anew.
TIMES_MOST = 5_000  # Refreshes between two full scans.


class Lines:
    """All accounts on all lines, each as of the moment when it was last asked."""

    def __init__(self, assumptions: Assumptions) -> None:
        self.coins: tuple[int, ...] = ()
        self.of: dict[tuple[int, Side], Line] = {}
        self.room = np.zeros(0)  # [account] above its margin, when it was asked.
        self.now = np.zeros(0)  # [account] above its margin, at the last moment.
        self._by = assumptions
        self._time = np.zeros(0, np.int64)  # [account] which of the times it was asked.
        self._times: list[tuple[int, ...]] = []  # [time] prices, atoms, by coin.
        self._before: Moment | None = None

    def follow(self, markets: Markets) -> Ints | None:
        """Bring the lines to a moment: accounts that were asked anew, None where all were."""
        moment = markets.moment
        before, self._before = self._before, None  # Spent, if anything fails below.
        stale = self._stale(before, markets) if before and self._continues(before, moment) else None
        if stale is None:
            self._begin(moment)
        self._times.append(moment.venue.snapshot.price)
        self._ask(markets, moment.live if stale is None else stale)
        self._before = moment
        return stale

    def _begin(self, moment: Moment) -> None:
        catalogue, accounts = moment.venue.catalogue, moment.accounts
        self.coins = tuple(sorted({catalogue.coin(terms.base) for terms in catalogue.instruments}))
        self.of = {(coin, side): Line.blank(accounts) for coin in self.coins for side in SIDES}
        self.room, self.now = np.full(accounts, np.nan), np.full(accounts, np.nan)
        self._time, self._times = np.zeros(accounts, np.int64), []

    def _continues(self, before: Moment, moment: Moment) -> bool:
        """Whether what is known of the last moment says anything of this one."""
        price, drawn = (
            np.array(p, np.float64) for p in (moment.venue.snapshot.price, self._times[0])
        )
        return (
            before.fingerprint == moment.fingerprint
            and before.venue.catalogue is moment.venue.catalogue
            and before.rows.ledger is moment.rows.ledger
            and len(self._times) < TIMES_MOST
            and bool((np.abs(price / drawn - 1.0) <= DRIFT_MOST).all())
        )

    def _stale(self, before: Moment, markets: Markets) -> Ints:
        """Accounts whose lines do not hold at this moment."""
        moment, live = markets.moment, markets.moment.live
        more = moment.accounts - before.accounts
        if more:
            self.of = {key: line.grown(more) for key, line in self.of.items()}
            self.room, self.now = (
                np.append(column, np.full(more, np.nan)) for column in (self.room, self.now)
            )
            self._time = np.append(self._time, np.zeros(more, np.int64))
        alive = np.zeros((2, moment.accounts), np.bool_)
        alive[0, before.live] = alive[1, live] = True
        stale = (changed(before, moment) & alive[1]) | (alive[0] != alive[1])
        self.now[live], _ = markets.now(live)
        stale[live] |= self._moved(live, moment.venue.snapshot.price, markets.one)
        return np.flatnonzero(stale)

    def _moved(self, live: Ints, atoms: tuple[int, ...], one: float) -> Flags:
        """[place] whether a liquidation price may have moved by more than the tolerance."""
        change = self.now[live] - self.room[live]
        # Who is below its margin stands at the present price, wherever that is.
        found: Flags = ~(np.minimum(self.room[live], self.now[live]) >= 0.0)
        for coin in self.coins:
            asked = np.array([prices[coin] for prices in self._times], np.float64)
            step = ((atoms[coin] - asked) / one)[self._time[live]]
            own = np.where(
                step < 0.0,
                self.of[coin, "long"].slope[live] * step,
                self.of[coin, "short"].slope[live] * -step,
            )
            # What the coin's own move does is on its line already; the rest shifts the line.
            for side in SIDES:
                found |= self._shifted(coin, side, live, change - own, atoms[coin], one)
        return found

    def _shifted(
        self, coin: int, side: Side, live: Ints, shift: Floats, atoms: int, one: float
    ) -> Flags:
        line, sign, step = self.of[coin, side], 1.0 if side == "long" else -1.0, self._by.step
        closes, fails = line.closes[live], line.fails[live]
        # Its crossing lies, or lay, in the cell that begins at a price and not at a level.
        prices = [prices[coin] for prices in self._times]
        then = np.array([sign * edge(price, side, step) / one for price in prices])
        cell = np.minimum(then, sign * edge(atoms, side, step) / one)[self._time[live]]
        moved = np.array([price != atoms for price in prices])[self._time[live]]
        inside = moved & (np.fmax(sign * closes, sign * fails) >= cell)
        far = np.abs(shift) > self._by.tolerance * (atoms / one) * np.abs(line.near[live])
        opened = line.least[live] + shift < 0.0
        found: Flags = inside | (np.isfinite(closes) & far) | (np.isnan(closes) & opened)
        return found

    def _ask(self, markets: Markets, accounts: Ints) -> None:
        """Scan some accounts; who is not margined any more is on no line."""
        moment = markets.moment
        for line in self.of.values():
            line.take(accounts, Line.blank(accounts.size))
        self.room[accounts] = self.now[accounts] = np.nan
        self._time[accounts] = len(self._times) - 1
        asked = accounts[np.isin(accounts, moment.live, assume_unique=True)]
        room, worth = markets.now(asked)
        self.room[asked] = self.now[asked] = room
        for (coin, side), line in self.of.items():
            on = markets.touched_by(asked, coin)
            here = (room[on], worth[on])
            line.take(asked[on], scan(markets, coin, side, asked[on], here, self._by))
