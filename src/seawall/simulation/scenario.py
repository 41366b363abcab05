"""The scenario file: everything that a replay is made of, typed, with decimals kept exact.

One TOML file names the rulebook, the bars, the listing, the surface, the depth of the book, the
insurance fund and the accounts. A wrong key or value is refused in one line with its path.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from seawall.simulation.bars import ScenarioError

Order = Literal["low_first", "high_first", "nearest_first"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Walk(Part, frozen=True, kw_only=True):
    """How prices walk through the bars."""

    file: str
    order: Order  # Which extreme of a bar comes first, in all coins together.
    coins: tuple[str, ...]
    step_s: int
    offsets_s: tuple[int, int, int]  # First extreme, second extreme, close.


class Contract(Part, frozen=True, kw_only=True):
    """One listed contract that does not expire."""

    id: str
    type: Literal["spot", "perpetual"]
    base: str
    quote: str
    settle: str
    lot: Decimal  # Base coins, or units of the numeraire when inverse.
    tick: Decimal
    inverse: bool = False
    depth: str  # Market name in the depth file.
    depth_share: Decimal = Decimal(1)  # Of that market's depth, where another one stands for it.


class Chain(Part, frozen=True, kw_only=True):
    """European options on one coin: every expiry × strike, call and put."""

    base: str
    quote: str
    settle: str
    lot: Decimal
    tick: Decimal
    premium: Literal["paid", "margined"]
    expires: tuple[datetime, ...]
    strikes: tuple[Decimal, ...] = ()
    strike_range: tuple[Decimal, Decimal, Decimal] | None = None  # First, last, step.


class SurfaceChoice(Part, frozen=True, kw_only=True):
    """Two fitted days and how stress moves from one to the other."""

    file: str
    calm: str
    stressed: str
    stress: tuple[tuple[datetime, Decimal], ...]  # Linear between; flat beyond the ends.


class FundingChoice(Part, frozen=True, kw_only=True):
    """Funding of every perpetual: at these hours, at the rate that holds since a time."""

    hours_utc: tuple[int, ...]
    rates: tuple[tuple[datetime, Decimal], ...]


class DepthChoice(Part, frozen=True, kw_only=True):
    """The book of this venue, as a share of a measured one."""

    file: str
    share: Decimal
    half_life_s: int
    left_in_stress: Decimal  # Share of the depth that is left when stress is 1.
    option_spread_mark: Decimal
    option_spread_underlying: Decimal
    option_lots: int


class RetailChoice(Part, frozen=True, kw_only=True):
    """People with one or a few perpetuals."""

    method: str
    share: Decimal  # Of all accounts.
    smallest: Decimal  # Notional of the smallest position, numeraire.
    largest: Decimal
    tail: Decimal  # Index of the Pareto tail of notional.
    long_share: Decimal
    leverage: tuple[tuple[Decimal, Decimal], ...]  # (leverage, share)
    leverage_caps: tuple[tuple[Decimal, Decimal], ...]  # (notional up to, most leverage)
    cushion: Decimal  # Most of equity above the margin of the leverage, as a ratio of it.
    instruments: tuple[tuple[str, Decimal], ...]  # (contract, share)
    positions: tuple[Decimal, ...] = (Decimal(1),)  # Share with one, two, … positions.
    collateral: tuple[tuple[str, Decimal], ...] = ()  # (coin, share); settle currency if empty.


class DeskChoice(Part, frozen=True, kw_only=True):
    """Institutions under portfolio margin: perpetuals and options."""

    method: str
    share: Decimal
    smallest: Decimal
    largest: Decimal
    tail: Decimal
    instruments: tuple[tuple[str, Decimal], ...]  # (perpetual, share); options on its coin.
    strategies: tuple[tuple[str, Decimal], ...]  # (name, share)
    leverage: tuple[tuple[Decimal, Decimal], ...]
    cushion: Decimal
    expiries: tuple[Decimal, ...]  # Share of positions by expiry of the chain.
    moneyness: tuple[Decimal, Decimal]  # Strikes of wings: nearest and farthest |K ÷ S − 1|.


class MakerChoice(Part, frozen=True, kw_only=True):
    """Market makers, who hold the other side of everybody."""

    method: str
    number: int
    capital: Decimal  # Equity of each at the start, numeraire.


class PopulationChoice(Part, frozen=True, kw_only=True):
    """The generated accounts."""

    accounts: int
    entry_spread: Decimal  # Entry prices lie within this ratio of the opening price.
    isolated: RetailChoice
    cross: RetailChoice
    desks: DeskChoice
    makers: MakerChoice


class Recorded(Part, frozen=True, kw_only=True):
    """How often the recorder looks and the journal keeps a checkpoint. [ticks]"""

    checkpoint_ticks: int
    histogram_ticks: int


class Scenario(Part, frozen=True, kw_only=True):
    """A whole scenario file."""

    name: str
    seed: int
    rulebook: str
    path: Walk
    contracts: tuple[Contract, ...]
    chains: tuple[Chain, ...]
    surface: SurfaceChoice
    funding: FundingChoice
    depth: DepthChoice
    insurance_fund: dict[str, Decimal]
    population: PopulationChoice
    record: Recorded
    sources: tuple[str, ...] = ()


def decode(file: Path) -> Scenario:
    """Read a scenario by its types alone; `scenario_check.load` looks at the values too."""
    try:
        text = file.read_text(encoding="utf-8")
        tree = tomllib.loads(text, parse_float=Decimal)
    except (FileNotFoundError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise ScenarioError(f"{file.name}: {reason}") from None
    _refuse_not_finite(tree, "$", file.name)
    try:
        scenario = msgspec.convert(tree, Scenario, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        reason, _, key = str(error).partition(" - at `")
        raise ScenarioError(f"{file.name}: {key.rstrip('`') or '$'}: {reason}") from None
    return scenario


def _refuse_not_finite(tree: object, key: str, name: str) -> None:
    if isinstance(tree, dict):
        for child, value in tree.items():
            _refuse_not_finite(value, f"{key}.{child}", name)
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            _refuse_not_finite(value, f"{key}[{place}]", name)
    elif isinstance(tree, Decimal) and not tree.is_finite():
        raise ScenarioError(f"{name}: {key}: {tree} is not a finite number")
    elif isinstance(tree, datetime) and tree.tzinfo is None:
        raise ScenarioError(f"{name}: {key}: {tree} has no time zone; add Z")
