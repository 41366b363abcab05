"""The catalogue: every currency and contract of a venue, compiled to ledger asset numbers.

Asset numbers are dense, append-only and stable: currencies first, then for each instrument its
lots and, where the premium is margined, its quote. Prices everywhere are `price atoms`: an integer
count of 10^-numeraire.decimals per whole coin.
"""

from __future__ import annotations

from dataclasses import dataclass

from seawall.market.instrument import Instrument, Kind
from seawall.money import Asset


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
    """Immutable; `listed` returns a new one with more instruments at the end."""

    numeraire: Asset
    coins: tuple[Asset, ...]  # [coin]; coin c is also ledger asset c.
    instruments: tuple[Instrument, ...]
    assets: tuple[LedgerAsset, ...]
    lot_asset: tuple[int, ...]  # [instrument] asset of the lots.
    cash_asset: tuple[int, ...]  # [instrument] asset of the cash leg: its quote, or the currency.
