"""Derive's standard and portfolio margins against `derive/*.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from conformance.derive_files import (
    collateral_terms,
    first_generation,
    read_method,
    read_method_two,
    read_standard,
    second_generation,
    standard_holdings,
    with_base_as_collateral,
)
from seawall.margin.derive import portfolio_margin, portfolio_two_margin, standard_margin

SLACK = 1e-9  # Dollars, where the expectation is 0.
SWAP = "swapped"


def whole_dollars(found: float) -> int:
    """Truncated toward zero after 1e-9 is added away from it: 879.9999999999 means 880."""
    return int(found + (SLACK if found >= 0 else -SLACK))


def sides(case: Any, initial: float, maintenance: float) -> list[Outcome]:
    """Initial and maintenance, in full or as whole dollars, as the file has them."""
    out: list[Outcome] = []
    for name, found in (("initial_margin", initial), ("maintenance_margin", maintenance)):
        expected = case["expected"]
        if name in expected:
            out.append(nearly(name, expected[name], found, 1e-9, SLACK))
        if f"{name}_trunc" in expected:
            out.append(exactly(name, int(expected[f"{name}_trunc"]), whole_dollars(found)))
        decimals = case.get("reproduced", {}).get(name)
        if f"{name}_trunc" in expected and decimals is not None:
            out.append(nearly(f"{name}, decimals", decimals, found, 1e-9, 1e-8))
    assert out, "a case without a margin proves nothing"
    return out


def check_standard(document: Any, _: Path) -> Iterator[Outcome]:
    """Cases of the standard rule; the marks where they are printed."""
    method = read_standard(document["params_every_market"], document.get("depeg", {}))
    for case in document["cases"]:
        found = standard_margin(method, standard_holdings(case))
        parts = sides(case, found.initial, found.maintenance)
        if "portfolio_mtm" in case["expected"]:
            expected = case["expected"]["portfolio_mtm"]
            parts.append(nearly("mark value", expected, found.mark_value, 1e-9, SLACK))
        yield together(case["name"], parts)


def check_first(document: Any, _: Path) -> Iterator[Outcome]:
    """Cases of the first generation of portfolio margin."""
    method = read_method(document["params"], document["scenarios"])
    for case in document["cases"]:
        found = portfolio_margin(method, *first_generation(case))
        parts = sides(case, found.initial, found.maintenance)
        for name, number in (
            ("portfolio_mtm_incl_cash", found.mark_value + found.cash),
            ("basis_contingency", found.basis),
            ("static_contingency", found.static_scaled),
        ):
            if name in case["expected"]:
                parts.append(nearly(name, case["expected"][name], number, 1e-9, 1e-10))
        yield together(case["name"], parts)


def check_inputs(document: Any, _: Path) -> Iterator[Outcome]:
    """Portfolios whose margins stand in another file."""
    for case in document["cases"]:
        yield skipped(case["name"], "inputs only; judged in generated_pmrm_outputs.json")


def check_generated(document: Any, folder: Path) -> Iterator[Outcome]:
    """Named portfolios under test and mainnet parameters, as the contracts margin them."""
    inputs = json.loads((folder / "pmrm_input_scenarios.json").read_text(encoding="utf-8"))
    portfolios = {case["name"]: case for case in inputs["cases"]}
    for case in document["cases"]:
        portfolio = portfolios.get(case["portfolio"].split(" -> ")[1])
        if portfolio is None:
            yield skipped(case["name"], "its portfolio is not in pmrm_input_scenarios.json")
            continue
        file, key = case["params"].split(" -> ")
        file = file.split(" with ")[0]
        section = json.loads((folder / file).read_text(encoding="utf-8"))[key]
        market, held = first_generation(portfolio)
        held = msgspec.structs.replace(held, perpetual_cash=0.0)
        if key == "pmrm_2":
            params = section["params"]
            if SWAP in case["params"]:
                names = ("longBaseStaticDiscount", "shortBaseStaticDiscount")
                margin = params["margin"]
                swapped = dict(zip(names, (margin[names[1]], margin[names[0]]), strict=True))
                params = params | {"margin": margin | swapped}
            terms = {"base": collateral_terms("0.02", "0.01", True)}
            method = read_method_two(params, section["scenarios"], terms)
            found = portfolio_two_margin(method, *with_base_as_collateral(market, held))
        else:
            found = portfolio_margin(
                read_method(section["params"], section["scenarios"]), market, held
            )
        numbers = {
            "mtm_incl_cash": found.mark_value + found.cash,
            "basis_contingency": found.basis,
            "static_contingency": found.static_scaled,
            "mm_contingency": found.static,
            "im_contingency_extra": found.static_initial + found.confidence,
            "confidence_contingency": found.confidence,
            "atm_maintenance_margin": found.near_maintenance,
        }
        parts = sides(case, found.initial, found.maintenance)
        for name, number in numbers.items():
            if name in case["expected"]:
                wanted = Decimal(case["expected"][name])
                parts.append(nearly(name, wanted, number, 1e-9, SLACK))
        if "worst_scenario_index" in case["expected"]:
            wanted_place = case["expected"]["worst_scenario_index"]
            parts.append(exactly("worst scenario", wanted_place, found.worst_scenario))
        yield together(case["name"], parts)


def check_second(document: Any, _: Path) -> Iterator[Outcome]:
    """Cases of the second generation, with the profit of every scenario."""
    for case in document["cases"]:
        terms = {
            each["name"]: collateral_terms(
                each["mm_haircut"], each["im_haircut_extra"], each["is_risk_cancelling"]
            )
            for each in case["positions"].get("collaterals", [])
        }
        method = read_method_two(case["params"], case["scenarios"], terms)
        found = portfolio_two_margin(method, *second_generation(case))
        expected = case["expected"]
        parts = sides(case, found.initial, found.maintenance)
        for name, number in (
            ("option_mtm", found.option_mark),
            ("collateral_mtm", found.collateral_mark),
        ):
            if name in expected:
                parts.append(nearly(name, expected[name], number, 1e-9, 1e-8))
        size = max(abs(found.option_mark), abs(found.collateral_mark), 1.0)
        for place, wanted in enumerate(expected.get("scenario_pnl", [])):
            cell = case["scenarios"][place]
            if cell["vol_shock"] in ("Linear", "Abs") and Decimal(cell["spot_shock"]) != 1:
                continue  # The source's model moves the price here; its contract refuses it.
            profit = float(found.profit[place])
            parts.append(nearly(f"scenario {place}", wanted, profit, 1e-9, 1e-12 * size + 1e-8))
        yield together(case["name"], parts)


FILES: dict[str, Checker] = {
    "derive/srm_cases.json": check_standard,
    "derive/srm_portfolio_cases.json": check_standard,
    "derive/pmrm_verified_scenarios.json": check_first,
    "derive/pmrm_portfolio_cases.json": check_first,
    "derive/pmrm_input_scenarios.json": check_inputs,
    "derive/generated_pmrm_outputs.json": check_generated,
    "derive/pmrm2_portfolio_cases.json": check_second,
}
