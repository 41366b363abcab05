"""Tiered margin: a larger position pays a higher rate on its last part.

Knows brackets of notional for each coin. Does not know scenarios: positions do not offset each
other, except that lots of one contract net to one position.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    Requirement,
    Rows,
    Term,
    worth,
)
from seawall.market import Kind
from seawall.money import (
    RATIO_ONE,
    format_atoms,
    format_ratio,
    parse_atoms,
    parse_ratio,
)
from seawall.pricing import Floats, Grid, Ints, RiskTable

NUMERAIRE_DECIMALS = 10
LINEAR, OPTION = int(Kind.LINEAR), int(Kind.OPTION)  # Plain ints: this is the hot path.
LANES = 8  # Borders that the kernel compares at once.
PARALLEL_FROM = 200_000  # Below, a second thread that must be waited for costs more than it saves.


class Bracket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rates for the part of a position that lies above a notional."""

    above: Decimal  # Dollars of notional; the first bracket begins at 0.
    initial: Decimal  # Ratio: 0.01 is 100 times leverage.
    maintenance: Decimal


class BracketColumns(NamedTuple):
    """Brackets of every coin of a table in one column each."""

    span: Ints  # [coin + 1] first bracket of a coin; an empty span has none.
    above: Floats  # [bracket] numeraire atoms.
    initial_rate: Floats
    initial_amount: Floats  # [bracket] what N × rate overcharges, numeraire atoms.
    rate: Floats
    amount: Floats
    # The same for loops without branches; the last coin has one bracket and pays in full.
    steps: Floats  # [coin + 1, border] numeraire atoms above 0; infinite beyond the last bracket.
    lines: Floats  # [(coin + 1) × (border + 1), rate and amount of initial and of maintenance].


class Tiered(
    msgspec.Struct,
    frozen=True,
    tag="tiered",
    tag_field="method",
    forbid_unknown_fields=True,
    dict=True,
):
    """Brackets of notional for each coin, as perpetual venues publish them.

    For a position of notional N = |lots| × notional in bracket n, in atoms:
    MM = N · maintenance_n − amount_n, where amount_n = amount_{n−1} + above_n · (maintenance_n −
    maintenance_{n−1}) makes MM continuous; IM is the same with the initial rates. Each position
    rounds up, then positions add. Source: Binance USD-M, leverage brackets and their `cum` column.

    Options, and contracts on a coin without brackets, cannot be margined: `refuses` names them. If
    they are held anyway, a long option counts zero in margin equity, a short one is charged its
    full notional and its value, and a contract is charged its full notional.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound, W = Σ of notionals: sums
    of value err by at most n·u·G, and not at all while G < 2^53. One position errs by at most 8·u·N
    (N, rate, product, amount, difference, and a bracket border crossed by rounding, where MM is
    continuous and no rate exceeds 1), rounding up by 1, the sum by n·u·W.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"leverage"})

    brackets: dict[str, tuple[Bracket, ...]]
    isolated: bool = False  # One contract for each account; `refuses` names the others.
    # By coin: the leverage that its traders chose. No part of a position asks less initial margin
    # than 1 ÷ leverage, rounded up to a part per billion; maintenance does not follow it.
    leverage: dict[str, Decimal] = {}

    def __post_init__(self) -> None:
        for coin, brackets in self.brackets.items():
            _check_brackets(coin, brackets)
        for coin, leverage in self.leverage.items():
            if coin not in self.brackets:
                raise ValueError(f"leverage.{coin}: the coin has no brackets")
            if leverage < 1:
                raise ValueError(f"leverage.{coin}: must be at least 1, not {leverage}")

    def grid(self) -> Grid:
        """No scenarios."""
        return Grid()

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin),
            self.columns(risk.coins),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers: each slice of a position pays the step of its rate."""
        return judged(rows, table, self.charge)

    def excess_of_row(self, asset: int, quantity: int, table: ExactTable) -> int:
        """Margin equity less initial margin of one row alone: see `RowByRow`."""
        return excess_alone(asset, quantity, table, self.charge)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Options, contracts on a coin without brackets; if isolated, every contract but one."""
        return refused(rows, table, lambda asset: bool(self.steps(asset, table)), self.isolated)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row; the binding tier is that of the position that owes most."""
        return explained("tiered", rows, table, names, self.charge, self.tier)

    def steps(self, asset: int, table: ExactTable) -> tuple[tuple[int, int, int], ...]:
        """(above, step of the initial rate, step of the maintenance rate) of the asset's coin."""
        if table.kind[asset] == OPTION:
            return ()
        return self._rates.get(table.risk.coins[table.coin[asset]], ())

    def charge(self, asset: int, lots: int, table: ExactTable) -> tuple[int, int]:
        """Initial and maintenance of one row."""
        kind = table.kind[asset]
        if kind < LINEAR or (kind == OPTION and lots > 0):
            return 0, 0
        notional = (lots if lots > 0 else -lots) * table.notional[asset]
        coin = table.risk.coins[table.coin[asset]]
        steps = () if kind == OPTION else self._rates.get(coin, ())
        if not steps:
            full = notional + (abs(lots * table.value[asset]) if kind == OPTION else 0)
            return full, full
        initial = maintenance = 0
        for above, initial_step, step in steps:
            if notional <= above:
                break
            over = notional - above
            initial += over * initial_step
            maintenance += over * step
        return -(-initial // RATIO_ONE), -(-maintenance // RATIO_ONE)  # Owed: rounded up.

    def tier(self, asset: int, lots: int, table: ExactTable) -> str:
        """The tier of a position, as a person would say it."""
        if not self.steps(asset, table):
            return "not marginable, charged in full"
        notional = abs(lots) * table.notional[asset]
        coin = table.risk.coins[table.coin[asset]]
        held = [b for b in self.brackets[coin] if dollar_atoms(b.above) < notional]
        bracket = held[-1] if held else self.brackets[coin][0]
        rate = format_ratio(100 * parse_ratio(bracket.maintenance))
        above = format_atoms(dollar_atoms(bracket.above), NUMERAIRE_DECIMALS)
        return f"tier {max(len(held), 1)}, {rate} % above {above} dollars"

    @functools.cached_property
    def _rates(self) -> dict[str, tuple[tuple[int, int, int], ...]]:
        rates = {}
        for coin, brackets in self.brackets.items():
            steps, initial, maintenance = [], 0, 0
            chosen = parse_ratio(self.leverage.get(coin, Decimal(0)))
            asked = -(-RATIO_ONE * RATIO_ONE // chosen) if chosen else 0
            for bracket in brackets:
                rate = parse_ratio(bracket.maintenance)
                initial_rate = max(parse_ratio(bracket.initial), asked)
                steps.append(
                    (dollar_atoms(bracket.above), initial_rate - initial, rate - maintenance)
                )
                initial, maintenance = initial_rate, rate
            rates[coin] = tuple(steps)
        return rates

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], BracketColumns]:
        return {}

    def columns(self, coins: tuple[str, ...]) -> BracketColumns:
        """Brackets by coin number, compiled once for each list of coins."""
        columns = self._compiled.get(coins)
        if columns is None:
            columns = self._compiled[coins] = _compile([self._rates.get(c, ()) for c in coins])
        return columns


def _compile(coins: Sequence[tuple[tuple[int, int, int], ...]]) -> BracketColumns:
    span = np.cumsum([0] + [len(steps) for steps in coins])
    lines = []
    for steps in coins:
        initial_rate = initial_amount = rate = amount = 0
        for above, initial_step, step in steps:
            initial_rate += initial_step
            rate += step
            initial_amount += above * initial_step
            amount += above * step
            # Python divides two ints with one rounding, however large they are.
            parts = (initial_rate, initial_amount, rate, amount)
            lines.append([float(above), *(part / RATIO_ONE for part in parts)])
    columns = np.array(lines, dtype=np.float64).reshape(len(lines), 5)
    flat = (np.ascontiguousarray(column) for column in columns.T)
    return BracketColumns(span, *[*flat, *_even(span, columns)])


def _even(span: Ints, columns: Floats) -> tuple[Floats, Floats]:
    """Give every coin the same number of borders, a whole number of vectors."""
    coins, count = len(span) - 1, np.diff(span)
    borders = -(-max(int(count.max(initial=1)) - 1, 1) // LANES) * LANES
    steps = np.full((coins + 1, borders), np.inf)
    lines = np.tile([1.0, 0.0, 1.0, 0.0], (coins + 1, borders + 1, 1))
    for coin in range(coins):
        own = columns[span[coin] : span[coin + 1]]
        steps[coin, : max(len(own) - 1, 0)] = own[1:, 0]
        lines[coin, : len(own)] = own[:, 1:]
    return steps, lines.reshape(-1, 4)


_Charge = Callable[[int, int, ExactTable], tuple[int, int]]  # Initial, maintenance of one row.
_Reason = Callable[[int, int, ExactTable], str]


def judged(rows: Rows, table: ExactTable, charge: _Charge) -> ExactRequirement:
    """Judge an account whose positions are charged one by one."""
    value, collateral, kinds = table.value, table.collateral, table.kind
    equity = margin_equity = initial = maintenance = 0
    for asset, lots in rows:
        worth_here, kind = lots * value[asset], kinds[asset]
        equity += worth_here
        if lots < 0:
            margin_equity += worth_here
        elif kind != OPTION:  # A long option counts for nothing.
            margin_equity += lots * collateral[asset]
        if kind >= LINEAR:
            owed = charge(asset, lots, table)
            initial += owed[0]
            maintenance += owed[1]
    return ExactRequirement(equity, margin_equity, initial, maintenance)


def refused(
    rows: Rows, table: ExactTable, marginable: Callable[[int], bool], isolated: bool
) -> tuple[int, ...]:
    """Contracts that cannot be margined; if isolated, every contract but the first that can."""
    contracts = [asset for asset, _ in rows if table.kind[asset] >= LINEAR]
    out = {asset for asset in contracts if not marginable(asset)}
    if isolated:
        out.update([asset for asset in contracts if asset not in out][1:])
    return tuple(sorted(out))


def excess_alone(asset: int, lots: int, table: ExactTable, charge: _Charge) -> int:
    """Margin equity less initial margin of one row: what it adds to theirs in `judged`."""
    counted = lots * (table.value if lots < 0 else table.collateral)[asset]
    kind = table.kind[asset]
    if kind < LINEAR:
        return counted
    if kind == OPTION and lots > 0:
        counted = 0
    return counted - charge(asset, lots, table)[0]


def explained(
    method: str,
    rows: Rows,
    table: ExactTable,
    names: Sequence[str],
    charge: _Charge,
    reason: _Reason,
) -> Explanation:
    """One term for each row; what binds is the reason of the position that owes most."""
    terms = []
    binding, most = "no position", 0
    for asset, lots in rows:
        equity, margin_equity = worth([(asset, lots)], table)
        margin_equity -= uncounted(asset, lots, table)
        maintenance = charge(asset, lots, table)[1]
        terms.append(Term(names[asset], lots, equity, margin_equity, maintenance))
        if maintenance > most:
            most = maintenance
            binding = f"{names[asset]}: {reason(asset, lots, table)}"
    return Explanation(method, tuple(terms), binding, judged(rows, table, charge))


def uncounted(asset: int, lots: int, table: ExactTable) -> int:
    """What a long option would have counted for."""
    if lots > 0 and table.kind[asset] == OPTION:
        return lots * table.collateral[asset]
    return 0


def _check_brackets(coin: str, brackets: tuple[Bracket, ...]) -> None:
    previous: tuple[int, int, int] | None = None
    if not brackets:
        raise ValueError(f"brackets.{coin}: at least one bracket is needed")
    for number, bracket in enumerate(brackets):
        path = f"brackets.{coin}[{number}]"
        above = dollar_atoms(bracket.above)
        initial, maintenance = parse_ratio(bracket.initial), parse_ratio(bracket.maintenance)
        if not 0 <= maintenance <= initial <= RATIO_ONE:
            raise ValueError(f"{path}: 0 <= maintenance <= initial <= 1 is needed")
        if previous is None and above:
            raise ValueError(f"{path}.above: the first bracket begins at 0")
        if previous is not None and above <= previous[0]:
            raise ValueError(f"{path}.above: brackets must ascend")
        if previous is not None and (initial < previous[1] or maintenance < previous[2]):
            raise ValueError(f"{path}: a larger position cannot pay a lower rate")
        previous = above, initial, maintenance


def dollar_atoms(dollars: Decimal) -> int:
    return parse_atoms(dollars, NUMERAIRE_DECIMALS)


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.by_size import _kernels

    return _kernels.tiered_serial, _kernels.tiered_parallel
