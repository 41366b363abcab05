"""Pyth's printed numbers: votes, averages, conversions, and what a reader should use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.case import Checker, Outcome, exactly, skipped, together
from conformance.check_maker import Case, every, numbers
from seawall.protocols import pyth

Given = dict[str, Any]
TRADING = 1


def quote(given: Given) -> pyth.Quote:
    return pyth.Quote(
        price=int(given["price"]),
        confidence=int(given["conf"]),
        slots_old=-int(given.get("slot_diff", 0)),
        is_trading=given.get("status", TRADING) == TRADING,
    )


def aggregate(case: Case) -> Outcome:
    given, expected = case["inp"], case["exp"]
    found = pyth.aggregate(quote(one) for one in given.get("quotes", []))
    price, confidence = found or (0, 0)  # A feed that never traded holds zeros.
    status = "trading" if found else "unknown"
    judged = [
        exactly("exponent", expected.get("exponent"), given.get("exponent")),
        exactly("price", int(expected["price"]), price),
        exactly("confidence", int(expected["conf"]), confidence),
        exactly("status", expected["status"], status),
    ]
    return together(case["id"], judged)


def averages(case: Case) -> Outcome:
    price = confidence = pyth.EMPTY
    judged = []
    rows = zip(case["inp"]["rows"], case["exp"]["rows"], strict=True)
    for number, (given, expected) in enumerate(rows):
        unsure, exponent, slots = (int(given[name]) for name in ("conf", "expo", "nslots"))
        price = pyth.average(price, int(given["price"]), unsure, exponent, slots)
        confidence = pyth.average(confidence, unsure, unsure, exponent, slots)
        judged.append(exactly(f"price {number}", int(expected["twap"]), price.value))
        judged.append(exactly(f"confidence {number}", int(expected["twac"]), confidence.value))
    return together(case["id"], judged)


def convert(case: Case) -> Outcome:
    given = case["inp"]
    found = pyth.with_decimals(int(given["price"]), int(given["expo"]), int(given["decimals"]))
    return numbers(case, {"value": found})


def cross_rate(case: Case) -> Outcome:
    given = case["inp"]
    found = pyth.cross_rate(*(int(given[name]) for name in ("p1", "e1", "p2", "e2", "target")))
    return numbers(case, {"value": found})


def conservative(case: Case) -> Outcome:
    given = case["inp"]
    rule = {"collateral": pyth.collateral_price, "debt": pyth.debt_price}[given["role"]]
    return numbers(case, {"use": rule(int(given["price"]), int(given["conf"]))})


def fresh(case: Case) -> Outcome:
    found = pyth.is_fresh(*(int(case["inp"][name]) for name in ("now", "publish", "age")))
    return numbers(case, {"fresh": found})


RULES: dict[str, Callable[[Case], Outcome]] = {
    "aggregate": aggregate,
    "ema": averages,
    "convert_to_uint": convert,
    "cross_rate": cross_rate,
    "conservative_price": conservative,
    "fresh": fresh,
}


# Where the source words a refusal otherwise, both must refuse and no more.
REFUSALS = {
    "NegativeInputPrice": pyth.Refusal.NEGATIVE_INPUT_PRICE,
    "InvalidInputExpo": pyth.Refusal.INVALID_INPUT_EXPO,
    "ExponentOverflow": pyth.Refusal.EXPONENT_OVERFLOW,
}


def pyth_case(case: Case) -> Outcome:
    rule = RULES.get(case["fn"])
    if rule is None:
        return skipped(case["id"], f"no rule for {case['fn']}")
    wanted = case["exp"].get("error")
    try:
        return rule(case)  # Where an error is due, there is no number to find.
    except KeyError:
        if wanted is None:
            raise
        return Outcome(case["id"], "failed", f"not refused: {wanted}")
    except pyth.RefusedError as error:
        if wanted is None:
            return Outcome(case["id"], "failed", f"refused: {error.reason.name}")
        return exactly(case["id"], REFUSALS.get(wanted, error.reason), error.reason)


FILES: dict[str, Checker] = {"defi/pyth_oracle.json": every(pyth_case)}
