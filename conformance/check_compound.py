"""Compound III's printed numbers: who is liquidatable, what is absorbed, and its sale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.case import Checker, Outcome, skipped
from conformance.check_maker import Case, every, numbers, refused
from seawall.protocols import compound

Given = dict[str, Any]


def base(given: Given) -> compound.Base:
    return compound.Base(int(given["base_price"]), int(given["base_scale"]))


def assets(given: Given) -> list[compound.Collateral]:
    return [
        compound.Collateral(
            balance=int(one["balance"]),
            price=int(one["price"]),
            scale=int(one["scale"]),
            threshold=int(one.get("liquidate_cf", 0)),
            liquidation_factor=int(one.get("liquidation_factor", 0)),
        )
        for one in given.get("assets", [])
    ]


def quote_collateral(given: Given) -> dict[str, object]:
    asset = compound.Collateral(
        balance=0,
        price=int(given["asset_price"]),
        scale=int(given["asset_scale"]),
        liquidation_factor=int(given["liquidation_factor"]),
    )
    found = compound.quote_collateral(
        int(given["base_amount"]), base(given), asset, int(given["store_front_factor"])
    )
    return {"collateral": found}


def is_liquidatable(given: Given) -> dict[str, object]:
    found = compound.is_liquidatable(int(given["principal"]), base(given), assets(given))
    return {"liquidatable": found}


def absorb(given: Given) -> dict[str, object]:
    found = compound.absorb(int(given["principal"]), base(given), assets(given))
    return {
        "new_balance": found.balance,
        "base_paid_out": found.base_paid_out,
        "reserves_delta": found.reserves_change,
    }


RULES: dict[str, Callable[[Given], dict[str, object]]] = {
    "quoteCollateral": quote_collateral,
    "isLiquidatable": is_liquidatable,
    "absorb": absorb,
}


def compound_case(case: Case) -> Outcome:
    rule = RULES.get(case["fn"])
    if rule is None:
        return skipped(case["id"], f"no rule for {case['fn']}")
    try:
        return numbers(case, rule(case["inp"]))
    except compound.RefusedError as error:
        return refused(case, error.reason)


FILES: dict[str, Checker] = {"defi/compound_v3.json": every(compound_case)}
