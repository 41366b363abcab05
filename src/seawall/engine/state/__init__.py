"""What the engine knows: the venue, and each thing that it remembers, as bytes and back."""

from seawall.engine.state.venue import (
    CLEARING,
    DUST,
    FEES,
    FIRST_ACCOUNT,
    INSURANCE_FUND,
    MARKET,
    OUTSIDE,
    SYSTEM_ACCOUNTS,
    OpenOrder,
    Rates,
    Read,
    Side,
    Venue,
)

__all__ = [
    "CLEARING",
    "DUST",
    "FEES",
    "FIRST_ACCOUNT",
    "INSURANCE_FUND",
    "MARKET",
    "OUTSIDE",
    "SYSTEM_ACCOUNTS",
    "OpenOrder",
    "Rates",
    "Read",
    "Side",
    "Venue",
]
