"""A portfolio and a market as files: what one account holds, and what it is priced at.

Amounts are decimals of whole units, as a person writes them; they become atoms and lots here, and a
digit that cannot be held is refused with the file and the key path.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seawall.engine.rules.rulebook import NUMERAIRE_DECIMALS as PRICE_DECIMALS
from seawall.engine.rules.rulebook import Rulebook
from seawall.engine.state import Venue
from seawall.engine.state.memory import new_venue
from seawall.margin.collateral import Observed
from seawall.market import VolatilitySlice, buyer_cash, read_instrument
from seawall.money import RATIO_ONE, AmountError, fit, parse_atoms, parse_ratio

F = TypeVar("F", bound="_Form")
_OF_MARK = ("mark", "mark_time")


class PortfolioError(ValueError):
    """Something that is no account or no market; the message names the file and the key path."""


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Holding(_Form, frozen=True):
    """One row of a portfolio."""

    id: str  # A coin or a contract.
    quantity: Decimal  # Coins; base coins of a contract, or dollars of an inverse future.
    price: Decimal | None = None  # At which a contract was opened; its mark if absent.


class Portfolio(_Form, frozen=True):
    """One account."""

    name: str
    holdings: tuple[Holding, ...]
    method: str | None = None
    rules: str | None = None  # Beside the file.
    market: str | None = None
    left_out: tuple[str, ...] = ()  # What an import could not read, with the reason.


class Smile(_Form, frozen=True):
    """One expiry's raw SVI parameters, as ratios."""

    coin: str
    expires: datetime
    a: Decimal
    b: Decimal
    rho: Decimal
    m: Decimal
    sigma: Decimal
    years: Decimal = Decimal(0)  # To expiry when it was fitted; 0: at the market's time.
    time: datetime | None = None  # When its quotes were read; the market's if absent.
    forward_ratio: Decimal = Decimal(1)
    discount: Decimal = Decimal(1)


class Feed(_Form, frozen=True):
    """What feeds say of a coin beside its price, for collateral rules that ask."""

    rate: Decimal = Decimal(0)  # Of a yield-bearing share: underlying for each share.
    elapsed_s: int = 0  # From the snapshot of the coin's rule to the reading of the rate.
    fair_price: Decimal = Decimal(0)  # Of a pool share: at the pool's fair reserves.


class Seen(_Form, frozen=True):
    """A price of which more is known than its number."""

    price: Decimal
    time: datetime | None = None  # When it was read; the market's if absent.
    confidence: Decimal = Decimal(1)  # From 0 to 1, as its source says.


class Market(_Form, frozen=True):
    """One moment."""

    time: datetime
    prices: dict[str, Decimal | Seen]
    # As `read_instrument` reads them, and `mark`, and `mark_time`, when it was read.
    contracts: tuple[dict[str, Any], ...] = ()
    smiles: tuple[Smile, ...] = ()
    collateral: dict[str, Feed] = {}  # By coin.
    stale_after_s: int | None = None  # Older prices are listed as stale.
    least_confidence: Decimal | None = None  # Prices below it are listed as unsure.


def read(file: Path, form: type[F]) -> F:
    """Read a TOML or JSON file by its form; decimals stay exact."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".json":
            tree = msgspec.json.Decoder(float_hook=Decimal).decode(text)
        else:
            tree = tomllib.loads(text, parse_float=Decimal)
        return msgspec.convert(tree, form)
    except OSError as error:
        raise PortfolioError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise PortfolioError(f"{file}: {error}") from None


def venue_at(rulebook: Rulebook, market: Market, file: Path | str = "market") -> Venue:
    """Build a venue of these rules, with these contracts listed and these prices seen."""
    try:
        time_ms = moment_ms(market.time, "$.time")
        venue = new_venue(rulebook, time_ms)
        coins, numeraire = venue.catalogue.coins, venue.catalogue.numeraire
        listed, marks = [], {}
        for place, tree in enumerate(market.contracts):
            path = f"$.contracts[{place}]"
            terms = {key: entry for key, entry in tree.items() if key not in _OF_MARK}
            contract = read_instrument(terms, numeraire, coins, path)
            listed.append(contract)
            if "mark" in tree:
                marks[contract.id] = _price(tree["mark"], numeraire.decimals, f"{path}.mark")
        venue.list_instruments(venue.catalogue.listed(listed), tuple(listed))
        catalogue = venue.catalogue
        for coin in market.prices:
            catalogue.coin(coin)
        missing = [coin.id for coin in coins if coin.id not in market.prices]
        if missing:
            raise ValueError(f"the price of {missing[0]} is missing - at `$.prices`")
        seen = {
            catalogue.coin(coin): _seen(told, numeraire.decimals, time_ms, f"$.prices.{coin}")
            for coin, told in market.prices.items()
        }
        venue.snapshot, _ = venue.snapshot.priced(
            catalogue,
            1,
            time_ms,
            price=[(coin, seen[coin][0]) for coin in sorted(seen)],
            confidence=[(coin, seen[coin][2]) for coin in sorted(seen)],
            mark=[(catalogue.instrument(id), mark) for id, mark in marks.items()],
            slices=[_slice(venue, smile, place) for place, smile in enumerate(market.smiles)],
        )
        read_ms = tuple(seen[coin][1] for coin in sorted(seen))
        venue.snapshot = replace(venue.snapshot, priced_ms=read_ms)
        for coin, feed in market.collateral.items():
            venue.observed[catalogue.coin(coin)] = _observed(feed, f"$.collateral.{coin}")
        venue.tables.reprice(catalogue, venue.snapshot, None)
    except ValueError as error:
        raise PortfolioError(f"{file}: {error}") from None
    return venue


def rows_of(
    venue: Venue, portfolio: Portfolio, file: Path | str = "portfolio"
) -> list[tuple[int, int]]:
    """Turn holdings into ledger rows: (asset, lots or atoms), sorted, no zero quantity."""
    rows: dict[int, int] = {}
    for place, holding in enumerate(portfolio.holdings):
        try:
            for asset, quantity in legs(venue, holding):
                rows[asset] = fit(rows.get(asset, 0) + quantity)
        except ValueError as error:
            raise PortfolioError(f"{file}: {error} - at `$.holdings[{place}]`") from None
    return sorted((asset, quantity) for asset, quantity in rows.items() if quantity)


def legs(venue: Venue, holding: Holding) -> list[tuple[int, int]]:
    """Say one holding as rows: coins, or lots and the cash that they were opened for."""
    catalogue = venue.catalogue
    coins = {coin.id: number for number, coin in enumerate(catalogue.coins)}
    if holding.id in coins:
        if holding.price is not None:
            raise ValueError(f"{holding.id} is a coin: it has no price of its own")
        coin = coins[holding.id]
        return [(coin, parse_atoms(holding.quantity, catalogue.coins[coin].decimals))]
    number = catalogue.instrument(holding.id)
    terms = catalogue.instruments[number]
    if terms.type == "spot":
        raise ValueError(f"{holding.id} is a spot market: hold its coins")
    unit = catalogue.coins[catalogue.coin(terms.base)]
    if terms.is_sized_in_numeraire:
        unit = catalogue.numeraire
    lots, rest = divmod(parse_atoms(holding.quantity, unit.decimals), terms.lot)
    if rest:
        raise ValueError(f"{holding.quantity} {unit.id} is not a whole number of lots")
    if terms.premium == "paid":
        if holding.price is not None:
            raise ValueError(f"the premium of {holding.id} was paid: it has no price to carry")
        return [(catalogue.lot_asset[number], lots)]
    price = venue.mark(number)
    if holding.price is not None:
        price = parse_atoms(holding.price, catalogue.numeraire.decimals)
    if price <= 0:
        raise ValueError(f"the price of {holding.id} must be positive")
    cash = buyer_cash(catalogue, number, lots, price)
    return [(catalogue.lot_asset[number], lots), (catalogue.cash_asset[number], cash)]


def _slice(venue: Venue, smile: Smile, place: int) -> VolatilitySlice:
    path = f"$.smiles[{place}]"
    ratios = {}
    for key in ("forward_ratio", "discount", "a", "b", "rho", "m", "sigma", "years"):
        try:
            ratios[key] = parse_ratio(getattr(smile, key))
        except AmountError as error:
            raise ValueError(f"{error} - at `{path}.{key}`") from None
    try:
        return VolatilitySlice(
            coin=venue.catalogue.coin(smile.coin),
            expires_ms=moment_ms(smile.expires, f"{path}.expires"),
            **ratios,
        )
    except ValueError as error:
        raise ValueError(str(error) if "`" in str(error) else f"{error} - at `{path}`") from None


def _observed(feed: Feed, path: str) -> Observed:
    numbers = {"elapsed_s": feed.elapsed_s}
    for key in ("rate", "fair_price"):
        said = getattr(feed, key)
        try:
            ratio = key == "rate"
            numbers[key] = parse_ratio(said) if ratio else fit(parse_atoms(said, PRICE_DECIMALS))
        except AmountError as error:
            raise ValueError(f"{error} - at `{path}.{key}`") from None
    for key, number in numbers.items():
        if number < 0:
            raise ValueError(f"{key} must not be negative - at `{path}.{key}`")
    return Observed(**numbers)


def _seen(told: Decimal | Seen, decimals: int, now_ms: int, path: str) -> tuple[int, int, int]:
    """(price atoms, epoch ms, confidence in parts per billion)."""
    if not isinstance(told, Seen):
        return _price(told, decimals, path), now_ms, RATIO_ONE
    read_ms = now_ms if told.time is None else moment_ms(told.time, f"{path}.time", now_ms)
    try:
        confidence = parse_ratio(told.confidence)
    except AmountError as error:
        raise ValueError(f"{error} - at `{path}.confidence`") from None
    if not 0 <= confidence <= RATIO_ONE:
        raise ValueError(f"{told.confidence} is not between 0 and 1 - at `{path}.confidence`")
    return _price(told.price, decimals, f"{path}.price"), read_ms, confidence


def moment_ms(moment: datetime, path: str, latest_ms: int | None = None) -> int:
    """Epoch milliseconds of a moment, which must have a time zone and not be after the latest."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; add Z - at `{path}`")
    at_ms = int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000
    if latest_ms is not None and at_ms > latest_ms:
        raise ValueError(f"{moment} is after the market's time - at `{path}`")
    return at_ms


def _price(number: Any, decimals: int, path: str) -> int:
    try:
        atoms = fit(parse_atoms(number, decimals))
    except (AmountError, TypeError) as error:
        raise ValueError(f"{error} - at `{path}`") from None
    if atoms <= 0:
        raise ValueError(f"{number} is not positive - at `{path}`")
    return atoms
