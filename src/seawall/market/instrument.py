"""What a venue lists: the terms of each contract, as exact integers.

Knows lots, ticks, expiries and which currency settles. Does not know prices, accounts or margin.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from seawall.market.symbol import YEAR_2100_MS, SymbolError, Terms, read_symbol
from seawall.money import ATOMS_MAX, Asset, parse_atoms


class InstrumentError(ValueError):
    """Terms that no contract can have; the message begins with the key."""


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

    An option settled in its coin is `inverse` with `quote` the numeraire, as ccxt says it: the
    quote is the currency of strike and index alone. Its premium is coins, so its prices, marks and
    tick are price atoms of the *coin* per coin (a mark of 0.0325 BTC is 325,000,000, Deribit's tick
    of 0.0001 is 1,000,000), and its lot is atoms of the base coin.

    >>> Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
    ...            settle="USDC", lot=0, tick=1)
    Traceback (most recent call last):
        ...
    seawall.market.instrument.InstrumentError: lot must lie in 1 … 2^63 - 1, not 0
    """

    id: str  # ccxt's unified symbol, such as BTC/USDC:USDC-240809-60000-C.
    type: Literal["spot", "perpetual", "future", "option"]
    base: str  # Coin whose price the contract follows.
    quote: str  # Currency in which the price is said.
    settle: str  # Currency in which gains are paid.
    lot: int  # [base atoms], or [numeraire atoms] of an inverse perpetual or future.
    tick: int  # [price atoms]
    inverse: bool = False
    premium: Literal["paid", "margined"] = "margined"
    listed_ms: int = 0
    expires_ms: int | None = None
    strike: int | None = None  # [price atoms]
    right: Literal["call", "put"] | None = None

    def __post_init__(self) -> None:
        """Refuse impossible terms, also when a file or the journal is read."""
        for key in ("id", "base", "quote", "settle"):
            if not getattr(self, key):
                raise InstrumentError(f"{key} must not be empty")
        _positive("lot", self.lot)
        _positive("tick", self.tick)
        if self.base == self.quote:
            raise InstrumentError(f"quote must differ from the base coin {self.base}")
        self._check_settlement()
        self._check_expiry()
        self._check_option_terms()

    @property
    def kind(self) -> Kind:
        """Form of the payoff of one lot; a spot lot is an amount of the base coin."""
        if self.type == "spot":
            return Kind.CURRENCY
        if self.type == "option":
            return Kind.OPTION
        return Kind.INVERSE if self.inverse else Kind.LINEAR

    @property
    def is_sized_in_numeraire(self) -> bool:
        """Whether a lot is a face in the numeraire and not an amount of the base coin."""
        return self.kind is Kind.INVERSE

    @property
    def terms(self) -> Terms:
        """What a name can say of the contract."""
        return Terms(
            type=self.type,
            base=self.base,
            quote=self.quote,
            settle=self.settle,
            inverse=self.inverse,
            expires_ms=self.expires_ms,
            strike=self.strike,
            right=self.right,
        )

    def _check_settlement(self) -> None:
        if self.inverse and self.type == "spot":
            raise InstrumentError(f"inverse must be false for type {self.type}")
        settle = self.base if self.inverse else self.quote
        if self.settle != settle:
            form = "inverse" if self.inverse else "linear"
            raise InstrumentError(f"settle must be {settle} ({form}), not {self.settle}")
        if self.premium == "paid" and self.type in {"perpetual", "future"}:
            raise InstrumentError(f"premium must be margined for type {self.type}")

    def _check_expiry(self) -> None:
        dated = self.type in {"future", "option"}
        if not dated and self.expires_ms is not None:
            raise InstrumentError(f"expires_ms must be absent for type {self.type}")
        if dated and self.expires_ms is None:
            raise InstrumentError(f"expires_ms is missing for type {self.type}")
        if self.listed_ms < 0:
            raise InstrumentError(f"listed_ms must not be negative, not {self.listed_ms}")
        if self.expires_ms is not None and self.expires_ms <= self.listed_ms:
            raise InstrumentError(f"expires_ms must be after listed_ms, not {self.expires_ms}")
        if self.expires_ms is not None and self.expires_ms >= YEAR_2100_MS:
            raise InstrumentError(f"expires_ms must be before 2100, not {self.expires_ms}")

    def _check_option_terms(self) -> None:
        for key in ("strike", "right"):
            if (getattr(self, key) is not None) != (self.type == "option"):
                state = "is missing" if self.type == "option" else "must be absent"
                raise InstrumentError(f"{key} {state} for type {self.type}")
        if self.strike is not None:
            _positive("strike", self.strike)


def _positive(key: str, number: int) -> None:
    if not 0 < number <= ATOMS_MAX:
        raise InstrumentError(f"{key} must lie in 1 … 2^63 - 1, not {number}")


class _Written(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An instrument as a file says it: decimals of whole units."""

    id: str
    tick: Decimal
    lot: Decimal | None = None
    face: Decimal | None = None
    premium: Literal["paid", "margined"] | None = None
    listed_ms: int = 0
    expires_ms: int | None = None


def read_instrument(
    tree: Mapping[str, object], numeraire: Asset, coins: Iterable[Asset], path: str = "$"
) -> Instrument:
    """Build an instrument from a table of a TOML or JSON file, with amounts in whole units.

    Keys: `id` (ccxt's or Deribit's name; it says type, coins, expiry, strike and right), `tick` in
    quote currency (in coins for an option settled in its coin), `lot` in base coins or, for an
    inverse perpetual or future, `face` in the numeraire, `premium`, `listed_ms`, and `expires_ms`
    where the venue does not expire at 08:00 UTC.
    Raises `InstrumentError` that ends with the path of the key.

    >>> coins = (Asset("USDC", 6), Asset("BTC", 8))
    >>> tree = {"id": "BTC_USDC-9AUG24-60000-C", "lot": "0.01", "tick": "5"}
    >>> option = read_instrument(tree, Asset("USD", 10), coins)
    >>> option.id, option.lot, option.strike == 60_000 * 10**10
    ('BTC/USDC:USDC-240809-60000-C', 1000000, True)
    """
    for key, entry in tree.items():
        if isinstance(entry, float):
            raise InstrumentError(f"{entry} is a float; write it as text - at `{path}.{key}`")
    try:
        written = msgspec.convert(dict(tree), _Written)
    except msgspec.ValidationError as error:
        text = str(error)
        place = text.replace("`$", f"`{path}") if "`$" in text else f"{text} - at `{path}`"
        raise InstrumentError(place) from None
    try:
        terms = read_symbol(written.id, numeraire.decimals)
    except SymbolError as error:
        raise InstrumentError(f"{error} - at `{path}.id`") from None
    return _compile(written, terms, numeraire, {coin.id: coin for coin in coins}, path)


def _compile(
    written: _Written, terms: Terms, numeraire: Asset, coins: Mapping[str, Asset], path: str
) -> Instrument:
    face = terms.inverse and terms.type != "option"
    key, other = ("face", "lot") if face else ("lot", "face")
    if getattr(written, other) is not None:
        raise InstrumentError(f"write `{key}`, not `{other}`, here - at `{path}.{other}`")
    size = getattr(written, key)
    if size is None:
        raise InstrumentError(f"Object missing required field `{key}` - at `{path}`")
    if terms.base not in coins:
        raise InstrumentError(f"coin {terms.base} is not known - at `{path}.id`")
    decimals = numeraire.decimals if face else coins[terms.base].decimals
    if written.expires_ms is not None:
        terms = terms._replace(expires_ms=written.expires_ms)
    premium = written.premium or ("paid" if terms.type == "spot" else "margined")
    lot = _atoms(size, decimals, f"{path}.{key}")
    tick = _atoms(written.tick, numeraire.decimals, f"{path}.tick")
    try:
        return Instrument(
            id=terms.symbol(numeraire.decimals),
            lot=lot,
            tick=tick,
            premium=premium,
            listed_ms=written.listed_ms,
            **terms._asdict(),
        )
    except InstrumentError as error:
        raise InstrumentError(f"{error} - at `{path}`") from None


def _atoms(number: Decimal, decimals: int, path: str) -> int:
    try:
        return parse_atoms(number, decimals)
    except ValueError as error:  # AmountError, or more digits than Python reads.
        raise InstrumentError(f"{error} - at `{path}`") from None
