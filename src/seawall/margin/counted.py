"""Collateral rules before any margin method: what the venue's balances count for.

A chain of rules has two parts. Its first rules take a share of the amount that is the same for
every account: they become one ratio for each coin and snapshot, and so the table's `collateral`.
From the first rule on that asks for the size of the balance, or for the account's exposure, what
counts is not linear any more: `Counted` takes the rest from margin equity, account by account.

Knows chains and margin methods. Does not know where prices and feeds come from, or a rulebook.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from seawall.margin.collateral import (
    NOTHING_OBSERVED,
    Bridged,
    BySize,
    Capped,
    CollateralRule,
    Depeg,
    Flat,
    Observed,
    PoolShare,
    Posted,
    WrongWay,
    YieldBearing,
    counted,
)
from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    MarginMethod,
    Requirement,
    Rows,
    Term,
)
from seawall.market import Kind
from seawall.money import RATIO_ONE, parse_atoms, parse_ratio
from seawall.pricing import Floats, Grid, RiskTable

NUMERAIRE_DECIMALS = 10
NUMERAIRE_ONE = 10.0**NUMERAIRE_DECIMALS
PARALLEL_FROM = 200_000  # As in `tiered`.
CURRENCY, INVERSE, OPTION = int(Kind.CURRENCY), int(Kind.INVERSE), int(Kind.OPTION)
_OF_PRICE = (Depeg, YieldBearing, PoolShare)
_OF_ACCOUNT = (BySize, Capped, WrongWay)
_ONE = Posted(1, 1, 1)

Chain = tuple[CollateralRule, ...]


class CoinTerms(NamedTuple):
    """How balances of one coin count."""

    id: str
    one: int  # Atoms of a whole coin.
    rules: Chain = ()
    inside_scenarios: bool = True  # Whether it may move in scenarios, where the method lets coins.


class CountedCoin(NamedTuple):
    """A posted balance, numeraire atoms."""

    asset: int
    value: int
    counted: int  # After every rule.
    steps: tuple[tuple[str, int], ...]  # (rule, taken) by the rules that read the account.


def split(rules: Chain) -> tuple[Chain, Chain]:
    """Cut a chain before its first rule that reads the account.

    >>> from decimal import Decimal
    >>> [len(part) for part in split((Flat(Decimal(0)), Capped(Decimal(1)), Flat(Decimal(0))))]
    [1, 2]
    """
    places = (place for place, rule in enumerate(rules) if isinstance(rule, _OF_ACCOUNT))
    cut = next(places, len(rules))
    return rules[:cut], rules[cut:]


def reads_market(rule: CollateralRule) -> bool:
    """Whether a rule takes another share at another price or feed."""
    return isinstance(rule, _OF_PRICE)


def counted_share(rules: Chain, price: int, one: int, observed: Observed = NOTHING_OBSERVED) -> int:
    """Share of a coin that counts under rules that do not read the account, down.

    The chain on 10⁹ whole coins, divided by their value. [parts per billion]

    >>> from decimal import Decimal
    >>> counted_share((Flat(Decimal("0.05")), Depeg(Decimal("0.99"), Decimal(5))), 97 * 10**8, 1)
    855000000
    """
    posted = Posted(
        balance=RATIO_ONE * one,
        one=one,
        price=price,
        rate=observed.rate,
        elapsed_s=observed.elapsed_s,
        fair_price=observed.fair_price,
    )
    return counted(rules, posted) // price


class Counted(msgspec.Struct, frozen=True, dict=True):
    """A margin method whose margin equity counts balances by rules that read the account.

    margin equity = the method's − Σ over posted balances of (A − counted(rules, A)), where A =
    balance · collateral of the table, so the table's ratios come first. Equity, initial and
    maintenance are the method's own. The exposure that `WrongWay` asks for is Σ lots · unit over
    contracts, their quotes and coins owed, by the coin that moves them: unit is the value of a
    linear contract, a quote or a coin, delta · price of an option rounded to an atom, and 0 of an
    inverse lot, whose coins are in its quote.

    What counts never falls with a balance and never rises above it. Under `BySize` and `Capped` it
    is concave, so margin equity is as concave in positions as the method's. `WrongWay` is not: a
    plan of closes still restores the account and is verified, but a smaller one may exist.

    The screen's error_bound is the method's, plus for each posted balance with rules, with u =
    2^-53, n rows and X = Σ |lots · unit| of the group: A errs by u·A; a share by 2u·A (ratio,
    product); slices of T tiers by (T + 4)·u·A (border, difference, step and product of parts that
    sum to at most A, and their sum); a cap by u·A (its own rounding, where it binds); `WrongWay` by
    3u·A and (n + 1)·u·X (its exposure). No rule makes an error larger, because what counts rises by
    at most what is put in. Each rounds down by less than 1. Differences and sums of m balances add
    (m + 2)·u·(|margin equity| + Σ A + initial). The kernel takes 2u for u.
    """

    method: MarginMethod
    rules: Mapping[str, Chain]  # [coin] from the first rule on that reads the account.

    def grid(self) -> Grid:
        """The method's scenarios."""
        return self.method.grid()

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        inner = self.method.requirement(holdings, risk)
        if not self.rules:
            return inner
        out = np.empty((2, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.collateral, risk.kind, risk.coin, self._units(risk)),
            self._columns(risk.coins),
            (inner.margin_equity, inner.initial, inner.error_bound),
            out,
        )
        return inner._replace(margin_equity=out[0], error_bound=out[1])

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        inner = self.method.requirement_exact(rows, table)
        taken = sum(step for one in self._posted(rows, table) for _, step in one.steps)
        return inner._replace(margin_equity=inner.margin_equity - taken)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """What the method refuses."""
        return self.method.refuses(rows, table)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """The method's terms, and one for each rule that takes something from a balance."""
        inner = self.method.explain(rows, table, names)
        extra = tuple(
            Term(f"{names[one.asset]}: {rule}", 0, 0, -taken, 0)
            for one in self._posted(rows, table)
            for rule, taken in one.steps
            if taken
        )
        return msgspec.structs.replace(
            inner, terms=inner.terms + extra, requirement=self.requirement_exact(rows, table)
        )

    def _posted(self, rows: Rows, table: ExactTable) -> list[CountedCoin]:
        """The account's posted balances that have rules."""
        coins = table.risk.coins
        ruled = [
            (asset, lots, chain)
            for asset, lots in rows
            if lots > 0 and table.kind[asset] == CURRENCY
            for chain in (self.rules.get(coins[table.coin[asset]], ()),)
            if chain
        ]
        if not ruled:
            return []
        exposures = self._exposures(rows, table) if self._reads_exposure else {}
        return [_steps(asset, lots, chain, table, exposures) for asset, lots, chain in ruled]

    def _exposures(self, rows: Rows, table: ExactTable) -> dict[str, int]:
        found: dict[str, int] = {}
        for asset, lots in rows:
            if lots < 0 or table.kind[asset] != CURRENCY:
                coin = table.risk.coins[table.coin[asset]]
                found[coin] = found.get(coin, 0) + lots * _unit(asset, table)
        return found

    @functools.cached_property
    def _reads_exposure(self) -> bool:
        return any(isinstance(rule, WrongWay) for chain in self.rules.values() for rule in chain)

    def _units(self, risk: RiskTable) -> Floats:
        """[asset] how much of its coin one unit is, numeraire atoms; see `_unit`."""
        if not self._reads_exposure:
            return risk.value
        units = risk.value.copy()
        units[risk.kind == INVERSE] = 0.0
        options = np.flatnonzero(risk.kind == OPTION)
        if options.size:
            price = risk.quotes.price[risk.coin[options]]
            units[options] = np.rint(risk.delta[options] * (price / NUMERAIRE_ONE))
        return units

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], tuple[Any, ...]]:
        return {}

    def _columns(self, coins: tuple[str, ...]) -> tuple[Any, ...]:
        """Rules by coin number, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            columns = self._compiled[coins] = _compile(self.rules, coins)
        return columns


def counted_coins(method: MarginMethod, rows: Rows, table: ExactTable) -> tuple[CountedCoin, ...]:
    """What each posted coin of an account is worth and counts for under a method's rules."""
    ruled = {}
    if isinstance(method, Counted):
        ruled = {one.asset: one for one in method._posted(rows, table)}
    return tuple(
        ruled.get(asset)
        or CountedCoin(asset, lots * table.value[asset], lots * table.collateral[asset], ())
        for asset, lots in rows
        if lots > 0 and table.kind[asset] == CURRENCY
    )


def _steps(
    asset: int, lots: int, chain: Chain, table: ExactTable, exposures: Mapping[str, int]
) -> CountedCoin:
    """One balance through its chain; `collateral` of the table stands for its price."""
    posted = Posted(lots, 1, table.collateral[asset], exposures)
    left, steps = lots * table.collateral[asset], []
    for rule in chain:
        before, left = left, rule.counts(left, posted)
        steps.append((str(rule.__struct_config__.tag), before - left))
    return CountedCoin(asset, lots * table.value[asset], left, tuple(steps))


def _unit(asset: int, table: ExactTable) -> int:
    """How much of its coin one unit of an asset is; the float is the screen's own, bit for bit."""
    kind = table.kind[asset]
    if kind == INVERSE:
        return 0
    if kind != OPTION:
        return table.value[asset]
    risk = table.risk
    price = float(risk.quotes.price[table.coin[asset]])
    return round(float(risk.delta[asset]) * (price / NUMERAIRE_ONE))


def _compile(rules: Mapping[str, Chain], coins: tuple[str, ...]) -> tuple[Any, ...]:
    from seawall.margin.counted_rows import _kernels

    chains = [rules.get(coin, ()) for coin in coins]
    span = np.cumsum([0] + [len(chain) for chain in chains])
    every = [rule for chain in chains for rule in chain]
    operation, amount = np.zeros(len(every), np.int64), np.zeros(len(every))
    member = np.zeros((len(every), len(coins)), np.bool_)
    tiers: list[int] = [0]
    above: list[float] = []
    step: list[float] = []
    for place, rule in enumerate(every):
        if isinstance(rule, BySize):
            operation[place] = _kernels.SLICES
            before = 0
            for tier in rule.tiers:
                parts = parse_ratio(tier.haircut)
                above.append(float(parse_atoms(tier.above, NUMERAIRE_DECIMALS)))
                step.append((parts - before) / RATIO_ONE)
                before = parts
        elif isinstance(rule, Capped):
            operation[place] = _kernels.CAP
            amount[place] = float(parse_atoms(rule.most, NUMERAIRE_DECIMALS))
        elif isinstance(rule, WrongWay):
            operation[place] = _kernels.WRONG_WAY
            amount[place] = parse_ratio(rule.haircut) / RATIO_ONE
            member[place] = [coin in rule.coins for coin in coins]
        else:
            assert isinstance(rule, Flat | Bridged), f"{rule} cannot follow a rule on the account"
            operation[place] = _kernels.KEEP
            amount[place] = rule.counts(RATIO_ONE, _ONE) / RATIO_ONE
        tiers.append(len(above))
    lines = np.array(above, np.float64), np.array(step, np.float64)
    return span, operation, amount, np.array(tiers), *lines, member


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.counted_rows import _kernels

    return _kernels.counted_serial, _kernels.counted_parallel
