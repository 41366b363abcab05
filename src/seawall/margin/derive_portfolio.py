"""Derive's portfolio margin as a margin method: what an account must hold in both generations.

Knows how the venue's parameters become a grid and how losses and contingencies add up. Does not
know how an option is priced; `margin.derive` has the same rules over a description of one market,
in floats, which the venue's own cases judge.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    Explanation,
    Holdings,
    Requirement,
    Rows,
    worth,
)
from seawall.margin.derive.compiled import FULL, Market, Rule, Terms, compiled
from seawall.margin.derive.explanation import explained
from seawall.margin.derive.parameters import (
    ONE,
    SKEWS,
    ZERO,
    DerivePortfolio,
    DerivePortfolioTwo,
    DeriveScenario,
    ParameterError,
)
from seawall.margin.derive.screen import screen
from seawall.margin.derive.verdict import owed
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio
from seawall.pricing import Grid, RiskTable, Scenario
from seawall.pricing.table import ABSOLUTE, LINEAR, UNTILTED, Tilt

_DAY_SECONDS = 86_400
_TILTS = {"Linear": LINEAR, "Abs": ABSOLUTE}
_SHARED = (
    "scenarios", "collaterals", "basis_up", "basis_down", "volatility_up", "volatility_down",
    "volatility_up_floor", "power_short", "power_long", "seconds_floor", "linear_cap",
    "linear_cap_time", "absolute_cap", "absolute_cap_time", "skew_width_floor", "skew_width",
    "skew_volatility", "skew_volatility_time",
)  # fmt: skip


class _Portfolio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """What both generations share."""

    coins: tuple[str, ...]  # Coins with a market of their own.
    stable: str = "USDC"  # Whose price below the peg raises the initial factor.

    def grid(self) -> Grid:
        """Basis moves, tilts, and every other scenario that moves something."""
        return self._rule.grid

    def requirement(self, holdings: Holdings, risk: RiskTable) -> Requirement:
        """Screen any number of accounts."""
        return screen(self._rule, holdings, risk)

    def requirement_exact(self, rows: Rows, table: ExactTable) -> ExactRequirement:
        """Judge one account in integers."""
        maintenance, initial = owed(rows, table, compiled(self._rule, table.risk))
        return ExactRequirement(*worth(rows, table), initial, maintenance)

    def refuses(self, rows: Rows, table: ExactTable) -> tuple[int, ...]:
        """Contracts on a coin without a market, and currencies that are no collateral."""
        charge = compiled(self._rule, table.risk).charge
        return tuple(asset for asset, _ in rows if charge[asset] == FULL)

    def explain(self, rows: Rows, table: ExactTable, names: Sequence[str]) -> Explanation:
        """Rows in the worst scenario of their market, discounts of expiries, contingencies."""
        terms, binding = explained(rows, table, names, compiled(self._rule, table.risk))
        tag = str(self.__struct_config__.tag)
        return Explanation(tag, terms, binding, self.requirement_exact(rows, table))

    @functools.cached_property
    def _rule(self) -> Rule:
        raise NotImplementedError


class DerivePortfolioMargin(_Portfolio, frozen=True, tag="derive_pm", tag_field="method"):
    """Derive's portfolio margin of the first generation (PMRM), each coin a market of its own.

    profit[s] = Σ lots × change[s] of what is linear + Σ over expiries of (discounted(V[s]) − mark),
    V[s] = Σ lots × (value + change[s]) of an expiry's options, × static_discount · e^(−years ·
    (rate · rate_multiply + rate_add)) where V[s] > 0; basis = Σ over expiries of min(change at
    basis_up, change at basis_down, 0) · (basis_add + basis_multiply · years), options only; worst =
    min(0, basis, profits); static = perpetual_static · |perpetuals| + base_static · base +
    option_static · options sold that none of the same expiry and strike covers, each at spot;

        maintenance = static − worst
        initial = (static − worst) · (initial_factor + depeg) + doubt

    summed over markets, each rounded up once. Margin equity less maintenance is the venue's number,
    in dollars where the venue counts its stablecoin. Confidences come from the table's quotes. The
    venue prices these options undiscounted, as the table does where its smiles' discount is 1; else
    the table's marks hold and its rate enters the static discount.

    What has no market cannot be margined: `refuses` names it. If held anyway, a contract is charged
    its full notional, an option sold its value too, an option or currency held what it counts for.

    Ratios by expiry are rounded to the nearest part per billion once for each table, doubt and
    depeg upwards. The verdict then multiplies integers and rounds nothing before the end.

    The screen's error_bound, with u = 2^-53, n rows, G = Σ|lots| · bound, S = Σ of charged sizes,
    I = initial; F, ρ, β, D the largest factor, discount ratio, basis ratio and dampening, w the
    largest charged ratio; K = max(D · (4ρ + 2), 2β): an expiry's change and mark are sums of n
    whole products of at most G together, exact while G < 2^51, and err by at most 2n·u·G elsewhere.
    Folds of three terms, tilts that take twice a gain before it is added, sums over n expiries and
    dampening add 3n + 24 roundings of at most K·G: a profit errs by (5n + 24)·u·K·G, and so does
    the least. Charges are sums of products that err by (n + 8)·u·w·S together; all is added with
    (n + 8)·u·I, and rounding up adds 1. The kernel takes (2n + 24) · 2^-52 of F·K·G + w·S + I, and
    doubles that for what differences and the bound's own roundings need.
    Source: derivexyz/v2-core at 7736900 (2026-01-21), PMRM and its library, restated.
    """

    terms: DerivePortfolio
    by_coin: dict[str, DerivePortfolio] = {}  # Where a coin's market differs from `terms`.

    def __post_init__(self) -> None:
        _check(self.coins, self.by_coin, self.terms)
        _ = self._rule

    @functools.cached_property
    def _rule(self) -> Rule:
        of = {coin: self.by_coin.get(coin, self.terms) for coin in self.coins}
        markets = [
            _market(coin, each, (each.perpetual_static, ZERO), (each.option_static, ZERO), ONE)
            for coin, each in of.items()
        ]
        base = tuple((coin, parse_ratio(each.base_static), 0) for coin, each in of.items())
        follows = tuple((coin, coin) for coin in self.coins)
        return _compile(self.terms, markets, follows, base, self.stable)


class DerivePortfolioMarginTwo(_Portfolio, frozen=True, tag="derive_pm_two", tag_field="method"):
    """Derive's portfolio margin of the second generation (PMRM 2), each coin a market of its own.

    As `DerivePortfolioMargin`, with the profit of a scenario × its dampening; an expiry's positive
    value × long_discount · e^(−years · (rate · long_rate_multiply + long_rate_add)), its negative
    one × min(1 ÷ discount, short_discount · e^(years · (…))); in a scenario that tilts the smile an
    expiry's change counts as a loss whatever its sign; and contingencies outside the factors:

        maintenance = − worst · maintenance_factor + static
        initial = − worst · (initial_factor + depeg) + static + more + doubt

    static = perpetual_maintenance · |perpetuals| + option_maintenance · options sold that nothing
    covers + maintenance_haircut · collateral, `more` the same with the ratios on top of these. A
    collateral moves in the scenarios where it is risk cancelling, with the market of its coin or
    the one that `moves_with` names. Its haircuts stand here: the rulebook's own should be 0.
    Rounding, what cannot be margined and error_bound are those of `DerivePortfolioMargin`.
    Source: derivexyz/v2-core at 7736900 (2026-01-21), PMRM_2 and its library, restated.
    """

    terms: DerivePortfolioTwo  # Its collaterals are those of every market.
    by_coin: dict[str, DerivePortfolioTwo] = {}  # Where a coin's market differs from `terms`.
    moves_with: dict[str, str] = {}  # Collateral: the coin of the market that it moves with.

    def __post_init__(self) -> None:
        _check(self.coins, self.by_coin, self.terms)
        for coin, each in {"": self.terms, **self.by_coin}.items():
            if each.initial_factor < each.maintenance_factor:
                path = f"by_coin.{coin}" if coin else "terms"
                raise ParameterError(f"{path}.initial_factor: must not be below maintenance_factor")
        for name in self.moves_with:
            if name not in self.terms.collaterals:
                raise ParameterError(f"moves_with.{name}: terms.collaterals has no such name")
        for name, market in self._follows:
            if market not in self.coins:
                raise ParameterError(f"moves_with.{name}: {market} is not among coins")
        _ = self._rule

    @property
    def _follows(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, self.moves_with.get(name, name))
            for name, terms in self.terms.collaterals.items()
            if terms.risk_cancelling
        )

    @functools.cached_property
    def _rule(self) -> Rule:
        markets = [
            _market(
                coin,
                each,
                (each.perpetual_maintenance, each.perpetual_initial),
                (each.option_maintenance, each.option_initial),
                each.maintenance_factor,
            )
            for coin, each in ((coin, self.by_coin.get(coin, self.terms)) for coin in self.coins)
        ]
        haircuts = tuple(
            (name, parse_ratio(each.maintenance_haircut), parse_ratio(each.initial_haircut))
            for name, each in self.terms.collaterals.items()
        )
        return _compile(self.terms, markets, self._follows, haircuts, self.stable)


def _check(
    coins: tuple[str, ...],
    by_coin: Mapping[str, DerivePortfolio | DerivePortfolioTwo],
    terms: DerivePortfolio | DerivePortfolioTwo,
) -> None:
    if not coins or len(set(coins)) != len(coins):
        raise ParameterError("coins: at least one coin is needed, and none twice")
    for coin, each in by_coin.items():
        if coin not in coins:
            raise ParameterError(f"by_coin.{coin}: not among coins")
        for name in _SHARED:
            if getattr(each, name, None) != getattr(terms, name, None):
                raise ParameterError(f"by_coin.{coin}.{name}: must be that of terms: one grid")
    for place, scenario in enumerate(terms.scenarios):
        if scenario.spot <= 0:
            raise ParameterError(f"scenarios[{place}].spot: must be above 0")
    if min(terms.basis_down, terms.basis_up) <= 0:
        raise ParameterError("basis_down: must be above 0")


def _market(
    coin: str,
    terms: Terms,
    perpetual: tuple[Decimal, Decimal],
    option: tuple[Decimal, Decimal],
    maintenance_factor: Decimal,
) -> Market:
    return Market(
        coin=coin,
        terms=terms,
        maintenance_factor=parse_ratio(maintenance_factor),
        initial_factor=parse_ratio(terms.initial_factor),
        peg_threshold=parse_ratio(terms.peg_threshold),
        peg_factor=parse_ratio(terms.peg_factor),
        perpetual=(parse_ratio(perpetual[0]), parse_ratio(perpetual[1])),
        option=(parse_ratio(option[0]), parse_ratio(option[1])),
    )


def _compile(
    terms: Terms,
    markets: Sequence[Market],
    follows: tuple[tuple[str, str], ...],
    haircuts: tuple[tuple[str, int, int], ...],
    stable: str,
) -> Rule:
    """Columns of the scenarios that move something, basis moves and tilts first.

    A basis move that is among the scenarios shares its column.
    """
    still = [cell for cell in terms.scenarios if _still(cell)]
    moving = [(place, cell) for place, cell in enumerate(terms.scenarios) if not _still(cell)]
    feared = [DeriveScenario(spot, "None", ZERO) for spot in (terms.basis_up, terms.basis_down)]
    known = [_move(cell) for _, cell in moving]
    moving += [(-1, cell) for cell in feared if not _still(cell) and _move(cell) not in known]
    first = [_move(cell) for cell in feared]
    moving.sort(key=lambda each: (_move(each[1]) not in first, _plain(each[1])))
    cells = [cell for _, cell in moving]
    moves = [_move(cell) for cell in cells]
    basis = [moves.index(_move(cell)) if _move(cell) in moves else -1 for cell in feared]
    return Rule(
        grid=_grid(terms, cells, bool(follows)),
        scenarios=tuple(place for place, _ in moving),
        dampening=tuple(parse_ratio(cell.dampening) for cell in cells),
        skewed=tuple(cell.volatility in SKEWS for cell in cells),
        unmoved=max((parse_ratio(cell.dampening) for cell in still), default=0),
        basis=(basis[0], basis[1]),
        scaled=isinstance(terms, DerivePortfolio),
        markets=tuple(markets),
        follows=follows,
        haircuts=haircuts,
        stable=stable,
    )


def _move(cell: DeriveScenario) -> tuple[Decimal, str]:
    return cell.spot, cell.volatility


def _plain(cell: DeriveScenario) -> bool:
    return cell.volatility not in SKEWS


def _still(cell: DeriveScenario) -> bool:
    return cell.spot == ONE and cell.volatility == "None"


def _grid(terms: Terms, cells: Sequence[DeriveScenario], coins_inside: bool) -> Grid:
    shock = {"Up": parse_ratio(terms.volatility_up), "Down": -parse_ratio(terms.volatility_down)}
    two = isinstance(terms, DerivePortfolioTwo)
    tilted = two and any(cell.volatility in SKEWS for cell in cells)
    return Grid(
        scenarios=tuple(
            Scenario(
                move=parse_ratio(cell.spot) - RATIO_ONE,
                volatility=shock.get(cell.volatility, 0),
                weight=RATIO_ONE,
                tilt=_TILTS.get(cell.volatility, UNTILTED),
            )
            for cell in cells
        ),
        power_short=parse_ratio(terms.power_short),
        power_long=parse_ratio(terms.power_long),
        days_floor=divide(parse_ratio(terms.seconds_floor), _DAY_SECONDS, Rounding.NEAREST),
        volatility_floor=parse_ratio(getattr(terms, "volatility_up_floor", ZERO)),
        floor_stops_falls=not two,
        coins_inside=coins_inside,
        tilt=_tilt(terms) if tilted and isinstance(terms, DerivePortfolioTwo) else None,
    )


def _tilt(terms: DerivePortfolioTwo) -> Tilt:
    return Tilt(
        width_floor=parse_ratio(terms.skew_width_floor),
        width=parse_ratio(terms.skew_width),
        volatility=parse_ratio(terms.skew_volatility),
        volatility_time=parse_ratio(terms.skew_volatility_time),
        linear_cap=parse_ratio(terms.linear_cap),
        linear_cap_time=parse_ratio(terms.linear_cap_time),
        absolute_cap=parse_ratio(terms.absolute_cap),
        absolute_cap_time=parse_ratio(terms.absolute_cap_time),
    )
