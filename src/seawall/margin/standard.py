"""Standard margin: each listed option and future by itself, as venues ask without a portfolio.

Knows rates for each coin, and reads strikes, sizes and prices from the risk table. Does not know
scenarios: nothing offsets anything, except that lots of one contract net to one position.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
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
from seawall.margin.listed.rates import (
    FutureRates,
    OptionParts,
    OptionTerms,
    bought_charge,
    future_charge,
    parts_of,
    sold_charge,
)
from seawall.market import Kind
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.pricing import Floats, Grid, RiskTable

LINEAR, INVERSE, OPTION = int(Kind.LINEAR), int(Kind.INVERSE), int(Kind.OPTION)
SIZE_ONE = 1_000_000_000  # Sizes are read in billionths of a coin, the finest that a ledger holds.
PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.


class _Option(NamedTuple):
    """One option, exact. Size in billionths of a coin, prices in atoms."""

    size: int
    underlying: int
    strike: int
    premium: int  # Numeraire atoms per lot.
    is_call: bool


class Standard(
    msgspec.Struct,
    frozen=True,
    tag="standard",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Margin of single options and futures, as venues ask by default.

    Option sold: max(rate · U − out of the money, least · U) + mark + fee · U for U its coins at the
    underlying's price, with the variants of `listed.sold_charge`; bought: min(rate · mark, rate ·
    U), 0 by default. Future: notional · (rate + slope · coins). Initial is at least maintenance.
    Each position rounds up, then positions add. Where the mark is part of the requirement the value
    of an option sold is not part of margin equity, so that it is asked for once. Strikes and prices
    are taken as numeraire: a quote currency off its peg moves values, not moneyness.
    Source: the venues' pages named in `listed.venues`.

    What has no rates cannot be margined: `refuses` names it. If held anyway, a long option counts
    zero in margin equity, a short one is charged its full notional and its value, and a contract
    its full notional.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound, W = Σ of 4 · (U + K +
    mark) of options and notional + charge of futures: equity errs by at most n·u·G, and not at all
    while G < 2^53. One option's charge adds at most eight terms, together no more than 4 · (U + K +
    mark), each with at most ten roundings; a future's is a product with eight. So a position errs
    by at most 18·u of its part of W, rounding up by 1, the sum by n·u·W; the kernel doubles it.
    """

    options: dict[str, OptionTerms] = {}  # By coin.
    futures: dict[str, FutureRates] = {}  # By coin.
    underlying: Literal["index", "forward"] = "index"  # Price that rates and moneyness refer to.
    premium: Literal["required", "in_equity"] = "required"  # Where the mark of a sold option is.
    long_options_count: bool = False  # Whether options bought are part of margin equity.

    def __post_init__(self) -> None:
        if not self.options and not self.futures:
            raise ValueError("options: rates of at least one coin are needed, here or in futures")

    def grid(self) -> Grid:
        """No scenarios."""
        return Grid()

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            self._quotes(risk),
            self._columns(risk.coins),
            (self.premium == "required", self.long_options_count),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        initial = maintenance = 0
        for asset, lots in rows:
            margin_equity -= self._uncounted(asset, lots, table)
            charge = self._charge(asset, lots, table)
            initial += charge[0]
            maintenance += charge[1]
        return ExactRequirement(equity, margin_equity, initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Options and contracts on a coin without rates, and options without a price."""
        return tuple(
            asset
            for asset, _ in rows
            if table.kind[asset] >= LINEAR and not self._margined(asset, table)
        )

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row; the binding position is the one that owes most."""
        terms = []
        binding, most = "no position", 0
        for asset, lots in rows:
            equity, margin_equity = worth([(asset, lots)], table)
            margin_equity -= self._uncounted(asset, lots, table)
            maintenance = self._charge(asset, lots, table)[1]
            terms.append(Term(names[asset], lots, equity, margin_equity, maintenance))
            if maintenance > most:
                most, binding = maintenance, f"{names[asset]}: {self._words(asset, lots, table)}"
        return Explanation("standard", tuple(terms), binding, self.requirement_exact(rows, table))

    def _words(self, asset: int, lots: int, table: ExactTable) -> str:
        if not self._margined(asset, table):
            return "not marginable, charged in full"
        if table.kind[asset] != OPTION:
            return "future"
        side = "short" if lots < 0 else "long"
        return f"{side} {'call' if table.risk.is_call[asset] else 'put'}"

    def _margined(self, asset: int, table: ExactTable) -> bool:
        """Whether the asset's coin has rates for its kind, and the table the prices they need."""
        coin = table.coin[asset]
        name = table.risk.coins[coin]
        if table.kind[asset] != OPTION:
            spot = table.kind[asset] != INVERSE or _price(table, coin) > 0
            return name in self.futures and spot
        here = self._terms(asset, table)
        return name in self.options and here.underlying > 0 and here.size > 0

    def _uncounted(self, asset: int, lots: int, table: ExactTable) -> int:
        """What an option adds to worth, but not to margin equity."""
        if table.kind[asset] != OPTION:
            return 0
        known = self._margined(asset, table)
        if lots > 0:
            counts = known and self.long_options_count
            return 0 if counts else lots * table.collateral[asset]
        return lots * table.value[asset] if known and self.premium == "required" else 0

    def _charge(self, asset: int, lots: int, table: ExactTable) -> tuple[int, int]:
        """Initial and maintenance of one row, each rounded up."""
        kind = table.kind[asset]
        if kind < LINEAR:
            return 0, 0
        if not self._margined(asset, table):
            if kind == OPTION and lots > 0:
                return 0, 0
            full = abs(lots) * table.notional[asset]
            full += abs(lots * table.value[asset]) if kind == OPTION else 0
            return full, full
        name = table.risk.coins[table.coin[asset]]
        if kind == OPTION:
            charges = [self._option(asset, lots, table, part) for part in self._parts[name]]
        else:
            charges = self._future(asset, lots, table, self._rates[name])
        return max(charges), charges[1]

    def _option(self, asset: int, lots: int, table: ExactTable, parts: OptionParts) -> int:
        terms = self._terms(asset, table)
        underlying, strike = terms.size * terms.underlying, terms.size * terms.strike
        premium = SIZE_ONE * terms.premium
        if lots > 0:
            charge = bought_charge(parts, underlying, premium)
        else:
            due = premium if self.premium == "required" else 0
            charge = sold_charge(parts, underlying, strike, premium, terms.is_call, due)
        return divide(abs(lots) * charge, RATIO_ONE * SIZE_ONE, Rounding.UP)

    def _future(
        self, asset: int, lots: int, table: ExactTable, rates: tuple[int, int, int]
    ) -> list[int]:
        notional = abs(lots) * table.notional[asset]
        coins, one = abs(lots) * _size(table, asset), SIZE_ONE
        if table.kind[asset] == INVERSE:
            coins, one = notional, _price(table, table.coin[asset])
        return [
            divide(
                future_charge(rate, rates[2], notional, coins, one), RATIO_ONE * one, Rounding.UP
            )
            for rate in rates[:2]
        ]

    def _terms(self, asset: int, table: ExactTable) -> _Option:
        risk = table.risk
        return _Option(
            size=_size(table, asset),
            underlying=(
                _price(table, table.coin[asset])
                if self.underlying == "index"
                else round(float(risk.quotes.forward[asset]))
            ),
            strike=round(float(risk.strike[asset])),
            premium=abs(table.value[asset]),
            is_call=bool(risk.is_call[asset]),
        )

    def _quotes(self, risk: RiskTable) -> tuple[Floats, Floats, Floats, Floats, Any]:
        """Sizes, underlying prices, spot prices and strikes as whole numbers in float64."""
        quotes = risk.quotes
        assert len(quotes.size) == len(risk.value), "standard margin needs the table's quotes"
        spot = np.rint(quotes.price)
        index = self.underlying == "index"
        underlying = spot[risk.coin] if index else np.rint(quotes.forward)
        return np.rint(quotes.size * SIZE_ONE), underlying, spot, np.rint(risk.strike), risk.is_call

    @functools.cached_property
    def _parts(self) -> dict[str, tuple[OptionParts, OptionParts]]:
        return {
            coin: (parts_of(terms.initial), parts_of(terms.maintenance))
            for coin, terms in self.options.items()
        }

    @functools.cached_property
    def _rates(self) -> dict[str, tuple[int, int, int]]:
        return {
            coin: (
                parse_ratio(each.initial),
                parse_ratio(each.maintenance),
                parse_ratio(each.slope),
            )
            for coin, each in self.futures.items()
        }

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], tuple[Any, Floats, Any, Floats]]:
        return {}

    def _columns(self, coins: tuple[str, ...]) -> tuple[Any, Floats, Any, Floats]:
        """Rates by coin number, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            options, futures = np.zeros((len(coins), 2, 8)), np.zeros((len(coins), 3))
            for number, coin in enumerate(coins):
                if coin in self._parts:
                    options[number] = np.array(self._parts[coin], np.float64) / RATIO_ONE
                if coin in self._rates:
                    futures[number] = np.array(self._rates[coin], np.float64) / RATIO_ONE
            known = [np.array([coin in by for coin in coins]) for by in (self._parts, self._rates)]
            columns = self._compiled[coins] = (known[0], options, known[1], futures)
        return columns


def _size(table: ExactTable, asset: int) -> int:
    """Billionths of a coin per lot: the same rounding as the screen's column."""
    return round(float(table.risk.quotes.size[asset]) * SIZE_ONE)


def _price(table: ExactTable, coin: int) -> int:
    return round(float(table.risk.quotes.price[coin]))


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.listed import _kernels

    return _kernels.standard_serial, _kernels.standard_parallel
