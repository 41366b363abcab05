"""Derive's fixed-point functions, Black-76, SVI and option asset against `derive/*.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.margin.derive.contract_pricing import (
    Smile,
    call_delta,
    contract_exponential,
    contract_power,
    option_price,
    smile_money,
    smile_volatility,
)
from seawall.margin.derive.market import SECONDS_A_YEAR
from seawall.margin.derive.open_interest import open_interest, open_interest_fee, payoff
from seawall.pricing import logarithm, normal_cumulative

ATOM = 1e-18  # The contracts count in 18 decimals.
DECIMALS = 1e-17  # A few of their truncations, per unit of forward or strike.


def black(inputs: Any) -> dict[str, float]:
    years = max(float(inputs["seconds_to_expiry"]), 0.0) / SECONDS_A_YEAR
    terms = [float(inputs[name]) for name in ("forward", "strike", "vol")]
    discount = float(inputs.get("discount", 1))
    delta = float(call_delta(*terms, years))
    return {
        "call": float(option_price(*terms, years, discount, True)),
        "put": float(option_price(*terms, years, discount, False)),
        "call_delta_undiscounted": delta,
        "put_delta_undiscounted": delta - 1.0,
        "call_delta_discounted": discount * delta,
        "put_delta_discounted": discount * (delta - 1.0),
    }


def smile(inputs: Any) -> dict[str, float]:
    names = ("a", "b", "rho", "m", "sigma", "forward", "tau")
    fit = Smile(*(float(inputs[name]) for name in names))
    strike = float(inputs["strike"])
    found = {"vol": float(smile_volatility(fit, strike))}
    return found | ({"k": float(smile_money(fit, strike))} if strike else {})


def density(x: float) -> float:
    """φ(x) = e^(−x²/2) ÷ √2π."""
    return contract_exponential(-x * x / 2.0) / 2.5066282746310002


FUNCTIONS: dict[str, Callable[[Any], dict[str, float]]] = {
    "black76": black,
    "annualise": lambda given: {"years": float(given["seconds"]) / SECONDS_A_YEAR},
    "svi": smile,
    "ln": lambda given: {"y": float(logarithm(float(given["x"])))},
    "exp": lambda given: {"y": contract_exponential(float(given["x"]))},
    "sqrt": lambda given: {"y": sqrt(float(given["x"]))},
    "cdf": lambda given: {"y": float(normal_cumulative(float(given["x"])))},
    "pdf": lambda given: {"y": density(float(given["x"]))},
    "pow": lambda given: {"y": contract_power(float(given["base"]), float(given["exponent"]))},
}


def judge(name: str, kind: str, case: Any, *, absolute: float, relative: float) -> Outcome:
    """Compare a function's results, or see that both refuse."""
    if kind not in FUNCTIONS:
        return skipped(name, f"unknown function {kind}")
    expected = case["expected"]
    if "error" in expected:
        try:
            found = FUNCTIONS[kind](case["inputs"])
        except (ValueError, ArithmeticError):
            return exactly(name, True, True)
        return exactly(name, "refusal", found)
    found = FUNCTIONS[kind](case["inputs"])
    size = max(float(case["inputs"].get(key, 0)) for key in ("forward", "strike"))
    slack = max(absolute, DECIMALS * size)
    if not expected or set(expected) - set(found):
        return skipped(name, f"expects {', '.join(expected)} of {kind}, which is not computed")
    return together(
        name,
        [nearly(key, wanted, found[key], relative, slack) for key, wanted in expected.items()],
    )


def check_math(document: Any, _: Path) -> Iterator[Outcome]:
    """Unit expectations, each with its source's tolerance; none is looser than it says."""
    for case in document["cases"]:
        kind = case["name"].split("_")[0]
        loose = float(case.get("tolerance", 0)) if "truncated" in case.get("note", "") else 0.0
        loose = loose or (1e-4 if case["name"] == "svi_vol_feed" else 1e-12)
        yield judge(case["name"], kind, case, absolute=loose, relative=1e-9)


def check_grid(document: Any, _: Path) -> Iterator[Outcome]:
    """Outputs of the original libraries, to the atom."""
    for number, case in enumerate(document["cases"]):
        name = f"{case['fn']}[{number}]"
        yield judge(name, case["fn"], case, absolute=4 * ATOM, relative=1e-9)


def option_asset(inputs: Any) -> dict[str, Decimal]:
    if "settlement" in inputs:
        numbers = (Decimal(inputs[name]) for name in ("strike", "settlement", "balance"))
        strike, settlement, balance = numbers
        return {"payoff": payoff(strike, inputs["is_call"], settlement, balance)}
    if "start" in inputs:
        held = {name: Decimal(amount) for name, amount in inputs["start"].items()}
        for giver, taker, amount in inputs.get("transfers", []):
            held[giver] = held.get(giver, Decimal(0)) - Decimal(amount)
            held[taker] = held.get(taker, Decimal(0)) + Decimal(amount)
        return {"open_interest": open_interest(held.values())}
    price = next(
        inputs[name] for name in ("forward", "perp_price", "price", "spot") if name in inputs
    )
    raised = inputs.get("oi_increased", True)
    charged = [(Decimal(inputs["delta"]), Decimal(price))] if raised else []
    least = Decimal(inputs.get("min_fee", 0))
    fee = open_interest_fee(charged, Decimal(inputs["fee_rate"]), least)
    return {"fee": fee, "cash_after": Decimal(inputs.get("cash_before", 0)) - fee}


def check_option(document: Any, _: Path) -> Iterator[Outcome]:
    """Settlement, open interest and its fee, exactly."""
    for case in document["cases"]:
        try:
            found = option_asset(case["inputs"])
        except (KeyError, StopIteration):
            yield skipped(case["name"], f"unknown inputs {', '.join(case['inputs'])}")
            continue
        if "payoff" in found:
            found["payout"] = found["payoff"]
        expected = case["expected"]
        if not expected or set(expected) - set(found):
            yield skipped(case["name"], f"expects {', '.join(expected)}, which is not computed")
            continue
        yield together(
            case["name"],
            [exactly(name, Decimal(wanted), found[name]) for name, wanted in expected.items()],
        )


FILES: dict[str, Checker] = {
    "derive/math_unit.json": check_math,
    "derive/generated_math_grid.json": check_grid,
    "derive/option_unit.json": check_option,
}
