"""The rulebook: every rule of a venue, typed, versioned and hashed.

Knows the file's form and what its keys may say. Decimals stay exact as written; the engine turns
them into parts per billion. `canonical` is the form in which the journal keeps a rulebook, and the
fingerprint is its hash, so two spellings of the same rules are one rulebook.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from seawall.engine.rules.breaker_rules import Breaker
from seawall.engine.rules.breaker_rules import faults as breaker_faults
from seawall.engine.rules.exit_rules import Auctions, FlashTerms, PoolDepth, Provider, exit_faults
from seawall.engine.rules.funding_rules import FundingRule, funding_faults
from seawall.engine.rules.rulebook_tree import (
    canonical_tree,
    check_decimals,
    differences,
    inner_path,
    name_keys,
)
from seawall.engine.rules.taking_rules import Call, Liquidation, call_faults, liquidation_faults
from seawall.engine.rules.waterfall_rules import (
    Backstop,
    Deleveraging,
    LossSharing,
    untraded,
    waterfall_faults,
)
from seawall.liquidation import Fund
from seawall.liquidation.exits import EXITS
from seawall.margin import METHODS
from seawall.margin.collateral import CollateralRule, Flat, WrongWay
from seawall.margin.counted import CoinTerms, reads_market, split
from seawall.market import Catalogue, CatalogueError
from seawall.market.catalogue import COIN_DECIMALS_MAX
from seawall.market.oracle import Policy
from seawall.money import Asset, parse_ratio

NUMERAIRE_DECIMALS = 10  # Margin methods read dollars with it.
FINGERPRINT_DIGITS = 16


class RulebookError(ValueError):
    """The file is not a rulebook; the message names the file and the path of the key."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Numeraire(_Section, frozen=True, kw_only=True):
    """What every price and every margin is said in; nobody holds it."""

    id: str
    decimals: int


class Coin(_Section, frozen=True, kw_only=True):
    """A currency that accounts can hold."""

    id: str
    decimals: int
    haircut: Decimal = Decimal(0)  # Share of a positive balance that does not count as collateral.
    collateral: tuple[CollateralRule, ...] = ()  # In place of a haircut; in the order given.
    deposit_cap: Decimal | None = None  # Dollars of it that all accounts together may hold.
    inside_scenarios: bool = True  # Whether it moves in scenarios, where its method lets coins.

    LATER: ClassVar[frozenset[str]] = frozenset({"collateral", "deposit_cap", "inside_scenarios"})


class Fees(_Section, frozen=True, kw_only=True):
    """What trading costs."""

    taker_ratio: Decimal = Decimal(0)  # Of the notional, paid by the taker of a trade.


class Rulebook(_Section, frozen=True, kw_only=True, dict=True):
    """Every rule of a venue. Key paths in errors are those of the file."""

    format: Literal[1]
    name: str
    version: str  # Date and serial number, such as 2024-08-05.1.
    cash: str  # Coin for which collateral is sold.
    numeraire: Numeraire
    coins: tuple[Coin, ...]  # Coin numbers follow this order.
    margin: dict[str, METHODS]
    liquidation: Liquidation
    source: str = ""  # Where the numbers come from.
    call: Call = Call()
    deleveraging: Deleveraging = Deleveraging()
    loss_sharing: LossSharing = LossSharing()
    fees: Fees = Fees()
    oracle: dict[str, Policy] = {}  # By coin; the others are priced by whoever sends `Priced`.
    breakers: dict[str, Breaker] = {}
    operators: tuple[str, ...] = ()  # Two of them override a breaker.

    exits: dict[str, EXITS] = {}  # By coin; the others leave through the book.
    providers: tuple[Provider, ...] = ()
    pools: dict[str, PoolDepth] = {}  # By coin.
    auctions: Auctions = Auctions()
    flash: FlashTerms | None = None  # For takers of auctions that bring no capital.
    backstop: Backstop | None = None
    funds: tuple[Fund, ...] = ()  # In the order in which they pay; none named: one for all.
    funding: dict[str, FundingRule] = {}  # By coin; a driver tells the rates of the others.

    LATER: ClassVar[frozenset[str]] = frozenset(
        {
            "oracle",
            "breakers",
            "operators",
            "exits",
            "providers",
            "pools",
            "auctions",
            "flash",
            "backstop",
            "funds",
            "funding",
        }
    )

    def canonical(self) -> str:
        """Write the one JSON text of these rules: keys sorted, decimals as shortest text."""
        tree = canonical_tree(self)
        return msgspec.json.encode(tree, order="deterministic").decode()

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the sha256 of the canonical text."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:FINGERPRINT_DIGITS]

    @property
    def method_names(self) -> tuple[str, ...]:
        """Names of the margin methods by number: alphabetical, however the file has them."""
        return tuple(sorted(self.margin))

    @property
    def methods(self) -> tuple[METHODS, ...]:
        """Margin methods by number."""
        return tuple(self.margin[name] for name in self.method_names)

    @property
    def haircuts(self) -> tuple[int, ...]:
        """Flat haircuts, parts per billion; 0 of a coin that has rules instead. [coin]"""
        return tuple(parse_ratio(coin.haircut) for coin in self.coins)

    @property
    def collateral(self) -> tuple[CoinTerms, ...]:
        """How balances count; a flat haircut is a chain of one rule. [coin]"""
        return tuple(
            CoinTerms(
                coin.id,
                10**coin.decimals,
                coin.collateral or ((Flat(coin.haircut),) if coin.haircut else ()),
                coin.inside_scenarios,
            )
            for coin in self.coins
        )

    @property
    def tells_waterfall(self) -> bool:
        """Whether a rule of the waterfall is named, so that its effects say what each stage gave.

        Venues without such a rule keep the bits that they had before there were any.
        """
        named = (self.backstop, self.funds, self.deleveraging, self.loss_sharing)
        return named != (None, (), Deleveraging(), LossSharing())

    def grace_ms(self, method: int) -> int:
        """Time between a call and the liquidation, by the method's number."""
        return self.call.grace_ms.get(self.method_names[method], 0)

    def catalogue(self) -> Catalogue:
        """Open the catalogue of these coins, with no contract listed yet."""
        return Catalogue.empty(
            Asset(self.numeraire.id, self.numeraire.decimals),
            (Asset(coin.id, coin.decimals) for coin in self.coins),
        )


def load(path: Path) -> Rulebook:
    """Read a rulebook from a TOML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RulebookError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RulebookError(f"{path}: not UTF-8 text") from None
    return read(text, str(path))


def read(text: str, name: str = "rulebook") -> Rulebook:
    """Read a rulebook from TOML text; errors begin with the name."""
    try:
        tree = tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:  # TOMLDecodeError, or more digits than Python reads.
        raise RulebookError(f"{name}: {error}") from None
    return _checked(tree, name)


def decode(canonical: str) -> Rulebook:
    """Read a rulebook back from its canonical text, as the journal keeps it."""
    try:
        tree = msgspec.json.decode(canonical)
    except msgspec.DecodeError as error:
        raise RulebookError(f"rulebook: {error}") from None
    return _checked(tree, "rulebook")


def diff(old: Rulebook, new: Rulebook) -> list[tuple[str, str | None, str | None]]:
    """List what differs as (key path, old, new) in canonical spelling; None where it is absent."""
    return differences(canonical_tree(old), canonical_tree(new), "$")


def _checked(tree: Any, name: str) -> Rulebook:
    try:
        rulebook = msgspec.convert(tree, Rulebook)
    except msgspec.ValidationError as error:
        message = inner_path(name_keys(str(error), tree, Rulebook))
        place = "" if "`$" in message else " - at `$`"
        raise RulebookError(f"{name}: {message}{place}") from None
    for fault, path in _faults(rulebook):
        raise RulebookError(f"{name}: {fault} - at `{path}`")
    return rulebook


def _faults(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    """What types cannot say: (fault, key path), first things first."""
    yield from check_decimals(msgspec.to_builtins(rulebook, builtin_types=(Decimal,)), "$")
    for key in ("name", "version"):
        if not getattr(rulebook, key).strip():
            yield f"{key} must not be empty", f"$.{key}"
    yield from _coin_faults(rulebook)
    yield from _margin_faults(rulebook)
    yield from call_faults(rulebook.call, rulebook.margin)
    yield from liquidation_faults(rulebook.liquidation)
    yield from _outside(rulebook.fees.taker_ratio, 0, 1, "$.fees.taker_ratio")
    ids = [coin.id for coin in rulebook.coins]
    yield from exit_faults(
        ids,
        rulebook.exits,
        rulebook.providers,
        rulebook.pools,
        rulebook.auctions,
        untraded(rulebook.funds),
    )
    if rulebook.flash is not None:
        for key in ("fee_ratio", "pool_fee_ratio"):
            yield from _outside(getattr(rulebook.flash, key), 0, 1, f"$.flash.{key}")
    yield from waterfall_faults(ids, rulebook.backstop, rulebook.funds, rulebook.deleveraging)
    yield from funding_faults(ids, rulebook.funding)
    yield from breaker_faults(ids, rulebook.oracle, rulebook.breakers, rulebook.operators)


def _coin_faults(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    decimals = rulebook.numeraire.decimals
    if decimals != NUMERAIRE_DECIMALS:
        yield f"decimals must be {NUMERAIRE_DECIMALS}, not {decimals}", "$.numeraire.decimals"
    if not rulebook.coins:
        yield "at least one coin is needed", "$.coins"
    for number, coin in enumerate(rulebook.coins):
        yield from _outside(coin.haircut, 0, 1, f"$.coins[{number}].haircut")
        yield from _outside(coin.decimals, 0, COIN_DECIMALS_MAX, f"$.coins[{number}].decimals")
        yield from _collateral_faults(rulebook, coin, f"$.coins[{number}]")
    try:
        catalogue = rulebook.catalogue()
    except CatalogueError as error:
        yield str(error), "$.coins" if str(error).startswith("coin") else "$.numeraire"
        return
    try:
        catalogue.coin(rulebook.cash)
    except CatalogueError as error:
        yield str(error), "$.cash"


def _collateral_faults(rulebook: Rulebook, coin: Coin, path: str) -> Iterator[tuple[str, str]]:
    if coin.collateral and coin.haircut:
        yield "a coin has a haircut or collateral rules, not both", f"{path}.haircut"
    if coin.deposit_cap is not None and coin.deposit_cap < 0:
        yield f"deposit_cap must not be negative, not {coin.deposit_cap}", f"{path}.deposit_cap"
    first, _ = split(coin.collateral)
    coins = {one.id for one in rulebook.coins}
    for place, rule in enumerate(coin.collateral):
        here = f"{path}.collateral[{place}]"
        if place > len(first) and reads_market(rule):
            fault = "a rule on the price comes before by_size, capped and wrong_way"
            yield fault, f"{here}.rule"
        for number, name in enumerate(rule.coins if isinstance(rule, WrongWay) else ()):
            if name not in coins:
                yield f"coin {name} is not listed", f"{here}.coins[{number}]"


def _margin_faults(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    """Faults of methods among each other; a method checks its own parameters.

    A table among the parameters of a method is keyed by coin, unless its `NAMED` says otherwise.
    """
    if not rulebook.margin:
        yield "at least one margin method is needed", "$.margin"
    coins = {coin.id for coin in rulebook.coins}
    for name, method in rulebook.margin.items():
        named: frozenset[str] = getattr(type(method), "NAMED", frozenset())
        for key in method.__struct_fields__:
            table = None if key in named else getattr(method, key)
            unknown = [coin for coin in table if coin not in coins] if type(table) is dict else []
            for coin in unknown:
                yield f"coin {coin} is not listed", f"$.margin.{name}.{key}.{coin}"


def _outside(ratio: Decimal | int, low: int, high: int, path: str) -> Iterator[tuple[str, str]]:
    if not low <= ratio <= high:
        key = path.rsplit(".", 1)[1]
        yield f"{key} must lie in [{low}, {high}], not {ratio}", path
