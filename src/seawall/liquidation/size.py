"""How much one step of a liquidation closes: policies of venues, each exact and each a rule.

A step may be the least that restores the account, or more (whole positions, fixed shares), or less
(a share that grows with time). Knows one account's rows, a table, a method and what the exits take;
not the time of day and not what other accounts do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from seawall.liquidation.plan import Close, Exit, Order, Plan, outcome, plan
from seawall.margin import ExactTable, MarginMethod, Rows
from seawall.margin.tiered import dollar_atoms
from seawall.market import Kind
from seawall.money import RATIO_ONE, parse_ratio


class _Size(msgspec.Struct, frozen=True, tag_field="size", forbid_unknown_fields=True):
    """A policy; its tag is its name in a rulebook."""


class Least(_Size, frozen=True, tag="least"):
    """No more than restores the initial margin: see `plan`."""


class Full(_Size, frozen=True, tag="full"):
    """Every contract, as venues do that hand an account over whole."""


class CloseFactor(_Size, frozen=True, tag="close_factor", kw_only=True):
    """A fixed share of each position; all of it where the account is too far gone.

    Lending markets: half of a debt, all of it below a health of 0.95 (Aave v3) or where what is
    left would be too small to be worth anybody's while.
    """

    share: Decimal = Decimal("0.5")
    full_below: Decimal = Decimal("0.95")  # Margin equity ÷ maintenance under which all is closed.
    least_notional: Decimal = Decimal(0)  # Dollars; a smaller rest is closed too.

    def __post_init__(self) -> None:
        _share("share", self.share)
        _not_negative("full_below", self.full_below)
        _not_negative("least_notional", self.least_notional)


class Multiples(_Size, frozen=True, tag="multiples"):
    """The least multiple of a share, of all positions alike, that restores the account.

    Source: Paradex, liquidations: partial liquidation in steps of 20 % of the account.
    """

    share: Decimal = Decimal("0.2")

    def __post_init__(self) -> None:
        if not RATIO_ONE // 1000 <= parse_ratio(self.share) <= RATIO_ONE:
            raise ValueError(f"share: must lie in 0.001 … 1, not {self.share}")


class Ramp(_Size, frozen=True, tag="ramp", kw_only=True):
    """A share of the least plan that grows with the time since the liquidation began.

    min(1, start + elapsed ÷ duration): a short spike takes little, a lasting fall takes all that is
    needed. Source: Drift v2, `calculate_max_pct_to_liquidate`, by slots of 400 ms.
    """

    start: Decimal = Decimal("0.1")
    duration_ms: int = 60_000

    def __post_init__(self) -> None:
        _share("start", self.start)
        if self.duration_ms <= 0:
            raise ValueError(f"duration_ms: must be positive, not {self.duration_ms}")

    def share_at(self, elapsed_ms: int) -> int:
        """Parts per billion after a time in liquidation.

        >>> Ramp(start=Decimal("0.1"), duration_ms=1000).share_at(450)
        550000000
        """
        return min(RATIO_ONE, parse_ratio(self.start) + elapsed_ms * RATIO_ONE // self.duration_ms)

    def share_left(self, elapsed_ms: int, freed: int, missing: int) -> int:
        """Parts per billion of what is missing now that may be taken now.

        max(0, (share · (freed + missing) − freed) ÷ missing): what the liquidation has freed so far
        counts, so many small steps take no more than one. Source: as above.

        >>> Ramp(start=Decimal("0.1"), duration_ms=1000).share_left(400, 30, 70)
        285714285
        """
        share = self.share_at(elapsed_ms)
        if missing <= 0:
            return share
        return max(0, (share * (freed + missing) - freed * RATIO_ONE) // missing)


class ByBracket(_Size, frozen=True, tag="by_bracket"):
    """One bracket of the margin method down at a time, so that the next step needs less margin.

    Without brackets for its coin a position is closed as by `Least`. Source: Binance and Bybit,
    liquidation of positions in higher risk limits, tier by tier.
    """


SIZES = Least | Full | CloseFactor | Multiples | Ramp | ByBracket


def step(
    policy: SIZES,
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
    order: Order = Order.LARGEST_NOTIONAL_FIRST,
    *,
    elapsed_ms: int = 0,
    freed: int = 0,
    least: Plan | None = None,
) -> Plan:
    """Say what the next step closes, and where the account stands after it.

    A policy that would leave the account with less excess than it has is not followed: closing at a
    cost then harms the account and frees nothing (health below the bonus times the threshold, in a
    lender's words). The rows that do it are named as harmful and the least plan takes its place.

    `elapsed_ms` since the liquidation began and the excess `freed` in it are for policies that go
    by them; `least` saves planning it again.
    """
    least = plan(rows, table, method, exits, order) if least is None else least
    if isinstance(policy, Least) or (not least.closes and least.restores):
        return least
    before = method.requirement_exact(rows, table)
    missing = before.initial - before.margin_equity
    share = policy.share_left(elapsed_ms, freed, missing) if isinstance(policy, Ramp) else 0
    closes = _closes(policy, rows, table, method, exits, share, least)
    if closes == least.closes:
        return least
    after = outcome(rows, table, method, exits, closes)
    if after.margin_equity - after.initial < before.margin_equity - before.initial:
        harmful = tuple(
            close.asset
            for close in closes
            if _harms(close, rows, table, method, exits, before.margin_equity - before.initial)
        )
        harmful = harmful or tuple(close.asset for close in closes)  # Only together they do.
        return least._replace(harmful=tuple(sorted({*least.harmful, *harmful})))
    return Plan(closes, after, after.margin_equity >= after.initial)


def shared(closes: Iterable[Close], share: int) -> tuple[Close, ...]:
    """A share of every close, in parts per billion, each rounded up to a lot."""
    parts = (Close(close.asset, _portion(close.lots, share)) for close in closes)
    return tuple(part for part in parts if part.lots)


def without_dust(
    closes: Iterable[Close],
    rows: Rows,
    table: ExactTable,
    exits: Mapping[int, Exit],
    least_notional: int,
) -> tuple[Close, ...]:
    """Close a position whole where less than `least_notional` (numeraire atoms) would be left.

    Nobody would be paid enough to close the rest. What the exit does not take stays.
    """
    held = dict(rows)
    swept = []
    for close in closes:
        whole = held[close.asset]
        rest = abs(whole) - abs(close.lots)
        dusty = rest * table.notional[close.asset] < least_notional
        fits = abs(whole) <= exits[close.asset].lots
        swept.append(Close(close.asset, -whole) if dusty and fits else close)
    return tuple(swept)


def capped(closes: Iterable[Close], table: ExactTable, room: int) -> tuple[Close, ...]:
    """As much of some closes, in their order, as a notional of `room` allows, in whole lots.

    [numeraire atoms] Lots round down: a cap is not passed.
    """
    kept = []
    for close in closes:
        unit = table.notional[close.asset]
        lots = min(abs(close.lots), max(0, room) // unit) if unit else abs(close.lots)
        room -= lots * unit
        if lots:
            kept.append(Close(close.asset, lots if close.lots > 0 else -lots))
    return tuple(kept)


def _closes(
    policy: SIZES,
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
    share: int,
    least: Plan,
) -> tuple[Close, ...]:
    held = {
        asset: lots
        for asset, lots in rows
        if asset in exits and int(table.risk.kind[asset]) >= Kind.LINEAR
    }
    if isinstance(policy, Full):
        return _part(held, exits, RATIO_ONE)
    if isinstance(policy, CloseFactor):
        return _by_factor(policy, held, rows, table, method, exits)
    if isinstance(policy, Multiples):
        one = parse_ratio(policy.share)
        for count in range(1, -(-RATIO_ONE // one)):
            closes = _part(held, exits, count * one)
            after = outcome(rows, table, method, exits, closes)
            if after.margin_equity >= after.initial:
                return closes
        return _part(held, exits, RATIO_ONE)
    if isinstance(policy, Ramp):
        return shared(least.closes, share)
    assert isinstance(policy, ByBracket), "a policy that has no rule"
    return _by_bracket(held, table, method, exits, least)


def _by_factor(
    policy: CloseFactor,
    held: Mapping[int, int],
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
) -> tuple[Close, ...]:
    verdict = method.requirement_exact(rows, table)
    if verdict.margin_equity * RATIO_ONE < verdict.maintenance * parse_ratio(policy.full_below):
        return _part(held, exits, RATIO_ONE)
    closes = []
    dust = dollar_atoms(policy.least_notional)
    for close in _part(held, exits, parse_ratio(policy.share)):
        whole = held[close.asset]
        rest = abs(whole) - abs(close.lots)
        small = rest * table.notional[close.asset] < dust and abs(whole) <= exits[close.asset].lots
        closes.append(Close(close.asset, -whole) if small else close)
    return tuple(closes)


def _by_bracket(
    held: Mapping[int, int],
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
    least: Plan,
) -> tuple[Close, ...]:
    """Down to where the bracket below begins, never less than the least plan's close of the row."""
    brackets = getattr(method, "brackets", {})
    wanted = {close.asset: abs(close.lots) for close in least.closes}
    for asset in list(wanted):
        if asset not in held:
            continue
        notional = abs(held[asset]) * table.notional[asset]
        floors = [
            dollar_atoms(bracket.above)
            for bracket in brackets.get(table.risk.coins[table.coin[asset]], ())
        ]
        below = max((floor for floor in floors if floor < notional), default=0)
        if below and table.notional[asset]:
            down = -(-(notional - below) // table.notional[asset])
            wanted[asset] = min(exits[asset].lots, abs(held[asset]), down)
    sides = {close.asset: 1 if close.lots > 0 else -1 for close in least.closes}
    return tuple(Close(asset, sides[asset] * lots) for asset, lots in wanted.items() if lots)


def _part(held: Mapping[int, int], exits: Mapping[int, Exit], share: int) -> tuple[Close, ...]:
    """The same share of every row, each rounded up to a lot and held to what its exit takes."""
    closes = []
    for asset, lots in held.items():
        size = min(abs(_portion(lots, share)), exits[asset].lots)
        if size:
            closes.append(Close(asset, -size if lots > 0 else size))
    return tuple(closes)


def _portion(lots: int, share: int) -> int:
    """A share of lots, away from zero: −(−n · share ÷ 10⁹), signed as the lots."""
    size = -(-abs(lots) * share // RATIO_ONE)
    return size if lots > 0 else -size


def _harms(
    close: Close,
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
    excess: int,
) -> bool:
    after = outcome(rows, table, method, exits, (close,))
    return after.margin_equity - after.initial < excess


def _share(path: str, ratio: Decimal) -> None:
    if not 0 < parse_ratio(ratio) <= RATIO_ONE:
        raise ValueError(f"{path}: must lie in (0, 1], not {ratio}")


def _not_negative(path: str, number: Decimal) -> None:
    if number < 0:
        raise ValueError(f"{path}: must not be negative, not {number}")
