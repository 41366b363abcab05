"""How far an account is from its lines: in price, in daily sigmas, in volatility and in time.

An account, not a position, has a liquidation price: all its rows are judged at each trial, options
on the same smile at the moved forward, collateral at its moved price, brackets at the moved
notional. The lines are those of the engine:

    initial       margin equity < initial                     it may reduce but not take on risk
    called        margin equity < maintenance                 it is called
    liquidated    the same without a grace time; with one, margin equity < close-out × maintenance
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal, NamedTuple

import msgspec

from seawall.margin import ExactRequirement, Rows
from seawall.market import Kind, settlement_value
from seawall.money import RATIO_ONE
from seawall.portfolio.account import (
    Account,
    Trials,
    Turn,
    reach,
    with_fitted_years,
    with_prices,
    with_volatility,
)
from seawall.portfolio.crossing import first_crossing, outward
from seawall.pricing import YEAR_MS, PricingError, volatility

FARTHEST = 10_000  # Prices are tried up to so many times today's, and down to today's ÷ that.
SIGMA_ONE = 1_000_000  # Sigmas are counted in millionths.
SIGMAS_MAX, SIGMA_STEP = 40, SIGMA_ONE // 4
VOLATILITY_LEAST, VOLATILITY_MOST = RATIO_ONE // 100, 20 * RATIO_ONE
TIME_STEPS = 400
_DAY_MS = 86_400_000

Line = Literal["initial", "called", "liquidated"]
Direction = Literal["down", "up"]
LINES: tuple[Line, ...] = ("initial", "called", "liquidated")


class Crossing(msgspec.Struct, frozen=True):
    """The first value on the other side of a line; its neighbour towards today is on today's."""

    measure: Literal["price", "sigma", "volatility", "time"]
    of: str  # Coin, or what moves.
    line: Line
    direction: Direction
    # Price atoms; millionths of a daily sigma; parts per billion of today's volatility; epoch ms.
    at: int | None  # None: there is none as far as was looked.
    standing: ExactRequirement | None = None  # The verdict there.


class LiquidationPrices(msgspec.Struct, frozen=True):
    """Every distance of one account from its lines."""

    name: str
    method: str
    now: ExactRequirement
    beyond: tuple[Line, ...]  # Lines that it is beyond already: a crossing is then the way back.
    crossings: tuple[Crossing, ...]
    sigma: dict[str, float]  # Annual volatility by coin, as it was used for the joint distance.
    notes: tuple[str, ...]  # What could not be said, and why.

    def find(self, measure: str, line: str, direction: str, of: str | None = None) -> Crossing:
        """The crossing of one line in one direction."""
        return next(
            c
            for c in self.crossings
            if (c.measure, c.line, c.direction) == (measure, line, direction)
            and (of is None or c.of == of)
        )


class _Move(NamedTuple):
    """One way in which the market can go."""

    measure: Literal["price", "sigma", "volatility", "time"]
    of: str
    direction: Direction
    start: int
    points: Iterable[int]
    judge: Callable[[int], ExactRequirement]


def liquidation_price(
    account: Account,
    volatilities: Mapping[str, float] | None = None,
    turn: Turn = nullcontext,
) -> LiquidationPrices:
    """Find where the account crosses each line, for each underlying and for all together.

    `volatilities` are annual, by coin; a coin without one takes the at-the-money implied volatility
    of its nearest smile. A joint move of n sigmas takes each price p to p · e^(± n σ ÷ √365).
    Each trial is made in a `turn`, so that others can go on between two.

    >>> from seawall.portfolio import load
    >>> told = liquidation_price(load("examples/margin/portfolio.toml"))
    >>> told.find("price", "called", "up", "BTC").at is None
    True
    """
    catalogue, snapshot = account.venue.catalogue, account.venue.snapshot
    trials = Trials(account, turn)
    now = account.judge()
    coins = underlyings(account)
    moves: list[_Move] = []
    for coin in coins:
        moves += _price_moves(account, trials, coin)
    sigma, notes = _sigmas(account, coins, volatilities or {})
    if coins and len(sigma) == len(coins):
        moves += _joint_moves(account, trials, {catalogue.coin(c): s for c, s in sigma.items()})
    if any(account.table.kind[asset] == Kind.OPTION for asset, _ in account.rows):
        moves += _volatility_moves(account, trials)
    crossings = [found for move in moves for found in _along(account, move)]
    last_ms = _last_expiry(account)
    if last_ms > snapshot.time_ms:
        found, note = _in_time(account, trials, last_ms)
        crossings += found
        notes += note
    refused = account.margin_method.refuses(account.rows, account.table)
    if refused:
        said = ", ".join(catalogue.names[asset] for asset in refused)
        notes.append(f"not marginable under {account.method}, charged in full: {said}")
    beyond = tuple(line for line in LINES if not holds(account, line, now))
    return LiquidationPrices(
        account.name, account.method, now, beyond, tuple(crossings), sigma, tuple(notes)
    )


def underlyings(account: Account) -> list[int]:
    """Coins whose price moves a row of the account; the venue's cash does not move."""
    catalogue = account.venue.catalogue
    cash = catalogue.coin(account.venue.rulebook.cash)
    assets = [catalogue.assets[asset] for asset, _ in account.rows]
    return sorted({c for asset in assets for c in (asset.coin, asset.currency)} - {cash})


def holds(account: Account, line: Line, verdict: ExactRequirement) -> bool:
    """Whether the account is on the healthy side of a line; equality is healthy."""
    if line == "initial":
        return verdict.margin_equity >= verdict.initial
    if line == "liquidated" and has_grace(account):
        return not account.venue.is_below(verdict, account.venue.rates.close_out)
    return verdict.margin_equity >= verdict.maintenance


def has_grace(account: Account) -> bool:
    """Whether its method leaves time between a call and the liquidation."""
    return account.venue.rulebook.grace_ms(account.number) > 0


def _along(account: Account, move: _Move) -> list[Crossing]:
    judge, points = functools.cache(move.judge), tuple(move.points)
    found = []
    for line in LINES:

        def side(point: int, line: Line = line) -> bool:
            return holds(account, line, judge(point))

        at = first_crossing(move.start, points, side)
        standing = None if at is None else judge(at)
        found.append(Crossing(move.measure, move.of, line, move.direction, at, standing))
    return found


def _price_moves(account: Account, trials: Trials, coin: int) -> list[_Move]:
    catalogue, snapshot = account.venue.catalogue, account.venue.snapshot
    name, price = catalogue.coins[coin].id, snapshot.price[coin]

    def judge(at: int) -> ExactRequirement:
        return trials.judge(with_prices(catalogue, snapshot, {coin: at}))

    highest = max(int(price * min(reach(account, frozenset({coin})), FARTHEST)), price)
    lowest = max(price // FARTHEST, 1)
    return [
        _Move("price", name, "down", price, outward(price, lowest), judge),
        _Move("price", name, "up", price, outward(price, highest), judge),
    ]


def _sigmas(
    account: Account, coins: list[int], given: Mapping[str, float]
) -> tuple[dict[str, float], list[str]]:
    """Annual volatility of each underlying, given or implied at the money."""
    snapshot, found, notes = account.venue.snapshot, {}, []
    names = account.venue.catalogue.coins
    for coin in coins:
        name = names[coin].id
        alive = [s for s in snapshot.slices if s.coin == coin and s.expires_ms > snapshot.time_ms]
        if name in given:
            found[name] = float(given[name])
        elif alive:
            left = (alive[0].expires_ms - snapshot.time_ms) / YEAR_MS
            found[name] = float(volatility(alive[0], 0.0, left))
        else:
            notes.append(f"no joint distance: the volatility of {name} is not known")
    return found, notes


def _joint_moves(account: Account, trials: Trials, sigma: Mapping[int, float]) -> list[_Move]:
    catalogue, snapshot = account.venue.catalogue, account.venue.snapshot

    def judge(at: int) -> ExactRequirement:
        sigmas = at / SIGMA_ONE / math.sqrt(365.0)
        prices = {
            coin: max(round(snapshot.price[coin] * math.exp(sigmas * annual)), 1)
            for coin, annual in sigma.items()
        }
        return trials.judge(with_prices(catalogue, snapshot, prices))

    most = math.log(reach(account, frozenset(sigma))) * math.sqrt(365.0) / max(sigma.values())
    highest = min(int(most * SIGMA_ONE), SIGMAS_MAX * SIGMA_ONE)
    down = range(-SIGMA_STEP, -SIGMAS_MAX * SIGMA_ONE - 1, -SIGMA_STEP)
    return [
        _Move("sigma", "all underlyings", "down", 0, down, judge),
        _Move("sigma", "all underlyings", "up", 0, range(SIGMA_STEP, highest, SIGMA_STEP), judge),
    ]


def _volatility_moves(account: Account, trials: Trials) -> list[_Move]:
    snapshot = account.venue.snapshot

    def judge(at: int) -> ExactRequirement:
        return trials.judge(with_volatility(snapshot, at))

    down, up = outward(RATIO_ONE, VOLATILITY_LEAST), outward(RATIO_ONE, VOLATILITY_MOST)
    return [
        _Move("volatility", "every smile", "down", RATIO_ONE, down, judge),
        _Move("volatility", "every smile", "up", RATIO_ONE, up, judge),
    ]


def _last_expiry(account: Account) -> int:
    expiries = account.table.risk.expires_ms
    return max([0, *(int(expiries[asset]) for asset, _ in account.rows)])


def _in_time(account: Account, trials: Trials, last_ms: int) -> tuple[list[Crossing], list[str]]:
    """When a line is crossed if nothing moves: options decay, and settle at today's prices."""
    snapshot, notes = with_fitted_years(account.venue.snapshot), []
    start = snapshot.time_ms

    def judge(at: int) -> ExactRequirement:
        return trials.judge(replace(snapshot, time_ms=at), settled(account, at))

    step = max((last_ms - start) // TIME_STEPS, 1)
    points = [*range(start + step, last_ms, step), last_ms]
    priced: list[int] = []
    for point in points:
        try:
            judge(point)
        except PricingError as error:
            notes.append(f"time is followed for {(point - start) / _DAY_MS:.1f} days: {error}")
            break
        priced.append(point)
    return _along(account, _Move("time", "nothing", "up", start, priced, judge)), notes


def settled(account: Account, time_ms: int) -> Rows:
    """Fold the rows of contracts that have expired by a time into cash, at today's prices."""
    venue = account.venue
    catalogue, snapshot = venue.catalogue, venue.snapshot
    rows: dict[int, int] = {}
    for asset, held in account.rows:
        listed = catalogue.assets[asset]
        terms = catalogue.instruments[listed.instrument] if listed.instrument >= 0 else None
        target, atoms = asset, held
        if terms is not None and terms.expires_ms is not None and terms.expires_ms <= time_ms:
            target = listed.currency
            if listed.kind != Kind.QUOTE:
                index = snapshot.price[catalogue.coin(terms.base)]
                if terms.quote != catalogue.numeraire.id:
                    quote = snapshot.price[catalogue.coin(terms.quote)]
                    index = index * catalogue.numeraire.one // quote
                atoms = settlement_value(catalogue, listed.instrument, held, index)
        rows[target] = rows.get(target, 0) + atoms
    return sorted((asset, held) for asset, held in rows.items() if held)
