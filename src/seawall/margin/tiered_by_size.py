"""Tiered margin that also grows with the position's coins, the market's open interest and a fee.

Knows brackets of notional and three parameters on top. Does not know scenarios, nor where the open
interest comes from: a method is a frozen struct, so a new reading is a new struct.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    Requirement,
    Rows,
)
from seawall.margin.tiered import (
    LINEAR,
    PARALLEL_FROM,
    Bracket,
    Tiered,
    dollar_atoms,
    excess_alone,
    explained,
    judged,
)
from seawall.money import (
    RATIO_ONE,
    Rounding,
    divide,
    format_ratio,
    parse_ratio,
    square_root,
)
from seawall.pricing import Floats, Grid, RiskTable

FINE = RATIO_ONE * RATIO_ONE  # Units of an atom in which one position is summed before it rounds.


class OpenInterest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open interest of a market, and between which bounds it raises the initial margin."""

    lower: Decimal  # Dollars; up to here the initial margin is what the brackets say.
    upper: Decimal  # Dollars; from here on it is the whole notional.
    current: Decimal = Decimal(0)  # Dollars, as last read.


class TieredBySize(
    msgspec.Struct,
    frozen=True,
    tag="tiered_by_size",
    tag_field="method",
    forbid_unknown_fields=True,
    dict=True,
):
    """Brackets, plus a premium for size, initial margin by open interest and the fee to close.

    For a position of notional N and q coins, where M is what `Tiered` asks before it rounds:
    M' = max(M, size_share · M + N · size_root · √q), for initial and maintenance alike; then
    IM' += max(N − IM', 0) · s with s = (current − lower) ÷ (upper − lower) within 0 and 1, rounded
    up to a part per billion, which takes a rate linearly to 100 %; then both += N · close_fee. Each
    position rounds up once, then positions add. Maintenance does not follow open interest, so a
    rise of it liquidates nobody.

    An inverse contract has no coins of its own (`quotes.size` is 0) and pays no premium for size.
    What `Tiered` refuses is refused and charged in full here too, without the additions.

    Sources: Drift v2 (drift-labs/protocol-v2@0ae3e3b1, math/margin.rs: size premium of the margin
    ratio, share 0.8; not its high-leverage mode); dYdX v4 (v4-chain@84d4664b,
    x/perpetuals/types/liquidity_tier.go: open interest); Paradex (paradex-docs@9b82a75a,
    cross-margin-requirement: fee provision).

    The screen's error_bound, with u = 2^-53, n rows, and W = Σ(N + premium + fee): value as in
    `Tiered`. One position: M errs by at most 8·u·N, its share by 2 more; the premium by 6.5·u of
    itself (root, notional, coins under the root, root taken, two products); their sum by one more;
    N less that by 2 more, times s by 2, added by 12 + 1; the fee by 3·u of itself, added by 1:
    below 32·u·(N + premium + fee), and 1 for rounding up; the sum by n·u·W.
    """

    brackets: dict[str, tuple[Bracket, ...]]
    close_fee: Decimal = Decimal(0)  # Ratio of notional.
    size_root: dict[str, Decimal] = {}  # By coin: added to the rate for each √coin.
    size_share: Decimal = Decimal("0.8")  # Ratio of the flat rate that the premium is added to.
    open_interest: dict[str, OpenInterest] = {}
    isolated: bool = False  # One contract for each account; `refuses` names the others.

    def __post_init__(self) -> None:
        _ = self._flat  # Checks the brackets.
        for key, ratio in (("close_fee", self.close_fee), ("size_share", self.size_share)):
            if not 0 <= parse_ratio(ratio) <= RATIO_ONE:
                raise ValueError(f"{key}: {ratio} is not between 0 and 1")
        for coin, root in self.size_root.items():
            if parse_ratio(root) < 0:
                raise ValueError(f"size_root.{coin}: {root} is negative")
        for coin, interest in self.open_interest.items():
            if not 0 <= dollar_atoms(interest.lower) < dollar_atoms(interest.upper):
                raise ValueError(f"open_interest.{coin}: 0 <= lower < upper is needed")
            if dollar_atoms(interest.current) < 0:
                raise ValueError(f"open_interest.{coin}.current: {interest.current} is negative")
        for key in ("size_root", "open_interest"):
            for coin in getattr(self, key):
                if coin not in self.brackets:
                    raise ValueError(f"{key}.{coin}: the coin has no brackets")

    def at_open_interest(self, dollars: Mapping[str, Decimal]) -> TieredBySize:
        """The same method at a new reading, coin by coin; a coin without bounds is ignored."""
        read = {
            coin: msgspec.structs.replace(interest, current=dollars.get(coin, interest.current))
            for coin, interest in self.open_interest.items()
        }
        return msgspec.structs.replace(self, open_interest=read)

    def grid(self) -> Grid:
        """No scenarios."""
        return Grid()

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        out = np.empty((5, len(holdings.start)))
        serial, parallel = _screens()
        columns = (risk.value, risk.collateral, risk.bound, risk.notional, risk.kind, risk.coin)
        (serial if len(holdings.start) < PARALLEL_FROM else parallel)(
            (holdings.start, holdings.count, holdings.asset, holdings.lots),
            (*columns, self._coins_per_lot(risk)),
            self._flat.columns(risk.coins),
            self._rules(risk.coins),
            out,
        )
        return Requirement(*out)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers; a square root is rounded up in 10^-18 of an atom."""
        return judged(rows, table, self._charge)

    def excess_of_row(self, asset: int, quantity: int, table: ExactTable) -> int:
        """Margin equity less initial margin of one row alone: see `RowByRow`."""
        return excess_alone(asset, quantity, table, self._charge)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Options, contracts on a coin without brackets; if isolated, every contract but one."""
        return self._flat.refuses(rows, table)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """One term for each row; the binding tier is that of the position that owes most."""
        return explained("tiered_by_size", rows, table, names, self._charge, self._reason)

    def _charge(self, asset: int, lots: int, table: ExactTable) -> tuple[int, int]:
        """Initial and maintenance of one row."""
        steps = self._flat.steps(asset, table)
        if table.kind[asset] < LINEAR or not steps:
            return self._flat.charge(asset, lots, table)
        notional = abs(lots) * table.notional[asset]
        initial = maintenance = 0
        for above, initial_step, step in steps:
            if notional > above:
                initial += (notional - above) * initial_step * RATIO_ONE
                maintenance += (notional - above) * step * RATIO_ONE
        coin = table.risk.coins[table.coin[asset]]
        premium = self._premium(coin, asset, lots, table)
        initial = max(initial, self._flat_share(initial) + premium)
        maintenance = max(maintenance, self._flat_share(maintenance) + premium)
        beyond = max(notional * FINE - initial, 0) * self._scales.get(coin, 0)
        initial += divide(beyond, RATIO_ONE, Rounding.UP)
        fee = notional * parse_ratio(self.close_fee) * RATIO_ONE
        return divide(initial + fee, FINE, Rounding.UP), divide(
            maintenance + fee, FINE, Rounding.UP
        )

    def _flat_share(self, fine: int) -> int:
        """What is left of a flat charge under the premium; whole, since it is in 10^-18."""
        return divide(fine * parse_ratio(self.size_share), RATIO_ONE, Rounding.UP)

    def _premium(self, coin: str, asset: int, lots: int, table: ExactTable) -> int:
        """N · size_root · √coins in 10^-18 of an atom, rounded up."""
        root = self._roots.get(coin, 0)
        if not root:
            return 0
        coins, one = float(self._coins_per_lot(table.risk)[asset]).as_integer_ratio()
        rate = abs(lots) * table.notional[asset] * root * RATIO_ONE
        return square_root(divide(rate * rate * abs(lots) * coins, one, Rounding.UP), Rounding.UP)

    def _reason(self, asset: int, lots: int, table: ExactTable) -> str:
        """The tier of a position and what is added to it, as a person would say it."""
        reason = self._flat.tier(asset, lots, table)
        if not self._flat.steps(asset, table):
            return reason
        if self._premium(table.risk.coins[table.coin[asset]], asset, lots, table):
            reason += ", or its share with a premium for size if that is more"
        if self.close_fee:
            reason += f", {format_ratio(100 * parse_ratio(self.close_fee))} % to close"
        return reason

    def _coins_per_lot(self, risk: RiskTable) -> Floats:
        size = risk.quotes.size
        if len(size) == len(risk.value):
            return size
        assert not self._roots, "size_root needs quotes.size, and this risk table carries no quotes"
        return np.zeros(len(risk.value))

    @functools.cached_property
    def _flat(self) -> Tiered:
        return Tiered(brackets=self.brackets, isolated=self.isolated)

    @functools.cached_property
    def _roots(self) -> dict[str, int]:
        return {coin: parse_ratio(root) for coin, root in self.size_root.items() if root}

    @functools.cached_property
    def _scales(self) -> dict[str, int]:
        """How far each coin's initial margin is on its way to the whole notional, per billion."""
        scales = {}
        for coin, interest in self.open_interest.items():
            lower, upper = dollar_atoms(interest.lower), dollar_atoms(interest.upper)
            gone = (dollar_atoms(interest.current) - lower) * RATIO_ONE
            scale = divide(gone, upper - lower, Rounding.UP)
            scales[coin] = min(max(scale, 0), RATIO_ONE)
        return scales

    def _rules(self, coins: tuple[str, ...]) -> tuple[float, float, Floats, Floats]:
        """(size_share, close_fee, roots by coin, scales by coin) as ratios."""
        found = self._compiled.get(coins)
        if found is None:
            roots = np.array([self._roots.get(c, 0) / RATIO_ONE for c in coins], np.float64)
            scales = np.array([self._scales.get(c, 0) / RATIO_ONE for c in coins], np.float64)
            share, fee = parse_ratio(self.size_share), parse_ratio(self.close_fee)
            found = self._compiled[coins] = share / RATIO_ONE, fee / RATIO_ONE, roots, scales
        return found

    @functools.cached_property
    def _compiled(self) -> dict[tuple[str, ...], tuple[float, float, Floats, Floats]]:
        return {}


@functools.cache
def _screens() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from seawall.margin.by_size import _kernels

    return _kernels.serial, _kernels.parallel
