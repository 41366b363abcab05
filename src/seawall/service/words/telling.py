"""Effects as a client reads them: names for numbers, decimal text for money.

What is not known by its field's name is written as it is, and as text where JSON would lose digits.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import msgspec

from seawall.engine.effect import Effect
from seawall.engine.event import Event
from seawall.engine.state import Venue
from seawall.money import format_atoms, format_ratio
from seawall.service.words.amounts import coin_text, money, quantity_text

EXACT_MAX = 2**53  # What a reader that knows only floats still reads exactly.
_ACCOUNTS = {"account", "counterparty", "payer", "taker", "backstop", "lender", "buyer", "seller"}
_PRICES = {"price", "limit", "confidence"}
_MONEY = {
    *("equity", "margin_equity", "initial", "maintenance", "amount", "notional", "fee", "reward"),
    *("needed", "taken", "given_up", "from_account", "from_book", "from_backstop", "from_funds"),
    *("deleveraged_needed", "deleveraged_taken", "shared", "uncovered", "payment"),
}
_OF_COIN = {"atoms", "debt"}
_RATIOS = {"rate", "premium", "daily_rate"}
_COUNTS = {
    *("order", "auction", "lots", "number", "level", "restarts", "sequence", "snapshot"),
    *("first_sequence", "last_sequence", "accounts", "bearers", "intervals", "samples"),
    *("deadline_ms", "ends_ms", "since_ms", "observed_ms", "ended_ms", "elapsed_ms", "subject"),
}
_IN_COINS = {"in_coins", "collateral"}


def told(venue: Venue | None, effects: Sequence[Effect]) -> list[dict[str, Any]]:
    """Write effects in order."""
    return [one_told(venue, effect) for effect in effects]


def one_told(venue: Venue | None, effect: Effect | Event) -> dict[str, Any]:
    """Write one effect, or an event; without a venue, numbers stay numbers."""
    tree: dict[str, Any] = {"effect": effect.__struct_config__.tag}
    for field in msgspec.structs.fields(effect):
        entry = getattr(effect, field.name)
        tree[field.name] = _entry(venue, effect, field.name, entry)
    instrument, lots = getattr(effect, "instrument", -1), getattr(effect, "lots", None)
    if venue is not None and lots is not None and instrument >= 0:
        tree["quantity"] = quantity_text(venue.catalogue, instrument, lots)
    return tree


def _entry(venue: Venue | None, effect: Effect | Event, name: str, entry: Any) -> Any:
    if isinstance(entry, enum.IntEnum):
        return entry.name.lower()
    if isinstance(entry, enum.Enum):
        return entry.value
    if venue is not None and name in _IN_COINS:
        return {venue.catalogue.coins[c].id: coin_text(venue, c, atoms) for c, atoms in entry}
    if isinstance(entry, tuple):
        return [_entry(venue, effect, "", one) for one in entry]
    if isinstance(entry, bytes):
        return entry.hex()
    if type(entry) is not int:
        return entry
    if venue is not None:
        written = _number(venue, effect, name, entry)
        if written is not None:
            return written
    return entry if name in _COUNTS or abs(entry) < EXACT_MAX else str(entry)


def _number(venue: Venue, effect: Effect | Event, name: str, entry: int) -> str | None:
    catalogue = venue.catalogue
    if name in _ACCOUNTS:
        return venue.names[entry] if 0 <= entry < len(venue.names) else None
    if name == "instrument":
        return catalogue.instruments[entry].id if entry >= 0 else None
    if name == "coin":
        return catalogue.coins[entry].id
    if name == "asset":
        return catalogue.names[entry]
    if name in _MONEY:
        return money(venue, entry)
    if name in _PRICES and effect.__struct_config__.tag != "breaker_changed":
        return format_atoms(entry, catalogue.numeraire.decimals)
    if name in _RATIOS:
        return format_ratio(entry)
    coin = getattr(effect, "coin", None)
    if name in _OF_COIN:
        return money(venue, entry) if coin is None else coin_text(venue, coin, entry)
    return None
