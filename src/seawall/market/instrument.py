"""What a venue lists: the terms of each contract, as exact integers.

Knows lots, ticks, expiries and which currency settles. Does not know prices, accounts or margin.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec


class Kind(enum.IntEnum):
    """What a ledger asset is, by the form of its payoff."""

    CURRENCY = 0  # Cash or collateral; its quantity is atoms of the coin.
    QUOTE = 1  # Cash leg of a contract; atoms of the settlement currency, without haircut.
    LINEAR = 2  # Lots of a perpetual or dated future worth lot × mark each.
    INVERSE = 3  # Lots of a coin-settled contract worth minus its dollar face each.
    OPTION = 4  # Lots of a European option.


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One listed contract.

    `lot` is what one lot stands for: atoms of the base coin (linear, option, spot) or atoms of the
    numeraire (inverse: a 100-dollar contract has lot = 100 × 10^decimals of the numeraire).
    `tick` is the smallest price step in price atoms: 10^-numeraire.decimals of the quote currency.
    """

    id: str  # ccxt's unified symbol, such as BTC/USDC:USDC-240809-60000-C.
    type: Literal["spot", "perpetual", "future", "option"]
    base: str  # Coin whose price the contract follows.
    quote: str  # Currency in which the price is said.
    settle: str  # Currency in which gains are paid.
    lot: int  # [base atoms], or [numeraire atoms] when inverse.
    tick: int  # [price atoms]
    inverse: bool = False
    premium: Literal["paid", "margined"] = "margined"
    listed_ms: int = 0
    expires_ms: int | None = None
    strike: int | None = None  # [price atoms]
    right: Literal["call", "put"] | None = None
