"""dYdX v4's printed numbers against `seawall.protocols.dydx` and its two neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from conformance.dydx_case import (
    QUOTE,
    Case,
    levels,
    money,
    price_rule,
    risk,
    rules,
    scaled,
    tier,
    venue,
)
from seawall.protocols import dydx, dydx_funding, dydx_liquidation
from seawall.protocols.dydx import (
    Position,
    Refusal,
    RefusedError,
    Risk,
    Transition,
)

REFUSALS = {
    "Invalid perpetual position size delta": Refusal.SIZE_CHANGE_INVALID,
    "Invalid delta base and/or quote quantums for insurance fund delta calculation": (
        Refusal.FILL_INVALID
    ),
    "failed to apply subaccount updates": Refusal.UPDATE_NOT_ALLOWED,
}
TRANSITIONS = {
    "Success": Transition.SUCCESS,
    "NewlyUndercollateralized": Transition.NEWLY_UNDERCOLLATERALIZED,
    "StillUndercollateralized": Transition.STILL_UNDERCOLLATERALIZED,
}


def is_liquidatable(name: str, given: Case, expected: Case) -> Outcome:
    here = venue(given)
    found = dydx.is_liquidatable(dydx.account_risk(here.account(given), here.markets))
    return exactly(name, expected["is_liquidatable"], found)


def risk_predicate(name: str, given: Case, expected: Case) -> Outcome:
    predicates: dict[str, Callable[[Risk], bool]] = {
        "nc >= imr": dydx.is_initially_collateralized,
        "nc >= mmr": dydx.is_maintenance_collateralized,
        "mmr > 0 and mmr > nc": dydx.is_liquidatable,
    }
    return exactly(name, expected["result"], predicates[given["predicate"]](risk(given)))


def risk_order(name: str, given: Case, expected: Case) -> Outcome:
    return exactly(name, expected["cmp"], dydx.riskier(risk(given["a"]), risk(given["b"])))


def risk_transition(name: str, given: Case, expected: Case) -> Outcome:
    # Where the source states no new initial margin, it asks about an account that is below it.
    rule = dydx.transition if "imr" in given["new"] else dydx.transition_undercollateralized
    found = rule(risk(given["old"]), risk(given["new"]))
    return exactly(name, TRANSITIONS[expected["result"]], found)


def account_margin(name: str, given: Case, expected: Case) -> Outcome:
    here = venue(given)
    account = here.account(given)
    account = account._replace(quote=account.quote + scaled(given.get("usdc_delta")))
    for one in given.get("position_deltas", []):
        key = one["perpetual_id"]
        size = here.size(key, one["size_delta"])
        account = dydx.changed(account, here.markets, key, size, 0)
    found = dydx.account_risk(account, here.markets)
    return money(
        name,
        expected,
        {
            "net_collateral": found.net_collateral,
            "initial_margin": found.initial,
            "maintenance_margin": found.maintenance,
        },
    )


def position_margin(name: str, given: Case, expected: Case) -> Outcome:
    coin = Fraction(10**18)  # No base tick is stated and none matters: only notionals are rounded.
    market = tier(given)._replace(
        price=Fraction(given["price"]) * QUOTE / coin,
        open_interest=scaled(given.get("open_interest_base"), coin),
    )
    found = dydx.position_risk(market, Position(0, scaled(given["size"], coin)))
    return money(
        name,
        expected,
        {"initial_margin": found.initial, "maintenance_margin": found.maintenance},
    )


def initial_margin_oi_scaled(name: str, given: Case, expected: Case) -> Outcome:
    found = dydx.initial_margin(
        tier(given), scaled(given["notional"]), scaled(given.get("oi_notional"))
    )
    return money(name, expected, {"initial_margin": found})


def initial_margin_fraction_oi_scaled(name: str, given: Case, expected: Case) -> Outcome:
    found = dydx.initial_fraction_ppm(tier(given), scaled(given.get("oi_notional")))
    return money(name, expected, {"effective_initial_margin_fraction": found})


def bankruptcy_price(name: str, given: Case, expected: Case) -> Outcome:
    here, key = venue(given), given["perpetual_id"]
    asked = (here.account(given), here.markets, key, here.size(key, given["delta_size"]))
    quote = dydx_liquidation.bankruptcy_quote(*asked)
    # The source prints a price without its sign.
    price = abs(here.price(key, dydx_liquidation.bankruptcy_price(*asked)))
    judged = [exactly("quote", scaled(expected["quote_delta_at_bankruptcy"]), quote)]
    if expected.get("bankruptcy_price") is not None:
        judged.append(nearly("price", Fraction(expected["bankruptcy_price"]), price, 1e-15))
    return together(name, judged)


def fillable_price(name: str, given: Case, expected: Case) -> Outcome:
    here, key = venue(given), given["perpetual_id"]
    size = here.size(key, given["delta_size"])
    account = here.account(given)
    found = dydx_liquidation.fillable_price(account, here.markets, key, size, rules(given))
    exact = expected.get("fillable_price_exact", expected["fillable_price"])
    if "/" in exact:
        return exactly(name, Fraction(exact), here.price(key, found))
    return nearly(name, Fraction(exact), here.price(key, found), 1e-15)


def insurance_fund_delta(name: str, given: Case, expected: Case) -> Outcome:
    here, key = venue(given), given["perpetual_id"]
    side = 1 if given["fill_side"] == "buy" else -1
    size = here.size(key, given["fill_size"])
    if given.get("fill_quote_amount") is None:
        quote = int(Fraction(given["fill_price"]) * Fraction(given["fill_size"]) * QUOTE)
    else:
        quote = scaled(given["fill_quote_amount"])
    found = dydx_liquidation.insurance_fund_change(
        here.account(given),
        here.markets,
        key,
        side * size,
        -side * quote,
        rules(given).max_fee_ppm,
    )
    return money(name, expected, {"insurance_fund_delta": found})


def insurance_fund_covers(name: str, given: Case, expected: Case) -> Outcome:
    balance, change = given["insurance_fund_balance"], given["insurance_fund_delta"]
    found = dydx_liquidation.insurance_fund_covers(scaled(balance), scaled(change))
    return exactly(name, expected["valid"], found)


def position_liquidation_limits(name: str, given: Case, expected: Case) -> Outcome:
    here, held = venue(given), given["position"]
    key = held["perpetual_id"]
    quote = dydx.notional(here.size(key, held["size"]), here.markets[key].price)
    least, most = dydx_liquidation.liquidation_limits(quote, rules(given))
    return money(
        name, expected, {"min_notional_liquidatable": least, "max_notional_liquidatable": most}
    )


def can_deleverage(name: str, given: Case, expected: Case) -> Outcome:
    here = venue(given)
    found = dydx_liquidation.deleveraging_price(
        dydx.account_risk(here.account(given), here.markets),
        bool(given.get("market_in_final_settlement")),
    )
    prices = dydx_liquidation.DeleveragingPrice
    bankruptcy = expected["deleverage_at_bankruptcy_price"]
    oracle = expected["deleverage_at_oracle_price"]
    return together(
        name,
        [
            exactly("at bankruptcy price", bankruptcy, found is prices.BANKRUPTCY),
            exactly("at oracle price", oracle, found is prices.ORACLE),
        ],
    )


def deleverage_fill(name: str, given: Case, expected: Case) -> Outcome:
    here, key = venue(given), given["perpetual_id"]
    before = (here.account(given["liquidated"]), here.account(given["offsetting"]))
    size = here.size(key, given["delta_size_of_liquidated"])
    after = dydx_liquidation.deleverage_pair(*before, here.markets, key, size, price_rule(given))
    if "liquidated" not in expected:  # The source asserts only that it is not refused.
        return exactly(name, expected["error"], None)
    return together(
        name,
        [
            exactly("liquidated", here.account(expected["liquidated"]), after[0]),
            exactly("offsetting", here.account(expected["offsetting"]), after[1]),
        ],
    )


def deleverage_offset(name: str, given: Case, expected: Case) -> Outcome:
    here, key = venue(given), given["perpetual_id"]
    accounts = [here.account(one) for one in given["accounts"]]
    fills = [(one["offsetting_index"], here.size(key, one["size"])) for one in expected["fills"]]
    # The walk starts at a pseudo-random account: whom the source filled comes first, in its order.
    first = [index for index, _ in fills]
    rest = [index for index in range(len(accounts)) if index not in first]
    change = here.size(key, given["delta_size_total"])
    found = dydx_liquidation.deleverage(
        accounts,
        given["liquidated_index"],
        first + rest,
        here.markets,
        key,
        change,
        price_rule(given),
    )
    judged = [
        exactly("fills", tuple(fills), found.fills),
        exactly(
            "accounts", tuple(here.account(one) for one in expected["accounts"]), found.accounts
        ),
        exactly("remaining", abs(here.size(key, expected["size_remaining"])), abs(found.remaining)),
    ]
    if expected.get("open_interest_base_after") is not None:
        closed = sum(size for _, size in found.fills)
        open_after = here.size(key, expected["open_interest_base_after"])
        judged.append(
            exactly("open interest", open_after, here.markets[key].open_interest - closed)
        )
    return together(name, judged)


def funding_clamp(name: str, given: Case, expected: Case) -> Outcome:
    return money(name, expected, {"max_abs_rate": rate_bound(given)})


def rate_bound(given: Case) -> int:
    return dydx_funding.rate_bound(
        scaled(given["clamp_factor"]),
        scaled(given["initial_margin_fraction"]),
        scaled(given["maintenance_fraction_of_initial"]),
    )


def index_outcome(given: Case, expected: Case, rate: int, seconds: int) -> Outcome:
    coin = 1 / Fraction(given["size_quantum"])
    price = Fraction(given["oracle_price"]) * QUOTE / coin
    wanted = scaled(expected["index_delta_quote_per_base"], Fraction(QUOTE * QUOTE) / coin)
    return exactly("index", wanted, dydx_funding.index_change(rate, price, seconds))


def funding_index_delta(name: str, given: Case, expected: Case) -> Outcome:
    rate, seconds = scaled(given["funding_rate_8h"]), int(given["elapsed_seconds"])
    return together(name, [index_outcome(given, expected, rate, seconds)])


def funding_tick(name: str, given: Case, expected: Case) -> Outcome:
    samples = [(scaled(rate), int(count)) for rate, count in given["premium_samples_rate_count"]]
    rate = dydx_funding.tick_rate(
        sum(sample * count for sample, count in samples),
        sum(count for _, count in samples),
        int(given.get("min_samples", 0)),
        scaled(given.get("default_funding_8h")),
        rate_bound(given),
    )
    judged = []
    if expected.get("funding_rate_8h") is not None:
        judged.append(exactly("rate", scaled(expected["funding_rate_8h"]), rate))
    judged.append(index_outcome(given, expected, rate, int(given["tick_seconds"])))
    return together(name, judged)


def funding_premium(name: str, given: Case, expected: Case) -> Outcome:
    found = dydx_funding.premium(
        sorted(levels(given.get("bids")), reverse=True),
        sorted(levels(given.get("asks"))),
        Fraction(given["index_price"]),
        Fraction(given["impact_notional"]),
        scaled(given["max_abs_premium"]),
    )
    return money(name, expected, {"premium": found})


def trimmed_samples(name: str, given: Case, expected: Case) -> Outcome:
    found = dydx_funding.trimmed_samples(given["samples"], scaled(given["tail_removal_rate"]))
    return exactly(name, expected["samples"], found)


RULES: tuple[Callable[[str, Case, Case], Outcome], ...] = (
    is_liquidatable,
    risk_predicate,
    risk_order,
    risk_transition,
    account_margin,
    position_margin,
    initial_margin_oi_scaled,
    initial_margin_fraction_oi_scaled,
    bankruptcy_price,
    fillable_price,
    insurance_fund_delta,
    insurance_fund_covers,
    position_liquidation_limits,
    can_deleverage,
    deleverage_fill,
    deleverage_offset,
    funding_clamp,
    funding_index_delta,
    funding_tick,
    funding_premium,
    trimmed_samples,
)


def judged(case: Case) -> Outcome:
    """One case by the rule of its kind; a refusal must be the one that the source expects."""
    rule = {one.__name__: one for one in RULES}.get(case["kind"])
    if rule is None:
        return skipped(case["id"], f"no rule for the kind {case['kind']}")
    error = case["expected"].get("error")
    try:
        outcome = rule(case["id"], case["inputs"], case["expected"])
    except RefusedError as refused:
        if error is not None and error not in REFUSALS:
            return Outcome(case["id"], "reproduced")  # Both refuse; only the source words it.
        return exactly(case["id"], REFUSALS.get(error), refused.reason)
    except KeyError as missing:
        if error is None:
            raise
        return Outcome(case["id"], "failed", f"not refused; expected {error} ({missing})")
    if error is not None:
        return Outcome(case["id"], "failed", f"not refused; expected {error}")
    return outcome


def dydx_v4(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        try:
            yield judged(case)
        except Exception as error:  # One case that is stated otherwise does not hide the rest.
            yield Outcome(case["id"], "failed", f"{type(error).__name__}: {error}")


FILES: dict[str, Checker] = {"perps/dydx_v4.json": dydx_v4}
