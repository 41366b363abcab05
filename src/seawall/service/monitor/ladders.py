"""The sorted ladders of every coin and side, brought up to date where lines changed."""

from __future__ import annotations

import numpy as np

from seawall.pricing import Ints
from seawall.service.monitor.lines import Lines
from seawall.service.monitor.markets import Markets
from seawall.systemic import Ladder, ladder, refreshed
from seawall.systemic.ladder import Side


class Ladders:
    """One ladder for each coin and side, and what every account would sell now."""

    def __init__(self) -> None:
        self.of: dict[tuple[int, Side], Ladder] = {}
        self.sold = np.zeros((0, 0))  # [account, coin of the lines] at the last look.

    def follow(self, lines: Lines, markets: Markets, stale: Ints | None) -> None:
        """Sort anew where everybody was asked, else take the changed ones out and in again."""
        for (coin, side), line in lines.of.items():
            some = slice(None) if stale is None else stale
            sign = 1.0 if side == "long" else -1.0
            closes = line.closes[some]
            size = np.maximum(sign * line.units[some], 0.0)
            if stale is None:
                found = ladder(closes, size, line.fails, side)
            else:
                found = refreshed(self.of[coin, side], stale, closes, size, line.fails[some])
            self.of[coin, side] = found
        self._sell(lines, markets, stale)

    def _sell(self, lines: Lines, markets: Markets, stale: Ints | None) -> None:
        moment = markets.moment
        if stale is None:
            self.sold = np.zeros((moment.accounts, len(lines.coins)))
            stale = moment.live
        more = moment.accounts - len(self.sold)
        if more:
            self.sold = np.concatenate([self.sold, np.zeros((more, len(lines.coins)))])
        price = moment.price
        for place, coin in enumerate(lines.coins):
            self.sold[stale, place] = markets.sold(stale, coin, float(price[coin]))

    def left_out(self, lines: Lines) -> int:
        """How many closings trade against their side, as a purchase in a fall: on no ladder."""
        against = 0
        for (_, side), line in lines.of.items():
            sign = 1.0 if side == "long" else -1.0
            against += int(np.count_nonzero(np.isfinite(line.closes) & (sign * line.units < 0.0)))
        return against
