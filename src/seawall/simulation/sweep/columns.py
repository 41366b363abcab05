"""The column-only model: a drawn book, one drawn shock, the systemic cascade and the fund.

No engine and no ledger: a run of ten thousand accounts takes a few milliseconds. Everything before
the cascade is + − × ÷ √ on draws that are a function of the seed. Knows neither time nor options;
what is asked about keepers, auctions or oracles belongs to a world.
"""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from seawall.pricing import Floats
from seawall.simulation.draws import chosen, pareto, uniform
from seawall.simulation.sweep.model import Outcome
from seawall.systemic import LAWS, DepthState, cascade, ladder, laws_through
from seawall.systemic.ladder import Side

LAW = Literal["linear", "exponential", "sqrt"]
BALANCED = 1e-9  # Of what was posted and paid: floats.
_SIZE, _SIDE, _LEVERAGE, _CUSHION, _SHOCK, _SIGN = range(950, 956)  # Streams of the seed.


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the base."""


class Rules(Part, frozen=True, kw_only=True):
    """What the venue decides."""

    initial_ratio: float = 0.02  # Of the notional; caps leverage.
    maintenance_share: float = 0.5  # Of the initial margin; below it an account is closed.
    fee_ratio: float = 0.005  # Of a closed notional, as far as the account has it; to the fund.
    fund_ratio: float = 0.002  # Fund at the start ÷ notional of all positions.
    book_share: float = 1.0  # Of forced units that reach the book and move the price.


class Book(Part, frozen=True, kw_only=True):
    """The accounts, one position each, at one price."""

    accounts: int = 5_000
    price: float = 60_000.0
    smallest: float = 2_000.0  # Notional, dollars, as the next.
    largest: float = 20_000_000.0
    tail: float = 1.1  # Index of the Pareto tail.
    long_share: float = 0.5
    leverage: tuple[tuple[Decimal, Decimal], ...] = (
        (Decimal(3), Decimal("0.3")),
        (Decimal(10), Decimal("0.4")),
        (Decimal(25), Decimal("0.2")),
        (Decimal(100), Decimal("0.1")),
    )  # (wanted leverage, share of accounts)
    cushion: float = 1.0  # Most that is posted above what the leverage needs, as a share of it.


class Depth(Part, frozen=True, kw_only=True):
    """What selling does to the price, through one measured point."""

    law: LAW = "sqrt"
    notional: float = 2_000_000.0  # Sold at once, dollars, it moves
    move: float = 0.02  # the price by so much.
    calm: float = 0.02  # A shock beyond it makes depth shrink as calm ÷ shock,
    power: float = 1.0  # to this power,
    least: float = 0.1  # not below this share.


class Shock(Part, frozen=True, kw_only=True):
    """A relative move of the price with a Pareto tail."""

    smallest: float = 0.02
    largest: float = 0.6
    tail: float = 2.0
    fall_share: float = 0.7  # Of shocks that are falls.
    parts: int = 10  # In which it comes; 1 is a gap over which nobody can be closed.


class Columns(Part, frozen=True, kw_only=True):
    """A base of this model."""

    rules: Rules = Rules()
    book: Book = Book()
    depth: Depth = Depth()
    shock: Shock = Shock()


class Accounts(NamedTuple):
    """Accounts as columns. [account]"""

    notional: Floats  # Dollars, as the next.
    posted: Floats
    is_long: np.ndarray[Any, np.dtype[np.bool_]]


class ColumnsError(ValueError):
    """A base that makes no book; the message begins with the key path."""


def check(tree: Any) -> None:
    """Refuse a base that cannot be run, with the key path of what is wrong."""
    typed(tree)


def typed(tree: Any) -> Columns:
    """Read a base."""
    try:
        base = msgspec.convert(tree, Columns)
    except msgspec.ValidationError as error:
        reason, _, key = str(error).partition(" - at `")
        raise ColumnsError(f"{key.rstrip('`') or '$'}: {reason}") from None
    for key, reason in _wrong(base):
        raise ColumnsError(f"$.{key}: {reason}")
    return base


def run(tree: Any, seed: int) -> Outcome:
    """One book and one shock."""
    base = typed(tree)
    people, move = accounts(base, seed), shock(base.shock, seed)
    side: Side = "long" if move < 0 else "short"
    notional, posted = _total(people.notional), _total(people.posted)
    fund = base.rules.fund_ratio * notional
    hit = people.is_long if side == "long" else ~people.is_long
    found = closed(base, people.notional[hit], people.posted[hit], side, move)
    left = fund + found.fees - found.bad_debt
    outcome = Outcome(
        bad_debt=found.bad_debt,
        uncovered=max(0.0, -left),
        forced_notional=found.forced,
        fund_left=left,
        average_margin=base.rules.initial_ratio,
        collateral_utilisation=base.rules.initial_ratio * notional / posted,
    )
    if not outcome.is_finite:
        raise ColumnsError(
            f"$.depth.notional: {base.depth.notional} is so thin that forced orders have no price"
        )
    return outcome


def laws(tree: Any) -> dict[str, Any]:
    """The tree under every other law; all go through `depth.notional` and `depth.move`."""
    own, depth = typed(tree).depth.law, tree.get("depth", {})
    others = [name for name in typing.get_args(LAW) if name != own]
    return {name: {**tree, "depth": {**depth, "law": name}} for name in others}


def accounts(base: Columns, seed: int) -> Accounts:
    """Draw the accounts: posted = notional · max(1 ÷ wanted leverage, initial) · (1 + cushion · u).

    A rule moves what people post and nothing else: sizes, sides and wishes are the same under every
    rule that meets the same seed.
    """
    book, index = base.book, np.arange(base.book.accounts, dtype=np.int64)
    notional = pareto(uniform(seed, _SIZE, index), book.smallest, book.largest, book.tail)
    wanted = np.array([float(one) for one, _ in book.leverage])
    kind = chosen(uniform(seed, _LEVERAGE, index), [share for _, share in book.leverage])
    ratio = np.maximum(1.0 / wanted[kind], base.rules.initial_ratio)
    above = 1.0 + book.cushion * uniform(seed, _CUSHION, index)
    is_long = uniform(seed, _SIDE, index) < book.long_share
    return Accounts(notional, notional * ratio * above, is_long)


def shock(choice: Shock, seed: int) -> float:
    """Draw the relative move that nobody here has made."""
    nothing = np.zeros(1, np.int64)
    share = uniform(seed, _SHOCK, nothing)
    size = float(pareto(share, choice.smallest, choice.largest, choice.tail)[0])
    return -size if float(uniform(seed, _SIGN, nothing)[0]) < choice.fall_share else size


class Closing(NamedTuple):
    """What a shock did to one side. [dollars]"""

    bad_debt: float
    fees: float
    forced: float  # Notional at the price before the shock.


def closed(base: Columns, notional: Floats, posted: Floats, side: Side, move: float) -> Closing:
    """The cascades of a shock that comes in parts, each account closed in the part it is reached.

    With k = posted ÷ notional a long is closed at price · (1 − k) ÷ (1 − m), m the maintenance
    ratio, and bankrupt at price · (1 − k); a short with all signs turned.
    Part n starts at price · (1 + move · n ÷ parts), less what was sold before; who is closed in it
    gets what the sales of that part fetch on average.
    """
    price, rules = base.book.price, base.rules
    sign = 1.0 if side == "long" else -1.0
    units, ratio = notional / price, posted / notional
    bankrupt = price * (1.0 - sign * ratio)
    trigger = bankrupt / (1.0 - sign * rules.maintenance_share * rules.initial_ratio)
    trigger[trigger <= 0.0] = np.nan  # A long that is paid in full is never closed.
    steps = ladder(trigger, units, np.where(np.isnan(trigger), np.nan, bankrupt), side)
    impact, done = law(base, abs(move)), 0
    owed: list[float] = []
    fees: list[float] = []
    for part in range(1, base.shock.parts + 1):
        size = move * part / base.shock.parts
        found = cascade(steps, impact, price, size, book_share=rules.book_share, rounds_kept=0)
        if found.accounts == done:
            continue
        sold = sign * rules.book_share * steps.forced[[done, found.accounts]]
        fetched = _fetched(impact, found.shocked, float(sold[0]), float(sold[1]))
        reached = steps.closing.account[done : found.accounts]
        left = units[reached] * sign * (fetched - bankrupt[reached])
        lacks = np.maximum(-left, 0.0)
        fee = np.minimum(np.maximum(left, 0.0), rules.fee_ratio * units[reached] * fetched)
        kept = np.maximum(left, 0.0) - fee
        paid = _total(units[reached]) * sign * (fetched - price)  # By takers, above today's price.
        conserve(posted[reached], paid, kept, fee, lacks)
        owed += lacks.tolist()
        fees += fee.tolist()
        done = found.accounts
    return Closing(math.fsum(owed), math.fsum(fees), float(steps.forced[done]) * price)


def conserve(posted: Floats, paid: float, kept: Floats, fees: Floats, owed: Floats) -> None:
    """Refuse a part of a shock in which money appeared or went.

    Σ posted + paid = Σ kept + Σ fees − Σ owed: what those who are closed had and what takers gave
    for their positions is what they keep, what the fund takes, and what is owed.
    """
    before, after = _total(posted) + paid, _total(kept) + _total(fees) - _total(owed)
    size = _total(posted) + abs(paid) + _total(owed)
    if abs(before - after) > BALANCED * size:  # Prices that are none are refused by name.
        raise AssertionError(f"a part of a shock adds up: {before} before, {after} after")


def _fetched(impact: LAWS, start: float, before: float, after: float) -> float:
    """Average price of the units from `before` to `after`, sold along the law from `start`.

    Where none of them reaches the book it is the price there.
    """
    if before == after:
        return impact.price_after(start, after)
    all_of_it = impact.average_price(start, after) * after
    return (all_of_it - impact.average_price(start, before) * before) / (after - before)


def law(base: Columns, size: float) -> LAWS:
    """The law of impact once makers have seen a shock of this size."""
    depth = base.depth
    calm: LAWS = _law(depth.law, base.book.price, depth.notional / base.book.price, depth.move)
    state = DepthState(calm_volatility=depth.calm, power=depth.power, least=depth.least)
    found: LAWS = calm.shrunk(state.target(size))
    return found


@functools.lru_cache(maxsize=64)
def _law(name: str, price: float, units: float, move: float) -> Any:
    return laws_through(price, units, move)[name]


def _total(column: Floats) -> float:
    """The sum, rounded once: the same in any order and on any machine."""
    return math.fsum(column.tolist())


def _wrong(base: Columns) -> Iterator[tuple[str, str]]:
    rules, book, depth, moved = base.rules, base.book, base.depth, base.shock
    yield from _outside("rules", rules, 0.0, 1.0)
    yield from _outside("book", book, 0.0, math.inf)
    yield from _outside("depth", depth, 0.0, math.inf)
    yield from _outside("shock", moved, 0.0, math.inf)
    for key, number, least, most in (
        ("rules.initial_ratio", rules.initial_ratio, 1e-6, 1.0),
        ("rules.maintenance_share", rules.maintenance_share, 1e-6, 1.0 - 1e-6),
        ("book.accounts", book.accounts, 1, 10_000_000),
        ("book.price", book.price, 1e-6, 1e12),
        ("book.smallest", book.smallest, 1e-6, 1e15),
        ("book.largest", book.largest, book.smallest * (1 + 1e-9), 1e15),
        ("book.tail", book.tail, 0.05, 20.0),
        ("book.long_share", book.long_share, 0.0, 1.0),
        ("depth.notional", depth.notional, 1e-6, 1e18),
        ("depth.move", depth.move, 1e-6, 0.99),
        ("depth.calm", depth.calm, 1e-6, 1.0),
        ("depth.least", depth.least, 1e-6, 1.0),
        ("shock.smallest", moved.smallest, 1e-6, 0.99),
        ("shock.largest", moved.largest, moved.smallest * (1 + 1e-9), 0.99),
        ("shock.tail", moved.tail, 0.05, 20.0),
        ("shock.fall_share", moved.fall_share, 0.0, 1.0),
        ("shock.parts", moved.parts, 1, 1_000),
    ):
        if not least <= number <= most:
            yield key, f"{number:g} is not from {least:g} to {most:g}"
    if not book.leverage or sum(share for _, share in book.leverage) != 1:
        yield "book.leverage", "shares must sum to 1"
    elif any(share < 0 or not one >= 1 for one, share in book.leverage):
        yield "book.leverage", "leverages are at least 1, shares not negative"


def _outside(name: str, part: Part, least: float, most: float) -> Iterator[tuple[str, str]]:
    for key in part.__struct_fields__:
        number = getattr(part, key)
        if isinstance(number, float) and not (least <= number <= most and math.isfinite(number)):
            yield f"{name}.{key}", f"{number:g} is not from {least:g} to {most:g}"
