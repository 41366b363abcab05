"""The sixteen-scenario scan as a margin method: scan risk, spread charge, credit, least charge.

Knows ranges and rates of each commodity, which is a coin. Does not know how an option is priced:
the risk table brings the change of one lot in each scenario. `sixteen` has the same rule on arrays.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    Requirement,
    Rows,
    Term,
    worth,
)
from seawall.market import Kind
from seawall.money import RATIO_ONE, Rounding, divide, multiply_ratio, parse_ratio
from seawall.pricing import Floats, Grid, RiskTable, Scenario

LINEAR, OPTION = int(Kind.LINEAR), int(Kind.OPTION)
THIRDS = (0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3)
PAIRED = len(THIRDS)
DOLLAR = 10**10  # Price atoms, and deltas of one coin.
PARALLEL_FROM = 100_000  # Below, a second thread that must be waited for costs more than it saves.


class Commodity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ranges and rates of one coin."""

    price_range: Decimal  # Relative: three thirds of it are the largest ordinary move.
    volatility_range: Decimal = Decimal(0)  # In the sense of the volatility rule.
    calendar_rate: Decimal = Decimal(0)  # Of the coin's price, for each coin of delta in a spread.
    short_option_minimum: Decimal = Decimal(0)  # Ratio of the coin's notional for each lot sold.

    def __post_init__(self) -> None:
        if not 0 < parse_ratio(self.price_range) < RATIO_ONE:
            raise ValueError("price_range: a ratio between 0 and 1 is needed")
        for name in ("volatility_range", "calendar_rate", "short_option_minimum"):
            if parse_ratio(getattr(self, name)) < 0:
                raise ValueError(f"{name}: it cannot be negative")


class InterCommodity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A spread of two coins whose opposite deltas offset each other."""

    first: str
    second: str
    first_deltas: Decimal  # Coins of delta in one spread.
    second_deltas: Decimal
    rate: Decimal  # Share of the offset price risk that is given back.

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ValueError("second: a spread needs two coins")
        for name in ("first_deltas", "second_deltas"):
            if parse_ratio(getattr(self, name)) <= 0:
                raise ValueError(f"{name}: a number above 0 is needed")
        if not 0 <= parse_ratio(self.rate) <= RATIO_ONE:
            raise ValueError("rate: a ratio from 0 to 1 is needed")


class _Leg(NamedTuple):
    """One side of an inter-commodity spread; parts per billion."""

    partner: str
    deltas: int
    partner_deltas: int
    rate: int


class _Charge(NamedTuple):
    """What one coin owes; fractions of an atom."""

    scan: int
    scenario: int
    calendar: Fraction
    credit: Fraction
    short: Fraction

    @property
    def total(self) -> int:
        return math.ceil(max(self.scan + self.calendar - self.credit, self.short))


class SixteenScan(
    msgspec.Struct,
    frozen=True,
    tag="sixteen",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Fourteen cells of thirds of the price range, two extremes, and charges for each coin.

    Cells: 0, ±1/3, ±2/3, ±1 range with volatility up and down; ±extreme_multiple ranges at
    unchanged volatility, of which the share `cover` counts. For each coin
    scan = max(0, − min over scenarios of profit), profit = Σ lots × change;
    calendar = calendar_rate · price · min(deltas bought, deltas sold), summed by expiry first;
    credit = rate · price risk · share, share = min(|delta|, spreads · deltas of a spread) ÷ |delta|
    where the partner's delta is on the other side; price risk = max(0, mean profit unmoved − mean
    profit at the binding move), of an extreme its own profit;
    short = short_option_minimum × notional of options sold;
    maintenance = Σ over coins of max(scan + calendar − credit, short), each rounded up; initial =
    maintenance × initial_factor, rounded up. The value of options stands in equity. Deltas are the
    table's, of contracts and options; time does not pass in a scenario; a coin stands in one spread
    at most. Sources: McMillan, Options as a Strategic Investment, ch. 34; the form of 1988.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound, D = Σ|lots · delta| of a
    coin: profits err by at most n·u·G, and not at all while G < 2^53; so does the scan. The
    calendar charge errs by (2n + 12)·u·D · price · rate, the short charge by (n + 4)·u of itself. A
    price risk errs by two profits, and where profits are not exact, by its spread over all
    scenarios within the error of the lowest, because another may bind. A share errs by the relative
    errors of both deltas, n·u·D ÷ |delta| each and none while D < 2^53; from a quarter on the whole
    credit is doubted. Rounding up adds 1 for each coin, summing n·u of maintenance. The factor
    multiplies all this and adds 2·u·initial + 1; the kernel doubles it.
    """

    others: Commodity  # Terms of a coin that `commodities` does not name.
    commodities: dict[str, Commodity] = {}  # By coin.
    spreads: tuple[InterCommodity, ...] = ()
    extreme_multiple: Decimal = Decimal(2)
    cover: Decimal = Decimal("0.35")  # Share of a profit or loss that counts in the extremes.
    volatility_rule: Literal["relative", "additive"] = "additive"
    volatility_floor: Decimal = Decimal(0)
    coins_inside: bool = False  # Whether coins held as collateral move in the scenarios too.
    initial_factor: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if parse_ratio(self.initial_factor) < RATIO_ONE:
            raise ValueError("initial_factor: initial margin cannot be below maintenance")
        if parse_ratio(self.extreme_multiple) < RATIO_ONE:
            raise ValueError("extreme_multiple: an extreme lies beyond the range")
        if not 0 < parse_ratio(self.cover) <= RATIO_ONE:
            raise ValueError("cover: a share above 0 and up to 1 is needed")
        named = [("others", self.others)]
        named += [(f"commodities.{coin}", each) for coin, each in self.commodities.items()]
        for path, commodity in named:
            if commodity.price_range * self.extreme_multiple >= 1:
                raise ValueError(f"{path}.price_range: the extreme takes the price to zero")
        coins = [coin for spread in self.spreads for coin in (spread.first, spread.second)]
        if len(set(coins)) < len(coins):
            raise ValueError("spreads: a coin stands in one spread at most")

    def grid(self) -> Grid:
        """Sixteen scenarios; each coin that is named moves by its own ranges."""
        return self._grid

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        assert risk.scenarios == PAIRED + 2, "the table answers another grid"
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            risk.change,
            (risk.delta, risk.expires_ms, np.rint(_prices(risk))),
            self._columns(risk.coins),
            self._factor / RATIO_ONE,
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        maintenance = sum(charge.total for charge in self._charges(rows, table).values())
        initial = multiply_ratio(maintenance, self._factor, Rounding.UP)
        return ExactRequirement(equity, margin_equity, initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Nothing: the risk table prices whatever is listed."""
        return ()

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row, its loss in its coin's binding scenario, then what is added."""
        charged: dict[int, int] = {}
        added: list[Term] = []
        words: list[str] = []
        for coin, charge in self._charges(rows, table).items():
            name = table.risk.coins[coin]
            scan = (
                charge.scan if charge.short <= charge.scan + charge.calendar - charge.credit else 0
            )
            if scan:
                charged.update(
                    (asset, -lots * table.change(asset)[charge.scenario])
                    for asset, lots in rows
                    if table.coin[asset] == coin
                )
                words.append(f"{name}: {_said(charge.scenario)}")
            elif charge.short:
                words.append(f"{name}: short option minimum")
            rest = charge.total - scan
            if rest:
                label = "calendar charge less credit" if scan else "charges beside the scan"
                added.append(Term(f"{label}, {name}", 0, 0, 0, rest))
        terms = [
            Term(names[asset], lots, *worth([(asset, lots)], table), charged.get(asset, 0))
            for asset, lots in rows
        ]
        binding = "; ".join(words) or "no loss in any scenario"
        total = self.requirement_exact(rows, table)
        return Explanation("sixteen", (*terms, *added), binding, total)

    def _charges(self, rows: Rows, table: ExactTable) -> dict[int, _Charge]:
        """Charges by coin number."""
        coins: dict[int, list[tuple[int, int]]] = {}
        for asset, lots in rows:
            coins.setdefault(table.coin[asset], []).append((asset, lots))
        deltas = {table.risk.coins[coin]: _deltas(rows, table) for coin, rows in coins.items()}
        return {coin: self._charge(coin, rows, deltas, table) for coin, rows in coins.items()}

    def _charge(
        self,
        coin: int,
        rows: Rows,
        deltas: Mapping[str, Mapping[int, int]],
        table: ExactTable,
    ) -> _Charge:
        name = table.risk.coins[coin]
        _, calendar_rate, least = self._parts(name)
        profits = _profits(rows, table)
        lowest = min(profits)
        scenario = profits.index(lowest)
        calendar = Fraction(0)
        if calendar_rate:
            sums = deltas[name].values()
            formed = min(sum(max(d, 0) for d in sums), sum(max(-d, 0) for d in sums))
            price = round(float(_prices(table.risk)[coin]))
            calendar = Fraction(formed * price * calendar_rate, DOLLAR * RATIO_ONE)
        sold = sum(
            -lots * table.notional[asset]
            for asset, lots in rows
            if lots < 0 and table.kind[asset] == OPTION
        )
        return _Charge(
            max(0, -lowest),
            scenario,
            calendar,
            self._credit(name, _price_risk(profits, scenario), deltas),
            Fraction(sold * least, RATIO_ONE),
        )

    def _credit(
        self, coin: str, price_risk: Fraction, deltas: Mapping[str, Mapping[int, int]]
    ) -> Fraction:
        leg = self._legs.get(coin)
        if leg is None:
            return Fraction(0)
        own, other = (sum(deltas.get(name, {}).values()) for name in (coin, leg.partner))
        if own * other >= 0:
            return Fraction(0)
        share = min(Fraction(1), Fraction(abs(other) * leg.deltas, abs(own) * leg.partner_deltas))
        return price_risk * share * leg.rate / RATIO_ONE

    def _parts(self, coin: str) -> tuple[int, int, int]:
        """Price range, calendar rate and short-option minimum in parts per billion."""
        terms = self.commodities.get(coin, self.others)
        return (
            parse_ratio(terms.price_range),
            parse_ratio(terms.calendar_rate),
            parse_ratio(terms.short_option_minimum),
        )

    @functools.cached_property
    def _legs(self) -> dict[str, _Leg]:
        legs = {}
        for spread in self.spreads:
            first, second, rate = map(
                parse_ratio, (spread.first_deltas, spread.second_deltas, spread.rate)
            )
            legs[spread.first] = _Leg(spread.second, first, second, rate)
            legs[spread.second] = _Leg(spread.first, second, first, rate)
        return legs

    @functools.cached_property
    def _factor(self) -> int:
        return parse_ratio(self.initial_factor)

    @functools.cached_property
    def _grid(self) -> Grid:
        cover = parse_ratio(self.cover)
        moves, shocks = self._moves(self.others), _shocks(self.others)
        weights = (RATIO_ONE,) * PAIRED + (cover, cover)
        named = sorted(self.commodities.items())
        return Grid(
            scenarios=tuple(map(Scenario, moves, shocks, weights)),
            volatility_rule=self.volatility_rule,
            power_short=0,
            power_long=0,
            volatility_floor=parse_ratio(self.volatility_floor),
            coins_inside=self.coins_inside,
            history=tuple((coin, self._moves(each)) for coin, each in named),
            volatility_history=tuple((coin, _shocks(each)) for coin, each in named),
        )

    def _moves(self, commodity: Commodity) -> tuple[int, ...]:
        """[scenario] moves in parts per billion, thirds to the nearest part."""
        ranged, extreme = parse_ratio(commodity.price_range), parse_ratio(self.extreme_multiple)
        far = divide(ranged * extreme, RATIO_ONE, Rounding.NEAREST)
        thirds = (divide(third * ranged, 3, Rounding.NEAREST) for third in THIRDS)
        return (*thirds, far, -far)

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], Floats]:
        return {}

    def _columns(self, coins: tuple[str, ...]) -> Floats:
        """Terms by coin number in the kernel's order, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            columns = np.zeros((len(coins), 6))
            for number, coin in enumerate(coins):
                _, calendar, least = self._parts(coin)
                leg = self._legs.get(coin, _Leg("", RATIO_ONE, RATIO_ONE, 0))
                partner = coins.index(leg.partner) if leg.partner in coins else -1
                parts = (leg.deltas, leg.partner_deltas, leg.rate)
                columns[number] = calendar, least, partner * RATIO_ONE, *parts
            columns /= RATIO_ONE
            self._compiled[coins] = columns
        return columns


def _shocks(commodity: Commodity) -> tuple[int, ...]:
    shock = parse_ratio(commodity.volatility_range)
    return (*((shock, -shock) * (PAIRED // 2)), 0, 0)


def _said(scenario: int) -> str:
    if scenario >= PAIRED:
        return f"price {'down' if scenario > PAIRED else 'up'} to the extreme"
    third = THIRDS[scenario]
    move = f"{'+' if third > 0 else '−'}{abs(third)}/3 of its range" if third else "unmoved"
    return f"price {move}, volatility {'down' if scenario % 2 else 'up'}"


def _prices(risk: RiskTable) -> Floats:
    assert len(risk.quotes.price) == len(risk.coins), "a calendar charge needs the table's quotes"
    return risk.quotes.price


def _profits(rows: Rows, table: ExactTable) -> list[int]:
    """[scenario] exact profit."""
    scaled = [[lots * change for change in table.change(asset)] for asset, lots in rows]
    return [sum(column) for column in zip(*scaled, strict=True)]


def _deltas(rows: Rows, table: ExactTable) -> dict[int, int]:
    """Deltas of contracts and options by expiry; 0 is what does not expire."""
    sums: dict[int, int] = {}
    for asset, lots in rows:
        if table.kind[asset] >= LINEAR:
            expiry = int(table.risk.expires_ms[asset])
            sums[expiry] = sums.get(expiry, 0) + lots * int(table.risk.delta[asset])
    return sums


def _price_risk(profits: Sequence[int], scenario: int) -> Fraction:
    """Loss by the price alone, found by pairing the volatilities; an extreme has no pair."""
    unmoved = Fraction(profits[0] + profits[1], 2)
    start = scenario - scenario % 2
    here = Fraction(profits[start] + profits[start + 1], 2)
    return max(unmoved - (profits[scenario] if scenario >= PAIRED else here), Fraction(0))


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.risk_units import _kernels

    return _kernels.sixteen_serial, _kernels.sixteen_parallel
