"""Derive's standard rule (SRM) as a margin method: each coin by itself, options by expiry.

Knows the terms of each coin and reads strikes, forwards, sizes and confidences from the risk table.
Does not know scenarios: a hedge counts where the largest loss at expiry shows it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seawall.margin.by_expiry.parts import Parts, parts_of, row_of
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
from seawall.margin.derive.parameters import DeriveStandard
from seawall.market import Kind
from seawall.market.symbol import civil_date
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.pricing import Floats, Grid, RiskTable

CURRENCY, LINEAR, INVERSE, OPTION = (
    int(kind) for kind in (Kind.CURRENCY, Kind.LINEAR, Kind.INVERSE, Kind.OPTION)
)
CASH = 0  # The coin that counts in full.
SIZE_ONE = 1_000_000_000  # Sizes are read in billionths of a coin, the finest that a ledger holds.
DOLLAR = 10**10  # Price atoms.
UNIT = SIZE_ONE * RATIO_ONE * DOLLAR  # Charges are added in this fraction of an atom.
DAY_MS = 86_400_000
PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.


class _Charge(NamedTuple):
    """What one row or one expiry owes."""

    asset: int | None  # Of a row; None for an expiry.
    label: str  # Of an expiry.
    words: str
    initial: int
    maintenance: int


class DeriveStandardMargin(
    DeriveStandard,
    frozen=True,
    tag="derive_standard",
    tag_field="method",
    forbid_unknown_fields=True,
    kw_only=True,
    dict=True,
):
    """Perpetuals by ratio, options by the better of two numbers for each coin and expiry.

    With S the coin's spot, q the coins of a position, m the value of what is sold, per expiry:
    isolated = Σ over options sold of m + rate · S · q, where the initial rate is max(spot_maximum −
    out ÷ S, spot_minimum) and a put's maintenance takes max(put_maintenance · S · q,
    put_mark_maintenance · m), its initial at least put_offset × maintenance; bounded = the largest
    loss at expiry at a price of 0 or any strike held + unpaired · forward · calls sold that none
    bought covers; charge = min(isolated, bounded). A perpetual: notional · ratio. A coin but cash
    counts base_factor of its collateral value, times base_initial_scale for initial; one that is
    owed counts in full. Initial adds (1 − confidence) · confidence_factor · S · q where the row's
    confidence is below its threshold, and (depeg_threshold − price of cash) · depeg_factor · S · q,
    both of perpetuals and options sold. Initial is at least maintenance. Each row and each expiry
    rounds up once. Options are not part of margin equity: the charge holds their value.

    Everything is in the numeraire: cash at its price, where the venue counts a stablecoin as a
    dollar. Strikes and forwards are taken as numeraire. Inverse contracts, and options without a
    price, have no terms: `refuses` names them, and one held is charged its full notional, an option
    sold its value as well. Source: derivexyz/v2-core at 7736900 (2026-01-21), StandardManager.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound, W = Σ of notional +
    charge + S · q of contracts, value + charge of coins, and for an expiry 8 · (Q · P + Σ mark + Σ
    q · (S + strike + forward)) + doubt with Q its coins and P the largest S + strike + forward:
    equity errs by at most n·u·G, and not at all while G < 2^53. A payoff is a sum of at most n
    products below Q · P, an isolated charge adds at most six marks and three S · q, each with at
    most twelve roundings; least and most do not add errors. So the sums err by (2n + 16)·u·W and by
    1 for each rounding up, of which there are at most n; the kernel doubles it.
    """

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
            _quotes(risk),
            self._columns(risk.coins),
            self._below_peg(risk),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        equity, margin_equity = worth(rows, table)
        margin_equity -= sum(_uncounted(asset, lots, table) for asset, lots in rows)
        charges = self._charges(rows, table)
        maintenance = sum(charge.maintenance for charge in charges)
        initial = max(maintenance, sum(charge.initial for charge in charges))
        return ExactRequirement(equity, margin_equity, initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Inverse contracts, and options without a size, a forward or a spot price."""
        return tuple(asset for asset, _ in rows if not _margined(asset, table))

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row, then one for the options of each expiry."""
        charges = self._charges(rows, table)
        own = {charge.asset: charge.maintenance for charge in charges}
        terms = []
        for asset, lots in rows:
            equity, margin_equity = worth([(asset, lots)], table)
            margin_equity -= _uncounted(asset, lots, table)
            terms.append(Term(names[asset], lots, equity, margin_equity, own.get(asset, 0)))
        added = [
            Term(f"{charge.label}, {charge.words}", 0, 0, 0, charge.maintenance)
            for charge in charges
            if charge.asset is None
        ]
        binding = "no position"
        if charges:
            most = max(charges, key=lambda charge: charge.maintenance)
            label = most.label if most.asset is None else names[most.asset]
            binding = f"{label}: {most.words}"
        total = self.requirement_exact(rows, table)
        return Explanation("derive_standard", (*terms, *added), binding, total)

    def _charges(self, rows: Rows, table: ExactTable) -> list[_Charge]:
        charges: list[_Charge] = []
        expiries: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for asset, lots in rows:
            kind, coin = table.kind[asset], table.coin[asset]
            if not _margined(asset, table):
                if kind != OPTION or lots < 0:
                    full = abs(lots) * table.notional[asset]
                    full += abs(lots * table.value[asset]) if kind == OPTION else 0
                    charges.append(
                        _Charge(asset, "", "not marginable, charged in full", full, full)
                    )
            elif kind == OPTION:
                expiry = int(table.risk.expires_ms[asset])
                expiries.setdefault((coin, expiry), []).append((asset, lots))
            elif kind == LINEAR:
                charges.append(self._perpetual(asset, lots, table))
            elif kind == CURRENCY and coin != CASH and lots > 0:
                charges.append(self._base(asset, lots, table))
        charges += [
            self._expiry(table.risk.coins[coin], expires_ms, members, table)
            for (coin, expires_ms), members in expiries.items()
        ]
        return charges

    def _perpetual(self, asset: int, lots: int, table: ExactTable) -> _Charge:
        parts = self._parts(table.risk.coins[table.coin[asset]])
        exposure = abs(lots) * table.notional[asset] * (UNIT // RATIO_ONE)
        initial = exposure * parts.perpetual_initial
        initial += self._doubt(asset, lots, table, parts, parts.perpetual_threshold)
        return _Charge(
            asset, "", "perpetual", _up(initial), _up(exposure * parts.perpetual_maintenance)
        )

    def _base(self, asset: int, lots: int, table: ExactTable) -> _Charge:
        parts = self._parts(table.risk.coins[table.coin[asset]])
        posted = lots * table.collateral[asset]
        counted = parts.base_factor * parts.base_initial_scale
        cut = RATIO_ONE**2 - counted
        if counted:
            cut += _doubt(asset, table, parts.base_threshold) * parts.confidence_factor
        initial = divide(posted * cut, RATIO_ONE**2, Rounding.UP)
        kept = divide(posted * (RATIO_ONE - parts.base_factor), RATIO_ONE, Rounding.UP)
        return _Charge(asset, "", "collateral that does not count", initial, kept)

    def _doubt(self, asset: int, lots: int, table: ExactTable, parts: Parts, threshold: int) -> int:
        """Charges of initial margin for doubtful feeds and a cash coin off its peg."""
        under = abs(lots) * _size(table, asset) * _price(table, table.coin[asset])
        doubt = _doubt(asset, table, threshold) * parts.confidence_factor * (DOLLAR // RATIO_ONE)
        return under * (doubt + self._below(_price(table, CASH)))

    def _expiry(
        self, name: str, expires_ms: int, members: Sequence[tuple[int, int]], table: ExactTable
    ) -> _Charge:
        parts = self._parts(name)
        initial = maintenance = doubt = 0
        for asset, lots in members:
            if lots < 0:
                sold = _sold(parts, asset, -lots, table)
                initial, maintenance = initial + sold[0], maintenance + sold[1]
                doubt += self._doubt(asset, lots, table, parts, parts.option_threshold)
        loss, uncovered = _largest_loss(members, table)
        highest = max(_forward(table, asset) for asset, _ in members)
        bounded = [
            loss * (UNIT // SIZE_ONE) + unpaired * uncovered * highest * DOLLAR
            for unpaired in (parts.unpaired_initial, parts.unpaired_maintenance)
        ]
        year, month, day = civil_date(expires_ms // DAY_MS)
        return _Charge(
            None,
            f"{name} options of {year:04}-{month:02}-{day:02}",
            "largest loss at expiry" if bounded[1] < maintenance else "each option sold",
            _up(min(initial, bounded[0]) + doubt),
            _up(min(maintenance, bounded[1])),
        )

    def _below_peg(self, risk: RiskTable) -> float:
        cash = float(np.rint(risk.quotes.price[CASH]))
        return self._below(int(cash)) / (DOLLAR * RATIO_ONE) if math.isfinite(cash) else math.nan

    def _below(self, cash: int) -> int:
        """(depeg_threshold − price) · depeg_factor. Price atoms × parts per billion."""
        gap = parse_ratio(self.depeg_threshold) * (DOLLAR // RATIO_ONE) - cash
        return max(gap, 0) * parse_ratio(self.depeg_factor)

    def _parts(self, coin: str) -> Parts:
        return self._by_coin.get(coin, self._others)

    @functools.cached_property
    def _others(self) -> Parts:
        return parts_of(self.terms)

    @functools.cached_property
    def _by_coin(self) -> dict[str, Parts]:
        return {coin: parts_of(terms) for coin, terms in self.by_market.items()}

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], Floats]:
        return {}

    def _columns(self, coins: tuple[str, ...]) -> Floats:
        """Terms by coin number, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            columns = self._compiled[coins] = np.array(
                [row_of(self._parts(coin)) for coin in coins]
            )
        return columns


def _sold(parts: Parts, asset: int, lots: int, table: ExactTable) -> tuple[int, int]:
    """Initial and maintenance of an option sold by itself, in `UNIT` of an atom."""
    spot, strike = _price(table, table.coin[asset]), _strike(table, asset)
    coins = lots * _size(table, asset)
    base, mark = coins * spot, lots * abs(table.value[asset]) * SIZE_ONE
    is_call = bool(table.risk.is_call[asset])
    away = coins * max(strike - spot if is_call else spot - strike, 0)
    initial = RATIO_ONE * mark
    initial += max(parts.spot_maximum * base - RATIO_ONE * away, parts.spot_minimum * base)
    maintenance = RATIO_ONE * mark
    if is_call:
        maintenance += parts.call_maintenance * base
        return initial * DOLLAR, maintenance * DOLLAR
    maintenance += max(parts.put_maintenance * base, parts.put_mark_maintenance * mark)
    initial = max(initial * RATIO_ONE, parts.put_offset * maintenance)
    return initial * (DOLLAR // RATIO_ONE), maintenance * DOLLAR


def _largest_loss(members: Sequence[tuple[int, int]], table: ExactTable) -> tuple[int, int]:
    """Largest loss at expiry, atoms × 10^9, and calls sold that none covers, coins × 10^9."""
    held = [
        (lots * _size(table, asset), _strike(table, asset), bool(table.risk.is_call[asset]))
        for asset, lots in members
    ]
    payoffs = [
        sum(
            coins * max(price - strike if is_call else strike - price, 0)
            for coins, strike, is_call in held
        )
        for price in (0, *(strike for _, strike, _ in held))
    ]
    calls = sum(coins for coins, _, is_call in held if is_call)
    return max(0, -min(payoffs)), max(0, -calls)


def _doubt(asset: int, table: ExactTable, threshold: int) -> int:
    """1 − confidence, parts per billion, where it is below the threshold."""
    confidence = round(float(table.risk.quotes.confidence[asset]) * RATIO_ONE)
    return RATIO_ONE - confidence if confidence < threshold else 0


def _uncounted(asset: int, lots: int, table: ExactTable) -> int:
    """What an option adds to worth, but not to margin equity."""
    if table.kind[asset] != OPTION:
        return 0
    if lots > 0:
        return lots * table.collateral[asset]
    return lots * table.value[asset] if _margined(asset, table) else 0


def _margined(asset: int, table: ExactTable) -> bool:
    kind = table.kind[asset]
    if kind != OPTION:
        return kind != INVERSE
    prices = (_size(table, asset), _forward(table, asset), _price(table, table.coin[asset]))
    return min(prices) > 0


def _up(charge: int) -> int:
    return divide(charge, UNIT, Rounding.UP)


def _size(table: ExactTable, asset: int) -> int:
    """Billionths of a coin per lot: the same rounding as the screen's column."""
    return round(float(table.risk.quotes.size[asset]) * SIZE_ONE)


def _forward(table: ExactTable, asset: int) -> int:
    return round(float(table.risk.quotes.forward[asset]))


def _strike(table: ExactTable, asset: int) -> int:
    return round(float(table.risk.strike[asset]))


def _price(table: ExactTable, coin: int) -> int:
    return round(float(table.risk.quotes.price[coin]))


def _quotes(risk: RiskTable) -> tuple[Any, ...]:
    """Coins per lot, forwards, spot prices, strikes, and each option's expiry as one number.

    The number is −1 where there is no option that can be margined. Prices and confidences are
    whole numbers in float64.
    """
    quotes = risk.quotes
    assert len(quotes.size) == len(risk.value), "the standard rule needs the table's quotes"
    size, forward = np.rint(quotes.size * SIZE_ONE), np.rint(quotes.forward)
    spot = np.rint(quotes.price)
    known = (risk.kind == OPTION) & (size > 0) & (forward > 0) & (spot > 0)[risk.coin]
    expiry = np.where(known, risk.expires_ms * len(spot) + risk.coin, -1)
    sure = np.rint(quotes.confidence * RATIO_ONE)
    return size / SIZE_ONE, forward, spot, np.rint(risk.strike), risk.is_call, expiry, sure


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.by_expiry import _kernels

    return _kernels.expiries_serial, _kernels.expiries_parallel
