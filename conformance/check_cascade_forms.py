"""Spirals, schedules, clusters and lateness: files 08, 10 to 12, 14, 16 and 17 of `cascade/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.cascade_case import close, columns
from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.systemic import execution, hawkes, latency, resilience, spiral


def lending(document: Any, _: Path) -> Iterator[Outcome]:
    for row in document.get("frontier", []):
        ratio = spiral.toxic_ratio(row["bonus"])
        checks = [
            close("LTV", row["toxic_LTV"], ratio),
            close("health", row["toxic_HF"], row["LT"] / ratio),
        ]
        yield together(f"frontier {row['LT']}, {row['bonus']}", checks)
    for name in ("example_healthy", "example_toxic"):
        if not (case := document.get(name)):
            continue
        given = [case[key] for key in ("C", "p", "B", "LT", "b", "close_factor")]
        states = spiral.liquidations(*given, steps=len(case["states"]))
        checks = columns("states", case["states"], [list(state) for state in states])
        if "final_bad_debt" in case:
            checks.append(close("bad debt", case["final_bad_debt"], states[-1].debt))
            halted = max(0.0, case["B"] - case["C"] * case["p"])
            checks.append(close("halted", case["bad_debt_if_halted"], halted))
        yield together(name, checks)
    for case in document.get("repay_cases", []):
        given = [case[key] for key in ("C", "p", "B", "LT", "bonus", "target_HF")]
        repaid = spiral.repay_to_target(*given)
        seized = repaid * (1.0 + case["bonus"]) / case["p"]
        checks = [
            close("repay", case["repay"], repaid),
            close("seized", case["seized_units"], seized),
        ]
        yield together(f"repay {case['B']} to {case['target_HF']}", checks)


def schedules(document: Any, _: Path) -> Iterator[Outcome]:
    given = document["inputs"]
    market = execution.Market(given["sigma"], given["gamma"], given["eta"], given["epsilon"])

    def plan(aversion: float) -> execution.Schedule:
        return execution.almgren_chriss(market, given["X"], given["T_days"], given["N"], aversion)

    for row in document.get("rows", []):
        found = plan(row["lam"])
        held = zip(row["holdings"], found.held, strict=True)
        checks = [
            nearly("κ", row["kappa_per_day"], found.urgency, 1e-9, 6e-7),
            nearly("half-life", row["half_life_days"], found.half_life, 1e-9, 6e-7),
            nearly("cost", row["expected_cost"], found.expected_cost, 1e-9, 6e-3),
            nearly("deviation", row["std"], found.deviation, 1e-9, 6e-3),
            *(nearly("held", wanted, units, 1e-9, 6e-3) for wanted, units in held),
        ]
        yield together(f"aversion {row['lam']}", checks)
    if row := document.get("risk_neutral_linear"):
        found = plan(0.0)
        checks = [
            nearly("cost", row["expected_cost"], found.expected_cost, 1e-9, 6e-3),
            nearly("deviation", row["std"], found.deviation, 1e-9, 6e-3),
        ]
        yield together("a straight line", checks)


def resilient(document: Any, _: Path) -> Iterator[Outcome]:
    for row in document.get("rows", []):
        units, time, rate = row["X"], row["T"], row["rho"]
        found = execution.obizhaeva_wang(units, time, rate)
        decay = resilience.ExponentialDecay(rate)
        # The even rate as 2,000 blocks: what the formula costs when it is carried out.
        steps = 400
        part = found.between / steps
        sales = [(0.0, found.block)]
        sales += [(time * (k + 0.5) / steps, part) for k in range(steps)] + [(time, found.block)]
        carried = resilience.transient_cost(1.0, sales, decay) / units**2
        cost = row.get("cost_over_kappaX2", row.get("cost_over_qX2"))
        checks = [
            close("first", row["initial_block"], found.block),
            close("last", row["final_block"], found.block),
            close("between", row["continuous_total"], found.between),
            close("cost", cost, found.cost / units**2),
            nearly("carried out", cost, carried, 2e-3),
        ]
        yield together(f"resilience {rate}", checks)
    for row in document.get("decay_table", []):
        halves = resilience.ExponentialDecay.of_half_life(1.0).left(row["t"])
        checks = [
            close("exponential", row["exp_half_life_1"], halves),
            close("power", row["double_sqrt_law"], resilience.PowerDecay().left(row["t"])),
        ]
        yield together(f"decay after {row['t']}", checks)


def clusters(document: Any, _: Path) -> Iterator[Outcome]:
    for row in document.get("rows", []):
        ratio = row["n"]
        checks = [
            close("mean", row["mean_cluster"], hawkes.cluster_mean(ratio)),
            close("variance", row["var_cluster"], hawkes.cluster_variance(ratio)),
            close("fano", row["fano_long_window"], hawkes.fano(ratio)),
            *(
                close(key, wanted, hawkes.cluster_share(ratio, int(key[1:])))
                for key, wanted in row.items()
                if key[0] == "P" and key[1:].isdigit()
            ),
            *(
                close(key, wanted, hawkes.cluster_tail(ratio, int(key.removeprefix("P_size_gt_"))))
                for key, wanted in row.items()
                if key.startswith("P_size_gt_")
            ),
        ]
        yield together(f"ratio {ratio}", checks)
    for case in document.get("measured", []):
        yield skipped(case["data"], "measured on counts that are not in the file")


def margin_spirals(document: Any, _: Path) -> Iterator[Outcome]:
    given = document["inputs"]
    for row in document.get("rows", []):
        found = spiral.margin_spiral(
            margin=given["m"],
            margin_slope=row["margin_slope"],
            demand_slope=given["k"],
            held=given["x0"],
            affordable=given["W"] / given["m"],
        )
        checks = [
            close("without", row["dp_dW_no_spiral"], found.without_spirals),
            close("response", row["dp_dW"], found.response),
            close("multiplier", row["multiplier"], found.multiplier),
            exactly("stable", row["stable"], found.stable),
        ]
        yield together(f"slope {row['margin_slope']}", checks)


def lateness(document: Any, _: Path) -> Iterator[Outcome]:
    first = document.get("rows", [])[0]
    # The loan-to-value at the start is not a field: it is what the first row's lag has moved.
    start = document.get(
        "LTV0", round(first["true_LTV_when_first_seen"] * first["price_factor"], 6)
    )
    for rate, wanted in document.get("critical_lag_min", {}).items():
        found = latency.critical_lag(start, float(rate))
        yield together(f"critical lag at {rate}", [nearly("lag", wanted, found, 1e-9, 6e-7)])
    for row in document.get("rows", []):
        rate, lag = row["drop_rate_per_min"], row["lag_min"]
        found = latency.true_loan_to_value(start, rate, lag)
        checks = [
            close("price", row["price_factor"], start / found),
            close("LTV", row["true_LTV_when_first_seen"], found),
            exactly("bad debt", row["bad_debt"], lag > latency.critical_lag(start, rate)),
            exactly("toxic", row["toxic"], lag > latency.toxic_lag(start, rate, 0.05)),
        ]
        yield together(f"rate {rate}, lag {lag}", checks)
    for row in document.get("keeper_cases", []):
        arrivals, capacity = row["arrivals_per_block"], row["capacity_per_block"]
        queue = latency.keeper_queue(arrivals, capacity, row["burst_blocks"])
        keys = ("peak_backlog", "clear_blocks_after", "wait_of_last")
        checks = columns("queue", [row[key] for key in keys], list(queue))
        yield together(f"keepers {arrivals}, {capacity}", checks)
    for case in document.get("measured_gas", []):
        if "p60_peak_gwei" not in case:
            yield skipped(f"gas {case['day']}", "a measured ratio without its two prices")
            continue
        found = case["p60_peak_gwei"] / case["p60_first6h_gwei"]
        yield together(f"gas {case['day']}", [nearly("ratio", case["ratio"], found, 0, 0.051)])


def buy_backs(document: Any, _: Path) -> Iterator[Outcome]:
    given = document["inputs"]
    debt, demand, ratio = given["L"], given["D"], given["beta"]
    critical = spiral.critical_collateral(debt, demand, ratio)
    yield together("critical", [close("N·p", document["critical_collateral"], critical)])
    for row in document.get("rows", []):
        plan, discriminant = spiral.buy_back(row["collateral"], debt, demand, ratio)
        checks = [exactly("feasible", row["feasible"], plan is not None)]
        if plan is not None:
            keys = ("deleverage", "price", "naive")
            checks += columns("plan", [row[key] for key in keys], list(plan))
        elif "discriminant" in row:
            checks.append(close("discriminant", row["discriminant"], discriminant))
        yield together(f"collateral {row['collateral']}", checks)


FILES: dict[str, Checker] = {
    "cascade/08_lending_liquidation.json": lending,
    "cascade/10_almgren_chriss.json": schedules,
    "cascade/11_resilience.json": resilient,
    "cascade/12_hawkes_branching.json": clusters,
    "cascade/14_margin_spiral.json": margin_spirals,
    "cascade/16_latency.json": lateness,
    "cascade/17_stablecoin_deleveraging.json": buy_backs,
}
