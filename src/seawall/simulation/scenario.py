"""The scenario file: everything that a replay is made of, typed, with decimals kept exact.

One TOML file names the rulebook, the bars, the listing, the surface, the depth of the book, the
insurance fund and the accounts. A wrong key or value is refused in one line with its path.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from seawall.market import Instrument
from seawall.money import AmountError, parse_atoms
from seawall.simulation.bars import ScenarioError

PRICE_DECIMALS = 10  # Of the numeraire; prices are integers of 10^-10 of it.
Order = Literal["low_first", "high_first", "nearest_first"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Path_(Part):  # noqa: N801
    """How prices walk through the bars."""

    file: str
    order: Order  # Which extreme of a bar comes first, in all coins together.
    coins: tuple[str, ...]
    step_s: int
    offsets_s: tuple[int, int, int]  # First extreme, second extreme, close.


class Contract(Part):
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


class Chain(Part):
    """European options on one coin: every expiry × strike, call and put."""

    base: str
    quote: str
    settle: str
    lot: Decimal
    tick: Decimal
    premium: Literal["paid", "margined"]
    expires: tuple[datetime, ...]
    strikes: tuple[Decimal, ...] = ()
    strikes_from: Decimal | None = None
    strikes_to: Decimal | None = None
    strikes_step: Decimal | None = None


class SurfaceChoice(Part):
    """Two fitted days and how stress moves from one to the other."""

    file: str
    calm: str
    stressed: str
    stress: tuple[tuple[datetime, Decimal], ...]  # Linear between; flat beyond the ends.


class FundingChoice(Part):
    """Funding of every perpetual: at these hours, at the rate that holds since a time."""

    hours_utc: tuple[int, ...]
    rates: tuple[tuple[datetime, Decimal], ...]


class DepthChoice(Part):
    """The book of this venue, as a share of a measured one."""

    file: str
    share: Decimal
    half_life_s: int
    left_in_stress: Decimal  # Share of the depth that is left when stress is 1.
    option_spread_mark: Decimal
    option_spread_underlying: Decimal
    option_lots: int


class RetailChoice(Part):
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


class DeskChoice(Part):
    """Institutions under portfolio margin: perpetuals and options."""

    method: str
    share: Decimal
    smallest: Decimal
    largest: Decimal
    tail: Decimal
    strategies: tuple[tuple[str, Decimal], ...]  # (name, share)
    leverage: tuple[tuple[Decimal, Decimal], ...]
    cushion: Decimal
    expiries: tuple[Decimal, ...]  # Share of positions by expiry of the chain.
    moneyness: tuple[Decimal, Decimal]  # Strikes of wings: nearest and farthest |K ÷ S − 1|.


class MakerChoice(Part):
    """Market makers, who hold the other side of everybody."""

    method: str
    number: int
    capital: Decimal  # Equity of each at the start, numeraire.


class PopulationChoice(Part):
    """The generated accounts."""

    accounts: int
    entry_spread: Decimal  # Entry prices lie within this ratio of the opening price.
    isolated: RetailChoice
    cross: RetailChoice
    desks: DeskChoice
    makers: MakerChoice


class Recorded(Part):
    """How often the recorder looks and the journal keeps a checkpoint. [ticks]"""

    checkpoint_ticks: int
    histogram_ticks: int


class Scenario(Part):
    """A whole scenario file."""

    name: str
    seed: int
    rulebook: str
    path: Path_
    contracts: tuple[Contract, ...]
    chains: tuple[Chain, ...]
    surface: SurfaceChoice
    funding: FundingChoice
    depth: DepthChoice
    insurance_fund: dict[str, Decimal]
    population: PopulationChoice
    record: Recorded
    sources: tuple[str, ...] = ()


def load(file: Path) -> Scenario:
    """Read a scenario; `ScenarioError` says in one line which key is wrong and why."""
    try:
        text = file.read_text(encoding="utf-8")
        tree = tomllib.loads(text, parse_float=Decimal)
    except (FileNotFoundError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise ScenarioError(f"{file.name}: {reason}") from None
    try:
        scenario = msgspec.convert(tree, Scenario, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        reason, _, key = str(error).partition(" - at `")
        raise ScenarioError(f"{file.name}: {key.rstrip('`') or '$'}: {reason}") from None
    for key, reason in _wrong(scenario):
        raise ScenarioError(f"{file.name}: {key}: {reason}")
    return scenario


def coin_names(scenario: Scenario) -> tuple[str, ...]:
    """Coins whose price the bars give."""
    return scenario.path.coins


def instruments(scenario: Scenario, decimals: dict[str, int], listed_ms: int) -> tuple[Instrument, ...]:
    """The listing in exact units: contracts in file order, then chains by expiry, strike, right."""
    found = [_contract(one, decimals, listed_ms) for one in scenario.contracts]
    for chain in scenario.chains:
        found.extend(_options(chain, decimals, listed_ms))
    return tuple(found)


def strikes(chain: Chain) -> tuple[Decimal, ...]:
    """Strikes of a chain: the list, or the range with its step."""
    if chain.strikes:
        return chain.strikes
    assert chain.strikes_from and chain.strikes_to and chain.strikes_step
    count = int((chain.strikes_to - chain.strikes_from) / chain.strikes_step)
    return tuple(chain.strikes_from + index * chain.strikes_step for index in range(count + 1))


def _contract(one: Contract, decimals: dict[str, int], listed_ms: int) -> Instrument:
    unit = PRICE_DECIMALS if one.inverse else decimals[one.base]
    return Instrument(
        id=one.id,
        type=one.type,
        base=one.base,
        quote=one.quote,
        settle=one.settle,
        lot=parse_atoms(one.lot, unit),
        tick=parse_atoms(one.tick, PRICE_DECIMALS),
        inverse=one.inverse,
        premium="paid" if one.type == "spot" else "margined",
        listed_ms=listed_ms,
    )


def _options(chain: Chain, decimals: dict[str, int], listed_ms: int) -> list[Instrument]:
    found = []
    for expires in chain.expires:
        day = expires.astimezone(UTC)
        for strike in strikes(chain):
            for right in ("call", "put"):
                name = f"{chain.base}/{chain.quote}:{chain.settle}"
                found.append(
                    Instrument(
                        id=f"{name}-{day:%y%m%d}-{strike.normalize():f}-{right[0].upper()}",
                        type="option",
                        base=chain.base,
                        quote=chain.quote,
                        settle=chain.settle,
                        lot=parse_atoms(chain.lot, decimals[chain.base]),
                        tick=parse_atoms(chain.tick, PRICE_DECIMALS),
                        premium=chain.premium,
                        listed_ms=listed_ms,
                        expires_ms=int(day.timestamp()) * 1000,
                        strike=parse_atoms(strike, PRICE_DECIMALS),
                        right="call" if right == "call" else "put",
                    )
                )
    return found


def _wrong(scenario: Scenario) -> list[tuple[str, str]]:
    """Every (key, reason) that types alone do not see."""
    found: list[tuple[str, str]] = []
    path, people = scenario.path, scenario.population
    if not 0 < path.offsets_s[0] < path.offsets_s[1] < path.offsets_s[2] <= path.step_s:
        found.append(("$.path.offsets_s", "must rise and end within the step"))
    if not path.coins:
        found.append(("$.path.coins", "names no coin"))
    for place, contract in enumerate(scenario.contracts):
        found += _positive(f"$.contracts[{place}]", lot=contract.lot, tick=contract.tick)
        if contract.base not in path.coins:
            found.append((f"$.contracts[{place}].base", f"{contract.base} has no bars"))
    names = [one.id for one in scenario.contracts]
    found += [("$.contracts", f"{n} is listed twice") for n in names if names.count(n) > 1]
    for place, chain in enumerate(scenario.chains):
        found += _wrong_chain(f"$.chains[{place}]", chain, path.coins)
    found += _rising("$.surface.stress", [row[0] for row in scenario.surface.stress])
    found += [
        (f"$.surface.stress[{i}][1]", f"{row[1]} is not between 0 and 1")
        for i, row in enumerate(scenario.surface.stress)
        if not 0 <= row[1] <= 1
    ]
    found += _rising("$.funding.rates", [row[0] for row in scenario.funding.rates])
    if not all(0 <= hour < 24 for hour in scenario.funding.hours_utc):
        found.append(("$.funding.hours_utc", "hours are 0 to 23"))
    depth = scenario.depth
    found += _positive("$.depth", share=depth.share, half_life_s=Decimal(depth.half_life_s))
    if not 0 < depth.left_in_stress <= 1:
        found.append(("$.depth.left_in_stress", "must lie above 0 and not above 1"))
    if depth.option_lots < 0 or depth.option_spread_mark < 0 or depth.option_spread_underlying < 0:
        found.append(("$.depth", "option spreads and lots must not be negative"))
    found += [
        (f"$.insurance_fund.{coin}", "is negative")
        for coin, amount in scenario.insurance_fund.items()
        if not amount >= 0
    ]
    found += _wrong_people(people, {one.id for one in scenario.contracts})
    found += _positive(
        "$.record",
        checkpoint_ticks=Decimal(scenario.record.checkpoint_ticks),
        histogram_ticks=Decimal(scenario.record.histogram_ticks),
    )
    return found


def _wrong_chain(key: str, chain: Chain, coins: tuple[str, ...]) -> list[tuple[str, str]]:
    found = _positive(key, lot=chain.lot, tick=chain.tick)
    if chain.base not in coins:
        found.append((f"{key}.base", f"{chain.base} has no bars"))
    found += _rising(f"{key}.expires", list(chain.expires))
    edges = (chain.strikes_from, chain.strikes_to, chain.strikes_step)
    if chain.strikes:
        if any(edge is not None for edge in edges):
            found.append((f"{key}.strikes", "give a list or a range, not both"))
        found += _rising(f"{key}.strikes", list(chain.strikes))
        found += _positive(f"{key}.strikes", first=chain.strikes[0])
    elif None in edges:
        found.append((f"{key}.strikes", "give a list, or strikes_from, strikes_to, strikes_step"))
    else:
        assert chain.strikes_from and chain.strikes_to and chain.strikes_step
        found += _positive(key, strikes_from=chain.strikes_from, strikes_step=chain.strikes_step)
        if chain.strikes_to < chain.strikes_from:
            found.append((f"{key}.strikes_to", "is below strikes_from"))
    return found


def _wrong_people(people: PopulationChoice, contracts: set[str]) -> list[tuple[str, str]]:
    key = "$.population"
    found: list[tuple[str, str]] = []
    groups = {"isolated": people.isolated, "cross": people.cross, "desks": people.desks}
    if people.accounts < 1 or people.makers.number < 1:
        found.append((f"{key}.accounts", "there must be accounts and makers"))
    if sum(group.share for group in groups.values()) != 1:
        found.append((key, "the shares of isolated, cross and desks must sum to 1"))
    if not 0 <= people.entry_spread < 1:
        found.append((f"{key}.entry_spread", "must lie from 0 up to 1"))
    for name, group in groups.items():
        found += _positive(f"{key}.{name}", smallest=group.smallest, tail=group.tail)
        if not group.largest > group.smallest:
            found.append((f"{key}.{name}.largest", "must be above smallest"))
        found += _shares(f"{key}.{name}.leverage", group.leverage)
    for name, retail in (("isolated", people.isolated), ("cross", people.cross)):
        found += _shares(f"{key}.{name}.instruments", retail.instruments)
        found += [
            (f"{key}.{name}.instruments", f"{one} is not listed in contracts")
            for one, _ in retail.instruments
            if one not in contracts
        ]
        found += _shares(f"{key}.{name}.positions", list(enumerate(retail.positions)))
        if retail.collateral:
            found += _shares(f"{key}.{name}.collateral", retail.collateral)
    found += _shares(f"{key}.desks.strategies", people.desks.strategies)
    found += _shares(f"{key}.desks.expiries", list(enumerate(people.desks.expiries)))
    return found


def _positive(key: str, **numbers: Decimal) -> list[tuple[str, str]]:
    return [(f"{key}.{name}", f"{n} is not positive") for name, n in numbers.items() if not n > 0]


def _rising(key: str, items: list[datetime] | list[Decimal]) -> list[tuple[str, str]]:
    if not items:
        return [(key, "is empty")]
    if any(not a < b for a, b in zip(items, items[1:], strict=False)):  # type: ignore[operator]
        return [(key, "must rise")]
    return []


def _shares(key: str, rows: object) -> list[tuple[str, str]]:
    shares = [Decimal(row[1]) for row in rows]  # type: ignore[attr-defined]
    if any(not share >= 0 for share in shares) or sum(shares) != 1:
        return [(key, "shares must not be negative and must sum to 1")]
    return []


def ratio(number: Decimal, key: str) -> int:
    """Parts per billion of a ratio in the file."""
    try:
        return parse_atoms(number, 9)
    except AmountError as error:
        raise ScenarioError(f"{key}: {error}") from None
