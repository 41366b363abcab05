"""One account at one moment under one method, and the same account in markets that are not there.

Every answer of this package is a verdict of the method's exact twin on a risk table that was priced
for the market in question; nothing is interpolated between two verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from seawall.engine.rules.presets import names, preset
from seawall.engine.rules.rulebook import Rulebook, RulebookError
from seawall.engine.rules.rulebook import load as load_rulebook
from seawall.engine.state import Venue
from seawall.engine.state.tables import Tables
from seawall.margin import ExactRequirement, ExactTable, MarginMethod, Rows
from seawall.market import Catalogue, Snapshot
from seawall.money import RATIO_ONE, Rounding, divide
from seawall.portfolio.freshness import ORDINARY, Watch, watch_of
from seawall.portfolio.read import Market, Portfolio, PortfolioError, read, rows_of, venue_at
from seawall.pricing import YEAR_MS, black_price

Turn = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Account:
    """What one account holds, where and under which method it is margined."""

    name: str
    venue: Venue  # Rules, catalogue and prices of the moment; its ledger is not read.
    rows: Rows
    method: str
    watch: Watch = ORDINARY  # When a price behind a row is doubtful.
    left_out: tuple[str, ...] = ()  # What its portfolio says that an import could not read.
    presets: tuple[str, ...] = ()  # Methods that were added to the rulebook's own.

    @property
    def number(self) -> int:
        """Number of the method in the rulebook."""
        return self.venue.rulebook.method_names.index(self.method)

    @property
    def margin_method(self) -> MarginMethod:
        """The method itself."""
        return self.venue.methods[self.number]

    @property
    def table(self) -> ExactTable:
        """The published table of the moment that the method reads."""
        return self.venue.tables.exact(self.number)

    @property
    def fingerprint(self) -> str:
        """Of the rulebook as it was read, without presets."""
        rulebook = self.venue.rulebook
        own = {name: rule for name, rule in rulebook.margin.items() if name not in self.presets}
        return msgspec.structs.replace(rulebook, margin=own).fingerprint

    def judge(self) -> ExactRequirement:
        """What it holds and must hold now, in integers."""
        return self.margin_method.requirement_exact(self.rows, self.table)

    def under(self, method: str) -> Account:
        """Put the same rows under another method of the rulebook."""
        return replace(self, method=method)


def load(
    file: Path | str,
    *,
    rules: Path | str | None = None,
    market: Path | str | None = None,
    method: str | None = None,
    stale_after_s: int | None = None,
) -> Account:
    """Read an account; rules, market and method are those that the portfolio names, unless given.

    A price older than `stale_after_s` is told by `margin`; without it, the market file says.

    >>> account = load("examples/margin/portfolio.toml")
    >>> account.name, account.judge().maintenance
    ('hedged-desk', 22985000000000)
    """
    file = Path(file)
    portfolio = read(file, Portfolio)
    places = []
    for key, given, named in (
        ("rules", rules, portfolio.rules),
        ("market", market, portfolio.market),
    ):
        if given is None and named is None:
            raise PortfolioError(f"{file}: missing; name a file or give {key} - at `$.{key}`")
        places.append(Path(given) if given is not None else file.parent / str(named))
    try:
        rulebook = load_rulebook(places[0])
    except RulebookError as error:
        raise PortfolioError(str(error)) from None
    own = rulebook.method_names
    chosen = method or portfolio.method or (own[0] if len(own) == 1 else None)
    if chosen not in own and chosen not in names():
        said = f"method {chosen} is not one of {own} and no preset"
        raise PortfolioError(f"{file}: {said} - at `$.method`")
    seen = read(places[1], Market)
    venue = venue_at(rulebook, seen, places[1])
    watch = watch_of(venue, seen, places[1], stale_after_s=stale_after_s)
    rows = tuple(rows_of(venue, portfolio, file))
    account = Account(portfolio.name, venue, rows, str(chosen), watch, portfolio.left_out)
    return elsewhere(account, [str(chosen)])


def method_names(rulebook: Rulebook) -> tuple[str, ...]:
    """Every method that an account of this rulebook can be put under: its own, then presets."""
    own = rulebook.method_names
    return (*own, *(name for name in names() if name not in own))


def elsewhere(account: Account, methods: Iterable[str]) -> Account:
    """Add presets to the rules of an account, priced in the same market.

    A method of the rulebook goes before a preset of the same name. The rest of the rulebook stays:
    its coins, haircuts, fees and grace times are those of the account's own venue. A preset that
    asks for a coin that this venue does not have is refused.

    >>> account = elsewhere(load("examples/margin/portfolio.toml"), ["hyperliquid"])
    >>> account.under("hyperliquid").judge().maintenance / 10**10  # 1.25 % of BTC, 2 % of ETH.
    3219.4
    """
    venue = account.venue
    own = venue.rulebook.margin
    more = {name: preset(name).method for name in methods if name not in own}
    if not more:
        return account
    rulebook = msgspec.structs.replace(venue.rulebook, margin={**own, **more})
    tables = Tables(rulebook.methods, rulebook.collateral, venue.observed)
    tables.reprice(venue.catalogue, venue.snapshot, None)
    venue = replace(venue, rulebook=rulebook, tables=tables)
    wider = replace(account, venue=venue, presets=(*account.presets, *more))
    for name in more:
        try:
            replace(wider.under(name), rows=()).judge()
        except ValueError as error:
            raise PortfolioError(f"preset {name} cannot judge here: {error}") from None
    return wider


def moved(account: Account, snapshot: Snapshot) -> Account:
    """Put an account into another market, under every method of its rulebook."""
    venue = account.venue
    snapshot = Trials(account).shown(snapshot)
    tables = venue.tables.like()
    tables.reprice(venue.catalogue, snapshot, None)
    return replace(account, venue=replace(venue, snapshot=snapshot, tables=tables))


class Trials:
    """Judges an account in any number of markets; each is priced from the one before it."""

    def __init__(self, account: Account, turn: Turn = nullcontext) -> None:
        """Each market is priced and judged in a `turn`, so that others can go on between two."""
        venue = account.venue
        self._turn = turn
        self.account = account
        self.catalogue = venue.catalogue
        self._tables = venue.tables.like(account.number)
        self._shown: Snapshot | None = None
        self._given = np.array(
            [
                number
                for number, terms in enumerate(self.catalogue.instruments)
                if terms.type == "option" and venue.snapshot.mark[number] > 0
            ],
            np.int64,
        )
        with turn():
            self._model = self._models(venue.snapshot) if self._given.size else np.zeros(0)

    def judge(self, snapshot: Snapshot, rows: Rows | None = None) -> ExactRequirement:
        """The verdict on these rows in that market."""
        method = self.account.margin_method
        held = self.account.rows if rows is None else rows
        with self._turn():
            return method.requirement_exact(held, self.table(snapshot))

    def table(self, snapshot: Snapshot) -> ExactTable:
        """The table of a market; a mark that an option was given keeps its gap to the model."""
        self._reprice(self.shown(snapshot))
        return self._tables.exact(0)

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """The market with the marks that given options have in it."""
        if self._given.size and snapshot is not self.account.venue.snapshot:
            moved = np.rint(self._models(snapshot) - self._model).astype(np.int64)
            marks = list(snapshot.mark)
            for number, step in zip(self._given.tolist(), moved.tolist(), strict=True):
                marks[number] = max(self.account.venue.snapshot.mark[number] + step, 1)
            snapshot = replace(snapshot, mark=tuple(marks))
        return snapshot

    def _models(self, snapshot: Snapshot) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Black-76 of the options that were given a mark, price atoms of what their premium is."""
        self._reprice(snapshot)
        risk = self._tables.risk(0)
        rows = np.array(self.catalogue.lot_asset)[self._given]
        quotes = risk.quotes
        prices: np.ndarray[tuple[int], np.dtype[np.float64]] = black_price(
            quotes.forward[rows], risk.strike[rows], quotes.volatility[rows], quotes.years[rows],
            quotes.discount[rows], risk.is_call[rows],
        )  # fmt: skip
        in_coin = np.array([self.catalogue.instruments[n].inverse for n in self._given.tolist()])
        return np.where(
            in_coin, prices * (self.catalogue.numeraire.one / quotes.forward[rows]), prices
        )

    def _reprice(self, snapshot: Snapshot) -> None:
        before, self._shown = self._shown, snapshot
        if before is snapshot:
            return
        touched = None if before is None else _touched(self.catalogue, before, snapshot)
        self._shown = None  # A market that cannot be priced leaves no table to start from.
        self._tables.reprice(self.catalogue, snapshot, touched)
        self._shown = snapshot


def _touched(catalogue: Catalogue, before: Snapshot, after: Snapshot) -> frozenset[int] | None:
    if before.slices is not after.slices or before.time_ms != after.time_ms:
        return None
    pairs = enumerate(zip(before.price, after.price, strict=True))
    touched = {coin for coin, (old, new) in pairs if old != new}
    for terms, old, new in zip(catalogue.instruments, before.mark, after.mark, strict=True):
        if old != new:
            touched.add(catalogue.coin(terms.base))
    return frozenset(touched)


def with_prices(catalogue: Catalogue, snapshot: Snapshot, prices: Mapping[int, int]) -> Snapshot:
    """Show other coin prices, by coin number; marks of futures keep their ratio to the index."""
    price = tuple(prices.get(coin, seen) for coin, seen in enumerate(snapshot.price))
    marks = list(snapshot.mark)
    numeraire = catalogue.numeraire.id
    for number, terms in enumerate(catalogue.instruments):
        if not marks[number] or terms.type == "option":
            continue
        base = catalogue.coin(terms.base)
        up, down = price[base], snapshot.price[base]
        if terms.quote != numeraire:
            quote = catalogue.coin(terms.quote)
            up, down = up * snapshot.price[quote], down * price[quote]
        marks[number] = max(divide(marks[number] * up, down, Rounding.NEAREST), 1)
    return replace(snapshot, price=price, mark=tuple(marks))


def with_volatility(snapshot: Snapshot, factor: int) -> Snapshot:
    """Multiply every implied volatility by a factor, parts per billion; variance by its square."""

    def scaled(parts: int) -> int:
        return divide(parts * factor**2, RATIO_ONE**2, Rounding.NEAREST)

    slices = tuple(
        type(s)(
            s.coin, s.expires_ms, s.forward_ratio, s.discount, scaled(s.a), scaled(s.b), s.rho, s.m,
            s.sigma, s.years, s.blend, scaled(s.a2), scaled(s.b2), s.rho2, s.m2, s.sigma2, s.years2,
        )
        for s in snapshot.slices
    )  # fmt: skip
    return replace(snapshot, slices=slices)


def with_fitted_years(snapshot: Snapshot) -> Snapshot:
    """Say of smiles that were fitted now when that was, so that time takes their variance away."""
    slices = tuple(
        msgspec.structs.replace(
            smile, years=(smile.expires_ms - snapshot.time_ms) * RATIO_ONE // YEAR_MS
        )
        if not smile.years and smile.expires_ms > snapshot.time_ms
        else smile
        for smile in snapshot.slices
    )
    return replace(snapshot, slices=slices)


def reach(account: Account, coins: frozenset[int]) -> float:
    """How many times higher these coins can stand before the table no longer holds them exactly.

    A linear value grows with the price; an option is worth at most its coin, in a scenario at most
    its moved coin.
    """
    risk = account.table.risk
    rests = [bool({a.coin, a.currency} & coins) for a in account.venue.catalogue.assets]
    grid = account.margin_method.grid()
    scale = max([RATIO_ONE, *(parts for _, parts in grid.scale)]) / RATIO_ONE
    widest = 1.0 + scale * max([0, *(cell.move for cell in grid.scenarios)]) / RATIO_ONE
    largest = np.maximum(risk.bound, risk.notional * widest)[np.array(rests)]
    return float(2.0**52 / max(float(largest.max(initial=1.0)), 1.0))
