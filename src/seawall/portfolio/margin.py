"""What an account must hold, told in full: terms, scenarios, Greeks, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seawall.margin import ExactRequirement, Explanation
from seawall.margin.counted import CountedCoin, counted_coins
from seawall.money import RATIO_ONE, format_atoms
from seawall.portfolio.account import Account
from seawall.portfolio.greeks import Exposure, exposures


class Cell(msgspec.Struct, frozen=True):
    """One scenario of the method's grid and what the account gains in it, numeraire atoms."""

    move: int  # Parts per billion, before the coin's scale.
    volatility: int  # Parts per billion.
    weight: int  # Parts per billion.
    profit: tuple[int, ...]  # [coin of `MarginReport.coins`] weighted; add-ons are not in it.

    @property
    def total(self) -> int:
        """Over all coins."""
        return sum(self.profit)


class MarginReport(msgspec.Struct, frozen=True):
    """The verdict of one method on one account, and everything that leads to it."""

    name: str
    method: str
    state: str  # In words.
    told: Explanation
    quantities: dict[str, str]  # Asset id → quantity as a person writes it.
    refused: tuple[str, ...]  # Assets that the method cannot margin; it charges them as it says.
    coins: tuple[str, ...]  # Columns of the cells: coins that lose or gain in a scenario.
    cells: tuple[Cell, ...]  # Empty where the method has no scenarios.
    exposures: tuple[Exposure, ...]
    counted: tuple[CountedCoin, ...] = ()  # What each posted coin counts for.

    @property
    def requirement(self) -> ExactRequirement:
        """The verdict."""
        return self.told.requirement

    @property
    def headroom(self) -> tuple[int, int]:
        """Margin equity above the initial and above the maintenance margin."""
        need = self.requirement
        return need.margin_equity - need.initial, need.margin_equity - need.maintenance

    def worst(self, coin: int | None = None) -> int | None:
        """Number of the cell in which a column, or all together, loses most; None without loss."""
        profits = [cell.total if coin is None else cell.profit[coin] for cell in self.cells]
        lowest = min(profits, default=0)
        return profits.index(lowest) if lowest < 0 else None


def margin(account: Account) -> MarginReport:
    """Judge the account in integers and say why.

    >>> from seawall.portfolio import load
    >>> report = margin(load("examples/margin/portfolio.toml", method="portfolio"))
    >>> report.state, len(report.cells), report.coins
    ('below initial', 24, ('BTC', 'ETH'))
    """
    table, method = account.table, account.margin_method
    assets = account.venue.catalogue.assets
    told = method.explain(account.rows, table, [asset.id for asset in assets])
    coins, cells = _cells(account)
    return MarginReport(
        name=account.name,
        method=account.method,
        state=state_of(told.requirement),
        told=told,
        quantities={assets[a].id: format_atoms(q, assets[a].decimals) for a, q in account.rows},
        refused=tuple(assets[a].id for a in method.refuses(account.rows, table)),
        coins=coins,
        cells=cells,
        exposures=exposures(account),
        counted=counted_coins(method, account.rows, table),
    )


def compare(account: Account, methods: Iterable[str]) -> tuple[MarginReport, ...]:
    """Judge the same rows under several methods of the rulebook: what the book costs under each."""
    return tuple(margin(account.under(name)) for name in methods)


def state_of(need: ExactRequirement) -> str:
    """Say on which side of its two lines an account stands.

    >>> state_of(ExactRequirement(10, 9, 10, 9))
    'below initial'
    """
    if need.margin_equity < need.maintenance:
        return "below maintenance"
    return "below initial" if need.margin_equity < need.initial else "healthy"


def ratio_of(need: ExactRequirement) -> int | None:
    """Margin equity ÷ maintenance, cut to parts per billion; None where nothing is required."""
    if need.maintenance <= 0:
        return None
    return need.margin_equity * RATIO_ONE // need.maintenance


def _cells(account: Account) -> tuple[tuple[str, ...], tuple[Cell, ...]]:
    scenarios = account.margin_method.grid().scenarios
    table = account.table
    moving = [(asset, held) for asset, held in account.rows if table.moves(asset)]
    if not scenarios:
        return (), ()
    coins = sorted({table.coin[asset] for asset, _ in moving})
    profit = {coin: [0] * len(scenarios) for coin in coins}
    for asset, held in moving:
        column = profit[table.coin[asset]]
        for place, change in enumerate(table.change(asset)):
            column[place] += held * change
    cells = tuple(
        Cell(one.move, one.volatility, one.weight, tuple(profit[coin][place] for coin in coins))
        for place, one in enumerate(scenarios)
    )
    return tuple(table.risk.coins[coin] for coin in coins), cells
