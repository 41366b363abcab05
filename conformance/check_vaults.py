"""Printed numbers of vaults and pools: Euler's discount, Liquity's pool and redistribution."""

from __future__ import annotations

from decimal import Decimal

from conformance.case import Checker, Outcome, exactly, nearly, together
from conformance.check_maker import Case, every, numbers
from seawall.protocols import euler, liquity


def euler_case(case: Case) -> Outcome:
    given = {name: int(value) for name, value in case["inp"].items()}
    position = euler.Position(
        collateral=given["collateral"],
        collateral_price=given["coll_price"],
        loan_to_value=given["ltv_bps"],
        debt=given["debt"],
        debt_price=given["debt_price"],
        other_adjusted_value=given.get("other_adjusted_value", 0),
    )
    found = euler.liquidate(position, given.get("max_discount_bps", 0))
    return numbers(case, found._asdict())


def split_case(case: Case) -> Outcome:
    given = {name: int(value) for name, value in case["inp"].items()}
    found = liquity.split(
        given["debt"],
        given["coll"],
        given.get("sp_available", 0),
        given["price"],
        given["penalty_sp"],
        given["penalty_redist"],
    )
    return numbers(
        case,
        {
            "debt_offset": found.debt_offset,
            "coll_to_sp": found.collateral_to_pool,
            "gas_comp": found.gas_compensation,
            "debt_redistributed": found.debt_redistributed,
            "coll_redistributed": found.collateral_redistributed,
            "surplus": found.surplus,
        },
    )


def within(step: Case, wanted: str, slack: str, found: int) -> list[Outcome]:
    """A number of the step, if its source prints one, within the source's own tolerance."""
    if wanted not in step:
        return []
    tolerance = float(step.get(slack, 0))
    return [nearly(wanted, step[wanted], found, 0.0, tolerance)]


def pool_case(case: Case) -> Outcome:
    pool = liquity.StabilityPool()
    judged: list[Outcome] = []
    for step in case["ops"]:
        match step["op"]:
            case "deposit":
                pool.deposit(step["who"], int(step["amount"]))
            case "liquidate":
                pool.liquidate(int(step["debt"]), int(step["coll"]))
            case "withdraw":
                paid, gained = pool.withdraw(step["who"], int(step["cap"]))
                judged += within(step, "expect_paid", "tol_paid", paid)
                judged += within(step, "expect_coll_gain", "tol_gain", gained)
            case "compounded":
                judged += within(step, "expect", "tol", pool.compounded(step["who"]))
            case "check":
                judged += within(step, "P", "tolP", pool.product)
                judged += within(step, "scale", "", pool.scale)
            case other:
                judged.append(exactly("operation", "one with a rule", other))
    return together(case["id"], judged)


def wad(amount: str) -> int:
    return int(Decimal(amount) * liquity.WAD)


def redistribution_case(case: Case) -> Outcome:
    troves = liquity.Troves()
    for step in case["steps"]:
        if "open" in step:
            troves.open(step["open"], wad(step["coll"]), wad(step.get("debt", "0")))
        else:
            troves.liquidate(step["liq"])
    judged = []
    for who, printed in case["exp"].items():
        # Six decimals or fewer are a rounded comment in the source's test.
        is_rounded = len(printed.partition(".")[2]) <= 6
        slack = 1e12 if is_rounded else float(case.get("tol", 0))
        found = troves.holding(who)[0] if who in troves.troves else 0
        judged.append(nearly(who, wad(printed), found, 0.0, slack))
    return together(case["id"], judged)


FILES: dict[str, Checker] = {
    "defi/euler_liquidation.json": every(euler_case),
    "defi/liquity_v2_liquidation_split.json": every(split_case),
    "defi/liquity_v1_stability_pool.json": every(pool_case),
    "defi/liquity_v1_redistribution.json": every(redistribution_case),
}
