"""The worst price that a liquidation order accepts: rules of venues, each exact.

Knows one account's rows, a table and a method. Knows no book and no fund; what else bounds an
order, and when a rule gives way, is said where orders are made.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from seawall.liquidation.bankruptcy import price_of
from seawall.margin import ExactRequirement, ExactTable, MarginMethod, Rows
from seawall.market import Catalogue
from seawall.money import RATIO_ONE, parse_ratio


class _Price(msgspec.Struct, frozen=True, tag_field="price", forbid_unknown_fields=True):
    """A rule; its tag is its name in a rulebook."""


class AtBankruptcy(_Price, frozen=True, tag="bankruptcy"):
    """Not beyond what leaves the account nothing: see `bankruptcy_price`."""


class Fillable(_Price, frozen=True, tag="fillable", kw_only=True):
    """The further below maintenance, the further from the mark: see `fillable_price`.

    Source: dYdX v4, `GetFillablePrice`, with the settings of its genesis template.
    """

    adjustment: Decimal = Decimal(1)  # How fast the distance grows.
    spread: Decimal = Decimal("1.5")  # Of the position's maintenance, at the most.

    def __post_init__(self) -> None:
        for name in ("adjustment", "spread"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must not be negative, not {getattr(self, name)}")


class AtOracle(_Price, frozen=True, tag="oracle", kw_only=True):
    """The mark, less what whoever takes the position earns by it; the same for every account."""

    away: Decimal = Decimal(0)  # Share of the mark.

    def __post_init__(self) -> None:
        if not 0 <= self.away <= 1:
            raise ValueError(f"away: must lie in [0, 1], not {self.away}")


PRICES = AtBankruptcy | Fillable | AtOracle


def fillable_price(
    rule: Fillable,
    rows: Rows,
    table: ExactTable,
    method: MarginMethod,
    asset: int,
    catalogue: Catalogue,
    verdict: ExactRequirement,
) -> int:
    """Price of a fill at which a lot is worth value − side · rating · spread · own ÷ |lots|.

    rating = clamp(adjustment · (1 − margin_equity ÷ maintenance), 0, 1) of the account, and own is
    the maintenance that the method asks for these lots alone. At the maintenance line it is the
    mark; at nothing left it is `spread` maintenances away. Price atoms, rounded for the account: up
    where it sells, down where it buys. It may lie beyond the bankruptcy price: then the fund pays.
    """
    lots = dict(rows)[asset]
    side = 1 if lots > 0 else -1
    own = method.requirement_exact([(asset, lots)], table).maintenance
    whole = max(1, RATIO_ONE * verdict.maintenance)
    below = verdict.maintenance - verdict.margin_equity
    rating = min(whole, max(0, parse_ratio(rule.adjustment) * below))
    denominator = whole * RATIO_ONE * abs(lots)
    away = rating * parse_ratio(rule.spread) * own
    numerator = table.value[asset] * denominator - side * away
    return price_of(numerator, denominator, side, table, asset, catalogue)
