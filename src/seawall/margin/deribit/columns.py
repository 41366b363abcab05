"""What a risk table is to Deribit's portfolio margin: netting sets, expiries, deltas and rates.

Knows the columns of a table and the parameters, and is computed once for each table. Does not know
accounts. All amounts are numeraire atoms; the venue's parameters are read in parameters.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.market import Kind
from seawall.money import RATIO_ONE, parse_ratio
from seawall.pricing import Floats, RiskTable, aligned, black_greeks, exponential
from seawall.pricing.table import Flags

LINEAR, INVERSE, OPTION = int(Kind.LINEAR), int(Kind.INVERSE), int(Kind.OPTION)
# What a method does with an asset: nothing, margin it, or charge it in full.
APART, FUTURE_IN, OPTION_IN, FUTURE_OUT, OPTION_OUT = range(5)
EXTENDED = tuple(map(Decimal, ("-0.66", "-0.33", "0.5", "1", "2", "3", "4", "5")))
SHOCKS = ("down", "same", "up")
DOLLAR = 10**10  # Atoms of the numeraire.
_EXPIRY_BITS = 46  # Milliseconds until after 4000.


class PairRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for a coin, by the names of the venue's `currency_pair` block."""

    price_range: Decimal  # Largest relative move of the standard table.
    volatility_range_up: Decimal  # Relative shock of a 30-day volatility.
    volatility_range_down: Decimal
    extended_table_factor: Decimal = Decimal(1)
    delta_total_liq_shock_threshold: Decimal = Decimal(20_000_000)  # Dollars of delta.
    m_inc: Decimal = Decimal(0)  # Rise of the charge per coin of delta above the threshold.
    max_delta_shock: Decimal = Decimal("0.1")


class SettlementRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for a settlement currency, by the names of the venue's `currency` block."""

    annualised_move_risk: Decimal  # Of the basis, for the roll shock.
    min_annualised_move: Decimal  # Least share of delta for the roll shock.
    extended_dampener: Decimal = Decimal(0)  # Dollars off an extended loss, each range beyond.


class Cell(NamedTuple):
    """A loss of the set in one scenario counts as (scale · loss − step) ÷ whole, and never < 0."""

    scale: int
    step: int
    whole: int


class NetSet(NamedTuple):
    """What is margined together: one coin in one settlement currency, exact."""

    name: str
    cells: tuple[Cell, ...]  # [scenario] one `whole` for all.
    threshold: Fraction  # Numeraire atoms of delta.
    slope: Fraction  # Rise of the charge per numeraire atom of delta above the threshold.
    most: Fraction  # Of the charge, as a share of the delta.


class Columns(NamedTuple):
    """A risk table, compiled for one method."""

    role: NDArray[np.int8]  # [asset] APART to OPTION_OUT.
    owner: NDArray[np.int32]  # [asset] netting set; −1 where there is none.
    group: NDArray[np.int32]  # [asset] expiry of a netting set; −1 where there is none.
    dollars: Floats  # [asset] delta of one lot, numeraire atoms, whole.
    full: Floats  # [asset] what a lot that cannot be margined is charged.
    lines: Floats  # [2 × asset + sold, 8] what a lot adds to the kernel's sums: see `_lines`.
    codes: NDArray[np.uint64]  # [asset] netting set, and expiry << 32; one beyond where none.
    scale: Floats  # [set, scenario] share of a loss that counts.
    step: Floats  # [set, scenario] what a loss is moved towards zero, numeraire atoms.
    shock: Floats  # [set, 3] threshold, slope and most.
    rate: Floats  # [group] of the roll charge.
    owners: NDArray[np.int32]  # [group] netting set.
    parts: tuple[int, ...]  # [group] the same, parts per billion.
    sets: tuple[NetSet, ...]


def compile_columns(
    risk: RiskTable,
    pairs: Mapping[str, PairRates],
    currencies: Mapping[str, SettlementRates],
    buckets: int,
) -> Columns:
    """Number the netting sets and expiries of a table, in order of assets, and price their rates.

    Delta of a lot in dollars: size · index of a linear contract, −value of an inverse one, Black-76
    delta · size · index of an option, rounded to numeraire atoms. Roll rate: max(e^(risk · T) − 1,
    minimum) with seawall's exponential, rounded to parts per billion.
    """
    quotes, width = risk.quotes, risk.change.shape[1]
    assert len(quotes.settles) == len(risk.value), "this margin needs the table's quotes"
    role = _roles(risk, pairs, currencies)
    owner, group = np.full(len(role), -1, np.int32), np.full(len(role), -1, np.int32)
    inside = np.flatnonzero((role == FUTURE_IN) | (role == OPTION_IN))
    both = risk.coin[inside] * np.int64(len(risk.coins)) + quotes.settles[inside]
    found, owner[inside] = np.unique(both, return_inverse=True)
    over = np.where(quotes.years[inside] > 0.0, risk.expires_ms[inside], 0)
    dates = owner[inside].astype(np.int64) << _EXPIRY_BITS | over
    _, first, group[inside] = np.unique(dates, return_index=True, return_inverse=True)
    nets = [divmod(int(each), len(risk.coins)) for each in found]
    rules = tuple(_rule(risk, pairs, currencies, buckets, pair) for pair in nets)
    owners = owner[inside][first]
    left = np.where(over[first] > 0, quotes.years[inside][first], 0.0).tolist()
    parts = tuple(
        _roll_parts(currencies[risk.coins[nets[net][1]]], years)
        for net, years in zip(owners.tolist(), left, strict=True)
    )
    scale, step = np.ones((len(nets), width)), np.zeros((len(nets), width))
    shock = np.zeros((len(nets), 3))
    for net, rule in enumerate(rules):
        scale[net, : len(rule.cells)] = [cell.scale / cell.whole for cell in rule.cells]
        step[net, : len(rule.cells)] = [cell.step / cell.whole for cell in rule.cells]
        shock[net] = float(rule.threshold), float(rule.slope), float(rule.most)
    rate = np.array(parts, np.float64) / RATIO_ONE
    dollars, full = _dollars(risk, role), _full(risk, role)
    heavy = _heavy(risk, owner, group, np.abs(dollars), np.abs(full), scale, shock, rate)
    lines = _lines(risk, role, (heavy, full, dollars))
    nowhere = owner < 0
    codes = np.where(nowhere, len(nets), owner).astype(np.uint64)
    codes |= np.where(nowhere, len(parts), group).astype(np.uint64) << np.uint64(32)
    return Columns(
        role,
        owner,
        group,
        dollars,
        full,
        lines,
        codes,
        scale,
        step,
        shock,
        rate,
        owners,
        parts,
        rules,
    )


def _lines(
    risk: RiskTable, role: NDArray[np.int8], charges: tuple[Floats, Floats, Floats]
) -> Floats:
    """[2 × asset + sold, 8] equity, margin equity, gross, heavy, full, dollars, dollars bought, 0.

    Heavy bounds what one lot may add to a requirement; dollars bought are those of options. A lot
    sold carries the other sign where a sum takes |lots|. An option that cannot be margined counts
    nothing where it is bought.
    """
    heavy, full, dollars = charges
    lines = aligned(2 * len(role), 8)
    bought, sold, out = lines[::2], lines[1::2], role == OPTION_OUT
    bought[:, 0] = sold[:, 0] = sold[:, 1] = risk.value
    bought[:, 1] = np.where(out, 0.0, risk.collateral)
    bought[:, 2], bought[:, 3], bought[:, 4] = risk.bound, heavy, np.where(out, 0.0, full)
    sold[:, 2:5] = -np.stack([risk.bound, heavy, full], axis=1)
    bought[:, 5] = sold[:, 5] = dollars
    bought[:, 6] = np.where(role == OPTION_IN, dollars, 0.0)
    return lines


def _roles(
    risk: RiskTable,
    pairs: Mapping[str, PairRates],
    currencies: Mapping[str, SettlementRates],
) -> NDArray[np.int8]:
    quotes, names = risk.quotes, risk.coins
    known = np.array([name in pairs for name in names], np.bool_)[risk.coin]
    known &= np.array([name in currencies for name in names], np.bool_)[quotes.settles]
    known &= quotes.price[risk.coin] > 0.0
    option, contract = risk.kind == OPTION, risk.kind >= LINEAR
    sized = (risk.kind == INVERSE) | (quotes.size > 0.0)
    known &= sized & (~option | ((quotes.forward > 0.0) & (risk.strike > 0.0)))
    inside = np.where(option, OPTION_IN, FUTURE_IN)
    outside = np.where(option, OPTION_OUT, FUTURE_OUT)
    role: NDArray[np.int8] = np.where(contract, np.where(known, inside, outside), APART).astype(
        np.int8
    )
    return role


def _rule(
    risk: RiskTable,
    pairs: Mapping[str, PairRates],
    currencies: Mapping[str, SettlementRates],
    buckets: int,
    pair: tuple[int, int],
) -> NetSet:
    """The exact cells and delta charge of one coin in one settlement currency."""
    coin, settle = risk.coins[pair[0]], risk.coins[pair[1]]
    rates, price = pairs[coin], round(float(risk.quotes.price[pair[0]]))
    return NetSet(
        name=f"{coin} settled in {settle}",
        cells=_cells(rates, currencies[settle], coin == settle, buckets),
        threshold=Fraction(rates.delta_total_liq_shock_threshold) * DOLLAR,
        slope=Fraction(rates.m_inc) / price,
        most=Fraction(rates.max_delta_shock),
    )


@functools.lru_cache(maxsize=256)
def _cells(
    rates: PairRates, currency: SettlementRates, in_coins: bool, buckets: int
) -> tuple[Cell, ...]:
    edge = Fraction(rates.price_range)
    found = [(Fraction(1), Fraction(0))] * ((2 * buckets + 1) * len(SHOCKS))
    for far in map(Fraction, EXTENDED):
        scale = Fraction(rates.extended_table_factor) * edge / abs(far)
        beyond = max(abs(far) / edge, Fraction(1)) - 1
        step = beyond * Fraction(currency.extended_dampener) * DOLLAR
        if in_coins:  # Said at their price of now.
            scale *= (1 + far) / (1 + (edge if far > 0 else -edge))
            step /= 1 + max(-edge, min(far, edge))
        found.append((scale, step))
    whole = math.lcm(*(part.denominator for cell in found for part in cell))
    return tuple(Cell(int(scale * whole), int(step * whole), whole) for scale, step in found)


def _roll_parts(currency: SettlementRates, years: float) -> int:
    """The roll rate of an expiry, parts per billion."""
    growth = float(exponential(float(currency.annualised_move_risk) * years)) - 1.0
    return max(round(growth * RATIO_ONE), parse_ratio(currency.min_annualised_move))


def _dollars(risk: RiskTable, role: NDArray[np.int8]) -> Floats:
    """[asset] delta of one lot at the index, numeraire atoms."""
    quotes = risk.quotes
    exposure = quotes.size * quotes.price[risk.coin]
    dollars = np.where(role == FUTURE_IN, exposure, 0.0)
    inverse = (role == FUTURE_IN) & (risk.kind == INVERSE)
    dollars[inverse] = -risk.value[inverse]
    options = np.flatnonzero(role == OPTION_IN)
    if options.size:
        dollars[options] = _deltas(risk, options) * exposure[options]
    found: Floats = np.rint(dollars)
    return found


def _deltas(risk: RiskTable, options: NDArray[np.int64]) -> Floats:
    """[option] undiscounted; without time or volatility only its moneyness counts."""
    quotes = risk.quotes
    forward, strike = quotes.forward[options], risk.strike[options]
    volatility, years = quotes.volatility[options], quotes.years[options]
    is_call: Flags = risk.is_call[options] != 0
    side = np.where(is_call, 1.0, -1.0)
    found = np.where(side * (forward - strike) > 0.0, side, 0.0)
    alive = (years > 1e-9) & (volatility > 1e-9)
    if alive.any():
        found[alive] = black_greeks(
            forward[alive],
            strike[alive],
            volatility[alive],
            years[alive],
            np.ones(int(alive.sum())),
            is_call[alive],
        ).delta
    return found


def _full(risk: RiskTable, role: NDArray[np.int8]) -> Floats:
    """[asset] charge of one lot that cannot be margined; an option bought pays none."""
    sold = risk.notional + np.abs(risk.value)
    found: Floats = np.where(role == OPTION_OUT, sold, 0.0)
    return np.where(role == FUTURE_OUT, risk.notional, found)


def _heavy(
    risk: RiskTable,
    owner: NDArray[np.int32],
    group: NDArray[np.int32],
    dollars: Floats,
    full: Floats,
    scale: Floats,
    shock: Floats,
    rate: Floats,
) -> Floats:
    """[asset] see the derivation in `DeribitPortfolio`; NaN where a change is not finite."""
    heavy = full.copy()
    inside = np.flatnonzero(owner >= 0)
    if inside.size:
        net = owner[inside]
        largest = np.maximum(scale.max(axis=1), 1.0)
        steep = 2.0 * shock[:, 2] + shock[:, 0] * shock[:, 1]
        heavy[inside] += largest[net] * np.abs(risk.bound[inside])
        heavy[inside] += dollars[inside] * (steep[net] + rate[group[inside]])
    sick = ~np.isfinite(risk.change.sum(axis=1))
    heavy[sick] = np.nan
    return heavy
