"""The small world: one venue, one coin, one book, whole closes; what a fast path is compared with.

It has only what columns can repeat exactly: a linear book whose depth does not move, nobody who
acts, no fee, a fund that pays whatever is owed, and every position closed whole in the step in
which it is breached. `columns` is that world before its first step, `closes` what the engine then
did, in the order in which it did it; a fast path on the same columns must tell the same.
"""

from __future__ import annotations

from typing import NamedTuple

from seawall.engine.effect import Liquidated
from seawall.simulation.world.report import WorldReport
from seawall.simulation.world.scenario import WorldScenario, read
from seawall.simulation.world.world import World

SMALL_RULES = """
format = 1
name = "small"
version = "2025-10-10.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.isolated = { method = "tiered", brackets.BTC = [
  { above = 0, initial = 0.02, maintenance = 0.01 },
] }
liquidation = { order = "listed", slippage_ratio = 0.5, fee_ratio = 0, size = { size = "full" }, \
price = { price = "oracle", away = 0.5 } }
"""
SMALL = """
name = "small"
steps = 60
[[coins]]
id = "USDC"
follows = "USD"
[[coins]]
id = "BTC"
price = 60_000
volatility = 0.002
shocks = [{ step = 10, size = -0.06, over = 10 }]
[[books]]
id = "BTC"
coin = "BTC"
permanent = 1
reach = 0.5
makers = [{ name = "street", depth = 100_000_000 }]
[[venues]]
name = "perps"
rules = '''RULES'''
maker_method = "isolated"
books = { BTC = "BTC" }
fund = { USDC = 100_000_000 }
contracts = [{ id = "BTC/USDC:USDC", base = "BTC", lot = 0.001, tick = 0.01 }]
[[traders]]
name = "trader"
venue = "perps"
contract = "BTC/USDC:USDC"
method = "isolated"
count = 40
long_share = 0.8
smallest = 20_000
largest = 2_000_000
leverage = [[8, 0.3], [12, 0.3], [25, 0.4]]
"""


MAINTENANCE, INITIAL = 10_000_000, 20_000_000  # Of the rules above, parts per billion.


class SmallColumns(NamedTuple):
    """The small world as columns, before its first step; integers all."""

    outside: tuple[int, ...]  # [step] price of the coin by itself, price atoms.
    lots: tuple[int, ...]  # [account] signed.
    quote: tuple[int, ...]  # [account] atoms of USDC in the contract's cash leg.
    cash: tuple[int, ...]  # [account] atoms of USDC.
    lot: int  # Atoms of the coin in a lot.
    coin_one: int  # Atoms in a coin.
    cash_one: int
    tick: int  # Price atoms.
    maintenance: int  # Parts per billion of notional; so with the next.
    initial: int
    depth: int  # Numeraire atoms that are a pressure of 1: the price falls by all of itself.


class Closed(NamedTuple):
    """One fill of a forced order."""

    step: int
    account: int  # Place in the columns.
    lots: int  # Signed as wanted.
    price: int
    notional: int  # Numeraire atoms.


def small_scenario(**changes: int) -> WorldScenario:
    """The small world's scenario; `count` and `steps` may be others."""
    text = SMALL.replace("RULES", SMALL_RULES)
    for key, value in changes.items():
        before = {"count": "count = 40", "steps": "steps = 60"}[key]
        text = text.replace(before, f"{key} = {value}")
    return read(text, "small")


def small_world(seed: int, *, impact: bool = True, **changes: int) -> World:
    """The small world of a seed, before its first step.

    >>> small_world(1).run().state_hash == small_world(1).run().state_hash
    True
    """
    return World(seed, small_scenario(**changes), impact=impact)


def columns(world: World) -> SmallColumns:
    """A small world as columns; ask before its first step."""
    assert world.step_number == 0, "the columns are those of the beginning"
    door, (crowd,) = world.doors["perps"], world.crowds
    ledger, catalogue = door.engine.ledger, door.catalogue
    terms = door.instruments[0]
    cash = catalogue.coin(terms.settle)

    def held(asset: int) -> tuple[int, ...]:
        return tuple(ledger.balance(account, asset) for account in crowd.account.tolist())

    return SmallColumns(
        world.courses["BTC"],
        held(catalogue.lot_asset[0]),
        held(catalogue.cash_asset[0]),
        held(cash),
        terms.lot,
        catalogue.coins[catalogue.coin("BTC")].one,
        catalogue.coins[cash].one,
        terms.tick,
        MAINTENANCE,
        INITIAL,
        world.books["BTC"].depth,
    )


def closes(world: World) -> tuple[WorldReport, tuple[Closed, ...]]:
    """Run a small world and tell every forced fill, in order."""
    door, (crowd,) = world.doors["perps"], world.crowds
    place = {account: number for number, account in enumerate(crowd.account.tolist())}
    found = tuple(
        Closed(step, place.get(one.account, -1), one.lots, one.price, one.notional)
        for step, one in _fills(world)
    )
    assert door.choice.name == "perps", "the small world has one venue"
    return world.report(), found


def _fills(world: World) -> list[tuple[int, Liquidated]]:
    door = world.doors["perps"]
    found: list[tuple[int, Liquidated]] = []
    while world.step_number < world.scenario.steps:
        before = len(door.settled)
        world.step()
        fresh = door.settled[before:]
        found += [(world.step_number, one) for one in fresh if isinstance(one, Liquidated)]
    world.check()
    return found
