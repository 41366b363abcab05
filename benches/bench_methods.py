"""Every batched margin method on a million accounts, as a multiple of the plain sweep beside it.

The plain sweep is `Scan` with netting "all" over 32 scenarios; the others read the same rows and
the same table. A venue's portfolio margin stands beside a plain sweep of its own table, with as
many scenarios. All alternate in one run and the best of seven counts. Then implied volatility, and
the margin of one account of twenty positions through the library. Run it as a script, with --json
for a machine.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from bench_sweep import SCENARIOS, aligned, book
from seawall.margin import (
    Bracket,
    DeribitPortfolio,
    DerivePortfolioMargin,
    ExactTable,
    Holdings,
    Lending,
    Lent,
    Scan,
    Tiered,
    TieredBySize,
    holdings_of,
)
from seawall.margin.deribit.columns import PairRates, SettlementRates
from seawall.margin.derive import PRESETS
from seawall.margin.listed.venues import VENUES
from seawall.market import Kind
from seawall.pricing import RiskTable, black_price, implied_volatility
from seawall.pricing.table import Quotes

ROUNDS = 7
DAY_MS = 86_400_000
OPTIONS = 1_000_000
COINS = ("BTC", "ETH", "SOL")
Portfolio = DeribitPortfolio | DerivePortfolioMargin


def quoted(risk: RiskTable) -> RiskTable:
    """The table of the sweep, with a third of its assets options."""
    dice = np.random.default_rng(3)
    assets = len(risk.value)
    kind = np.where(np.arange(assets) % 3 == 0, Kind.OPTION, Kind.LINEAR).astype(np.int8)
    ones, price = np.ones(assets), np.full(3, 6e14)
    return risk._replace(
        kind=kind,
        strike=np.floor(6e14 * dice.uniform(0.7, 1.3, assets)),
        is_call=(dice.random(assets) < 0.5).astype(np.int8),
        quotes=Quotes(np.full(assets, 0.001), np.full(assets, 6e14), ones, ones, ones, ones, price),
    )


def methods() -> dict[str, object]:
    moves = tuple(Decimal(n) / 100 for n in range(1, SCENARIOS + 1))
    lines = tuple(
        Bracket(Decimal(above), Decimal(rate), Decimal(rate) / 2)
        for above, rate in ((0, "0.01"), (50_000, "0.02"), (250_000, "0.05"), (1_000_000, "0.1"))
    )
    brackets = dict.fromkeys(COINS, lines)
    standard = VENUES["deribit"].method
    return {
        "plain_sweep": Scan(moves=moves, netting="all"),
        "tiered": Tiered(brackets=brackets),
        "tiered_by_size": TieredBySize(brackets=brackets, close_fee=Decimal("0.0005")),
        "standard": standard,
        "scan_by_coin": Scan(moves=moves, short_option_minimum=Decimal("0.01")),
        "lending": Lending(coins={coin: Lent(Decimal("0.75"), Decimal("0.8")) for coin in COINS}),
    }


def portfolios() -> dict[str, Portfolio]:
    """Deribit's numbers of 2026 for each coin, and Derive's main net."""
    pair = PairRates(
        *map(Decimal, ("0.16", "0.5", "0.25")),
        m_inc=Decimal("0.00005"),
    )
    settled = SettlementRates(Decimal("0.075"), Decimal("0.01"), Decimal(100_000))
    return {
        "deribit_pm": DeribitPortfolio(
            pairs=dict.fromkeys(COINS, pair), currencies={"USDC": settled}
        ),
        "derive_pm": DerivePortfolioMargin(terms=PRESETS["derive_portfolio"], coins=COINS),
    }


def answered(risk: RiskTable, scenarios: int) -> RiskTable:
    """The table with other scenarios, six weekly expiries of options, settled in a dollar."""
    assets = len(risk.value)
    dice = np.random.default_rng(5)
    change = aligned(assets, -(-scenarios // 32) * 32)
    change[:, :scenarios] = dice.integers(-(10**9), 10**9, (assets, scenarios))
    change[:, scenarios:] = change[:, :1]
    weeks = np.where(risk.kind == Kind.OPTION, 1 + np.arange(assets) // 3 % 6, 0)
    quotes = risk.quotes._replace(
        years=weeks * 7 / 365,
        price=np.array([1e10, 6e14, 6e14, 6e14]),
        settles=np.zeros(assets, np.int32),
    )
    return risk._replace(
        change=change,
        bound=np.maximum(risk.value, np.abs(change).max(axis=1)),
        coin=risk.coin + np.int32(1),
        coins=("USDC", *COINS),
        expires_ms=weeks * 7 * DAY_MS,
        scenarios=scenarios,
        quotes=quotes,
    )


def two_coins(holdings: Holdings, table: RiskTable) -> Holdings:
    """As many rows, at random among two coins, sorted by coin and expiry: fourteen groups."""
    known = np.flatnonzero(table.coin != len(COINS))
    order = known[np.lexsort((table.expires_ms[known], table.coin[known]))]
    dice = np.random.default_rng(4)
    chosen = dice.integers(0, order.size, (len(holdings.start), int(holdings.count[0])))
    rows = order[np.sort(chosen, axis=1)].astype(np.int32)
    return holdings._replace(asset=rows.ravel())


def one_thread(holdings: Holdings) -> Holdings:
    """So many of the accounts that a second thread is not used."""
    return holdings._replace(start=holdings.start[:150_000], count=holdings.count[:150_000])


def beside_own_sweep(holdings: Holdings, risk: RiskTable) -> dict[str, dict[str, float]]:
    """Each portfolio margin on a table of its own, and the plain sweep of that table."""
    found = {}
    for name, method in portfolios().items():
        count = len(method.grid().scenarios)
        table = answered(risk, count)
        two = two_coins(holdings, table)
        books = {
            name: holdings,
            f"{name}, one thread": one_thread(holdings),
            f"{name}, two coins": two,
            f"{name}, two coins, one thread": one_thread(two),
        }
        for book_name, held in books.items():
            found[book_name] = beside(method, held, table)
    return found


def beside(method: Portfolio, holdings: Holdings, table: RiskTable) -> dict[str, float]:
    """A method and the plain sweep of its table, alternating."""
    moves = tuple(Decimal(n) / 100 for n in range(1, table.scenarios + 1))
    sweep = Scan(moves=moves, netting="all")
    times = best(
        {
            "plain_sweep": lambda: sweep.requirement(holdings, table),
            "method": lambda: method.requirement(holdings, table),
        }
    )
    return {
        "scenarios": float(table.scenarios),
        "plain_sweep_ms": times["plain_sweep"] * 1e3,
        "ms": times["method"] * 1e3,
        "times_the_plain_sweep": times["method"] / times["plain_sweep"],
    }


def best(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    times: dict[str, float] = {}
    for turn in range(ROUNDS + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if turn:
                times[name] = min(times.get(name, 1e9), time.perf_counter() - began)
    return times


def implied() -> float:
    """Implied volatilities a second on one core."""
    dice = np.random.default_rng(1)
    strike = 60_000 * np.exp(dice.normal(0, 0.25, OPTIONS))
    volatility, years = dice.uniform(0.2, 1.5, OPTIONS), dice.uniform(1 / 365, 1, OPTIONS)
    call = strike > 60_000
    price = black_price(60_000, strike, volatility, years, 1.0, call)
    sides = {"all": lambda: implied_volatility(price, 60_000, strike, years, 1.0, call)}
    return OPTIONS / best(sides)["all"]


def alone(holdings: Holdings, risk: RiskTable) -> float:
    """Screen, verdict and explanation of one account of twenty positions, seconds."""
    rows = [(asset * 40, 1 + asset) for asset in range(20)]
    method, table = methods()["scan_by_coin"], ExactTable(risk)
    names = [str(asset) for asset in range(len(risk.value))]
    one = holdings_of([rows])

    def ask() -> None:
        for _ in range(100):
            method.requirement(one, risk)
            method.requirement_exact(rows, table)
            method.explain(rows, table, names)

    return best({"ask": ask})["ask"] / 100


def run(accounts: int = 1_000_000, rows: int = 8) -> dict[str, object]:
    holdings, risk = book(accounts, rows, 1000)
    risk = quoted(risk)
    times = best(
        {
            name: (lambda method=method: method.requirement(holdings, risk))
            for name, method in methods().items()
        }
    )
    sweep = times["plain_sweep"]
    return {
        "accounts": accounts,
        "milliseconds": {name: taken * 1e3 for name, taken in times.items()},
        "times_the_plain_sweep": {name: taken / sweep for name, taken in times.items()},
        "beside_the_sweep_of_its_own_table": beside_own_sweep(holdings, risk),
        "implied_volatilities_a_second": implied(),
        "one_account_of_20_ms": alone(holdings, risk) * 1e3,
    }


def main() -> None:
    """Print a table, or JSON with --json."""
    measured = run()
    if "--json" in sys.argv:
        print(json.dumps(measured))
        return
    for name, number in measured.items():
        print(name, number)


if __name__ == "__main__":
    main()
