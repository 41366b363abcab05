"""Desks under portfolio margin: named strategies of perpetuals and options.

A desk trades one coin. Its size is the notional of its largest leg; each strategy is a list of
legs as shares of that size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seawall.market import Catalogue
from seawall.pricing import Floats, Ints
from seawall.simulation.bars import ScenarioError
from seawall.simulation.draws import chosen, pareto, uniform
from seawall.simulation.population import (
    PRICE_ONE,
    Market,
    Rows,
    capped_leverage,
    collateral_rows,
    perpetual_rows,
)
from seawall.simulation.scenario import DeskChoice


class Leg(NamedTuple):
    """One leg: what it is, its signed size, where its strike lies, and how much later it ends."""

    kind: str  # "perpetual", "call" or "put".
    size: float  # Of the desk's size; positive is long.
    strike: float = 0.0  # Distance from the price, in units of the desk's drawn moneyness.
    later: int = 0  # Expiries after the drawn one.


STRATEGIES: dict[str, tuple[Leg, ...]] = {
    "put_seller": (Leg("put", -1.0, -1.0),),
    "short_strangle": (Leg("put", -1.0, -1.0), Leg("call", -1.0, 1.0)),
    "covered_call": (Leg("perpetual", 1.0), Leg("call", -1.0, 1.0)),
    "protective_put": (Leg("perpetual", 1.0), Leg("put", 1.0, -1.0)),
    "collar": (Leg("perpetual", 1.0), Leg("put", 1.0, -1.0), Leg("call", -1.0, 1.0)),
    "put_spread": (Leg("put", 1.0, -0.5), Leg("put", -1.0, -1.5)),
    "calendar": (Leg("put", -1.0, -1.0), Leg("put", 1.0, -1.0, 2)),
    "directional": (Leg("perpetual", 1.0),),
    "short_hedged": (Leg("perpetual", -1.0), Leg("call", 1.0, 1.0)),
}


class ChainGrid(NamedTuple):
    """The options of one coin: instrument by (expiry, strike, right)."""

    expires: tuple[int, ...]
    strikes: Floats  # [strike] numeraire.
    instrument: Ints  # [expiry, strike, right] 0 call, 1 put; -1 where none is listed.


def chain_grid(catalogue: Catalogue, coin: str) -> ChainGrid:
    """Lay out the listed options of a coin."""
    options = [
        (number, one)
        for number, one in enumerate(catalogue.instruments)
        if one.type == "option" and one.base == coin
    ]
    expires = sorted({one.expires_ms or 0 for _, one in options})
    strikes = sorted({one.strike or 0 for _, one in options})
    grid = np.full((len(expires), len(strikes), 2), -1, np.int64)
    for number, one in options:
        right = 0 if one.right == "call" else 1
        grid[expires.index(one.expires_ms or 0), strikes.index(one.strike or 0), right] = number
    return ChainGrid(tuple(expires), np.array(strikes) / PRICE_ONE, grid)


def desk_rows(rows: Rows, market: Market, desks: DeskChoice, account: Ints, stream: int) -> None:
    """The legs and the cash of every desk."""
    unknown = [name for name, _ in desks.strategies if name not in STRATEGIES]
    if unknown:
        raise ScenarioError(f"$.population.desks.strategies: {unknown[0]} is not a strategy")

    def draw(number: int) -> Floats:
        return uniform(market.seed, stream + number, account)

    size = pareto(draw(0), float(desks.smallest), float(desks.largest), float(desks.tail))
    leverage = capped_leverage(draw(1), size, desks.leverage, ())
    margin = size / leverage * (1.0 + float(desks.cushion) * draw(2))
    strategy = chosen(draw(3), [share for _, share in desks.strategies])
    coin = chosen(draw(4), [share for _, share in desks.instruments])
    expiry = chosen(draw(5), desks.expiries)
    near, far = (float(edge) for edge in desks.moneyness)
    away = near + (far - near) * draw(6)
    entry = 1.0 + market.entry_spread * (draw(7) + draw(8) - 1.0)
    profit = np.zeros(len(account))
    for number, (name, _) in enumerate(desks.instruments):
        perpetual = market.catalogue.instrument(name)
        grid = chain_grid(market.catalogue, market.catalogue.instruments[perpetual].base)
        for kind, (title, _) in enumerate(desks.strategies):
            mine = (coin == number) & (strategy == kind)
            for leg in STRATEGIES[title]:
                if leg.kind == "perpetual":
                    worth = leg.size * size[mine]
                    profit[mine] += perpetual_rows(
                        rows, market, perpetual, account[mine], worth, entry[mine]
                    )
                elif len(grid.expires):
                    _option_rows(
                        rows, market, grid, leg, account[mine], size[mine], expiry[mine], away[mine]
                    )
    cash = np.zeros(len(account), np.int64)
    collateral_rows(rows, market, account, cash, margin, profit)


def _option_rows(
    rows: Rows,
    market: Market,
    grid: ChainGrid,
    leg: Leg,
    account: Ints,
    size: Floats,
    expiry: Ints,
    away: Floats,
) -> None:
    catalogue = market.catalogue
    terms = catalogue.instruments[int(grid.instrument[0, 0, 0])]
    coin = catalogue.coin(terms.base)
    price = market.price[coin] / PRICE_ONE
    wanted = price * (1.0 + leg.strike * away)
    strike = np.abs(grid.strikes[None, :] - wanted[:, None]).argmin(axis=1)
    late = np.minimum(expiry + leg.later, len(grid.expires) - 1)
    instrument = grid.instrument[late, strike, 0 if leg.kind == "call" else 1]
    lots = np.maximum(np.floor(size / (price * terms.lot / catalogue.coins[coin].one)), 1.0)
    signed = (lots if leg.size > 0 else -lots).astype(np.int64)
    lot_asset = np.array(catalogue.lot_asset, np.int64)
    rows.add(account, lot_asset[instrument], signed)
