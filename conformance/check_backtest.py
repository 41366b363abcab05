"""Backtests of margins, extreme-value tails and procyclicality against printed numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.backtest import coverage, procyclicality
from seawall.backtest.coverage import Transitions
from seawall.backtest.tail import ParetoTail

COUNTS = ("n00", "n01", "n10", "n11")
PRINTED = 5e-5  # A case without a tolerance computes on with statistics of four decimals.
CELLS_WRONG = {"0.01 255": "the printed N < 7 accepts zero, whose statistic is 5.13 > 3.84"}


def var_backtests(document: Any, folder: Path) -> Iterator[Outcome]:
    """Kupiec, Christoffersen, conditional coverage, Basel zones, power and exact intervals."""
    for case in document["cases"]:
        if case["id"].startswith("kupiec_1995"):
            yield from _kupiec_table(case)
        else:
            yield _coverage_case(case)


def _kupiec_table(case: dict[str, Any]) -> Iterator[Outcome]:
    level = case["inputs"].get("test_level", 0.05)
    for probability, cells in case["expected"].items():
        for cell in cells:
            name = f"{case['id']} {probability} {cell['T']}"
            low, high = coverage.not_rejected(cell["T"], float(probability), level)
            reason = CELLS_WRONG.get(f"{probability} {cell['T']}")
            if reason and cell["lower_exclusive"] is None:
                yield skipped(name, reason)
                continue
            below = -1 if cell["lower_exclusive"] is None else cell["lower_exclusive"]
            yield exactly(name, (below + 1, cell["upper_exclusive"] - 1), (low, high))


def _half_digit(printed: float) -> float:
    """Half a unit in the last printed decimal; nothing for a whole number or a power of ten."""
    digits = str(printed).partition(".")[2]
    return 0.5 * 10.0 ** -len(digits) if digits.isdigit() else 0.0


def _first(inputs: dict[str, Any], *names: str) -> Any:
    return next((inputs[name] for name in names if inputs.get(name) is not None), None)


def _coverage_case(case: dict[str, Any]) -> Outcome:
    found = _numbers(case.get("inputs", {}))
    expected = case.get("expected") or case.get("correct") or {}
    tolerance = case.get("tolerance", PRINTED)
    checks, unknown = [], []
    for name, wanted in expected.items():
        key = name.lower()
        if key not in found:
            unknown.append(name)
        elif isinstance(wanted, list):
            got = found[key][: len(wanted)]
            if all(isinstance(one, int) for one in (*wanted, *got)):
                checks.append(exactly(name, wanted, list(got)))
            else:
                checks += [
                    nearly(f"{name}[{i}]", one, float(got[i]), absolute=max(tolerance, PRINTED))
                    for i, one in enumerate(wanted)
                ]
        elif isinstance(wanted, str):
            checks.append(exactly(name, wanted, found[key]))
        else:
            slack = max(tolerance, _half_digit(wanted))
            checks.append(nearly(name, wanted, float(found[key]), absolute=slack))
    if not checks:
        return skipped(case["id"], f"no rule of ours gives {', '.join(unknown) or 'a number'}")
    if unknown:
        return Outcome(case["id"], "failed", f"no rule of ours gives {', '.join(unknown)}")
    return together(case["id"], checks)


def _numbers(inputs: dict[str, Any]) -> dict[str, Any]:
    """Whatever our rules say about the inputs of one case, by the names that sources use."""
    found: dict[str, Any] = {}
    level = _first(inputs, "level", "var_level", "confidence")
    probability = _first(inputs, "p", "probability")
    if probability is None and level is not None:
        probability = 1 - level if level > 0.5 else level
    total = _first(inputs, "T", "observations", "n")
    hits = _first(inputs, "x", "failures", "exceptions", "N")
    test_level = inputs.get("test_level", 0.05)
    sequence = _first(inputs, "hits", "violations", "sequence")
    counts = None
    if isinstance(sequence, list):
        flags = np.array(sequence, dtype=bool)
        total, hits, counts = flags.size, int(flags.sum()), coverage.transitions(flags)
    if all(name in inputs for name in COUNTS):
        counts = Transitions(*(inputs[name] for name in COUNTS))
    if total and probability:
        found |= _share(total, hits, probability, test_level, inputs)
    if counts is not None:
        order = coverage.independence(counts)
        found |= dict.fromkeys(("lr_cci", "lr_ind"), order.statistic)
        found |= dict.fromkeys(("p_cci", "p_ind"), order.p_value)
        if "lr_pof" in found:
            share = coverage.kupiec(total, hits, probability)
            both = coverage.conditional_coverage(share, order)
            found |= {"lr_cc": both.statistic, "p_cc": both.p_value}
    confidence = _first(inputs, "conf", "confidence")
    if total and hits is not None and confidence:
        low, high = coverage.clopper_pearson(total, hits, confidence)
        low_alone, high_alone = coverage.clopper_pearson(total, hits, confidence, False)
        found |= {"lower": low, "upper": high, "interval": [low, high]}
        found |= {"lower_one_sided": low_alone, "upper_one_sided": high_alone}
    return found


def _share(
    total: int, hits: int | None, probability: float, level: float, inputs: dict[str, Any]
) -> dict[str, Any]:
    zones = [coverage.basel_zone(total, count, probability) for count in range(min(total, 400))]
    found: dict[str, Any] = {
        "non_rejection": list(coverage.not_rejected(total, probability, level)),
        "cumulative": [
            coverage.binomial_at_most(total, count, probability) for count in range(min(total, 400))
        ],
        "multiplier": [coverage.basel_multiplier(count) for count in range(min(total, 400))],
        "green_max": zones.count("green") - 1,
        "yellow_max": len(zones) - zones.count("red") - 1,
    }
    if hits is not None:
        ratio = coverage.kupiec(total, hits, probability)
        found |= dict.fromkeys(("lr_pof", "lr", "lr_uc", "statistic"), ratio.statistic)
        found |= dict.fromkeys(("p_pof", "p", "p_uc", "p_value"), ratio.p_value)
        found["zone"] = zones[hits] if hits < len(zones) else "red"
        found["exact"] = coverage.exact_binomial(total, hits, probability)
    true = _first(inputs, "true_p", "p_true", "p_alt", "p1", "p_star", "alternative")
    if true is not None:
        many = true if isinstance(true, list) else [true]
        powers = [coverage.power(total, probability, one, level) for one in many]
        found["power"] = powers if isinstance(true, list) else powers[0]
    return found


def evt_var(document: Any, folder: Path) -> Iterator[Outcome]:
    """Value at risk and expected shortfall of generalised Pareto tails."""
    for case in document["cases"]:
        inputs = case.get("inputs", {})
        if not {"n", "n_u", "u", "beta", "xi"} <= inputs.keys():
            yield skipped(case["id"], "a printed result without the inputs that lead to it")
            continue
        tolerance = case.get("tolerance", 1e-9)
        checks = []
        for name, wanted in case["expected"].items():
            found = _tail_number(_tail(inputs), name)
            slack = _slack(name, tolerance) + _spread(inputs, name, found)
            checks.append(nearly(name, wanted, found, 1e-9, slack))
        yield together(case["id"], checks)
    for number, case in enumerate(document.get("gpd_oracle", {}).get("cases", ())):
        tail, level = _tail(case), case["level"]
        checks = [nearly("var", case["var"], tail.value_at_risk(level))]
        if case.get("es") is not None:
            checks.append(nearly("es", case["es"], tail.expected_shortfall(level)))
        yield together(f"gpd_oracle {number}: xi {case['xi']} at {level}", checks)


def _tail(inputs: dict[str, Any]) -> ParetoTail:
    return ParetoTail(inputs["n"], inputs["n_u"], inputs["u"], inputs["beta"], inputs["xi"])


def _spread(inputs: dict[str, Any], name: str, found: float) -> float:
    """How far half a unit in the last printed digit of scale and shape moves a result.

    The textbook computes on with the unrounded estimates, of which it prints three decimals.
    """
    half = {key: 0.5 * 10.0 ** -len(str(inputs[key]).partition(".")[2]) for key in ("beta", "xi")}
    corners = [
        inputs | {"beta": inputs["beta"] + a * half["beta"], "xi": inputs["xi"] + b * half["xi"]}
        for a in (-1, 1)
        for b in (-1, 1)
    ]
    return max(abs(_tail_number(_tail(corner), name) - found) for corner in corners)


def _slack(name: str, tolerance: float) -> float:
    """A probability is printed to four decimals, whatever the tolerance of the amounts."""
    return min(tolerance, 5e-5) if name.startswith("prob") else tolerance


def _tail_number(tail: ParetoTail, name: str) -> float:
    kind, digits = re.fullmatch(r"(prob_gt|var|es)_(\d+)", name).groups()  # type: ignore[union-attr]
    if kind == "prob_gt":
        return tail.chance_beyond(float(digits))
    level = float(f"0.{digits}")
    return tail.value_at_risk(level) if kind == "var" else tail.expected_shortfall(level)


def apc_constructed(document: Any, folder: Path) -> Iterator[Outcome]:
    """The three options of EMIR RTS 153/2013, Article 28(1)."""
    for case in document["cases"]:
        inputs, expected = case["inputs"], case["expected"]
        margin = _first(inputs, "current_var", "var", "margin", "base_margin", "current_margin")
        if margin is None or "margin" not in expected:
            yield skipped(case["id"], f"no rule of ours reads {', '.join(inputs)}")
            continue
        buffer = next((inputs[key] for key in inputs if "buffer" in key), None)
        floor = next((inputs[key] for key in inputs if re.search("10|ten|floor|long", key)), None)
        if "stressed_var" in inputs:
            weight = inputs.get("weight", procyclicality.STRESS_WEIGHT)
            margin = procyclicality.with_stress(margin, inputs["stressed_var"], weight)
        if floor is not None:
            margin = procyclicality.with_floor(margin, floor)
        if buffer is not None:
            margin = procyclicality.buffered(margin, buffer)
        yield nearly(case["id"], expected["margin"], margin)


def margin_procyclicality(document: Any, folder: Path) -> Iterator[Outcome]:
    """The step response of a margin that follows an EWMA volatility, printed to nine decimals."""
    for row in document["rows"]:
        decay, jump = row["lam"], row["vol_jump"]
        checks = [
            nearly(bars, wanted, procyclicality.step_response(decay, jump, int(bars)), 1e-9, 6e-10)
            for bars, wanted in row["margin_multiple_after"].items()
        ]
        half = procyclicality.bars_to_half(decay, jump)
        checks.append(nearly("days_to_half", row["days_to_half"], half, 1e-9, 6e-7))
        yield together(f"decay {decay}, jump {jump}", checks)


FILES: dict[str, Checker] = {
    "pm/var_backtests.json": var_backtests,
    "pm/evt_var.json": evt_var,
    "pm/apc_constructed.json": apc_constructed,
    "cascade/15_margin_procyclicality.json": margin_procyclicality,
}
