"""The file of a world: coins, books, venues, and who lives there; typed, decimals kept exact.

One TOML file. A rulebook is named by its file or written into the world. A wrong key or value is
refused in one line with its path; `check` looks at what types alone do not see. Decimals are
dollars or ratios, and steps are counted from 1.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from seawall.simulation.bars import ScenarioError
from seawall.simulation.scenario import Part
from seawall.simulation.world.impact import LAWS, Linear
from seawall.simulation.world.rules import RULES

PEG = "USD"  # What a coin follows that is meant to be worth one dollar, or any other fixed price.


class Shock(Part, frozen=True, kw_only=True):
    """A move in equal parts over some steps: of the price, or of the gap of a coin that follows."""

    step: int
    size: Decimal
    over: int = 1


class CoinChoice(Part, frozen=True, kw_only=True):
    """Where a coin's price goes by itself, apart from anything that is sold here."""

    id: str
    price: Decimal = Decimal(1)  # At the start; of a coin that follows another, times its price.
    volatility: Decimal = Decimal(0)  # Of one step.
    beta: Decimal = Decimal(0)  # Share of the first coin's own move that it makes too.
    follows: str = ""  # Another coin, or USD: price = what it follows · price · (1 − gap).
    reversion: Decimal = Decimal(0)  # Share of the gap that closes in a step.
    rate: Decimal = Decimal(0)  # Of a yield-bearing coin, as its feed tells it.
    shocks: tuple[Shock, ...] = ()


class MakerChoice(Part, frozen=True, kw_only=True):
    """Who quotes on a book, and when less: in volatility, with inventory, not at all in a spike."""

    name: str
    depth: Decimal  # Dollars that count as a pressure of 1, when it is calm.
    capital: Decimal = Decimal(1_000_000_000)  # At each venue whose trades meet this book.
    calm: Decimal = Decimal(1)  # Volatility of a step up to which it quotes all.
    spike: Decimal = Decimal(1000)  # Volatility ÷ calm from which it does not quote.
    away_steps: int = 0  # After the last step of a spike.
    inventory: Decimal = Decimal(0)  # Dollars held at which it quotes nothing; 0: no limit.
    unload: Decimal = Decimal("0.05")  # Share of its inventory that it sells elsewhere in a step.


class BookChoice(Part, frozen=True, kw_only=True):
    """One market of a coin; venues that name it trade there."""

    id: str
    coin: str
    makers: tuple[MakerChoice, ...]
    law: LAWS = Linear()
    permanent: Decimal = Decimal("0.3")  # Share of an impact that stays.
    half_life_s: int = 600  # Of the rest.
    reach: Decimal = Decimal("0.1")  # Pressure that each side bears in one step.
    passive: Decimal = Decimal("0.02")  # Share of the calm depth that stands whoever withdraws.
    volatility_decay: Decimal = Decimal("0.94")  # Of the variance, for each step.


class SourceChoice(Part, frozen=True, kw_only=True):
    """What one source of a feed looks at."""

    id: str
    books: tuple[str, ...] = ()  # Their mean; none named: the venue's book of the coin.
    average_steps: int = 1
    lag_steps: int = 0


class FeedChoice(Part, frozen=True, kw_only=True):
    """How a coin's price reaches a venue: to its oracle, where the rulebook has one."""

    sources: tuple[SourceChoice, ...] = (SourceChoice(id="index"),)
    trigger: Decimal = Decimal(0)  # A smaller move is not told before the heartbeat.
    heartbeat_steps: int = 1


class ContractChoice(Part, frozen=True, kw_only=True):
    """One listed contract."""

    id: str
    type: Literal["spot", "perpetual"] = "perpetual"
    base: str
    quote: str = "USDC"
    lot: Decimal  # Base coins.
    tick: Decimal


class ChainChoice(Part, frozen=True, kw_only=True):
    """What a transaction of a keeper costs, one block for each step."""

    usual_gwei: int = 20
    ether_price: Decimal = Decimal(2_000)
    crowding: Decimal = Decimal(1)  # Others offer usual · (1 + crowding · (volatility ÷ calm − 1)).
    calm: Decimal = Decimal("0.001")  # Volatility of a step of the first book.


class VenueChoice(Part, frozen=True, kw_only=True):
    """A venue: its rules, its contracts, the books behind them, its fund."""

    name: str
    rulebook: str = ""  # A file beside the scenario, or
    rules: str = ""  # the same text.
    contracts: tuple[ContractChoice, ...]
    books: dict[str, str]  # By coin.
    feeds: dict[str, FeedChoice] = msgspec.field(default_factory=dict)  # By coin; else at once.
    marks: Literal["traded", "index"] = "traded"
    maker_method: str
    fund: dict[str, Decimal] = msgspec.field(default_factory=dict)  # Whole coins.
    chain: ChainChoice = ChainChoice()


class Crowd(Part, frozen=True, kw_only=True):
    """What traders and borrowers have alike."""

    name: str
    venue: str
    method: str
    count: int
    smallest: Decimal  # Notional, or value of what is posted; dollars.
    largest: Decimal
    tail: Decimal = Decimal("1.2")
    cushion: Decimal = Decimal("0.5")  # Most of equity beyond what leverage asks, as a ratio of it.
    reserve: Decimal = Decimal(0)  # Outside the venue, as a share of the equity at the start.
    window_steps: int = 5  # Over which a past return is taken.
    rules: tuple[RULES, ...] = ()


class TraderChoice(Crowd, frozen=True, kw_only=True):
    """People with a position in one contract."""

    contract: str
    long_share: Decimal = Decimal("0.5")
    leverage: tuple[tuple[Decimal, Decimal], ...]  # (leverage, share)
    collateral: str = ""  # Coin of their equity; none: what the contract settles in.
    backed_by: str = ""  # Borrowers whose free collateral tops these accounts up, one for one.


class BorrowerChoice(Crowd, frozen=True, kw_only=True):
    """People who owe cash against a coin."""

    collateral: str
    loan_to_value: tuple[tuple[Decimal, Decimal], ...]  # (debt ÷ value, share)


class Leg(Part, frozen=True, kw_only=True):
    """Where one half of an arbitrage is done."""

    venue: str
    contract: str


class ArbitrageurChoice(Part, frozen=True, kw_only=True):
    """Who sells where it is dear and buys where it is cheap, some steps late."""

    name: str
    legs: tuple[Leg, Leg]
    methods: tuple[str, str]
    capital: Decimal  # At each venue, dollars.
    delay_steps: int = 1
    threshold: Decimal = Decimal("0.002")  # Gap ÷ price that is worth it.
    share: Decimal = Decimal("0.5")  # Of the gap that it closes at once.
    position_max: Decimal  # Dollars on each side.


class AttackerChoice(Part, frozen=True, kw_only=True):
    """Who makes a source see another price for some steps: a spoofed book, a moved pool."""

    name: str
    venue: str
    coin: str
    source: str
    step: int
    steps: int = 1
    factor: Decimal  # Price seen ÷ price.
    pool: Decimal = Decimal(0)  # Dollars on each side of the pool that is moved; 0: no cost.


class KeeperChoice(Part, frozen=True, kw_only=True):
    """Who takes from auctions."""

    name: str
    venue: str
    method: str
    capital: Decimal
    gas_gwei_max: int = 500
    profit_least: Decimal = Decimal(5)
    latency_steps: int = 1
    discount: Decimal = Decimal("0.02")
    unload: Decimal = Decimal("0.2")  # Share of what it holds that it sells on the book in a step.
    races: bool = False  # Wants only what another's transaction would get, for more gas.


class DynamicMarginChoice(Part, frozen=True, kw_only=True):
    """Maintenance = max(the rulebook's, multiple · volatility, floor), at most `most`.

    Volatility is that of a step of the coin's book, exponentially weighted; initial margin keeps
    its ratio to maintenance. A change is a new rulebook, sent as `RulesChanged`.
    """

    venue: str
    method: str
    coin: str
    multiple: Decimal
    floor: Decimal = Decimal(0)
    most: Decimal = Decimal("0.5")
    every_steps: int = 10
    decay: Decimal = Decimal("0.94")


class WorldScenario(Part, frozen=True, kw_only=True):
    """A whole world."""

    name: str
    seed: int = 1
    steps: int
    step_s: int = 60
    check_every: int = 1  # Steps after which every engine checks itself; 0: at the end alone.
    coins: tuple[CoinChoice, ...]
    books: tuple[BookChoice, ...]
    venues: tuple[VenueChoice, ...]
    traders: tuple[TraderChoice, ...] = ()
    borrowers: tuple[BorrowerChoice, ...] = ()
    arbitrageurs: tuple[ArbitrageurChoice, ...] = ()
    attackers: tuple[AttackerChoice, ...] = ()
    keepers: tuple[KeeperChoice, ...] = ()
    dynamic_margin: tuple[DynamicMarginChoice, ...] = ()


def read(text: str, name: str = "world", folder: Path | None = None) -> WorldScenario:
    """Read a world from TOML text; rulebook files are found in the folder and taken in."""
    from seawall.simulation.world.check import faults

    try:
        tree = tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise ScenarioError(f"{name}: {error}") from None
    _refuse_not_finite(tree, "$", name)
    try:
        world = msgspec.convert(tree, WorldScenario)
    except msgspec.ValidationError as error:
        reason, _, key = str(error).partition(" - at `")
        raise ScenarioError(f"{name}: {key.rstrip('`') or '$'}: {reason}") from None
    world = _with_rules(world, name, folder)
    for key, reason in faults(world):
        raise ScenarioError(f"{name}: {key}: {reason}")
    return world


def load(file: Path) -> WorldScenario:
    """Read a world from a file."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise ScenarioError(f"{file.name}: {reason}") from None
    return read(text, file.name, file.parent)


def _with_rules(world: WorldScenario, name: str, folder: Path | None) -> WorldScenario:
    venues = []
    for place, venue in enumerate(world.venues):
        key = f"$.venues[{place}].rulebook"
        if bool(venue.rulebook) == bool(venue.rules):
            raise ScenarioError(f"{name}: {key}: give either a file or the text as rules")
        rules = venue.rules
        if venue.rulebook:
            try:
                rules = ((folder or Path()) / venue.rulebook).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                reason = f"{venue.rulebook} cannot be read"
                raise ScenarioError(f"{name}: {key}: {reason}") from None
        venues.append(msgspec.structs.replace(venue, rulebook="", rules=rules))
    return msgspec.structs.replace(world, venues=tuple(venues))


def _refuse_not_finite(tree: object, key: str, name: str) -> None:
    if isinstance(tree, dict):
        for child, value in tree.items():
            _refuse_not_finite(value, f"{key}.{child}", name)
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            _refuse_not_finite(value, f"{key}[{place}]", name)
    elif isinstance(tree, Decimal) and not tree.is_finite():
        raise ScenarioError(f"{name}: {key}: {tree} is not a finite number")
