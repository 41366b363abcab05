"""What is listed and at which price it was last seen. Exact integers; no accounts."""

from seawall.market.catalogue import Catalogue, LedgerAsset
from seawall.market.instrument import Instrument, Kind
from seawall.market.snapshot import Snapshot, VolatilitySlice

__all__ = ["Catalogue", "Instrument", "Kind", "LedgerAsset", "Snapshot", "VolatilitySlice"]
