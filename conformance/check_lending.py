"""Lending protocols' printed numbers: Aave, Morpho, Uniswap's mean price, Ethereum's base fee."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from conformance.check_maker import Case, every, numbers, refused
from seawall.protocols import aave, base_fee, morpho, uniswap_twap

Given = dict[str, Any]


def price(given: Given, side: str) -> aave.Price:
    return aave.Price(int(given[f"{side}_price"]), 10 ** int(given[f"{side}_dec"]))


def seizure(given: Given) -> dict[str, object]:
    found = aave.seize(
        price(given, "coll"),
        price(given, "debt"),
        int(given["debt_to_cover"]),
        int(given["coll_balance"]),
        int(given["bonus_bps"]),
        int(given.get("protocol_fee_bps", 0)),
    )
    return {
        "coll_to_liquidator": found.to_liquidator,
        "debt_needed": found.repaid,
        "protocol_fee_coll": found.protocol_fee,
    }


def max_liquidatable_debt(given: Given) -> dict[str, object]:
    debt = price(given, "debt")
    most = aave.repayable(
        int(given["health_factor"]),
        int(given["reserve_collateral_base"]),
        int(given["reserve_debt_base"]),
        int(given["total_debt_base"]),
        debt,
    )
    whole = aave.reserve_debt(int(given["reserve_debt_base"]), debt)
    return {"reserve_debt": whole, "max_liquidatable": most}


def leftover_rule(given: Given) -> dict[str, object]:
    collateral = int(given["collateral_base"]) - int(given["seize_base"])
    debt = int(given["debt_base"]) - int(given["repay_base"])
    return {"allowed": aave.leftover_is_allowed(collateral, debt, int(given["min_leftover"]))}


def health_factor(given: Given) -> dict[str, object]:
    collateral = [
        aave.Collateral(int(one["value_base"]), int(one["lt_bps"]))
        for one in given.get("collateral", [])
    ]
    found = aave.health_factor(collateral, int(given["debt_base"]))
    return {"hf": found, "liquidatable": aave.is_liquidatable(found)}


def bonus(given: Given) -> dict[str, object]:
    found = aave.bonus_by_health(
        int(given["hf"]),
        int(given["hf_for_max_bonus"]),
        int(given["max_bonus_bps"]),
        int(given["bonus_factor_bps"]),
    )
    return {"bonus_bps": found}


def debt_to_target(given: Given) -> dict[str, object]:
    found = aave.debt_to_target(
        int(given["total_debt_value_1e26"]),
        int(given["hf"]),
        int(given["target_hf"]),
        int(given["bonus_bps"]),
        int(given["collateral_factor_bps"]),
        price(given, "debt"),
    )
    return {"debt": found}


AAVE: dict[str, Callable[[Given], dict[str, object]]] = {
    "seizure": seizure,
    "max_liquidatable_debt": max_liquidatable_debt,
    "leftover_rule": leftover_rule,
    "health_factor": health_factor,
    "bonus": bonus,
    "debt_to_target": debt_to_target,
}


def aave_case(case: Case) -> Outcome:
    rule = AAVE.get(case.get("fn", "seizure"))
    if rule is None:
        return skipped(case["id"], f"no rule for {case['fn']}")
    if case["exp"].get("hf") == "max":  # The source's word for an account without a debt.
        case = case | {"exp": case["exp"] | {"hf": None}}
    try:
        return numbers(case, rule(case["inp"]))
    except aave.RefusedError as error:
        return refused(case, error.reason)


def morpho_case(case: Case) -> Outcome:
    given = {name: int(value) for name, value in case["inp"].items()}
    if "lif" in case["exp"]:
        return numbers(case, {"lif": morpho.incentive(given["lltv"])})
    market = morpho.Market(
        supply=given["total_supply_assets"],
        borrowed=given["total_borrow_assets"],
        borrow_shares=given["total_borrow_shares"],
        threshold=given["lltv"],
    )
    try:
        found = morpho.liquidate(
            market,
            morpho.Loan(given["collateral"], given["borrow_shares"]),
            given["price"],
            seized=given.get("seized_in", 0),
            repaid_shares=given.get("repaid_shares_in", 0),
        )
    except morpho.RefusedError as error:
        # Nothing else that it refuses says "healthy", so that word is compared.
        healthy = error.reason is morpho.Refusal.HEALTHY
        said = "healthy" in str(case["exp"].get("reason"))
        both = refused(case, error.reason)
        return together(case["id"], [both, exactly("healthy", said, healthy)])
    return numbers(
        case,
        {
            "seized": found.seized,
            "repaid": found.repaid,
            "collateral_after": found.loan.collateral,
            "borrow_shares_after": found.loan.borrow_shares,
            "total_borrow_assets_after": found.market.borrowed,
            "total_borrow_shares_after": found.market.borrow_shares,
            "total_supply_assets_after": found.market.supply,
            "bad_debt": found.bad_debt,
        },
    )


def twap_case(case: Case) -> Outcome:
    given, expected = case["inp"], case["exp"]
    if case["fn"] == "mean_tick":
        found = uniswap_twap.mean_tick(given["cum0"], given["cum1"], given["dt"])
        return numbers(case, {"tick": found})
    if case["fn"] == "spot_move_needed":
        shift = uniswap_twap.spot_move_needed(
            Decimal(given["twap_shift"]), given["window_blocks"], given["manipulated_blocks"]
        )
        # Printed with four decimals, the factor with eight digits.
        judged = [
            nearly("mean", str(expected["twap_shift_ticks"]), shift.mean_ticks, 0.0, 5e-5),
            nearly("spot", str(expected["spot_shift_ticks"]), shift.spot_ticks, 0.0, 5e-5),
            nearly("factor", expected["spot_factor"], shift.spot_factor, 5e-8),
        ]
        return together(case["id"], judged)
    if case["fn"] == "full_range_move":
        move = uniswap_twap.full_range_move(
            Decimal(str(given["x"])),
            Decimal(str(given["y"])),
            Decimal(str(given["price_factor"])),
            Decimal(str(given.get("fee", 0))),
        )
        judged = [  # Printed with six decimals.
            nearly("in", str(expected["quote_in"]), move.quote_in, 0.0, 5e-7),
            nearly("out", str(expected["base_out"]), move.base_out, 0.0, 5e-7),
            nearly("loss", str(expected["loss_if_arbed"]), move.loss, 0.0, 5e-7),
        ]
        return together(case["id"], judged)
    return skipped(case["id"], f"no rule for {case['fn']}")


def base_fee_case(case: Case) -> Outcome:
    given = case["inp"]
    found = base_fee.next_base_fee(
        int(given["base_fee"]), int(given["gas_used"]), int(given["gas_limit"])
    )
    return exactly(case["id"], int(case["exp"]["next_base_fee"]), found)


FILES: dict[str, Checker] = {
    "defi/aave_v3_liquidation.json": every(aave_case),
    "defi/aave_v4_liquidation.json": every(aave_case),
    "defi/morpho_liquidation.json": every(morpho_case),
    "defi/uniswap_twap.json": every(twap_case),
    "defi/eip1559_base_fee.json": every(base_fee_case),
}
