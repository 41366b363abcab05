"""A method's parameters and a risk table as the columns that screen and verdict both read.

Knows parameters and tables; does not know who holds what. Every ratio here is a whole number of
parts per billion, so that the integers of the verdict and the floats of the screen are the same.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.margin.derive.parameters import DerivePortfolio, DerivePortfolioTwo
from seawall.market import Kind
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.pricing import Floats, Grid, RiskTable, exponential, logarithm
from seawall.pricing.table import Ints, Same

NO_GROUP = 2**30
NOBODY = -1  # The market of what belongs to none.
LINEAR_GROUP = -1  # In the place of an expiry.
PRICE_ONE = 10**10
NONE, PERPETUAL, BASE, OPTION = range(4)  # Roles of an asset in its market.
FREE, FULL = range(2)  # Charges that every method has: nothing, and all that it is worth.
Places = NDArray[np.int32]
Terms = DerivePortfolio | DerivePortfolioTwo


class Market(NamedTuple):
    """One coin's parameters, parts per billion."""

    coin: str
    terms: Terms
    maintenance_factor: int
    initial_factor: int  # Before the addition for a cheap stablecoin.
    peg_threshold: int
    peg_factor: int
    perpetual: tuple[int, int]  # Maintenance, and on top of it initial.
    option: tuple[int, int]


class Rule(NamedTuple):
    """A method, compiled once."""

    grid: Grid
    scenarios: tuple[int, ...]  # [column] place among the terms' scenarios; −1: a basis move alone.
    dampening: tuple[int, ...]  # [column] parts per billion; 0 of a basis move alone.
    skewed: tuple[bool, ...]  # [column]
    unmoved: int  # Dampening of the scenario that changes nothing, which has no column; 0: none.
    basis: tuple[int, int]  # Columns of the rise and of the fall; −1 where it moves nothing.
    scaled: bool  # Whether the factor multiplies the static charges: the first generation.
    markets: tuple[Market, ...]
    follows: tuple[tuple[str, str], ...]  # (currency, coin of the market that it moves with).
    haircuts: tuple[tuple[str, int, int], ...]  # (currency, maintenance, initial on top).
    stable: str


class Compiled(NamedTuple):
    """One table under one method. [asset], [group] and [charge] columns."""

    rule: Rule
    group: Places  # [asset] what nets before it is discounted; NO_GROUP moves in no scenario.
    pair: Places  # [asset] options of one expiry and strike; −1 of what is no option.
    role: NDArray[np.int8]  # [asset]
    charge: Places  # [asset] row of `kept` and `start`.
    mark: Floats  # [asset] numeraire atoms per lot of an option, else 0.
    held: Floats  # [asset] what a charge is a ratio of, atoms per lot held.
    owed: Floats  # [asset] the same, per lot owed.
    bound: Floats  # [asset] the table's; not finite where a change is not.
    doubt: Ints  # [asset] parts per billion of size that a feed's doubt adds to initial.
    kept: tuple[int, ...]  # [charge] maintenance, parts per billion.
    start: tuple[int, ...]  # [charge] initial, parts per billion squared.
    factor: tuple[tuple[int, int], ...]  # [market] of the worst: maintenance, initial.
    market: tuple[int, ...]  # [group]
    expires_ms: tuple[int, ...]  # [group] −1 of what is linear.
    long: tuple[int, ...]  # [group] of a positive shocked value.
    short: tuple[int, ...]  # [group] of a negative one.
    basis: tuple[int, ...]  # [group] share of the basis loss.


def compiled(rule: Rule, risk: RiskTable) -> Compiled:
    """The columns of a table, compiled on the first call."""
    return _compiled(Same(rule), Same(risk))


@functools.lru_cache(maxsize=4)
def _compiled(rule_key: Same[Rule], key: Same[RiskTable]) -> Compiled:
    rule, risk = rule_key.itself, key.itself
    assert risk.scenarios == len(rule.grid.scenarios), "the table answers another grid"
    assert len(risk.quotes.size) == len(risk.value), "the method needs the table's quotes"
    places = _placed(
        rule_key, Same(risk.kind), Same(risk.coin), Same(risk.expires_ms), Same(risk.strike),
        risk.coins,
    )  # fmt: skip
    group = _members(risk, places)
    peg = [_addition(each, rule.stable, risk) for each in rule.markets]
    factor = tuple(
        (each.maintenance_factor, each.initial_factor + added)
        for each, added in zip(rule.markets, peg, strict=True)
    )
    kept, start = _charges(rule, [initial for _, initial in factor])
    full = places.charge == FULL
    option = risk.kind == Kind.OPTION
    spot = np.rint(risk.quotes.size * risk.quotes.price[risk.coin])
    spot = np.where(risk.kind == Kind.LINEAR, spot, risk.notional)
    spot = np.where(risk.kind <= Kind.QUOTE, np.abs(risk.value), spot)
    with np.errstate(invalid="ignore"):
        bound = risk.bound + 0.0 * risk.change.sum(axis=1)
    discounts = [_discounts(rule, risk, places, g) for g in range(len(places.market))]
    return Compiled(
        rule=rule,
        group=group,
        pair=places.pair,
        role=places.role,
        charge=places.charge,
        mark=np.where(option & (group != NO_GROUP), risk.value, 0.0),
        held=np.where(full & (option | (risk.kind <= Kind.QUOTE)), risk.collateral, spot),
        owed=np.where(full & option, risk.notional + np.abs(risk.value), spot),
        bound=bound,
        doubt=_doubts(rule, risk, places),
        kept=kept,
        start=start,
        factor=factor,
        market=places.market,
        expires_ms=places.expires_ms,
        long=tuple(each[0] for each in discounts),
        short=tuple(each[1] for each in discounts),
        basis=tuple(each[2] for each in discounts),
    )


class _Placed(NamedTuple):
    """Where the assets of a catalogue belong; it does not change between two ticks."""

    owner: Places  # [asset] market, or NOBODY.
    group: Places  # [asset] if it moves.
    pair: Places
    role: NDArray[np.int8]
    charge: Places
    market: tuple[int, ...]  # [group]
    expires_ms: tuple[int, ...]  # [group]
    first: tuple[int, ...]  # [group] an asset of it.


@functools.lru_cache(maxsize=8)
def _placed(
    rule: Same[Rule],
    kinds: Same[NDArray[np.int8]],
    numbers: Same[NDArray[np.int32]],
    expiries: Same[Ints],
    strikes: Same[Floats],
    coins: tuple[str, ...],
) -> _Placed:
    kind, coin, markets = kinds.itself, numbers.itself, rule.itself.markets
    number = {each.coin: place for place, each in enumerate(markets)}
    follows = dict(rule.itself.follows)
    haircuts = [name for name, _, _ in rule.itself.haircuts]
    of_coin = np.array([number.get(name, NOBODY) for name in coins], np.int32)
    of_currency = np.array([number.get(follows.get(n, ""), NOBODY) for n in coins], np.int32)
    owner = np.where(kind == Kind.CURRENCY, of_currency[coin], of_coin[coin]).astype(np.int32)
    option = (kind == Kind.OPTION) & (owner >= 0)
    role = np.full(len(kind), NONE, np.int8)
    role[(kind == Kind.LINEAR) | (kind == Kind.INVERSE)] = PERPETUAL
    role[option], role[owner < 0] = OPTION, NONE
    known = np.array([n in follows or n in haircuts or n == rule.itself.stable for n in coins])
    base = np.array([n in follows or n in haircuts for n in coins])
    role[(kind == Kind.CURRENCY) & base[coin]] = BASE
    charge = np.where(role == PERPETUAL, 2 + 2 * owner, FREE)
    charge = np.where(role == OPTION, 3 + 2 * owner, charge)
    place = np.array([haircuts.index(n) if n in haircuts else 0 for n in coins])
    charge = np.where(role == BASE, 2 + 2 * len(markets) + place[coin], charge)
    foreign = np.where(kind == Kind.CURRENCY, ~known[coin], owner < 0) & (kind != Kind.QUOTE)
    charge = np.where(foreign, FULL, charge).astype(np.int32)
    expires = np.where(option, expiries.itself, LINEAR_GROUP)
    keys = np.stack([owner, expires], axis=1).astype(np.int64)
    inside = owner >= 0
    unique, first, back = np.unique(keys[inside], axis=0, return_index=True, return_inverse=True)
    group = np.full(len(kind), NO_GROUP, np.int32)
    group[inside] = back.reshape(-1)
    pair = np.full(len(kind), -1, np.int32)
    strike = np.unique(strikes.itself, return_inverse=True)[1].reshape(-1)
    both = np.stack([group, strike], axis=1)[option]
    pair[option] = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    return _Placed(
        owner, group, pair, role, charge,
        market=tuple(unique[:, 0].tolist()),
        expires_ms=tuple(unique[:, 1].tolist()),
        first=tuple(np.flatnonzero(inside)[first].tolist()),
    )  # fmt: skip


def _members(risk: RiskTable, places: _Placed) -> Places:
    """Groups of what moves: coins and quotes that no scenario changes belong to none."""
    group = places.group.copy()
    cash = np.flatnonzero((risk.kind <= Kind.QUOTE) & (group != NO_GROUP))
    still = ~(risk.change[cash] != 0.0).any(axis=1)
    group[cash[still]] = NO_GROUP
    return group


def _addition(market: Market, stable: str, risk: RiskTable) -> int:
    """(peg_threshold − price) · peg_factor below the threshold, rounded up; else 0."""
    if stable not in risk.coins:
        raise ValueError(f"stable: the table has no coin {stable}")
    price = round(float(risk.quotes.price[risk.coins.index(stable)]))
    below = max(market.peg_threshold * (PRICE_ONE // RATIO_ONE) - price, 0)
    return divide(below * market.peg_factor, PRICE_ONE, Rounding.UP)


def _charges(rule: Rule, factors: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    kept, start = [0, RATIO_ONE], [0, RATIO_ONE**2]

    def add(pair: tuple[int, int], factor: int) -> None:
        kept.append(pair[0])
        start.append(pair[0] * factor if rule.scaled else sum(pair) * RATIO_ONE)

    for market, factor in zip(rule.markets, factors, strict=True):
        add(market.perpetual, factor)
        add(market.option, factor)
    number = {each.coin: place for place, each in enumerate(rule.markets)}
    follows = dict(rule.follows)
    for name, maintenance, initial in rule.haircuts:
        market_of = number.get(follows.get(name, ""), NOBODY)
        add((maintenance, initial), RATIO_ONE if market_of == NOBODY else factors[market_of])
    return tuple(kept), tuple(start)


def _doubts(rule: Rule, risk: RiskTable, places: _Placed) -> Ints:
    """(1 − confidence) · confidence_factor below the threshold, rounded up; else 0. [asset]

    The confidence is the least of the asset's and of its market's spot; of a collateral that moves
    with no market, the least of its own and of every market's spot.
    """
    out = np.zeros(len(risk.kind), np.int64)
    certain = np.rint(risk.quotes.confidence * RATIO_ONE).astype(np.int64)
    if not (certain < RATIO_ONE).any():
        return out
    spots = [_confidence(market.coin, risk, certain) for market in rule.markets]
    for place, market in enumerate(rule.markets):
        mine = np.flatnonzero(places.owner == place)
        out[mine] = [_doubt(market.terms, min(int(certain[a]), spots[place])) for a in mine]
    for asset in np.flatnonzero((places.owner == NOBODY) & (places.role == BASE)):
        out[asset] = _doubt(rule.markets[0].terms, min(int(certain[asset]), *spots))
    return out


def _confidence(coin: str, risk: RiskTable, certain: Ints) -> int:
    """Of a coin's own price, where the table lists it as ledgers do; else certain."""
    place = risk.coins.index(coin) if coin in risk.coins else len(certain)
    known = place < len(certain) and risk.kind[place] == Kind.CURRENCY
    return int(certain[place]) if known else RATIO_ONE


def _doubt(terms: Terms, confidence: int) -> int:
    if not confidence < parse_ratio(terms.confidence_threshold):
        return 0
    factor = parse_ratio(terms.confidence_factor)
    return divide((RATIO_ONE - confidence) * factor, RATIO_ONE, Rounding.UP)


def _discounts(rule: Rule, risk: RiskTable, places: _Placed, group: int) -> tuple[int, int, int]:
    """Ratios of one expiry: positive value, negative value, basis loss; nearest part per billion.

    The rate is −ln(discount) ÷ years, not below 0.
    """
    if places.expires_ms[group] == LINEAR_GROUP:
        return RATIO_ONE, RATIO_ONE, 0
    asset, terms = places.first[group], rule.markets[places.market[group]].terms
    years, discount = float(risk.quotes.years[asset]), float(risk.quotes.discount[asset])
    rate = max(-float(logarithm(discount)) / years, 0.0) if years > 0.0 else 0.0
    basis = float(terms.basis_add) + float(terms.basis_multiply) * years
    short = 1.0
    if isinstance(terms, DerivePortfolio):
        yearly = rate * float(terms.rate_multiply) + float(terms.rate_add)
        long = float(terms.static_discount) * float(exponential(-years * yearly))
    else:
        yearly = rate * float(terms.long_rate_multiply) + float(terms.long_rate_add)
        long = float(terms.long_discount) * float(exponential(-years * yearly))
        yearly = rate * float(terms.short_rate_multiply) + float(terms.short_rate_add)
        short = float(terms.short_discount) * float(exponential(years * yearly))
        short = min(1.0 / discount, short)
    return round(long * RATIO_ONE), round(short * RATIO_ONE), round(basis * RATIO_ONE)
