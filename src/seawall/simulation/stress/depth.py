"""The depth file: what selling does to each coin's price, who absorbs it, and how sure that is.

A TOML file names for each coin one measured point (so many units move the price by so much), the
levels of a book, or the parameters of laws; a CSV file is the measured profile that scenarios use.
Knows files and laws of impact. Does not know accounts.
"""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from seawall.simulation.bars import ScenarioError
from seawall.simulation.depth_file import read_profiles
from seawall.systemic import LAWS, BookProfile, laws_through

LAW_NAMES = ("sqrt", "linear", "exponential", "constant_product", "book")
Law = Literal["sqrt", "linear", "exponential", "constant_product", "book"]
Side = Literal["long", "short"]
_NUMERAIRE_ONE = 10**10
_PARTS = 10**9  # A distance of a measured profile is in parts per billion.


class StressError(ValueError):
    """Something that cannot be put under stress; the message names the file and the key path."""


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Level(_Form, frozen=True):
    """One level of a book, cumulative."""

    distance: float  # Relative to the price, above 0.
    units: float  # Coins between the price and there.


class CoinDepth(_Form, frozen=True):
    """What is known of one coin's market."""

    sold: float | None = None  # Coins whose sale moves the price by `drop`.
    drop: float = 0.01
    levels: tuple[Level, ...] = ()  # What a seller meets, and a buyer too without `asks`.
    asks: tuple[Level, ...] = ()
    laws: tuple[LAWS, ...] = ()  # With their own parameters: they go before the measured point.
    resilience: float = 0.0  # Share of the displacement that comes back from round to round.


class Spread(_Form, frozen=True):
    """How far draws lie around what is named: a draw is beyond x · spread with (1 + x)^(−tail)."""

    shock: float = 0.25  # Of the logarithm of the shock, relative.
    depth: float = 0.25  # Of the depth, relative.
    resilience: float = 0.05
    tail: float = 3.0  # Returns have an exponent near 3: Gopikrishnan and others (1998).
    withdrawal: float = 1.0  # A shock s times the named leaves s^(−withdrawal) of the depth.


class DepthFile(_Form, frozen=True):
    """Everything that a depth file may say."""

    coins: dict[str, CoinDepth]
    fund: float | dict[str, float] = 0.0  # Insurance fund: numeraire of cash, or coins by coin.
    book_share: float = 1.0  # Of forced units, the share that is sold on the book.
    spread: Spread = Spread()

    def of(self, coin: str) -> CoinDepth:
        """What is known of a coin, or an error that names those that are there."""
        try:
            return self.coins[coin]
        except KeyError:
            there = ", ".join(self.coins) or "none"
            raise StressError(f"missing; there are {there} - at `$.coins.{coin}`") from None


def read_depth_file(file: Path, coins: tuple[str, ...], prices: dict[str, float]) -> DepthFile:
    """Read a TOML depth file, or a CSV profile whose markets begin with the name of a coin."""
    if file.suffix == ".csv":
        return _from_profile(file, coins, prices)
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
        for coin, told in tree["coins"].items() if isinstance(tree.get("coins"), dict) else ():
            _converted(told, coin)
        found = msgspec.convert(tree, DepthFile)
    except OSError as error:
        raise StressError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise StressError(f"{file}: {error}") from None
    for key, reason in _faults(found):
        raise StressError(f"{file}: {reason} - at `{key}`")
    return found


def _converted(told: object, coin: str) -> None:
    """Find what is wrong with one coin, and name it: msgspec tells keys of a table as `[...]`."""
    try:
        msgspec.convert(told, CoinDepth)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `")
        at = path.rstrip("`").removeprefix("$")
        raise msgspec.ValidationError(f"{said} - at `$.coins.{coin}{at}`") from None


def law_of(depth: CoinDepth, name: str, price: float, side: Side = "long") -> LAWS | None:
    """The law of this name for one coin; None where the file does not say enough for it."""
    for law in depth.laws:
        if law.__struct_config__.tag == name:
            return law
    levels = depth.asks if side == "short" and depth.asks else depth.levels
    if name == "book":
        if not levels:
            return None
        return BookProfile(
            tuple(level.distance for level in levels), tuple(level.units for level in levels)
        )
    point = _measured(depth, levels)
    return None if point is None else laws_through(price, *point).get(name)


def laws_of(depth: CoinDepth, price: float, side: Side = "long") -> dict[str, LAWS]:
    """Every law that the file says enough for, by name."""
    found = {name: law_of(depth, name, price, side) for name in LAW_NAMES}
    return {name: law for name, law in found.items() if law is not None}


def _measured(depth: CoinDepth, levels: tuple[Level, ...]) -> tuple[float, float] | None:
    """(units, drop) of the measured point; of levels, where the book is `drop` away."""
    if depth.sold is not None:
        return depth.sold, depth.drop
    if not levels:
        return None
    before = Level(distance=0.0, units=0.0)
    for level in levels:
        if level.distance >= depth.drop:
            share = (depth.drop - before.distance) / (level.distance - before.distance)
            return before.units + share * (level.units - before.units), depth.drop
        before = level
    return before.units, before.distance


def _from_profile(file: Path, coins: tuple[str, ...], prices: dict[str, float]) -> DepthFile:
    try:
        measured = read_profiles(file)
    except (ScenarioError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise StressError(f"{file}: {said}") from None
    found: dict[str, CoinDepth] = {}
    for coin in coins:
        market = next((name for name in measured if name.startswith(coin)), None)
        if market is None:
            continue
        sides = [
            tuple(
                Level(distance=away / _PARTS, units=size / _NUMERAIRE_ONE / prices[coin])
                for away, size in rows
            )
            for rows in measured[market]
        ]
        found[coin] = CoinDepth(levels=_rising(sides[0]), asks=_rising(sides[1]))
    if not found:
        raise StressError(f"{file}: market: no market begins with one of {', '.join(coins)}")
    return DepthFile(coins=found)


def _rising(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    """Without levels that add nothing, which a measured profile may have."""
    kept: list[Level] = []
    for level in levels:
        if not kept or level.units > kept[-1].units:
            kept.append(level)
    return tuple(kept)


def _faults(found: DepthFile) -> list[tuple[str, str]]:
    """(key path, what is wrong)."""
    faults: list[tuple[str, str]] = []
    checks = [
        ("$.book_share", found.book_share, 0.0 <= found.book_share <= 1.0, "in [0, 1]"),
        ("$.spread.shock", found.spread.shock, found.spread.shock >= 0.0, "at least 0"),
        ("$.spread.depth", found.spread.depth, found.spread.depth >= 0.0, "at least 0"),
        ("$.spread.tail", found.spread.tail, found.spread.tail > 1.0, "above 1"),
        (
            "$.spread.withdrawal",
            found.spread.withdrawal,
            found.spread.withdrawal >= 0.0,
            "at least 0",
        ),
        (
            "$.spread.resilience",
            found.spread.resilience,
            found.spread.resilience >= 0.0,
            "at least 0",
        ),
    ]
    funds = found.fund if isinstance(found.fund, dict) else {"": found.fund}
    for coin, size in funds.items():
        checks.append((f"$.fund.{coin}".rstrip("."), size, size >= 0.0, "at least 0"))
    for coin, depth in found.coins.items():
        at, sold = f"$.coins.{coin}", depth.sold
        checks += [
            (f"{at}.drop", depth.drop, 0.0 < depth.drop < 1.0, "in (0, 1)"),
            (f"{at}.resilience", depth.resilience, 0.0 <= depth.resilience < 1.0, "in [0, 1)"),
        ]
        if sold is not None:
            checks.append((f"{at}.sold", sold, sold > 0.0, "above 0"))
        if sold is None and not depth.levels and not depth.laws:
            faults.append((at, "needs sold, levels or laws"))
        for key in ("levels", "asks"):
            levels = (Level(distance=0.0, units=0.0), *getattr(depth, key))
            for place, (near, far) in enumerate(itertools.pairwise(levels)):
                if not (near.distance < far.distance and near.units < far.units):
                    faults.append((f"{at}.{key}[{place}]", "must be farther and deeper"))
    faults += [
        (key, f"must be {said}, not {number}") for key, number, fine, said in checks if not fine
    ]
    return faults
