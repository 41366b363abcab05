"""Every margin method, asked about any number of accounts in markets that are not there.

One coin moves, the others stay. Margin kernels use threads of their own and are not for two engines
at once: each question is asked in a turn, a few milliseconds long.
"""

from __future__ import annotations

import numpy as np

from seawall.margin import Holdings
from seawall.market import Kind
from seawall.money import RATIO_ONE
from seawall.portfolio.account import Account, Trials, Turn, reach, with_prices
from seawall.portfolio.liquidation_price import has_grace
from seawall.pricing import Floats, Grid, Ints, RiskTable
from seawall.service.monitor.moment import Moment, holdings_at

CHUNK = 8_192  # Accounts that are judged in one turn.


class Markets:
    """The venue of one moment, in its own market and in others."""

    def __init__(self, moment: Moment, turn: Turn) -> None:
        self.moment, self._turn = moment, turn
        self.venue = venue = moment.venue
        self.one = float(venue.catalogue.numeraire.one)
        self.holdings = holdings_at(moment.rows)
        names = venue.rulebook.method_names
        self._accounts = [Account("monitor", venue, (), name) for name in names]
        self._ratio = [
            venue.rates.close_out / RATIO_ONE if has_grace(account) else 1.0
            for account in self._accounts
        ]
        self._trials: dict[Grid | None, Trials] = {}
        self._last: dict[Grid | None, tuple[tuple[int, int] | None, RiskTable]] = {}
        self._asset_coin = np.array([asset.coin for asset in venue.catalogue.assets], np.int64)
        self._currency = np.array([asset.currency for asset in venue.catalogue.assets], np.int64)

    def now(self, accounts: Ints) -> tuple[Floats, Floats]:
        """What is left above the line, and equity, at the prices of the moment. [place] each."""
        return self._read(accounts, None, 0)

    def at(self, accounts: Ints, coin: int, price: int) -> tuple[Floats, Floats]:
        """The same with one coin at another price, price atoms."""
        return self._read(accounts, coin, price)

    def highest(self, coin: int) -> float:
        """How many times higher a coin may stand for every table still to hold it exactly."""
        return min(reach(account, frozenset({coin})) for account in self._accounts)

    def touched_by(self, accounts: Ints, coin: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """[place] whether an account holds anything that a coin's price moves."""
        rests = (self._asset_coin == coin) | (self._currency == coin)
        return self._sum(accounts, rests.astype(np.float64), absolute=True) > 0.0

    def sold(self, accounts: Ints, coin: int, price: float) -> Floats:
        """Coins that closing each account sells if the coin stands at `price`; < 0: buys. [place]

        Lots × size of linear contracts, × delta of options, face ÷ price of inverse ones; coins
        that are held as collateral are not sold.
        """
        risk = self._table(0, coin, round(price * self.one))
        kind = risk.kind
        each = np.where(kind == Kind.LINEAR, risk.quotes.size, 0.0)
        each += np.where(kind == Kind.OPTION, risk.delta / self.one, 0.0)
        each += np.where(kind == Kind.INVERSE, risk.notional / self.one / price, 0.0)
        each[self._asset_coin != coin] = 0.0
        return self._sum(accounts, each)

    def _sum(self, accounts: Ints, each: Floats, *, absolute: bool = False) -> Floats:
        """Σ lots × a number of each asset, over the rows of each account. [place]"""
        held = self.holdings
        count = held.count[accounts]
        rows = np.repeat(held.start[accounts] - np.cumsum(count) + count, count)
        rows += np.arange(rows.size)
        owner = np.repeat(np.arange(accounts.size), count)
        lots = held.lots[rows]
        weight = (np.abs(lots) if absolute else lots) * each[held.asset[rows]]
        found: Floats = np.bincount(owner, weight, accounts.size).astype(np.float64)
        return found

    def _read(self, accounts: Ints, coin: int | None, price: int) -> tuple[Floats, Floats]:
        room, worth = np.empty(accounts.size), np.empty(accounts.size)
        methods = self.moment.method[accounts]
        for method in np.unique(methods).tolist():
            places = np.flatnonzero(methods == method)
            for start in range(0, places.size, CHUNK):
                some = places[start : start + CHUNK]
                self._judge(method, accounts[some], coin, price, some, room, worth)
        return room, worth

    def _judge(
        self,
        method: int,
        accounts: Ints,
        coin: int | None,
        price: int,
        places: Ints,
        room: Floats,
        worth: Floats,
    ) -> None:
        held = self.holdings
        asked = Holdings(held.start[accounts], held.count[accounts], held.asset, held.lots)
        with self._turn():
            risk = self._priced(method, coin, price)
            need = self.venue.methods[method].requirement(asked, risk)
        excess = need.margin_equity - need.maintenance * self._ratio[method]
        room[places], worth[places] = excess / self.one, need.equity / self.one

    def _table(self, method: int, coin: int, price: int) -> RiskTable:
        with self._turn():
            return self._priced(method, coin, price)

    def _priced(self, method: int, coin: int | None, price: int) -> RiskTable:
        account = self._accounts[method]
        grid = account.margin_method.grid()
        key = grid if grid.scenarios else None  # Equal grids share a table.
        snapshot = self.venue.snapshot
        asked = (coin, price) if coin is not None and snapshot.price[coin] != price else None
        trials = self._trials.get(key)
        if trials is None:
            trials = self._trials[key] = Trials(account)
        elif key in self._last and self._last[key][0] == asked:
            return self._last[key][1]
        if asked is not None:
            snapshot = with_prices(self.venue.catalogue, snapshot, {asked[0]: asked[1]})
        risk = trials.table(snapshot).risk
        self._last[key] = (asked, risk)
        return risk
