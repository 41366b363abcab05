"""What an account must hold, told in full: terms, scenarios, Greeks, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seawall.margin import ExactRequirement, Explanation
from seawall.margin.counted import CountedCoin, counted_coins
from seawall.money import RATIO_ONE, format_atoms
from seawall.portfolio.account import Account, elsewhere
from seawall.portfolio.freshness import Doubt, doubts
from seawall.portfolio.greeks import Exposure, exposures
from seawall.pricing import Grid


class Cell(msgspec.Struct, frozen=True):
    """One scenario of the method's grid and what the account gains in it, numeraire atoms."""

    move: int  # Parts per billion, before the coin's scale.
    volatility: int  # Parts per billion.
    weight: int  # Parts per billion.
    profit: tuple[int, ...]  # [coin of `MarginReport.coins`] weighted; add-ons are not in it.
    moves: tuple[int, ...] = ()  # [coin] as far as each coin moves, parts per billion.
    volatilities: tuple[int, ...] = ()  # [coin] shock of each coin's volatility.
    tilt: int = 0  # How the smile turns: 0 not, 1 linear, 2 absolute in log-moneyness.

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
    doubts: tuple[Doubt, ...] = ()  # Positions that rest on old or unsure prices; they are counted.
    left_out: tuple[str, ...] = ()  # What an import could not read; it is not counted.

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
        doubts=doubts(account.venue, [asset for asset, _ in account.rows], account.watch),
        left_out=account.left_out,
    )


def compare(account: Account, methods: Iterable[str]) -> tuple[MarginReport, ...]:
    """Judge the same rows under several methods or presets: what the book costs under each."""
    methods = tuple(methods)
    account = elsewhere(account, methods)
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
    grid = account.margin_method.grid()
    table = account.table
    moving = [(asset, held) for asset, held in account.rows if table.moves(asset)]
    if not grid.scenarios:
        return (), ()
    coins = sorted({table.coin[asset] for asset, _ in moving})
    names = [table.risk.coins[coin] for coin in coins]
    profit = {coin: [0] * len(grid.scenarios) for coin in coins}
    for asset, held in moving:
        column = profit[table.coin[asset]]
        for place, change in enumerate(table.change(asset)):
            column[place] += held * change
    cells = tuple(
        Cell(
            one.move,
            one.volatility,
            one.weight,
            tuple(profit[coin][place] for coin in coins),
            tuple(_move(grid, place, name) for name in names),
            tuple(_shock(grid, place, name) for name in names),
            one.tilt,
        )
        for place, one in enumerate(grid.scenarios)
    )
    return tuple(names), cells


def _move(grid: Grid, place: int, coin: str) -> int:
    """How far a coin goes in a scenario: its own history before the scenario's move and scale."""
    own = dict(grid.history).get(coin)
    if own is not None:
        return own[place]
    return grid.scenarios[place].move * dict(grid.scale).get(coin, RATIO_ONE) // RATIO_ONE


def _shock(grid: Grid, place: int, coin: str) -> int:
    own = dict(grid.volatility_history).get(coin)
    return grid.scenarios[place].volatility if own is None else own[place]
