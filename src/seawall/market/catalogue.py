"""The catalogue: every currency and contract of a venue, compiled to ledger asset numbers.

Asset numbers are dense, append-only and stable: currencies first, then for each instrument its
lots and, where the premium is margined, its quote. Prices everywhere are `price atoms`: an integer
count of 10^-numeraire.decimals per whole coin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from seawall.market.instrument import Instrument, Kind
from seawall.market.symbol import DAY_MS, SymbolError, read_symbol
from seawall.money import Asset

COIN_DECIMALS_MAX = 9  # An asset of the ledger.
NUMERAIRE_DECIMALS_MAX = 10  # The numeraire is priced in, never held.


class CatalogueError(ValueError):
    """A name that is unknown, doubled or at odds with its contract; the message says which."""


@dataclass(frozen=True, slots=True)
class LedgerAsset:
    """One column of the ledger."""

    id: str
    kind: Kind
    decimals: int  # Of its quantity; lots have none.
    coin: int  # Underlying coin number: whose price moves its value.
    currency: int  # Coin number of the settlement currency; itself for a currency.
    instrument: int  # Instrument number, or -1 for a currency.


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Immutable; `listed` returns a new one with more instruments at the end.

    A spot instrument has no assets of its own: it exchanges two coins, so its lot_asset is the base
    coin and its cash_asset the quote coin, and one lot moves `lot` atoms. An option whose premium
    is paid has lots, and the settlement currency itself as cash_asset.

    >>> catalogue = Catalogue.empty(Asset("USD", 10), (Asset("USDC", 6), Asset("BTC", 8)))
    >>> perpetual = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
    ...                        settle="USDC", lot=100_000, tick=10**9)
    >>> catalogue = catalogue.listed([perpetual])
    >>> catalogue.names
    ('USDC', 'BTC', 'BTC/USDC:USDC', 'BTC/USDC:USDC quote')
    >>> catalogue.coin("BTC"), catalogue.instrument("BTC_USDC-PERPETUAL")
    (1, 0)
    """

    numeraire: Asset
    coins: tuple[Asset, ...]  # [coin]; coin c is also ledger asset c.
    instruments: tuple[Instrument, ...]
    assets: tuple[LedgerAsset, ...]
    lot_asset: tuple[int, ...]  # [instrument] asset of the lots.
    cash_asset: tuple[int, ...]  # [instrument] asset of the cash leg: its quote, or the currency.
    is_contract: tuple[bool, ...] = field(init=False, repr=False, compare=False)  # [asset]
    _coin: dict[str, int] = field(init=False, repr=False, compare=False)
    _instrument: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {coin.id: number for number, coin in enumerate(self.coins)}
        object.__setattr__(self, "_coin", numbers)
        contracts = tuple(asset.kind >= Kind.LINEAR for asset in self.assets)
        object.__setattr__(self, "is_contract", contracts)
        names: dict[str, int] = {}
        decimals = self.numeraire.decimals
        for number, instrument in enumerate(self.instruments):
            names[instrument.id] = number
            terms = instrument.terms
            for name in (terms.symbol(decimals), terms.deribit_name(decimals)):
                if name is not None:
                    names.setdefault(name, number)
        object.__setattr__(self, "_instrument", names)

    @classmethod
    def empty(cls, numeraire: Asset, coins: Iterable[Asset]) -> Catalogue:
        """Open a catalogue with currencies only."""
        coins = tuple(coins)
        names = [coin.id for coin in coins]
        if numeraire.id in names:
            raise CatalogueError(f"numeraire {numeraire.id} is also a coin")
        if not 0 <= numeraire.decimals <= NUMERAIRE_DECIMALS_MAX:
            raise CatalogueError(
                f"numeraire {numeraire.id} cannot have {numeraire.decimals} decimals"
            )
        for number, coin in enumerate(coins):
            if coin.id in names[:number]:
                raise CatalogueError(f"coin {coin.id} is listed twice")
            if not 0 <= coin.decimals <= COIN_DECIMALS_MAX:
                raise CatalogueError(f"coin {coin.id} cannot have {coin.decimals} decimals")
        assets = tuple(
            LedgerAsset(coin.id, Kind.CURRENCY, coin.decimals, number, number, -1)
            for number, coin in enumerate(coins)
        )
        return cls(numeraire, coins, (), assets, (), ())

    def listed(self, instruments: Iterable[Instrument]) -> Catalogue:
        """Append contracts, sorted among themselves by (coin, expiry, strike, right, id).

        Instrument numbers follow that order, not the order of the argument; look them up by name.
        """
        new = tuple(instruments)
        self._check(new)
        new = tuple(sorted(new, key=self._order))
        assets, lot_asset, cash_asset = (
            list(self.assets),
            list(self.lot_asset),
            list(self.cash_asset),
        )
        for number, instrument in enumerate(new, len(self.instruments)):
            coin, currency = self._coin[instrument.base], self._coin[instrument.settle]
            if instrument.type == "spot":
                lot_asset.append(coin)
                cash_asset.append(currency)
                continue
            lot_asset.append(len(assets))
            assets.append(LedgerAsset(instrument.id, instrument.kind, 0, coin, currency, number))
            if instrument.premium == "paid":
                cash_asset.append(currency)
                continue
            cash_asset.append(len(assets))
            decimals = self.coins[currency].decimals
            quote = f"{instrument.id} quote"
            assets.append(LedgerAsset(quote, Kind.QUOTE, decimals, currency, currency, number))
        return Catalogue(
            self.numeraire,
            self.coins,
            self.instruments + new,
            tuple(assets),
            tuple(lot_asset),
            tuple(cash_asset),
        )

    def option_coins(self, time_ms: int) -> frozenset[int]:
        """Coins on which an option is listed that has not expired at a time."""
        return frozenset(
            self.coin(one.base)
            for one in self.instruments
            if one.expires_ms is not None and one.expires_ms >= time_ms and one.strike is not None
        )

    def coin(self, id: str) -> int:
        """Return the number of a coin, which is also its ledger asset."""
        if id not in self._coin:
            raise CatalogueError(f"coin {id} is not listed")
        return self._coin[id]

    def instrument(self, name: str) -> int:
        """Return the number of an instrument by its id, ccxt's symbol or Deribit's name."""
        if name not in self._instrument:
            raise CatalogueError(f"instrument {name} is not listed")
        return self._instrument[name]

    @property
    def names(self) -> tuple[str, ...]:
        """What a person calls each asset. [asset]"""
        return tuple(asset.id for asset in self.assets)

    def _order(self, instrument: Instrument) -> tuple[int, int, int, str, str]:
        return (
            self._coin[instrument.base],
            instrument.expires_ms or 0,
            instrument.strike or 0,
            instrument.right or "",
            instrument.id,
        )

    def _check(self, instruments: tuple[Instrument, ...]) -> None:
        """Refuse contracts that the catalogue cannot hold, before anything is appended."""
        taken = set(self._instrument) | set(self._coin)
        for instrument in instruments:
            if instrument.id in taken:
                raise CatalogueError(f"{instrument.id}: it is listed already")
            taken.add(instrument.id)
            for key, id in (("base", instrument.base), ("settle", instrument.settle)):
                if id not in self._coin:
                    raise CatalogueError(f"{instrument.id}: {key} coin {id} is not listed")
            if instrument.inverse and instrument.quote != self.numeraire.id:
                raise CatalogueError(
                    f"{instrument.id}: quote must be the numeraire {self.numeraire.id} when inverse"
                )
            self._check_name(instrument)

    def _check_name(self, instrument: Instrument) -> None:
        """Refuse a name that says another contract; a venue's own name may say nothing."""
        try:
            said = read_symbol(instrument.id, self.numeraire.decimals)
        except SymbolError:
            return
        terms = instrument.terms
        for key, is_said, stands in zip(said._fields, said, terms, strict=True):
            if key == "expires_ms" and is_said is not None and stands is not None:
                agrees = int(is_said) // DAY_MS == int(stands) // DAY_MS
            else:
                agrees = is_said == stands
            if not agrees:
                raise CatalogueError(
                    f"{instrument.id}: {key} is {stands}, but the name says {is_said}"
                )
