"""What is listed and at which price it was last seen. Exact integers; no accounts."""

from seawall.market.catalogue import Catalogue, CatalogueError, LedgerAsset
from seawall.market.contract import (
    PriceError,
    buyer_cash,
    cash_leg,
    funding_payment,
    funding_payments,
    notional,
    payoff,
    settlement_value,
)
from seawall.market.instrument import Instrument, InstrumentError, Kind, read_instrument
from seawall.market.snapshot import Snapshot, SnapshotError, VolatilitySlice
from seawall.market.symbol import SymbolError, Terms, read_symbol

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Instrument",
    "InstrumentError",
    "Kind",
    "LedgerAsset",
    "PriceError",
    "Snapshot",
    "SnapshotError",
    "SymbolError",
    "Terms",
    "VolatilitySlice",
    "buyer_cash",
    "cash_leg",
    "funding_payment",
    "funding_payments",
    "notional",
    "payoff",
    "read_instrument",
    "read_symbol",
    "settlement_value",
]
