"""The margin methods asked: what each row, each account and its coins alone must hold along a line.

Knows methods, holdings and tables. Does not know what is done with the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from seawall.engine.state import Venue
from seawall.margin import Holdings
from seawall.market import Kind
from seawall.money import RATIO_ONE
from seawall.portfolio.account import Trials, reach, with_prices
from seawall.portfolio.liquidation_price import has_grace
from seawall.pricing import Floats, Ints, RiskTable
from seawall.simulation.stress.book import Part
from seawall.simulation.stress.closing import Line

_QUARTERS = (0.25, 0.5, 0.75)
_ALONE = 1e-9  # A ratio nearer to 1 is rounding.


class AssetTables(NamedTuple):
    """[asset, point] of a lot, along its own coin."""

    value: Floats
    notional: Floats
    exposure: Floats  # Coins that selling it sells, its delta, at their price.


class Asked(NamedTuple):
    """The columns of one method's accounts; fields are those of `Columns`."""

    start: Ints
    count: Ints  # type: ignore[assignment]  # how many there are; as in `Holdings`.
    asset: Ints
    base: Ints
    settle: Ints
    lots: Floats
    valued: Floats
    initial: Floats
    maintenance: Floats
    shape: Floats
    held: Floats
    quotes: Floats
    counts: Floats
    extra: Floats
    together: Ints
    ratio: Floats
    lent: Ints
    lending: Floats
    line: Floats
    equity: Floats
    room: Floats  # [account] margin equity above its line, today.


def tables_of(part: Part, fine: Floats) -> AssetTables:
    """Price every asset along its own coin; an option's delta is that of its own price."""
    market, venue = _Market(part), part.account.venue
    one = float(venue.catalogue.numeraire.one)
    price = np.array(venue.snapshot.price, np.float64) / one
    coin = np.array([asset.coin for asset in venue.catalogue.assets], np.int64)
    found = AssetTables(*(np.zeros((coin.size, fine.size)) for _ in range(3)))
    for place, share in enumerate(fine.tolist()):
        risk = market.together(share)
        found.value[:, place], found.notional[:, place] = risk.value / one, risk.notional / one
        linear = np.where(risk.kind == Kind.LINEAR, risk.quotes.size, 0.0)
        option = np.where(risk.kind == Kind.OPTION, risk.delta / one, 0.0)
        faces = np.where(risk.kind == Kind.INVERSE, risk.notional / one, 0.0)
        found.exposure[:, place] = (linear + option) * price[coin] * share + faces
    return found


def asked_of(part: Part, line: Line, rough: Floats, told: Callable[[], None]) -> Asked:
    """Ask the method of one part at every point: for each row alone, each account, its coins."""
    one, venue, rule = _Rows(part), part.account.venue, part.account.margin_method
    market = _Market(part)
    along = [
        [line.share(coin.id, share - 1.0) for coin in venue.catalogue.coins] for share in rough
    ]

    def margins(holdings: Holdings, risk: RiskTable) -> Floats:
        need = rule.requirement(holdings, risk)
        found: Floats = np.stack([need.initial, need.maintenance]) / one.unit
        return found

    rows, whole, lent = (
        np.zeros((2, size, rough.size)) for size in (one.asset.size, one.accounts, one.accounts)
    )
    for point, share in enumerate(rough.tolist()):
        rows[:, :, point] = margins(one.alone(), market.together(share))
        risk = market.apart(along[point])
        whole[:, :, point] = margins(part.held.holdings, risk)
        lent[:, :, point] = margins(one.coins_alone(), risk)
        told()
    today = market.together(1.0)
    shape = np.zeros((one.asset.size, 2, 5))
    shape[:, :, 4] = 1.0
    full = margins(one.alone(), today)
    for place, share in enumerate(_QUARTERS, start=1):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(full > 0.0, margins(one.alone(share), today) / full, share)
        shape[:, :, place] = ratio.T
    summed = one.summed(rows, rough, np.array(along))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(summed > 0.0, (whole - lent) / summed, 1.0)
    together, kept = _those(np.abs(ratio - 1.0).max((0, 2)) > _ALONE, ratio)
    coins, lending = _those(lent.max((0, 2)) > 0.0, lent)
    need, each = (rule.requirement(held, today) for held in (part.held.holdings, one.alone()))
    with np.errstate(divide="ignore", invalid="ignore"):
        valued = np.where(each.equity != 0.0, each.margin_equity / each.equity, 1.0)
    counts = today.collateral[: one.price.size] / np.maximum(today.value[: one.price.size], 1e-300)
    posted = one.held * one.price
    counted = np.where(posted > 0.0, posted * counts, posted).sum(1) + one.quotes @ one.price
    counted += np.bincount(one.owner, each.equity * valued / one.unit, one.accounts)
    share = venue.rates.close_out / RATIO_ONE if has_grace(part.account) else 1.0
    return Asked(
        start=one.start, count=one.count, asset=one.asset, base=one.base, settle=one.settle,
        lots=one.lots, valued=valued, initial=rows[0], maintenance=rows[1], shape=shape,
        held=one.held, quotes=one.quotes, counts=counts,
        extra=need.margin_equity / one.unit - counted,
        together=together, ratio=kept, lent=coins, lending=lending,
        line=np.full(one.accounts, share), equity=need.equity / one.unit,
        room=(need.margin_equity - need.maintenance * share) / one.unit,
    )  # fmt: skip


def _those(chosen: Floats, columns: Floats) -> tuple[Ints, Floats]:
    """Number the chosen accounts, −1 the others, and keep what is theirs: [place, 2, point]."""
    place = np.where(chosen, np.cumsum(chosen) - 1, -1)
    return place, np.ascontiguousarray(columns[:, chosen].transpose(1, 0, 2))


class _Market:
    """One part's table in markets that are not there."""

    def __init__(self, part: Part) -> None:
        self.venue: Venue = part.account.venue
        self.trials = Trials(part.account)
        catalogue = self.venue.catalogue
        self.bases = {catalogue.coin(terms.base) for terms in catalogue.instruments}
        self.most = reach(part.account, frozenset(self.bases))

    def together(self, share: float) -> RiskTable:
        """Every coin that has contracts at the same share of its price."""
        coins = len(self.venue.catalogue.coins)
        return self.apart([share if coin in self.bases else 1.0 for coin in range(coins)])

    def apart(self, shares: list[float]) -> RiskTable:
        """Every coin at its own share of its price."""
        snapshot = self.venue.snapshot
        prices = {
            coin: max(1, round(snapshot.price[coin] * min(share, self.most)))
            for coin, share in enumerate(shares)
            if share != 1.0
        }
        shown = with_prices(self.venue.catalogue, snapshot, prices) if prices else snapshot
        return self.trials.table(shown).risk


class _Rows:
    """The contracts of one part row by row, and its coins account by account."""

    def __init__(self, part: Part) -> None:
        catalogue, self.all = part.account.venue.catalogue, part.held.holdings
        self.unit = float(catalogue.numeraire.one)
        self.price = np.array(part.account.venue.snapshot.price, np.float64) / self.unit
        self.accounts = len(part.held.names)
        assets, terms = catalogue.assets, catalogue.instruments
        coin = np.array([asset.coin for asset in assets], np.int64)
        settled = [
            catalogue.coin(terms[one.instrument].settle)
            if one.kind >= Kind.LINEAR
            else one.currency
            for one in assets
        ]
        settle = np.array(settled, np.int64)
        self.kind = np.array([int(asset.kind) for asset in assets])[self.all.asset]
        self.every = np.repeat(np.arange(self.accounts), self.all.count)
        contract = self.kind >= Kind.LINEAR
        self.owner = self.every[contract]
        self.asset = self.all.asset[contract].astype(np.int64)
        self.lots = self.all.lots[contract]
        self.base, self.settle = coin[self.asset], settle[self.asset]
        self.count = np.bincount(self.owner, minlength=self.accounts)
        self.start = np.cumsum(self.count) - self.count
        ones = np.array([float(one.one) for one in catalogue.coins])
        self.held, self.quotes = np.zeros((2, self.accounts, ones.size))
        for which, place, found in (
            (Kind.CURRENCY, coin, self.held),
            (Kind.QUOTE, settle, self.quotes),
        ):
            chosen = self.kind == which
            own = place[self.all.asset[chosen]]
            np.add.at(found, (self.every[chosen], own), self.all.lots[chosen] / ones[own])

    def alone(self, share: float = 1.0) -> Holdings:
        """Each row, or a share of it, as an account of its own."""
        rows = self.asset.size
        asset = self.asset.astype(np.int32)
        return Holdings(np.arange(rows), np.ones(rows, np.int64), asset, self.lots * share)

    def coins_alone(self) -> Holdings:
        """Every account without its contracts and their cash legs."""
        kept = self.kind == Kind.CURRENCY
        count = np.bincount(self.every[kept], minlength=self.accounts)
        return Holdings(np.cumsum(count) - count, count, self.all.asset[kept], self.all.lots[kept])

    def summed(self, rows: Floats, rough: Floats, along: Floats) -> Floats:
        """[2, account, point] Σ of the rows' margins, each where the line has its coin."""
        found = np.zeros((2, self.accounts, rough.size))
        every = np.arange(self.asset.size)
        for point in range(rough.size):
            at = along[point][self.base]
            place = np.clip(np.searchsorted(rough, at) - 1, 0, rough.size - 2)
            part = (at - rough[place]) / (rough[place + 1] - rough[place])
            for which in range(2):
                low, high = rows[which, every, place], rows[which, every, place + 1]
                margin = low + part * (high - low)
                found[which, :, point] = np.bincount(self.owner, margin, self.accounts)
        return found
