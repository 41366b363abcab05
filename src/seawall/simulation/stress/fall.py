"""One fall and thousands of them: a book of columns, a law for each coin, a shock in ticks.

Knows columns, laws and numbers. Does not know where the columns come from.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seawall.pricing import Floats, Ints
from seawall.simulation.stress.depth import StressError
from seawall.simulation.stress.judging import Columns, Rules, steepness
from seawall.systemic import LAWS

ROUNDS_KEPT = 32
TICKS_MOST = 500
BALANCED = 1e-6  # Of the notional of a round: floats, and walks that are differences of integrals.


class Books(NamedTuple):
    """The law of each coin as numbers, for the kernel. [coin, …]"""

    code: Ints
    numbers: Floats
    levels: Ints
    distance: Floats
    depth: Floats
    back: Floats  # Resilience of the coins that are not the driver.


class Ground(NamedTuple):
    """What a fall happens on."""

    columns: Columns
    rules: Rules
    books: Books
    beta: Floats  # [coin] how far each follows the driver, impact included.


class Fall(NamedTuple):
    """What is asked, beside the ground."""

    shock: float  # Relative, of the driver.
    depth: float = 1.0  # Share of every law's depth that is there.
    resilience: float = 0.0  # Share of its displacement that comes back after a round or a tick.
    book_share: float = 1.0  # Of forced units, the share that reaches a book.
    ticks: int = 1  # In which the shock comes; 1 is a gap.


class Fallen(NamedTuple):
    """Where one or many falls end; prices and units of the driver. [run]"""

    final: Floats
    worst: Floats  # The price farthest from today's.
    average: Floats  # What a forced unit was traded at.
    accounts: Ints  # That something was taken from.
    forced: Floats  # Units, positive where the shock forces them.
    notional: Floats  # Forced in every coin. Numeraire, as all that follows.
    rounds: Ints
    bad_debt: Floats
    slipped: Floats  # Lost to the books: from prices without sales to those of trades and the end.
    fees: Floats
    lost: Floats  # By those accounts since today, what they cannot pay included.
    margin: Floats  # Their equity today.
    owed: Floats  # [run, coin] bad debt by the coin that is owed.
    ends: Floats  # [run, coin] final prices.
    path: Floats  # [run, tick] today, then after each tick; of one tick: shocked, then by round.


class Trades(NamedTuple):
    """What one fall forced, in order, with a line for each fee. [trade]"""

    account: Ints
    time: Ints  # Tick; of a gap, round.
    coin: Ints
    units: Floats  # Coins; below zero: bought.
    price: Floats
    notional: Floats
    row: Ints  # Of the columns, or one of the two below.
    lots: Floats
    settle: Ints  # Coin in which the account is paid,
    paid: Floats  # and how many of it.


COIN_SALE, FEE = -1, -2  # Instead of a row.
_LOGGED = len(Trades._fields)
_WHOLE = frozenset({"account", "time", "coin", "row", "settle"})
_ROUNDED = 1e-12
State = tuple[Floats, Floats, Floats]  # Lots by row; coins and quotes by account.


class Traced(NamedTuple):
    """One fall with everything that it left."""

    fallen: Fallen
    trades: Trades
    equity: Floats  # [account] at the end, below zero where it owes.
    driver: int
    price: float  # Of the driver, today.


def books_of(
    coins: Sequence[str], laws: Mapping[str, LAWS], back: Mapping[str, float] | None = None
) -> Books:
    """Laws by coin as columns; a coin without one is moved by no sale."""
    from seawall.systemic import Linear

    told = [laws.get(coin, Linear(0.0)).compiled() for coin in coins]
    most = max(len(one.distance) for one in told)
    distance, depth = np.zeros((2, len(told), max(most, 1)))
    for place, one in enumerate(told):
        distance[place, : len(one.distance)] = one.distance
        depth[place, : len(one.depth)] = one.depth
    return Books(
        code=np.array([one.code for one in told], np.int64),
        numbers=np.array([(one.first, one.second, one.third) for one in told], np.float64),
        levels=np.array([len(one.distance) for one in told], np.int64),
        distance=distance,
        depth=depth,
        back=np.array([(back or {}).get(coin, 0.0) for coin in coins]),
    )


def fall(
    ground: Ground,
    shock: Floats,
    depth: Floats,
    resilience: Floats,
    book_share: float = 1.0,
    ticks: int = 1,
) -> Fallen:
    """Run every fall of three columns of one length. The same bits, one alone or with others."""
    return _run(ground, shock, depth, resilience, book_share, ticks, np.empty((0, 6)))[0]


def one(ground: Ground, asked: Fall) -> Fallen:
    """A single fall, as columns of one."""
    shock, depth, resilience = (np.array([number]) for number in asked[:3])
    return fall(ground, shock, depth, resilience, asked.book_share, asked.ticks)


def traced(ground: Ground, asked: Fall) -> Traced:
    """A single fall and its trades; every asset is checked to add up over all of them."""
    shock, depth, resilience = (np.array([number]) for number in asked[:3])
    columns = ground.columns
    size = 4 * (columns.lots.size + columns.equity.size) + 64
    while True:
        log = np.zeros((size, _LOGGED))
        fallen, state, count = _run(
            ground, shock, depth, resilience, asked.book_share, asked.ticks, log
        )
        if count < size:
            break
        size *= 4
    numbers = log[:count].T
    kinds = [np.int64 if name in _WHOLE else np.float64 for name in Trades._fields]
    trades = Trades(*(one.astype(kind) for one, kind in zip(numbers, kinds, strict=True)))
    equity = np.empty(columns.equity.size)
    _judges().worths(columns, state, fallen.ends[0], equity)
    conserve(columns, trades, state)
    price = float(columns.price[columns.driver])
    return Traced(fallen, trades, equity, columns.driver, price)


def conserve(columns: Columns, trades: Trades, state: State) -> None:
    """Refuse a fall in which something appeared or went.

    Of each contract, lots of all accounts and of all takers are what they were; of each coin what
    accounts hold, what takers paid and what fees took are, too.
    """
    lots, coins, quotes = state
    taken = trades.row >= 0
    asset = columns.asset[trades.row[taken]]
    for number in np.unique(columns.asset):
        own = columns.asset == number
        gone = (columns.lots[own] - lots[own]).sum()
        came = trades.lots[taken][asset == number].sum()
        size = np.abs(columns.lots[own]).sum()
        _held(abs(gone - came) <= _ROUNDED * size, f"lots of asset {number} add up")
    for coin in range(columns.price.size):
        gone = (
            coins[:, coin] + quotes[:, coin] - columns.held[:, coin] - columns.quotes[:, coin]
        ).sum()
        came = trades.paid[trades.settle == coin].sum()
        came -= trades.lots[(trades.row == COIN_SALE) & (trades.coin == coin)].sum()
        size = np.abs(trades.paid).sum() + np.abs(columns.quotes[:, coin]).sum()
        size += np.abs(columns.held[:, coin]).sum()
        _held(abs(gone - came) <= _ROUNDED * size, f"what is held of coin {coin} adds up")


def _held(right: bool, said: str) -> None:
    """An assertion that production keeps."""
    if not right:
        raise AssertionError(said)


def _fresh(columns: Columns) -> State:
    return columns.lots.copy(), columns.held.copy(), columns.quotes.copy()


def _run(
    ground: Ground,
    shock: Floats,
    depth: Floats,
    resilience: Floats,
    book_share: float,
    ticks: int,
    log: Floats,
) -> tuple[Fallen, State, int]:
    if not (shock > -1.0).all():
        raise StressError(f"shock: a price cannot fall by all it is worth, not {shock.min()}")
    if not 1 <= ticks <= TICKS_MOST:
        raise StressError(f"ticks: must lie in 1 … {TICKS_MOST}, not {ticks}")
    columns, coins, runs = ground.columns, ground.columns.price.size, shock.size
    state = _fresh(columns)
    out, owed, ends = np.empty((12, runs)), np.empty((runs, coins)), np.empty((runs, coins))
    paths = np.empty((runs, ROUNDS_KEPT if ticks == 1 else ticks + 1))
    asked = (
        np.ascontiguousarray(shock, np.float64),
        np.ascontiguousarray(book_share / depth),
        np.ascontiguousarray(resilience, np.float64),
        ticks,
    )
    scratch, results = _scratch(columns), (out, paths, ends, owed)
    terms = (columns, ground.rules, ground.books, asked, ground.beta)
    written = _kernels().falls(*terms, state, scratch, results, log)
    _held(
        not (out[11][np.isfinite(out[1])] > BALANCED).any(),
        f"a round adds up: {out[11].max():.3g} of its notional is missing",
    )
    fallen = Fallen(
        final=out[1],
        worst=out[2],
        average=out[3],
        accounts=out[0].astype(np.int64),
        forced=out[5] * np.where(shock > 0.0, -1.0, 1.0),
        notional=out[6],
        rounds=out[4].astype(np.int64),
        bad_debt=owed.sum(axis=1),
        slipped=out[7],
        fees=out[8],
        lost=out[10],
        margin=out[9],
        owed=owed,
        ends=ends,
        path=paths,
    )
    return fallen, state, written


def _scratch(columns: Columns) -> tuple[Any, ...]:
    """Room for the kernel, once for all runs."""
    coins, accounts = columns.price.size, columns.equity.size
    view = (
        np.zeros(coins), np.zeros(coins, np.int64), np.zeros(coins), np.zeros(coins, np.int64),
        np.zeros(coins),
    )  # fmt: skip
    moved, prices, starts, averages = np.zeros((4, coins))
    marks = (np.zeros(accounts), np.zeros(accounts, np.int8))
    trades = np.zeros((columns.lots.size + accounts + 1, 6))
    wanted = np.zeros(int(columns.count.max(initial=0)) + 1)
    due, seen = np.zeros(accounts, np.int64), np.zeros(accounts, np.bool_)
    sold = np.zeros((coins, 2))
    ways, today = ((np.zeros(accounts), *np.zeros((3, accounts, coins))) for _ in range(2))
    books = view, moved, sold, prices, starts, averages
    return *books, marks, due, trades, wanted, seen, steepness(columns), ways, today


@functools.cache
def _kernels() -> Any:
    from seawall.simulation.stress import _kernels

    return _kernels


@functools.cache
def _judges() -> Any:
    from seawall.simulation.stress.judging import _kernels

    return _kernels
