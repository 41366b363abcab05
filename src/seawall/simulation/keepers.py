"""Keepers: who looks for auctions, what they offer, and why they fail.

A keeper sees an auction some blocks late, reckons what it would earn after gas, and sends a
transaction or says why not. It is a function of what it sees and of a seed; it has no clock and no
dice. Knows the engine's events, not the mempool's insides.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from seawall.engine import Engine
from seawall.engine.event import AuctionBid, AuctionTaken
from seawall.engine.liquidating.auctions import price_now
from seawall.engine.liquidating.ways import cash_of
from seawall.engine.state.offers import BatchSale, Offer
from seawall.liquidation.exits.english import EnglishAuction
from seawall.liquidation.exits.sealed import SealedAuction
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.simulation.draws import uniform

GWEI = 10**9
ETHER = 10**18  # Wei.
GAS_OF_A_TAKE = 500_000
_STREAM = 71  # Of the seed, for what keepers think a thing is worth.


class Failure(enum.IntEnum):
    """Why a keeper did not get lots that were on offer."""

    UNDERPRICED = 1  # Its offer of gas is below what a block takes.
    OUT_OF_CAPITAL = 2  # It cannot carry a lot of it.
    NOT_PROFITABLE = 3  # After gas it would earn less than it wants.
    LATE = 4  # The auction was over, or somebody was before it.
    REVERTED = 5  # Included, and refused by the engine: the gas is spent.


class KeeperFailed(NamedTuple):
    """One failure, as a record; told once for each reason while it lasts."""

    block: int
    account: int
    auction: int
    reason: Failure
    detail: str = ""


class Keeper(NamedTuple):
    """One agent. Its capital is what its account holds at the venue."""

    account: int
    gas_price_max: int  # Most that it pays for a unit of gas, wei; it never offers more.
    profit_least: int  # Numeraire atoms, after gas.
    latency_blocks: int = 1  # Between what it sees and what it sends.
    discount: Decimal = Decimal("0.02")  # Below the mark at which lots are worth taking.
    bids_least: bool = False  # Where bids rise: the least that leads, in place of what it is worth.
    raises: bool = True  # Whether it replaces a transaction that waits by a dearer one.
    flash: bool = False  # Takes on borrowed money, through the pool.
    gas: int = GAS_OF_A_TAKE


class Wish(NamedTuple):
    """What a keeper would send for an auction, and what it thinks that it earns."""

    event: AuctionTaken | AuctionBid
    lots: int
    gain: int  # Numeraire atoms, before gas.


class Gas(NamedTuple):
    """What gas costs now."""

    base_fee: int  # Wei.
    ether_price: int  # Numeraire atoms.

    def cost(self, gas: int, price: int) -> int:
        """Numeraire atoms of some gas at a price in wei, rounded up."""
        return divide(gas * price * self.ether_price, ETHER, Rounding.UP)


def wish(engine: Engine, keeper: Keeper, offered: Offer, seed: int = 0) -> Wish | Failure | None:
    """What a keeper wants of an auction before gas is looked at; None where it leads already.

    A lot is worth mark · (1 ∓ discount) to it, spread by the seed so that no two think alike.
    """
    sale, side = offered.sale, offered.side
    if isinstance(sale, SealedAuction):
        return Failure.NOT_PROFITABLE  # A sealed bid has two steps; these keepers know one.
    waits = isinstance(sale, EnglishAuction | BatchSale)
    if waits and engine.venue.offers.binds(keeper.account) and _leads(sale, keeper.account):
        return None
    limit = _valued(engine, keeper, offered, seed)
    price = max(1, price_now(engine.venue, offered))
    if isinstance(sale, EnglishAuction) and keeper.bids_least:
        limit = min(limit, price)
    if side * (price - limit) < 0:
        return Failure.NOT_PROFITABLE
    lots = offered.lots if keeper.flash else _carried(engine, keeper, offered, limit)
    if lots < (offered.lots if isinstance(sale, EnglishAuction) else 1):
        return Failure.OUT_OF_CAPITAL
    gain = _gain(engine, offered, lots, limit if waits else price)
    fixed = {"time_ms": engine.time_ms, "auction": offered.number, "account": keeper.account}
    if waits:
        return Wish(AuctionBid(**fixed, price=limit, lots=lots), lots, gain)
    return Wish(AuctionTaken(**fixed, lots=lots, limit=limit, flash=keeper.flash), lots, gain)


def offer_of_gas(keeper: Keeper, wanted: Wish, gas: Gas) -> tuple[int, int] | Failure:
    """(most for a unit of gas, tip) in wei, or why it is not worth it.

    It offers twice the base fee, as wallets do, and a tenth of that as a tip, up to its own most.
    Whoever's most is below the base fee sends all the same and waits: like the keepers of 12 March
    2020 that never raised their offers.
    """
    most = min(keeper.gas_price_max, 2 * gas.base_fee)
    tip = max(1, most // 10)
    if wanted.gain - gas.cost(keeper.gas, min(most, gas.base_fee + tip)) < keeper.profit_least:
        return Failure.NOT_PROFITABLE
    return most, min(tip, most)


def open_offers(engine: Engine) -> list[Offer]:
    """Auctions that run, the oldest first."""
    offers = engine.venue.offers.open
    return [offers[number] for number in sorted(offers)]


def tally(failures: Iterable[KeeperFailed]) -> dict[Failure, int]:
    """How often each reason was told."""
    counts = dict.fromkeys(Failure, 0)
    for failure in failures:
        counts[failure.reason] += 1
    return counts


def _valued(engine: Engine, keeper: Keeper, offered: Offer, seed: int) -> int:
    """Price atoms that a lot is worth to a keeper, within a tenth of its discount."""
    index = np.array([keeper.account * 1_000_003 + offered.number], np.int64)
    spread = int(uniform(seed, _STREAM, index)[0] * 200) - 100  # Per mille of the discount.
    ratio = parse_ratio(keeper.discount) * (1000 + spread) // 1000
    mark = engine.venue.mark(offered.instrument)
    return mark * (RATIO_ONE + offered.side * ratio) // RATIO_ONE


def _leads(sale: EnglishAuction | BatchSale, account: int) -> bool:
    if isinstance(sale, EnglishAuction):
        return sale.bidder == account
    return any(order.trader == account for order in sale.orders)


def _gain(engine: Engine, offered: Offer, lots: int, price: int) -> int:
    """Numeraire atoms that lots at a price are worth beyond it, at the mark."""
    venue = engine.venue
    terms = venue.catalogue.instruments[offered.instrument]
    coin = venue.catalogue.coin(terms.settle)
    at_mark, at_price = (
        venue.worth(coin, cash_of(venue, offered.instrument, lots, told))
        for told in (venue.mark(offered.instrument), price)
    )
    gained = (at_price - at_mark) * offered.side
    return -gained if terms.is_sized_in_numeraire else gained


def _carried(engine: Engine, keeper: Keeper, offered: Offer, price: int) -> int:
    """Most lots for which its margin is enough, found by halves with the exact verdict."""
    venue = engine.venue
    account, catalogue = keeper.account, venue.catalogue
    number = int(venue.method[account])
    lot_asset = catalogue.lot_asset[offered.instrument]
    cash_asset = catalogue.cash_asset[offered.instrument]

    def carries(lots: int) -> bool:
        held = dict(venue.ledger.rows(account))
        cash = cash_of(venue, offered.instrument, lots, price)
        gets = -offered.side  # What the account sells, the keeper buys.
        inverse = catalogue.instruments[offered.instrument].is_sized_in_numeraire
        held[lot_asset] = held.get(lot_asset, 0) + gets * lots
        held[cash_asset] = held.get(cash_asset, 0) + gets * (cash if inverse else -cash)
        rows: Sequence[tuple[int, int]] = [(a, held[a]) for a in sorted(held) if held[a]]
        after = venue.methods[number].requirement_exact(rows, venue.tables.exact(number))
        return after.margin_equity >= after.initial

    low, high = 0, offered.lots
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if carries(middle) else (low, middle - 1)
    return low
