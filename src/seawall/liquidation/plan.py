"""Which contracts an account must give up, and how many lots: the smallest exact plan.

Knows rows, a published table, a margin method and what the book takes. Does not know who fills
the orders, at which price they will be filled, or what the account was told before.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from seawall.liquidation.crossing import least_or_best
from seawall.margin import ExactRequirement, ExactTable, MarginMethod, Rows
from seawall.market import Kind
from seawall.money import RATIO_ONE

CURRENCY, LINEAR = int(Kind.CURRENCY), int(Kind.LINEAR)
ExcessOfRow = Callable[[int, int, ExactTable], int]  # As `RowByRow.excess_of_row` of a method.
PASSES_MOST = 3  # Closing one row can make another worth closing; then they are walked again.


class PlanError(ValueError):
    """An exit that cannot be used; the message names its key path."""


class Exit(NamedTuple):
    """How a position can be left: where the proceeds go, how much the book takes, what it costs.

    `cost` is slippage and fees in numeraire atoms per 10⁹ lots, so a share of the notional is
    `notional × ratio` exactly (ratio in parts per billion), and a satoshi can cost less than an
    atom. Only the cost of a whole close is rounded, up.
    """

    cash: int  # Asset that receives the proceeds: the contract's quote, or a currency.
    lots: int  # Most lots, or atoms of a coin, that the book takes on the needed side.
    cost: int = 0  # Numeraire atoms lost per 10⁹ lots, or per 10⁹ atoms of a coin.


class Order(enum.Enum):
    """Which row goes first. Contracts always go before coins; ties go by asset number."""

    LARGEST_NOTIONAL_FIRST = "largest_notional_first"
    LARGEST_RELEASE_FIRST = "largest_release_first"  # Margin freed per unit of cost.
    LISTED = "listed"


class Close(NamedTuple):
    """One order of a plan."""

    asset: int
    lots: int  # Signed as traded: positive buys, negative sells.


class Plan(NamedTuple):
    """What to trade, and where the account stands if the exits are as stated."""

    closes: tuple[Close, ...]
    after: ExactRequirement
    restores: bool  # Whether margin equity reaches the initial margin.
    # Assets that were not closed because closing them costs more than it frees.
    harmful: tuple[int, ...] = ()


def proceeds(lots: int, value: int, cost: int, value_cash: int) -> int:
    """Atoms of cash that closing signed `lots` brings in, rounded down: owned.

    floor((lots · value − |lots| · cost ÷ 10⁹) ÷ value_cash). A long of 2 lots worth 50 each at a
    cost of 1 per lot brings 98; buying back a short of 2 takes 102.

    >>> proceeds(2, 50, 10**9, 1), proceeds(-2, 50, 10**9, 1)
    (98, -102)
    """
    return (lots * value * RATIO_ONE - abs(lots) * cost) // (value_cash * RATIO_ONE)


def plan(
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
    order: Order = Order.LARGEST_NOTIONAL_FIRST,
    *,
    before: ExactRequirement | None = None,
) -> Plan:
    """Find the least that must be closed, in the stated order, to restore the initial margin.

    A liquidation takes an account's choice away, so it may take only what the safety of the others
    needs: rows are closed in order as far as the book takes them, the last one only by the lots
    still missing, and then earlier ones are given back where whole lots of the last left room. No
    order closes one lot that the others do not need. A row whose closing would leave less excess
    (margin equity − initial) is skipped, because a step that costs more than it frees harms the
    account and protects nobody. Legs that hedge each other, where each alone would be skipped, are
    shrunk together in proportion. Coins are sold, and coin debts bought back, only after contracts,
    because they are what the account owns and not the risk that it runs.

    Whenever closing all contracts restores the account, the plan restores it. The plan is the least
    in the sense above if the initial margin is convex in positions (see `crossing`).

    `before` is the verdict on the rows as they are; it saves judging them again.
    """
    walk = _Walk(rows, table, method, exits)
    if before is not None:
        walk.seen[()] = before
    before = walk.judge({})
    if _excess(before) >= 0:
        return Plan((), before, True)
    contracts = walk.admit(asset for asset, _ in rows if walk.is_contract(asset))
    closed = walk.close_rows(contracts, {}, order)
    if _excess(walk.judge(closed)) < 0:
        closed = walk.close_together(contracts, closed)
    if _excess(walk.judge(closed)) < 0:
        held = walk.rows_after(closed)
        coins = walk.admit(asset for asset, _ in held if walk.is_coin(asset))
        closed = walk.close_rows(coins, closed, order)
    elif len(closed) > 1:
        closed = walk.give_back(closed)
    after = walk.judge(closed)
    closes = tuple(Close(asset, -lots) for asset, lots in closed.items())
    assert _excess(after) >= _excess(before), "a plan made an account worse"
    restores = _excess(after) >= 0
    skipped = () if restores else tuple(asset for asset in contracts if asset not in closed)
    return Plan(closes, after, restores, skipped)


def outcome(
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    exits: Mapping[int, Exit],
    closes: Iterable[Close],
) -> ExactRequirement:
    """Judge an account as it would stand once these closes are filled as their exits say."""
    walk = _Walk(rows, table, method, exits)
    closed = {close.asset: -close.lots for close in closes}
    admitted = walk.admit(closed)
    assert len(admitted) == len(closed), "a close without an exit"
    return walk.judge(closed)


def _excess(requirement: ExactRequirement) -> int:
    return requirement.margin_equity - requirement.initial


class _Walk:
    """One account while it is planned for. `closed` maps asset → lots, signed as the position."""

    def __init__(
        self,
        rows: Rows,
        table: ExactTable,
        method: MarginMethod,
        exits: Mapping[int, Exit],
    ) -> None:
        self.rows = dict(rows)
        self.table = table
        self.method = method
        self.offered = exits
        self.exits: dict[int, Exit] = {}  # Those that were looked at, found usable.
        self.payers: dict[int, set[int]] = {}  # By their cash, the assets of `exits`.
        self.seen: dict[tuple[tuple[int, int], ...], ExactRequirement] = {}
        self.places = sorted(self.rows)  # Every asset that it holds, or may while it is closed.
        # Where a method judges rows apart, a line needs only the two rows that move along it.
        self.excess_of_row: ExcessOfRow | None = getattr(method, "excess_of_row", None)

    def admit(self, assets: Iterable[int]) -> list[int]:
        """Those of the assets that can be closed at all."""
        admitted = [a for a in assets if a in self.offered and self.offered[a].lots > 0]
        for asset in admitted:
            exit_ = self.exits[asset] = self.offered[asset]
            self.payers.setdefault(exit_.cash, set()).add(asset)
            if exit_.cost < 0:
                raise PlanError(f"at $.exits[{asset}].cost: {exit_.cost} is negative")
            if exit_.cash == asset:
                raise PlanError(f"at $.exits[{asset}].cash: an asset cannot be sold for itself")
            if self.table.value[exit_.cash] <= 0:
                raise PlanError(f"at $.exits[{asset}].cash: asset {exit_.cash} has no value")
        new = {self.exits[asset].cash for asset in admitted}.difference(self.places)
        if new:
            self.places = sorted(new.union(self.places))
        return admitted

    def is_contract(self, asset: int) -> bool:
        return self.table.kind[asset] >= LINEAR

    def is_coin(self, asset: int) -> bool:
        return self.table.kind[asset] == CURRENCY

    def held(self, asset: int, closed: Mapping[int, int]) -> int:
        """What the account holds of one asset once `closed` is closed."""
        left = self.rows.get(asset, 0) - closed.get(asset, 0)
        if not closed or asset not in self.payers:
            return left
        value = self.table.value
        for other in self.payers[asset]:
            lots = closed.get(other, 0)
            if lots:
                left += proceeds(lots, value[other], self.exits[other].cost, value[asset])
        return left

    def rows_after(self, closed: Mapping[int, int]) -> list[tuple[int, int]]:
        return [(asset, left) for asset in self.places if (left := self.held(asset, closed))]

    def judge(self, closed: Mapping[int, int]) -> ExactRequirement:
        """The exact verdict once `closed` is closed; each state is judged once."""
        state = tuple(closed.items() if len(closed) < 2 else sorted(closed.items()))
        verdict = self.seen.get(state)
        if verdict is None:
            verdict = self.method.requirement_exact(self.rows_after(closed), self.table)
            self.seen[state] = verdict
        return verdict

    def room(self, asset: int, closed: Mapping[int, int]) -> tuple[int, int]:
        """Side of what is left of a row, and how much of it can still be closed."""
        done = closed.get(asset, 0)
        left = self.held(asset, closed)
        if not left or left * done < 0:
            return 0, 0
        return (1 if left > 0 else -1), min(abs(left), self.exits[asset].lots - abs(done))

    def close_rows(
        self, assets: Iterable[int], closed: dict[int, int], order: Order
    ) -> dict[int, int]:
        """Walk the rows in order until the account is restored or no row helps any more."""
        ranked = self.ranked(assets, closed, order)
        excess = _excess(self.judge(closed))
        for _ in range(PASSES_MOST):
            before = dict(closed)
            for asset in ranked:
                side, room = self.room(asset, closed)
                if not room:
                    continue
                line = _Line(self, closed, {asset: side * room}, room, (0, excess))
                lots = least_or_best(line, room, line.stride, line.rounding)
                if lots:
                    closed = line.closed(lots)
                excess = line(lots)
                if excess >= 0:
                    return closed
            if closed == before or len(ranked) == 1:
                break
        return closed

    def close_together(self, assets: Iterable[int], closed: dict[int, int]) -> dict[int, int]:
        """Shrink all rows in proportion, where one after another was not enough."""
        ray = {}
        for asset in assets:
            side, room = self.room(asset, closed)
            if room:
                ray[asset] = side * room
        if not ray:
            return closed
        known = 0, _excess(self.judge(closed))
        line = _Line(self, closed, ray, max(map(abs, ray.values())), known)
        lots = least_or_best(line, line.steps, line.stride, line.rounding)
        return line.closed(lots) if lots else closed

    def give_back(self, closed: dict[int, int]) -> dict[int, int]:
        """Return, latest row first, the lots that turned out not to be needed."""
        excess = _excess(self.judge(closed))
        for _ in range(PASSES_MOST):
            before = closed
            for asset in reversed(list(closed)):
                lots = closed[asset]
                others = {a: n for a, n in closed.items() if a != asset}
                line = _Line(self, others, {asset: lots}, abs(lots), (abs(lots), excess))
                if line.needs_all():
                    continue
                if line(0) >= 0:
                    closed, excess = others, line(0)
                elif line(line.steps - 1) >= 0:
                    least = least_or_best(line, line.steps - 1, line.stride, line.rounding)
                    closed = {**closed, asset: least if lots > 0 else -least}
                    excess = line(least)
            if closed == before:
                break
        return closed

    def ranked(self, assets: Iterable[int], closed: Mapping[int, int], order: Order) -> list[int]:
        """The rows in the order in which they are closed."""

        def key(asset: int) -> tuple[int, int]:
            first = 0
            if order is Order.LARGEST_NOTIONAL_FIRST:
                first = -abs(self.held(asset, closed)) * self.unit(asset)
            elif order is Order.LARGEST_RELEASE_FIRST:
                first = -self.release(asset, closed)
            return first, asset

        return sorted(assets, key=key)

    def unit(self, asset: int) -> int:
        """Notional of one lot, or value of one atom of a coin. [numeraire atoms]"""
        return self.table.notional[asset] if self.is_contract(asset) else self.table.value[asset]

    def release(self, asset: int, closed: Mapping[int, int]) -> int:
        """Maintenance and haircut that closing a row frees, per numeraire atom of its cost.

        Costs below one atom count as one. [units of 2⁻⁶⁴, rounded down]
        """
        side, room = self.room(asset, closed)
        if not room:
            return 0
        cost = max(1, -(-room * self.exits[asset].cost // RATIO_ONE))
        start = self.judge(closed)
        end = self.judge({**closed, asset: closed.get(asset, 0) + side * room})
        freed = start.maintenance - end.maintenance + end.margin_equity - start.margin_equity + cost
        return (freed << 64) // cost


class _Line:
    """Excess of an account along a straight line of closes, each point judged once.

    One point is `known`, as (step, excess). Where rows are judged apart and the ray is one asset,
    the others stay as they are, and what they come to follows from that point.
    """

    def __init__(
        self,
        walk: _Walk,
        base: Mapping[int, int],
        ray: Mapping[int, int],
        steps: int,
        known: tuple[int, int],
    ) -> None:
        self.walk = walk
        self.base = base
        self.ray = ray
        self.steps = steps  # Points on the line after its start; the last closes the whole ray.
        cash, self.stride = 0, 1
        for asset in ray:
            cash += walk.table.value[walk.exits[asset].cash]
        for asset in ray:
            if not walk.is_contract(asset):  # An atom of it can be worth less than one of cash.
                many = 64 * cash // max(1, walk.table.value[asset])
                self.stride = max(self.stride, steps >> 12, many)
        self.rounding = cash + 2 * len(walk.rows) + 2  # Of the proceeds; of the method's terms.
        self.found = dict([known])
        self.excess_at: Callable[[int], int] = self._judged
        if len(ray) == 1 and walk.excess_of_row is not None:
            self.excess_at = _of_two_rows(walk, base, ray, walk.excess_of_row, known)

    def needs_all(self) -> bool:
        """Whether the last step alone restores, by so much that no fewer can: it is concave."""
        end, before = self(self.steps), self(self.steps - 1)
        return before < 0 <= end and end - before > 2 * self.rounding

    def closed(self, step: int) -> dict[int, int]:
        closed = dict(self.base)
        if not step:
            return closed
        steps = self.steps
        for asset, lots in self.ray.items():
            part = lots * step // steps if lots < 0 else -(-lots * step // steps)
            closed[asset] = closed.get(asset, 0) + part
        return closed

    def __call__(self, step: int) -> int:
        excess = self.found.get(step)
        if excess is None:
            excess = self.found[step] = self.excess_at(step)
        return excess

    def _judged(self, step: int) -> int:
        return _excess(self.walk.judge(self.closed(step)))


def _of_two_rows(
    walk: _Walk,
    base: Mapping[int, int],
    ray: Mapping[int, int],
    excess_of_row: ExcessOfRow,
    known: tuple[int, int],
) -> Callable[[int], int]:
    """Excess after so many lots of the one row of a ray: that row's, its cash row's, the rest."""
    ((asset, lots),) = ray.items()
    table, side = walk.table, 1 if lots > 0 else -1
    cash, _, cost = walk.exits[asset]
    value, value_cash = table.value[asset], table.value[cash]
    done = base.get(asset, 0)
    whole = walk.held(asset, base) + done
    cash_without = walk.held(cash, base) - proceeds(done, value, cost, value_cash)

    def of_two(step: int) -> int:
        gone = done + side * step
        paid = proceeds(gone, value, cost, value_cash)
        there = excess_of_row(asset, whole - gone, table)
        return rest + there + excess_of_row(cash, cash_without + paid, table)

    rest = 0
    step, excess = known
    rest = excess - of_two(step)
    return of_two
