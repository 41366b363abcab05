"""Who crossed a line of its own rules: floats find whom to look at, integers say whether.

Health is margin equity ÷ maintenance. The distance in sigmas is that of `liquidation_price`: a move
of n sigmas takes the price p of every coin to p · e^(± n σ ÷ √365), with σ annual, given by the
rule or implied at the money by the nearest smile; a coin with neither, and the cash, stands still.
An account is below n sigmas where the exact verdict in the market moved by −n or by +n has margin
equity under maintenance; so the calm interval between is not looked into. A rise is cut where the
risk table would no longer hold it exactly. Each line is crossed once, and once more on the way back
at `recovers_at`. Lines are looked at when a transaction of events ends, not between its events.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.effect import (
    Effect,
    Expired,
    FundingPaid,
    LossShared,
    PricePublished,
    Redistributed,
    Refused,
    State,
)
from seawall.engine.event import (
    CollateralObserved,
    Corrected,
    Event,
    Funded,
    Loaded,
    Priced,
    Reconciled,
    RulesChanged,
    Settled,
)
from seawall.engine.state import FIRST_ACCOUNT, Venue
from seawall.margin import ExactRequirement, ExactTable, Requirement
from seawall.money import RATIO_ONE
from seawall.portfolio.account import Account, Trials, reach, with_prices
from seawall.pricing import YEAR_MS, PricingError, volatility
from seawall.service.notices.rules import Rule, Rules, volatilities
from seawall.service.notices.wire import CrossingKind

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Condition = Literal["ratio", "sigmas"]
CONDITIONS: tuple[Condition, ...] = ("ratio", "sigmas")
_MOVES_ALL = (
    *(Priced, CollateralObserved, RulesChanged, Loaded, Funded, Settled, Corrected, Reconciled),
)
_CONCERNS_ALL = (FundingPaid, LossShared, Redistributed, Expired, PricePublished)
_NAMING = ("account", "buyer", "seller", "counterparty", "taker", "backstop", "payer", "lender")


class Crossed(NamedTuple):
    """One account crossed one line of one rule."""

    rule: Rule
    kind: CrossingKind
    account: int
    line: int  # Parts per billion.
    verdict: ExactRequirement  # As it stands now.


@dataclass(slots=True)
class _Lines:
    """Every line of one condition, one row for each account of each rule."""

    rules: list[Rule]
    rule: Numbers  # [row] into `rules`
    account: Numbers  # [row]
    falls: Numbers  # [row] parts per billion
    recovers: Numbers  # [row]
    below: Flags  # [row]

    def at(self, rows: Numbers) -> Numbers:
        """The line that each row can cross next."""
        return np.where(self.below[rows], self.recovers[rows], self.falls[rows])


class Standing:
    """Who is below which line, as it was last told."""

    def __init__(self, below: Iterable[tuple[str, Condition, int]] = ()) -> None:
        """`below` are rule, condition and account of whoever is."""
        self._below = set(below)
        self._lines: dict[Condition, _Lines] = {}
        self._rules: Rules | None = None
        self._accounts = 0
        self.forgotten: list[tuple[str, Condition, int]] = []  # Closed, or under other rules.

    def lines(self, venue: Venue, rules: Rules) -> dict[Condition, _Lines]:
        """Rows of each condition; made anew where a rule or an account is."""
        if rules is not self._rules or len(venue.names) != self._accounts:
            self._keep()
            gone = set(self._below)
            for condition in CONDITIONS:
                self._lines[condition] = self._laid_out(venue, rules, condition, gone)
            self.forgotten += sorted(gone)
            self._below -= gone
            self._rules, self._accounts = rules, len(venue.names)
        return self._lines

    def _laid_out(
        self,
        venue: Venue,
        rules: Rules,
        condition: Condition,
        gone: set[tuple[str, Condition, int]],
    ) -> _Lines:
        """Rows of one condition; who still has one is not gone."""
        chosen = [rule for rule in rules.all if rule.line(condition) is not None]
        members = [rules.accounts(venue, rule) for rule in chosen]
        counts = [len(accounts) for accounts in members]
        numbers = np.repeat(np.arange(len(chosen)), counts)
        falls = np.array([rule.line(condition).below for rule in chosen], np.int64)  # type: ignore[union-attr]
        back = np.array([rule.line(condition).recovers for rule in chosen], np.int64)  # type: ignore[union-attr]
        account = np.concatenate([np.zeros(0, np.int64), *members])
        below = np.zeros(len(account), np.bool_)
        place = {rule.id: number for number, rule in enumerate(chosen)}
        starts = np.cumsum([0, *counts])
        for id, told, number in self._below:
            if told == condition and id in place:
                mine = members[place[id]]
                at = int(np.searchsorted(mine, number))
                if at < len(mine) and mine[at] == number:
                    below[starts[place[id]] + at] = True
                    gone.discard((id, told, number))
        return _Lines(chosen, numbers, account, falls[numbers], back[numbers], below)

    def _keep(self) -> None:
        """Read out who is below before the rows are laid out anew."""
        if self._rules is not None:
            self._below = {
                (lines.rules[int(lines.rule[row])].id, condition, int(lines.account[row]))
                for condition, lines in self._lines.items()
                for row in np.flatnonzero(lines.below)
            }


def touched_by(happened: Iterable[tuple[Event, Sequence[Effect]]]) -> set[int] | None:
    """Accounts whose margin some events may have moved; None: everybody's."""
    touched: set[int] = set()
    for event, effects in happened:
        if effects and isinstance(effects[0], Refused):
            continue
        if isinstance(event, _MOVES_ALL):
            return None
        for one in (event, *effects):
            if isinstance(one, _CONCERNS_ALL):
                return None
            for name in _NAMING:
                account = getattr(one, name, -1)
                if account >= FIRST_ACCOUNT:
                    touched.add(account)
    return touched


def crossed(
    venue: Venue, rules: Rules, standing: Standing, touched: set[int] | None
) -> list[Crossed]:
    """Who crossed which line since the last call; `standing` is brought up to now."""
    if not rules.has_lines or not venue.tables.ready or (touched is not None and not touched):
        return []
    alive = venue.status < State.CLOSED
    chosen = alive
    if touched is not None:
        among = np.zeros(len(alive), np.bool_)
        among[list(touched)] = True
        chosen = alive & among
    looking = _Looking(venue)
    found: list[Crossed] = []
    for condition, lines in standing.lines(venue, rules).items():
        for row in np.flatnonzero(lines.below & ~alive[lines.account]).tolist():
            lines.below[row] = False
            id = lines.rules[int(lines.rule[row])].id
            standing.forgotten.append((id, condition, int(lines.account[row])))
        rows = np.flatnonzero(chosen[lines.account])
        if len(rows):
            look = looking.at_ratio if condition == "ratio" else looking.at_sigmas
            found += look(lines, rows)
    return found


class _Looking:
    """One look at the venue; what several rules ask for is computed once."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        venue.columns.refresh()

    def at_ratio(self, lines: _Lines, rows: Numbers) -> list[Crossed]:
        """Below: margin equity · 10⁹ < maintenance · line."""
        at, was = lines.at(rows), lines.below[rows]
        maybe, surely = _sides(self._screen(lines.account[rows], None), at / RATIO_ONE)
        found = []
        for place in np.flatnonzero(np.where(was, ~surely, maybe)).tolist():
            row, line = int(rows[place]), int(at[place])
            verdict = self._venue.judge(int(lines.account[row]))
            is_below = verdict.margin_equity * RATIO_ONE < verdict.maintenance * line
            if is_below != bool(was[place]):
                kind: CrossingKind = "ratio" if is_below else "ratio_recovered"
                found.append(self._turn(lines, row, kind, line, verdict))
        return found

    def at_sigmas(self, lines: _Lines, rows: Numbers) -> list[Crossed]:
        """Below: breached in the market moved by −line, or by +line."""
        found = []
        at, feeds = lines.at(rows), [_given(rule) for rule in lines.rules]
        distinct = list(dict.fromkeys(feeds))
        feed = np.array([distinct.index(one) for one in feeds])[lines.rule[rows]]
        for number, given in enumerate(distinct):
            for line in np.unique(at[feed == number]).tolist():
                mine = rows[(feed == number) & (at == line)]
                sigma = daily_sigmas(self._venue, dict(given))
                try:
                    markets = [moved(self._venue, sigma, n * line / RATIO_ONE) for n in (-1, 1)]
                except PricingError:  # Nobody can say; the next market may be priced again.
                    continue
                found += self._in_markets(lines, mine, line, markets)
        return found

    def _in_markets(
        self, lines: _Lines, rows: Numbers, line: int, markets: Sequence[Mapping[int, ExactTable]]
    ) -> list[Crossed]:
        accounts, was = lines.account[rows], lines.below[rows]
        judged = [_sides(self._screen(accounts, tables), 1.0) for tables in markets]
        maybe = np.logical_or.reduce([one for one, _ in judged])
        surely = np.logical_or.reduce([one for _, one in judged])
        found = []
        for place in np.flatnonzero(np.where(was, ~surely, maybe)).tolist():
            account = int(accounts[place])
            is_below = any(self._is_breached(account, tables) for tables in markets)
            if is_below != bool(was[place]):
                kind: CrossingKind = "sigmas" if is_below else "sigmas_recovered"
                verdict = self._venue.judge(account)
                found.append(self._turn(lines, int(rows[place]), kind, line, verdict))
        return found

    def _turn(
        self, lines: _Lines, row: int, kind: CrossingKind, line: int, verdict: ExactRequirement
    ) -> Crossed:
        lines.below[row] = not lines.below[row]
        rule = lines.rules[int(lines.rule[row])]
        return Crossed(rule, kind, int(lines.account[row]), line, verdict)

    def _is_breached(self, account: int, tables: Mapping[int, ExactTable]) -> bool:
        venue = self._venue
        method = int(venue.method[account])
        need = venue.methods[method].requirement_exact(venue.rows(account), tables[method])
        return need.margin_equity < need.maintenance

    def _screen(self, accounts: Numbers, tables: Mapping[int, ExactTable] | None) -> Requirement:
        """The float requirement of some accounts in a market, in their order."""
        venue, order = self._venue, None
        if len(accounts) > 1 and not (np.diff(accounts) > 0).all():
            accounts, order = np.unique(accounts, return_inverse=True)
        columns = [np.zeros(len(accounts)) for _ in Requirement._fields]
        methods = venue.method[accounts]
        for method in range(len(venue.methods)):
            mine = methods == method
            if not mine.any():
                continue
            risk = venue.tables.risk(method) if tables is None else tables[method].risk
            holdings = venue.columns.holdings(accounts[mine])
            need = venue.methods[method].requirement(holdings, risk)
            for column, part in zip(columns, need, strict=True):
                column[mine] = part
        return Requirement(*(c if order is None else c[order] for c in columns))


def _given(rule: Rule) -> tuple[tuple[str, float], ...]:
    assert rule.asked.sigmas is not None, "it has a line in sigmas"
    return tuple(sorted(volatilities(rule.asked.sigmas.volatilities).items()))


def _sides(need: Requirement, ratio: float | NDArray[np.float64]) -> tuple[Flags, Flags]:
    """Who may be below a ratio, and who surely is; a number that is none may be anything."""
    left = need.margin_equity - need.maintenance * ratio
    slack = need.error_bound * (1.0 + ratio) + np.abs(need.maintenance) * ratio * 1e-12 + 2.0
    return ~(left >= slack), left < -slack


def daily_sigmas(venue: Venue, given: Mapping[str, float]) -> dict[int, float]:
    """Daily volatility σ ÷ √365 by coin, as given or implied at the money by its nearest smile."""
    snapshot, catalogue = venue.snapshot, venue.catalogue
    cash = catalogue.coin(venue.rulebook.cash)
    found: dict[int, float] = {}
    for coin, terms in enumerate(catalogue.coins):
        if coin == cash:
            continue
        annual = given.get(terms.id)
        if annual is None:
            alive = (
                s for s in snapshot.slices if s.coin == coin and s.expires_ms > snapshot.time_ms
            )
            smile = next(alive, None)
            if smile is None:
                continue
            left = (smile.expires_ms - snapshot.time_ms) / YEAR_MS
            annual = float(volatility(smile, 0.0, left))
        if annual > 0:
            found[coin] = annual / math.sqrt(365.0)
    return found


def moved(venue: Venue, sigma: Mapping[int, float], sigmas: float) -> dict[int, ExactTable]:
    """Risk tables by method in the market in which every coin has moved by so many sigmas."""
    tables: dict[int, ExactTable] = {}
    for method, name in enumerate(venue.rulebook.method_names):
        account = Account("", venue, (), name)
        most = math.log(reach(account, frozenset(sigma))) / max(sigma.values(), default=1.0)
        move = min(sigmas, most)
        prices = {
            coin: max(round(venue.snapshot.price[coin] * math.exp(move * daily)), 1)
            for coin, daily in sigma.items()
        }
        seen = with_prices(venue.catalogue, venue.snapshot, prices)
        tables[method] = Trials(account).table(seen)
    return tables
