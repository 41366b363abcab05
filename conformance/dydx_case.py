"""How the dYdX v4 vectors state markets, accounts and rules, read into our own types."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from conformance.case import Outcome, exactly, together
from seawall.protocols.dydx import Account, Market, Position, Risk
from seawall.protocols.dydx_liquidation import DeleveragingPrice, LiquidationRules

Case = Mapping[str, Any]

QUOTE = 10**6  # Quote quantums in one USDC, and parts per million in a rate of 1.


def scaled(value: object, unit: Fraction | int = QUOTE) -> int:
    """A decimal in plain units as a whole number of the venue's own; None is zero."""
    amount = Fraction(str(value if value is not None else 0)) * unit
    assert amount.denominator == 1, f"{value} is not a whole number of quantums"
    return int(amount)


class Venue(NamedTuple):
    """The markets of a case, and how many base quantums each one's coin has."""

    markets: dict[int, Market]
    per_coin: dict[int, Fraction]

    def size(self, market: int, value: object) -> int:
        return scaled(value, self.per_coin[market])

    def account(self, given: Case) -> Account:
        positions = [
            Position(
                one["perpetual_id"],
                self.size(one["perpetual_id"], one["size"]),
                self.index(one["perpetual_id"], one.get("entry_funding_index_quote_per_base")),
                scaled(one.get("initial_margin_fraction_floor")),
            )
            for one in given.get("positions", [])
        ]
        return Account(scaled(given.get("usdc_balance")), tuple(positions))

    def index(self, market: int, value: object) -> int:
        return scaled(value, Fraction(QUOTE * QUOTE) / self.per_coin[market])

    def price(self, market: int, quote_per_base: Fraction) -> Fraction:
        return quote_per_base * self.per_coin[market] / QUOTE


def venue(given: Case) -> Venue:
    markets, per_coin = {}, {}
    for one in given.get("markets", []):
        key, coin = one["perpetual_id"], 1 / Fraction(one["size_quantum"])
        per_coin[key] = coin
        markets[key] = Market(
            price=Fraction(one["oracle_price"]) * QUOTE / coin,
            initial_ppm=scaled(one["initial_margin_fraction"]),
            maintenance_ppm=scaled(one["maintenance_fraction_of_initial"]),
            open_interest=scaled(one.get("open_interest_base"), coin),
            open_interest_lower=scaled(one.get("oi_lower_cap")),
            open_interest_upper=scaled(one.get("oi_upper_cap")),
            funding_index=scaled(
                one.get("funding_index_quote_per_base"), Fraction(QUOTE * QUOTE) / coin
            ),
        )
    return Venue(markets, per_coin)


def rules(given: Case) -> LiquidationRules:
    stated = given["liquidation_config"]
    return LiquidationRules(
        max_fee_ppm=scaled(stated["max_liquidation_fee_rate"]),
        bankruptcy_adjustment_ppm=scaled(stated["bankruptcy_adjustment"]),
        spread_to_maintenance_ppm=scaled(stated["spread_to_maintenance_ratio"]),
        min_notional=scaled(stated["min_position_notional_liquidated"]),
        max_position_ppm=scaled(stated["max_position_portion_liquidated"]),
    )


def risk(given: Case) -> Risk:
    return Risk(scaled(given.get("nc")), scaled(given.get("imr")), scaled(given.get("mmr")))


def money(name: str, expected: Case, found: Mapping[str, int]) -> Outcome:
    """Every stated amount of a case, to the last quantum."""
    stated = [key for key in found if expected.get(key) is not None]
    assert stated, f"no amount to compare in {sorted(expected)}"
    return together(name, [exactly(key, scaled(expected[key]), found[key]) for key in stated])


def tier(given: Case) -> Market:
    """A liquidity tier in the units of its notionals; the price is set where there is one."""
    return Market(
        price=Fraction(1),
        initial_ppm=scaled(given["initial_margin_fraction"]),
        maintenance_ppm=scaled(given.get("maintenance_fraction_of_initial")),
        open_interest_lower=scaled(given.get("oi_lower_cap")),
        open_interest_upper=scaled(given.get("oi_upper_cap")),
    )


def levels(given: list[list[str]] | None) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(price), Fraction(size)) for price, size in given or []]


def price_rule(given: Case) -> DeleveragingPrice:
    is_oracle = given.get("price_rule") == "oracle"
    return DeleveragingPrice.ORACLE if is_oracle else DeleveragingPrice.BANKRUPTCY
