"""Portfolio margin, standard margin and scan arrays against what venues and a textbook print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from conformance.portfolio_deribit import legacy, simulate
from conformance.portfolio_standard import standard
from seawall.margin import okx, sixteen
from seawall.margin.grids import GRIDS


def position_builder(document: Any, _: Path) -> Iterator[Outcome]:
    """OKX's position builder: each risk unit, then the account."""
    inputs, inferred = document["inputs"], document["inferred"]
    expected = document["expected"]
    tables = document["param_tables_2025_01"]
    units = []
    for name, wanted in expected["risk_units"].items():
        outcomes, unit = _risk_unit(name, wanted, inputs, inferred, tables)
        units.append(unit)
        yield together(f"risk unit {name}", outcomes)
    wanted = expected["account"]
    if "availEq_USDT" not in wanted:
        return
    found = okx.account(units, -float(wanted["availEq_USDT"]) * float(inferred["usdt_usd"]))
    pairs = {
        "borrowImr_USDT": found.borrow_initial,
        "borrowMmr": found.borrow_maintenance,
        "derivMmr": found.maintenance - found.borrow_maintenance,
        "totalMmr": found.maintenance,
        "totalImr": found.initial,
    }
    yield together(
        "account",
        [nearly(key, wanted[key], value, 1e-9) for key, value in pairs.items() if key in wanted],
    )
    if "marginRatio" in wanted:
        yield skipped("account marginRatio", "a liquidation fee that the example does not show")


def _risk_unit(
    name: str, wanted: Any, inputs: Any, inferred: Any, tables: Any
) -> tuple[list[Outcome], okx.RiskUnit]:
    usd, index = float(inferred["usdt_usd"]), float(inferred[f"{name.lower()}_usdt_index"])
    coins = mark = 0.0
    for held in inputs["sim_positions"]:
        if held["instId"].split("-", 1)[0] == name:
            coins += held["pos"] * held["ct_val"]
            mark = float(held["markPx"])
    delta = coins * mark * usd
    moves = _listed(tables["MR1_spot_moves"], name)
    extreme = _listed(tables["MR6_extreme_move"], name)
    # The rates of MR4 and MR7 are not published; they follow from the response itself.
    parameters = okx.RiskUnitParameters(
        spot_moves=tuple(moves),
        extreme_move=extreme,
        basis_rate=round(float(wanted["mr4"]) / abs(float(wanted["delta"])), 6),
        least_rate=round(float(wanted["mr7"]) / abs(float(wanted["delta"])), 6),
    )
    profit = okx.linear_profit(coins * index * usd)
    unit = okx.risk_unit(profit, delta, parameters)
    outcomes = [
        nearly("delta", wanted["delta"], delta, 1e-9),
        nearly("mr1", wanted["mr1"], unit.spot_shock, 1e-9),
        nearly("mr1 move", wanted["mr1_worst"]["spotShock"], unit.spot_move),
        nearly("mr4", wanted["mr4"], unit.basis, 1e-9),
        nearly("mr6", wanted["mr6"], unit.extreme, 1e-9),
        nearly("mr6 move", wanted["mr6_worst"]["spotShock"], unit.extreme_move),
        nearly("mr7", wanted["mr7"], unit.least, 1e-9),
        nearly("mmr", wanted["mmr"], unit.maintenance, 1e-9),
        nearly("imr", wanted["imr"], unit.initial, 1e-9),
    ]
    outcomes += [
        nearly(f"pnl at {move}", value, profit(float(move))[1], 1e-9, 1e-9)
        for move, value in wanted.get("mr1_grid", {}).items()
    ]
    return outcomes, unit


def _listed(table: Any, name: str) -> Any:
    for coins, value in table.items():
        if name in coins.split(","):
            return value
    return table["others"]


def grids(document: Any, _: Path) -> Iterator[Outcome]:
    """Parameters of venues against those of our presets."""
    checks: dict[str, Callable[[Any], list[Outcome]]] = {
        "paradex_pm": _paradex,
        "aevo_pm": _aevo,
        "grvt_contract_defaults": _grvt,
        "tims_customer_portfolio_margin": _tims,
    }
    for name, row in document.items():
        if not isinstance(row, dict):
            continue
        if name not in checks:
            yield skipped(name, "parameters only, of a venue for which we carry no preset")
            continue
        yield together(name, checks[name](row))


def _cells(preset: str) -> dict[tuple[float, float], float]:
    cells = GRIDS[preset].method.grid().scenarios
    return {(cell.move / 1e9, cell.volatility / 1e9): cell.weight / 1e9 for cell in cells}


def _paradex(row: Any) -> list[Outcome]:
    ours, ratio = _cells("paradex_pm"), float(row["mm_ratio"])
    theirs = {(move, vol): weight for move, vol, weight in row["rows_spot_vol_weight"]}
    found = [exactly("cells", sorted(theirs), sorted(ours))]
    found += [nearly(str(cell), weight * ratio, ours[cell]) for cell, weight in theirs.items()]
    method = GRIDS["paradex_pm"].method
    found.append(nearly("initial factor", 1 / ratio, method.initial_factor))
    found.append(nearly("power, short", row["vega_power"]["dte_lt_30"], method.power_short))
    found.append(nearly("power, long", row["vega_power"]["dte_ge_30"], method.power_long))
    return found


def _aevo(row: Any) -> list[Outcome]:
    vols = (row["iv_shift_up"], 0.0, -row["iv_shift_down"])
    cells = {(row["spot_move"] * part, vol) for part in row["spot_fracs"] for vol in vols}
    return [exactly("cells", sorted(cells), sorted(_cells("aevo_pm")))]


def _grvt(row: Any) -> list[Outcome]:
    ours, method = _cells("grvt"), GRIDS["grvt"].method
    edges = [
        exactly(f"{move}, {vol}", 1.0, ours.get((move, vol)))
        for move in (-row["spot_move"], row["spot_move"])
        for vol in (row["vol_move_up"], -row["vol_move_down"])
    ]
    far = (row["spot_move_extreme"], row["vol_move_up"])
    edges.append(exactly("extreme", row["extreme_discount"][0], ours.get(far)))
    edges.append(nearly("initial factor", row["im_factor"], method.initial_factor))
    return edges


def _tims(row: Any) -> list[Outcome]:
    pairs = {
        "tims_broad_index": "high_cap_broad_index",
        "tims_other_index": "other_broad_index",
        "tims_single": "single_stock_or_narrow",
    }
    found = []
    for ours, theirs in pairs.items():
        moves = [float(move) for move in GRIDS[ours].method.moves]
        found.append(exactly(ours, [row[theirs], 10], [[min(moves), max(moves)], len(moves)]))
    return found


def arrays(document: Any, _: Path) -> Iterator[Outcome]:
    """The sixteen scenarios: their definition, an array of a future, sums and scan risks."""
    definition = document["scenario_definition"]
    rule = sixteen.Sixteen()
    yield together(
        "scenario definition",
        [
            _columns("moves", definition["price_multiple_of_psr"], rule.price_multiples(), 1e-12),
            _columns("vols", definition["vol_multiple_of_vsr"], sixteen.VOLATILITY_STEPS, 0.0),
            _columns("weights", definition["weight"], rule.weights(), 0.0),
        ],
    )
    known = {case["id"]: case["array"] for case in document["cases"] if "array" in case}
    for case in document["cases"]:
        outcomes, array = [], np.array(case.get("array", np.zeros(16)), np.float64)
        inputs = case.get("inputs", {})
        if "psr" in inputs:
            own = sixteen.Sixteen(
                extreme_multiple=inputs.get("extreme_mult", 2.0), cover=inputs.get("cover", 0.35)
            )
            # The book prints thirds to ten dollars.
            outcomes.append(_columns("array", array, own.future_array(inputs["psr"]), 5.0))
        if "combine" in case and all(name in known for name, _ in case["combine"]):
            parts = [known[name] for name, _ in case["combine"]]
            total = sixteen.combined(parts, [quantity for _, quantity in case["combine"]])
            outcomes.append(_columns("sum", array, total, 1e-9))
        scan = sixteen.scan_risk(array)
        expected = case["expected"]
        outcomes.append(exactly("scan risk", float(expected["scan_risk"]), scan.risk))
        if "worst" in expected:
            named = document["scenario_order"][scan.scenario]
            outcomes.append(exactly("worst", expected["worst"], named))
        yield together(case["id"], outcomes)


def _columns(name: str, expected: Any, found: Any, slack: float) -> Outcome:
    pairs = zip(expected, found, strict=True)
    rows = [nearly(str(n), float(a), float(b), 0.0, slack) for n, (a, b) in enumerate(pairs)]
    return together(name, rows)._replace(name=name)


FILES: dict[str, Checker] = {
    "pm/deribit_pme_simulate.json": simulate,
    "pm/deribit_pm_legacy_examples.json": legacy,
    "pm/okx_position_builder.json": position_builder,
    "pm/scenario_grids.json": grids,
    "pm/span_risk_arrays.json": arrays,
    "pm/standard_margin_examples.json": standard,
}
