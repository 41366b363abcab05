"""The accounts of a scenario: who holds what when the venue opens, a function of the seed alone.

Retail with isolated or cross margin, desks with portfolio margin, and market makers who hold the
other side of everybody, so that each contract's lots and quotes sum to zero. Positions were opened
at prices around the opening price; collateral is what the leverage asks for at the opening price.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.market import Catalogue
from seawall.money import RATIO_ONE
from seawall.pricing import Floats, Ints
from seawall.simulation.bars import ScenarioError
from seawall.simulation.draws import chosen, pareto, uniform
from seawall.simulation.scenario import PopulationChoice, RetailChoice, Scenario

LEAST_COLLATERAL = 0.1  # Of the margin of the leverage, however large the profit.
PRICE_ONE = 10**10


class Population(NamedTuple):
    """Accounts by number from the first user, and their rows in the order of accounts."""

    names: tuple[str, ...]
    methods: tuple[str, ...]
    account: NDArray[np.int32]  # [row] number in the ledger.
    asset: NDArray[np.int32]  # [row]
    quantity: Ints  # [row] lots or atoms.

    def columns(self) -> tuple[bytes, bytes, bytes]:
        """The rows as the journal keeps them: little-endian int32, int32, int64."""
        return (
            self.account.astype("<i4").tobytes(),
            self.asset.astype("<i4").tobytes(),
            self.quantity.astype("<i8").tobytes(),
        )


class Market(NamedTuple):
    """What a generator must know of the venue at its opening."""

    catalogue: Catalogue
    price: tuple[int, ...]  # [coin] price atoms.
    haircut: tuple[int, ...]  # [coin] parts per billion.
    seed: int
    entry_spread: float


class Rows:
    """Rows that are being collected."""

    def __init__(self) -> None:
        self.account: list[Ints] = []
        self.asset: list[Ints] = []
        self.quantity: list[Ints] = []

    def add(self, account: Ints, asset: Ints | int, quantity: Ints) -> None:
        """Add a row for each account; rows of nothing are left out."""
        asset = np.broadcast_to(np.asarray(asset, np.int64), account.shape)
        keep = quantity != 0
        self.account.append(account[keep])
        self.asset.append(asset[keep])
        self.quantity.append(quantity[keep])

    def joined(self) -> tuple[Ints, Ints, Ints]:
        """All rows in the order in which they were added."""
        return tuple(np.concatenate(c) for c in (self.account, self.asset, self.quantity))  # type: ignore[return-value]


def generate(
    scenario: Scenario,
    catalogue: Catalogue,
    price: tuple[int, ...],
    haircut: tuple[int, ...],
    first_account: int = 6,
) -> Population:
    """The accounts of a scenario at its opening prices. Same arguments, same bytes."""
    from seawall.simulation.population_desks import desk_rows

    people = scenario.population
    market = Market(catalogue, price, haircut, scenario.seed, float(people.entry_spread))
    numbers = _numbers(people)
    ends = np.cumsum([0, *numbers.values()]) + first_account
    blocks = [np.arange(ends[i], ends[i + 1], dtype=np.int64) for i in range(len(numbers))]
    rows = Rows()
    retail_rows(rows, market, people.isolated, blocks[0], stream=100)
    retail_rows(rows, market, people.cross, blocks[1], stream=200)
    desk_rows(rows, market, people.desks, blocks[2], stream=300)
    _maker_rows(rows, market, float(people.makers.capital), blocks[3])
    account, asset, quantity = rows.joined()
    order = np.lexsort((asset, account))
    methods = (people.isolated.method, people.cross.method, people.desks.method)
    return Population(
        tuple(f"{kind}-{i:06d}" for kind, n in numbers.items() for i in range(n)),
        tuple(
            method
            for method, n in zip((*methods, people.makers.method), numbers.values(), strict=True)
            for _ in range(n)
        ),
        account[order].astype(np.int32),
        asset[order].astype(np.int32),
        quantity[order],
    )


def perpetual_rows(
    rows: Rows, market: Market, instrument: int, account: Ints, worth: Floats, entry: Floats
) -> Floats:
    """Positions in one linear or inverse contract; returns their unrealised profit.

    `worth` is the signed notional in numeraire, positive long; `entry` the price paid as a ratio
    of the opening price. Lots are at least one; the quote is rounded against the user.
    """
    catalogue = market.catalogue
    terms = catalogue.instruments[instrument]
    coin = catalogue.coin(terms.base)
    ticks = np.maximum(np.rint(entry * (market.price[coin] / terms.tick)), 1.0)
    price = market.price[coin] / PRICE_ONE
    paid = ticks * (terms.tick / PRICE_ONE)
    one = catalogue.coins[catalogue.coin(terms.settle)].one
    if terms.inverse:
        size = terms.lot / PRICE_ONE
        lots = _lots(worth, size)
        # Coins on each side are lots × face ÷ price; a long account's quote is positive.
        scale = terms.lot * one // terms.tick
        quote = (lots * scale) // ticks.astype(np.int64)
        profit = lots * size * (price / paid - 1.0)
    else:
        size = terms.lot / catalogue.coins[coin].one
        lots = _lots(worth, size * price)
        step, rest = divmod(
            terms.lot * terms.tick * one, catalogue.coins[coin].one * catalogue.numeraire.one
        )
        if rest:
            raise ScenarioError(f"{terms.id}: one tick of one lot is not a whole number of atoms")
        quote = -lots * ticks.astype(np.int64) * step
        profit = lots * size * (price - paid)
    rows.add(account, catalogue.lot_asset[instrument], lots)
    rows.add(account, catalogue.cash_asset[instrument], quote)
    return np.asarray(profit)


def collateral_rows(
    rows: Rows, market: Market, account: Ints, coin: Ints, margin: Floats, profit: Floats
) -> None:
    """Coins so that collateral after its haircut and unrealised profit make up `margin`."""
    wanted = np.maximum(margin - profit, LEAST_COLLATERAL * margin)
    for number in range(len(market.catalogue.coins)):
        mine = coin == number
        counts = market.price[number] / PRICE_ONE * (1.0 - market.haircut[number] / RATIO_ONE)
        atoms = np.ceil(wanted[mine] / counts * market.catalogue.coins[number].one)
        rows.add(account[mine], number, atoms.astype(np.int64))


def capped_leverage(
    share: Floats,
    worth: Floats,
    mix: Sequence[tuple[Decimal, Decimal]],
    caps: Sequence[tuple[Decimal, Decimal]],
) -> Floats:
    """Leverage by its mix, no more than what the size allows."""
    leverage = np.array([float(row[0]) for row in mix])[chosen(share, [row[1] for row in mix])]
    if caps:
        bracket = np.searchsorted([float(limit) for limit, _ in caps], worth)
        most = np.array([float(row[1]) for row in caps])[np.minimum(bracket, len(caps) - 1)]
        leverage = np.minimum(leverage, most)
    return np.asarray(leverage)


def retail_rows(
    rows: Rows, market: Market, people: RetailChoice, account: Ints, stream: int
) -> None:
    """One or a few perpetuals for each account, of one total size and one leverage."""
    catalogue = market.catalogue

    def draw(number: int) -> Floats:
        return uniform(market.seed, stream + number, account)

    worth = pareto(draw(0), float(people.smallest), float(people.largest), float(people.tail))
    leverage = capped_leverage(draw(1), worth, people.leverage, people.leverage_caps)
    contracts = [catalogue.instrument(name) for name, _ in people.instruments]
    currency = np.array(
        [catalogue.coin(catalogue.instruments[one].settle) for one in contracts], np.int64
    )
    positions = chosen(draw(2), people.positions) + 1
    margin = worth / leverage * (1.0 + float(people.cushion) * draw(3))
    profit = np.zeros(len(account))
    coin = np.zeros(len(account), np.int64)
    for place in range(len(people.positions)):
        pick = chosen(draw(10 + place), [share for _, share in people.instruments])
        sign = np.where(draw(20 + place) < float(people.long_share), 1.0, -1.0)
        entry = 1.0 + market.entry_spread * (draw(30 + place) + draw(40 + place) - 1.0)
        if place == 0:
            coin = currency[pick]
        for number, instrument in enumerate(contracts):
            mine = (pick == number) & (positions > place)
            profit[mine] += perpetual_rows(
                rows,
                market,
                instrument,
                account[mine],
                (sign * worth / positions)[mine],
                entry[mine],
            )
    if people.collateral:
        kinds = np.array([catalogue.coin(name) for name, _ in people.collateral], np.int64)
        coin = kinds[chosen(draw(4), [share for _, share in people.collateral])]
    collateral_rows(rows, market, account, coin, margin, profit)


def _lots(worth: Floats, size: float) -> Ints:
    """Signed lots of about this worth, at least one."""
    lots = np.maximum(np.floor(np.abs(worth) / size), 1.0)
    return np.where(worth < 0.0, -lots, lots).astype(np.int64)


def _numbers(people: PopulationChoice) -> dict[str, int]:
    users = people.accounts - people.makers.number
    cross, desks = (int(users * group.share) for group in (people.cross, people.desks))
    return {
        "isolated": users - cross - desks,
        "cross": cross,
        "desk": desks,
        "maker": people.makers.number,
    }


def _maker_rows(rows: Rows, market: Market, capital: float, account: Ints) -> None:
    """The other side of everybody, in equal parts, and cash that makes equity the capital."""
    catalogue = market.catalogue
    _, asset, quantity = rows.joined()
    totals = np.zeros(len(catalogue.assets), np.int64)
    np.add.at(totals, asset, quantity)
    makers = len(account)
    worth = [0] * makers
    place = np.arange(makers)
    for number in range(len(catalogue.coins), len(catalogue.assets)):
        total = -int(totals[number])
        if total == 0:
            continue
        part, rest = divmod(total, makers)
        held = part + ((place + number) % makers < rest).astype(np.int64)
        rows.add(account, number, held)
        unit, divisor = _unit(market, number)
        worth = [w + int(q) * unit // divisor for w, q in zip(worth, held, strict=True)]
    cash = catalogue.coins[0].one * catalogue.numeraire.one
    atoms = [
        int(capital) * catalogue.coins[0].one - w * cash // market.price[0] // PRICE_ONE
        for w in worth
    ]
    rows.add(account, 0, np.array(atoms, np.int64))


def _unit(market: Market, asset: int) -> tuple[int, int]:
    """Numeraire atoms of one unit, as a fraction; options count as nothing."""
    catalogue = market.catalogue
    row = catalogue.assets[asset]
    terms = catalogue.instruments[row.instrument]
    if asset != catalogue.lot_asset[row.instrument]:
        return market.price[row.currency], catalogue.coins[row.currency].one
    if terms.type == "option":
        return 0, 1
    if terms.inverse:
        return -terms.lot, 1
    return terms.lot * market.price[row.coin], catalogue.coins[row.coin].one
